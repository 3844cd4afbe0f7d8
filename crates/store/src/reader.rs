//! The readers: a few threads with a read-only connection each. A read never waits for the writer.

use crate::blob::Blobs;
use crate::database::{self, Mode};
use crate::error::Error;
use crate::interface::Rows;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// One consistent view of what is committed.
pub(crate) struct Reader<'c> {
    connection: &'c Connection,
    blobs: &'c Blobs,
}

impl Rows for Reader<'_> {
    fn connection(&self) -> &Connection {
        self.connection
    }

    fn blobs(&self) -> &Blobs {
        self.blobs
    }
}

/// A question on its way; it answers its caller itself.
pub(crate) type Question = Box<dyn FnOnce(Result<&Reader<'_>, Error>) + Send>;

pub(crate) struct ReaderThread {
    pub(crate) path: PathBuf,
    pub(crate) blobs: Blobs,
    /// Shared by all reader threads: whoever is idle takes the next question.
    pub(crate) questions: Arc<Mutex<mpsc::Receiver<Question>>>,
}

impl ReaderThread {
    /// Serves until every handle is gone.
    pub(crate) fn run(self) {
        let mut connection: Option<Connection> = None;
        loop {
            let next =
                self.questions.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
            let Some(question) = next else { return };
            let healthy = match self.snapshot(&mut connection) {
                Ok(open) => {
                    let reader = Reader { connection: open, blobs: &self.blobs };
                    // A panic is the asker's; this thread serves the others. Its answer channel
                    // closes by itself.
                    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        question(Ok(&reader));
                    }));
                    open.execute_batch("ROLLBACK").is_ok() && asked.is_ok()
                }
                Err(error) => {
                    question(Err(error));
                    false
                }
            };
            if !healthy {
                connection = None;
            }
        }
    }

    /// Begins a read transaction, so that all rows of one question are of the same moment.
    fn snapshot<'c>(&self, slot: &'c mut Option<Connection>) -> Result<&'c Connection, Error> {
        let connection = match slot.take() {
            Some(connection) => connection,
            None => database::connect(&self.path, Mode::Read)?,
        };
        let connection: &Connection = slot.insert(connection);
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(connection)
    }
}
