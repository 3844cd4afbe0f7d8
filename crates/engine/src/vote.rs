//! Votes: commands decide in the writer, one commit each; what is to be done in the world (asking
//! agents, keeping deadlines) follows from the rows (ADR 0033).

mod ask;
mod open;
mod record;

pub(crate) use ask::watch;
pub use open::{NewVote, NewVoter, WeightsFrom};
pub use record::{AgentRecord, Replayed, Side, Verified, VoteStats};

use crate::error::Error;
use crate::handle::Handle;
use crate::secret::Secrets;
use crate::world::World;
use orkestra_core::event::{Cause, Draft, EventRef, Topic};
use orkestra_core::id::{SessionId, TaskId, VoteId};
use orkestra_core::span::Span;
use orkestra_core::vote::{
    Ballot, Decided, ETHICS, LOTS, LinkKind, Moment, Move, Quorum, Refusal, Says, Vote, VoteInput,
    Weight,
};
use orkestra_store::{BallotRow, Error as StoreError, Read, VoteRow, VotesIn, Write};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the configuration says about votes.
#[derive(Debug, Clone, PartialEq)]
pub struct VoteSpec {
    /// How long a round lasts at most.
    pub deadline: Span,
    /// How many must take part.
    pub quorum: Quorum,
    /// What every voter is reminded of.
    pub preamble: String,
    /// Who mediates; the first agent that is no voter without it.
    pub mediator: Option<String>,
    /// Weights by domain and voter, above the built-in table.
    pub weights: BTreeMap<String, BTreeMap<String, Weight>>,
}

impl Default for VoteSpec {
    fn default() -> Self {
        Self {
            deadline: Span::from_secs(3_600),
            quorum: Quorum::DEFAULT,
            preamble: ETHICS.to_owned(),
            mediator: None,
            weights: BTreeMap::new(),
        }
    }
}

pub(crate) fn from_row(row: &VoteRow) -> Result<Vote, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the vote {} cannot be read: {error}", row.id),
    })
}

fn ballot_from_row(row: &BallotRow) -> Result<Ballot, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("ballot {} of the vote {} cannot be read: {error}", row.number, row.vote),
    })
}

pub(crate) fn ballots_of(read: &dyn Read, id: VoteId) -> Result<Vec<Ballot>, StoreError> {
    read.ballots(id)?.iter().map(ballot_from_row).collect()
}

fn body<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

/// Writes a vote with what happened to it; where the events stand in the journal.
fn put(
    tx: &mut dyn Write,
    secrets: &Secrets,
    mut vote: Vote,
    mut events: Vec<Draft>,
) -> Result<Option<EventRef>, StoreError> {
    for event in &mut events {
        secrets.redact_value(&mut event.body);
    }
    let last = tx.append(&events)?.into_iter().last();
    vote.latest = last.or(vote.latest);
    tx.put_vote(&VoteRow {
        id: vote.id,
        state: vote.state.word().to_owned(),
        outcome: vote.outcome.map(|outcome| outcome.word().to_owned()),
        is_decided: vote.decided.is_some(),
        asks: vote.asks.is_some(),
        request_key: vote.request_key.clone(),
        task: vote.task,
        session: vote.session,
        body: body(&vote)?,
        updated_at: vote.created_at,
    })?;
    Ok(vote.latest)
}

/// What one input made of a vote.
pub(crate) type Applied = Result<Vote, Refused>;

/// Why an input was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Unknown,
    Refused(String),
}

/// Decides an input and writes what follows, as part of a commit.
pub(crate) fn apply(
    tx: &mut dyn Write,
    world: &dyn World,
    secrets: &Secrets,
    id: VoteId,
    input: VoteInput,
    actor: &str,
) -> Result<Applied, StoreError> {
    let Some(row) = tx.vote(id)? else { return Ok(Err(Refused::Unknown)) };
    let vote = from_row(&row)?;
    // What was decided in a later vote of the same question is judged there.
    if let (VoteInput::Mark { .. }, Some(Decided { vote: Some(last), .. })) =
        (&input, &vote.decided)
    {
        return apply(tx, world, secrets, *last, input, actor);
    }
    let ballots = ballots_of(tx, id)?;
    let input = redacted(input, secrets);
    let moment = moment(world, actor);
    let was_decided = vote.decided.is_some();
    let decision = match vote.decide(&ballots, input, &moment) {
        Err(Refusal(why)) => return Ok(Err(Refused::Refused(why))),
        Ok(decision) => decision,
    };
    let Move { vote, ballot, events, next } = decision;
    if events.is_empty() {
        return Ok(Ok(vote));
    }
    let latest = put(tx, secrets, vote.clone(), events)?;
    if let Some(ballot) = ballot {
        tx.add_ballot(&BallotRow {
            vote: ballot.vote,
            number: ballot.number,
            round: ballot.round,
            voter: ballot.voter.clone(),
            hash: ballot.hash.clone(),
            body: body(&ballot)?,
        })?;
    }
    if let Some((next, mut events)) = next {
        if let (Some(first), Some(latest)) = (events.first_mut(), latest) {
            first.cause = Cause::Event(latest);
        }
        put(tx, secrets, *next, events)?;
    }
    if let (false, Some(decided)) = (was_decided, &vote.decided) {
        resolve(tx, secrets, &vote, decided, actor, latest)?;
    }
    Ok(Ok(vote))
}

/// Ballots are kept for ever: no known secret gets into one.
fn redacted(input: VoteInput, secrets: &Secrets) -> VoteInput {
    let clean = |text: String| secrets.redact(&text).into_owned();
    match input {
        VoteInput::Cast { voter, says, reason, confidence, run } => {
            let says = match says {
                Says::Answer { text, changed } => {
                    Says::Answer { text: clean(text), changed: changed.map(clean) }
                }
                other => other,
            };
            VoteInput::Cast { voter, says, reason: clean(reason), confidence, run }
        }
        VoteInput::Proposed { text, run } => VoteInput::Proposed { text: clean(text), run },
        other => other,
    }
}

/// The votes before it ask the same question: they are decided, too.
fn resolve(
    tx: &mut dyn Write,
    secrets: &Secrets,
    vote: &Vote,
    decided: &Decided,
    actor: &str,
    cause: Option<EventRef>,
) -> Result<(), StoreError> {
    let mut link = vote.follows;
    // A chain is the first vote, a run-off and a compromise.
    for _ in 0..4 {
        let Some(before) = link.filter(|link| link.kind != LinkKind::Revote) else { break };
        let Some(row) = tx.vote(before.vote)? else { break };
        let mut earlier = from_row(&row)?;
        link = earlier.follows;
        earlier.asks = None;
        earlier.decided = Some(Decided { vote: Some(vote.id), ..decided.clone() });
        let told = json!({"option": decided.option, "text": decided.text, "vote": vote.id,
            "question": earlier.question.chars().take(500).collect::<String>()});
        let mut event =
            Draft::new("vote.resolved", Topic::Vote, &earlier.id.to_string(), actor, told);
        event.cause = cause.map_or(Cause::Root, Cause::Event);
        put(tx, secrets, earlier, vec![event])?;
    }
    Ok(())
}

fn moment<'a>(world: &dyn World, actor: &'a str) -> Moment<'a> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is from 0 up to a billion"
    )]
    let draw = (world.draw() * LOTS as f64) as u64;
    Moment { at: world.now().at, actor, draw, fresh: VoteId::new(world.uuid()) }
}

impl Handle {
    /// One vote.
    ///
    /// # Errors
    /// There is none, or the store cannot be read.
    pub async fn vote(&self, id: VoteId) -> Result<Vote, Error> {
        let row = self.store.read(move |read| read.vote(id)).await.map_err(Error::Store)?;
        let row = row.ok_or_else(|| Error::UnknownVote(id.to_string()))?;
        from_row(&row).map_err(Error::Store)
    }

    /// The vote whose id is this or ends like this.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn find_vote(&self, text: &str) -> Result<Vote, Error> {
        let wanted = text.to_owned();
        let rows = self.store.read(move |read| read.vote_by_suffix(&wanted)).await;
        match rows.map_err(Error::Store)?.as_slice() {
            [row] => from_row(row).map_err(Error::Store),
            [] => Err(Error::UnknownVote(text.to_owned())),
            several => Err(Error::VoteRefused(format!(
                "{} votes have an id that ends in {text}; give more of it",
                several.len()
            ))),
        }
    }

    /// Votes, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn votes(
        &self,
        which: VotesIn,
        limit: usize,
        before: Option<VoteId>,
    ) -> Result<Vec<Vote>, Error> {
        let read = self.store.read(move |read| {
            read.votes(which, limit, before)?.iter().map(from_row).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }

    /// The votes of a session or about a task, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn votes_about(
        &self,
        session: Option<SessionId>,
        task: Option<TaskId>,
    ) -> Result<Vec<Vote>, Error> {
        let read = self.store.read(move |read| {
            let mut rows = match (session, task) {
                (Some(session), _) => read.votes_of_session(session)?,
                (None, Some(task)) => read.votes_of_task(task)?,
                (None, None) => Vec::new(),
            };
            rows.reverse();
            rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }

    /// The ballots of a vote, in their order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn ballots(&self, id: VoteId) -> Result<Vec<Ballot>, Error> {
        self.store.read(move |read| ballots_of(read, id)).await.map_err(Error::Store)
    }

    /// Something happens to a vote.
    ///
    /// # Errors
    /// There is none, it makes no sense now, or the store cannot be written.
    pub async fn vote_input(
        &self,
        id: VoteId,
        input: VoteInput,
        actor: &str,
    ) -> Result<Vote, Error> {
        let (world, secrets) = (Arc::clone(&self.world), self.secrets().clone());
        let by = actor.to_owned();
        let ends = matches!(input, VoteInput::Close | VoteInput::Decide { .. });
        let before = if ends { self.vote(id).await.ok() } else { None };
        let written =
            self.store.write(move |tx| apply(tx, world.as_ref(), &secrets, id, input, &by)).await;
        let vote = match written.map_err(Error::Store)?.value {
            Ok(vote) => vote,
            Err(Refused::Unknown) => return Err(Error::UnknownVote(id.to_string())),
            Err(Refused::Refused(why)) => return Err(Error::VoteRefused(why)),
        };
        if let Some(before) = before {
            ask::stop_runs(self, &before, actor).await;
        }
        Ok(vote)
    }
}
