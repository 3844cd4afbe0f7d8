//! Waiting for a descriptor to become readable, for kernel objects Tokio has no type for.

#![allow(unsafe_code, reason = "registration is unsafe for descriptors that others may close")]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers an owned descriptor (pidfd, inotify) with the runtime.
pub(crate) fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open file until it is dropped, and `AsyncFd` keeps it
    // that long.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
}
