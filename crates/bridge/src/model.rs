//! One interface to every model's API: a conversation and tools go in, one reply comes out.
//!
//! Three wire formats stand behind it: [`anthropic`], [`chat`] (OpenAI and all who speak like it)
//! and [`gemini`]. Replies are streamed, so that a model that writes long is told from one that
//! hangs; nobody sees a reply before it is whole.

mod anthropic;
mod chat;
mod gemini;
mod http;
mod sse;

use orkestra_agents::Kind;
use orkestra_core::agent::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

pub use http::Client;

/// Where a model is asked, and how.
#[derive(Clone)]
pub struct Endpoint {
    /// Whose API it is.
    pub kind: Kind,
    /// The address before the format's own path, without a slash at its end.
    pub base_url: String,
    /// The key; an endpoint on one's own machine may need none.
    pub key: Option<String>,
    /// The model, in the vendor's words.
    pub model: String,
    /// The longest answer, in tokens.
    pub max_tokens: u32,
    /// How freely it chooses its words; the vendor's own value if nothing is said.
    pub temperature: Option<f64>,
    /// The longest silence. A whole answer may take [`WHOLE`] times as long.
    pub timeout: Duration,
}

/// How many times its longest silence a whole answer may take.
pub const WHOLE: u32 = 10;

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.debug_struct("Endpoint")
            .field("kind", &self.kind)
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// What a model is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// How it shall behave; may be empty.
    pub system: &'a str,
    /// The conversation, oldest first.
    pub turns: &'a [Turn],
    /// What it may call.
    pub tools: &'a [ToolSpec],
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its arguments as a JSON schema.
    pub schema: Value,
}

/// One turn of a conversation. It is kept in a file, so it only grows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Turn {
    /// A person said something.
    User {
        /// What.
        text: String,
    },
    /// The model answered.
    Model {
        /// What it said and called, in this order.
        parts: Vec<Part>,
    },
    /// Tools answered all calls of the turn before.
    Tools {
        /// In the order of the calls.
        results: Vec<ToolResult>,
    },
}

/// A part of a model's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text {
        /// Which.
        text: String,
    },
    /// Reasoning. Some vendors want it back with its signature.
    Thinking {
        /// The reasoning; empty if it is hidden.
        text: String,
        /// The vendor's mark of it.
        #[serde(default)]
        signature: Option<String>,
        /// What the vendor hides of it, to be sent back as it came.
        #[serde(default)]
        hidden: Option<String>,
    },
    /// A tool is called.
    Call(Call),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The vendor's id, or one of ours where the vendor gives none.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments; a text when they could not be read.
    pub input: Value,
    /// The vendor's mark, to be sent back as it came.
    #[serde(default)]
    pub signature: Option<String>,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call.
    pub id: String,
    /// The tool's name; Gemini wants it again.
    pub name: String,
    /// Its answer.
    pub output: String,
    /// It failed or was refused.
    pub is_error: bool,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What was said and called.
    pub parts: Vec<Part>,
    /// Why it ends here.
    pub stop: Stop,
    /// What it took.
    pub usage: Usage,
}

/// Why an answer ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// It is said.
    End,
    /// Tools are to be called.
    Calls,
    /// It was cut at the longest answer.
    Length,
    /// The vendor ended it for another reason, in its words.
    Other(String),
}

impl Stop {
    /// In one word.
    pub fn word(&self) -> &str {
        match self {
            Self::End => "end_turn",
            Self::Calls => "tool_calls",
            Self::Length => "max_tokens",
            Self::Other(word) => word,
        }
    }
}

impl Reply {
    /// All that was said, without reasoning.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            Part::Thinking { .. } | Part::Call(_) => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind it is.
    pub fault: Fault,
    /// The HTTP status, also one that stood inside a stream.
    pub status: Option<u16>,
    /// In words; never with the key.
    pub message: String,
    /// How long the vendor wants us to wait at least.
    pub retry_after: Option<Duration>,
}

/// What kind a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Asking again changes nothing: a bad request, a bad key, no money.
    Refused,
    /// Asked too often.
    Busy,
    /// The vendor's fault, or the network's.
    Passing,
    /// No answer in time.
    Silent,
    /// An answer that cannot be read, or ends in the middle.
    Broken,
}

impl Fault {
    /// In one word, for people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Busy => "rate_limit",
            Self::Passing => "server_error",
            Self::Silent => "timeout",
            Self::Broken => "broken_answer",
        }
    }
}

impl Failure {
    pub(crate) fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, status: None, message: message.into(), retry_after: None }
    }

    pub(crate) fn broken(why: impl fmt::Display) -> Self {
        Self::new(Fault::Broken, format!("the answer cannot be read: {why}"))
    }
}

/// Puts a streamed answer together.
trait Assembly: Send {
    /// Takes one event of the stream; `true` when the answer is whole.
    fn event(&mut self, name: Option<&str>, data: &Value) -> Result<bool, Failure>;

    /// Takes an answer that came in one piece.
    fn whole(&mut self, answer: &Value) -> Result<(), Failure>;

    /// The answer, when all has come.
    fn finish(self: Box<Self>) -> Result<Reply, Failure>;
}

/// What goes over the wire for one question.
struct Wire {
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Value,
    assembly: Box<dyn Assembly>,
}

fn wire(endpoint: &Endpoint, question: &Question<'_>) -> Wire {
    match endpoint.kind {
        Kind::Anthropic => anthropic::wire(endpoint, question),
        Kind::Google => gemini::wire(endpoint, question),
        _ => chat::wire(endpoint, question),
    }
}

/// Where each vendor's API is.
pub fn base_url(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Anthropic => Some("https://api.anthropic.com"),
        Kind::Openai => Some("https://api.openai.com/v1"),
        Kind::Google => Some("https://generativelanguage.googleapis.com"),
        Kind::Github => Some("https://models.github.ai/inference"),
        Kind::Xai => Some("https://api.x.ai/v1"),
        _ => None,
    }
}

/// The arguments of a call from their text; the text itself when it is no JSON object, so that
/// the model can be told.
fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    let value = value.pointer(pointer)?;
    value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn no_usage(model: &str) -> Usage {
    let model = Some(model.to_owned());
    Usage { model, fresh_input: 0, cache_read: 0, cache_write: 0, output: 0, cost_usd: None }
}

#[cfg(test)]
mod tests;
