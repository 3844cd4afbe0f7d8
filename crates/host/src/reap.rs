//! Waits for our own children without polling and without a thread.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::readiness;

/// How often process 1 looks for what others left behind.
const ORPHAN_PERIOD: std::time::Duration = std::time::Duration::from_secs(2);

/// Opens a process by pid, so that later signals cannot reach another one.
pub(crate) fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Sends a signal to an opened process; one that is gone is no error.
pub(crate) fn signal(pidfd: &OwnedFd, signal: Signal) -> io::Result<()> {
    match pidfd_send_signal(pidfd, signal) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reaps a child of ours when it ends.
pub(crate) async fn reap(pid: u32) {
    let waited = async {
        let child = readiness::readable(open(pid)?)?;
        let _ = child.readable().await?;
        waitid(WaitId::PidFd(child.get_ref().as_fd()), WaitIdOptions::EXITED)?;
        io::Result::Ok(())
    };
    if let Err(error) = waited.await {
        tracing::warn!(pid, %error, "cannot wait for a child");
    }
}

/// Our children that have ended and were not waited for.
fn zombies() -> BTreeSet<u32> {
    let own = std::process::id();
    let Ok(all) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            fields.next() == Some("Z") && fields.next() == Some(own.to_string().as_str())
        })
        .collect()
}

/// As process 1 of a container, reaps what others left behind: it becomes our child without our
/// knowing. Whoever waits for a child of ours has done so long before its second look.
pub async fn orphans() {
    let mut seen = BTreeSet::new();
    loop {
        tokio::time::sleep(ORPHAN_PERIOD).await;
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // One cheap question first: usually nobody waits to be reaped.
        if !matches!(waitid(WaitId::All, peek), Ok(Some(_))) {
            seen.clear();
            continue;
        }
        let now = zombies();
        for pid in now.intersection(&seen) {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                let _by_another =
                    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
        seen = now;
    }
}
