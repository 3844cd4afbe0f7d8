//! Waits for new lines: woken by the kernel when the log folder changes, never by a clock.

use std::os::fd::OwnedFd;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

use super::{Cursor, LogReader, Page};
use crate::error::{Doing, Error};
use crate::{home, readiness};

/// Lines handed over at once.
const STEP: usize = 1_000;

/// Follows a log from a cursor on.
#[derive(Debug)]
pub struct Follower {
    reader: LogReader,
    cursor: Cursor,
    watch: AsyncFd<OwnedFd>,
}

impl Follower {
    pub(super) fn new(reader: LogReader, cursor: Cursor) -> Result<Self, Error> {
        // A unit that never wrote has no folder yet, and only a folder can be watched.
        home::make_private(&reader.dir)?;
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .doing("watch for changes")?;
        let changes = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&watch, &reader.dir, changes).doing_at("watch", &reader.dir)?;
        let watch = readiness::readable(watch).doing("watch for changes")?;
        Ok(Self { reader, cursor, watch })
    }

    /// Where it is now.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next lines (or the news that some are gone), as soon as there are any. Cancel-safe.
    pub async fn next(&mut self) -> Result<Page, Error> {
        loop {
            // The watch is emptied before reading: what is written after that wakes us again.
            self.forget_wakeups();
            let page = self.reader.read_after(self.cursor, STEP)?;
            self.cursor = page.cursor;
            if !page.lines.is_empty() || page.gap {
                return Ok(page);
            }
            let mut ready = self.watch.readable().await.doing("watch for changes")?;
            ready.clear_ready();
        }
    }

    fn forget_wakeups(&self) {
        let mut events = [0_u8; 4096];
        while rustix::io::read(self.watch.get_ref(), &mut events).is_ok_and(|len| len > 0) {}
    }
}
