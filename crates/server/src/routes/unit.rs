//! Units.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    ExitView, LimitsView, ProbeAnswer, ProbeView, RestartView, SignalRequest, StartLimitView,
    StopView, UnitDetail, UnitList, UnitView,
};
use axum::Json;
use axum::extract::State;
use orkestra_core::signal::Signal;
use orkestra_core::span::Span;
use orkestra_core::unit::hook::Moment;
use orkestra_core::unit::probe::{Probe, Question};
use orkestra_core::unit::spec::{Kind, OnFailed, Policy, Restart, UnitName};
use orkestra_core::unit::{Exit, Hand, Health, Now, Rejection, State as UnitState, Unit};
use serde::Deserialize;
use std::time::Duration;

/// How long `?wait=true` waits at most; a grace time may be long.
const WAIT_MAX: Duration = Duration::from_secs(60);

pub(super) fn exit_view(exit: &Exit) -> ExitView {
    ExitView {
        code: exit.code,
        signal: exit.signal,
        signal_name: exit.signal.map(Signal::name_of),
        reason: exit.reason.clone(),
        words: exit.in_words(),
        at: exit.at.to_string(),
        uptime_ms: exit.uptime_ms,
        last_lines: exit.last_lines.clone(),
    }
}

pub(crate) fn view_of(unit: &Unit, now: Now) -> UnitView {
    let (started_at, uptime_ms) = match &unit.state {
        UnitState::Running { started_at, started_boot_ms, .. } => {
            (Some(started_at.to_string()), Some(now.boot_ms.saturating_sub(*started_boot_ms)))
        }
        UnitState::Stopping { started_at: Some(started_at), .. } => {
            (Some(started_at.to_string()), None)
        }
        UnitState::Stopped { .. }
        | UnitState::Starting { .. }
        | UnitState::BackingOff { .. }
        | UnitState::Failed { .. }
        | UnitState::Stopping { started_at: None, .. } => (None, None),
    };
    let (next_start_at, next_delay_ms) = match &unit.state {
        UnitState::BackingOff { until, delay_ms } => (Some(until.to_string()), Some(*delay_ms)),
        UnitState::Stopped { .. }
        | UnitState::Starting { .. }
        | UnitState::Running { .. }
        | UnitState::Failed { .. }
        | UnitState::Stopping { .. } => (None, None),
    };
    let health = match unit.health() {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Unhealthy => "unhealthy",
        Health::Unknown => "unknown",
    };
    UnitView {
        name: unit.name.to_string(),
        state: unit.state_word().to_owned(),
        health: health.to_owned(),
        why: unit.why(),
        enabled: unit.spec.enabled,
        held: unit.hand == Hand::Stopped,
        pid: unit.pid(),
        uptime_ms,
        started_at,
        since: unit.since.to_string(),
        restarts: unit.restarts,
        next_start_at,
        next_delay_ms,
        command: unit.spec.command.clone(),
        after: unit
            .spec
            .after
            .iter()
            .map(|(name, condition)| (name.to_string(), condition.word().to_owned()))
            .collect(),
        last_exit: unit.last_exit.as_ref().map(exit_view),
        generation: unit.generation,
        instance: unit.instance().map(|instance| instance.to_string()),
        kind: match unit.spec.kind {
            Kind::Service => "service".to_owned(),
            Kind::Oneshot => "oneshot".to_owned(),
        },
        ready: unit.checks().map(|checks| checks.ready.word().to_owned()),
        live: unit.checks().map(|checks| checks.live.word().to_owned()),
        status: unit.checks().and_then(|checks| checks.status.clone()),
        usage: None,
    }
}

/// The same with what it uses.
pub(crate) fn view_with_usage(app: &App, unit: &Unit, now: Now) -> UnitView {
    let usage = app.engine.usage(unit).map(super::sample::view_of);
    UnitView { usage, ..view_of(unit, now) }
}

fn probe_view(probe: &Probe, question: Question) -> ProbeView {
    let mut asks = Vec::new();
    asks.extend(probe.exec.as_ref().map(|command| format!("exec {}", command.join(" "))));
    asks.extend(probe.http.as_ref().map(|http| match http.status {
        Some(status) => format!("http {} for {status}", http.url),
        None => format!("http {}", http.url),
    }));
    asks.extend(probe.tcp.as_ref().map(|address| format!("tcp {address}")));
    asks.extend(probe.log.as_ref().map(|pattern| format!("log {pattern}")));
    asks.extend(probe.notify.map(|_| match question {
        Question::Ready => "notify READY=1".to_owned(),
        Question::Live => "notify WATCHDOG=1".to_owned(),
    }));
    asks.extend(probe.delay.map(|delay| format!("delay {delay}")));
    ProbeView {
        asks,
        every_ms: probe.every.ms(),
        timeout_ms: probe.timeout.ms(),
        failures: probe.failures,
        successes: probe.successes,
        within_ms: (question == Question::Ready).then(|| probe.within.ms()),
    }
}

fn restart_view(restart: &Restart) -> RestartView {
    let backoff = &restart.backoff;
    let policy = match restart.policy {
        Policy::Always => "always",
        Policy::OnFailure => "on-failure",
        Policy::Never => "never",
    };
    RestartView {
        policy: policy.to_owned(),
        profile: restart.profile.clone(),
        initial_ms: backoff.initial.ms(),
        factor: backoff.factor,
        max_ms: backoff.max.ms(),
        jitter: backoff.jitter,
        reset_after_ms: backoff.reset_after.ms(),
        limit: backoff.limit,
        success_codes: restart.success_codes.clone(),
        start_limit: restart
            .start_limit
            .map(|limit| StartLimitView { count: limit.count, within_ms: limit.within.ms() }),
    }
}

/// A name from an address; one that cannot be a name is no unit.
pub(super) fn name_of(app: &App, text: &str) -> Result<UnitName, Problem> {
    let unknown = || {
        Problem::new(
            axum::http::StatusCode::NOT_FOUND,
            "ORK-0201",
            format!("there is no unit named {text}"),
        )
        .hint("orkestra unit list shows all units.")
    };
    let name: UnitName = text.parse().map_err(|_| unknown())?;
    if app.engine.unit(name.as_str()).is_some() {
        return Ok(name);
    }
    let names: Vec<UnitName> = app.engine.units().into_iter().map(|unit| unit.name).collect();
    let similar = orkestra_core::unit::similar(&name, names.iter());
    Err(orkestra_engine::Error::Rejected(Rejection::Unknown { name, similar }).into())
}

/// All units.
#[utoipa::path(get, path = "/api/v1/units", responses((status = 200, body = UnitList)))]
pub(crate) async fn list(State(app): State<App>) -> Json<UnitList> {
    let now = app.engine.now();
    let units = app.engine.units();
    Json(UnitList { units: units.iter().map(|unit| view_with_usage(&app, unit, now)).collect() })
}

/// One unit with all there is to know.
#[utoipa::path(get, path = "/api/v1/units/{name}",
    responses((status = 200, body = UnitDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<UnitDetail>, Problem> {
    let name = name_of(&app, &name)?;
    let units = app.engine.units();
    let Some(unit) = units.iter().find(|unit| unit.name == name) else {
        return Err(Problem::bad_request("the unit has just left the configuration"));
    };
    let spec = &unit.spec;
    let probes = [Question::Ready, Question::Live].into_iter().filter_map(|question| {
        let probe = spec.probes.of(question)?;
        Some((question.word().to_owned(), probe_view(probe, question)))
    });
    let answers = app.engine.probe_answers(name.as_str()).into_iter().map(|answer| ProbeAnswer {
        at: answer.at.to_string(),
        question: answer.question.word().to_owned(),
        passed: answer.passed,
        why: answer.why,
        took_ms: answer.took_ms,
    });
    let moments = [Moment::Start, Moment::Ready, Moment::Exit, Moment::Failed];
    let hooks = moments.into_iter().filter(|moment| spec.hooks.at(*moment).is_some());
    let dependents = units.iter().filter(|other| other.spec.after.contains_key(&name));
    Ok(Json(UnitDetail {
        unit: view_with_usage(&app, unit, app.engine.now()),
        cwd: spec.cwd.clone(),
        env_keys: spec.env.keys().cloned().collect(),
        restart: restart_view(&spec.restart),
        stop: StopView { signal: spec.stop.signal.to_string(), grace_ms: spec.stop.grace.ms() },
        log_dir: app.engine.log_dir(&name).display().to_string(),
        cli: format!("orkestra unit show {name}"),
        dependents: dependents.map(|other| other.name.to_string()).collect(),
        user: spec.user.clone(),
        limits: LimitsView {
            memory: spec.limits.memory,
            cpu: spec.limits.cpu,
            open_files: spec.limits.open_files,
            run_time_ms: spec.limits.run_time.map(Span::ms),
        },
        probes: probes.collect(),
        answers: answers.collect(),
        hooks: hooks.map(|moment| moment.word().to_owned()).collect(),
        on_failed: match spec.on_failed {
            OnFailed::Ignore => "ignore".to_owned(),
            OnFailed::StopDependents => "stop-dependents".to_owned(),
            OnFailed::Shutdown => "shutdown".to_owned(),
        },
    }))
}

/// Whether to answer at once or when the unit has settled.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// Answer when the unit neither starts nor stops any more, and is ready if it says so.
    #[serde(default)]
    wait: bool,
    /// With `wait`, for a start: a unit without a readiness probe must have lived so long.
    #[serde(default)]
    verify_ms: u64,
}

async fn settled(app: &App, name: &UnitName, wait: &Wait) -> Result<Json<UnitView>, Problem> {
    let unit = if wait.wait {
        let verify = Duration::from_millis(wait.verify_ms).min(WAIT_MAX);
        let settled = tokio::time::timeout(WAIT_MAX, app.engine.verified(name, verify)).await;
        settled.unwrap_or_else(|_| app.engine.unit(name.as_str()))
    } else {
        app.engine.unit(name.as_str())
    };
    match unit {
        Some(unit) => Ok(Json(view_of(&unit, app.engine.now()))),
        None => Err(Problem::bad_request("the unit has just left the configuration")),
    }
}

/// Starts a unit.
#[utoipa::path(post, path = "/api/v1/units/{name}/start", params(Wait),
    responses((status = 200, body = UnitView), (status = 404, body = Problem)))]
pub(crate) async fn start(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<UnitView>, Problem> {
    let name = name_of(&app, &name)?;
    app.engine.start_unit(name.clone(), actor.0).await?;
    settled(&app, &name, &wait).await
}

/// Stops a unit; it stays stopped until somebody starts it, also over a restart of the daemon.
#[utoipa::path(post, path = "/api/v1/units/{name}/stop", params(Wait),
    responses((status = 200, body = UnitView), (status = 404, body = Problem)))]
pub(crate) async fn stop(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<UnitView>, Problem> {
    let name = name_of(&app, &name)?;
    app.engine.stop_unit(name.clone(), actor.0).await?;
    settled(&app, &name, &wait).await
}

/// Stops a unit and starts it again.
#[utoipa::path(post, path = "/api/v1/units/{name}/restart", params(Wait),
    responses((status = 200, body = UnitView), (status = 404, body = Problem)))]
pub(crate) async fn restart(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<UnitView>, Problem> {
    let name = name_of(&app, &name)?;
    app.engine.restart_unit(name.clone(), actor.0).await?;
    settled(&app, &name, &wait).await
}

/// Sends a signal to a unit's process.
#[utoipa::path(post, path = "/api/v1/units/{name}/signal", request_body = SignalRequest,
    responses((status = 200, body = UnitView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn signal(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(request): Body<SignalRequest>,
) -> Result<Json<UnitView>, Problem> {
    let name = name_of(&app, &name)?;
    let signal: Signal =
        request.signal.parse().map_err(|error: orkestra_core::signal::SignalError| {
            Problem::bad_request(error.to_string())
        })?;
    app.engine.signal_unit(name.clone(), signal, actor.0).await?;
    settled(&app, &name, &Wait { wait: false, verify_ms: 0 }).await
}
