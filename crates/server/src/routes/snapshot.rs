//! Snapshots of the work.

use crate::Problem;
use crate::extract::Path;
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{SnapshotDetail, SnapshotList, SnapshotRestored, SnapshotView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_store::SnapshotRow;

/// Snapshots of one answer.
const LIST_MAX: usize = 1_000;

/// The snapshots that are kept, the newest first.
#[utoipa::path(get, path = "/api/v1/snapshots", responses((status = 200, body = SnapshotList)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<SnapshotList>, Problem> {
    let rows = app.engine.snapshots(LIST_MAX).await?;
    Ok(Json(SnapshotList { snapshots: rows.iter().map(SnapshotView::from).collect() }))
}

/// Takes a snapshot of tasks, sessions, reviews, votes and notes as they are now.
#[utoipa::path(post, path = "/api/v1/snapshots", responses((status = 200, body = SnapshotView)))]
pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
) -> Result<Json<SnapshotView>, Problem> {
    Ok(Json(SnapshotView::from(&app.engine.take_snapshot(&actor.0).await?)))
}

fn none(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "ORK-1601", format!("there is no snapshot {id}"))
        .hint("orkestra snapshot list shows the snapshots that are kept.")
}

async fn find(app: &App, id: &str) -> Result<SnapshotRow, Problem> {
    let mut found = app.engine.snapshots_like(id).await?.into_iter();
    match (found.next(), found.next()) {
        (Some(row), None) => Ok(row),
        (Some(_), Some(_)) => {
            Err(none(id).hint("More than one snapshot ends like this; write more of the id."))
        }
        (None, _) => Err(none(id)),
    }
}

/// One snapshot with its rows; the end of its id is enough.
#[utoipa::path(get, path = "/api/v1/snapshots/{id}", params(("id" = String, Path)),
    responses((status = 200, body = SnapshotDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<SnapshotDetail>, Problem> {
    let row = find(&app, &id).await?;
    let work = app.engine.snapshot_body(row.id).await?.ok_or_else(|| none(&id))?;
    Ok(Json(SnapshotDetail { snapshot: SnapshotView::from(&row), work }))
}

/// Puts the work back as it was. Another snapshot of how it is now is taken first. Refused while a
/// run of the work goes on.
#[utoipa::path(post, path = "/api/v1/snapshots/{id}/restore", params(("id" = String, Path)),
    responses((status = 200, body = SnapshotRestored), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn restore(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<SnapshotRestored>, Problem> {
    let row = find(&app, &id).await?;
    let put = app.engine.put_back(row.id, &actor.0).await?;
    Ok(Json(SnapshotRestored {
        snapshot: SnapshotView::from(&put.snapshot),
        before: SnapshotView::from(&put.before),
        freed: put.freed,
    }))
}
