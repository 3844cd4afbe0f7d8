//! Usage: what runs consumed, in four disjoint classes.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, micros, natural, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::RunId;
pub use orkestra_core::money::Tokens;
use rusqlite::{Row, ToSql, params, params_from_iter};

/// What one run consumed of one model at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Who consumed it.
    pub run: RunId,
    /// Which attempt of it.
    pub attempt: u32,
    /// Which agent did it.
    pub agent: String,
    /// The model's name as the vendor says it.
    pub model: String,
    /// The day in the zone that is configured: `2026-11-21`.
    pub day: String,
    /// Tokens.
    pub tokens: Tokens,
    /// Millionths of a dollar; `None` when the price is not known.
    pub cost_micros: Option<u64>,
    /// Where the price is from: `vendor`, `table`, `unknown`.
    pub priced: String,
}

/// Which rows of the books are meant; all of them without any word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageFilter {
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this model; `claude-opus-*` means all that begin so.
    pub model: Option<String>,
}

impl UsageFilter {
    /// As a condition, and the values for its question marks.
    pub(crate) fn terms(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let mut terms = vec!["1"];
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        if let Some(since) = self.since {
            terms.push("at >= ?");
            values.push(Box::new(micros(since)));
        }
        if let Some(until) = self.until {
            terms.push("at < ?");
            values.push(Box::new(micros(until)));
        }
        if let Some(run) = self.run {
            terms.push("run = ?");
            values.push(Box::new(*run.uuid().as_bytes()));
        }
        if let Some(agent) = &self.agent {
            terms.push("agent = ?");
            values.push(Box::new(agent.clone()));
        }
        match self.model.as_deref().map(|model| (model.strip_suffix('*'), model)) {
            None => {}
            Some((Some(prefix), _)) => {
                terms.push("substr(model, 1, length(?)) = ?");
                values.push(Box::new(prefix.to_owned()));
                values.push(Box::new(prefix.to_owned()));
            }
            Some((None, model)) => {
                terms.push("model = ?");
                values.push(Box::new(model.to_owned()));
            }
        }
        (terms.join(" AND "), values)
    }
}

/// By what the books are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageBy {
    /// By agent.
    Agent,
    /// By model.
    Model,
    /// By run; the newest first.
    Run,
    /// By day; the newest first.
    Day,
}

/// A sum over rows that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageGroup {
    /// What they have in common: an agent, a model, a run's id, a day.
    pub key: String,
    /// Tokens.
    pub tokens: Tokens,
    /// The cost of the rows that have one.
    pub cost_micros: u64,
    /// How many rows there are.
    pub rows: u64,
    /// How many rows have no known price: the cost is a lower bound when this is not 0.
    pub rows_without_price: u64,
}

/// What was booked, over all that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Millionths of a dollar.
    pub micros: u64,
    /// Tokens of all classes.
    pub tokens: u64,
    /// Rows without a known price.
    pub unpriced: u64,
}

/// A sum over rows of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSum {
    /// The model.
    pub model: String,
    /// Tokens.
    pub tokens: Tokens,
    /// The cost of the rows that have one.
    pub cost_micros: u64,
    /// How many rows have no known price: the cost is a lower bound when this is not 0.
    pub rows_without_price: u64,
}

/// Reading usage.
pub trait ReadUsage {
    /// What a run consumed, by model.
    fn usage(&self, run: RunId) -> Result<Vec<UsageSum>, Error>;

    /// What all runs consumed since then, by model.
    fn usage_totals(&self, since: Timestamp) -> Result<Vec<UsageSum>, Error>;

    /// The books, summed up; at most so many groups.
    fn usage_by(
        &self,
        by: UsageBy,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<UsageGroup>, Error>;

    /// Grows with every booking.
    fn usage_mark(&self) -> Result<u64, Error>;

    /// What was booked, in one sum.
    fn spent(&self, filter: &UsageFilter) -> Result<Spent, Error>;

    /// Which runs these rows belong to, the newest first; at most so many.
    fn usage_runs(&self, filter: &UsageFilter, limit: usize) -> Result<Vec<RunId>, Error>;
}

/// Writing usage.
pub trait WriteUsage {
    /// Adds what was consumed since the last row; rows are summed, never replaced.
    fn put_usage(&mut self, usage: &UsageRow) -> Result<(), Error>;
}

const SUMS: &str = "SELECT model, sum(fresh_input), sum(cache_read), sum(cache_write), sum(output),
    coalesce(sum(cost_micros), 0), count(*) - count(cost_micros) FROM usage";

fn sum(row: &Row<'_>) -> Result<UsageSum, Error> {
    Ok(UsageSum {
        model: row.get(0)?,
        tokens: Tokens {
            fresh_input: natural(row.get(1)?)?,
            cache_read: natural(row.get(2)?)?,
            cache_write: natural(row.get(3)?)?,
            output: natural(row.get(4)?)?,
        },
        cost_micros: natural(row.get(5)?)?,
        rows_without_price: natural(row.get(6)?)?,
    })
}

impl<R: Rows> ReadUsage for R {
    fn usage(&self, run: RunId) -> Result<Vec<UsageSum>, Error> {
        let sql = format!("{SUMS} WHERE run = ?1 GROUP BY model ORDER BY model");
        let mut statement = self.connection().prepare_cached(&sql)?;
        statement.query_and_then([run.uuid().as_bytes()], sum)?.collect()
    }

    fn usage_totals(&self, since: Timestamp) -> Result<Vec<UsageSum>, Error> {
        let sql = format!("{SUMS} WHERE at >= ?1 GROUP BY model ORDER BY model");
        let mut statement = self.connection().prepare_cached(&sql)?;
        statement.query_and_then([micros(since)], sum)?.collect()
    }

    fn usage_by(
        &self,
        by: UsageBy,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<UsageGroup>, Error> {
        // The newest first where there is an order of time: an id of a run begins with its time.
        let (key, order) = match by {
            UsageBy::Agent => ("agent", "agent"),
            UsageBy::Model => ("model", "model"),
            UsageBy::Run => ("run", "run DESC"),
            UsageBy::Day => ("day", "day DESC"),
        };
        let (terms, mut values) = filter.terms();
        values.push(Box::new(crate::value::limit(limit)));
        let sql = format!(
            "SELECT {key}, sum(fresh_input), sum(cache_read), sum(cache_write), sum(output),
             coalesce(sum(cost_micros), 0), count(*), count(*) - count(cost_micros) FROM usage
             WHERE {terms} GROUP BY {key} ORDER BY {order} LIMIT ?"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        statement.query_and_then(params_from_iter(values), |row| group(by, row))?.collect()
    }

    fn usage_mark(&self) -> Result<u64, Error> {
        let mut statement =
            self.connection().prepare_cached("SELECT coalesce(max(id), 0) FROM usage")?;
        natural(statement.query_row([], |row| row.get(0))?)
    }

    fn spent(&self, filter: &UsageFilter) -> Result<Spent, Error> {
        let (terms, values) = filter.terms();
        let sql = format!(
            "SELECT coalesce(sum(cost_micros), 0),
             coalesce(sum(fresh_input + cache_read + cache_write + output), 0),
             count(*) - count(cost_micros) FROM usage WHERE {terms}"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let sums: (i64, i64, i64) = statement.query_row(params_from_iter(values), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        Ok(Spent { micros: natural(sums.0)?, tokens: natural(sums.1)?, unpriced: natural(sums.2)? })
    }

    fn usage_runs(&self, filter: &UsageFilter, limit: usize) -> Result<Vec<RunId>, Error> {
        let (terms, mut values) = filter.terms();
        values.push(Box::new(crate::value::limit(limit)));
        let sql = format!("SELECT DISTINCT run FROM usage WHERE {terms} ORDER BY run DESC LIMIT ?");
        let mut statement = self.connection().prepare_cached(&sql)?;
        let rows =
            statement.query_map(params_from_iter(values), |row| row.get::<_, [u8; 16]>(0))?;
        rows.map(|row| Ok(RunId::new(uuid(row?)))).collect()
    }
}

fn group(by: UsageBy, row: &Row<'_>) -> Result<UsageGroup, Error> {
    let key = match by {
        UsageBy::Run => RunId::new(uuid(row.get(0)?)).to_string(),
        UsageBy::Agent | UsageBy::Model | UsageBy::Day => row.get(0)?,
    };
    Ok(UsageGroup {
        key,
        tokens: Tokens {
            fresh_input: natural(row.get(1)?)?,
            cache_read: natural(row.get(2)?)?,
            cache_write: natural(row.get(3)?)?,
            output: natural(row.get(4)?)?,
        },
        cost_micros: natural(row.get(5)?)?,
        rows: natural(row.get(6)?)?,
        rows_without_price: natural(row.get(7)?)?,
    })
}

impl WriteUsage for Tx<'_> {
    fn put_usage(&mut self, usage: &UsageRow) -> Result<(), Error> {
        let now = micros(self.now());
        let tokens = usage.tokens;
        self.connection
            .prepare_cached(
                "INSERT INTO usage (run, at, model, fresh_input, cache_read, cache_write, output,
                   cost_micros, agent, attempt, day, priced)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                usage.run.uuid().as_bytes(),
                now,
                usage.model,
                int(tokens.fresh_input)?,
                int(tokens.cache_read)?,
                int(tokens.cache_write)?,
                int(tokens.output)?,
                usage.cost_micros.map(int).transpose()?,
                usage.agent,
                usage.attempt,
                usage.day,
                usage.priced,
            ])?;
        Ok(())
    }
}
