//! What goes over the wire: the API's own types, apart from the core's, since a serialized type is
//! a promise.

mod agent;
mod approval;
mod check;
mod context;
mod effect;
mod evidence;
mod github;
mod job;
mod life;
mod merge;
mod money;
mod project;
mod review;
mod routing;
mod session;
mod task;
mod upkeep;
mod vote;

pub use agent::*;
pub use approval::*;
pub use check::*;
pub use context::*;
pub use effect::*;
pub use evidence::*;
pub use github::*;
pub use job::*;
pub use life::*;
pub use merge::*;
pub use money::*;
pub use project::*;
pub use review::*;
pub use routing::*;
pub use session::*;
pub use task::*;
pub use upkeep::*;
pub use vote::*;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What `/health` says; nothing more without a login.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `up`.
    pub status: String,
}

/// The daemon itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DaemonView {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The data folder.
    pub home: String,
    /// The configuration file; `null` when there is none.
    pub config: Option<String>,
    /// Where the dashboard is.
    pub url: String,
    /// Since when (RFC 3339).
    pub started_at: String,
    /// For how long.
    pub uptime_ms: u64,
    /// The life of the database between two restores.
    pub epoch: u64,
    /// The newest event.
    pub head: u64,
    /// What this machine is called.
    pub host: String,
    /// This machine's id.
    pub node: String,
    /// `ok`, `full` or `unwritable`.
    pub store: String,
}

/// Something that waits for a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Need {
    /// `unit_failed`, `run_failed`, `run_refuted`, `config_refused`, `store`, `effect_unknown`, `approval`, `alert`.
    pub kind: String,
    /// Which one.
    pub subject: String,
    /// What, in one sentence.
    pub title: String,
    /// Since when (RFC 3339).
    pub since: Option<String>,
    /// What to do, as a command.
    pub action: String,
}

/// Everything at a glance.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// The daemon.
    pub daemon: DaemonView,
    /// What waits for a person.
    pub needs_you: Vec<Need>,
    /// All units by name.
    pub units: Vec<UnitView>,
    /// Runs that are not over, and the last ten.
    pub runs: Vec<RunView>,
    /// How many alerts are open.
    #[serde(default)]
    pub alerts_open: usize,
}

/// How a process ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExitView {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when a signal ended it.
    pub signal: Option<i32>,
    /// The signal's name without `SIG`.
    pub signal_name: Option<String>,
    /// `exited`, `stopped`, `start_failed`, `shim_lost`, `lost`, `output_cap`.
    pub reason: String,
    /// In words.
    pub words: String,
    /// When (RFC 3339).
    pub at: String,
    /// How long it lived.
    pub uptime_ms: u64,
    /// The last lines it wrote.
    pub last_lines: Vec<String>,
}

/// A unit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UnitView {
    /// Its name.
    pub name: String,
    /// `stopped`, `starting`, `running`, `backing_off`, `failed`, `stopping`.
    pub state: String,
    /// `healthy`, `degraded`, `unhealthy`, `unknown`.
    pub health: String,
    /// Why it is in this state, in one sentence.
    pub why: String,
    /// Whether the configuration wants it.
    pub enabled: bool,
    /// Whether a person stopped it.
    pub held: bool,
    /// The leader's process id.
    pub pid: Option<u32>,
    /// How long the process has lived.
    pub uptime_ms: Option<u64>,
    /// When the process started (RFC 3339).
    pub started_at: Option<String>,
    /// Since when it is in this state (RFC 3339).
    pub since: String,
    /// Automatic restarts since it was last started by hand or by configuration.
    pub restarts: u64,
    /// When it is tried again (RFC 3339).
    pub next_start_at: Option<String>,
    /// The whole wait.
    pub next_delay_ms: Option<u64>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// What it starts after.
    pub after: BTreeMap<String, String>,
    /// How its last life ended.
    pub last_exit: Option<ExitView>,
    /// Counts its lives.
    pub generation: u64,
    /// Its present life.
    pub instance: Option<String>,
    /// `service` or `oneshot`.
    #[serde(default)]
    pub kind: String,
    /// What its readiness probe says: `unasked` (there is none), `waiting`, `passing`, `failing`.
    #[serde(default)]
    pub ready: Option<String>,
    /// What its liveness probe says, in the same words.
    #[serde(default)]
    pub live: Option<String>,
    /// What it says about itself (`STATUS=` of sd_notify).
    #[serde(default)]
    pub status: Option<String>,
    /// What it uses, once its present life was sampled.
    #[serde(default)]
    pub usage: Option<SampleView>,
}

/// What a unit used at one moment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SampleView {
    /// When (RFC 3339).
    pub at: String,
    /// Percent of one core since the sample before.
    pub cpu_percent: f64,
    /// Resident memory of its whole tree; shared pages count for each process.
    pub rss_bytes: u64,
    /// Processes of its tree.
    pub processes: u32,
    /// Their open descriptors, when they could be counted.
    pub descriptors: Option<u32>,
}

/// What a unit used in one minute.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MinuteView {
    /// When it began (RFC 3339).
    pub at: String,
    /// Percent of one core, on average.
    pub cpu_avg: f64,
    /// Percent of one core, at most.
    pub cpu_max: f64,
    /// Resident memory, on average.
    pub rss_avg: u64,
    /// Resident memory, at most.
    pub rss_max: u64,
    /// Processes, at most.
    pub processes: u32,
    /// Open descriptors, at most.
    pub descriptors: Option<u32>,
}

/// What a unit used.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SampleList {
    /// The newest samples of its present life, oldest first, at most 60.
    pub samples: Vec<SampleView>,
    /// The minutes that were asked for, oldest first; a day is kept.
    pub minutes: Vec<MinuteView>,
}

/// The newest samples of all units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SampleOverview {
    /// By the name of the unit, oldest first, at most 20 each.
    pub units: BTreeMap<String, Vec<SampleView>>,
}

/// One answer to a probe.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProbeAnswer {
    /// When (RFC 3339).
    pub at: String,
    /// `ready` or `live`.
    pub question: String,
    /// Yes or no.
    pub passed: bool,
    /// By which way of asking, or why not.
    pub why: String,
    /// How long it took.
    pub took_ms: u64,
}

/// A probe.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProbeView {
    /// How it asks, in words: `http http://…`, `tcp 127.0.0.1:5432`.
    pub asks: Vec<String>,
    /// From one asking to the next.
    pub every_ms: u64,
    /// How long an answer may take.
    pub timeout_ms: u64,
    /// So many failures in a row count.
    pub failures: u32,
    /// So many passes in a row count.
    pub successes: u32,
    /// Readiness only: then its start has failed.
    pub within_ms: Option<u64>,
}

/// What a unit may use.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LimitsView {
    /// Bytes of its whole tree.
    pub memory: Option<u64>,
    /// Percent of one core.
    pub cpu: Option<f64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    /// The longest life.
    pub run_time_ms: Option<u64>,
}

/// The restart policy.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RestartView {
    /// `always`, `on-failure`, `never`.
    pub policy: String,
    /// The profile its figures came from.
    pub profile: String,
    /// Before the first restart.
    pub initial_ms: u64,
    /// Growth per attempt.
    pub factor: f64,
    /// The longest wait.
    pub max_ms: u64,
    /// Random share of the wait.
    pub jitter: f64,
    /// A process that lived this long counts as healthy.
    pub reset_after_ms: u64,
    /// Restarts in a row before giving up.
    pub limit: Option<u32>,
    /// Exit codes that count as success, beside 0.
    #[serde(default)]
    pub success_codes: Vec<i32>,
    /// Automatic restarts within a span of time before giving up.
    #[serde(default)]
    pub start_limit: Option<StartLimitView>,
}

/// How many automatic restarts may fall into a span of time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StartLimitView {
    /// So many.
    pub count: u32,
    /// In any span of this length.
    pub within_ms: u64,
}

/// How a unit is ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StopView {
    /// The first signal.
    pub signal: String,
    /// Then the tree is killed.
    pub grace_ms: u64,
}

/// A unit with all there is to know. The fields of `unit` stand beside the others.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UnitDetail {
    /// The unit.
    #[serde(flatten)]
    pub unit: UnitView,
    /// Its working directory.
    pub cwd: String,
    /// Names of variables that the configuration sets; values may be secret.
    pub env_keys: Vec<String>,
    /// When and how soon it is restarted.
    pub restart: RestartView,
    /// How it is ended.
    pub stop: StopView,
    /// Where its output is kept.
    pub log_dir: String,
    /// The same by command.
    pub cli: String,
    /// Units that start after this one.
    pub dependents: Vec<String>,
    /// Whom its processes belong to; the daemon's own user without it.
    #[serde(default)]
    pub user: Option<String>,
    /// What it may use.
    pub limits: LimitsView,
    /// Its probes: `ready`, `live`.
    pub probes: BTreeMap<String, ProbeView>,
    /// The newest answers to its probes, oldest first, at most 60; they are kept in memory only.
    pub answers: Vec<ProbeAnswer>,
    /// The moments at which a hook is run: `start`, `ready`, `exit`, `failed`.
    pub hooks: Vec<String>,
    /// What follows for others when it gives up: `ignore`, `stop-dependents`, `shutdown`.
    pub on_failed: String,
}

/// All units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UnitList {
    /// By name.
    pub units: Vec<UnitView>,
}

/// Which signal to send.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalRequest {
    /// Its name, with or without `SIG`.
    pub signal: String,
}

/// One line that a unit wrote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When (RFC 3339).
    pub at: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// What, with bytes that are no UTF-8 replaced.
    pub text: String,
    /// Whether it was too long to be shown whole.
    pub truncated: bool,
}

/// Lines and where they end.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// In order.
    pub lines: Vec<LogLine>,
    /// Ask on from here.
    pub cursor: String,
    /// Lines between the cursor that was asked for and the first line were rotated away.
    pub gap: bool,
}

/// Tokens and money.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    /// Input tokens that no cache knew.
    pub fresh_input: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
    /// US dollars as the agent reckons.
    pub cost_usd: Option<f64>,
}

/// A file that a run changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FileView {
    /// Relative to the worktree.
    pub path: String,
    /// Git's letter.
    pub status: String,
}

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// The end of its id, for people.
    pub short: String,
    /// Which agent.
    pub agent: String,
    /// `claude`, `script`.
    pub kind: String,
    /// `preparing`, `starting`, `running`, `paused`, `suspended`, `stopping`, `reported`,
    /// `verified`, `refuted`, `failed`, `cancelled`.
    pub state: String,
    /// Why it is in this state, in one sentence.
    pub why: String,
    /// What was asked.
    pub prompt: String,
    /// The repository.
    pub target: String,
    /// Where the agent works.
    pub worktree: Option<String>,
    /// The branch made for it.
    pub branch: Option<String>,
    /// Changes in the target that are not in the worktree.
    pub uncommitted: Option<u32>,
    /// When it was asked for (RFC 3339).
    pub created_at: String,
    /// When the agent started (RFC 3339).
    pub started_at: Option<String>,
    /// When it was over (RFC 3339).
    pub ended_at: Option<String>,
    /// The last sign of life (RFC 3339).
    pub last_event_at: Option<String>,
    /// The agent's process id.
    pub pid: Option<u32>,
    /// Tokens and money so far.
    pub usage: Option<UsageView>,
    /// Events so far.
    pub events: u64,
    /// Lines that were not understood.
    pub raw_lines: u64,
    /// The number of the present attempt, or the last one.
    pub attempt: u32,
    /// For what it waits, when it is suspended.
    pub wait: Option<WaitView>,
    /// Approvals that its agent waits for, by id.
    pub waiting_for: Vec<String>,
    /// Tool calls that the gate denied.
    pub violations_count: u64,
    /// Since when nothing was heard of it, once that was told (RFC 3339).
    pub silent_since: Option<String>,
    /// The agent's last words.
    pub summary: Option<String>,
    /// What differs in the worktree, once it ended.
    pub files_changed: Option<Vec<FileView>>,
    /// How many checks there are, and how they went.
    pub checks: ChecksCount,
    /// Whether the agent works in the target itself, since there is no git.
    pub plain: bool,
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// What it is to give: `work`, `plan`, `review`, `vote`, `check`, `mediation`.
    #[serde(default)]
    pub purpose: String,
    /// The task that it works on, plans, or judges.
    #[serde(default)]
    pub task: Option<String>,
    /// The session that it is part of.
    #[serde(default)]
    pub session: Option<String>,
}

/// One event of a run's agent. The fields of the event stand beside the others.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunEvent {
    /// Its place in the journal.
    pub seq: u64,
    /// When (RFC 3339).
    pub at: String,
    /// `type` and what belongs to it.
    #[serde(flatten)]
    pub event: BTreeMap<String, Value>,
}

/// A run with what its agent said. The fields of `run` stand beside the others.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: RunView,
    /// What its agent said and did, in order: the newest, or those after the place asked for.
    pub stream: Vec<RunEvent>,
    /// Whether there is more: older events, or with `after` later ones; the journal has all.
    pub stream_cut: bool,
    /// The lives of its agent, and why each was begun.
    pub attempts: Vec<AttemptView>,
    /// What it was told after its prompt, in order.
    #[serde(default)]
    pub instructions: Vec<InstructionView>,
    /// What others said of its work, the oldest first.
    #[serde(default)]
    pub reviews: Vec<ReviewView>,
    /// What was decided about it, in order.
    #[serde(default)]
    pub decisions: Vec<DecisionView>,
    /// What it may use.
    pub limits: RunLimitsView,
    /// Tool calls that the gate denied, the newest 200, oldest first.
    pub violations: Vec<ViolationView>,
    /// What is checked before its "done" is believed, and what was found.
    pub evidence: EvidenceView,
    /// What the agent was given, word by word; `null` while that is not known.
    pub given: Option<String>,
    /// Where it is put into branches, the oldest first.
    #[serde(default)]
    pub merges: Vec<MergeView>,
    /// Runs with whose work its own meets.
    #[serde(default)]
    pub overlaps: Vec<OverlapView>,
    /// The same by command.
    pub cli: String,
}

/// Runs, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunList {
    /// The page.
    pub runs: Vec<RunView>,
    /// Ask on with `before` this id.
    pub next: Option<String>,
}

/// A run as asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// What is asked.
    pub prompt: String,
    /// Which agent; the first one that can be started when none is named.
    #[serde(default)]
    pub agent: Option<String>,
    /// The repository or folder, as an absolute path; the daemon's own folder when none is named.
    #[serde(default)]
    pub target: Option<String>,
    /// What it may use; what is not said is as its agent has it.
    #[serde(default)]
    pub limits: RunLimitsRequest,
    /// What must be found before its "done" is believed: `changed`, `clean`, `commits:N`,
    /// `file:PATH`, `command:LINE`, `tests`, `tool:NAME`, or `none`; without it what the project
    /// asks for, else the default (docs/evidence.md).
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Whether the agent is given the prompt as it is, not as part of a task.
    #[serde(default)]
    pub raw: bool,
    /// What it may cost, in US dollars.
    #[serde(default)]
    pub budget_usd: Option<f64>,
}

/// An agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentView {
    /// Its name.
    pub name: String,
    /// `claude`, `script`.
    pub kind: Option<String>,
    /// Whether it can be started.
    pub found: bool,
    /// Where its program lies, or which was looked for.
    pub program: Option<String>,
    /// In one sentence.
    pub why: String,
    /// Why it gets no new work now; nothing when it does.
    #[serde(default)]
    pub hold: Option<HoldView>,
    /// What the call log says of it; nothing before its first call.
    #[serde(default)]
    pub stats: Option<CallStatsView>,
    /// What it is good at.
    #[serde(default)]
    pub strengths: Vec<String>,
    /// Tasks that it has at once at most; nothing for no limit of its own.
    #[serde(default)]
    pub parallel: Option<u32>,
    /// How it does at tasks; nothing before its first.
    #[serde(default)]
    pub tasks: Option<AgentTasksView>,
    /// Whether it is held in a sandbox: `require` or `off`; nothing when it cannot be started.
    #[serde(default)]
    pub sandbox: Option<String>,
}

/// All agents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentList {
    /// Those that can be started first.
    pub agents: Vec<AgentView>,
    /// What to do when there is none.
    pub hint: Option<String>,
}

/// An event of the journal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its place.
    pub seq: u64,
    /// The same as a cursor: `EPOCH-SEQ`.
    pub cursor: String,
    /// Its id.
    pub id: String,
    /// When (RFC 3339).
    pub at: String,
    /// `topic.verb` in the past tense.
    pub kind: String,
    /// What it is about.
    pub topic: String,
    /// Which one.
    pub subject: String,
    /// Who.
    pub actor: String,
    /// The event that led to it.
    pub cause: Option<String>,
    /// The first event of its chain.
    pub chain: String,
    /// Its depth in the chain.
    pub hop: u32,
    /// What exactly; `null` when it was erased.
    #[schema(value_type = Option<Object>)]
    pub body: Option<Value>,
    /// In one sentence for people.
    pub summary: String,
}

/// A page of the journal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JournalPage {
    /// In the order asked for.
    pub events: Vec<EventView>,
    /// Ask on from here, in the same direction.
    pub next: Option<u64>,
    /// The newest event.
    pub head: u64,
    /// The same as a cursor.
    pub cursor: String,
}

/// An event with what led to it and what followed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventDetail {
    /// The event.
    pub event: EventView,
    /// What led to it, oldest first.
    pub causes: Vec<EventView>,
    /// What it led to directly.
    pub effects: Vec<EventView>,
    /// Events of its whole chain, as far as counted.
    pub chain_size: usize,
}

/// Something that does not verify.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditProblem {
    /// Which event.
    pub seq: Option<u64>,
    /// Its id.
    pub id: Option<String>,
    /// Its kind.
    pub kind: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// What verifying the journal gave.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Whether all is as it was written.
    pub ok: bool,
    /// Events checked.
    pub events: u64,
    /// Seals checked.
    pub seals: u64,
    /// What is not.
    pub problems: Vec<AuditProblem>,
    /// The newest seal, to be kept elsewhere.
    pub newest_seal: String,
    /// When (RFC 3339).
    pub checked_at: String,
}

/// Something wrong in the configuration.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfigProblem {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// The key, with dots.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What is expected.
    pub expected: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// A configuration that was refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// Since when (RFC 3339).
    pub since: String,
    /// What is wrong.
    pub errors: Vec<ConfigProblem>,
}

/// The configuration in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfigView {
    /// The file; `null` when there is none.
    pub path: Option<String>,
    /// The effective values, secrets hidden.
    #[schema(value_type = Object)]
    pub values: Value,
    /// Set while the file is wrong; then the values are those of before.
    pub refused: Option<Refused>,
}

/// What a reload changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReloadView {
    /// Names of units.
    pub changed: Vec<String>,
}

/// Proof of who logs in: a link's code, or the token itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// From the link that `orkestra up` prints; good for one login.
    #[serde(default)]
    pub code: Option<String>,
    /// From `secrets/token` in the data folder.
    #[serde(default)]
    pub token: Option<String>,
}

/// A link that logs a browser in once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LinkView {
    /// The link.
    pub url: String,
}

/// How to go down.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownRequest {
    /// Units and runs go on without the daemon.
    #[serde(default)]
    pub keep_units: bool,
}

/// Which secrets are to be looked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretCheck {
    /// Only those of this unit, agent or job (`job:NAME`).
    #[serde(default)]
    pub of: Option<String>,
}

/// Which secrets of the configuration are there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SecretList {
    /// One for each reference.
    pub secrets: Vec<SecretView>,
}

/// One reference; its value is never told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// The unit, agent or job (`job:NAME`) that needs it.
    pub of: String,
    /// The variable it is for.
    pub variable: String,
    /// Where it should be.
    pub reference: String,
    /// Whether it is there.
    pub ok: bool,
    /// What is wrong, if anything is.
    pub why: Option<String>,
    /// What to do then.
    pub hint: Option<String>,
    /// It cannot be looked for: no password manager is installed.
    pub no_manager: bool,
    /// What a careful person would change.
    pub note: Option<String>,
}

/// A backup to make.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// An absolute path: the folder to make, or one that is there and takes it in. Without it, the
    /// backup is made in the data folder.
    #[serde(default)]
    pub out: Option<String>,
    /// How many are kept in the data folder; 10 unless said otherwise.
    #[serde(default)]
    pub keep: Option<usize>,
}

/// Backups, the newest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct BackupList {
    /// Those in the data folder.
    pub backups: Vec<BackupView>,
}

/// A whole backup.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BackupView {
    /// Where it is.
    pub path: String,
    /// When it was made.
    pub created_at: String,
    /// The program that made it.
    pub version: String,
    /// The schema of its database.
    pub schema: u32,
    /// Its epoch.
    pub epoch: u64,
    /// Its newest event.
    pub seq: u64,
    /// Its newest seal.
    pub seal: String,
    /// How many files it has.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
}
