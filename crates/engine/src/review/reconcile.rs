//! Does what the rows of reviews say: begins reviewers' runs, gives an answer back, tells the author,
//! halts it, and notices what time alone brings. Whatever is done has a key, so that a daemon that dies
//! in the middle does it once.

use super::artefact::Written;
use super::{Opening, Who, apply, open, parse, reviewer};
use crate::error::Error;
use crate::handle::{Handle, NewRun};
use crate::spawn::{FutureKind, Futures};
use jiff::{SignedDuration, Timestamp};
use orkestra_core::id::{ReviewId, RunId};
use orkestra_core::review::{Kind, Review, ReviewInput, ReviewState, Trigger, compose, send_back};
use orkestra_core::run::{Belongs, LimitsSpec, Purpose, Run, RunState};
use orkestra_store::{Error as StoreError, ReviewFilter};
use std::time::Duration;

/// Reviews that are looked at in one go.
const PAGE: usize = 200;

/// Changes of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(50);

/// What could not be done yet is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// While nothing is due it is looked this often.
const PERIOD: Duration = Duration::from_secs(300);

/// Looks at reviews until the daemon goes.
pub(super) fn watch(handle: &Handle, futures: &Futures) {
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut head = handle.store.head_watch();
        let mut written = Written::default();
        loop {
            let wait = match turn(&handle, &mut written).await {
                Ok(wait) => wait,
                Err(Error::Closing) => return,
                Err(error) => {
                    tracing::warn!(%error, "Reviews cannot be looked at now.");
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
async fn turn(handle: &Handle, written: &mut Written) -> Result<Duration, Error> {
    let mut wait = PERIOD;
    for state in ReviewState::UNDER_WAY {
        // What waits for a person waits.
        if state == ReviewState::NeedsPerson.word() {
            continue;
        }
        let filter = ReviewFilter {
            states: vec![state.to_owned()],
            oldest_first: true,
            limit: PAGE,
            ..ReviewFilter::default()
        };
        let rows = handle.store.read(move |read| read.reviews(&filter)).await;
        for row in rows.map_err(Error::Store)? {
            let review = parse(&row).map_err(Error::Store)?;
            wait = wait.min(look(handle, &review).await?);
        }
    }
    wait = wait.min(silence(handle).await?);
    written.catch_up(handle).await?;
    Ok(wait)
}

/// Does what one review needs; when it has to be looked at again.
async fn look(handle: &Handle, review: &Review) -> Result<Duration, Error> {
    let author = handle.stored_run(review.run).await?;
    match review.state {
        ReviewState::Open => ask(handle, review, &author).await,
        ReviewState::HandingBack => hand_back(handle, review, &author).await,
        ReviewState::Halting => halt(handle, review, &author).await,
        ReviewState::Watching => {
            let Some(left) = review.due_at.and_then(|due| left(handle, due)) else {
                say(handle, review.id, ReviewInput::Due).await?;
                return Ok(Duration::ZERO);
            };
            Ok(left)
        }
        ReviewState::NeedsPerson | ReviewState::Closed => Ok(PERIOD),
    }
}

/// How long it is until then; nothing when it has come.
fn left(handle: &Handle, at: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(at.duration_since(handle.now().at)).ok()?;
    (!left.is_zero()).then_some(left)
}

async fn say(handle: &Handle, id: ReviewId, input: ReviewInput) -> Result<Option<Review>, Error> {
    let own = handle.clone();
    let written = handle.store.write(move |tx| {
        let input = input.clone();
        apply(tx, &own, id, input, &Who::daemon(None))
    });
    written.await.map(|committed| committed.value).map_err(Error::Store)
}

/// Asks reviewers, and notices when their time is over.
async fn ask(handle: &Handle, review: &Review, author: &Run) -> Result<Duration, Error> {
    let Some(left) = left(handle, review.deadline) else {
        if let Some(after) = say(handle, review.id, ReviewInput::Due).await? {
            dismiss(handle, &after).await;
        }
        return Ok(Duration::ZERO);
    };
    let mut review = review.clone();
    if review.seats.is_empty() {
        let choice = reviewer::look(handle, &review, author).await?;
        let input = match choice.nobody {
            None => ReviewInput::Assign { reviewers: choice.reviewers },
            // Somebody may be free again before the time is over.
            Some((_, true)) => return Ok(left.min(AGAIN)),
            Some((why, false)) => ReviewInput::NoReviewer { why },
        };
        match say(handle, review.id, input).await? {
            Some(after) if after.is_open() => review = after,
            _ => return Ok(Duration::ZERO),
        }
    }
    let mut wait = left;
    for seat in 0..review.seats.len() {
        wait = wait.min(seat_of(handle, &review, seat, author, left).await?);
    }
    Ok(wait)
}

/// What one reviewer needs.
async fn seat_of(
    handle: &Handle,
    review: &Review,
    place: usize,
    author: &Run,
    left: Duration,
) -> Result<Duration, Error> {
    let Some(seat) = review.seats.get(place).filter(|seat| !seat.is_settled()) else {
        return Ok(PERIOD);
    };
    let Some(run) = seat.run else {
        return begin(handle, review, place, author, left).await;
    };
    // Its first answer was no verdict: it gets it back, once.
    if let Some(why) = &seat.sent_back {
        let key = review.send_back_key(place);
        let known = handle.stored_run(run).await?;
        if known.instructions.iter().all(|told| told.key != key) {
            let text = send_back(why, review.max_words);
            match handle.instruct(run, text, key, "daemon").await {
                Ok(_) => {}
                Err(Error::RunRefused(why) | Error::UnknownRun(why)) => {
                    say(handle, review.id, ReviewInput::Missing { seat: place, why }).await?;
                }
                Err(error) => return later(error),
            }
        }
    }
    Ok(left)
}

/// Begins a reviewer's run: the same however often it is tried.
async fn begin(
    handle: &Handle,
    review: &Review,
    place: usize,
    author: &Run,
    left: Duration,
) -> Result<Duration, Error> {
    let Some(seat) = review.seats.get(place) else { return Ok(PERIOD) };
    let facts = reviewer::facts(handle, review, author).await?;
    let worktree = author.worktree.as_ref().filter(|worktree| !worktree.is_plain());
    let new = NewRun {
        prompt: compose(review, &facts),
        agent: Some(seat.reviewer.clone()),
        target: author.target.clone().into(),
        request_key: Some(review.run_key(place)),
        evidence: vec!["none".to_owned()],
        raw: true,
        budget_usd: None,
        limits: LimitsSpec {
            runtime_ms: u64::try_from(left.as_millis()).ok(),
            ..LimitsSpec::default()
        },
        belongs: Belongs {
            purpose: Purpose::Review,
            task: review.task,
            session: review.session,
            review: Some(review.id),
            vote: None,
        },
        base: worktree.map(|worktree| worktree.branch.clone()),
        role: None,
    };
    let input = match handle.create_run(new, "daemon").await {
        Ok(run) => ReviewInput::Began { seat: place, run: run.id },
        // Held back since it was chosen; it may come back before the time is over.
        Err(Error::AgentHeld { .. } | Error::OverBudget(_)) => return Ok(left.min(AGAIN)),
        Err(error @ (Error::NoAgent(_) | Error::Target(_))) => {
            ReviewInput::Missing { seat: place, why: error.to_string() }
        }
        Err(error) => return later(error),
    };
    say(handle, review.id, input).await?;
    Ok(left)
}

/// What may go better later; only the daemon's end is told.
fn later(error: Error) -> Result<Duration, Error> {
    match error {
        Error::Closing => Err(Error::Closing),
        error => {
            tracing::warn!(%error, "What a review needs cannot be done now.");
            Ok(AGAIN)
        }
    }
}

/// Tells the author what was found.
async fn hand_back(handle: &Handle, review: &Review, author: &Run) -> Result<Duration, Error> {
    let Some(text) = review.instruction.clone() else { return Ok(PERIOD) };
    let told = handle.instruct(author.id, text, review.instruction_key(), "daemon").await;
    let input = match told {
        Ok(run) => {
            // What an earlier review halted goes on with what it is told.
            if matches!(run.state, RunState::Paused { .. }) {
                let _it_may_have_gone_on = handle.resume_run(run.id, "daemon").await;
            }
            ReviewInput::HandedBack
        }
        Err(Error::RunRefused(why) | Error::UnknownRun(why)) => ReviewInput::NotHandedBack { why },
        Err(error) => return later(error),
    };
    say(handle, review.id, input).await?;
    Ok(Duration::ZERO)
}

/// Halts the author, if it is at work.
async fn halt(handle: &Handle, review: &Review, author: &Run) -> Result<Duration, Error> {
    if matches!(author.state, RunState::Running { .. }) {
        match handle.pause_run(author.id, "daemon").await {
            // It ended meanwhile, or waits already.
            Ok(_) | Err(Error::RunRefused(_) | Error::UnknownRun(_)) => {}
            Err(error) => return later(error),
        }
    }
    say(handle, review.id, ReviewInput::Halted).await?;
    Ok(Duration::ZERO)
}

/// Ends the runs of reviewers whose answer nobody awaits any more.
pub(super) async fn dismiss(handle: &Handle, review: &Review) {
    for seat in &review.seats {
        let Some(run) = seat.run.filter(|_| seat.opinion.is_none()) else { continue };
        let active = handle.stored_run(run).await.is_ok_and(|run| !run.is_over());
        if active && let Err(error) = handle.cancel_run(run, "daemon").await {
            tracing::debug!(%run, %error, "A reviewer's run is not cancelled.");
        }
    }
}

/// Opens a review of each author of whom nothing was heard for long; until the next could be due.
async fn silence(handle: &Handle) -> Result<Duration, Error> {
    let rules = handle.review_rules();
    if !rules.triggers.contains(&Kind::Silence) {
        return Ok(PERIOD);
    }
    let longest =
        SignedDuration::from_millis(i64::try_from(rules.silence.ms()).unwrap_or(i64::MAX));
    let read = handle.store.read(|read| {
        let rows = read.runs_in(&["running"])?;
        rows.iter()
            .filter(|row| row.task.is_some())
            .map(|row| run(&row.body))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut wait = PERIOD;
    for author in read.await.map_err(Error::Store)? {
        // One that waits for a person is silent for a reason.
        let (Purpose::Work, true) = (author.belongs.purpose, author.waiting_for.is_empty()) else {
            continue;
        };
        let heard = [author.working_since.or(author.started_at), author.last_event_at];
        let Some(heard) = heard.into_iter().flatten().max() else { continue };
        let due = heard.checked_add(longest).unwrap_or(heard);
        match left(handle, due) {
            Some(left) => wait = wait.min(left),
            None => open_silence(handle, author.id, heard).await?,
        }
    }
    Ok(wait)
}

fn run(body: &str) -> Result<Run, StoreError> {
    serde_json::from_str(body)
        .map_err(|error| StoreError::Damaged { what: format!("a run cannot be read: {error}") })
}

/// Once for each silence: it ends when the author says something.
async fn open_silence(handle: &Handle, id: RunId, heard: Timestamp) -> Result<(), Error> {
    let key = format!("silence:{id}:{}", heard.as_microsecond());
    let own = handle.clone();
    let written = handle.store.write(move |tx| {
        let Some(author) = super::run_of(&*tx, id)? else { return Ok(()) };
        let wanted = match author.belongs.task {
            Some(task) => super::trigger::wants_reviews(&*tx, task)?,
            None => false,
        };
        if !wanted
            || tx.review_by_key(&key)?.is_some()
            || !matches!(author.state, RunState::Running { .. })
        {
            return Ok(());
        }
        let trigger = Trigger { kind: Kind::Silence, text: None, by: "daemon".to_owned() };
        let key = key.clone();
        open(tx, &own, Opening { run: &author, key, trigger, focus: None, cause: author.latest })?;
        Ok(())
    });
    written.await.map(|_| ()).map_err(Error::Store)
}
