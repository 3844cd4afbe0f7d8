//! Reads what the file says about the house itself.

use super::super::Origin;
use super::super::keys::upkeep::HEALTH;
use super::super::reader::{self, Fields, Reader};
use orkestra_core::health::Thresholds;
use orkestra_engine::Upkeep;

/// Everything about the house.
pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> Upkeep {
    Upkeep { thresholds: thresholds(top, reader) }
}

fn thresholds(top: &Fields<'_>, reader: &mut Reader) -> Thresholds {
    let base = Thresholds::DEFAULT;
    let f = reader.section(top.get("health"), top.path.join("health"), &HEALTH);
    let r = reader;
    let size = |text: &str| reader::size(text).map(Some);
    Thresholds {
        disk_warning: r.value(&f, "disk_warning", (None, Origin::Default), size),
        disk_critical: r.value(&f, "disk_critical", (None, Origin::Default), size),
        memory_warning: r.value(
            &f,
            "memory_warning",
            (base.memory_warning, Origin::Default),
            reader::share,
        ),
        memory_critical: r.value(
            &f,
            "memory_critical",
            (base.memory_critical, Origin::Default),
            reader::share,
        ),
        load_warning: r.value(
            &f,
            "load_warning",
            (base.load_warning, Origin::Default),
            reader::factor,
        ),
        database_warning: r.value(
            &f,
            "database_warning",
            (base.database_warning, Origin::Default),
            reader::size,
        ),
        daemon_memory_warning: r.value(
            &f,
            "daemon_memory_warning",
            (base.daemon_memory_warning, Origin::Default),
            reader::size,
        ),
        descriptors_warning: r.value(
            &f,
            "descriptors_warning",
            (base.descriptors_warning, Origin::Default),
            reader::share,
        ),
    }
}
