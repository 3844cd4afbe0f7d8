//! Who gets tasks: breakers of agents, how their runs at tasks ended, and the choices made.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, limit, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{RunId, SessionId, TaskId};
use rusqlite::{OptionalExtension, params};

/// How a run at a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackRow {
    /// Which run; each is written down once.
    pub run: RunId,
    /// Whose.
    pub agent: String,
    /// The kind of the task.
    pub kind: String,
    /// `verified`, `refuted` or `failed`.
    pub outcome: String,
    /// When.
    pub at: Timestamp,
}

/// How the runs of one agent at one kind of task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackSum {
    /// Whose.
    pub agent: String,
    /// The kind of the tasks.
    pub kind: String,
    /// Runs whose work stood up to the checks.
    pub verified: u64,
    /// Runs with which a check or a review disagreed.
    pub refuted: u64,
    /// Runs that did not come to an end.
    pub failed: u64,
}

/// Who was chosen for a task, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceRow {
    /// For which task.
    pub task: TaskId,
    /// The claim that it led to; one that led to none has the number that a claim would have had.
    pub fence: u64,
    /// Who; nobody when the task waits.
    pub agent: Option<String>,
    /// The core's record, as JSON.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

/// Reading them.
pub trait ReadRouting {
    /// All breakers that are known: agent and the core's record as JSON, by agent.
    fn breakers(&self) -> Result<Vec<(String, String)>, Error>;

    /// The breaker of one agent.
    fn breaker(&self, agent: &str) -> Result<Option<String>, Error>;

    /// How a run ended.
    fn track(&self, run: RunId) -> Result<Option<TrackRow>, Error>;

    /// All sums, by agent and kind.
    fn track_sums(&self) -> Result<Vec<TrackSum>, Error>;

    /// Sums of all kinds together (`kind` is empty) since then, by agent.
    fn track_since(&self, since: Timestamp) -> Result<Vec<TrackSum>, Error>;

    /// The choices made for a task, the newest first.
    fn choices(&self, task: TaskId, limit: usize) -> Result<Vec<ChoiceRow>, Error>;
}

/// Writing them.
pub trait WriteRouting {
    /// Makes or replaces a breaker.
    fn put_breaker(&mut self, agent: &str, body: &str) -> Result<(), Error>;

    /// Writes down how a run ended; another outcome replaces the one before. False when that was
    /// known.
    fn put_track(&mut self, row: &TrackRow) -> Result<bool, Error>;

    /// Writes down a choice; one of the same task and fence is replaced.
    fn put_choice(&mut self, row: &ChoiceRow) -> Result<(), Error>;

    /// Notes that a milestone is announced: false when it was before.
    fn put_milestone(&mut self, session: SessionId, percent: u32) -> Result<bool, Error>;
}

fn sum(row: &rusqlite::Row<'_>) -> Result<TrackSum, Error> {
    Ok(TrackSum {
        agent: row.get(0)?,
        kind: row.get(1)?,
        verified: natural(row.get(2)?)?,
        refuted: natural(row.get(3)?)?,
        failed: natural(row.get(4)?)?,
    })
}

impl<R: Rows> ReadRouting for R {
    fn breakers(&self) -> Result<Vec<(String, String)>, Error> {
        let mut statement =
            self.connection().prepare_cached("SELECT agent, body FROM breaker ORDER BY agent")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| row.map_err(Error::from)).collect()
    }

    fn breaker(&self, agent: &str) -> Result<Option<String>, Error> {
        let mut statement =
            self.connection().prepare_cached("SELECT body FROM breaker WHERE agent = ?1")?;
        Ok(statement.query_row([agent], |row| row.get(0)).optional()?)
    }

    fn track(&self, run: RunId) -> Result<Option<TrackRow>, Error> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT agent, kind, outcome, at FROM track WHERE run = ?1")?;
        let mut rows = statement.query([run.uuid().as_bytes()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(TrackRow {
            run,
            agent: row.get(0)?,
            kind: row.get(1)?,
            outcome: row.get(2)?,
            at: timestamp(row.get(3)?)?,
        }))
    }

    fn track_sums(&self) -> Result<Vec<TrackSum>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT agent, kind, verified, refuted, failed FROM track_sum ORDER BY agent, kind",
        )?;
        statement.query_and_then([], sum)?.collect()
    }

    fn track_since(&self, since: Timestamp) -> Result<Vec<TrackSum>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT agent, '', sum(outcome = 'verified'), sum(outcome = 'refuted'),
               sum(outcome = 'failed') FROM track WHERE at >= ?1 GROUP BY agent ORDER BY agent",
        )?;
        statement.query_and_then([micros(since)], sum)?.collect()
    }

    fn choices(&self, task: TaskId, rows: usize) -> Result<Vec<ChoiceRow>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT task, fence, agent, body, at FROM choice WHERE task = ?1
             ORDER BY fence DESC LIMIT ?2",
        )?;
        let choice = |row: &rusqlite::Row<'_>| {
            Ok(ChoiceRow {
                task: TaskId::new(uuid(row.get(0)?)),
                fence: natural(row.get(1)?)?,
                agent: row.get(2)?,
                body: row.get(3)?,
                at: timestamp(row.get(4)?)?,
            })
        };
        statement.query_and_then((task.uuid().as_bytes(), limit(rows)), choice)?.collect()
    }
}

/// The column in which an outcome is counted.
fn column(outcome: &str) -> Result<&'static str, Error> {
    match outcome {
        "verified" => Ok("verified"),
        "refuted" => Ok("refuted"),
        "failed" => Ok("failed"),
        other => Err(Error::Invalid(format!("{other:?} is no outcome of a run"))),
    }
}

impl Tx<'_> {
    fn count(&self, agent: &str, kind: &str, outcome: &str, by: i64) -> Result<(), Error> {
        let column = column(outcome)?;
        self.connection
            .prepare_cached(&format!(
                "INSERT INTO track_sum (agent, kind, verified, refuted, failed)
                 VALUES (?1, ?2, 0, 0, 0) ON CONFLICT DO UPDATE SET {column} = {column}"
            ))?
            .execute((agent, kind))?;
        self.connection
            .prepare_cached(&format!(
                "UPDATE track_sum SET {column} = {column} + ?3 WHERE agent = ?1 AND kind = ?2"
            ))?
            .execute((agent, kind, by))?;
        Ok(())
    }
}

impl WriteRouting for Tx<'_> {
    fn put_breaker(&mut self, agent: &str, body: &str) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO breaker (agent, body) VALUES (?1, ?2)
                 ON CONFLICT (agent) DO UPDATE SET body = excluded.body",
            )?
            .execute((agent, body))?;
        Ok(())
    }

    fn put_track(&mut self, row: &TrackRow) -> Result<bool, Error> {
        let known = self.track(row.run)?;
        if known.as_ref().is_some_and(|known| known.outcome == row.outcome) {
            return Ok(false);
        }
        if let Some(known) = known {
            self.count(&known.agent, &known.kind, &known.outcome, -1)?;
        }
        self.count(&row.agent, &row.kind, &row.outcome, 1)?;
        self.connection
            .prepare_cached(
                "INSERT INTO track (run, agent, kind, outcome, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (run) DO UPDATE SET agent = excluded.agent, kind = excluded.kind,
                   outcome = excluded.outcome, at = excluded.at",
            )?
            .execute(params![
                row.run.uuid().as_bytes(),
                row.agent,
                row.kind,
                row.outcome,
                micros(row.at)
            ])?;
        Ok(true)
    }

    fn put_choice(&mut self, row: &ChoiceRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO choice (task, fence, agent, body, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (task, fence) DO UPDATE SET agent = excluded.agent,
                   body = excluded.body, at = excluded.at",
            )?
            .execute(params![
                row.task.uuid().as_bytes(),
                int(row.fence)?,
                row.agent,
                row.body,
                micros(row.at)
            ])?;
        Ok(())
    }

    fn put_milestone(&mut self, session: SessionId, percent: u32) -> Result<bool, Error> {
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO milestone (session, percent) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute((session.uuid().as_bytes(), percent))?;
        Ok(inserted > 0)
    }
}
