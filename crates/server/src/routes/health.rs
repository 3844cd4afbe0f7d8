//! The health of the house.

use crate::Problem;
use crate::extract::Body;
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{HealthReport, PruneItem, PruneRequest, PruneView, RepairView};
use axum::Json;
use axum::extract::State;
use orkestra_core::health::Report;
use orkestra_store::Filter;
use serde_json::Value;

/// Repairs that are shown.
const REPAIRS: usize = 20;

/// How the house is, measured now: disk, memory, load, database, journal, the daemon itself, units.
#[utoipa::path(get, path = "/api/v1/health", responses((status = 200, body = HealthReport)))]
pub(crate) async fn show(State(app): State<App>) -> Result<Json<HealthReport>, Problem> {
    let report = app.engine.health().await?;
    with_repairs(&app, &report).await
}

/// The report with what was mended last.
async fn with_repairs(app: &App, report: &Report) -> Result<Json<HealthReport>, Problem> {
    let mut report = HealthReport::of(report, app.engine.now().at.to_string());
    let filter = Filter {
        kinds: vec!["health.repaired".to_owned()],
        newest_first: true,
        limit: REPAIRS,
        ..Filter::default()
    };
    let events = app.engine.store().read(move |read| read.events(&filter)).await?;
    for event in &events {
        let body = event.body.as_ref().and_then(|body| body.get("repairs"));
        for one in body.and_then(Value::as_array).into_iter().flatten() {
            let text =
                |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            report.repairs.push(RepairView {
                at: event.at.to_string(),
                what: text("what"),
                name: text("name"),
                done: text("done"),
            });
        }
    }
    report.repairs.truncate(REPAIRS);
    Ok(Json(report))
}

/// The same after the whole journal was recomputed; what changed is written down.
#[utoipa::path(post, path = "/api/v1/health/check",
    responses((status = 200, body = HealthReport)))]
pub(crate) async fn check(
    State(app): State<App>,
    actor: Actor,
) -> Result<Json<HealthReport>, Problem> {
    let checked = app.engine.check_health(true, actor.0).await?;
    with_repairs(&app, &checked.report).await
}

/// Takes away what is older than the configuration wants it kept.
#[utoipa::path(post, path = "/api/v1/prune", request_body = PruneRequest,
    responses((status = 200, body = PruneView)))]
pub(crate) async fn prune(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<PruneRequest>,
) -> Result<Json<PruneView>, Problem> {
    let pruned = app.engine.prune(request.dry_run, actor.0).await?;
    let summary = pruned.summary();
    let items = pruned.items.into_iter();
    Ok(Json(PruneView {
        dry_run: request.dry_run,
        summary,
        counts: pruned.counts,
        bytes: pruned.bytes,
        items: items
            .map(|item| PruneItem { what: item.what, name: item.name, bytes: item.bytes })
            .collect(),
    }))
}
