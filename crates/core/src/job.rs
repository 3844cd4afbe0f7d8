//! Jobs: something done on a timetable (DESIGN: job; MISSION rows 15 to 17).
//!
//! `Jobs::decide` turns one `Input` into changed jobs, events and orders to the host. It is pure: the
//! clock, random draws and fresh ids come in through `Now` and `Supply`. Due times are by calendar, so
//! that a sleep or a step of the clock is noticed; limits of time are by the machine's own clock.

mod decide;
mod observe;
pub mod schedule;
pub mod spec;
#[cfg(test)]
mod tests;

pub use decide::{Asked, Decision, Input, Order, Rejection};

use crate::event::EventRef;
use crate::id::{InstanceId, RunId};
use crate::unit::{Exit, Now};
use jiff::Timestamp;
use schedule::Schedule;
use serde::{Deserialize, Serialize};
use spec::{JobName, JobSpec};
use std::collections::BTreeMap;

/// A job that ran this short a while ago has nothing to do again.
pub const RECENT_MS: i64 = 60_000;

/// A due time that is noticed later than this was missed.
pub const LATE_MS: i64 = 60_000;

/// Missed times are counted up to here.
const MISSED_MAX: u64 = 1_000;

/// What a person said, which beats `enabled` and outlives the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// Nothing: `enabled` decides.
    None,
    /// It keeps its schedule although it is not enabled.
    Enabled,
    /// It does not keep its schedule.
    Disabled,
}

/// What made it run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Its time came.
    Schedule,
    /// Its time had come while nothing could run.
    Missed,
    /// Somebody asked.
    Asked,
    /// It failed before.
    Retry,
    /// It is new, or the daemon started.
    Immediate,
}

impl Trigger {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Missed => "missed",
            Self::Asked => "asked",
            Self::Retry => "retry",
            Self::Immediate => "immediate",
        }
    }
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it is for.
    Succeeded,
    /// It did not.
    Failed {
        /// In words.
        why: String,
    },
    /// It was ended on purpose.
    Stopped {
        /// In words.
        why: String,
    },
}

impl Outcome {
    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }
}

/// One time that a job ran: a line of its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counts the job's runs; never reused.
    pub number: u64,
    /// Which life; for runs of agents and built-ins it is only their identity.
    pub instance: InstanceId,
    /// When it was due (UTC).
    pub due: Timestamp,
    /// What made it run.
    pub trigger: Trigger,
    /// Who.
    pub actor: String,
    /// 1, and more for each time that it was tried again.
    pub attempt: u32,
    /// When it began (UTC).
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// How its process ended, if it had one.
    pub exit: Option<Exit>,
    /// What a built-in says it did.
    pub summary: Option<String>,
    /// The run of an agent that it began.
    pub run: Option<RunId>,
}

impl Record {
    /// How long it took, once over.
    pub fn took_ms(&self) -> Option<u64> {
        let took = self.ended_at?.duration_since(self.started_at).as_millis();
        Some(u64::try_from(took).unwrap_or(0))
    }
}

/// Why a running one is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It took longer than it may.
    Timeout,
    /// Its time came again, and it is to begin anew.
    Restart,
    /// It left the configuration.
    Removed,
    /// The daemon goes down.
    Down,
}

impl Ending {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Restart => "restart",
            Self::Removed => "removed",
            Self::Down => "down",
        }
    }
}

/// What runs now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Current {
    /// As it will stand in the history.
    pub record: Record,
    /// Set while it is being ended.
    pub ending: Option<Ending>,
    /// When its time is over, in milliseconds since boot.
    pub deadline_boot_ms: Option<u64>,
    /// What it runs, as it was when it began.
    pub action: spec::Action,
}

/// What waits until the running one has ended, or until it is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Not before this (UTC).
    pub at: Timestamp,
    /// When it was due.
    pub due: Timestamp,
    /// What made it run.
    pub trigger: Trigger,
    /// Who.
    pub actor: String,
    /// Which attempt it will be.
    pub attempt: u32,
}

/// One job: what it should do and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub name: JobName,
    /// What it should do.
    pub spec: JobSpec,
    /// What a person said.
    pub hand: Hand,
    /// From when its period is counted (UTC).
    pub anchor: Timestamp,
    /// The next due time of its schedule (UTC).
    pub due: Option<Timestamp>,
    /// The due time that was dealt with last (UTC).
    pub last_due: Option<Timestamp>,
    /// When it will run then: the due time and the jitter.
    pub next_at: Option<Timestamp>,
    /// How often it ran.
    pub number: u64,
    /// What runs now.
    pub current: Option<Current>,
    /// What follows it.
    pub queued: Option<Waiting>,
    /// What is to be tried again.
    pub retry: Option<Waiting>,
    /// How it ran last.
    pub last: Option<Record>,
    /// Failures in a row.
    pub failures: u32,
    /// It left the configuration and only has to end.
    pub leaving: bool,
    /// Its newest event, as cause of what follows from it.
    pub latest: Option<EventRef>,
}

impl Job {
    /// Whether it keeps its schedule.
    pub fn is_enabled(&self) -> bool {
        match self.hand {
            Hand::Enabled => true,
            Hand::Disabled => false,
            Hand::None => self.spec.enabled,
        }
    }

    /// The life of a process that it has, or may have.
    pub fn instance(&self) -> Option<InstanceId> {
        let current = self.current.as_ref()?;
        matches!(current.action, spec::Action::Command { .. }).then_some(current.record.instance)
    }

    /// The state's word.
    pub fn state_word(&self) -> &'static str {
        match &self.current {
            Some(Current { ending: Some(_), .. }) => "stopping",
            Some(_) => "running",
            None if self.retry.is_some() => "retrying",
            None if !self.is_enabled() => "disabled",
            None => "waiting",
        }
    }

    /// Why it is in this state, in one sentence for people.
    pub fn why(&self) -> String {
        if let Some(current) = &self.current {
            return match current.ending {
                None => format!("Run {} is under way.", current.record.number),
                Some(Ending::Timeout) => "It took too long and is being ended.".to_owned(),
                Some(Ending::Restart) => "Being ended, to begin anew.".to_owned(),
                Some(Ending::Removed) => "Being ended; it left the configuration.".to_owned(),
                Some(Ending::Down) => "Being ended with the daemon.".to_owned(),
            };
        }
        if let Some(retry) = &self.retry {
            return format!("It failed; attempt {} follows.", retry.attempt);
        }
        if !self.is_enabled() {
            return match self.hand {
                Hand::Disabled => "Disabled by hand.".to_owned(),
                Hand::None | Hand::Enabled => "Not enabled in the configuration.".to_owned(),
            };
        }
        match self.last.as_ref().and_then(|last| last.outcome.as_ref()) {
            Some(Outcome::Failed { why }) if self.failures > 1 => {
                format!("It failed {} times in a row: {why}", self.failures)
            }
            Some(Outcome::Failed { why }) => format!("It failed: {why}"),
            Some(Outcome::Succeeded | Outcome::Stopped { .. }) | None => {
                "It waits for its time.".to_owned()
            }
        }
    }

    /// What may come up twice is not run twice in a minute: when it ran last, if that is so.
    fn ran_just_now(&self, at: Timestamp) -> Option<&Record> {
        let last = self.last.as_ref()?;
        let ended = last.ended_at.unwrap_or(last.started_at);
        let recent = |then: Timestamp| {
            let ago = at.duration_since(then).as_millis();
            // A clock that was put back must not look like a run in the future for long.
            ago < i128::from(RECENT_MS) && ago > -i128::from(RECENT_MS)
        };
        (recent(ended) || recent(last.started_at)).then_some(last)
    }

    fn schedule(&self) -> &Schedule {
        &self.spec.schedule
    }
}

/// All jobs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Jobs {
    /// By name.
    pub jobs: BTreeMap<JobName, Job>,
    /// Whether the configuration was applied: nothing is due before.
    pub awake: bool,
    /// The daemon goes down with what it runs: nothing begins any more.
    pub closing: bool,
}

impl Jobs {
    /// How long nothing is due, in milliseconds; 0 when something is.
    pub fn idle_ms(&self, now: Now) -> Option<u64> {
        let until = |at: Timestamp| {
            // Rounded up, so that it is due when the wait is over.
            let left = at.duration_since(now.at).as_micros().max(0);
            u64::try_from((left + 999) / 1_000).unwrap_or(0)
        };
        self.jobs
            .values()
            .flat_map(|job| {
                let deadline = job.current.as_ref().and_then(|current| {
                    current.deadline_boot_ms.filter(|_| current.ending.is_none())
                });
                let retry = job.retry.as_ref().filter(|_| job.current.is_none());
                [
                    job.next_at.map(until),
                    retry.map(|retry| until(retry.at)),
                    deadline.map(|deadline| deadline.saturating_sub(now.boot_ms)),
                ]
            })
            .flatten()
            .min()
    }

    /// Puts a decision into force.
    pub fn apply(&mut self, decision: &Decision) {
        for (name, job) in &decision.changed {
            self.jobs.insert(name.clone(), job.clone());
        }
        for name in &decision.removed {
            self.jobs.remove(name);
        }
        self.awake |= decision.awake;
        self.closing |= decision.closing;
    }
}
