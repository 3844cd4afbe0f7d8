//! Tasks.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    AssignRequest, CancelRequest, ClaimAnswer, ClaimRequest, DependRequest, HandoverRequest,
    HeartbeatRequest, ReportRequest, TaskDetail, TaskEdit, TaskGraph, TaskLink, TaskList,
    TaskRequest, TaskView, TasksRequest,
};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use orkestra_core::id::{SessionId, TaskId};
use orkestra_core::job::schedule::Schedule;
use orkestra_core::prompt::Role;
use orkestra_core::span::Span;
use orkestra_core::task::{
    Claimant, Depend, DependKind, Edit, NewDepend, NewTask, On, Priority, Refusal, ReviewWish,
    Task, TaskInput, TaskState,
};
use orkestra_engine::ClaimNext;
use orkestra_store::TaskFilter;
use serde::Deserialize;

/// The most tasks of a graph.
const GRAPH_MAX: usize = 2_000;

/// Why something cannot be done with a task, as clients get it.
pub(crate) fn problem(refusal: &Refusal) -> Problem {
    let new = |status, code| Problem::new(status, code, refusal.to_string());
    match refusal {
        Refusal::Unknown(_) => {
            new(StatusCode::NOT_FOUND, "ORK-1001").hint("orkestra task list shows the tasks.")
        }
        Refusal::State { .. }
        | Refusal::Taken { .. }
        | Refusal::NotYet { .. }
        | Refusal::Unfit { .. } => new(StatusCode::CONFLICT, "ORK-1002"),
        Refusal::Lost { .. } => new(StatusCode::CONFLICT, "ORK-1003").hint(
            "Stop working on it: somebody else may be at it. orkestra task claim takes one anew.",
        ),
        Refusal::UnknownDependency { .. } | Refusal::Cycle { .. } => {
            new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-1004")
        }
        Refusal::Invalid(_) => new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-1005"),
    }
}

fn invalid(what: impl Into<String>) -> Problem {
    problem(&Refusal::Invalid(what.into()))
}

/// The task whose id is this or ends like this.
pub(crate) async fn find(app: &App, text: &str) -> Result<Task, Problem> {
    let mut found = app.engine.find_tasks(text).await?;
    match (found.pop(), found.len()) {
        (Some(task), 0) => Ok(task),
        (None, _) => Err(problem(&Refusal::Unknown(text.to_owned()))),
        (Some(_), more) => Err(Problem::bad_request(format!(
            "{} tasks have an id that ends in {text}; give more of it",
            more + 1
        ))),
    }
}

async fn view(app: &App, task: &Task) -> Result<TaskView, Problem> {
    let others = app.engine.task_others(std::slice::from_ref(task)).await?;
    Ok(TaskView::of(task, &others))
}

async fn views(app: &App, tasks: &[Task]) -> Result<Vec<TaskView>, Problem> {
    let others = app.engine.task_others(tasks).await?;
    Ok(tasks.iter().map(|task| TaskView::of(task, &others)).collect())
}

/// Which tasks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// In any of these states, by commas; all without it.
    state: Option<String>,
    /// Only of this session.
    session: Option<String>,
    /// Only parts of this task.
    parent: Option<String>,
    /// Only assigned to this agent.
    agent: Option<String>,
    /// At most so many, 1 to 1000.
    #[serde(default = "hundred")]
    limit: usize,
    /// Only after this task.
    after: Option<String>,
    /// The newest first.
    #[serde(default)]
    newest: bool,
}

fn hundred() -> usize {
    100
}

fn session_id(text: Option<&str>) -> Result<Option<SessionId>, Problem> {
    text.map(str::parse).transpose().map_err(|_| Problem::bad_request("that is no session's id"))
}

/// Tasks in the order in which they were asked for.
#[utoipa::path(get, path = "/api/v1/tasks", operation_id = "list_tasks", params(Page),
    responses((status = 200, body = TaskList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(page): Query<Page>,
) -> Result<Json<TaskList>, Problem> {
    let mut states = Vec::new();
    for word in page.state.iter().flat_map(|text| text.split(',')).filter(|word| !word.is_empty()) {
        let state = TaskState::parse(word).ok_or_else(|| {
            let known: Vec<_> = TaskState::ALL.iter().map(|state| state.word()).collect();
            Problem::bad_request(format!("{word:?} is no state of a task: {}", known.join(", ")))
        })?;
        states.push(state.word().to_owned());
    }
    let session = session_id(page.session.as_deref())?;
    let parent = match &page.parent {
        Some(parent) => Some(find(&app, parent).await?.id),
        None => None,
    };
    let after: Option<TaskId> = page
        .after
        .map(|id| id.parse())
        .transpose()
        .map_err(|_| Problem::bad_request("after is not a task's id"))?;
    let limit = page.limit.clamp(1, 1_000);
    let filter = TaskFilter {
        states,
        session,
        parent,
        assigned: page.agent,
        after,
        newest_first: page.newest,
        limit,
        ..TaskFilter::default()
    };
    let tasks = app.engine.tasks(filter).await?;
    let next = (tasks.len() == limit).then(|| tasks.last().map(|task| task.id.to_string()));
    let counts = app.engine.task_counts(session).await?.into_iter().collect();
    Ok(Json(TaskList { tasks: views(&app, &tasks).await?, next: next.flatten(), counts }))
}

/// Of which task or session.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Around {
    /// A task: all that it depends on and all that depends on it, near and far.
    task: Option<String>,
    /// All tasks of a session.
    session: Option<String>,
}

/// Tasks with what they depend on; all that are not over when neither is said.
#[utoipa::path(get, path = "/api/v1/tasks/graph", operation_id = "task_graph", params(Around),
    responses((status = 200, body = TaskGraph)))]
pub(crate) async fn graph(
    State(app): State<App>,
    Query(around): Query<Around>,
) -> Result<Json<TaskGraph>, Problem> {
    let tasks = match &around.task {
        Some(task) => {
            let id = find(&app, task).await?.id;
            app.engine.task_graph(id, GRAPH_MAX).await?
        }
        None => {
            let session = session_id(around.session.as_deref())?;
            let open = TaskState::ALL.into_iter().filter(|state| !state.is_over());
            let states = match session {
                Some(_) => Vec::new(),
                None => open.map(|state| state.word().to_owned()).collect(),
            };
            let filter = TaskFilter { states, session, limit: GRAPH_MAX, ..TaskFilter::default() };
            app.engine.tasks(filter).await?
        }
    };
    Ok(Json(TaskGraph { tasks: views(&app, &tasks).await? }))
}

/// A task with what is around it.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", operation_id = "show_task",
    responses((status = 200, body = TaskDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<TaskDetail>, Problem> {
    let task = find(&app, &id).await?;
    let around = app.engine.task_around(&task).await?;
    let runs = around.runs.iter().map(super::run::view_of).collect();
    Ok(Json(TaskDetail {
        task: view(&app, &task).await?,
        dependents: around.dependents.iter().map(TaskLink::from).collect(),
        children: around.children.iter().map(TaskLink::from).collect(),
        runs_detail: runs,
        context: around.context,
        cli: format!("orkestra task show {}", task.id.short()),
    }))
}

/// On which task; keys of those that are asked for at the same time come first.
async fn depend(app: &App, on: &DependRequest, keys: &[String]) -> Result<NewDepend, Problem> {
    let kind = match on.kind.as_deref() {
        None => DependKind::Hard,
        Some(word) => DependKind::parse(word)
            .ok_or_else(|| invalid(format!("{word:?} is not hard, soft or over")))?,
    };
    if keys.contains(&on.task) {
        return Ok(NewDepend { on: On::Key(on.task.clone()), kind });
    }
    match app.engine.find_tasks(&on.task).await?.as_slice() {
        [task] => Ok(NewDepend { on: On::Task(task.id), kind }),
        // What it is called in the refusal is decided where tasks are made.
        _ => match on.task.parse() {
            Ok(id) => Ok(NewDepend { on: On::Task(id), kind }),
            Err(_) => Ok(NewDepend { on: On::Key(on.task.clone()), kind }),
        },
    }
}

fn priority(word: Option<&str>) -> Result<Option<Priority>, Problem> {
    let read = |word: &str| {
        Priority::parse(word)
            .ok_or_else(|| invalid(format!("{word:?} is not low, medium, high or critical")))
    };
    word.map(read).transpose()
}

fn review(word: Option<&str>) -> Result<Option<ReviewWish>, Problem> {
    let read = |word: &str| {
        ReviewWish::parse(word).ok_or_else(|| invalid(format!("{word:?} is not required or none")))
    };
    word.map(read).transpose()
}

fn span(text: &str) -> Result<Span, Problem> {
    text.parse().map_err(|error: orkestra_core::span::SpanError| invalid(error.to_string()))
}

fn schedule(request: &TaskRequest) -> Result<Option<Schedule>, Problem> {
    match (&request.every, &request.cron) {
        (Some(_), Some(_)) => Err(invalid("a task recurs by every or by cron, not by both")),
        (Some(every), None) => Ok(Some(Schedule::Every { span: span(every)? })),
        (None, Some(expr)) => {
            let zone = request.zone.clone().unwrap_or_else(|| "UTC".to_owned());
            Ok(Some(Schedule::Cron { expr: expr.clone(), zone }))
        }
        (None, None) => Ok(None),
    }
}

fn absolute(target: Option<String>) -> Result<Option<String>, Problem> {
    match target {
        Some(target) if !std::path::Path::new(&target).is_absolute() => {
            Err(invalid("the target must be an absolute path"))
        }
        target => Ok(target),
    }
}

async fn new_task(
    app: &App,
    request: TaskRequest,
    keys: &[String],
    request_key: Option<String>,
) -> Result<NewTask, Problem> {
    let recurs = schedule(&request)?;
    let mut depends = Vec::with_capacity(request.depends.len());
    for on in &request.depends {
        depends.push(depend(app, on, keys).await?);
    }
    let parent = match &request.parent {
        Some(parent) => Some(find(app, parent).await?.id),
        None => None,
    };
    let not_before = request.not_before.as_deref().map(str::parse).transpose();
    Ok(NewTask {
        key: request.key,
        title: request.title,
        prompt: request.prompt,
        kind: request.kind,
        priority: priority(request.priority.as_deref())?.unwrap_or_default(),
        session: None,
        parent,
        pattern: None,
        phase: request.phase,
        role: request.role.map(Role::from),
        depends,
        needs: request.needs,
        tags: request.tags,
        evidence: request.evidence,
        inputs: request.inputs,
        target: absolute(request.target)?,
        base: request.base,
        assigned: request.agent,
        autonomy: request.autonomy,
        review: review(request.review.as_deref())?,
        tries_max: request.tries_max,
        not_before: not_before.map_err(|_| invalid("not_before is no time (RFC 3339)"))?,
        milestone: request.milestone,
        estimate: request.estimate,
        recurs,
        request_key,
        budget_usd: request.budget_usd,
        backlog: request.backlog,
    })
}

fn key_of(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Makes a task. With an `Idempotency-Key`, asking again gives the same task.
#[utoipa::path(post, path = "/api/v1/tasks", operation_id = "create_task",
    request_body = TaskRequest,
    responses((status = 201, body = TaskView), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Body(request): Body<TaskRequest>,
) -> Result<(StatusCode, Json<TaskView>), Problem> {
    let new = new_task(&app, request, &[], key_of(&headers)).await?;
    let task = app.engine.create_task(new, actor.0).await?;
    Ok((StatusCode::CREATED, Json(view(&app, &task).await?)))
}

/// Makes many tasks, which may depend on each other by their keys: all of them or none. With an
/// `Idempotency-Key`, asking again gives the same tasks.
#[utoipa::path(post, path = "/api/v1/tasks/batch", operation_id = "create_tasks",
    request_body = TasksRequest,
    responses((status = 201, body = TaskGraph), (status = 422, body = Problem)))]
pub(crate) async fn batch(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Body(request): Body<TasksRequest>,
) -> Result<(StatusCode, Json<TaskGraph>), Problem> {
    let keys: Vec<String> = request.tasks.iter().filter_map(|task| task.key.clone()).collect();
    let base = key_of(&headers);
    let mut new = Vec::with_capacity(request.tasks.len());
    for (place, task) in request.tasks.into_iter().enumerate() {
        let key = base.as_ref().map(|base| format!("{base}:{place}"));
        new.push(new_task(&app, task, &keys, key).await?);
    }
    let tasks = app.engine.create_tasks(new, actor.0).await?;
    Ok((StatusCode::CREATED, Json(TaskGraph { tasks: views(&app, &tasks).await? })))
}

async fn input(
    app: &App,
    actor: &Actor,
    id: &str,
    input: TaskInput,
) -> Result<Json<TaskView>, Problem> {
    let task = find(app, id).await?;
    let task = app.engine.task_input(task.id, input, actor.0).await?;
    Ok(Json(view(app, &task).await?))
}

/// Changes a task.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/edit", operation_id = "edit_task",
    request_body = TaskEdit,
    responses((status = 200, body = TaskView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn edit(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<TaskEdit>,
) -> Result<Json<TaskView>, Problem> {
    let mut depends = None;
    if let Some(wanted) = &request.depends {
        let mut all: Vec<Depend> = Vec::new();
        for on in wanted {
            let on_task = depend(&app, on, &[]).await?;
            let On::Task(task) = on_task.on else {
                let refusal = Refusal::UnknownDependency { task: id, on: on.task.clone() };
                return Err(problem(&refusal));
            };
            if !all.iter().any(|known| known.task == task) {
                all.push(Depend { task, kind: on_task.kind });
            }
        }
        depends = Some(all);
    }
    let edit = Edit {
        title: request.title,
        prompt: request.prompt,
        kind: request.kind,
        priority: priority(request.priority.as_deref())?,
        phase: request.phase,
        role: request.role.map(Role::from),
        depends,
        needs: request.needs,
        tags: request.tags,
        evidence: request.evidence,
        target: absolute(request.target)?,
        autonomy: request.autonomy,
        review: review(request.review.as_deref())?,
        tries_max: request.tries_max,
        milestone: request.milestone,
        estimate: request.estimate,
        budget_usd: request.budget_usd,
    };
    input(&app, &actor, &id, TaskInput::Edit(Box::new(edit))).await
}

/// Says who has to do a task.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/assign", operation_id = "assign_task",
    request_body = AssignRequest,
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn assign(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<AssignRequest>,
) -> Result<Json<TaskView>, Problem> {
    let agent = request.agent.filter(|agent| !agent.trim().is_empty());
    input(&app, &actor, &id, TaskInput::Assign { agent }).await
}

/// Puts a task into the backlog.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/shelve", operation_id = "shelve_task",
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn shelve(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<TaskView>, Problem> {
    input(&app, &actor, &id, TaskInput::Shelve).await
}

/// Takes a task out of the backlog.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/unshelve", operation_id = "unshelve_task",
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn unshelve(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<TaskView>, Problem> {
    input(&app, &actor, &id, TaskInput::Unshelve).await
}

/// Has a task tried again.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/retry", operation_id = "retry_task",
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn retry(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<TaskView>, Problem> {
    input(&app, &actor, &id, TaskInput::Retry).await
}

/// Gives a task up; what works on it is ended.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/cancel", operation_id = "cancel_task",
    request_body = CancelRequest,
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    request: Option<Json<CancelRequest>>,
) -> Result<Json<TaskView>, Problem> {
    let why = request.and_then(|Json(request)| request.why);
    input(&app, &actor, &id, TaskInput::Cancel { why }).await
}

/// Gives a task to somebody else, with its context.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/handover", operation_id = "hand_over_task",
    request_body = HandoverRequest,
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn handover(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<HandoverRequest>,
) -> Result<Json<TaskView>, Problem> {
    if request.to.trim().is_empty() {
        return Err(invalid("to whom?"));
    }
    input(&app, &actor, &id, TaskInput::HandOver { to: request.to, note: request.note }).await
}

/// Gives a part of a task to somebody else: a task of its own, for which the first one waits.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/delegate", operation_id = "delegate_task",
    request_body = TaskRequest,
    responses((status = 201, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn delegate(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(request): Body<TaskRequest>,
) -> Result<(StatusCode, Json<TaskView>), Problem> {
    let parent = find(&app, &id).await?;
    let child = new_task(&app, request, &[], key_of(&headers)).await?;
    let child = app.engine.delegate_task(parent.id, child, actor.0).await?;
    Ok((StatusCode::CREATED, Json(view(&app, &child).await?)))
}

fn claimant(app: &App, request: &ClaimRequest) -> Result<Claimant, Problem> {
    let worker = request.worker.trim();
    if worker.is_empty() || worker.chars().count() > 80 || worker == "daemon" {
        return Err(invalid("a worker needs a name of at most 80 characters"));
    }
    let lease = match request.lease.as_deref() {
        Some(text) => span(text)?,
        None => app.engine.upkeep().tasks.lease,
    };
    if lease.ms() == 0 {
        return Err(invalid("a lease is longer than 0"));
    }
    let pid_start = match request.pid {
        Some(pid) => Some(
            orkestra_engine::process_start(pid)
                .ok_or_else(|| invalid(format!("there is no process {pid} on this machine")))?,
        ),
        None => None,
    };
    Ok(Claimant {
        owner: format!("worker:{worker}"),
        agent: worker.to_owned(),
        lease: Some(lease),
        pid: request.pid,
        pid_start,
    })
}

async fn claimed(app: &App, task: Option<Task>) -> Result<Json<ClaimAnswer>, Problem> {
    let Some(task) = task else { return Ok(Json(ClaimAnswer { task: None, context: None })) };
    let context = app.engine.task_context(&task).await?;
    Ok(Json(ClaimAnswer { task: Some(view(app, &task).await?), context }))
}

/// A worker takes the first task of the queue that fits: for it or for nobody, by priority and then
/// as asked for.
#[utoipa::path(post, path = "/api/v1/tasks/claim", operation_id = "claim_next_task",
    request_body = ClaimRequest,
    responses((status = 200, body = ClaimAnswer), (status = 422, body = Problem)))]
pub(crate) async fn claim_next(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<ClaimRequest>,
) -> Result<Json<ClaimAnswer>, Problem> {
    let by = claimant(&app, &request)?;
    let session = session_id(request.session.as_deref())?;
    let wanted = ClaimNext { by, can: request.can, session };
    let task = app.engine.claim_next(wanted, actor.0).await?;
    claimed(&app, task).await
}

/// A worker takes this task.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/claim", operation_id = "claim_task",
    request_body = ClaimRequest,
    responses((status = 200, body = ClaimAnswer), (status = 409, body = Problem)))]
pub(crate) async fn claim(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<ClaimRequest>,
) -> Result<Json<ClaimAnswer>, Problem> {
    let task = find(&app, &id).await?;
    let by = claimant(&app, &request)?;
    let task = app.engine.task_input(task.id, TaskInput::Claim(by), actor.0).await?;
    claimed(&app, Some(task)).await
}

/// A worker lives; its claim holds on.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/heartbeat", operation_id = "heartbeat_task",
    request_body = HeartbeatRequest,
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn heartbeat(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<HeartbeatRequest>,
) -> Result<Json<TaskView>, Problem> {
    let HeartbeatRequest { fence, note } = request;
    input(&app, &actor, &id, TaskInput::Heartbeat { fence, note }).await
}

/// A worker says how it ended.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/report", operation_id = "report_task",
    request_body = ReportRequest,
    responses((status = 200, body = TaskView), (status = 409, body = Problem)))]
pub(crate) async fn report(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<ReportRequest>,
) -> Result<Json<TaskView>, Problem> {
    let ReportRequest { fence, result, failed, release, no_retry } = request;
    let what = match (failed, release) {
        (Some(_), Some(_)) => return Err(invalid("it failed, or is given back: not both")),
        (Some(why), None) => TaskInput::Failed { fence, why, retry: !no_retry },
        (None, Some(why)) => TaskInput::Unclaim { fence, why, wait: None },
        (None, None) => TaskInput::Reported { fence, result },
    };
    input(&app, &actor, &id, what).await
}
