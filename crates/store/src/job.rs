//! Jobs: one row for each thing that is done on a timetable, and its last runs. What a job is, only
//! the core knows.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, limit, natural};
use crate::writer::Tx;
use rusqlite::{OptionalExtension, Row};

/// How many runs of a job are kept.
pub const JOB_RUNS_KEPT: u64 = 50;

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Its name.
    pub name: String,
    /// Its state's word, beside the body so that it can be asked for.
    pub state: String,
    /// The core's record, as JSON.
    pub body: String,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRunRow {
    /// Whose.
    pub job: String,
    /// Which, counted from 1.
    pub number: u64,
    /// The core's record, as JSON.
    pub body: String,
}

/// Reading jobs.
pub trait ReadJobs {
    /// All jobs, by name.
    fn jobs(&self) -> Result<Vec<JobRow>, Error>;

    /// One job.
    fn job(&self, name: &str) -> Result<Option<JobRow>, Error>;

    /// The last runs of a job, the newest first.
    fn job_runs(&self, job: &str, most: usize) -> Result<Vec<JobRunRow>, Error>;
}

/// Writing jobs.
pub trait WriteJobs {
    /// Makes or replaces a job's row.
    fn put_job(&mut self, job: &JobRow) -> Result<(), Error>;

    /// Removes it with its runs; false when there was none.
    fn remove_job(&mut self, name: &str) -> Result<bool, Error>;

    /// Makes or replaces a run's row; the oldest ones go, beyond what is kept.
    fn put_job_run(&mut self, run: &JobRunRow) -> Result<(), Error>;
}

fn job(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow { name: row.get(0)?, state: row.get(1)?, body: row.get(2)? })
}

impl<R: Rows> ReadJobs for R {
    fn jobs(&self) -> Result<Vec<JobRow>, Error> {
        let mut statement =
            self.connection().prepare_cached("SELECT name, state, body FROM job ORDER BY name")?;
        Ok(statement.query_map([], job)?.collect::<Result<_, _>>()?)
    }

    fn job(&self, name: &str) -> Result<Option<JobRow>, Error> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT name, state, body FROM job WHERE name = ?1")?;
        Ok(statement.query_row([name], job).optional()?)
    }

    fn job_runs(&self, job: &str, most: usize) -> Result<Vec<JobRunRow>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT job, number, body FROM job_run WHERE job = ?1 ORDER BY number DESC LIMIT ?2",
        )?;
        statement
            .query_and_then((job, limit(most)), |row| {
                Ok(JobRunRow { job: row.get(0)?, number: natural(row.get(1)?)?, body: row.get(2)? })
            })?
            .collect()
    }
}

impl WriteJobs for Tx<'_> {
    fn put_job(&mut self, job: &JobRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO job (name, state, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET state = excluded.state, body = excluded.body",
            )?
            .execute((&job.name, &job.state, &job.body))?;
        Ok(())
    }

    fn remove_job(&mut self, name: &str) -> Result<bool, Error> {
        self.connection.prepare_cached("DELETE FROM job_run WHERE job = ?1")?.execute([name])?;
        let removed =
            self.connection.prepare_cached("DELETE FROM job WHERE name = ?1")?.execute([name])?;
        Ok(removed > 0)
    }

    fn put_job_run(&mut self, run: &JobRunRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO job_run (job, number, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (job, number) DO UPDATE SET body = excluded.body",
            )?
            .execute((&run.job, int(run.number)?, &run.body))?;
        let oldest = int(run.number.saturating_sub(JOB_RUNS_KEPT))?;
        self.connection
            .prepare_cached("DELETE FROM job_run WHERE job = ?1 AND number <= ?2")?
            .execute((&run.job, oldest))?;
        Ok(())
    }
}
