//! Sessions and projects. What is in the bodies is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{limit, micros, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::SessionId;
use rusqlite::{Row, params};

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Which one.
    pub id: SessionId,
    /// Its state's word.
    pub state: String,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// The caller's idempotency key: the same key is the same session.
    pub request_key: Option<String>,
    /// The core's record, as JSON.
    pub body: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// One project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    /// Its name.
    pub name: String,
    /// The core's record, as JSON.
    pub body: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// Reading sessions and projects.
pub trait ReadSessions {
    /// One session.
    fn session(&self, id: SessionId) -> Result<Option<SessionRow>, Error>;

    /// The sessions whose id ends like this, the newest first, at most ten.
    fn session_by_suffix(&self, text: &str) -> Result<Vec<SessionRow>, Error>;

    /// The session that was asked for with this key.
    fn session_by_key(&self, key: &str) -> Result<Option<SessionRow>, Error>;

    /// Sessions, the newest first, on from the one before.
    fn sessions(&self, limit: usize, before: Option<SessionId>) -> Result<Vec<SessionRow>, Error>;

    /// Sessions in any of these states, the oldest first.
    fn sessions_in(&self, states: &[&str], limit: usize) -> Result<Vec<SessionRow>, Error>;

    /// Sessions of a project, the newest first.
    fn sessions_of_project(&self, project: &str, limit: usize) -> Result<Vec<SessionRow>, Error>;

    /// One project.
    fn project(&self, name: &str) -> Result<Option<ProjectRow>, Error>;

    /// Projects by name.
    fn projects(&self, limit: usize) -> Result<Vec<ProjectRow>, Error>;
}

/// Writing sessions and projects.
pub trait WriteSessions {
    /// Makes or replaces a session's row. Another session with the same key is a conflict.
    fn put_session(&mut self, session: &SessionRow) -> Result<(), Error>;

    /// Makes or replaces a project.
    fn put_project(&mut self, project: &ProjectRow) -> Result<(), Error>;
}

const COLUMNS: &str = "id, state, project, request_key, body, created_at, updated_at";

fn session(row: &Row<'_>) -> Result<SessionRow, Error> {
    Ok(SessionRow {
        id: SessionId::new(uuid(row.get(0)?)),
        state: row.get(1)?,
        project: row.get(2)?,
        request_key: row.get(3)?,
        body: row.get(4)?,
        created_at: timestamp(row.get(5)?)?,
        updated_at: timestamp(row.get(6)?)?,
    })
}

fn project(row: &Row<'_>) -> Result<ProjectRow, Error> {
    Ok(ProjectRow {
        name: row.get(0)?,
        body: row.get(1)?,
        created_at: timestamp(row.get(2)?)?,
        updated_at: timestamp(row.get(3)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<SessionRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM session {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, session)?.collect()
}

fn select_projects<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<ProjectRow>, Error> {
    let sql = format!("SELECT name, body, created_at, updated_at FROM project {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, project)?.collect()
}

impl<R: Rows> ReadSessions for R {
    fn session(&self, id: SessionId) -> Result<Option<SessionRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn session_by_suffix(&self, text: &str) -> Result<Vec<SessionRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        select(
            self,
            "WHERE reversed >= ?1 AND reversed < ?2 ORDER BY id DESC LIMIT ?3",
            (from, to, suffix::MATCHES_MAX),
        )
    }

    fn session_by_key(&self, key: &str) -> Result<Option<SessionRow>, Error> {
        Ok(select(self, "WHERE request_key = ?1", [key])?.pop())
    }

    fn sessions(&self, rows: usize, before: Option<SessionId>) -> Result<Vec<SessionRow>, Error> {
        match before {
            Some(id) => select(
                self,
                "WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                (id.uuid().as_bytes(), limit(rows)),
            ),
            None => select(self, "ORDER BY id DESC LIMIT ?1", [limit(rows)]),
        }
    }

    fn sessions_in(&self, states: &[&str], rows: usize) -> Result<Vec<SessionRow>, Error> {
        let marks = vec!["?"; states.len()].join(", ");
        let rest = format!("WHERE state IN ({marks}) ORDER BY id LIMIT {}", limit(rows));
        select(self, &rest, rusqlite::params_from_iter(states))
    }

    fn sessions_of_project(&self, project: &str, rows: usize) -> Result<Vec<SessionRow>, Error> {
        select(self, "WHERE project = ?1 ORDER BY id DESC LIMIT ?2", (project, limit(rows)))
    }

    fn project(&self, name: &str) -> Result<Option<ProjectRow>, Error> {
        Ok(select_projects(self, "WHERE name = ?1", [name])?.pop())
    }

    fn projects(&self, rows: usize) -> Result<Vec<ProjectRow>, Error> {
        select_projects(self, "ORDER BY name LIMIT ?1", [limit(rows)])
    }
}

impl WriteSessions for Tx<'_> {
    fn put_session(&mut self, session: &SessionRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO session (id, reversed, state, project, request_key, body, created_at,
                   updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, project = excluded.project,
                   request_key = excluded.request_key, body = excluded.body,
                   created_at = excluded.created_at, updated_at = excluded.updated_at",
            )?
            .execute(params![
                session.id.uuid().as_bytes(),
                suffix::reversed(session.id.uuid()),
                session.state,
                session.project,
                session.request_key,
                session.body,
                micros(session.created_at),
                micros(session.updated_at),
            ])?;
        Ok(())
    }

    fn put_project(&mut self, project: &ProjectRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO project (name, body, created_at, updated_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET body = excluded.body,
                   updated_at = excluded.updated_at",
            )?
            .execute(params![
                project.name,
                project.body,
                micros(project.created_at),
                micros(project.updated_at),
            ])?;
        Ok(())
    }
}
