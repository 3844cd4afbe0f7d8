//! Small settings, the node's id, and the term that each start of the daemon raises.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::natural;
use crate::writer::{Ids, Tx};
use orkestra_core::id::NodeId;
use rusqlite::{Connection, OptionalExtension};

/// Reading settings.
pub trait ReadMeta {
    /// A setting.
    fn meta(&self, key: &str) -> Result<Option<String>, Error>;

    /// The term of the newest start; 0 before the first.
    fn term(&self) -> Result<u64, Error>;

    /// The life of this database between two restores.
    fn epoch(&self) -> Result<u64, Error>;
}

/// Writing settings.
pub trait WriteMeta {
    /// Sets a setting. Keys that begin with `store.` are the store's own.
    fn set_meta(&mut self, key: &str, value: &str) -> Result<(), Error>;

    /// Begins a new term: shims refuse a daemon of an older one.
    fn raise_term(&mut self) -> Result<u64, Error>;

    /// Begins a term above one that was heard of: shims may know a newer one than a database that
    /// was lost or put back from an earlier day.
    fn raise_term_above(&mut self, heard: u64) -> Result<u64, Error>;

    /// Begins a new epoch, after a restore. Effects that are not final become `unknown`: what
    /// happened in the outer world after the backup was made is not known here.
    fn raise_epoch(&mut self) -> Result<u64, Error>;
}

const NODE: &str = "store.node";
const TERM: &str = "store.term";

fn get(connection: &Connection, key: &str) -> Result<Option<String>, Error> {
    Ok(connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

fn set(connection: &Connection, key: &str, value: &str) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute((key, value))?;
    Ok(())
}

/// The node of this database, made at the first opening.
pub(crate) fn node(
    connection: &Connection,
    wanted: Option<NodeId>,
    ids: &Ids,
) -> Result<NodeId, Error> {
    if let Some(text) = get(connection, NODE)? {
        return text.parse().map_err(|_| Error::damaged("the id of the node"));
    }
    let node = wanted.unwrap_or_else(|| NodeId::new(ids()));
    set(connection, NODE, &node.to_string())?;
    Ok(node)
}

impl<R: Rows> ReadMeta for R {
    fn meta(&self, key: &str) -> Result<Option<String>, Error> {
        get(self.connection(), key)
    }

    fn term(&self) -> Result<u64, Error> {
        get(self.connection(), TERM)?.map_or(Ok(0), |text| {
            text.parse().map_err(|_| Error::damaged("the term of the daemon"))
        })
    }

    fn epoch(&self) -> Result<u64, Error> {
        Ok(self.head_row()?.epoch)
    }
}

impl WriteMeta for Tx<'_> {
    fn set_meta(&mut self, key: &str, value: &str) -> Result<(), Error> {
        if key.starts_with("store.") {
            return Err(Error::Invalid(format!("{key} is a setting of the store itself")));
        }
        set(self.connection, key, value)
    }

    fn raise_term(&mut self) -> Result<u64, Error> {
        self.raise_term_above(0)
    }

    fn raise_term_above(&mut self, heard: u64) -> Result<u64, Error> {
        let term = self.term()?.max(heard).saturating_add(1);
        set(self.connection, TERM, &term.to_string())?;
        Ok(term)
    }

    fn raise_epoch(&mut self) -> Result<u64, Error> {
        let row: i64 = self
            .connection
            .prepare_cached("UPDATE head SET epoch = epoch + 1 WHERE one = 1 RETURNING epoch")?
            .query_row([], |row| row.get(0))?;
        self.head.epoch = natural(row)?;
        self.connection
            .prepare_cached(
                "UPDATE effect SET state = 'unknown', fence = fence + 1, updated_at = ?1,
                   detail = 'the database was restored'
                 WHERE state IN ('recorded', 'begun')",
            )?
            .execute([crate::value::micros(self.now())])?;
        Ok(self.head.epoch)
    }
}
