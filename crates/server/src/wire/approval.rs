//! Questions and answers, on the wire.

use orkestra_core::approval::{self, Approval, Grant, Reason, State};
use orkestra_engine::Secrets;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A question to a person, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// Its id.
    pub id: String,
    /// The end of its id, for people.
    pub short: String,
    /// What is asked, in one line.
    pub what: String,
    /// `pending`, `approved`, `used`, `denied`, `expired`, `withdrawn`.
    pub state: String,
    /// The run that asks.
    pub run: String,
    /// The end of the run's id.
    pub run_short: String,
    /// Its agent.
    pub agent: String,
    /// The tool, in the vendor's words.
    pub tool: String,
    /// The arguments: exactly these are approved.
    #[schema(value_type = Object)]
    pub input: Value,
    /// The arguments as a text in which every character can be seen.
    pub text: String,
    /// Characters that cannot be seen, and how often they are in the arguments.
    pub hidden: BTreeMap<String, usize>,
    /// Where it would happen.
    pub cwd: String,
    /// The run's worktree.
    pub worktree: String,
    /// The hash of all that; who answers sends it back.
    pub hash: String,
    /// The same of questions that are the same apart from the worktree.
    pub group: String,
    /// Why it is asked.
    pub reasons: Vec<ReasonView>,
    /// It reaches the outer world.
    pub outward: bool,
    /// How far a yes may reach: `once`, `task`, `agent`, `rule`.
    pub scopes: Vec<String>,
    /// How many calls asked it.
    pub calls: usize,
    /// When it was asked (RFC 3339).
    pub asked_at: String,
    /// Until when it can be answered, or a yes can be used (RFC 3339).
    pub expires_at: String,
    /// When it was over (RFC 3339).
    pub ended_at: Option<String>,
    /// The answer.
    pub answer: Option<AnswerView>,
    /// The call that it let through.
    pub used_by: Option<String>,
}

/// One rule of the gate that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// The rule.
    pub rule: String,
    /// Why, in one sentence.
    pub reason: String,
    /// The part of the call that it is about, every character visible.
    pub part: String,
    /// That part's command; empty when it is none.
    pub head: String,
    /// It reaches the outer world.
    pub outward: bool,
}

/// A person's answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AnswerView {
    /// Who.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
    /// How far it reaches.
    pub scope: String,
    /// What they wrote to it.
    pub note: Option<String>,
}

/// Approvals, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovalList {
    /// The page.
    pub approvals: Vec<ApprovalView>,
    /// `before` of the next page.
    pub next: Option<String>,
    /// How many wait for a person.
    pub pending: u64,
}

/// One approval with what was asked like it before.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovalDetail {
    /// The question.
    #[serde(flatten)]
    pub approval: ApprovalView,
    /// The same question of other runs, waiting too; they can be answered together.
    pub together: Vec<String>,
    /// What was asked like it before, the newest first.
    pub history: Vec<ApprovalView>,
    /// Its equivalent on the command line.
    pub cli: String,
}

/// A yes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// The hash of what was seen.
    pub hash: String,
    /// `once` (without it), `task`, `agent`, `rule`.
    #[serde(default)]
    pub scope: Option<String>,
    /// For how long: `1h`.
    #[serde(default, rename = "for")]
    pub lasts: Option<String>,
    /// A word to it.
    #[serde(default)]
    pub note: Option<String>,
    /// Also to the same question of other runs.
    #[serde(default)]
    pub all: bool,
}

/// A no.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyRequest {
    /// The hash of what was seen.
    pub hash: String,
    /// Why; the agent is told.
    #[serde(default)]
    pub note: Option<String>,
    /// Also to the same question of other runs.
    #[serde(default)]
    pub all: bool,
}

/// What an answer changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// The approval that was answered, as it is now.
    pub approval: ApprovalView,
    /// Others that were answered with it.
    pub others: Vec<ApprovalView>,
}

/// A rule that a person made by a wider answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GateRuleView {
    /// Its id.
    pub id: String,
    /// The end of its id, for people.
    pub short: String,
    /// `task`, `agent`, `rule`.
    pub scope: String,
    /// What it allows.
    pub what: String,
    /// Only in this run.
    pub run: Option<String>,
    /// Only by this agent.
    pub agent: Option<String>,
    /// Who made it.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
    /// Until when it holds (RFC 3339).
    pub until: Option<String>,
    /// The question that it answered.
    pub approval: String,
}

/// Rules that people made and that hold.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GateRuleList {
    /// All of them.
    pub rules: Vec<GateRuleView>,
}

impl From<&Grant> for GateRuleView {
    fn from(grant: &Grant) -> Self {
        Self {
            id: grant.id.to_string(),
            short: grant.id.short(),
            scope: grant.scope.as_str().to_owned(),
            what: approval::visible(&grant.what),
            run: grant.run.map(|run| run.to_string()),
            agent: grant.agent.clone(),
            by: grant.by.clone(),
            at: grant.at.to_string(),
            until: grant.until.map(|until| until.to_string()),
            approval: grant.approval.to_string(),
        }
    }
}

fn reason_view(reason: &Reason, secrets: &Secrets) -> ReasonView {
    ReasonView {
        rule: reason.rule.clone(),
        reason: reason.reason.clone(),
        part: approval::visible(&secrets.redact(&reason.part)),
        head: reason.head.clone(),
        outward: reason.outward,
    }
}

impl ApprovalView {
    /// What a client is shown: known secrets are left out, what cannot be seen is made visible.
    pub(crate) fn new(approval: &Approval, secrets: &Secrets) -> Self {
        let mut input = approval.input.clone();
        secrets.redact_value(&mut input);
        let text = match &input {
            // A command is read as it is written.
            Value::Object(map) if map.get("command").is_some_and(Value::is_string) => {
                let command = map.get("command").and_then(Value::as_str).unwrap_or_default();
                let others: serde_json::Map<String, Value> = map
                    .iter()
                    .filter(|(key, _)| *key != "command")
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                let mut text = approval::visible(command);
                if !others.is_empty() {
                    text += &format!("\n\n{}", pretty(&Value::Object(others)));
                }
                text
            }
            other => pretty(other),
        };
        Self {
            id: approval.id.to_string(),
            short: approval.id.short(),
            what: approval::visible(&secrets.redact(&approval.what())),
            state: approval.state.as_str().to_owned(),
            run: approval.run.to_string(),
            run_short: approval.run.short(),
            agent: approval.agent.clone(),
            tool: approval.tool.clone(),
            text,
            hidden: approval::hidden_in(&approval.input),
            input,
            cwd: approval.cwd.clone(),
            worktree: approval.worktree.clone(),
            hash: approval.hash.clone(),
            group: approval.group.clone(),
            reasons: approval.reasons.iter().map(|reason| reason_view(reason, secrets)).collect(),
            outward: approval.is_outward(),
            scopes: match approval.state {
                State::Pending => approval.scopes(),
                _ => Vec::new(),
            }
            .iter()
            .map(|scope| scope.as_str().to_owned())
            .collect(),
            calls: approval.calls.len(),
            asked_at: approval.asked_at.to_string(),
            expires_at: approval.expires_at.to_string(),
            ended_at: approval.ended_at.map(|at| at.to_string()),
            answer: approval.answer.as_ref().map(|answer| AnswerView {
                by: answer.by.clone(),
                at: answer.at.to_string(),
                scope: answer.scope.as_str().to_owned(),
                note: answer.note.clone(),
            }),
            used_by: approval.used_by.clone(),
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(&approval::visible_value(value)).unwrap_or_default()
}

/// What an agent asks before a tool call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AskRequest {
    /// The tool, in the vendor's words.
    pub tool: String,
    /// The vendor's id of the call: the same call asked again is the same question.
    #[serde(default)]
    pub tool_id: String,
    /// The arguments.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: Value,
    /// Where it would happen; the worktree when it is not said.
    #[serde(default)]
    pub cwd: Option<String>,
    /// The vendor's hook event, when a hook asks.
    #[serde(default)]
    pub event: Option<String>,
}

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AskAnswer {
    /// `allow` or `deny`.
    pub decision: String,
    /// Why, in one sentence; the model may read it.
    pub reason: String,
    /// The approval by which it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
}

/// A call of a model that an agent is about to make.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExpenseRequest {
    /// The call: asked again it has its promise already.
    pub key: String,
    /// The model, in the vendor's words.
    pub model: String,
    /// Tokens that it is sent.
    pub input: u64,
    /// The most that it may answer, in tokens.
    pub output: u64,
}

/// A call of a model was made without anything to book.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExpenseOver {
    /// The call.
    pub key: String,
}

impl AskAnswer {
    /// Whether it may.
    pub fn allows(&self) -> bool {
        self.decision == "allow"
    }
}

/// Something that a vendor's hook tells.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HookRequest {
    /// The event: `SessionStart`, `PostToolUse`, …
    pub event: String,
    /// The tool, where there is one.
    #[serde(default)]
    pub tool: Option<String>,
    /// All that the vendor said.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub payload: Value,
}
