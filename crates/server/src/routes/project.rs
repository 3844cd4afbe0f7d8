//! Projects.

use crate::Problem;
use crate::extract::{Body, Path};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    ProjectChange, ProjectDetail, ProjectList, ProjectRequest, ProjectStart, ProjectView,
    SessionView,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_core::project::{Project, ProjectEdit};
use orkestra_core::session::{Involvement, Wishes};

/// The word that means the project that was made or loaded last.
const CURRENT: &str = "-";

fn named(name: &str) -> Option<&str> {
    (name != CURRENT).then_some(name)
}

fn involvement(word: Option<&String>) -> Result<Option<Involvement>, Problem> {
    word.map(|word| word.parse()).transpose().map_err(|why: String| Problem::bad_request(why))
}

fn absolute(folder: &str) -> Result<(), Problem> {
    if std::path::Path::new(folder).is_absolute() {
        return Ok(());
    }
    Err(Problem::bad_request("the folder must be an absolute path"))
}

/// All projects.
#[utoipa::path(get, path = "/api/v1/projects", responses((status = 200, body = ProjectList)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<ProjectList>, Problem> {
    let (projects, current) = app.engine.projects().await?;
    Ok(Json(ProjectList { projects: projects.iter().map(ProjectView::from).collect(), current }))
}

/// Makes a project.
#[utoipa::path(post, path = "/api/v1/projects", request_body = ProjectRequest,
    responses((status = 201, body = ProjectView), (status = 409, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<ProjectRequest>,
) -> Result<(StatusCode, Json<ProjectView>), Problem> {
    absolute(&request.folder)?;
    let now = app.engine.now().at;
    let project = Project {
        name: request.name,
        description: request.description,
        folder: request.folder,
        agents: request.agents,
        involvement: involvement(request.involvement.as_ref())?,
        created_by: actor.0.to_owned(),
        created_at: now,
        updated_at: now,
    };
    let project = app.engine.create_project(project, actor.0).await?;
    Ok((StatusCode::CREATED, Json(ProjectView::from(&project))))
}

async fn detail(app: &App, project: &Project) -> Result<Json<ProjectDetail>, Problem> {
    let sessions = app.engine.sessions_of_project(&project.name).await?;
    Ok(Json(ProjectDetail {
        project: ProjectView::from(project),
        sessions: sessions.iter().map(SessionView::from).collect(),
    }))
}

/// A project with its sessions; `-` means the one that was made or loaded last.
#[utoipa::path(get, path = "/api/v1/projects/{name}",
    responses((status = 200, body = ProjectDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<ProjectDetail>, Problem> {
    let project = app.engine.project(named(&name)).await?;
    detail(&app, &project).await
}

/// From now on this project is meant when none is named.
#[utoipa::path(post, path = "/api/v1/projects/{name}/load",
    responses((status = 200, body = ProjectDetail), (status = 404, body = Problem)))]
pub(crate) async fn load(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<ProjectDetail>, Problem> {
    let project = app.engine.load_project(&name, actor.0).await?;
    detail(&app, &project).await
}

/// Changes a project; sessions that are under way stay as they are.
#[utoipa::path(post, path = "/api/v1/projects/{name}/config", request_body = ProjectChange,
    responses((status = 200, body = ProjectView), (status = 404, body = Problem)))]
pub(crate) async fn config(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(request): Body<ProjectChange>,
) -> Result<Json<ProjectView>, Problem> {
    if let Some(folder) = &request.folder {
        absolute(folder)?;
    }
    let edit = ProjectEdit {
        description: request.description,
        folder: request.folder,
        agents: request.agents,
        involvement: involvement(request.involvement.as_ref())?,
    };
    let project = app.engine.edit_project(named(&name), edit, actor.0).await?;
    Ok(Json(ProjectView::from(&project)))
}

/// Lets a project's work go on or begin.
#[utoipa::path(post, path = "/api/v1/projects/{name}/start", request_body = ProjectStart,
    responses((status = 200, body = SessionView), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn start(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(request): Body<ProjectStart>,
) -> Result<Json<SessionView>, Problem> {
    let wishes = Wishes {
        plan_review: request.plan_review,
        plan_only: request.plan_only,
        involvement: app.engine.upkeep().sessions.involvement,
        ..Wishes::default()
    };
    let session = app.engine.start_project(named(&name), request.goal, wishes, actor.0).await?;
    Ok(Json(SessionView::from(&session)))
}

/// Halts every session of a project.
#[utoipa::path(post, path = "/api/v1/projects/{name}/stop",
    responses((status = 200, body = ProjectDetail), (status = 404, body = Problem)))]
pub(crate) async fn stop(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<ProjectDetail>, Problem> {
    let project = app.engine.stop_project(named(&name), actor.0).await?;
    detail(&app, &project).await
}

/// Ends every session of a project with its tasks; the journal keeps all of it.
#[utoipa::path(post, path = "/api/v1/projects/{name}/reset",
    responses((status = 200, body = ProjectDetail), (status = 404, body = Problem)))]
pub(crate) async fn reset(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<ProjectDetail>, Problem> {
    let project = app.engine.reset_project(named(&name), actor.0).await?;
    detail(&app, &project).await
}
