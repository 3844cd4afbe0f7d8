//! The words about money.

use super::Json;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// By what it is summed up
    #[arg(long, value_enum, default_value_t = By::Agent)]
    pub(crate) by: By,
    /// Only since: a time (2026-11-21T08:00:00Z) or a length of time (7d)
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Only of this agent
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only of this model; `claude-opus-*` for all that begin so
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only of this run
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// How many rows at most
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// By what usage is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// By agent
    Agent,
    /// By model
    Model,
    /// By run
    Run,
    /// By day
    Day,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BudgetVerb {
    /// Show all budgets as they stand now
    List(Json),
    /// Show one budget as it stands now
    Show(OneBudget),
    /// Set a budget, or change one that was set by this
    Set(SetBudget),
    /// Remove a budget that was set by `budget set`
    Remove(OneBudget),
    /// Let go on for a time what a budget stops; runs that wait for it go on
    Override {
        /// Its name; run:ID for the budget of a run
        name: String,
        /// For how long
        #[arg(long = "for", value_name = "TIME", default_value = "1h", conflicts_with = "end")]
        span: String,
        /// Why, in one sentence
        #[arg(long, required_unless_present = "end")]
        reason: Option<String>,
        /// End an override that holds
        #[arg(long)]
        end: bool,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OneBudget {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct SetBudget {
    /// Its name
    pub(crate) name: String,
    /// How many dollars
    #[arg(long, required_unless_present = "tokens", conflicts_with = "tokens")]
    pub(crate) usd: Option<String>,
    /// How many tokens
    #[arg(long)]
    pub(crate) tokens: Option<u64>,
    /// Over which time: hour, day, week, month, total; run for each run on its own
    #[arg(long, value_name = "TIME")]
    pub(crate) per: String,
    /// Only of this agent
    #[arg(long, conflicts_with = "model")]
    pub(crate) agent: Option<String>,
    /// Only of this model; `claude-opus-*` for all that begin so
    #[arg(long)]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Issues of GitHub.
#[derive(Debug, Subcommand)]
pub(crate) enum GitHub {
    /// Show which issues became runs, and how it went the last time that it was looked
    Status(Json),
}
