//! Taking something out of the journal on purpose, and saying so in the journal.

use crate::blob::Blobs;
use crate::error::Error;
use crate::journal::WriteJournal;
use crate::value::{int, limit, micros, natural, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::event::{Draft, EventRef, Topic};
use orkestra_core::id::EventId;
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

/// The kind of the event that says what was erased; verifying relies on it.
pub(crate) const ERASED: &str = "event.erased";

/// Taking out of the journal.
pub trait WriteErase {
    /// Erases the body of an event: a person's wish, or retention. Header and digest stay, so the
    /// journal still verifies. What the body said elsewhere (search index, rows) is the caller's.
    fn erase(&mut self, id: EventId, reason: &str, actor: &str) -> Result<EventRef, Error>;

    /// Has the files removed that earlier erasings left behind, and says how many there are.
    fn sweep(&mut self) -> Result<u64, Error>;

    /// The oldest events before this time whose bodies are files.
    fn large_before(&self, before: Timestamp, limit: usize) -> Result<Vec<EventId>, Error>;

    /// Removes the oldest events up to this place, rounded down to whole seals, and keeps the last
    /// seal as anchor. Gives the new floor; `None` when nothing could go. Export first.
    fn prune(&mut self, to: u64, actor: &str) -> Result<Option<u64>, Error>;
}

impl WriteErase for Tx<'_> {
    fn erase(&mut self, id: EventId, reason: &str, actor: &str) -> Result<EventRef, Error> {
        let found: Option<(i64, String, bool)> = self
            .connection
            .prepare_cached(
                "SELECT seq, kind, body IS NULL AND blob IS NULL FROM event WHERE id = ?1",
            )?
            .query_row([id.uuid().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let (seq, kind, erased) =
            found.ok_or_else(|| Error::NotFound { what: "event", name: id.to_string() })?;
        if erased {
            return Err(Error::Conflict(format!("event {id} is erased already")));
        }
        if kind == ERASED {
            return Err(Error::Conflict("what says that something was erased stays".to_owned()));
        }
        // The file keeps no copy (`secure_delete`); the writer empties the log after the commit.
        self.scrub = true;
        self.trash_blobs("seq = ?1", seq)?;
        self.connection
            .prepare_cached(
                "UPDATE event SET body = NULL, blob = NULL, salt = NULL WHERE seq = ?1",
            )?
            .execute([seq])?;
        let body = json!({"seq": seq, "kind": kind, "reason": reason});
        let draft = Draft::new(ERASED, Topic::Journal, &id.to_string(), actor, body);
        let places = self.append(&[draft])?;
        places.first().copied().ok_or_else(|| Error::damaged("an appended event has no place"))
    }

    fn sweep(&mut self) -> Result<u64, Error> {
        let left: i64 = self
            .connection
            .prepare_cached("SELECT count(*) FROM blob_trash")?
            .query_row([], |row| row.get(0))?;
        self.scrub |= left > 0;
        natural(left)
    }

    fn large_before(&self, before: Timestamp, rows: usize) -> Result<Vec<EventId>, Error> {
        self.connection
            .prepare_cached(
                "SELECT id FROM event WHERE blob IS NOT NULL AND at < ?1 ORDER BY seq LIMIT ?2",
            )?
            .query_and_then((micros(before), limit(rows)), |row| {
                Ok(EventId::new(uuid(row.get(0)?)))
            })?
            .collect()
    }

    fn prune(&mut self, to: u64, actor: &str) -> Result<Option<u64>, Error> {
        let boundary: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(to_seq) FROM seal WHERE to_seq <= ?1 AND to_seq > ?2")?
            .query_row([int(to)?, int(self.head.floor)?], |row| row.get(0))?;
        let Some(boundary) = boundary else { return Ok(None) };
        self.scrub = true;
        self.trash_blobs("seq <= ?1", boundary)?;
        let connection = self.connection;
        connection.prepare_cached("DELETE FROM event WHERE seq <= ?1")?.execute([boundary])?;
        connection.prepare_cached("DELETE FROM seal WHERE to_seq < ?1")?.execute([boundary])?;
        connection
            .prepare_cached("UPDATE head SET floor = ?1 WHERE one = 1")?
            .execute([boundary])?;
        self.head.floor = boundary.unsigned_abs();
        let body = json!({"floor": boundary});
        self.append(&[Draft::new("journal.pruned", Topic::Journal, "journal", actor, body)])?;
        Ok(Some(self.head.floor))
    }
}

impl Tx<'_> {
    fn trash_blobs(&self, which: &'static str, seq: i64) -> Result<(), Error> {
        let sql = format!(
            "INSERT OR IGNORE INTO blob_trash (blob)
             SELECT blob FROM event WHERE blob IS NOT NULL AND {which}"
        );
        self.connection.prepare_cached(&sql)?.execute([seq])?;
        Ok(())
    }
}

/// Unlinks the blobs that committed erasings left behind, unless another event still names them.
pub(crate) fn empty_trash(connection: &Connection, blobs: &Blobs) -> Result<(), Error> {
    let trash: Vec<(Vec<u8>, bool)> = connection
        .prepare_cached(
            "SELECT blob, EXISTS (SELECT 1 FROM event WHERE event.blob = blob_trash.blob)
               FROM blob_trash",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (blob, named) in trash {
        if !named {
            blobs.remove(&blob)?;
        }
        connection.prepare_cached("DELETE FROM blob_trash WHERE blob = ?1")?.execute([blob])?;
    }
    Ok(())
}
