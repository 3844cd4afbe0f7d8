//! What process trees use: CPU time, resident memory, processes, descriptors. Never `smaps`, which
//! walks page tables and can stop a busy process for milliseconds.
//!
//! A tree is all that hangs below the shim of a leader, but the shim: a child that left its parent
//! is adopted by the shim, so it still counts. Resident memory counts shared pages once for each
//! process.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};

/// So many trees are walked from their roots; for more, all of /proc is read once.
const WALK_MAX: usize = 32;

/// What a tree uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tree {
    /// CPU time in milliseconds since its beginning, those that ended included.
    pub cpu_ms: u64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// Living processes.
    pub processes: u32,
    /// Open descriptors, when they were counted and may be seen.
    pub descriptors: Option<u32>,
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    zombie: bool,
    /// Ticks of its own.
    ticks: u64,
    /// Ticks of the children that it has waited for.
    child_ticks: u64,
    rss_pages: u64,
}

/// Reads process trees; keeps its buffers between readings.
#[derive(Debug)]
pub struct Sampler {
    text: Vec<u8>,
    seen: HashMap<u32, Stat>,
    children: HashMap<u32, Vec<u32>>,
    tick_ms: u64,
    page: u64,
}

impl Default for Sampler {
    fn default() -> Self {
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        Self {
            text: Vec::with_capacity(1024),
            seen: HashMap::new(),
            children: HashMap::new(),
            tick_ms: 1000 / per_second,
            page: rustix::param::page_size() as u64,
        }
    }
}

impl Sampler {
    /// What the trees of these leaders use; `None` for a leader that is gone. Descriptors are
    /// counted when `descriptors` is set, which costs about as much as all the rest.
    pub fn sample(&mut self, leaders: &[u32], descriptors: bool) -> Vec<Option<Tree>> {
        self.seen.clear();
        for list in self.children.values_mut() {
            list.clear();
        }
        let walked = leaders.len() <= WALK_MAX && leaders.iter().all(|leader| self.walk(*leader));
        if !walked {
            self.scan();
        }
        leaders.iter().map(|leader| self.tree(*leader, descriptors)).collect()
    }

    /// Reads all that hangs below the parent of a leader; false when this system does not list
    /// children.
    fn walk(&mut self, leader: u32) -> bool {
        let Some(stat) = self.stat(leader) else { return true };
        let shim = stat.parent;
        let Some(own) = self.stat(shim) else { return true };
        self.seen.insert(shim, own);
        let mut open = vec![shim];
        while let Some(parent) = open.pop() {
            let Some(found) = self.children_of(parent) else { return false };
            for child in &found {
                if let Some(stat) = self.stat(*child) {
                    self.seen.insert(*child, stat);
                    open.push(*child);
                }
            }
            self.children.insert(parent, found);
        }
        true
    }

    /// The children of all threads of a process; none when it is gone.
    fn children_of(&mut self, parent: u32) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Some(found) };
        for thread in threads.flatten() {
            let path = thread.path().join("children");
            match self.read(&path.to_string_lossy()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // The thread is gone, or the kernel was built without this file.
                    if thread.path().exists() {
                        return None;
                    }
                    continue;
                }
                Err(_gone) => continue,
            }
            let text = String::from_utf8_lossy(&self.text);
            found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        Some(found)
    }

    fn scan(&mut self) {
        self.seen.clear();
        for list in self.children.values_mut() {
            list.clear();
        }
        let Ok(entries) = fs::read_dir("/proc") else { return };
        for entry in entries.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let Some(pid) = pid else { continue };
            let Some(stat) = self.stat(pid) else { continue };
            self.children.entry(stat.parent).or_default().push(pid);
            self.seen.insert(pid, stat);
        }
        let seen = &self.seen;
        self.children.retain(|parent, list| !list.is_empty() && seen.contains_key(parent));
    }

    fn tree(&mut self, leader: u32, descriptors: bool) -> Option<Tree> {
        let shim = self.seen.get(&leader)?.parent;
        let of_shim = self.seen.get(&shim)?;
        let mut ticks = of_shim.child_ticks;
        let mut tree = Tree::default();
        let mut counted = descriptors.then_some(0_u32);
        let mut open: Vec<u32> = self.children.get(&shim).cloned().unwrap_or_default();
        while let Some(pid) = open.pop() {
            let Some(stat) = self.seen.get(&pid) else { continue };
            ticks += stat.ticks + stat.child_ticks;
            tree.rss += stat.rss_pages * self.page;
            tree.processes += u32::from(!stat.zombie);
            if let (Some(sum), false) = (&mut counted, stat.zombie) {
                match fs::read_dir(format!("/proc/{pid}/fd")) {
                    Ok(entries) => *sum += u32::try_from(entries.count()).unwrap_or(u32::MAX),
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => counted = None,
                    Err(_gone) => {}
                }
            }
            open.extend(self.children.get(&pid).into_iter().flatten());
        }
        tree.cpu_ms = ticks * self.tick_ms;
        tree.descriptors = counted;
        Some(tree)
    }

    fn stat(&mut self, pid: u32) -> Option<Stat> {
        self.read(&format!("/proc/{pid}/stat")).ok()?;
        parse(&self.text)
    }

    fn read(&mut self, path: &str) -> io::Result<()> {
        self.text.clear();
        File::open(path)?.read_to_end(&mut self.text).map(drop)
    }
}

/// The fields after the command's name, which may itself contain brackets and spaces.
fn parse(text: &[u8]) -> Option<Stat> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)?,
        child_ticks: number(13)? + number(14)?,
        rss_pages: number(21)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_behind_the_strangest_name() {
        let line =
            b"42 (a) b (c) S 7 42 42 0 -1 4194304 1 2 3 4 50 60 70 80 20 0 1 0 9 1000 33 18 1 1";
        let stat = parse(line).unwrap();
        let wanted = Stat { parent: 7, zombie: false, ticks: 110, child_ticks: 150, rss_pages: 33 };
        assert_eq!(stat, wanted);
        assert_eq!(parse(b"42 (x"), None);
        assert_eq!(parse(b"42 (x) S"), None);
    }

    /// This process stands for the shim, and children that sleep for trees.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test that needs children")]
    fn walking_and_scanning_see_the_same_tree() {
        let script = "sleep 60 & sleep 60 & wait";
        let mut shell = std::process::Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let leader = shell.id();
        let mut sampler = Sampler::default();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        // Other tests have children too, so only this leader's branch is compared.
        let branch = |sampler: &Sampler| sampler.children.get(&leader).cloned().unwrap_or_default();
        loop {
            sampler.sample(&[leader], true);
            if branch(&sampler).len() == 2 || std::time::Instant::now() > deadline {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let mut walked = branch(&sampler);
        assert_eq!(walked.len(), 2);
        let tree = sampler.sample(&[leader], true)[0].unwrap();
        assert!(tree.processes >= 3 && tree.rss > 0, "{tree:?}");
        assert!(tree.descriptors.is_some_and(|count| count >= 6), "{tree:?}");
        let many = vec![leader; WALK_MAX + 1];
        assert!(sampler.sample(&many, false).iter().all(Option::is_some));
        let mut scanned = branch(&sampler);
        walked.sort_unstable();
        scanned.sort_unstable();
        assert_eq!(walked, scanned);
        for pid in walked {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!(sampler.sample(&[leader], false), [None]);
    }
}
