//! OpenAI Chat Completions, and what is compatible with it (xAI, GitHub Models, Ollama).

use super::reply::{Frame, Part, Reply, chunks};
use serde_json::{Value, json};
use std::time::Duration;

/// The answer as one object.
pub(crate) fn whole(reply: &Reply) -> Value {
    let text: Vec<&str> = reply
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let calls: Vec<Value> = calls(reply).into_iter().map(|(call, _)| call).collect();
    let content = if text.is_empty() { Value::Null } else { json!(text.join("\n")) };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let choice =
        json!({"index": 0, "message": message, "finish_reason": finish(reply), "logprobs": null});
    object(reply, "chat.completion", &json!([choice]), &usage(reply))
}

/// The answer as a stream. The usage comes last, whether it was asked for or not.
pub(crate) fn frames(reply: &Reply) -> Vec<Frame> {
    let chunk = |wait, delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish, "logprobs": null});
        let data = object(reply, "chat.completion.chunk", &json!([choice]), &Value::Null);
        Frame::plain(wait, &data)
    };
    let none = Duration::ZERO;
    let mut frames = vec![chunk(none, json!({"role": "assistant", "content": ""}), Value::Null)];
    for _ in 0..reply.hold {
        frames.push(chunk(Duration::from_secs(1), json!({"content": ""}), Value::Null));
    }
    for part in &reply.parts {
        let (key, text) = match part {
            Part::Text(text) => ("content", text),
            Part::Thinking(text) => ("reasoning_content", text),
            Part::Call { .. } => continue,
        };
        for piece in chunks(text) {
            frames.push(chunk(reply.delay, json!({key: piece}), Value::Null));
        }
    }
    for (place, (call, arguments)) in calls(reply).into_iter().enumerate() {
        let mut begun = call;
        begun["index"] = json!(place);
        begun["function"]["arguments"] = json!("");
        frames.push(chunk(reply.delay, json!({"tool_calls": [begun]}), Value::Null));
        for piece in chunks(&arguments) {
            let delta = json!({"index": place, "function": {"arguments": piece}});
            frames.push(chunk(reply.delay, json!({"tool_calls": [delta]}), Value::Null));
        }
    }
    frames.push(chunk(none, json!({}), json!(finish(reply))));
    let last = object(reply, "chat.completion.chunk", &json!([]), &usage(reply));
    frames.push(Frame::plain(none, &last));
    frames.push(Frame { wait: none, name: None, data: "[DONE]".to_owned() });
    frames
}

fn finish(reply: &Reply) -> &'static str {
    if reply.calls() { "tool_calls" } else { "stop" }
}

/// The tool calls, each with its arguments as text.
fn calls(reply: &Reply) -> Vec<(Value, String)> {
    let call = |part: &Part| match part {
        Part::Call { id, name, input, .. } => {
            let arguments = input.to_string();
            let function = json!({"name": name, "arguments": arguments});
            Some((json!({"id": id, "type": "function", "function": function}), arguments))
        }
        Part::Text(_) | Part::Thinking(_) => None,
    };
    reply.parts.iter().filter_map(call).collect()
}

fn object(reply: &Reply, word: &str, choices: &Value, usage: &Value) -> Value {
    json!({
        "id": format!("chatcmpl-{:016}", reply.number),
        "object": word,
        "created": 1_767_225_600,
        "model": reply.model,
        "choices": choices,
        "usage": usage,
    })
}

fn usage(reply: &Reply) -> Value {
    let input = reply.whole_input();
    json!({
        "prompt_tokens": input,
        "completion_tokens": reply.usage.output_tokens,
        "total_tokens": input + reply.usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.usage.cache_read_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.usage.reasoning_tokens},
    })
}
