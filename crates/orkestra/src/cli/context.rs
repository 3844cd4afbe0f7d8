//! The words about snapshots of the work, and about what agents are told and noted.

use super::Json;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Snapshot {
    /// Keep tasks, sessions, reviews, votes and notes as they are now
    Create(Json),
    /// Show the snapshots that are kept, the newest first
    List(Json),
    /// Show what a snapshot holds; with --json all its rows
    Show {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Put the work back as it was; what happened stays in the journal
    ///
    /// Refused while a run of the work goes on. How it is now becomes a snapshot first, so that this
    /// can be undone. Runs, branches and files are not touched.
    Restore {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AgentInbox {
    /// The agent's name
    pub(crate) name: String,
    /// Only what it has not read
    #[arg(long)]
    pub(crate) unread: bool,
    /// Mark all as read: they do not go into its next prompt
    #[arg(long)]
    pub(crate) read: bool,
    /// How many
    #[arg(long, short = 'n', default_value_t = 50)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct AgentNote {
    /// The agent's name
    pub(crate) name: String,
    /// What it understood so far; without it (and the rest) its note is shown
    pub(crate) text: Option<String>,
    /// What worries it; may be given more than once
    #[arg(long = "concern", value_name = "TEXT")]
    pub(crate) concerns: Vec<String>,
    /// What it proposes; may be given more than once
    #[arg(long = "suggestion", value_name = "TEXT")]
    pub(crate) suggestions: Vec<String>,
    /// How sure it is, from 0 to 1
    #[arg(long, value_name = "SHARE")]
    pub(crate) confidence: Option<f64>,
    #[command(flatten)]
    pub(crate) json: Json,
}
