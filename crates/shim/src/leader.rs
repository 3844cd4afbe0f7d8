//! Starts the leader: the one process the unit's command line becomes.

#![allow(unsafe_code, reason = "fork, exec and what has to happen between them")]

use core::ffi::{CStr, c_char, c_int};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::options::Options;
use crate::sys;
use crate::text::number;

/// More groups than this are not handed over by the daemon.
const GROUPS_MAX: usize = 256;

/// Where a start failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct StartFailure {
    pub(crate) stage: Stage,
    pub(crate) errno: sys::Errno,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    Setup = 1,
    Output = 2,
    Fork = 3,
    Cwd = 4,
    Stdin = 5,
    Exec = 6,
    User = 7,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Output => "output",
            Self::Fork => "fork",
            Self::Cwd => "cwd",
            Self::Stdin => "stdin",
            Self::Exec => "exec",
            Self::User => "user",
        }
    }

    fn from_byte(byte: u8) -> Self {
        match byte {
            4 => Self::Cwd,
            5 => Self::Stdin,
            6 => Self::Exec,
            7 => Self::User,
            _ => Self::Setup,
        }
    }
}

/// A leader that was forked and may not have executed its program yet.
pub(crate) struct Leader {
    pub(crate) pid: i32,
    /// Ends without a word once the program runs; else says what went wrong.
    pub(crate) verdict: OwnedFd,
}

/// Forks the leader. `argv` is the shim's own, NULL-terminated, the command starts at
/// `options.command`.
pub(crate) fn start(
    options: &Options,
    argv: *const *const c_char,
    stdout: &OwnedFd,
    stderr: &OwnedFd,
) -> Result<Leader, StartFailure> {
    let failed = |stage| move |errno| StartFailure { stage, errno };
    let (verdict, report) = sys::pipe().map_err(failed(Stage::Setup))?;
    // SAFETY: the shim has one thread, so the child may go on as usual.
    let pid = unsafe {
        let shim = libc::getpid();
        let pid = libc::fork();
        if pid == 0 {
            let StartFailure { stage, errno } = become_leader(options, argv, stdout, stderr, shim);
            let [a, b, c, d] = errno.to_ne_bytes();
            let _ = sys::write(&report, &[stage as u8, a, b, c, d]);
            libc::_exit(127);
        }
        pid
    };
    if pid < 0 {
        return Err(StartFailure { stage: Stage::Fork, errno: sys::errno() });
    }
    Ok(Leader { pid, verdict })
}

/// Reads the child's verdict: `None` while it is open, else whether the program runs.
pub(crate) fn verdict(fd: &OwnedFd) -> Option<Result<(), StartFailure>> {
    let mut bytes = [0_u8; 5];
    match sys::read(fd, &mut bytes) {
        Ok(5) => {
            let [stage, a, b, c, d] = bytes;
            let errno = c_int::from_ne_bytes([a, b, c, d]);
            Some(Err(StartFailure { stage: Stage::from_byte(stage), errno }))
        }
        Ok(_) => Some(Ok(())),
        Err(_) => None,
    }
}

/// Runs in the child; comes back only with a reason why it could not become the program.
///
/// # Safety
/// Only in a freshly forked child of a process with one thread; `argv` must be NULL-terminated
/// beyond `options.command`.
unsafe fn become_leader(
    options: &Options,
    argv: *const *const c_char,
    stdout: &OwnedFd,
    stderr: &OwnedFd,
    shim: i32,
) -> StartFailure {
    let failed = |stage| StartFailure { stage, errno: sys::errno() };
    // SAFETY: system calls with valid, NUL-terminated arguments, in the forked child.
    unsafe {
        libc::setsid();
        if let Some((soft, hard)) = options.nofile {
            let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
        if let Some((uid, gid, groups)) = options.user {
            // Pipes belong to who made them, and who opens /dev/stderr needs the right to.
            for end in [stdout, stderr] {
                libc::fchown(end.as_raw_fd(), uid, gid);
            }
            if !become_user(uid, gid, groups) {
                return failed(Stage::User);
            }
        }
        // After the change of user, which clears it. Without its shim nobody could stop or account
        // for the unit: it must not outlive it.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != shim {
            libc::_exit(127);
        }
        if libc::chdir(options.cwd.as_ptr()) < 0 {
            return failed(Stage::Cwd);
        }
        let stdin: RawFd = libc::open(options.stdin.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if stdin < 0 {
            return failed(Stage::Stdin);
        }
        // The sources are above 2 (stdio was opened at the start), and dup2 drops CLOEXEC.
        for (from, to) in [(stdin, 0), (stdout.as_raw_fd(), 1), (stderr.as_raw_fd(), 2)] {
            if libc::dup2(from, to) < 0 {
                return failed(Stage::Setup);
            }
        }
        libc::umask(0o022);
        // Ignored signals would survive exec; a unit expects the defaults. The kernel is asked
        // directly, because glibc refuses to touch the two it uses itself (32 and 33), and those
        // may be inherited as ignored as well. All zero is: default, no flags, no mask.
        let default = [0_u64; 4];
        for signal in 1..=64 {
            let (none, mask_len) = (core::ptr::null_mut::<u64>(), 8);
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, mask_len);
        }
        let mut none: libc::sigset_t = core::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, core::ptr::null_mut());
        // Everything else is CLOEXEC already; the report pipe must stay until exec.
        libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as c_int);
        let command = argv.add(options.command);
        if (*command).is_null() || CStr::from_ptr(*command).is_empty() {
            return StartFailure { stage: Stage::Exec, errno: libc::ENOENT };
        }
        libc::execvp(*command, command);
        failed(Stage::Exec)
    }
}

/// All groups, the group, the user: in this order, since each step takes the right to the one
/// before.
fn become_user(uid: u32, gid: u32, groups: &CStr) -> bool {
    let mut list = [0; GROUPS_MAX];
    let mut count = 0;
    for word in groups.to_bytes().split(|byte| *byte == b',') {
        let group = number(word).and_then(|group| libc::gid_t::try_from(group).ok());
        if let (Some(slot), Some(group)) = (list.get_mut(count), group) {
            *slot = group;
            count += 1;
        }
    }
    // SAFETY: the list has `count` groups.
    unsafe {
        libc::setgroups(count, list.as_ptr()) == 0
            && libc::setresgid(gid, gid, gid) == 0
            && libc::setresuid(uid, uid, uid) == 0
    }
}
