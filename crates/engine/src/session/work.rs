//! The tasks of a session: made of its plan, watched, and brought together.

use super::step::say;
use super::{Around, apply, load};
use crate::consumer::Consumer;
use crate::error::Error;
use crate::handle::Handle;
use crate::task;
use orkestra_core::event::Event;
use orkestra_core::id::{SessionId, TaskId};
use orkestra_core::plan::PlannedTask;
use orkestra_core::run::Run;
use orkestra_core::session::{Session, SessionInput, SessionState, TaskLink};
use orkestra_core::task::{
    DependKind, NewDepend, NewTask, On, Priority, ReviewWish, Task, TaskInput, TaskState,
};
use orkestra_store::{Error as StoreError, Read, TaskFilter, Write};
use std::sync::Arc;

/// Tasks of one session that are looked at.
pub(super) const TASKS_MAX: usize = 1_000;

/// The tasks that a session's plan asks for.
fn new_tasks(session: &Session) -> Vec<NewTask> {
    let Some(plan) = &session.plan else { return Vec::new() };
    let one = |planned: &PlannedTask| NewTask {
        key: Some(planned.key.clone()),
        title: Some(planned.title.clone()),
        prompt: planned.prompt.clone(),
        kind: Some(planned.kind.clone()),
        priority: Priority::parse(&planned.priority).unwrap_or_default(),
        session: Some(session.id),
        phase: planned.phase.clone(),
        role: Some(planned.role(plan, &session.goal)),
        depends: planned
            .depends
            .iter()
            .map(|key| NewDepend { on: On::Key(key.clone()), kind: DependKind::Hard })
            .collect(),
        needs: planned.needs.clone(),
        evidence: planned.evidence(),
        target: Some(session.target.clone()),
        base: Some(session.branch.clone()),
        assigned: planned.agent.clone(),
        // Who only looks at others' work makes none that could be judged.
        review: planned.only_looks().then_some(ReviewWish::None),
        request_key: Some(format!("session:{}:task:{}", session.id, planned.key)),
        budget_usd: session.wishes.budget_usd,
        ..NewTask::default()
    };
    plan.tasks.iter().map(one).collect()
}

/// Makes the tasks of a session, in the commit of what led to it.
pub(super) fn make(
    tx: &mut dyn Write,
    session: &Session,
    around: &Around,
) -> Result<Session, StoreError> {
    let by = match session.latest {
        Some(latest) => around.by.clone().because(latest),
        None => around.by.clone(),
    };
    let keys: Vec<String> =
        session.plan.iter().flat_map(|plan| &plan.tasks).map(|task| task.key.clone()).collect();
    // Nothing of this commit may stay when they cannot be made.
    let made = task::create(tx, new_tasks(session), &by)?.map_err(StoreError::refused)?;
    let links =
        keys.into_iter().zip(made).map(|(key, task)| TaskLink { key, id: task.id }).collect();
    match apply(tx, session.id, SessionInput::Began(links), around)? {
        Ok(session) => Ok(session),
        Err(error) => Err(StoreError::Invalid(error.to_string())),
    }
}

/// Cancels what is not over of a session's tasks, in the commit of what led to it.
pub(super) fn cancel(
    tx: &mut dyn Write,
    session: &Session,
    around: &Around,
) -> Result<(), StoreError> {
    let by = match session.latest {
        Some(latest) => around.by.clone().because(latest),
        None => around.by.clone(),
    };
    let rows = tx.tasks(&filter(session.id))?;
    for row in rows {
        let task = task::parse(&row)?;
        if !task.state.is_over() {
            let why = Some("its session was stopped".to_owned());
            // One that is over meanwhile stays as it is.
            let _refused = task::apply(tx, task.id, TaskInput::Cancel { why }, &by)?;
        }
    }
    Ok(())
}

pub(super) fn filter(session: SessionId) -> TaskFilter {
    TaskFilter { session: Some(session), limit: TASKS_MAX, ..TaskFilter::default() }
}

/// Whether something is still to be expected of a task by itself.
fn goes_on(task: &Task) -> bool {
    match task.state {
        TaskState::Ready
        | TaskState::Claimed
        | TaskState::Running
        | TaskState::Reported
        | TaskState::InReview
        // A person shelved it, and will take it out again.
        | TaskState::Backlog => true,
        TaskState::Waiting
        | TaskState::Blocked
        | TaskState::Verified
        | TaskState::Refuted
        | TaskState::Failed
        | TaskState::Cancelled => false,
    }
}

/// Where the tasks of a session are, together.
#[derive(Debug, PartialEq)]
enum Together {
    Open,
    Verified,
    Lost(String),
}

fn together(tasks: &[Task]) -> Together {
    if tasks.iter().any(goes_on) {
        return Together::Open;
    }
    let left: Vec<&Task> = tasks
        .iter()
        // One that a person gave up is not waited for; what it promised is missed at the end.
        .filter(|task| !matches!(task.state, TaskState::Verified | TaskState::Cancelled))
        .collect();
    if left.is_empty() {
        return Together::Verified;
    }
    // What waits for one that was just verified is looked at in the same commit, so nothing will come.
    let why = left
        .iter()
        .map(|task| {
            let why = task.why.as_deref().unwrap_or_default();
            format!("{} is {}: {why}", task.title, task.state.word())
        })
        .collect::<Vec<_>>()
        .join("; ");
    Together::Lost(why)
}

/// What follows for a session from where its tasks are.
pub(super) async fn look(handle: &Handle, session: &Session) -> Result<(), Error> {
    if session.tasks.is_empty() {
        return Ok(());
    }
    let tasks = handle.tasks(filter(session.id)).await?;
    let input = match (session.state, together(&tasks)) {
        (SessionState::Working, Together::Open) => None,
        (_, Together::Open) => Some(SessionInput::TasksOpen),
        (SessionState::Working, Together::Verified) => Some(SessionInput::TasksVerified),
        (SessionState::Working, Together::Lost(why)) => Some(SessionInput::TasksFailed { why }),
        (SessionState::Merging, _) => {
            not_merged(handle, &tasks).await?.is_empty().then_some(SessionInput::Merged)
        }
        _ => None,
    };
    match input {
        Some(input) => say(handle, session.id, input).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Whether the work of a verified task is not on its session's branch: it changed something, and was not
/// merged.
fn is_left(read: &(impl Read + ?Sized), task: &Task) -> Result<bool, StoreError> {
    if task.state != TaskState::Verified || task.merged.is_some() {
        return Ok(false);
    }
    let Some(last) = task.runs.last() else { return Ok(false) };
    let Some(row) = read.run(*last)? else { return Ok(false) };
    let run: Run = serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the run {last} cannot be read: {error}"),
    })?;
    Ok(run.files.is_some_and(|files| !files.is_empty()))
}

/// Whether a task of a session must not begin yet, since the work of one that it depends on is not on the
/// session's branch, where it would begin.
pub(crate) fn waits_for_merge(
    read: &(impl Read + ?Sized),
    task: &Task,
) -> Result<bool, StoreError> {
    for on in &task.depends {
        let Some(row) = read.task(on.task)? else { continue };
        let other = task::parse(&row)?;
        if other.session == task.session && is_left(read, &other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Verified tasks whose work is not on the session's branch: those that changed something, and were not
/// merged.
pub(super) async fn not_merged(handle: &Handle, tasks: &[Task]) -> Result<Vec<TaskId>, Error> {
    let tasks = tasks.to_vec();
    let read = handle.store.read(move |read| {
        let mut left = Vec::new();
        for task in &tasks {
            if is_left(read, task)? {
                left.push(task.id);
            }
        }
        Ok(left)
    });
    read.await.map_err(Error::Store)
}

/// A session that failed goes on when somebody has a task of it tried again.
pub(crate) fn consumer(handle: &Handle) -> Consumer {
    let handle = handle.clone();
    Consumer {
        name: "session",
        kinds: &["task.retried", "task.ready", "task.claimed"],
        deal: Arc::new(move |tx, event| reopen(&handle, tx, event)),
    }
}

fn reopen(handle: &Handle, tx: &mut dyn Write, event: &Event) -> Result<(), StoreError> {
    let Ok(id) = event.subject.parse::<TaskId>() else { return Ok(()) };
    let Some(task) = task::load(tx, id)? else { return Ok(()) };
    let Some(session) = task.session else { return Ok(()) };
    let failed = load(tx, session)?.is_some_and(|known| known.state == SessionState::Failed);
    if failed && goes_on(&task) {
        let around = handle.around("daemon");
        if let Err(error) = apply(tx, session, SessionInput::TasksOpen, &around)? {
            tracing::debug!(%error, %session, "A session does not go on.");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(states: &[TaskState]) -> Vec<Task> {
        let one = |state: &TaskState| {
            let task = serde_json::json!({"id": uuid::Uuid::from_u128(1), "title": "t", "prompt": "p",
                "kind": "code", "state": state, "created_by": "x",
                "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
            serde_json::from_value(task).unwrap()
        };
        states.iter().map(one).collect()
    }

    #[test]
    fn a_session_ends_only_when_nothing_of_it_goes_on() {
        use TaskState::{Blocked, Cancelled, Failed, Running, Verified, Waiting};
        assert_eq!(together(&tasks(&[Verified, Running])), Together::Open);
        assert_eq!(together(&tasks(&[Failed, Running, Blocked])), Together::Open);
        assert_eq!(together(&tasks(&[Verified, Verified])), Together::Verified);
        assert_eq!(together(&tasks(&[Verified, Cancelled])), Together::Verified);
        for lost in [vec![Verified, Failed], vec![Failed, Blocked], vec![Verified, Waiting]] {
            assert!(matches!(together(&tasks(&lost)), Together::Lost(_)), "{lost:?}");
        }
    }
}
