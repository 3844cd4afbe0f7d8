//! What a run's checks found, what it changed, and taking that back.

use super::run::{find, view_of};
use crate::Problem;
use crate::extract::{Body, Path};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{DiffView, DiscardView, EvidenceView, RunView, UndoRequest, UndoView};
use axum::Json;
use axum::extract::State;

/// The checks of a run and what they found.
#[utoipa::path(get, path = "/api/v1/runs/{id}/evidence",
    responses((status = 200, body = EvidenceView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<EvidenceView>, Problem> {
    let run = find(&app, &id).await?;
    Ok(Json(EvidenceView::from(&run.evidence)))
}

/// Makes the checks of a run again; its state is `reported` until they are made.
#[utoipa::path(post, path = "/api/v1/runs/{id}/verify",
    responses((status = 200, body = RunView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn verify(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<RunView>, Problem> {
    let run = find(&app, &id).await?;
    Ok(Json(view_of(&app.engine.verify_run(run.id, &actor.0).await?)))
}

/// What a run changed, line by line, committed or not: against the commit it began from, or the
/// snapshot of a target without git.
#[utoipa::path(get, path = "/api/v1/runs/{id}/diff",
    responses((status = 200, body = DiffView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn diff(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<DiffView>, Problem> {
    let run = find(&app, &id).await?;
    let base = run.worktree.as_ref().filter(|worktree| !worktree.is_plain());
    let base = base.map(|worktree| worktree.base.clone());
    let diff = app.engine.diff_run(&run).await?;
    Ok(Json(DiffView::new(&run.id.to_string(), base, diff)))
}

/// Puts a target without git back as it was before the run.
#[utoipa::path(post, path = "/api/v1/runs/{id}/undo", request_body = UndoRequest,
    responses((status = 200, body = UndoView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn undo(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<UndoRequest>,
) -> Result<Json<UndoView>, Problem> {
    let run = find(&app, &id).await?;
    let undone = app.engine.undo_run(run.id, request.force, &actor.0).await?;
    let (restored, conflicts) = (undone.restored, undone.conflicts);
    Ok(Json(UndoView { restored, conflicts, kept_in: undone.kept_in }))
}

/// Throws the work of a run away: worktree and branch go where they can be got back from.
#[utoipa::path(post, path = "/api/v1/runs/{id}/discard",
    responses((status = 200, body = DiscardView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn discard(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<DiscardView>, Problem> {
    let run = find(&app, &id).await?;
    let back = app.engine.discard_run(run.id, &actor.0).await?;
    Ok(Json(DiscardView { to_get_it_back: Some(back).filter(|back| !back.is_empty()) }))
}
