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
