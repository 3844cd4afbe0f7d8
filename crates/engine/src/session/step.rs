//! The reconciler of sessions: what a row says is to be done is done, as often as it is looked at, and
//! once. Each run has a key, so a daemon that dies between deciding and doing neither loses nor doubles.

use super::{apply, done, plan, work};
use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use orkestra_core::id::SessionId;
use orkestra_core::run::{Run, RunState, Wait};
use orkestra_core::session::{Session, SessionInput, SessionState};
use std::collections::BTreeSet;
use std::time::Duration;

/// Sessions that are looked at in one go.
const PAGE: usize = 200;

/// Events of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(100);

/// What no event tells, such as an agent that is free again, is looked for so often while a session is
/// under way.
const EVERY: Duration = Duration::from_secs(15);

/// And so often when none is.
const RARELY: Duration = Duration::from_secs(3600);

/// Who does what follows by itself.
pub(super) const DAEMON: &str = "daemon";

/// Carries sessions on until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut head = handle.store.head_watch();
        loop {
            let under_way = match turn(&handle).await {
                Ok(count) => count > 0,
                Err(Error::Closing) => return,
                Err(error) => {
                    tracing::warn!(%error, "Sessions cannot be carried on now.");
                    true
                }
            };
            let wait = if under_way { EVERY } else { RARELY };
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

/// Looks at every session that is not over; how many there are.
async fn turn(handle: &Handle) -> Result<usize, Error> {
    end_runs_of_the_stopped(handle).await?;
    let sessions = handle.sessions_active(PAGE).await?;
    for session in &sessions {
        match step(handle, session).await {
            Ok(()) => {}
            Err(Error::Closing) => return Err(Error::Closing),
            Err(error) => {
                tracing::warn!(%error, session = %session.id, "A session cannot be carried on now.");
            }
        }
    }
    Ok(sessions.len())
}

/// What is to be done for one session now.
async fn step(handle: &Handle, session: &Session) -> Result<(), Error> {
    if session.state == SessionState::Paused {
        return halt(handle, session).await;
    }
    if !session.halted.is_empty() {
        thaw(handle, session).await?;
    }
    if let Some(why) = over_budget(handle, session).await? {
        return say(handle, session.id, SessionInput::OverBudget { why }).await.map(|_| ());
    }
    match session.state {
        SessionState::Planning => plan::ask(handle, session).await,
        SessionState::PlanReview => plan::review(handle, session).await,
        SessionState::Working | SessionState::Merging | SessionState::AwaitingPerson => {
            work::look(handle, session).await
        }
        SessionState::Checking => done::look(handle, session).await,
        SessionState::Paused
        | SessionState::Verified
        | SessionState::Failed
        | SessionState::Cancelled => Ok(()),
    }
}

/// What happens to a session by itself.
pub(super) async fn say(
    handle: &Handle,
    id: SessionId,
    input: SessionInput,
) -> Result<Session, Error> {
    let around = handle.around(DAEMON);
    let written = handle.store.write(move |tx| apply(tx, id, input.clone(), &around)).await;
    written.map_err(crate::task::refused)?.value
}

/// Whether what a session may cost is used up, in words.
async fn over_budget(handle: &Handle, session: &Session) -> Result<Option<String>, Error> {
    let Some(budget) = session.wishes.budget_usd else { return Ok(None) };
    let (_, shares) = handle.shares_of(session).await?;
    let micros = shares.iter().fold(0_u64, |sum, share| sum.saturating_add(share.cost_micros));
    #[expect(clippy::cast_precision_loss, reason = "an amount for people")]
    let spent = micros as f64 / 1e6;
    Ok((spent >= budget).then(|| {
        format!(
            "What it may cost is used up: ${spent:.4} of ${budget:.2}. Resume it to let it go on without a \
             budget, or stop it."
        )
    }))
}

/// Halts what works. Which runs these are is written down first, so that none is left halted.
async fn halt(handle: &Handle, session: &Session) -> Result<(), Error> {
    let runs = handle.runs_of_session(session.id).await?;
    let works = |run: &&Run| {
        matches!(
            run.state,
            RunState::Running { .. } | RunState::Suspended { wait: Wait::Until { .. } }
        )
    };
    let working: Vec<_> = runs.iter().filter(works).map(|run| run.id).collect();
    if working.is_empty() {
        return Ok(());
    }
    if working.iter().any(|id| !session.halted.contains(id)) {
        say(handle, session.id, SessionInput::Halted(working.clone())).await?;
    }
    for id in working {
        if let Err(error) = handle.pause_run(id, DAEMON).await {
            tracing::debug!(%error, run = %id, "A run of a paused session is not halted yet.");
        }
    }
    Ok(())
}

/// Lets go on what was halted with the session.
async fn thaw(handle: &Handle, session: &Session) -> Result<(), Error> {
    let halted: BTreeSet<_> = session.halted.iter().copied().collect();
    for run in handle.runs_of_session(session.id).await? {
        let stands = matches!(
            run.state,
            RunState::Paused { .. } | RunState::Suspended { wait: Wait::Resume }
        );
        if stands && halted.contains(&run.id) {
            handle.resume_run(run.id, DAEMON).await?;
        }
    }
    say(handle, session.id, SessionInput::Thawed).await.map(|_| ())
}

/// Runs of sessions that a person stopped are cancelled.
async fn end_runs_of_the_stopped(handle: &Handle) -> Result<(), Error> {
    let read = handle.store.read(|read| {
        let mut over = Vec::new();
        let mut known = std::collections::BTreeMap::new();
        for row in read.runs_in(&RunState::ACTIVE)? {
            let Some(session) = row.session else { continue };
            let stopped = match known.get(&session) {
                Some(stopped) => *stopped,
                None => {
                    let row = read.session(session)?;
                    let stopped = row.is_some_and(|row| row.state == "cancelled");
                    known.insert(session, stopped);
                    stopped
                }
            };
            if stopped {
                over.push(row.id);
            }
        }
        Ok(over)
    });
    for id in read.await.map_err(Error::Store)? {
        match handle.cancel_run(id, DAEMON).await {
            Ok(_) => {}
            Err(Error::Closing) => return Err(Error::Closing),
            Err(error) => tracing::debug!(%error, run = %id, "A run is not cancelled yet."),
        }
    }
    Ok(())
}
