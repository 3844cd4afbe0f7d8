//! Runs: one attempt at a piece of work, and how far its raw stream has become events.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{int, limit, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{RunId, SessionId, TaskId};
use rusqlite::{Row, params};

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Which one.
    pub id: RunId,
    /// The agent that does it.
    pub agent: String,
    /// Its state's word.
    pub state: String,
    /// What was asked.
    pub prompt: String,
    /// On what it works: a folder or repository.
    pub target: Option<String>,
    /// Its own worktree.
    pub worktree: Option<String>,
    /// The agent's own name for the conversation, with which it can be resumed.
    pub session_id: Option<String>,
    /// How many bytes of the raw stream have become events.
    pub offset: u64,
    /// The core's record, as JSON.
    pub body: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
    /// The caller's idempotency key: the same key is the same run.
    pub request_key: Option<String>,
    /// The task that it belongs to.
    pub task: Option<TaskId>,
    /// The session that it belongs to.
    pub session: Option<SessionId>,
}

/// Reading runs.
pub trait ReadRuns {
    /// One run.
    fn run(&self, id: RunId) -> Result<Option<RunRow>, Error>;

    /// The runs whose id ends like this (hexadecimal digits, hyphens ignored), the newest first, at
    /// most ten: more than one means that the caller must say more.
    fn run_by_suffix(&self, text: &str) -> Result<Vec<RunRow>, Error>;

    /// The run that was asked for with this key.
    fn run_by_key(&self, key: &str) -> Result<Option<RunRow>, Error>;

    /// Runs, the newest first, on from the one before.
    fn runs(&self, limit: usize, before: Option<RunId>) -> Result<Vec<RunRow>, Error>;

    /// All runs that belong to a task, the oldest first.
    fn runs_of_task(&self, task: TaskId) -> Result<Vec<RunRow>, Error>;

    /// All runs that belong to a session, the oldest first.
    fn runs_of_session(&self, session: SessionId) -> Result<Vec<RunRow>, Error>;

    /// Runs in any of these states, the oldest first.
    fn runs_in(&self, states: &[&str]) -> Result<Vec<RunRow>, Error>;
}

/// Writing runs.
pub trait WriteRuns {
    /// Makes or replaces a run's row. Another run with the same key is a conflict.
    fn put_run(&mut self, run: &RunRow) -> Result<(), Error>;

    /// Takes a position of a raw stream for the event made from it: false when it was taken before,
    /// and then the event must not be recorded again.
    fn mark_stream(
        &mut self,
        run: RunId,
        attempt: u32,
        offset: u64,
        index: u32,
    ) -> Result<bool, Error>;
}

const COLUMNS: &str = "id, agent, state, prompt, target, worktree, session_id, stream_offset, body,
    created_at, updated_at, request_key, task, session";

fn run(row: &Row<'_>) -> Result<RunRow, Error> {
    Ok(RunRow {
        id: RunId::new(uuid(row.get(0)?)),
        agent: row.get(1)?,
        state: row.get(2)?,
        prompt: row.get(3)?,
        target: row.get(4)?,
        worktree: row.get(5)?,
        session_id: row.get(6)?,
        offset: natural(row.get(7)?)?,
        body: row.get(8)?,
        created_at: timestamp(row.get(9)?)?,
        updated_at: timestamp(row.get(10)?)?,
        request_key: row.get(11)?,
        task: row.get::<_, Option<[u8; 16]>>(12)?.map(|bytes| TaskId::new(uuid(bytes))),
        session: row.get::<_, Option<[u8; 16]>>(13)?.map(|bytes| SessionId::new(uuid(bytes))),
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<RunRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM run {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, run)?.collect()
}

impl<R: Rows> ReadRuns for R {
    fn run(&self, id: RunId) -> Result<Option<RunRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn run_by_suffix(&self, text: &str) -> Result<Vec<RunRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        select(
            self,
            "WHERE reversed >= ?1 AND reversed < ?2 ORDER BY id DESC LIMIT ?3",
            (from, to, suffix::MATCHES_MAX),
        )
    }

    fn run_by_key(&self, key: &str) -> Result<Option<RunRow>, Error> {
        Ok(select(self, "WHERE request_key = ?1", [key])?.pop())
    }

    fn runs(&self, rows: usize, before: Option<RunId>) -> Result<Vec<RunRow>, Error> {
        match before {
            Some(id) => select(
                self,
                "WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                (id.uuid().as_bytes(), limit(rows)),
            ),
            None => select(self, "ORDER BY id DESC LIMIT ?1", [limit(rows)]),
        }
    }

    fn runs_of_task(&self, task: TaskId) -> Result<Vec<RunRow>, Error> {
        select(self, "WHERE task = ?1 ORDER BY id", [task.uuid().as_bytes()])
    }

    fn runs_of_session(&self, session: SessionId) -> Result<Vec<RunRow>, Error> {
        select(self, "WHERE session = ?1 ORDER BY id", [session.uuid().as_bytes()])
    }

    fn runs_in(&self, states: &[&str]) -> Result<Vec<RunRow>, Error> {
        let marks = vec!["?"; states.len()].join(", ");
        select(
            self,
            &format!("WHERE state IN ({marks}) ORDER BY id"),
            rusqlite::params_from_iter(states),
        )
    }
}

impl WriteRuns for Tx<'_> {
    fn put_run(&mut self, run: &RunRow) -> Result<(), Error> {
        let reversed = suffix::reversed(run.id.uuid());
        self.connection
            .prepare_cached(
                "INSERT INTO run (id, reversed, agent, state, prompt, target, worktree, session_id,
                   stream_offset, body, created_at, updated_at, request_key, task, session)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                 ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, state = excluded.state,
                   prompt = excluded.prompt, target = excluded.target,
                   worktree = excluded.worktree, session_id = excluded.session_id,
                   stream_offset = excluded.stream_offset, body = excluded.body,
                   created_at = excluded.created_at, updated_at = excluded.updated_at,
                   request_key = excluded.request_key, task = excluded.task,
                   session = excluded.session",
            )?
            .execute(params![
                run.id.uuid().as_bytes(),
                reversed,
                run.agent,
                run.state,
                run.prompt,
                run.target,
                run.worktree,
                run.session_id,
                int(run.offset)?,
                run.body,
                micros(run.created_at),
                micros(run.updated_at),
                run.request_key,
                run.task.map(|task| *task.uuid().as_bytes()),
                run.session.map(|session| *session.uuid().as_bytes()),
            ])?;
        Ok(())
    }

    fn mark_stream(
        &mut self,
        run: RunId,
        attempt: u32,
        offset: u64,
        index: u32,
    ) -> Result<bool, Error> {
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO stream_mark (run, attempt, stream_offset, place) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )?
            .execute((run.uuid().as_bytes(), attempt, int(offset)?, index))?;
        Ok(inserted > 0)
    }
}
