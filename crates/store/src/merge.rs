//! Merges, and where the work of two runs meets. What is in the bodies is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{limit, micros, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{MergeId, RunId, SessionId, TaskId};
use rusqlite::{Row, params};

/// One merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRow {
    /// Which one.
    pub id: MergeId,
    /// The run whose work it is.
    pub run: Option<RunId>,
    /// Its task.
    pub task: Option<TaskId>,
    /// Its session.
    pub session: Option<SessionId>,
    /// The repository.
    pub target: String,
    /// The branch that it is put into.
    pub branch: String,
    /// Its state's word.
    pub state: String,
    /// The core's record, as JSON.
    pub body: String,
    /// When the row last changed; the store's time.
    pub updated_at: Timestamp,
}

/// Two runs whose work meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlapRow {
    /// The run that began first.
    pub one: RunId,
    /// The other.
    pub other: RunId,
    /// `soft` or `hot`.
    pub level: String,
    /// The files, as JSON.
    pub body: String,
    /// When the row last changed; the store's time.
    pub updated_at: Timestamp,
}

/// Reading merges and overlaps.
pub trait ReadMerges {
    /// One merge.
    fn merge(&self, id: MergeId) -> Result<Option<MergeRow>, Error>;

    /// The merges whose id ends like this, the newest first, at most ten.
    fn merge_by_suffix(&self, text: &str) -> Result<Vec<MergeRow>, Error>;

    /// Merges, the newest first.
    fn merges(&self, limit: usize) -> Result<Vec<MergeRow>, Error>;

    /// Merges in any of these states, the oldest first.
    fn merges_in(&self, states: &[&str], limit: usize) -> Result<Vec<MergeRow>, Error>;

    /// The merges of a run, the oldest first.
    fn merges_of_run(&self, run: RunId) -> Result<Vec<MergeRow>, Error>;

    /// The merges of a session and of its runs, the oldest first.
    fn merges_of_session(&self, session: SessionId) -> Result<Vec<MergeRow>, Error>;

    /// All overlaps that there are now, the newest runs first.
    fn overlaps(&self, limit: usize) -> Result<Vec<OverlapRow>, Error>;
}

/// Writing merges and overlaps.
pub trait WriteMerges {
    /// Makes or replaces a merge; when it changed is the store's time.
    fn put_merge(&mut self, merge: &MergeRow) -> Result<(), Error>;

    /// Makes or replaces an overlap; when it changed is the store's time.
    fn put_overlap(&mut self, overlap: &OverlapRow) -> Result<(), Error>;

    /// Two runs do not meet any more.
    fn remove_overlap(&mut self, one: RunId, other: RunId) -> Result<(), Error>;
}

const COLUMNS: &str = "id, run, task, session, target, branch, state, body, updated_at";

fn merge(row: &Row<'_>) -> Result<MergeRow, Error> {
    let id = |place: usize| row.get::<_, Option<[u8; 16]>>(place).map(|id| id.map(uuid));
    Ok(MergeRow {
        id: MergeId::new(uuid(row.get(0)?)),
        run: id(1)?.map(RunId::new),
        task: id(2)?.map(TaskId::new),
        session: id(3)?.map(SessionId::new),
        target: row.get(4)?,
        branch: row.get(5)?,
        state: row.get(6)?,
        body: row.get(7)?,
        updated_at: timestamp(row.get(8)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<MergeRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM merge {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, merge)?.collect()
}

impl<R: Rows> ReadMerges for R {
    fn merge(&self, id: MergeId) -> Result<Option<MergeRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn merge_by_suffix(&self, text: &str) -> Result<Vec<MergeRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        select(
            self,
            "WHERE reversed >= ?1 AND reversed < ?2 ORDER BY id DESC LIMIT ?3",
            (from, to, suffix::MATCHES_MAX),
        )
    }

    fn merges(&self, rows: usize) -> Result<Vec<MergeRow>, Error> {
        select(self, "ORDER BY id DESC LIMIT ?1", [limit(rows)])
    }

    fn merges_in(&self, states: &[&str], rows: usize) -> Result<Vec<MergeRow>, Error> {
        let marks = vec!["?"; states.len()].join(", ");
        select(
            self,
            &format!("WHERE state IN ({marks}) ORDER BY id LIMIT {}", limit(rows)),
            rusqlite::params_from_iter(states),
        )
    }

    fn merges_of_run(&self, run: RunId) -> Result<Vec<MergeRow>, Error> {
        select(self, "WHERE run = ?1 ORDER BY id", [run.uuid().as_bytes()])
    }

    fn merges_of_session(&self, session: SessionId) -> Result<Vec<MergeRow>, Error> {
        select(self, "WHERE session = ?1 ORDER BY id", [session.uuid().as_bytes()])
    }

    fn overlaps(&self, rows: usize) -> Result<Vec<OverlapRow>, Error> {
        let sql = "SELECT one, other, level, body, updated_at FROM overlap
            ORDER BY other DESC, one DESC LIMIT ?1";
        let mut statement = self.connection().prepare_cached(sql)?;
        let found = statement.query_and_then([limit(rows)], |row| {
            Ok(OverlapRow {
                one: RunId::new(uuid(row.get(0)?)),
                other: RunId::new(uuid(row.get(1)?)),
                level: row.get(2)?,
                body: row.get(3)?,
                updated_at: timestamp(row.get(4)?)?,
            })
        })?;
        found.collect()
    }
}

impl WriteMerges for Tx<'_> {
    fn put_merge(&mut self, merge: &MergeRow) -> Result<(), Error> {
        let (now, reversed) = (micros(self.now()), suffix::reversed(merge.id.uuid()));
        self.connection
            .prepare_cached(
                "INSERT INTO merge (id, reversed, run, task, session, target, branch, state, body,
                   updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (id) DO UPDATE SET run = excluded.run, task = excluded.task,
                   session = excluded.session, target = excluded.target,
                   branch = excluded.branch, state = excluded.state, body = excluded.body,
                   updated_at = excluded.updated_at",
            )?
            .execute(params![
                merge.id.uuid().as_bytes(),
                reversed,
                merge.run.map(|id| *id.uuid().as_bytes()),
                merge.task.map(|id| *id.uuid().as_bytes()),
                merge.session.map(|id| *id.uuid().as_bytes()),
                merge.target,
                merge.branch,
                merge.state,
                merge.body,
                now,
            ])?;
        Ok(())
    }

    fn put_overlap(&mut self, overlap: &OverlapRow) -> Result<(), Error> {
        let now = micros(self.now());
        self.connection
            .prepare_cached(
                "INSERT INTO overlap (one, other, level, body, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (one, other) DO UPDATE SET level = excluded.level,
                   body = excluded.body, updated_at = excluded.updated_at",
            )?
            .execute(params![
                overlap.one.uuid().as_bytes(),
                overlap.other.uuid().as_bytes(),
                overlap.level,
                overlap.body,
                now,
            ])?;
        Ok(())
    }

    fn remove_overlap(&mut self, one: RunId, other: RunId) -> Result<(), Error> {
        self.connection
            .prepare_cached("DELETE FROM overlap WHERE one = ?1 AND other = ?2")?
            .execute([one.uuid().as_bytes(), other.uuid().as_bytes()])?;
        Ok(())
    }
}
