//! The keys about the house itself.

use super::Ty::{Factor, Share, Size};
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
