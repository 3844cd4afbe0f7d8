//! What travels to the process that makes the sandbox, as one word of its command line: it holds
//! paths and hosts, no secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ladder::Rung;
use super::tree::Tree;

/// What of the network can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Everything that the user can.
    Open,
    /// Nothing.
    None,
    /// These only: `example.org` (ports 80 and 443), `*.example.org`, `host:port`. Addresses of
    /// this machine's own loopback are named with a port and are there under the same one.
    Hosts(Vec<String>),
}

impl Network {
    /// Not the whole network.
    pub fn is_cut(&self) -> bool {
        *self != Self::Open
    }
}

/// A sandbox, ready to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) rung: Rung,
    /// `bwrap`, on its rung.
    pub(super) bubblewrap: Option<PathBuf>,
    pub(super) tree: Tree,
    /// Folders for temporary files go here.
    pub(super) tmp: PathBuf,
    /// Folders that are made for the time of the process, so that nothing else can be made there.
    pub(super) placeholders: Vec<PathBuf>,
    pub(super) network: Network,
    /// Where refused connections are written down.
    pub(super) refusals: Option<PathBuf>,
    /// Variables that hold only inside.
    pub(super) env: BTreeMap<String, String>,
}
