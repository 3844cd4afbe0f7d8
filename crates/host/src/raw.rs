//! Reads an append-only file which a unit writes itself, in complete lines with their offsets.
//!
//! The offset is committed with what was made from a line; after a crash reading starts there
//! again, so no line is lost and none counts twice.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error};

/// A longer line is reported, not read.
pub const LINE_LIMIT: u64 = 16 << 20;

const CHUNK: usize = 256 << 10;

/// What was found in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawItem {
    /// A complete line without its line end.
    Line {
        /// Where it begins.
        offset: u64,
        /// Where the next one begins: the offset to commit.
        next: u64,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A line over [`LINE_LIMIT`], skipped.
    Oversize {
        /// Where it begins.
        offset: u64,
        /// Where the next one begins.
        next: u64,
        /// Its length without the line end.
        len: u64,
    },
}

/// Reads one file forward.
#[derive(Debug)]
pub struct RawReader {
    path: PathBuf,
    file: Option<File>,
    /// Begin of the next line.
    offset: u64,
    /// What was read of it so far; empty once it is over the limit.
    line: Vec<u8>,
    /// How far the file was read.
    read_to: u64,
    at_end: bool,
}

impl RawReader {
    /// Reads `path` (which may not exist yet) from a line's begin.
    pub fn new(path: &Path, offset: u64) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            offset,
            line: Vec::new(),
            read_to: offset,
            at_end: false,
        }
    }

    /// Whether the last `read` came to the file's end. A long line may give no item for a while.
    pub fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// Where the next line begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Complete lines, until about `max_bytes` were read or the file's end was reached. Nothing
    /// is read twice, however long a line takes to come.
    pub fn read(&mut self, max_bytes: usize) -> Result<Vec<RawItem>, Error> {
        let mut items = Vec::new();
        let mut left = max_bytes;
        self.at_end = false;
        while left > 0 {
            let mut chunk = vec![0; CHUNK];
            let len = self.read_chunk(&mut chunk)?;
            if len == 0 {
                self.at_end = true;
                break;
            }
            left = left.saturating_sub(len);
            let mut rest = chunk.get(..len).unwrap_or_default();
            while let Some(end) = memchr::memchr(b'\n', rest) {
                self.append(rest.get(..end).unwrap_or_default());
                self.read_to += 1;
                items.push(self.take_line(1));
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            self.append(rest);
        }
        Ok(items)
    }

    /// The last line when the writer ended without a line end.
    pub fn finish(&mut self) -> Option<RawItem> {
        (self.read_to > self.offset).then(|| self.take_line(0))
    }

    fn read_chunk(&mut self, chunk: &mut [u8]) -> Result<usize, Error> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
                result => self.file = Some(result.doing_at("open", &self.path)?),
            }
        }
        let Some(file) = &self.file else { return Ok(0) };
        loop {
            match file.read_at(chunk, self.read_to) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.doing_at("read", &self.path),
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.read_to += bytes.len() as u64;
        if self.read_to - self.offset > LINE_LIMIT {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn take_line(&mut self, line_end: u64) -> RawItem {
        let (offset, next) = (self.offset, self.read_to);
        self.offset = next;
        let bytes = std::mem::take(&mut self.line);
        let len = next - offset - line_end;
        if len > LINE_LIMIT {
            RawItem::Oversize { offset, next, len }
        } else {
            RawItem::Line { offset, next, bytes }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_LIMIT, RawItem, RawReader};
    use std::io::Write;

    #[test]
    fn only_complete_lines_come_and_each_once() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut reader = RawReader::new(file.path(), 0);
        file.write_all(b"one\ntw").unwrap();
        let line = |offset, next, text: &[u8]| RawItem::Line { offset, next, bytes: text.into() };
        assert_eq!(reader.read(1 << 20).unwrap(), [line(0, 4, b"one")]);
        assert_eq!(reader.read(1 << 20).unwrap(), []);
        file.write_all(b"o\n\n\xff\0").unwrap();
        assert_eq!(reader.read(1 << 20).unwrap(), [line(4, 8, b"two"), line(8, 9, b"")]);
        assert_eq!(reader.finish(), Some(line(9, 11, b"\xff\0")));
        assert_eq!(reader.finish(), None);
        assert_eq!(RawReader::new(file.path(), 4).read(99).unwrap().len(), 2);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let long = vec![b'x'; LINE_LIMIT as usize];
        file.write_all(&long).unwrap();
        file.write_all(b"\n").unwrap();
        file.write_all(&long).unwrap();
        file.write_all(b"y\nend\n").unwrap();
        let mut reader = RawReader::new(file.path(), 0);
        let mut items = Vec::new();
        loop {
            items.extend(reader.read(1 << 20).unwrap());
            if reader.is_at_end() {
                break;
            }
        }
        assert!(matches!(&items[0], RawItem::Line { bytes, .. } if bytes.len() == long.len()));
        assert!(matches!(items[1], RawItem::Oversize { len, .. } if len == LINE_LIMIT + 1));
        assert!(matches!(&items[2], RawItem::Line { bytes, .. } if bytes == b"end"));
    }
}
