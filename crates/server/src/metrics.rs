//! Figures as text for Prometheus. Nothing is counted here: each scrape is a picture of what the
//! engine and the store know, so a scrape costs only itself, and nothing is paid without one.
//!
//! **Invariant:** label values are names from the configuration and words of this program, so their
//! number is bounded by the configuration.

use jiff::Timestamp;
use orkestra_core::alert::Alert;
use orkestra_core::health::Level;
use orkestra_core::job::{Job, Outcome};
use orkestra_core::unit::{Health, Now, State, Unit};
use orkestra_engine::Sample;
use orkestra_host::machine::Own;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit as Measure};
use std::fmt::Error;

/// Everything that is told.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) now: Now,
    pub(crate) version: String,
    pub(crate) node: String,
    pub(crate) started_at: Timestamp,
    pub(crate) uptime_ms: u64,
    pub(crate) events: u64,
    pub(crate) epoch: u64,
    pub(crate) store: orkestra_store::Figures,
    pub(crate) store_word: &'static str,
    pub(crate) dispatcher: (usize, usize),
    pub(crate) database_bytes: u64,
    pub(crate) own: Option<Own>,
    pub(crate) needs_you: usize,
    pub(crate) runs_active: usize,
    pub(crate) units: Vec<Unit>,
    /// What each unit that was sampled uses.
    pub(crate) samples: Vec<(String, Sample)>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) alerts: Vec<Alert>,
}

/// The words of `orkestra_unit_state`; a test holds that they are all there are.
const STATES: [&str; 6] = ["stopped", "starting", "running", "backing_off", "failed", "stopping"];

/// The words of `orkestra_unit_health`.
const HEALTHS: [(&str, Health); 4] = [
    ("healthy", Health::Healthy),
    ("degraded", Health::Degraded),
    ("unhealthy", Health::Unhealthy),
    ("unknown", Health::Unknown),
];

/// The words of `orkestra_job_last_outcome`.
const OUTCOMES: [&str; 3] = ["succeeded", "failed", "stopped"];

/// The words of `orkestra_alerts_open`.
const LEVELS: [(&str, Level); 2] = [("warning", Level::Warning), ("critical", Level::Critical)];

/// Whether what happens is written.
const STORE_STATES: [&str; 3] = ["ok", "full", "unwritable"];

/// The whole exposition, with its end mark.
///
/// # Errors
/// Writing into a text failed, which it does not.
pub(crate) fn text(figures: Figures) -> Result<String, Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

type Labels<'a> = Vec<(&'a str, &'a str)>;

/// Writes families, one call each.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    fn gauges<'l, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        measure: Option<Measure>,
        rows: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> Result<(), Error> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let kind = MetricType::Gauge;
        let mut family = self.encoder.encode_descriptor(name, help, measure.as_ref(), kind)?;
        for (labels, value) in rows {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.gauges(name, help, None, [(Labels::new(), value)])
    }

    fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> Result<(), Error> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in rows {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, f64, f64>(&value, None)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.counters(name, help, [(Labels::new(), value)])
    }
}

fn number(condition: bool) -> i64 {
    i64::from(condition)
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page { encoder };
        self.daemon(&mut page)?;
        self.journal(&mut page)?;
        self.process(&mut page)?;
        self.units(&mut page)?;
        self.samples(&mut page)?;
        self.jobs(&mut page)
    }
}

impl Figures {
    fn daemon(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let labels = vec![("version", self.version.as_str()), ("node", self.node.as_str())];
        page.encoder
            .encode_descriptor("orkestra_build", "What runs.", None, MetricType::Info)?
            .encode_info(&labels)?;
        let help = "How long the daemon has run.";
        let measure = Some(Measure::Seconds);
        page.gauges("orkestra_uptime", help, measure, [(Labels::new(), seconds(self.uptime_ms))])?;
        let help = "Things that wait for a person.";
        page.gauge("orkestra_needs_you", help, self.needs_you as f64)?;
        let help = "Runs of agents that are not over.";
        page.gauge("orkestra_runs_active", help, self.runs_active as f64)?;
        let help = "Alerts that nobody has settled.";
        let rows = LEVELS.map(|(word, level)| {
            let open = self.alerts.iter().filter(|alert| alert.level == level).count();
            (vec![("level", word)], open as f64)
        });
        page.gauges("orkestra_alerts_open", help, None, rows)?;
        let queues = [
            ("dispatcher", self.dispatcher),
            ("store_commands", self.store.commands_waiting),
            ("store_reads", self.store.reads_waiting),
        ];
        let rows = queues.map(|(name, (waiting, _))| (vec![("queue", name)], waiting as f64));
        page.gauges("orkestra_queue_length", "What waits in a queue.", None, rows)?;
        let rows = queues.map(|(name, (_, most))| (vec![("queue", name)], most as f64));
        page.gauges("orkestra_queue_capacity", "What may wait in a queue.", None, rows)
    }

    fn journal(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let help = "Whether what happens is written: one of these is 1.";
        let rows =
            STORE_STATES.map(|word| (vec![("state", word)], number(word == self.store_word)));
        page.gauges("orkestra_store_state", help, None, rows)?;
        page.counter("orkestra_events", "Events in the journal.", self.events as f64)?;
        let help = "The life of the database between two restores.";
        page.gauge("orkestra_journal_epoch", help, self.epoch as f64)?;
        let help = "Transactions that were made durable since the daemon started.";
        page.counter("orkestra_commits", help, self.store.commits as f64)?;
        let help = "Transactions that could not be made durable since the daemon started.";
        page.counter("orkestra_commit_failures", help, self.store.failed as f64)?;
        let help = "Commands in the transactions that were made durable.";
        page.counter("orkestra_commit_commands", help, self.store.commands as f64)?;
        let help = "How long a transaction took, with its fsync.";
        page.encoder
            .encode_descriptor(
                "orkestra_commit",
                help,
                Some(&Measure::Seconds),
                MetricType::Histogram,
            )?
            .encode_histogram::<NoLabelSet>(
                self.store.took.as_secs_f64(),
                self.store.commits,
                &self.store.classes,
                None,
            )?;
        let help = "The database with its write-ahead log.";
        let rows = [(Labels::new(), self.database_bytes as f64)];
        page.gauges("orkestra_database", help, Some(Measure::Bytes), rows)
    }

    /// Under the names that every client library uses, so that ready-made panels find them.
    fn process(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let help = "When the daemon started, in seconds since 1970.";
        let started = self.started_at.as_microsecond() as f64 / 1e6;
        page.gauges(
            "process_start_time",
            help,
            Some(Measure::Seconds),
            [(Labels::new(), started)],
        )?;
        let Some(own) = &self.own else { return Ok(()) };
        let help = "Memory of the daemon.";
        let rows = [(Labels::new(), own.rss as f64)];
        page.gauges("process_resident_memory", help, Some(Measure::Bytes), rows)?;
        page.gauge("process_open_fds", "Open descriptors.", own.descriptors as f64)?;
        let help = "How many descriptors may be open.";
        page.gauge("process_max_fds", help, own.descriptor_limit as f64)?;
        let help = "Processor time of the daemon.";
        page.counter("process_cpu_seconds", help, seconds(own.cpu_ms))
    }

    fn units(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let each = |value: fn(&Unit) -> f64| {
            self.units.iter().map(move |unit| (vec![("unit", unit.name.as_str())], value(unit)))
        };
        let help = "The state of a unit: one of these is 1.";
        let rows = self.units.iter().flat_map(|unit| {
            STATES.iter().map(move |word| {
                let labels = vec![("unit", unit.name.as_str()), ("state", *word)];
                (labels, number(unit.state_word() == *word))
            })
        });
        page.gauges("orkestra_unit_state", help, None, rows)?;
        let help = "What the probes of a unit say: one of these is 1; unknown without probes.";
        let rows = self.units.iter().flat_map(|unit| {
            HEALTHS.iter().map(move |(word, health)| {
                let labels = vec![("unit", unit.name.as_str()), ("health", *word)];
                (labels, number(unit.health() == *health))
            })
        });
        page.gauges("orkestra_unit_health", help, None, rows)?;
        let help = "Whether a unit is wanted, by the configuration or a person.";
        page.gauges(
            "orkestra_unit_wanted",
            help,
            None,
            each(|unit| number(unit.is_wanted()) as f64),
        )?;
        let help = "Automatic restarts since a unit was started by hand or configuration.";
        page.counters("orkestra_unit_restarts", help, each(|unit| unit.restarts as f64))?;
        let help = "Starts of a unit, of whatever reason.";
        page.counters("orkestra_unit_starts", help, each(|unit| unit.generation as f64))?;
        let help = "Failures of a unit in a row.";
        page.gauges("orkestra_unit_failures_in_a_row", help, None, each(|u| f64::from(u.attempt)))?;
        let help = "How long the process of a unit has lived; only while it runs.";
        let rows = self.units.iter().filter_map(|unit| match &unit.state {
            State::Running { started_boot_ms, .. } => {
                let ms = self.now.boot_ms.saturating_sub(*started_boot_ms);
                Some((vec![("unit", unit.name.as_str())], seconds(ms)))
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => None,
        });
        page.gauges("orkestra_unit_up", help, Some(Measure::Seconds), rows)
    }

    fn samples(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let each = |value: fn(&Sample) -> f64| {
            self.samples
                .iter()
                .map(move |(unit, sample)| (vec![("unit", unit.as_str())], value(sample)))
        };
        let help = "Processor time of a unit between its last two samples: 1 is one core.";
        page.gauges(
            "orkestra_unit_cpu_cores",
            help,
            None,
            each(|sample| f64::from(sample.cpu_percent) / 100.0),
        )?;
        let help = "Resident memory of a unit's whole tree.";
        let measure = Some(Measure::Bytes);
        page.gauges("orkestra_unit_memory", help, measure, each(|sample| sample.rss as f64))?;
        let help = "Processes of a unit.";
        page.gauges("orkestra_unit_processes", help, None, each(|s| f64::from(s.processes)))?;
        let help = "Open descriptors of a unit's processes.";
        let rows = self.samples.iter().filter_map(|(unit, sample)| {
            Some((vec![("unit", unit.as_str())], f64::from(sample.descriptors?)))
        });
        page.gauges("orkestra_unit_open_descriptors", help, None, rows)
    }

    fn jobs(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let each = |value: fn(&Job) -> f64| {
            self.jobs.iter().map(move |job| (vec![("job", job.name.as_str())], value(job)))
        };
        let some = |value: fn(&Job) -> Option<f64>| {
            self.jobs
                .iter()
                .filter_map(move |job| Some((vec![("job", job.name.as_str())], value(job)?)))
        };
        let help = "Runs of a job that began.";
        page.counters("orkestra_job_runs", help, each(|job| job.number as f64))?;
        let help = "Whether a job runs now.";
        page.gauges(
            "orkestra_job_running",
            help,
            None,
            each(|job| number(job.current.is_some()) as f64),
        )?;
        let help = "Whether a job keeps its schedule.";
        page.gauges(
            "orkestra_job_enabled",
            help,
            None,
            each(|job| number(job.is_enabled()) as f64),
        )?;
        let help = "Failures of a job in a row.";
        page.gauges(
            "orkestra_job_failures_in_a_row",
            help,
            None,
            each(|job| f64::from(job.failures)),
        )?;
        let help = "How the last run of a job was over: one of these is 1; not there before.";
        let rows = self.jobs.iter().flat_map(|job| {
            let last = job.last.as_ref().and_then(|record| record.outcome.as_ref());
            let word = last.map(|outcome| match outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed { .. } => "failed",
                Outcome::Stopped { .. } => "stopped",
            });
            OUTCOMES.iter().filter_map(move |each| {
                let labels = vec![("job", job.name.as_str()), ("outcome", *each)];
                Some((labels, number(word? == *each)))
            })
        });
        page.gauges("orkestra_job_last_outcome", help, None, rows)?;
        let measure = || Some(Measure::Seconds);
        let help = "How long the last run of a job took.";
        page.gauges(
            "orkestra_job_last_duration",
            help,
            measure(),
            some(|job| job.last.as_ref()?.took_ms().map(seconds)),
        )?;
        let help = "When the last run of a job was over, in seconds since 1970.";
        page.gauges(
            "orkestra_job_last_end",
            help,
            measure(),
            some(|job| Some(job.last.as_ref()?.ended_at?.as_millisecond() as f64 / 1e3)),
        )?;
        let help = "When a job runs next, in seconds since 1970.";
        page.gauges(
            "orkestra_job_next_run",
            help,
            measure(),
            some(|job| Some(job.next_at?.as_millisecond() as f64 / 1e3)),
        )
    }
}
