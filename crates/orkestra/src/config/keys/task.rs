//! The keys about tasks.

use super::Ty::{Bool, Factor, Limit, Section as Sub, Span};
use super::{Key, Section};

/// How tasks are given out and tried again.
pub(crate) const TASKS: Section = Section {
    name: "tasks",
    short: None,
    keys: &[
        Key {
            name: "auto",
            ty: Bool,
            default: "true",
            example: "false",
            doc: "Whether ready tasks are given to agents by themselves.",
        },
        Key {
            name: "running_max",
            ty: Limit,
            default: "5",
            example: "2",
            doc: "So many tasks are worked on by agents at once.",
        },
        Key {
            name: "lease",
            ty: Span,
            default: "1h",
            example: "10m",
            doc: "How long a worker outside holds a task without a sign of life.",
        },
        Key {
            name: "retry",
            ty: Sub(&RETRY),
            default: "",
            example: "{ tries: 5 }",
            doc: "How a task is tried again when an attempt went wrong.",
        },
        Key {
            name: "stuck_after",
            ty: Span,
            default: "1h",
            example: "20m",
            doc: "A task is taken back when nothing was heard of its run for so long.",
        },
        Key {
            name: "breaker",
            ty: Sub(&BREAKER),
            default: "",
            example: "{ failures: 5 }",
            doc: "When an agent gets no more tasks for a while.",
        },
    ],
};

/// Attempts of tasks.
pub(crate) const RETRY: Section = Section {
    name: "retry",
    short: Some("tries"),
    keys: &[
        Key {
            name: "tries",
            ty: Limit,
            default: "3",
            example: "5",
            doc: "So many attempts may go wrong, all in all.",
        },
        Key {
            name: "initial",
            ty: Span,
            default: "1m",
            example: "10s",
            doc: "How long it waits after the first that went wrong.",
        },
        Key {
            name: "factor",
            ty: Factor,
            default: "2",
            example: "3",
            doc: "Each wait is so many times the one before.",
        },
        Key { name: "max", ty: Span, default: "1h", example: "10m", doc: "No wait is longer." },
    ],
};

/// Failures of an agent in a row.
pub(crate) const BREAKER: Section = Section {
    name: "breaker",
    short: None,
    keys: &[
        Key {
            name: "failures",
            ty: Limit,
            default: "3",
            example: "5",
            doc: "After so many failures in a row an agent gets no more tasks.",
        },
        Key {
            name: "open_for",
            ty: Span,
            default: "5m",
            example: "1m",
            doc: "For so long; then one task tries whether it works again.",
        },
    ],
};
