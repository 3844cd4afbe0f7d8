//! The health of the house.

use crate::Problem;
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::HealthReport;
use axum::Json;
use axum::extract::State;

/// How the house is, measured now: disk, memory, load, database, journal, the daemon itself, units.
#[utoipa::path(get, path = "/api/v1/health", responses((status = 200, body = HealthReport)))]
pub(crate) async fn show(State(app): State<App>) -> Result<Json<HealthReport>, Problem> {
    let report = app.engine.health().await?;
    Ok(Json(HealthReport::of(&report, app.engine.now().at.to_string())))
}

/// The same after the whole journal was recomputed; what changed is written down.
#[utoipa::path(post, path = "/api/v1/health/check",
    responses((status = 200, body = HealthReport)))]
pub(crate) async fn check(
    State(app): State<App>,
    actor: Actor,
) -> Result<Json<HealthReport>, Problem> {
    let checked = app.engine.check_health(true, actor.0).await?;
    Ok(Json(HealthReport::of(&checked.report, app.engine.now().at.to_string())))
}
