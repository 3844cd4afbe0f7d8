//! Attempts: the lives of a run's agent, what ended each, and what the next one does otherwise.

use crate::agent::{Ended, Usage};
use crate::id::InstanceId;
use crate::unit::Exit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why an attempt was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "begun", rename_all = "snake_case")]
pub enum Begun {
    /// The run's first.
    First,
    /// Somebody let it go on: a person, or the answer to a question.
    Resumed,
    /// It was told more (`Run::instructions`).
    Instructed,
    /// The one before met a known trouble, and this one is started with a change.
    Recovered {
        /// The pattern that was recognised (MISSION 1.7).
        pattern: String,
    },
    /// The one before broke off without fault of its own.
    Retried {
        /// What broke it off.
        fault: Fault,
    },
}

impl Begun {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Resumed => "resumed",
            Self::Instructed => "instructed",
            Self::Recovered { .. } => "recovered",
            Self::Retried { .. } => "retried",
        }
    }
}

/// What kind of trouble ended an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The vendor wants it to wait (HTTP 429).
    RateLimit,
    /// The vendor cannot answer now (HTTP 5xx, 529).
    Unavailable,
    /// The connection or the agent's process broke off.
    Broken,
    /// No word after a tool's result for too long.
    Stalled,
    /// A permission was missing that a change of the launch may give.
    Permission,
    /// The vendor's program does not know the conversation any more.
    SessionLost,
    /// Not logged in, or the key was refused.
    Login,
    /// A quota or credit is used up: waiting does not help.
    Quota,
    /// Something that only a person can mend.
    Other,
}

impl Fault {
    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Unavailable => "unavailable",
            Self::Broken => "broken",
            Self::Stalled => "stalled",
            Self::Permission => "permission",
            Self::SessionLost => "session_lost",
            Self::Login => "login",
            Self::Quota => "quota",
            Self::Other => "other",
        }
    }
}

/// What is changed about the next launch; changes add up over a run's attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Folders beside the worktree in which the agent may work too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_dirs: Vec<String>,
    /// Whether the vendor is told that the folder is trusted.
    #[serde(default)]
    pub skip_trust: bool,
    /// Paths that are made writable for their owner before the launch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chmod: Vec<String>,
}

impl Changes {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        let more = |list: &mut Vec<String>, new: &[String]| {
            for item in new {
                if !list.contains(item) {
                    list.push(item.clone());
                }
            }
        };
        more(&mut self.add_dirs, &other.add_dirs);
        more(&mut self.chmod, &other.chmod);
        self.skip_trust |= other.skip_trust;
    }
}

/// What ended an attempt, as the adapter of its vendor understood it, and what may help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Its kind.
    pub fault: Fault,
    /// The pattern that was recognised, for people: `codex: not inside a trusted directory`.
    pub pattern: String,
    /// The vendor's own words, shortened.
    pub words: String,
    /// The vendor's wish how long to wait, in milliseconds.
    #[serde(default)]
    pub after_ms: Option<u64>,
    /// What to change; `None` when no change is known to help.
    #[serde(default)]
    pub changes: Option<Changes>,
}

/// One life of a run's agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1; its raw stream lies in the folder of this name.
    pub number: u32,
    /// The life itself.
    pub instance: InstanceId,
    /// Why it was begun.
    #[serde(flatten)]
    pub begun: Begun,
    /// The vendor's id of the conversation: handed over, or told by the agent.
    pub session_id: String,
    /// Whether the vendor is asked to go on with `session_id`.
    pub resume: bool,
    /// What is said to the agent in place of the run's prompt.
    pub say: Option<String>,
    /// When it was decided (UTC).
    pub created_at: Timestamp,
    /// When its process started.
    pub started_at: Option<Timestamp>,
    /// When its process had ended.
    pub ended_at: Option<Timestamp>,
    /// Events committed from its stream.
    pub events: u64,
    /// Tokens of all classes that it used.
    #[serde(default)]
    pub tokens: u64,
    /// The same by class, one for each model.
    #[serde(default)]
    pub usage: Vec<Usage>,
    /// For one that goes on with a conversation: what earlier attempts reported of it, one for each
    /// model. Some vendors count from the start of a conversation.
    #[serde(default)]
    pub used_before: Vec<Usage>,
    /// The agent's own last word.
    pub ended: Option<Ended>,
    /// How its process ended.
    pub exit: Option<Exit>,
    /// What went wrong, if that was recognised.
    pub trouble: Option<Trouble>,
}

/// How often a run may be helped before a person is asked or it fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// Relaunches with a change (MISSION 1.7: three, the next failure asks).
    #[serde(default)]
    pub relaunches: u32,
    /// Repetitions after the vendor or the connection failed.
    #[serde(default)]
    pub faults: u32,
    /// Waits because the vendor was asked too often.
    #[serde(default)]
    pub waits: u32,
}

/// The attempt that is begun when a suspended run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// Why.
    #[serde(flatten)]
    pub begun: Begun,
    /// Whether the conversation is gone on with.
    pub resume: bool,
}
