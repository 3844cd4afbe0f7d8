//! What an agent does, in one vocabulary for all vendors (DESIGN: agents, tasks, decisions).
//!
//! The adapters of `orkestra-agents` turn each vendor's stream into these events. An event becomes
//! the body of one line of the journal, and [`AgentEvent::kind`] becomes that line's kind. Token
//! deltas are not events: they stay in the run's raw stream.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that an agent did or said.
///
/// As JSON it is one object whose `type` is the variant in snake case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentEvent {
    /// The agent program is up and has told who it is.
    Started {
        /// The vendor's session id, with which the conversation can be resumed.
        session_id: Option<String>,
        /// The model that answers, in the vendor's words.
        model: Option<String>,
        /// The version of the agent program.
        version: Option<String>,
        /// How many tools the model is offered.
        tools: Option<u32>,
    },
    /// The agent said something to its reader.
    Text {
        /// What it said, whole.
        text: String,
        /// The tool call of the main agent under which a subagent said it.
        parent: Option<String>,
    },
    /// The model's reasoning, where the vendor shows it.
    Thinking {
        /// The reasoning; empty when the vendor only tells that there was some.
        text: String,
        /// The tool call of the main agent under which a subagent thought it.
        parent: Option<String>,
    },
    /// The agent's plan as it stands now; it replaces the earlier one.
    Plan {
        /// The steps in their order.
        items: Vec<PlanItem>,
    },
    /// The agent calls a tool.
    ToolCall {
        /// The vendor's id of the call; the result names it again.
        id: String,
        /// The tool's name in the vendor's words.
        name: String,
        /// The arguments.
        input: Value,
        /// The tool call of the main agent under which a subagent made it.
        parent: Option<String>,
    },
    /// A tool answered.
    ToolResult {
        /// The id of the call.
        id: String,
        /// The answer as text; pictures are replaced by a note of their kind and size.
        output: String,
        /// Whether the tool failed or was refused.
        is_error: bool,
        /// The tool call of the main agent under which a subagent called the tool.
        parent: Option<String>,
    },
    /// A file was changed, by the agent's own word. Changes made by shell commands are not here:
    /// only the worktree's diff knows all.
    FileChange {
        /// The file in the agent's words, mostly an absolute path.
        path: String,
        /// What happened to it.
        change: FileChange,
        /// The tool call that did it.
        tool_id: Option<String>,
    },
    /// The agent waits until somebody allows or denies a tool call.
    PermissionRequest {
        /// The vendor's id of the request; the answer must name it.
        id: String,
        /// The tool's name.
        tool: String,
        /// The tool call that waits.
        tool_id: Option<String>,
        /// The arguments that would be used: exactly these are approved or denied.
        input: Value,
        /// Why it must be asked, in the vendor's words.
        reason: Option<String>,
    },
    /// The agent program itself refused a tool call; the model goes on without it.
    PermissionDenied(Denial),
    /// Tokens and money used since the last usage event of the same model: the sum over a run's
    /// usage events is the run's usage.
    Usage(Usage),
    /// The model's API was called once, with or without success. Only agents tell this that call
    /// it through our bridge.
    Call(ModelCall),
    /// A step was reached, by the agent's own word.
    Milestone {
        /// Which step.
        text: String,
        /// How far the whole work is, 0 to 100.
        progress: Option<f64>,
        /// The file it is about.
        file: Option<String>,
    },
    /// How far the work is, by the agent's own word.
    Progress {
        /// What it is doing.
        text: String,
        /// How far the whole work is, 0 to 100.
        progress: Option<f64>,
        /// The file it is about.
        file: Option<String>,
    },
    /// Something keeps the agent from going on, by its own word. Only a line of its own says so,
    /// never a word inside a text.
    Blocker {
        /// What it is.
        text: String,
        /// The file it is about.
        file: Option<String>,
    },
    /// The agent found something that others should know.
    Finding {
        /// What it found.
        text: String,
        /// How bad it is, in the agent's words.
        severity: Option<String>,
        /// The file it is about.
        file: Option<String>,
    },
    /// The agent asks that others look at its work.
    ReviewRequest {
        /// What they should look at.
        text: String,
        /// The file it is about.
        file: Option<String>,
    },
    /// The agent asks a person.
    Question {
        /// The question.
        text: String,
        /// The answers it offers; empty for a free answer.
        options: Vec<String>,
    },
    /// A request to the model failed and will be repeated by the agent program.
    Retry {
        /// Which attempt failed, from 1.
        attempt: u32,
        /// After how many the agent program gives up.
        max_attempts: Option<u32>,
        /// Waiting time before the next attempt, in milliseconds.
        delay_ms: Option<u64>,
        /// The HTTP status of the model's API.
        status: Option<u16>,
        /// The vendor's word for the fault, for example `rate_limit`.
        error: String,
    },
    /// Something failed, but the stream goes on; whether the run failed is told by `ended`.
    Error {
        /// What failed.
        message: String,
        /// The HTTP status of the model's API.
        status: Option<u16>,
    },
    /// Something a person should see, but no failure.
    Warning {
        /// What it is.
        message: String,
    },
    /// A line or a part of one that the adapter does not understand; the raw stream has it whole.
    Raw {
        /// Why it is here.
        reason: RawReason,
        /// What exactly was not understood: the unknown type, or the parser's message.
        detail: String,
        /// The beginning, at most 2,048 bytes, with bytes that are no UTF-8 replaced.
        preview: String,
        /// The whole size in bytes.
        bytes: u64,
    },
    /// The agent is done or dead: exactly one per run, and its last event.
    Ended(Ended),
}

impl AgentEvent {
    /// The kind of its line in the journal.
    ///
    /// The first and the last are `run.agent_started` and `run.agent_ended`, since a run as a
    /// whole starts before and ends after its agent program.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "run.agent_started",
            Self::Text { .. } => "run.text",
            Self::Thinking { .. } => "run.thinking",
            Self::Plan { .. } => "run.plan",
            Self::ToolCall { .. } => "run.tool_call",
            Self::ToolResult { .. } => "run.tool_result",
            Self::FileChange { .. } => "run.file_change",
            Self::PermissionRequest { .. } => "run.permission_request",
            Self::PermissionDenied(_) => "run.permission_denied",
            Self::Usage(_) => "run.usage",
            Self::Call(_) => "run.model_call",
            Self::Milestone { .. } => "run.milestone",
            Self::Progress { .. } => "run.progress",
            Self::Blocker { .. } => "run.blocker",
            Self::Finding { .. } => "run.finding",
            Self::ReviewRequest { .. } => "run.review_request",
            Self::Question { .. } => "run.question",
            Self::Retry { .. } => "run.retry",
            Self::Error { .. } => "run.error",
            Self::Warning { .. } => "run.warning",
            Self::Raw { .. } => "run.raw",
            Self::Ended(_) => "run.agent_ended",
        }
    }
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanItem {
    /// What is to be done.
    pub text: String,
    /// How far it is.
    pub status: PlanStatus,
}

/// How far a step of a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Not begun.
    Pending,
    /// Being worked on.
    InProgress,
    /// Finished, by the agent's own word.
    Completed,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It did not exist before.
    Created,
    /// It existed and has other content now.
    Modified,
    /// It is gone.
    Deleted,
    /// Created or modified: the agent did not say which.
    Written,
}

/// A tool call that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Denial {
    /// The tool's name.
    pub tool: String,
    /// The id of the tool call.
    pub tool_id: Option<String>,
    /// The arguments, where known.
    pub input: Value,
    /// What the model was told.
    pub message: Option<String>,
}

/// Tokens in four disjoint classes: none is part of another, so their sum is all tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// The model that used them.
    pub model: Option<String>,
    /// Input tokens that came from no cache and went into none.
    pub fresh_input: u64,
    /// Input tokens read from the vendor's prompt cache.
    pub cache_read: u64,
    /// Input tokens written to the vendor's prompt cache.
    pub cache_write: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The price in US dollars as the agent program reckons it.
    pub cost_usd: Option<f64>,
}

/// One call of a model's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCall {
    /// The model that was asked.
    pub model: Option<String>,
    /// Whether there was a whole answer.
    pub ok: bool,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// How long it took, in milliseconds; waiting for its turn is not part of it.
    pub ms: u64,
    /// All tokens that it used, read ones and written ones together.
    #[serde(default)]
    pub tokens: u64,
    /// What was wrong, in one word: `refused`, `rate_limit`, `server_error`, `timeout`,
    /// `broken_answer`.
    pub error: Option<String>,
}

/// How an agent's work ended, by its own word or, when it died without one, by its exit status.
///
/// `ok` is a claim, not a proof: checks decide whether the work is done (DESIGN: agents, tasks).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Whether the agent says that it came to a regular end. A refused tool call leaves it true,
    /// so look at `denials` too.
    pub ok: bool,
    /// The agent's last words; they repeat its last text.
    pub summary: String,
    /// What went wrong, when `ok` is false.
    pub error: Option<String>,
    /// Why it stopped, in the vendor's words.
    pub stop_reason: Option<String>,
    /// The HTTP status of the model's API, when that was the reason (429: the agent must pause).
    pub api_status: Option<u16>,
    /// Every tool call that was refused.
    pub denials: Vec<Denial>,
    /// How many times the model answered.
    pub turns: Option<u32>,
    /// How long it took by the agent's own clock, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// Why something is kept raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawReason {
    /// Not readable at all: broken JSON, or a required field is missing.
    Malformed,
    /// Readable, but of a type that this version does not know.
    Unknown,
    /// Longer than the longest line that is read.
    Oversized,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_event_is_one_flat_object_with_its_type_and_comes_back_the_same() {
        let usage = Usage {
            model: Some("m".into()),
            fresh_input: 1,
            cache_read: 2,
            cache_write: 3,
            output: 4,
            cost_usd: Some(0.5),
        };
        let denial = Denial {
            tool: "Write".into(),
            tool_id: None,
            input: json!({"path": "a"}),
            message: Some("no".into()),
        };
        let ended = Ended { ok: true, denials: vec![denial.clone()], ..Ended::default() };
        let cases = [
            (AgentEvent::Text { text: "hi".into(), parent: None }, "text", "run.text"),
            (AgentEvent::Usage(usage), "usage", "run.usage"),
            (AgentEvent::PermissionDenied(denial), "permission_denied", "run.permission_denied"),
            (AgentEvent::Ended(ended), "ended", "run.agent_ended"),
        ];
        for (event, word, kind) in cases {
            let value = serde_json::to_value(&event).unwrap();
            assert_eq!(value["type"], word);
            assert_eq!(event.kind(), kind);
            assert_eq!(serde_json::from_value::<AgentEvent>(value).unwrap(), event);
        }
    }
}
