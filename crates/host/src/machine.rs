//! Questions about the machine and about this process: disk, memory, load, descriptors.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The file system below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that ordinary users may still write.
    pub free: u64,
    /// All its bytes.
    pub total: u64,
}

/// The machine's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it, in bytes.
    pub total: u64,
    /// What programs could still get without swapping, in bytes.
    pub available: u64,
}

/// This process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Resident memory in bytes.
    pub rss: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// How many there may be.
    pub descriptor_limit: u64,
    /// Processor time since its start, in milliseconds.
    pub cpu_ms: u64,
}

/// How full the file system below a path is.
///
/// # Errors
/// There is no such path, or it cannot be asked.
pub fn disk_free(path: &Path) -> io::Result<Disk> {
    let facts = rustix::fs::statvfs(path)?;
    Ok(Disk {
        free: facts.f_bavail.saturating_mul(facts.f_frsize),
        total: facts.f_blocks.saturating_mul(facts.f_frsize),
    })
}

/// How much memory the machine has and could still give.
///
/// # Errors
/// The system does not say.
pub fn memory() -> io::Result<Memory> {
    parse_memory(&fs::read_to_string("/proc/meminfo")?)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "/proc/meminfo has another form"))
}

fn parse_memory(text: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    };
    Some(Memory { total: bytes("MemTotal")?, available: bytes("MemAvailable")? })
}

/// How many tasks ran or waited on average in the last 1, 5 and 15 minutes.
///
/// # Errors
/// The system does not say.
pub fn load() -> io::Result<[f64; 3]> {
    parse_load(&fs::read_to_string("/proc/loadavg")?)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "/proc/loadavg has another form"))
}

fn parse_load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || words.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// What this process takes.
///
/// # Errors
/// The system does not say.
pub fn own() -> io::Result<Own> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 =
        text.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidData, "/proc/self/statm has another form")
        })?;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The listing itself holds one more.
    let descriptors = fs::read_dir("/proc/self/fd")?.count().saturating_sub(1);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    Ok(Own {
        rss: pages.saturating_mul(rustix::param::page_size() as u64),
        descriptors: descriptors as u64,
        descriptor_limit: limit.current.unwrap_or(u64::MAX),
        cpu_ms: parse_cpu(&stat, rustix::param::clock_ticks_per_second()).unwrap_or(0),
    })
}

/// Time in user and kernel mode of a process, from its `stat`.
fn parse_cpu(stat: &str, ticks_per_second: u64) -> Option<u64> {
    // The name stands in parentheses and may hold anything, also parentheses.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ticks = next()?.checked_add(next()?)?;
    ticks.saturating_mul(1000).checked_div(ticks_per_second)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test says where")]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let text = "MemTotal:       16384000 kB\nMemFree:  1 kB\nMemAvailable:    8192000 kB\n";
        let memory = parse_memory(text).unwrap();
        assert_eq!((memory.total, memory.available), (16_777_216_000, 8_388_608_000));
        assert_eq!(parse_memory("MemTotal: x kB"), None);
        assert_eq!(parse_load("0.50 1.25 2.00 1/234 5678\n"), Some([0.5, 1.25, 2.0]));
        assert_eq!(parse_load("0.50"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 1 0 99";
        assert_eq!(parse_cpu(stat, 100), Some(2_000));
        assert_eq!(parse_cpu("7 (a) S 1", 100), None);
    }

    #[test]
    fn this_machine_answers() {
        let disk = disk_free(Path::new("/")).unwrap();
        assert!(disk.total > 0 && disk.free <= disk.total);
        let memory = memory().unwrap();
        assert!(memory.available > 0 && memory.available <= memory.total);
        assert!(load().unwrap().iter().all(|average| *average >= 0.0));
        let own = own().unwrap();
        assert!(own.rss > 0 && own.descriptors >= 3 && own.descriptor_limit > own.descriptors);
        assert!(disk_free(Path::new("/nowhere")).is_err());
    }
}
