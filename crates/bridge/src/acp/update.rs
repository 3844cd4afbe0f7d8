//! What an agent tells while it works, in our words.
//!
//! Texts come in pieces and are joined until something else comes. A tool call is told when its
//! arguments are known, which may be some updates after its first mention.

use crate::output::say;
use crate::tool::{OUTPUT_BYTES, bounded};
use orkestra_core::agent::{
    AgentEvent, Denial, FileChange, PlanItem, PlanStatus, RawReason, Usage,
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Calls that are remembered at most.
const CALLS_MAX: usize = 10_000;

#[derive(Debug, Default)]
struct Tool {
    name: String,
    input: Value,
    told: bool,
    done: bool,
    changed: Vec<String>,
}

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Updates {
    /// Whether what is told is new: a conversation that is loaded is told once more.
    pub(super) live: bool,
    pub(super) last_text: String,
    pub(super) denials: Vec<Denial>,
    pub(super) model: Option<String>,
    text: String,
    thought: String,
    calls: HashMap<String, Tool>,
    cost_usd: Option<f64>,
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

impl Updates {
    /// Forgets what belongs to the past of a loaded conversation.
    pub(super) fn forget(&mut self) {
        self.text.clear();
        self.thought.clear();
        self.calls.clear();
    }

    /// Tells the text that was joined so far.
    pub(super) fn flush(&mut self) {
        let thought = std::mem::take(&mut self.thought);
        if self.live && !thought.trim().is_empty() {
            say(&AgentEvent::Thinking { text: thought, parent: None });
        }
        let text = std::mem::take(&mut self.text);
        if self.live && !text.trim().is_empty() {
            self.last_text.clone_from(&text);
            say(&AgentEvent::Text { text, parent: None });
        }
    }

    /// Takes a notification.
    pub(super) fn notice(&mut self, method: &str, params: &Value) {
        let update = params.get("update").unwrap_or(&Value::Null);
        match (method, text(update, "/sessionUpdate")) {
            ("session/update", Some(kind)) => self.update(kind, update, params),
            // Methods of the agent's own begin so; nobody needs to know them.
            _ if method.starts_with('_') => {}
            _ => self.raw(method, params),
        }
    }

    fn raw(&mut self, what: &str, params: &Value) {
        if !self.live {
            return;
        }
        self.flush();
        let all = params.to_string();
        say(&AgentEvent::Raw {
            reason: RawReason::Unknown,
            detail: bounded(&format!("{what:?} is not known"), 300),
            preview: bounded(&all, 2_000),
            bytes: all.len() as u64,
        });
    }

    fn update(&mut self, kind: &str, update: &Value, params: &Value) {
        match kind {
            "agent_message_chunk" => {
                if !self.thought.is_empty() {
                    self.flush();
                }
                self.text.push_str(&spoken(update));
            }
            "agent_thought_chunk" => {
                if !self.text.is_empty() {
                    self.flush();
                }
                self.thought.push_str(&spoken(update));
            }
            "tool_call" | "tool_call_update" => {
                self.flush();
                self.tool(update);
            }
            "plan" => {
                self.flush();
                if self.live {
                    say(&AgentEvent::Plan { items: plan(update) });
                }
            }
            "usage_update" => {
                let cost = update.pointer("/cost/amount").and_then(Value::as_f64);
                let dollars = text(update, "/cost/currency") == Some("USD");
                self.cost_usd = cost.filter(|_| dollars).or(self.cost_usd);
            }
            // Our own words, and what concerns only an editor.
            "user_message_chunk"
            | "available_commands_update"
            | "current_mode_update"
            | "config_option_update"
            | "session_info_update" => {}
            _ => self.raw(kind, params),
        }
    }

    fn tool(&mut self, update: &Value) {
        let Some(id) = text(update, "/toolCallId").map(str::to_owned) else {
            return self.raw("a tool call without an id", update);
        };
        let live = self.live;
        self.learn(&id, update);
        let Some(tool) = self.calls.get_mut(&id) else { return };
        let status = text(update, "/status");
        let over = matches!(status, Some("completed" | "failed"));
        let known = tool.input.as_object().is_some_and(|input| !input.is_empty());
        if live && !tool.told && (known || over || status == Some("in_progress")) {
            tool.told = true;
            say(&call(&id, tool));
        }
        if !over || tool.done {
            return;
        }
        tool.done = true;
        let failed = status == Some("failed");
        if !live {
            return;
        }
        for (path, change) in diffs(update) {
            if !failed && !tool.changed.contains(&path) {
                tool.changed.push(path.clone());
                say(&AgentEvent::FileChange { path, change, tool_id: Some(id.clone()) });
            }
        }
        let output = bounded(&output(update), OUTPUT_BYTES);
        say(&AgentEvent::ToolResult { id, output, is_error: failed, parent: None });
    }

    fn learn(&mut self, id: &str, update: &Value) {
        if self.calls.len() >= CALLS_MAX {
            self.calls.clear();
        }
        let tool = self.calls.entry(id.to_owned()).or_default();
        // The vendor's own name where it tells one: a title changes from update to update.
        let own =
            text(update, "/_meta/claudeCode/toolName").or_else(|| text(update, "/_meta/toolName"));
        if let Some(name) = own {
            name.clone_into(&mut tool.name);
        } else if tool.name.is_empty() {
            let name = text(update, "/title").or_else(|| text(update, "/kind")).unwrap_or("tool");
            tool.name = bounded(name, 200);
        }
        if let Some(input) = update.get("rawInput").filter(|input| !empty(input)) {
            tool.input = input.clone();
        } else if empty(&tool.input) {
            tool.input = described(update);
        }
    }

    /// What a request for permission is about: the call's id, tool and arguments.
    pub(super) fn asked(&mut self, call_of: &Value) -> (String, String, Value) {
        let id = text(call_of, "/toolCallId").unwrap_or("permission").to_owned();
        self.learn(&id, call_of);
        let kind = text(call_of, "/kind").unwrap_or_default().to_owned();
        let Some(tool) = self.calls.get_mut(&id) else {
            return (id, "tool".to_owned(), Value::Null);
        };
        if self.live && !tool.told {
            tool.told = true;
            say(&call(&id, tool));
        }
        // For the gate the kind of action counts, where the name is only a title.
        let name = match kind.as_str() {
            "edit" | "delete" | "move" | "execute" | "read" | "search" | "fetch" => kind,
            _ => tool.name.clone(),
        };
        (id, name, self.calls.get(&of_id(call_of)).map(|t| t.input.clone()).unwrap_or_default())
    }

    /// The answer to the prompt: what it used.
    pub(super) fn result(&mut self, result: &Value) {
        let cost_usd = self.cost_usd.take();
        if let Some(usage) = result.get("usage").filter(|usage| usage.is_object()) {
            let (read, write) =
                (number(usage, "cachedReadTokens"), number(usage, "cachedWriteTokens"));
            let total = number(usage, "totalTokens");
            let (input, output) = (number(usage, "inputTokens"), number(usage, "outputTokens"));
            // Some count what came from the cache into the input, which the total tells.
            let inside = total == input + output && read + write > 0;
            let fresh = if inside { input.saturating_sub(read + write) } else { input };
            say(&AgentEvent::Usage(Usage {
                model: self.model.clone(),
                fresh_input: fresh,
                cache_read: read,
                cache_write: write,
                output,
                cost_usd,
            }));
            return;
        }
        // Gemini tells it per model, in a place of its own.
        let models = result.pointer("/_meta/quota/model_usage").and_then(Value::as_array);
        for of in models.into_iter().flatten() {
            let count = of.get("token_count").unwrap_or(&Value::Null);
            say(&AgentEvent::Usage(Usage {
                model: text(of, "/model").map(str::to_owned),
                fresh_input: number(count, "input_tokens"),
                cache_read: 0,
                cache_write: 0,
                output: number(count, "output_tokens"),
                cost_usd: None,
            }));
        }
    }
}

fn of_id(call: &Value) -> String {
    text(call, "/toolCallId").unwrap_or("permission").to_owned()
}

fn empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn call(id: &str, tool: &Tool) -> AgentEvent {
    AgentEvent::ToolCall {
        id: id.to_owned(),
        name: tool.name.clone(),
        input: tool.input.clone(),
        parent: None,
    }
}

/// The arguments where the agent tells none: what it says that it will do.
fn described(update: &Value) -> Value {
    let mut input = serde_json::Map::new();
    let diff = content(update).find(|part| text(part, "/type") == Some("diff"));
    if let Some(diff) = diff {
        for (theirs, ours) in [("path", "path"), ("newText", "content"), ("oldText", "old")] {
            if let Some(value) = diff.get(theirs).filter(|value| !value.is_null()) {
                input.insert(ours.to_owned(), value.clone());
            }
        }
    } else if let Some(path) = text(update, "/locations/0/path") {
        input.insert("path".to_owned(), json!(path));
    }
    if text(update, "/kind") == Some("execute")
        && let Some(title) = text(update, "/title")
    {
        input.insert("command".to_owned(), json!(title));
    }
    Value::Object(input)
}

fn content(update: &Value) -> impl Iterator<Item = &Value> {
    update.get("content").and_then(Value::as_array).into_iter().flatten()
}

/// Text of a piece; what is no text is named.
fn spoken(update: &Value) -> String {
    match text(update, "/content/type") {
        Some("text") | None => text(update, "/content/text").unwrap_or_default().to_owned(),
        Some(kind) => format!("[{kind}]"),
    }
}

/// What a tool answered: its text, else its raw output.
fn output(update: &Value) -> String {
    let parts: Vec<String> = content(update)
        .filter_map(|part| match text(part, "/type") {
            Some("content") => Some(spoken(part)),
            Some("diff") => Some(format!("changed {}", text(part, "/path").unwrap_or_default())),
            Some("terminal") | None => None,
            Some(kind) => Some(format!("[{kind}]")),
        })
        .collect();
    if !parts.is_empty() {
        return parts.join("\n");
    }
    match update.get("rawOutput") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => match text(value, "/output") {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        },
    }
}

/// Files that an update says were changed.
fn diffs(update: &Value) -> Vec<(String, FileChange)> {
    let mut found: Vec<(String, FileChange)> = content(update)
        .filter(|part| text(part, "/type") == Some("diff"))
        .filter_map(|part| {
            let path = text(part, "/path")?.to_owned();
            let old = text(part, "/oldText");
            let added = text(part, "/_meta/kind") == Some("add");
            let new = added || old.is_none();
            Some((path, if new { FileChange::Created } else { FileChange::Modified }))
        })
        .collect();
    // OpenCode tells only in its raw output which file it wrote.
    if found.is_empty()
        && let Some(path) = text(update, "/rawOutput/metadata/filepath")
    {
        let existed = update.pointer("/rawOutput/metadata/exists").and_then(Value::as_bool);
        let change = match existed {
            Some(true) => FileChange::Modified,
            Some(false) => FileChange::Created,
            None => FileChange::Written,
        };
        found.push((path.to_owned(), change));
    }
    found
}

fn plan(update: &Value) -> Vec<PlanItem> {
    let entries = update.get("entries").and_then(Value::as_array);
    let items = entries.into_iter().flatten().map(|entry| PlanItem {
        text: text(entry, "/content").unwrap_or_default().to_owned(),
        status: match text(entry, "/status") {
            Some("in_progress") => PlanStatus::InProgress,
            Some("completed") => PlanStatus::Completed,
            _ => PlanStatus::Pending,
        },
    });
    items.collect()
}
