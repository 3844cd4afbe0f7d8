//! Gemini CLI, headless: `gemini -o stream-json`.
//!
//! The prompt goes to the standard input. What is peculiar about the stream (measured with 0.61.0):
//!
//! - texts come in pieces (`delta`), which are put together until something else comes;
//! - the prompt is repeated as a message of the user;
//! - `cached` is part of `input_tokens`; reasoning is in `total_tokens` only;
//! - retries and some faults are told on the standard error only;
//! - after an API error the exit code is the HTTP status modulo 256;
//! - a tool that may not be used is simply "not found", and the exit code is 0.

use crate::ending::Ending;
use crate::event::{self, number, text};
use crate::script::plan_status;
use crate::{Adapter, AgentSpec, Begin, Counts, ProcessExit, RunRequest};
use orkestra_core::agent::{AgentEvent, Denial, Ended, FileChange, PlanItem, RawReason, Usage};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Variables set for every run: no second process, and no question about the folder.
pub const ENV_SET: [(&str, &str); 2] =
    [("GEMINI_CLI_NO_RELAUNCH", "true"), ("GEMINI_CLI_TRUST_WORKSPACE", "true")];

/// Inherited variables that belong to a Gemini CLI which runs this one.
pub const ENV_REMOVE: [&str; 2] = ["GEMINI_CLI", "GEMINI_SESSION_ID"];

/// Statuses of an API whose value modulo 256 may be the exit code.
const STATUSES: [u16; 13] = [400, 401, 402, 403, 404, 408, 409, 429, 500, 502, 503, 504, 529];

/// Tools that are not offered at all when they may not be used.
const GUARDED: [&str; 5] =
    ["write_file", "replace", "run_shell_command", "web_fetch", "google_web_search"];

/// The arguments between the program and the user's own.
pub(crate) fn arguments(spec: &AgentSpec, run: &RunRequest) -> Vec<String> {
    // With our hook every tool is offered, and the hook decides about each call.
    let usual = if run.hook.is_some() { "yolo" } else { "auto_edit" };
    let mode = spec.permission_mode.as_deref().unwrap_or(usual);
    let session = run.session_id.to_string();
    let mut words: Vec<String> =
        ["-o", "stream-json", "--skip-trust", "--approval-mode", mode].map(str::to_owned).to_vec();
    let mut add = |list: [&str; 2]| words.extend(list.map(str::to_owned));
    match &run.resume {
        Some(id) => add(["--resume", id]),
        None => add(["--session-id", &session]),
    }
    for dir in &run.add_dirs {
        add(["--include-directories", &dir.to_string_lossy()]);
    }
    if let Some(model) = &spec.model {
        add(["-m", model]);
    }
    words
}

/// Reads the stream of the Gemini CLI.
#[derive(Debug, Default)]
pub struct Gemini {
    counts: Counts,
    model: Option<String>,
    /// The pieces of a text that still goes on.
    text: String,
    last_text: String,
    calls: HashMap<String, (String, Value)>,
    denials: Vec<Denial>,
    /// What of the session is booked already, per model.
    booked: HashMap<String, Usage>,
    failed: bool,
    ending: Ending,
}

impl Adapter for Gemini {
    fn begin(&mut self, begin: Begin) {
        self.model = begin.model;
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        event::json_line(self, line, Self::object)
    }

    fn finish(&mut self, exit: ProcessExit, stderr_tail: &str) -> Vec<AgentEvent> {
        let mut events = self.flush();
        let denials = std::mem::take(&mut self.denials);
        let mut last = self.ending.finish(exit, stderr_tail, || Ended {
            ok: false,
            denials,
            ..Ended::default()
        });
        if !last.is_empty() {
            events.extend(retries(stderr_tail));
        }
        if let Some(AgentEvent::Ended(ended)) = last.last_mut()
            && self.failed
            && ended.api_status.is_none()
        {
            ended.api_status = status_of(exit);
        }
        events.extend(last);
        events
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

impl Gemini {
    fn object(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let word = value.get("type").and_then(Value::as_str).unwrap_or_default();
        if word == "message" {
            return self.message(value, line);
        }
        let mut events = self.flush();
        match word {
            "init" => {
                self.model = text(value, "model").or_else(|| self.model.take());
                events.push(AgentEvent::Started {
                    session_id: text(value, "session_id"),
                    model: self.model.clone(),
                    version: None,
                    tools: None,
                });
            }
            "tool_use" => events.extend(self.tool_use(value)),
            "tool_result" => events.extend(self.tool_result(value)),
            "error" => {
                let message = text(value, "message").unwrap_or_default();
                let status = event::status_in(&message);
                let mild = value.get("severity").and_then(Value::as_str) == Some("warning");
                events.push(if mild {
                    AgentEvent::Warning { message }
                } else {
                    AgentEvent::Error { message, status }
                });
            }
            "result" => events.extend(self.result(value)),
            _ => {
                let detail = format!("unknown type {word:?}");
                events.push(event::raw(RawReason::Unknown, &detail, line));
            }
        }
        events
    }

    fn message(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let role = value.get("role").and_then(Value::as_str).unwrap_or_default();
        let content = value.get("content").and_then(Value::as_str).unwrap_or_default();
        let delta = value.get("delta").and_then(Value::as_bool).unwrap_or(false);
        match (role, delta) {
            ("assistant", true) => {
                self.counts.deltas += 1;
                self.text.push_str(content);
                Vec::new()
            }
            ("assistant", false) => {
                let mut events = self.flush();
                content.clone_into(&mut self.text);
                events.extend(self.flush());
                if events.is_empty() {
                    self.counts.ignored += 1;
                }
                events
            }
            // The prompt, repeated.
            ("user", _) => {
                let events = self.flush();
                if events.is_empty() {
                    self.counts.ignored += 1;
                }
                events
            }
            _ => {
                let mut events = self.flush();
                let detail = format!("unknown role {role:?}");
                events.push(event::raw(RawReason::Unknown, &detail, line));
                events
            }
        }
    }

    /// The text that was put together, if any.
    fn flush(&mut self) -> Vec<AgentEvent> {
        if self.text.is_empty() {
            return Vec::new();
        }
        let text = std::mem::take(&mut self.text);
        self.last_text.clone_from(&text);
        let reports = event::reports_in(&text);
        let mut events = vec![AgentEvent::Text { text, parent: None }];
        events.extend(reports);
        events
    }

    fn tool_use(&mut self, value: &Value) -> Vec<AgentEvent> {
        let id = text(value, "tool_id").unwrap_or_default();
        let name = text(value, "tool_name").unwrap_or_default();
        let input = value.get("parameters").cloned().unwrap_or(Value::Null);
        self.calls.insert(id.clone(), (name.clone(), input.clone()));
        let plan = (name == "write_todos").then(|| plan(&input)).flatten();
        let mut events = vec![AgentEvent::ToolCall { id, name, input, parent: None }];
        events.extend(plan);
        events
    }

    fn tool_result(&mut self, value: &Value) -> Vec<AgentEvent> {
        let id = text(value, "tool_id").unwrap_or_default();
        let is_error = value.get("status").and_then(Value::as_str) != Some("success");
        let error = value.get("error").unwrap_or(&Value::Null);
        let output = text(value, "output").or_else(|| text(error, "message")).unwrap_or_default();
        let (name, input) = self.calls.remove(&id).unwrap_or_default();
        let mut events = Vec::new();
        if is_error && denied(&name, error) {
            let denial = Denial {
                tool: name.clone(),
                tool_id: Some(id.clone()),
                input: input.clone(),
                message: Some(output.clone()),
            };
            self.denials.push(denial.clone());
            events.push(AgentEvent::PermissionDenied(denial));
        }
        events.push(AgentEvent::ToolResult { id: id.clone(), output, is_error, parent: None });
        let change = match name.as_str() {
            "write_file" => Some(FileChange::Written),
            "replace" => Some(FileChange::Modified),
            _ => None,
        };
        if let Some(change) = change.filter(|_| !is_error)
            && let Some(path) = text(&input, "file_path")
        {
            events.push(AgentEvent::FileChange { path, change, tool_id: Some(id) });
        }
        events
    }

    fn result(&mut self, value: &Value) -> Vec<AgentEvent> {
        self.counts.ended += 1;
        let stats = value.get("stats").unwrap_or(&Value::Null);
        let mut events: Vec<_> = self.usage(stats).into_iter().map(AgentEvent::Usage).collect();
        let ok = value.get("status").and_then(Value::as_str) == Some("success");
        let error = value.get("error").unwrap_or(&Value::Null);
        let message = text(error, "message").unwrap_or_else(|| "the agent failed".to_owned());
        self.failed |= !ok;
        let api_status = if ok { None } else { event::status_in(&message) };
        events.extend(self.ending.say(Ended {
            ok,
            summary: self.last_text.clone(),
            error: (!ok).then_some(message),
            stop_reason: text(error, "type"),
            api_status,
            denials: std::mem::take(&mut self.denials),
            turns: None,
            duration_ms: number(stats, "duration_ms"),
        }));
        events
    }

    /// One usage per model, less what an earlier result of this process said.
    fn usage(&mut self, stats: &Value) -> Vec<Usage> {
        let none = Map::new();
        let models = stats.get("models").and_then(Value::as_object).unwrap_or(&none);
        let whole = models.is_empty().then_some((self.model.clone(), stats));
        let listed = models.iter().map(|(name, stats)| (Some(name.clone()), stats));
        let all: Vec<_> = listed.chain(whole).collect();
        let mut used = Vec::new();
        for (model, stats) in all {
            let get = |key: &str| number(stats, key).unwrap_or(0);
            let (input, cached) = (get("input_tokens"), get("cached"));
            let total = Usage {
                model: model.clone(),
                fresh_input: input.saturating_sub(cached),
                cache_read: cached.min(input),
                cache_write: 0,
                // The rest of the total is reasoning, which is paid as output.
                output: get("output_tokens").max(get("total_tokens").saturating_sub(input)),
                cost_usd: None,
            };
            let before = self.booked.insert(model.unwrap_or_default(), total.clone());
            let new = Usage {
                fresh_input: since(&before, total.fresh_input, |b| b.fresh_input),
                cache_read: since(&before, total.cache_read, |b| b.cache_read),
                output: since(&before, total.output, |b| b.output),
                ..total
            };
            if new.fresh_input | new.cache_read | new.output > 0 {
                used.push(new);
            }
        }
        used
    }
}

fn since(before: &Option<Usage>, now: u64, part: impl Fn(&Usage) -> u64) -> u64 {
    now.saturating_sub(before.as_ref().map_or(0, part))
}

/// Whether a failed tool was refused, and not only unlucky.
fn denied(name: &str, error: &Value) -> bool {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    match error.get("type").and_then(Value::as_str) {
        Some("policy_violation" | "permission_denied" | "execution_denied" | "denied") => true,
        Some("tool_not_registered") => GUARDED.contains(&name),
        _ => message.starts_with("Tool execution blocked:") || message.contains("denied by policy"),
    }
}

fn plan(input: &Value) -> Option<AgentEvent> {
    let todos = input.get("todos").and_then(Value::as_array)?;
    let item = |todo: &Value| {
        let status = plan_status(todo.get("status").and_then(Value::as_str));
        Some(PlanItem { text: text(todo, "description")?, status })
    };
    Some(AgentEvent::Plan { items: todos.iter().filter_map(item).collect() })
}

/// The status of the API that an exit code stands for.
fn status_of(exit: ProcessExit) -> Option<u16> {
    let ProcessExit::Code(code) = exit else { return None };
    STATUSES.into_iter().find(|status| i32::from(status % 256) == code)
}

/// The retries that stand on the standard error: `Attempt 1 failed: …. Retrying after 5206ms...`
fn retries(stderr: &str) -> Vec<AgentEvent> {
    let retry = |line: &str| {
        let rest = line.trim().strip_prefix("Attempt ")?;
        let (attempt, rest) = rest.split_once(" failed")?;
        let attempt = attempt.split_whitespace().next()?.parse().ok()?;
        let after = rest.split_once("Retrying after ").map_or("", |(_, after)| after);
        let digits = after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let reason = rest.split(". Retrying").next().unwrap_or(rest);
        let reason = reason.trim_start_matches([':', '.', ' ']);
        let mut error = reason.to_owned();
        error.truncate(error.floor_char_boundary(300));
        let status = event::status_in(rest);
        Some(AgentEvent::Retry {
            attempt,
            max_attempts: None,
            delay_ms: digits.parse().ok(),
            status,
            error,
        })
    };
    stderr.lines().filter_map(retry).collect()
}
