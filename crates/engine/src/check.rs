//! Checks before and after a task: facts are gathered here, core judges them (MISSION 2.2, 2.3; ADR
//! 0034).
//!
//! Before: between the claim of a task and the begin of its run. After: this is the only way from
//! `reported` on. A reconciler looks at tasks that are reported, makes the checks, and writes their
//! results and what follows from them in one commit: `verified`, `in_review`, or `refuted`. One that a
//! dead daemon began is begun anew, since the task is still reported.

mod doctor;
mod facts;
mod own;

pub use doctor::{Diagnosis, Fault, FaultKind};
pub(crate) use own::OwnChecks;

use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use crate::task;
use jiff::Timestamp;
use orkestra_core::check::{Level, Made, Outcome, Phase, worst};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::{RunId, TaskId};
use orkestra_core::run::Run;
use orkestra_core::span::Span;
use orkestra_core::task::{Task, TaskInput, TaskState};
use orkestra_store::{Error as StoreError, Filter, Read, TaskFilter, Write};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Reported tasks that are looked at in one go.
const PAGE: usize = 100;

/// Looked at this often, whatever happens.
const PERIOD: Duration = Duration::from_secs(30);

/// Changes of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(30);

/// When the house is at fault (a full disk, a store that does not open), the task waits so long.
const WAIT: Span = Span::from_secs(60);

/// Who makes checks.
const ACTOR: &str = "daemon";

/// The checks of a task, as they were made last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskChecks {
    /// Before, and when.
    pub pre: Option<(Made, Timestamp)>,
    /// After, and when.
    pub post: Option<(Made, Timestamp)>,
}

/// Takes reported tasks on until the daemon goes, and looks whether the work fits together.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    doctor::watch(handle, futures);
    let (handle, own) = (handle.clone(), futures.clone());
    futures.spawn(FutureKind::Service, async move {
        let busy: Busy = Arc::default();
        let mut head = handle.store.head_watch();
        loop {
            if let Err(error) = turn(&handle, &own, &busy).await {
                tracing::warn!(%error, "Reported tasks cannot be checked now.");
            }
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    });
}

/// Attempts whose checks are under way.
type Busy = Arc<Mutex<BTreeSet<(TaskId, u64)>>>;

fn lock(busy: &Busy) -> std::sync::MutexGuard<'_, BTreeSet<(TaskId, u64)>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn turn(handle: &Handle, futures: &Futures, busy: &Busy) -> Result<(), Error> {
    let states = vec![TaskState::Reported.word().to_owned()];
    let filter = TaskFilter { states, limit: PAGE, ..TaskFilter::default() };
    let rows = handle.store.read(move |read| read.tasks(&filter)).await.map_err(Error::Store)?;
    for row in rows {
        // One that does not read is the doctor's.
        let Ok(task) = task::parse(&row) else { continue };
        let Some(fence) = task.claim.as_ref().map(|claim| claim.fence) else { continue };
        let key = (task.id, fence);
        if !lock(busy).insert(key) {
            continue;
        }
        let (handle, busy) = (handle.clone(), Arc::clone(busy));
        futures.spawn(FutureKind::Service, async move {
            if let Err(error) = take_on(&handle, &task, fence).await {
                tracing::warn!(%error, task = %key.0, "A reported task cannot be checked now.");
            }
            lock(&busy).remove(&key);
        });
    }
    Ok(())
}

/// Makes the checks of a reported task, and writes down what follows.
async fn take_on(handle: &Handle, task: &Task, fence: u64) -> Result<(), Error> {
    let made = make_after(handle, task, Some(fence)).await?;
    let (id, by) = (task.id, handle.by(ACTOR));
    let written = handle.store.write(move |tx| {
        let Some(task) = task::load(tx, id)? else { return Ok(()) };
        let held = task.claim.as_ref().is_some_and(|claim| claim.fence == fence);
        if task.state != TaskState::Reported || !held {
            return Ok(());
        }
        record(tx, &task, &made, fence, ACTOR)?;
        let next = match made.why() {
            Some(why) => TaskInput::Refuted { fence, why },
            None if crate::assign::needs_review(tx, &task)? => TaskInput::Review { fence },
            None => TaskInput::Verified { fence },
        };
        if let Err(refusal) = task::apply(tx, id, next, &by)? {
            tracing::debug!(task = %id, %refusal, "Checks change nothing.");
        }
        Ok(())
    });
    written.await.map(|_| ()).map_err(Error::Store)
}

/// What the checks before a run say to a claim.
pub(crate) enum Before {
    /// It may begin.
    Go,
    /// It may not; what becomes of the task.
    Stop(TaskInput),
}

/// Makes the checks between a claim and its run, and writes them down.
///
/// # Errors
/// The store cannot be read or written.
pub(crate) async fn before_run(handle: &Handle, task: &Task) -> Result<Before, Error> {
    let Some(claim) = task.claim.as_ref() else { return Ok(Before::Go) };
    let (id, fence) = (task.id, claim.fence);
    if known_before(handle, id, fence).await? {
        // It was made, and then the daemon died: a claim that may not begin was given back.
        return Ok(Before::Go);
    }
    let made = make_before(handle, id, Some(fence), Some(claim.agent.clone())).await?;
    let (level, why) = (made.worst(), made.why());
    let of = task.clone();
    let written = handle.store.write(move |tx| record(tx, &of, &made, fence, ACTOR)).await;
    written.map_err(Error::Store)?;
    Ok(match (level, why) {
        (Level::Critical, Some(why)) => {
            Before::Stop(TaskInput::Unclaim { fence, why, wait: Some(WAIT) })
        }
        (_, Some(why)) => Before::Stop(TaskInput::Failed { fence, why, retry: true }),
        (_, None) => Before::Go,
    })
}

async fn known_before(handle: &Handle, id: TaskId, fence: u64) -> Result<bool, Error> {
    let read = handle.store.read(move |read| {
        let newest = newest(read, id, 1)?.into_iter().next();
        Ok(newest.is_some_and(|(body, _)| {
            body.get("phase").and_then(Value::as_str) == Some(Phase::Pre.word())
                && body.get("fence").and_then(Value::as_u64) == Some(fence)
        }))
    });
    read.await.map_err(Error::Store)
}

/// All checks before, also the person's own.
async fn make_before(
    handle: &Handle,
    id: TaskId,
    fence: Option<u64>,
    agent: Option<String>,
) -> Result<Made, Error> {
    let gathered = facts::before(handle, id, fence, agent.clone()).await;
    let mut results = orkestra_core::check::before(&gathered.facts);
    if let Some(task) = gathered.task.filter(|_| !worst(&results).blocks()) {
        results.extend(own::make(handle, Phase::Pre, &task, None).await);
    }
    Ok(Made { phase: Phase::Pre, agent, results: redacted(handle, results) })
}

/// All checks after, also the person's own.
async fn make_after(handle: &Handle, task: &Task, fence: Option<u64>) -> Result<Made, Error> {
    let run = run_of(handle, task).await?;
    let facts = facts::after(handle, task, run.as_ref(), fence).await?;
    let mut results = orkestra_core::check::after(&facts);
    if !worst(&results).blocks() {
        results.extend(own::make(handle, Phase::Post, task, run.as_ref()).await);
    }
    let agent = task.claim.as_ref().map(|claim| claim.agent.clone());
    let agent = agent.or_else(|| run.map(|run| run.agent));
    Ok(Made { phase: Phase::Post, agent, results: redacted(handle, results) })
}

fn redacted(handle: &Handle, mut results: Vec<Outcome>) -> Vec<Outcome> {
    for outcome in &mut results {
        outcome.message = handle.secrets().redact(&outcome.message).into_owned();
    }
    results
}

/// The run that did it: of the claim, else the newest.
async fn run_of(handle: &Handle, task: &Task) -> Result<Option<Run>, Error> {
    let claimed = task.claim.as_ref().and_then(|claim| claim.run);
    let Some(id) = claimed.or_else(|| task.runs.last().copied()) else { return Ok(None) };
    let row = handle.store.read(move |read| read.run(id)).await.map_err(Error::Store)?;
    row.as_ref().map(crate::run::from_row).transpose()
}

fn record(
    tx: &mut dyn Write,
    task: &Task,
    made: &Made,
    fence: u64,
    actor: &str,
) -> Result<(), StoreError> {
    let run: Option<RunId> = task.claim.as_ref().and_then(|claim| claim.run);
    let body = json!({"title": task.title, "phase": made.phase, "agent": made.agent,
        "fence": fence, "run": run, "worst": made.worst(), "stops": made.blocks(),
        "why": made.why(), "results": made.results});
    let cause = task.latest.map_or(Cause::Root, Cause::Event);
    let draft = Draft::new("task.checked", Topic::Task, &task.id.to_string(), actor, body);
    tx.append(&[draft.because(cause)]).map(|_| ())
}

/// The newest checks of a task, the newest first.
fn newest(
    read: &dyn Read,
    id: TaskId,
    limit: usize,
) -> Result<Vec<(Value, Timestamp)>, StoreError> {
    let filter = Filter {
        kinds: vec!["task.checked".to_owned()],
        topic: Some("task".to_owned()),
        subject: Some(id.to_string()),
        newest_first: true,
        limit,
        ..Filter::default()
    };
    let events = read.events(&filter)?.into_iter();
    Ok(events.filter_map(|event| Some((event.body?, event.at))).collect())
}

/// Checks of one task that are looked through for the newest of each phase.
const LOOKED: usize = 50;

impl Handle {
    /// The checks of a task as they were made last.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn task_checks(&self, id: TaskId) -> Result<TaskChecks, Error> {
        let read = self.store.read(move |read| {
            let mut found = TaskChecks::default();
            for (body, at) in newest(read, id, LOOKED)? {
                let Ok(made) = serde_json::from_value::<Made>(body) else { continue };
                let place = match made.phase {
                    Phase::Pre => &mut found.pre,
                    Phase::Post => &mut found.post,
                };
                place.get_or_insert((made, at));
            }
            Ok(found)
        });
        read.await.map_err(Error::Store)
    }

    /// Makes the checks of a task now, and writes them down; nothing else follows. Those before are
    /// made for this agent, or without one.
    ///
    /// # Errors
    /// No such task, or the store cannot be read or written.
    pub async fn check_task(
        &self,
        id: TaskId,
        phase: Phase,
        agent: Option<String>,
        actor: &str,
    ) -> Result<Made, Error> {
        let task = self.task(id).await;
        let made = match (phase, &task) {
            (Phase::Pre, _) => make_before(self, id, None, agent).await?,
            (Phase::Post, Ok(Some(task))) => make_after(self, task, None).await?,
            (Phase::Post, Ok(None)) => {
                let refusal = orkestra_core::task::Refusal::Unknown(id.to_string());
                return Err(Error::RefusedTask(refusal));
            }
            (Phase::Post, Err(_)) => {
                task?;
                return Err(Error::Closing);
            }
        };
        if let Ok(Some(task)) = task {
            let (told, actor) = (made.clone(), actor.to_owned());
            let fence = task.fence;
            let written = self.store.write(move |tx| record(tx, &task, &told, fence, &actor)).await;
            written.map_err(Error::Store)?;
        }
        Ok(made)
    }
}
