//! Events: the immutable lines of the journal (DESIGN: the journal and the store).

use crate::id::{EventId, NodeId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a thing in the journal is about; the first half of an event's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The daemon itself.
    Daemon,
    /// A supervised process.
    Unit,
    /// An agent's attempt at work.
    Run,
    /// Something done on a timetable.
    Job,
    /// The journal and the store.
    Journal,
    /// What somebody should hear of.
    Alert,
    /// Something done in the outer world.
    Effect,
    /// An agent as such: held back, let go on.
    Agent,
    /// What may be spent.
    Budget,
    /// An issue of a tracker.
    Issue,
    /// A question to a person: may this be done?
    Approval,
    /// What is allowed, asked and denied.
    Gate,
    /// A piece of agent work.
    Task,
    /// One goal for several agents.
    Session,
    /// Somebody else's verdict on a piece of work.
    Review,
    /// A question that is decided by a rule.
    Vote,
    /// A name under which sessions are begun.
    Project,
    /// Work that is put into a branch.
    Merge,
}

impl Topic {
    /// The word used in rows, addresses and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Unit => "unit",
            Self::Run => "run",
            Self::Job => "job",
            Self::Journal => "journal",
            Self::Alert => "alert",
            Self::Effect => "effect",
            Self::Agent => "agent",
            Self::Budget => "budget",
            Self::Issue => "issue",
            Self::Approval => "approval",
            Self::Gate => "gate",
            Self::Task => "task",
            Self::Session => "session",
            Self::Review => "review",
            Self::Vote => "vote",
            Self::Project => "project",
            Self::Merge => "merge",
        }
    }

    /// Reads the word back; `None` for a topic this version does not know.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Daemon,
            Self::Unit,
            Self::Run,
            Self::Job,
            Self::Journal,
            Self::Alert,
            Self::Effect,
            Self::Agent,
            Self::Budget,
            Self::Issue,
            Self::Approval,
            Self::Gate,
            Self::Task,
            Self::Session,
            Self::Review,
            Self::Vote,
            Self::Project,
            Self::Merge,
        ]
        .into_iter()
        .find(|topic| topic.as_str() == text)
    }
}

/// Where an event stands in its causal chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// The event.
    pub id: EventId,
    /// The first event of its chain.
    pub chain: EventId,
    /// Its depth in the chain; the first event has 0.
    pub hop: u32,
}

/// What led to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Nothing in the journal: a person, the clock or the outer world began a new chain.
    Root,
    /// An event committed earlier.
    Event(EventRef),
    /// The event at this place of the same list of drafts; it must stand before this one.
    Earlier(usize),
}

/// An event before it has a place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// `topic.verb` in the past tense, for example `unit.exited`.
    pub kind: String,
    /// Version of the body's shape for this kind.
    pub version: u16,
    /// What it is about.
    pub topic: Topic,
    /// Which one it is about: a unit's name, a run's id.
    pub subject: String,
    /// Who did it: `person:cli`, `person:dashboard`, `daemon`, `config`, `agent:NAME`.
    pub actor: String,
    /// What led to it.
    pub cause: Cause,
    /// What happened, as a JSON object.
    pub body: Value,
}

impl Draft {
    /// An event of version 1 with no cause.
    pub fn new(kind: &str, topic: Topic, subject: &str, actor: &str, body: Value) -> Self {
        Self {
            kind: kind.to_owned(),
            version: 1,
            topic,
            subject: subject.to_owned(),
            actor: actor.to_owned(),
            cause: Cause::Root,
            body,
        }
    }

    /// The same event with a cause.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }
}

/// A committed event as readers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Place in the journal: without gaps, growing by one.
    pub seq: u64,
    /// Identity; also unique over nodes.
    pub id: EventId,
    /// The machine that wrote it.
    pub node: NodeId,
    /// When it was committed (UTC).
    pub at: Timestamp,
    /// `topic.verb` in the past tense.
    pub kind: String,
    /// Version of the body's shape.
    pub version: u16,
    /// The topic's word, kept as text so that events of later versions can be shown.
    pub topic: String,
    /// Which one it is about.
    pub subject: String,
    /// Who did it.
    pub actor: String,
    /// The event that led to it.
    pub cause: Option<EventId>,
    /// The first event of the chain (itself for a root).
    pub chain: EventId,
    /// Depth in the chain.
    pub hop: u32,
    /// The body; `None` when it was erased.
    pub body: Option<Value>,
}

impl Event {
    /// Its place in its causal chain.
    pub fn reference(&self) -> EventRef {
        EventRef { id: self.id, chain: self.chain, hop: self.hop }
    }
}

/// A reader's place on the wire: `EPOCH-SEQ`. A restore raises the epoch, and a cursor of an
/// earlier epoch is answered with `reset` (DESIGN: backup and restore).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The life of this database between two restores.
    pub epoch: u64,
    /// The last event seen; 0 before the first.
    pub seq: u64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || CursorError(text.chars().take(40).collect());
        let (epoch, seq) = text.split_once('-').ok_or_else(error)?;
        match (epoch.parse(), seq.parse()) {
            (Ok(epoch), Ok(seq)) => Ok(Self { epoch, seq }),
            (Err(_), _) | (_, Err(_)) => Err(error()),
        }
    }
}

/// A cursor that is not `EPOCH-SEQ`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cursor; expected EPOCH-SEQ, for example 1-42")]
pub struct CursorError(String);
