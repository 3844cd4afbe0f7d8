//! The keys about the sandbox of agents.

use super::Ty::{Strings, Word};
use super::{Key, Section};

/// The sandbox, for all agents or for one.
pub(crate) const SANDBOX: Section = Section {
    name: "a sandbox",
    short: Some("mode"),
    keys: &[
        Key {
            name: "mode",
            ty: Word(&["require", "off"]),
            default: "require",
            example: "require",
            doc: "Whether agents are held in a sandbox or not started, or have all rights of the user.",
        },
        Key {
            name: "network",
            ty: Word(&["open", "none", "hosts"]),
            default: "open",
            example: "none",
            doc: "What of the network they reach; a list of hosts makes it hosts.",
        },
        Key {
            name: "hosts",
            ty: Strings,
            default: "[]",
            example: "[api.example.org]",
            doc: "The only hosts that they reach: a name (ports 80 and 443), *.name, or host:port.",
        },
        Key {
            name: "write",
            ty: Strings,
            default: "[]",
            example: "[~/.cache/tool]",
            doc: "Paths that they may write beside their worktree; from the file's folder, or ~/.",
        },
        Key {
            name: "hide",
            ty: Strings,
            default: "[]",
            example: "[~/private]",
            doc: "Paths that they cannot read, beside those that no agent can.",
        },
    ],
};
