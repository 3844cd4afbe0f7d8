//! Halting and going on: a pause keeps the processes and freezes them; a suspended run has none.

use super::decide::Turn;
use super::{
    Answer, Begun, Fault, Limit, Next, RunOrder, RunState, Then, Tries, Trouble, Wait, since_ms,
};
use crate::id::InstanceId;
use serde_json::{Value, json};

/// What an agent is told whose conversation goes on.
pub const GO_ON: &str = "You were interrupted, and now you go on. Look at what is done already, \
and continue with the task where you stopped. A tool call that got no answer may be tried again.";

impl Turn<'_, '_> {
    /// Lets it wait without a process; `begun` and `resume` describe the attempt that follows.
    pub(super) fn suspend(&mut self, wait: Wait, begun: Begun, resume: bool) {
        let until = match &wait {
            Wait::Until { at, .. } => Some(*at),
            Wait::Agent { until, .. } => *until,
            Wait::Approvals | Wait::Person { .. } | Wait::Budget { .. } => None,
            Wait::Resume | Wait::Daemon => None,
        };
        let body = json!({"for": wait.word(), "why": wait.why(), "until": until,
            "approvals": self.out.run.waiting_for});
        self.event("run.suspended", "daemon", body);
        self.out.run.next = Some(Next { begun, resume });
        self.become_state(RunState::Suspended { wait });
        if let Some(at) = until {
            self.out.orders.push(RunOrder::Wake { at });
        }
    }

    /// Begins the attempt for which it waited.
    fn go_on(&mut self) {
        let next = self.out.run.next.clone();
        let next = next.unwrap_or(Next { begun: Begun::Resumed, resume: true });
        self.begin(next.begun, next.resume, None);
    }

    pub(super) fn pause(&mut self) -> bool {
        match self.out.run.state.clone() {
            RunState::Running { instance, pid } => {
                self.asked_for("run.paused", json!({"attempt": self.out.run.attempt_number()}));
                self.become_state(RunState::Paused { instance, pid });
                self.out.orders.push(RunOrder::Freeze { instance });
                true
            }
            // Its time may come while a person wants it to wait.
            RunState::Suspended { wait: Wait::Until { .. } | Wait::Agent { .. } } => {
                self.asked_for("run.paused", json!({"attempt": self.out.run.attempt_number()}));
                self.become_state(RunState::Suspended { wait: Wait::Resume });
                true
            }
            RunState::Preparing
            | RunState::Starting { .. }
            | RunState::Paused { .. }
            | RunState::Suspended { .. }
            | RunState::Stopping { .. }
            | RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    pub(super) fn not_frozen(&mut self, instance: InstanceId, why: String) -> bool {
        match self.out.run.state.clone() {
            RunState::Paused { instance: current, pid } if current == instance => {
                self.event("run.pause_refused", "daemon", json!({"why": why}));
                self.become_state(RunState::Running { instance, pid });
                true
            }
            _ => false,
        }
    }

    pub(super) fn resume(&mut self) -> bool {
        match self.out.run.state.clone() {
            RunState::Paused { instance, pid } => {
                self.asked_for("run.resumed", json!({"from": "paused"}));
                // The pause was no silence.
                self.out.run.last_event_at = Some(self.moment.at);
                self.become_state(RunState::Running { instance, pid });
                self.out.orders.push(RunOrder::Thaw { instance });
                true
            }
            // Only an answer helps a run that waits for answers.
            RunState::Suspended { wait: Wait::Approvals } => false,
            RunState::Suspended { .. } => {
                self.asked_for("run.resumed", json!({"from": "suspended"}));
                self.go_on();
                true
            }
            RunState::Refuted { .. } | RunState::Failed { .. } | RunState::Cancelled
                if self.out.run.worktree.is_some() =>
            {
                let from = self.out.run.state_word();
                let worked = self.out.run.worked_ms;
                self.asked_for("run.resumed", json!({"from": from, "worked_ms": worked}));
                let tokens = self.out.run.tokens();
                let run = &mut self.out.run;
                // It gets its time, its tokens and its tries anew: somebody wants it to go on.
                run.worked_ms = 0;
                run.tokens_before = tokens;
                run.tries = Tries::default();
                run.ended_at = None;
                let resume = run.knows_conversation();
                self.begin(Begun::Resumed, resume, None);
                true
            }
            RunState::Preparing
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Stopping { .. }
            | RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    /// Looks whether what it waits for is there.
    pub(super) fn wake(&mut self) -> bool {
        let RunState::Suspended { wait } = self.out.run.state.clone() else { return false };
        match wait {
            Wait::Until { at, .. } if at > self.moment.at => {
                // The clock was set back while it waited: it is looked at again.
                self.out.orders.push(RunOrder::Wake { at });
                true
            }
            Wait::Until { .. } => {
                self.go_on();
                true
            }
            // It is only asked by the next daemon, at its start.
            Wait::Daemon => {
                self.go_on();
                true
            }
            Wait::Agent { .. } if self.moment.hold.is_none() => {
                self.go_on();
                true
            }
            Wait::Approvals if self.out.run.waiting_for.is_empty() => {
                self.go_on();
                true
            }
            Wait::Agent { .. }
            | Wait::Approvals
            | Wait::Person { .. }
            | Wait::Budget { .. }
            | Wait::Resume => false,
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) -> bool {
        let RunState::Suspended { wait: Wait::Person { .. } } = self.out.run.state else {
            return false;
        };
        self.asked_for("run.answered", json!({"answer": answer.word()}));
        match answer {
            Answer::Abort => self.finish(RunState::Cancelled),
            Answer::Retry | Answer::Fixed => {
                self.out.run.tries = Tries::default();
                self.go_on();
            }
        }
        true
    }

    pub(super) fn asked(&mut self, approval: String) -> bool {
        if self.out.run.is_over() || self.out.run.waiting_for.contains(&approval) {
            return false;
        }
        self.event("run.waiting", "daemon", json!({"approval": approval}));
        self.out.run.last_event_at = Some(self.moment.at);
        self.out.run.waiting_for.push(approval);
        true
    }

    pub(super) fn answered(&mut self, approval: &str, allow: bool) -> bool {
        if !self.out.run.waiting_for.iter().any(|known| known == approval) {
            return false;
        }
        self.event("run.waited", "daemon", json!({"approval": approval, "allow": allow}));
        self.out.run.last_event_at = Some(self.moment.at);
        self.out.run.waiting_for.retain(|known| known != approval);
        if self.out.run.waiting_for.is_empty()
            && self.out.run.state == (RunState::Suspended { wait: Wait::Approvals })
        {
            self.go_on();
        }
        true
    }

    pub(super) fn violated(&mut self, body: Value) -> bool {
        if self.out.run.is_over() {
            return false;
        }
        let actor = format!("agent:{}", self.out.run.agent);
        self.event("run.violation", &actor, body);
        self.out.run.violations += 1;
        true
    }

    /// Its processes end with the daemon, and it waits for the next. Whom nobody can remind of what
    /// was done is not begun again without a person: it may have acted outside its worktree.
    pub(super) fn close(&mut self) -> bool {
        let wait = match self.out.run.state {
            RunState::Paused { .. } => Wait::Resume,
            _ if self.out.run.knows_conversation() => Wait::Daemon,
            _ => Wait::Person {
                question: "Orkestra went down while its agent worked, and the agent has no conversation to go on \
                     with. Retry begins its work again; or abort."
                    .to_owned(),
            },
        };
        match self.out.run.state.clone() {
            RunState::Starting { instance }
            | RunState::Running { instance, .. }
            | RunState::Paused { instance, .. } => {
                self.asked_for("run.interrupted", json!({"why": wait.why()}));
                self.stop(instance, Then::Suspended { wait });
                true
            }
            RunState::Preparing
            | RunState::Suspended { .. }
            | RunState::Stopping { .. }
            | RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    /// It does not go on by itself: that a budget is not used up says nothing about whether the same
    /// step fits into it.
    pub(super) fn too_dear(&mut self, why: &str) -> bool {
        let question = format!("{why} Give the budget more room, then retry; or abort.");
        self.out_of_budget(why, Wait::Person { question })
    }

    pub(super) fn out_of_budget(&mut self, why: &str, wait: Wait) -> bool {
        match self.out.run.state.clone() {
            RunState::Starting { instance }
            | RunState::Running { instance, .. }
            | RunState::Paused { instance, .. } => {
                self.event("run.limit_reached", "daemon", json!({"limit": "budget", "why": why}));
                self.stop(instance, Then::Suspended { wait });
                true
            }
            RunState::Preparing
            | RunState::Suspended { .. }
            | RunState::Stopping { .. }
            | RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    pub(super) fn limit_event(&mut self, limit: Limit, value: u64, max: u64) {
        let body = json!({"limit": limit.word(), "value": value, "max": max});
        self.event("run.limit_reached", "daemon", body);
    }

    /// Compares what it uses with what it may use, and how long it was silent.
    pub(super) fn measured(&mut self, memory: Option<u64>) -> bool {
        let RunState::Running { instance, .. } = self.out.run.state else { return false };
        let at = self.moment.at;
        let limits = self.out.run.limits;
        let worked = self.out.run.worked_ms(at);
        if worked > limits.runtime_ms {
            self.limit_event(Limit::Runtime, worked, limits.runtime_ms);
            let why = format!("It worked longer than {}.", in_words(limits.runtime_ms));
            self.stop(instance, Then::Failed { limit: Limit::Runtime, why });
            return true;
        }
        if let Some(memory) = memory.filter(|memory| *memory > limits.memory) {
            self.limit_event(Limit::Memory, memory, limits.memory);
            let mib = |bytes: u64| bytes / (1024 * 1024);
            let why = format!(
                "Its processes held {} MiB of memory, more than the {} MiB that they may hold.",
                mib(memory),
                mib(limits.memory)
            );
            self.stop(instance, Then::Failed { limit: Limit::Memory, why });
            return true;
        }
        // One that waits for a person is silent for a reason.
        if !self.out.run.waiting_for.is_empty() {
            return false;
        }
        let quiet = self.quiet_ms();
        if self.out.run.after_result && quiet >= limits.stall_ms {
            let words =
                format!("No word came for {} after a tool's result.", in_words(limits.stall_ms));
            let pattern = "any: silent after a tool's result".to_owned();
            self.event("run.stalled", "daemon", json!({"quiet_ms": quiet}));
            let fault = Fault::Stalled;
            let trouble = Trouble { fault, pattern, words, after_ms: None, changes: None };
            self.stop(instance, Then::Recover { trouble });
            return true;
        }
        if quiet >= limits.silence_ms && self.out.run.silent_since.is_none() {
            let run = &self.out.run;
            let since = run.last_event_at.or(run.working_since).unwrap_or(at);
            let body = json!({"since": since, "quiet_ms": since_ms(since, at)});
            self.event("run.silent", "daemon", body);
            self.out.run.silent_since = Some(since);
            return true;
        }
        false
    }
}

/// A length of time for people.
fn in_words(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{} s", ms as f64 / 1000.0),
        10_000..120_000 => format!("{} s", ms / 1000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}
