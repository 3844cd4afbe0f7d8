//! `cargo xtask soak --hours N`: two hundred units that crash at random, for hours. Memory and
//! descriptors of the daemon stay flat, the journal grows by what happens only, nothing is orphaned.

use crate::bench::figure::median;
use crate::bench::machine;
use crate::bench::site::{Site, Tools, unit};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long and with what.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Units that crash at random, for so long; without it, the loops among the tests run
    #[arg(long, value_name = "N")]
    hours: Option<f64>,
    /// How many units crash
    #[arg(long, default_value_t = 200)]
    units: usize,
    /// The mean life of one of them, in milliseconds
    #[arg(long, default_value_t = 15_000)]
    life: u64,
    /// Kill the daemon every so many minutes; its memory is then compared between its lives
    #[arg(long, value_name = "MINUTES")]
    kill_every: Option<f64>,
    /// A file with more of the configuration (jobs, retention): its top level is added
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// Where its data folder is made; the target folder by default
    #[arg(long, value_name = "DIR")]
    home_on: Option<PathBuf>,
    /// This `orkestra` instead of one that is built now
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

impl Args {
    pub(crate) fn is_long(&self) -> bool {
        self.hours.is_some()
    }
}

/// Growth that is no leak: caches that fill, an allocator that keeps what it had.
const MEMORY_MAY_GROW: f64 = 1.10;
const MEMORY_SLACK_MB: f64 = 4.0;
const FILES_SLACK: f64 = 12.0;

/// What one crash and its restart may leave in the database, in bytes.
const CRASH_MAY_TAKE: f64 = 8_192.0;

/// A process without a unit is one that is still there after this long.
const GRACE: Duration = Duration::from_secs(30);

/// Units that rest, are restarted by hand, and write.
const STEADY: usize = 10;

/// One line of the log.
struct Sample {
    minutes: f64,
    rss_mb: f64,
    files: f64,
    threads: usize,
    database: f64,
    logs: f64,
    head: f64,
    restarts: f64,
    alive: usize,
    shims: usize,
    orphans: usize,
}

impl Sample {
    fn line(&self) -> String {
        format!(
            "{:7.1} min  rss {:6.1} MB  fds {:5}  threads {:3}  db {:8.2} MB  logs {:6.1} MB  \
             events {:8}  restarts {:7}  alive {:4}  shims {:4}  orphans {}",
            self.minutes,
            self.rss_mb,
            self.files,
            self.threads,
            self.database / 1e6,
            self.logs / 1e6,
            self.head,
            self.restarts,
            self.alive,
            self.shims,
            self.orphans
        )
    }
}

fn configuration(args: &Args, child: &str) -> String {
    let life = args.life.to_string();
    let crash = "restart: { initial: 200ms, factor: 2, max: 5s, jitter: 0.2, reset_after: 10s }, \
                 stop: { grace: 2s }, logs: { max_size: 64KB, keep: 3 }";
    let steady = "logs: { max_size: 256KB, keep: 3 }";
    let mut lines = String::new();
    for n in 0..args.units {
        lines += &unit(&format!("crash-{n}"), &[child, "crash", &life], crash);
    }
    for n in 0..STEADY {
        lines += &unit(&format!("steady-{n}"), &[child, "tick", "100"], steady);
    }
    lines
}

/// Seeded by the clock: each soak is another one.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let hours = args.hours.context("--hours is missing")?;
    let tools = Tools::build(args.home_on.as_deref(), args.binary.as_deref())?;
    let child = tools.child.display().to_string();
    let mut site = Site::new(&tools, "soak", &configuration(args, &child))?;
    if let Some(more) = &args.with {
        let more = std::fs::read_to_string(more)?;
        let file = site.file("orkestra.yaml");
        let whole = std::fs::read_to_string(&file)? + &more;
        std::fs::write(file, whole)?;
    }
    let total = Duration::from_secs_f64(hours * 3600.0);
    let every = (total / 40).clamp(Duration::from_secs(5), Duration::from_secs(60));
    let say = |line: &str| -> Result<()> {
        println!("{line}");
        std::io::stdout().flush().context("the log cannot be written")
    };
    say(&format!(
        "{} units for {hours} h in {}; {}; load {}",
        args.units,
        site.dir.display(),
        machine::described(),
        machine::load()
    ))?;
    site.up()?;
    let result = watch(args, &mut site, total, every, &say);
    if result.is_err() {
        site.keep();
    }
    let samples = result?;
    let findings = judge(args, &samples);
    say(&summary(&samples))?;
    if let Err(error) = site.verify() {
        site.keep();
        bail!("the journal does not verify: {error}");
    }
    say("the journal verifies")?;
    site.down()?;
    let left = site.processes();
    if !left.is_empty() {
        bail!("{} processes are left after down: {left:?}", left.len());
    }
    say("nothing is left after down")?;
    if !findings.is_empty() {
        site.keep();
        bail!("{}", findings.join("; "));
    }
    say("soaked: memory and descriptors flat, journal as expected, no orphan")
}

fn watch(
    args: &Args,
    site: &mut Site<'_>,
    total: Duration,
    every: Duration,
    say: &dyn Fn(&str) -> Result<()>,
) -> Result<Vec<Sample>> {
    let began = Instant::now();
    let mut chance = Chance(machine::now_ns());
    let mut samples = Vec::new();
    let mut suspects: BTreeMap<u32, Instant> = BTreeMap::new();
    let (mut next_sample, mut next_act) = (Instant::now() + every, Instant::now());
    let kill_every = args.kill_every.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
    let mut next_kill = kill_every.map(|every| Instant::now() + every);
    while began.elapsed() < total {
        if site.has_ended()? {
            bail!("the daemon has ended by itself; see {}", site.file("daemon.log").display());
        }
        if Instant::now() >= next_act {
            act(site, &mut chance)?;
            next_act = Instant::now() + Duration::from_secs(3);
        }
        if let (Some(at), Some(every)) = (next_kill, kill_every)
            && Instant::now() >= at
        {
            site.kill()?;
            site.up()?;
            say("the daemon was killed and is there again")?;
            next_kill = Some(Instant::now() + every);
        }
        if Instant::now() >= next_sample {
            next_sample += every;
            let sample = sample(site, began, &mut suspects)?;
            say(&sample.line())?;
            let orphans = sample.orphans;
            samples.push(sample);
            if orphans > 0 {
                let mut words = String::new();
                for (pid, since) in suspects.iter().filter(|(_, since)| since.elapsed() > GRACE) {
                    let _ = write!(words, " {pid} ({} s)", since.elapsed().as_secs());
                }
                bail!("processes without a unit:{words}");
            }
        }
        look_for_orphans(site, &mut suspects)?;
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(samples)
}

/// What people do meanwhile.
fn act(site: &Site<'_>, chance: &mut Chance) -> Result<()> {
    let steady = format!("steady-{}", chance.below(STEADY as u64));
    // It may crash while it is being restarted, and the command says so: that is no failure here.
    if chance.below(7) == 0 {
        let crashing = format!("crash-{}", chance.below(50));
        let _crashed = site.orkestra(&["unit", "restart", &crashing]);
        return Ok(());
    }
    let args: &[&str] = match chance.below(6) {
        0 => &["unit", "restart", &steady],
        1 => &["unit", "stop", &steady],
        2 => &["unit", "start", &steady],
        3 => &["events", "--json", "-n", "500"],
        4 => &["logs", &steady, "-n", "500"],
        _ => &["status"],
    };
    site.orkestra(args).map(|_| ())
}

fn size_of(folder: &std::path::Path) -> f64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0.0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(facts) if facts.is_dir() => size_of(&entry.path()),
            Ok(facts) => facts.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}

fn sample(
    site: &Site<'_>,
    began: Instant,
    suspects: &mut BTreeMap<u32, Instant>,
) -> Result<Sample> {
    let status: Value = serde_json::from_str(&site.orkestra(&["status", "--json"])?)?;
    let units = status["units"].as_array().cloned().unwrap_or_default();
    let pid = site.pid()?;
    let data = site.data();
    let database = ["state.db", "state.db-wal"]
        .iter()
        .filter_map(|name| std::fs::metadata(data.join(name)).ok())
        .map(|facts| facts.len() as f64)
        .sum();
    let shims = site.processes().values().filter(|line| line.starts_with("orkestra-shim")).count();
    let orphans = suspects.values().filter(|since| since.elapsed() > GRACE).count();
    Ok(Sample {
        minutes: began.elapsed().as_secs_f64() / 60.0,
        rss_mb: machine::rss_kb(pid).context("the daemon is gone")? / 1e3,
        files: machine::descriptors(pid) as f64,
        threads: machine::threads(pid),
        database,
        logs: size_of(&data.join("logs")),
        head: status["daemon"]["head"].as_f64().unwrap_or_default(),
        restarts: units.iter().filter_map(|unit| unit["restarts"].as_f64()).sum(),
        alive: units.iter().filter(|unit| unit["pid"].is_u64()).count(),
        shims,
        orphans,
    })
}

/// Processes whose instance no unit has: one that ends is among them for a moment.
fn look_for_orphans(site: &Site<'_>, suspects: &mut BTreeMap<u32, Instant>) -> Result<()> {
    // Looked at first: what begins after that has a unit that is not asked for here.
    let instances = machine::instances(&site.dir);
    let units = site.units()?;
    let known: Vec<&str> = units.iter().filter_map(|unit| unit["instance"].as_str()).collect();
    let now = Instant::now();
    let mut found = BTreeMap::new();
    for (pid, instance) in instances {
        if !known.contains(&instance.as_str()) {
            found.insert(pid, suspects.get(&pid).copied().unwrap_or(now));
        }
    }
    *suspects = found;
    Ok(())
}

fn quarter(samples: &[Sample], which: usize) -> &[Sample] {
    let size = samples.len() / 4;
    samples.get(which * size..(which + 1) * size).unwrap_or_default()
}

fn of(samples: &[Sample], what: fn(&Sample) -> f64) -> f64 {
    median(&samples.iter().map(what).collect::<Vec<_>>())
}

/// Bytes of the database for each crash within these samples.
fn per_crash(samples: &[Sample]) -> f64 {
    match (samples.first(), samples.last()) {
        (Some(first), Some(last)) if last.restarts > first.restarts => {
            (last.database - first.database) / (last.restarts - first.restarts)
        }
        _ => 0.0,
    }
}

fn summary(samples: &[Sample]) -> String {
    let (second, last) = (quarter(samples, 1), quarter(samples, 3));
    format!(
        "second quarter: rss {:.1} MB, fds {:.0}; last quarter: rss {:.1} MB, fds {:.0}; \
         database {:.0} bytes a crash, events {:.2} a crash",
        of(second, |s| s.rss_mb),
        of(second, |s| s.files),
        of(last, |s| s.rss_mb),
        of(last, |s| s.files),
        per_crash(samples),
        samples.last().map_or(0.0, |s| s.head / s.restarts.max(1.0))
    )
}

/// What is not as promised.
fn judge(args: &Args, samples: &[Sample]) -> Vec<String> {
    if samples.len() < 8 {
        return vec![format!("{} samples say nothing", samples.len())];
    }
    let (second, last) = (quarter(samples, 1), quarter(samples, 3));
    let mut findings = Vec::new();
    let (before, after) = (of(second, |s| s.rss_mb), of(last, |s| s.rss_mb));
    if after > before * MEMORY_MAY_GROW + MEMORY_SLACK_MB {
        findings.push(format!("memory grew from {before:.1} to {after:.1} MB"));
    }
    let (before, after) = (of(second, |s| s.files), of(last, |s| s.files));
    // A unit that waits for its restart has none; how many do is chance.
    let slack = FILES_SLACK + args.units as f64 * 0.1;
    if after > before + slack {
        findings.push(format!("descriptors grew from {before} to {after}"));
    }
    let took = per_crash(samples);
    if took > CRASH_MAY_TAKE {
        findings.push(format!("{took:.0} bytes of the database for each crash"));
    }
    if samples.last().is_some_and(|s| s.restarts < args.units as f64) {
        findings.push("hardly anything crashed".to_owned());
    }
    findings
}
