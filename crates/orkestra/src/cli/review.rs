//! The words and flags of `orkestra review`.

use super::Json;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// Show reviews, newest first
    List {
        /// Only those of which something is still to come
        #[arg(long)]
        open: bool,
        /// Only of this author's run
        #[arg(long, value_name = "ID")]
        run: Option<String>,
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show a review: who was asked, what was found, what was decided
    Show {
        /// The review's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Have a run's work reviewed by another agent
    Start(StartReview),
    /// Decide about a review yourself
    Answer {
        /// The review's id, or its end
        id: String,
        /// What to do
        answer: ReviewAnswer,
        /// In your own words; with concern the author is told it
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StartReview {
    /// The run's id, or its end
    pub(crate) id: String,
    /// At what the reviewer shall look above all
    #[arg(long, value_name = "TEXT")]
    pub(crate) focus: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What a person decides.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ReviewAnswer {
    /// The work is taken as it is
    Approve,
    /// The author gets what was found, and your note
    Concern,
    /// The work is given up
    Stop,
}
