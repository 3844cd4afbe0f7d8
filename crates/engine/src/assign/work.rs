//! What the end of a run means for its task: a reader of the journal (ADR 0029, 0030).

use super::{claim_of, frame_of, parse, rules};
use crate::consumer::Consumer;
use crate::handle::Handle;
use crate::routing;
use crate::task;
use orkestra_core::breaker::{self, State};
use orkestra_core::event::{Cause, Draft, Event, Topic};
use orkestra_core::healing::Step;
use orkestra_core::id::{RunId, TaskId};
use orkestra_core::run::{Belongs, Fault, Run, RunState, Wait};
use orkestra_core::task::{Avoid, ReviewWish, Task, TaskInput};
use orkestra_store::{Error as StoreError, Write};
use serde_json::{Value, json};
use std::sync::Arc;

/// Runs to tasks; what became of tasks to records.
pub(crate) fn consumer(handle: &Handle) -> Consumer {
    let handle = handle.clone();
    Consumer {
        name: "work",
        kinds: &["run.ended", "run.suspended", "task.verified", "task.refuted"],
        deal: Arc::new(move |tx, event| deal(tx, event, &handle)),
    }
}

fn deal(tx: &mut dyn Write, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    match event.kind.as_str() {
        "run.ended" => ended(tx, event, handle),
        "run.suspended" => suspended(tx, event, handle),
        "task.verified" => {
            judged(tx, event, "verified")?;
            announce(tx, event)
        }
        "task.refuted" => judged(tx, event, "refuted"),
        _ => Ok(()),
    }
}

fn run_of(tx: &mut dyn Write, event: &Event) -> Result<Option<Run>, StoreError> {
    let Ok(id) = event.subject.parse::<RunId>() else { return Ok(None) };
    let row = tx.run(id)?;
    row.map(|row| parse(&row.body, "a run")).transpose()
}

/// A review may see it otherwise than the checks: what became of the task counts.
fn judged(tx: &mut dyn Write, event: &Event, outcome: &str) -> Result<(), StoreError> {
    let Ok(id) = event.subject.parse::<TaskId>() else { return Ok(()) };
    let told = event.body.as_ref().and_then(|body| body.get("run")).and_then(Value::as_str);
    let Some(run) = told.and_then(|run| run.parse::<RunId>().ok()) else { return Ok(()) };
    let Some(task) = task::load(tx, id)? else { return Ok(()) };
    let Some(row) = tx.run(run)? else { return Ok(()) };
    routing::record(tx, run, &row.agent, &task.kind, outcome, event.at)?;
    Ok(())
}

/// Shares of a session's tasks that are announced, in percent (MISSION 2.8).
const MILESTONES: [u32; 5] = [25, 50, 75, 90, 100];

/// Announces the milestones that a session reached, once each. Cancelled tasks are not counted.
fn announce(tx: &mut dyn Write, event: &Event) -> Result<(), StoreError> {
    let Ok(id) = event.subject.parse::<TaskId>() else { return Ok(()) };
    let task = task::load(tx, id)?;
    let Some(session) = task.and_then(|task| task.session) else { return Ok(()) };
    let counts = tx.task_counts(Some(session))?;
    let of = |word: &str| counts.iter().find(|(state, _)| state == word).map_or(0, |(_, n)| *n);
    let done = of("verified");
    let all: u64 = counts.iter().map(|(_, n)| *n).sum::<u64>() - of("cancelled");
    for percent in MILESTONES {
        if all == 0 || done * 100 < all * u64::from(percent) {
            break;
        }
        if tx.put_milestone(session, percent)? {
            let body = json!({"session": session, "percent": percent, "done": done, "all": all});
            let kind = "session.milestone";
            let draft = Draft::new(kind, Topic::Session, &session.to_string(), "daemon", body);
            tx.append(&[draft.because(Cause::Event(event.reference()))])?;
        }
    }
    Ok(())
}

/// The task whose claim a run has, if it holds.
fn held(tx: &mut dyn Write, run: &Run) -> Result<Option<(Task, u64)>, StoreError> {
    let Some((id, fence)) = claim_of(run) else { return Ok(None) };
    let task = task::load(tx, id)?;
    Ok(task.filter(|t| t.claim.as_ref().is_some_and(|c| c.fence == fence)).map(|t| (t, fence)))
}

fn ended(tx: &mut dyn Write, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    let Some(run) = run_of(tx, event)? else { return Ok(()) };
    // It may go on meanwhile with a new instruction, and will end again.
    if run.belongs == Belongs::default() || !run.is_over() {
        return Ok(());
    }
    let shut = tell_breaker(tx, &run, event, handle)?;
    let Some((task, fence)) = held(tx, &run)? else { return Ok(()) };
    let by = handle.by("daemon").because(event.reference());
    let result = run.ended.as_ref().map(|ended| ended.summary.clone());
    let inputs = match &run.state {
        RunState::Verified | RunState::Reported => {
            routing::record(tx, run.id, &run.agent, &task.kind, "verified", event.at)?;
            // What follows is said by the checks after it (`check.rs`).
            vec![TaskInput::Reported { fence, result }]
        }
        RunState::Refuted { why } => {
            routing::record(tx, run.id, &run.agent, &task.kind, "refuted", event.at)?;
            let why = why.clone();
            vec![TaskInput::Reported { fence, result }, TaskInput::Refuted { fence, why }]
        }
        RunState::Failed { why } => {
            routing::record(tx, run.id, &run.agent, &task.kind, "failed", event.at)?;
            // The agent is at fault, not the task: another one gets it, and no try is lost.
            if shut && another(tx, &task, &run.agent, handle)? {
                let why = format!("{} failed too often in a row: {why}", run.agent);
                vec![TaskInput::Unclaim { fence, why, wait: None }]
            } else {
                let step = crate::healing::class_of(&run, why).map(|class| (class, class.step()));
                match step {
                    Some((class, Step::AskPerson)) => {
                        let why = format!("{}. {}", why.trim_end_matches('.'), class.advice());
                        vec![TaskInput::Failed { fence, why, retry: false }]
                    }
                    Some((class, Step::OtherAgent)) if another(tx, &task, &run.agent, handle)? => {
                        let why_not = class.advice().to_owned();
                        let avoid = Avoid { agent: run.agent.clone(), why: why_not };
                        let failed = TaskInput::Failed { fence, why: why.clone(), retry: true };
                        vec![TaskInput::Avoid(avoid), failed]
                    }
                    Some(_) | None => {
                        vec![TaskInput::Failed { fence, why: why.clone(), retry: true }]
                    }
                }
            }
        }
        RunState::Cancelled => {
            let why = "its run was cancelled by hand".to_owned();
            vec![TaskInput::Failed { fence, why, retry: false }]
        }
        _ => Vec::new(),
    };
    for input in inputs {
        if let Err(refusal) = task::apply(tx, task.id, input, &by)? {
            tracing::debug!(task = %task.id, %refusal, "A run's end changes nothing.");
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the agent's breaker is open after this end.
fn tell_breaker(
    tx: &mut dyn Write,
    run: &Run,
    event: &Event,
    handle: &Handle,
) -> Result<bool, StoreError> {
    let input = match &run.state {
        RunState::Verified | RunState::Reported | RunState::Refuted { .. } => {
            breaker::Input::Succeeded
        }
        RunState::Failed { why } => breaker::Input::Failed { why: why.clone() },
        _ => return Ok(false),
    };
    let limits = rules(handle).breaker;
    let breaker = routing::tell_breaker(tx, &run.agent, input, limits, event.at)?;
    Ok(matches!(breaker.state, State::Open { .. }))
}

/// Whether there is another agent for a task than this one: one that could take it now or when it
/// has time.
fn another(
    tx: &mut dyn Write,
    task: &Task,
    agent: &str,
    handle: &Handle,
) -> Result<bool, StoreError> {
    let frame = frame_of(&*tx, task)?;
    let mut task = task.clone();
    (task.assigned, task.claim) = (None, None);
    let others = handle.workers().into_iter().filter(|other| other.name != agent).collect();
    let mut floor = super::claim::Floor::of(&*tx, others)?;
    let choice = floor.choose(&task, frame.as_ref(), orkestra_core::routing::Policy::default());
    Ok(choice.agent.is_some() || !choice.is_stuck())
}

/// An agent that is not logged in or has no credit would wait for a person: the task goes to another
/// agent, if there is one.
fn suspended(tx: &mut dyn Write, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    let Some(run) = run_of(tx, event)? else { return Ok(()) };
    if !matches!(&run.state, RunState::Suspended { wait: Wait::Person { .. } }) {
        return Ok(());
    }
    let trouble = run.attempt().and_then(|attempt| attempt.trouble.as_ref());
    let Some(trouble) = trouble.filter(|t| matches!(t.fault, Fault::Login | Fault::Quota)) else {
        return Ok(());
    };
    let Some((task, fence)) = held(tx, &run)? else { return Ok(()) };
    if !another(tx, &task, &run.agent, handle)? {
        return Ok(());
    }
    let why = match trouble.fault {
        Fault::Login => format!("{} is not logged in", run.agent),
        _ => format!("{} has no credit left", run.agent),
    };
    let limits = rules(handle).breaker;
    let input = breaker::Input::Failed { why: why.clone() };
    routing::tell_breaker(tx, &run.agent, input, limits, event.at)?;
    routing::record(tx, run.id, &run.agent, &task.kind, "failed", event.at)?;
    let by = handle.by("daemon").because(event.reference());
    let avoid = Avoid { agent: run.agent.clone(), why: why.clone() };
    for input in [TaskInput::Avoid(avoid), TaskInput::Unclaim { fence, why, wait: None }] {
        if task::apply(tx, task.id, input, &by)?.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether somebody else has to judge the work: what the task says, else it is judged in a session
/// with more than one agent.
pub(crate) fn needs_review(read: &mut dyn Write, task: &Task) -> Result<bool, StoreError> {
    match task.review {
        Some(ReviewWish::Required) => return Ok(true),
        Some(ReviewWish::None) => return Ok(false),
        None => {}
    }
    let frame = frame_of(&*read, task)?;
    Ok(frame.is_some_and(|frame| frame.agents.len() > 1))
}
