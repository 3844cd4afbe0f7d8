//! The words of `orkestra gate`.

use super::Json;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What is allowed, asked and denied.
#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    /// Say what the gate does with a command; no daemon is needed, and nothing is run
    ///
    /// The exit code is 0 for allow, 11 for ask, 12 for deny. With --stdin it is 0, since each line has its own decision.
    Check(GateCheck),
    /// List the rules: those that you made by approving more than one call, those of the configuration, and the built-in ones
    Rules(Json),
    /// Take back a rule that you made by approving more than one call
    Forget {
        /// Its id; the end of it is enough
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GateCheck {
    /// The command line, as a shell would get it, after `--`; several words are joined by blanks
    #[arg(value_name = "COMMAND", required_unless_present = "stdin")]
    pub(crate) command: Vec<String>,
    /// Judge each line of standard input, and print one line of JSON for each
    #[arg(long, conflicts_with = "command")]
    pub(crate) stdin: bool,
    /// The folder that the agent works in [default: this one]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}
