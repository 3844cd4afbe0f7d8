//! Anthropic Messages: <https://platform.claude.com/docs/en/api/messages>.

use super::reply::{Frame, Part, Reply, chunks};
use serde_json::{Value, json};
use std::time::Duration;

/// The answer as one object.
pub(crate) fn whole(reply: &Reply) -> Value {
    let content: Vec<Value> = reply.parts.iter().map(block).collect();
    message(reply, &json!(content), json!(stop_reason(reply)), reply.usage.output_tokens)
}

/// The answer as a stream.
pub(crate) fn frames(reply: &Reply) -> Vec<Frame> {
    let none = Duration::ZERO;
    let ping = |wait| Frame::named(wait, "ping", &json!({"type": "ping"}));
    let start = message(reply, &json!([]), Value::Null, 1);
    let start = json!({"type": "message_start", "message": start});
    let mut frames = vec![Frame::named(none, "message_start", &start), ping(none)];
    frames.extend((0..reply.hold).map(|_| ping(Duration::from_secs(1))));
    for (index, part) in reply.parts.iter().enumerate() {
        let (empty, deltas) = pieces(part);
        let started =
            json!({"type": "content_block_start", "index": index, "content_block": empty});
        frames.push(Frame::named(reply.delay, "content_block_start", &started));
        for delta in deltas {
            let data = json!({"type": "content_block_delta", "index": index, "delta": delta});
            frames.push(Frame::named(reply.delay, "content_block_delta", &data));
        }
        let stopped = json!({"type": "content_block_stop", "index": index});
        frames.push(Frame::named(none, "content_block_stop", &stopped));
    }
    let end = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null},
        "usage": usage(reply, reply.usage.output_tokens),
    });
    frames.push(Frame::named(none, "message_delta", &end));
    frames.push(Frame::named(none, "message_stop", &json!({"type": "message_stop"})));
    frames
}

/// An error.
pub(crate) fn failure(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

fn stop_reason(reply: &Reply) -> &'static str {
    if reply.calls() { "tool_use" } else { "end_turn" }
}

fn message(reply: &Reply, content: &Value, stop_reason: Value, output_tokens: u64) -> Value {
    json!({
        "id": format!("msg_{:016}", reply.number),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage(reply, output_tokens),
    })
}

fn usage(reply: &Reply, output_tokens: u64) -> Value {
    json!({
        "input_tokens": reply.usage.input_tokens,
        "cache_creation_input_tokens": reply.usage.cache_creation_input_tokens,
        "cache_read_input_tokens": reply.usage.cache_read_input_tokens,
        "output_tokens": output_tokens,
    })
}

fn block(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Thinking(text) => {
            json!({"type": "thinking", "thinking": text, "signature": "c2lnbmVk"})
        }
        Part::Call { id, name, input, .. } => {
            json!({"type": "tool_use", "id": id, "name": name, "input": input})
        }
    }
}

/// A block as it starts, and what then comes in pieces.
fn pieces(part: &Part) -> (Value, Vec<Value>) {
    match part {
        Part::Text(text) => {
            let delta = |part| json!({"type": "text_delta", "text": part});
            (json!({"type": "text", "text": ""}), chunks(text).into_iter().map(delta).collect())
        }
        Part::Thinking(text) => {
            let delta = |part| json!({"type": "thinking_delta", "thinking": part});
            let mut deltas: Vec<Value> = chunks(text).into_iter().map(delta).collect();
            deltas.push(json!({"type": "signature_delta", "signature": "c2lnbmVk"}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        Part::Call { id, name, input, .. } => {
            let delta = |part| json!({"type": "input_json_delta", "partial_json": part});
            let empty = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
            (empty, chunks(&input.to_string()).into_iter().map(delta).collect())
        }
    }
}
