//! The life of runs: halt, go on, answer.

use super::run::{find, view_of};
use crate::Problem;
use crate::extract::{Body, Path};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{RunAnswerRequest, RunInstructRequest, RunView, ViolationView};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use orkestra_core::id::RunId;
use orkestra_core::run::Answer;
use orkestra_store::Filter;
use serde_json::Value;

/// Violations that are shown.
const VIOLATIONS_MAX: usize = 200;

/// What the gate denied a run.
pub(super) async fn violations(app: &App, run: RunId) -> Result<Vec<ViolationView>, Problem> {
    let filter = Filter {
        topic: Some("run".to_owned()),
        subject: Some(run.to_string()),
        kinds: vec!["run.violation".to_owned()],
        limit: VIOLATIONS_MAX,
        newest_first: true,
        ..Filter::default()
    };
    let mut events = app.engine.store().read(move |read| read.events(&filter)).await?;
    events.reverse();
    let views = events.into_iter().map(|event| {
        let text = |key: &str| {
            let value = event.body.as_ref().and_then(|body| body.get(key));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        ViolationView {
            seq: event.seq,
            at: event.at.to_string(),
            rule: text("rule"),
            reason: text("reason"),
            command: text("command"),
        }
    });
    Ok(views.collect())
}

/// Halts a run: all its processes are frozen until it is resumed.
#[utoipa::path(post, path = "/api/v1/runs/{id}/pause",
    responses((status = 200, body = RunView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn pause(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<RunView>, Problem> {
    let run = find(&app, &id).await?;
    Ok(Json(view_of(&app.engine.pause_run(run.id, actor.0).await?)))
}

/// Lets a run go on: from a pause, from a wait, or after it failed.
#[utoipa::path(post, path = "/api/v1/runs/{id}/resume",
    responses((status = 200, body = RunView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn resume(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<RunView>, Problem> {
    let run = find(&app, &id).await?;
    Ok(Json(view_of(&app.engine.resume_run(run.id, actor.0).await?)))
}

/// The longest instruction, in bytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// Tells a run more. One that is over goes on in its own worktree; one that is at work gets it when
/// its present attempt is over. The same key, in the body or as `Idempotency-Key`, is one instruction.
#[utoipa::path(post, path = "/api/v1/runs/{id}/instruct", request_body = RunInstructRequest,
    responses((status = 200, body = RunView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn instruct(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(request): Body<RunInstructRequest>,
) -> Result<Json<RunView>, Problem> {
    if request.text.trim().is_empty() {
        return Err(Problem::bad_request("the text is empty"));
    }
    if request.text.len() > TEXT_BYTES_MAX {
        let detail = format!("the text is longer than {TEXT_BYTES_MAX} bytes");
        return Err(Problem::bad_request(detail));
    }
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let key = request.key.as_deref().or(key).map(str::to_owned);
    let key = key.unwrap_or_else(|| app.engine.fresh_key());
    let run = find(&app, &id).await?;
    Ok(Json(view_of(&app.engine.instruct(run.id, request.text, key, actor.0).await?)))
}

/// Answers a run that asks what to do.
#[utoipa::path(post, path = "/api/v1/runs/{id}/answer", request_body = RunAnswerRequest,
    responses((status = 200, body = RunView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn answer(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<RunAnswerRequest>,
) -> Result<Json<RunView>, Problem> {
    let answer = match request.answer.as_str() {
        "retry" => Answer::Retry,
        "fixed" => Answer::Fixed,
        "abort" => Answer::Abort,
        _ => return Err(Problem::bad_request("the answer must be retry, fixed or abort")),
    };
    let run = find(&app, &id).await?;
    Ok(Json(view_of(&app.engine.answer_run(run.id, answer, actor.0).await?)))
}
