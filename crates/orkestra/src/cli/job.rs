//! The words of `orkestra job`.

use super::Json;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// Show all jobs: when each ran last, and when it runs next
    List(Json),
    /// Show one job with its last runs
    Show(OneJob),
    /// Run a job now; one that ran within the last minute is skipped
    Run(RunJob),
    /// Let a job keep its schedule; this beats the configuration
    Enable(OneJob),
    /// Take a job off its schedule; it can still be run by hand
    Disable(OneJob),
    /// Show what a job's command wrote
    Logs(super::Logs),
}

#[derive(Debug, Args)]
pub(crate) struct OneJob {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct RunJob {
    /// Its name
    pub(crate) name: String,
    /// Also when it ran within the last minute
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Wait for its end; the exit code says how it was
    #[arg(long, short)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}
