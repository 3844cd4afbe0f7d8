//! Runs.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    AttemptView, ChecksCount, DecisionView, EvidenceView, FileView, InstructionView, MergeView,
    ReviewView, RunDetail, RunEvent, RunLimitsView, RunList, RunRequest, RunView, UsageView,
    WaitView,
};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use orkestra_core::evidence::Wanted;
use orkestra_core::id::RunId;
use orkestra_core::run::{Belongs, LimitsSpec, Run, Worktree};
use orkestra_engine::NewRun;
use orkestra_store::{Filter, RunRow};
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;

/// Events of a run that are given at once; a longer run's are read from the journal.
const STREAM_MAX: usize = 5_000;

/// The longest prompt, in bytes.
const PROMPT_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn read_row(row: &RunRow) -> Result<Run, Problem> {
    serde_json::from_str(&row.body).map_err(|error| {
        let detail = format!("run {} cannot be read: {error}", row.id);
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "ORK-0001", detail)
    })
}

pub(crate) fn view_of(run: &Run) -> RunView {
    let worktree = run.worktree.as_ref();
    let branch = worktree.filter(|worktree| !worktree.is_plain());
    RunView {
        id: run.id.to_string(),
        short: run.id.short(),
        agent: run.agent.clone(),
        kind: run.kind.clone(),
        state: run.state_word().to_owned(),
        why: run.why(),
        prompt: run.prompt.clone(),
        target: run.target.clone(),
        worktree: worktree.map(|worktree| worktree.path.clone()),
        branch: branch.map(|worktree| worktree.branch.clone()),
        uncommitted: branch.map(|worktree| worktree.uncommitted),
        created_at: run.created_at.to_string(),
        started_at: run.started_at.map(|at| at.to_string()),
        ended_at: run.ended_at.map(|at| at.to_string()),
        last_event_at: run.last_event_at.map(|at| at.to_string()),
        pid: run.pid(),
        usage: run.usage.as_ref().map(|usage| UsageView {
            fresh_input: usage.fresh_input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
            cost_usd: usage.cost_usd,
        }),
        events: run.events,
        raw_lines: run.raw_lines,
        attempt: run.attempt_number(),
        wait: WaitView::of(run),
        waiting_for: run.waiting_for.clone(),
        violations_count: run.violations,
        silent_since: run.silent_since.map(|at| at.to_string()),
        summary: run.ended.as_ref().map(|ended| ended.summary.clone()),
        files_changed: run.files.as_ref().map(|files| {
            files
                .iter()
                .map(|file| FileView { path: file.path.clone(), status: file.status.clone() })
                .collect()
        }),
        checks: ChecksCount::from(&run.evidence),
        plain: worktree.is_some_and(Worktree::is_plain),
        budget_usd: run.budget_usd,
        purpose: run.belongs.purpose.word().to_owned(),
        task: run.belongs.task.map(|id| id.to_string()),
        session: run.belongs.session.map(|id| id.to_string()),
    }
}

/// The run whose id is this or ends like this.
pub(super) async fn find(app: &App, text: &str) -> Result<Run, Problem> {
    let wanted = text.to_owned();
    let rows = app.engine.store().read(move |read| read.run_by_suffix(&wanted)).await?;
    match rows.as_slice() {
        [row] => read_row(row),
        [] => Err(orkestra_engine::Error::UnknownRun(text.to_owned()).into()),
        several => Err(Problem::bad_request(format!(
            "{} runs have an id that ends in {text}; give more of it",
            several.len()
        ))),
    }
}

/// Which page of runs.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// At most so many, 1 to 500.
    #[serde(default = "fifty")]
    limit: usize,
    /// Only older than this run.
    before: Option<String>,
}

fn fifty() -> usize {
    50
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", params(Page), responses((status = 200, body = RunList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(page): Query<Page>,
) -> Result<Json<RunList>, Problem> {
    let before: Option<RunId> = page
        .before
        .map(|id| id.parse())
        .transpose()
        .map_err(|_| Problem::bad_request("before is not a run's id"))?;
    let limit = page.limit.clamp(1, 500);
    let rows = app.engine.store().read(move |read| read.runs(limit, before)).await?;
    let runs: Vec<RunView> =
        rows.iter().map(|row| read_row(row).map(|run| view_of(&run))).collect::<Result<_, _>>()?;
    let next = if runs.len() == limit { runs.last().map(|run| run.id.clone()) } else { None };
    Ok(Json(RunList { runs, next }))
}

/// Begins a run. With an `Idempotency-Key`, asking again gives the same run.
#[utoipa::path(post, path = "/api/v1/runs", request_body = RunRequest,
    responses((status = 201, body = RunView), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Body(request): Body<RunRequest>,
) -> Result<(StatusCode, Json<RunView>), Problem> {
    if request.prompt.trim().is_empty() {
        return Err(Problem::bad_request("the prompt is empty"));
    }
    if request.prompt.len() > PROMPT_BYTES_MAX {
        return Err(Problem::bad_request(format!(
            "the prompt is longer than {PROMPT_BYTES_MAX} bytes"
        )));
    }
    if request.budget_usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
        return Err(Problem::bad_request("the budget must be more than 0"));
    }
    for item in &request.evidence {
        item.parse::<Wanted>().map_err(|error| Problem::bad_request(error.to_string()))?;
    }
    let target = match request.target {
        Some(target) if PathBuf::from(&target).is_absolute() => PathBuf::from(target),
        Some(_) => return Err(Problem::bad_request("the target must be an absolute path")),
        None => std::env::current_dir().map_err(|error| Problem::bad_request(error.to_string()))?,
    };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let new = NewRun {
        prompt: request.prompt,
        agent: request.agent,
        target,
        request_key: key.map(str::to_owned),
        limits: LimitsSpec {
            runtime_ms: request.limits.time_ms,
            memory: request.limits.memory,
            tokens: request.limits.tokens,
            ..LimitsSpec::default()
        },
        evidence: request.evidence,
        raw: request.raw,
        budget_usd: request.budget_usd,
        belongs: Belongs::default(),
        base: None,
        role: None,
    };
    let run = app.engine.create_run(new, actor.0).await?;
    Ok((StatusCode::CREATED, Json(view_of(&run))))
}

/// Which of a run's events.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// Only later than this place in the journal, oldest first; without it the newest.
    after: Option<u64>,
}

/// A run with what its agent said and did: the newest events, or those after a place.
#[utoipa::path(get, path = "/api/v1/runs/{id}", params(Since),
    responses((status = 200, body = RunDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(since): Query<Since>,
) -> Result<Json<RunDetail>, Problem> {
    let run = find(&app, &id).await?;
    let newest_first = since.after.is_none();
    let filter = Filter {
        after_seq: since.after,
        topic: Some("run".to_owned()),
        subject: Some(run.id.to_string()),
        // One more tells whether there is more.
        limit: STREAM_MAX + 1,
        newest_first,
        ..Filter::default()
    };
    let mut events = app.engine.store().read(move |read| read.events(&filter)).await?;
    let stream_cut = events.len() > STREAM_MAX;
    events.truncate(STREAM_MAX);
    if newest_first {
        events.reverse();
    }
    let stream = events
        .into_iter()
        .filter_map(|event| match event.body {
            // Bodies of the agent's own events say their type.
            Some(Value::Object(body)) if body.contains_key("type") => Some(RunEvent {
                seq: event.seq,
                at: event.at.to_string(),
                event: body.into_iter().collect(),
            }),
            Some(_) | None => None,
        })
        .collect();
    let cli = format!("orkestra run show {}", run.id.short());
    let attempts = run.attempts.iter().map(AttemptView::from).collect();
    let instructions = run.instructions.iter().map(InstructionView::from).collect();
    let limits = RunLimitsView::of(&run, app.engine.now().at);
    let violations = super::life::violations(&app, run.id).await?;
    let reviews = super::review::of_run(&app, run.id).await?;
    let mut decisions: Vec<DecisionView> = reviews.iter().flat_map(DecisionView::of).collect();
    decisions.sort_by(|a, b| a.at.cmp(&b.at));
    let reviews = reviews.iter().map(ReviewView::from).collect();
    let (evidence, given) = (EvidenceView::from(&run.evidence), run.given.clone());
    let merges = app.engine.merges_of_run(run.id).await?;
    let merges = merges.iter().map(MergeView::from).collect();
    let overlaps = super::merge::overlaps_of(&app, &run.id.to_string()).await?;
    let run = view_of(&run);
    Ok(Json(RunDetail {
        run,
        stream,
        stream_cut,
        attempts,
        instructions,
        reviews,
        decisions,
        limits,
        violations,
        evidence,
        given,
        merges,
        overlaps,
        cli,
    }))
}

/// Cancels a run; its processes are ended, its worktree stays.
#[utoipa::path(post, path = "/api/v1/runs/{id}/stop",
    responses((status = 200, body = RunView), (status = 404, body = Problem)))]
pub(crate) async fn stop(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<RunView>, Problem> {
    let run = find(&app, &id).await?;
    if run.is_over() {
        return Ok(Json(view_of(&run)));
    }
    Ok(Json(view_of(&app.engine.cancel_run(run.id, actor.0).await?)))
}
