//! A million lines, one write each, with rotation; then every one of them is looked for.

use super::figure::{Bound, Figure, median};
use super::machine::{self, ms};
use super::site::{PATIENCE, Site, Tools, unit};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const LINES: usize = 1_000_000;
const ROUNDS: usize = 3;

pub(super) fn throughput(tools: &Tools) -> Result<Vec<Figure>> {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    let mut cpu = 0.0;
    let child = tools.child.display().to_string();
    let count = LINES.to_string();
    for round in 0..ROUNDS {
        let file = tools.folder.join(format!("floor-log-{}", std::process::id()));
        let printed = Command::new(&tools.floor)
            .args(["pipe", &file.display().to_string(), &child, "lines", &count])
            .output()?;
        let took: u64 = String::from_utf8_lossy(&printed.stdout).trim().parse()?;
        floors.push(LINES as f64 / (took as f64 / 1e9));
        std::fs::remove_file(&file)?;

        let go = "while [ ! -e go ]; do sleep 0.01; done; date +%s%N > began; exec";
        let script = format!("{go} {child} lines {count}");
        let rest = "restart: never, logs: { max_size: 10MB, keep: 1000 }";
        let line = unit("lines", &["/bin/sh", "-c", &script], rest);
        let mut site = Site::new(tools, &format!("logs{round}"), &line)?;
        site.up()?;
        let leader = site.all_run()?[0]["pid"].as_u64().context("no process")?;
        let shim = machine::parent(u32::try_from(leader)?).context("no shim")?;
        let before = machine::cpu_ns(shim);
        let logs = site.data().join("logs").join("lines");
        std::fs::write(site.file("go"), "")?;
        let last = format!("line {:09} ", LINES - 1);
        let deadline = Instant::now() + PATIENCE;
        // The shim lives until its unit's end is committed, so its time is read on the way.
        let mut used = before;
        while !ends_with(&logs, &last) {
            used = used.max(machine::cpu_ns(shim));
            if Instant::now() > deadline {
                bail!("the last line did not come");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let done = wall_ns()?;
        let began: u64 = std::fs::read_to_string(site.file("began"))?.trim().parse()?;
        ours.push(LINES as f64 / (done.saturating_sub(began) as f64 / 1e9));
        cpu = ms(used - before) / 1e3;
        read_back(&logs)?;
        site.down()?;
    }
    let note = format!("none lost, torn or doubled; the shim used {cpu:.2} s");
    Ok(vec![
        Figure::new("log lines", "lines/s", median(&ours), Bound::Least(1e6))
            .floor(median(&floors))
            .note(note),
    ])
}

fn wall_ns() -> Result<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(u64::try_from(now.as_nanos())?)
}

fn files(logs: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(logs)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "log"));
    files.sort();
    files
}

fn ends_with(logs: &Path, last: &str) -> bool {
    let end = || -> Option<String> {
        let newest = files(logs).pop()?;
        let mut file = std::fs::File::open(newest).ok()?;
        let size = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(400))).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    end().is_some_and(|text| text.contains(last) && text.ends_with('\n'))
}

/// Every line once, whole, in order.
pub(super) fn read_back(logs: &Path) -> Result<()> {
    let mut next = 0;
    let files = files(logs);
    if files.len() < 10 {
        bail!("{} files: nothing was rotated", files.len());
    }
    for path in files {
        for line in BufReader::new(std::fs::File::open(&path)?).lines() {
            let line = line?;
            // TIME stdout F TEXT
            let text = line.splitn(4, ' ').nth(3).context("a torn line")?;
            let head = format!("line {next:09} ");
            let fill = char::from(b'a' + u8::try_from(next % 26)?);
            let whole = text.len() == 99
                && text.strip_prefix(&head).is_some_and(|rest| rest.chars().all(|c| c == fill));
            if !whole {
                bail!("line {next} is not as it was written, in {}: {line:?}", path.display());
            }
            next += 1;
        }
    }
    if next != LINES {
        bail!("{next} of {LINES} lines are there");
    }
    Ok(())
}
