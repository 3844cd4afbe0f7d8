//! Reads what the file says about the house itself.

use super::super::Origin;
use super::super::keys::upkeep::{APPROVALS, HEALTH, NOTIFICATION, RETENTION};
use super::super::problem::Problem;
use super::super::reader::{self, Fields, KeyPath, Reader};
use super::super::yaml::Entry;
use orkestra_connectors::{Kind, Notification, check_url};
use orkestra_core::health::Level;
use orkestra_core::health::Thresholds;
use orkestra_core::sandbox::SandboxSpec;
use orkestra_core::span::Span;
use orkestra_engine::{Retention, Upkeep};
use std::collections::BTreeMap;

/// Everything about the house.
pub(super) fn read(top: &Fields<'_>, sandbox: SandboxSpec, reader: &mut Reader) -> Upkeep {
    Upkeep {
        thresholds: thresholds(top, reader),
        retention: retention(top, reader),
        notifications: notifications(top, reader),
        money: super::money::read(top, reader),
        github: None,
        votes: orkestra_engine::VoteSpec::default(),
        approvals_expire: Some(approvals_expire(top, reader)),
        gate: super::gate::read(top, reader),
        snapshots: super::check::snapshots(top, reader),
        checks: super::check::read(top, reader),
        sandbox,
        tasks: super::task::read(top, reader),
        sessions: super::session::read(top, reader),
        reviews: super::review::read(top, reader),
    }
}

fn approvals_expire(top: &Fields<'_>, reader: &mut Reader) -> Span {
    let f = reader.section(top.get("approvals"), top.path.join("approvals"), &APPROVALS);
    let usual = Span::from_secs(24 * 3_600);
    reader.value(&f, "expire", (usual, Origin::Default), reader::span)
}

fn retention(top: &Fields<'_>, reader: &mut Reader) -> Retention {
    let base = Retention::DEFAULT;
    let f = reader.section(top.get("retention"), top.path.join("retention"), &RETENTION);
    let mut keep = |name, default| reader.value(&f, name, (default, Origin::Default), reader::keep);
    Retention {
        logs: keep("logs", base.logs),
        journal: keep("journal", base.journal),
        blobs: keep("blobs", base.blobs),
        worktrees: keep("worktrees", base.worktrees),
        trash: keep("trash", base.trash),
        alerts: keep("alerts", base.alerts),
    }
}

fn notifications(top: &Fields<'_>, reader: &mut Reader) -> BTreeMap<String, Notification> {
    let path = top.path.join("notifications");
    let mut all = BTreeMap::new();
    for entry in reader.named(top.get("notifications"), &path) {
        if super::name(entry, &path, "notification", reader).is_none() {
            continue;
        }
        if let Some(channel) = notification(entry, path.join(&entry.key), reader) {
            all.insert(entry.key.clone(), channel);
        }
    }
    all
}

fn notification(entry: &Entry, path: KeyPath, reader: &mut Reader) -> Option<Notification> {
    let f = reader.section(Some(&entry.value), path, &NOTIFICATION);
    let wrong = |name: &str, message: String, hint: &str| {
        let place = f.get(name).map_or(&entry.place, |node| &node.place);
        Problem::at(place.clone(), message).key(f.path.join(name).text()).hint(hint)
    };
    let kind: Option<Kind> = match f.get("kind") {
        None => {
            let message = format!("the notification {:?} has no kind", entry.key);
            reader.report(wrong("kind", message, "add, for example, kind: webhook"));
            None
        }
        Some(_) => {
            let word = reader::word(super::key(&NOTIFICATION, "kind"));
            reader.value(&f, "kind", (None, Origin::Default), |text| word(text).map(Some))
        }
    };
    let url = reader.optional(&f, "url");
    match (kind, &url) {
        (Some(Kind::Desktop) | None, _) => {}
        (Some(_), None) => {
            let message = format!("the notification {:?} has no url", entry.key);
            reader.report(wrong("url", message, "add url: with the address to post to"));
        }
        // What a reference stands for is seen when something is sent.
        (Some(_), Some(url)) if orkestra_core::secret::is_reference(url) => {}
        (Some(_), Some(url)) => {
            if let Err(why) = check_url(url) {
                let message = format!("the address cannot be used: {why}");
                reader.report(wrong("url", message, "write, for example, https://hooks.example/x"));
            }
        }
    }
    let level = reader::word(super::key(&NOTIFICATION, "min_level"));
    let channel = Notification {
        kind: kind?,
        url,
        secret: reader.optional(&f, "secret"),
        headers: reader.variables(f.get("headers"), &f.path.join("headers")),
        min_level: reader.value(&f, "min_level", (Level::Warning, Origin::Default), level),
    };
    Some(channel)
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
