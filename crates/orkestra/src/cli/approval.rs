//! The words of `orkestra approval`, `approve`, `deny` and `agent-hook`.

use super::Json;
use clap::{Args, Subcommand, ValueEnum};

/// What agents ask, and what was answered.
#[derive(Debug, Subcommand)]
pub(crate) enum Approval {
    /// List what waits for you
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Show one: exactly what would be done, why it is asked, and what was answered before
    Show {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

/// How far a yes reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeWord {
    /// This call, once
    Once,
    /// The same action in this run
    Task,
    /// The same action by this agent, in whatever run
    Agent,
    /// Whatever the same rule asks about the same command, by any agent
    Rule,
}

impl ScopeWord {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Task => "task",
            Self::Agent => "agent",
            Self::Rule => "rule",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// Its id; the end of it is enough
    pub(crate) id: String,
    /// How far it reaches; more than once makes a rule that `orkestra gate rules` shows
    #[arg(long, value_enum, default_value = "once")]
    pub(crate) scope: ScopeWord,
    /// For how long (1h, 30m)
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) lasts: Option<String>,
    /// Also for the same question of other runs
    #[arg(long)]
    pub(crate) all: bool,
    /// A word to it, for the journal
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Only if this is what is asked: the hash that `approval show` printed, or its beginning
    #[arg(long, value_name = "HASH")]
    pub(crate) hash: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Deny {
    /// Its id; the end of it is enough
    pub(crate) id: String,
    /// Why; the agent is told
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Also for the same question of other runs
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct AgentHook {
    /// In whose words the call comes: claude, codex, gemini or script
    #[arg(long, value_name = "VENDOR")]
    pub(crate) vendor: String,
}
