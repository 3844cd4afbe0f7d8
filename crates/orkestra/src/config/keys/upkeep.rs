//! The keys about the house itself.

use super::Ty::{Factor, Keep, Share, Size, Span, Text, Variables, Word};
use super::{Key, Section};

/// From where on a figure is too high or too low.
pub(crate) const HEALTH: Section = Section {
    name: "health",
    short: None,
    keys: &[
        Key {
            name: "disk_warning",
            ty: Size,
            default: "the smaller of 10GB and a fifth of the disk",
            example: "20GB",
            doc: "This much free space or less is a warning.",
        },
        Key {
            name: "disk_critical",
            ty: Size,
            default: "the smaller of 5GB and a tenth of the disk",
            example: "10GB",
            doc: "This much free space or less is critical.",
        },
        Key {
            name: "memory_warning",
            ty: Share,
            default: "0.1",
            example: "0.2",
            doc: "A smaller share of available memory is a warning.",
        },
        Key {
            name: "memory_critical",
            ty: Share,
            default: "0.03",
            example: "0.05",
            doc: "A smaller share of available memory is critical.",
        },
        Key {
            name: "load_warning",
            ty: Factor,
            default: "4",
            example: "8",
            doc: "A higher load per processor, over 5 minutes, is a warning.",
        },
        Key {
            name: "database_warning",
            ty: Size,
            default: "500MB",
            example: "2GB",
            doc: "A larger database is a warning.",
        },
        Key {
            name: "daemon_memory_warning",
            ty: Size,
            default: "500MB",
            example: "1GB",
            doc: "A daemon that takes more memory is a warning.",
        },
        Key {
            name: "descriptors_warning",
            ty: Share,
            default: "0.8",
            example: "0.5",
            doc: "A larger share of the open files that the daemon may have is a warning.",
        },
    ],
};

/// Who is told of alerts, and how.
pub(crate) const NOTIFICATION: Section = Section {
    name: "a notification",
    short: None,
    keys: &[
        Key {
            name: "kind",
            ty: Word(&["webhook", "slack", "discord", "desktop"]),
            default: "",
            example: "webhook",
            doc: "How: JSON to an address, a webhook of Slack or Discord, or a notice on the desktop.",
        },
        Key {
            name: "url",
            ty: Text,
            default: "none",
            example: "https://hooks.example/orkestra",
            doc: "The address; all but the desktop must have it.",
        },
        Key {
            name: "secret",
            ty: Text,
            default: "none",
            example: "a-long-random-text",
            doc: "Signs what is sent: X-Orkestra-Signature is the HMAC-SHA256 of the body.",
        },
        Key {
            name: "headers",
            ty: Variables,
            default: "{}",
            example: "{ X-Team: ops }",
            doc: "Headers to add.",
        },
        Key {
            name: "min_level",
            ty: Word(&["warning", "critical"]),
            default: "warning",
            example: "critical",
            doc: "Alerts below this level are not sent.",
        },
    ],
};

/// How agents ask a person.
pub(crate) const APPROVALS: Section = Section {
    name: "approvals",
    short: None,
    keys: &[Key {
        name: "expire",
        ty: Span,
        default: "1d",
        example: "8h",
        doc: "How long a question waits for its answer; then it is denied. A yes that is not used for so long is void, too.",
    }],
};

/// How long things are kept.
pub(crate) const RETENTION: Section = Section {
    name: "retention",
    short: None,
    keys: &[
        Key {
            name: "logs",
            ty: Keep,
            default: "30d",
            example: "7d",
            doc: "Rotated logs, and logs of units and jobs that left the configuration.",
        },
        Key {
            name: "journal",
            ty: Keep,
            default: "forever",
            example: "365d",
            doc: "Events; older ones are exported into archive/ and removed.",
        },
        Key {
            name: "blobs",
            ty: Keep,
            default: "forever",
            example: "90d",
            doc: "Bodies of events over 16 KB; older ones are erased, and an event says so.",
        },
        Key {
            name: "worktrees",
            ty: Keep,
            default: "14d",
            example: "3d",
            doc: "Worktrees of runs that ended, if all in them is committed and on a branch; they go to the trash.",
        },
        Key {
            name: "trash",
            ty: Keep,
            default: "30d",
            example: "7d",
            doc: "What is in the trash.",
        },
        Key {
            name: "alerts",
            ty: Keep,
            default: "90d",
            example: "30d",
            doc: "Alerts that are over, and what was sent for them.",
        },
    ],
};
