//! A piece of work that is put into a branch (ADR 0035).
//!
//! `waiting` → `rebasing` → `checking` → `merged`. What the work is put upon may move meanwhile: then
//! it waits again. A conflict is told to its author once (`conflict`), and then to a person; whatever
//! is unsure stops at a person (`person`). Nothing of git is decided here: git's state is looked at
//! first, and what was found is the input.

use crate::event::{Cause, Draft, EventRef, Topic};
use crate::id::{MergeId, RunId, SessionId, TaskId};
use crate::overlap::Loss;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// So often it is begun anew since the branch moved meanwhile; then a person is asked.
pub const ROUNDS_MAX: u32 = 10;

/// So often the author is told of a conflict or of evidence that fails; then a person.
pub const TOLD_MAX: u32 = 1;

/// Where a merge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// For its turn: one merge at a time is put into a branch. Or for its work to be verified.
    Waiting,
    /// Its new commits are made; its worktree is put on them.
    Rebasing,
    /// Its evidence is looked at again, on top of what it is put upon.
    Checking,
    /// Its author was told to put its work upon what is there now.
    Conflict,
    /// A person has to look.
    Person,
    /// It is in.
    Merged,
    /// It is given up.
    Refused,
    /// It was in, and was taken out again.
    Undone,
}

impl State {
    /// The word in rows, events and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Rebasing => "rebasing",
            Self::Checking => "checking",
            Self::Conflict => "conflict",
            Self::Person => "person",
            Self::Merged => "merged",
            Self::Refused => "refused",
            Self::Undone => "undone",
        }
    }

    /// The words of the states in which something is still to be done without a person.
    pub const OPEN: [&'static str; 4] = ["waiting", "rebasing", "checking", "conflict"];

    /// Whether nothing more happens to it, unless a person wants so.
    pub fn is_over(self) -> bool {
        match self {
            Self::Merged | Self::Refused | Self::Undone => true,
            Self::Waiting | Self::Rebasing | Self::Checking | Self::Conflict | Self::Person => {
                false
            }
        }
    }
}

/// The work as it was when it met a conflict: what is compared with in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Where it began.
    pub base: String,
    /// Its newest commit.
    pub source: String,
}

/// A merge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// Its id.
    pub id: MergeId,
    /// The run whose work it is; nothing when it is a whole session's.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Its task.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// Its session.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// The repository.
    pub target: String,
    /// The branch whose commits are put in.
    pub from: String,
    /// The branch that they are put into; empty while it is not known which one is checked out.
    pub into: String,
    /// Where it is.
    pub state: State,
    /// Why, in words.
    #[serde(default)]
    pub why: Option<String>,
    /// Where the work parted from the branch.
    #[serde(default)]
    pub base: Option<String>,
    /// The newest commit of the work before it was put upon something else.
    #[serde(default)]
    pub source: Option<String>,
    /// The tip of the branch that it is put upon; the branch's tip before, when it is in.
    #[serde(default)]
    pub onto: Option<String>,
    /// The commit that the branch ends in, when it is in.
    #[serde(default)]
    pub result: Option<String>,
    /// The work as it was at its first conflict.
    #[serde(default)]
    pub first: Option<First>,
    /// Files with conflicts.
    #[serde(default)]
    pub conflicts: Vec<String>,
    /// What would be lost.
    #[serde(default)]
    pub losses: Vec<Loss>,
    /// A person takes the result as it is.
    #[serde(default)]
    pub accepted: bool,
    /// How often it was begun.
    #[serde(default)]
    pub rounds: u32,
    /// How often its author was told.
    #[serde(default)]
    pub told: u32,
    /// Who wants it.
    pub by: String,
    /// When it was asked for (UTC).
    pub created_at: Timestamp,
    /// When it was over.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Its newest event.
    #[serde(default)]
    pub latest: Option<EventRef>,
}

/// What was found or is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Into which branch it comes is known now.
    Named {
        /// The branch.
        into: String,
    },
    /// Its new commits are made, and nothing was lost.
    Planned {
        /// Where it parted.
        base: String,
        /// Its newest commit before.
        source: String,
        /// What it is put upon.
        onto: String,
        /// Its newest commit now.
        result: String,
    },
    /// Its worktree is put on them, and its evidence is looked at.
    Placed,
    /// It cannot be put upon what is there now; its author was told.
    Told {
        /// Why, in words.
        why: String,
        /// The files with conflicts.
        files: Vec<String>,
        /// The work as it was.
        first: Option<First>,
    },
    /// A person has to look.
    Stopped {
        /// Why, in words.
        why: String,
        /// The files with conflicts.
        files: Vec<String>,
        /// What would be lost.
        losses: Vec<Loss>,
    },
    /// It is begun anew: the branch moved, or its author is done.
    Again {
        /// Why, in words.
        why: String,
    },
    /// The branch ends in its commit, or contains it.
    Done {
        /// The commit.
        commit: String,
        /// The branch's tip before.
        before: String,
    },
    /// A person wants it tried again.
    Retry {
        /// The result is taken as it is, although lines are missing.
        accept: bool,
    },
    /// Nobody wants it any more.
    GiveUp {
        /// Why, in words.
        why: String,
    },
    /// The branch ends again where it ended before.
    Undone,
}

/// What follows: the merge as it is then, and what is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// As it is then.
    pub merge: Merge,
    /// What happened; the first is about the merge.
    pub events: Vec<Draft>,
}

/// What is told of somebody asking for it.
pub fn create(merge: &Merge, actor: &str) -> Draft {
    draft(merge, "merge.requested", actor, json!({}))
}

fn draft(merge: &Merge, kind: &str, actor: &str, more: Value) -> Draft {
    let mut body = json!({"run": merge.run, "task": merge.task, "session": merge.session,
        "from": merge.from, "into": merge.into, "target": merge.target});
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    let cause = merge.latest.map_or(Cause::Root, Cause::Event);
    Draft::new(kind, Topic::Merge, &merge.id.to_string(), actor, body).because(cause)
}

impl Merge {
    /// What follows from `input`.
    ///
    /// # Errors
    /// It makes no sense now; in words.
    pub fn decide(&self, input: Input, actor: &str, at: Timestamp) -> Result<Decision, String> {
        let mut next = self.clone();
        next.why = None;
        let (kind, body) = match (self.state, input) {
            (State::Waiting, Input::Named { into }) if self.into.is_empty() => {
                next.into = into;
                let events = vec![draft(&next, "merge.named", actor, json!({}))];
                return Ok(Decision { merge: next, events });
            }
            (State::Waiting, Input::Planned { base, source, onto, result }) => {
                let body = json!({"base": base, "source": source, "onto": onto, "result": result});
                (next.base, next.source) = (Some(base), Some(source));
                (next.onto, next.result) = (Some(onto), Some(result));
                next.rounds += 1;
                (next.conflicts, next.losses) = (Vec::new(), Vec::new());
                next.state = State::Rebasing;
                ("merge.rebased", body)
            }
            (State::Rebasing, Input::Placed) => {
                next.state = State::Checking;
                ("merge.checking", json!({"result": next.result}))
            }
            (
                State::Waiting | State::Rebasing | State::Checking,
                Input::Told { why, files, first },
            ) => {
                let body = json!({"why": why, "files": files});
                (next.why, next.conflicts) = (Some(why), files);
                next.first = next.first.or(first);
                next.told += 1;
                next.state = State::Conflict;
                ("merge.conflict", body)
            }
            (
                State::Waiting | State::Rebasing | State::Checking | State::Conflict,
                Input::Stopped { why, files, losses },
            ) => {
                let body = json!({"why": why, "files": files, "losses": losses});
                (next.why, next.conflicts, next.losses) = (Some(why), files, losses);
                next.state = State::Person;
                ("merge.stopped", body)
            }
            (State::Rebasing | State::Checking | State::Conflict, Input::Again { why }) => {
                let body = json!({"why": why});
                next.why = Some(why);
                next.state = State::Waiting;
                ("merge.again", body)
            }
            (
                State::Waiting | State::Rebasing | State::Checking | State::Conflict,
                Input::Done { commit, before },
            ) => {
                let body = json!({"commit": commit, "before": before});
                (next.result, next.onto) = (Some(commit), Some(before));
                (next.conflicts, next.losses) = (Vec::new(), Vec::new());
                next.state = State::Merged;
                next.ended_at = Some(at);
                ("merge.done", body)
            }
            (State::Person, Input::Retry { accept }) => {
                next.accepted = accept;
                (next.rounds, next.told) = (0, 0);
                next.state = State::Waiting;
                ("merge.retried", json!({"accept": accept}))
            }
            (state, Input::GiveUp { why }) if !state.is_over() => {
                let body = json!({"why": why});
                next.why = Some(why);
                next.state = State::Refused;
                next.ended_at = Some(at);
                ("merge.given_up", body)
            }
            (State::Merged, Input::Undone) => {
                next.state = State::Undone;
                ("merge.undone", json!({"commit": self.result, "back_to": self.onto}))
            }
            (state, input) => return Err(refusal(self, state, &input)),
        };
        let events = vec![draft(self, kind, actor, body)];
        Ok(Decision { merge: next, events })
    }

    /// Whether its author may still be told once more.
    pub fn may_tell(&self) -> bool {
        self.run.is_some() && self.told < TOLD_MAX
    }
}

fn refusal(merge: &Merge, state: State, input: &Input) -> String {
    let short = merge.id.short();
    let advice = match input {
        Input::Retry { .. } => "Only one that waits for a person can be tried again.",
        Input::Undone => "Only one that is in can be taken out again.",
        Input::GiveUp { .. } => "It is over.",
        _ => "This came late.",
    };
    format!("merge {short} is {}. {advice}", state.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge() -> Merge {
        Merge {
            id: MergeId::new(uuid::Uuid::nil()),
            run: Some(RunId::new(uuid::Uuid::nil())),
            task: None,
            session: None,
            target: "/repository".to_owned(),
            from: "orkestra/1".to_owned(),
            into: "main".to_owned(),
            state: State::Waiting,
            why: None,
            base: None,
            source: None,
            onto: None,
            result: None,
            first: None,
            conflicts: Vec::new(),
            losses: Vec::new(),
            accepted: false,
            rounds: 0,
            told: 0,
            by: "person:cli".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            latest: None,
        }
    }

    fn after(merge: &Merge, input: Input) -> (Merge, String) {
        let decision = merge.decide(input, "daemon", Timestamp::UNIX_EPOCH).unwrap();
        (decision.merge, decision.events[0].kind.clone())
    }

    fn planned() -> Input {
        let text = |text: &str| text.to_owned();
        Input::Planned { base: text("b"), source: text("s"), onto: text("o"), result: text("r") }
    }

    #[test]
    fn the_way_in_and_out_again() {
        let (merge, kind) = after(&merge(), planned());
        assert_eq!((merge.state, kind.as_str()), (State::Rebasing, "merge.rebased"));
        let (merge, _) = after(&merge, Input::Placed);
        let (merge, kind) =
            after(&merge, Input::Done { commit: "r".to_owned(), before: "o".to_owned() });
        assert_eq!((merge.state, kind.as_str()), (State::Merged, "merge.done"));
        // Once: a second word changes nothing.
        let late = Input::Done { commit: "r".to_owned(), before: "o".to_owned() };
        let refused = merge.decide(late, "daemon", Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(refused.contains("is merged"), "{refused}");
        let (merge, kind) = after(&merge, Input::Undone);
        assert_eq!((merge.state, kind.as_str()), (State::Undone, "merge.undone"));
    }

    #[test]
    fn a_conflict_is_told_once_and_then_a_person_is_asked() {
        let first = Some(First { base: "b".to_owned(), source: "s".to_owned() });
        let files = vec!["a".to_owned()];
        assert!(merge().may_tell());
        let told = Input::Told { why: "conflict".to_owned(), files, first: first.clone() };
        let (merge, _) = after(&merge(), told);
        assert_eq!((merge.state, merge.may_tell()), (State::Conflict, false));
        let (merge, _) = after(&merge, Input::Again { why: "done".to_owned() });
        assert_eq!(merge.first, first, "what it was stays known");
        let stop =
            Input::Stopped { why: "again".to_owned(), files: Vec::new(), losses: Vec::new() };
        let (merge, kind) = after(&merge, stop);
        assert_eq!((merge.state, kind.as_str()), (State::Person, "merge.stopped"));
        let (merge, _) = after(&merge, Input::Retry { accept: true });
        assert!(merge.accepted && merge.may_tell());
        let (merge, _) = after(&merge, Input::GiveUp { why: "no".to_owned() });
        assert_eq!(merge.state, State::Refused);
        assert!(merge.decide(planned(), "daemon", Timestamp::UNIX_EPOCH).is_err());
    }
}
