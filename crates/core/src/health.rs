//! How the house itself is: from what was measured to checks with a level, a sentence and advice
//! (MISSION row 41).
//!
//! Nothing is measured here. What could not be measured is `unknown`, never `ok`.

mod agents;

pub use agents::{AgentFact, Agents, system};

use crate::span::Span;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a check stands. The order is that of what a person should look at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It could not be measured.
    Unknown,
    /// Somebody should look at it in the next days.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl Level {
    /// The word on the wire and in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Unknown, Self::Warning, Self::Critical]
            .into_iter()
            .find(|level| level.as_str() == text)
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What: `disk`, `memory` …
    pub name: String,
    /// How it stands.
    pub level: Level,
    /// In one sentence.
    pub says: String,
    /// What to do, unless it is well.
    pub advice: Option<String>,
    /// The figure that was compared.
    pub value: Option<f64>,
    /// What it was compared with: the nearest limit that is not kept, else the first one.
    pub threshold: Option<f64>,
    /// What figure and threshold count: `bytes`, `share`, `per_cpu`, `count`.
    pub measure: Option<String>,
}

/// All checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The worst of all.
    pub level: Level,
    /// Each of them, in the order of the house.
    pub checks: Vec<Check>,
}

/// From where on a figure is too high or too low.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// This much free space or less is a warning. Without it 10 GB, or a fifth of a smaller disk.
    pub disk_warning: Option<u64>,
    /// This much free space or less is critical. Without it 5 GB, or a tenth of a smaller disk.
    pub disk_critical: Option<u64>,
    /// A smaller share of available memory is a warning.
    pub memory_warning: f64,
    /// A smaller share of available memory is critical.
    pub memory_critical: f64,
    /// A higher load per processor over 5 minutes is a warning.
    pub load_warning: f64,
    /// A larger database is a warning.
    pub database_warning: u64,
    /// A daemon that takes more memory is a warning.
    pub daemon_memory_warning: u64,
    /// A larger share of the descriptors is a warning.
    pub descriptors_warning: f64,
}

const GB: u64 = 1_000_000_000;
const MB: u64 = 1_000_000;

impl Thresholds {
    /// Without any configuration.
    pub const DEFAULT: Self = Self {
        disk_warning: None,
        disk_critical: None,
        memory_warning: 0.10,
        memory_critical: 0.03,
        load_warning: 4.0,
        database_warning: 500 * MB,
        daemon_memory_warning: 500 * MB,
        descriptors_warning: 0.8,
    };

    /// Free space for a warning and for critical, on a disk of this size. On a small disk 10 GB may
    /// be half of it, so the defaults are never more than a share; what is configured holds as it is.
    fn disk(&self, total: u64) -> (u64, u64) {
        let warning = self.disk_warning.unwrap_or((10 * GB).min(total / 5));
        let critical = self.disk_critical.unwrap_or((5 * GB).min(total / 10));
        (warning.max(critical), critical)
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// An amount and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What is left.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// Whether the journal can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Yes.
    Ok,
    /// The disk is full.
    Full,
    /// The folder or file cannot be written.
    Unwritable,
}

/// What the last whole check of the journal gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integrity {
    /// When it was done (UTC).
    pub at: Timestamp,
    /// How many problems it found.
    pub problems: u64,
    /// The first of them.
    pub first: Option<String>,
    /// Events that were recomputed.
    pub events: u64,
}

/// Units by how they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Units {
    /// All of them.
    pub all: u64,
    /// Those whose process lives.
    pub running: u64,
    /// Those that gave up.
    pub failed: Vec<String>,
    /// Those that failed three times in a row or more and are tried on.
    pub crashing: Vec<String>,
}

/// The outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outbox {
    /// What is still to be carried out.
    pub waiting: u64,
    /// What nobody knows of whether it happened.
    pub unknown: u64,
}

/// What the daemon knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// For how long it has run.
    pub uptime_ms: u64,
    /// Its memory.
    pub rss: Option<u64>,
    /// Its descriptors: those it has, and how many there may be.
    pub descriptors: Option<(u64, u64)>,
    /// Whether the journal can be written.
    pub writing: Writing,
    /// The last whole check of the journal; `None` before the first.
    pub integrity: Option<Integrity>,
    /// Its units.
    pub units: Units,
    /// Jobs that failed three times in a row or more.
    pub jobs_failing: Vec<String>,
    /// Its outbox.
    pub outbox: Outbox,
    /// Its agents; nothing where there are none.
    pub agents: Option<Agents>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The file system of the data folder.
    pub disk: Option<Room>,
    /// The machine's memory.
    pub memory: Option<Room>,
    /// Load over 5 minutes, and the number of processors.
    pub load: Option<(f64, u64)>,
    /// The size of the database with its log.
    pub database_bytes: Option<u64>,
    /// The daemon; `None` when it is down.
    pub daemon: Option<Daemon>,
}

/// A size for people.
pub fn bytes(count: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let count = count as f64;
    match units.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) if count / size < 10.0 => format!("{:.1} {unit}", count / size),
        Some((size, unit)) => format!("{:.0} {unit}", count / size),
        None => format!("{count:.0} bytes"),
    }
}

fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// Names in a sentence; of many the first few.
fn names(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut shown: Vec<String> = names.iter().take(SHOWN).cloned().collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}

fn check(name: &str, level: Level, says: impl Into<String>) -> Check {
    Check {
        name: name.to_owned(),
        level,
        says: says.into(),
        advice: None,
        value: None,
        threshold: None,
        measure: None,
    }
}

impl Check {
    fn figure(mut self, value: f64, threshold: f64, measure: &str) -> Self {
        self.value = Some(value);
        self.threshold = Some(threshold);
        self.measure = Some(measure.to_owned());
        self
    }

    /// Advice is for who has to do something.
    fn advice(mut self, text: &str) -> Self {
        if self.level != Level::Ok {
            self.advice = Some(text.to_owned());
        }
        self
    }
}

fn not_measured(name: &str) -> Check {
    check(name, Level::Unknown, "It could not be measured.")
}

/// Looks at everything that was measured.
pub fn report(facts: &Facts, thresholds: &Thresholds) -> Report {
    let mut checks = vec![
        daemon_check(facts.daemon.as_ref()),
        disk_check(facts.disk, thresholds),
        memory_check(facts.memory, thresholds),
        load_check(facts.load, thresholds),
        database_check(facts.database_bytes, thresholds),
    ];
    if let Some(daemon) = &facts.daemon {
        checks.extend([
            journal_check(daemon.writing),
            integrity_check(daemon.integrity.as_ref()),
            own_memory_check(daemon.rss, thresholds),
            descriptors_check(daemon.descriptors, thresholds),
            units_check(&daemon.units),
            jobs_check(&daemon.jobs_failing),
            outbox_check(daemon.outbox),
        ]);
        checks.extend(daemon.agents.as_ref().map(agents::agents_check));
    }
    Report { level: checks.iter().map(|check| check.level).max().unwrap_or(Level::Ok), checks }
}

fn daemon_check(daemon: Option<&Daemon>) -> Check {
    match daemon {
        Some(daemon) => {
            let up = Span::from_ms(daemon.uptime_ms).roughly();
            check("daemon", Level::Ok, format!("Up for {up}."))
        }
        None => check("daemon", Level::Critical, "No daemon runs on this data folder.")
            .advice("Start it: orkestra up"),
    }
}

/// Lower is worse: the level of a figure, and the threshold it is told with.
fn falling(value: f64, warning: f64, critical: f64, equal_counts: bool) -> (Level, f64) {
    let below = |limit: f64| value < limit || (equal_counts && value <= limit);
    if below(critical) {
        (Level::Critical, critical)
    } else if below(warning) {
        (Level::Warning, warning)
    } else {
        (Level::Ok, warning)
    }
}

fn disk_check(disk: Option<Room>, thresholds: &Thresholds) -> Check {
    let Some(disk) = disk else { return not_measured("disk") };
    let (warning, critical) = thresholds.disk(disk.total);
    let (level, threshold) = falling(disk.free as f64, warning as f64, critical as f64, true);
    let says = format!("{} of {} free.", bytes(disk.free), bytes(disk.total));
    check("disk", level, says)
        .figure(disk.free as f64, threshold, "bytes")
        .advice("Make room on the disk of the data folder; orkestra prune removes what is old.")
}

fn memory_check(memory: Option<Room>, thresholds: &Thresholds) -> Check {
    let Some(memory) = memory.filter(|memory| memory.total > 0) else {
        return not_measured("memory");
    };
    let share = memory.free as f64 / memory.total as f64;
    let (level, threshold) =
        falling(share, thresholds.memory_warning, thresholds.memory_critical, false);
    let says = format!("{} of {} available.", bytes(memory.free), bytes(memory.total));
    check("memory", level, says)
        .figure(share, threshold, "share")
        .advice("Stop something, or give units a limit.")
}

fn load_check(load: Option<(f64, u64)>, thresholds: &Thresholds) -> Check {
    let Some((load, cpus)) = load else { return not_measured("load") };
    let each = load / cpus.max(1) as f64;
    let level = if each > thresholds.load_warning { Level::Warning } else { Level::Ok };
    let cpus = plural(usize::try_from(cpus).unwrap_or(usize::MAX), "processor");
    check("load", level, format!("{load:.2} over 5 minutes on {cpus}."))
        .figure(each, thresholds.load_warning, "per_cpu")
        .advice("More waits for the processors than they can do; look at what runs.")
}

fn database_check(size: Option<u64>, thresholds: &Thresholds) -> Check {
    let Some(size) = size else { return not_measured("database") };
    let level = if size > thresholds.database_warning { Level::Warning } else { Level::Ok };
    check("database", level, format!("{}.", bytes(size)))
        .figure(size as f64, thresholds.database_warning as f64, "bytes")
        .advice("Set retention.journal, so that old events are exported and removed.")
}

fn journal_check(writing: Writing) -> Check {
    let (level, says) = match writing {
        Writing::Ok => (Level::Ok, "It is written."),
        Writing::Full => (Level::Critical, "The disk is full; what happens is kept in memory."),
        Writing::Unwritable => {
            (Level::Critical, "The data folder cannot be written; what happens is kept in memory.")
        }
    };
    check("journal", level, says).advice("Orkestra notices by itself when it can write again.")
}

fn integrity_check(integrity: Option<&Integrity>) -> Check {
    let Some(found) = integrity else {
        return check("integrity", Level::Ok, "The journal was not checked as a whole yet.");
    };
    let at = found.at.strftime("%Y-%m-%d %H:%M UTC");
    if found.problems == 0 {
        let says = format!("All {} events verified ({at}).", found.events);
        return check("integrity", Level::Ok, says).figure(0.0, 0.0, "count");
    }
    let first = found.first.as_deref().unwrap_or("see orkestra audit verify");
    let what = plural(usize::try_from(found.problems).unwrap_or(usize::MAX), "problem");
    check("integrity", Level::Critical, format!("{what} in the journal ({at}): {first}"))
        .figure(found.problems as f64, 0.0, "count")
        .advice("orkestra audit verify names each place; keep a copy of the data folder.")
}

fn own_memory_check(rss: Option<u64>, thresholds: &Thresholds) -> Check {
    let Some(rss) = rss else { return not_measured("daemon memory") };
    let level = if rss > thresholds.daemon_memory_warning { Level::Warning } else { Level::Ok };
    check("daemon memory", level, format!("{}.", bytes(rss)))
        .figure(rss as f64, thresholds.daemon_memory_warning as f64, "bytes")
        .advice("orkestra down --keep-units and orkestra up begin anew; units go on meanwhile.")
}

fn descriptors_check(descriptors: Option<(u64, u64)>, thresholds: &Thresholds) -> Check {
    let Some((used, limit)) = descriptors.filter(|(_, limit)| *limit > 0) else {
        return not_measured("descriptors");
    };
    let share = used as f64 / limit as f64;
    let level = if share > thresholds.descriptors_warning { Level::Warning } else { Level::Ok };
    check("descriptors", level, format!("{used} of {limit}."))
        .figure(share, thresholds.descriptors_warning, "share")
        .advice("Raise the hard limit of open files for whoever starts the daemon.")
}

fn units_check(units: &Units) -> Check {
    let troubled = units.failed.len() + units.crashing.len();
    let level = if troubled > 0 { Level::Warning } else { Level::Ok };
    let mut says = format!("{} of {} run.", units.running, units.all);
    if !units.failed.is_empty() {
        says += &format!(" Failed: {}.", names(&units.failed));
    }
    if !units.crashing.is_empty() {
        says += &format!(" Crashing again and again: {}.", names(&units.crashing));
    }
    check("units", level, says)
        .figure(troubled as f64, 0.0, "count")
        .advice("orkestra unit show NAME tells why, orkestra logs NAME what it said.")
}

fn jobs_check(failing: &[String]) -> Check {
    if failing.is_empty() {
        return check("jobs", Level::Ok, "None fails again and again.").figure(0.0, 0.0, "count");
    }
    check("jobs", Level::Warning, format!("Failing again and again: {}.", names(failing)))
        .figure(failing.len() as f64, 0.0, "count")
        .advice("orkestra job list tells why.")
}

fn outbox_check(outbox: Outbox) -> Check {
    let level = if outbox.unknown > 0 { Level::Warning } else { Level::Ok };
    let says = match (outbox.waiting, outbox.unknown) {
        (0, 0) => "Nothing waits.".to_owned(),
        (waiting, 0) => format!("{waiting} to be carried out."),
        (waiting, unknown) => {
            format!("{waiting} to be carried out; of {unknown} nobody knows whether it happened.")
        }
    };
    check("outbox", level, says)
        .figure(outbox.unknown as f64, 0.0, "count")
        .advice("orkestra events --kind 'effect.*' tells what it was.")
}

#[cfg(test)]
mod tests;
