//! The keys about what runs may use.

use super::Ty::{Size, Span, Text};
use super::{Key, Section};

/// What a run of an agent may use.
pub(crate) const LIMITS: Section = Section {
    name: "limits of an agent's runs",
    short: None,
    keys: &[
        Key {
            name: "time",
            ty: Span,
            default: "1h",
            example: "20m",
            doc: "How long a run may work; pauses and waits do not count.",
        },
        Key {
            name: "memory",
            ty: Size,
            default: "2GiB",
            example: "4GB",
            doc: "Memory of all processes of a run together; beyond it the run is ended.",
        },
        Key {
            name: "tokens",
            ty: Text,
            default: "none",
            example: "2000000",
            doc: "Tokens of all classes together; beyond them the run is ended.",
        },
        Key {
            name: "output",
            ty: Size,
            default: "512MiB",
            example: "64MB",
            doc: "What the agent may print in one attempt; beyond it the run is ended.",
        },
        Key {
            name: "silence",
            ty: Span,
            default: "15m",
            example: "5m",
            doc: "After so long without a word somebody is told.",
        },
        Key {
            name: "stall",
            ty: Span,
            default: "10m",
            example: "3m",
            doc: "After so long without a word behind a tool's result the agent is started anew.",
        },
    ],
};
