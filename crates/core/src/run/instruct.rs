//! Telling a run more: what a review found, what a person wants changed (ADR 0032).
//!
//! An instruction is kept until the agent has it. One that is at work gets it when its present attempt
//! is over; a run that is over gets a new attempt in its own worktree, which goes on in the vendor's
//! conversation where that is known. Its evidence is checked again afterwards.

use super::decide::Turn;
use super::{Begun, GO_ON, Run, RunState, Tries};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Write;

/// Something that a run was told after its prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruction {
    /// Of whoever tells it: the same key is the same instruction.
    pub key: String,
    /// What the agent is told.
    pub text: String,
    /// Who told it.
    pub by: String,
    /// When (UTC).
    pub at: Timestamp,
    /// The first attempt that was given it.
    #[serde(default)]
    pub attempt: Option<u32>,
    /// Whether an attempt that had it came to a regular end.
    #[serde(default)]
    pub done: bool,
}

impl Run {
    /// Whether it may be told more: it is at work, or over and has a place where it can go on. Who
    /// cancelled it wants it to end.
    pub fn takes_instructions(&self) -> bool {
        match self.state {
            RunState::Cancelled => false,
            RunState::Stopping { ref then, .. } => *then != super::Then::Cancelled,
            RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. } => self.worktree.is_some(),
            RunState::Preparing
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Paused { .. }
            | RunState::Suspended { .. } => true,
        }
    }

    /// Whether it was told something that no attempt was given yet.
    pub fn has_untold(&self) -> bool {
        self.instructions.iter().any(|instruction| instruction.attempt.is_none())
    }

    /// What a new attempt is told: `say` where the conversation goes on, else the whole task again.
    pub(super) fn told(&self, resume: bool, say: Option<String>) -> Option<String> {
        // A new conversation knows nothing of what an earlier one was told.
        let open = |instruction: &&Instruction| !resume || !instruction.done;
        let open: Vec<&Instruction> = self.instructions.iter().filter(open).collect();
        if open.is_empty() {
            return if resume { say.or_else(|| Some(GO_ON.to_owned())) } else { say };
        }
        let mut text = match (resume, say) {
            (_, Some(say)) => say,
            // One that broke off while it had an instruction is told both.
            (true, None) if self.attempt().is_none_or(|last| !last.ended_well()) => {
                GO_ON.to_owned()
            }
            (true, None) => String::new(),
            (false, None) => self.given.clone().unwrap_or_else(|| self.prompt.clone()),
        };
        for instruction in open {
            if text.is_empty() {
                text.push_str(&instruction.text);
            } else {
                let _ = write!(text, "\n\n# NEW INSTRUCTION\n\n{}", instruction.text);
            }
        }
        Some(text)
    }
}

impl super::Attempt {
    /// Whether its agent came to a regular end, by its own word.
    pub fn ended_well(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.ok)
    }
}

impl Turn<'_, '_> {
    /// Somebody tells it more.
    pub(super) fn instruct(&mut self, text: String, key: String) -> bool {
        let run = &self.out.run;
        if !run.takes_instructions() || run.instructions.iter().any(|known| known.key == key) {
            return false;
        }
        let over = run.is_over();
        let body = json!({"key": key, "text": text, "from": run.state_word(), "waits": !over});
        self.asked_for("run.instructed", body);
        let (by, at) = (self.moment.actor.to_owned(), self.moment.at);
        let (attempt, done) = (None, false);
        self.out.run.instructions.push(Instruction { key, text, by, at, attempt, done });
        if over {
            self.begin_instructed();
        }
        true
    }

    /// Begins an attempt for what it was told, with its time, its tokens and its tries anew.
    fn begin_instructed(&mut self) {
        let tokens = self.out.run.tokens();
        let run = &mut self.out.run;
        run.worked_ms = 0;
        run.tokens_before = tokens;
        run.tries = Tries::default();
        run.ended_at = None;
        let resume = run.knows_conversation();
        self.begin(Begun::Instructed, resume, None);
    }

    /// Goes on with what it was told meanwhile, in place of an end; false when there is nothing.
    pub(super) fn goes_on_instructed(&mut self, why: &str) -> bool {
        if !self.out.run.has_untold() || self.out.run.worktree.is_none() {
            return false;
        }
        self.attempt_over(why, None);
        self.begin_instructed();
        true
    }
}
