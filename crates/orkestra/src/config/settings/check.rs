//! Reads a person's own checks of tasks, and when snapshots of the work are taken.

use super::super::Origin;
use super::super::keys::check::{CHECK, SNAPSHOTS};
use super::super::problem::Problem;
use super::super::reader::{self, Fields, Reader};
use orkestra_core::check::{Level, OwnCheck, Phase};
use orkestra_core::span::Span;
use orkestra_engine::SnapshotRules;
use std::collections::BTreeMap;

/// The checks, by name.
pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> BTreeMap<String, OwnCheck> {
    let path = top.path.join("checks");
    let mut all = BTreeMap::new();
    for entry in reader.named(top.get("checks"), &path) {
        if super::name(entry, &path, "check", reader).is_none() {
            continue;
        }
        let f = reader.section(Some(&entry.value), path.join(&entry.key), &CHECK);
        let when = reader::word(super::key(&CHECK, "when"));
        let level = reader::word(super::key(&CHECK, "level"));
        let when = reader.value(&f, "when", (Phase::Post, Origin::Default), when);
        let level = reader.value(&f, "level", (Level::Fail, Origin::Default), level);
        let five = (Span::from_secs(300), Origin::Default);
        let timeout = reader.value(&f, "timeout", five, reader::span);
        match reader.optional(&f, "command") {
            Some(command) => {
                all.insert(entry.key.clone(), OwnCheck { when, command, level, timeout });
            }
            None => {
                let message = format!("the check {:?} has no command", entry.key);
                let problem = Problem::at(entry.place.clone(), message)
                    .key(f.path.join("command").text())
                    .hint("add, for example, command: make lint");
                reader.report(problem);
            }
        }
    }
    all
}

/// When snapshots are taken.
pub(super) fn snapshots(top: &Fields<'_>, reader: &mut Reader) -> SnapshotRules {
    let base = SnapshotRules::default();
    let f = reader.section(top.get("snapshots"), top.path.join("snapshots"), &SNAPSHOTS);
    let keep = (u32::try_from(base.keep).unwrap_or(u32::MAX), Origin::Default);
    SnapshotRules {
        every: reader.value(&f, "every", (base.every, Origin::Default), reader::span),
        keep: reader.value(&f, "keep", keep, reader::count) as usize,
    }
}
