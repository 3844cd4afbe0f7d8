//! What is done with agents, on the wire.

use orkestra_core::agent_state::{AgentState, Pause};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An agent is to be held back.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentPause {
    /// For how long (`30m`, `2h`); without it until somebody resumes it.
    #[serde(default, rename = "for")]
    pub span: Option<String>,
    /// Why, in one sentence.
    #[serde(default)]
    pub why: Option<String>,
}

/// Why an agent gets no new work, and until when.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HoldView {
    /// Since when (RFC 3339).
    pub since: String,
    /// Until when (RFC 3339); without it until somebody resumes it.
    pub until: Option<String>,
    /// In one sentence.
    pub why: String,
    /// Who: `person:cli`, `daemon`.
    pub by: String,
}

impl From<&Pause> for HoldView {
    fn from(pause: &Pause) -> Self {
        Self {
            since: pause.since.to_string(),
            until: pause.until.map(|until| until.to_string()),
            why: pause.why.clone(),
            by: pause.by.clone(),
        }
    }
}

/// Whether an agent gets new work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentHeld {
    /// Its name.
    pub name: String,
    /// Why it gets none; nothing when it does.
    pub hold: Option<HoldView>,
}

impl AgentHeld {
    /// As it is at that time.
    pub fn at(state: &AgentState, at: jiff::Timestamp) -> Self {
        Self { name: state.name.clone(), hold: state.hold(at).map(HoldView::from) }
    }
}

/// A question to models' APIs.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentAsk {
    /// What they are asked; without it, whether they answer at all.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Which agents; without names all that are a model's API.
    #[serde(default)]
    pub agents: Vec<String>,
}

/// What they answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentAnswers {
    /// In the order of the names.
    pub answers: Vec<AgentAnswer>,
}

/// What one model answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentAnswer {
    /// The agent.
    pub agent: String,
    /// Its kind.
    pub kind: Option<String>,
    /// The model, as it names itself.
    pub model: Option<String>,
    /// Whether it answered.
    pub ok: bool,
    /// What it said.
    pub content: Option<String>,
    /// What that took.
    pub tokens: Option<AgentTokens>,
    /// How long it took in milliseconds, without waiting for its turn.
    pub duration_ms: u64,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The HTTP status of the API, if there was one.
    pub status: Option<u16>,
}

/// Tokens in four disjoint classes, and their sum.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentTokens {
    /// Input that came from no cache and went into none.
    pub fresh_input: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the cache.
    pub cache_write: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// All of them.
    pub total: u64,
}

impl From<orkestra_engine::Asked> for AgentAnswer {
    fn from(asked: orkestra_engine::Asked) -> Self {
        let tokens = asked.usage.map(|usage| AgentTokens {
            fresh_input: usage.fresh_input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
            total: usage
                .fresh_input
                .saturating_add(usage.cache_read)
                .saturating_add(usage.cache_write)
                .saturating_add(usage.output),
        });
        Self {
            ok: asked.error.is_none(),
            agent: asked.agent,
            kind: asked.kind.map(|kind| kind.to_string()),
            model: asked.model,
            content: asked.content,
            tokens,
            duration_ms: u64::try_from(asked.duration.as_millis()).unwrap_or(u64::MAX),
            error: asked.error,
            status: asked.status,
        }
    }
}

/// What is known of one agent after its program was looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentFactsView {
    /// Its name.
    pub name: String,
    /// `claude`, `codex`, `gemini`, `script` …
    pub kind: String,
    /// Where its program lies.
    pub program: String,
    /// Whether it is configured, and not only installed.
    pub configured: bool,
    /// The model to ask for.
    pub model: Option<String>,
    /// What its program says of its version.
    pub version: Option<String>,
    /// Why it says none.
    pub version_problem: Option<String>,
    /// The version with which this kind was measured.
    pub measured_with: Option<String>,
    /// Whether it has a key or a login, as far as can be seen without a call; nothing when it
    /// needs none.
    pub login: Option<LoginView>,
    /// What it can do: `stream`, `usage`, `cost`, `resume`, `hooks` (it can be stopped before a
    /// tool call), `retries` (it tells of them as they happen), and what its manifest says.
    pub abilities: Vec<String>,
    /// Why it gets no new work now; nothing when it does.
    pub hold: Option<HoldView>,
    /// What it is good at.
    #[serde(default)]
    pub strengths: Vec<String>,
    /// Tasks that it has at once at most; nothing for no limit of its own.
    #[serde(default)]
    pub parallel: Option<u32>,
    /// How it does at tasks; nothing before its first.
    #[serde(default)]
    pub tasks: Option<AgentTasksView>,
}

/// How an agent does at tasks.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct AgentTasksView {
    /// Its circuit breaker: `closed`, `open` (it gets no task), `half_open` (it gets one).
    pub breaker: String,
    /// Failures in a row.
    pub failures: u32,
    /// Until when the breaker is open (RFC 3339).
    pub open_until: Option<String>,
    /// The last failure of that row, in words.
    pub why: Option<String>,
    /// Runs at tasks in the last 24 hours.
    pub runs: u64,
    /// Those of them that were not verified.
    pub bad: u64,
    /// Their share, in percent.
    pub bad_percent: f64,
    /// By that share: `healthy`, `degraded` (over 10 %), `unhealthy` (over 30 %), `critical` (over
    /// 50 %), `unknown` without any.
    pub health: String,
    /// How all its runs ended, by kind of task.
    pub records: Vec<RecordView>,
}

/// How runs of an agent at one kind of task ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// The kind of task.
    pub kind: String,
    /// What it did stood up to the checks.
    pub verified: u64,
    /// It said that it was done, and a check or a review disagreed.
    pub refuted: u64,
    /// It did not come to an end.
    pub failed: u64,
    /// The share of verified ones, smoothed by one good and one bad one, from 0 to 1.
    pub rate: f64,
}

impl From<&orkestra_engine::WorkFacts> for AgentTasksView {
    fn from(facts: &orkestra_engine::WorkFacts) -> Self {
        let lately = facts.lately();
        let bad = lately.refuted.saturating_add(lately.failed);
        let share = if lately.all() == 0 { 0.0 } else { bad as f64 / lately.all() as f64 };
        let kinds = facts.records.iter().filter(|(kind, _)| !kind.is_empty());
        Self {
            breaker: facts.breaker.word().to_owned(),
            failures: facts.breaker.failures,
            open_until: facts.breaker.open_until().map(|until| until.to_string()),
            why: facts.breaker.why.clone(),
            runs: lately.all(),
            bad,
            bad_percent: (share * 1000.0).round() / 10.0,
            health: facts.health().to_owned(),
            records: kinds
                .map(|(kind, record)| RecordView {
                    kind: kind.clone(),
                    verified: record.verified,
                    refuted: record.refuted,
                    failed: record.failed,
                    rate: (record.rate() * 1000.0).round() / 1000.0,
                })
                .collect(),
        }
    }
}

/// Whether an agent has a key or a login.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginView {
    /// Whether something was found.
    pub found: bool,
    /// What was found, or what to do.
    pub what: String,
}

/// What a real call of an agent showed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentProbe {
    /// Its name.
    pub name: String,
    /// Whether it answered.
    pub ok: bool,
    /// What it answered.
    pub answer: String,
    /// What went wrong.
    pub error: Option<String>,
    /// What that is called, when it is known: `AUTH_REQUIRED`, `RATE_LIMITED` …
    pub issue: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Tokens, all models together.
    pub usage: super::UsageView,
}
