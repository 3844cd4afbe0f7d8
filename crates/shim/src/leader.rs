//! Starts the leader: the one process the unit's command line becomes.

#![allow(unsafe_code, reason = "fork, exec and what has to happen between them")]

use core::convert::Infallible;
use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;

use crate::kernel::{self, arg, call};
use crate::options::{Options, Words};
use crate::program;
use crate::sys::{self, OwnedFd};
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
    argv: Words,
    environment: Words,
    stdout: &OwnedFd,
    stderr: &OwnedFd,
) -> Result<Leader, StartFailure> {
    let failed = |stage| move |errno| StartFailure { stage, errno };
    let (verdict, report) = sys::pipe().map_err(failed(Stage::Setup))?;
    let shim = sys::own_pid();
    let child = Child { options, argv, environment, stdout, stderr, report: &report, shim };
    let mut stack = Stack(MaybeUninit::uninit());
    // SAFETY: the shim has one thread and has blocked its signals. The child only reads what it
    // is given, and has a stack of its own until it is another program.
    let pid = unsafe { kernel::spawn(begin, &raw const child, (&raw mut stack).add(1).cast()) };
    Ok(Leader { pid: pid.map_err(failed(Stage::Fork))?, verdict })
}

/// The child's until it is another program.
#[repr(C, align(16))]
struct Stack(MaybeUninit<[u8; STACK]>);

/// Room for the groups, for a path, and as much again.
const STACK: usize = 16 << 10;

struct Child<'a> {
    options: &'a Options,
    argv: Words,
    environment: Words,
    stdout: &'a OwnedFd,
    stderr: &'a OwnedFd,
    report: &'a OwnedFd,
    shim: i32,
}

/// # Safety
/// Only as a child with a stack of its own, of a process with one thread; `argv` must be
/// NULL-terminated beyond `options.command`.
unsafe extern "C" fn begin(child: *const Child<'_>) -> ! {
    // SAFETY: the parent waits and keeps it.
    let child = unsafe { &*child };
    // SAFETY: as the caller says.
    let StartFailure { stage, errno } = match unsafe { child.become_leader() } {
        Ok(never) => match never {},
        Err(failure) => failure,
    };
    let [a, b, c, d] = errno.to_ne_bytes();
    let _ = sys::write(child.report, &[stage as u8, a, b, c, d]);
    kernel::exit(127)
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

impl Child<'_> {
    /// Comes back only with a reason why it could not become the program.
    ///
    /// # Safety
    /// As [`begin`].
    unsafe fn become_leader(&self) -> Result<Infallible, StartFailure> {
        let failed = |stage| move |errno| StartFailure { stage, errno };
        let options = self.options;
        sys::new_session();
        if let Some((soft, hard)) = options.nofile {
            let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
            let limit = &raw const limit as usize;
            // SAFETY: the limit is read only. A refusal leaves the limit as it is.
            let _ =
                unsafe { call(libc::SYS_prlimit64, [0, libc::RLIMIT_NOFILE as usize, limit, 0]) };
        }
        if let Some((uid, gid, groups)) = options.user {
            // Pipes belong to who made them, and who opens /dev/stderr needs the right to.
            for end in [self.stdout, self.stderr] {
                let ids = [arg(end.as_raw_fd()), uid as usize, gid as usize];
                // SAFETY: no pointers.
                let _ = unsafe { call(libc::SYS_fchown, ids) };
            }
            become_user(uid, gid, groups).map_err(failed(Stage::User))?;
        }
        // After the change of user, which clears it. Without its shim nobody could stop or account
        // for the unit: it must not outlive it.
        // SAFETY: no pointers.
        let _ = unsafe {
            call(libc::SYS_prctl, [arg(libc::PR_SET_PDEATHSIG), arg(libc::SIGKILL), 0, 0, 0])
        };
        if sys::parent_pid() != self.shim {
            kernel::exit(127);
        }
        sys::change_dir(options.cwd).map_err(failed(Stage::Cwd))?;
        let stdin = sys::open_at(libc::AT_FDCWD, options.stdin, libc::O_RDONLY, 0)
            .map_err(failed(Stage::Stdin))?;
        // The sources are above 2 (stdio was opened at the start), and a copy is not CLOEXEC.
        for (from, to) in [(&stdin, 0), (self.stdout, 1), (self.stderr, 2)] {
            sys::copy_to(from.as_raw_fd(), to).map_err(failed(Stage::Setup))?;
        }
        sys::set_umask(0o022);
        // Ignored signals would survive exec; a unit expects the defaults.
        for signal in 1..=64 {
            sys::on_signal(signal, false);
        }
        sys::block_signals(0);
        // Everything else is CLOEXEC already; the report pipe must stay until exec.
        let _ = sys::close_from(3, libc::CLOSE_RANGE_CLOEXEC);
        // SAFETY: as the caller says; the command is not behind the end of the list.
        let argv = unsafe { self.argv.add(options.command) };
        // SAFETY: the words of the list are NUL-terminated.
        let errno = unsafe { program::execute(argv, self.environment) };
        Err(StartFailure { stage: Stage::Exec, errno })
    }
}

/// All groups, the group, the user: in this order, since each step takes the right to the one
/// before.
fn become_user(uid: u32, gid: u32, groups: &CStr) -> Result<(), sys::Errno> {
    let mut list = [0; GROUPS_MAX];
    let mut count = 0;
    for word in groups.to_bytes().split(|byte| *byte == b',') {
        let group = number(word).and_then(|group| libc::gid_t::try_from(group).ok());
        if let (Some(slot), Some(group)) = (list.get_mut(count), group) {
            *slot = group;
            count += 1;
        }
    }
    let (uid, gid) = (uid as usize, gid as usize);
    // SAFETY: the list has `count` groups.
    unsafe {
        call(libc::SYS_setgroups, [count, list.as_ptr() as usize])?;
        call(libc::SYS_setresgid, [gid, gid, gid])?;
        call(libc::SYS_setresuid, [uid, uid, uid])?;
    }
    Ok(())
}
