//! Sessions.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    CommentView, CriterionView, PlanView, SessionApproval, SessionDetail, SessionList,
    SessionPlanRequest, SessionView, ShareView, TaskLinkView, shares_word,
};
use axum::Json;
use axum::extract::State;
use orkestra_core::id::SessionId;
use orkestra_core::session::{Session, SessionInput};
use serde::Deserialize;
use serde_json::Value;

async fn find(app: &App, text: &str) -> Result<Session, Problem> {
    Ok(app.engine.session_named(text).await?)
}

/// Which page of sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionPage {
    /// At most so many, 1 to 200.
    #[serde(default = "fifty")]
    limit: usize,
    /// Only older than this session.
    before: Option<String>,
}

fn fifty() -> usize {
    50
}

/// Sessions, newest first.
#[utoipa::path(get, path = "/api/v1/sessions", params(SessionPage),
    responses((status = 200, body = SessionList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(page): Query<SessionPage>,
) -> Result<Json<SessionList>, Problem> {
    let before: Option<SessionId> = page
        .before
        .map(|id| id.parse())
        .transpose()
        .map_err(|_| Problem::bad_request("before is not a session's id"))?;
    let limit = page.limit.clamp(1, 200);
    let sessions = app.engine.sessions(limit, before).await?;
    let sessions: Vec<SessionView> = sessions.iter().map(SessionView::from).collect();
    let next = sessions.last().filter(|_| sessions.len() == limit).map(|last| last.id.clone());
    Ok(Json(SessionList { sessions, next }))
}

/// A session with its plan, tasks, shares, points of done and runs.
#[utoipa::path(get, path = "/api/v1/sessions/{id}",
    responses((status = 200, body = SessionDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<SessionDetail>, Problem> {
    let session = find(&app, &id).await?;
    let runs = app.engine.runs_of_session(session.id).await?;
    let (of, shares) = app.engine.shares_of(&session).await?;
    Ok(Json(SessionDetail {
        plan: session.plan.as_ref().map(PlanView::from),
        plan_problems: session.planning.problems.clone(),
        comments: session.comments.iter().map(CommentView::from).collect(),
        tasks: session
            .tasks
            .iter()
            .map(|link| TaskLinkView { key: link.key.clone(), id: link.id.to_string() })
            .collect(),
        criteria: session.criteria.iter().map(CriterionView::from).collect(),
        shares_of: shares_word(of).to_owned(),
        shares: shares.iter().map(ShareView::from).collect(),
        runs: runs.iter().map(super::run::view_of).collect(),
        cli: format!("orkestra session show {}", session.id.short()),
        session: SessionView::from(&session),
    }))
}

async fn say(
    app: &App,
    actor: Actor,
    id: &str,
    input: SessionInput,
) -> Result<Json<SessionView>, Problem> {
    let session = find(app, id).await?;
    let session = app.engine.session_input(session.id, input, actor.0).await?;
    Ok(Json(SessionView::from(&session)))
}

/// Says yes to what a session asks.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/approve", request_body = SessionApproval,
    responses((status = 200, body = SessionView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn approve(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<SessionApproval>,
) -> Result<Json<SessionView>, Problem> {
    say(&app, actor, &id, SessionInput::Approve { anyway: request.anyway }).await
}

/// Gives a session a plan that a person wrote; it is then asked for.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/plan", request_body = SessionPlanRequest,
    responses((status = 200, body = SessionView), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn plan(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<SessionPlanRequest>,
) -> Result<Json<SessionView>, Problem> {
    let session = find(&app, &id).await?;
    let plan = orkestra_core::plan::read(&Value::Object(request.plan), &session.roles.there)
        .map_err(orkestra_engine::Error::PlanRefused)?;
    say(&app, actor, &id, SessionInput::Edited(plan)).await
}

/// Halts a session and all its runs.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/pause",
    responses((status = 200, body = SessionView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn pause(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<SessionView>, Problem> {
    say(&app, actor, &id, SessionInput::Pause).await
}

/// Lets a session go on: from a pause, from what was missing, or after it failed.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/resume",
    responses((status = 200, body = SessionView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn resume(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<SessionView>, Problem> {
    say(&app, actor, &id, SessionInput::Resume).await
}

/// Ends a session: its tasks and runs are cancelled, worktrees and branches stay.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/stop",
    responses((status = 200, body = SessionView), (status = 404, body = Problem)))]
pub(crate) async fn stop(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<SessionView>, Problem> {
    say(&app, actor, &id, SessionInput::Stop).await
}
