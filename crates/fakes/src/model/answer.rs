//! An answer as the API writes it: one object, or a stream of events.

use super::script::{Block, Conversation, ScriptUsage, ToolUse, Turn};
use serde_json::{Value, json};
use std::time::Duration;

/// An event of the stream after a waiting time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) wait: Duration,
    pub(crate) name: &'static str,
    pub(crate) data: Value,
}

/// An answer, ready to be written in either form.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    id: String,
    model: String,
    content: Vec<Value>,
    stop_reason: &'static str,
    usage: ScriptUsage,
    delay: Duration,
    hold: Duration,
}

impl Answer {
    /// The answer of one turn; `number` makes the ids unique.
    pub(crate) fn new(turn: &Turn, conversation: &Conversation, model: &str, number: u64) -> Self {
        let cwd = conversation.cwd.as_deref().unwrap_or(".");
        let block = |(place, block): (usize, &Block)| match block {
            Block::Text(text) => json!({"type": "text", "text": text}),
            Block::Thinking(text) => {
                json!({"type": "thinking", "thinking": text, "signature": "c2lnbmVk"})
            }
            Block::ToolUse(ToolUse { name, input }) => json!({
                "type": "tool_use",
                "id": format!("toolu_{number:016}_{place}"),
                "name": name,
                "input": with_cwd(input, cwd),
            }),
        };
        let content: Vec<Value> = turn.blocks.iter().enumerate().map(block).collect();
        let calls = turn.blocks.iter().any(|block| matches!(block, Block::ToolUse(_)));
        Self {
            id: format!("msg_{number:016}"),
            model: model.to_owned(),
            content,
            stop_reason: if calls { "tool_use" } else { "end_turn" },
            usage: turn.usage.unwrap_or_default(),
            delay: Duration::from_millis(turn.delay_ms),
            hold: Duration::from_secs(turn.hold),
        }
    }

    /// A plain text.
    pub(crate) fn text(text: &str, model: &str, number: u64) -> Self {
        let turn = Turn { blocks: vec![Block::Text(text.to_owned())], ..Turn::default() };
        Self::new(&turn, &Conversation::default(), model, number)
    }

    /// How long the whole answer waits when it is not streamed.
    pub(crate) fn wait(&self) -> Duration {
        self.hold + self.delay
    }

    /// The answer as one object.
    pub(crate) fn message(&self) -> Value {
        let usage = self.usage_json(self.usage.output_tokens);
        self.message_with(&json!(self.content), json!(self.stop_reason), &usage)
    }

    /// The answer as a stream.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let frame = |wait, name, data| Frame { wait, name, data };
        let start = self.message_with(&json!([]), Value::Null, &self.usage_json(1));
        let ping = || json!({"type": "ping"});
        let none = Duration::ZERO;
        let mut frames = vec![
            frame(none, "message_start", json!({"type": "message_start", "message": start})),
            frame(none, "ping", ping()),
        ];
        for _ in 0..self.hold.as_secs() {
            frames.push(frame(Duration::from_secs(1), "ping", ping()));
        }
        for (index, block) in self.content.iter().enumerate() {
            let (empty, deltas) = pieces(block);
            let started =
                json!({"type": "content_block_start", "index": index, "content_block": empty});
            frames.push(frame(self.delay, "content_block_start", started));
            for delta in deltas {
                let data = json!({"type": "content_block_delta", "index": index, "delta": delta});
                frames.push(frame(self.delay, "content_block_delta", data));
            }
            let stopped = json!({"type": "content_block_stop", "index": index});
            frames.push(frame(none, "content_block_stop", stopped));
        }
        let end = json!({
            "type": "message_delta",
            "delta": {"stop_reason": self.stop_reason, "stop_sequence": null},
            "usage": self.usage_json(self.usage.output_tokens),
        });
        frames.push(frame(none, "message_delta", end));
        frames.push(frame(none, "message_stop", json!({"type": "message_stop"})));
        frames
    }

    fn message_with(&self, content: &Value, stop_reason: Value, usage: &Value) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": usage,
        })
    }

    fn usage_json(&self, output_tokens: u64) -> Value {
        json!({
            "input_tokens": self.usage.input_tokens,
            "cache_creation_input_tokens": self.usage.cache_creation_input_tokens,
            "cache_read_input_tokens": self.usage.cache_read_input_tokens,
            "output_tokens": output_tokens,
        })
    }
}

/// A block as it starts, and what then comes in pieces.
fn pieces(block: &Value) -> (Value, Vec<Value>) {
    let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "tool_use" => {
            let mut empty = block.clone();
            empty["input"] = json!({});
            let input = block.get("input").unwrap_or(&Value::Null).to_string();
            let delta = |part| json!({"type": "input_json_delta", "partial_json": part});
            (empty, chunks(&input).into_iter().map(delta).collect())
        }
        "thinking" => {
            let delta = |part| json!({"type": "thinking_delta", "thinking": part});
            let mut deltas: Vec<Value> = chunks(text("thinking")).into_iter().map(delta).collect();
            deltas.push(json!({"type": "signature_delta", "signature": text("signature")}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        _ => {
            let delta = |part| json!({"type": "text_delta", "text": part});
            (
                json!({"type": "text", "text": ""}),
                chunks(text("text")).into_iter().map(delta).collect(),
            )
        }
    }
}

/// Pieces of about 24 characters, at most 400 of them.
fn chunks(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = 24.max(characters.len() / 400 + 1);
    characters.chunks(size).map(|chunk| chunk.iter().collect()).collect()
}

fn with_cwd(value: &Value, cwd: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{{cwd}}", cwd)),
        Value::Array(items) => items.iter().map(|item| with_cwd(item, cwd)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, field)| (key.clone(), with_cwd(field, cwd))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_holds_the_same_as_the_whole_message() {
        let turn: Turn = serde_json::from_value(json!({
            "hold": 2,
            "delay_ms": 5,
            "usage": {"input_tokens": 7, "output_tokens": 9, "cache_read_input_tokens": 3},
            "blocks": [
                {"thinking": "hm"},
                {"text": "a text that is longer than a single piece, ünïcödé"},
                {"tool_use": {"name": "Write", "input": {"file_path": "{{cwd}}/a", "list": ["{{cwd}}"]}}},
            ],
        }))
        .unwrap();
        let conversation = Conversation { cwd: Some("/w".into()), ..Conversation::default() };
        let answer = Answer::new(&turn, &conversation, "m", 4);
        let message = answer.message();
        assert_eq!(message["stop_reason"], "tool_use");
        assert_eq!(message["content"][2]["input"], json!({"file_path": "/w/a", "list": ["/w"]}));
        let (mut text, mut input, mut pings) = (String::new(), String::new(), 0);
        let frames = answer.frames();
        for frame in &frames {
            assert_eq!(frame.data["type"], frame.name);
            pings += usize::from(frame.name == "ping");
            let delta = &frame.data["delta"];
            text.push_str(delta["text"].as_str().unwrap_or_default());
            input.push_str(delta["partial_json"].as_str().unwrap_or_default());
        }
        assert_eq!(pings, 3);
        assert_eq!(text, message["content"][1]["text"].as_str().unwrap());
        let input: Value = serde_json::from_str(&input).unwrap();
        assert_eq!(input, message["content"][2]["input"]);
        assert_eq!(frames.last().unwrap().name, "message_stop");
        assert_eq!(frames[frames.len() - 2].data["usage"], message["usage"]);
    }
}
