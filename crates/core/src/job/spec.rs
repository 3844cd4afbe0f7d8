//! What a job is, resolved from configuration: nothing optional is left open.

use super::schedule::Schedule;
use crate::span::Span;
use crate::unit::spec::UnitName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A job's name: 1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit, as for
/// units. Its log folder is `job@NAME`, which no unit's can be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JobName(UnitName);

impl JobName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The names among these that a person may have meant.
    pub fn similar<'a>(&self, known: impl Iterator<Item = &'a Self>) -> Vec<Self> {
        let names = crate::unit::similar(&self.0, known.map(|known| &known.0));
        names.into_iter().map(Self).collect()
    }

    /// The name of the folder below `logs/` where its output is kept.
    pub fn log_folder(&self) -> String {
        format!("job@{}", self.0)
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::borrow::Borrow<str> for JobName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// A text that is no job name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a job name; use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"
)]
pub struct JobNameError(String);

impl FromStr for JobName {
    type Err = JobNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |_| JobNameError(text.chars().take(80).collect());
        text.parse().map(Self).map_err(error)
    }
}

impl<'de> Deserialize<'de> for JobName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What the daemon itself can do on a timetable: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builtin {
    /// Looks whether all is well.
    Health,
    /// Removes what is older than it is kept.
    Prune,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Health, Self::Prune];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Prune => "prune",
        }
    }
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Runs a program to its end.
    Command {
        /// Program and arguments; never empty.
        command: Vec<String>,
        /// Variables set on top of the daemon's own environment.
        env: BTreeMap<String, String>,
        /// Absolute working directory.
        cwd: String,
    },
    /// Asks an agent.
    Run {
        /// What is asked.
        prompt: String,
        /// Which agent; the first that can be started when none is named.
        agent: Option<String>,
        /// The repository, absolute.
        target: String,
    },
    /// Something of the daemon's own.
    Builtin {
        /// Which.
        builtin: Builtin,
    },
}

impl Action {
    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Run { .. } => "run",
            Self::Builtin { .. } => "builtin",
        }
    }
}

/// What happens when its time comes while it still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// That time is left out.
    Skip,
    /// One more follows when it has ended.
    Queue,
    /// The old one is ended and a new one begins.
    Restart,
}

/// What happens to times that passed while nothing could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// However many they were, it runs once.
    Once,
    /// They are left out.
    Skip,
}

/// How often it is tried again when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// At most so often.
    pub times: u32,
    /// After so long.
    pub wait: Span,
}

impl Retry {
    /// Not at all.
    pub const NONE: Self = Self { times: 0, wait: Span::from_secs(30) };
}

/// A job, fully resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// When.
    pub schedule: Schedule,
    /// Up to this share of the period it begins later, by chance.
    pub jitter: f64,
    /// What.
    pub action: Action,
    /// What happens when its time comes while it still runs.
    pub overlap: Overlap,
    /// What happens to times that passed while nothing could run.
    pub missed: Missed,
    /// How long it may take.
    pub timeout: Option<Span>,
    /// How it is tried again.
    pub retry: Retry,
    /// Whether it also runs when it is new and when the daemon starts.
    pub immediate: bool,
    /// Whether it keeps its schedule unless a person says otherwise.
    pub enabled: bool,
}

/// The largest jitter: beyond it, one due time could overtake the next.
pub const JITTER_MAX: f64 = 0.5;

impl JobSpec {
    /// The names of the fields that differ, for the journal.
    pub fn changed_fields(&self, other: &Self) -> Vec<&'static str> {
        [
            ("schedule", self.schedule != other.schedule),
            ("jitter", self.jitter != other.jitter),
            ("action", self.action != other.action),
            ("overlap", self.overlap != other.overlap),
            ("missed", self.missed != other.missed),
            ("timeout", self.timeout != other.timeout),
            ("retry", self.retry != other.retry),
            ("immediate", self.immediate != other.immediate),
            ("enabled", self.enabled != other.enabled),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}
