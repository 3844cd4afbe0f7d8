//! The daemon's own log, `logs/daemon.log`, in the file that its standard output and error lead to.
//!
//! It is rotated by the daemon itself: renamed, and a new file put under the same two descriptors.
//! So no line is lost, and a keeper that still has the old file does no harm: the daemons that it
//! starts find the right file by themselves.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const NAME: &str = "daemon.log";

/// Looks after the log: makes a new file when it is larger than `max` bytes, keeps `keep` older
/// ones (`daemon.log.1` is the newest of them), and leads standard output and error to the new one.
/// Descriptors that lead elsewhere (a terminal, a service manager) are left alone. True when there
/// is a new file.
///
/// # Errors
/// A file cannot be renamed or opened; the old one is then written on.
pub fn look_after(logs: &Path, max: u64, keep: u32) -> io::Result<bool> {
    let current = logs.join(NAME);
    let ours = files(logs, keep);
    let stdout_is_ours = leads_to(&io::stdout(), &ours);
    let stderr_is_ours = leads_to(&io::stderr(), &ours);
    if !stdout_is_ours && !stderr_is_ours {
        return Ok(false);
    }
    let large = fs::metadata(&current).is_ok_and(|facts| facts.len() > max);
    if large {
        for number in (1..keep).rev() {
            let from = numbered(logs, number);
            if from.exists() {
                fs::rename(&from, numbered(logs, number + 1))?;
            }
        }
        fs::rename(&current, numbered(logs, 1))?;
    } else if leads_to(&io::stderr(), &[current.clone()]) {
        return Ok(false);
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&current)?;
    if stdout_is_ours {
        rustix::stdio::dup2_stdout(&file)?;
    }
    if stderr_is_ours {
        rustix::stdio::dup2_stderr(&file)?;
    }
    Ok(large)
}

fn numbered(logs: &Path, number: u32) -> PathBuf {
    logs.join(format!("{NAME}.{number}"))
}

fn files(logs: &Path, keep: u32) -> Vec<PathBuf> {
    std::iter::once(logs.join(NAME)).chain((1..=keep).map(|n| numbered(logs, n))).collect()
}

/// Whether a descriptor is open on one of these files.
fn leads_to(descriptor: &impl AsFd, files: &[PathBuf]) -> bool {
    let Ok(open) = descriptor.as_fd().try_clone_to_owned() else { return false };
    let Ok(facts) = File::from(open).metadata() else { return false };
    let same = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (facts.dev(), facts.ino()))
    };
    files.iter().any(same)
}
