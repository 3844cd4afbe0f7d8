//! What a run may use, and for how long it may be silent (MISSION 1.1, 1.3).

use serde::{Deserialize, Serialize};
use std::fmt;

/// How long a run works at most: an hour.
const RUNTIME_MS: u64 = 3_600_000;

/// What its processes may hold in memory: 2 GiB.
const MEMORY_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// What an agent may print, both streams together.
const OUTPUT_BYTES: u64 = 512 * 1024 * 1024;

/// After so much silence somebody is told: a quarter of an hour.
const SILENCE_MS: u64 = 900_000;

/// After so much silence that follows a tool's result the agent is started anew.
const STALL_MS: u64 = 600_000;

/// Limits as somebody set them; what is not set is set by somebody else, or by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsSpec {
    /// Working time of all attempts together, in milliseconds; pauses do not count.
    pub runtime_ms: Option<u64>,
    /// Resident memory of the whole process tree, in bytes.
    pub memory: Option<u64>,
    /// Tokens of all classes together.
    pub tokens: Option<u64>,
    /// Bytes printed by one attempt.
    pub output: Option<u64>,
    /// Silence that is told to somebody, in milliseconds.
    pub silence_ms: Option<u64>,
    /// Silence after a tool's result that has the agent started anew, in milliseconds.
    pub stall_ms: Option<u64>,
}

impl LimitsSpec {
    /// These, and where they say nothing the others.
    pub fn or(self, other: Self) -> Self {
        Self {
            runtime_ms: self.runtime_ms.or(other.runtime_ms),
            memory: self.memory.or(other.memory),
            tokens: self.tokens.or(other.tokens),
            output: self.output.or(other.output),
            silence_ms: self.silence_ms.or(other.silence_ms),
            stall_ms: self.stall_ms.or(other.stall_ms),
        }
    }

    /// The limits of a run.
    pub fn limits(self) -> Limits {
        let default = Limits::default();
        Limits {
            runtime_ms: self.runtime_ms.unwrap_or(default.runtime_ms),
            memory: self.memory.unwrap_or(default.memory),
            tokens: self.tokens,
            output: self.output.unwrap_or(default.output),
            silence_ms: self.silence_ms.unwrap_or(default.silence_ms),
            stall_ms: self.stall_ms.unwrap_or(default.stall_ms),
        }
    }
}

/// The limits of one run, in the units of [`LimitsSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Working time of all attempts together.
    pub runtime_ms: u64,
    /// Resident memory of the whole process tree.
    pub memory: u64,
    /// Tokens of all classes together; none by default, budgets are about money.
    pub tokens: Option<u64>,
    /// Bytes printed by one attempt.
    pub output: u64,
    /// Silence that is told to somebody.
    pub silence_ms: u64,
    /// Silence after a tool's result that has the agent started anew.
    pub stall_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runtime_ms: RUNTIME_MS,
            memory: MEMORY_BYTES,
            tokens: None,
            output: OUTPUT_BYTES,
            silence_ms: SILENCE_MS,
            stall_ms: STALL_MS,
        }
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Working time.
    Runtime,
    /// Memory.
    Memory,
    /// Tokens.
    Tokens,
    /// Printed bytes.
    Output,
    /// Money.
    Budget,
}

impl Limit {
    /// The word in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Memory => "memory",
            Self::Tokens => "tokens",
            Self::Output => "output",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
