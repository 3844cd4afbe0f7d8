//! What follows from trouble: another try with a change, a try later, a wait, or a question
//! (MISSION 1.7, 2.8; ADR 0023).

use super::decide::Turn;
use super::{Begun, Fault, RunOrder, RunState, Trouble, Wait};
use jiff::{SignedDuration, Timestamp};

/// Relaunches with a change; the next failure asks a person (MISSION row 68).
pub const RELAUNCHES_MAX: u32 = 3;

/// Repetitions after the vendor or the connection failed; then the run fails.
pub const FAULTS_MAX: u32 = 3;

/// Waits for the vendor's rate limit; then a person is asked.
pub const WAITS_MAX: u32 = 10;

/// The wait before the first repetition; it doubles.
const FAULT_WAIT_MS: u64 = 2_000;

/// The wait for a rate limit when the vendor does not say how long; it doubles.
const LIMIT_WAIT_MS: u64 = 30_000;

/// The longest of these waits.
const WAIT_MAX_MS: u64 = 600_000;

/// A vendor's wish is followed up to a day: limits of subscriptions last for hours.
const WISH_MAX_MS: u64 = 86_400_000;

impl Turn<'_, '_> {
    /// Its process is gone; what is tried now?
    pub(super) fn recover(&mut self, trouble: Trouble) {
        let words = trouble.words.clone();
        self.attempt_over(&words, Some(&trouble));
        match trouble.fault {
            Fault::RateLimit => self.wait_for_vendor(trouble),
            Fault::Unavailable | Fault::Broken | Fault::Stalled => self.retry(trouble),
            Fault::Permission => self.relaunch(trouble, true),
            // The changes stay; the conversation is begun anew, and told what happened.
            Fault::SessionLost => self.relaunch(trouble, false),
            Fault::Login | Fault::Quota | Fault::Other => self.ask(trouble),
        }
    }

    fn wait_for_vendor(&mut self, trouble: Trouble) {
        if self.out.run.tries.waits >= WAITS_MAX {
            return self.ask(trouble);
        }
        let waits = self.out.run.tries.waits;
        self.out.run.tries.waits += 1;
        let wait_ms = match trouble.after_ms {
            Some(wish) => wish.min(WISH_MAX_MS),
            None => doubled(LIMIT_WAIT_MS, waits),
        };
        let at = self.later(wait_ms);
        let why = sentence(&trouble.words, "The vendor was asked too often");
        self.out.orders.push(RunOrder::Limit { until: at, why: why.clone() });
        let begun = Begun::Retried { fault: trouble.fault };
        self.suspend(Wait::Until { at, why }, begun, true);
    }

    fn retry(&mut self, trouble: Trouble) {
        let faults = self.out.run.tries.faults;
        if faults >= FAULTS_MAX {
            let why = format!(
                "It was tried {} times, and each time: {}",
                faults + 1,
                sentence(&trouble.words, &trouble.pattern)
            );
            return self.finish(RunState::Failed { why });
        }
        self.out.run.tries.faults += 1;
        // Between half and the whole, so that several runs do not come back at once.
        let share = 0.5 + self.moment.supply.draw() / 2.0;
        let own = (doubled(FAULT_WAIT_MS, faults) as f64 * share) as u64;
        let wait_ms = own.max(trouble.after_ms.unwrap_or(0).min(WISH_MAX_MS));
        let at = self.later(wait_ms);
        let why = sentence(&trouble.words, &trouble.pattern);
        let begun = Begun::Retried { fault: trouble.fault };
        let resume = self.out.run.knows_conversation();
        self.suspend(Wait::Until { at, why }, begun, resume);
    }

    fn relaunch(&mut self, trouble: Trouble, resume: bool) {
        let tries = self.out.run.tries.relaunches;
        let Some(changes) = trouble.changes.clone().filter(|_| tries < RELAUNCHES_MAX) else {
            return self.ask(trouble);
        };
        self.out.run.tries.relaunches += 1;
        self.out.run.changes.add(&changes);
        let resume = resume && self.out.run.knows_conversation();
        self.begin(Begun::Recovered { pattern: trouble.pattern }, resume, None);
    }

    fn ask(&mut self, trouble: Trouble) {
        let what = sentence(&trouble.words, &trouble.pattern);
        let advice = match trouble.fault {
            Fault::Login => "Log its agent in, then answer fixed.",
            Fault::Quota => "When there is credit again, answer fixed.",
            _ => "Answer retry, fixed (when you have mended it), or abort.",
        };
        let tried = match self.out.run.tries.relaunches {
            0 => String::new(),
            n => format!(" It was relaunched {n} times."),
        };
        let question = format!("{what}{tried} {advice}");
        self.suspend(Wait::Person { question }, Begun::Resumed, true);
    }

    fn later(&self, wait_ms: u64) -> Timestamp {
        let wait = SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        self.moment.at.checked_add(wait).unwrap_or(self.moment.at)
    }
}

fn doubled(first: u64, times: u32) -> u64 {
    first.saturating_mul(2_u64.saturating_pow(times.min(20))).min(WAIT_MAX_MS)
}

/// The words with a full stop, or others when there are none.
fn sentence(words: &str, otherwise: &str) -> String {
    let words = words.trim();
    let words = if words.is_empty() { otherwise.trim() } else { words };
    if words.ends_with(['.', '!', '?']) { words.to_owned() } else { format!("{words}.") }
}
