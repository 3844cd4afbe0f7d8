//! An agent that speaks the Agent Client Protocol, version 1: JSON-RPC, one message per line, over
//! the pipes of our child (ADR 0022 says why no library does this).
//!
//! We offer it neither our file system nor our terminal: it works with its own, inside the same
//! sandbox. Where it asks for permission, the gate is asked.

mod update;
mod wire;

use crate::ask::{Action, Answer, Gate};
use crate::output::say;
use crate::talk::terminated;
use crate::tool::bounded;
use orkestra_core::agent::{AgentEvent, Denial, Ended};
use orkestra_host::tool::{Order, Spoken, end_marked, speak};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use update::Updates;
use wire::{Heard, Wire};

/// The only version that is spoken.
const VERSION: u64 = 1;

/// How long an agent may take to come up: some load for long on a busy machine.
const START: Duration = Duration::from_secs(120);

/// How long it may take to end its turn when it was told to stop, and then itself.
const GRACE: Duration = Duration::from_secs(2);

/// An agent as our child.
#[derive(Debug)]
pub struct Child {
    /// Its program and arguments.
    pub command: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// The worktree.
    pub cwd: PathBuf,
    /// Other folders in which it may work.
    pub add_dirs: Vec<PathBuf>,
    /// The conversation to go on with.
    pub session: Option<String>,
    /// The model, where the agent lets one choose.
    pub model: Option<String>,
    /// The mode, where the agent has several.
    pub mode: Option<String>,
    /// Who says what is allowed; without it every request is refused.
    pub gate: Option<Arc<dyn Gate>>,
}

/// Why it went wrong.
struct Broken {
    word: &'static str,
    why: String,
    status: Option<u16>,
}

fn broken(word: &'static str, why: impl Into<String>) -> Broken {
    Broken { word, why: why.into(), status: None }
}

/// Has the agent do one prompt and prints what happens; the last line is `ended`. Returns whether
/// it came to a regular end.
pub async fn run(child: Child, prompt: &str) -> bool {
    let began = Instant::now();
    let mark = format!("acp-{}", std::process::id());
    let order = Order {
        argv: child.command.clone(),
        env: child.env.clone(),
        cwd: child.cwd.clone(),
        mark: mark.clone(),
    };
    let mut updates = Updates::default();
    let outcome = match speak(&order) {
        Err(error) => {
            let source = std::error::Error::source(&error);
            let why = source.map_or_else(|| error.to_string(), |s| format!("{error}: {s}"));
            Err(broken("start", why))
        }
        Ok(mut spoken) => {
            let outcome = converse(&child, prompt, &mut spoken, &mut updates).await;
            let left = spoken.end(GRACE).await;
            end_marked(&mark).await;
            outcome.map_err(|mut broken| {
                if broken.word == "gone" {
                    let code = left.map_or_else(String::new, |code| format!(" (exit code {code})"));
                    broken.why.push_str(&code);
                }
                broken
            })
        }
    };
    updates.flush();
    let (ok, stop_reason, error, api_status) = match outcome {
        Ok(stop) if stop == "end_turn" => (true, stop, None, None),
        Ok(stop) => {
            let why = match stop.as_str() {
                "max_tokens" => "the answer was cut at its longest",
                "max_turn_requests" => "the model answered too often without an end",
                "refusal" => "the model refused to go on",
                "cancelled" => "it was told to stop",
                _ => "it stopped for a reason of its own",
            };
            (false, stop, Some(why.to_owned()), None)
        }
        Err(broken) => (false, broken.word.to_owned(), Some(broken.why), broken.status),
    };
    say(&AgentEvent::Ended(Ended {
        ok,
        summary: bounded(&updates.last_text, 4 * 1024),
        error,
        stop_reason: Some(stop_reason),
        api_status,
        denials: updates.denials,
        turns: None,
        duration_ms: u64::try_from(began.elapsed().as_millis()).ok(),
    }));
    ok
}

async fn converse(
    child: &Child,
    prompt: &str,
    spoken: &mut Spoken,
    updates: &mut Updates,
) -> Result<String, Broken> {
    let Spoken { stdin, stdout, .. } = spoken;
    let mut wire = Wire::new(stdin, stdout);
    let begun = timeout(START, begin(child, &mut wire, updates)).await;
    let session = begun.map_err(|_| {
        broken("start", format!("the agent was not ready within {} s", START.as_secs()))
    })??;
    updates.live = true;
    let content = json!([{"type": "text", "text": prompt}]);
    let id =
        wire.request("session/prompt", &json!({"sessionId": session, "prompt": content})).await?;
    let mut stop = std::pin::pin!(terminated());
    let mut stopping = false;
    loop {
        let heard = if stopping {
            match timeout(GRACE, wire.hear()).await {
                Ok(heard) => heard?,
                Err(_) => return Ok("cancelled".to_owned()),
            }
        } else {
            tokio::select! {
                heard = wire.hear() => heard?,
                () = &mut stop => {
                    stopping = true;
                    wire.notify("session/cancel", &json!({"sessionId": session})).await?;
                    continue;
                }
            }
        };
        match heard {
            Heard::Answer { id: of, result } if of == id => {
                let result = result.map_err(|error| refused("prompt", &error))?;
                updates.flush();
                updates.result(&result);
                let stop = result.get("stopReason").and_then(Value::as_str);
                return Ok(stop.unwrap_or("unknown").to_owned());
            }
            Heard::Answer { .. } => {}
            Heard::Notice { method, params } => updates.notice(&method, &params),
            Heard::Request { id, method, params } if method == "session/request_permission" => {
                updates.flush();
                if stopping {
                    wire.reply(&id, &json!({"outcome": {"outcome": "cancelled"}})).await?;
                    continue;
                }
                tokio::select! {
                    answer = permission(child, &params, updates) => wire.reply(&id, &answer).await?,
                    () = &mut stop => {
                        stopping = true;
                        wire.reply(&id, &json!({"outcome": {"outcome": "cancelled"}})).await?;
                        wire.notify("session/cancel", &json!({"sessionId": session})).await?;
                    }
                }
            }
            Heard::Request { id, .. } => wire.unknown(&id).await?,
            Heard::Noise { event } => say(&event),
        }
    }
}

/// Greets the agent and opens the conversation; its id.
async fn begin(
    child: &Child,
    wire: &mut Wire<'_>,
    updates: &mut Updates,
) -> Result<String, Broken> {
    let hello = json!({
        "protocolVersion": VERSION,
        "clientCapabilities": {
            "fs": {"readTextFile": false, "writeTextFile": false},
            "terminal": false,
        },
        "clientInfo": {"name": "orkestra", "version": env!("CARGO_PKG_VERSION")},
    });
    let agent = call(wire, updates, "initialize", &hello).await?;
    let version = agent.get("protocolVersion").and_then(Value::as_u64);
    if version != Some(VERSION) {
        let why = format!("the agent speaks version {version:?} of the protocol, not {VERSION}");
        return Err(broken("version", why));
    }
    let cwd = child.cwd.to_string_lossy();
    let mut place = json!({"cwd": cwd, "mcpServers": []});
    if agent.pointer("/agentCapabilities/sessionCapabilities/additionalDirectories").is_some() {
        let dirs = child.add_dirs.iter().map(|dir| dir.to_string_lossy().into_owned());
        place["additionalDirectories"] = dirs.collect();
    }
    let can_load = agent.pointer("/agentCapabilities/loadSession") == Some(&Value::Bool(true));
    let (session, opened) = match &child.session {
        Some(session) if can_load => {
            let mut place = place.clone();
            place["sessionId"] = json!(session);
            // What was said before is told again, and is in the journal already.
            let opened = call(wire, updates, "session/load", &place).await?;
            (session.clone(), opened)
        }
        before => {
            if before.is_some() {
                let message = "This agent cannot go on with a conversation; it begins anew.";
                say(&AgentEvent::Warning { message: message.to_owned() });
            }
            let opened = call(wire, updates, "session/new", &place).await?;
            let session = opened.get("sessionId").and_then(Value::as_str);
            let session = session.ok_or_else(|| broken("protocol", "a session without an id"))?;
            (session.to_owned(), opened)
        }
    };
    updates.forget();
    let name = |pointer: &str| agent.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let current = opened.pointer("/models/currentModelId").and_then(Value::as_str);
    let version = match (name("/agentInfo/name"), name("/agentInfo/version")) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (name, version) => name.or(version),
    };
    let model = child.model.clone().or_else(|| current.map(str::to_owned));
    updates.model.clone_from(&model);
    say(&AgentEvent::Started { session_id: Some(session.clone()), model, version, tools: None });
    if let Some(mode) = &child.mode {
        let params = json!({"sessionId": session, "modeId": mode});
        call(wire, updates, "session/set_mode", &params).await?;
    }
    if let Some(model) = &child.model {
        let params = json!({"sessionId": session, "modelId": model});
        call(wire, updates, "session/set_model", &params).await?;
    }
    Ok(session)
}

/// Asks the agent something while nothing else goes on.
async fn call(
    wire: &mut Wire<'_>,
    updates: &mut Updates,
    method: &str,
    params: &Value,
) -> Result<Value, Broken> {
    let id = wire.request(method, params).await?;
    loop {
        match wire.hear().await? {
            Heard::Answer { id: of, result } if of == id => {
                return result.map_err(|error| refused(method, &error));
            }
            Heard::Answer { .. } => {}
            Heard::Notice { method, params } => updates.notice(&method, &params),
            Heard::Request { id, .. } => wire.unknown(&id).await?,
            Heard::Noise { event } => say(&event),
        }
    }
}

/// The agent's own refusal in words.
fn refused(what: &str, error: &Value) -> Broken {
    let said = error.get("message").and_then(Value::as_str).unwrap_or("no reason given");
    let details = ["/data/details", "/data/message", "/data/error", "/data"];
    let details = details.iter().find_map(|pointer| error.pointer(pointer)?.as_str());
    let more = details.filter(|more| *more != said).map_or_else(String::new, |m| format!(": {m}"));
    let code = error.get("code").and_then(Value::as_i64);
    // -32000 is "authentication required"; some put the status of the API there.
    let status = match code {
        Some(-32_000) => Some(401),
        Some(code @ 400..600) => u16::try_from(code).ok(),
        _ => None,
    };
    let why = bounded(&format!("the agent refused ({what}): {said}{more}"), 1_000);
    Broken { word: "refused", why, status }
}

/// Asks the gate, and chooses among what the agent offers.
async fn permission(child: &Child, params: &Value, updates: &mut Updates) -> Value {
    let call = params.get("toolCall").unwrap_or(&Value::Null);
    let (tool_id, tool, input) = updates.asked(call);
    say(&AgentEvent::PermissionRequest {
        id: tool_id.clone(),
        tool: tool.clone(),
        tool_id: Some(tool_id.clone()),
        input: input.clone(),
        reason: call.get("title").and_then(Value::as_str).map(str::to_owned),
    });
    let cwd = child.cwd.to_string_lossy();
    let answer = match &child.gate {
        Some(gate) => {
            let action = Action { tool: &tool, tool_id: &tool_id, input: &input, cwd: &cwd };
            gate.ask(action).await
        }
        None => Answer::Deny { reason: "nobody can be asked".to_owned() },
    };
    let options = params.get("options").and_then(Value::as_array);
    let choose = |kinds: &[&str]| {
        kinds.iter().find_map(|kind| {
            let fits = |option: &&Value| option.get("kind").and_then(Value::as_str) == Some(kind);
            options?.iter().find(fits)?.get("optionId").cloned()
        })
    };
    // Never "always": what is allowed further is our gate's to remember.
    let chosen = match &answer {
        Answer::Allow => choose(&["allow_once"]),
        Answer::Deny { .. } => choose(&["reject_once", "reject_always"]),
    };
    if let Answer::Deny { reason } = answer {
        let message = Some(reason);
        let denial = Denial { tool, tool_id: Some(tool_id), input, message };
        say(&AgentEvent::PermissionDenied(denial.clone()));
        updates.denials.push(denial);
    } else if chosen.is_none() {
        let message = "It was allowed, but the agent offers no way to allow it once.".to_owned();
        say(&AgentEvent::Warning { message });
    }
    match chosen {
        Some(option) => json!({"outcome": {"outcome": "selected", "optionId": option}}),
        None => json!({"outcome": {"outcome": "cancelled"}}),
    }
}
