//! Jobs.

use super::log::{Which, page_at, stream_at};
use super::unit::exit_view;
use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{JobAsked, JobDetail, JobList, JobRunRequest, JobRunView, JobView, LogPage};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use jiff::Timestamp;
use orkestra_core::job::schedule::Schedule;
use orkestra_core::job::spec::{Action, JobName, Missed, Overlap};
use orkestra_core::job::{Asked, Hand, Job, Outcome, Record, Rejection};

/// Runs of a job that are shown.
const HISTORY: usize = 50;

fn run_view(record: &Record, now: Timestamp) -> JobRunView {
    let (outcome, why) = match &record.outcome {
        None => ("running", None),
        Some(outcome @ Outcome::Succeeded) => (outcome.as_str(), None),
        Some(outcome @ (Outcome::Failed { why } | Outcome::Stopped { why })) => {
            (outcome.as_str(), Some(why.clone()))
        }
    };
    let so_far = now.duration_since(record.started_at).as_millis();
    JobRunView {
        number: record.number,
        outcome: outcome.to_owned(),
        why,
        summary: record.summary.clone(),
        due: record.due.to_string(),
        trigger: record.trigger.as_str().to_owned(),
        actor: record.actor.clone(),
        attempt: record.attempt,
        started_at: record.started_at.to_string(),
        ended_at: record.ended_at.map(|at| at.to_string()),
        took_ms: record.took_ms().unwrap_or_else(|| u64::try_from(so_far).unwrap_or(0)),
        exit: record.exit.as_ref().map(exit_view),
        run: record.run.map(|run| run.to_string()),
    }
}

pub(crate) fn view_of(job: &Job, now: Timestamp) -> JobView {
    let (every_ms, cron, zone) = match &job.spec.schedule {
        Schedule::Every { span } => (Some(span.ms()), None, None),
        Schedule::Cron { expr, zone } => (None, Some(expr.clone()), Some(zone.clone())),
    };
    let action = match &job.spec.action {
        Action::Command { command, .. } => match command.as_slice() {
            [shell, flag, line] if shell == "/bin/sh" && flag == "-c" => line.clone(),
            words => words.join(" "),
        },
        Action::Run { prompt, .. } => prompt.clone(),
        Action::Builtin { builtin } => builtin.as_str().to_owned(),
    };
    JobView {
        name: job.name.to_string(),
        state: job.state_word().to_owned(),
        why: job.why(),
        schedule: job.spec.schedule.in_words(),
        every_ms,
        cron,
        zone,
        kind: job.spec.action.as_str().to_owned(),
        action,
        enabled: job.is_enabled(),
        by_hand: job.hand != Hand::None,
        next_at: job.next_at.map(|at| at.to_string()),
        current: job.current.as_ref().map(|current| run_view(&current.record, now)),
        last: job.last.as_ref().map(|last| run_view(last, now)),
        failures: job.failures,
        retry_at: job.retry.as_ref().map(|retry| retry.at.to_string()),
        queued: job.queued.is_some(),
    }
}

/// A job by its name in an address; one that cannot be a name is no job.
fn job_of(app: &App, text: &str) -> Result<Job, Problem> {
    let Ok(name) = text.parse::<JobName>() else {
        return Err(Problem::no_job(format!("there is no job named {text}")));
    };
    app.engine.job(name.as_str()).ok_or_else(|| {
        let names: Vec<JobName> = app.engine.jobs().into_iter().map(|job| job.name).collect();
        let similar = name.similar(names.iter());
        orkestra_engine::Error::RejectedJob(Rejection::Unknown { name, similar }).into()
    })
}

/// All jobs.
#[utoipa::path(get, path = "/api/v1/jobs", operation_id = "jobs",
    responses((status = 200, body = JobList)))]
pub(crate) async fn list(State(app): State<App>) -> Json<JobList> {
    let now = app.engine.now().at;
    Json(JobList { jobs: app.engine.jobs().iter().map(|job| view_of(job, now)).collect() })
}

/// One job with all there is to know, and its last runs.
#[utoipa::path(get, path = "/api/v1/jobs/{name}", operation_id = "job",
    responses((status = 200, body = JobDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<JobDetail>, Problem> {
    let job = job_of(&app, &name)?;
    let now = app.engine.now().at;
    let history = app.engine.job_history(&job.name, HISTORY).await?;
    let (command, folder, env_keys, agent) = match &job.spec.action {
        Action::Command { command, env, cwd } => {
            (command.clone(), Some(cwd.clone()), env.keys().cloned().collect(), None)
        }
        Action::Run { agent, target, .. } => {
            (Vec::new(), Some(target.clone()), Vec::new(), agent.clone())
        }
        Action::Builtin { .. } => (Vec::new(), None, Vec::new(), None),
    };
    let overlap = match job.spec.overlap {
        Overlap::Skip => "skip",
        Overlap::Queue => "queue",
        Overlap::Restart => "restart",
    };
    let missed = match job.spec.missed {
        Missed::Once => "once",
        Missed::Skip => "skip",
    };
    Ok(Json(JobDetail {
        job: view_of(&job, now),
        command,
        folder,
        env_keys,
        agent,
        overlap: overlap.to_owned(),
        missed: missed.to_owned(),
        jitter: job.spec.jitter,
        timeout_ms: job.spec.timeout.map(orkestra_core::span::Span::ms),
        retry_times: job.spec.retry.times,
        retry_wait_ms: job.spec.retry.wait.ms(),
        immediate: job.spec.immediate,
        log_dir: app.engine.job_log_dir(&job.name).display().to_string(),
        cli: format!("orkestra job show {}", job.name),
        history: history.iter().map(|record| run_view(record, now)).collect(),
    }))
}

/// Runs a job now; one that ran within the last minute is skipped unless `force` is set.
#[utoipa::path(post, path = "/api/v1/jobs/{name}/run", operation_id = "run_job",
    request_body = JobRunRequest,
    responses((status = 200, body = JobAsked), (status = 404, body = Problem)))]
pub(crate) async fn run(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(request): Body<JobRunRequest>,
) -> Result<Json<JobAsked>, Problem> {
    let name = job_of(&app, &name)?.name;
    let asked = app.engine.run_job(name.clone(), request.force, actor.0).await?;
    let job = view_of(&job_of(&app, name.as_str())?, app.engine.now().at);
    let (outcome, number, why) = match asked {
        Asked::Started { number } => ("started", Some(number), None),
        Asked::Queued => ("queued", None, None),
        Asked::Skipped { why } => ("skipped", None, Some(why)),
    };
    Ok(Json(JobAsked { outcome: outcome.to_owned(), number, why, job }))
}

async fn switch(app: &App, name: &str, on: bool, actor: &str) -> Result<Json<JobView>, Problem> {
    let name = job_of(app, name)?.name;
    app.engine.enable_job(name.clone(), on, actor).await?;
    Ok(Json(view_of(&job_of(app, name.as_str())?, app.engine.now().at)))
}

/// Lets a job keep its schedule; this holds until somebody says otherwise.
#[utoipa::path(post, path = "/api/v1/jobs/{name}/enable", operation_id = "enable_job",
    responses((status = 200, body = JobView), (status = 404, body = Problem)))]
pub(crate) async fn enable(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<JobView>, Problem> {
    switch(&app, &name, true, actor.0).await
}

/// Takes a job off its schedule; it can still be run by hand.
#[utoipa::path(post, path = "/api/v1/jobs/{name}/disable", operation_id = "disable_job",
    responses((status = 200, body = JobView), (status = 404, body = Problem)))]
pub(crate) async fn disable(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<JobView>, Problem> {
    switch(&app, &name, false, actor.0).await
}

/// Lines that a job's command wrote: the last ones, or those after a cursor.
#[utoipa::path(get, path = "/api/v1/jobs/{name}/logs", operation_id = "job_logs", params(Which),
    responses((status = 200, body = LogPage), (status = 404, body = Problem)))]
pub(crate) async fn logs(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<LogPage>, Problem> {
    let name = job_of(&app, &name)?.name;
    let dir = app.engine.job_log_dir(&name);
    page_at(&app, dir, &which).await
}

/// Lines as they are written, as server-sent events `lines`; `id` is the cursor to resume from.
#[utoipa::path(get, path = "/api/v1/jobs/{name}/logs/stream", operation_id = "job_log_stream",
    params(Which),
    responses((status = 200, content_type = "text/event-stream", body = LogPage)))]
pub(crate) async fn log_stream(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let name = job_of(&app, &name)?.name;
    let dir = app.engine.job_log_dir(&name);
    stream_at(app, dir, &which, &headers)
}
