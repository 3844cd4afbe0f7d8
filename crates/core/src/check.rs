//! The checks before and after a task (MISSION 2.2, 2.3; ADR 0034).
//!
//! Before an agent gets a task, [`before`] says whether it may begin; when an agent says that it is
//! done, [`after`] says whether `reported` may become `verified`. Each check has a name, a category
//! and a level; only `fail` and `critical` stop what was to follow. What is a fact is gathered by the
//! engine; here is only what follows from it.

mod after;
mod before;
#[cfg(test)]
mod tests;

pub use after::{After, LeaseFact, OutputFact, after, markers_in};
pub use before::{AgentFact, Before, DependsFact, RowFact, before};

use crate::span::Span;
use serde::{Deserialize, Serialize};

/// How bad it is; in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Pass,
    /// Somebody should know it; it stops nothing.
    Warning,
    /// It stops the task.
    Fail,
    /// It stops the task, and it is not the task's fault.
    Critical,
}

impl Level {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warning => "warning",
            Self::Fail => "fail",
            Self::Critical => "critical",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pass, Self::Warning, Self::Fail, Self::Critical]
            .into_iter()
            .find(|level| level.word() == word)
    }

    /// Whether nothing may follow.
    pub fn blocks(self) -> bool {
        self >= Self::Fail
    }
}

/// What a check is about (MISSION 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Files and folders.
    FileSystem,
    /// Whether what is stored can be read.
    DataIntegrity,
    /// Tasks that come first.
    Dependencies,
    /// Who may.
    Permissions,
    /// Disk, agents, tries.
    Resources,
    /// Whether what is stored fits together.
    Consistency,
    /// How good the outcome is.
    Quality,
    /// What could do harm.
    Security,
}

impl Category {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::FileSystem => "file_system",
            Self::DataIntegrity => "data_integrity",
            Self::Dependencies => "dependencies",
            Self::Permissions => "permissions",
            Self::Resources => "resources",
            Self::Consistency => "consistency",
            Self::Quality => "quality",
            Self::Security => "security",
        }
    }
}

/// When a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before an agent gets the task.
    Pre,
    /// When an agent says that it is done.
    Post,
}

impl Phase {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Post => "post",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pre, Self::Post].into_iter().find(|phase| phase.word() == word)
    }
}

/// A check of the configuration: a command, run where the task's outcome is (`checks:`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnCheck {
    /// When it is made.
    pub when: Phase,
    /// A line for the shell; it passes when it exits with 0.
    pub command: String,
    /// How bad it is when it does not.
    pub level: Level,
    /// How long it may take.
    pub timeout: Span,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name: `disk_space`; a check of the configuration has the name that it has there.
    pub check: String,
    /// What it is about.
    pub category: Category,
    /// How bad it is.
    pub level: Level,
    /// In one sentence.
    pub message: String,
}

impl Outcome {
    /// An outcome.
    pub fn new(check: &str, category: Category, level: Level, message: impl Into<String>) -> Self {
        Self { check: check.to_owned(), category, level, message: message.into() }
    }
}

/// The checks of one phase of one task, made at one time: what the log line of MISSION 2.3 has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Before or after.
    pub phase: Phase,
    /// The agent that was to have the task, or had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What each found, in the order of the lists.
    pub results: Vec<Outcome>,
}

impl Made {
    /// The worst that was found; a list of nothing passes.
    pub fn worst(&self) -> Level {
        worst(&self.results)
    }

    /// Whether nothing may follow.
    pub fn blocks(&self) -> bool {
        self.worst().blocks()
    }

    /// What stops it, in one sentence; nothing when nothing does.
    pub fn why(&self) -> Option<String> {
        let stops: Vec<String> = self
            .results
            .iter()
            .filter(|outcome| outcome.level.blocks())
            .map(|outcome| format!("{}: {}", outcome.check, outcome.message))
            .collect();
        (!stops.is_empty()).then(|| stops.join(" "))
    }
}

/// The worst level among outcomes.
pub fn worst(results: &[Outcome]) -> Level {
    results.iter().map(|outcome| outcome.level).max().unwrap_or(Level::Pass)
}
