//! Where the unit's output goes: through pipes into the log, or straight into two files.

use crate::sys::OwnedFd;
use core::ffi::CStr;

use crate::log::{GULP, Log, Stream};
use crate::options::{self, Options};
use crate::sys::{self, Errno, FileFacts};

pub(crate) const TAG_STDOUT: u64 = 3;
pub(crate) const TAG_STDERR: u64 = 4;
pub(crate) const TAG_FILES: u64 = 5;

/// Size of the pipe of a unit that writes much. Others keep what the kernel gave them: large pipes
/// cost memory, and an ordinary user may have only some of them.
const LARGE_PIPE: i32 = 1 << 20;
const SMALL_PIPE: i32 = 64 << 10;
/// After a smaller read the pipe is left alone for a moment. Nobody listens to it meanwhile, so
/// that a unit which writes line by line wakes us once for many of them: waking is what costs.
const SMALL_READ: usize = 16 << 10;
const COALESCE_MS: u64 = 1;
/// After so many full gulps others are heard: signals, daemons, the other stream.
const GULPS: usize = 8;
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
                    sys::epoll_set(epoll, libc::EPOLL_CTL_ADD, pipe, libc::EPOLLIN, tag)?;
                }
                let end = |pipe, tag| End { pipe: Some(pipe), tag, read_at: None, large: false };
                let ends = [end(stdout, TAG_STDOUT), end(stderr, TAG_STDERR)];
                let pipes = Pipes { log, ends, quiet_at: None };
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

/// The read end of a pipe.
struct End {
    pipe: Option<OwnedFd>,
    tag: u64,
    /// When it is read next; `None` while we listen to it.
    read_at: Option<u64>,
    large: bool,
}

/// The read ends of the unit's output pipes.
pub(crate) struct Pipes {
    pub(crate) log: Log,
    ends: [End; 2],
    quiet_at: Option<u64>,
}

impl Pipes {
    fn next_deadline(&self) -> Option<u64> {
        let read = self.ends.iter().filter_map(|end| end.read_at).min();
        let read = read.filter(|_| !self.log.is_blocked());
        [read, self.log.next_deadline(), self.quiet_at].into_iter().flatten().min()
    }

    /// Something came after a silence: we read at once and stop listening. A pipe that is listened
    /// to costs its writer a look at us for each line.
    pub(crate) fn readable(&mut self, stream: Stream, epoll: &OwnedFd, now: u64) {
        let Some(end) = self.ends.get_mut(stream as usize) else { return };
        let Some(pipe) = &end.pipe else { return };
        let _ = sys::epoll_set(epoll, libc::EPOLL_CTL_DEL, pipe, 0, end.tag);
        end.read_at = Some(now);
        self.read(stream, epoll, now);
    }

    fn read(&mut self, stream: Stream, epoll: &OwnedFd, now: u64) {
        let Some(end) = self.ends.get_mut(stream as usize) else { return };
        for _ in 0..GULPS {
            if self.log.is_blocked() {
                return;
            }
            let Some(pipe) = &end.pipe else { return };
            match self.log.take(pipe, stream, GULP) {
                // The unit closed its output. That is its right and says nothing about its life.
                Ok(0) => end.close(),
                Ok(len) => {
                    self.quiet_at = Some(now + QUIET_MS);
                    if len < SMALL_READ {
                        end.read_at = Some(now + COALESCE_MS);
                        return;
                    }
                    end.resize(true);
                }
                // Nothing came in the meantime: now it is worth listening.
                Err(libc::EAGAIN) => {
                    let listened =
                        sys::epoll_set(epoll, libc::EPOLL_CTL_ADD, pipe, libc::EPOLLIN, end.tag);
                    end.read_at = listened.is_err().then_some(now + QUIET_MS);
                    return;
                }
                Err(_) => {
                    end.read_at = Some(now + COALESCE_MS);
                    return;
                }
            }
        }
    }

    /// Retries, pauses that are over, silence.
    pub(crate) fn tick(&mut self, epoll: &OwnedFd, now: u64) {
        if self.log.next_deadline().is_some_and(|at| at <= now) {
            self.log.pump();
        }
        for (at, stream) in [(0, Stream::Stdout), (1, Stream::Stderr)] {
            let due = self.ends.get(at).and_then(|end| end.read_at).is_some_and(|at| at <= now);
            if due {
                self.read(stream, epoll, now);
            }
        }
        if self.log.is_blocked() {
            // It is the disk that is silent, not the unit: the rest of a line may be in the pipe.
            self.quiet_at = self.quiet_at.map(|_| now + QUIET_MS);
        } else if self.quiet_at.is_some_and(|at| at <= now) {
            self.quiet_at = None;
            self.log.write_partial(false);
            self.log.rest();
            for end in &mut self.ends {
                end.resize(false);
            }
        }
    }

    /// Takes what the dead tree left in the pipes, and not a byte more: somebody outside the tree
    /// may still hold a pipe open. True when everything is written.
    pub(crate) fn drain(&mut self) -> bool {
        self.log.pump();
        for (at, stream) in [(0, Stream::Stdout), (1, Stream::Stderr)] {
            let Some(end) = self.ends.get_mut(at) else { continue };
            let Some(pipe) = &end.pipe else { continue };
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
            end.close();
        }
        self.log.write_partial(true);
        !self.log.is_blocked()
    }

    /// Ends the log, with or without the rest.
    pub(crate) fn end(&mut self) {
        self.log.give_up();
        for end in &mut self.ends {
            end.close();
        }
        self.quiet_at = None;
        self.log.rest();
    }
}

impl End {
    fn close(&mut self) {
        self.pipe = None;
        self.read_at = None;
    }

    /// Refusal is no error: with a small pipe the unit waits for us more often.
    fn resize(&mut self, large: bool) {
        if let Some(pipe) = &self.pipe
            && self.large != large
        {
            self.large = large;
            sys::resize_pipe(pipe, if large { LARGE_PIPE } else { SMALL_PIPE });
        }
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
