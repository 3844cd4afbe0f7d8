//! Google's Gemini API (`v1beta`, `streamGenerateContent`).

use super::{
    Assembly, Call, Endpoint, Failure, Part, Question, Reply, Stop, Turn, Wire, http, no_usage,
    number, text,
};
use orkestra_core::agent::Usage;
use serde_json::{Value, json};

pub(super) fn wire(endpoint: &Endpoint, question: &Question<'_>) -> Wire {
    let mut body = json!({
        "contents": question.turns.iter().map(content).collect::<Vec<_>>(),
        "generationConfig": {"maxOutputTokens": endpoint.max_tokens},
    });
    if !question.system.is_empty() {
        body["systemInstruction"] = json!({"parts": [{"text": question.system}]});
    }
    if !question.tools.is_empty() {
        let tools = question.tools.iter().map(
            |tool| json!({"name": tool.name, "description": tool.about, "parameters": tool.schema}),
        );
        body["tools"] = json!([{"functionDeclarations": tools.collect::<Vec<_>>()}]);
    }
    if let Some(temperature) = endpoint.temperature {
        body["generationConfig"]["temperature"] = json!(temperature);
    }
    let key = endpoint.key.iter();
    let headers = key.map(|key| ("x-goog-api-key", key.clone())).collect();
    let base = endpoint.base_url.strip_suffix("/v1beta").unwrap_or(&endpoint.base_url);
    let model = endpoint.model.strip_prefix("models/").unwrap_or(&endpoint.model);
    let url = format!("{base}/v1beta/models/{model}:streamGenerateContent?alt=sse");
    Wire { url, headers, body, assembly: Box::new(Generated::new(&endpoint.model)) }
}

fn content(turn: &Turn) -> Value {
    match turn {
        Turn::User { text } => json!({"role": "user", "parts": [{"text": text}]}),
        Turn::Model { parts } => {
            json!({"role": "model", "parts": parts.iter().filter_map(part).collect::<Vec<_>>()})
        }
        Turn::Tools { results } => {
            let parts = results.iter().map(|result| {
                let field = if result.is_error { "error" } else { "output" };
                let response = json!({field: result.output});
                json!({"functionResponse": {
                    "id": result.id, "name": result.name, "response": response,
                }})
            });
            json!({"role": "user", "parts": parts.collect::<Vec<_>>()})
        }
    }
}

fn part(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text } => Some(json!({"text": text})),
        // Reasoning is not wanted back, only its mark, which a call carries.
        Part::Thinking { .. } => None,
        Part::Call(call) => {
            let input = if call.input.is_object() { call.input.clone() } else { json!({}) };
            let mut value =
                json!({"functionCall": {"id": call.id, "name": call.name, "args": input}});
            if let Some(signature) = &call.signature {
                value["thoughtSignature"] = json!(signature);
            }
            Some(value)
        }
    }
}

struct Generated {
    parts: Vec<Part>,
    usage: Usage,
    stop: Option<String>,
    refused: Option<String>,
    /// Calls have no ids of their own in older versions of the API.
    calls: usize,
}

impl Generated {
    fn new(model: &str) -> Self {
        let usage = no_usage(model);
        Self { parts: Vec::new(), usage, stop: None, refused: None, calls: 0 }
    }

    fn take(&mut self, data: &Value) -> Result<(), Failure> {
        if let Some(error) = data.get("error") {
            let status = number(error, "/code").and_then(|code| u16::try_from(code).ok());
            return Err(http::failure_of(status.unwrap_or(500), data, None));
        }
        if let Some(model) = text(data, "/modelVersion") {
            self.usage.model = Some(model.to_owned());
        }
        if let Some(usage) = data.get("usageMetadata") {
            self.use_up(usage);
        }
        if let Some(why) = text(data, "/promptFeedback/blockReason") {
            self.refused = Some(why.to_owned());
        }
        let Some(candidate) = data.pointer("/candidates/0") else { return Ok(()) };
        if let Some(stop) = text(candidate, "/finishReason") {
            self.stop = Some(stop.to_owned());
        }
        let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            self.part(part);
        }
        Ok(())
    }

    fn part(&mut self, part: &Value) {
        let signature = text(part, "/thoughtSignature").map(str::to_owned);
        if let Some(call) = part.get("functionCall") {
            self.calls += 1;
            let name = text(call, "/name").unwrap_or_default().to_owned();
            let id = text(call, "/id").filter(|id| !id.is_empty()).map(str::to_owned);
            let id = id.unwrap_or_else(|| format!("call_{}", self.calls));
            let input = call.get("args").cloned().unwrap_or_else(|| json!({}));
            self.parts.push(Part::Call(Call { id, name, input, signature }));
            return;
        }
        let Some(said) = text(part, "/text").filter(|said| !said.is_empty()) else { return };
        let thought = part.get("thought").and_then(Value::as_bool).unwrap_or(false);
        match (self.parts.last_mut(), thought) {
            (Some(Part::Text { text }), false) | (Some(Part::Thinking { text, .. }), true) => {
                text.push_str(said);
            }
            (_, false) => self.parts.push(Part::Text { text: said.to_owned() }),
            (_, true) => self.parts.push(Part::Thinking {
                text: said.to_owned(),
                signature: None,
                hidden: None,
            }),
        }
    }

    /// What was read from the cache is part of the prompt; reasoning is not part of the answer.
    fn use_up(&mut self, usage: &Value) {
        let count = |pointer| number(usage, pointer).unwrap_or(0);
        let prompt = count("/promptTokenCount") + count("/toolUsePromptTokenCount");
        let cached = count("/cachedContentTokenCount").min(prompt);
        self.usage.fresh_input = prompt - cached;
        self.usage.cache_read = cached;
        self.usage.output = count("/candidatesTokenCount") + count("/thoughtsTokenCount");
    }
}

impl Assembly for Generated {
    fn event(&mut self, _name: Option<&str>, data: &Value) -> Result<bool, Failure> {
        self.take(data)?;
        // Numbers may still follow the reason to stop, so the stream is read to its end.
        Ok(false)
    }

    fn whole(&mut self, answer: &Value) -> Result<(), Failure> {
        match answer {
            Value::Array(answers) => answers.iter().try_for_each(|answer| self.take(answer)),
            _ => self.take(answer),
        }
    }

    fn finish(self: Box<Self>) -> Result<Reply, Failure> {
        let called = self.parts.iter().any(|part| matches!(part, Part::Call(_)));
        let stop = match (self.stop.as_deref(), self.refused) {
            (_, Some(why)) => Stop::Other(why),
            (Some("STOP"), None) if called => Stop::Calls,
            (Some("STOP"), None) => Stop::End,
            (Some("MAX_TOKENS"), None) => Stop::Length,
            (Some(other), None) => Stop::Other(other.to_owned()),
            (None, None) => return Err(Failure::broken("it ended in the middle")),
        };
        Ok(Reply { parts: self.parts, stop, usage: self.usage })
    }
}
