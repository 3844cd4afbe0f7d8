//! The keys about traces for OpenTelemetry.

use super::Ty::{Text, Url};
use super::{Key, Section};

/// Where traces go.
pub(crate) const TELEMETRY: Section = Section {
    name: "telemetry",
    short: None,
    keys: &[
        Key {
            name: "otlp",
            ty: Url,
            default: "none",
            example: "http://127.0.0.1:4318",
            doc: "The collector that gets traces, by OTLP over HTTP.",
        },
        Key {
            name: "service_name",
            ty: Text,
            default: "orkestra",
            example: "orkestra-nas",
            doc: "What this daemon is called there.",
        },
    ],
};
