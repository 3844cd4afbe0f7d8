//! What units use: sampled while the daemon runs, the newest kept in memory, and all by the minute
//! for a day, and compared with the limits of memory and CPU.
//!
//! One reading covers all trees. It costs about 15 µs a process, so the period grows with the
//! number of units, and only units with limits are looked at each second.

use crate::handle::View;
use crate::message::Message;
use crate::options::Options;
use jiff::{SignedDuration, Timestamp};
use orkestra_core::id::InstanceId;
use orkestra_core::unit::spec::{Limits, UnitName};
use orkestra_core::unit::{Input, State, Verdict};
use orkestra_host::sample::{Sampler, Tree};
use orkestra_store::SampleRow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Samples kept in memory for each unit.
const RING: usize = 60;
/// How often a few units are sampled, and how often many are.
const OFTEN: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_secs(15);
/// More units than this are many.
const FEW: usize = 50;
/// How often units with limits are looked at; so many of them at most, others wait for `OFTEN`.
const LIMITS: Duration = Duration::from_secs(1);
const LIMITED_FEW: usize = 32;
/// Descriptors are counted at every so many readings: it costs as much as all the rest.
const DESCRIPTORS_EVERY: u64 = 4;
/// How long minutes are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What a unit used at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Percent of one core since the sample before.
    pub cpu_percent: f32,
    /// Resident memory of its tree in bytes.
    pub rss: u64,
    /// Processes of its tree.
    pub processes: u32,
    /// Open descriptors of its tree, when they were counted last.
    pub descriptors: Option<u32>,
}

/// The samples of one unit.
#[derive(Debug, Default)]
struct Ring {
    instance: Option<InstanceId>,
    samples: VecDeque<Sample>,
    /// CPU time of this life and when it was read; the base of the next percentage.
    base: Option<(u64, Instant)>,
    /// The same over the window of the CPU limit.
    window: VecDeque<(u64, Instant)>,
    minute: Minute,
}

/// What is gathered until the minute is over.
#[derive(Debug, Default, Clone, Copy)]
struct Minute {
    count: u32,
    cpu_sum: f64,
    cpu_max: f64,
    rss_sum: u64,
    rss_max: u64,
    processes: u32,
    descriptors: Option<u32>,
}

impl Minute {
    fn add(&mut self, sample: &Sample) {
        let cpu = f64::from(sample.cpu_percent);
        self.count += 1;
        self.cpu_sum += cpu;
        self.cpu_max = self.cpu_max.max(cpu);
        self.rss_sum += sample.rss;
        self.rss_max = self.rss_max.max(sample.rss);
        self.processes = self.processes.max(sample.processes);
        self.descriptors = self.descriptors.max(sample.descriptors);
    }

    fn row(self, unit: &UnitName, at: Timestamp) -> Option<SampleRow> {
        let count = (self.count > 0).then_some(self.count)?;
        Some(SampleRow {
            unit: unit.to_string(),
            at,
            cpu_avg: self.cpu_sum / f64::from(count),
            cpu_max: self.cpu_max,
            rss_avg: self.rss_sum / u64::from(count),
            rss_max: self.rss_max,
            processes: self.processes,
            descriptors: self.descriptors,
        })
    }
}

/// The samples of all units, for readers.
#[derive(Default)]
pub(crate) struct Samples {
    rings: RwLock<HashMap<UnitName, Ring>>,
}

impl Samples {
    /// The newest samples of a unit's present life, oldest first.
    pub(crate) fn of(&self, name: &str, most: usize) -> Vec<Sample> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let Some(ring) = rings.get(name) else { return Vec::new() };
        let skip = ring.samples.len().saturating_sub(most);
        ring.samples.iter().skip(skip).copied().collect()
    }

    /// The newest sample of a unit, if it is of this life.
    pub(crate) fn last(&self, name: &str, instance: InstanceId) -> Option<Sample> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.get(name)?;
        ring.samples.back().filter(|_| ring.instance == Some(instance)).copied()
    }
}

/// A living process that is looked at.
struct Target {
    name: UnitName,
    instance: InstanceId,
    pid: u32,
    limits: Limits,
}

impl Target {
    fn is_limited(&self) -> bool {
        self.limits.memory.is_some() || self.limits.cpu.is_some()
    }
}

/// Samples units until the daemon ends.
pub(crate) struct Service {
    options: Options,
    outbox: mpsc::Sender<Message>,
    view: Arc<View>,
    sampler: Sampler,
    readings: u64,
    minute_began: Timestamp,
}

impl Service {
    pub(crate) fn new(options: Options, outbox: mpsc::Sender<Message>, view: Arc<View>) -> Self {
        let minute_began = options.world.now().at;
        Self { options, outbox, view, sampler: Sampler::default(), readings: 0, minute_began }
    }

    pub(crate) async fn run(mut self) {
        let mut last_all: Option<Instant> = None;
        loop {
            let all = self.targets();
            let limited = all.iter().filter(|target| target.is_limited()).count();
            let period = if all.len() > FEW { SELDOM } else { OFTEN };
            let due = last_all.is_none_or(|at| at.elapsed() + LIMITS / 2 >= period);
            if due {
                last_all = Some(Instant::now());
                self.read(all).await;
                self.end_minute().await;
            } else if limited > 0 {
                let few = all.into_iter().filter(Target::is_limited).collect();
                self.read(few).await;
            }
            let pause = match limited {
                0 => last_all.map_or(period, |at| period.saturating_sub(at.elapsed())),
                1..=LIMITED_FEW => LIMITS,
                _ => OFTEN,
            };
            self.pause(pause.max(LIMITS / 4), limited == 0).await;
        }
    }

    /// Sleeps; while no unit has a limit, a changed fleet may have brought one.
    async fn pause(&self, pause: Duration, may_change: bool) {
        let mut changed = self.view.changed.subscribe();
        changed.borrow_and_update();
        let end = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return,
                result = changed.changed(), if may_change => {
                    changed.borrow_and_update();
                    if result.is_err() || self.any_limit() {
                        tokio::time::sleep(LIMITS.min(pause)).await;
                        return;
                    }
                }
            }
        }
    }

    fn any_limit(&self) -> bool {
        let fleet = self.view.fleet.read().unwrap_or_else(PoisonError::into_inner);
        fleet.units.values().any(|unit| {
            let limits = &unit.spec.limits;
            (limits.memory.is_some() || limits.cpu.is_some())
                && matches!(unit.state, State::Running { .. })
        })
    }

    fn targets(&self) -> Vec<Target> {
        let fleet = self.view.fleet.read().unwrap_or_else(PoisonError::into_inner);
        let living = fleet.units.values().filter_map(|unit| match unit.state {
            State::Running { instance, pid, .. } => {
                let (name, limits) = (unit.name.clone(), unit.spec.limits);
                Some(Target { name, instance, pid, limits })
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => None,
        });
        living.collect()
    }

    async fn read(&mut self, targets: Vec<Target>) {
        if targets.is_empty() {
            return;
        }
        let pids: Vec<u32> = targets.iter().map(|target| target.pid).collect();
        let descriptors = self.readings.is_multiple_of(DESCRIPTORS_EVERY);
        self.readings += 1;
        let mut sampler = std::mem::take(&mut self.sampler);
        // Reading /proc of busy processes may wait for their locks.
        let read = tokio::task::spawn_blocking(move || {
            let trees = sampler.sample(&pids, descriptors);
            (sampler, trees)
        });
        let Ok((sampler, trees)) = read.await else { return };
        self.sampler = sampler;
        let (at, now) = (self.options.world.now().at, Instant::now());
        let mut exceeded = Vec::new();
        {
            let samples = &self.view.samples;
            let mut rings = samples.rings.write().unwrap_or_else(PoisonError::into_inner);
            for (target, tree) in targets.iter().zip(trees) {
                let Some(tree) = tree else { continue };
                let ring = rings.entry(target.name.clone()).or_default();
                exceeded.extend(ring.add(target, &tree, at, now));
            }
        }
        for input in exceeded {
            let message = Message::Unit { input, actor: "daemon".to_owned(), reply: None };
            let _closing = self.outbox.send(message).await;
        }
    }

    /// Writes the minute that is over. While the disk is full it is lost: it is no state.
    async fn end_minute(&mut self) {
        let now = self.options.world.now().at;
        let began = self.minute_began;
        if now.duration_since(began).as_secs().abs() < 60 {
            return;
        }
        self.minute_began = now;
        let rows: Vec<SampleRow> = {
            let samples = &self.view.samples;
            let mut rings = samples.rings.write().unwrap_or_else(PoisonError::into_inner);
            let fleet = self.view.fleet.read().unwrap_or_else(PoisonError::into_inner);
            rings.retain(|name, _| fleet.units.contains_key(name));
            let minutes = rings.iter_mut();
            minutes
                .filter_map(|(name, ring)| std::mem::take(&mut ring.minute).row(name, began))
                .collect()
        };
        let written = self.options.store.write(move |write| {
            write.put_samples(&rows)?;
            write.prune_samples(now - KEPT)?;
            Ok(())
        });
        if let Err(error) = written.await {
            tracing::debug!(%error, "A minute of samples was not written.");
        }
    }
}

impl Ring {
    /// Takes one reading; what exceeds a limit follows from it.
    fn add(&mut self, target: &Target, tree: &Tree, at: Timestamp, now: Instant) -> Option<Input> {
        if self.instance != Some(target.instance) {
            self.instance = Some(target.instance);
            self.samples.clear();
            self.window.clear();
            self.base = None;
        }
        let percent = |from: (u64, Instant)| {
            let elapsed_ms = now.duration_since(from.1).as_secs_f64() * 1_000.0;
            tree.cpu_ms.saturating_sub(from.0) as f64 / elapsed_ms.max(1.0) * 100.0
        };
        let before = self.samples.back().and_then(|sample| sample.descriptors);
        let sample = Sample {
            at,
            cpu_percent: self.base.map_or(0.0, percent) as f32,
            rss: tree.rss,
            processes: tree.processes,
            descriptors: tree.descriptors.or(before),
        };
        self.base = Some((tree.cpu_ms, now));
        self.minute.add(&sample);
        while self.samples.len() >= RING {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        let (name, instance) = (target.name.clone(), target.instance);
        if target.limits.memory.is_some_and(|limit| tree.rss > limit) {
            let (verdict, used) = (Verdict::MemoryLimit, tree.rss as f64);
            return Some(Input::Exceeded { name, instance, verdict, used });
        }
        let limit = target.limits.cpu?;
        self.window.push_back((tree.cpu_ms, now));
        let length = Duration::from_millis(Limits::CPU_WINDOW.ms());
        while self.window.get(1).is_some_and(|(_, at)| now.duration_since(*at) >= length) {
            self.window.pop_front();
        }
        let whole = self.window.front().filter(|(_, at)| now.duration_since(*at) >= length)?;
        let used = percent(*whole);
        let verdict = Verdict::CpuLimit;
        (used > limit).then_some(Input::Exceeded { name, instance, verdict, used })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn target(life: u128, limits: Limits) -> Target {
        let instance = InstanceId::new(Uuid::from_u128(life));
        Target { name: "a".parse().unwrap(), instance, pid: 1, limits }
    }

    fn tree(cpu_ms: u64, rss: u64) -> Tree {
        Tree { cpu_ms, rss, processes: 1, descriptors: None }
    }

    #[test]
    fn cpu_is_judged_over_the_whole_window_only() {
        let limits = Limits { cpu: Some(50.0), ..Limits::default() };
        let (mut ring, begin) = (Ring::default(), Instant::now());
        let mut verdicts = Vec::new();
        for second in 0..=40_u64 {
            // Idle for ten seconds, then a whole core.
            let cpu_ms = second.saturating_sub(10) * 1_000;
            let now = begin + Duration::from_secs(second);
            let exceeded =
                ring.add(&target(1, limits), &tree(cpu_ms, 1), Timestamp::UNIX_EPOCH, now);
            if exceeded.is_some() {
                verdicts.push(second);
            }
        }
        assert_eq!(verdicts.first(), Some(&30), "20 of 30 s busy are more than half");
        let last = ring.samples.back().unwrap();
        assert!((last.cpu_percent - 100.0).abs() < 0.1, "{last:?}");
    }

    #[test]
    fn a_new_life_begins_without_a_past() {
        let limits = Limits { memory: Some(100), ..Limits::default() };
        let (mut ring, now) = (Ring::default(), Instant::now());
        let at = Timestamp::UNIX_EPOCH;
        assert!(ring.add(&target(1, limits), &tree(5_000, 100), at, now).is_none());
        let over = ring.add(&target(1, limits), &tree(5_000, 101), at, now);
        assert!(matches!(over, Some(Input::Exceeded { verdict: Verdict::MemoryLimit, .. })));
        let later = now + Duration::from_secs(1);
        assert!(ring.add(&target(2, limits), &tree(10, 1), at, later).is_none());
        assert_eq!(ring.samples.len(), 1);
        assert_eq!(ring.samples.back().map(|sample| sample.cpu_percent), Some(0.0));
        let row = ring.minute.row(&"a".parse().unwrap(), at).unwrap();
        assert_eq!((row.rss_max, row.processes), (101, 1));
    }

    #[test]
    fn memory_of_samples_is_bounded() {
        let mut ring = Ring::default();
        for second in 0..500 {
            let now = Instant::now() + Duration::from_secs(second);
            ring.add(&target(1, Limits::default()), &tree(0, 1), Timestamp::UNIX_EPOCH, now);
        }
        assert_eq!((ring.samples.len(), ring.window.len()), (RING, 0));
        assert!(size_of::<Sample>() <= 48);
    }
}
