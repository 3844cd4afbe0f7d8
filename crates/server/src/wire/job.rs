//! Jobs on the wire.

use super::ExitView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One time that a job ran.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobRunView {
    /// Counts the job's runs.
    pub number: u64,
    /// `running`, `succeeded`, `failed`, `stopped`.
    pub outcome: String,
    /// Why it failed or was stopped, in one sentence.
    pub why: Option<String>,
    /// What a built-in did, or what an agent said at its end.
    pub summary: Option<String>,
    /// When it was due (RFC 3339).
    pub due: String,
    /// `schedule`, `missed`, `asked`, `retry`, `immediate`.
    pub trigger: String,
    /// Who.
    pub actor: String,
    /// 1, and more for each time that it was tried again.
    pub attempt: u32,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// When it was over (RFC 3339).
    pub ended_at: Option<String>,
    /// How long it took, or has taken so far.
    pub took_ms: u64,
    /// How its process ended, if it had one.
    pub exit: Option<ExitView>,
    /// The run of an agent that it began.
    pub run: Option<String>,
}

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// `waiting`, `running`, `stopping`, `retrying`, `disabled`.
    pub state: String,
    /// Why it is in this state, in one sentence.
    pub why: String,
    /// Its schedule in words.
    pub schedule: String,
    /// The period in milliseconds, when it has a fixed one.
    pub every_ms: Option<u64>,
    /// The cron pattern, when it has one.
    pub cron: Option<String>,
    /// The pattern's time zone.
    pub zone: Option<String>,
    /// `command`, `run`, `builtin`.
    pub kind: String,
    /// What it does: the command, the prompt or the built-in's name.
    pub action: String,
    /// Whether it keeps its schedule.
    pub enabled: bool,
    /// Whether a person said so, against the configuration.
    pub by_hand: bool,
    /// When it runs next (RFC 3339).
    pub next_at: Option<String>,
    /// The run that is under way.
    pub current: Option<JobRunView>,
    /// The last run that is over.
    pub last: Option<JobRunView>,
    /// Failures in a row.
    pub failures: u32,
    /// When it is tried again (RFC 3339).
    pub retry_at: Option<String>,
    /// Whether one more follows the one that runs.
    pub queued: bool,
}

/// A job with all there is to know. The fields of `job` stand beside the others.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobDetail {
    /// The job.
    #[serde(flatten)]
    pub job: JobView,
    /// Program and arguments of a command.
    pub command: Vec<String>,
    /// Working directory of a command, or the repository of an agent.
    pub folder: Option<String>,
    /// Names of variables that the configuration sets; values may be secret.
    pub env_keys: Vec<String>,
    /// Which agent is asked.
    pub agent: Option<String>,
    /// `skip`, `queue`, `restart`.
    pub overlap: String,
    /// `once`, `skip`.
    pub missed: String,
    /// The share of the period by which it may begin later.
    pub jitter: f64,
    /// How long it may take.
    pub timeout_ms: Option<u64>,
    /// How often it is tried again when it failed.
    pub retry_times: u32,
    /// How long it waits before that.
    pub retry_wait_ms: u64,
    /// Whether it also runs when it is new and when the daemon starts.
    pub immediate: bool,
    /// Where its output is kept.
    pub log_dir: String,
    /// The same by command.
    pub cli: String,
    /// The last runs, the newest first; one that is under way is among them.
    pub history: Vec<JobRunView>,
}

/// All jobs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// By name.
    pub jobs: Vec<JobView>,
}

/// How to run a job.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRunRequest {
    /// Also when it ran within the last minute.
    #[serde(default)]
    pub force: bool,
}

/// What became of the wish to run a job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JobAsked {
    /// `started`, `queued`, `skipped`.
    pub outcome: String,
    /// The number of the run, when it was started.
    pub number: Option<u64>,
    /// Why it was skipped, in words.
    pub why: Option<String>,
    /// The job as it is now.
    pub job: JobView,
}
