//! Waits for our own children without polling and without a thread.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::readiness;

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
