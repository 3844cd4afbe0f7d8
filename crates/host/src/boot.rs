//! Which machine and boot this is, and when a process was started: a pid alone names nobody.

use std::fs;

use crate::error::{Doing, Error};

/// Changes with every boot of the machine.
pub fn boot_id() -> Result<String, Error> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").doing("read the boot id")?;
    Ok(text.trim().to_owned())
}

/// What the machine is called, for people; two machines may have the same name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Start time of a process in ticks since boot; `None` when there is no such process.
pub fn start_time(pid: u32) -> Option<u64> {
    stat_field(pid, 22)
}

/// Whether the process that had this number and began then still lives. One that has ended and only
/// waits for its parent does not.
pub fn is_alive(pid: u32, started: u64) -> bool {
    let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.iter().rposition(|byte| *byte == b')').and_then(|end| stat.get(end + 2));
    !matches!(state, None | Some(b'Z' | b'X' | b'x')) && start_time(pid) == Some(started)
}

/// Field `index` (3 and up) of /proc/PID/stat. The name before may contain anything, so fields
/// are counted from the last parenthesis.
pub(crate) fn stat_field(pid: u32, index: usize) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 2;
    let field = stat.get(after_name..)?.split(|byte| *byte == b' ').nth(index - 3)?;
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}
