//! The words of `orkestra session`, and of `run` with several agents.

use super::Json;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// Show sessions, newest first
    List {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show a session: its tasks, who did how much, and each point of done
    Show(OneSession),
    /// Show a session's plan, or replace it before its tasks begin
    Plan {
        /// The session's id, or its end
        id: String,
        /// A file with the plan as `--json` shows it; `-` reads it from standard input
        #[arg(long, value_name = "FILE")]
        edit: Option<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Say yes to what a session asks
    Approve {
        /// The session's id, or its end
        id: String,
        /// Take the result although not every point of done holds
        #[arg(long)]
        anyway: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Halt a session and all its runs
    Pause(OneSession),
    /// Let a session go on: from a pause, when what was missing is mended, or after it failed
    Resume(OneSession),
    /// End a session: its tasks and runs are cancelled, worktrees and branches stay
    Stop(OneSession),
    /// Show what happened in a session, and on as it happens
    Log {
        /// The session's id, or its end
        id: String,
        /// Go on until it is over or needs you
        #[arg(long, short)]
        follow: bool,
        /// Print one JSON object per event
        #[arg(long)]
        json: bool,
    },
    /// Show what came of a session: who did what, shares, cost, verdicts
    Summary(OneSession),
}

#[derive(Debug, Args)]
pub(crate) struct OneSession {
    /// The session's id, or its end
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// How often a person is asked.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Involvement {
    /// After every round: the plan, each round of its review, the end
    High,
    /// After every second round, and at the end
    Medium,
    /// Only at the end
    Low,
}

impl Involvement {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What makes a session of a run.
#[derive(Debug, Args)]
pub(crate) struct Together {
    /// Several agents, with commas: one of them divides the goal into tasks, and all do them together
    #[arg(long, value_delimiter = ',', value_name = "AGENTS", conflicts_with_all = ["agent", "raw", "max_time", "max_memory", "max_tokens"])]
    pub(crate) agents: Vec<String>,
    /// With --agents: the other agents review the plan before any work
    #[arg(long, requires = "agents")]
    pub(crate) plan_review: bool,
    /// With --agents: only make the plan; `session approve` begins the work
    #[arg(long, requires = "agents")]
    pub(crate) plan_only: bool,
    /// With --agents: how often you are asked [default: as configured, else low]
    #[arg(long, value_enum, requires = "agents")]
    pub(crate) involvement: Option<Involvement>,
    /// With --agents: move your own branch to the result at the end
    #[arg(long, requires = "agents")]
    pub(crate) merge: bool,
}
