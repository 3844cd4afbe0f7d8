//! The daemon itself: health, status, shutdown.

use super::run::view_of as run_view;
use super::unit::view_with_usage as unit_view;
use crate::Problem;
use crate::extract::Body;
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{DaemonView, HealthView, Need, ShutdownRequest, StatusView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_core::alert::{Alert, State as AlertState};
use orkestra_core::run::{Run, RunState, Wait};
use orkestra_core::unit::{State as UnitState, Unit};
use orkestra_engine::StoreState;
use std::collections::BTreeMap;

/// Runs shown beside those that are not over.
const RUNS: usize = 10;

/// A failed run needs somebody for this long.
const RUN_NEEDS_MS: i128 = 24 * 3_600_000;

/// Open alerts that are shown; `orkestra alert list` shows more.
const ALERTS: usize = 100;

/// Whether what waits for a person says the same already.
fn is_told(alert: &Alert, needs: &[Need]) -> bool {
    match alert.what.as_str() {
        "unit_failed" => {
            needs.iter().any(|need| need.kind == "unit_failed" && need.subject == alert.subject)
        }
        // The questions are there themselves.
        "approval" => true,
        // One entry tells of all of them.
        "effect_unknown" => needs.iter().any(|need| need.kind == "effect_unknown"),
        _ => false,
    }
}

fn need_of(alert: &Alert) -> Need {
    Need {
        kind: "alert".to_owned(),
        subject: alert.id.to_string(),
        title: alert.title.clone(),
        since: Some(alert.first_at.to_string()),
        action: alert.action.clone(),
    }
}

/// Says that the daemon is up, and nothing else.
#[utoipa::path(get, path = "/health", responses((status = 200, body = HealthView)), security(()))]
pub(crate) async fn health() -> Json<HealthView> {
    Json(HealthView { status: "up".to_owned() })
}

/// Everything at a glance; what needs a person comes first.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = StatusView)))]
pub(crate) async fn status(State(app): State<App>) -> Result<Json<StatusView>, Problem> {
    let now = app.engine.now();
    let (head, rows) = app
        .engine
        .store()
        .read(|read| {
            let mut rows = read.runs_in(&RunState::ACTIVE)?;
            for row in read.runs(RUNS, None)? {
                if !rows.iter().any(|known| known.id == row.id) {
                    rows.push(row);
                }
            }
            Ok((read.head()?, rows))
        })
        .await?;
    let runs: Vec<Run> = rows.iter().map(super::run::read_row).collect::<Result<_, _>>()?;
    let units = app.engine.units();
    let alerts = open_alerts(&app).await?;
    let needs_you = needs_with(&app, &units, &runs, &alerts).await?;
    let daemon = DaemonView {
        pid: std::process::id(),
        version: app.version.clone(),
        home: app.engine.home().display().to_string(),
        config: app.configuration.path().map(|path| path.display().to_string()),
        url: app.url.clone(),
        started_at: app.started_at.to_string(),
        uptime_ms: now.boot_ms.saturating_sub(app.started_boot_ms),
        epoch: head.epoch,
        head: head.seq,
        host: orkestra_host::boot::host_name(),
        node: app.engine.store().node().to_string(),
        store: store_word(app.engine.store_state()).to_owned(),
    };
    let units = units.iter().map(|unit| unit_view(&app, unit, now)).collect();
    let mut runs: Vec<_> = runs.iter().map(run_view).collect();
    runs.sort_by(|a, b| b.created_at.cmp(&a.created_at));
    Ok(Json(StatusView { daemon, needs_you, units, runs, alerts_open: alerts.len() }))
}

pub(super) fn store_word(state: StoreState) -> &'static str {
    match state {
        StoreState::Ok => "ok",
        StoreState::Full => "full",
        StoreState::Unwritable => "unwritable",
    }
}

/// Alerts that nobody has settled, as many as are shown.
pub(super) async fn open_alerts(app: &App) -> Result<Vec<Alert>, Problem> {
    Ok(app.engine.alerts(&[AlertState::Open], ALERTS).await?)
}

/// What waits for a person, alerts included.
pub(super) async fn needs_with(
    app: &App,
    units: &[Unit],
    runs: &[Run],
    alerts: &[Alert],
) -> Result<Vec<Need>, Problem> {
    let mut needs = super::approval::needs(app).await?;
    needs.extend(super::vote::needs(app).await?);
    needs.extend(self::needs(app, units, runs));
    needs.extend(super::session::needs(app).await?);
    needs.extend(super::effect::need(app).await?);
    let alerts: Vec<Need> =
        alerts.iter().filter(|alert| !is_told(alert, &needs)).map(need_of).collect();
    needs.extend(alerts);
    Ok(needs)
}

fn needs(app: &App, units: &[Unit], runs: &[Run]) -> Vec<Need> {
    let mut needs = Vec::new();
    match app.engine.store_state() {
        StoreState::Ok => {}
        StoreState::Full => needs.push(Need {
            kind: "store".to_owned(),
            subject: "journal".to_owned(),
            title: "The disk is full; what happens is kept in memory.".to_owned(),
            since: None,
            action: format!("df -h {}", app.engine.home().display()),
        }),
        StoreState::Unwritable => needs.push(Need {
            kind: "store".to_owned(),
            subject: "journal".to_owned(),
            title: "The data folder cannot be written; what happens is kept in memory.".to_owned(),
            since: None,
            action: "orkestra doctor".to_owned(),
        }),
    }
    if let Some(refused) = app.configuration.refused() {
        let first = refused.errors.first().map_or("", |error| error.message.as_str());
        needs.push(Need {
            kind: "config_refused".to_owned(),
            subject: "configuration".to_owned(),
            title: format!("The changed configuration is wrong, so the earlier one stays: {first}"),
            since: Some(refused.since.clone()),
            action: "orkestra config check".to_owned(),
        });
    }
    for unit in units {
        if let UnitState::Failed { why } = &unit.state {
            needs.push(Need {
                kind: "unit_failed".to_owned(),
                subject: unit.name.to_string(),
                title: why.clone(),
                since: Some(unit.since.to_string()),
                action: format!("orkestra unit start {}", unit.name),
            });
        }
    }
    for run in runs {
        if let RunState::Suspended { wait: Wait::Person { question } } = &run.state {
            needs.push(Need {
                kind: "run_asks".to_owned(),
                subject: run.id.to_string(),
                title: question.clone(),
                since: run.last_event_at.map(|at| at.to_string()),
                action: format!("orkestra run answer {} retry|fixed|abort", run.id.short()),
            });
        }
        if let RunState::Suspended { wait: Wait::Budget { why } } = &run.state {
            needs.push(Need {
                kind: "run_asks".to_owned(),
                subject: run.id.to_string(),
                title: why.clone(),
                since: run.last_event_at.map(|at| at.to_string()),
                action: format!("orkestra run resume {}", run.id.short()),
            });
        }
    }
    let now = app.engine.now().at;
    for run in runs {
        let Some(ended) = run.ended_at else { continue };
        let (kind, why, verb) = match &run.state {
            RunState::Failed { why } => ("run_failed", why, "show"),
            RunState::Refuted { why } => ("run_refuted", why, "diff"),
            _ => continue,
        };
        if now.duration_since(ended).as_millis() < RUN_NEEDS_MS {
            needs.push(Need {
                kind: kind.to_owned(),
                subject: run.id.to_string(),
                title: why.clone(),
                since: Some(ended.to_string()),
                action: format!("orkestra run {verb} {}", run.id.short()),
            });
        }
    }
    needs
}

/// Ends the daemon, with its units or without them. The answer comes before the end.
#[utoipa::path(post, path = "/api/v1/shutdown", request_body = ShutdownRequest,
    responses((status = 202, body = BTreeMap<String, bool>)))]
pub(crate) async fn shutdown(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<ShutdownRequest>,
) -> (StatusCode, Json<BTreeMap<String, bool>>) {
    app.engine.close(request.keep_units, actor.0).await;
    (StatusCode::ACCEPTED, Json(BTreeMap::from([("keep_units".to_owned(), request.keep_units)])))
}
