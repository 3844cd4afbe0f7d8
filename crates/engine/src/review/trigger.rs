//! What opens a review, and what a reviewer answered: a reader of the journal.

use super::{Opening, Who, apply, load, of_run, open, run_of};
use crate::consumer::Consumer;
use crate::handle::Handle;
use crate::task;
use orkestra_core::event::Event;
use orkestra_core::id::{ReviewId, RunId, TaskId};
use orkestra_core::review::{self, Kind, Review, ReviewInput, ReviewState, Trigger};
use orkestra_core::run::{Purpose, Run, RunState};
use orkestra_core::task::{ReviewWish, Task, TaskInput, TaskState};
use orkestra_store::{Error as StoreError, Filter, Read, ReviewFilter, Write};
use serde_json::Value;
use std::sync::Arc;

/// Texts of an answer that are read, the newest.
const TEXTS_MAX: usize = 300;

/// Reviews of a task that are closed with it.
const OF_TASK_MAX: usize = 500;

pub(super) fn consumer(handle: &Handle) -> Consumer {
    let handle = handle.clone();
    Consumer {
        name: "review",
        kinds: &[
            "run.milestone",
            "run.blocker",
            "run.review_request",
            "run.attempt_begun",
            "run.ended",
            "task.in_review",
            "task.verified",
            "task.refuted",
            "task.failed",
            "task.cancelled",
        ],
        deal: Arc::new(move |tx, event| deal(tx, event, &handle)),
    }
}

fn deal(tx: &mut dyn Write, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    match event.kind.as_str() {
        "run.attempt_begun" => goes_on(tx, event, handle),
        "run.ended" => ended(tx, event, handle),
        "task.in_review" => {
            let Some(task) = task_of(tx, event)? else { return Ok(()) };
            reported(tx, &task, event, handle)
        }
        "task.verified" | "task.refuted" | "task.failed" | "task.cancelled" => {
            task_over(tx, event, handle)
        }
        kind => match Kind::of_event(kind) {
            Some(kind) => told(tx, kind, event, handle),
            None => Ok(()),
        },
    }
}

fn run_of_event(tx: &dyn Write, event: &Event) -> Result<Option<Run>, StoreError> {
    let Ok(id) = event.subject.parse::<RunId>() else { return Ok(None) };
    run_of(tx, id)
}

fn task_of(tx: &mut dyn Write, event: &Event) -> Result<Option<Task>, StoreError> {
    let Ok(id) = event.subject.parse::<TaskId>() else { return Ok(None) };
    task::load(&*tx, id)
}

/// An agent told of a milestone or a blocker, or asks for a review. Only the kind of what it said
/// matters: a text "preview ready" is a text.
fn told(tx: &mut dyn Write, kind: Kind, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    let rules = handle.review_rules();
    if !rules.triggers.contains(&kind) {
        return Ok(());
    }
    let Some(run) = run_of_event(tx, event)? else { return Ok(()) };
    let (Purpose::Work, Some(task)) = (run.belongs.purpose, run.belongs.task) else {
        return Ok(());
    };
    if !wants_reviews(tx, task)? {
        return Ok(());
    }
    // One at a time of each kind, and not one after the other: an agent may say much.
    let gap = jiff::SignedDuration::from_millis(i64::try_from(rules.gap.ms()).unwrap_or(i64::MAX));
    let of_kind = of_run(&*tx, run.id, false)?;
    let mut of_kind = of_kind.iter().filter(|review| review.trigger.kind == kind);
    let busy = |review: &Review| {
        review.state != ReviewState::Closed || event.at.duration_since(review.created_at) < gap
    };
    if of_kind.any(busy) {
        return Ok(());
    }
    let body = event.body.as_ref();
    let text = body.and_then(|body| body.get("text")).and_then(Value::as_str);
    let text = text.filter(|_| kind != Kind::Milestone).map(|text| shorten(text, 500));
    let trigger = Trigger { kind, text, by: event.actor.clone() };
    let key = format!("{}:{}:{}", kind.word(), run.id, event.seq);
    let cause = Some(event.reference());
    open(tx, handle, Opening { run: &run, key, trigger, focus: None, cause })?;
    Ok(())
}

/// Whether the work of a task is reviewed by itself at all.
pub(super) fn wants_reviews(read: &(impl Read + ?Sized), task: TaskId) -> Result<bool, StoreError> {
    let row = read.task(task)?;
    let task = row.as_ref().map(task::parse).transpose()?;
    Ok(task.is_some_and(|task| !task.state.is_over() && task.review != Some(ReviewWish::None)))
}

fn shorten(text: &str, max: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max {
        return line;
    }
    line.chars().take(max).chain(['…']).collect()
}

/// The work of a task was reported as done, and somebody else has to judge it.
fn reported(
    tx: &mut dyn Write,
    task: &Task,
    event: &Event,
    handle: &Handle,
) -> Result<(), StoreError> {
    if task.state != TaskState::InReview {
        return Ok(());
    }
    let Some(run) = author_of(&*tx, task)? else {
        // Somebody from outside did it: there is nothing that a reviewer could be shown.
        return Ok(());
    };
    if !matches!(run.state, RunState::Verified | RunState::Reported) || !run.is_over() {
        return Ok(());
    }
    let trigger = Trigger { kind: Kind::Reported, text: None, by: format!("agent:{}", run.agent) };
    let key = format!("reported:{}:{}:{}", task.id, run.id, run.attempt_number());
    let cause = Some(event.reference());
    open(tx, handle, Opening { run: &run, key, trigger, focus: None, cause })?;
    Ok(())
}

/// The run that did a task. It may have ended before it was written down that it had begun: then the
/// key of its claim names it.
fn author_of(read: &dyn Write, task: &Task) -> Result<Option<Run>, StoreError> {
    let Some(claim) = &task.claim else { return Ok(None) };
    if let Some(id) = claim.run {
        return run_of(read, id);
    }
    let row = read.run_by_key(&format!("task:{}:{}", task.id, claim.fence))?;
    let Some(row) = row else { return Ok(None) };
    run_of(read, row.id)
}

/// A run is over: a reviewer's has its answer, an author's may be reported once more.
fn ended(tx: &mut dyn Write, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    let Some(run) = run_of_event(tx, event)? else { return Ok(()) };
    // It goes on meanwhile, and will end again.
    if !run.is_over() {
        return Ok(());
    }
    match (run.belongs.purpose, run.belongs.review, run.belongs.task) {
        (Purpose::Review, Some(review), _) => answered(tx, review, &run, event, handle),
        (Purpose::Work, _, Some(task)) => {
            // One that was told more while its task was judged: the task did not move.
            let Some(task) = task::load(&*tx, task)? else { return Ok(()) };
            if author_of(&*tx, &task)?.is_none_or(|author| author.id != run.id) {
                return Ok(());
            }
            reported(tx, &task, event, handle)
        }
        _ => Ok(()),
    }
}

/// Reads what a reviewer said.
fn answered(
    tx: &mut dyn Write,
    id: ReviewId,
    run: &Run,
    event: &Event,
    handle: &Handle,
) -> Result<(), StoreError> {
    let Some(review) = load(&*tx, id)? else { return Ok(()) };
    let seats = 0..review.seats.len();
    let key = run.request_key.as_deref();
    // It may have ended before it was written down that it had begun.
    let Some(seat) = seats.into_iter().find(|seat| key == Some(review.run_key(*seat).as_str()))
    else {
        return Ok(());
    };
    let who = Who::daemon(Some(event.reference()));
    apply(tx, handle, id, ReviewInput::Began { seat, run: run.id }, &who)?;
    let input = match &run.state {
        RunState::Verified | RunState::Reported => {
            ReviewInput::Answered { seat, answer: read_answer(&*tx, run)? }
        }
        _ => ReviewInput::Missing { seat, why: run.why() },
    };
    apply(tx, handle, id, input, &who)?;
    Ok(())
}

/// The verdict in what an agent said last: in its last words, or in the texts of its last attempt.
fn read_answer(read: &dyn Write, run: &Run) -> Result<Result<review::Opinion, String>, StoreError> {
    let filter = Filter {
        topic: Some("run".to_owned()),
        subject: Some(run.id.to_string()),
        kinds: vec!["run.text".to_owned(), "run.attempt_begun".to_owned()],
        limit: TEXTS_MAX,
        newest_first: true,
        ..Filter::default()
    };
    let events = read.events(&filter)?;
    let texts = events.iter().take_while(|event| event.kind == "run.text");
    let mut texts: Vec<&str> =
        texts.filter_map(|event| event.body.as_ref()?.get("text")?.as_str()).collect();
    texts.reverse();
    let spoken = review::parse(&texts.join("\n"));
    // Its last words repeat its last text, or are all that it said.
    let summary = run.ended.as_ref().map(|ended| ended.summary.as_str()).unwrap_or_default();
    Ok(match (spoken, review::parse(summary)) {
        (Ok(opinion), _) | (Err(_), Ok(opinion)) => Ok(opinion),
        (Err(why), Err(_)) => Err(why),
    })
}

/// An author goes on: what was to be judged is not what will be there.
fn goes_on(tx: &mut dyn Write, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    let Some(run) = run_of_event(tx, event)? else { return Ok(()) };
    let (Purpose::Work, Some(id)) = (run.belongs.purpose, run.belongs.task) else { return Ok(()) };
    let who = Who::daemon(Some(event.reference()));
    for review in of_run(&*tx, run.id, true)? {
        let waits = matches!(review.state, ReviewState::Open | ReviewState::NeedsPerson);
        if waits && review.decides && review.attempt < run.attempt_number() {
            let why = "The author went on.".to_owned();
            apply(tx, handle, review.id, ReviewInput::Withdraw { why }, &who)?;
        }
    }
    // When it is over already, its end says what comes of it.
    if run.is_over() {
        return Ok(());
    }
    let Some(task) = task::load(&*tx, id)? else { return Ok(()) };
    let Some(claim) = task.claim.as_ref().filter(|claim| claim.run == Some(run.id)) else {
        return Ok(());
    };
    if !matches!(task.state, TaskState::Reported | TaskState::InReview) {
        return Ok(());
    }
    let input = TaskInput::Began { fence: claim.fence, run: Some(run.id) };
    let by = handle.by("daemon").because(event.reference());
    if let Err(refusal) = task::apply(tx, id, input, &by)? {
        tracing::debug!(task = %id, %refusal, "A task does not follow its run.");
    }
    Ok(())
}

/// A task is over: nobody needs its reviews any more.
fn task_over(tx: &mut dyn Write, event: &Event, handle: &Handle) -> Result<(), StoreError> {
    let Some(task) = task_of(tx, event)? else { return Ok(()) };
    if !task.state.is_over() {
        return Ok(());
    }
    let filter = ReviewFilter {
        states: ReviewState::UNDER_WAY.iter().map(|word| (*word).to_owned()).collect(),
        task: Some(task.id),
        limit: OF_TASK_MAX,
        ..ReviewFilter::default()
    };
    let who = Who::daemon(Some(event.reference()));
    for row in tx.reviews(&filter)? {
        let why = format!("Its task is {}.", task.state.word().replace('_', " "));
        apply(tx, handle, row.id, ReviewInput::Withdraw { why }, &who)?;
    }
    Ok(())
}
