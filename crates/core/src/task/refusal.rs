//! Why something cannot be done with a task.

use jiff::Timestamp;

/// Why an input makes no sense with a task as it is. Words in capitals are MISSION 2.6's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such task.
    #[error("there is no task {0}")]
    Unknown(String),
    /// Not from this state.
    #[error("the task {task} is {state}{}: it cannot be {verb} now", in_brackets(.why.as_deref()))]
    State {
        /// Which one.
        task: String,
        /// Its state's word.
        state: &'static str,
        /// What was to be done, as a past participle.
        verb: &'static str,
        /// Why it is there, if that is known.
        why: Option<String>,
    },
    /// Somebody else holds it.
    #[error("the task {task} is held by {owner} since {}", clock(.since))]
    Taken {
        /// Which one.
        task: String,
        /// Who.
        owner: String,
        /// Since when.
        since: Timestamp,
    },
    /// The lease is over: the number is not the current one, or nobody holds the task any more.
    #[error(
        "the claim with fencing number {given} on the task {task} is lost: {now}. What was done under it does not count"
    )]
    Lost {
        /// Which one.
        task: String,
        /// The number that came.
        given: u64,
        /// How it is now, in words.
        now: String,
    },
    /// Not yet.
    #[error("the task {task} is tried again at {}, not before", clock(.at))]
    NotYet {
        /// Which one.
        task: String,
        /// From then on.
        at: Timestamp,
    },
    /// Somebody else has to do it.
    #[error("the task {task} cannot be given to {agent}: {why}")]
    Unfit {
        /// Which one.
        task: String,
        /// Who asked.
        agent: String,
        /// In words.
        why: String,
    },
    /// A dependency that is not there.
    #[error("DEPENDENCY_NOT_FOUND: {task} depends on {on}, and there is no such task")]
    UnknownDependency {
        /// Which task.
        task: String,
        /// What was named.
        on: String,
    },
    /// Tasks that wait for each other.
    #[error("CIRCULAR_DEPENDENCY: {}", .path.join(" → "))]
    Cycle {
        /// From a task back to itself.
        path: Vec<String>,
    },
    /// Something about what was asked for is wrong.
    #[error("{0}")]
    Invalid(String),
}

impl Refusal {
    /// Whether the one who asked has lost what it held.
    pub fn is_lost_claim(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}

fn in_brackets(why: Option<&str>) -> String {
    why.map(|why| format!(" ({})", why.trim_end_matches('.'))).unwrap_or_default()
}

pub(super) fn clock(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
