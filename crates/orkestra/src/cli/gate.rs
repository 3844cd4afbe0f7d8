//! The words of `orkestra gate`.

use super::Json;
use clap::Subcommand;

/// What is allowed, asked and denied.
#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    /// List the rules that you made by approving more than one call
    Rules(Json),
    /// Take such a rule back
    Forget {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
}
