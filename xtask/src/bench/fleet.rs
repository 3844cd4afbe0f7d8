//! A thousand units: started, looked at, idle, taken over. And ten, and none.

use super::figure::{Bound, Figure, median};
use super::machine::{self, Fifo, ms};
use super::site::{Floor, PATIENCE, Site, Tools, unit};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const UNITS: usize = 1_000;

/// How long idle processor time is counted.
const IDLE: Duration = Duration::from_secs(30);

/// Before idle is idle: what was begun is done.
const SETTLE: Duration = Duration::from_secs(5);

const ASKED: usize = 20;

/// How often all units are started, and how often the daemon is killed.
const ROUNDS: usize = 3;

/// A daemon with so many resting units, all in `main`.
struct Fleet<'a> {
    site: Site<'a>,
    stamps: Fifo,
    /// From the begin of `orkestra up` until the last was in `main`, in seconds.
    started_in: f64,
}

impl<'a> Fleet<'a> {
    fn start(tools: &'a Tools, count: usize) -> Result<Self> {
        let mut site = Site::new(tools, &format!("fleet{count}"), "")?;
        let stamps = Fifo::stamps(&site.pipe("stamps"))?;
        let child = tools.child.display().to_string();
        let command = [child.as_str(), "stamp", &stamps.shown()];
        let lines: String = (0..count).map(|n| unit(&format!("unit-{n}"), &command, "")).collect();
        let file = format!("listen: {{ port: 0 }}\nunits:\n{lines}");
        std::fs::write(site.file("orkestra.yaml"), file)?;
        let began = site.begin()?;
        let seen = stamps.take(count, PATIENCE)?;
        let last = seen.iter().map(|stamp| stamp.ns).max().unwrap_or(began);
        site.serves()?;
        site.all_run()?;
        Ok(Self { site, stamps, started_in: ms(last - began) / 1e3 })
    }

    fn shims(&self) -> Result<BTreeSet<u32>> {
        let leaders = pids(&self.site.units()?);
        Ok(leaders.values().filter_map(|pid| machine::parent(*pid)).collect())
    }

    /// Percent of one core, of the daemon and of all shims.
    fn idle(&self) -> Result<(f64, f64)> {
        std::thread::sleep(SETTLE);
        let (daemon, shims) = (self.site.pid()?, self.shims()?);
        let sum = || shims.iter().map(|pid| machine::cpu_ns(*pid)).sum::<u64>();
        let (began, before) = (Instant::now(), (machine::cpu_ns(daemon), sum()));
        std::thread::sleep(IDLE);
        let after = (machine::cpu_ns(daemon), sum());
        let window = began.elapsed().as_nanos() as f64;
        let share = |from: u64, to: u64| to.saturating_sub(from) as f64 / window * 100.0;
        Ok((share(before.0, after.0), share(before.1, after.1)))
    }
}

fn pids(units: &[Value]) -> BTreeMap<String, u32> {
    units
        .iter()
        .filter_map(|unit| {
            let pid = u32::try_from(unit["pid"].as_u64()?).ok()?;
            Some((unit["name"].as_str()?.to_owned(), pid))
        })
        .collect()
}

/// Memory and idle time of a daemon with nothing, and with ten units.
pub(super) fn small(tools: &Tools) -> Result<Vec<Figure>> {
    let mut empty = Fleet::start(tools, 0)?;
    std::thread::sleep(SETTLE);
    let none = memory_of(&empty.site, "daemon memory, no units", 40.0)?;
    empty.site.down()?;
    let mut ten = Fleet::start(tools, 10)?;
    let (daemon, shims) = ten.idle()?;
    ten.site.down()?;
    let idle = Figure::new("idle CPU, 10 units", "%", daemon + shims, Bound::Most(0.1));
    Ok(vec![none, idle.note(format!("daemon {daemon:.3}, shims {shims:.3}; 30 s"))])
}

fn memory_of(site: &Site<'_>, name: &'static str, most: f64) -> Result<Figure> {
    let pid = site.pid()?;
    let pss = machine::pss_kb(pid).context("no PSS")? / 1e3;
    let rss = machine::rss_kb(pid).context("no RSS")? / 1e3;
    let (threads, files) = (machine::threads(pid), machine::descriptors(pid));
    // The larger of the two, which is what `ps` shows.
    let figure = Figure::new(name, "MB", rss.max(pss), Bound::Most(most));
    Ok(figure.note(format!("PSS {pss:.1}, {threads} threads, {files} descriptors")))
}

pub(super) fn thousand(tools: &Tools) -> Result<Vec<Figure>> {
    let mut times = Vec::new();
    let mut floors = Vec::new();
    for _ in 1..ROUNDS {
        floors.push(floor_start(tools)?);
        let mut fleet = Fleet::start(tools, UNITS)?;
        times.push(fleet.started_in);
        fleet.site.down()?;
    }
    floors.push(floor_start(tools)?);
    let mut fleet = Fleet::start(tools, UNITS)?;
    times.push(fleet.started_in);
    let start = Figure::new("start 1,000 units", "s", median(&times), Bound::Most(2.0))
        .floor(median(&floors))
        .note("from `orkestra up` until the last is in main()");
    std::thread::sleep(SETTLE);
    let daemon = memory_of(&fleet.site, "daemon memory, 1,000 units", 60.0)?;
    let shims = fleet.shims()?;
    let shares: Vec<f64> = shims.iter().filter_map(|pid| machine::pss_kb(*pid)).collect();
    if shares.len() != UNITS {
        bail!("{} of {UNITS} shims were found", shares.len());
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    let shim = Figure::new("memory per shim, PSS", "KB", mean, Bound::Most(150.0));
    let status = status(tools, &fleet.site)?;
    let (daemon_idle, shims_idle) = fleet.idle()?;
    let idle =
        Figure::new("idle CPU, 1,000 units", "%", daemon_idle + shims_idle, Bound::Most(1.0))
            .note(format!("daemon {daemon_idle:.3}, shims {shims_idle:.3}; 30 s"));
    let adopted = adoption(&mut fleet)?;
    let down = fleet.site.down()?;
    if !fleet.site.processes().is_empty() {
        bail!("processes are left after down");
    }
    let down = Figure::new("stop 1,000 units", "ms", down, Bound::None).note("`orkestra down`");
    Ok(vec![start, daemon, shim, status, idle, adopted, down])
}

fn floor_start(tools: &Tools) -> Result<f64> {
    let dir = tools.folder.join(format!("floor-{}", machine::now_ns()));
    std::fs::create_dir_all(&dir)?;
    let stamps = Fifo::stamps(&dir.join("stamps"))?;
    let (child, name) = (tools.child.display().to_string(), stamps.shown());
    let began = machine::now_ns();
    let floor = Floor::start(tools, &["hold", &UNITS.to_string(), &child, "stamp", &name])?;
    let seen = stamps.take(UNITS, PATIENCE)?;
    floor.stop()?;
    std::fs::remove_dir_all(&dir)?;
    let last = seen.iter().map(|stamp| stamp.ns).max().unwrap_or(began);
    Ok(ms(last - began) / 1e3)
}

/// `orkestra status --json`, beside a C program that reads as many bytes from a socket.
fn status(tools: &Tools, site: &Site<'_>) -> Result<Figure> {
    let timed = |command: &mut Command| -> Result<f64> {
        let began = machine::now_ns();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        let took = ms(machine::now_ns() - began);
        if status.success() { Ok(took) } else { bail!("{command:?}: {status}") }
    };
    let bytes = site.orkestra(&["status", "--json"])?.len();
    let socket = std::env::temp_dir().join(format!("orkestra-floor-{}", std::process::id()));
    let name = socket.display().to_string();
    let floor = Floor::start(tools, &["serve", &name, &bytes.to_string()])?;
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ASKED {
        ours.push(timed(site.command().args(["status", "--json"]))?);
        theirs.push(timed(Command::new(&tools.floor).args(["ask", &name]))?);
    }
    drop(floor);
    let _gone = std::fs::remove_file(&socket);
    Ok(Figure::new("status of 1,000 units", "ms", median(&ours), Bound::Most(20.0))
        .floor(median(&theirs))
        .note(format!("`orkestra status --json`, {} KB", bytes / 1000)))
}

/// The daemon is killed; the next one has all units again, each the same process, none twice.
fn adoption(fleet: &mut Fleet<'_>) -> Result<Figure> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let before = pids(&fleet.site.units()?);
        fleet.site.kill()?;
        let began = fleet.site.begin()?;
        fleet.site.serves()?;
        let units = fleet.site.all_run()?;
        times.push(ms(machine::now_ns() - began) / 1e3);
        let after = pids(&units);
        if after != before {
            let same = after.iter().filter(|(name, pid)| before.get(*name) == Some(pid)).count();
            bail!("{same} of {UNITS} processes are the same after the daemon was killed");
        }
        if !fleet.stamps.is_quiet()? {
            bail!("a unit was started a second time");
        }
        let processes = fleet.site.processes();
        if processes.len() != 2 * UNITS {
            bail!("{} processes belong to {UNITS} units and their shims", processes.len());
        }
    }
    Ok(Figure::new("take over 1,000 units", "s", median(&times), Bound::Most(2.0))
        .note("daemon killed; until status shows all; none doubled, none missing"))
}
