//! The words of `orkestra agent`.

use super::Json;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Ask models behind APIs one thing, all at once, without a run and without tools
    Ask {
        /// What they are asked; `-` reads it from standard input
        prompt: String,
        /// Which agents, by commas [default: all that are a model's API]
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        agents: Vec<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Test whether models behind APIs answer, each by one short call; costs a few tokens
    Test {
        /// Which agents [default: all that are a model's API]
        names: Vec<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Show which agents can be started here (the same as `orkestra agents`)
    List(Json),
    /// Show one agent: where its program lies, its version, whether it has a login, what it can do
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        json: Json,
    },
    /// Ask an agent for one word, really, and say what that used; exit code 8 when none came
    Probe {
        /// Its name
        name: String,
        #[command(flatten)]
        json: Json,
    },
    /// Hold an agent back: no new runs and no new attempts; what runs goes on
    Pause {
        /// Its name
        name: String,
        /// For how long (30m, 2h) [default: until it is resumed]
        #[arg(long = "for", value_name = "TIME")]
        span: Option<String>,
        /// Why, in one sentence
        #[arg(long)]
        why: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Show how often agents were called, how well and how fast it went, and what it cost
    Stats {
        /// Only this one, with its newest calls
        name: Option<String>,
        /// Only since: a time (2026-11-21T08:00:00Z) or a length of time (7d) [default: 30d]
        #[arg(long)]
        since: Option<String>,
        /// How many calls
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show what an agent will be told before its next work
    Inbox(super::AgentInbox),
    /// Write down what an agent understood, or show it
    Note(super::AgentNote),
    /// Let an agent go on that was paused, or that waits for a rate limit
    Resume {
        /// Its name
        name: String,
        #[command(flatten)]
        json: Json,
    },
}
