//! The life of a run: prepared, started, ended, cancelled; and how an attempt begins.

use super::decide::Turn;
use super::{
    Attempt, Begun, ChangedFile, Fault, Limit, RunOrder, RunState, Streamed, Then, Trouble, Wait,
    Worktree,
};
use crate::evidence::Contract;
use crate::id::InstanceId;
use crate::unit::Exit;
use serde_json::json;

/// The shim's word for a process that printed too much.
const OUTPUT_CAP: &str = "output_cap";

impl Turn<'_, '_> {
    pub(super) fn prepared(
        &mut self,
        worktree: Worktree,
        contract: Contract,
        given: String,
    ) -> bool {
        if self.out.run.state != RunState::Preparing {
            return false;
        }
        let body = json!({"worktree": worktree, "evidence": contract});
        self.event("run.prepared", "daemon", body);
        self.out.run.worktree = Some(worktree);
        self.out.run.evidence.contract = Some(contract);
        self.out.run.given = Some(given);
        self.begin(Begun::First, false, None);
        true
    }

    /// Begins an attempt, or lets the run wait while nothing may begin.
    pub(super) fn begin(&mut self, begun: Begun, resume: bool, say: Option<String>) {
        if let Some(wait) = self.moment.hold.clone() {
            self.suspend(wait, begun, resume);
            return;
        }
        let instance = self.moment.supply.instance();
        let at = self.moment.at;
        // The first one follows from `run.prepared`, unless it had to wait.
        let told = begun != Begun::First || self.out.run.state != RunState::Preparing;
        let run = &mut self.out.run;
        let number = run.attempts.len().saturating_add(1);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        // A new conversation needs a new id: vendors refuse one that was used.
        let resume = resume && !run.session_id.is_empty();
        if !resume && begun != Begun::First {
            run.session_id = self.moment.supply.instance().to_string();
        }
        let say = run.told(resume, say);
        if told {
            let body = json!({"attempt": number, "instance": instance, "begun": begun,
                "resume": resume, "session_id": run.session_id, "changes": run.changes});
            self.event("run.attempt_begun", "daemon", body);
        }
        let run = &mut self.out.run;
        for instruction in &mut run.instructions {
            instruction.attempt.get_or_insert(number);
        }
        let used_before = if resume { run.used_in(&run.session_id) } else { Vec::new() };
        run.attempts.push(Attempt {
            number,
            instance,
            begun,
            session_id: run.session_id.clone(),
            resume,
            say,
            created_at: at,
            started_at: None,
            ended_at: None,
            events: 0,
            tokens: 0,
            usage: Vec::new(),
            used_before,
            ended: None,
            exit: None,
            trouble: None,
        });
        run.offset = 0;
        run.next = None;
        run.ended = None;
        run.exit = None;
        run.silent_since = None;
        run.after_result = false;
        // What was found of an earlier attempt says nothing about this one.
        run.evidence.results.clear();
        run.evidence.verdict = None;
        self.become_state(RunState::Starting { instance });
        self.out.orders.push(RunOrder::Launch { instance });
    }

    pub(super) fn refused(&mut self, why: String) -> bool {
        match self.out.run.state.clone() {
            RunState::Preparing => self.finish(RunState::Failed { why }),
            RunState::Starting { instance } => {
                self.out.orders.push(RunOrder::Release { instance });
                self.finish(RunState::Failed { why });
            }
            RunState::Stopping { instance, pid: None, then } => {
                self.out.orders.push(RunOrder::Release { instance });
                self.stopped(then);
            }
            // What runs was not refused; its own exit ends it.
            RunState::Running { .. }
            | RunState::Paused { .. }
            | RunState::Suspended { .. }
            | RunState::Stopping { pid: Some(_), .. }
            | RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => return false,
        }
        true
    }

    pub(super) fn started(&mut self, instance: InstanceId, pid: u32, adopted: bool) -> bool {
        let kind = if adopted { "run.adopted" } else { "run.started" };
        let body = json!({"instance": instance, "pid": pid,
            "attempt": self.out.run.attempt_number()});
        match self.out.run.state.clone() {
            RunState::Starting { instance: current } if current == instance => {
                self.event(kind, "daemon", body);
                self.note_start();
                self.become_state(RunState::Running { instance, pid });
                true
            }
            RunState::Running { instance: current, .. } if current == instance && adopted => {
                self.event(kind, "daemon", body);
                self.become_state(RunState::Running { instance, pid });
                true
            }
            RunState::Paused { instance: current, .. } if current == instance && adopted => {
                self.event(kind, "daemon", body);
                self.become_state(RunState::Paused { instance, pid });
                // The order may have been lost with the daemon that gave it.
                self.out.orders.push(RunOrder::Freeze { instance });
                true
            }
            RunState::Stopping { instance: current, pid: known, then }
                if current == instance && (known.is_none() || adopted) =>
            {
                // It ran for a moment, and the journal says so; the stop goes on.
                self.event(kind, "daemon", body);
                self.note_start();
                self.become_state(RunState::Stopping { instance, pid: Some(pid), then });
                if adopted {
                    self.out.orders.push(RunOrder::Stop { instance });
                }
                true
            }
            RunState::Preparing
            | RunState::Starting { .. }
            | RunState::Running { .. }
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

    fn note_start(&mut self) {
        let at = self.moment.at;
        let run = &mut self.out.run;
        run.started_at.get_or_insert(at);
        if let Some(attempt) = run.attempts.last_mut() {
            attempt.started_at.get_or_insert(at);
        }
    }

    pub(super) fn exited(
        &mut self,
        instance: InstanceId,
        exit: Exit,
        records: Vec<Streamed>,
        files: Option<Vec<ChangedFile>>,
        trouble: Option<Trouble>,
    ) {
        let offset = self.out.run.offset;
        self.streamed(records, offset);
        self.out.orders.push(RunOrder::Release { instance });
        let state = self.out.run.state.clone();
        // Working time ends here, whatever comes then.
        self.become_state(RunState::Stopping { instance, pid: None, then: Then::Cancelled });
        let at = self.moment.at;
        let run = &mut self.out.run;
        run.files = files;
        run.exit = Some(exit.clone());
        if let Some(attempt) = run.attempts.last_mut() {
            attempt.ended_at = Some(at);
            attempt.exit = Some(exit.clone());
            attempt.ended = run.ended.clone();
            attempt.trouble = trouble.clone();
        }
        if let RunState::Stopping { then, .. } = state {
            self.stopped(then);
            return;
        }
        if exit.reason == OUTPUT_CAP {
            let max = self.out.run.limits.output;
            let why = format!("It printed more than {max} bytes.");
            self.limit_event(Limit::Output, max, max);
            self.finish(RunState::Failed { why });
            return;
        }
        let ended = self.out.run.ended.clone();
        if ended.as_ref().is_some_and(|ended| ended.ok) {
            // What was refused may be given, and then the work is not done yet.
            match trouble.filter(|trouble| trouble.changes.is_some()) {
                Some(trouble) => self.recover(trouble),
                None => self.reported(),
            }
            return;
        }
        if !self.out.run.waiting_for.is_empty() {
            self.attempt_over("it waits for an answer", None);
            self.suspend(Wait::Approvals, Begun::Resumed, true);
            return;
        }
        if let Some(trouble) = trouble {
            self.recover(trouble);
            return;
        }
        // Killed by somebody else, or gone with the machine.
        let broke_off = exit.code.is_none() && exit.reason != "start_failed";
        if broke_off && self.out.run.knows_conversation() {
            let words = format!("The agent {}.", exit.in_words());
            let pattern = "any: the agent's process was killed".to_owned();
            let fault = Fault::Broken;
            self.recover(Trouble { fault, pattern, words, after_ms: None, changes: None });
            return;
        }
        let why = ended
            .and_then(|ended| ended.error)
            .unwrap_or_else(|| format!("The agent {}.", exit.in_words()));
        self.finish(RunState::Failed { why });
    }

    /// What was to become of a run whose processes are gone now.
    fn stopped(&mut self, then: Then) {
        match then {
            Then::Cancelled => self.finish(RunState::Cancelled),
            Then::Failed { why, .. } => self.finish(RunState::Failed { why }),
            Then::Suspended { wait } => {
                self.attempt_over(&wait.why(), None);
                self.suspend(wait, Begun::Resumed, true);
            }
            Then::Recover { trouble } => self.recover(trouble),
        }
    }

    /// Tells that an attempt is over while its run is not.
    pub(super) fn attempt_over(&mut self, why: &str, trouble: Option<&Trouble>) {
        let run = &self.out.run;
        let body = json!({"attempt": run.attempt_number(), "why": why, "trouble": trouble,
            "exit": run.exit.as_ref().map(|exit| json!({"code": exit.code,
                "signal": exit.signal, "reason": exit.reason}))});
        self.event("run.attempt_ended", "daemon", body);
    }

    pub(super) fn cancel(&mut self) -> bool {
        match self.out.run.state.clone() {
            RunState::Preparing | RunState::Suspended { .. } => {
                self.asked_for("run.cancel_requested", json!({}));
                self.finish(RunState::Cancelled);
                true
            }
            RunState::Starting { instance }
            | RunState::Running { instance, .. }
            | RunState::Paused { instance, .. } => {
                self.asked_for("run.cancel_requested", json!({}));
                self.stop(instance, Then::Cancelled);
                true
            }
            // A person's word comes before what was to be.
            RunState::Stopping { instance, pid, then } if then != Then::Cancelled => {
                self.asked_for("run.cancel_requested", json!({}));
                let then = Then::Cancelled;
                self.become_state(RunState::Stopping { instance, pid, then });
                true
            }
            RunState::Reported => self.give_checks_up(),
            RunState::Stopping { .. }
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    /// Has its processes ended; `then` says what it is when they are.
    pub(super) fn stop(&mut self, instance: InstanceId, then: Then) {
        let pid = self.out.run.pid();
        self.become_state(RunState::Stopping { instance, pid, then });
        self.out.orders.push(RunOrder::Stop { instance });
    }

    pub(super) fn start_again(&mut self) -> bool {
        match self.out.run.state.clone() {
            RunState::Starting { instance: earlier } => {
                let instance = self.moment.supply.instance();
                self.event("run.start_repeated", "daemon", json!({"instance": instance}));
                if let Some(attempt) = self.out.run.attempts.last_mut() {
                    attempt.instance = instance;
                }
                self.become_state(RunState::Starting { instance });
                self.out.orders.push(RunOrder::Release { instance: earlier });
                self.out.orders.push(RunOrder::Launch { instance });
                true
            }
            RunState::Stopping { instance: earlier, then, .. } => {
                self.out.orders.push(RunOrder::Release { instance: earlier });
                self.stopped(then);
                true
            }
            RunState::Preparing
            | RunState::Running { .. }
            | RunState::Paused { .. }
            | RunState::Suspended { .. }
            | RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    pub(super) fn finish(&mut self, state: RunState) {
        if let RunState::Failed { why } = &state
            && self.goes_on_instructed(why)
        {
            return;
        }
        self.become_state(state);
        let at = self.moment.at;
        self.out.run.ended_at = Some(at);
        self.out.run.next = None;
        self.out.run.waiting_for.clear();
        let run = &self.out.run;
        let body = json!({
            "state": run.state_word(),
            "why": run.why(),
            "summary": run.ended.as_ref().map(|ended| &ended.summary),
            "usage": run.usage,
            "events": run.events,
            "raw_lines": run.raw_lines,
            "files": run.files,
            "attempts": run.attempts.len(),
            "exit": run.exit.as_ref().map(|exit| json!({"code": exit.code,
                "signal": exit.signal, "reason": exit.reason})),
        });
        self.event("run.ended", "daemon", body);
    }
}

impl super::Run {
    /// Whether the vendor may know a conversation that can be gone on with.
    pub(super) fn knows_conversation(&self) -> bool {
        self.attempt().is_some_and(|attempt| attempt.started_at.is_some())
            && (self.kind != "script" || self.conversation_told)
    }
}
