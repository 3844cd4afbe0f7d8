//! Claims become runs, and runs whose claim is gone are ended.

use super::{claim_of, frame_of, key_of};
use crate::error::Error;
use crate::handle::{Handle, NewRun};
use crate::task;
use orkestra_core::id::TaskId;
use orkestra_core::run::{Belongs, LimitsSpec, Purpose, Run, RunState};
use orkestra_core::span::Span;
use orkestra_core::task::{Earlier, Task, TaskInput, TaskState, context};
use orkestra_store::{Error as StoreError, TaskFilter};
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
        let mut earlier = Vec::new();
        for id in &of.runs {
            let Some(row) = read.run(*id)? else { continue };
            let run: Run = super::parse(&row.body, "a run")?;
            earlier.push(told_of(&run));
        }
        Ok((frame, earlier))
    });
    let (frame, earlier) = read.await.map_err(Error::Store)?;
    let target = task.target.clone().or(frame.as_ref().and_then(|frame| frame.target.clone()));
    let Some(target) = target else {
        return Ok(
            Err("it names no folder to work in; cancel it and make it with --target".into()),
        );
    };
    let prompt = match context(task, &earlier) {
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

fn told_of(run: &Run) -> Earlier {
    let files = run.files.iter().flatten();
    Earlier {
        run: run.id.short(),
        agent: run.agent.clone(),
        state: format!("{}: {}", run.state_word(), run.why()),
        summary: run.ended.as_ref().map(|ended| ended.summary.clone()).filter(|s| !s.is_empty()),
        branch: run.worktree.as_ref().map(|at| at.branch.clone()).filter(|b| !b.is_empty()),
        files: files.map(|file| format!("{} {}", file.status, file.path)).collect(),
        events: Vec::new(),
    }
}

/// Ends runs of tasks that do not hold them any more: the task was cancelled, or given to another.
pub(super) async fn end_stale(handle: &Handle) -> Result<(), Error> {
    let read = handle.store.read(|read| {
        let mut stale = Vec::new();
        for row in read.runs_in(&RunState::ACTIVE)? {
            if row.task.is_none() || row.state == "stopping" {
                continue;
            }
            let run: Run = super::parse(&row.body, "a run")?;
            let Some((task, fence)) = claim_of(&run) else { continue };
            let held = task::load(read, task)?.and_then(|task| task.claim);
            if held.is_none_or(|claim| claim.fence != fence) {
                stale.push(run.id);
            }
        }
        Ok::<_, StoreError>(stale)
    });
    for run in read.await.map_err(Error::Store)? {
        match handle.cancel_run(run, OWNER).await {
            Err(error @ (Error::Closing | Error::Store(_))) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}
