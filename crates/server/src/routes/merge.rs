//! Putting work into branches, and where the work of runs meets before that.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{MergeList, MergeRequest, MergeRetry, MergeView, OverlapList, OverlapView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_engine::Overlap;
use serde::Deserialize;

/// Merges of one answer.
const LIST_MAX: usize = 500;

/// Which merges.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// At most so many, up to 500 [50].
    limit: Option<usize>,
}

/// Merges, the newest first.
#[utoipa::path(get, path = "/api/v1/merges", params(Which),
    responses((status = 200, body = MergeList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<MergeList>, Problem> {
    let limit = which.limit.unwrap_or(50).clamp(1, LIST_MAX);
    let merges = app.engine.merges(limit).await?;
    Ok(Json(MergeList { merges: merges.iter().map(MergeView::from).collect() }))
}

/// Puts the work of a run, a task or a session into a branch. Asking again while that is under way
/// gives the same merge.
#[utoipa::path(post, path = "/api/v1/merges", request_body = MergeRequest,
    responses((status = 201, body = MergeView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<MergeRequest>,
) -> Result<(StatusCode, Json<MergeView>), Problem> {
    let merge = app.engine.merge(&request.of, request.into, &actor.0).await?;
    Ok((StatusCode::CREATED, Json(MergeView::from(&merge))))
}

/// One merge.
#[utoipa::path(get, path = "/api/v1/merges/{id}",
    responses((status = 200, body = MergeView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<MergeView>, Problem> {
    Ok(Json(MergeView::from(&app.engine.find_merge(&id).await?)))
}

/// A merge that waits for a person is tried again.
#[utoipa::path(post, path = "/api/v1/merges/{id}/retry", request_body = MergeRetry,
    responses((status = 200, body = MergeView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn retry(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<MergeRetry>,
) -> Result<Json<MergeView>, Problem> {
    let merge = app.engine.find_merge(&id).await?;
    let merge = app.engine.retry_merge(merge.id, request.accept, &actor.0).await?;
    Ok(Json(MergeView::from(&merge)))
}

/// Gives a merge up; the work stays on its own branch.
#[utoipa::path(post, path = "/api/v1/merges/{id}/cancel",
    responses((status = 200, body = MergeView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<MergeView>, Problem> {
    let merge = app.engine.find_merge(&id).await?;
    Ok(Json(MergeView::from(&app.engine.cancel_merge(merge.id, &actor.0).await?)))
}

/// Takes a merge out again: the branch ends where it ended before.
#[utoipa::path(post, path = "/api/v1/merges/{id}/undo",
    responses((status = 200, body = MergeView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn undo(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<MergeView>, Problem> {
    let merge = app.engine.find_merge(&id).await?;
    Ok(Json(MergeView::from(&app.engine.undo_merge(merge.id, &actor.0).await?)))
}

/// Where the work of runs meets that is not merged yet: the same file is soft, the same lines are hot.
#[utoipa::path(get, path = "/api/v1/overlaps", responses((status = 200, body = OverlapList)))]
pub(crate) async fn overlaps(State(app): State<App>) -> Result<Json<OverlapList>, Problem> {
    let overlaps = app.engine.overlaps().await?;
    Ok(Json(OverlapList { overlaps: overlaps.iter().map(OverlapView::from).collect() }))
}

/// Those of one run.
pub(super) async fn overlaps_of(app: &App, id: &str) -> Result<Vec<OverlapView>, Problem> {
    let is_of =
        |overlap: &&Overlap| overlap.one.to_string() == id || overlap.other.to_string() == id;
    Ok(app.engine.overlaps().await?.iter().filter(is_of).map(OverlapView::from).collect())
}
