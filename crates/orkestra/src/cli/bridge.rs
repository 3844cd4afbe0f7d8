//! The words of `orkestra agent-bridge`, which only the daemon uses.

use clap::Args;
use orkestra_agents::Kind;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Bridge {
    /// How the agent is spoken to
    #[arg(long)]
    pub(crate) kind: Kind,
    /// Its name in the configuration
    #[arg(long)]
    pub(crate) agent: String,
    /// The id of the conversation
    #[arg(long)]
    pub(crate) session: String,
    /// The file in which the conversation is kept
    #[arg(long)]
    pub(crate) conversation: PathBuf,
    /// The folder in which all runs of the agent count their calls
    #[arg(long)]
    pub(crate) slots: Option<PathBuf>,
    /// Go on with the conversation of this session
    #[arg(long)]
    pub(crate) resume: bool,
    /// The model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// The mode of an ACP agent, in its own words
    #[arg(long)]
    pub(crate) mode: Option<String>,
    /// Another address than the vendor's
    #[arg(long)]
    pub(crate) base_url: Option<String>,
    /// The longest silence of the model
    #[arg(long)]
    pub(crate) timeout_ms: Option<u64>,
    /// Calls in any minute; 0 for no limit
    #[arg(long)]
    pub(crate) rate_limit: Option<u32>,
    /// Calls at the same time; 0 for no limit
    #[arg(long)]
    pub(crate) parallel: Option<u32>,
    /// The longest answer, in tokens
    #[arg(long)]
    pub(crate) max_tokens: Option<u32>,
    /// How freely the model chooses its words, in thousandths
    #[arg(long)]
    pub(crate) temperature_milli: Option<u32>,
    /// How often the model may answer
    #[arg(long, default_value_t = 200)]
    pub(crate) max_turns: u32,
    /// How much of the conversation the model is sent, in tokens
    #[arg(long, default_value_t = 150_000)]
    pub(crate) context: u64,
    /// Folders beside the working directory in which an ACP agent may work
    #[arg(long)]
    pub(crate) add_dir: Vec<PathBuf>,
    /// Program and arguments of an ACP agent
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}
