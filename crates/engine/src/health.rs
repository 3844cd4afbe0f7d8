//! The health of the house: measures, has the core judge, and writes down what changed
//! (MISSION row 41).

use crate::error::Error;
use crate::handle::{Handle, StoreState};
use crate::repair::Repair;
use jiff::{SignedDuration, Timestamp};
use orkestra_core::event::{Draft, Topic};
use orkestra_core::health::{
    self, Daemon, Facts, Integrity, Level, Outbox, Report, Room, Thresholds, Units, Writing,
};
use orkestra_core::job::Job;
use orkestra_core::unit::{State, Unit};
use orkestra_host::machine;
use orkestra_store::{EffectState, Error as StoreError};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// How often the whole journal is recomputed: it reads all of it.
const WHOLE_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Failures in a row from which on a unit counts as crashing again and again.
pub(crate) const CRASHES_IN_A_ROW: u32 = 3;

/// Effects that are counted at most.
const COUNT_MAX: usize = 1_000;

/// The levels of the last check, so that a change is told once, also over a restart.
const LEVELS: &str = "health.levels";

/// What the last whole check of the journal gave.
const INTEGRITY: &str = "health.integrity";

/// What a check of the house gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The report.
    pub report: Report,
    /// Checks whose level changed since the last time.
    pub changed: usize,
    /// Whether the whole journal was recomputed.
    pub whole: bool,
    /// What was mended.
    pub repaired: Vec<Repair>,
}

impl Checked {
    /// In one sentence, for a list of jobs.
    pub fn summary(&self) -> String {
        let bad: Vec<&str> = self
            .report
            .checks
            .iter()
            .filter(|check| check.level >= Level::Warning)
            .map(|check| check.name.as_str())
            .collect();
        let mended = match self.repaired.len() {
            0 => String::new(),
            count => format!("; {count} mended"),
        };
        if bad.is_empty() {
            format!("{} checks, nothing to tell{mended}", self.report.checks.len())
        } else {
            format!("{}: {}{mended}", self.report.level.as_str(), bad.join(", "))
        }
    }
}

/// Facts about the machine: what can be said without a daemon too.
fn measure(home: &Path) -> Facts {
    let there = home.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let size = |name: &str| std::fs::metadata(home.join(name)).map(|facts| facts.len());
    Facts {
        disk: machine::disk_free(there)
            .ok()
            .map(|disk| Room { free: disk.free, total: disk.total }),
        memory: machine::memory()
            .ok()
            .map(|memory| Room { free: memory.available, total: memory.total }),
        load: machine::load().ok().map(|[_, five, _]| (five, cpus)),
        database_bytes: size("state.db")
            .ok()
            .map(|bytes| bytes + size("state.db-wal").unwrap_or(0)),
        daemon: None,
    }
}

/// The report when no daemon answers: of the machine and the files only.
pub fn from_outside(home: &Path, thresholds: &Thresholds) -> Report {
    health::report(&measure(home), thresholds)
}

fn count_units(units: &[Unit]) -> Units {
    let mut counted = Units { all: units.len() as u64, ..Units::default() };
    for unit in units {
        match &unit.state {
            State::Running { .. } => counted.running += 1,
            State::Failed { .. } => counted.failed.push(unit.name.to_string()),
            State::BackingOff { .. } if unit.attempt >= CRASHES_IN_A_ROW => {
                counted.crashing.push(unit.name.to_string());
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Stopping { .. } => {}
        }
    }
    counted
}

/// Jobs that failed again and again, by name.
fn failing(jobs: &[Job]) -> Vec<String> {
    let failing = jobs.iter().filter(|job| job.failures >= CRASHES_IN_A_ROW);
    failing.map(|job| job.name.to_string()).collect()
}

impl Handle {
    /// Looks at the house now; changes nothing.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn health(&self) -> Result<Report, Error> {
        let (integrity, outbox) = self
            .store
            .read(|read| {
                let integrity = read.meta(INTEGRITY)?.and_then(|t| serde_json::from_str(&t).ok());
                let count = |state| -> Result<u64, StoreError> {
                    Ok(read.effects(Some(state), COUNT_MAX)?.len() as u64)
                };
                let outbox = Outbox {
                    waiting: count(EffectState::Recorded)? + count(EffectState::Begun)?,
                    unknown: count(EffectState::Unknown)?,
                };
                Ok((integrity, outbox))
            })
            .await
            .map_err(Error::Store)?;
        let home = self.home.clone();
        let measured = tokio::task::spawn_blocking(move || (measure(&home), machine::own().ok()));
        let (mut facts, own) = measured.await.map_err(|_| Error::Closing)?;
        facts.daemon = Some(Daemon {
            uptime_ms: self.now().boot_ms.saturating_sub(self.view.started_boot_ms),
            rss: own.map(|own| own.rss),
            descriptors: own.map(|own| (own.descriptors, own.descriptor_limit)),
            writing: match self.store_state() {
                StoreState::Ok => Writing::Ok,
                StoreState::Full => Writing::Full,
                StoreState::Unwritable => Writing::Unwritable,
            },
            integrity,
            units: count_units(&self.units()),
            jobs_failing: failing(&self.jobs()),
            outbox,
            agents: self.agents_health().await?,
        });
        Ok(health::report(&facts, &self.upkeep().thresholds))
    }

    /// Looks at the house and writes down what changed since the last time; the built-in job
    /// `health`. With `whole` the journal is recomputed too, else once a day.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn check_health(&self, whole: bool, actor: &str) -> Result<Checked, Error> {
        let whole = whole || self.whole_is_due().await?;
        if whole {
            self.check_integrity(actor).await?;
        }
        let repaired = self.repair(actor).await?;
        let report = self.health().await?;
        let (checks, level, actor) = (report.checks.clone(), report.level, actor.to_owned());
        let written = self.store.write(move |tx| {
            let before: BTreeMap<String, Level> = tx
                .meta(LEVELS)?
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default();
            let old = |name: &str| before.get(name).copied().unwrap_or(Level::Ok);
            let changed: Vec<_> = checks
                .iter()
                .filter(|check| check.level != old(&check.name))
                .map(|check| {
                    json!({"name": check.name, "from": old(&check.name), "to": check.level,
                        "says": check.says, "advice": check.advice, "value": check.value,
                        "threshold": check.threshold})
                })
                .collect();
            if changed.is_empty() {
                return Ok(0);
            }
            let levels: BTreeMap<&str, Level> =
                checks.iter().map(|check| (check.name.as_str(), check.level)).collect();
            let levels = serde_json::to_string(&levels)
                .map_err(|error| StoreError::Invalid(error.to_string()))?;
            tx.set_meta(LEVELS, &levels)?;
            let count = changed.len();
            let body = json!({"level": level, "checks": changed});
            tx.append(&[Draft::new("health.changed", Topic::Daemon, "health", &actor, body)])?;
            Ok(count)
        });
        let changed = written.await.map_err(Error::Store)?.value;
        Ok(Checked { report, changed, whole, repaired })
    }

    async fn whole_is_due(&self) -> Result<bool, Error> {
        let last = self.store.read(|read| read.meta(INTEGRITY)).await.map_err(Error::Store)?;
        let last = last.and_then(|text| serde_json::from_str::<Integrity>(&text).ok());
        let now = self.now().at;
        // A time in the future is of a clock that was wrong.
        Ok(last.is_none_or(|last| {
            let age = now.duration_since(last.at);
            age >= WHOLE_EVERY || age.is_negative()
        }))
    }

    /// Recomputes the whole journal and writes down what it gave.
    async fn check_integrity(&self, actor: &str) -> Result<(), Error> {
        let began = self.now().boot_ms;
        let found = self.store.read(|read| read.verify(&mut |_| {})).await.map_err(Error::Store)?;
        let at: Timestamp = self.now().at;
        let took_ms = self.now().boot_ms.saturating_sub(began);
        let first = found.first_bad.first().map(|problem| match problem.seq {
            Some(seq) => format!("event {seq}: {}", problem.what),
            None => problem.what.clone(),
        });
        let integrity = Integrity { at, problems: found.problems, first, events: found.events };
        let actor = actor.to_owned();
        let written = self.store.write(move |tx| {
            let text = serde_json::to_string(&integrity)
                .map_err(|error| StoreError::Invalid(error.to_string()))?;
            tx.set_meta(INTEGRITY, &text)?;
            let body = json!({"problems": integrity.problems, "first": integrity.first,
                "events": integrity.events, "took_ms": took_ms});
            let kind = "health.integrity_checked";
            tx.append(&[Draft::new(kind, Topic::Daemon, "health", &actor, body)])?;
            Ok(())
        });
        written.await.map_err(Error::Store).map(|_| ())
    }
}
