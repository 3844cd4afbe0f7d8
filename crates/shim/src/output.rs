//! Where the unit's output goes: through pipes into the log, or straight into two files.

use core::ffi::CStr;
use std::os::fd::OwnedFd;

use crate::log::{GULP, Log, Stream};
use crate::options::{self, Options};
use crate::sys::{self, Errno, FileFacts};

pub(crate) const TAG_STDOUT: u64 = 3;
pub(crate) const TAG_STDERR: u64 = 4;
pub(crate) const TAG_FILES: u64 = 5;

/// Wanted size of the pipes.
const PIPE_BYTES: i32 = 1 << 20;
/// After a smaller read the pipe is left alone for a moment, so that a unit which writes line by
/// line does not wake us for each of them.
const SMALL_READ: usize = 16 << 10;
const COALESCE_MS: u64 = 1;
/// Silence after which an unfinished line is shown and buffers are given back.
const QUIET_MS: u64 = 1_000;
/// News about raw files at most this often.
const SIZES_MS: u64 = 20;

#[allow(clippy::large_enum_variant, reason = "there is one per process, and no heap to box it in")]
pub(crate) enum Output {
    Log(Pipes),
    Raw(Files),
}

/// What the leader gets as its standard output and error.
pub(crate) type ChildEnds = (OwnedFd, OwnedFd);

impl Output {
    pub(crate) fn open(options: &Options, epoll: &OwnedFd) -> Result<(Self, ChildEnds), Errno> {
        match options.output {
            options::Output::Log { dir, seq, max, keep, full } => {
                let log = Log::new(dir, (seq, max, keep), full)?;
                let (stdout, to_stdout) = sys::pipe()?;
                let (stderr, to_stderr) = sys::pipe()?;
                for (pipe, tag) in [(&stdout, TAG_STDOUT), (&stderr, TAG_STDERR)] {
                    sys::enlarge_pipe(pipe, PIPE_BYTES);
                    sys::epoll_set(epoll, libc::EPOLL_CTL_ADD, pipe, ARMED, tag)?;
                }
                let pipes = Pipes {
                    log,
                    ends: [Some(stdout), Some(stderr)],
                    armed: [true; 2],
                    arm_at: 0,
                    quiet_at: None,
                };
                Ok((Self::Log(pipes), (to_stdout, to_stderr)))
            }
            options::Output::Raw { stdout, stderr, cap } => {
                let (files, ends) = Files::open(stdout, stderr, cap, epoll)?;
                Ok((Self::Raw(files), ends))
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        match self {
            Self::Log(pipes) => pipes.next_deadline(),
            Self::Raw(files) => files.look_at,
        }
    }
}

/// One event, then silence until we ask again: that is what makes pausing cheap.
const ARMED: i32 = libc::EPOLLIN | libc::EPOLLONESHOT;

/// The read ends of the unit's output pipes.
pub(crate) struct Pipes {
    pub(crate) log: Log,
    ends: [Option<OwnedFd>; 2],
    armed: [bool; 2],
    arm_at: u64,
    quiet_at: Option<u64>,
}

impl Pipes {
    fn next_deadline(&self) -> Option<u64> {
        let resting = self.armed == [true; 2];
        let arm = (!resting && !self.log.is_blocked()).then_some(self.arm_at);
        [arm, self.log.next_deadline(), self.quiet_at].into_iter().flatten().min()
    }

    pub(crate) fn readable(&mut self, stream: Stream, now: u64) {
        let at = stream as usize;
        if let Some(armed) = self.armed.get_mut(at) {
            *armed = false;
        }
        self.arm_at = now;
        if self.log.is_blocked() {
            return;
        }
        let Some(Some(pipe)) = self.ends.get(at) else { return };
        match self.log.take(pipe, stream, GULP) {
            // The unit closed its output. That is its right and says nothing about its life.
            Ok(0) => self.close(at),
            Ok(len) => {
                self.quiet_at = Some(now + QUIET_MS);
                if len < SMALL_READ {
                    self.arm_at = now + COALESCE_MS;
                }
            }
            Err(_) => {}
        }
    }

    fn close(&mut self, at: usize) {
        if let (Some(end), Some(armed)) = (self.ends.get_mut(at), self.armed.get_mut(at)) {
            *end = None;
            *armed = true;
        }
    }

    /// Retries, pauses that are over, silence.
    pub(crate) fn tick(&mut self, epoll: &OwnedFd, now: u64) {
        if self.log.next_deadline().is_some_and(|at| at <= now) {
            self.log.pump();
        }
        if !self.log.is_blocked() && self.arm_at <= now {
            for (at, tag) in [(0, TAG_STDOUT), (1, TAG_STDERR)] {
                if let (Some(Some(end)), Some(armed)) = (self.ends.get(at), self.armed.get_mut(at))
                    && !*armed
                {
                    *armed = sys::epoll_set(epoll, libc::EPOLL_CTL_MOD, end, ARMED, tag).is_ok();
                }
            }
        }
        if self.log.is_blocked() {
            // It is the disk that is silent, not the unit: the rest of a line may be in the pipe.
            self.quiet_at = self.quiet_at.map(|_| now + QUIET_MS);
        } else if self.quiet_at.is_some_and(|at| at <= now) {
            self.quiet_at = None;
            self.log.write_partial(false);
            self.log.rest();
        }
    }

    /// Takes what the dead tree left in the pipes, and not a byte more: somebody outside the tree
    /// may still hold a pipe open. True when everything is written.
    pub(crate) fn drain(&mut self) -> bool {
        self.log.pump();
        for (at, stream) in [(0, Stream::Stdout), (1, Stream::Stderr)] {
            let Some(Some(pipe)) = self.ends.get(at) else { continue };
            let mut left = sys::waiting(pipe);
            while left > 0 {
                if self.log.is_blocked() {
                    return false;
                }
                match self.log.take(pipe, stream, left) {
                    Ok(len @ 1..) => left = left.saturating_sub(len),
                    Ok(0) | Err(_) => break,
                }
            }
            if self.log.is_blocked() {
                return false;
            }
            self.close(at);
        }
        self.log.write_partial(true);
        !self.log.is_blocked()
    }

    /// Ends the log, with or without the rest.
    pub(crate) fn end(&mut self) {
        self.log.give_up();
        self.close(0);
        self.close(1);
        self.quiet_at = None;
        self.log.rest();
    }
}

/// Files which the unit writes itself; the shim only looks at their sizes.
pub(crate) struct Files {
    stdout: OwnedFd,
    stderr: OwnedFd,
    watch: OwnedFd,
    cap: u64,
    look_at: Option<u64>,
    looked: u64,
}

impl Files {
    fn open(
        stdout: &CStr,
        stderr: &CStr,
        cap: u64,
        epoll: &OwnedFd,
    ) -> Result<(Self, ChildEnds), Errno> {
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT;
        let open = |path| sys::open_at(libc::AT_FDCWD, path, flags, 0o600);
        let ends = (open(stdout)?, open(stderr)?);
        let watch = sys::watch_writes(&[stdout, stderr])?;
        sys::epoll_set(epoll, libc::EPOLL_CTL_ADD, &watch, ARMED, TAG_FILES)?;
        // A first look without an event: output may come before anybody listens.
        let files = Self {
            stdout: open(stdout)?,
            stderr: open(stderr)?,
            watch,
            cap,
            look_at: Some(sys::now_ms() + SIZES_MS),
            looked: 0,
        };
        Ok((files, ends))
    }

    pub(crate) fn changed(&mut self, now: u64) {
        self.look_at = Some(now.max(self.looked + SIZES_MS));
    }

    /// When it is time: re-arms the watch, then gives both sizes (in this order, so that a later
    /// write makes a new event).
    pub(crate) fn tick(&mut self, epoll: &OwnedFd, now: u64) -> Option<(u64, u64)> {
        self.look_at.filter(|at| *at <= now)?;
        self.look_at = None;
        self.looked = now;
        let mut events = [0_u8; 1024];
        while sys::read(&self.watch, &mut events).is_ok() {}
        let _ = sys::epoll_set(epoll, libc::EPOLL_CTL_MOD, &self.watch, ARMED, TAG_FILES);
        Some(self.sizes())
    }

    pub(crate) fn sizes(&self) -> (u64, u64) {
        let none = FileFacts { size: 0, links: 0, identity: (0, 0) };
        let stdout = sys::facts(&self.stdout).unwrap_or(none);
        let stderr = sys::facts(&self.stderr).unwrap_or(none);
        // Both streams may go to one file; its bytes count once.
        let same = stdout.identity == stderr.identity;
        (stdout.size, if same { 0 } else { stderr.size })
    }

    pub(crate) fn is_over_cap(&self) -> bool {
        let (stdout, stderr) = self.sizes();
        stdout.saturating_add(stderr) > self.cap
    }

    pub(crate) fn end(&mut self) {
        self.look_at = None;
    }
}
