//! Reads the jobs.

use super::super::Origin;
use super::super::keys::job::{BUILTINS, JOB, RETRY};
use super::super::problem::Problem;
use super::super::reader::{self, Fields, KeyPath, Reader, quote};
use super::super::yaml::{Kind, Node, Place};
use super::{Folders, Line, Ty, key, keys, name, program, tidy};
use jiff::Timestamp;
use orkestra_core::job::schedule::{Schedule, ScheduleError, zone_names};
use orkestra_core::job::spec::{
    Action, Builtin, JITTER_MAX, JobName, JobSpec, Missed, Overlap, Retry,
};
use orkestra_core::span::Span;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// From where it is asked whether a pattern ever comes: any time will do.
const SOME_TIME: Timestamp = Timestamp::UNIX_EPOCH;

/// All jobs: those of the file, and those that Orkestra has by itself.
pub(super) fn read(
    top: &Fields<'_>,
    folders: &Folders<'_>,
    common: &BTreeMap<String, String>,
    reader: &mut Reader,
) -> BTreeMap<JobName, JobSpec> {
    let path = top.path.join("jobs");
    let mut jobs = BTreeMap::new();
    let entries = reader.named(top.get("jobs"), &path);
    for entry in entries {
        let Some(name) = name(entry, &path, "job", reader) else { continue };
        let mut job = Reading {
            name: name.as_str(),
            place: Some(&entry.place),
            fields: reader.section(Some(&entry.value), path.join(&entry.key), &JOB),
            folders,
            common,
            reader,
        };
        if let (Some(spec), Ok(name)) = (job.read(), name.as_str().parse()) {
            jobs.insert(name, spec);
        }
    }
    for builtin in BUILTINS.iter().filter(|name| !entries.iter().any(|entry| entry.key == **name)) {
        let fields = reader.section(None, path.join(builtin), &JOB);
        let mut job = Reading { name: builtin, place: None, fields, folders, common, reader };
        if let (Some(spec), Ok(name)) = (job.read(), builtin.parse()) {
            jobs.insert(name, spec);
        }
    }
    jobs
}

/// What a job of this name does, and when, unless something else is said.
fn own(name: &str) -> Option<(Builtin, Schedule)> {
    let builtin = Builtin::ALL.into_iter().find(|builtin| builtin.as_str() == name)?;
    if !BUILTINS.contains(&name) {
        return None;
    }
    let schedule = match builtin {
        Builtin::Health => Schedule::Every { span: Span::from_secs(300) },
        Builtin::Prune => Schedule::Cron { expr: "15 3 * * *".to_owned(), zone: "UTC".to_owned() },
    };
    Some((builtin, schedule))
}

/// A share of the period: `0.1` or `10%`.
struct Jitter(f64);

impl std::str::FromStr for Jitter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map_err(|_| ())? / 100.0,
            None => text.trim().parse().map_err(|_| ())?,
        };
        if (0.0..=JITTER_MAX).contains(&share) { Ok(Self(share)) } else { Err(()) }
    }
}

/// A job that is being read.
struct Reading<'a> {
    name: &'a str,
    /// Where it stands; nowhere if nobody wrote it.
    place: Option<&'a Place>,
    fields: Fields<'a>,
    folders: &'a Folders<'a>,
    common: &'a BTreeMap<String, String>,
    reader: &'a mut Reader,
}

impl Reading<'_> {
    fn read(&mut self) -> Option<JobSpec> {
        let schedule = self.schedule();
        let action = self.action();
        let (r, f) = (&mut *self.reader, &self.fields);
        let expected = reader::expectation(Ty::Chance);
        let jitter =
            |text: &str| reader::parsed::<Jitter>(text, "a share of the period", &expected);
        let some_span = |text: &str| reader::span(text).map(Some);
        let words = |name| key(&JOB, name);
        let default = || Origin::Default;
        let jitter = r.value(f, "jitter", (Jitter(0.0), default()), jitter).0;
        let overlap = reader::word(words("overlap"));
        let overlap = r.value(f, "overlap", (Overlap::Skip, default()), overlap);
        let missed = reader::word(words("missed"));
        let missed = r.value(f, "missed", (Missed::Once, default()), missed);
        let timeout = r.value(f, "timeout", (None, default()), some_span);
        let immediate = r.value(f, "immediate", (false, default()), reader::boolean);
        let enabled = r.value(f, "enabled", (true, default()), reader::boolean);
        let again = r.section(f.get("retry"), f.path.join("retry"), &RETRY);
        let retry = Retry {
            times: r.value(&again, "times", (None, default()), reader::limit).unwrap_or(0),
            wait: r.value(&again, "wait", (Retry::NONE.wait, default()), reader::span),
        };
        Some(JobSpec {
            schedule: schedule?,
            jitter,
            action: action?,
            overlap,
            missed,
            timeout,
            retry,
            immediate,
            enabled,
        })
    }

    /// Reports something about the job as a whole.
    fn refuse(&mut self, message: String, key: &str, hint: &str) {
        let Some(place) = self.place.cloned() else { return };
        let problem = Problem::at(place, message).key(self.fields.path.join(key).text());
        self.reader.report(problem.hint(hint));
    }

    /// Which one of these keys is there; reports when there are several.
    fn only(&mut self, names: &[&'static str]) -> Option<&'static str> {
        let given: Vec<&'static str> =
            names.iter().copied().filter(|name| self.fields.get(name).is_some()).collect();
        if let [first, second, ..] = given.as_slice()
            && let Some(node) = self.fields.get(second)
        {
            let message = format!("the job {:?} has both {first} and {second}", self.name);
            let problem = Problem::at(node.place.clone(), message);
            let problem = problem.key(self.fields.path.join(second).text());
            self.reader.report(problem.hint("remove one of these"));
        }
        given.first().copied()
    }

    /// Reports keys that have no meaning beside the one that is there.
    fn idle(&mut self, names: &[&str], with: &str) {
        for name in names {
            if let Some(node) = self.fields.get(name) {
                let message = format!("{name} has no meaning here");
                let problem = Problem::at(node.place.clone(), message);
                let problem = problem.key(self.fields.path.join(name).text());
                self.reader.report(problem.hint(format!("it goes with {with}")));
            }
        }
    }

    fn schedule(&mut self) -> Option<Schedule> {
        let which = self.only(&["every", "cron"]);
        let own = own(self.name).map(|(_, schedule)| schedule);
        if which != Some("cron") && !matches!(own, Some(Schedule::Cron { .. })) {
            self.idle(&["zone"], "cron");
        }
        match (which, own) {
            (Some("every"), _) => {
                let f = &self.fields;
                let span = self.reader.value(f, "every", (None, Origin::Default), |text| {
                    reader::span(text).map(Some)
                })?;
                let schedule = Schedule::Every { span };
                self.check(schedule, "every")
            }
            (Some(_), _) => {
                let expr = self.reader.optional(&self.fields, "cron");
                let zone = self.zone();
                self.check(Schedule::Cron { expr: expr?, zone: zone? }, "cron")
            }
            (None, Some(Schedule::Every { span })) => {
                self.reader.origin(&self.fields.path.join("every"), Origin::Default);
                Some(Schedule::Every { span })
            }
            (None, Some(Schedule::Cron { expr, .. })) => {
                self.reader.origin(&self.fields.path.join("cron"), Origin::Default);
                let zone = self.zone()?;
                self.check(Schedule::Cron { expr, zone }, "cron")
            }
            (None, None) => {
                let message = format!("the job {:?} has no schedule", self.name);
                let hint = "add every: 10m, or cron: \"30 2 * * *\" and a zone";
                self.refuse(message, "every", hint);
                None
            }
        }
    }

    fn zone(&mut self) -> Option<String> {
        let utc = ("UTC".to_owned(), Origin::Default);
        let zone = self.reader.value(&self.fields, "zone", utc, reader::texts);
        Some(zone)
    }

    /// A schedule that can be kept; what is wrong is told where it is written.
    fn check(&mut self, schedule: Schedule, name: &str) -> Option<Schedule> {
        let Err(error) = schedule.check(SOME_TIME) else { return Some(schedule) };
        let (name, hint) = match &error {
            ScheduleError::Zone { zone } => ("zone", zone_hint(zone)),
            ScheduleError::TooOften => (name, "every: 1s is the most often".to_owned()),
            ScheduleError::Never { .. } => (name, "look at the day and the month".to_owned()),
            ScheduleError::Pattern { .. } => (
                name,
                "write minute, hour, day, month and weekday, for example \"30 2 * * 1-5\""
                    .to_owned(),
            ),
        };
        if let Some(node) = self.fields.get(name) {
            let problem = Problem::at(node.place.clone(), error.to_string());
            let problem = problem.key(self.fields.path.join(name).text());
            self.reader.report(problem.hint(hint));
        }
        None
    }

    fn action(&mut self) -> Option<Action> {
        let which = self.only(&["command", "run", "builtin"]);
        let own = own(self.name).map(|(builtin, _)| builtin);
        if which != Some("command") {
            self.idle(&["cwd", "env"], "command");
        }
        if which != Some("run") {
            self.idle(&["agent", "target"], "run");
        }
        match (which, own) {
            (Some("command"), _) => {
                let (command, cwd, env) = (self.command(), self.folder("cwd"), self.env());
                Some(Action::Command { command: command?, env, cwd: cwd? })
            }
            (Some("run"), _) => {
                let prompt = self.reader.optional(&self.fields, "run");
                let agent = self.reader.optional(&self.fields, "agent");
                let target = self.folder("target");
                Some(Action::Run { prompt: prompt?, agent, target: target? })
            }
            (Some(_), _) => {
                let word = reader::word::<Builtin>(key(&JOB, "builtin"));
                let word = |text: &str| word(text).map(Some);
                let default = (None, Origin::Default);
                let builtin = self.reader.value(&self.fields, "builtin", default, word)?;
                Some(Action::Builtin { builtin })
            }
            (None, Some(builtin)) => {
                self.reader.origin(&self.fields.path.join("builtin"), Origin::Default);
                Some(Action::Builtin { builtin })
            }
            (None, None) => {
                let message = format!("the job {:?} does nothing", self.name);
                let hint = "add command: [\"./backup.sh\"], or run: \"what an agent is asked\"";
                self.refuse(message, "command", hint);
                None
            }
        }
    }

    fn command(&mut self) -> Option<Vec<String>> {
        let path = self.fields.path.join("command");
        let node: &Node = self.fields.get("command")?;
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

    fn env(&mut self) -> BTreeMap<String, String> {
        let path = self.fields.path.join("env");
        for name in self.common.keys() {
            let origin = self.reader.origins.get(&KeyPath::default().join("env").join(name).text());
            if let Some(origin) = origin.cloned() {
                self.reader.origin(&path.join(name), origin);
            }
        }
        let mut env = self.common.clone();
        env.extend(self.reader.variables(self.fields.get("env"), &path));
        env
    }

    /// A folder: relative to the file's, `~/` is the user's.
    fn folder(&mut self, name: &str) -> Option<String> {
        let given = self.reader.optional(&self.fields, name);
        let path: PathBuf = match given.as_deref() {
            None => self.folders.config.to_path_buf(),
            Some("~") => self.folders.user?.to_path_buf(),
            Some(text) => match (text.strip_prefix("~/"), self.folders.user) {
                (Some(rest), Some(user)) => user.join(rest),
                _ => self.folders.config.join(text),
            },
        };
        let path = tidy(&path);
        if path.to_str().is_none() {
            let message = format!("the folder {} is not UTF-8", path.display());
            self.refuse(message, name, "name another");
        }
        path.to_str().map(str::to_owned)
    }
}

fn zone_hint(zone: &str) -> String {
    let names = zone_names();
    // The last part is what people know: berlin is Europe/Berlin.
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let wanted = last(zone);
    let alike = names.iter().find(|name| name.eq_ignore_ascii_case(zone));
    let alike = alike.or_else(|| names.iter().find(|name| last(name) == wanted));
    let near = || {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        keys::nearest(zone, &names).map(str::to_owned)
    };
    match alike.cloned().or_else(near) {
        Some(name) => format!("did you mean {}?", quote(&name)),
        None => "write an IANA name, for example Europe/Berlin".to_owned(),
    }
}
