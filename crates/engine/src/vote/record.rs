//! Looking back: whether ballots are as they were cast, whether counting gives the same again, and
//! who was right how often.

use super::{ballots_of, from_row};
use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::id::VoteId;
use orkestra_core::vote::{Fault, Judged, Stats, Tally, Vote, Witness, faults, records, replay};
use orkestra_store::{Error as StoreError, Filter, Read, VotesIn};
use serde_json::Value;
use std::collections::BTreeMap;

/// Votes that are looked at in one go.
const PAGE: usize = 200;

/// Events of one vote that are looked at.
const EVENTS: usize = 5_000;

/// What looking through votes came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verified {
    /// Votes that were looked at.
    pub votes: usize,
    /// Ballots that were looked at.
    pub ballots: usize,
    /// What is not as it was written.
    pub faults: Vec<Fault>,
}

/// What counting again came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The vote.
    pub vote: Vote,
    /// Each round as it was kept, and as it is counted now.
    pub rounds: Vec<(Option<Tally>, Tally)>,
    /// Whether all are equal, and the outcome is that of the last.
    pub same: bool,
}

/// Runs of one side that ended, by how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// Verified.
    pub verified: u64,
    /// Refuted, failed.
    pub other: u64,
}

/// What one agent did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentRecord {
    /// Its work that was verified.
    pub verified: u64,
    /// Refuted.
    pub refuted: u64,
    /// Failed.
    pub failed: u64,
}

/// Votes and work, looked at over all time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VoteStats {
    /// Votes.
    pub votes: Stats,
    /// Work by agent.
    pub agents: BTreeMap<String, AgentRecord>,
    /// Work of one agent on its own.
    pub solo: Side,
    /// Work in sessions of several agents.
    pub team: Side,
}

/// The journal's memory of a vote: its first link, and its ballots.
fn witnesses(read: &dyn Read, id: VoteId) -> Result<(Option<String>, Vec<Witness>), StoreError> {
    let events = read.events(&Filter {
        kinds: vec!["vote.opened".to_owned(), "vote.cast".to_owned()],
        topic: Some("vote".to_owned()),
        subject: Some(id.to_string()),
        limit: EVENTS,
        ..Filter::default()
    })?;
    let mut opened = None;
    let mut cast = Vec::new();
    for event in events {
        let Some(body) = event.body else { continue };
        let hash = body.get("hash").and_then(Value::as_str).unwrap_or_default().to_owned();
        match event.kind.as_str() {
            "vote.opened" => opened = Some(hash),
            _ => {
                let number = body.get("number").and_then(Value::as_u64).unwrap_or_default();
                cast.push(Witness { number: u32::try_from(number).unwrap_or(0), hash });
            }
        }
    }
    Ok((opened, cast))
}

/// All votes, one after the other.
fn each(
    read: &dyn Read,
    mut look: impl FnMut(&dyn Read, Vote) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut before = None;
    loop {
        let rows = read.votes(VotesIn::All, PAGE, before)?;
        for row in &rows {
            look(read, from_row(row)?)?;
        }
        before = rows.last().map(|row| row.id);
        if rows.len() < PAGE {
            return Ok(());
        }
    }
}

fn counted_again(vote: Vote, read: &dyn Read) -> Result<Replayed, StoreError> {
    let ballots = ballots_of(read, vote.id)?;
    let mut rounds = Vec::new();
    for (index, kept) in vote.tallies.iter().enumerate() {
        let round = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let draw = kept.tie_break.as_ref().and_then(|broken| broken.draw);
        rounds.push((Some(kept.clone()), replay(&vote, &ballots, round, draw)));
    }
    let same = rounds.iter().all(|(kept, now)| kept.as_ref() == Some(now));
    let same = same
        && rounds.last().is_none_or(|(_, last)| {
            let by_rule = vote.decided.as_ref().filter(|decided| decided.by == "rule");
            let here = by_rule.filter(|decided| decided.vote.is_none());
            here.is_none_or(|decided| last.winner.as_ref() == Some(&decided.option))
        });
    Ok(Replayed { vote, rounds, same })
}

fn verify_one(read: &dyn Read, vote: Vote, into: &mut Verified) -> Result<(), StoreError> {
    let (opened, cast) = witnesses(read, vote.id)?;
    let ballots = match ballots_of(read, vote.id) {
        Ok(ballots) => ballots,
        Err(StoreError::Damaged { what }) => {
            into.votes += 1;
            into.faults.push(Fault { vote: vote.id, ballot: None, what });
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    into.votes += 1;
    into.ballots += ballots.len();
    into.faults.extend(faults(&vote, &ballots, opened.as_deref(), &cast));
    for row in read.ballots(vote.id)? {
        let same = ballots.iter().any(|one| {
            one.number == row.number
                && one.vote == row.vote
                && one.hash == row.hash
                && one.voter == row.voter
                && one.round == row.round
        });
        if !same {
            let what = format!("the row of the ballot of {} is not what it says", row.voter);
            into.faults.push(Fault { vote: vote.id, ballot: Some(row.number), what });
        }
    }
    let id = vote.id;
    if !counted_again(vote, read)?.same {
        let what = "counting its ballots again gives another outcome".to_owned();
        into.faults.push(Fault { vote: id, ballot: None, what });
    }
    Ok(())
}

impl Handle {
    /// Looks whether ballots, rules and outcomes are as they were written: of one vote or of all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn verify_votes(&self, one: Option<VoteId>) -> Result<Verified, Error> {
        let read = self.store.read(move |read| {
            let mut verified = Verified::default();
            match one {
                Some(id) => {
                    if let Some(row) = read.vote(id)? {
                        verify_one(read, from_row(&row)?, &mut verified)?;
                    }
                }
                None => each(read, |read, vote| verify_one(read, vote, &mut verified))?,
            }
            Ok(verified)
        });
        read.await.map_err(Error::Store)
    }

    /// Counts the kept ballots of a vote again.
    ///
    /// # Errors
    /// There is none, or the store cannot be read.
    pub async fn replay_vote(&self, id: VoteId) -> Result<Replayed, Error> {
        let vote = self.vote(id).await?;
        self.store.read(move |read| counted_again(vote, read)).await.map_err(Error::Store)
    }

    /// Who was right how often, and what came of working together.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn vote_stats(&self) -> Result<VoteStats, Error> {
        let read = self.store.read(|read| {
            let mut kept = Vec::new();
            each(read, |read, vote| {
                if vote.decided.is_some() {
                    let ballots = ballots_of(read, vote.id)?;
                    kept.push((vote, ballots));
                }
                Ok(())
            })?;
            let judged = kept.iter().map(|(vote, ballots)| Judged { vote, ballots });
            let mut stats = VoteStats { votes: records(judged), ..VoteStats::default() };
            for sum in read.work_sums()? {
                let record = stats.agents.entry(sum.agent).or_default();
                let side = if sum.in_team { &mut stats.team } else { &mut stats.solo };
                match sum.state.as_str() {
                    "verified" => {
                        record.verified += sum.count;
                        side.verified += sum.count;
                    }
                    "refuted" => {
                        record.refuted += sum.count;
                        side.other += sum.count;
                    }
                    _ => {
                        record.failed += sum.count;
                        side.other += sum.count;
                    }
                }
            }
            Ok(stats)
        });
        read.await.map_err(Error::Store)
    }
}
