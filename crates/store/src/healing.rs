//! Errors of tasks' runs by class, and whether what was done about them helped.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{limit, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{RunId, TaskId};
use rusqlite::{Row, params};

/// One error that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealingRow {
    /// The task.
    pub task: TaskId,
    /// The run that it stopped.
    pub run: RunId,
    /// Its class's word.
    pub class: String,
    /// The strategy's word.
    pub strategy: String,
    /// What the engine did: the step's word.
    pub step: String,
    /// The error's text.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// `healed` or `failed`; nothing while nobody knows.
    pub outcome: Option<String>,
}

/// Reading them.
pub trait ReadHealings {
    /// What was met in a task, the newest first.
    fn healings(&self, task: TaskId, limit: usize) -> Result<Vec<HealingRow>, Error>;

    /// For each class that was met: how often, how often it was healed, how often not.
    fn healing_tallies(&self) -> Result<Vec<(String, u64, u64, u64)>, Error>;
}

/// Writing them.
pub trait WriteHealings {
    /// Writes down an error of a run, once; false when it is known.
    fn add_healing(&mut self, row: &HealingRow) -> Result<bool, Error>;

    /// Says what became of the open ones of a task; how many there were.
    fn settle_healings(&mut self, task: TaskId, outcome: &str) -> Result<usize, Error>;
}

fn healing(row: &Row<'_>) -> Result<HealingRow, Error> {
    Ok(HealingRow {
        task: TaskId::new(uuid(row.get(0)?)),
        run: RunId::new(uuid(row.get(1)?)),
        class: row.get(2)?,
        strategy: row.get(3)?,
        step: row.get(4)?,
        text: row.get(5)?,
        at: timestamp(row.get(6)?)?,
        outcome: row.get(7)?,
    })
}

impl<R: Rows> ReadHealings for R {
    fn healings(&self, task: TaskId, rows: usize) -> Result<Vec<HealingRow>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT task, run, class, strategy, step, text, at, outcome FROM healing
             WHERE task = ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        statement.query_and_then((task.uuid().as_bytes(), limit(rows)), healing)?.collect()
    }

    fn healing_tallies(&self) -> Result<Vec<(String, u64, u64, u64)>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT class, count(*), count(*) FILTER (WHERE outcome = 'healed'),
               count(*) FILTER (WHERE outcome = 'failed')
             FROM healing GROUP BY class ORDER BY class",
        )?;
        let rows = statement.query_and_then([], |row| {
            let count = |at: usize| -> Result<u64, Error> { natural(row.get(at)?) };
            Ok((row.get(0)?, count(1)?, count(2)?, count(3)?))
        })?;
        rows.collect()
    }
}

impl WriteHealings for Tx<'_> {
    fn add_healing(&mut self, row: &HealingRow) -> Result<bool, Error> {
        let added = self
            .connection
            .prepare_cached(
                "INSERT INTO healing (task, run, class, strategy, step, text, at, outcome)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (run) DO NOTHING",
            )?
            .execute(params![
                row.task.uuid().as_bytes(),
                row.run.uuid().as_bytes(),
                row.class,
                row.strategy,
                row.step,
                row.text,
                micros(row.at),
                row.outcome,
            ])?;
        Ok(added == 1)
    }

    fn settle_healings(&mut self, task: TaskId, outcome: &str) -> Result<usize, Error> {
        Ok(self
            .connection
            .prepare_cached("UPDATE healing SET outcome = ?2 WHERE task = ?1 AND outcome IS NULL")?
            .execute((task.uuid().as_bytes(), outcome))?)
    }
}
