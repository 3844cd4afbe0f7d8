//! Figures for Prometheus (MISSION row 84).

use super::daemon::{needs_with, open_alerts, store_word};
use crate::Problem;
use crate::listen::App;
use crate::metrics::Figures;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use orkestra_core::run::{Run, RunState};
use orkestra_host::machine;

/// What OpenMetrics calls itself; Prometheus and the OpenTelemetry Collector read it.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Runs of the last time that may need somebody, beside those that are not over.
const RUNS: usize = 10;

/// Figures about units and the daemon, in the text format of OpenMetrics.
#[utoipa::path(get, path = "/metrics", responses((status = 200,
    content_type = "application/openmetrics-text", body = String)))]
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let (head, active, rows) = app
        .engine
        .store()
        .read(|read| {
            let mut rows = read.runs_in(&RunState::ACTIVE)?;
            let active = rows.len();
            for row in read.runs(RUNS, None)? {
                if !rows.iter().any(|known| known.id == row.id) {
                    rows.push(row);
                }
            }
            Ok((read.head()?, active, rows))
        })
        .await?;
    let runs: Vec<Run> = rows.iter().map(super::run::read_row).collect::<Result<_, _>>()?;
    let database = app.engine.store().path().to_owned();
    let measured = tokio::task::spawn_blocking(move || {
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |facts| facts.len());
        let mut log = database.clone().into_os_string();
        log.push("-wal");
        (machine::own().ok(), size(&database) + size(log.as_ref()))
    });
    let (own, database_bytes) = measured.await.unwrap_or_default();
    let now = app.engine.now();
    let units = app.engine.units();
    let alerts = open_alerts(&app).await?;
    let used = |unit: &_| app.engine.usage(unit);
    let samples = units.iter().filter_map(|u| Some((u.name.to_string(), used(u)?))).collect();
    let figures = Figures {
        samples,
        now,
        version: app.version.clone(),
        node: app.engine.store().node().to_string(),
        started_at: app.started_at,
        uptime_ms: now.boot_ms.saturating_sub(app.started_boot_ms),
        events: head.seq,
        epoch: head.epoch,
        store: app.engine.store().figures(),
        store_word: store_word(app.engine.store_state()),
        dispatcher: app.engine.waiting(),
        database_bytes,
        own,
        needs_you: needs_with(&app, &units, &runs, &alerts).await?.len(),
        alerts,
        jobs: app.engine.jobs(),
        runs_active: active,
        units,
    };
    let text = crate::metrics::text(figures).map_err(|_| {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Problem::new(status, "ORK-0001", "the figures cannot be written as text")
    })?;
    let headers = [(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}
