//! The words of `orkestra merge`.

use super::Json;
use clap::{Args, Subcommand};

/// Put verified work into a branch.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Merge {
    /// Whose work: a run, a task or a session; the end of its id is enough
    #[arg(required = true)]
    pub(crate) of: Option<String>,
    /// Into which branch [that which is checked out in the target; a session's own for its parts]
    #[arg(long, value_name = "BRANCH")]
    pub(crate) into: Option<String>,
    /// Do not wait for the outcome
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(subcommand)]
    pub(crate) verb: Option<MergeVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MergeVerb {
    /// List merges, the newest first
    List {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show one: how far it is, and what is in the way
    Show {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Try one again that waits for you
    Retry {
        /// Its id; the end of it is enough
        id: String,
        /// Take the result as it is, although something of a side is missing in it
        #[arg(long)]
        accept: bool,
        /// Do not wait for the outcome
        #[arg(long)]
        detach: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Give one up; the work stays on its own branch
    Cancel {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Take one out again: the branch ends where it ended before
    Undo {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// List where the work of runs meets that is not merged yet
    Overlaps {
        #[command(flatten)]
        json: Json,
    },
}
