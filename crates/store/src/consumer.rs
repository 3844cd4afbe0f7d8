//! How far each consumer inside the daemon has read the journal.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, natural};
use crate::writer::Tx;
use rusqlite::OptionalExtension;

/// Reading cursors.
pub trait ReadConsumers {
    /// The last event this consumer has dealt with; 0 for a new one.
    fn cursor(&self, name: &str) -> Result<u64, Error>;
}

/// Writing cursors.
pub trait WriteConsumers {
    /// Moves the cursor, in the same commit as what the consumer did. It may move back.
    fn set_cursor(&mut self, name: &str, seq: u64) -> Result<(), Error>;
}

impl<R: Rows> ReadConsumers for R {
    fn cursor(&self, name: &str) -> Result<u64, Error> {
        let seq: Option<i64> = self
            .connection()
            .prepare_cached("SELECT seq FROM consumer WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        natural(seq.unwrap_or(0))
    }
}

impl WriteConsumers for Tx<'_> {
    fn set_cursor(&mut self, name: &str, seq: u64) -> Result<(), Error> {
        if seq > self.head.seq {
            return Err(Error::Invalid(format!(
                "the cursor {seq} of {name} is beyond the end of the journal, {}",
                self.head.seq
            )));
        }
        self.connection
            .prepare_cached(
                "INSERT INTO consumer (name, seq) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
            )?
            .execute((name, int(seq)?))?;
        Ok(())
    }
}
