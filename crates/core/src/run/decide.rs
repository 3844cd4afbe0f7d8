//! What follows from an input to a run: where each kind of input goes, and what all share.

use super::{Run, RunDecision, RunInput, RunOrder, RunState, Wait, since_ms};
use crate::event::{Cause, Draft, Topic};
use crate::unit::Supply;
use jiff::Timestamp;
use serde_json::{Value, json};

/// With what a decision is made.
pub struct Moment<'a> {
    /// Who.
    pub actor: &'a str,
    /// When (UTC).
    pub at: Timestamp,
    /// What keeps new attempts of this run from being begun, if anything: its agent is held back,
    /// a budget is used up.
    pub hold: Option<Wait>,
    /// Fresh ids and chance.
    pub supply: &'a mut dyn Supply,
}

/// What follows from somebody asking for a run.
pub fn create(run: Run, actor: &str) -> RunDecision {
    let body = json!({"agent": run.agent, "kind": run.kind, "prompt": run.prompt,
        "target": run.target, "evidence": run.evidence.wanted, "raw": run.raw,
        "budget_usd": run.budget_usd, "belongs": run.belongs, "base": run.base});
    let event = draft(&run, "run.created", actor, body).because(Cause::Root);
    let orders = vec![RunOrder::Prepare];
    RunDecision {
        run,
        attempt: 1,
        events: vec![event],
        streamed: Vec::new(),
        usage: Vec::new(),
        orders,
    }
}

impl Run {
    /// What follows from `input`; `None` when it is late or changes nothing.
    pub fn decide(&self, input: RunInput, moment: &mut Moment<'_>) -> Option<RunDecision> {
        let mut turn = Turn {
            out: RunDecision {
                run: self.clone(),
                attempt: self.attempt_number(),
                events: Vec::new(),
                streamed: Vec::new(),
                usage: Vec::new(),
                orders: Vec::new(),
            },
            moment,
        };
        let changes = match input {
            RunInput::Prepared { worktree, contract, given } => {
                turn.prepared(worktree, contract, given)
            }
            RunInput::Instruct { text, key } => turn.instruct(text, key),
            RunInput::Check(input) => turn.check(input),
            RunInput::Refused { why } => turn.refused(why),
            RunInput::Started { instance, pid, adopted } => turn.started(instance, pid, adopted),
            RunInput::Streamed { instance, records, offset } => {
                self.instance() == Some(instance) && turn.heard(records, offset)
            }
            RunInput::Exited { instance, exit, records, files, trouble } => {
                if self.instance() == Some(instance) {
                    turn.exited(instance, exit, records, files, trouble);
                } else {
                    turn.out.orders.push(RunOrder::Release { instance });
                }
                true
            }
            RunInput::Cancel => turn.cancel(),
            RunInput::StartAgain => turn.start_again(),
            RunInput::Pause => turn.pause(),
            RunInput::NotFrozen { instance, why } => turn.not_frozen(instance, why),
            RunInput::Resume => turn.resume(),
            RunInput::Wake => turn.wake(),
            RunInput::Answer(answer) => turn.answer(answer),
            RunInput::Measured { instance, memory } => {
                self.instance() == Some(instance) && turn.measured(memory)
            }
            RunInput::OverBudget { why } => {
                let wait = Wait::Budget { why: why.clone() };
                turn.out_of_budget(&why, wait)
            }
            RunInput::TooDear { why } => turn.too_dear(&why),
            RunInput::Close => turn.close(),
            RunInput::Asked { approval } => turn.asked(approval),
            RunInput::Answered { approval, allow } => turn.answered(&approval, allow),
            RunInput::Violated { rule, reason, command, tool, call } => {
                let body = json!({"rule": rule, "reason": reason, "command": command,
                    "tool": tool, "call": call});
                turn.violated(body)
            }
        };
        changes.then_some(turn.out)
    }
}

/// One decision in the making.
pub(super) struct Turn<'a, 'm> {
    pub(super) out: RunDecision,
    pub(super) moment: &'a mut Moment<'m>,
}

pub(super) fn draft(run: &Run, kind: &str, actor: &str, body: Value) -> Draft {
    let cause = run.latest.map_or(Cause::Root, Cause::Event);
    Draft::new(kind, Topic::Run, &run.id.to_string(), actor, body).because(cause)
}

impl Turn<'_, '_> {
    pub(super) fn event(&mut self, kind: &str, actor: &str, body: Value) {
        let mut draft = draft(&self.out.run, kind, actor, body);
        if let Some(last) = self.out.events.len().checked_sub(1) {
            draft = draft.because(Cause::Earlier(last));
        }
        self.out.events.push(draft);
    }

    /// An event that a person, or whoever asked, is the actor of.
    pub(super) fn asked_for(&mut self, kind: &str, body: Value) {
        let actor = self.moment.actor.to_owned();
        self.event(kind, &actor, body);
    }

    /// Takes a new state; working time is counted while it is `running`.
    pub(super) fn become_state(&mut self, state: RunState) {
        let at = self.moment.at;
        let run = &mut self.out.run;
        let was = matches!(run.state, RunState::Running { .. });
        let is = matches!(state, RunState::Running { .. });
        if was && !is {
            run.worked_ms = run.worked_ms(at);
            run.working_since = None;
        }
        if is && !was {
            run.working_since = Some(at);
        }
        run.state = state;
    }

    /// For how long nothing was heard, in milliseconds; breaks do not count.
    pub(super) fn quiet_ms(&self) -> u64 {
        let run = &self.out.run;
        let since = [run.working_since.or(run.started_at), run.last_event_at];
        since.into_iter().flatten().max().map_or(0, |since| since_ms(since, self.moment.at))
    }
}
