//! Reviews: what others say of an agent's work, and what follows from it (MISSION 1.1-1.3, 2.6; ADR
//! 0032).
//!
//! A review is opened by something that happened, never by words in a text. Somebody who is not the
//! author is asked; each answer is read by its structure; when all have answered, or the time is over,
//! four rules decide. Work goes on by itself only when everybody who was asked approved it.

mod decide;
mod policy;
mod request;
mod rotation;
#[cfg(test)]
mod tests;
mod verdict;

pub use decide::{Ctx, Outcome, ReviewInput, Turned, open};
pub use policy::{Action, Decision, decide};
pub use request::{DIFF_BYTES_MAX, Facts, compose, concern, earlier_line, issue_line, send_back};
pub use rotation::{Candidate, choose};
pub use verdict::{FORM, Issue, Opinion, Severity, parse};

use crate::event::EventRef;
use crate::id::{ReviewId, RunId, SessionId, TaskId};
use crate::span::Span;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a reviewer thinks (MISSION 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may go on as it is.
    Approved,
    /// Something must be mended first.
    Concerns,
    /// It must not go on.
    Blocker,
}

impl Verdict {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Concerns => "concerns",
            Self::Blocker => "blocker",
        }
    }
}

/// What opens a review (MISSION 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The work of a task was reported as done.
    Reported,
    /// The author told of a milestone.
    Milestone,
    /// The author told of something that blocks it.
    Blocker,
    /// The author asked for a review.
    Request,
    /// A person asked for one.
    Person,
    /// Nothing was heard of the author for long.
    Silence,
    /// An earlier review had a concern, or no verdict.
    Again,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Reported,
        Self::Milestone,
        Self::Blocker,
        Self::Request,
        Self::Person,
        Self::Silence,
        Self::Again,
    ];

    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Milestone => "milestone",
            Self::Blocker => "blocker",
            Self::Request => "request",
            Self::Person => "person",
            Self::Silence => "silence",
            Self::Again => "again",
        }
    }

    /// The kind of review that an event of a run opens; nothing for all others, whatever they say.
    pub fn of_event(kind: &str) -> Option<Self> {
        match kind {
            "run.milestone" => Some(Self::Milestone),
            "run.blocker" => Some(Self::Blocker),
            "run.review_request" => Some(Self::Request),
            _ => None,
        }
    }
}

/// What opened a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its kind.
    pub kind: Kind,
    /// What the author said of a blocker or of what it wants looked at; its praise is not kept.
    #[serde(default)]
    pub text: Option<String>,
    /// Who or what it was: `agent:NAME`, `person:cli`, `daemon`.
    pub by: String,
}

/// Where a review is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Reviewers are asked.
    Open,
    /// It is decided that the author gets the concern; it has not got it yet.
    HandingBack,
    /// It is decided that the author is halted; it may not be halted yet.
    Halting,
    /// It is decided, and its work is reviewed again at `due_at` unless that happens before.
    Watching,
    /// A person has to decide.
    NeedsPerson,
    /// Nothing more comes of it.
    Closed,
}

impl ReviewState {
    /// The words of the states in which something is still to be done.
    pub const UNDER_WAY: [&'static str; 5] =
        ["open", "handing_back", "halting", "watching", "needs_person"];

    /// The word in rows and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::HandingBack => "handing_back",
            Self::Halting => "halting",
            Self::Watching => "watching",
            Self::NeedsPerson => "needs_person",
            Self::Closed => "closed",
        }
    }
}

/// Somebody who is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The agent.
    pub reviewer: String,
    /// Its run, once it was begun.
    #[serde(default)]
    pub run: Option<RunId>,
    /// When it was asked (UTC).
    pub asked_at: Timestamp,
    /// When it answered, or its time was over.
    #[serde(default)]
    pub answered_at: Option<Timestamp>,
    /// What it said.
    #[serde(default)]
    pub opinion: Option<Opinion>,
    /// Why there is no verdict of it.
    #[serde(default)]
    pub missing: Option<String>,
    /// Why its first answer was given back to it.
    #[serde(default)]
    pub sent_back: Option<String>,
}

impl Seat {
    /// Whether nothing more is expected of it.
    pub fn is_settled(&self) -> bool {
        self.opinion.is_some() || self.missing.is_some()
    }
}

/// What a person said about a review that was put before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonsWord {
    /// What.
    pub answer: PersonsAnswer,
    /// In its own words.
    #[serde(default)]
    pub note: Option<String>,
    /// Who.
    pub by: String,
    /// When (UTC).
    pub at: Timestamp,
}

/// What a person may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonsAnswer {
    /// The work is taken as it is.
    Approve,
    /// The author gets what was found, and the person's note.
    Concern,
    /// The work is given up.
    Stop,
}

impl PersonsAnswer {
    /// The word in commands and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Concern => "concern",
            Self::Stop => "stop",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Approve, Self::Concern, Self::Stop].into_iter().find(|known| known.word() == word)
    }
}

/// What others say of an agent's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// Its number within its session, or within its run when that belongs to none; from 1.
    pub number: u32,
    /// What opened it; the same key is the same review.
    pub key: String,
    /// What opened it.
    pub trigger: Trigger,
    /// The author's run.
    pub run: RunId,
    /// The author.
    pub author: String,
    /// The attempt of the author's run that is judged.
    pub attempt: u32,
    /// The task whose work it is.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// The session of that task.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// Whether an approval ends the task: it was reported as done when this was opened.
    #[serde(default)]
    pub decides: bool,
    /// Which round it is, from 1: one more than the warnings before it.
    pub round: u32,
    /// At what the reviewer shall look above all.
    #[serde(default)]
    pub focus: Option<String>,
    /// So many words at most (MISSION 1.1: 200).
    pub max_words: usize,
    /// How many are asked.
    pub wanted: u32,
    /// Where it is.
    pub state: ReviewState,
    /// In one sentence for people.
    pub why: String,
    /// Who is asked.
    #[serde(default)]
    pub seats: Vec<Seat>,
    /// Who does not answer by then gave no verdict (UTC).
    pub deadline: Timestamp,
    /// When something is to be done that time alone brings (UTC).
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// What was decided, the newest last: by the rules, then by a person.
    #[serde(default)]
    pub decisions: Vec<Decision>,
    /// What a person said.
    #[serde(default)]
    pub person: Option<PersonsWord>,
    /// What the author is told, once that is decided.
    #[serde(default)]
    pub instruction: Option<String>,
    /// When it was opened (UTC).
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Its newest event, as cause of what follows.
    #[serde(default)]
    pub latest: Option<EventRef>,
}

impl Review {
    /// Who answered, with what it said.
    pub fn opinions(&self) -> impl Iterator<Item = (&str, &Opinion)> {
        self.seats.iter().filter_map(|seat| {
            seat.opinion.as_ref().map(|opinion| (seat.reviewer.as_str(), opinion))
        })
    }

    /// What was decided last.
    pub fn decision(&self) -> Option<&Decision> {
        self.decisions.last()
    }

    /// The name of its file: `review_001.json`.
    pub fn file_name(&self) -> String {
        format!("review_{:03}.json", self.number)
    }

    /// With what key the author is told of it: once, however often it is tried.
    pub fn instruction_key(&self) -> String {
        format!("review:{}:{}", self.id, self.decisions.len())
    }

    /// With what key a reviewer's run is begun.
    pub fn run_key(&self, seat: usize) -> String {
        format!("review:{}:{seat}", self.id)
    }

    /// With what key a reviewer gets its answer back.
    pub fn send_back_key(&self, seat: usize) -> String {
        format!("review:{}:{seat}:again", self.id)
    }

    /// Whether reviewers are still awaited.
    pub fn is_open(&self) -> bool {
        self.state == ReviewState::Open
    }

    /// The verdict of all in one word: the worst that was given, `no_verdict` when one is missing
    /// and no other stops it, nothing while it is open.
    pub fn verdict_word(&self) -> Option<&'static str> {
        let has = |verdict| self.opinions().any(|(_, opinion)| opinion.verdict == verdict);
        if has(Verdict::Blocker) {
            return Some("blocker");
        }
        if has(Verdict::Concerns) {
            return Some("concerns");
        }
        match self.decisions.is_empty() {
            true => None,
            false if !self.seats.is_empty() && self.seats.iter().all(|s| s.opinion.is_some()) => {
                Some("approved")
            }
            false => Some("no_verdict"),
        }
    }
}

/// What the configuration says about reviews (`reviews:`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How long reviewers may take.
    pub deadline: Span,
    /// When work is reviewed again that had a concern (MISSION 1.2: 10 min).
    pub again_after: Span,
    /// Silence that opens a review (MISSION 1.3: 15 min).
    pub silence: Span,
    /// Between two reviews of one run by the same kind of its agent's events.
    pub gap: Span,
    /// Rounds after which a person decides.
    pub rounds: u32,
    /// How many are asked.
    pub reviewers: u32,
    /// Words that a review may have (MISSION 1.1: 200).
    pub max_words: u32,
    /// What opens reviews by itself.
    pub triggers: Vec<Kind>,
}

impl Rules {
    /// What opens reviews by itself, unless the configuration says otherwise: all but what is asked for.
    pub const TRIGGERS: [Kind; 5] =
        [Kind::Reported, Kind::Milestone, Kind::Blocker, Kind::Request, Kind::Silence];
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            deadline: Span::from_secs(600),
            again_after: Span::from_secs(600),
            silence: Span::from_secs(900),
            gap: Span::from_secs(120),
            rounds: 3,
            reviewers: 1,
            max_words: 200,
            triggers: Self::TRIGGERS.to_vec(),
        }
    }
}
