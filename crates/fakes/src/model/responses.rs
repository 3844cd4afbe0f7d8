//! OpenAI Responses: <https://platform.openai.com/docs/api-reference/responses>.

use super::reply::{Frame, Part, Reply, chunks};
use serde_json::{Value, json};
use std::time::Duration;

/// The answer as one object.
pub(crate) fn whole(reply: &Reply) -> Value {
    let output: Vec<Value> =
        reply.parts.iter().enumerate().map(|(place, part)| item(reply, place, part)).collect();
    response(reply, "completed", &json!(output), &usage(reply))
}

/// The answer as a stream.
pub(crate) fn frames(reply: &Reply) -> Vec<Frame> {
    let none = Duration::ZERO;
    let mut numbered = Numbered::default();
    let begun = response(reply, "in_progress", &json!([]), &Value::Null);
    numbered.add(none, "response.created", json!({"response": begun}));
    for _ in 0..reply.hold {
        numbered.add(Duration::from_secs(1), "response.in_progress", json!({"response": begun}));
    }
    for (place, part) in reply.parts.iter().enumerate() {
        let whole = item(reply, place, part);
        let id = whole.get("id").cloned().unwrap_or_default();
        let base = |more: Value| {
            let mut data = json!({"output_index": place, "item_id": id});
            if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
                data.extend(more);
            }
            data
        };
        let added = json!({"output_index": place, "item": unfinished(&whole)});
        numbered.add(reply.delay, "response.output_item.added", added);
        let (name, text) = match part {
            Part::Text(text) => ("response.output_text.delta", text.clone()),
            Part::Thinking(text) => ("response.reasoning_summary_text.delta", text.clone()),
            Part::Call { input, plain: false, .. } => {
                ("response.function_call_arguments.delta", input.to_string())
            }
            Part::Call { input, plain: true, .. } => {
                ("response.custom_tool_call_input.delta", plain_input(input))
            }
        };
        if matches!(part, Part::Text(_)) {
            let empty = json!({"type": "output_text", "text": "", "annotations": []});
            let data = base(json!({"content_index": 0, "part": empty}));
            numbered.add(none, "response.content_part.added", data);
        }
        for delta in chunks(&text) {
            let data = base(json!({"content_index": 0, "summary_index": 0, "delta": delta}));
            numbered.add(reply.delay, name, data);
        }
        let done = json!({"output_index": place, "item": whole});
        numbered.add(none, "response.output_item.done", done);
    }
    numbered.add(none, "response.completed", json!({"response": whole(reply)}));
    numbered.frames
}

/// An error.
pub(crate) fn failure(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        401 => ("invalid_request_error", "invalid_api_key"),
        429 => ("requests", "rate_limit_exceeded"),
        400..500 => ("invalid_request_error", "invalid_request"),
        529 | 503 => ("server_error", "server_is_overloaded"),
        _ => ("server_error", "server_error"),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// Events with their running number.
#[derive(Default)]
struct Numbered {
    frames: Vec<Frame>,
}

impl Numbered {
    fn add(&mut self, wait: Duration, name: &'static str, mut data: Value) {
        data["type"] = json!(name);
        data["sequence_number"] = json!(self.frames.len());
        self.frames.push(Frame::named(wait, name, &data));
    }
}

fn response(reply: &Reply, status: &str, output: &Value, usage: &Value) -> Value {
    json!({
        "id": format!("resp_{:016}", reply.number),
        "object": "response",
        "created_at": 1_767_225_600,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": true,
        "usage": usage,
    })
}

fn usage(reply: &Reply) -> Value {
    let input = reply.whole_input();
    json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": reply.usage.cache_read_input_tokens,
            "cache_write_tokens": reply.usage.cache_creation_input_tokens,
        },
        "output_tokens": reply.usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.usage.reasoning_tokens},
        "total_tokens": input + reply.usage.output_tokens,
    })
}

fn item(reply: &Reply, place: usize, part: &Part) -> Value {
    let number = reply.number;
    match part {
        Part::Text(text) => json!({
            "id": format!("msg_{number:016}_{place}"), "type": "message", "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }),
        Part::Thinking(text) => json!({
            "id": format!("rs_{number:016}_{place}"), "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}],
        }),
        Part::Call { id, name, input, plain: false } => json!({
            "id": format!("fc_{number:016}_{place}"), "type": "function_call", "call_id": id,
            "name": name, "arguments": input.to_string(), "status": "completed",
        }),
        Part::Call { id, name, input, plain: true } => json!({
            "id": format!("ctc_{number:016}_{place}"), "type": "custom_tool_call", "call_id": id,
            "name": name, "input": plain_input(input), "status": "completed",
        }),
    }
}

/// The input of a tool that takes plain text: the script gives it as a text.
fn plain_input(input: &Value) -> String {
    input.as_str().map_or_else(|| input.to_string(), str::to_owned)
}

/// An item as it stands before its pieces.
fn unfinished(item: &Value) -> Value {
    let mut item = item.clone();
    for (key, empty) in [
        ("content", json!([])),
        ("summary", json!([])),
        ("arguments", json!("")),
        ("input", json!("")),
    ] {
        if item.get(key).is_some() {
            item[key] = empty;
        }
    }
    if item.get("status").is_some() {
        item["status"] = json!("in_progress");
    }
    item
}
