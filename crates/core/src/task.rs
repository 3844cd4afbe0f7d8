//! Tasks: pieces of work in a queue, with priority, dependencies and an evidence contract (DESIGN:
//! agents, tasks, decisions; MISSION 2.5, 2.6; ADR 0029).
//!
//! Who works on a task holds a claim: a lease with a fencing number. Whatever is said about an
//! attempt carries its number, and what comes late is refused. A worker's "done" makes a task
//! `reported`, never more; only a `verified` task frees those that depend on it.

mod attempt;
mod context;
mod create;
mod decide;
mod depend;
mod refusal;
mod rules;
#[cfg(test)]
mod tests;

pub use attempt::{Claim, Claimant, Handover, Loss, Sign};
pub use context::{Earlier, context};
pub use create::{NewDepend, NewTask, On, create};
pub use decide::{Ctx, Decision, Edit, TaskInput};
pub use depend::{Depend, DependKind, Other, Others, Standing, cycle, standing};
pub use refusal::Refusal;
pub use rules::{Retry, Rules};

use crate::event::EventRef;
use crate::id::{RunId, SessionId, TaskId};
use crate::job::schedule::Schedule;
use crate::prompt::Role;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Kinds of work that MISSION 2.6 names; any other word is a kind, too.
pub const KINDS: [&str; 10] = [
    "code",
    "documentation",
    "content",
    "review",
    "bug_fix",
    "feature",
    "refactor",
    "test",
    "deployment",
    "research",
];

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It must not be worked on yet: a person takes it out. Tasks that recur stay here and make others.
    Backlog,
    /// It waits for tasks that it depends on.
    Waiting,
    /// A task that it depends on cannot be done as it is.
    Blocked,
    /// It may be claimed, from `not_before` on.
    Ready,
    /// Somebody holds it, and has not begun.
    Claimed,
    /// It is worked on.
    Running,
    /// Who worked on it says that it is done.
    Reported,
    /// Somebody else judges it.
    InReview,
    /// It is done, and that was checked.
    Verified,
    /// It was said to be done, and was not; nobody tries again by itself.
    Refuted,
    /// It could not be done; nobody tries again by itself.
    Failed,
    /// Somebody gave it up.
    Cancelled,
}

impl TaskState {
    /// All, in the order in which people look at them.
    pub const ALL: [Self; 12] = [
        Self::Backlog,
        Self::Waiting,
        Self::Blocked,
        Self::Ready,
        Self::Claimed,
        Self::Running,
        Self::Reported,
        Self::InReview,
        Self::Verified,
        Self::Refuted,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Those in which somebody holds it.
    pub const HELD: [Self; 4] = [Self::Claimed, Self::Running, Self::Reported, Self::InReview];

    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Claimed => "claimed",
            Self::Running => "running",
            Self::Reported => "reported",
            Self::InReview => "in_review",
            Self::Verified => "verified",
            Self::Refuted => "refuted",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        match self {
            Self::Verified | Self::Refuted | Self::Failed | Self::Cancelled => true,
            Self::Backlog
            | Self::Waiting
            | Self::Blocked
            | Self::Ready
            | Self::Claimed
            | Self::Running
            | Self::Reported
            | Self::InReview => false,
        }
    }

    /// Whether somebody holds it.
    pub fn is_held(self) -> bool {
        Self::HELD.contains(&self)
    }

    /// Whether it is over without having been done.
    pub fn is_lost(self) -> bool {
        self.is_over() && self != Self::Verified
    }

    /// The one of six states that other systems know (MISSION 2.6): `pending`, `in_progress`,
    /// `completed`, `failed`, `blocked`, `cancelled`.
    pub fn six(self) -> &'static str {
        match self {
            Self::Backlog | Self::Waiting | Self::Ready => "pending",
            Self::Claimed | Self::Running | Self::Reported | Self::InReview => "in_progress",
            Self::Verified => "completed",
            Self::Refuted | Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How soon a task should be done, compared with others.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When nothing else is to do.
    Low,
    /// As others.
    #[default]
    Medium,
    /// Before others.
    High,
    /// Before everything.
    Critical,
}

impl Priority {
    /// All, the last one first in the queue.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in commands, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.word() == word)
    }

    /// MISSION 2.6: 1 to 4; more is sooner.
    pub fn rank(self) -> u8 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Critical => 4,
        }
    }
}

/// Whether somebody else has to judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewWish {
    /// Yes.
    Required,
    /// No.
    None,
}

impl ReviewWish {
    /// The word in commands and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::None => "none",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Required, Self::None].into_iter().find(|wish| wish.word() == word)
    }
}

/// An agent that should not do it again, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Avoid {
    /// The agent.
    pub agent: String,
    /// In words.
    pub why: String,
}

/// A task that is a pattern: it makes one like itself whenever it is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurs {
    /// When.
    pub schedule: Schedule,
    /// What comes every so often is counted from then.
    pub anchor: Timestamp,
    /// The next time (UTC); nothing when none comes any more.
    pub next_at: Option<Timestamp>,
    /// The newest one that it made.
    pub last: Option<TaskId>,
    /// How many it made.
    pub made: u64,
}

/// A piece of agent work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// In one line.
    pub title: String,
    /// What is to be done, word by word for the agent.
    pub prompt: String,
    /// What kind of work it is: one of [`KINDS`], or any other word.
    pub kind: String,
    /// How soon.
    #[serde(default)]
    pub priority: Priority,
    /// Where it is.
    pub state: TaskState,
    /// Why it is there, in one sentence for people.
    #[serde(default)]
    pub why: Option<String>,
    /// The session that it is part of.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// The task that it is a part of.
    #[serde(default)]
    pub parent: Option<TaskId>,
    /// The pattern that made it, when it recurs.
    #[serde(default)]
    pub pattern: Option<TaskId>,
    /// The phase of its plan.
    #[serde(default)]
    pub phase: Option<String>,
    /// Its part among others.
    #[serde(default)]
    pub role: Option<Role>,
    /// What must be done before.
    #[serde(default)]
    pub depends: Vec<Depend>,
    /// What who does it must be able to do.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What must be found before "done" is believed, as with `run --evidence`.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Files that it reads, in the folder where the work begins; without them nobody begins.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// The repository or folder.
    #[serde(default)]
    pub target: Option<String>,
    /// The commit or branch from which the work begins.
    #[serde(default)]
    pub base: Option<String>,
    /// Who has to do it, if that was said.
    #[serde(default)]
    pub assigned: Option<String>,
    /// Who should not do it again.
    #[serde(default)]
    pub avoid: Vec<Avoid>,
    /// How much may be done without asking: 0, 50 or 100 (MISSION 2.6).
    #[serde(default = "full_autonomy")]
    pub autonomy: u8,
    /// Whether somebody else has to judge it; what the session or configuration says without it.
    #[serde(default)]
    pub review: Option<ReviewWish>,
    /// The newest fencing number that was given; 0 before the first claim.
    #[serde(default)]
    pub fence: u64,
    /// Who holds it.
    #[serde(default)]
    pub claim: Option<Claim>,
    /// Attempts that went wrong since it was asked for, or since a person had it tried again.
    #[serde(default)]
    pub tries: u32,
    /// So many attempts may go wrong.
    #[serde(default = "three")]
    pub tries_max: u32,
    /// How often it fell silent.
    #[serde(default)]
    pub silences: u32,
    /// Not claimed before (UTC).
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// Whether all its attempts went wrong: only a person has it tried again.
    #[serde(default)]
    pub poison: bool,
    /// Its runs, the oldest first.
    #[serde(default)]
    pub runs: Vec<RunId>,
    /// What who did it said at the end.
    #[serde(default)]
    pub result: Option<String>,
    /// From whom to whom it was handed, the oldest first.
    #[serde(default)]
    pub handovers: Vec<Handover>,
    /// What it reaches.
    #[serde(default)]
    pub milestone: Option<String>,
    /// How long it is thought to take, in words.
    #[serde(default)]
    pub estimate: Option<String>,
    /// When it comes again.
    #[serde(default)]
    pub recurs: Option<Recurs>,
    /// Set by whoever asked, so that asking twice makes one task.
    #[serde(default)]
    pub request_key: Option<String>,
    /// What it may cost, in US dollars.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// The commit in which its work was merged.
    #[serde(default)]
    pub merged: Option<String>,
    /// Its newest event, as cause of what follows.
    #[serde(default)]
    pub latest: Option<EventRef>,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for (UTC).
    pub created_at: Timestamp,
    /// When something about it last changed.
    pub updated_at: Timestamp,
    /// When work on it first began.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
}

fn full_autonomy() -> u8 {
    100
}

fn three() -> u32 {
    3
}

impl Task {
    /// `“Title” (1a2b3c4d)`: how people are told of it.
    pub fn named(&self) -> String {
        named(self.id, &self.title)
    }

    /// When it has to be looked at again by itself (UTC): its lease is over, it may be claimed, its
    /// next occurrence is due. What is in the queue has none.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            TaskState::Backlog => self.recurs.as_ref().and_then(|recurs| recurs.next_at),
            TaskState::Ready => self.not_before,
            TaskState::Claimed | TaskState::Running => {
                self.claim.as_ref().and_then(|claim| claim.expires_at)
            }
            TaskState::Waiting
            | TaskState::Blocked
            | TaskState::Reported
            | TaskState::InReview
            | TaskState::Verified
            | TaskState::Refuted
            | TaskState::Failed
            | TaskState::Cancelled => None,
        }
    }

    /// Whether this agent (or worker) may be given it, with these abilities; in words why not.
    pub fn unfit(&self, agent: &str, can: &[String]) -> Option<String> {
        if let Some(other) = self.assigned.as_deref().filter(|other| *other != agent) {
            return Some(format!("it is assigned to {other}"));
        }
        if let Some(avoid) = self.avoid.iter().find(|avoid| avoid.agent == agent) {
            return Some(format!("{agent} should not do it again: {}", avoid.why));
        }
        let lacks = self.needs.iter().find(|need| !can.contains(need))?;
        Some(format!("it needs {lacks}, which {agent} does not offer"))
    }
}

pub(crate) fn named(id: TaskId, title: &str) -> String {
    format!("“{title}” ({})", id.short())
}
