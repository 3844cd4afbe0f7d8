//! Ending what a killed shim left behind.
//!
//! With the shim the subreaper is gone: its leader died with it, but others of the tree may live
//! on under init. All of them carry the instance's id in their environment.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use std::os::unix::fs::MetadataExt;

use crate::error::{Doing, Error};
use crate::reap;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
/// A leader that has not become its program yet looks like a shim for less than this.
const SHIM_STAYS: Duration = Duration::from_secs(1);

/// Kills every process of ours that is marked with this instance, until none is left; returns how
/// many were killed. Only for an instance whose lock is free. If its shim lives all the same, it
/// holds another folder, since ours is a copy: then nothing here is ours to kill.
pub async fn stop_marked(instance: &str) -> Result<u32, Error> {
    stop_with(format!("ORKESTRA_INSTANCE={instance}")).await
}

/// The same for any variable that a process and all its children carry.
pub(crate) async fn stop_with(variable: String) -> Result<u32, Error> {
    tokio::task::spawn_blocking(move || stop_all(variable.as_bytes()))
        .await
        .map_err(std::io::Error::other)
        .doing("look for left-over processes")?
}

fn stop_all(mark: &[u8]) -> Result<u32, Error> {
    let uid = rustix::process::geteuid().as_raw();
    let (deadline, shim_stays) = (Instant::now() + PATIENCE, Instant::now() + SHIM_STAYS);
    let mut killed = std::collections::BTreeSet::new();
    loop {
        // Whether it must be looked once more.
        let mut found = false;
        let mut marked = Vec::new();
        for entry in fs::read_dir("/proc").doing("list processes")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            let ours = entry.metadata().is_ok_and(|facts| facts.uid() == uid);
            if !ours || pid == std::process::id() {
                continue;
            }
            match look(pid, mark) {
                Marked::Yes => marked.push(pid),
                Marked::No => {}
                Marked::Later => found = true,
            }
        }
        if marked.iter().any(|pid| is_shim(*pid)) {
            if Instant::now() > shim_stays {
                tracing::warn!("The shim lives and holds another folder; its tree is left alone.");
                return Ok(0);
            }
            std::thread::sleep(PAUSE);
            continue;
        }
        for pid in marked {
            // Look again through an open process: the pid may have passed on meanwhile.
            let Ok(pidfd) = reap::open(pid) else { continue };
            match look(pid, mark) {
                Marked::Yes => {
                    found = true;
                    killed.insert((pid, crate::boot::start_time(pid)));
                    reap::signal(&pidfd, Signal::KILL).doing("kill a left-over process")?;
                }
                Marked::No => {}
                Marked::Later => found = true,
            }
        }
        if !found {
            return Ok(u32::try_from(killed.len()).unwrap_or(u32::MAX));
        }
        if Instant::now() > deadline {
            let source = std::io::Error::other("they survive SIGKILL");
            return Err(source).doing("end left-over processes");
        }
        std::thread::sleep(PAUSE);
    }
}

fn is_shim(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"orkestra-shim\0"))
}

/// Whether a process carries the mark, as far as can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marked {
    Yes,
    No,
    /// It takes on another program (execve) this very moment, and must be looked at again.
    Later,
}

/// While a process takes on another program, its environment reads as empty for a moment, and so does
/// its command line; or it is read of the program that it was, and gone by then. So an empty one is
/// believed only when the command line was there before it, and not at the first look. A dead
/// process and the kernel's own have no program.
fn look(pid: u32, mark: &[u8]) -> Marked {
    let read = |name| fs::read(format!("/proc/{pid}/{name}"));
    for _look in 0..3 {
        let has_line = read("cmdline").is_ok_and(|line| !line.is_empty());
        match read("environ") {
            Err(_) => return Marked::No,
            Ok(environ) if !environ.is_empty() => {
                let carries = environ.split(|byte| *byte == 0).any(|variable| variable == mark);
                return if carries { Marked::Yes } else { Marked::No };
            }
            Ok(_) if fs::read_link(format!("/proc/{pid}/exe")).is_err() => return Marked::No,
            Ok(_) if !has_line => return Marked::Later,
            Ok(_) => {}
        }
    }
    Marked::No
}
