//! The scripted model over a real connection.

#![allow(clippy::unwrap_used, reason = "a test shows its fault by panicking")]

use orkestra_fakes::model::{Script, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Starts a model and gives its port.
async fn start(script: Value) -> u16 {
    let script: Script = serde_json::from_value(script).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(serve(listener, script, None));
    port
}

/// One request; gives the status and the body as text.
async fn ask(port: u16, method: &str, path: &str, body: &Value) -> (u16, String) {
    let body = if method == "POST" { body.to_string() } else { String::new() };
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len(),
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[tokio::test]
async fn answers_both_forms_refuses_as_often_as_told_and_knows_the_side_requests() {
    let port = start(json!({"turns": [
        {"match": "first", "status": 429, "times": 1, "blocks": [{"text": "hello"}]},
        {"match": "always", "status": 529},
    ]}))
    .await;
    let body = |text: &str, stream: bool| {
        json!({
            "model": "m", "stream": stream, "tools": [{"name": "Write"}],
            "messages": [{"role": "user", "content": text}],
        })
    };
    let messages = "/v1/messages?beta=true";
    let (status, text) = ask(port, "POST", messages, &body("first", false)).await;
    assert_eq!(status, 429);
    assert!(text.contains("rate_limit_error"), "{text}");
    let (status, text) = ask(port, "POST", messages, &body("first", false)).await;
    let message: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &message["content"][0]["text"]), (200, &json!("hello")));
    let (status, text) = ask(port, "POST", messages, &body("first", true)).await;
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let expected = [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!((status, events), (200, expected.to_vec()));
    for _ in 0..3 {
        assert_eq!(ask(port, "POST", messages, &body("always", true)).await.0, 529);
    }
    let side = json!({"model": "small", "messages": [{"role": "user", "content": "a title"}]});
    assert!(ask(port, "POST", messages, &side).await.1.contains("title"));
    let count = ask(port, "POST", "/v1/messages/count_tokens", &side).await;
    assert!(count.1.contains("input_tokens"));
    for (method, path, status) in [
        ("HEAD", "/", 200),
        ("GET", "/", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/elsewhere", 404),
    ] {
        assert_eq!(ask(port, method, path, &Value::Null).await.0, status, "{method} {path}");
    }
}

#[test]
fn a_script_with_a_slip_names_it() {
    let error = serde_json::from_str::<Script>(r#"{"turns": [{"blokcs": []}]}"#).unwrap_err();
    assert!(error.to_string().contains("blokcs"), "{error}");
    let shipped = include_str!("../scripts/write-file.json");
    assert_eq!(serde_json::from_str::<Script>(shipped).unwrap().turns.len(), 2);
}

/// A request of each dialect with one text, its path, and where the answer has the same text.
fn dialects(text: &str, stream: bool) -> [(&'static str, Value, &'static str); 4] {
    let verb = if stream {
        "/v1beta/models/m:streamGenerateContent?alt=sse"
    } else {
        "/v1beta/models/m:generateContent"
    };
    let schema = json!({"type": "object", "properties": {"path": {}, "content": {}}});
    let function = json!({"name": "write_file", "parameters": schema});
    let said = json!([{"role": "user", "content": text}]);
    [
        (
            "/v1/messages",
            json!({"model": "m", "stream": stream, "messages": said,
                "tools": [{"name": "write_file", "input_schema": schema}]}),
            "/content/0/text",
        ),
        (
            "/v1/responses",
            json!({"model": "m", "stream": stream, "input": said,
                "tools": [{"type": "function", "name": "write_file", "parameters": schema}]}),
            "/output/0/content/0/text",
        ),
        (
            "/inference/chat/completions",
            json!({"model": "m", "stream": stream, "messages": said,
                "tools": [{"type": "function", "function": function}]}),
            "/choices/0/message/content",
        ),
        (
            verb,
            json!({"contents": [{"role": "user", "parts": [{"text": text}]}],
                "tools": [{"functionDeclarations": [function]}]}),
            "/candidates/0/content/parts/0/text",
        ),
    ]
}

#[tokio::test]
async fn one_script_answers_in_every_dialect_with_the_tool_that_is_offered() {
    let port = start(json!({"turns": [{
        "blocks": [{"text": "hello"}, {"write": {"path": "a.txt", "content": "a"}}],
        "usage": {"input_tokens": 100, "cache_read_input_tokens": 30,
            "cache_creation_input_tokens": 7, "output_tokens": 20, "reasoning_tokens": 5},
    }]}))
    .await;
    let usages = [
        json!({"input_tokens": 100, "cache_read_input_tokens": 30,
            "cache_creation_input_tokens": 7, "output_tokens": 20}),
        json!({"input_tokens": 137, "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 7},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 157}),
        json!({"prompt_tokens": 137, "completion_tokens": 20, "total_tokens": 157,
            "prompt_tokens_details": {"cached_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 5}}),
        json!({"promptTokenCount": 137, "cachedContentTokenCount": 30, "candidatesTokenCount": 15,
            "thoughtsTokenCount": 5, "totalTokenCount": 157}),
    ];
    for ((path, body, place), usage) in dialects("go", false).into_iter().zip(usages) {
        let (status, text) = ask(port, "POST", path, &body).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &answer.pointer(place)), (200, &Some(&json!("hello"))), "{path}");
        assert!(text.contains("write_file") && text.contains("a.txt"), "{path}: {text}");
        let told = answer.get("usage").or_else(|| answer.get("usageMetadata"));
        assert_eq!(told, Some(&usage), "{path}");
    }
    for (path, body, _) in dialects("go", true) {
        let (status, text) = ask(port, "POST", path, &body).await;
        assert_eq!(status, 200, "{path}");
        assert!(text.contains("hello") && text.contains("write_file"), "{path}: {text}");
        let whole = text.lines().filter_map(|line| line.strip_prefix("data: "));
        for data in whole.filter(|data| *data != "[DONE]") {
            serde_json::from_str::<Value>(data).unwrap();
        }
    }
}

#[tokio::test]
async fn faults_come_as_often_as_told_in_every_dialect() {
    let port = start(json!({"key": "good", "turns": []})).await;
    for (path, body, _) in dialects("go", false) {
        assert_eq!(ask(port, "POST", path, &body).await.0, 401, "{path}");
    }
    let turn = |fault: Value| {
        let mut turn = json!({"times": 1, "blocks": [{"text": "hello"}]});
        turn.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        json!({"turns": [turn]})
    };
    let limited = start(turn(json!({"status": 429, "retry_after": 7}))).await;
    let broken = start(turn(json!({"malformed": true}))).await;
    let cut = start(turn(json!({"cut": 1}))).await;
    for number in 0..4 {
        // Each dialect is a conversation of its own, told apart by its text.
        let (path, body, _) = dialects(&format!("go {number}"), true)[number].clone();
        let (status, text) = ask(limited, "POST", path, &body).await;
        assert_eq!(status, 429, "{path}");
        assert_eq!(text.contains("RetryInfo"), number == 3, "{text}");
        let (_, text) = ask(broken, "POST", path, &body).await;
        assert!(text.contains("{\"broken\":"), "{path}: {text}");
        let (_, text) = ask(cut, "POST", path, &body).await;
        let data = text.lines().filter(|line| line.starts_with("data: ")).count();
        assert_eq!(data, 1, "{path}: {text}");
        for port in [limited, broken, cut] {
            let (status, text) = ask(port, "POST", path, &body).await;
            assert!(status == 200 && text.contains("hello"), "{path}: {text}");
            assert!(!text.contains("broken"), "{path}: {text}");
        }
    }
}
