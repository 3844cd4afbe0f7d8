//! Verbs for whoever installs Orkestra: completions, man pages, and moving from another supervisor.

use super::Json;
use crate::import::Peer;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write one page for each verb into this folder, instead of printing the first page
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Where it comes from
    pub(crate) from: Peer,
    /// Its configuration; several files become one
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write to this new file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What `up --detach` starts: it starts the daemon, and starts it again when it dies.
#[derive(Debug, Args)]
pub(crate) struct Keep {
    /// What `orkestra` is given
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(crate) words: Vec<String>,
}

/// Which manager a service is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ServiceManager {
    /// Linux
    Systemd,
    /// macOS
    Launchd,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Write the service and start it, now and whenever the machine or the session starts
    Install {
        #[command(flatten)]
        which: WhichService,
        /// The user that a system service runs as [default: root]
        #[arg(long, value_name = "USER", requires = "system")]
        run_as: Option<String>,
        /// Print the service without installing it
        #[arg(long)]
        print: bool,
        /// For which manager [default: this machine's]
        #[arg(long = "for", value_name = "MANAGER", requires = "print")]
        manager: Option<ServiceManager>,
        /// Write it without starting it
        #[arg(long)]
        no_start: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Stop the service, with everything it keeps running, and remove it
    Uninstall {
        #[command(flatten)]
        which: WhichService,
        #[command(flatten)]
        json: Json,
    },
    /// Show whether the service is installed and how it is
    Status {
        #[command(flatten)]
        which: WhichService,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WhichService {
    /// For this user [default]
    #[arg(long, conflicts_with = "system")]
    pub(crate) user: bool,
    /// For the whole machine; needs root
    #[arg(long)]
    pub(crate) system: bool,
    /// Its name
    #[arg(long, default_value = "orkestra")]
    pub(crate) name: String,
}
