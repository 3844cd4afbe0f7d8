//! The words about checks of tasks and the trail of one.

use super::Json;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct TaskChecks {
    /// The task's id; the end of it is enough
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct TaskVerify {
    /// The task's id; the end of it is enough
    pub(crate) id: String,
    /// Make the checks before a task in place of those after it, and no evidence
    #[arg(long)]
    pub(crate) before: bool,
    /// With --before: for this agent
    #[arg(long, requires = "before", value_name = "NAME")]
    pub(crate) agent: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct TaskLog {
    /// The task's id; the end of it is enough
    pub(crate) id: String,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TaskDoctor {
    /// Only look, mend nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}
