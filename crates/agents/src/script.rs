//! Agents of the user's own making: any program that reads a prompt from its standard input and
//! prints lines. `docs/agents.md` describes the lines for users.
//!
//! A line that is a JSON object with a known `type` is that event; every other line that does not
//! look like an object is plain text. A script that never says `ended` ends by its exit code.

use crate::ending::Ending;
use crate::event::{self, number, number_32, text, without_line_end};
use crate::{Adapter, Counts, ProcessExit};
use orkestra_core::agent::{AgentEvent, Ended, FileChange, PlanItem, PlanStatus, RawReason, Usage};
use serde_json::Value;

/// How much of the last text stands for a summary that the script does not give, in bytes.
const SUMMARY_BYTES_MAX: usize = 4096;

/// Reads the lines of a script agent.
#[derive(Debug, Default)]
pub struct Script {
    counts: Counts,
    ending: Ending,
    last_text: String,
}

impl Adapter for Script {
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        self.counts.lines += 1;
        let line = without_line_end(line);
        let lossy = String::from_utf8_lossy(line);
        let trimmed = lossy.trim();
        if trimmed.is_empty() {
            self.counts.blank += 1;
            return Vec::new();
        }
        if !trimmed.starts_with('{') {
            return self.text(lossy.trim_end().to_owned());
        }
        let events = match serde_json::from_str::<Value>(trimmed) {
            Ok(value) => self.object(&value, line),
            Err(error) => vec![event::raw(RawReason::Malformed, &error.to_string(), line)],
        };
        self.counts.raw +=
            events.iter().filter(|event| matches!(event, AgentEvent::Raw { .. })).count() as u64;
        events
    }

    fn finish(&mut self, exit: ProcessExit, stderr_tail: &str) -> Vec<AgentEvent> {
        let ok = exit == ProcessExit::Code(0);
        let summary = if ok { std::mem::take(&mut self.last_text) } else { String::new() };
        self.ending.finish(exit, stderr_tail, || Ended { ok, summary, ..Ended::default() })
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

impl Script {
    fn text(&mut self, text: String) -> Vec<AgentEvent> {
        self.last_text.clone_from(&text);
        self.last_text.truncate(self.last_text.floor_char_boundary(SUMMARY_BYTES_MAX));
        let reports = event::reports_in(&text);
        let mut events = vec![AgentEvent::Text { text, parent: None }];
        events.extend(reports);
        events
    }

    fn object(&mut self, value: &Value, line: &[u8]) -> Vec<AgentEvent> {
        let word = value.get("type").and_then(Value::as_str);
        let Some(word) = word else {
            return vec![event::raw(RawReason::Unknown, "an object without a type", line)];
        };
        if word == "text"
            && let Some(text) = text(value, "text")
        {
            return self.text(text);
        }
        if word == "ended"
            && let Some(ok) = value.get("ok").and_then(Value::as_bool)
        {
            return self.ended(ok, value);
        }
        match one(word, value) {
            Ok(Some(event)) => vec![event],
            Ok(None) => {
                vec![event::raw(RawReason::Unknown, &format!("unknown type {word:?}"), line)]
            }
            Err(missing) => {
                let detail = format!("{word:?} needs {missing}");
                vec![event::raw(RawReason::Malformed, &detail, line)]
            }
        }
    }

    /// Keeps the agent's last word for the end of its process.
    fn ended(&mut self, ok: bool, value: &Value) -> Vec<AgentEvent> {
        self.counts.ended += 1;
        if self.ending.said().is_some() {
            let message = "a second ended line; the first one counts".to_owned();
            return vec![AgentEvent::Warning { message }];
        }
        let said = || "the agent said that it failed".to_owned();
        let warning = self.ending.say(Ended {
            ok,
            summary: text(value, "summary").unwrap_or_else(|| self.last_text.clone()),
            error: (!ok).then(|| text(value, "error").unwrap_or_else(said)),
            stop_reason: text(value, "stop_reason"),
            turns: number_32(value, "turns"),
            duration_ms: number(value, "duration_ms"),
            ..Ended::default()
        });
        warning.into_iter().collect()
    }
}

/// An event, or nothing for an unknown type, or the field that is missing.
type Parsed = Result<Option<AgentEvent>, &'static str>;

fn one(word: &str, value: &Value) -> Parsed {
    let need = |key: &'static str| text(value, key).ok_or(key);
    let event = match word {
        "text" => AgentEvent::Text { text: need("text")?, parent: None },
        "thinking" => AgentEvent::Thinking { text: need("text")?, parent: None },
        "started" => AgentEvent::Started {
            session_id: text(value, "session_id"),
            model: text(value, "model"),
            version: text(value, "version"),
            tools: number_32(value, "tools"),
        },
        "plan" => AgentEvent::Plan { items: plan(value)? },
        "tool_call" => AgentEvent::ToolCall {
            id: need("id")?,
            name: need("name")?,
            input: value.get("input").cloned().unwrap_or(Value::Null),
            parent: None,
        },
        "tool_result" => AgentEvent::ToolResult {
            id: need("id")?,
            output: need("output")?,
            is_error: value.get("is_error").and_then(Value::as_bool).unwrap_or(false),
            parent: None,
        },
        "file_change" => AgentEvent::FileChange {
            path: need("path")?,
            change: file_change(value)?,
            tool_id: text(value, "tool_id"),
        },
        "usage" => AgentEvent::Usage(Usage {
            model: text(value, "model"),
            fresh_input: number(value, "fresh_input").unwrap_or(0),
            cache_read: number(value, "cache_read").unwrap_or(0),
            cache_write: number(value, "cache_write").unwrap_or(0),
            output: number(value, "output").unwrap_or(0),
            cost_usd: value.get("cost_usd").and_then(Value::as_f64),
        }),
        "question" => AgentEvent::Question { text: need("text")?, options: options(value) },
        "error" => {
            AgentEvent::Error { message: need("message")?, status: event::status(value, "status") }
        }
        "warning" => AgentEvent::Warning { message: need("message")? },
        "ended" => return Err("ok, true or false"),
        _ => match event::report(word, value) {
            Some(report) => report.ok_or("text")?,
            None => return Ok(None),
        },
    };
    Ok(Some(event))
}

fn plan(value: &Value) -> Result<Vec<PlanItem>, &'static str> {
    const FORM: &str = "items, a list of texts or of objects with text and status";
    let items = value.get("items").and_then(Value::as_array).ok_or(FORM)?;
    items
        .iter()
        .map(|item| match item {
            Value::String(text) => Ok(PlanItem { text: text.clone(), status: PlanStatus::Pending }),
            Value::Object(_) => Ok(PlanItem {
                text: text(item, "text").ok_or(FORM)?,
                status: plan_status(item.get("status").and_then(Value::as_str)),
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(FORM),
        })
        .collect()
}

/// A step's status; what is not understood has not begun.
pub(crate) fn plan_status(word: Option<&str>) -> PlanStatus {
    match word {
        Some("in_progress") => PlanStatus::InProgress,
        Some("completed") => PlanStatus::Completed,
        _ => PlanStatus::Pending,
    }
}

fn file_change(value: &Value) -> Result<FileChange, &'static str> {
    match value.get("change").and_then(Value::as_str) {
        None | Some("written") => Ok(FileChange::Written),
        Some("created") => Ok(FileChange::Created),
        Some("modified") => Ok(FileChange::Modified),
        Some("deleted") => Ok(FileChange::Deleted),
        Some(_) => Err("change to be created, modified, deleted or written"),
    }
}

fn options(value: &Value) -> Vec<String> {
    let list = value.get("options").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
