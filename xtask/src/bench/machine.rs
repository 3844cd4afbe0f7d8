//! What is read of the machine: clock, processes, memory; and the stamps of measured children.

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};
use rustix::time::ClockId;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Nanoseconds of the clock that children stamp with.
pub(crate) fn now_ns() -> u64 {
    let time = rustix::time::clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

pub(crate) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// A child's word: its pid, and when it was in `main`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) pid: u32,
    pub(crate) ns: u64,
}

/// A named pipe in which children say that they are there.
pub(crate) struct Fifo {
    path: PathBuf,
    end: OwnedFd,
}

impl Fifo {
    /// Both ends are ours, so that it never ends while children come and go.
    pub(crate) fn stamps(path: &Path) -> Result<Self> {
        Self::open(path, OFlags::RDWR)
    }

    /// Only the reading end: it ends when the last process that holds the other has died.
    pub(crate) fn ending(path: &Path) -> Result<Self> {
        Self::open(path, OFlags::RDONLY)
    }

    fn open(path: &Path, way: OFlags) -> Result<Self> {
        let made = rustix::process::umask(Mode::empty());
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .with_context(|| format!("cannot make {}", path.display()))?;
        rustix::process::umask(made);
        let end = rustix::fs::open(path, way | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
        Ok(Self { path: path.to_owned(), end })
    }

    pub(crate) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn wait(&self, deadline: Instant) -> Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs())?,
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let mut polled = [PollFd::new(&self.end, PollFlags::IN)];
        if poll(&mut polled, Some(&timeout))? == 0 {
            bail!("nothing came within the time");
        }
        Ok(())
    }

    /// The next stamp.
    pub(crate) fn next(&self, patience: Duration) -> Result<Stamp> {
        let deadline = Instant::now() + patience;
        loop {
            let mut bytes = [0_u8; 16];
            match rustix::io::read(&self.end, &mut bytes) {
                Ok(16) => {
                    let (pid, ns) = bytes.split_at(8);
                    let pid = u32::try_from(u64::from_ne_bytes(pid.try_into()?))?;
                    return Ok(Stamp { pid, ns: u64::from_ne_bytes(ns.try_into()?) });
                }
                Ok(other) => bail!("a stamp of {other} bytes"),
                Err(rustix::io::Errno::AGAIN) => self.wait(deadline)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// So many stamps.
    pub(crate) fn take(&self, count: usize, patience: Duration) -> Result<Vec<Stamp>> {
        let deadline = Instant::now() + patience;
        let mut stamps = Vec::with_capacity(count);
        while stamps.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            let stamp = self.next(left);
            stamps.push(stamp.with_context(|| format!("{} of {count} came", stamps.len()))?);
        }
        Ok(stamps)
    }

    /// Whether somebody said something that nobody has read yet.
    pub(crate) fn is_quiet(&self) -> Result<bool> {
        let mut polled = [PollFd::new(&self.end, PollFlags::IN)];
        Ok(poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0)
    }

    /// Waits until the last one that held the other end is gone; when that was.
    pub(crate) fn end(&self, patience: Duration) -> Result<u64> {
        let deadline = Instant::now() + patience;
        loop {
            let mut bytes = [0_u8; 16];
            match rustix::io::read(&self.end, &mut bytes) {
                Ok(0) => return Ok(now_ns()),
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => self.wait(deadline)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Sends a signal; a process that is gone is no error.
pub(crate) fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone = rustix::process::kill_process(pid, signal);
    }
}

fn proc(pid: u32, file: &str) -> Option<String> {
    std::fs::read(format!("/proc/{pid}/{file}"))
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The parent of a process; none when it is gone or a zombie.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    let stat = proc(pid, "stat")?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.next()?.parse().ok()
}

/// Its proportional share of memory, in KB.
pub(crate) fn pss_kb(pid: u32) -> Option<f64> {
    memory(pid, "smaps_rollup", "Pss:")
}

/// Its resident memory, in KB.
pub(crate) fn rss_kb(pid: u32) -> Option<f64> {
    memory(pid, "status", "VmRSS:")
}

fn memory(pid: u32, file: &str, key: &str) -> Option<f64> {
    let text = proc(pid, file)?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// How many descriptors it has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// How many threads it has.
pub(crate) fn threads(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// Processor time of all its threads, in nanoseconds.
pub(crate) fn cpu_ns(pid: u32) -> u64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    threads
        .flatten()
        .filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        })
        .sum()
}

/// Living processes whose environment carries all these texts, by pid: their command line.
pub(crate) fn marked(marks: &[&str]) -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else { return found };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if pid != own
            && parent(pid).is_some()
            && proc(pid, "environ")
                .is_some_and(|environ| marks.iter().all(|mark| environ.contains(mark)))
        {
            found.insert(pid, proc(pid, "cmdline").unwrap_or_default().replace('\0', " "));
        }
    }
    found
}

/// Living processes of the folder, by pid: which instance each belongs to.
pub(crate) fn instances(dir: &Path) -> BTreeMap<u32, String> {
    let home = format!("HOME={}", dir.display());
    let all = marked(&["ORKESTRA_INSTANCE=", &home]);
    all.keys()
        .filter_map(|pid| {
            let environ = proc(*pid, "environ")?;
            let instance =
                environ.split('\0').find_map(|word| word.strip_prefix("ORKESTRA_INSTANCE="))?;
            Some((*pid, instance.to_owned()))
        })
        .collect()
}

/// One line about where this runs.
pub(crate) fn described() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{count} x {model}, Linux {}", kernel.trim())
}

/// The load of the last minute.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
