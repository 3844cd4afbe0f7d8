//! The HTTP side of the scripted model.

use super::conversation::{Conversation, Dialect};
use super::reply::{Frame, Reply};
use super::script::{Choice, Script, Turn};
use super::{anthropic, chat, gemini, responses};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use futures::stream;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Where requests are written, one JSON object per line.
pub type Log = Option<File>;

struct Model {
    script: Script,
    log: Mutex<Log>,
    begun: Instant,
    /// Makes ids of messages unique.
    number: AtomicU64,
    /// How often a turn of a conversation was answered with its fault.
    faults: Mutex<HashMap<(String, usize), u32>>,
}

/// What a path asks for.
enum Asked {
    /// An answer of the model, streamed or not where the path says so.
    Answer {
        dialect: Dialect,
        model: Option<String>,
        streamed: Option<bool>,
    },
    /// How many tokens a request would have.
    Count(Dialect),
    Models,
    Root,
}

/// Answers requests until the task is dropped.
pub async fn serve(listener: TcpListener, script: Script, log: Log) -> std::io::Result<()> {
    axum::serve(listener, router(script, log)).await
}

/// One handler for every path: the vendors' clients put different things before the part that
/// matters (`/v1`, `/v1beta`, `/inference`, `/orgs/NAME/inference`).
pub fn router(script: Script, log: Log) -> Router {
    let model = Model {
        script,
        log: Mutex::new(log),
        begun: Instant::now(),
        number: AtomicU64::new(1),
        faults: Mutex::new(HashMap::new()),
    };
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(64 * 1024 * 1024))
        .with_state(Arc::new(model))
}

impl Asked {
    fn of(method: &Method, path: &str) -> Option<Self> {
        let get = method == Method::GET || method == Method::HEAD;
        let answer = |dialect| Some(Self::Answer { dialect, model: None, streamed: None });
        match path.trim_end_matches('/') {
            "" if get => Some(Self::Root),
            path if get && (path.ends_with("/models") || path.contains("/models/")) => {
                Some(Self::Models)
            }
            _ if get => None,
            path if path.ends_with("/messages/count_tokens") => {
                Some(Self::Count(Dialect::Anthropic))
            }
            path if path.ends_with("/messages") => answer(Dialect::Anthropic),
            path if path.ends_with("/responses") => answer(Dialect::Responses),
            path if path.ends_with("/chat/completions") => answer(Dialect::Chat),
            path => {
                let (name, verb) = path.rsplit_once('/')?.1.rsplit_once(':')?;
                let streamed = match verb {
                    "generateContent" => false,
                    "streamGenerateContent" => true,
                    "countTokens" => return Some(Self::Count(Dialect::Gemini)),
                    _ => return None,
                };
                let model = Some(name.to_owned());
                Some(Self::Answer { dialect: Dialect::Gemini, model, streamed: Some(streamed) })
            }
        }
    }
}

async fn handle(
    State(model): State<Arc<Model>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let path = uri.path();
    let Some(asked) = Asked::of(&method, path) else {
        model.write(json!({"path": path, "unknown": true}));
        return failure(Dialect::Anthropic, 404, None);
    };
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    match asked {
        Asked::Root => "fake-model\n".into_response(),
        Asked::Models => Json(models()).into_response(),
        Asked::Count(dialect) => {
            model.write(
                json!({"path": path, "dialect": dialect.as_str(), "model": body.get("model")}),
            );
            let count = bytes.len() / 4;
            Json(json!({"input_tokens": count, "totalTokens": count})).into_response()
        }
        Asked::Answer { dialect, model: named, streamed } => {
            let said = body.get("model").and_then(Value::as_str);
            let name = named.as_deref().or(said).unwrap_or("fake");
            let told = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
            let request = Request {
                dialect,
                path,
                name,
                streamed: streamed.unwrap_or(told),
                key_is_good: model.accepts(&headers, &uri),
                body: &body,
            };
            model.answer(&request).await
        }
    }
}

/// One request for an answer.
struct Request<'a> {
    dialect: Dialect,
    path: &'a str,
    name: &'a str,
    streamed: bool,
    key_is_good: bool,
    body: &'a Value,
}

impl Model {
    async fn answer(&self, request: &Request<'_>) -> Response {
        let dialect = request.dialect;
        let talk = Conversation::read(dialect, request.body);
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let choice = self.script.choose(&talk);
        let fault = match choice {
            Choice::Turn(place, turn) => self.fault(&talk, place, turn),
            Choice::Over | Choice::Background => None,
        };
        let status =
            if request.key_is_good { fault.and_then(|turn| turn.status) } else { Some(401) };
        self.note(request, &talk, choice, status);
        if let Some(status) = status {
            return failure(dialect, status, fault.and_then(|turn| turn.retry_after));
        }
        let reply = match choice {
            Choice::Background => Reply::text(r#"{"title":"ok"}"#, request.name, number),
            Choice::Over => Reply::text("(the script is over)", request.name, number),
            Choice::Turn(_, turn) => Reply::new(turn, &talk, request.name, number),
        };
        if request.streamed {
            let frames = match dialect {
                Dialect::Anthropic => anthropic::frames(&reply),
                Dialect::Responses => responses::frames(&reply),
                Dialect::Chat => chat::frames(&reply),
                Dialect::Gemini => gemini::frames(&reply),
            };
            return events(damaged(frames, fault));
        }
        sleep(reply.wait() + Duration::from_secs(fault.map_or(0, |turn| turn.stall))).await;
        if fault.is_some_and(|turn| turn.malformed) {
            return "{\"broken\":".into_response();
        }
        let whole = match dialect {
            Dialect::Anthropic => anthropic::whole(&reply),
            Dialect::Responses => responses::whole(&reply),
            Dialect::Chat => chat::whole(&reply),
            Dialect::Gemini => gemini::whole(&reply),
        };
        Json(whole).into_response()
    }

    /// The turn, if it is its fault's time.
    fn fault<'a>(&self, talk: &Conversation, place: usize, turn: &'a Turn) -> Option<&'a Turn> {
        let has = turn.status.is_some() || turn.cut.is_some() || turn.malformed || turn.stall > 0;
        if !has {
            return None;
        }
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        // Turns at one place belong to different conversations, which their session or text tells.
        let key = (format!("{}\n{}", talk.session, talk.user_text), place);
        let count = faults.entry(key).or_insert(0);
        *count = count.saturating_add(1);
        turn.times.is_none_or(|times| *count <= times).then_some(turn)
    }

    /// Whether the request carries the key of the script, in any vendor's place for it.
    fn accepts(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let Some(key) = &self.script.key else { return true };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let query =
            uri.query().and_then(|query| query.split('&').find_map(|p| p.strip_prefix("key=")));
        [text("x-api-key"), text("x-goog-api-key"), bearer, query].contains(&Some(key.as_str()))
    }

    fn note(
        &self,
        request: &Request<'_>,
        talk: &Conversation,
        choice: Choice<'_>,
        status: Option<u16>,
    ) {
        let body = request.body;
        let turn = match choice {
            Choice::Turn(place, _) => json!(place),
            Choice::Over => json!("over"),
            Choice::Background => json!("background"),
        };
        let first = |keys: [&str; 3]| keys.iter().find_map(|key| body.get(key));
        self.write(json!({
            "path": request.path,
            "dialect": request.dialect.as_str(),
            "turn": turn,
            "status": status.unwrap_or(200),
            "model": request.name,
            "stream": request.streamed,
            "tools": talk.tools.len().max(usize::from(talk.has_tools)),
            "tool_names": talk.tools.keys().collect::<Vec<_>>(),
            "user_text": talk.user_text,
            "cwd": talk.cwd,
            "session": talk.session,
            "system": first(["system", "instructions", "systemInstruction"]),
            "messages": first(["messages", "input", "contents"]),
        }));
    }

    /// Writes one line; `ms` is the time since the start.
    fn write(&self, mut line: Value) {
        line["ms"] = json!(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = log.as_mut()
            && let Err(error) = writeln!(file, "{line}")
        {
            eprintln!("fake-model: cannot write the log: {error}");
        }
    }
}

/// A piece of the stream, or its sudden end.
type Piece = Result<Frame, std::io::Error>;

/// The pieces with the turn's fault in them.
fn damaged(frames: Vec<Frame>, fault: Option<&Turn>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = frames.into_iter().map(Ok).collect();
    let Some(turn) = fault else { return pieces };
    if turn.malformed {
        let name = pieces.iter().flatten().nth(1).and_then(|frame| frame.name);
        let broken = Frame { wait: Duration::ZERO, name, data: "{\"broken\":".to_owned() };
        pieces.insert(pieces.len().min(1), Ok(broken));
    }
    if turn.stall > 0
        && let Some(Ok(second)) = pieces.get_mut(1)
    {
        second.wait += Duration::from_secs(turn.stall);
    }
    if let Some(cut) = turn.cut {
        pieces.truncate(cut);
        pieces.push(Err(std::io::Error::other("the script cuts the stream here")));
    }
    pieces
}

fn events(pieces: Vec<Piece>) -> Response {
    let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async {
        let piece = match pieces.next()? {
            Ok(frame) => {
                if !frame.wait.is_zero() {
                    sleep(frame.wait).await;
                }
                let event = Event::default().data(frame.data);
                Ok(match frame.name {
                    Some(name) => event.event(name),
                    None => event,
                })
            }
            // What was written before must have left, or the client sees nothing at all.
            Err(error) => {
                sleep(Duration::from_millis(50)).await;
                Err(error)
            }
        };
        Some((piece, pieces))
    });
    Sse::new(pieces).into_response()
}

fn models() -> Value {
    let names = [
        "claude-opus-4-8",
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
        "gpt-5.1-codex",
        "gemini-3.8-flash",
        "grok-4",
    ];
    let model = |id: &str| {
        let created = "2026-01-01T00:00:00Z";
        json!({"type": "model", "object": "model", "id": id, "display_name": id, "created_at": created})
    };
    let data: Vec<Value> = names.into_iter().map(model).collect();
    let google: Vec<Value> =
        names.into_iter().map(|id| json!({"name": format!("models/{id}")})).collect();
    json!({"object": "list", "data": data, "has_more": false, "models": google})
}

/// An error as the vendor writes it.
fn failure(dialect: Dialect, status: u16, retry_after: Option<u64>) -> Response {
    let message = match status {
        401 => "the key is not valid",
        404 => "there is no such thing",
        429 => "Number of requests has exceeded your rate limit",
        529 => "Overloaded",
        400..500 => "the request is not valid",
        _ => "Internal server error",
    };
    let body = match dialect {
        Dialect::Anthropic => anthropic::failure(status, message),
        Dialect::Responses | Dialect::Chat => responses::failure(status, message),
        Dialect::Gemini => gemini::failure(status, message, retry_after),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
