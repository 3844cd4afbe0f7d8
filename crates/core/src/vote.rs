//! Votes: a question, options, voters and a rule that is written down before anybody votes
//! (MISSION 2.1, rows 103-111; ADR 0033).
//!
//! A vote has rounds. In each, every voter gives one ballot, which is never changed; a round ends
//! when all have, or at its deadline. After the last round the rule decides. A vote that failed
//! decides nothing: with three options or more the best two are voted on again, then a mediator
//! proposes a third way, then a person is asked. Those are votes of their own, linked to the first.
//!
//! An open question (`Form::Question`) has the same rounds and the same chain: first each answers
//! alone, then each reads all answers and refines, and at the end one of them makes one text of all.

mod ballot;
mod decide;
mod file;
mod prompt;
mod ranked;
mod record;
mod rule;
mod tally;
#[cfg(test)]
mod tests;
mod weighted;

pub use ballot::{Ballot, Fault, Says, Witness, faults, first_link};
pub use decide::{Moment, Move, Opening, Refusal, VoteInput, open, replay};
pub use file::{Election, FileError};
pub use prompt::{ETHICS, Given, Proposal, ask, mediate, read_ballot, read_proposal, synthesize};
pub use record::{Judged, Record, Stats, records};
pub use rule::{
    Method, Quorum, ROUNDS_MAX, Remedy, Rule, Share, ShareError, TieBreak, Weight, WeightError,
};
pub use tally::{
    Broken, Cast, Count, Eliminated, Elimination, LOTS, Outcome, RoundCount, Score, Tally,
};
pub use weighted::{Level, accuracy, domains, of_domain, of_record};

use crate::event::EventRef;
use crate::id::{RunId, SessionId, TaskId, VoteId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest question, detail, option or reason, in bytes.
pub const TEXT_MAX: usize = 16 * 1024;

/// Options of one vote.
pub const OPTIONS_MAX: usize = 50;

/// Voters of one vote.
pub const VOTERS_MAX: usize = 100;

/// What a vote is about (MISSION 2.1); any other word is possible too.
pub const KINDS: [&str; 9] = [
    "task_assignment",
    "execution_order",
    "dependency_resolution",
    "review",
    "conflict",
    "emergency",
    "decision",
    "planning",
    "approval",
];

/// What is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// One of the options.
    #[default]
    Options,
    /// An answer in words, in two passes and a synthesis.
    Question,
}

impl Form {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::Question => "question",
        }
    }
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What ballots name it by.
    pub id: String,
    /// What it is.
    pub text: String,
    /// Who proposed it, if not who opened the vote.
    #[serde(default)]
    pub proposed_by: Option<String>,
}

/// How a voter votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoterKind {
    /// An agent of the configuration: it is asked by a run.
    Agent,
    /// A person, by command or dashboard.
    Person,
    /// Somebody outside, whose ballot a person brings.
    External,
}

impl VoterKind {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Person => "person",
            Self::External => "external",
        }
    }
}

/// Who may vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter {
    /// The name.
    pub name: String,
    /// How.
    pub kind: VoterKind,
    /// How much its word counts, fixed when the vote is opened.
    pub weight: Weight,
    /// From where that is: `one`, `domain cloud`, `record`, `given`.
    pub weight_from: String,
}

/// Where a vote is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A round goes on.
    Open,
    /// A mediator looks for a third option, or one makes one text of all answers.
    Mediating,
    /// It is over.
    Closed,
}

impl State {
    /// The word in rows and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Mediating => "mediating",
            Self::Closed => "closed",
        }
    }
}

/// Why a vote was opened after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Between the best two.
    Runoff,
    /// With a mediator's option.
    Compromise,
    /// Asked anew by a person.
    Revote,
}

impl LinkKind {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Runoff => "runoff",
            Self::Compromise => "compromise",
            Self::Revote => "revote",
        }
    }
}

/// The vote before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which one.
    pub vote: VoteId,
    /// Why there is another.
    pub kind: LinkKind,
}

/// A voter who changed its mind from one round to the next (MISSION 2.1: `vote_changes`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Who.
    pub voter: String,
    /// In which round.
    pub round: u32,
    /// What it said before.
    pub from: String,
    /// What it says now.
    pub to: String,
}

/// A voter from whom no ballot will come in this round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// Who.
    pub voter: String,
    /// In which round.
    pub round: u32,
    /// Why, in one sentence.
    pub why: String,
}

/// What was decided, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The option.
    pub option: String,
    /// What it is.
    pub text: String,
    /// `rule`, or a person.
    pub by: String,
    /// Why, in one sentence.
    pub why: String,
    /// When (UTC).
    pub at: Timestamp,
    /// The vote in which it was decided, when that is a later one of the same question.
    #[serde(default)]
    pub vote: Option<VoteId>,
}

/// A person's judgement on what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whether it was right.
    pub right: bool,
    /// When it was wrong: what would have been right, if that is known.
    pub instead: Option<String>,
    /// Why, in words.
    pub why: Option<String>,
    /// Who says so.
    pub by: String,
    /// When (UTC).
    pub at: Timestamp,
}

/// What agents are told beside the question; gathered once, so that all have the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Lines of the project that have words of the question, 10 at most.
    pub found: Vec<String>,
    /// Related files.
    pub files: Vec<String>,
    /// The newest commits, 5 at most.
    pub commits: Vec<String>,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    /// Its id.
    pub id: VoteId,
    /// What is asked for.
    #[serde(default)]
    pub form: Form,
    /// The question.
    pub question: String,
    /// What else is to be known.
    pub detail: Option<String>,
    /// What it is about: one of [`KINDS`] or another word.
    pub kind: String,
    /// The field of knowledge that it needs: a row of the table of weights.
    pub domain: Option<String>,
    /// The options, in their order.
    pub options: Vec<Choice>,
    /// By which rule.
    pub rule: Rule,
    /// Who may vote.
    pub electorate: Vec<Voter>,
    /// Who gave the task, for the second tie-break: a voter's name.
    pub creator: Option<String>,
    /// The project in which agents look.
    pub target: Option<String>,
    /// The task that it is about.
    pub task: Option<TaskId>,
    /// The session that it is part of.
    pub session: Option<SessionId>,
    /// How long a round lasts at most, in milliseconds.
    pub deadline_ms: u64,
    /// Who mediates, or makes one text of all answers.
    pub mediator: Option<String>,
    /// What agents are told beside the question.
    #[serde(default)]
    pub context: Context,
    /// The vote before it.
    pub follows: Option<Link>,
    /// The vote after it.
    pub next: Option<VoteId>,
    /// Where it is.
    pub state: State,
    /// The round, from 1.
    pub round: u32,
    /// When the round began (UTC).
    pub round_at: Timestamp,
    /// When it ends at the latest (UTC).
    pub deadline: Timestamp,
    /// Ballots cast so far.
    pub cast: u32,
    /// The first link of the chain.
    pub first: String,
    /// The last.
    pub last: String,
    /// Who gives no ballot.
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// What each round came to.
    #[serde(default)]
    pub tallies: Vec<Tally>,
    /// Who changed its mind.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Why, in one sentence.
    #[serde(default)]
    pub why: Option<String>,
    /// What was decided; nothing when it failed.
    pub decided: Option<Decided>,
    /// What a person is asked, while one is.
    pub asks: Option<String>,
    /// How often a mediator was asked.
    #[serde(default)]
    pub mediations: u32,
    /// Of a question: the answer that was made of all.
    #[serde(default)]
    pub synthesis: Option<String>,
    /// A person's judgement.
    pub mark: Option<Mark>,
    /// Opening twice with one key opens one.
    pub request_key: Option<String>,
    /// Its newest event.
    pub latest: Option<EventRef>,
    /// Who opened it.
    pub opened_by: String,
    /// When (UTC).
    pub created_at: Timestamp,
    /// When it was over (UTC).
    pub closed_at: Option<Timestamp>,
}

impl Vote {
    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// The voter of this name.
    pub fn voter(&self, name: &str) -> Option<&Voter> {
        self.electorate.iter().find(|voter| voter.name == name)
    }

    /// The option of this id.
    pub fn option(&self, id: &str) -> Option<&Choice> {
        self.options.iter().find(|option| option.id == id)
    }

    /// The ids of the options.
    pub fn option_ids(&self) -> Vec<String> {
        self.options.iter().map(|option| option.id.clone()).collect()
    }

    /// Names and weights.
    pub fn weights(&self) -> Vec<(String, Weight)> {
        self.electorate.iter().map(|voter| (voter.name.clone(), voter.weight)).collect()
    }

    /// Who has neither voted in this round nor said that it will not.
    pub fn waits_for<'a>(&'a self, ballots: &'a [Ballot]) -> impl Iterator<Item = &'a Voter> {
        self.electorate.iter().filter(move |voter| {
            let voted =
                ballots.iter().any(|one| one.round == self.round && one.voter == voter.name);
            let absent =
                self.absent.iter().any(|one| one.round == self.round && one.voter == voter.name);
            !voted && !absent
        })
    }

    /// The key of the run by which an agent is asked in this round.
    pub fn run_key(&self, voter: &str) -> String {
        format!("vote:{}:{}:{voter}", self.id, self.round)
    }

    /// The key of the run by which a mediator is asked.
    pub fn mediation_key(&self) -> String {
        format!("vote:{}:mediation:{}", self.id, self.mediations)
    }

    /// What the run gives, for its marks.
    pub fn is_run_of(&self, run: Option<RunId>, ballots: &[Ballot]) -> bool {
        run.is_some() && ballots.iter().any(|ballot| ballot.run == run)
    }
}
