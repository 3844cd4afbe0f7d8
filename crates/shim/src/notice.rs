//! What the unit says about itself: the datagrams of `sd_notify`.
//!
//! Only the last word of each kind is kept, and it is passed on at most every 20 ms: whatever a
//! unit sends, a daemon hears little. What still holds is said again to a daemon that comes later.

use crate::sys::OwnedFd;
use core::ffi::CStr;

use crate::control::{Connections, Line};
use crate::sys;
use crate::text::{Text, number};
use crate::tree;

pub(crate) const TAG_NOTICE: u64 = 6;

/// One datagram; longer ones are cut.
const DATAGRAM: usize = 4096;
/// Datagrams in a row, before others are heard.
const IN_A_ROW: usize = 32;
const STATUS: usize = 200;
const PASS_ON_MS: u64 = 20;
/// A tree is not deeper; a loop ends here.
const DEPTH: usize = 256;

/// The words that exclude each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Silent,
    Ready,
    Reloading,
    Stopping,
}

pub(crate) struct Notices {
    socket: OwnedFd,
    /// Any process of the tree may send, not only the leader.
    all: bool,
    phase: Phase,
    status: Text<{ STATUS + 1 }>,
    extend: Option<u64>,
    watchdog: bool,
    refused: Option<i32>,
    refused_once: bool,
    phase_news: bool,
    status_news: bool,
    pass_on_at: Option<u64>,
    passed_on: u64,
}

impl Notices {
    pub(crate) fn open(name: &CStr, all: bool, epoll: &OwnedFd) -> Result<Self, sys::Errno> {
        let socket = sys::datagrams(name)?;
        sys::epoll_set(epoll, libc::EPOLL_CTL_ADD, &socket, libc::EPOLLIN, TAG_NOTICE)?;
        Ok(Self {
            socket,
            all,
            phase: Phase::Silent,
            status: Text::new(format_args!("")),
            extend: None,
            watchdog: false,
            refused: None,
            refused_once: false,
            phase_news: false,
            status_news: false,
            pass_on_at: None,
            passed_on: 0,
        })
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.pass_on_at
    }

    /// Reads what has come. Descriptors that come along are closed by the kernel: there is no
    /// room for them.
    pub(crate) fn receive(&mut self, leader: i32, now: u64) {
        let mut bytes = [0_u8; DATAGRAM];
        for _ in 0..IN_A_ROW {
            let Ok((len, sender)) = sys::receive_from(&self.socket, &mut bytes) else { return };
            if self.may_send(sender, leader) {
                for line in bytes.get(..len).unwrap_or_default().split(|byte| *byte == b'\n') {
                    self.hear(line);
                }
            } else if !self.refused_once {
                self.refused_once = true;
                self.refused = Some(sender);
            }
            if self.pass_on_at.is_none() && self.has_news() {
                self.pass_on_at = Some(now.max(self.passed_on + PASS_ON_MS));
            }
        }
    }

    /// The kernel vouches for the number. Who is gone already cannot be placed, and may not.
    fn may_send(&self, sender: i32, leader: i32) -> bool {
        if sender == leader {
            return true;
        }
        let (me, mut pid) = (sys::own_pid(), sender);
        for _ in 0..DEPTH {
            if !self.all || pid <= 1 {
                return false;
            }
            pid = tree::parent_of(pid);
            if pid == me {
                return true;
            }
        }
        false
    }

    fn hear(&mut self, line: &[u8]) {
        let Some(split) = sys::find(b'=', line) else { return };
        let (Some(key), Some(value)) = (line.get(..split), line.get(split + 1..)) else { return };
        match (key, value) {
            (b"READY", b"1") => self.enter(Phase::Ready),
            (b"RELOADING", b"1") => self.enter(Phase::Reloading),
            (b"STOPPING", b"1") => self.enter(Phase::Stopping),
            (b"WATCHDOG", b"1") => self.watchdog = true,
            (b"EXTEND_TIMEOUT_USEC", digits) => self.extend = number(digits).or(self.extend),
            (b"STATUS", text) => {
                let mut shown = [b' '; STATUS];
                let len = text.len().min(STATUS);
                for (slot, byte) in shown.iter_mut().zip(text.iter().take(len)) {
                    *slot = if byte.is_ascii_control() { b' ' } else { *byte };
                }
                let shown = shown.get(..len).unwrap_or_default();
                let text = match core::str::from_utf8(shown) {
                    Ok(text) => text,
                    // Cut in the middle of a character, or no text from there on.
                    Err(error) => {
                        let good = shown.get(..error.valid_up_to()).unwrap_or_default();
                        core::str::from_utf8(good).unwrap_or_default()
                    }
                };
                self.status = Text::new(format_args!("{text}"));
                self.status_news = true;
            }
            // MAINPID too: the leader is who was started.
            _ => {}
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_news = true;
    }

    fn has_news(&self) -> bool {
        self.phase_news
            || self.status_news
            || self.watchdog
            || self.extend.is_some()
            || self.refused.is_some()
    }

    fn phase_line(&self) -> Option<Line> {
        match self.phase {
            Phase::Silent => None,
            Phase::Ready => Some(Line::new(format_args!("notice ready\n"))),
            Phase::Reloading => Some(Line::new(format_args!("notice reloading\n"))),
            Phase::Stopping => Some(Line::new(format_args!("notice stopping\n"))),
        }
    }

    fn status_line(&self) -> Option<Line> {
        let text = core::str::from_utf8(self.status.bytes()).unwrap_or_default();
        (!text.is_empty() || self.status_news)
            .then(|| Line::new(format_args!("notice status {text}\n")))
    }

    /// Passes news on when it is time; what a slow daemon cannot take yet is tried again.
    pub(crate) fn tick(&mut self, connections: &mut Connections, started: bool, now: u64) {
        if self.pass_on_at.is_none_or(|at| at > now) {
            return;
        }
        // "started" comes first.
        if started {
            self.pass_on(connections);
            self.passed_on = now;
        }
        self.pass_on_at = self.has_news().then_some(now + PASS_ON_MS);
    }

    fn pass_on(&mut self, connections: &mut Connections) {
        let mut say = |line: Option<Line>| line.is_none_or(|line| connections.mention(&line));
        if self.watchdog && say(Some(Line::new(format_args!("notice watchdog\n")))) {
            self.watchdog = false;
        }
        if let Some(micros) = self.extend
            && say(Some(Line::new(format_args!("notice extend {micros}\n"))))
        {
            self.extend = None;
        }
        if let Some(pid) = self.refused
            && say(Some(Line::new(format_args!("notice refused {pid}\n"))))
        {
            self.refused = None;
        }
        if self.status_news && say(self.status_line()) {
            self.status_news = false;
        }
        if self.phase_news && say(self.phase_line()) {
            self.phase_news = false;
        }
    }

    /// What still holds, for a daemon that has just come.
    pub(crate) fn tell(&self, connections: &mut Connections, at: usize) {
        for line in [self.status_line(), self.phase_line()].into_iter().flatten() {
            connections.say(at, &line);
        }
    }
}
