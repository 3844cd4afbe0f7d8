//! Reads entries forward from a cursor and joins the parts of long lines.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom};
use std::path::Path;

use super::cri::{self, FULL_PART};
use super::{Cursor, LINE_CAP, LogLine, Page, file_of, sequence};
use crate::error::{Doing, Error};

/// No entry of a shim is longer; without a bound a foreign file would fill the memory.
const ENTRY_CAP: usize = FULL_PART + 256;

struct Scan {
    page: Page,
    /// A line whose end has not come yet.
    open: Option<LogLine>,
    max_lines: usize,
    bytes_left: usize,
    /// The last stamp and its value: all entries of one read have the same.
    stamp: (Vec<u8>, u64),
}

impl Scan {
    fn micros(&mut self, stamp: &[u8]) -> u64 {
        if self.stamp.0 != stamp {
            self.stamp = (stamp.to_vec(), cri::micros(stamp));
        }
        self.stamp.1
    }

    fn is_full(&self) -> bool {
        self.page.lines.len() >= self.max_lines || self.bytes_left == 0
    }

    fn push(&mut self, line: LogLine) {
        self.bytes_left = self.bytes_left.saturating_sub(line.bytes.len() + 64);
        self.page.cursor = line.cursor_after;
        self.page.lines.push(line);
    }

    /// Takes one entry that ends at `after`. False when the page is full before it.
    fn take(&mut self, entry: &[u8], after: Cursor) -> bool {
        let Some(entry) = cri::parse(entry) else {
            // Not ours, or torn by a crash. It ends nothing and is no line.
            if self.open.is_none() {
                self.page.cursor = after;
            }
            return true;
        };
        // Output of the other stream within a line: hand over what is there, so that every
        // cursor has all lines before it and none after it.
        if let Some(open) = self.open.take_if(|line| line.stream != entry.stream) {
            self.push(LogLine { partial: true, ..open });
            if self.is_full() {
                return false;
            }
        }
        let at_micros = self.micros(entry.stamp);
        let mut line = self.open.take().unwrap_or_else(|| LogLine {
            at_micros,
            stream: entry.stream,
            bytes: Vec::new(),
            cursor_after: after,
            partial: false,
            truncated: false,
        });
        let room = LINE_CAP - line.bytes.len();
        line.truncated |= entry.bytes.len() > room;
        line.bytes.extend_from_slice(entry.bytes.get(..room).unwrap_or(entry.bytes));
        line.cursor_after = after;
        // A part that is not full shows that the unit paused, as with a prompt: show it now.
        let paused = entry.part && entry.bytes.len() < FULL_PART;
        line.partial = paused;
        if entry.part && !paused {
            self.open = Some(line);
        } else {
            self.push(line);
        }
        true
    }
}

/// At most `max_lines` lines and about `max_bytes` bytes after `cursor`.
pub(super) fn read(
    dir: &Path,
    cursor: Cursor,
    max_lines: usize,
    max_bytes: usize,
) -> Result<Page, Error> {
    let page = Page { cursor, ..Page::default() };
    let stamp = (Vec::new(), 0);
    let mut scan = Scan { page, open: None, max_lines, bytes_left: max_bytes, stamp };
    if max_lines == 0 {
        return Ok(scan.page);
    }
    let mut at = cursor;
    loop {
        // Listed before reading: when there is a newer file now, the shim is done with this one,
        // and what we read next is all of it.
        let files = sequence(dir)?;
        let next = files.iter().copied().find(|seq| *seq > at.seq);
        let exists = files.contains(&at.seq);
        if !read_file(dir, &mut at, &mut scan, next.is_some(), exists)? {
            return Ok(scan.page);
        }
        let Some(next) = next else {
            let restarted = files.first().filter(|_| !files.contains(&at.seq));
            if let (Some(first), true) = (restarted, at != Cursor::default()) {
                // The log was deleted and begun anew with smaller numbers.
                if *first < at.seq && scan.page.lines.is_empty() && !scan.page.gap {
                    scan.page.gap = true;
                    at = Cursor { seq: *first, offset: 0 };
                    continue;
                }
            }
            scan.page.at_end = true;
            return Ok(scan.page);
        };
        scan.page.gap |= next > at.seq + 1 && at.seq > 0;
        at = Cursor { seq: next, offset: 0 };
        if scan.open.is_none() {
            scan.page.cursor = at;
        }
    }
}

/// Reads one file from `at` to its end. False when the page is full.
fn read_file(
    dir: &Path,
    at: &mut Cursor,
    scan: &mut Scan,
    is_done: bool,
    exists: bool,
) -> Result<bool, Error> {
    let path = file_of(dir, at.seq);
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            scan.page.gap |= exists || (is_done && at.seq > 0);
            return Ok(true);
        }
        result => result.doing_at("open", &path)?,
    };
    if file.metadata().doing_at("look at", &path)?.len() < at.offset {
        // Somebody cut the file: its old positions mean nothing any more.
        scan.page.gap = true;
        at.offset = 0;
    }
    let mut reader = BufReader::with_capacity(64 << 10, file);
    reader.seek(SeekFrom::Start(at.offset)).doing_at("read", &path)?;
    let mut entry = Vec::new();
    loop {
        entry.clear();
        let (taken, ended) = read_entry(&mut reader, &mut entry).doing_at("read", &path)?;
        if taken == 0 {
            return Ok(true);
        }
        if !ended && !is_done {
            // The shim is still writing this entry.
            return Ok(true);
        }
        at.offset += taken;
        if !scan.take(&entry, *at) || scan.is_full() {
            return Ok(false);
        }
    }
}

/// One entry without its line end: bytes taken from the file, and whether the end was there.
fn read_entry(reader: &mut impl BufRead, entry: &mut Vec<u8>) -> std::io::Result<(u64, bool)> {
    let mut taken = 0;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        };
        if buffer.is_empty() {
            return Ok((taken, false));
        }
        let end = memchr::memchr(b'\n', buffer);
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = ENTRY_CAP.saturating_sub(entry.len());
        entry.extend_from_slice(part.get(..room).unwrap_or(part));
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        taken += used as u64;
        if end.is_some() {
            return Ok((taken, true));
        }
    }
}
