//! Checks of tasks, and whether the work fits together.

use crate::Problem;
use crate::extract::{Body, Path};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    ChecksAnswer, ChecksMade, ChecksRequest, DiagnosisView, FaultView, HealRequest, HealingTally,
    HealingView, TaskChecksView,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_core::check::Phase;
use orkestra_core::id::TaskId;

/// Errors of one task that are told.
const ERRORS_MAX: usize = 20;

/// The task of an id, or of the end of one. It need not read: that is what is found out here.
pub(super) async fn find(app: &App, text: &str) -> Result<TaskId, Problem> {
    // One that is not there, or a queue that cannot be read, is what the checks say.
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let end = text.to_owned();
    let found = app.engine.store().read(move |read| read.task_by_suffix(&end)).await?;
    let none = || {
        Problem::new(StatusCode::NOT_FOUND, "ORK-1001", format!("there is no task {text}"))
            .hint("orkestra task list shows the tasks.")
    };
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(none()),
        _ => Err(none().hint("More than one task ends like this; write more of the id.")),
    }
}

/// The checks of a task as they were made last, and the errors of its runs by class.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/checks", params(("id" = String, Path)),
    responses((status = 200, body = TaskChecksView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<TaskChecksView>, Problem> {
    let id = find(&app, &id).await?;
    let found = app.engine.task_checks(id).await?;
    let errors = app.engine.healings(id, ERRORS_MAX).await?;
    let made = |made: Option<(orkestra_core::check::Made, jiff::Timestamp)>| {
        made.map(|(made, at)| ChecksMade::of(&made, &at.to_string()))
    };
    Ok(Json(TaskChecksView {
        task: id.to_string(),
        pre: made(found.pre),
        post: made(found.post),
        errors: errors.into_iter().map(HealingView::from).collect(),
    }))
}

/// Makes the checks of a task now, and writes them down. Nothing follows from them but, with
/// `evidence`, the verdict on its run, whose evidence is looked at again.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/checks", params(("id" = String, Path)),
    request_body = ChecksRequest,
    responses((status = 200, body = ChecksAnswer), (status = 404, body = Problem)))]
pub(crate) async fn make(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<ChecksRequest>,
) -> Result<Json<ChecksAnswer>, Problem> {
    let id = find(&app, &id).await?;
    let phase = match request.phase.as_deref() {
        None => Phase::Post,
        Some(word) => Phase::parse(word)
            .ok_or_else(|| Problem::bad_request(format!("{word:?} is neither pre nor post")))?,
    };
    let made = app.engine.check_task(id, phase, request.agent, &actor.0).await?;
    let (mut run, mut no_evidence) = (None, None);
    if request.evidence && phase == Phase::Post {
        let task = app.engine.task(id).await?;
        match task.and_then(|task| task.runs.last().copied()) {
            None => no_evidence = Some("no run did it".to_owned()),
            Some(of) => match app.engine.verify_run(of, &actor.0).await {
                Ok(of) => run = Some(of.id.to_string()),
                Err(error) => no_evidence = Some(error.to_string()),
            },
        }
    }
    let at = app.engine.now().at.to_string();
    let checks = ChecksMade::of(&made, &at);
    Ok(Json(ChecksAnswer { task: id.to_string(), checks, run, no_evidence }))
}

/// Looks whether tasks, sessions, reviews and votes fit together, and mends what is safe.
#[utoipa::path(post, path = "/api/v1/work/heal", request_body = HealRequest,
    responses((status = 200, body = DiagnosisView)))]
pub(crate) async fn heal(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<HealRequest>,
) -> Result<Json<DiagnosisView>, Problem> {
    let found = app.engine.heal_work(request.dry_run, &actor.0).await?;
    let open = found.open();
    let classes = app.engine.healing_tallies().await?;
    Ok(Json(DiagnosisView {
        tasks: found.tasks,
        open,
        faults: found
            .faults
            .into_iter()
            .map(|fault| FaultView {
                kind: fault.kind.word().to_owned(),
                topic: fault.topic,
                subject: fault.subject,
                says: fault.says,
                mended: fault.mended,
            })
            .collect(),
        classes: classes
            .into_iter()
            .map(|(class, tally)| HealingTally {
                class: class.word().to_owned(),
                strategy: class.strategy().word().to_owned(),
                tried: tally.tried,
                healed: tally.healed,
                failed: tally.failed,
                success: tally.success(),
            })
            .collect(),
    }))
}
