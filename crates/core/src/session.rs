//! Sessions: one goal for several agents, from its plan to its six points of done (MISSION 1.1, 1.8;
//! ADR 0031).
//!
//! A session is planned, its plan may be reviewed by the agents and is shown to the person as often as
//! the person wants to be involved; then it becomes tasks. When all of them are verified their work is
//! merged into the session's branch, and what must hold at the end is looked at. What is to be done in
//! the world follows from the row: a reconciler looks at it and does it.

mod decide;
mod done;
mod share;
#[cfg(test)]
mod tests;

pub use decide::{Ctx, Decision, Refusal, SessionInput};
pub use done::{Criterion, DoneFacts, FileThere, Point, Seen, criteria};
pub use share::{Done, Share, ShareOf, shares};

use crate::event::EventRef;
use crate::id::{RunId, SessionId, TaskId};
use crate::plan::{Plan, Roles};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// A planner is asked for the plan, or for a better one.
    Planning,
    /// The other agents say what they think of the plan.
    PlanReview,
    /// A person is asked; `Session::question` says what.
    AwaitingPerson,
    /// Its tasks are done.
    Working,
    /// All tasks are verified; their work is brought together.
    Merging,
    /// It is looked whether it is done.
    Checking,
    /// A person halted it.
    Paused,
    /// It is done.
    Verified,
    /// It ended without being done.
    Failed,
    /// A person stopped it.
    Cancelled,
}

impl SessionState {
    /// The words of the states in which a session is not over.
    pub const ACTIVE: [&'static str; 7] =
        ["planning", "plan_review", "awaiting_person", "working", "merging", "checking", "paused"];

    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::PlanReview => "plan_review",
            Self::AwaitingPerson => "awaiting_person",
            Self::Working => "working",
            Self::Merging => "merging",
            Self::Checking => "checking",
            Self::Paused => "paused",
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Verified | Self::Failed | Self::Cancelled)
    }
}

/// How often the person is asked (MISSION 2.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Involvement {
    /// After every round: the plan, each round of its review, the end.
    High,
    /// After every second round, and at the end.
    Medium,
    /// Only at the end.
    #[default]
    Low,
}

impl Involvement {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Whether the person is asked after this round of planning, counted from 1.
    pub fn asks_after(self, round: u32) -> bool {
        match self {
            Self::High => true,
            Self::Medium => round.is_multiple_of(2),
            Self::Low => false,
        }
    }
}

impl std::str::FromStr for Involvement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::High, Self::Medium, Self::Low]
            .into_iter()
            .find(|known| known.word() == text)
            .ok_or_else(|| format!("{text:?} is none of high, medium, low"))
    }
}

/// What a session was told at its beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wishes {
    /// Whether the other agents review the plan before any work.
    #[serde(default)]
    pub plan_review: bool,
    /// Whether it waits for the person once it has a plan.
    #[serde(default)]
    pub plan_only: bool,
    /// How often the person is asked.
    #[serde(default)]
    pub involvement: Involvement,
    /// Nobody is there to be asked: with low involvement its end is not asked for either.
    #[serde(default)]
    pub headless: bool,
    /// Whether the person's own branch is moved to its result at the end.
    #[serde(default)]
    pub merge: bool,
    /// What all may cost together, in US dollars.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// What is checked on the merged work, as `orkestra run --evidence` has it; without it the project's
    /// own tests if it declares any.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// About what a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Whether the plan shall be carried out.
    Plan,
    /// What to do without a plan.
    NoPlan,
    /// What to do with work that cannot be brought together by itself.
    Merge,
    /// What to do when not every point of done holds.
    NotDone,
    /// Whether the person takes the result.
    End,
}

impl About {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::NoPlan => "no_plan",
            Self::Merge => "merge",
            Self::NotDone => "not_done",
            Self::End => "end",
        }
    }
}

/// A question to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// About what.
    pub about: About,
    /// In words.
    pub text: String,
    /// Since when (UTC).
    pub since: Timestamp,
}

/// What an agent said about the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// In which round of the plan's review, from 1.
    pub round: u32,
    /// Who.
    pub agent: String,
    /// Its run.
    pub run: Option<RunId>,
    /// Whether it agrees; nothing when its answer could not be had.
    pub agrees: Option<bool>,
    /// What should be otherwise.
    pub suggestions: Vec<String>,
    /// Why its answer could not be had.
    pub trouble: Option<String>,
}

/// A task that was made of a planned one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLink {
    /// Its key in the plan.
    pub key: String,
    /// The task.
    pub id: TaskId,
}

/// How the asking for a plan goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planning {
    /// Which asking this is, over all: the present one's run is `session:ID:plan:ASKED`.
    pub asked: u32,
    /// Which try of the present plan, from 1.
    pub tries: u32,
    /// What was wrong with the last answer.
    #[serde(default)]
    pub problems: Vec<String>,
    /// The answer that was wrong, shortened.
    #[serde(default)]
    pub refused: Option<String>,
    /// Agents that could not plan.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Whether suggestions are merged into the plan that is there.
    #[serde(default)]
    pub revising: bool,
    /// Rounds of the plan's review that are over.
    #[serde(default)]
    pub reviewed: u32,
    /// Rounds after which the person may be asked.
    #[serde(default)]
    pub rounds: u32,
}

/// One goal for several agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The project that it belongs to, if a person named one.
    #[serde(default)]
    pub project: Option<String>,
    /// What is to be reached, in the person's words.
    pub goal: String,
    /// The agents that were named, in the person's order.
    pub agents: Vec<String>,
    /// The repository, an absolute path.
    pub target: String,
    /// What the person wished.
    pub wishes: Wishes,
    /// Set by whoever asked, so that asking twice makes one session.
    #[serde(default)]
    pub request_key: Option<String>,
    /// Where it is.
    pub state: SessionState,
    /// Where it was when it was paused.
    #[serde(default)]
    pub paused_from: Option<SessionState>,
    /// Runs that the pause halted; they go on when it goes on.
    #[serde(default)]
    pub halted: Vec<RunId>,
    /// Whether it was paused since what it may cost is used up.
    #[serde(default)]
    pub over_budget: bool,
    /// Why it is where it is, in words.
    #[serde(default)]
    pub why: Option<String>,
    /// What the person is asked.
    #[serde(default)]
    pub question: Option<Question>,
    /// Who has which role, and who takes over.
    pub roles: Roles,
    /// How the asking for a plan goes.
    #[serde(default)]
    pub planning: Planning,
    /// The plan.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// Whose plan it is: an agent, `template` or a person.
    #[serde(default)]
    pub planned_by: Option<String>,
    /// What agents said about the plan.
    #[serde(default)]
    pub comments: Vec<Comment>,
    /// Its tasks, once the plan was carried out.
    #[serde(default)]
    pub tasks: Vec<TaskLink>,
    /// The branch on which its work is brought together.
    pub branch: String,
    /// The commit where that branch begins.
    pub base: String,
    /// The points of done, as they were looked at last.
    #[serde(default)]
    pub criteria: Vec<Criterion>,
    /// How often it was looked whether it is done: the present look's run is `session:ID:check:CHECKS`.
    #[serde(default)]
    pub checks: u32,
    /// Who took it although not every point held.
    #[serde(default)]
    pub waived_by: Option<String>,
    /// The commit to which the person's own branch was moved.
    #[serde(default)]
    pub delivered: Option<String>,
    /// Who began it.
    pub created_by: String,
    /// When (UTC).
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When its tasks began.
    #[serde(default)]
    pub began_at: Option<Timestamp>,
    /// When it was over.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Its newest event, as cause of what follows.
    #[serde(default)]
    pub latest: Option<EventRef>,
}

impl Session {
    /// The name of the branch on which a session's work is brought together.
    pub fn branch_of(id: SessionId) -> String {
        format!("orkestra/s-{}", id.short())
    }

    /// Whether its tasks may begin new runs.
    pub fn lets_work(&self) -> bool {
        matches!(self.state, SessionState::Working | SessionState::Merging)
    }

    /// What the person is asked now.
    pub fn asked(&self) -> Option<&Question> {
        self.question.as_ref().filter(|_| self.state == SessionState::AwaitingPerson)
    }

    /// Why it is in this state, in one sentence for people.
    pub fn why(&self) -> String {
        if let Some(question) = self.asked() {
            return question.text.clone();
        }
        if let Some(why) = &self.why {
            return why.clone();
        }
        match self.state {
            SessionState::Planning if self.planning.revising => {
                "The planner merges what the others suggested into the plan.".to_owned()
            }
            SessionState::Planning => "The planner divides the goal into tasks.".to_owned(),
            SessionState::PlanReview => "The other agents look at the plan.".to_owned(),
            SessionState::AwaitingPerson => "A person is asked.".to_owned(),
            SessionState::Working => "Its tasks are being done.".to_owned(),
            SessionState::Merging => "Its work is being brought together.".to_owned(),
            SessionState::Checking => "It is looked whether it is done.".to_owned(),
            SessionState::Paused => "A person paused it.".to_owned(),
            SessionState::Verified => "Every point of done holds.".to_owned(),
            SessionState::Failed => "It ended without being done.".to_owned(),
            SessionState::Cancelled => "A person stopped it.".to_owned(),
        }
    }

    /// The agents that look at the plan: all that are there but the one who made it.
    pub fn plan_reviewers(&self) -> Vec<String> {
        let by = self.planned_by.as_deref();
        self.roles.there.iter().filter(|name| Some(name.as_str()) != by).cloned().collect()
    }

    /// What was said in the round of the plan's review that is under way.
    pub fn comments_now(&self) -> impl Iterator<Item = &Comment> {
        let round = self.planning.reviewed.saturating_add(1);
        self.comments.iter().filter(move |comment| comment.round == round)
    }

    /// The task that was made of this key.
    pub fn task_of(&self, key: &str) -> Option<TaskId> {
        self.tasks.iter().find(|link| link.key == key).map(|link| link.id)
    }
}
