//! Keeps one program running: starts it again when it dies, and passes signals on.
//!
//! The whole of it is one thread that sleeps in `sigtimedwait`; it holds no lock, no socket and
//! no file of the home, so nothing of it can be in the way of a daemon.

#![allow(unsafe_code, reason = "waiting for signals has no safe wrapper")]

use crate::error::{Doing, Error};
use crate::spawn::{Spawn, spawn};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The wait before another start: 1, 2, 4 … seconds.
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_LONGEST: Duration = Duration::from_secs(30);
/// Having run this long, the next wait is the first one again.
const RESET_AFTER: Duration = Duration::from_secs(3600);
/// A panic's exit code.
const PANICKED: i32 = 101;

/// The signals that are waited for.
struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks them for this thread, the only one, so that none is lost between two waits.
    fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the set is filled by sigemptyset before it is used.
        let set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for number in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD] {
                libc::sigaddset(set.as_mut_ptr(), number);
            }
            set.assume_init()
        };
        // SAFETY: a filled set, and no old one is asked for.
        let errno =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if errno == 0 { Ok(Self(set)) } else { Err(io::Error::from_raw_os_error(errno)) }
    }

    /// The next signal, or nothing when the time is up.
    fn next(&self, limit: Option<Duration>) -> Option<i32> {
        let limit = limit.unwrap_or(Duration::from_secs(86_400));
        let limit = libc::timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(86_400),
            tv_nsec: limit.subsec_nanos().into(),
        };
        // SAFETY: the set is filled, no facts are asked for, and the time is a local value.
        let number = unsafe {
            libc::sigtimedwait(&raw const self.0, std::ptr::null_mut(), &raw const limit)
        };
        (number > 0).then_some(number)
    }
}

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Code(i32),
    Signal(i32),
}

fn end_of(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}

/// Starts the program and keeps it running until it ends in good order, until it ends with one of
/// the `hopeless` codes, or until its first start fails. Returns its last exit code.
///
/// # Errors
/// It cannot be started at all.
pub fn keep(
    argv: &[String],
    env: &[(String, String)],
    hopeless: &[u8],
    tell: impl Fn(&str),
) -> Result<u8, Error> {
    let strings = |words: Vec<String>| {
        words
            .into_iter()
            .map(CString::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Error::Unusable { what: "the command", why: "it contains a NUL byte" })
    };
    let words = strings(argv.to_vec())?;
    let env = strings(env.iter().map(|(name, value)| format!("{name}={value}")).collect())?;
    let program =
        words.first().ok_or(Error::Unusable { what: "the command", why: "it is empty" })?;
    let signals = Signals::block().doing("block signals")?;
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let mut wait = WAIT_FIRST;
    let mut first = true;
    loop {
        let began = Instant::now();
        let descriptors = [(stdin.as_fd(), 0), (stdout.as_fd(), 1), (stderr.as_fd(), 2)];
        let child = spawn(&Spawn { program, argv: &words, env: &env, descriptors: &descriptors });
        let end = match child {
            Ok(pid) => {
                let (end, asked) = attend(&signals, pid)?;
                let code = match end {
                    End::Code(code) => u8::try_from(code).unwrap_or(1),
                    End::Signal(_) => 1,
                };
                let failed_start = first && !matches!(end, End::Signal(_) | End::Code(PANICKED));
                if asked || code == 0 || hopeless.contains(&code) || failed_start {
                    return Ok(code);
                }
                match end {
                    End::Code(code) => format!("ended with code {code}"),
                    End::Signal(signal) => format!("was ended by signal {signal}"),
                }
            }
            // A machine out of processes or memory; the program may also be just being replaced.
            Err(error) if !first => format!("cannot be started ({error})"),
            Err(error) => return Err(error).doing("start the daemon"),
        };
        first = false;
        if began.elapsed() >= RESET_AFTER {
            wait = WAIT_FIRST;
        }
        tell(&format!("The daemon {end}; it is started again in {} s.", wait.as_secs()));
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if matches!(signals.next(Some(left)), Some(libc::SIGTERM | libc::SIGINT)) {
                return Ok(1);
            }
        }
        wait = (wait * 2).min(WAIT_LONGEST);
    }
}

/// Waits for the end of our child and passes signals on; whether one asked it to end.
fn attend(signals: &Signals, pid: u32) -> Result<(End, bool), Error> {
    let child = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let child = child.ok_or(Error::Unusable { what: "a process id", why: "it is 0" })?;
    let mut asked = false;
    loop {
        match waitpid(Some(child), WaitOptions::NOHANG).doing("wait for the daemon")? {
            Some((_, status)) if status.exited() || status.signaled() => {
                return Ok((end_of(status), asked));
            }
            Some(_) | None => {}
        }
        // It is our child and not reaped yet, so the number cannot be another's.
        match signals.next(None) {
            Some(libc::SIGTERM | libc::SIGINT) => {
                asked = true;
                let _gone = kill_process(child, Signal::TERM);
            }
            Some(libc::SIGHUP) => {
                let _gone = kill_process(child, Signal::HUP);
            }
            Some(_) | None => {}
        }
    }
}

/// The parent of a process, for comparing only.
pub fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}
