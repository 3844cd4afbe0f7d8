//! The one writer: a thread that takes everything that waits and commits it as one group.
//!
//! Each command runs in its own savepoint, so that its error rolls back nobody else. One commit
//! (one fsync) and one seal serve the whole group, and only then is anybody answered.

use crate::Place;
use crate::blob::Blobs;
use crate::database::{self, Mode};
use crate::error::Error;
use crate::figures::Counts;
use crate::interface::{Rows, Write};
use crate::journal::{Head, read_head};
use crate::seal::{self, Hash, Span};
use crate::value::{int, micros};
use jiff::Timestamp;
use orkestra_core::id::NodeId;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

/// A larger group would make its first command wait too long.
pub(crate) const GROUP_MAX: usize = 256;

/// Gives a fresh id; handed in by whoever has clock and randomness.
pub type Ids = Arc<dyn Fn() -> Uuid + Send + Sync>;
/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Called when the disk is full, for example to free a reserve file.
pub type OnFull = Arc<dyn Fn() + Send + Sync>;

/// What every command needs to know about its surroundings.
pub(crate) struct Context {
    pub(crate) path: PathBuf,
    pub(crate) blobs: Blobs,
    pub(crate) node: NodeId,
    pub(crate) ids: Ids,
    pub(crate) clock: Clock,
    pub(crate) on_full: Option<OnFull>,
    pub(crate) blob_bytes_min: usize,
    pub(crate) body_bytes_max: usize,
}

/// A command on its way through the writer.
pub(crate) trait Command: Send {
    /// Runs it; an error is returned so that its savepoint is rolled back, and kept by nobody else.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Error>;

    /// Tells the caller how it ended.
    fn answer(self: Box<Self>, outcome: Result<Vec<Place>, Error>);
}

/// The writing side of one command's view: the reading traits and all the writing ones.
pub(crate) struct Tx<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) context: &'c Context,
    /// Runs ahead of the row, which is written once at the end of the group.
    pub(crate) head: Head,
    pub(crate) appended: Vec<(Place, Hash)>,
    /// A command erased something: remove its blobs and the traces in the log after the commit.
    pub(crate) scrub: bool,
}

impl Rows for Tx<'_> {
    fn connection(&self) -> &Connection {
        self.connection
    }

    fn blobs(&self) -> &Blobs {
        &self.context.blobs
    }

    fn head_row(&self) -> Result<Head, Error> {
        Ok(self.head)
    }
}

impl Write for Tx<'_> {}

impl Tx<'_> {
    pub(crate) fn now(&self) -> Timestamp {
        (self.context.clock)()
    }
}

pub(crate) struct Writer {
    pub(crate) context: Arc<Context>,
    pub(crate) connection: Option<Connection>,
    pub(crate) commands: mpsc::Receiver<Box<dyn Command>>,
    pub(crate) head: watch::Sender<u64>,
    pub(crate) counts: Arc<Counts>,
    /// Traces of something erased may still be in the log.
    pub(crate) scrub_due: bool,
}

impl Writer {
    /// Serves until every handle is gone.
    pub(crate) fn run(mut self) {
        let mut group: Vec<Box<dyn Command>> = Vec::with_capacity(GROUP_MAX);
        while let Some(first) = self.commands.blocking_recv() {
            group.push(first);
            while group.len() < GROUP_MAX {
                match self.commands.try_recv() {
                    Ok(next) => group.push(next),
                    Err(_) => break,
                }
            }
            self.commit(&mut group);
        }
        if let Some(connection) = &self.connection {
            // A small tidy file for whoever copies the folder; the commits are safe either way.
            let _ = database::empty_log(connection);
        }
    }

    fn commit(&mut self, group: &mut Vec<Box<dyn Command>>) {
        let _span =
            tracing::trace_span!(target: "orkestra_trace", "commit", commands = group.len())
                .entered();
        let began = Instant::now();
        match self.try_commit(group) {
            Ok(done) => {
                self.counts.committed(group.len(), began.elapsed());
                // Published before anybody is answered: who has an answer also sees the head.
                if done.head > *self.head.borrow() {
                    self.head.send_replace(done.head);
                }
                if done.outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Full))) {
                    self.report_full();
                }
                self.scrub_due |= done.scrub;
                if self.scrub_due {
                    self.scrub_due = !self.scrub();
                }
                for (command, outcome) in group.drain(..).zip(done.outcomes) {
                    command.answer(outcome);
                }
            }
            Err(error) => {
                self.counts.failed();
                tracing::error!(%error, commands = group.len(), "a group commit failed");
                let closed = self.connection.as_ref().is_none_or(|connection| {
                    !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err()
                });
                if closed || error.spoils_connection() {
                    self.connection = None;
                }
                if matches!(error, Error::Full) {
                    self.report_full();
                }
                for command in group.drain(..) {
                    command.answer(Err(error.clone()));
                }
            }
        }
    }

    fn try_commit(&mut self, group: &mut [Box<dyn Command>]) -> Result<Done, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => database::connect(&self.context.path, Mode::Write)?,
        };
        let connection: &Connection = self.connection.insert(connection);
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let before = read_head(connection)?;
        let mut tx = Tx {
            connection,
            context: &self.context,
            head: before,
            appended: Vec::new(),
            scrub: false,
        };
        let mut outcomes = Vec::with_capacity(group.len());
        for command in group {
            outcomes.push(tx.run(command.as_mut())?);
        }
        if !tx.appended.is_empty() {
            tx.seal(before)?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(Done { outcomes, head: tx.head.seq, scrub: tx.scrub })
    }

    fn report_full(&self) {
        tracing::error!("the disk is full: commands are refused until there is space");
        if let Some(hook) = &self.context.on_full {
            // The owner's hook must not end the only writer.
            let _ = catch_unwind(AssertUnwindSafe(|| hook()));
        }
    }

    /// Erased means erased: unlink the blobs and empty the write-ahead log. False when it must be
    /// tried again after a later commit, for example because a reader still needs the log.
    fn scrub(&self) -> bool {
        let Some(connection) = &self.connection else { return false };
        let scrubbed = crate::erase::empty_trash(connection, &self.context.blobs)
            .and_then(|()| database::empty_log(connection));
        scrubbed.unwrap_or_else(|error| {
            tracing::warn!(%error, "traces of an erased body are left; trying again");
            false
        })
    }
}

struct Done {
    outcomes: Vec<Result<Vec<Place>, Error>>,
    head: u64,
    scrub: bool,
}

impl Tx<'_> {
    /// Runs one command in its savepoint. The outer error means that the whole transaction is lost.
    fn run(&mut self, command: &mut dyn Command) -> Result<Result<Vec<Place>, Error>, Error> {
        self.connection.prepare_cached("SAVEPOINT command")?.execute([])?;
        let (head, places) = (self.head, self.appended.len());
        let result = catch_unwind(AssertUnwindSafe(|| command.run(self)))
            .unwrap_or_else(|panic| Err(Error::Panicked(panic_text(panic.as_ref()))));
        match result {
            Ok(()) => {
                self.connection.prepare_cached("RELEASE command")?.execute([])?;
                Ok(Ok(self.appended[places..].iter().map(|(place, _)| *place).collect()))
            }
            // A full disk or a failed read can make SQLite end the transaction by itself.
            Err(error) if self.connection.is_autocommit() => Err(error),
            Err(error) => {
                self.connection.prepare_cached("ROLLBACK TO command")?.execute([])?;
                self.connection.prepare_cached("RELEASE command")?.execute([])?;
                self.head = head;
                self.appended.truncate(places);
                Ok(Err(error))
            }
        }
    }

    /// One seal over the group's events, and the head row that makes them visible.
    fn seal(&mut self, before: Head) -> Result<(), Error> {
        let span = Span {
            from: int(before.seq + 1)?,
            to: int(self.head.seq)?,
            epoch: int(self.head.epoch)?,
            at: micros(self.now()),
        };
        let lines: Vec<Hash> = self.appended.iter().map(|(_, line)| *line).collect();
        let hash = seal::seal(&before.seal, span, &lines);
        self.connection
            .prepare_cached(
                "INSERT INTO seal (to_seq, from_seq, epoch, at, prev, hash) VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute((span.to, span.from, span.epoch, span.at, before.seal, hash))?;
        self.connection
            .prepare_cached("UPDATE head SET seq = ?1, seal = ?2 WHERE one = 1")?
            .execute((span.to, hash))?;
        Ok(())
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
