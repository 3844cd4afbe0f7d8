//! What the configuration says about the sandbox of agents.

use serde::{Deserialize, Serialize};

/// Whether an agent is held in a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is started in one or not at all.
    #[default]
    Require,
    /// It has all rights of its user. Only ever by word.
    Off,
}

/// What of the network an agent reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// All that its user reaches.
    #[default]
    Open,
    /// Nothing.
    None,
    /// The hosts of the list.
    Hosts,
}

/// The sandbox of an agent, as configured: the agent's own words over those for all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SandboxSpec {
    /// Whether there is one.
    pub mode: Mode,
    /// What of the network is reached.
    pub network: Reach,
    /// With [`Reach::Hosts`]: `example.org`, `*.example.org`, `host:port`.
    pub hosts: Vec<String>,
    /// Paths that may be written beside the worktree; absolute.
    pub write: Vec<String>,
    /// Paths that cannot be read; absolute. They win over everything else.
    pub hide: Vec<String>,
}

impl SandboxSpec {
    /// Whether the agent is held in a sandbox.
    pub fn holds(&self) -> bool {
        self.mode == Mode::Require
    }
}
