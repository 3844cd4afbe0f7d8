//! What agents are told before their next work, and what they noted for themselves.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{limit, micros, timestamp};
use crate::writer::Tx;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

/// So many notices of one agent are kept; older ones go.
const KEPT: i64 = 200;

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// Its number; later ones have higher numbers.
    pub id: i64,
    /// For whom.
    pub agent: String,
    /// When it was written.
    pub at: Timestamp,
    /// In a few words.
    pub title: String,
    /// In sentences.
    pub message: String,
    /// `low`, `normal`, `high`, `urgent`.
    pub priority: String,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// By which run, or who read it for the agent.
    pub read_by: Option<String>,
}

/// What an agent noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentNoteRow {
    /// Its name.
    pub agent: String,
    /// The core's record, as JSON.
    pub body: String,
    /// When it was noted.
    pub updated_at: Timestamp,
}

/// Reading them.
pub trait ReadNotices {
    /// Notices of an agent, the newest first.
    fn notices(&self, agent: &str, unread: bool, limit: usize) -> Result<Vec<NoticeRow>, Error>;

    /// How many an agent has not read.
    fn unread_notices(&self, agent: &str) -> Result<u64, Error>;

    /// What an agent noted.
    fn agent_note(&self, agent: &str) -> Result<Option<AgentNoteRow>, Error>;

    /// What all agents noted, by name.
    fn agent_notes(&self) -> Result<Vec<AgentNoteRow>, Error>;
}

/// Writing them.
pub trait WriteNotices {
    /// Adds a notice, at the store's time; its number.
    fn add_notice(
        &mut self,
        agent: &str,
        title: &str,
        message: &str,
        priority: &str,
    ) -> Result<i64, Error>;

    /// Marks notices of an agent up to this number as read; how many were not.
    fn read_notices(&mut self, agent: &str, up_to: i64, by: &str) -> Result<usize, Error>;

    /// Makes or replaces an agent's note.
    fn put_agent_note(&mut self, agent: &str, body: &str) -> Result<(), Error>;
}

const COLUMNS: &str = "id, agent, at, title, message, priority, read_at, read_by";

fn notice(row: &Row<'_>) -> Result<NoticeRow, Error> {
    let read_at: Option<i64> = row.get(6)?;
    Ok(NoticeRow {
        id: row.get(0)?,
        agent: row.get(1)?,
        at: timestamp(row.get(2)?)?,
        title: row.get(3)?,
        message: row.get(4)?,
        priority: row.get(5)?,
        read_at: read_at.map(timestamp).transpose()?,
        read_by: row.get(7)?,
    })
}

fn note(row: &Row<'_>) -> Result<AgentNoteRow, Error> {
    Ok(AgentNoteRow { agent: row.get(0)?, body: row.get(1)?, updated_at: timestamp(row.get(2)?)? })
}

impl<R: Rows> ReadNotices for R {
    fn notices(&self, agent: &str, unread: bool, rows: usize) -> Result<Vec<NoticeRow>, Error> {
        let only = if unread { "AND read_at IS NULL" } else { "" };
        let sql = format!(
            "SELECT {COLUMNS} FROM notice WHERE agent = ?1 {only} ORDER BY id DESC LIMIT ?2"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        statement.query_and_then((agent, limit(rows)), notice)?.collect()
    }

    fn unread_notices(&self, agent: &str) -> Result<u64, Error> {
        let count: i64 = self
            .connection()
            .prepare_cached("SELECT count(*) FROM notice WHERE agent = ?1 AND read_at IS NULL")?
            .query_row([agent], |row| row.get(0))?;
        crate::value::natural(count)
    }

    fn agent_note(&self, agent: &str) -> Result<Option<AgentNoteRow>, Error> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT agent, body, updated_at FROM agent_note WHERE agent = ?1")?;
        statement.query_and_then([agent], note)?.next().transpose()
    }

    fn agent_notes(&self) -> Result<Vec<AgentNoteRow>, Error> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT agent, body, updated_at FROM agent_note ORDER BY agent")?;
        statement.query_and_then([], note)?.collect()
    }
}

impl WriteNotices for Tx<'_> {
    fn add_notice(
        &mut self,
        agent: &str,
        title: &str,
        message: &str,
        priority: &str,
    ) -> Result<i64, Error> {
        let now = micros(self.now());
        let id: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO notice (agent, at, title, message, priority) VALUES (?1, ?2, ?3, ?4, ?5)
                 RETURNING id",
            )?
            .query_row(params![agent, now, title, message, priority], |row| row.get(0))?;
        let oldest: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM notice WHERE agent = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
            )?
            .query_row((agent, KEPT), |row| row.get(0))
            .optional()?;
        if let Some(oldest) = oldest {
            self.connection
                .prepare_cached("DELETE FROM notice WHERE agent = ?1 AND id <= ?2")?
                .execute((agent, oldest))?;
        }
        Ok(id)
    }

    fn read_notices(&mut self, agent: &str, up_to: i64, by: &str) -> Result<usize, Error> {
        let now = micros(self.now());
        Ok(self
            .connection
            .prepare_cached(
                "UPDATE notice SET read_at = ?3, read_by = ?4
                 WHERE agent = ?1 AND id <= ?2 AND read_at IS NULL",
            )?
            .execute(params![agent, up_to, now, by])?)
    }

    fn put_agent_note(&mut self, agent: &str, body: &str) -> Result<(), Error> {
        let now = micros(self.now());
        self.connection
            .prepare_cached(
                "INSERT INTO agent_note (agent, body, updated_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (agent) DO UPDATE SET body = excluded.body,
                   updated_at = excluded.updated_at",
            )?
            .execute(params![agent, body, now])?;
        Ok(())
    }
}
