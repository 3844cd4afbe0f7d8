//! Chat completions, as OpenAI made them and xAI, GitHub Models, Ollama and many others speak them.

use super::{
    Assembly, Call, Endpoint, Failure, Fault, Part, Question, Reply, Stop, Turn, Wire, arguments,
    http, no_usage, number, text,
};
use orkestra_agents::Kind;
use orkestra_core::agent::Usage;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn wire(endpoint: &Endpoint, question: &Question<'_>) -> Wire {
    let mut messages = Vec::new();
    if !question.system.is_empty() {
        messages.push(json!({"role": "system", "content": question.system}));
    }
    for turn in question.turns {
        add(&mut messages, turn);
    }
    // OpenAI's newer models refuse the old name, others do not know the new one.
    let official = endpoint.kind == Kind::Openai
        && super::base_url(Kind::Openai) == Some(endpoint.base_url.as_str());
    let limit = if official { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({
        "model": endpoint.model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
        limit: endpoint.max_tokens,
    });
    if !question.tools.is_empty() {
        let tools = question.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.about, "parameters": tool.schema,
            }})
        });
        body["tools"] = tools.collect();
    }
    if let Some(temperature) = endpoint.temperature {
        body["temperature"] = json!(temperature);
    }
    let key = endpoint.key.iter();
    let headers = key.map(|key| ("authorization", format!("Bearer {key}"))).collect();
    let url = format!("{}/chat/completions", endpoint.base_url);
    Wire { url, headers, body, assembly: Box::new(Chat::new(&endpoint.model)) }
}

fn add(messages: &mut Vec<Value>, turn: &Turn) {
    match turn {
        Turn::User { text } => messages.push(json!({"role": "user", "content": text})),
        Turn::Model { parts } => {
            let said = parts.iter().filter_map(|part| match part {
                Part::Text { text } => Some(text.as_str()),
                Part::Thinking { .. } | Part::Call(_) => None,
            });
            let said = said.collect::<Vec<_>>().join("\n");
            let calls: Vec<Value> = parts.iter().filter_map(call).collect();
            let content = if said.is_empty() { Value::Null } else { json!(said) };
            let mut message = json!({"role": "assistant", "content": content});
            if !calls.is_empty() {
                message["tool_calls"] = json!(calls);
            }
            messages.push(message);
        }
        Turn::Tools { results } => messages.extend(results.iter().map(
            |result| json!({"role": "tool", "tool_call_id": result.id, "content": result.output}),
        )),
    }
}

fn call(part: &Part) -> Option<Value> {
    let Part::Call(call) = part else { return None };
    let input = if call.input.is_object() { call.input.to_string() } else { "{}".to_owned() };
    Some(json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": input},
    }))
}

#[derive(Default)]
struct Calling {
    id: String,
    name: String,
    input: String,
}

struct Chat {
    said: String,
    thought: String,
    /// By their number: pieces of several calls may come mixed.
    calls: BTreeMap<u64, Calling>,
    stop: Option<String>,
    usage: Usage,
    done: bool,
}

impl Chat {
    fn new(model: &str) -> Self {
        let usage = no_usage(model);
        let (said, thought, calls) = (String::new(), String::new(), BTreeMap::new());
        Self { said, thought, calls, stop: None, usage, done: false }
    }

    fn take(&mut self, data: &Value) -> Result<(), Failure> {
        if let Some(error) = data.get("error").filter(|error| !error.is_null()) {
            return Err(error_in_stream(error));
        }
        if let Some(model) = text(data, "/model").filter(|model| !model.is_empty()) {
            self.usage.model = Some(model.to_owned());
        }
        if let Some(usage) = data.get("usage").filter(|usage| usage.is_object()) {
            self.use_up(usage);
        }
        let Some(choice) = data.pointer("/choices/0") else { return Ok(()) };
        if let Some(stop) = text(choice, "/finish_reason") {
            self.stop = Some(stop.to_owned());
        }
        let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) else {
            return Ok(());
        };
        self.said.push_str(text(delta, "/content").unwrap_or_default());
        let thought = text(delta, "/reasoning_content").or_else(|| text(delta, "/reasoning"));
        self.thought.push_str(thought.unwrap_or_default());
        let calls = delta.get("tool_calls").and_then(Value::as_array);
        for (place, piece) in (0_u64..).zip(calls.into_iter().flatten()) {
            let index = number(piece, "/index").unwrap_or(place);
            let calling = self.calls.entry(index).or_default();
            let piece_of = |pointer| text(piece, pointer).unwrap_or_default();
            if calling.id.is_empty() {
                piece_of("/id").clone_into(&mut calling.id);
            }
            calling.name.push_str(piece_of("/function/name"));
            match piece.pointer("/function/arguments") {
                Some(Value::String(text)) => calling.input.push_str(text),
                // Ollama has sent the arguments as an object.
                Some(object @ Value::Object(_)) => calling.input.push_str(&object.to_string()),
                _ => {}
            }
        }
        Ok(())
    }

    /// What was read from the cache is part of the input here. Some leave reasoning out of the
    /// output but not out of the total, so the total decides.
    fn use_up(&mut self, usage: &Value) {
        let input = number(usage, "/prompt_tokens").unwrap_or(0);
        let output = number(usage, "/completion_tokens").unwrap_or(0);
        let total = number(usage, "/total_tokens").unwrap_or(0);
        let cached = number(usage, "/prompt_tokens_details/cached_tokens").unwrap_or(0).min(input);
        self.usage.fresh_input = input - cached;
        self.usage.cache_read = cached;
        self.usage.output = output.max(total.saturating_sub(input));
    }
}

impl Assembly for Chat {
    fn event(&mut self, _name: Option<&str>, data: &Value) -> Result<bool, Failure> {
        // The end is a word, not an object.
        self.done |= data.as_str() == Some("[DONE]");
        if !self.done {
            self.take(data)?;
        }
        Ok(self.done)
    }

    fn whole(&mut self, answer: &Value) -> Result<(), Failure> {
        self.take(answer)?;
        if answer.pointer("/choices/0").is_none() {
            return Err(Failure::broken("it has no choices"));
        }
        self.done = true;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Reply, Failure> {
        // Some servers close without the last word; then the reason to stop must have come.
        if !self.done && self.stop.is_none() {
            return Err(Failure::broken("it ended in the middle"));
        }
        let mut parts = Vec::new();
        if !self.thought.is_empty() {
            parts.push(Part::Thinking { text: self.thought, signature: None, hidden: None });
        }
        if !self.said.is_empty() {
            parts.push(Part::Text { text: self.said });
        }
        for (index, calling) in self.calls {
            let Calling { id, name, input } = calling;
            let id = if id.is_empty() { format!("call_{index}") } else { id };
            let input = arguments(&input);
            parts.push(Part::Call(Call { id, name, input, signature: None }));
        }
        let stop = match self.stop.as_deref() {
            Some("tool_calls" | "function_call") => Stop::Calls,
            Some("stop") | None => Stop::End,
            Some("length") => Stop::Length,
            Some(other) => Stop::Other(other.to_owned()),
        };
        Ok(Reply { parts, stop, usage: self.usage })
    }
}

fn error_in_stream(error: &Value) -> Failure {
    let said = text(error, "/message").or(error.as_str()).unwrap_or("no reason given");
    let code = error.get("code");
    let word = text(error, "/type").or_else(|| code.and_then(Value::as_str)).unwrap_or("error");
    let status = code.and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|status| (400..600).contains(status)).or(match word {
        "rate_limit_exceeded" | "rate_limit_error" => Some(429),
        "invalid_request_error" => Some(400),
        "server_error" => Some(500),
        _ => None,
    });
    let fault = status.map_or(Fault::Passing, |status| http::fault_of(status, word, said));
    Failure { fault, status, message: format!("{word}: {said}"), retry_after: None }
}
