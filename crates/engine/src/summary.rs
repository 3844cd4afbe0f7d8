//! What is told to an agent that comes back to a task (MISSION row 115).

use crate::sentence::sentence;
use orkestra_core::event::Event;
use orkestra_core::id::{RunId, TaskId};
use orkestra_core::run::{Begun, Purpose, Run};
use orkestra_core::summary::{EVENTS_MAX, Facts, text};
use orkestra_store::{Error as StoreError, Filter, Read, Store};
use std::collections::BTreeSet;

/// Runs of a task whose events are read, the newest.
const RUNS_MAX: usize = 5;

/// Events that are searched for decisions and open votes.
const SEARCHED_MAX: usize = 500;

/// What a run's own stream says in each second is left out.
const RUN_KINDS: [&str; 14] = [
    "run.started",
    "run.attempt_begun",
    "run.attempt_ended",
    "run.suspended",
    "run.resumed",
    "run.milestone",
    "run.blocker",
    "run.text",
    "run.tool_call",
    "run.file_change",
    "run.instructed",
    "run.verified",
    "run.refuted",
    "run.ended",
];

/// An addition to the prompt of an attempt; nothing when there is nothing to come back to.
pub(crate) async fn of(store: &Store, run: &Run) -> Option<String> {
    let task = run.belongs.task.filter(|_| run.belongs.purpose == Purpose::Work)?;
    let attempt = run.attempt()?;
    let again = match attempt.begun {
        Begun::First => false,
        Begun::Instructed => return None,
        Begun::Resumed | Begun::Recovered { .. } | Begun::Retried { .. } => true,
    };
    let run = run.clone();
    let facts = store.read(move |read| facts(read, &run, task, again)).await;
    match facts {
        Ok(facts) => facts.map(|facts| text(&facts)),
        Err(error) => {
            tracing::warn!(%error, "What happened at a task before cannot be told.");
            None
        }
    }
}

fn facts(read: &dyn Read, run: &Run, id: TaskId, again: bool) -> Result<Option<Facts>, StoreError> {
    let Some(task) = crate::task::load(read, id)? else { return Ok(None) };
    let mut runs = Vec::new();
    for row in read.runs_of_task(id)? {
        let of: Run = serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
            what: format!("the run {} cannot be read: {error}", row.id),
        })?;
        if of.belongs.purpose == Purpose::Work && (of.id != run.id || again) {
            runs.push(of);
        }
    }
    if runs.is_empty() {
        return Ok(None);
    }
    let of = |own: bool| runs.iter().filter(move |of| (of.agent == run.agent) == own);
    let why = match run.attempts.iter().rev().find_map(|attempt| attempt.trouble.as_ref()) {
        Some(trouble) => format!("It broke off: {}", end(&trouble.words)),
        None if again => "It was interrupted.".to_owned(),
        None => "It was tried before.".to_owned(),
    };
    let mut known: BTreeSet<RunId> = runs.iter().rev().take(RUNS_MAX).map(|of| of.id).collect();
    known.insert(run.id);
    let (decisions, votes) = decided(read, &task)?;
    Ok(Some(Facts {
        title: task.title.clone(),
        task: format!(
            "{}, attempt {} of {}.",
            task.state.word().replace('_', " "),
            task.tries + 1,
            task.tries_max
        ),
        why,
        own: of(true).flat_map(last_state).collect(),
        others: of(false).flat_map(last_state).collect(),
        events: last_events(read, id, &known)?,
        decisions,
        votes,
    }))
}

fn end(words: &str) -> String {
    let words = words.trim();
    if words.ends_with(['.', '!', '?']) { words.to_owned() } else { format!("{words}.") }
}

/// How a run was when it stopped, attempt by attempt.
fn last_state(run: &Run) -> Vec<String> {
    let name = format!("Run {} by {}", run.id.short(), run.agent);
    let mut told = Vec::new();
    if run.is_over() {
        told.push(format!("{name} is {}: {}", run.state_word(), run.why()));
    }
    let last = run.attempts.iter().rev().find(|attempt| attempt.ended_at.is_some());
    if let Some(attempt) = last {
        let why = match (&attempt.trouble, &attempt.exit) {
            (Some(trouble), _) => trouble.words.clone(),
            (None, Some(exit)) => exit.in_words(),
            (None, None) => "it ended".to_owned(),
        };
        told.push(format!("{name}, attempt {}: {}", attempt.number, end(&why)));
        let said = attempt.ended.as_ref().map(|ended| ended.summary.trim());
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            told.push(format!("Last words: {said}"));
        }
    }
    if let Some(worktree) = &run.worktree
        && !worktree.branch.is_empty()
    {
        told.push(format!("Its work is on the branch {}.", worktree.branch));
    }
    told
}

fn newest(
    read: &dyn Read,
    topic: &str,
    subject: String,
    kinds: &[&str],
) -> Result<Vec<Event>, StoreError> {
    read.events(&Filter {
        topic: Some(topic.to_owned()),
        subject: Some(subject),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        limit: EVENTS_MAX,
        newest_first: true,
        ..Filter::default()
    })
}

fn last_events(
    read: &dyn Read,
    task: TaskId,
    runs: &BTreeSet<RunId>,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut events = newest(read, "task", task.to_string(), &[])?;
    for run in runs {
        events.extend(newest(read, "run", run.to_string(), &RUN_KINDS)?);
    }
    events.sort_by_key(|event| event.seq);
    let left_out = events.len().saturating_sub(EVENTS_MAX);
    let told = events.iter().skip(left_out);
    Ok(told.map(|of| (of.at.strftime("%H:%M:%S").to_string(), sentence(of))).collect())
}

/// What was decided in the task's session, and which votes are open.
fn decided(
    read: &dyn Read,
    task: &orkestra_core::task::Task,
) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let kinds = ["vote.*", "review.decided", "session.approved"].map(str::to_owned).to_vec();
    let filter = Filter { kinds, limit: SEARCHED_MAX, newest_first: true, ..Filter::default() };
    let (mut decisions, mut votes, mut closed) = (Vec::new(), Vec::new(), BTreeSet::new());
    for event in read.events(&filter)? {
        let of = |key: &str| event.body.as_ref()?.get(key)?.as_str().map(str::to_owned);
        let ours = of("task") == Some(task.id.to_string())
            || (task.session.is_some() && of("session") == task.session.map(|id| id.to_string()));
        match event.kind.as_str() {
            "vote.closed" | "vote.decided" | "vote.cancelled" => {
                closed.insert(event.subject.clone());
                if ours && event.kind != "vote.cancelled" {
                    decisions.push(sentence(&event));
                }
            }
            "vote.opened" if ours && !closed.contains(&event.subject) => {
                votes.push(sentence(&event));
            }
            "review.decided" | "session.approved" if ours => decisions.push(sentence(&event)),
            _ => {}
        }
    }
    decisions.reverse();
    votes.reverse();
    Ok((decisions, votes))
}
