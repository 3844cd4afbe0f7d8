//! The HTTP side of the scripted model.

use super::answer::{Answer, Frame};
use super::script::{Choice, Conversation, Script, Turn};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Where requests are written, one JSON object per line.
pub type Log = Option<File>;

struct Model {
    script: Script,
    log: Mutex<Log>,
    /// Makes ids of messages unique.
    number: AtomicU64,
    /// How often a turn of a conversation was answered with its error.
    refused: Mutex<HashMap<(String, usize), u32>>,
}

/// Answers requests until the task is dropped.
pub async fn serve(listener: TcpListener, script: Script, log: Log) -> std::io::Result<()> {
    axum::serve(listener, router(script, log)).await
}

/// The routes of the API.
pub fn router(script: Script, log: Log) -> Router {
    let model = Model {
        script,
        log: Mutex::new(log),
        number: AtomicU64::new(1),
        refused: Mutex::new(HashMap::new()),
    };
    Router::new()
        .route("/", get(|| async { "fake-model\n" }))
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(models))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(64 * 1024 * 1024))
        .with_state(Arc::new(model))
}

async fn messages(State(model): State<Arc<Model>>, Json(body): Json<Value>) -> Response {
    let conversation = Conversation::read(&body);
    let name = body.get("model").and_then(Value::as_str).unwrap_or("fake");
    let number = model.number.fetch_add(1, Ordering::Relaxed);
    let streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let choice = model.script.choose(&conversation);
    model.note(&body, &conversation, choice);
    let answer = match choice {
        Choice::Background => Answer::text(r#"{"title":"ok"}"#, name, number),
        Choice::Over => Answer::text("(the script is over)", name, number),
        Choice::Turn(place, turn) => {
            if let Some(status) = model.refusal(&conversation, place, turn) {
                return failure(status);
            }
            Answer::new(turn, &conversation, name, number)
        }
    };
    if streamed {
        return events(answer.frames()).into_response();
    }
    sleep(answer.wait()).await;
    Json(answer.message()).into_response()
}

fn events(frames: Vec<Frame>) -> Sse<impl stream::Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(frames.into_iter(), |mut frames| async {
        let frame = frames.next()?;
        if !frame.wait.is_zero() {
            sleep(frame.wait).await;
        }
        let event = Event::default().event(frame.name).data(frame.data.to_string());
        Some((Ok(event), frames))
    }))
}

async fn count_tokens(State(model): State<Arc<Model>>, Json(body): Json<Value>) -> Json<Value> {
    model.write(&json!({"path": "/v1/messages/count_tokens", "model": body.get("model")}));
    Json(json!({"input_tokens": body.to_string().len() / 4}))
}

async fn models() -> Json<Value> {
    let model = |id: &str| {
        let created = "2026-01-01T00:00:00Z";
        json!({"type": "model", "id": id, "display_name": id, "created_at": created})
    };
    let data = [model("claude-opus-4-8"), model("claude-sonnet-4-5"), model("claude-haiku-4-5")];
    Json(json!({"data": data, "has_more": false}))
}

async fn unknown(State(model): State<Arc<Model>>, uri: Uri) -> Response {
    model.write(&json!({"path": uri.path(), "unknown": true}));
    failure(404)
}

/// An error as the API writes it.
fn failure(status: u16) -> Response {
    let (kind, message) = match status {
        401 => ("authentication_error", "the key is not valid"),
        404 => ("not_found_error", "there is no such thing"),
        429 => ("rate_limit_error", "Number of requests has exceeded your rate limit"),
        529 => ("overloaded_error", "Overloaded"),
        400..500 => ("invalid_request_error", "the request is not valid"),
        _ => ("api_error", "Internal server error"),
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": message}});
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(body)).into_response()
}

impl Model {
    /// The status with which a turn is refused this time.
    fn refusal(&self, conversation: &Conversation, place: usize, turn: &Turn) -> Option<u16> {
        let status = turn.status?;
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        // Turns at one place belong to different conversations, which their session or text tells.
        let key = (format!("{}\n{}", conversation.session, conversation.user_text), place);
        let count = refused.entry(key).or_insert(0);
        *count = count.saturating_add(1);
        turn.times.is_none_or(|times| *count <= times).then_some(status)
    }

    fn note(&self, body: &Value, conversation: &Conversation, choice: Choice<'_>) {
        let tools = body.get("tools").and_then(Value::as_array).map_or(0, Vec::len);
        let turn = match choice {
            Choice::Turn(place, _) => json!(place),
            Choice::Over => json!("over"),
            Choice::Background => json!("background"),
        };
        self.write(&json!({
            "path": "/v1/messages",
            "turn": turn,
            "model": body.get("model"),
            "stream": body.get("stream"),
            "tools": tools,
            "user_text": conversation.user_text,
            "cwd": conversation.cwd,
            "session": conversation.session,
            "system": body.get("system"),
            "messages": body.get("messages"),
        }));
    }

    fn write(&self, line: &Value) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = log.as_mut()
            && let Err(error) = writeln!(file, "{line}")
        {
            eprintln!("fake-model: cannot write the log: {error}");
        }
    }
}
