//! Anthropic Messages (version 2023-06-01).

use super::{
    Assembly, Call, Endpoint, Failure, Fault, Part, Question, Reply, Stop, ToolResult, Turn, Wire,
    arguments, http, no_usage, number, text,
};
use orkestra_core::agent::Usage;
use serde_json::{Value, json};

pub(super) fn wire(endpoint: &Endpoint, question: &Question<'_>) -> Wire {
    let mut body = json!({
        "model": endpoint.model,
        "max_tokens": endpoint.max_tokens,
        "stream": true,
        "messages": question.turns.iter().map(message).collect::<Vec<_>>(),
    });
    if !question.system.is_empty() {
        // The beginning of every request of a conversation is the same: it may be cached.
        let cache = json!({"type": "ephemeral"});
        body["system"] = json!([{"type": "text", "text": question.system, "cache_control": cache}]);
    }
    if !question.tools.is_empty() {
        let tools = question.tools.iter().map(
            |tool| json!({"name": tool.name, "description": tool.about, "input_schema": tool.schema}),
        );
        body["tools"] = tools.collect();
    }
    if let Some(temperature) = endpoint.temperature {
        body["temperature"] = json!(temperature);
    }
    let mut headers = vec![("anthropic-version", "2023-06-01".to_owned())];
    if let Some(key) = &endpoint.key {
        headers.push(("x-api-key", key.clone()));
    }
    // Both forms of the address are in use.
    let base = endpoint.base_url.strip_suffix("/v1").unwrap_or(&endpoint.base_url);
    let url = format!("{base}/v1/messages");
    Wire { url, headers, body, assembly: Box::new(Messages::new(&endpoint.model)) }
}

fn message(turn: &Turn) -> Value {
    match turn {
        Turn::User { text } => json!({"role": "user", "content": [{"type": "text", "text": text}]}),
        Turn::Model { parts } => {
            json!({"role": "assistant", "content": parts.iter().filter_map(block).collect::<Vec<_>>()})
        }
        Turn::Tools { results } => {
            json!({"role": "user", "content": results.iter().map(result).collect::<Vec<_>>()})
        }
    }
}

fn block(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text } if text.trim().is_empty() => None,
        Part::Text { text } => Some(json!({"type": "text", "text": text})),
        Part::Thinking { hidden: Some(data), .. } => {
            Some(json!({"type": "redacted_thinking", "data": data}))
        }
        Part::Thinking { text, signature: Some(signature), .. } => {
            Some(json!({"type": "thinking", "thinking": text, "signature": signature}))
        }
        // Without its mark the vendor refuses it.
        Part::Thinking { .. } => None,
        Part::Call(call) => {
            let input = if call.input.is_object() { call.input.clone() } else { json!({}) };
            Some(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}))
        }
    }
}

fn result(result: &ToolResult) -> Value {
    json!({
        "type": "tool_result",
        "tool_use_id": result.id,
        "content": result.output,
        "is_error": result.is_error,
    })
}

/// One block of the answer while it grows.
enum Block {
    Text(String),
    Thinking { text: String, signature: Option<String> },
    Hidden(String),
    Call { id: String, name: String, input: String, given: Value },
    Other,
}

struct Messages {
    blocks: Vec<Block>,
    usage: Usage,
    stop: Option<String>,
    done: bool,
}

impl Messages {
    fn new(model: &str) -> Self {
        Self { blocks: Vec::new(), usage: no_usage(model), stop: None, done: false }
    }

    /// The numbers are those of the whole answer so far, so newer ones replace older ones.
    fn use_up(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        for (pointer, field) in [
            ("/input_tokens", &mut self.usage.fresh_input),
            ("/cache_read_input_tokens", &mut self.usage.cache_read),
            ("/cache_creation_input_tokens", &mut self.usage.cache_write),
            ("/output_tokens", &mut self.usage.output),
        ] {
            if let Some(number) = number(usage, pointer) {
                *field = number;
            }
        }
    }

    fn start(&mut self, block: &Value) {
        let said = |pointer| text(block, pointer).unwrap_or_default().to_owned();
        self.blocks.push(match text(block, "/type") {
            Some("text") => Block::Text(said("/text")),
            Some("thinking") => Block::Thinking {
                text: said("/thinking"),
                signature: text(block, "/signature").map(str::to_owned),
            },
            Some("redacted_thinking") => Block::Hidden(said("/data")),
            Some("tool_use") => Block::Call {
                id: said("/id"),
                name: said("/name"),
                input: String::new(),
                given: block.get("input").cloned().unwrap_or(Value::Null),
            },
            _ => Block::Other,
        });
    }

    fn grow(&mut self, index: u64, delta: &Value) {
        let block = usize::try_from(index).ok().and_then(|index| self.blocks.get_mut(index));
        let said = |pointer| text(delta, pointer).unwrap_or_default();
        match block {
            Some(Block::Text(text)) => text.push_str(said("/text")),
            Some(Block::Thinking { text, signature }) => {
                text.push_str(said("/thinking"));
                if let Some(part) = delta.get("signature").and_then(Value::as_str) {
                    signature.get_or_insert_default().push_str(part);
                }
            }
            Some(Block::Call { input, .. }) => input.push_str(said("/partial_json")),
            Some(Block::Hidden(_) | Block::Other) | None => {}
        }
    }
}

impl Assembly for Messages {
    fn event(&mut self, name: Option<&str>, data: &Value) -> Result<bool, Failure> {
        match text(data, "/type").or(name) {
            Some("message_start") => {
                self.use_up(data.pointer("/message/usage"));
                if let Some(model) = text(data, "/message/model") {
                    self.usage.model = Some(model.to_owned());
                }
            }
            Some("content_block_start") => {
                self.start(data.get("content_block").unwrap_or(&Value::Null));
            }
            Some("content_block_delta") => {
                let index = number(data, "/index").unwrap_or(u64::MAX);
                self.grow(index, data.get("delta").unwrap_or(&Value::Null));
            }
            Some("message_delta") => {
                self.use_up(data.get("usage"));
                if let Some(stop) = text(data, "/delta/stop_reason") {
                    self.stop = Some(stop.to_owned());
                }
            }
            Some("message_stop") => self.done = true,
            Some("error") => return Err(error(data)),
            _ => {}
        }
        Ok(self.done)
    }

    fn whole(&mut self, answer: &Value) -> Result<(), Failure> {
        let content = answer.get("content").and_then(Value::as_array);
        let content = content.ok_or_else(|| Failure::broken("it has no content"))?;
        for block in content {
            self.start(block);
        }
        self.use_up(answer.get("usage"));
        self.stop = text(answer, "/stop_reason").map(str::to_owned);
        if let Some(model) = text(answer, "/model") {
            self.usage.model = Some(model.to_owned());
        }
        self.done = true;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Reply, Failure> {
        if !self.done {
            return Err(Failure::broken("it ended in the middle"));
        }
        let parts = self.blocks.into_iter().filter_map(|block| match block {
            Block::Text(text) => Some(Part::Text { text }),
            Block::Thinking { text, signature } => {
                Some(Part::Thinking { text, signature, hidden: None })
            }
            Block::Hidden(data) => {
                Some(Part::Thinking { text: String::new(), signature: None, hidden: Some(data) })
            }
            Block::Call { id, name, input, given } => {
                let given_whole =
                    input.is_empty() && given.as_object().is_some_and(|o| !o.is_empty());
                let input = if given_whole { given } else { arguments(&input) };
                Some(Part::Call(Call { id, name, input, signature: None }))
            }
            Block::Other => None,
        });
        let parts: Vec<Part> = parts.collect();
        let stop = match self.stop.as_deref() {
            Some("tool_use") => Stop::Calls,
            Some("end_turn" | "stop_sequence") | None => Stop::End,
            Some("max_tokens") => Stop::Length,
            Some(other) => Stop::Other(other.to_owned()),
        };
        Ok(Reply { parts, stop, usage: self.usage })
    }
}

/// An error inside a stream that began well.
fn error(data: &Value) -> Failure {
    let word = text(data, "/error/type").unwrap_or("error");
    let said = text(data, "/error/message").unwrap_or("no reason given");
    let status = match word {
        "overloaded_error" => Some(529),
        "rate_limit_error" => Some(429),
        "api_error" | "timeout_error" => Some(500),
        "authentication_error" => Some(401),
        "billing_error" => Some(402),
        "permission_error" => Some(403),
        "invalid_request_error" => Some(400),
        _ => None,
    };
    let fault = status.map_or(Fault::Passing, |status| http::fault_of(status, word, said));
    Failure { fault, status, message: format!("{word}: {said}"), retry_after: None }
}
