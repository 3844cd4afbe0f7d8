//! The keys about checks of tasks and snapshots of the work.

use super::Ty::{Count, Span, Text, Word};
use super::{Key, Section};

/// A person's own check of tasks.
pub(crate) const CHECK: Section = Section {
    name: "a check",
    short: None,
    keys: &[
        Key {
            name: "when",
            ty: Word(&["pre", "post"]),
            default: "post",
            example: "pre",
            doc: "When it is made: before an agent gets a task, or when it says that it is done.",
        },
        Key {
            name: "command",
            ty: Text,
            default: "",
            example: "make lint",
            doc: "A line for the shell; it passes when it exits with 0.",
        },
        Key {
            name: "level",
            ty: Word(&["warning", "fail", "critical"]),
            default: "fail",
            example: "warning",
            doc: "How bad it is when it does not pass; fail and critical stop the task.",
        },
        Key {
            name: "timeout",
            ty: Span,
            default: "5m",
            example: "30s",
            doc: "How long it may take.",
        },
    ],
};

/// When snapshots of the work are taken.
pub(crate) const SNAPSHOTS: Section = Section {
    name: "snapshots",
    short: None,
    keys: &[
        Key {
            name: "every",
            ty: Span,
            default: "10m",
            example: "1h",
            doc: "How often a snapshot is taken while work goes on.",
        },
        Key {
            name: "keep",
            ty: Count,
            default: "20",
            example: "50",
            doc: "So many snapshots are kept.",
        },
    ],
};
