//! For what a run is made: by itself, or as a part of a task, a session, a review, a vote.

use crate::id::{ReviewId, SessionId, TaskId, VoteId};
use serde::{Deserialize, Serialize};

/// What a run is to give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A change of the target.
    #[default]
    Work,
    /// A plan: its answer is read, its worktree is not kept.
    Plan,
    /// A verdict on somebody else's work or plan.
    Review,
    /// A ballot.
    Vote,
    /// Nothing: the checks of what several runs did together.
    Check,
    /// A proposal when others could not agree, or one text of many.
    Mediation,
}

impl Purpose {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Plan => "plan",
            Self::Review => "review",
            Self::Vote => "vote",
            Self::Check => "check",
            Self::Mediation => "mediation",
        }
    }
}

/// To what a run belongs; nothing for a run that a person asked for by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belongs {
    /// What it is to give.
    #[serde(default)]
    pub purpose: Purpose,
    /// The task that it works on, plans, or judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The session that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The review whose verdict it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewId>,
    /// The vote in which it gives a ballot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<VoteId>,
}
