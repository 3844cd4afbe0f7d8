//! Reading the logs that shims write: Kubernetes CRI lines in numbered files.
//!
//! Files are only added and the oldest removed, never renamed, so a position `SEQ:OFFSET` stays
//! true for ever, and following across a rotation can neither lose nor double a line.

mod cri;
mod follow;
mod scan;
mod tail;

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use self::follow::Follower;

use crate::error::{Doing, Error};

/// Longer lines are cut and flagged.
pub const LINE_CAP: usize = 1 << 20;

/// A page holds about so many bytes at most, however many lines were asked for.
const PAGE_BYTES: usize = 8 << 20;

/// Which of the two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A position in a log: the file's number and a byte offset in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    /// Number of the file.
    pub seq: u64,
    /// Bytes before the next entry.
    pub offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| text.parse().ok();
        text.split_once(':')
            .and_then(|(seq, offset)| Some(Self { seq: number(seq)?, offset: number(offset)? }))
            .ok_or(Error::Unusable { what: "a log cursor", why: "it is not SEQ:OFFSET" })
    }
}

/// One line of a unit's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When the shim read it, in microseconds since 1970.
    pub at_micros: u64,
    /// Which output.
    pub stream: Stream,
    /// Its bytes, without the line end, as the unit wrote them.
    pub bytes: Vec<u8>,
    /// Where to go on after this line.
    pub cursor_after: Cursor,
    /// The line goes on in the next one of this stream (a prompt, or other output came between).
    pub partial: bool,
    /// It was longer than [`LINE_CAP`]; the rest is left out.
    pub truncated: bool,
}

/// Some lines and where to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// After the last of them.
    pub cursor: Cursor,
    /// Lines between the asked cursor and the first line are gone: rotated away or deleted.
    pub gap: bool,
    /// The end of what is written was reached.
    pub at_end: bool,
}

/// Reads one unit's log folder. It holds nothing open between calls.
#[derive(Debug, Clone)]
pub struct LogReader {
    dir: PathBuf,
}

impl LogReader {
    /// Reads the files in `dir`, which may not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The oldest position that is still there.
    pub fn start(&self) -> Result<Cursor, Error> {
        let seq = sequence(&self.dir)?.first().copied().unwrap_or(1);
        Ok(Cursor { seq, offset: 0 })
    }

    /// The last `lines` lines; efficient however long the log is.
    pub fn tail(&self, lines: usize) -> Result<Page, Error> {
        tail::tail(&self.dir, lines)
    }

    /// Whether a file was written to since then (microseconds since 1970), a second of slack
    /// included: names and times of files are looked at, nothing is read. What cannot be looked at
    /// counts as written.
    pub fn was_written_since(&self, micros: u64) -> bool {
        let since = micros.saturating_sub(1_000_000);
        let since = std::time::UNIX_EPOCH + std::time::Duration::from_micros(since);
        let Ok(files) = sequence(&self.dir) else { return true };
        files.last().is_some_and(|newest| {
            let written = std::fs::metadata(file_of(&self.dir, *newest)).and_then(|f| f.modified());
            written.map_or(true, |at| at >= since)
        })
    }

    /// At most `max_lines` lines after a cursor.
    pub fn read_after(&self, cursor: Cursor, max_lines: usize) -> Result<Page, Error> {
        scan::read(&self.dir, cursor, max_lines, PAGE_BYTES)
    }

    /// Waits for lines after a cursor. Needs a Tokio runtime.
    pub fn follow(&self, cursor: Cursor) -> Result<Follower, Error> {
        Follower::new(self.clone(), cursor)
    }
}

/// The number of the file that the next instance goes on with: the newest one, while it has room.
pub(crate) fn current_log_seq(dir: &Path) -> Result<u64, Error> {
    Ok(sequence(dir)?.last().copied().unwrap_or(1))
}

/// The numbers of the files that exist, in order.
fn sequence(dir: &Path) -> Result<Vec<u64>, Error> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        result => result.doing_at("list", dir)?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.doing_at("list", dir)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok());
        // Others may have put their own things here: folders, pipes, names that look like ours.
        let is_ours = |seq: &u64| {
            file_of(dir, *seq).file_name() == Some(&name)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
        };
        numbers.extend(number.filter(is_ours));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn file_of(dir: &Path, seq: u64) -> PathBuf {
    dir.join(format!("{seq:08}.log"))
}
