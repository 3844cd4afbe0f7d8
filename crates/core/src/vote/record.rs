//! Who was right how often: from votes that a person marked, and from runs that were checked.

use super::ballot::{Ballot, Says};
use super::weighted::{accuracy, of_record};
use super::{Vote, Weight};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One voter's record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Ballots with a choice in votes that were decided.
    pub votes: u64,
    /// Of those that were marked: it chose what was right.
    pub right: u64,
    /// It chose what was wrong.
    pub wrong: u64,
    /// It took part without a choice.
    pub abstained: u64,
}

impl Record {
    /// How often it was right, smoothed; see [`accuracy`].
    pub fn accuracy(&self) -> f64 {
        accuracy(self.right, self.wrong)
    }

    /// The weight that this record gives.
    pub fn weight(&self) -> Weight {
        of_record(self.right, self.wrong)
    }
}

/// A vote that was over, with the ballots of its last round.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The vote.
    pub vote: &'a Vote,
    /// Its ballots.
    pub ballots: &'a [Ballot],
}

/// What votes came to, and how that compares with asking one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// By voter.
    pub voters: BTreeMap<String, Record>,
    /// Votes that decided something.
    pub decided: u64,
    /// Of those, marked right.
    pub right: u64,
    /// Of those, marked wrong.
    pub wrong: u64,
    /// The voter that would have been right most often in the votes that were marked and in which
    /// it chose; the one with more judgements of equals.
    pub best: Option<String>,
}

/// Records of all voters, from votes that are over.
pub fn records<'a>(votes: impl Iterator<Item = Judged<'a>>) -> Stats {
    let mut stats = Stats::default();
    for Judged { vote, ballots } in votes {
        let Some(decided) = vote.decided.as_ref().filter(|decided| decided.vote.is_none()) else {
            continue;
        };
        stats.decided += 1;
        match &vote.mark {
            Some(mark) if mark.right => stats.right += 1,
            Some(_) => stats.wrong += 1,
            None => {}
        }
        for ballot in ballots.iter().filter(|ballot| ballot.round == vote.round) {
            let record = stats.voters.entry(ballot.voter.clone()).or_default();
            let chosen = match &ballot.says {
                Says::Choice { option } => Some(option),
                Says::Ranking { options } => options.first(),
                Says::Abstain | Says::Veto | Says::Answer { .. } => None,
            };
            let Some(chosen) = chosen else {
                record.abstained += 1;
                continue;
            };
            record.votes += 1;
            let Some(mark) = &vote.mark else { continue };
            let was_right = match (mark.right, &mark.instead) {
                (true, _) => Some(*chosen == decided.option),
                (false, Some(instead)) => Some(chosen == instead),
                (false, None) if *chosen == decided.option => Some(false),
                // With two options the other one was right; of several nobody knows which.
                (false, None) => (vote.options.len() == 2).then_some(true),
            };
            match was_right {
                Some(true) => record.right += 1,
                Some(false) => record.wrong += 1,
                None => {}
            }
        }
    }
    stats.best = stats
        .voters
        .iter()
        .filter(|(_, record)| record.right + record.wrong > 0)
        .max_by(|(a_name, a), (b_name, b)| {
            let (a_all, b_all) = (a.right + a.wrong, b.right + b.wrong);
            (a.right * b_all)
                .cmp(&(b.right * a_all))
                .then(a_all.cmp(&b_all))
                .then(b_name.cmp(a_name))
        })
        .map(|(name, _)| name.clone());
    stats
}
