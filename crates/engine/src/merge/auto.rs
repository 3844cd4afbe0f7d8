//! Merges that nobody has to ask for: of verified tasks of a session into its branch, and of a session
//! that was begun so into the person's.

use super::ask::{begin, blank, of_session};
use super::parse;
use crate::consumer::Consumer;
use crate::error::Error;
use crate::handle::Handle;
use crate::session::{Around, SessionsSpec};
use crate::task::{self, By};
use orkestra_core::event::Event;
use orkestra_core::id::{RunId, SessionId, TaskId};
use orkestra_core::merge::{Merge, State};
use orkestra_core::run::Run;
use orkestra_core::session::{About, SessionInput, SessionState};
use orkestra_core::task::{Task, TaskState};
use orkestra_store::{Error as StoreError, Read, Write};
use std::sync::Arc;

/// Merges that wait for a person and are looked at in one go.
const PAGE: usize = 200;

/// Who asks for them.
const ACTOR: &str = "daemon";

/// Begins the merges that follow from events.
pub(crate) fn consumer(handle: &Handle) -> Consumer {
    let handle = handle.clone();
    Consumer {
        name: "merge",
        kinds: &["task.verified", "session.verified"],
        deal: Arc::new(move |tx, event| match event.kind.as_str() {
            "task.verified" => of_task(&handle, tx, event),
            _ => deliver(&handle, tx, event),
        }),
    }
}

/// The work of a verified task comes into the branch of its session, if it changed something.
fn of_task(handle: &Handle, tx: &mut dyn Write, event: &Event) -> Result<(), StoreError> {
    let Ok(id) = event.subject.parse::<TaskId>() else { return Ok(()) };
    let Some(task) = task::load(tx, id)? else { return Ok(()) };
    let (Some(session), Some(run), None) = (task.session, task.runs.last(), &task.merged) else {
        return Ok(());
    };
    let Some(session) = crate::session::load(tx, session)? else { return Ok(()) };
    let Some(run) = load_run(tx, *run)? else { return Ok(()) };
    let Some(worktree) = run.worktree.as_ref().filter(|_| has_work(&run)) else { return Ok(()) };
    let mut merge = blank(handle, &run.target, worktree.branch.clone(), ACTOR);
    (merge.run, merge.task) = (Some(run.id), Some(id));
    (merge.session, merge.into) = (Some(session.id), session.branch);
    begin(tx, merge, ACTOR).map(|_| ())
}

fn load_run(read: &dyn Read, id: RunId) -> Result<Option<Run>, StoreError> {
    let Some(row) = read.run(id)? else { return Ok(None) };
    serde_json::from_str(&row.body).map(Some).map_err(|error| StoreError::Damaged {
        what: format!("run {} cannot be read: {error}", row.id),
    })
}

/// Whether there is something to put in.
fn has_work(run: &Run) -> bool {
    run.worktree.as_ref().is_some_and(|worktree| !worktree.is_plain())
        && run.files.as_ref().is_some_and(|files| !files.is_empty())
}

/// Whether a task of a session has to wait until the work that it builds upon is in the session's
/// branch, where its own begins.
pub(crate) fn comes_first(read: &dyn Read, task: &Task) -> Result<bool, StoreError> {
    let Some(session) = task.session else { return Ok(false) };
    for on in &task.depends {
        let Some(other) = task::load(read, on.task)? else { continue };
        let is_open = other.state == TaskState::Verified && other.merged.is_none();
        let Some(run) = other.runs.last().filter(|_| is_open && other.session == Some(session))
        else {
            continue;
        };
        if !load_run(read, *run)?.is_some_and(|run| has_work(&run)) {
            continue;
        }
        // One that was given up is not waited for.
        let last = read.merges_of_run(*run)?.pop();
        let over = [State::Merged, State::Refused, State::Undone].map(State::as_str);
        if last.is_none_or(|merge| !over.contains(&merge.state.as_str())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The result of a session that was begun so comes into the person's branch.
fn deliver(handle: &Handle, tx: &mut dyn Write, event: &Event) -> Result<(), StoreError> {
    let Ok(id) = event.subject.parse::<SessionId>() else { return Ok(()) };
    let Some(session) = crate::session::load(tx, id)? else { return Ok(()) };
    if !session.wishes.merge || session.delivered.is_some() {
        return Ok(());
    }
    begin(tx, of_session(handle, &session, ACTOR), ACTOR).map(|_| ())
}

/// A session knows that its result is in the person's branch, and goes on when the last merge that
/// waited for a person is in.
pub(super) fn tell_session(tx: &mut dyn Write, merge: &Merge, by: &By) -> Result<(), StoreError> {
    let (State::Merged, Some(id), Some(commit)) = (merge.state, merge.session, &merge.result)
    else {
        return Ok(());
    };
    let Some(session) = crate::session::load(tx, id)? else { return Ok(()) };
    let input = if merge.run.is_none() {
        SessionInput::Delivered { commit: commit.clone() }
    } else {
        let asked = session.question.as_ref().is_some_and(|asked| asked.about == About::Merge);
        let mut others = false;
        for row in tx.merges_of_session(id)? {
            others |= row.id != merge.id && row.state == State::Person.as_str();
        }
        if !asked || others || session.branch != merge.into {
            return Ok(());
        }
        SessionInput::Approve { anyway: false }
    };
    let around = Around {
        now: by.world.now().at,
        actor: by.actor.clone(),
        spec: SessionsSpec::default(),
        by: by.clone(),
    };
    if let Err(error) = crate::session::apply(tx, id, input, &around)? {
        tracing::warn!(%error, session = %id, "A session cannot be told of a merge.");
    }
    Ok(())
}

/// A session that waits for its merges asks its person when one of them does.
pub(super) async fn tell_stuck(handle: &Handle) -> Result<(), Error> {
    let read = handle.store.read(|read| {
        let mut stuck = Vec::new();
        for row in read.merges_in(&[State::Person.as_str()], PAGE)? {
            let Some(id) = row.session.filter(|_| row.run.is_some()) else { continue };
            let session = crate::session::load(read, id)?;
            if session.is_some_and(|session| session.state == SessionState::Merging) {
                stuck.push((id, parse(&row)?));
            }
        }
        Ok(stuck)
    });
    for (id, merge) in read.await.map_err(Error::Store)? {
        let short = merge.id.short();
        let why = merge.why.unwrap_or_default();
        let why = format!(
            "{} cannot be put into {} by itself: {why} Look at it: orkestra merge show {short}",
            merge.from, merge.into
        );
        match handle.session_input(id, SessionInput::MergeStuck { why }, ACTOR).await {
            Ok(_) | Err(Error::SessionRefused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
