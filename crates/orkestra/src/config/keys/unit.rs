//! The keys of a unit.

use super::Ty::{
    Address, After, Bool, Codes, Command, Count, Factor, Limit, Pattern, Percent, Program,
    Section as Sub, Share, Signal, Size, Span, Status, Text, Url, Variables, Word,
};
use super::{Key, Section};

/// A unit.
pub(crate) const UNIT: Section = Section {
    name: "a unit",
    short: None,
    keys: &[
        Key {
            name: "command",
            ty: Command,
            default: "",
            example: "[python3, -m, http.server]",
            doc: "Program and arguments as a list, or one line that /bin/sh -c runs.",
        },
        Key {
            name: "cwd",
            ty: Text,
            default: "the folder of the file",
            example: "./site",
            doc: "Working directory; relative to the folder of the file; ~/ is the home folder.",
        },
        Key {
            name: "env",
            ty: Variables,
            default: "{}",
            example: "{ DEBUG: \"1\" }",
            doc: "Environment variables, on top of the daemon's own and of the common ones.",
        },
        Key {
            name: "enabled",
            ty: Bool,
            default: "true",
            example: "false",
            doc: "Whether it runs unless a person says otherwise.",
        },
        Key {
            name: "after",
            ty: After,
            default: "{}",
            example: "{ db: started }",
            doc: "The units that must be so before this one starts; it stops before them.",
        },
        Key {
            name: "restart",
            ty: Sub(&RESTART),
            default: "",
            example: "on-failure",
            doc: "Whether and how soon it is started again; a plain word is the policy.",
        },
        Key {
            name: "stop",
            ty: Sub(&STOP),
            default: "",
            example: "{ grace: 10s }",
            doc: "How it is ended.",
        },
        Key {
            name: "logs",
            ty: Sub(&LOGS),
            default: "",
            example: "{ keep: 10 }",
            doc: "How its output is kept.",
        },
        Key {
            name: "kind",
            ty: Word(&["service", "oneshot"]),
            default: "service",
            example: "oneshot",
            doc: "Whether it goes on until it is stopped, or does one piece of work and ends.",
        },
        Key {
            name: "user",
            ty: Text,
            default: "none",
            example: "app:www",
            doc: "Whom its processes belong to, user or user:group; needs a daemon that runs as root.",
        },
        Key {
            name: "probes",
            ty: Sub(&PROBES),
            default: "",
            example: "{ ready: { tcp: \"127.0.0.1:5432\" } }",
            doc: "How it is asked whether it does its work.",
        },
        Key {
            name: "limits",
            ty: Sub(&LIMITS),
            default: "",
            example: "{ memory: 512MB }",
            doc: "What it may use.",
        },
        Key {
            name: "hooks",
            ty: Sub(&HOOKS),
            default: "",
            example: "{ failed: [./tell-me.sh] }",
            doc: "Commands that are run when something happens to it.",
        },
        Key {
            name: "on_failed",
            ty: Word(&["ignore", "stop-dependents", "shutdown"]),
            default: "ignore",
            example: "stop-dependents",
            doc: "What follows for others when it gives up.",
        },
    ],
};

/// The restart policy.
pub(crate) const RESTART: Section = Section {
    name: "restart",
    short: Some("policy"),
    keys: &[
        Key {
            name: "policy",
            ty: Word(&["always", "on-failure", "never"]),
            default: "always",
            example: "on-failure",
            doc: "Which exits are followed by a restart.",
        },
        Key {
            name: "profile",
            ty: Word(&["default", "gentle", "few"]),
            default: "default",
            example: "gentle",
            doc: "Where the figures below come from unless they are given.",
        },
        Key {
            name: "initial",
            ty: Span,
            default: "1s",
            example: "500ms",
            doc: "The wait before the first restart; 0 restarts at once.",
        },
        Key {
            name: "factor",
            ty: Factor,
            default: "2",
            example: "1.5",
            doc: "By how much the wait grows from restart to restart.",
        },
        Key { name: "max", ty: Span, default: "30s", example: "1m", doc: "The longest wait." },
        Key {
            name: "jitter",
            ty: Share,
            default: "0.1",
            example: "0.2",
            doc: "The share of the wait that is random: 0.1 is 10 % more or less.",
        },
        Key {
            name: "reset_after",
            ty: Span,
            default: "1h",
            example: "10m",
            doc: "Having run this long, the next wait is the initial one again.",
        },
        Key {
            name: "limit",
            ty: Limit,
            default: "none",
            example: "5",
            doc: "Restarts in a row before it counts as failed; none never gives up.",
        },
        Key {
            name: "success_codes",
            ty: Codes,
            default: "[]",
            example: "[3, 99]",
            doc: "Exit codes that count as success, beside 0.",
        },
        Key {
            name: "start_limit",
            ty: Sub(&START_LIMIT),
            default: "",
            example: "{ count: 5, within: 1m }",
            doc: "How many automatic restarts may fall into a span of time before it counts as failed.",
        },
    ],
};

const STOP: Section = Section {
    name: "stop",
    short: None,
    keys: &[
        Key {
            name: "signal",
            ty: Signal,
            default: "TERM",
            example: "INT",
            doc: "The first signal.",
        },
        Key {
            name: "grace",
            ty: Span,
            default: "5s",
            example: "10s",
            doc: "How long it may take before it is killed.",
        },
    ],
};

const LOGS: Section = Section {
    name: "logs",
    short: None,
    keys: &[
        Key {
            name: "max_size",
            ty: Size,
            default: "10MB",
            example: "64MiB",
            doc: "The size of one log file before the next is begun.",
        },
        Key {
            name: "keep",
            ty: Count,
            default: "5",
            example: "10",
            doc: "How many log files are kept.",
        },
        Key {
            name: "full",
            ty: Word(&["block", "drop"]),
            default: "block",
            example: "drop",
            doc: "On a full disk: block makes the unit wait, drop loses and counts lines.",
        },
    ],
};

/// The probes.
const PROBES: Section = Section {
    name: "probes",
    short: None,
    keys: &[
        Key {
            name: "ready",
            ty: Sub(&READY),
            default: "",
            example: "{ tcp: \"127.0.0.1:5432\" }",
            doc: "Whether others may use it; a failure ends nothing but a start.",
        },
        Key {
            name: "live",
            ty: Sub(&LIVE),
            default: "",
            example: "{ exec: [./check.sh] }",
            doc: "Whether it is beyond help; a failure ends it, and its policy says what follows.",
        },
    ],
};

/// Whether it may be used.
const READY: Section = Section {
    name: "a readiness probe",
    short: None,
    keys: &[
        Key {
            name: "exec",
            ty: Program,
            default: "none",
            example: "[./check.sh, --fast]",
            doc: "Passes when this program ends with code 0.",
        },
        Key {
            name: "http",
            ty: Url,
            default: "none",
            example: "\"http://127.0.0.1:8080/health\"",
            doc: "Passes when a GET of this address is answered well.",
        },
        Key {
            name: "status",
            ty: Status,
            default: "none",
            example: "204",
            doc: "The only status of http that passes; without it, 200 to 399 do.",
        },
        Key {
            name: "tcp",
            ty: Address,
            default: "none",
            example: "\"127.0.0.1:5432\"",
            doc: "Passes when this accepts a connection.",
        },
        Key {
            name: "log",
            ty: Pattern,
            default: "none",
            example: "\"listening on port [0-9]+\"",
            doc: "Passes once a line of its output matches this regular expression.",
        },
        Key {
            name: "notify",
            ty: Word(&["main", "all"]),
            default: "none",
            example: "main",
            doc: "Passes once it says READY=1 (sd_notify): the command itself, or any process of its tree.",
        },
        Key {
            name: "delay",
            ty: Span,
            default: "none",
            example: "5s",
            doc: "Passes when it has lived this long.",
        },
        Key {
            name: "within",
            ty: Span,
            default: "1m",
            example: "5m",
            doc: "A process that is not ready by then has failed its start.",
        },
        Key {
            name: "every",
            ty: Span,
            default: "10s",
            example: "2s",
            doc: "From one asking to the next; a readiness probe asks each second until it passes.",
        },
        Key {
            name: "timeout",
            ty: Span,
            default: "3s",
            example: "1s",
            doc: "How long an answer may take.",
        },
        Key {
            name: "failures",
            ty: Count,
            default: "3",
            example: "1",
            doc: "So many failures in a row count as a failure.",
        },
        Key {
            name: "successes",
            ty: Count,
            default: "1",
            example: "2",
            doc: "So many passes in a row count as a pass.",
        },
    ],
};

/// Whether it is beyond help.
const LIVE: Section = Section {
    name: "a liveness probe",
    short: None,
    keys: &[
        Key {
            name: "exec",
            ty: Program,
            default: "none",
            example: "[./check.sh, --fast]",
            doc: "Passes when this program ends with code 0.",
        },
        Key {
            name: "http",
            ty: Url,
            default: "none",
            example: "\"http://127.0.0.1:8080/health\"",
            doc: "Passes when a GET of this address is answered well.",
        },
        Key {
            name: "status",
            ty: Status,
            default: "none",
            example: "204",
            doc: "The only status of http that passes; without it, 200 to 399 do.",
        },
        Key {
            name: "tcp",
            ty: Address,
            default: "none",
            example: "\"127.0.0.1:5432\"",
            doc: "Passes when this accepts a connection.",
        },
        Key {
            name: "notify",
            ty: Word(&["main", "all"]),
            default: "none",
            example: "main",
            doc: "It must say WATCHDOG=1 (sd_notify) at least once in every `every`.",
        },
        Key {
            name: "every",
            ty: Span,
            default: "10s",
            example: "2s",
            doc: "From one asking to the next; a readiness probe asks each second until it passes.",
        },
        Key {
            name: "timeout",
            ty: Span,
            default: "3s",
            example: "1s",
            doc: "How long an answer may take.",
        },
        Key {
            name: "failures",
            ty: Count,
            default: "3",
            example: "1",
            doc: "So many failures in a row count as a failure.",
        },
        Key {
            name: "successes",
            ty: Count,
            default: "1",
            example: "2",
            doc: "So many passes in a row count as a pass.",
        },
    ],
};

/// What it may use.
const LIMITS: Section = Section {
    name: "limits",
    short: None,
    keys: &[
        Key {
            name: "memory",
            ty: Size,
            default: "none",
            example: "512MB",
            doc: "Memory of its whole tree; beyond it the tree is killed.",
        },
        Key {
            name: "cpu",
            ty: Percent,
            default: "none",
            example: "150%",
            doc: "Percent of one core, averaged over 30 s; beyond it the tree is ended.",
        },
        Key {
            name: "open_files",
            ty: Limit,
            default: "none",
            example: "4096",
            doc: "Open files of each of its processes; none leaves the limit with which the daemon was started.",
        },
        Key {
            name: "run_time",
            ty: Span,
            default: "none",
            example: "8h",
            doc: "How long one life may last.",
        },
    ],
};

/// What is run when something happens.
const HOOKS: Section = Section {
    name: "hooks",
    short: None,
    keys: &[
        Key {
            name: "start",
            ty: Program,
            default: "none",
            example: "[./on-start.sh]",
            doc: "Run when its process runs.",
        },
        Key {
            name: "ready",
            ty: Program,
            default: "none",
            example: "[./on-ready.sh]",
            doc: "Run when it is ready, or runs if it has no readiness probe.",
        },
        Key {
            name: "exit",
            ty: Program,
            default: "none",
            example: "[./on-exit.sh]",
            doc: "Run each time its process ended; exit code 125 ends all tries.",
        },
        Key {
            name: "failed",
            ty: Program,
            default: "none",
            example: "[./tell-me.sh]",
            doc: "Run when it gives up.",
        },
        Key {
            name: "timeout",
            ty: Span,
            default: "10s",
            example: "1m",
            doc: "How long each may take before it is killed.",
        },
    ],
};

/// Restarts within a span of time.
const START_LIMIT: Section = Section {
    name: "start_limit",
    short: None,
    keys: &[
        Key {
            name: "count",
            ty: Count,
            default: "5",
            example: "10",
            doc: "So many automatic restarts are allowed.",
        },
        Key {
            name: "within",
            ty: Span,
            default: "1m",
            example: "10s",
            doc: "In any span of this length.",
        },
    ],
};
