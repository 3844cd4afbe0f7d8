//! Wire types about the life of runs: attempts, limits, what a run waits for.

use orkestra_core::run::{Attempt, Instruction, Run, RunState, Wait};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One life of a run's agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// Why it was begun: `first`, `resumed`, `instructed`, `recovered`, `retried`.
    pub begun: String,
    /// The pattern that was recovered from, or what broke the one before off.
    pub because: Option<String>,
    /// The vendor's id of the conversation.
    pub session_id: String,
    /// Whether the vendor was asked to go on with that conversation.
    pub resume: bool,
    /// When its process started (RFC 3339).
    pub started_at: Option<String>,
    /// When it had ended (RFC 3339).
    pub ended_at: Option<String>,
    /// Events of its stream.
    pub events: u64,
    /// Tokens of all classes.
    pub tokens: u64,
    /// What went wrong, if that was recognised: `rate_limit`, `unavailable`, `broken`, `stalled`,
    /// `permission`, `session_lost`, `login`, `quota`, `other`.
    pub fault: Option<String>,
    /// The vendor's words about it.
    pub words: Option<String>,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub exit_signal: Option<i32>,
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        use orkestra_core::run::Begun;
        let because = match &attempt.begun {
            Begun::First | Begun::Resumed | Begun::Instructed => None,
            Begun::Recovered { pattern } => Some(pattern.clone()),
            Begun::Retried { fault } => Some(fault.word().to_owned()),
        };
        let trouble = attempt.trouble.as_ref();
        Self {
            number: attempt.number,
            begun: attempt.begun.word().to_owned(),
            because,
            session_id: attempt.session_id.clone(),
            resume: attempt.resume,
            started_at: attempt.started_at.map(|at| at.to_string()),
            ended_at: attempt.ended_at.map(|at| at.to_string()),
            events: attempt.events,
            tokens: attempt.tokens,
            fault: trouble.map(|trouble| trouble.fault.word().to_owned()),
            words: trouble.map(|trouble| trouble.words.clone()),
            exit_code: attempt.exit.as_ref().and_then(|exit| exit.code),
            exit_signal: attempt.exit.as_ref().and_then(|exit| exit.signal),
        }
    }
}

/// For what a run waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WaitView {
    /// `approvals`, `time`, `person`, `agent`, `budget`, `resume`.
    #[serde(rename = "for")]
    pub waits_for: String,
    /// Until when (RFC 3339), where that is known.
    pub until: Option<String>,
    /// In one sentence.
    pub why: String,
    /// What a person may answer; empty when the wait is not for a person.
    pub answers: Vec<String>,
}

impl WaitView {
    /// Of a run that is suspended.
    pub(crate) fn of(run: &Run) -> Option<Self> {
        let RunState::Suspended { wait } = &run.state else { return None };
        let until = match wait {
            Wait::Until { at, .. } => Some(at.to_string()),
            Wait::Agent { until, .. } => until.map(|at| at.to_string()),
            Wait::Approvals | Wait::Person { .. } | Wait::Budget { .. } => None,
            Wait::Resume | Wait::Daemon => None,
        };
        let answers: &[&str] = match wait {
            Wait::Person { .. } => &["retry", "fixed", "abort"],
            _ => &[],
        };
        Some(Self {
            waits_for: wait.word().to_owned(),
            until,
            why: wait.why(),
            answers: answers.iter().map(|word| (*word).to_owned()).collect(),
        })
    }
}

/// What a run may use.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RunLimitsView {
    /// Working time, in milliseconds; pauses and waits do not count.
    pub time_ms: u64,
    /// Working time so far, in milliseconds.
    pub worked_ms: u64,
    /// Memory of all its processes, in bytes.
    pub memory: u64,
    /// Tokens of all classes.
    pub tokens: Option<u64>,
    /// What an attempt may print, in bytes.
    pub output: u64,
    /// Silence after which somebody is told, in milliseconds.
    pub silence_ms: u64,
    /// Silence behind a tool's result after which the agent is started anew, in milliseconds.
    pub stall_ms: u64,
}

impl RunLimitsView {
    pub(crate) fn of(run: &Run, now: jiff::Timestamp) -> Self {
        let limits = run.limits;
        Self {
            time_ms: limits.runtime_ms,
            worked_ms: run.worked_ms(now),
            memory: limits.memory,
            tokens: limits.tokens,
            output: limits.output,
            silence_ms: limits.silence_ms,
            stall_ms: limits.stall_ms,
        }
    }
}

/// Limits of a new run; they come before those of its agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RunLimitsRequest {
    /// Working time, in milliseconds.
    #[serde(default)]
    pub time_ms: Option<u64>,
    /// Memory of all its processes, in bytes.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Tokens of all classes.
    #[serde(default)]
    pub tokens: Option<u64>,
}

/// A tool call that the gate denied.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ViolationView {
    /// Its place in the journal.
    pub seq: u64,
    /// When (RFC 3339).
    pub at: String,
    /// The rule.
    pub rule: String,
    /// Why, in one sentence.
    pub reason: String,
    /// What the agent wanted.
    pub command: String,
}

/// More that a run is told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunInstructRequest {
    /// What its agent is told.
    pub text: String,
    /// The same key twice is one instruction; without it each request is one.
    #[serde(default)]
    pub key: Option<String>,
}

/// Something that a run was told after its prompt.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InstructionView {
    /// Its key.
    pub key: String,
    /// What its agent is told.
    pub text: String,
    /// Who told it.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
    /// The first attempt that was given it; none while it waits.
    pub attempt: Option<u32>,
    /// Whether an attempt that had it came to a regular end.
    pub done: bool,
}

impl From<&Instruction> for InstructionView {
    fn from(instruction: &Instruction) -> Self {
        Self {
            key: instruction.key.clone(),
            text: instruction.text.clone(),
            by: instruction.by.clone(),
            at: instruction.at.to_string(),
            attempt: instruction.attempt,
            done: instruction.done,
        }
    }
}

/// A person's answer to a run that asks what to do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunAnswerRequest {
    /// `retry`, `fixed`, `abort`.
    pub answer: String,
}
