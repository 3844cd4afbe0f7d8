//! Connections to daemons: lines of words in both directions.
//!
//! A shim never waits for a daemon: whoever does not read is dropped and may connect again.

use crate::sys::OwnedFd;

use crate::sys;
use crate::text::{Text, number};

const ROOM: usize = 4;
const LINE: usize = 256;
pub(crate) const TAG_CONNECTION: u64 = 8;

pub(crate) type Line = Text<LINE>;

struct Connection {
    fd: OwnedFd,
    /// The term of a good hello; nothing else is heard before it.
    term: Option<u64>,
    buffer: [u8; LINE],
    len: usize,
}

pub(crate) struct Connections {
    slots: [Option<Connection>; ROOM],
    highest_term: u64,
    next_victim: usize,
}

/// What a daemon can ask.
#[derive(Clone, Copy)]
pub(crate) enum Request {
    Hello { term: u64 },
    Status,
    Signal(i32),
    Freeze,
    Thaw,
    Stop { grace_ms: u64, signal: Option<i32> },
    Release,
    Malformed,
    Unknown,
}

fn parse(line: &[u8]) -> Request {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let verb = words.next().unwrap_or_default();
    let mut count = || words.next().and_then(number);
    match verb {
        b"hello" => match (count(), count()) {
            (Some(_), Some(term)) => Request::Hello { term },
            _ => Request::Malformed,
        },
        b"status" => Request::Status,
        b"signal" => match count().and_then(signal_number) {
            Some(signal) => Request::Signal(signal),
            None => Request::Malformed,
        },
        b"stop" => match count() {
            Some(grace_ms) => Request::Stop { grace_ms, signal: count().and_then(signal_number) },
            None => Request::Malformed,
        },
        b"freeze" => Request::Freeze,
        b"thaw" => Request::Thaw,
        b"release" => Request::Release,
        _ => Request::Unknown,
    }
}

fn signal_number(number: u64) -> Option<i32> {
    i32::try_from(number).ok().filter(|signal| (1..=64).contains(signal))
}

impl Connections {
    /// The first connection is inherited; the daemon that spawned us needs no hello.
    pub(crate) fn new(term: u64) -> Self {
        Self { slots: [const { None }; ROOM], highest_term: term, next_victim: 0 }
    }

    pub(crate) fn add(&mut self, epoll: &OwnedFd, fd: OwnedFd, term: Option<u64>) -> usize {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            // All taken: a daemon that lost its connections must still get in.
            let stranger = self.slots.iter().flatten().position(|slot| slot.term.is_none());
            self.next_victim = (self.next_victim + 1) % ROOM;
            stranger.unwrap_or(self.next_victim)
        });
        let tag = TAG_CONNECTION + at as u64;
        let known = sys::epoll_set(epoll, libc::EPOLL_CTL_ADD, &fd, libc::EPOLLIN, tag);
        if let Some(slot) = self.slots.get_mut(at)
            && known.is_ok()
        {
            *slot = Some(Connection { fd, term, buffer: [0; LINE], len: 0 });
        }
        at
    }

    pub(crate) fn close(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = None;
        }
    }

    pub(crate) fn say(&mut self, at: usize, line: &Line) {
        let Some(Some(connection)) = self.slots.get(at) else { return };
        let bytes = line.bytes();
        if sys::send(&connection.fd, bytes) != Ok(bytes.len()) {
            self.close(at);
        }
    }

    /// Tells every daemon that said hello.
    pub(crate) fn say_all(&mut self, line: &Line) {
        for at in 0..ROOM {
            if self.is_greeted(at) {
                self.say(at, line);
            }
        }
    }

    /// News that the next news makes obsolete: skipped where the reader is slow. True when all
    /// got it.
    pub(crate) fn mention(&mut self, line: &Line) -> bool {
        let mut all = true;
        for at in 0..ROOM {
            let Some(Some(connection)) = self.slots.get(at) else { continue };
            if connection.term.is_none() {
                continue;
            }
            match sys::send(&connection.fd, line.bytes()) {
                Ok(len) if len == line.bytes().len() => {}
                Err(libc::EAGAIN) => all = false,
                _ => self.close(at),
            }
        }
        all
    }

    /// Whether any daemon listens.
    pub(crate) fn is_heard(&self) -> bool {
        (0..ROOM).any(|at| self.is_greeted(at))
    }

    fn is_greeted(&self, at: usize) -> bool {
        matches!(self.slots.get(at), Some(Some(connection)) if connection.term.is_some())
    }

    /// Reads what has come; each complete line is handed over as a request.
    pub(crate) fn receive(&mut self, at: usize) {
        let Some(Some(connection)) = self.slots.get_mut(at) else { return };
        let room = connection.buffer.get_mut(connection.len..).unwrap_or_default();
        match sys::receive(&connection.fd, room) {
            Ok(len @ 1..) => connection.len += len,
            Err(libc::EAGAIN | libc::EINTR) => {}
            // The daemon went away, or talks in lines that are none of ours.
            Ok(0) | Err(_) => self.close(at),
        }
    }

    /// The next complete request of a connection that may make it.
    pub(crate) fn next_request(&mut self, at: usize) -> Option<Request> {
        loop {
            let connection = self.slots.get_mut(at)?.as_mut()?;
            let received = connection.buffer.get(..connection.len)?;
            let end = sys::find(b'\n', received)?;
            let request = parse(received.get(..end)?);
            let refusal = match request {
                Request::Unknown => {
                    let verb = received.split(|byte| matches!(byte, b' ' | b'\n')).next();
                    let verb = core::str::from_utf8(verb.unwrap_or_default()).unwrap_or("?");
                    Some(Line::new(format_args!("error unknown {verb:.40}\n")))
                }
                Request::Malformed => Some(Line::new(format_args!("error malformed\n"))),
                _ if connection.term.is_none() && !matches!(request, Request::Hello { .. }) => {
                    Some(Line::new(format_args!("error hello-first\n")))
                }
                _ => None,
            };
            connection.buffer.copy_within(end + 1..connection.len, 0);
            connection.len -= end + 1;
            match refusal {
                Some(line) => self.say(at, &line),
                None => return Some(request),
            }
        }
    }

    /// Accepts or refuses a daemon by its term. A newer daemon makes every older one stale.
    pub(crate) fn greet(&mut self, at: usize, term: u64) -> bool {
        let refused = Line::new(format_args!("refused {}\n", self.highest_term.max(term)));
        if term < self.highest_term {
            self.say(at, &refused);
            self.close(at);
            return false;
        }
        self.highest_term = term;
        for other in 0..ROOM {
            let stale = matches!(self.slots.get(other), Some(Some(connection))
                if connection.term.is_some_and(|theirs| theirs < term));
            if stale && other != at {
                self.say(other, &refused);
                self.close(other);
            }
        }
        if let Some(Some(connection)) = self.slots.get_mut(at) {
            connection.term = Some(term);
        }
        true
    }

    pub(crate) fn highest_term(&self) -> u64 {
        self.highest_term
    }
}
