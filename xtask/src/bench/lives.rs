//! One child, killed again and again; and trees, ended at once.

use super::figure::{Bound, Figure, median, quantile};
use super::machine::{self, Fifo, ms};
use super::site::{Floor, PATIENCE, Site, Tools, unit};
use anyhow::{Result, bail};
use rustix::process::Signal;
use std::time::Duration;

/// How often the child is killed.
const KILLS: usize = 300;

/// How many trees are ended.
const TREES: usize = 100;

/// How often trees are ended; the best of few says little, the middle one more.
const ENDS: usize = 3;

const AT_ONCE: &str =
    "restart: { policy: always, initial: 0, factor: 1, jitter: 0, reset_after: 1h }";

/// A short pause that does not beat with any timer.
fn pause(round: usize) {
    std::thread::sleep(Duration::from_micros(12_000 + (round as u64 * 7_919) % 5_000));
}

/// kill -9 of a child until the next one is in `main`, taking turns with the floor, so that a busy
/// neighbour hits both.
pub(super) fn restart(tools: &Tools) -> Result<Vec<Figure>> {
    let mut site = Site::new(tools, "restart", "")?;
    let ours = Fifo::stamps(&site.pipe("ours"))?;
    let theirs = Fifo::stamps(&site.pipe("theirs"))?;
    let child = tools.child.display().to_string();
    let line = unit("one", &[&child, "stamp", &ours.shown()], AT_ONCE);
    std::fs::write(site.file("orkestra.yaml"), format!("listen: {{ port: 0 }}\nunits:\n{line}"))?;
    site.up()?;
    let floor = Floor::start(tools, &["hold", "1", &child, "stamp", &theirs.shown()])?;
    let mut living = (ours.next(PATIENCE)?, theirs.next(PATIENCE)?);
    let (mut our_times, mut floor_times) = (Vec::new(), Vec::new());
    let cpu_before = machine::cpu_ns(site.pid()?);
    for round in 0..KILLS {
        pause(round);
        let killed = machine::now_ns();
        machine::kill(living.0.pid, Signal::KILL);
        living.0 = ours.next(PATIENCE)?;
        our_times.push(ms(living.0.ns - killed));
        pause(round);
        let killed = machine::now_ns();
        machine::kill(living.1.pid, Signal::KILL);
        living.1 = theirs.next(PATIENCE)?;
        floor_times.push(ms(living.1.ns - killed));
    }
    let cpu = ms(machine::cpu_ns(site.pid()?) - cpu_before) / KILLS as f64;
    drop(floor);
    site.all_run()?;
    // Each of them must stand in the journal: that is a part of what is measured.
    for kind in ["unit.exited", "unit.restart_scheduled"] {
        let args = ["events", "--json", "-n", "1000", "--kind", kind];
        let count = site.orkestra(&args)?.lines().count();
        if count != KILLS {
            bail!("{count} of {KILLS} {kind} are in the journal");
        }
    }
    site.verify()?;
    site.down()?;
    let note = format!("{KILLS} kills; journal complete; {cpu:.2} ms of the daemon's CPU each");
    Ok(vec![
        Figure::new("restart p50", "ms", median(&our_times), Bound::Floors(4.0))
            .floor(median(&floor_times))
            .note(note),
        Figure::new("restart p95", "ms", quantile(&our_times, 0.95), Bound::Floors(8.0))
            .floor(quantile(&floor_times, 0.95)),
    ])
}

/// A leader, a child in its group and a grandchild in a session of its own, a hundred times, until
/// the last of them is gone.
pub(super) fn trees(tools: &Tools) -> Result<Vec<Figure>> {
    let child = tools.child.display().to_string();
    let (mut our_times, mut floor_times) = (Vec::new(), Vec::new());
    for round in 0..ENDS {
        let mut site = Site::new(tools, &format!("trees{round}"), "")?;
        let stamps = Fifo::stamps(&site.pipe("stamps"))?;
        let alive = Fifo::ending(&site.pipe("alive"))?;
        let command = [child.as_str(), "tree", &stamps.shown(), &alive.shown()];
        let lines: String = (0..TREES).map(|n| unit(&format!("tree-{n}"), &command, "")).collect();
        std::fs::write(
            site.file("orkestra.yaml"),
            format!("listen: {{ port: 0 }}\nunits:\n{lines}"),
        )?;
        site.up()?;
        stamps.take(TREES, PATIENCE)?;
        site.all_run()?;
        let began = machine::now_ns();
        let mut down = site.command();
        let mut down = down.arg("down").stderr(std::process::Stdio::null()).spawn()?;
        our_times.push(ms(alive.end(PATIENCE)? - began));
        down.wait()?;
        let left = site.processes();
        if !left.is_empty() {
            bail!("{} processes are left: {left:?}", left.len());
        }

        let (stamps, alive) =
            (Fifo::stamps(&site.pipe("stamps2"))?, Fifo::ending(&site.pipe("alive2"))?);
        let (stamps_name, alive_name) = (stamps.shown(), alive.shown());
        let count = TREES.to_string();
        let floor =
            Floor::start(tools, &["hold", &count, &child, "tree", &stamps_name, &alive_name])?;
        stamps.take(TREES, PATIENCE)?;
        let began = machine::now_ns();
        machine::kill(floor.pid(), Signal::TERM);
        floor_times.push(ms(alive.end(PATIENCE)? - began));
        floor.stop()?;
    }
    Ok(vec![
        Figure::new("stop 100 trees", "ms", median(&our_times), Bound::Most(100.0))
            .floor(median(&floor_times))
            .note("from `orkestra down` until the last of 300 processes is gone; none left"),
    ])
}
