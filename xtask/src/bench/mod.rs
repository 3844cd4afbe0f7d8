//! `cargo xtask bench`: what was promised, beside what the machine itself takes.
//!
//! Each figure is taken on the release binary, in a data folder on a real disk, beside a *floor*: the
//! shortest C program that does the same (`xtask/bench/floor.c`), in the same run. docs/benchmarks.md
//! says what each figure means.

mod agents;
pub(crate) mod figure;
mod fleet;
mod lives;
mod logs;
pub(crate) mod machine;
pub(crate) mod site;

use crate::program::Program;
use anyhow::{Result, bail};
use figure::{Bound, Figure};
use site::Tools;
use std::path::PathBuf;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail when a figure is beyond its bound
    #[arg(long)]
    check: bool,
    /// Only these parts: small, restart, logs, trees, thousand, commits, tasks, agents
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Where data folders are made; the target folder by default
    #[arg(long, value_name = "DIR")]
    home_on: Option<PathBuf>,
    /// This `orkestra` instead of one that is built now
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

type Part = fn(&Tools) -> Result<Vec<Figure>>;

const PARTS: [(&str, Part); 8] = [
    ("small", fleet::small),
    ("restart", lives::restart),
    ("logs", logs::throughput),
    ("trees", lives::trees),
    ("thousand", fleet::thousand),
    ("commits", commits),
    ("tasks", tasks),
    ("agents", agents::agents),
];

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(unknown) =
        args.only.iter().find(|name| PARTS.iter().all(|(part, _)| part != &name.as_str()))
    {
        bail!("there is no part {unknown}");
    }
    let tools = Tools::build(args.home_on.as_deref(), args.binary.as_deref())?;
    // A busy neighbour hits us and the floor less. It needs root, and is left out without.
    let before = rustix::process::setpriority_process(None, -15).is_ok();
    if !args.json {
        println!("{}; load {}", machine::described(), machine::load());
        println!(
            "data on {}; priority {}",
            tools.folder.display(),
            if before { "-15" } else { "0" }
        );
        println!("{}", Figure::heading());
    }
    let mut figures = Vec::new();
    let mut broken = Vec::new();
    for (name, part) in PARTS {
        if !args.only.is_empty() && !args.only.iter().any(|only| only == name) {
            continue;
        }
        match part(&tools) {
            Ok(found) => {
                if !args.json {
                    for figure in &found {
                        println!("{}", figure.line());
                    }
                }
                figures.extend(found);
            }
            Err(error) => {
                eprintln!("{name}: {error:#}");
                broken.push(name);
            }
        }
    }
    if args.json {
        let figures: Vec<_> = figures.iter().map(Figure::json).collect();
        let whole = serde_json::json!({"machine": machine::described(), "load": machine::load(),
            "figures": figures, "broken": broken});
        println!("{whole:#}");
    } else {
        println!("load {} at the end", machine::load());
    }
    let over: Vec<&str> =
        figures.iter().filter(|figure| figure.is_over()).map(|figure| figure.name).collect();
    if !broken.is_empty() {
        bail!("could not be measured: {}", broken.join(", "));
    }
    if args.check && !over.is_empty() {
        bail!("beyond the bound: {}", over.join(", "));
    }
    Ok(())
}

/// The store beside the bare database.
fn commits(_tools: &Tools) -> Result<Vec<Figure>> {
    let printed = Program::cargo()
        .args(["run", "--release", "--quiet", "--package", "orkestra-store", "--example"])
        .args(["commits", "--"])
        .arg(crate::program::target_dir()?.join("bench"))
        .read()?;
    let rate = |begin: &str| -> f64 {
        let line = printed.lines().find(|line| line.starts_with(begin));
        let before = line.and_then(|line| line.split("/s").next());
        let word = before.and_then(|text| text.split_whitespace().next_back());
        word.and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
    };
    let floor = rate("raw rusqlite");
    let figure =
        |name, begin: &str| Figure::new(name, "1/s", rate(begin), Bound::None).floor(floor);
    Ok(vec![
        figure("commits, one caller", "store, 1 callers").note("floor: bare SQLite, one insert"),
        figure("commits, 64 callers grouped", "store, 64 callers"),
    ])
}

/// Claims of tasks beside the bare database doing the same transaction.
fn tasks(_tools: &Tools) -> Result<Vec<Figure>> {
    let printed = Program::cargo()
        .args(["run", "--release", "--quiet", "--package", "orkestra-store", "--example"])
        .args(["claims", "--"])
        .arg(crate::program::target_dir()?.join("bench"))
        .read()?;
    let number = |begin: &str, after: &str| -> f64 {
        let line = printed.lines().find(|line| line.starts_with(begin));
        let before = line.and_then(|line| line.split(after).next());
        let word = before.and_then(|text| text.split_whitespace().next_back());
        word.and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
    };
    let rate = |name, queue: &str, workers: u32| {
        let begin = format!("claims, {workers} workers, {queue}");
        Figure::new(name, "1/s", number(&begin, "/s"), Bound::None)
            .floor(number(&format!("raw, {queue}"), "/s"))
    };
    let wait = |name, queue: &str, after: &str| {
        let begin = format!("enqueue to claimed, {queue}");
        Figure::new(name, "ms", number(&begin, after), Bound::None)
    };
    let (short, long) = ("short queue", "100,000 queued");
    Ok(vec![
        rate("claims, one worker", short, 1)
            .note("a new task and a claim; floor: bare SQLite, the same"),
        rate("claims, 8 workers", short, 8),
        rate("claims, one worker, 100,000 queued", long, 1),
        rate("claims, 8 workers, 100,000 queued", long, 8),
        wait("enqueue to claimed p50", short, " ms p50").note("two commits"),
        wait("enqueue to claimed p99", short, " ms p99"),
        wait("enqueue to claimed p50, 100,000 queued", long, " ms p50"),
        wait("enqueue to claimed p99, 100,000 queued", long, " ms p99"),
    ])
}
