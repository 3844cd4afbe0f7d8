//! Finds the last lines from the end, so that the cost does not grow with the log.

use std::collections::VecDeque;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::cri::{self, FULL_PART};
use super::{Cursor, PAGE_BYTES, Page, file_of, scan, sequence};
use crate::error::{Doing, Error};

const FIRST_LOOK: u64 = 64 << 10;
/// How many lines are read at once on the way to the end.
const STEP: usize = 10_000;

pub(super) fn tail(dir: &Path, lines: usize) -> Result<Page, Error> {
    let mut wanted = lines;
    let mut from = Cursor::default();
    for seq in sequence(dir)?.into_iter().rev() {
        from = Cursor { seq, offset: 0 };
        match last_lines(dir, seq, &mut wanted)? {
            Some(offset) => {
                from.offset = offset;
                break;
            }
            None => continue,
        }
    }
    let mut kept = VecDeque::new();
    let mut kept_bytes = 0;
    loop {
        let page = scan::read(dir, from, STEP, PAGE_BYTES)?;
        for line in page.lines {
            kept_bytes += line.bytes.len();
            kept.push_back(line);
            while kept.len() > lines || (kept_bytes > PAGE_BYTES && kept.len() > 1) {
                kept_bytes -= kept.pop_front().map_or(0, |line| line.bytes.len());
            }
        }
        from = page.cursor;
        if page.at_end {
            return Ok(Page { lines: kept.into(), cursor: from, gap: false, at_end: true });
        }
    }
}

/// Where the last `wanted` lines of a file begin; `None` (and fewer wanted) when all of the file
/// is needed.
fn last_lines(dir: &Path, seq: u64, wanted: &mut usize) -> Result<Option<u64>, Error> {
    let path = file_of(dir, seq);
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        result => result.doing_at("open", &path)?,
    };
    let len = file.metadata().doing_at("look at", &path)?.len();
    let mut look = FIRST_LOOK;
    loop {
        let start = len.saturating_sub(look);
        let mut bytes = vec![0; usize::try_from(len - start).unwrap_or(0)];
        file.read_exact_at(&mut bytes, start).doing_at("read", &path)?;
        // The first piece may be the end of an entry only, unless it starts the file.
        let mut begin = bytes.len();
        let mut ends = 0;
        while let Some(end) = bytes.get(..begin).and_then(|head| memchr::memrchr(b'\n', head)) {
            let head = bytes.get(..end).unwrap_or_default();
            let entry_at = memchr::memrchr(b'\n', head).map(|at| at + 1);
            let Some(entry_at) = entry_at.or((start == 0).then_some(0)) else { break };
            let is_end = cri::parse(head.get(entry_at..).unwrap_or_default())
                .is_some_and(|entry| !entry.part || entry.bytes.len() < FULL_PART);
            if is_end {
                if ends == *wanted {
                    return Ok(Some(start + end as u64 + 1));
                }
                ends += 1;
            }
            begin = end;
        }
        if start == 0 {
            *wanted -= ends;
            return Ok(None);
        }
        if look > PAGE_BYTES as u64 * 2 {
            return Ok(Some(start + memchr::memchr(b'\n', &bytes).map_or(0, |at| at as u64 + 1)));
        }
        look *= 4;
    }
}
