//! Reviews. What is in the bodies is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{limit, micros, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{ReviewId, RunId, SessionId, TaskId};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

/// One review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// Which one.
    pub id: ReviewId,
    /// What opened it: the same key is the same review.
    pub key: String,
    /// Its state's word; `closed` when nothing more comes of it.
    pub state: String,
    /// The word of what opened it.
    pub kind: String,
    /// The author's run.
    pub run: RunId,
    /// The task whose work it is.
    pub task: Option<TaskId>,
    /// The session of that task.
    pub session: Option<SessionId>,
    /// When time alone brings something.
    pub due_at: Option<Timestamp>,
    /// The whole of it, as JSON.
    pub body: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// Which reviews.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewFilter {
    /// In one of these states; empty for any.
    pub states: Vec<String>,
    /// Of this author's run.
    pub run: Option<RunId>,
    /// Of this task.
    pub task: Option<TaskId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// Opened before this one.
    pub before: Option<ReviewId>,
    /// Opened after this one.
    pub after: Option<ReviewId>,
    /// The oldest first, in place of the newest.
    pub oldest_first: bool,
    /// At most so many.
    pub limit: usize,
}

/// Reading reviews.
pub trait ReadReviews {
    /// One review.
    fn review(&self, id: ReviewId) -> Result<Option<ReviewRow>, Error>;

    /// The review that was opened with this key.
    fn review_by_key(&self, key: &str) -> Result<Option<ReviewRow>, Error>;

    /// Reviews whose id ends like this (hexadecimal digits, hyphens ignored), the newest first, at
    /// most ten.
    fn review_by_suffix(&self, text: &str) -> Result<Vec<ReviewRow>, Error>;

    /// Reviews that a filter lets through.
    fn reviews(&self, filter: &ReviewFilter) -> Result<Vec<ReviewRow>, Error>;

    /// How many there are of a session, or without one of a run that belongs to none.
    fn reviews_of(&self, session: Option<SessionId>, run: RunId) -> Result<u64, Error>;
}

/// Writing reviews.
pub trait WriteReviews {
    /// Makes or replaces a review. Another one with the same key is a conflict.
    fn put_review(&mut self, review: &ReviewRow) -> Result<(), Error>;
}

const COLUMNS: &str =
    "id, key, state, kind, run, task, session, due_at, body, created_at, updated_at";

fn review(row: &Row<'_>) -> Result<ReviewRow, Error> {
    let id = |bytes: [u8; 16]| uuid(bytes);
    Ok(ReviewRow {
        id: ReviewId::new(id(row.get(0)?)),
        key: row.get(1)?,
        state: row.get(2)?,
        kind: row.get(3)?,
        run: RunId::new(id(row.get(4)?)),
        task: row.get::<_, Option<[u8; 16]>>(5)?.map(|bytes| TaskId::new(id(bytes))),
        session: row.get::<_, Option<[u8; 16]>>(6)?.map(|bytes| SessionId::new(id(bytes))),
        due_at: row.get::<_, Option<i64>>(7)?.map(timestamp).transpose()?,
        body: row.get(8)?,
        created_at: timestamp(row.get(9)?)?,
        updated_at: timestamp(row.get(10)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<ReviewRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM review {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, review)?.collect()
}

impl<R: Rows> ReadReviews for R {
    fn review(&self, id: ReviewId) -> Result<Option<ReviewRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn review_by_key(&self, key: &str) -> Result<Option<ReviewRow>, Error> {
        Ok(select(self, "WHERE key = ?1", [key])?.pop())
    }

    fn review_by_suffix(&self, text: &str) -> Result<Vec<ReviewRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        select(
            self,
            "WHERE reversed >= ?1 AND reversed < ?2 ORDER BY id DESC LIMIT ?3",
            (from, to, suffix::MATCHES_MAX),
        )
    }

    fn reviews(&self, filter: &ReviewFilter) -> Result<Vec<ReviewRow>, Error> {
        let mut wheres = vec!["1".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        if !filter.states.is_empty() {
            let marks = vec!["?"; filter.states.len()].join(", ");
            wheres.push(format!("state IN ({marks})"));
            values.extend(filter.states.iter().map(|state| Value::Text(state.clone())));
        }
        for (column, id) in [
            ("run =", filter.run.map(RunId::uuid)),
            ("task =", filter.task.map(TaskId::uuid)),
            ("session =", filter.session.map(SessionId::uuid)),
            ("id <", filter.before.map(ReviewId::uuid)),
            ("id >", filter.after.map(ReviewId::uuid)),
        ] {
            if let Some(id) = id {
                wheres.push(format!("{column} ?"));
                values.push(Value::Blob(id.as_bytes().to_vec()));
            }
        }
        values.push(Value::Integer(limit(filter.limit)));
        let order = if filter.oldest_first { "ASC" } else { "DESC" };
        let rest = format!("WHERE {} ORDER BY id {order} LIMIT ?", wheres.join(" AND "));
        select(self, &rest, params_from_iter(values))
    }

    fn reviews_of(&self, session: Option<SessionId>, run: RunId) -> Result<u64, Error> {
        let count: i64 = match session {
            Some(session) => self
                .connection()
                .prepare_cached("SELECT count(*) FROM review WHERE session = ?1")?
                .query_row([session.uuid().as_bytes()], |row| row.get(0))?,
            None => self
                .connection()
                .prepare_cached("SELECT count(*) FROM review WHERE run = ?1 AND session IS NULL")?
                .query_row([run.uuid().as_bytes()], |row| row.get(0))?,
        };
        crate::value::natural(count)
    }
}

impl WriteReviews for Tx<'_> {
    fn put_review(&mut self, review: &ReviewRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO review (id, reversed, key, state, kind, run, task, session, due_at, body,
                   created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at,
                   body = excluded.body, updated_at = excluded.updated_at",
            )?
            .execute(params![
                review.id.uuid().as_bytes(),
                suffix::reversed(review.id.uuid()),
                review.key,
                review.state,
                review.kind,
                review.run.uuid().as_bytes(),
                review.task.map(|task| *task.uuid().as_bytes()),
                review.session.map(|session| *session.uuid().as_bytes()),
                review.due_at.map(micros),
                review.body,
                micros(review.created_at),
                micros(review.updated_at),
            ])?;
        Ok(())
    }
}
