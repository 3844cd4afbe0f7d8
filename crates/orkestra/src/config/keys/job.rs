//! The keys of jobs.

use super::Ty::{Bool, Chance, Command, Limit, Section as Sub, Span, Text, Variables, Word};
use super::{Key, Section};

/// A job.
pub(crate) const JOB: Section = Section {
    name: "a job",
    short: None,
    keys: &[
        Key {
            name: "every",
            ty: Span,
            default: "none",
            example: "10m",
            doc: "The period, 1s or more; this or cron.",
        },
        Key {
            name: "cron",
            ty: Text,
            default: "none",
            example: "\"30 2 * * *\"",
            doc: "Minute, hour, day, month, weekday; six fields begin with seconds; this or every.",
        },
        Key {
            name: "zone",
            ty: Text,
            default: "UTC",
            example: "Europe/Berlin",
            doc: "The time zone of cron, by its IANA name.",
        },
        Key {
            name: "jitter",
            ty: Chance,
            default: "0",
            example: "10%",
            doc: "Up to this share of the period it begins later, by chance; at most a half.",
        },
        Key {
            name: "command",
            ty: Command,
            default: "none",
            example: "[./backup.sh]",
            doc: "Program and arguments, or one line for the shell; this, run or builtin.",
        },
        Key {
            name: "run",
            ty: Text,
            default: "none",
            example: "\"Summarise what changed today\"",
            doc: "What an agent is asked; this, command or builtin.",
        },
        Key {
            name: "builtin",
            ty: Word(&BUILTINS),
            default: "none",
            example: "health",
            doc: "Something of Orkestra's own; this, command or run.",
        },
        Key {
            name: "cwd",
            ty: Text,
            default: "the folder of the file",
            example: "./site",
            doc: "Working directory of command; relative to the folder of the file.",
        },
        Key {
            name: "env",
            ty: Variables,
            default: "{}",
            example: "{ DEBUG: \"1\" }",
            doc: "Environment variables of command, on top of the daemon's own and the common ones.",
        },
        Key {
            name: "agent",
            ty: Text,
            default: "none",
            example: "claude",
            doc: "Which agent is asked by run; without it, the first that can be started.",
        },
        Key {
            name: "target",
            ty: Text,
            default: "the folder of the file",
            example: "~/notes",
            doc: "The git repository that the agent works for.",
        },
        Key {
            name: "overlap",
            ty: Word(&["skip", "queue", "restart"]),
            default: "skip",
            example: "queue",
            doc: "What happens when its time comes while it still runs.",
        },
        Key {
            name: "missed",
            ty: Word(&["once", "skip"]),
            default: "once",
            example: "skip",
            doc: "What happens to times that passed while nothing could run.",
        },
        Key {
            name: "timeout",
            ty: Span,
            default: "none",
            example: "5m",
            doc: "How long it may take before it is ended and counts as failed.",
        },
        Key {
            name: "retry",
            ty: Sub(&RETRY),
            default: "",
            example: "{ times: 2 }",
            doc: "How it is tried again when it failed.",
        },
        Key {
            name: "immediate",
            ty: Bool,
            default: "false",
            example: "true",
            doc: "Whether it also runs at once when it is new and when the daemon starts.",
        },
        Key {
            name: "enabled",
            ty: Bool,
            default: "true",
            example: "false",
            doc: "Whether it keeps its schedule unless a person says otherwise.",
        },
    ],
};

/// Attempts after a failure.
pub(crate) const RETRY: Section = Section {
    name: "retry",
    short: Some("times"),
    keys: &[
        Key {
            name: "times",
            ty: Limit,
            default: "none",
            example: "2",
            doc: "How often it is tried again; none does not.",
        },
        Key {
            name: "wait",
            ty: Span,
            default: "30s",
            example: "1m",
            doc: "How long it waits before that.",
        },
    ],
};

/// What Orkestra itself can do on a timetable.
pub(crate) const BUILTINS: [&str; 2] = ["health", "prune"];
