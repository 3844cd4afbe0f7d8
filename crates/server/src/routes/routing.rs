//! Who gets a task, and why.

use crate::Problem;
use crate::extract::Path;
use crate::listen::App;
use crate::wire::WhyView;
use axum::Json;
use axum::extract::State;
use orkestra_core::task::Refusal;

/// Why a task went to the agent that it went to, or waits: every agent that was looked at, with its
/// score, its record, and why it was passed over.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/why", params(("id" = String, Path)),
    responses((status = 200, body = WhyView), (status = 404, body = Problem)))]
pub(crate) async fn why(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<WhyView>, Problem> {
    let task = super::task::find(&app, &id).await?;
    let why = app.engine.why_task(task.id).await?;
    let why = why.ok_or_else(|| super::task::problem(&Refusal::Unknown(id)))?;
    Ok(Json(WhyView::from(&why)))
}
