//! Claude Code, headless: `claude -p --output-format stream-json --verbose`.
//!
//! The prompt goes to the standard input, so that its length has no limit and it is not seen in
//! the list of processes. What is peculiar about the stream (measured with 2.1.329):
//!
//! - the order of keys means nothing; `type` of the last line comes late;
//! - one `assistant` line per content block, all with the same message id, and each with a
//!   snapshot of the usage, which must not be added up: only `modelUsage` of the result counts;
//! - a failure of the API is a result with subtype `success` and `is_error` true;
//! - a refused tool is a plain success with exit code 0; only `permission_denials` tells;
//! - `result` repeats the last text, so it becomes the summary and not a text;
//! - subagents run beside the main one: a run may have several results, written together at its
//!   end, and the last one tells how it went.

mod usage;

use self::usage::Ledger;
use crate::ending::Ending;
use crate::event::{self, number, number_32, status, text};
use crate::script::plan_status;
use crate::{Adapter, AgentSpec, Begin, Counts, ProcessExit, RunRequest};
use orkestra_core::agent::{AgentEvent, Denial, Ended, FileChange, PlanItem, RawReason};
use serde_json::Value;
use std::collections::HashMap;

/// Inherited variables that would make Claude Code believe that it runs inside another one.
pub const ENV_REMOVE: [&str; 2] = ["CLAUDECODE", "CLAUDE_CODE_*"];

/// Those of them that are the operator's own settings: how to log in and where the models are.
pub const ENV_KEEP: [&str; 10] = [
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_CLIENT_CERT",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
    "CLAUDE_CODE_MAX_RETRIES",
];

/// Variables set to `1`: no telemetry, and no new version in the middle of a run.
pub const ENV_SWITCHES: [&str; 2] =
    ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER"];

/// The arguments between the program and the user's own.
pub(crate) fn arguments(spec: &AgentSpec, run: &RunRequest) -> Vec<String> {
    // With our hook, what the hook allows is allowed; without it, edits are.
    let usual = if run.hook.is_some() { "default" } else { "acceptEdits" };
    let mode = spec.permission_mode.as_deref().unwrap_or(usual);
    let session = run.session_id.to_string();
    let mut arguments: Vec<String> =
        ["-p", "--output-format", "stream-json", "--verbose"].map(str::to_owned).to_vec();
    let mut add = |list: [&str; 2]| arguments.extend(list.map(str::to_owned));
    match &run.resume {
        Some(id) => add(["--resume", id]),
        None => add(["--session-id", &session]),
    }
    add(["--permission-mode", mode]);
    for dir in &run.add_dirs {
        add(["--add-dir", &dir.to_string_lossy()]);
    }
    if let Some(model) = &spec.model {
        add(["--model", model]);
    }
    arguments
}

/// Reads the stream of Claude Code.
#[derive(Debug, Default)]
pub struct Claude {
    counts: Counts,
    session: Option<String>,
    model: Option<String>,
    /// Tool calls that have no result yet.
    calls: HashMap<String, Call>,
    denials: Vec<Denial>,
    ledger: Ledger,
    ending: Ending,
}

#[derive(Debug)]
struct Call {
    name: String,
    input: Value,
}

impl Adapter for Claude {
    fn begin(&mut self, begin: Begin) {
        self.ledger = Ledger::after(begin.used);
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        event::json_line(self, line, Self::object)
    }

    fn finish(&mut self, exit: ProcessExit, stderr_tail: &str) -> Vec<AgentEvent> {
        let denials = std::mem::take(&mut self.denials);
        self.ending.finish(exit, stderr_tail, || Ended { ok: false, denials, ..Ended::default() })
    }

    fn reported(&self) -> Option<&Ended> {
        self.ending.said()
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }
}

impl Claude {
    fn object(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let word = value.get("type").and_then(Value::as_str).unwrap_or_default();
        match word {
            "system" => self.system(value, line),
            "assistant" => self.assistant(value, line),
            "user" => self.user(value, line),
            "result" => self.result(value),
            "control_request" => control_request(value, line),
            "rate_limit_event" => self.rate_limit(value),
            "stream_event" => {
                self.counts.deltas += 1;
                Vec::new()
            }
            "control_response" | "keep_alive" => self.ignore(),
            _ => vec![unknown(&format!("type {word:?}"), line)],
        }
    }

    fn ignore(&mut self) -> Vec<AgentEvent> {
        self.counts.ignored += 1;
        Vec::new()
    }

    fn system(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let word = value.get("subtype").and_then(Value::as_str).unwrap_or_default();
        match word {
            "init" => self.init(value),
            "permission_denied" => {
                let tool_id = text(value, "tool_use_id");
                let call = tool_id.as_ref().and_then(|id| self.calls.get(id));
                let denial = Denial {
                    tool: text(value, "tool_name").unwrap_or_default(),
                    input: call.map_or(Value::Null, |call| call.input.clone()),
                    message: text(value, "message").or_else(|| text(value, "decision_reason")),
                    tool_id,
                };
                self.denials.push(denial.clone());
                vec![AgentEvent::PermissionDenied(denial)]
            }
            "api_retry" => vec![AgentEvent::Retry {
                attempt: number_32(value, "attempt").unwrap_or(0),
                max_attempts: number_32(value, "max_retries"),
                delay_ms: number(value, "retry_delay_ms"),
                status: status(value, "error_status"),
                error: text(value, "error").unwrap_or_else(|| "unknown".to_owned()),
            }],
            "compact_boundary" => {
                let message = "the conversation was too long and has been summarised".to_owned();
                vec![AgentEvent::Warning { message }]
            }
            // Progress of the CLI itself; the tool call and its result tell the same.
            "status"
            | "task_started"
            | "task_progress"
            | "task_updated"
            | "task_notification"
            | "background_tasks_changed" => self.ignore(),
            "thinking_tokens" => {
                self.counts.deltas += 1;
                Vec::new()
            }
            _ => vec![unknown(&format!("system subtype {word:?}"), line)],
        }
    }

    fn init(&mut self, value: &Value) -> Vec<AgentEvent> {
        let session_id = text(value, "session_id");
        let again = self.session.is_some() && self.session == session_id;
        self.session.clone_from(&session_id);
        self.model = text(value, "model");
        if again {
            // The CLI repeats it for each further turn of the same session.
            return self.ignore();
        }
        let tools = value.get("tools").and_then(Value::as_array);
        vec![AgentEvent::Started {
            session_id,
            model: self.model.clone(),
            version: text(value, "claude_code_version"),
            tools: tools.map(|tools| u32::try_from(tools.len()).unwrap_or(u32::MAX)),
        }]
    }

    fn rate_limit(&mut self, value: &Value) -> Vec<AgentEvent> {
        let info = value.get("rate_limit_info").unwrap_or(&Value::Null);
        let status = info.get("status").and_then(Value::as_str).unwrap_or("unknown");
        if status == "allowed" {
            return self.ignore();
        }
        let which = text(info, "rateLimitType").unwrap_or_else(|| "unknown".to_owned());
        let message = format!("the subscription's rate limit {which}: {status}");
        vec![AgentEvent::Warning { message }]
    }

    fn assistant(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let parent = text(value, "parent_tool_use_id");
        let failed = value.get("is_api_error_message").and_then(Value::as_bool) == Some(true)
            || value.get("error").is_some_and(Value::is_string);
        let blocks = blocks(value);
        if blocks.is_empty() {
            return vec![event::raw(
                RawReason::Unknown,
                "an assistant message without content",
                line,
            )];
        }
        let mut events = Vec::new();
        for block in &blocks {
            match block.get("type").and_then(Value::as_str).unwrap_or_default() {
                "text" if failed => events.push(AgentEvent::Error {
                    message: text(block, "text").unwrap_or_default(),
                    status: status(value, "api_error_status"),
                }),
                "text" => {
                    let text = text(block, "text").unwrap_or_default();
                    let reports = event::reports_in(&text);
                    events.push(AgentEvent::Text { text, parent: parent.clone() });
                    events.extend(reports);
                }
                "thinking" => events.push(AgentEvent::Thinking {
                    text: text(block, "thinking").unwrap_or_default(),
                    parent: parent.clone(),
                }),
                "redacted_thinking" => events
                    .push(AgentEvent::Thinking { text: String::new(), parent: parent.clone() }),
                "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                    events.extend(self.tool_use(block, parent.as_ref()));
                }
                word if word.ends_with("_tool_result") => {
                    events.extend(self.tool_result(block, None, parent.as_ref()));
                }
                word => events.push(unknown_block(word, block)),
            }
        }
        events
    }

    fn tool_use(&mut self, block: &Value, parent: Option<&String>) -> Vec<AgentEvent> {
        let id = text(block, "id").unwrap_or_default();
        let name = text(block, "name").unwrap_or_default();
        let input = block.get("input").cloned().unwrap_or(Value::Null);
        let mut events = vec![AgentEvent::ToolCall {
            id: id.clone(),
            name: name.clone(),
            input: input.clone(),
            parent: parent.cloned(),
        }];
        match name.as_str() {
            "TodoWrite" => events.extend(plan(&input)),
            "AskUserQuestion" => events.extend(questions(&input)),
            _ => {}
        }
        self.calls.insert(id, Call { name, input });
        events
    }

    fn user(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let parent = text(value, "parent_tool_use_id");
        let blocks = blocks(value);
        let mut events = Vec::new();
        for block in &blocks {
            match block.get("type").and_then(Value::as_str).unwrap_or_default() {
                "tool_result" => {
                    // The details stand beside the message and belong to its only block.
                    let details = value.get("tool_use_result").filter(|_| blocks.len() == 1);
                    events.extend(self.tool_result(block, details, parent.as_ref()));
                }
                "text" if interruption(block).is_some() => {
                    let message = interruption(block).unwrap_or_default();
                    events.push(AgentEvent::Warning { message });
                }
                // The prompt of a subagent or a note of the CLI.
                word => events.push(unknown_block(&format!("user {word}"), block)),
            }
        }
        if events.is_empty() {
            events.push(event::raw(RawReason::Unknown, "a user message without content", line));
        }
        events
    }

    fn tool_result(
        &mut self,
        block: &Value,
        details: Option<&Value>,
        parent: Option<&String>,
    ) -> Vec<AgentEvent> {
        let id = text(block, "tool_use_id").unwrap_or_default();
        let is_error = block.get("is_error").and_then(Value::as_bool).unwrap_or(false);
        let output = content_text(block.get("content").unwrap_or(&Value::Null));
        let call = self.calls.remove(&id);
        let change = call
            .filter(|_| !is_error)
            .and_then(|call| file_change(&call, details.unwrap_or(&Value::Null), &id));
        let mut events =
            vec![AgentEvent::ToolResult { id, output, is_error, parent: parent.cloned() }];
        events.extend(change);
        events
    }

    fn result(&mut self, value: &Value) -> Vec<AgentEvent> {
        self.counts.ended += 1;
        let mut events: Vec<_> = self
            .ledger
            .take(value, self.model.as_ref())
            .into_iter()
            .map(AgentEvent::Usage)
            .collect();
        let ended = self.outcome(value);
        events.extend(self.ending.say(ended));
        events
    }

    fn outcome(&mut self, value: &Value) -> Ended {
        let subtype = text(value, "subtype").unwrap_or_default();
        let is_error = value.get("is_error").and_then(Value::as_bool).unwrap_or(false);
        let ok = subtype == "success" && !is_error;
        let summary = text(value, "result").unwrap_or_default();
        let errors = value.get("errors").and_then(Value::as_array).into_iter().flatten();
        let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
        let reason = text(value, "terminal_reason").filter(|word| word != "completed");
        let aborted = reason.as_ref().filter(|word| word.starts_with("aborted"));
        let error = match (aborted, errors.is_empty(), summary.is_empty()) {
            _ if ok => None,
            (Some(reason), _, _) => Some(format!("the agent was interrupted ({reason})")),
            (None, false, _) => Some(errors.join("; ")),
            (None, true, false) => Some(summary.clone()),
            (None, true, true) => Some(format!("the agent ended with {subtype:?}")),
        };
        let stop_reason = reason.or_else(|| Some(subtype).filter(|word| word != "success"));
        Ended {
            ok,
            summary,
            error,
            stop_reason: stop_reason.or_else(|| text(value, "stop_reason")),
            api_status: status(value, "api_error_status"),
            denials: self.all_denials(value),
            turns: number_32(value, "num_turns"),
            duration_ms: number(value, "duration_ms"),
        }
    }

    /// The result's denials, with the messages of the earlier notices, and the notices that the
    /// result forgot.
    fn all_denials(&mut self, value: &Value) -> Vec<Denial> {
        let mut noticed = std::mem::take(&mut self.denials);
        let list = value.get("permission_denials").and_then(Value::as_array);
        let mut denials: Vec<Denial> = Vec::new();
        for item in list.into_iter().flatten() {
            let tool_id = text(item, "tool_use_id");
            let same = noticed.iter().position(|notice| notice.tool_id == tool_id);
            let notice = same.map(|place| noticed.remove(place));
            denials.push(Denial {
                tool: text(item, "tool_name").unwrap_or_default(),
                tool_id,
                input: item.get("tool_input").cloned().unwrap_or(Value::Null),
                message: notice.and_then(|notice| notice.message),
            });
        }
        denials.extend(noticed);
        denials
    }
}

/// What the CLI writes into the conversation when it is stopped.
fn interruption(block: &Value) -> Option<String> {
    text(block, "text").filter(|text| text.starts_with("[Request interrupted"))
}

fn control_request(value: &Value, line: &[u8]) -> Vec<AgentEvent> {
    let request = value.get("request").unwrap_or(&Value::Null);
    let word = request.get("subtype").and_then(Value::as_str).unwrap_or_default();
    if word != "can_use_tool" {
        return vec![unknown(&format!("control request {word:?}"), line)];
    }
    vec![AgentEvent::PermissionRequest {
        id: text(value, "request_id").unwrap_or_default(),
        tool: text(request, "tool_name").unwrap_or_default(),
        tool_id: text(request, "tool_use_id"),
        input: request.get("input").cloned().unwrap_or(Value::Null),
        reason: text(request, "decision_reason").or_else(|| text(request, "description")),
    }]
}

/// The content of a message as blocks; a plain string is one text block.
fn blocks(value: &Value) -> Vec<Value> {
    match value.get("message").and_then(|message| message.get("content")) {
        Some(Value::Array(blocks)) => blocks.clone(),
        Some(Value::String(text)) => vec![serde_json::json!({"type": "text", "text": text})],
        Some(_) | None => Vec::new(),
    }
}

/// A tool's answer as text.
fn content_text(content: &Value) -> String {
    let block_text = |block: &Value| match block.get("type").and_then(Value::as_str) {
        Some("text") => text(block, "text").unwrap_or_default(),
        Some("image" | "document") => {
            let source = block.get("source").unwrap_or(&Value::Null);
            let kind = text(source, "media_type").unwrap_or_else(|| "unknown".to_owned());
            let size = source.get("data").and_then(Value::as_str).map_or(0, str::len);
            format!("[{kind}, {size} bytes of base64]")
        }
        _ => block.to_string(),
    };
    match content {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(block_text).collect::<Vec<_>>().join("\n"),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => content.to_string(),
    }
}

/// The file that a successful tool call changed.
fn file_change(call: &Call, details: &Value, id: &str) -> Option<AgentEvent> {
    let (key, otherwise) = match call.name.as_str() {
        "Write" => ("file_path", FileChange::Written),
        "Edit" | "MultiEdit" => ("file_path", FileChange::Modified),
        "NotebookEdit" => ("notebook_path", FileChange::Modified),
        _ => return None,
    };
    let change = match details.get("type").and_then(Value::as_str) {
        Some("create") => FileChange::Created,
        Some("update") => FileChange::Modified,
        _ => otherwise,
    };
    let path = text(details, "filePath").or_else(|| text(&call.input, key))?;
    Some(AgentEvent::FileChange { path, change, tool_id: Some(id.to_owned()) })
}

fn plan(input: &Value) -> Option<AgentEvent> {
    let todos = input.get("todos").and_then(Value::as_array)?;
    let item = |todo: &Value| {
        let status = plan_status(todo.get("status").and_then(Value::as_str));
        Some(PlanItem { text: text(todo, "content")?, status })
    };
    Some(AgentEvent::Plan { items: todos.iter().filter_map(item).collect() })
}

fn questions(input: &Value) -> Vec<AgentEvent> {
    let list = input.get("questions").and_then(Value::as_array);
    let question = |question: &Value| {
        let options = question.get("options").and_then(Value::as_array);
        let labels = options.into_iter().flatten().filter_map(|option| text(option, "label"));
        Some(AgentEvent::Question { text: text(question, "question")?, options: labels.collect() })
    };
    list.into_iter().flatten().filter_map(question).collect()
}

fn unknown(what: &str, line: &[u8]) -> AgentEvent {
    event::raw(RawReason::Unknown, &format!("unknown {what}"), line)
}

fn unknown_block(word: &str, block: &Value) -> AgentEvent {
    let detail = format!("unknown content block {word:?}");
    event::raw(RawReason::Unknown, &detail, block.to_string().as_bytes())
}
