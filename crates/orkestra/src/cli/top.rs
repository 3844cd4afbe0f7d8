//! The verb that stays on the screen.

use super::Json;
use clap::Args;

/// Flags of `orkestra top`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Print one frame as plain text and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Only units with this in their name
    #[arg(long, short, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) json: Json,
}
