//! Checks of tasks, whether the work fits together, and errors by class, as clients see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one check found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CheckOutcome {
    /// Its name; a check of the configuration has the name that it has there.
    pub check: String,
    /// What it is about: `file_system`, `data_integrity`, `dependencies`, `permissions`, `resources`,
    /// `consistency`, `quality`, `security`.
    pub category: String,
    /// `pass`, `warning`, `fail`, `critical`; the last two stop the task.
    pub level: String,
    /// In one sentence.
    pub message: String,
}

/// The checks of one phase, made at one time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChecksMade {
    /// `pre` or `post`.
    pub phase: String,
    /// When (RFC 3339, UTC).
    pub at: String,
    /// The agent that was to have the task, or had it.
    pub agent: Option<String>,
    /// The worst level.
    pub worst: String,
    /// Whether nothing may follow.
    pub stops: bool,
    /// What each found.
    pub results: Vec<CheckOutcome>,
}

/// The checks of a task as they were made last.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskChecksView {
    /// The task.
    pub task: String,
    /// Before.
    pub pre: Option<ChecksMade>,
    /// After.
    pub post: Option<ChecksMade>,
    /// Errors of its runs by class, the newest first.
    pub errors: Vec<HealingView>,
}

/// Which checks are to be made now.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecksRequest {
    /// `pre` or `post` [post].
    #[serde(default)]
    pub phase: Option<String>,
    /// For which agent, with `pre`.
    #[serde(default)]
    pub agent: Option<String>,
    /// Also make the evidence of its run again, with `post`.
    #[serde(default)]
    pub evidence: bool,
}

/// What checks that were made now gave.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChecksAnswer {
    /// The task.
    pub task: String,
    /// The checks.
    pub checks: ChecksMade,
    /// The run whose evidence is looked at again, and its state then.
    pub run: Option<String>,
    /// Why its evidence is not looked at again.
    pub no_evidence: Option<String>,
}

/// One thing that does not fit together.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FaultView {
    /// `broken_reference`, `cycle`, `orphaned_claim`, `unreadable_row`, `row_differs`,
    /// `empty_session`, `about_nothing`, `stale_tries`.
    pub kind: String,
    /// `task`, `session`, `review`, `vote`.
    pub topic: String,
    /// Which one.
    pub subject: String,
    /// In one sentence.
    pub says: String,
    /// What was done; nothing when it is left to a person.
    pub mended: Option<String>,
}

/// Whether anything is to be mended.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HealRequest {
    /// Only look.
    #[serde(default)]
    pub dry_run: bool,
}

/// Whether the work fits together.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiagnosisView {
    /// Tasks that were looked at.
    pub tasks: usize,
    /// What is left to a person.
    pub open: usize,
    /// What does not fit, also what was mended.
    pub faults: Vec<FaultView>,
    /// Errors of runs by class, and how often what was done about them helped.
    pub classes: Vec<HealingTally>,
}

/// One error of a task's run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealingView {
    /// The run that it stopped.
    pub run: String,
    /// Its class: `rate_limit`, `unauthorized`, `missing_file`, `bad_json`, `lock_timeout`,
    /// `timeout`, `disk_full`, `permission`, `missing_command`, `out_of_memory`.
    pub class: String,
    /// What the table says to do.
    pub strategy: String,
    /// What was done: `wait`, `again`, `other_agent`, `ask_person`.
    pub step: String,
    /// The error's text.
    pub text: String,
    /// What to do, for a person.
    pub advice: String,
    /// When (RFC 3339, UTC).
    pub at: String,
    /// `healed` or `failed`; nothing while nobody knows.
    pub outcome: Option<String>,
}

/// One class of errors.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealingTally {
    /// The class.
    pub class: String,
    /// What the table says to do.
    pub strategy: String,
    /// How often it was met.
    pub tried: u64,
    /// How often the task was verified afterwards.
    pub healed: u64,
    /// How often it failed again.
    pub failed: u64,
    /// The share that was healed, from 0 to 1; nothing while nobody knows.
    pub success: Option<f64>,
}

impl ChecksMade {
    /// Of what was made at a time.
    pub fn of(made: &orkestra_core::check::Made, at: &str) -> Self {
        let outcome = |outcome: &orkestra_core::check::Outcome| CheckOutcome {
            check: outcome.check.clone(),
            category: outcome.category.word().to_owned(),
            level: outcome.level.word().to_owned(),
            message: outcome.message.clone(),
        };
        Self {
            phase: made.phase.word().to_owned(),
            at: at.to_owned(),
            agent: made.agent.clone(),
            worst: made.worst().word().to_owned(),
            stops: made.blocks(),
            results: made.results.iter().map(outcome).collect(),
        }
    }
}

impl From<orkestra_store::HealingRow> for HealingView {
    fn from(row: orkestra_store::HealingRow) -> Self {
        let class = orkestra_core::healing::ErrorClass::parse(&row.class);
        Self {
            run: row.run.to_string(),
            class: row.class,
            strategy: row.strategy,
            step: row.step,
            text: row.text,
            advice: class.map(|class| class.advice().to_owned()).unwrap_or_default(),
            at: row.at.to_string(),
            outcome: row.outcome,
        }
    }
}
