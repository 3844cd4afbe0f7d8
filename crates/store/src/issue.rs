//! Issues of a tracker: which became a run, and what was said of it. What is in the body is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{limit, micros, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::RunId;
use rusqlite::{Row, params};

/// One issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRow {
    /// `github:OWNER/REPO#NUMBER`.
    pub key: String,
    /// `refused`, `running`, `answering`, `done`.
    pub state: String,
    /// Its run, once it has one.
    pub run: Option<RunId>,
    /// The core's record, as JSON.
    pub body: String,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// Reading issues.
pub trait ReadIssues {
    /// One issue.
    fn issue(&self, key: &str) -> Result<Option<IssueRow>, Error>;

    /// Issues in this state (or all), the one that changed last first.
    fn issues(&self, state: Option<&str>, limit: usize) -> Result<Vec<IssueRow>, Error>;
}

/// Writing issues.
pub trait WriteIssues {
    /// Makes or replaces an issue; when it changed is the store's time.
    fn put_issue(&mut self, issue: &IssueRow) -> Result<(), Error>;
}

const COLUMNS: &str = "key, state, run, body, updated_at";

fn issue(row: &Row<'_>) -> Result<IssueRow, Error> {
    let run: Option<[u8; 16]> = row.get(2)?;
    Ok(IssueRow {
        key: row.get(0)?,
        state: row.get(1)?,
        run: run.map(|bytes| RunId::new(uuid(bytes))),
        body: row.get(3)?,
        updated_at: timestamp(row.get(4)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<IssueRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM issue {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, issue)?.collect()
}

impl<R: Rows> ReadIssues for R {
    fn issue(&self, key: &str) -> Result<Option<IssueRow>, Error> {
        Ok(select(self, "WHERE key = ?1", [key])?.pop())
    }

    fn issues(&self, state: Option<&str>, rows: usize) -> Result<Vec<IssueRow>, Error> {
        match state {
            Some(state) => select(
                self,
                "WHERE state = ?1 ORDER BY updated_at DESC, key LIMIT ?2",
                (state, limit(rows)),
            ),
            None => select(self, "ORDER BY updated_at DESC, key LIMIT ?1", [limit(rows)]),
        }
    }
}

impl WriteIssues for Tx<'_> {
    fn put_issue(&mut self, issue: &IssueRow) -> Result<(), Error> {
        let now = micros(self.now());
        self.connection
            .prepare_cached(
                "INSERT INTO issue (key, state, run, body, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (key) DO UPDATE SET state = excluded.state, run = excluded.run,
                   body = excluded.body, updated_at = excluded.updated_at",
            )?
            .execute(params![
                issue.key,
                issue.state,
                issue.run.map(|run| *run.uuid().as_bytes()),
                issue.body,
                now,
            ])?;
        Ok(())
    }
}
