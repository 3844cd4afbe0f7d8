//! The keys of a unit → its specification.

use super::Origin;
use super::keys::{RESTART, Ty, UNIT};
use super::problem::Problem;
use super::reader::{self, Fields, KeyPath, Reader};
use super::settings::{Folders, Line, key, program, section, tidy};
use super::yaml::{Entry, Kind, Node};
use orkestra_core::signal::Signal;
use orkestra_core::span::Span;
use orkestra_core::unit::backoff::{Backoff, StartLimit};
use orkestra_core::unit::hook::Hooks;
use orkestra_core::unit::probe::{Http, Probe, Probes};
use orkestra_core::unit::spec::{
    Condition, FullDisk, Kind as UnitKind, Limits, Logs, OnFailed, Policy, Restart, Stop, UnitName,
    UnitSpec,
};
use std::collections::BTreeMap;

/// What a log file may hold unless something else is said.
const LOGS: Logs = Logs { max_bytes: 10_000_000, keep: 5, full: FullDisk::Block };
/// How a unit is ended unless something else is said.
const STOP: Stop = Stop { signal: Signal::TERM, grace: Span::from_secs(5) };

/// A dependency as written.
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) path: String,
}

/// Reads one unit.
pub(super) struct Unit<'a> {
    pub(super) name: &'a UnitName,
    pub(super) entry: &'a Entry,
    pub(super) folders: &'a Folders<'a>,
    pub(super) reader: &'a mut Reader,
    pub(super) common: &'a BTreeMap<String, String>,
}

impl Unit<'_> {
    pub(super) fn read(&mut self, path: KeyPath) -> (Option<UnitSpec>, Vec<Dependency>) {
        let fields = self.reader.section(Some(&self.entry.value), path, &UNIT);
        let command = self.command(&fields);
        let (after, dependencies) = self.after(&fields);
        let env = self.env(&fields);
        let enabled =
            self.reader.value(&fields, "enabled", (true, Origin::Default), reader::boolean);
        let cwd = self.cwd(&fields);
        let kind = reader::word(key(&UNIT, "kind"));
        let kind = self.reader.value(&fields, "kind", (UnitKind::Service, Origin::Default), kind);
        let restart = self.restart(&fields, kind);
        let stop = self.stop(&fields);
        let logs = self.logs(&fields);
        let user = self.reader.optional(&fields, "user");
        let probes = self.probes(&fields);
        let limits = self.limits(&fields);
        let hooks = self.hooks(&fields);
        let on_failed = reader::word(key(&UNIT, "on_failed"));
        let none = (OnFailed::Ignore, Origin::Default);
        let on_failed = self.reader.value(&fields, "on_failed", none, on_failed);
        let spec = command.zip(cwd).map(|(command, cwd)| UnitSpec {
            command,
            env,
            cwd,
            enabled,
            after,
            restart,
            stop,
            logs,
            kind,
            user,
            probes,
            limits,
            hooks,
            on_failed,
        });
        (spec, dependencies)
    }

    fn command(&mut self, fields: &Fields<'_>) -> Option<Vec<String>> {
        let path = fields.path.join("command");
        let Some(node) = fields.get("command") else {
            let message = format!("the unit {:?} has no command", self.name.as_str());
            let problem = Problem::at(self.entry.place.clone(), message).key(path.text());
            self.reader
                .report(problem.hint("add, for example, command: [\"./server\", \"--verbose\"]"));
            return None;
        };
        self.reader.origin(&path, Origin::of(&node.place));
        if let Kind::Scalar { .. } = &node.kind {
            let ty = Some(Ty::Command);
            let line = self.reader.scalar(node, &path, ty, |text| {
                reader::parsed::<Line>(text, "a command", &reader::expectation(Ty::Command))
            })?;
            return Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.0]);
        }
        program(node, &path, self.reader)
    }

    fn env(&mut self, fields: &Fields<'_>) -> BTreeMap<String, String> {
        let path = fields.path.join("env");
        for name in self.common.keys() {
            let origin = self.reader.origins.get(&KeyPath::default().join("env").join(name).text());
            if let Some(origin) = origin.cloned() {
                self.reader.origin(&path.join(name), origin);
            }
        }
        let mut env = self.common.clone();
        env.extend(self.reader.variables(fields.get("env"), &path));
        env
    }

    fn cwd(&mut self, fields: &Fields<'_>) -> Option<String> {
        let given = self.reader.optional(fields, "cwd");
        let path = match given.as_deref() {
            None => self.folders.config.to_path_buf(),
            Some("~") => self.folders.user?.to_path_buf(),
            Some(text) => match (text.strip_prefix("~/"), self.folders.user) {
                (Some(rest), Some(user)) => user.join(rest),
                _ => self.folders.config.join(text),
            },
        };
        match tidy(&path).to_str() {
            Some(path) => Some(path.to_owned()),
            None => {
                let message = format!("the folder {} is not UTF-8", path.display());
                let problem = Problem::at(self.entry.place.clone(), message);
                self.reader.report(problem.key(fields.path.join("cwd").text()));
                None
            }
        }
    }

    fn after(&mut self, fields: &Fields<'_>) -> (BTreeMap<UnitName, Condition>, Vec<Dependency>) {
        let path = fields.path.join("after");
        let mut after = BTreeMap::new();
        let mut dependencies = Vec::new();
        let expected = reader::expectation(Ty::After);
        let started = || Node::text("started", self.entry.place.clone());
        // Each name with the node that it is written as, and its condition.
        let pairs: Vec<(String, Node, Node)> = match fields.get("after") {
            None => Vec::new(),
            Some(node) if node.is_null() => Vec::new(),
            Some(Node { kind: Kind::Map(entries), .. }) => entries
                .iter()
                .map(|e| (e.key.clone(), Node::text(&e.key, e.place.clone()), e.value.clone()))
                .collect(),
            Some(node @ Node { kind: Kind::Scalar { text, .. }, .. }) => {
                vec![(text.clone(), node.clone(), started())]
            }
            Some(Node { kind: Kind::List(items), .. }) => {
                let mut pairs = Vec::new();
                for item in items {
                    match &item.kind {
                        Kind::Scalar { text, .. } => {
                            pairs.push((text.clone(), item.clone(), started()));
                        }
                        Kind::List(_) | Kind::Map(_) => {
                            self.reader.shape(item, &path, "a dependency", &expected);
                        }
                    }
                }
                pairs
            }
        };
        for (name, node, condition) in pairs {
            let path = path.join(&name);
            self.reader.origin(&path, Origin::of(&node.place));
            let ty = Some(Ty::Word(&CONDITIONS));
            let condition = self.reader.scalar(&condition, &path, ty, |text| {
                reader::one_of::<Condition>(text, "condition", &CONDITIONS)
            });
            if let (Some(condition), Ok(name)) = (condition, name.parse()) {
                after.insert(name, condition);
            }
            dependencies.push(Dependency { name, node, path: path.text() });
        }
        (after, dependencies)
    }

    fn restart(&mut self, fields: &Fields<'_>, kind: UnitKind) -> Restart {
        let path = fields.path.join("restart");
        let f = self.reader.section(fields.get("restart"), path, &RESTART);
        let r = &mut *self.reader;
        let known = reader::word(key(&RESTART, "policy"));
        let policy = |text: &str| {
            known(text).map_err(|bad| {
                if Backoff::PROFILES.iter().any(|(name, _)| *name == text) {
                    bad.hint(format!("{text} is a profile; write restart: {{ profile: {text} }}"))
                } else {
                    bad
                }
            })
        };
        let usual = match kind {
            UnitKind::Service => Policy::Always,
            UnitKind::Oneshot => Policy::Never,
        };
        let policy = r.value(&f, "policy", (usual, Origin::Default), policy);
        if kind == UnitKind::Oneshot && policy == Policy::Always {
            let place = f.get("policy").map_or(&self.entry.place, |node| &node.place);
            let problem = Problem::at(
                place.clone(),
                "a oneshot unit that is always restarted would run for ever",
            );
            let problem = problem.key(f.path.join("policy").text());
            r.report(problem.expected("on-failure or never"));
        }
        let profile = reader::word::<String>(key(&RESTART, "profile"));
        let profile = r.value(&f, "profile", ("default".to_owned(), Origin::Default), profile);
        let base = Backoff::PROFILES.iter().find(|(name, _)| *name == profile);
        let base = base.map_or(Backoff::DEFAULT, |(_, backoff)| *backoff);
        let origin = match f.get("profile") {
            Some(_) => Origin::Profile(profile.clone()),
            None => Origin::Default,
        };
        let from = || origin.clone();
        let before = r.errors;
        let backoff = Backoff {
            initial: r.value(&f, "initial", (base.initial, from()), reader::span),
            factor: r.value(&f, "factor", (base.factor, from()), reader::factor),
            max: r.value(&f, "max", (base.max, from()), reader::span),
            jitter: r.value(&f, "jitter", (base.jitter, from()), reader::share),
            reset_after: r.value(&f, "reset_after", (base.reset_after, from()), reader::span),
            limit: r.value(&f, "limit", (base.limit, from()), reader::limit),
        };
        if r.errors == before
            && backoff.initial > backoff.max
            && let Some((name, node)) =
                ["max", "initial"].iter().find_map(|name| Some((name, f.get(name)?)))
        {
            let message = format!(
                "the first wait ({}) is longer than the longest ({})",
                backoff.initial, backoff.max
            );
            let problem = Problem::at(node.place.clone(), message).key(f.path.join(name).text());
            r.report(problem.hint("set both restart.initial and restart.max"));
        }
        let success_codes = match f.get("success_codes") {
            Some(node) => {
                let path = f.path.join("success_codes");
                r.origin(&path, Origin::of(&node.place));
                r.codes(node, &path)
            }
            None => {
                r.origin(&f.path.join("success_codes"), Origin::Default);
                Vec::new()
            }
        };
        let start_limit = start_limit(&f, r);
        Restart { policy, profile, backoff, success_codes, start_limit }
    }

    fn stop(&mut self, fields: &Fields<'_>) -> Stop {
        let path = fields.path.join("stop");
        let f = self.reader.section(fields.get("stop"), path, section(&UNIT, "stop"));
        let r = &mut *self.reader;
        Stop {
            signal: r.value(&f, "signal", (STOP.signal, Origin::Default), reader::signal),
            grace: r.value(&f, "grace", (STOP.grace, Origin::Default), reader::span),
        }
    }

    fn logs(&mut self, fields: &Fields<'_>) -> Logs {
        let section = section(&UNIT, "logs");
        let f = self.reader.section(fields.get("logs"), fields.path.join("logs"), section);
        let r = &mut *self.reader;
        let full = reader::word(key(section, "full"));
        Logs {
            max_bytes: r.value(&f, "max_size", (LOGS.max_bytes, Origin::Default), reader::size),
            keep: r.value(&f, "keep", (LOGS.keep, Origin::Default), reader::count),
            full: r.value(&f, "full", (LOGS.full, Origin::Default), full),
        }
    }

    fn probes(&mut self, fields: &Fields<'_>) -> Probes {
        let outer = section(&UNIT, "probes");
        let f = self.reader.section(fields.get("probes"), fields.path.join("probes"), outer);
        let mut of = |name: &str| {
            let node = f.get(name).filter(|node| !node.is_null())?;
            let inner = section(outer, name);
            let fields = self.reader.section(Some(node), f.path.join(name), inner);
            probe(&fields, name, node, self.reader)
        };
        Probes { ready: of("ready"), live: of("live") }
    }

    fn limits(&mut self, fields: &Fields<'_>) -> Limits {
        let section = section(&UNIT, "limits");
        let f = self.reader.section(fields.get("limits"), fields.path.join("limits"), section);
        let r = &mut *self.reader;
        let open_files = r.value(&f, "open_files", (None, Origin::Default), reader::limit);
        Limits {
            memory: unless_none(r, &f, "memory", reader::memory),
            cpu: unless_none(r, &f, "cpu", reader::percent),
            open_files: open_files.map(u64::from),
            run_time: unless_none(r, &f, "run_time", reader::span),
        }
    }

    fn hooks(&mut self, fields: &Fields<'_>) -> Hooks {
        let section = section(&UNIT, "hooks");
        let f = self.reader.section(fields.get("hooks"), fields.path.join("hooks"), section);
        let r = &mut *self.reader;
        let timeout = (Hooks::TIMEOUT, Origin::Default);
        Hooks {
            start: maybe_program(r, &f, "start"),
            ready: maybe_program(r, &f, "ready"),
            exit: maybe_program(r, &f, "exit"),
            failed: maybe_program(r, &f, "failed"),
            timeout: r.value(&f, "timeout", timeout, reader::span),
        }
    }
}

/// The conditions of `after`.
pub(crate) const CONDITIONS: [&str; 4] = ["started", "ready", "healthy", "completed"];

/// A value that `none` takes away.
fn unless_none<T>(
    reader: &mut Reader,
    fields: &Fields<'_>,
    name: &str,
    read: impl Fn(&str) -> Result<T, reader::Bad>,
) -> Option<T> {
    reader.value(fields, name, (None, Origin::Default), |text| match text {
        "none" => Ok(None),
        text => read(text).map(Some),
    })
}

/// Program and arguments, where there are any.
fn maybe_program(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Option<Vec<String>> {
    let path = fields.path.join(name);
    match fields.get(name).filter(|node| !node.is_null()) {
        Some(node) => {
            reader.origin(&path, Origin::of(&node.place));
            program(node, &path, reader)
        }
        None => {
            reader.origin(&path, Origin::Default);
            None
        }
    }
}

fn start_limit(fields: &Fields<'_>, reader: &mut Reader) -> Option<StartLimit> {
    let node = fields.get("start_limit").filter(|node| !node.is_null())?;
    let section = section(&RESTART, "start_limit");
    let f = reader.section(Some(node), fields.path.join("start_limit"), section);
    let (count, within) = ((5, Origin::Default), (Span::from_secs(60), Origin::Default));
    Some(StartLimit {
        count: reader.value(&f, "count", count, reader::count),
        within: reader.value(&f, "within", within, reader::span),
    })
}

/// One probe; it needs a way of asking.
fn probe(f: &Fields<'_>, name: &str, node: &Node, r: &mut Reader) -> Option<Probe> {
    let only_ready = name == "ready";
    let url = unless_none(r, f, "http", reader::url);
    let status = unless_none(r, f, "status", reader::status);
    if let (None, Some(_), Some(written)) = (&url, status, f.get("status")) {
        let problem = Problem::at(written.place.clone(), "a status needs an address to ask");
        r.report(problem.key(f.path.join("status").text()).hint("add http: http://…"));
    }
    let notify = reader::one_of;
    let second = |seconds| (Span::from_secs(seconds), Origin::Default);
    let probe = Probe {
        exec: maybe_program(r, f, "exec"),
        http: url.map(|url| Http { url, status }),
        tcp: unless_none(r, f, "tcp", reader::address),
        log: if only_ready { unless_none(r, f, "log", reader::pattern) } else { None },
        notify: unless_none(r, f, "notify", |text| notify(text, "notify", &["main", "all"])),
        delay: if only_ready { unless_none(r, f, "delay", reader::span) } else { None },
        every: r.value(f, "every", second(10), reader::span),
        timeout: r.value(f, "timeout", second(3), reader::span),
        failures: r.value(f, "failures", (3, Origin::Default), reader::count),
        successes: r.value(f, "successes", (1, Origin::Default), reader::count),
        within: if only_ready {
            r.value(f, "within", second(60), reader::span)
        } else {
            Span::from_secs(60)
        },
    };
    let asks = probe.exec.is_some()
        || probe.http.is_some()
        || probe.tcp.is_some()
        || probe.log.is_some()
        || probe.notify.is_some()
        || probe.delay.is_some();
    let ways = ["exec", "http", "tcp", "log", "notify", "delay"];
    if !asks && ways.iter().all(|way| f.get(way).is_none()) {
        let problem = Problem::at(node.place.clone(), "the probe does not say how to ask");
        let ways = if only_ready {
            "exec, http, tcp, log, notify, delay"
        } else {
            "exec, http, tcp, notify"
        };
        r.report(problem.key(f.path.text()).expected(format!("one of: {ways}")));
        return None;
    }
    if probe.every.ms() < 100 {
        let place = f.get("every").map_or(&node.place, |node| &node.place);
        let problem = Problem::at(place.clone(), "a probe cannot ask that often");
        r.report(problem.key(f.path.join("every").text()).expected("100ms or more"));
    }
    Some(probe)
}
