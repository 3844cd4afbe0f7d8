//! Sessions.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    CommentView, CriterionView, Need, PlanView, SessionApproval, SessionDetail, SessionList,
    SessionPlanRequest, SessionRequest, SessionView, ShareView, TaskLinkView, shares_word,
};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use orkestra_core::evidence::Wanted;
use orkestra_core::id::SessionId;
use orkestra_core::session::{About, Session, SessionInput, Wishes};
use orkestra_core::task::Task;
use orkestra_engine::NewSession;
use orkestra_store::TaskFilter;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;

/// Tasks that are shown.
const TASKS_MAX: usize = 1_000;

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

/// Begins a session. With an `Idempotency-Key`, asking again gives the same session.
#[utoipa::path(post, path = "/api/v1/sessions", request_body = SessionRequest,
    responses((status = 201, body = SessionView), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Body(request): Body<SessionRequest>,
) -> Result<(StatusCode, Json<SessionView>), Problem> {
    if request.budget_usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
        return Err(Problem::bad_request("the budget must be more than 0"));
    }
    for item in &request.evidence {
        item.parse::<Wanted>().map_err(|error| Problem::bad_request(error.to_string()))?;
    }
    let target = PathBuf::from(&request.target);
    if !target.is_absolute() {
        return Err(Problem::bad_request("the target must be an absolute path"));
    }
    let involvement = match &request.involvement {
        Some(word) => word.parse().map_err(|why: String| Problem::bad_request(why))?,
        None => app.engine.upkeep().sessions.involvement,
    };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let new = NewSession {
        goal: request.goal,
        agents: request.agents,
        target,
        wishes: Wishes {
            plan_review: request.plan_review,
            plan_only: request.plan_only,
            involvement,
            headless: request.headless,
            merge: request.merge,
            budget_usd: request.budget_usd,
            evidence: request.evidence,
        },
        project: request.project,
        request_key: key.map(str::to_owned),
    };
    let session = app.engine.create_session(new, actor.0).await?;
    Ok((StatusCode::CREATED, Json(SessionView::from(&session))))
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
        tasks: tasks(&app, &session).await?,
        criteria: session.criteria.iter().map(CriterionView::from).collect(),
        shares_of: shares_word(of).to_owned(),
        shares: shares.iter().map(ShareView::from).collect(),
        runs: runs.iter().map(super::run::view_of).collect(),
        cli: format!("orkestra session show {}", session.id.short()),
        session: SessionView::from(&session),
    }))
}

/// The tasks of a session: those of its plan in the plan's order, then what came to it.
async fn tasks(app: &App, session: &Session) -> Result<Vec<TaskLinkView>, Problem> {
    let filter =
        TaskFilter { session: Some(session.id), limit: TASKS_MAX, ..TaskFilter::default() };
    let mut all = app.engine.tasks(filter).await?;
    let place = |task: &Task| session.tasks.iter().position(|link| link.id == task.id);
    all.sort_by_key(|task| place(task).unwrap_or(usize::MAX));
    let key = |task: &Task| place(task).and_then(|at| session.tasks.get(at));
    Ok(all
        .iter()
        .map(|task| TaskLinkView {
            key: key(task).map_or_else(|| task.id.short(), |link| link.key.clone()),
            id: task.id.to_string(),
            title: task.title.clone(),
            state: task.state.word().to_owned(),
            why: task.why.clone(),
            agent: task
                .claim
                .as_ref()
                .map(|claim| claim.agent.clone())
                .or_else(|| task.assigned.clone()),
            role: task.role.as_ref().map(|role| role.name.clone()),
            phase: task.phase.clone(),
            merged: task.merged.clone(),
        })
        .collect())
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

/// Sessions that are looked at for what they ask.
const ASKING_MAX: usize = 200;

/// Sessions that ask a person.
pub(super) async fn needs(app: &App) -> Result<Vec<Need>, Problem> {
    let sessions = app.engine.sessions_active(ASKING_MAX).await?;
    let one = |session: &Session| {
        let question = session.asked()?;
        let short = session.id.short();
        Some(Need {
            kind: "session".to_owned(),
            subject: session.id.to_string(),
            title: question.text.clone(),
            since: Some(question.since.to_string()),
            action: match question.about {
                About::NotDone => format!("orkestra session show {short}"),
                _ => format!("orkestra session approve {short}"),
            },
        })
    };
    Ok(sessions.iter().filter_map(one).collect())
}
