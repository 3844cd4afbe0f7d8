//! Writes the unit's output as Kubernetes CRI log lines into numbered files.
//!
//! Lossless means: what was read is kept until it is written, and nothing more is read before.
//! Files are only ever added and the oldest removed; without renames a reader needs no luck.

use crate::sys::{OwnedFd, RawFd};
use core::ffi::CStr;

use crate::options::WhenFull;
use crate::sys::{self, Errno};
use crate::text::{STAMP_LEN, Text, stamp};

/// One gulp from a pipe.
pub(crate) const GULP: usize = 128 << 10;
const OUT: usize = 2 * GULP;
/// Longer lines are written in parts.
const LINE_MAX: usize = 16 << 10;
/// `<stamp> stdout F `
const PREFIX: usize = STAMP_LEN + 10;
const ENTRY_MAX: usize = PREFIX + LINE_MAX + 1;
/// How long a full disk is left alone.
const RETRY_MS: u64 = 250;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout = 0,
    Stderr = 1,
}

/// The beginning of a line whose end has not come yet.
struct Carry {
    bytes: &'static mut [u8],
    len: usize,
    /// A part of this line is already written, so an end (`F`) must follow.
    open: bool,
}

pub(crate) struct Log {
    path: &'static CStr,
    dir: Option<OwnedFd>,
    /// Nothing was opened yet: the file of an earlier life may go on.
    first: bool,
    file: Option<OwnedFd>,
    pub(crate) seq: u64,
    size: u64,
    max: u64,
    keep: u64,
    full: WhenFull,
    input: &'static mut [u8],
    in_at: usize,
    in_len: usize,
    in_stream: Stream,
    out: &'static mut [u8],
    out_at: usize,
    out_len: usize,
    stamp: [u8; STAMP_LEN],
    carry: [Carry; 2],
    retry_at: Option<u64>,
    dropped_lines: u64,
    dropped_bytes: u64,
    pub(crate) dropped_total: u64,
}

impl Log {
    pub(crate) fn new(
        path: &'static CStr,
        (seq, max, keep): (u64, u64, u64),
        full: WhenFull,
    ) -> Result<Self, Errno> {
        let carry = || sys::map_bytes(LINE_MAX).map(|bytes| Carry { bytes, len: 0, open: false });
        Ok(Self {
            path,
            dir: None,
            first: true,
            file: None,
            seq,
            size: 0,
            max,
            keep,
            full,
            input: sys::map_bytes(GULP)?,
            in_at: 0,
            in_len: 0,
            in_stream: Stream::Stdout,
            out: sys::map_bytes(OUT)?,
            out_at: 0,
            out_len: 0,
            stamp: [b'0'; STAMP_LEN],
            carry: [carry()?, carry()?],
            retry_at: None,
            dropped_lines: 0,
            dropped_bytes: 0,
            dropped_total: 0,
        })
    }

    /// When the log wants to be pumped again by itself.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.retry_at
    }

    /// Something is read but not yet written: nothing more may be read.
    pub(crate) fn is_blocked(&self) -> bool {
        self.in_at < self.in_len || self.out_at < self.out_len
    }

    /// A line without its end is waiting.
    pub(crate) fn has_partial(&self) -> bool {
        self.carry.iter().any(|carry| carry.len > 0)
    }

    /// Reads one gulp of at most `limit` bytes and writes it. Returns what `read` returned.
    pub(crate) fn take(
        &mut self,
        pipe: &OwnedFd,
        stream: Stream,
        limit: usize,
    ) -> Result<usize, Errno> {
        let room = self.input.get_mut(..limit.min(GULP)).unwrap_or_default();
        let len = sys::read(pipe, room)?;
        self.in_at = 0;
        self.in_len = len;
        self.in_stream = stream;
        self.stamp = stamp(sys::now_micros());
        self.pump();
        Ok(len)
    }

    /// Writes what can be written; afterwards `is_blocked` tells whether something is left.
    pub(crate) fn pump(&mut self) {
        if self.retry_at.is_some_and(|at| at > sys::now_ms()) && self.full == WhenFull::Block {
            return;
        }
        self.say_what_was_dropped();
        loop {
            self.format();
            if self.out_at == self.out_len || !self.flush() {
                return;
            }
        }
    }

    /// Turns input into entries until the input ends or the next entry might not fit.
    fn format(&mut self) {
        while self.in_at < self.in_len && self.out.len() - self.out_len >= ENTRY_MAX {
            let carried = self.carry.get(self.in_stream as usize).map_or(0, |carry| carry.len);
            let room = LINE_MAX - carried;
            // One byte more than the room: a line end right after a full line ends it.
            let end = self.in_len.min(self.in_at + room + 1);
            let window = self.input.get(self.in_at..end).unwrap_or_default();
            let (len, tag, used) = match sys::find(b'\n', window) {
                Some(at) => (at, b'F', at + 1),
                None if window.len() > room => (room, b'P', room),
                None => {
                    self.keep_for_later(window.len());
                    return;
                }
            };
            self.entry(self.in_stream, tag, len);
            self.in_at += used;
        }
    }

    fn keep_for_later(&mut self, len: usize) {
        let source = self.input.get(self.in_at..self.in_at + len).unwrap_or_default();
        if let Some(carry) = self.carry.get_mut(self.in_stream as usize)
            && let Some(target) = carry.bytes.get_mut(carry.len..carry.len + len)
        {
            target.copy_from_slice(source);
            carry.len += len;
        }
        self.in_at += len;
    }

    /// One entry from what was carried over and the next `len` bytes of the input.
    fn entry(&mut self, stream: Stream, tag: u8, len: usize) {
        let Some(carry) = self.carry.get_mut(stream as usize) else { return };
        let carried = carry.bytes.get(..carry.len).unwrap_or_default();
        let fresh = self.input.get(self.in_at..self.in_at + len).unwrap_or_default();
        // A million times a second: the prefix is one copy of a known length.
        let mut prefix = [b' '; PREFIX];
        prefix[..STAMP_LEN].copy_from_slice(&self.stamp);
        prefix[STAMP_LEN..].copy_from_slice(match stream {
            Stream::Stdout => b" stdout F ",
            Stream::Stderr => b" stderr F ",
        });
        prefix[PREFIX - 2] = tag;
        let whole = PREFIX + carried.len() + fresh.len() + 1;
        let Some(target) = self.out.get_mut(self.out_len..self.out_len + whole) else { return };
        let (head, rest) = target.split_at_mut(PREFIX);
        head.copy_from_slice(&prefix);
        let (middle, rest) = rest.split_at_mut(carried.len());
        middle.copy_from_slice(carried);
        let (line, end) = rest.split_at_mut(fresh.len());
        line.copy_from_slice(fresh);
        end.copy_from_slice(b"\n");
        self.out_len += whole;
        carry.len = 0;
        carry.open = tag == b'P';
    }

    /// Writes lines that have no end yet: as a part while the unit lives (a prompt must be seen),
    /// as a full line when nothing more can come.
    pub(crate) fn write_partial(&mut self, last: bool) {
        if self.is_blocked() {
            return;
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            let waiting = self
                .carry
                .get(stream as usize)
                .is_some_and(|carry| carry.len > 0 || (last && carry.open));
            if waiting {
                self.entry(stream, if last { b'F' } else { b'P' }, 0);
            }
        }
        self.pump();
    }

    /// Gives memory back when the unit has been silent for a while.
    pub(crate) fn rest(&mut self) {
        if !self.is_blocked() && !self.has_partial() {
            sys::forget_pages(self.input);
            sys::forget_pages(self.out);
            for carry in &mut self.carry {
                sys::forget_pages(carry.bytes);
            }
        }
    }

    /// Writes `out`; false when the rest has to wait.
    fn flush(&mut self) -> bool {
        if self.retry_at.is_some() && self.full == WhenFull::Drop && self.dropped_lines > 0 {
            self.drop_rest();
            return true;
        }
        while self.out_at < self.out_len {
            let written = self.open_current().and_then(|()| {
                let Some(file) = &self.file else { return Err(libc::EBADF) };
                sys::write(file, self.out.get(self.out_at..self.out_len).unwrap_or_default())
            });
            match written {
                // A write may stop short at a full disk and only the next one says so.
                Ok(0) => return self.trouble(),
                Ok(len) => {
                    self.out_at += len;
                    self.size += len as u64;
                }
                Err(libc::EINTR) => {}
                Err(_) => return self.trouble(),
            }
        }
        self.retry_at = None;
        self.out_at = 0;
        self.out_len = 0;
        if self.size > self.max {
            self.rotate();
        }
        true
    }

    /// Any failure to write is treated like a full disk: it may pass, and the unit goes on.
    fn trouble(&mut self) -> bool {
        self.retry_at = Some(sys::now_ms() + RETRY_MS);
        if self.full == WhenFull::Block {
            return false;
        }
        let torn = self.out_at - self.entry_start();
        if torn > 0
            && let Some(file) = &self.file
        {
            let whole = self.size - torn as u64;
            if sys::truncate(file, whole).is_ok() {
                self.size = whole;
            }
            self.out_at -= torn;
        }
        self.drop_rest();
        true
    }

    /// Where the entry begins in which `out_at` lies.
    fn entry_start(&self) -> usize {
        let before = self.out.get(..self.out_at).unwrap_or_default();
        before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }

    fn drop_rest(&mut self) {
        let rest = self.out.get(self.out_at..self.out_len).unwrap_or_default();
        for entry in rest.split_inclusive(|byte| *byte == b'\n') {
            self.dropped_lines += u64::from(entry.get(PREFIX - 2) == Some(&b'F'));
            self.dropped_bytes += entry.len().saturating_sub(PREFIX + 1) as u64;
        }
        // A dropped part alone must be counted too, or the gap would go unsaid.
        self.dropped_lines = self.dropped_lines.max(1);
        self.out_at = 0;
        self.out_len = 0;
    }

    fn say_what_was_dropped(&mut self) {
        if self.dropped_lines == 0 || self.retry_at.is_some_and(|at| at > sys::now_ms()) {
            return;
        }
        let now = stamp(sys::now_micros());
        let notice = Text::<160>::new(format_args!(
            "{} stderr F [orkestra: dropped {} lines, {} bytes: disk full]\n",
            core::str::from_utf8(&now).unwrap_or_default(),
            self.dropped_lines,
            self.dropped_bytes
        ));
        let written = self.open_current().and_then(|()| match &self.file {
            Some(file) => sys::write(file, notice.bytes()),
            None => Err(libc::EBADF),
        });
        let whole = notice.bytes().len();
        match written {
            Ok(len) if len == whole => {
                self.size += len as u64;
                self.dropped_total += self.dropped_lines;
                self.dropped_lines = 0;
                self.dropped_bytes = 0;
                self.retry_at = None;
            }
            other => {
                if let (Ok(1..), Some(file)) = (other, &self.file) {
                    let _ = sys::truncate(file, self.size);
                }
                self.retry_at = Some(sys::now_ms() + RETRY_MS);
            }
        }
    }

    /// Gives up on what could not be written when the unit has ended.
    pub(crate) fn give_up(&mut self) {
        if self.is_blocked() {
            let rest = self.input.get(self.in_at..self.in_len).unwrap_or_default();
            let lines = rest.iter().filter(|byte| **byte == b'\n').count();
            self.in_at = self.in_len;
            self.drop_rest();
            self.dropped_lines += lines as u64;
        }
        self.dropped_total += self.dropped_lines;
        self.dropped_lines = 0;
        self.retry_at = None;
    }

    /// Makes sure there is a file, and that it is still in the folder: whoever deletes the
    /// current file must not make later lines vanish.
    fn open_current(&mut self) -> Result<(), Errno> {
        if let Some(file) = &self.file {
            if sys::facts(file).is_ok_and(|facts| facts.links > 0) {
                return Ok(());
            }
            self.out_at = self.entry_start();
            self.file = None;
            self.seq += 1;
        }
        self.open_next()
    }

    fn rotate(&mut self) {
        let (old, seq) = (self.file.take(), self.seq);
        self.seq += 1;
        if self.open_next().is_err() {
            // No room for a new file: the old one goes on and we try again after the next write.
            self.file = old;
            self.seq = seq;
        }
    }

    /// Opens file `seq` or the next free number, and removes the one that is now too old.
    fn open_next(&mut self) -> Result<(), Errno> {
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_EXCL;
        for _ in 0..1000 {
            let name = Text::<32>::new(format_args!("{:08}.log", self.seq));
            let Some(dir) = &self.dir else {
                let _ = sys::make_dir(self.path);
                let flags = libc::O_PATH | libc::O_DIRECTORY;
                self.dir = Some(sys::open_at(libc::AT_FDCWD, self.path, flags, 0)?);
                continue;
            };
            if self.first {
                self.first = false;
                if let Some((file, size)) = going_on(dir.as_raw_fd(), name.c_str(), self.max) {
                    self.file = Some(file);
                    self.size = size;
                    return Ok(());
                }
            }
            match sys::open_at(dir.as_raw_fd(), name.c_str(), flags, 0o600) {
                Ok(file) => {
                    self.file = Some(file);
                    self.size = 0;
                    if let Some(old) = self.seq.checked_sub(self.keep).filter(|old| *old > 0) {
                        let name = Text::<32>::new(format_args!("{old:08}.log"));
                        let _ = sys::unlink_at(dir.as_raw_fd(), name.c_str());
                    }
                    return Ok(());
                }
                Err(libc::EEXIST) => self.seq += 1,
                // The folder itself was deleted: make it again at the next try.
                Err(libc::ENOENT) => self.dir = None,
                Err(errno) => return Err(errno),
            }
        }
        Err(libc::EEXIST)
    }
}

/// The file that an earlier life of the unit left, when it has room and ends with a whole line:
/// after a part of one, readers would take our first line for the rest of it. Without this a unit
/// that crashes in a row would push out what led to it, one file per crash.
fn going_on(dir: RawFd, name: &CStr, max: u64) -> Option<(OwnedFd, u64)> {
    let file = sys::open_at(dir, name, libc::O_RDWR | libc::O_APPEND, 0).ok()?;
    let size = sys::facts(&file).ok()?.size;
    if size == 0 {
        return Some((file, 0));
    }
    let mut byte = [0];
    let ends = sys::read_at(&file, &mut byte, size - 1)? == b"\n";
    let begin = last_entry(&file, size - 1)?;
    // A stamp, a blank, `stdout` or `stderr`, a blank, and then what it is.
    let whole = sys::read_at(&file, &mut byte, begin + STAMP_LEN as u64 + 8)? == b"F";
    (ends && whole && size < max).then_some((file, size))
}

/// Where the last entry before `end` begins. In small steps: the big buffers hold output that is
/// about to be written.
fn last_entry(file: &OwnedFd, mut end: u64) -> Option<u64> {
    let mut block = [0; 512];
    while end > 0 {
        let len = end.min(block.len() as u64);
        let bytes = sys::read_at(file, block.get_mut(..len as usize)?, end - len)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Some(end - len + at as u64 + 1);
        }
        end -= len;
    }
    Some(0)
}
