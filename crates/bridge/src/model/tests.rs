use super::*;
use serde_json::json;

fn endpoint(kind: Kind) -> Endpoint {
    Endpoint {
        kind,
        base_url: "http://127.0.0.1:1".to_owned(),
        key: Some("sk-very-secret".to_owned()),
        model: "m".to_owned(),
        max_tokens: 100,
        temperature: None,
        timeout: Duration::from_secs(1),
    }
}

fn conversation() -> Vec<Turn> {
    let call = Call {
        id: "c1".into(),
        name: "shell".into(),
        input: json!({"command": "ls"}),
        signature: Some("sig".into()),
    };
    let result =
        ToolResult { id: "c1".into(), name: "shell".into(), output: "a".into(), is_error: false };
    vec![
        Turn::User { text: "go".into() },
        Turn::Model {
            parts: vec![
                Part::Thinking { text: "hm".into(), signature: Some("s".into()), hidden: None },
                Part::Text { text: "I look".into() },
                Part::Call(call),
            ],
        },
        Turn::Tools { results: vec![result] },
    ]
}

fn body(kind: Kind) -> Value {
    let turns = conversation();
    let tools = crate::tool::specs();
    wire(&endpoint(kind), &Question { system: "be good", turns: &turns, tools: &tools }).body
}

#[test]
fn each_format_says_the_same_conversation() {
    let anthropic = body(Kind::Anthropic);
    assert_eq!(anthropic["messages"][1]["content"][0]["signature"], "s");
    assert_eq!(anthropic["messages"][1]["content"][2]["id"], "c1");
    assert_eq!(anthropic["messages"][2]["content"][0]["tool_use_id"], "c1");
    let chat = body(Kind::Xai);
    assert_eq!(chat["messages"][0]["content"], "be good");
    assert_eq!(chat["messages"][2]["content"], "I look");
    let call = &chat["messages"][2]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"command":"ls"}"#);
    assert_eq!(chat["messages"][3]["tool_call_id"], "c1");
    let gemini = body(Kind::Google);
    assert_eq!(gemini["contents"][1]["parts"][1]["thoughtSignature"], "sig");
    let response = &gemini["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!(response["response"]["output"], "a");
    for body in [&anthropic, &chat, &gemini] {
        assert!(!body.to_string().contains("sk-very-secret"));
    }
    assert!(!format!("{:?}", endpoint(Kind::Xai)).contains("sk-very-secret"));
}

fn assemble(kind: Kind, events: &[(Option<&str>, Value)]) -> Result<Reply, Failure> {
    let turns = conversation();
    let question = Question { system: "", turns: &turns, tools: &[] };
    let mut assembly = wire(&endpoint(kind), &question).assembly;
    for (name, data) in events {
        if assembly.event(*name, data)? {
            break;
        }
    }
    assembly.finish()
}

#[test]
fn streams_become_one_reply_with_four_disjoint_classes_of_tokens() {
    let anthropic = [
        json!({"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 10,
            "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I "}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "write"}}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "shell", "input": {}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{\"command\":"}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "\"ls\"}"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}}),
        json!({"type": "message_stop"}),
    ]
    .map(|data| (None, data));
    let chat = [
        json!({"model": "grok", "choices": [{"delta": {"role": "assistant", "content": "I "}}]}),
        json!({"choices": [{"delta": {"content": "write"}}]}),
        json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "shell", "arguments": "{\"command\":"}}]}}]}),
        json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "\"ls\"}"}}]}}]}),
        json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 14, "completion_tokens": 15, "total_tokens": 34,
            "prompt_tokens_details": {"cached_tokens": 4}}}),
        json!("[DONE]"),
    ]
    .map(|data| (None, data));
    let gemini = [
        json!({"modelVersion": "gemini", "candidates": [{"content": {"parts": [{"text": "I "}]}}]}),
        json!({"candidates": [{"content": {"parts": [{"text": "write"}, {"functionCall": {"name": "shell", "args": {"command": "ls"}}, "thoughtSignature": "x"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 14, "cachedContentTokenCount": 4, "candidatesTokenCount": 15, "thoughtsTokenCount": 5}}),
    ]
    .map(|data| (None, data));
    for (kind, events, write) in [
        (Kind::Anthropic, &anthropic[..], 3),
        (Kind::Xai, &chat[..], 0),
        (Kind::Google, &gemini[..], 0),
    ] {
        let reply = assemble(kind, events).unwrap();
        assert_eq!(reply.text(), "I write", "{kind}");
        assert_eq!(reply.stop, Stop::Calls, "{kind}");
        let Some(Part::Call(call)) = reply.parts.last() else { panic!("{kind}: {reply:?}") };
        assert_eq!(
            (call.name.as_str(), &call.input),
            ("shell", &json!({"command": "ls"})),
            "{kind}"
        );
        let usage = reply.usage;
        assert_eq!(
            (usage.fresh_input, usage.cache_read, usage.cache_write, usage.output),
            (10, 4, write, 20),
            "{kind}"
        );
        for cut in 0..events.len() - 2 {
            let cut = assemble(kind, &events[..cut]);
            assert_eq!(cut.unwrap_err().fault, Fault::Broken, "{kind}");
        }
    }
}

#[test]
fn an_error_inside_a_stream_is_one_with_its_status() {
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}});
    let failure = assemble(Kind::Anthropic, &[(Some("error"), overloaded)]).unwrap_err();
    assert_eq!((failure.status, failure.fault), (Some(529), Fault::Passing));
    let limited = json!({"error": {"type": "rate_limit_exceeded", "message": "x"}});
    let failure = assemble(Kind::Openai, &[(None, limited)]).unwrap_err();
    assert_eq!((failure.status, failure.fault), (Some(429), Fault::Busy));
    let bad = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "x"}});
    let failure = assemble(Kind::Google, &[(None, bad)]).unwrap_err();
    assert_eq!((failure.status, failure.fault), (Some(400), Fault::Refused));
}
