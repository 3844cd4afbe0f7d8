//! The event loop and the life of one instance.
//!
//! starting → running → (stopping →) tree empty → exit recorded → kept until released. The
//! leader is reaped last: until then its pid, which is also the group's name, belongs to nobody
//! else.

use crate::sys::OwnedFd;

use crate::control::{Connections, Line, Request, TAG_CONNECTION};
use crate::leader::{self, Leader, Stage, StartFailure};
use crate::log::Stream;
use crate::notice::{Notices, TAG_NOTICE};
use crate::options::{Options, Words};
use crate::output::{Output, TAG_FILES, TAG_STDERR, TAG_STDOUT};
use crate::record::Exit;
use crate::sys::{self, Ending, Errno};
use crate::text::Shown;
use crate::tree::{self, Tree};

const TAG_LISTENER: u64 = 0;
const TAG_CHILD: u64 = 1;
const TAG_VERDICT: u64 = 2;

/// SIGKILL can be repeated for so long; then the survivors are reported instead.
const KILL_FOR_MS: u64 = 10_000;
const KILL_AGAIN_MS: u64 = 5;
/// Output that cannot be written (disk full and `block`) delays the report of an exit at most so
/// long; a stop shortens it. Then it is dropped and counted.
const DRAIN_FOR_MS: u64 = 10_000;
const DRAIN_MIN_MS: u64 = 500;
const RECORD_AGAIN_MS: u64 = 1_000;
/// How long a daemon that heard of the end may take to commit it before we write it down too.
const RECORD_AFTER_MS: u64 = 100;

/// Where the instance is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Alive,
    /// Asked to go; killed at the deadline.
    Asked {
        deadline: u64,
    },
    Killing {
        until: u64,
        next: u64,
    },
    /// The tree is empty, the last output is being written.
    Draining {
        until: u64,
    },
    Ended,
}

struct Holder<'a> {
    options: &'a Options,
    epoll: OwnedFd,
    dir: OwnedFd,
    listener: Option<OwnedFd>,
    signals: OwnedFd,
    connections: Connections,
    output: Option<Output>,
    notices: Option<Notices>,
    tree: Tree,
    leader: i32,
    start_time: u64,
    verdict: Option<OwnedFd>,
    failure: Option<StartFailure>,
    /// How the leader ended, and when that was seen.
    ending: Option<(Ending, u64)>,
    phase: Phase,
    reason: &'static str,
    /// Everybody below was asked to go; this waits until the leader is dead.
    asked_all: bool,
    killed: bool,
    /// The tree was halted, and not let go on since.
    frozen: bool,
    survivors: usize,
    exit: Option<Exit>,
    record_at: Option<u64>,
    released: bool,
}

/// Holds the instance until it is released. Returns the shim's own exit code.
pub(crate) fn hold(options: &Options, argv: Words, environment: Words) -> i32 {
    sys::become_holder();
    let Ok(mut holder) = Holder::new(options) else { return 101 };
    holder.start(argv, environment);
    holder.run();
    0
}

impl<'a> Holder<'a> {
    fn new(options: &'a Options) -> Result<Self, Errno> {
        let (daemon, dir) = (sys::inherited(3)?, sys::inherited(4)?);
        // The lock is held as long as this process lives: it is never closed by intent.
        core::mem::forget(sys::inherited(5)?);
        let signals = sys::take_signals()?;
        let epoll = sys::epoll()?;
        // Through /proc/self/fd the name stays short however deep the home lies.
        let listener = sys::listen(c"/proc/self/fd/4/s").ok();
        if let Some(listener) = &listener {
            sys::epoll_set(&epoll, libc::EPOLL_CTL_ADD, listener, libc::EPOLLIN, TAG_LISTENER)?;
        }
        sys::epoll_set(&epoll, libc::EPOLL_CTL_ADD, &signals, libc::EPOLLIN, TAG_CHILD)?;
        let mut connections = Connections::new(options.term);
        connections.add(&epoll, daemon, Some(options.term));
        Ok(Self {
            options,
            epoll,
            dir,
            listener,
            signals,
            connections,
            output: None,
            notices: None,
            tree: Tree::new()?,
            leader: 0,
            start_time: 0,
            verdict: None,
            failure: None,
            ending: None,
            phase: Phase::Alive,
            reason: "exited",
            asked_all: false,
            killed: false,
            frozen: false,
            survivors: 0,
            exit: None,
            record_at: None,
            released: false,
        })
    }

    fn start(&mut self, argv: Words, environment: Words) {
        let hello = self.hello();
        self.connections.say_all(&hello);
        if let Some((name, all)) = self.options.notify {
            match Notices::open(name, all, &self.epoll) {
                Ok(notices) => self.notices = Some(notices),
                Err(errno) => {
                    self.failure = Some(StartFailure { stage: Stage::Setup, errno });
                    self.finish();
                    return;
                }
            }
        }
        match Output::open(self.options, &self.epoll) {
            Err(errno) => self.failure = Some(StartFailure { stage: Stage::Output, errno }),
            Ok((output, (stdout, stderr))) => {
                self.output = Some(output);
                match leader::start(self.options, argv, environment, &stdout, &stderr) {
                    Err(failure) => self.failure = Some(failure),
                    Ok(Leader { pid, verdict }) => {
                        self.leader = pid;
                        self.start_time = tree::start_time(pid);
                        let add = libc::EPOLL_CTL_ADD;
                        let _ =
                            sys::epoll_set(&self.epoll, add, &verdict, libc::EPOLLIN, TAG_VERDICT);
                        self.verdict = Some(verdict);
                    }
                }
            }
        }
        if self.leader == 0 {
            self.finish();
        }
    }

    fn run(&mut self) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 16];
        while !self.released {
            let timeout = self.timeout();
            let count = sys::epoll_wait(&self.epoll, &mut events, timeout);
            let now = sys::now_ms();
            let mut children = false;
            for event in events.get(..count).unwrap_or_default() {
                match event.u64 {
                    TAG_LISTENER => self.accept(),
                    TAG_CHILD => children = true,
                    TAG_VERDICT => self.hear_verdict(),
                    TAG_STDOUT => self.read_output(Stream::Stdout, now),
                    TAG_STDERR => self.read_output(Stream::Stderr, now),
                    TAG_NOTICE => self.receive_notices(now),
                    TAG_FILES => {
                        if let Some(Output::Raw(files)) = &mut self.output {
                            files.changed(now);
                        }
                    }
                    tag => self.serve(usize::try_from(tag - TAG_CONNECTION).unwrap_or(0)),
                }
            }
            if children {
                let mut info = [0_u8; 512];
                while sys::read(&self.signals, &mut info).is_ok() {}
                self.look_at_children();
            }
            self.tick(now);
        }
        if self.listener.is_some() {
            let _ = sys::unlink_at(4, c"s");
        }
    }

    /// Milliseconds until something is due, or -1.
    fn timeout(&self) -> i32 {
        let phase = match self.phase {
            Phase::Asked { deadline } => Some(deadline),
            Phase::Killing { next, .. } => Some(next),
            Phase::Draining { until } => Some(until),
            Phase::Alive | Phase::Ended => None,
        };
        let output = self.output.as_ref().and_then(Output::next_deadline);
        let notices = self.notices.as_ref().and_then(Notices::next_deadline);
        match [phase, output, notices, self.record_at].into_iter().flatten().min() {
            Some(at) => i32::try_from(at.saturating_sub(sys::now_ms())).unwrap_or(i32::MAX),
            None => -1,
        }
    }

    fn receive_notices(&mut self, now: u64) {
        let leader = self.leader;
        if let Some(notices) = &mut self.notices {
            notices.receive(leader, now);
        }
    }

    fn pass_notices_on(&mut self, now: u64) {
        let started = self.verdict.is_none();
        if let Some(notices) = &mut self.notices {
            notices.tick(&mut self.connections, started, now);
        }
    }

    fn tick(&mut self, now: u64) {
        self.pass_notices_on(now);
        match &mut self.output {
            Some(Output::Log(pipes)) => pipes.tick(&self.epoll, now),
            Some(Output::Raw(files)) => {
                if let Some((stdout, stderr)) = files.tick(&self.epoll, now) {
                    let over = files.is_over_cap();
                    let line = Line::new(format_args!("output {stdout} {stderr}\n"));
                    // "started" comes first; sizes can wait.
                    if self.verdict.is_some() || !self.connections.mention(&line) {
                        files.changed(now);
                    }
                    if over && matches!(self.phase, Phase::Alive | Phase::Asked { .. }) {
                        self.reason = "output_cap";
                        self.start_killing(now);
                    }
                }
            }
            None => {}
        }
        match self.phase {
            Phase::Asked { deadline } if deadline <= now => self.start_killing(now),
            Phase::Killing { next, .. } if next <= now => self.kill_again(now),
            Phase::Draining { .. } => self.drain(now),
            _ => {}
        }
        // A daemon that is gone commits nothing.
        if self.record_at.is_some_and(|at| at <= now || !self.connections.is_heard()) {
            self.record();
        }
    }

    fn read_output(&mut self, stream: Stream, now: u64) {
        if let Some(Output::Log(pipes)) = &mut self.output {
            pipes.readable(stream, &self.epoll, now);
        }
    }

    fn hear_verdict(&mut self) {
        let Some(verdict) = self.verdict.as_ref().and_then(leader::verdict) else { return };
        self.verdict = None;
        match verdict {
            Ok(()) => {
                let (pid, start) = (self.leader, self.start_time);
                self.connections.say_all(&Line::new(format_args!("started {pid} {start}\n")));
            }
            // The child is about to end; it is reported when it has.
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// Dead children: orphans are reaped at once, the leader is only looked at.
    fn look_at_children(&mut self) {
        if matches!(self.phase, Phase::Draining { .. } | Phase::Ended) {
            while let Some(pid) = sys::any_dead() {
                sys::dead(pid, false);
            }
            return;
        }
        while self.ending.is_none() {
            let Some(pid) = sys::any_dead() else { return };
            if pid == self.leader {
                self.ending = sys::dead(pid, true).map(|ending| (ending, sys::now_micros()));
            } else {
                sys::dead(pid, false);
            }
        }
        let now = sys::now_ms();
        if self.tree.reap_others(self.leader) == 0 {
            self.finish();
            return;
        }
        // The leader is gone and left others behind.
        if !self.asked_all {
            self.asked_all = true;
            self.tree.signal_all(libc::SIGTERM, self.leader);
        }
        if self.phase == Phase::Alive {
            self.phase = Phase::Asked { deadline: now + self.options.grace_ms };
        }
    }

    fn stop(&mut self, grace_ms: u64, signal: i32) {
        let now = sys::now_ms();
        let wanted = now.saturating_add(grace_ms);
        match self.phase {
            Phase::Alive => {
                self.reason = "stopped";
                self.phase = Phase::Asked { deadline: wanted };
            }
            // Only ever sooner: whoever asked for less time must get it.
            Phase::Asked { deadline } => {
                self.phase = Phase::Asked { deadline: wanted.min(deadline) };
                if self.ending.is_none() && self.reason == "exited" {
                    self.reason = "stopped";
                }
            }
            Phase::Draining { until } => {
                self.phase = Phase::Draining { until: wanted.min(until) };
            }
            Phase::Killing { .. } | Phase::Ended => {}
        }
        if self.ending.is_some() || !matches!(self.phase, Phase::Asked { .. }) {
            return;
        }
        self.hear_verdict();
        if self.verdict.is_some() {
            // Not yet its own program: it could neither understand nor handle a signal.
            sys::kill(self.leader, libc::SIGKILL);
        } else {
            // A suspended process must go on to hear it. What lets it go on also takes back a signal
            // that suspends and has not arrived yet, so that one comes second.
            let suspends =
                matches!(signal, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU);
            let both = if suspends { [libc::SIGCONT, signal] } else { [signal, libc::SIGCONT] };
            for signal in both {
                sys::kill(-self.leader, signal);
            }
            // A halted tree must be able to hear it, whatever sessions its members made.
            if core::mem::take(&mut self.frozen) {
                self.tree.thaw(0);
            }
        }
    }

    /// Halts the tree, or lets it go on; one that is to end is not halted any more.
    fn freeze(&mut self, freeze: bool) {
        if self.leader == 0 || self.phase != Phase::Alive {
            return;
        }
        self.frozen = freeze;
        let except = self.dead_leader();
        if freeze {
            self.tree.freeze(except);
        } else {
            self.tree.thaw(except);
        }
    }

    fn start_killing(&mut self, now: u64) {
        self.killed = true;
        self.phase = Phase::Killing { until: now + KILL_FOR_MS, next: now };
        self.kill_again(now);
    }

    fn dead_leader(&self) -> i32 {
        if self.ending.is_some() { self.leader } else { 0 }
    }

    fn kill_again(&mut self, now: u64) {
        let Phase::Killing { until, .. } = self.phase else { return };
        let except = self.dead_leader();
        if now >= until {
            self.survivors = self.tree.survivors(except);
            self.finish();
            return;
        }
        self.tree.kill_all(except);
        self.phase = Phase::Killing { until, next: now + KILL_AGAIN_MS };
        self.look_at_children();
    }

    /// The tree is empty (or unkillable): what is left is output and the record.
    fn finish(&mut self) {
        self.hear_verdict();
        let now = sys::now_ms();
        // A last word before the end.
        self.receive_notices(now);
        self.pass_notices_on(u64::MAX >> 1);
        let until = match self.phase {
            Phase::Asked { deadline } if self.reason != "exited" => {
                deadline.max(now + DRAIN_MIN_MS)
            }
            Phase::Killing { .. } => now + DRAIN_MIN_MS,
            _ => now + DRAIN_FOR_MS,
        };
        self.phase = Phase::Draining { until };
        self.drain(now);
    }

    fn drain(&mut self, now: u64) {
        let Phase::Draining { until } = self.phase else { return };
        let (mut log_seq, mut dropped) = (0, 0);
        match &mut self.output {
            Some(Output::Log(pipes)) => {
                if !pipes.drain() && now < until {
                    return;
                }
                pipes.end();
                (log_seq, dropped) = (pipes.log.seq, pipes.log.dropped_total);
            }
            Some(Output::Raw(files)) => {
                files.end();
                let (stdout, stderr) = files.sizes();
                if self.failure.is_none() {
                    let line = Line::new(format_args!("output {stdout} {stderr}\n"));
                    self.connections.say_all(&line);
                }
            }
            None => {}
        }
        self.phase = Phase::Ended;
        let (ending, at) =
            self.ending.unwrap_or_else(|| (Ending::Signal(libc::SIGKILL), sys::now_micros()));
        let exit = Exit {
            ending: self.failure.map_or(Ok(ending), Err),
            reason: if self.failure.is_some() { "failed" } else { self.reason },
            killed: self.killed,
            survivors: self.survivors,
            at,
            log_seq,
            dropped,
        };
        self.exit = Some(exit);
        // Now the pid may go: every trace of the tree is gone.
        if self.leader > 0 {
            sys::dead(self.leader, false);
        }
        // The news first: syncing the record takes a disk's time, and until it is released this
        // process remembers anyway. A daemon that hears it commits it in a moment and lets us go;
        // then no record is needed, and the disk is left to the commit.
        self.connections.say_all(&exit.line(false));
        if self.connections.is_heard() {
            self.record_at = Some(sys::now_ms() + RECORD_AFTER_MS);
        } else {
            self.record();
        }
    }

    /// Without room on the disk the status stays in memory and is written when there is room.
    fn record(&mut self) {
        let written = self.exit.is_none_or(|exit| exit.write(&self.dir).is_ok());
        self.record_at = (!written).then(|| sys::now_ms() + RECORD_AGAIN_MS);
    }

    fn hello(&self) -> Line {
        let (instance, term) = (Shown(self.options.instance), self.connections.highest_term());
        Line::new(format_args!("hello 1 {instance} {term} {}\n", sys::own_pid()))
    }

    fn state(&self) -> Line {
        let (pid, start) = (self.leader, self.start_time);
        match (&self.exit, self.phase) {
            (Some(exit), _) => exit.line(true),
            (None, Phase::Alive) if self.verdict.is_some() => {
                Line::new(format_args!("state starting\n"))
            }
            (None, Phase::Alive) => Line::new(format_args!("state running {pid} {start}\n")),
            _ => Line::new(format_args!("state stopping {pid} {start}\n")),
        }
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        if let Ok(connection) = sys::accept(listener) {
            self.connections.add(&self.epoll, connection, None);
        }
    }

    fn serve(&mut self, at: usize) {
        self.connections.receive(at);
        while let Some(request) = self.connections.next_request(at) {
            match request {
                Request::Hello { term } => {
                    if self.connections.greet(at, term) {
                        let hello = self.hello();
                        self.connections.say(at, &hello);
                    }
                }
                Request::Status => {
                    let state = self.state();
                    self.connections.say(at, &state);
                    if let (Some(notices), None) = (&self.notices, &self.exit) {
                        notices.tell(&mut self.connections, at);
                    }
                    if let (Some(Output::Raw(files)), None) = (&mut self.output, &self.exit) {
                        files.changed(0);
                    }
                }
                Request::Signal(signal) => {
                    // A zombie keeps its pid, so this can never hit a stranger.
                    if self.leader > 0 && self.exit.is_none() {
                        sys::kill(self.leader, signal);
                    }
                }
                Request::Freeze => self.freeze(true),
                Request::Thaw => self.freeze(false),
                Request::Stop { grace_ms, signal } => {
                    self.stop(grace_ms, signal.unwrap_or(self.options.stop_signal));
                }
                Request::Release if self.exit.is_some() => self.released = true,
                Request::Release => {
                    self.connections.say(at, &Line::new(format_args!("error not-ended\n")));
                }
                Request::Malformed | Request::Unknown => {}
            }
        }
    }
}
