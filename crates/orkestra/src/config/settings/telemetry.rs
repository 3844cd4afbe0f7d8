//! Reads where traces go.

use super::super::Origin;
use super::super::keys::telemetry::TELEMETRY;
use super::super::reader::{self, Bad, Fields, Reader};

/// Traces for OpenTelemetry; none without a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Telemetry {
    /// The collector.
    pub(crate) otlp: Option<String>,
    /// What this daemon is called there.
    pub(crate) service_name: String,
}

pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> Telemetry {
    let f = reader.section(top.get("telemetry"), top.path.join("telemetry"), &TELEMETRY);
    let name = ("orkestra".to_owned(), Origin::Default);
    Telemetry {
        otlp: reader.value(&f, "otlp", (None, Origin::Default), collector),
        service_name: reader.value(&f, "service_name", name, reader::texts),
    }
}

fn collector(text: &str) -> Result<Option<String>, Bad> {
    if matches!(text, "none" | "null" | "~" | "") {
        return Ok(None);
    }
    if text.starts_with("https://") {
        let bad = Bad::new(text, "a collector", "an address such as http://127.0.0.1:4318");
        return Err(bad.hint("run a collector on this machine; it passes traces on by TLS"));
    }
    reader::url(text).map(Some)
}
