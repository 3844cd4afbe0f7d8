//! From a ready task to a run (ADR 0030): a reconciler that looks at the rows and makes them true.
//!
//! In one command of the writer the tasks that may begin are counted, chosen for and claimed, so that
//! the limits hold whatever happens meanwhile. A claim becomes a run under the key `task:ID:FENCE`:
//! who dies between the two goes on with the same key, and gets the same run. (Runs
//! whose claim is not held any more are ended by `task::watch`.)

mod begin;
mod claim;
mod work;

pub use claim::Why;
use work::consumer;
pub(crate) use work::needs_review;

use crate::error::Error;
use crate::handle::Handle;
use crate::routing;
use crate::spawn::{FutureKind, Futures};
use orkestra_core::breaker;
use orkestra_core::id::TaskId;
use orkestra_core::run::{Belongs, Purpose, Run, RunState};
use orkestra_core::session::Session;
use orkestra_core::task::{Rules, Task};
use orkestra_store::{Error as StoreError, Read};
use std::time::Duration;

/// Looked at this often, whatever happens.
const PERIOD: Duration = Duration::from_secs(30);

/// Changes of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(30);

/// When the store cannot take it, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// Gives ready tasks to agents until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    crate::consumer::follow(handle, futures, consumer(handle));
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut head = handle.store.head_watch();
        loop {
            let wait = match turn(&handle).await {
                Ok(wait) => wait,
                Err(Error::Closing) => return,
                Err(error) => {
                    tracing::warn!(%error, "Tasks cannot be given to agents now.");
                    AGAIN
                }
            };
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    });
}

/// One look; how long there is nothing to do by itself.
async fn turn(handle: &Handle) -> Result<Duration, Error> {
    let wait = tick(handle).await?;
    begin::go_on(handle).await?;
    for task in claim::claim_ready(handle).await? {
        begin::begin(handle, task).await?;
    }
    Ok(wait)
}

/// Breakers whose time is over are half opened; until the next one.
async fn tick(handle: &Handle) -> Result<Duration, Error> {
    let known = handle.store.read(|read| routing::breakers(read)).await.map_err(Error::Store)?;
    let (now, limits) = (handle.now().at, rules(handle).breaker);
    let due: Vec<String> = known
        .values()
        .filter(|breaker| breaker.open_until().is_some_and(|until| until <= now))
        .map(|breaker| breaker.agent.clone())
        .collect();
    if !due.is_empty() {
        let written = handle.store.write(move |tx| {
            for agent in &due {
                routing::tell_breaker(tx, agent, breaker::Input::Tick, limits, now)?;
            }
            Ok(())
        });
        written.await.map_err(Error::Store)?;
    }
    let next = known.values().filter_map(breaker::Breaker::open_until).filter(|at| *at > now).min();
    let wait = next.and_then(|next| u64::try_from(next.duration_since(now).as_millis()).ok());
    Ok(wait.map_or(PERIOD, |ms| PERIOD.min(Duration::from_millis(ms + 1))))
}

pub(crate) fn rules(handle: &Handle) -> Rules {
    handle.upkeep().tasks
}

/// Under which key a claim's run is asked for.
pub(crate) fn key_of(task: TaskId, fence: u64) -> String {
    format!("task:{task}:{fence}")
}

/// The claim for which a run was made: task and number.
pub(crate) fn claim_of(run: &Run) -> Option<(TaskId, u64)> {
    let task = run.belongs.task.filter(|_| run.belongs.purpose == Purpose::Work)?;
    let fence = run.request_key.as_deref()?.strip_prefix(&format!("task:{task}:"))?;
    Some((task, fence.parse().ok()?))
}

/// What is read of a run's row to count it.
#[derive(serde::Deserialize)]
struct Counted {
    agent: String,
    #[serde(default)]
    belongs: Belongs,
}

/// Runs under way that plan, judge or vote, by agent: they take a place of their agent, too.
fn others_at_work(read: &(impl Read + ?Sized)) -> Result<Vec<String>, StoreError> {
    let mut agents = Vec::new();
    for row in read.runs_in(&RunState::ACTIVE)? {
        if row.task.is_none() && row.session.is_none() {
            continue;
        }
        let run: Counted = parse(&row.body, "a run")?;
        if run.belongs.purpose != Purpose::Work {
            agents.push(run.agent);
        }
    }
    Ok(agents)
}

fn parse<T: serde::de::DeserializeOwned>(body: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(body)
        .map_err(|error| StoreError::Damaged { what: format!("{what} cannot be read: {error}") })
}

/// What a session says about its tasks.
struct Frame {
    /// Whether they may begin.
    lets_work: bool,
    /// Who takes part.
    agents: Vec<String>,
    /// Where work is brought together, and where it begins.
    branch: Option<String>,
    /// The repository.
    target: Option<String>,
}

/// The session of a task, if it is part of one.
fn frame_of(read: &(impl Read + ?Sized), task: &Task) -> Result<Option<Frame>, StoreError> {
    let Some(id) = task.session else { return Ok(None) };
    let Some(row) = read.session(id)? else { return Ok(None) };
    let session: Session = parse(&row.body, "a session")?;
    Ok(Some(Frame {
        // What it depends on must be where it begins.
        lets_work: session.lets_work() && !crate::session::waits_for_merge(read, task)?,
        agents: session.roles.there.clone(),
        branch: Some(session.branch.clone()).filter(|branch| !branch.is_empty()),
        target: Some(session.target),
    }))
}
