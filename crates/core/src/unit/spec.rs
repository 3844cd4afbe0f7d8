//! What a unit is, resolved from configuration: nothing optional is left open.

use super::backoff::{Backoff, StartLimit};
use super::hook::Hooks;
use super::probe::Probes;
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
    /// Its process runs, or did its work and ended.
    Started,
    /// It runs and says that it is ready; without a readiness probe as `started`.
    Ready,
    /// It is ready, and its liveness probe passes.
    Healthy,
    /// It did its work and ended as programs end that are done.
    Completed,
}

impl Condition {
    /// The word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Healthy => "healthy",
            Self::Completed => "completed",
        }
    }
}

/// What kind of process it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Runs until it is stopped.
    #[default]
    Service,
    /// Does one piece of work and ends; code 0 fulfils `completed`.
    Oneshot,
}

/// What a unit that gives up means for others.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailed {
    /// Nothing.
    #[default]
    Ignore,
    /// What starts after it, directly or by others, is stopped, and waits until it runs again.
    StopDependents,
    /// The daemon goes down with all units.
    Shutdown,
}

/// What a unit may use. Nothing that is absent is limited.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of its whole tree in bytes; beyond it the tree is killed with reason `memory_limit`.
    pub memory: Option<u64>,
    /// Percent of one core, as an average over `CPU_WINDOW`; beyond it the tree is ended with
    /// reason `cpu_limit`.
    pub cpu: Option<f64>,
    /// Open files of each of its processes; the daemon's own original limit without it.
    pub open_files: Option<u64>,
    /// How long one life may last; then it is ended with reason `run_time`.
    pub run_time: Option<Span>,
}

impl Limits {
    /// The time over which CPU use is averaged before it counts.
    pub const CPU_WINDOW: Span = Span::from_secs(30);
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
    /// Exit codes that count as success; 0 always does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub success_codes: Vec<i32>,
    /// How many automatic starts may fall into a span of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_limit: Option<StartLimit>,
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
    /// Whether it goes on or does one piece of work.
    #[serde(default)]
    pub kind: Kind,
    /// Whom its processes belong to, `name` or `name:group`; the daemon's own user without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How it is asked whether it does its work.
    #[serde(default)]
    pub probes: Probes,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
    /// Commands that are run when something happens to it.
    #[serde(default)]
    pub hooks: Hooks,
    /// What others suffer when it gives up.
    #[serde(default)]
    pub on_failed: OnFailed,
}

impl UnitSpec {
    /// Whether a living process of `self` would differ from one of `other`, so that the change
    /// needs a restart. Restart policy, stop, dependencies, probes, hooks and the limits that are
    /// watched from outside apply to a living process as it is.
    pub fn process_differs(&self, other: &Self) -> bool {
        self.command != other.command
            || self.env != other.env
            || self.cwd != other.cwd
            || self.logs != other.logs
            || self.user != other.user
            || self.limits.open_files != other.limits.open_files
            || self.probes.notifies() != other.probes.notifies()
    }

    /// Whether the process ended as it should.
    pub fn is_success(&self, exit: &super::Exit) -> bool {
        let listed = exit.code.is_some_and(|code| self.restart.success_codes.contains(&code));
        exit.is_success() || (listed && exit.reason == "exited")
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
        note(self.kind != other.kind, "kind");
        note(self.user != other.user, "user");
        note(self.probes != other.probes, "probes");
        note(self.limits != other.limits, "limits");
        note(self.hooks != other.hooks, "hooks");
        note(self.on_failed != other.on_failed, "on_failed");
        fields
    }
}
