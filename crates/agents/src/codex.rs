//! Codex, headless: `codex exec --json`.
//!
//! The prompt goes to the standard input (`-`), which then ends: with an open input Codex waits for
//! ever. What is peculiar about the stream (measured with 0.169.0):
//!
//! - usage counts from the start of the thread, so a resumed turn repeats what earlier attempts
//!   reported ([`crate::Begin`]); the cached part is part of the input, reasoning is part of the output;
//! - an `error` that begins with `Reconnecting...` is a retry; only `turn.failed` ends a turn badly;
//! - HTTP statuses stand in texts only;
//! - an item of type `error` is a warning;
//! - a command that ends at once may have no item at all, so a missing item proves nothing;
//! - a killed run just stops, without a last line.

mod usage;

use self::usage::Ledger;
use crate::ending::Ending;
use crate::event::{self, number_32, text};
use crate::script::plan_status;
use crate::{Adapter, AgentSpec, Begin, Counts, ProcessExit, RunRequest};
use orkestra_core::agent::{AgentEvent, Denial, Ended, FileChange, PlanItem, RawReason};
use serde_json::{Value, json};

/// Inherited variables that belong to a Codex which runs this one.
pub const ENV_REMOVE: [&str; 3] = ["CODEX_SANDBOX*", "CODEX_THREAD_ID", "CODEX_CI"];

/// The arguments between the program and the user's own.
pub(crate) fn arguments(spec: &AgentSpec, run: &RunRequest) -> Vec<String> {
    let mut words: Vec<String> = vec!["exec".to_owned()];
    let mut add = |list: &[&str]| words.extend(list.iter().map(|word| (*word).to_owned()));
    if run.resume.is_some() {
        add(&["resume"]);
    }
    // A worktree is a folder that nobody has declared as trusted; what the agent may do there is
    // for Orkestra's gate and sandbox to say.
    add(&["--json", "--skip-git-repo-check"]);
    let mode = match (&spec.permission_mode, run.sandboxed) {
        (Some(mode), _) => mode.as_str(),
        (None, true) => "danger-full-access",
        (None, false) => "workspace-write",
    };
    if run.resume.is_some() {
        // `resume` takes neither -s nor --add-dir; the folder is the working directory in both.
        let sandbox = format!("sandbox_mode={}", Value::from(mode));
        add(&["-c", &sandbox]);
        if !run.add_dirs.is_empty() {
            let roots = format!("sandbox_workspace_write.writable_roots={}", json!(run.add_dirs));
            add(&["-c", &roots]);
        }
    } else {
        add(&["-s", mode]);
        for dir in &run.add_dirs {
            add(&["--add-dir", &dir.to_string_lossy()]);
        }
    }
    if let Some(model) = &spec.model {
        add(&["-m", model]);
    }
    words
}

/// What comes after the user's own arguments: the thread to go on with, and where the prompt is.
pub(crate) fn last_arguments(run: &RunRequest) -> Vec<String> {
    run.resume.iter().cloned().chain(["-".to_owned()]).collect()
}

/// Reads the stream of Codex.
#[derive(Debug, Default)]
pub struct Codex {
    counts: Counts,
    ledger: Ledger,
    model: Option<String>,
    last_text: String,
    turns: u32,
    denials: Vec<Denial>,
    /// The last `error` line that was no retry: `turn.failed` repeats it.
    last_error: Option<String>,
    ending: Ending,
}

impl Adapter for Codex {
    fn begin(&mut self, begin: Begin) {
        self.model = begin.model;
        self.ledger = Ledger::after(&begin.used);
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        event::json_line(self, line, Self::object)
    }

    fn finish(&mut self, exit: ProcessExit, stderr_tail: &str) -> Vec<AgentEvent> {
        let denials = std::mem::take(&mut self.denials);
        let turns = (self.turns > 0).then_some(self.turns);
        let api_status = self.last_error.as_deref().and_then(status_in);
        self.ending.finish(exit, stderr_tail, || Ended {
            ok: false,
            denials,
            turns,
            api_status,
            ..Ended::default()
        })
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

impl Codex {
    fn object(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let word = value.get("type").and_then(Value::as_str).unwrap_or_default();
        match word {
            "thread.started" => vec![AgentEvent::Started {
                session_id: text(value, "thread_id"),
                model: self.model.clone(),
                version: None,
                tools: None,
            }],
            "turn.started" => self.ignore(),
            "turn.completed" => self.completed(value),
            "turn.failed" => self.failed(value),
            "error" => self.error(value),
            "item.started" | "item.updated" | "item.completed" => {
                let item = value.get("item").unwrap_or(&Value::Null);
                self.item(word, item, line)
            }
            _ => vec![unknown(&format!("type {word:?}"), line)],
        }
    }

    fn ignore(&mut self) -> Vec<AgentEvent> {
        self.counts.ignored += 1;
        Vec::new()
    }

    fn completed(&mut self, value: &Value) -> Vec<AgentEvent> {
        self.counts.ended += 1;
        self.turns = self.turns.saturating_add(1);
        let usage = value.get("usage").unwrap_or(&Value::Null);
        let used = self.ledger.take(usage, self.model.as_ref());
        let mut events: Vec<_> = used.into_iter().map(AgentEvent::Usage).collect();
        events.extend(self.ending.say(Ended {
            ok: true,
            summary: self.last_text.clone(),
            denials: std::mem::take(&mut self.denials),
            turns: Some(1),
            ..Ended::default()
        }));
        events
    }

    fn failed(&mut self, value: &Value) -> Vec<AgentEvent> {
        self.counts.ended += 1;
        self.turns = self.turns.saturating_add(1);
        let error = value.get("error").unwrap_or(&Value::Null);
        let message = text(error, "message")
            .or_else(|| self.last_error.clone())
            .unwrap_or_else(|| "the turn failed".to_owned());
        let ended = Ended {
            ok: false,
            summary: self.last_text.clone(),
            api_status: status_in(&message),
            stop_reason: Some("turn_failed".to_owned()),
            error: Some(message),
            denials: std::mem::take(&mut self.denials),
            turns: Some(1),
            ..Ended::default()
        };
        self.ending.say(ended).into_iter().collect()
    }

    fn error(&mut self, value: &Value) -> Vec<AgentEvent> {
        let message = text(value, "message").unwrap_or_default();
        let status = status_in(&message);
        if let Some((attempt, max_attempts)) = reconnecting(&message) {
            let error = reason(&message);
            return vec![AgentEvent::Retry {
                attempt,
                max_attempts,
                delay_ms: None,
                status,
                error,
            }];
        }
        self.last_error = Some(message.clone());
        vec![AgentEvent::Error { message, status }]
    }

    fn item(&mut self, word: &str, item: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
        let id = text(item, "id").unwrap_or_default();
        let started = word == "item.started";
        let completed = word == "item.completed";
        match kind {
            "agent_message" | "reasoning" | "error" if !completed => self.ignore(),
            "agent_message" => {
                let said = text(item, "text").unwrap_or_default();
                self.last_text.clone_from(&said);
                let reports = event::reports_in(&said);
                let mut events = vec![AgentEvent::Text { text: said, parent: None }];
                events.extend(reports);
                events
            }
            "reasoning" => {
                let text = text(item, "text").unwrap_or_default();
                vec![AgentEvent::Thinking { text, parent: None }]
            }
            // We said so ourselves when we connected our hook.
            "error" if is_hook_notice(item) => self.ignore(),
            // For example that it does not know the model: not fatal.
            "error" => {
                vec![AgentEvent::Warning { message: text(item, "message").unwrap_or_default() }]
            }
            "todo_list" => vec![plan(item)],
            "command_execution" => {
                let input = json!({"command": item.get("command").unwrap_or(&Value::Null)});
                self.tool(started, completed, &id, "command_execution", input, item)
            }
            "mcp_tool_call" => {
                let name = format!(
                    "mcp__{}__{}",
                    text(item, "server").unwrap_or_default(),
                    text(item, "tool").unwrap_or_default()
                );
                let input = item.get("arguments").cloned().unwrap_or(Value::Null);
                self.tool(started, completed, &id, &name, input, item)
            }
            "web_search" => {
                let input = json!({"query": item.get("query").unwrap_or(&Value::Null)});
                self.tool(started, completed, &id, "web_search", input, item)
            }
            "file_change" => self.file_change(started, completed, &id, item),
            "collab_tool_call" => {
                let name = text(item, "tool").unwrap_or_else(|| kind.to_owned());
                let input = json!({"prompt": item.get("prompt").unwrap_or(&Value::Null)});
                self.tool(started, completed, &id, &name, input, item)
            }
            _ => vec![unknown(&format!("item {kind:?}"), line)],
        }
    }

    /// A tool's item comes when it starts and again when it ends; a quick one comes only at its end.
    fn tool(
        &mut self,
        started: bool,
        completed: bool,
        id: &str,
        name: &str,
        input: Value,
        item: &Value,
    ) -> Vec<AgentEvent> {
        if started {
            self.ledger.open(id);
            return vec![call(id, name, input)];
        }
        if !completed {
            return self.ignore();
        }
        let mut events = Vec::new();
        if !self.ledger.close(id) {
            events.push(call(id, name, input.clone()));
        }
        let status = item.get("status").and_then(Value::as_str).unwrap_or_default();
        let code = item.get("exit_code").and_then(Value::as_i64);
        let output = output_of(item);
        let is_error = status == "failed" || status == "declined" || code.is_some_and(|c| c != 0);
        if status == "declined" {
            let denial = Denial {
                tool: name.to_owned(),
                tool_id: Some(id.to_owned()),
                input,
                message: Some(output.clone()).filter(|text| !text.is_empty()),
            };
            self.denials.push(denial.clone());
            events.push(AgentEvent::PermissionDenied(denial));
        }
        events.push(AgentEvent::ToolResult { id: id.to_owned(), output, is_error, parent: None });
        events
    }

    fn file_change(
        &mut self,
        started: bool,
        completed: bool,
        id: &str,
        item: &Value,
    ) -> Vec<AgentEvent> {
        let changes = item.get("changes").cloned().unwrap_or(Value::Null);
        let input = json!({"changes": changes});
        let mut events = self.tool(started, completed, id, "apply_patch", input, item);
        let done = item.get("status").and_then(Value::as_str) == Some("completed");
        if completed && done {
            let list = changes.as_array().into_iter().flatten();
            events.extend(list.filter_map(|change| {
                let kind = change.get("kind").and_then(Value::as_str).unwrap_or_default();
                let change_kind = match kind {
                    "add" => FileChange::Created,
                    "delete" => FileChange::Deleted,
                    "update" => FileChange::Modified,
                    _ => FileChange::Written,
                };
                Some(AgentEvent::FileChange {
                    path: text(change, "path")?,
                    change: change_kind,
                    tool_id: Some(id.to_owned()),
                })
            }));
        }
        events
    }
}

fn call(id: &str, name: &str, input: Value) -> AgentEvent {
    AgentEvent::ToolCall { id: id.to_owned(), name: name.to_owned(), input, parent: None }
}

/// What a tool answered: a command's output, or an MCP tool's content or error.
fn output_of(item: &Value) -> String {
    if let Some(output) = text(item, "aggregated_output") {
        return output;
    }
    if let Some(error) = item.get("error").filter(|error| !error.is_null()) {
        return text(error, "message").unwrap_or_else(|| error.to_string());
    }
    match item.get("result") {
        None | Some(Value::Null) => String::new(),
        Some(result) => result.to_string(),
    }
}

fn plan(item: &Value) -> AgentEvent {
    let list = item.get("items").and_then(Value::as_array).into_iter().flatten();
    let step = |step: &Value| {
        let done = step.get("completed").and_then(Value::as_bool).unwrap_or(false);
        let word =
            if done { Some("completed") } else { step.get("status").and_then(Value::as_str) };
        Some(PlanItem { text: text(step, "text")?, status: plan_status(word) })
    };
    AgentEvent::Plan { items: list.filter_map(step).collect() }
}

/// `Reconnecting... 1/5 (…)`: which attempt of how many.
fn reconnecting(message: &str) -> Option<(u32, Option<u32>)> {
    let rest = message.strip_prefix("Reconnecting...")?.trim_start();
    let word = rest.split_whitespace().next().unwrap_or_default();
    let (attempt, max) = word.split_once('/').unwrap_or((word, ""));
    let numbers = json!({"attempt": attempt.parse::<u64>().ok(), "max": max.parse::<u64>().ok()});
    Some((number_32(&numbers, "attempt").unwrap_or(0), number_32(&numbers, "max")))
}

/// What stands in brackets after `Reconnecting... 1/5`, or the whole message.
fn reason(message: &str) -> String {
    let inside = message.split_once('(').map(|(_, rest)| rest.trim_end().trim_end_matches(')'));
    inside.unwrap_or(message).to_owned()
}

/// The HTTP status that a message tells, in digits or in the words that Codex has for 500.
fn status_in(message: &str) -> Option<u16> {
    let busy = message.contains("currently experiencing high demand");
    event::status_in(message).or(busy.then_some(500))
}

fn is_hook_notice(item: &Value) -> bool {
    let message = item.get("message").and_then(Value::as_str).unwrap_or_default();
    message.starts_with("`--dangerously-bypass-hook-trust` is enabled")
}

fn unknown(what: &str, line: &[u8]) -> AgentEvent {
    event::raw(RawReason::Unknown, &format!("unknown {what}"), line)
}
