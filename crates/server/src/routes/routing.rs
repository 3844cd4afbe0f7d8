//! Who gets a task, and why.

use crate::Problem;
use crate::extract::Path;
use crate::listen::App;
use crate::wire::WhyView;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_core::id::TaskId;

/// Why a task went to the agent that it went to, or waits: every agent that was looked at, with its
/// score, its record, and why it was passed over.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/why", params(("id" = String, Path)),
    responses((status = 200, body = WhyView), (status = 404, body = Problem)))]
pub(crate) async fn why(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<WhyView>, Problem> {
    let unknown = || {
        Problem::new(StatusCode::NOT_FOUND, "ORK-1001", format!("there is no task {id:?}"))
            .hint("orkestra task list shows the tasks.")
    };
    let task = match id.parse::<TaskId>() {
        Ok(task) => task,
        Err(_) => {
            let mut found = app.engine.find_tasks(&id).await?;
            match (found.pop(), found.is_empty()) {
                (Some(task), true) => task.id,
                (Some(_), false) => {
                    return Err(Problem::bad_request(format!("several tasks end in {id:?}")));
                }
                (None, _) => return Err(unknown()),
            }
        }
    };
    let why = app.engine.why_task(task).await?.ok_or_else(unknown)?;
    Ok(Json(WhyView::from(&why)))
}
