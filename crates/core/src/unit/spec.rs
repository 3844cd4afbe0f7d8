//! What a unit is, resolved from configuration: nothing optional is left open.

use super::backoff::Backoff;
use crate::signal::Signal;
use crate::span::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A unit's name: 1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit.
/// It is also the name of its log folder, hence the narrow alphabet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UnitName(String);

impl UnitName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for UnitName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A text that is no unit name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a unit name; use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"
)]
pub struct UnitNameError(String);

impl FromStr for UnitName {
    type Err = UnitNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ok = !text.is_empty()
            && text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(UnitNameError(text.chars().take(80).collect()))
        }
    }
}

impl<'de> Deserialize<'de> for UnitName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// When a dependency is fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its process runs.
    Started,
}

/// Which exits are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Every exit.
    Always,
    /// An exit code other than 0, a signal, a failed start.
    OnFailure,
    /// None.
    Never,
}

/// The restart policy with its profile resolved (DESIGN: units).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// Which exits count.
    pub policy: Policy,
    /// The profile the figures came from, for people.
    pub profile: String,
    /// How long to wait.
    pub backoff: Backoff,
}

/// How a unit is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// The first signal, to the leader's process group.
    pub signal: Signal,
    /// How long the tree may take before it is killed.
    pub grace: Span,
}

/// What happens to output when the disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FullDisk {
    /// The unit waits in its write until there is room: nothing is lost.
    Block,
    /// Lines are dropped and counted; the unit goes on.
    Drop,
}

/// How a unit's output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Bytes per file before the next one is begun.
    pub max_bytes: u64,
    /// How many files are kept.
    pub keep: u32,
    /// On a full disk.
    pub full: FullDisk,
}

/// A unit, fully resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitSpec {
    /// Program and arguments; never empty.
    pub command: Vec<String>,
    /// Variables set on top of the daemon's own environment.
    pub env: BTreeMap<String, String>,
    /// Absolute working directory.
    pub cwd: String,
    /// Whether it runs unless a person says otherwise.
    pub enabled: bool,
    /// What must be so before it starts.
    pub after: BTreeMap<UnitName, Condition>,
    /// When and how soon it is restarted.
    pub restart: Restart,
    /// How it is ended.
    pub stop: Stop,
    /// How its output is kept.
    pub logs: Logs,
}

impl UnitSpec {
    /// Whether a living process of `self` would differ from one of `other`, so that the change
    /// needs a restart. Restart policy, stop and dependencies apply to a living process as it is.
    pub fn process_differs(&self, other: &Self) -> bool {
        self.command != other.command
            || self.env != other.env
            || self.cwd != other.cwd
            || self.logs != other.logs
    }

    /// The names of the fields that differ, for the journal.
    pub fn changed_fields(&self, other: &Self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        let mut note = |differs: bool, name| {
            if differs {
                fields.push(name);
            }
        };
        note(self.command != other.command, "command");
        note(self.env != other.env, "env");
        note(self.cwd != other.cwd, "cwd");
        note(self.enabled != other.enabled, "enabled");
        note(self.after != other.after, "after");
        note(self.restart != other.restart, "restart");
        note(self.stop != other.stop, "stop");
        note(self.logs != other.logs, "logs");
        fields
    }
}
