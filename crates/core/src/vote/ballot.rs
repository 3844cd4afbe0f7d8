//! Ballots: what a voter said, once, bound to everything before it by a chain of hashes.
//!
//! The first link is the vote as it was opened: question, options, rule, electorate with weights.
//! Each ballot's hash covers all of its content and the hash before. So a changed ballot, one that
//! was taken out or put in another place, and a changed rule are all found (MISSION row 109). What
//! is hashed is the same when it is cast and when it is looked at (defect B18).

use super::Vote;
use crate::id::{RunId, VoteId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What a ballot says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum Says {
    /// One option.
    Choice {
        /// Its id.
        option: String,
    },
    /// Options, the best first; those that are not named are below all that are.
    Ranking {
        /// Their ids.
        options: Vec<String>,
    },
    /// Present, but no choice.
    Abstain,
    /// No, for safety's sake: the vote fails, and a new proposal is needed.
    Veto,
    /// An answer to an open question.
    Answer {
        /// The answer, whole.
        text: String,
        /// What changed since the round before, in the voter's words.
        changed: Option<String>,
    },
}

impl Says {
    /// In one line for people.
    pub fn in_words(&self) -> String {
        match self {
            Self::Choice { option } => option.clone(),
            Self::Ranking { options } => options.join(" > "),
            Self::Abstain => "abstains".to_owned(),
            Self::Veto => "veto".to_owned(),
            Self::Answer { text, .. } => text.clone(),
        }
    }

    fn canonical(&self) -> Value {
        match self {
            Self::Choice { option } => json!(["choice", option]),
            Self::Ranking { options } => json!(["ranking", options]),
            Self::Abstain => json!(["abstain"]),
            Self::Veto => json!(["veto"]),
            Self::Answer { text, changed } => json!(["answer", text, changed]),
        }
    }
}

/// One ballot as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// In which vote.
    pub vote: VoteId,
    /// Its place in the vote's chain, from 1.
    pub number: u32,
    /// In which round.
    pub round: u32,
    /// Whose it is.
    pub voter: String,
    /// What it says.
    #[serde(flatten)]
    pub says: Says,
    /// Why, in the voter's words.
    pub reason: String,
    /// How sure the voter is, 0 to 100.
    pub confidence: Option<u8>,
    /// When (UTC).
    pub at: Timestamp,
    /// Who brought it: `person:cli`, `agent:NAME`.
    pub by: String,
    /// The run that gave it.
    pub run: Option<RunId>,
    /// The hash before it: of the ballot before, or of the vote.
    pub before: String,
    /// Its own hash, in hexadecimal digits.
    pub hash: String,
}

impl Ballot {
    /// The hash of what it says.
    pub fn own_hash(&self) -> String {
        digest(&json!([
            "orkestra ballot 1",
            self.vote,
            self.number,
            self.round,
            self.voter,
            self.says.canonical(),
            self.reason,
            self.confidence,
            self.at.as_microsecond(),
            self.by,
            self.run,
            self.before,
        ]))
    }

    /// The same with its hash.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.hash = self.own_hash();
        self
    }
}

fn digest(content: &Value) -> String {
    let bytes = Sha256::digest(content.to_string().as_bytes());
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first link of a vote's chain.
pub fn first_link(vote: &Vote) -> String {
    let rule = &vote.rule;
    let options: Vec<Value> =
        vote.options.iter().map(|one| json!([one.id, one.text, one.proposed_by])).collect();
    let voters: Vec<Value> = vote
        .electorate
        .iter()
        .map(|one| json!([one.name, one.kind.word(), one.weight.in_micros()]))
        .collect();
    let words = |words: Vec<&'static str>| words;
    digest(&json!([
        "orkestra vote 1",
        vote.id,
        vote.form.word(),
        vote.question,
        vote.detail,
        vote.kind,
        vote.domain,
        options,
        [
            json!(rule.method.word()),
            json!(rule.threshold),
            json!(rule.quorum),
            json!(words(rule.tie_break.iter().map(|one| one.word()).collect())),
            json!(words(rule.on_deadlock.iter().map(|one| one.word()).collect())),
            json!(rule.rounds),
            json!(rule.security),
        ],
        voters,
        vote.creator,
        vote.deadline_ms,
        vote.follows.as_ref().map(|link| (link.vote, link.kind.word())),
    ]))
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The vote.
    pub vote: VoteId,
    /// The ballot's place in the chain; nothing when it is about the vote itself.
    pub ballot: Option<u32>,
    /// What is wrong, in one sentence.
    pub what: String,
}

/// What the journal remembers of a ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its place in the chain.
    pub number: u32,
    /// Its hash when it was cast.
    pub hash: String,
}

/// Looks through the chain of one vote. `opened` is the first link as the journal remembers it,
/// `cast` its ballots; both empty when the journal has them no more.
pub fn faults(
    vote: &Vote,
    ballots: &[Ballot],
    opened: Option<&str>,
    cast: &[Witness],
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut tell = |ballot: Option<u32>, what: String| {
        faults.push(Fault { vote: vote.id, ballot, what });
    };
    let first = first_link(vote);
    if first != vote.first || opened.is_some_and(|opened| opened != first) {
        tell(None, "its question, options, rule or voters are not those it was opened with".into());
    }
    let mut before = vote.first.as_str();
    let mut expected = 1_u32;
    for ballot in ballots {
        let place = Some(ballot.number);
        if ballot.number != expected {
            tell(place, format!("ballot {expected} is missing or stands elsewhere"));
        }
        expected = ballot.number.saturating_add(1);
        if ballot.own_hash() != ballot.hash {
            tell(place, format!("the ballot of {} was changed", ballot.voter));
        } else if ballot.before != before {
            tell(
                place,
                format!("the ballot of {} does not follow the one before it", ballot.voter),
            );
        }
        if let Some(seen) = cast.iter().find(|seen| seen.number == ballot.number)
            && seen.hash != ballot.hash
        {
            tell(place, format!("the ballot of {} is not the one that was cast", ballot.voter));
        }
        before = &ballot.hash;
    }
    if u32::try_from(ballots.len()).ok() != Some(vote.cast) || before != vote.last {
        tell(None, format!("{} ballots were cast, and it does not end with the last", vote.cast));
    }
    for seen in cast {
        if !ballots.iter().any(|ballot| ballot.number == seen.number) {
            tell(Some(seen.number), "a ballot that was cast is missing".into());
        }
    }
    faults
}
