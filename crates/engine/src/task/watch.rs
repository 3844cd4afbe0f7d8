//! What happens to tasks by itself (MISSION 2.5): claims that are over, waits that are over, patterns
//! that are due, and runs that work for a claim that was lost.
//!
//! It looks at rows and carries out what they say, as often as it likes: rows are the truth. Without
//! tasks it sleeps until something is committed.

use super::{apply, create, load, parse};
use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use jiff::{SignedDuration, Timestamp};
use orkestra_core::id::{RunId, TaskId};
use orkestra_core::run::{Purpose, Run, RunState};
use orkestra_core::task::{Claim, Loss, NewDepend, NewTask, On, Sign, Task, TaskInput, TaskState};
use orkestra_store::{Error as StoreError, Read, TaskFilter};
use std::time::Duration;
use tokio::time::Instant;

/// Tasks that are dealt with in one commit.
const PAGE: usize = 100;

/// What is committed in a burst is looked at together.
const GATHER: Duration = Duration::from_millis(300);

/// Whether processes of claims live is looked at so often, while there are any.
const PID_EVERY: Duration = Duration::from_secs(2);

/// Whether runs fell silent is looked at no less often, while there are any.
const SILENCE_EVERY: Duration = Duration::from_secs(60);

/// Without anything to do it still looks now and then: a clock may have been set.
const IDLE: Duration = Duration::from_secs(900);

/// When the store cannot be written, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// Looks after tasks until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut head = handle.store.head_watch();
        let mut held_due = Instant::now();
        loop {
            let wait = match turn(&handle, &mut held_due).await {
                Ok(wait) => wait,
                Err(Error::Closing) => return,
                Err(error) => {
                    tracing::warn!(%error, "Tasks cannot be looked after now.");
                    AGAIN
                }
            };
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                    // Somebody may have taken a task, and named a process.
                    held_due = held_due.min(Instant::now() + PID_EVERY);
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    });
}

/// One look; for how long nothing is due by itself.
async fn turn(handle: &Handle, held_due: &mut Instant) -> Result<Duration, Error> {
    while due(handle).await? == PAGE {}
    if Instant::now() >= *held_due {
        let every = held(handle).await?;
        *held_due = Instant::now() + every;
    }
    cancel_runs_without_claim(handle).await?;
    let next = handle.store.read(|read| {
        let any = |state: TaskState| -> Result<bool, StoreError> {
            let states = vec![state.word().to_owned()];
            Ok(!read.tasks(&TaskFilter { states, limit: 1, ..TaskFilter::default() })?.is_empty())
        };
        let held = any(TaskState::Claimed)? || any(TaskState::Running)?;
        Ok((read.task_due_next()?, held))
    });
    let (next, held) = next.await.map_err(Error::Store)?;
    let until_due = next.map(|at| at.duration_since(handle.now().at));
    let until_due = until_due.map_or(IDLE, |left| Duration::try_from(left).unwrap_or_default());
    let until_held = if held { held_due.saturating_duration_since(Instant::now()) } else { IDLE };
    // A clock on the wall may be a little behind the one that woke us.
    Ok(until_due.min(until_held).clamp(Duration::from_millis(20), IDLE))
}

/// Tasks that have to be looked at by now; how many there were.
async fn due(handle: &Handle) -> Result<usize, Error> {
    let now = handle.now().at;
    let due = handle.store.read(move |read| read.tasks_due(now, PAGE)).await;
    if due.map_err(Error::Store)?.is_empty() {
        return Ok(0);
    }
    let by = handle.by("daemon");
    let written = handle.store.write(move |tx| {
        let rows = tx.tasks_due(now, PAGE)?;
        for row in &rows {
            let task = parse(row)?;
            match task.state {
                TaskState::Ready => {
                    let _changed_meanwhile = apply(tx, task.id, TaskInput::Due, &by)?;
                }
                TaskState::Claimed | TaskState::Running => {
                    let lost = task.claim.as_ref().and_then(|claim| {
                        claim.lost(Sign::default(), now, &by.rules).map(|loss| (claim.fence, loss))
                    });
                    if let Some((fence, loss)) = lost {
                        let input = TaskInput::Expired { fence, loss };
                        let _changed_meanwhile = apply(tx, task.id, input, &by)?;
                    }
                }
                TaskState::Backlog => recur(tx, &task, &by)?,
                _ => {}
            }
        }
        Ok(rows.len())
    });
    Ok(written.await.map_err(Error::Store)?.value)
}

/// A pattern is due: one task like it is made, unless the one before goes on. What was missed while
/// nobody looked comes once, since the next time is counted from now.
fn recur(
    tx: &mut dyn orkestra_store::Write,
    pattern: &Task,
    by: &super::By,
) -> Result<(), StoreError> {
    let Some(recurs) = &pattern.recurs else { return Ok(()) };
    let before = match recurs.last {
        Some(last) => load(tx, last)?,
        None => None,
    };
    if before.is_some_and(|before| !before.state.is_over()) {
        let _changed_meanwhile = apply(tx, pattern.id, TaskInput::PassedOver, by)?;
        return Ok(());
    }
    let due = recurs.next_at.map_or(0, Timestamp::as_microsecond);
    let new = NewTask {
        title: Some(pattern.title.clone()),
        prompt: pattern.prompt.clone(),
        kind: Some(pattern.kind.clone()),
        priority: pattern.priority,
        session: pattern.session,
        parent: pattern.parent,
        pattern: Some(pattern.id),
        phase: pattern.phase.clone(),
        role: pattern.role.clone(),
        depends: pattern
            .depends
            .iter()
            .map(|on| NewDepend { on: On::Task(on.task), kind: on.kind })
            .collect(),
        needs: pattern.needs.clone(),
        tags: pattern.tags.clone(),
        evidence: pattern.evidence.clone(),
        target: pattern.target.clone(),
        base: pattern.base.clone(),
        assigned: pattern.assigned.clone(),
        autonomy: Some(pattern.autonomy),
        review: pattern.review,
        tries_max: Some(pattern.tries_max),
        milestone: pattern.milestone.clone(),
        estimate: pattern.estimate.clone(),
        request_key: Some(format!("recurs:{}:{due}", pattern.id)),
        budget_usd: pattern.budget_usd,
        ..NewTask::default()
    };
    let by = by.clone();
    let by = pattern.latest.map_or(by.clone(), |latest| by.because(latest));
    match create(tx, vec![new], &by)? {
        Ok(made) => {
            if let Some(task) = made.first() {
                let input = TaskInput::Recurred { task: task.id };
                let _changed_meanwhile = apply(tx, pattern.id, input, &by)?;
            }
        }
        Err(refusal) => {
            tracing::warn!(%refusal, task = %pattern.id, "A task that recurs could not be made.");
            let _changed_meanwhile = apply(tx, pattern.id, TaskInput::PassedOver, &by)?;
        }
    }
    Ok(())
}

/// Claims whose holder is gone or silent are taken back. For how long none can be.
async fn held(handle: &Handle) -> Result<Duration, Error> {
    let rules = handle.upkeep().tasks;
    let silence = Duration::from_millis(rules.stuck_after.ms() / 4);
    let mut every = SILENCE_EVERY.min(silence.max(Duration::from_millis(200)));
    let mut after = None;
    loop {
        let page = handle.store.read(move |read| look(read, after)).await.map_err(Error::Store)?;
        after = page.last().map(|(task, _, _)| *task);
        let more = page.len() == PAGE;
        let now = handle.now().at;
        let began = began(handle);
        let mut lost = Vec::new();
        for (task, claim, sign) in page {
            let alive = claim.pid.zip(claim.pid_start).map(|(pid, started)| {
                every = every.min(PID_EVERY);
                orkestra_host::boot::is_alive(pid, started)
            });
            // Before that nobody listened.
            let sign = Sign { alive, heard_at: sign.heard_at.max(began), ..sign };
            if let Some(loss) = claim.lost(sign, now, &rules) {
                lost.push((task, claim.fence, loss));
            }
        }
        for (task, fence, loss) in lost {
            expire(handle, task, fence, loss).await?;
        }
        if !more {
            return Ok(every);
        }
    }
}

/// When this daemon began.
fn began(handle: &Handle) -> Option<Timestamp> {
    let now = handle.now();
    let lived = now.boot_ms.saturating_sub(handle.view.started_boot_ms);
    now.at.checked_sub(SignedDuration::from_millis(i64::try_from(lived).ok()?)).ok()
}

async fn expire(handle: &Handle, task: TaskId, fence: u64, loss: Loss) -> Result<(), Error> {
    match handle.task_input(task, TaskInput::Expired { fence, loss }, "daemon").await {
        // It reported or was given back at the same moment.
        Ok(_) | Err(Error::RefusedTask(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

type Held = (TaskId, Claim, Sign);

/// A page of tasks that are held, with what was heard of their runs.
fn look(read: &dyn Read, after: Option<TaskId>) -> Result<Vec<Held>, StoreError> {
    let states = [TaskState::Claimed, TaskState::Running].map(|state| state.word().to_owned());
    let filter =
        TaskFilter { states: states.to_vec(), after, limit: PAGE, ..TaskFilter::default() };
    let mut held = Vec::new();
    for row in read.tasks(&filter)? {
        let task = parse(&row)?;
        let Some(claim) = task.claim else { continue };
        let run = match claim.run {
            Some(run) => load_run(read, run)?,
            None => None,
        };
        let sign = run.map_or(Sign::default(), |run| sign_of(&run));
        held.push((task.id, claim, sign));
    }
    Ok(held)
}

fn load_run(read: &dyn Read, id: RunId) -> Result<Option<Run>, StoreError> {
    let Some(row) = read.run(id)? else { return Ok(None) };
    let run = serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("run {id} cannot be read: {error}"),
    })?;
    Ok(Some(run))
}

/// A run that waits for somebody or for a time is not silent; nor is one that is over, whose end is
/// dealt with by who reads the journal.
fn sign_of(run: &Run) -> Sign {
    let waits = run.is_over()
        || !run.waiting_for.is_empty()
        || match &run.state {
            RunState::Paused { .. } | RunState::Suspended { .. } => true,
            _ => run.evidence.checking,
        };
    let heard_at = run.last_event_at.max(run.started_at).max(Some(run.created_at));
    Sign { alive: None, heard_at, waits }
}

/// The fencing number under which a run works, by the key with which it was asked for.
fn fence_of(run: &Run) -> Option<(TaskId, u64)> {
    if run.belongs.purpose != Purpose::Work {
        return None;
    }
    let task = run.belongs.task?;
    let fence = run.request_key.as_deref()?.strip_prefix(&format!("task:{task}:"))?;
    Some((task, fence.parse().ok()?))
}

/// Whatever is still done for a claim that is lost is ended: it does not count, and it would go on
/// beside who has the task now.
async fn cancel_runs_without_claim(handle: &Handle) -> Result<(), Error> {
    let stray = handle.store.read(|read| {
        let mut stray = Vec::new();
        for row in read.runs_in(&RunState::ACTIVE)? {
            if row.task.is_none() {
                continue;
            }
            let Some(run) = load_run(read, row.id)? else { continue };
            let Some((task, fence)) = fence_of(&run) else { continue };
            let claim = load(read, task)?.and_then(|task| task.claim);
            if claim.is_none_or(|claim| claim.fence != fence) {
                stray.push(run.id);
            }
        }
        Ok(stray)
    });
    for run in stray.await.map_err(Error::Store)? {
        match handle.cancel_run(run, "daemon").await {
            Ok(_) | Err(Error::UnknownRun(_) | Error::RunRefused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
