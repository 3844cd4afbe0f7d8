//! What units write: pages, and live.

use super::unit::name_of;
use crate::Problem;
use crate::extract::{Path, Query};
use crate::listen::App;
use crate::wire::{LogLine, LogPage};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures::stream;
use orkestra_engine::Secrets;
use orkestra_host::output::{Cursor, Follower, LogReader, Page};
use serde::Deserialize;
use std::convert::Infallible;
use std::path::PathBuf;

/// The longest line that is sent; the log has it whole.
const TEXT_CHARS_MAX: usize = 16 * 1024;

/// Which lines.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The last so many lines, 1 to 5000.
    tail: Option<usize>,
    /// Only later than this cursor.
    after: Option<String>,
    /// At most so many lines, 1 to 5000.
    limit: Option<usize>,
}

/// A page as it is told: without the secrets that its unit was given and repeats.
pub(crate) fn page_of(page: &Page, secrets: &Secrets) -> LogPage {
    let lines = page.lines.iter().map(|line| {
        let micros = i64::try_from(line.at_micros).unwrap_or(0);
        let at = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
        let whole = String::from_utf8_lossy(&line.bytes);
        let told = secrets.redact(&whole);
        let text: String = told.chars().take(TEXT_CHARS_MAX).collect();
        LogLine {
            at: at.to_string(),
            stream: line.stream.as_str().to_owned(),
            truncated: line.truncated || text.len() < told.len(),
            text,
        }
    });
    LogPage { lines: lines.collect(), cursor: page.cursor.to_string(), gap: page.gap }
}

fn unreadable(error: &orkestra_host::Error) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "ORK-0001",
        format!("the log cannot be read: {error}"),
    )
}

fn cursor_of(text: &str) -> Result<Cursor, Problem> {
    text.parse().map_err(|error: orkestra_host::Error| Problem::bad_request(error.to_string()))
}

/// Lines that a unit wrote: the last ones, or those after a cursor.
#[utoipa::path(get, path = "/api/v1/units/{name}/logs", params(Which),
    responses((status = 200, body = LogPage), (status = 404, body = Problem)))]
pub(crate) async fn page(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<LogPage>, Problem> {
    let name = name_of(&app, &name)?;
    let dir = app.engine.log_dir(&name);
    page_at(&app, dir, &which).await
}

/// A page of the log in this folder.
pub(super) async fn page_at(
    app: &App,
    dir: PathBuf,
    which: &Which,
) -> Result<Json<LogPage>, Problem> {
    let reader = LogReader::new(dir);
    let after = which.after.as_deref().map(cursor_of).transpose()?;
    let count = which.limit.or(which.tail).unwrap_or(200).clamp(1, 5_000);
    let read = tokio::task::spawn_blocking(move || match after {
        Some(cursor) => reader.read_after(cursor, count),
        None => reader.tail(count),
    });
    match read.await {
        Ok(Ok(page)) => Ok(Json(page_of(&page, app.engine.secrets()))),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err(Problem::bad_request("the log could not be read")),
    }
}

/// Lines as they are written, as server-sent events `lines`; `id` is the cursor to resume from.
#[utoipa::path(get, path = "/api/v1/units/{name}/logs/stream", params(Which),
    responses((status = 200, content_type = "text/event-stream", body = LogPage)))]
pub(crate) async fn stream(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let name = name_of(&app, &name)?;
    let dir = app.engine.log_dir(&name);
    stream_at(app, dir, &which, &headers)
}

/// What is written into this folder, live.
pub(super) fn stream_at(
    app: App,
    dir: PathBuf,
    which: &Which,
    headers: &HeaderMap,
) -> Result<impl IntoResponse + use<>, Problem> {
    let reader = LogReader::new(dir);
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = last.filter(|text| !text.is_empty()).or(which.after.as_deref());
    let cursor = match after.map(cursor_of).transpose()? {
        Some(cursor) => cursor,
        None => reader.tail(0).map_err(|error| unreadable(&error))?.cursor,
    };
    let follower = reader.follow(cursor).map_err(|error| unreadable(&error))?;
    let stream = stream::unfold((app, follower), next);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(crate::sse::HEARTBEAT)))
}

type Step = Option<(Result<SseEvent, Infallible>, (App, Follower))>;

async fn next((app, mut follower): (App, Follower)) -> Step {
    let page = tokio::select! {
        page = follower.next() => page,
        () = app.futures.cancelled() => return None,
    };
    match page {
        Ok(page) => {
            let id = page.cursor.to_string();
            let data =
                serde_json::to_string(&page_of(&page, app.engine.secrets())).unwrap_or_default();
            Some((Ok(SseEvent::default().id(id).event("lines").data(data)), (app, follower)))
        }
        Err(error) => {
            tracing::warn!(%error, "A log cannot be followed any more.");
            None
        }
    }
}
