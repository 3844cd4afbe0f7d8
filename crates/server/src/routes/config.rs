//! The configuration in force.

use crate::Problem;
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{ConfigView, ReloadView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

/// The configuration in force, secrets hidden.
#[utoipa::path(get, path = "/api/v1/config", responses((status = 200, body = ConfigView)))]
pub(crate) async fn show(State(app): State<App>) -> Json<ConfigView> {
    Json(ConfigView {
        path: app.configuration.path().map(|path| path.display().to_string()),
        values: app.configuration.values(),
        refused: app.configuration.refused(),
    })
}

/// Reads the configuration again; a wrong one is refused and the earlier one stays.
#[utoipa::path(post, path = "/api/v1/config/reload",
    responses((status = 200, body = ReloadView), (status = 422, body = Problem)))]
pub(crate) async fn reload(
    State(app): State<App>,
    actor: Actor,
) -> Result<Json<ReloadView>, Problem> {
    match app.configuration.reload(actor.0).await {
        Ok(changed) => Ok(Json(ReloadView { changed })),
        Err(errors) => {
            let detail = match errors.as_slice() {
                [one] => one.message.clone(),
                several => format!("{} things are wrong", several.len()),
            };
            let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-0401", detail)
                .hint("The running configuration stays. orkestra config check shows each place.");
            problem.errors = errors;
            Err(problem)
        }
    }
}
