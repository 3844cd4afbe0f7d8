//! The unit's process tree: everyone who descends from the leader, whatever session they made.
//!
//! The shim is a subreaper, so orphans become its own children and nobody can leave the tree.

use crate::sys;
use crate::text::{Text, number};

/// More processes than this are handled in several rounds.
const ROOM: usize = 4096;

/// How often a tree is walked again while it still grows under our hands.
const FREEZE_ROUNDS: usize = 16;

pub(crate) struct Tree {
    me: i32,
    pids: &'static mut [i32],
    len: usize,
    frozen: &'static mut [i32],
    frozen_len: usize,
}

impl Tree {
    pub(crate) fn new() -> Result<Self, sys::Errno> {
        Ok(Self {
            me: sys::own_pid(),
            pids: sys::map_pids(ROOM)?,
            len: 0,
            frozen: sys::map_pids(ROOM)?,
            frozen_len: 0,
        })
    }

    fn list(&self) -> &[i32] {
        self.pids.get(..self.len).unwrap_or_default()
    }

    fn is_frozen(&self, pid: i32) -> bool {
        self.frozen.get(..self.frozen_len).unwrap_or_default().contains(&pid)
    }

    fn add_children(&mut self, parent: i32, except: i32) {
        each_child(parent, |pid| {
            let known = self.pids.get(..self.len).unwrap_or_default();
            if pid == except || known.contains(&pid) {
                return;
            }
            if let Some(slot) = self.pids.get_mut(self.len) {
                *slot = pid;
                self.len += 1;
            }
        });
    }

    /// Reaps every dead child but `except` and counts the living ones.
    pub(crate) fn reap_others(&mut self, except: i32) -> usize {
        self.len = 0;
        self.add_children(self.me, except);
        self.list().iter().filter(|pid| sys::dead(**pid, false).is_none()).count()
    }

    /// Lists all descendants, without the subtree root `except`.
    fn walk(&mut self, except: i32) {
        self.len = 0;
        self.add_children(self.me, except);
        let mut at = 0;
        while let Some(pid) = self.list().get(at).copied() {
            self.add_children(pid, except);
            at += 1;
        }
    }

    /// Sends a signal to one listed process, if it still is in the tree: by the time we come to
    /// it, its pid may belong to a stranger.
    fn signal_one(&self, pid: i32, signal: i32) {
        let pidfd = sys::pidfd(pid);
        let parent = parent_of(pid);
        if parent != self.me && !self.list().contains(&parent) {
            return;
        }
        match pidfd {
            Ok(pidfd) => sys::pidfd_signal(&pidfd, signal),
            Err(libc::ENOSYS | libc::EMFILE | libc::ENFILE | libc::ENOMEM) => {
                sys::kill(pid, signal);
            }
            Err(_) => {}
        }
    }

    /// Asks every descendant to go; `except` is a dead leader.
    pub(crate) fn signal_all(&mut self, signal: i32, except: i32) {
        self.walk(except);
        for pid in self.list() {
            self.signal_one(*pid, signal);
        }
        for pid in self.list() {
            // A stopped process would sleep through any polite signal.
            self.signal_one(*pid, libc::SIGCONT);
        }
    }

    /// Halts every descendant, again and again until a walk finds nobody new: who forks meanwhile
    /// does not get away.
    pub(crate) fn freeze(&mut self, except: i32) {
        self.frozen_len = 0;
        for _ in 0..FREEZE_ROUNDS {
            self.walk(except);
            let before = self.frozen_len;
            for at in 0..self.len {
                let Some(pid) = self.list().get(at).copied() else { break };
                if !self.is_frozen(pid) {
                    self.signal_one(pid, libc::SIGSTOP);
                    if let Some(slot) = self.frozen.get_mut(self.frozen_len) {
                        *slot = pid;
                        self.frozen_len += 1;
                    }
                }
            }
            if self.frozen_len == before {
                break;
            }
        }
    }

    /// Lets every descendant go on.
    pub(crate) fn thaw(&mut self, except: i32) {
        self.walk(except);
        for pid in self.list() {
            self.signal_one(*pid, libc::SIGCONT);
        }
    }

    /// Kills the whole tree. It is frozen first, so that nobody forks away during the walk.
    pub(crate) fn kill_all(&mut self, except: i32) {
        self.freeze(except);
        for pid in self.list() {
            self.signal_one(*pid, libc::SIGKILL);
        }
    }

    /// How many are left, for the report about processes that even SIGKILL did not end.
    pub(crate) fn survivors(&mut self, except: i32) -> usize {
        self.walk(except);
        self.len
    }
}

/// Children are listed per thread; a process may have forked from any of its threads.
fn each_child(parent: i32, mut found: impl FnMut(i32)) {
    let tasks = Text::<40>::new(format_args!("/proc/{parent}/task"));
    let mut listed = false;
    sys::each_number(tasks.c_str(), |task| {
        let path = Text::<64>::new(format_args!("/proc/{parent}/task/{task}/children"));
        let Ok(file) = sys::open_at(libc::AT_FDCWD, path.c_str(), libc::O_RDONLY, 0) else {
            return;
        };
        listed = true;
        let mut buffer = [0_u8; 1024];
        let mut pid = 0_i32;
        while let Ok(len @ 1..) = sys::read(&file, &mut buffer) {
            for byte in buffer.get(..len).unwrap_or_default() {
                if byte.is_ascii_digit() {
                    pid = pid.wrapping_mul(10).wrapping_add(i32::from(byte - b'0'));
                } else if pid > 0 {
                    found(pid);
                    pid = 0;
                }
            }
        }
        if pid > 0 {
            found(pid);
        }
    });
    if !listed {
        // Kernels without CONFIG_PROC_CHILDREN: look at everybody's parent.
        sys::each_number(c"/proc", |pid| {
            if parent_of(pid) == parent {
                found(pid);
            }
        });
    }
}

/// Field `index` (from 3 on) of /proc/PID/stat. The name before it may hold anything, so the
/// fields are counted from the last parenthesis.
fn stat_field(pid: i32, index: usize) -> Option<u64> {
    let path = Text::<40>::new(format_args!("/proc/{pid}/stat"));
    let file = sys::open_at(libc::AT_FDCWD, path.c_str(), libc::O_RDONLY, 0).ok()?;
    let mut buffer = [0_u8; 1024];
    let len = sys::read(&file, &mut buffer).ok()?;
    let stat = buffer.get(..len)?;
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 2;
    number(stat.get(after_name..)?.split(|byte| *byte == b' ').nth(index - 3)?)
}

pub(crate) fn parent_of(pid: i32) -> i32 {
    stat_field(pid, 4).and_then(|parent| i32::try_from(parent).ok()).unwrap_or(-1)
}

/// Kernel start time: together with the boot it makes a pid unmistakable.
pub(crate) fn start_time(pid: i32) -> u64 {
    stat_field(pid, 22).unwrap_or(0)
}
