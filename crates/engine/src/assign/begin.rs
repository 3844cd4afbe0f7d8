//! Claims become runs.

use super::{frame_of, key_of};
use crate::check::{self, Before};
use crate::error::Error;
use crate::handle::{Handle, NewRun};
use crate::task;
use orkestra_core::id::TaskId;
use orkestra_core::run::{Belongs, LimitsSpec, Purpose};
use orkestra_core::span::Span;
use orkestra_core::task::{Task, TaskInput, TaskState};
use orkestra_store::TaskFilter;
use std::path::PathBuf;

/// The daemon's name as holder of claims.
const OWNER: &str = "daemon";

/// When a run cannot be begun with the agent that was chosen, the task waits so long.
const AGAIN_MS: u64 = 5_000;

/// Claims that are looked at.
const CLAIMS_MAX: usize = 1_000;

/// Claims of the daemon without a run: one that died between the two left them.
pub(super) async fn go_on(handle: &Handle) -> Result<(), Error> {
    let states = vec![TaskState::Claimed.word().to_owned()];
    let filter = TaskFilter { states, limit: CLAIMS_MAX, ..TaskFilter::default() };
    for task in handle.tasks(filter).await? {
        begin(handle, task).await?;
    }
    Ok(())
}

/// Begins the run of a claim, or gives the claim back.
pub(super) async fn begin(handle: &Handle, task: Task) -> Result<(), Error> {
    let Some(claim) = task.claim.clone().filter(|claim| claim.owner == OWNER) else {
        return Ok(());
    };
    let fence = claim.fence;
    if let Before::Stop(input) = check::before_run(handle, &task).await? {
        return tell(handle, task.id, input).await;
    }
    let new = match new_run(handle, &task, &claim.agent).await? {
        Ok(new) => new,
        Err(why) => {
            let input = TaskInput::Failed { fence, why, retry: false };
            return tell(handle, task.id, input).await;
        }
    };
    let input = match handle.create_run(new, OWNER).await {
        Ok(run) => TaskInput::Began { fence, run: Some(run.id) },
        Err(Error::Target(why)) => TaskInput::Failed { fence, why, retry: false },
        Err(error @ (Error::Closing | Error::Store(_))) => return Err(error),
        // It was free a moment ago: it is chosen for anew.
        Err(error) => {
            let wait = Some(Span::from_ms(AGAIN_MS));
            TaskInput::Unclaim { fence, why: error.to_string(), wait }
        }
    };
    tell(handle, task.id, input).await
}

/// What was refused is late: somebody was faster, and what holds then is looked at again.
async fn tell(handle: &Handle, task: TaskId, input: TaskInput) -> Result<(), Error> {
    match handle.task_input(task, input, OWNER).await {
        Ok(_) | Err(Error::RefusedTask(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The run of a task; why there cannot be one.
async fn new_run(
    handle: &Handle,
    task: &Task,
    agent: &str,
) -> Result<Result<NewRun, String>, Error> {
    let of = task.clone();
    let read = handle.store.read(move |read| {
        let frame = frame_of(read, &of)?;
        let before = task::context_of(read, &of)?;
        Ok((frame, before))
    });
    let (frame, before) = read.await.map_err(Error::Store)?;
    let target = task.target.clone().or(frame.as_ref().and_then(|frame| frame.target.clone()));
    let Some(target) = target else {
        return Ok(
            Err("it names no folder to work in; cancel it and make it with --target".into()),
        );
    };
    let prompt = match before {
        Some(before) => format!("{}\n\n{before}", task.prompt.trim_end()),
        None => task.prompt.clone(),
    };
    Ok(Ok(NewRun {
        prompt,
        agent: Some(agent.to_owned()),
        target: PathBuf::from(target),
        request_key: Some(key_of(task.id, task.fence)),
        evidence: task.evidence.clone(),
        raw: false,
        budget_usd: task.budget_usd,
        limits: LimitsSpec::default(),
        belongs: Belongs {
            purpose: Purpose::Work,
            task: Some(task.id),
            session: task.session,
            ..Belongs::default()
        },
        base: frame.and_then(|frame| frame.branch).or_else(|| task.base.clone()),
        role: task.role.clone(),
    }))
}
