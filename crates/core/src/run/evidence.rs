//! From `reported` to `verified` or `refuted`: rounds of checks.
//!
//! A round is made by the host, check by check, and each result is committed as it comes. A daemon
//! that dies in the middle begins a new round: nothing of a round counts until it is whole, and
//! checks change nothing, so making them again is harmless.

use super::decide::Turn;
use super::{ChangedFile, RunOrder, RunState};
use crate::evidence::{CheckResult, Verdict};
use crate::id::InstanceId;
use serde_json::{Value, json};

/// Something about the checks of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckInput {
    /// What the agent left was committed in its name.
    Committed {
        /// Of which round.
        round: u32,
        /// The commit.
        commit: String,
    },
    /// What differs from where the run began.
    Looked {
        /// Of which round.
        round: u32,
        /// The files.
        files: Vec<ChangedFile>,
    },
    /// The command of a check is about to be started.
    Began {
        /// Of which round.
        round: u32,
        /// Which check, from 0.
        index: usize,
        /// The life that its process will have.
        instance: InstanceId,
    },
    /// A check was made.
    Judged {
        /// Of which round.
        round: u32,
        /// Which check, from 0.
        index: usize,
        /// What came of it.
        result: CheckResult,
    },
    /// Its work was put upon another commit, from which it is told now what it changed.
    Rebased {
        /// That commit.
        base: String,
        /// The newest commit of its branch before.
        from: String,
        /// And now.
        to: String,
    },
    /// All checks are to be made again.
    Again {
        /// Who or what wants it, in words.
        why: String,
    },
}

impl Turn<'_, '_> {
    /// The agent came to a regular end, by its own word.
    pub(super) fn reported(&mut self) {
        for instruction in &mut self.out.run.instructions {
            instruction.done |= instruction.attempt.is_some();
        }
        if self.goes_on_instructed("it was told more meanwhile") {
            return;
        }
        if self.out.run.evidence.checks().is_empty() {
            return self.finish(RunState::Reported);
        }
        self.become_state(RunState::Reported);
        let body = json!({"summary": self.out.run.ended.as_ref().map(|ended| &ended.summary)});
        self.event("run.reported", "daemon", body);
        self.begin_round("the agent says it is done");
    }

    fn begin_round(&mut self, why: &str) {
        let evidence = &mut self.out.run.evidence;
        evidence.round += 1;
        evidence.checking = true;
        evidence.instance = None;
        evidence.results.clear();
        let round = evidence.round;
        let checks: Vec<String> = evidence.checks().iter().map(ToString::to_string).collect();
        self.asked_for("run.checks_begun", json!({"round": round, "checks": checks, "why": why}));
        self.out.orders.push(RunOrder::Check { round });
    }

    /// Whether this round is the one under way.
    fn is_under_way(&self, round: u32) -> bool {
        let run = &self.out.run;
        run.state == RunState::Reported && run.evidence.checking && run.evidence.round == round
    }

    pub(super) fn check(&mut self, input: CheckInput) -> bool {
        match input {
            CheckInput::Committed { round, commit } if self.is_under_way(round) => {
                self.event("run.committed", "daemon", json!({"round": round, "commit": commit}));
                self.out.run.evidence.commit = Some(commit);
            }
            CheckInput::Looked { round, files } if self.is_under_way(round) => {
                if self.out.run.files.as_ref() == Some(&files) {
                    return false;
                }
                self.event("run.files_changed", "daemon", json!({"round": round, "files": files}));
                self.out.run.files = Some(files);
            }
            CheckInput::Began { round, index, instance } if self.is_under_way(round) => {
                let check = self.out.run.evidence.checks().get(index).map(ToString::to_string);
                let body = json!({"round": round, "index": index, "check": check,
                    "instance": instance});
                self.event("run.check_started", "daemon", body);
                self.out.run.evidence.instance = Some(instance);
            }
            CheckInput::Judged { round, index, result }
                if self.is_under_way(round) && index == self.out.run.evidence.results.len() =>
            {
                self.judged(round, index, result);
            }
            CheckInput::Again { why } => return self.check_again(&why),
            CheckInput::Rebased { base, from, to } => return self.rebased(base, &from, &to),
            CheckInput::Committed { .. }
            | CheckInput::Looked { .. }
            | CheckInput::Began { .. }
            | CheckInput::Judged { .. } => return false,
        }
        true
    }

    fn judged(&mut self, round: u32, index: usize, result: CheckResult) {
        // Whoever made the check lets its process go once this is committed.
        self.out.run.evidence.instance = None;
        let body = json!({"round": round, "index": index, "check": result.check.to_string(),
            "passed": result.passed, "detail": result.detail, "duration_ms": result.duration_ms,
            "output": result.output});
        self.event("run.checked", "daemon", body);
        self.out.run.evidence.results.push(result);
        let Some(verdict) = self.out.run.evidence.verdict_now() else { return };
        self.out.run.evidence.checking = false;
        // What was checked is not what will be there when it has done what it was told.
        if self.goes_on_instructed("it was told more while it was checked") {
            return;
        }
        let evidence = &mut self.out.run.evidence;
        evidence.verdict = Some(verdict);
        let failed: Vec<Value> = evidence
            .failed()
            .map(|result| json!({"check": result.check.to_string(), "detail": result.detail}))
            .collect();
        let body = json!({"round": round, "checks": evidence.results.len(), "failed": failed});
        let (kind, state) = match verdict {
            Verdict::Verified => ("run.verified", RunState::Verified),
            Verdict::Refuted => {
                ("run.refuted", RunState::Refuted { why: self.out.run.evidence.in_words() })
            }
        };
        self.event(kind, "daemon", body);
        self.settle(state);
    }

    /// The run is over, or is again as it was: it ends once, however often it is checked.
    fn settle(&mut self, state: RunState) {
        if self.out.run.ended_at.is_none() {
            self.finish(state);
        } else {
            self.become_state(state);
        }
    }

    /// Whether it is where checks can be made.
    fn has_reported(&self) -> bool {
        matches!(
            self.out.run.state,
            RunState::Reported | RunState::Verified | RunState::Refuted { .. }
        )
    }

    /// What it changed is counted from the new base on, and its evidence must be found there, too.
    fn rebased(&mut self, base: String, from: &str, to: &str) -> bool {
        let may = self.has_reported();
        let Some(worktree) = self.out.run.worktree.as_mut().filter(|tree| may && !tree.is_plain())
        else {
            return false;
        };
        if worktree.base == base {
            return false;
        }
        let body = json!({"base": base, "base_before": worktree.base, "from": from, "to": to});
        worktree.base = base;
        self.asked_for("run.rebased", body);
        self.check_again("its work was put upon what was merged meanwhile");
        true
    }

    fn check_again(&mut self, why: &str) -> bool {
        if !self.has_reported() || self.out.run.evidence.checks().is_empty() {
            return false;
        }
        self.out.run.evidence.instance = None;
        self.become_state(RunState::Reported);
        self.begin_round(why);
        true
    }

    /// A person wants no more checks; false when none are under way.
    pub(super) fn give_checks_up(&mut self) -> bool {
        let evidence = &mut self.out.run.evidence;
        if !evidence.checking {
            return false;
        }
        evidence.checking = false;
        evidence.instance = None;
        let verdict = evidence.verdict;
        self.out.orders.push(RunOrder::GiveChecksUp);
        self.asked_for("run.cancel_requested", json!({}));
        // A run that had ended before is what it was then.
        match verdict.filter(|_| self.out.run.ended_at.is_some()) {
            Some(Verdict::Verified) => self.settle(RunState::Verified),
            Some(Verdict::Refuted) => {
                let why = self.out.run.evidence.in_words();
                self.settle(RunState::Refuted { why });
            }
            None => self.settle(RunState::Cancelled),
        }
        true
    }
}
