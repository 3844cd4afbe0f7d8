//! Starts processes without forking the daemon.
//!
//! `posix_spawn` shares memory until exec, so its cost does not grow with the daemon, and no
//! code runs between fork and exec. Every descriptor of the daemon is CLOEXEC; only those listed
//! reach the child.

#![allow(unsafe_code, reason = "posix_spawn has no safe wrapper")]

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// What to start.
pub(crate) struct Spawn<'a> {
    pub(crate) program: &'a CStr,
    pub(crate) argv: &'a [CString],
    pub(crate) env: &'a [CString],
    /// Which descriptor the child gets under which number.
    pub(crate) descriptors: &'a [(BorrowedFd<'a>, RawFd)],
}

/// Turns an error number into a result.
fn check(errno: libc::c_int) -> io::Result<()> {
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    /// Own session, all signals as they are by default.
    fn new() -> io::Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: init fills the struct; the sets are filled before they are read.
        unsafe {
            check(libc::posix_spawnattr_init(raw.as_mut_ptr()))?;
            let mut attributes = Self(raw.assume_init());
            let (mut all, mut none) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&raw mut all);
            libc::sigemptyset(&raw mut none);
            let flags = libc::POSIX_SPAWN_SETSID
                | libc::POSIX_SPAWN_SETSIGDEF as libc::c_short
                | libc::POSIX_SPAWN_SETSIGMASK as libc::c_short;
            check(libc::posix_spawnattr_setsigdefault(&raw mut attributes.0, &raw const all))?;
            check(libc::posix_spawnattr_setsigmask(&raw mut attributes.0, &raw const none))?;
            check(libc::posix_spawnattr_setflags(&raw mut attributes.0, flags))?;
            Ok(attributes)
        }
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`.
        unsafe {
            libc::posix_spawnattr_destroy(&raw mut self.0);
        }
    }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: init fills the struct.
        unsafe {
            check(libc::posix_spawn_file_actions_init(raw.as_mut_ptr()))?;
            Ok(Self(raw.assume_init()))
        }
    }

    fn dup(&mut self, from: RawFd, to: RawFd) -> io::Result<()> {
        // SAFETY: initialised in `new`.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, from, to) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`.
        unsafe {
            libc::posix_spawn_file_actions_destroy(&raw mut self.0);
        }
    }
}

/// A copy of a descriptor above all numbers that are targets, so that no copy overwrites the
/// source of the next one.
fn out_of_the_way(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the result is a new descriptor that nobody else owns.
    unsafe {
        let copy = libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 16);
        if copy < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(copy))
    }
}

fn pointers(strings: &[CString]) -> Vec<*mut c_char> {
    let null = std::iter::once(std::ptr::null_mut());
    strings.iter().map(|string| string.as_ptr().cast_mut()).chain(null).collect()
}

/// Starts the program and returns its pid. The caller has to reap it.
pub(crate) fn spawn(what: &Spawn<'_>) -> io::Result<u32> {
    let attributes = Attributes::new()?;
    let mut actions = Actions::new()?;
    let mut copies = Vec::with_capacity(what.descriptors.len());
    for (fd, number) in what.descriptors {
        let copy = out_of_the_way(*fd)?;
        actions.dup(copy.as_raw_fd(), *number)?;
        copies.push(copy);
    }
    let (argv, env) = (pointers(what.argv), pointers(what.env));
    let mut pid = 0;
    // SAFETY: all strings are NUL-terminated, both lists end with NULL, everything outlives the
    // call.
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            what.program.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            argv.as_ptr(),
            env.as_ptr(),
        )
    })?;
    Ok(pid.cast_unsigned())
}
