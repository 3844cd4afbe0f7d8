//! What a caller of the engine is told.

use orkestra_core::unit::Rejection;

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command makes no sense now.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The same about jobs.
    #[error(transparent)]
    RejectedJob(#[from] orkestra_core::job::Rejection),
    /// The disk is full: what runs is kept running, new work is refused.
    #[error("the disk under the data folder is full, so new work is refused; what runs goes on")]
    StoreFull,
    /// The data folder cannot be written: what runs is kept running, new work is refused.
    #[error("the data folder cannot be written, so new work is refused; what runs goes on")]
    StoreUnwritable,
    /// The store failed otherwise.
    #[error("the journal could not take it")]
    Store(#[source] orkestra_store::Error),
    /// No agent by that name, or none at all.
    #[error("{0}")]
    NoAgent(String),
    /// A person or a rate limit holds the agent back.
    #[error("{agent} gets no new work {}: {}", pause.until_in_words(), pause.why.trim_end_matches('.'))]
    AgentHeld {
        /// Its name.
        agent: String,
        /// Why, and until when.
        pause: Box<orkestra_core::agent_state::Pause>,
    },
    /// A budget that is used up stops it.
    #[error("{0}")]
    OverBudget(String),
    /// The target is no place where an agent can work.
    #[error("{0}")]
    Target(String),
    /// A question cannot be answered like this.
    #[error(transparent)]
    RejectedApproval(#[from] orkestra_core::approval::Rejection),
    /// A hook's event that nobody knows.
    #[error("{0:?} is no event of a hook")]
    UnknownHook(String),
    /// No such vote.
    #[error("there is no vote {0}")]
    UnknownVote(String),
    /// What was asked for makes no sense with this vote now; it says why.
    #[error("{0}")]
    VoteRefused(String),
    /// Its agent has ended or was started again.
    #[error("the run {0} has no such agent any more")]
    RunOver(String),
    /// What was asked for makes no sense with this run now; it says why and what would.
    #[error("{0}")]
    RunRefused(String),
    /// What was asked for makes no sense with this task now, or there is no such task.
    #[error(transparent)]
    RefusedTask(#[from] orkestra_core::task::Refusal),
    /// The work as a whole cannot be changed now; it says why.
    #[error("{0}")]
    Work(String),
    /// No such merge.
    #[error("there is no merge {0}")]
    UnknownMerge(String),
    /// It cannot be put into a branch like this; it says why and what to do.
    #[error("{0}")]
    MergeRefused(String),
    /// What was asked for makes no sense with this review now; it says why.
    #[error("{0}")]
    ReviewRefused(String),
    /// No such review.
    #[error("there is no review {0}")]
    UnknownReview(String),
    /// No such run.
    #[error("there is no run {0}")]
    UnknownRun(String),
    /// No such session.
    #[error("there is no session {0}")]
    UnknownSession(String),
    /// What was asked for makes no sense with this session now; it says why.
    #[error("{0}")]
    SessionRefused(String),
    /// No such project; without a name none was made or loaded yet.
    #[error("{}", if .0.is_empty() { "no project was made or loaded yet".to_owned() } else { format!("there is no project {}", .0) })]
    UnknownProject(String),
    /// A project that makes no sense; it says why.
    #[error("{0}")]
    ProjectRefused(String),
    /// A plan that cannot be carried out, and why.
    #[error("the plan cannot be carried out: {}", .0.join("; "))]
    PlanRefused(Vec<String>),
    /// Nothing starts any more.
    #[error("the daemon is going down")]
    Closing,
}
