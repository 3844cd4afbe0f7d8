//! Reviews: rows, and what people may ask of them (MISSION 1.1-1.3, 2.6; ADR 0032).
//!
//! Reviews are opened and answered by a reader of the journal (`trigger.rs`), in the commit that also
//! moves its cursor. What is to be done in the world follows from the rows, and a reconciler does it
//! (`reconcile.rs`): begin reviewers' runs, give an answer back, tell the author, halt it.

mod artefact;
mod reconcile;
mod reviewer;
mod trigger;

use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::Futures;
use crate::task;
use orkestra_core::event::EventRef;
use orkestra_core::id::{ReviewId, RunId};
use orkestra_core::review::{
    self, Action, Ctx, Kind, Outcome, PersonsAnswer, Review, ReviewInput, ReviewState, Rules,
    Trigger, Turned,
};
use orkestra_core::run::{Purpose, Run, RunState};
use orkestra_core::task::{TaskInput, TaskState};
use orkestra_store::{Error as StoreError, Read, ReviewFilter, ReviewRow, Write};

/// Reviews of one run that are looked at in one go; it can have no more of its own accord.
const OF_RUN_MAX: usize = 200;

/// Follows what happens until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    crate::consumer::follow(handle, futures, trigger::consumer(handle));
    reconcile::watch(handle, futures);
}

/// Reads a row.
pub(crate) fn parse(row: &ReviewRow) -> Result<Review, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the review {} cannot be read: {error}", row.id),
    })
}

/// One review.
pub(crate) fn load(
    read: &(impl Read + ?Sized),
    id: ReviewId,
) -> Result<Option<Review>, StoreError> {
    read.review(id)?.as_ref().map(parse).transpose()
}

/// Reviews of an author's run, the newest first.
pub(crate) fn of_run(
    read: &(impl Read + ?Sized),
    run: RunId,
    under_way: bool,
) -> Result<Vec<Review>, StoreError> {
    let states = if under_way { ReviewState::UNDER_WAY.as_slice() } else { &[] };
    let filter = ReviewFilter {
        states: states.iter().map(|word| (*word).to_owned()).collect(),
        run: Some(run),
        limit: OF_RUN_MAX,
        ..ReviewFilter::default()
    };
    read.reviews(&filter)?.iter().map(parse).collect()
}

pub(crate) fn run_of(read: &(impl Read + ?Sized), id: RunId) -> Result<Option<Run>, StoreError> {
    let Some(row) = read.run(id)? else { return Ok(None) };
    serde_json::from_str(&row.body).map(Some).map_err(|error| StoreError::Damaged {
        what: format!("the run {id} cannot be read: {error}"),
    })
}

/// Writes a review with its events.
fn put(tx: &mut dyn Write, turned: &mut Turned) -> Result<(), StoreError> {
    let review = &mut turned.review;
    if let Some(last) = tx.append(&turned.events)?.last() {
        review.latest = Some(*last);
    }
    let body =
        serde_json::to_string(review).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let due_at = match review.state {
        ReviewState::Open => Some(review.deadline),
        _ => review.due_at,
    };
    tx.put_review(&ReviewRow {
        id: review.id,
        key: review.key.clone(),
        state: review.state.word().to_owned(),
        kind: review.trigger.kind.word().to_owned(),
        run: review.run,
        task: review.task,
        session: review.session,
        due_at,
        body,
        created_at: review.created_at,
        updated_at: review.updated_at,
    })
}

/// What opens a review.
struct Opening<'a> {
    run: &'a Run,
    key: String,
    trigger: Trigger,
    focus: Option<String>,
    cause: Option<EventRef>,
}

/// Opens a review; one whose key is known is the one that was opened with it.
fn open(tx: &mut dyn Write, handle: &Handle, opening: Opening<'_>) -> Result<Review, StoreError> {
    if let Some(row) = tx.review_by_key(&opening.key)? {
        return parse(&row);
    }
    let (rules, at) = (handle.upkeep().reviews, handle.now().at);
    let run = opening.run;
    let task = run.belongs.task.map(|id| task::load(&*tx, id)).transpose()?.flatten();
    let reported = task.as_ref().is_some_and(|task| {
        task.state == TaskState::InReview
            && task.claim.as_ref().is_some_and(|claim| claim.run.is_none_or(|own| own == run.id))
    });
    let warned = |review: &Review| {
        review.decisions.iter().any(|decision| decision.action == Action::LogWarning)
    };
    let warnings = of_run(&*tx, run.id, false)?.iter().filter(|review| warned(review)).count();
    let round = u32::try_from(warnings).unwrap_or(u32::MAX).saturating_add(1);
    let number = tx.reviews_of(run.belongs.session, run.id)?.saturating_add(1);
    let actor = opening.trigger.by.clone();
    let wait =
        jiff::SignedDuration::from_millis(i64::try_from(rules.deadline.ms()).unwrap_or(i64::MAX));
    let review = Review {
        id: ReviewId::new(handle.world.uuid()),
        number: u32::try_from(number).unwrap_or(u32::MAX),
        key: opening.key,
        trigger: opening.trigger,
        run: run.id,
        author: run.agent.clone(),
        attempt: run.attempt_number(),
        task: run.belongs.task,
        session: run.belongs.session,
        decides: reported,
        round,
        focus: opening.focus,
        max_words: usize::try_from(rules.max_words).unwrap_or(usize::MAX),
        wanted: rules.reviewers,
        state: ReviewState::Open,
        why: "A reviewer is looked for.".to_owned(),
        seats: Vec::new(),
        deadline: at.checked_add(wait).unwrap_or(at),
        due_at: None,
        decisions: Vec::new(),
        person: None,
        instruction: None,
        created_at: at,
        updated_at: at,
        latest: opening.cause,
    };
    // One that only waits to be repeated is repeated by this one.
    for earlier in of_run(&*tx, run.id, true)? {
        if earlier.state == ReviewState::Watching {
            let why = format!("Review {} looks at it again.", review.id.short());
            let input = ReviewInput::Withdraw { why };
            apply(tx, handle, earlier.id, input, &Who::daemon(None))?;
        }
    }
    let mut turned = review::open(review, &actor);
    put(tx, &mut turned)?;
    Ok(turned.review)
}

/// Who does something with a review, and because of what.
struct Who {
    actor: String,
    cause: Option<EventRef>,
}

impl Who {
    fn daemon(cause: Option<EventRef>) -> Self {
        Self { actor: "daemon".to_owned(), cause }
    }
}

/// What follows from an input to a review, in one commit with what follows for its task; nothing when
/// it is late.
fn apply(
    tx: &mut dyn Write,
    handle: &Handle,
    id: ReviewId,
    input: ReviewInput,
    who: &Who,
) -> Result<Option<Review>, StoreError> {
    let Some(mut review) = load(&*tx, id)? else { return Ok(None) };
    review.latest = who.cause.or(review.latest);
    let rules = handle.upkeep().reviews;
    let ctx = Ctx { actor: &who.actor, at: handle.now().at, rules: &rules };
    let Some(mut turned) = review.turn(input, &ctx) else { return Ok(None) };
    put(tx, &mut turned)?;
    let review = turned.review;
    match turned.outcome {
        Some(Outcome::Approved) => approved(tx, handle, &review, who)?,
        Some(Outcome::GoesOn) => {
            task_input(tx, handle, &review, who, |fence, state| {
                let judged = matches!(state, TaskState::Reported | TaskState::InReview);
                judged.then_some(TaskInput::Began { fence, run: Some(review.run) })
            })?;
        }
        Some(Outcome::GivenUp { why }) => {
            task_input(tx, handle, &review, who, |_, state| {
                (!state.is_over()).then_some(TaskInput::Cancel { why: Some(why) })
            })?;
        }
        Some(Outcome::Again) => again(tx, handle, &review)?,
        None => {}
    }
    Ok(Some(review))
}

/// The task is done, if this review was about all of it, and nothing was changed since.
fn approved(
    tx: &mut dyn Write,
    handle: &Handle,
    review: &Review,
    who: &Who,
) -> Result<(), StoreError> {
    let attempt = run_of(&*tx, review.run)?.map(|run| run.attempt_number());
    let is_whole = review.decides && attempt == Some(review.attempt);
    // A person sees what is there and takes it as it is.
    if !is_whole && review.person.is_none() {
        return Ok(());
    }
    task_input(tx, handle, review, who, |fence, state| {
        (state == TaskState::InReview).then_some(TaskInput::Verified { fence })
    })
}

/// Tells the task of a review something, while the author holds it.
fn task_input(
    tx: &mut dyn Write,
    handle: &Handle,
    review: &Review,
    who: &Who,
    input: impl FnOnce(u64, TaskState) -> Option<TaskInput>,
) -> Result<(), StoreError> {
    let Some(id) = review.task else { return Ok(()) };
    let Some(task) = task::load(&*tx, id)? else { return Ok(()) };
    let own = |run: RunId| run == review.run;
    let Some(claim) = task.claim.as_ref().filter(|claim| claim.run.is_none_or(own)) else {
        return Ok(());
    };
    let Some(input) = input(claim.fence, task.state) else { return Ok(()) };
    let by = handle.by(&who.actor);
    let by = match review.latest {
        Some(cause) => by.because(cause),
        None => by,
    };
    if let Err(refusal) = task::apply(tx, id, input, &by)? {
        tracing::debug!(task = %id, %refusal, "A review changes nothing about its task.");
    }
    Ok(())
}

/// Opens the review that rule 3 wants.
fn again(tx: &mut dyn Write, handle: &Handle, earlier: &Review) -> Result<(), StoreError> {
    let Some(run) = run_of(&*tx, earlier.run)? else { return Ok(()) };
    let trigger = Trigger { kind: Kind::Again, text: None, by: "daemon".to_owned() };
    let key = format!("again:{}", earlier.id);
    let (focus, cause) = (earlier.focus.clone(), earlier.latest);
    open(tx, handle, Opening { run: &run, key, trigger, focus, cause }).map(|_| ())
}

fn refused(review: &Review, why: &str) -> Error {
    Error::ReviewRefused(format!("review {} {why}", review.id.short()))
}

impl Handle {
    /// A review by its id. Its file is written again if somebody removed it.
    ///
    /// # Errors
    /// Unknown review.
    pub async fn review(&self, id: ReviewId) -> Result<Review, Error> {
        let review = self.store.read(move |read| load(read, id)).await.map_err(Error::Store)?;
        let review = review.ok_or_else(|| Error::UnknownReview(id.to_string()))?;
        artefact::write(&self.home, &review).await;
        Ok(review)
    }

    /// Reviews that a filter lets through.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn reviews(&self, filter: ReviewFilter) -> Result<Vec<Review>, Error> {
        let read = self.store.read(move |read| {
            read.reviews(&filter)?.iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }

    /// Where the file of a review is.
    pub fn review_file(&self, review: &Review) -> std::path::PathBuf {
        artefact::path(&self.home, review)
    }

    /// A person wants a run reviewed. The same key twice is one review.
    ///
    /// # Errors
    /// Unknown run, or one that is itself a review, or has nothing to show yet.
    pub async fn start_review(
        &self,
        run: RunId,
        focus: Option<String>,
        key: &str,
        actor: &str,
    ) -> Result<Review, Error> {
        let run = self.stored_run(run).await?;
        let short = run.id.short();
        if run.belongs.purpose != Purpose::Work {
            let what = run.belongs.purpose.word();
            let why = format!("run {short} is a {what}: only work is reviewed");
            return Err(Error::ReviewRefused(why));
        }
        if run.worktree.is_none() {
            let why = format!("run {short} has nothing to show yet: it has no place to work");
            return Err(Error::ReviewRefused(why));
        }
        let key = format!("person:{}:{key}", run.id);
        let (handle, by) = (self.clone(), actor.to_owned());
        let written = self.store.write(move |tx| {
            let trigger = Trigger { kind: Kind::Person, text: None, by: by.clone() };
            let (key, focus) = (key.clone(), focus.clone());
            open(tx, &handle, Opening { run: &run, key, trigger, focus, cause: None })
        });
        written.await.map(|committed| committed.value).map_err(Error::Store)
    }

    /// A person decides about a review. Reviewers who have not answered are not awaited.
    ///
    /// # Errors
    /// Unknown review, or one of which nothing more comes.
    pub async fn answer_review(
        &self,
        id: ReviewId,
        answer: PersonsAnswer,
        note: Option<String>,
        actor: &str,
    ) -> Result<Review, Error> {
        let before = self.review(id).await?;
        let (handle, who) = (self.clone(), Who { actor: actor.to_owned(), cause: None });
        let written = self.store.write(move |tx| {
            let input = ReviewInput::Person { answer, note: note.clone() };
            apply(tx, &handle, id, input, &who)
        });
        let Some(review) = written.await.map_err(Error::Store)?.value else {
            return Err(refused(&before, "is closed: nothing more comes of it"));
        };
        reconcile::dismiss(self, &review).await;
        let author = self.stored_run(review.run).await?;
        match answer {
            // Who gave up the work wants no more of it.
            PersonsAnswer::Stop if !author.is_over() => {
                self.cancel_run(author.id, actor).await?;
            }
            PersonsAnswer::Approve if matches!(author.state, RunState::Paused { .. }) => {
                self.resume_run(author.id, actor).await?;
            }
            PersonsAnswer::Approve | PersonsAnswer::Concern | PersonsAnswer::Stop => {}
        }
        Ok(review)
    }

    /// What the configuration says about reviews.
    pub(crate) fn review_rules(&self) -> Rules {
        self.upkeep().reviews
    }
}
