//! Gemini `generateContent`: <https://ai.google.dev/api/generate-content>.

use super::reply::{Frame, Part, Reply, chunks};
use serde_json::{Value, json};
use std::time::Duration;

/// The answer as one object.
pub(crate) fn whole(reply: &Reply) -> Value {
    let parts: Vec<Value> = reply.parts.iter().map(part).collect();
    object(reply, &json!(parts), json!("STOP"), &usage(reply))
}

/// The answer as a stream: whole objects, of which only the last has a finish reason.
pub(crate) fn frames(reply: &Reply) -> Vec<Frame> {
    let some =
        |wait, parts: Value| Frame::plain(wait, &object(reply, &parts, Value::Null, &Value::Null));
    let mut frames: Vec<Frame> = Vec::new();
    for _ in 0..reply.hold {
        frames.push(some(Duration::from_secs(1), json!([{"text": ""}])));
    }
    for piece in &reply.parts {
        match piece {
            Part::Text(text) => {
                let piece = |text| some(reply.delay, json!([{"text": text}]));
                frames.extend(chunks(text).into_iter().map(piece));
            }
            Part::Thinking(_) | Part::Call { .. } => {
                frames.push(some(reply.delay, json!([part(piece)])));
            }
        }
    }
    let last = object(reply, &json!([{"text": ""}]), json!("STOP"), &usage(reply));
    frames.push(Frame::plain(Duration::ZERO, &last));
    frames
}

/// An error; the time to wait stands in its details.
pub(crate) fn failure(status: u16, message: &str, retry_after: Option<u64>) -> Value {
    let word = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    let retry = retry_after.map(|seconds| {
        let kind = "type.googleapis.com/google.rpc.RetryInfo";
        json!({"@type": kind, "retryDelay": format!("{seconds}s")})
    });
    let details: Vec<Value> = retry.into_iter().collect();
    json!({"error": {"code": status, "message": message, "status": word, "details": details}})
}

fn object(reply: &Reply, parts: &Value, finish: Value, usage: &Value) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if !finish.is_null() {
        candidate["finishReason"] = finish;
    }
    let mut object = json!({
        "candidates": [candidate],
        "modelVersion": reply.model,
        "responseId": format!("resp{:016}", reply.number),
    });
    if !usage.is_null() {
        object["usageMetadata"] = usage.clone();
    }
    object
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"text": text}),
        Part::Thinking(text) => json!({"text": text, "thought": true}),
        Part::Call { id, name, input, .. } => {
            json!({"functionCall": {"id": id, "name": name, "args": input}})
        }
    }
}

fn usage(reply: &Reply) -> Value {
    let usage = reply.usage;
    let input = reply.whole_input();
    json!({
        "promptTokenCount": input,
        "cachedContentTokenCount": usage.cache_read_input_tokens,
        "candidatesTokenCount": usage.output_tokens.saturating_sub(usage.reasoning_tokens),
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": input + usage.output_tokens,
    })
}
