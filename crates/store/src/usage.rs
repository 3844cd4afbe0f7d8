//! Usage: what runs consumed, in four disjoint classes.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, micros, natural};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::RunId;
use rusqlite::{Row, params};

/// What one run consumed of one model at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Who consumed it.
    pub run: RunId,
    /// The model's name as the vendor says it.
    pub model: String,
    /// Tokens.
    pub tokens: Tokens,
    /// Millionths of a dollar; `None` when the price is not known.
    pub cost_micros: Option<u64>,
}

/// Tokens in four classes; none is counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Read by the model for the first time.
    pub fresh_input: u64,
    /// Read from the vendor's cache.
    pub cache_read: u64,
    /// Written into the vendor's cache.
    pub cache_write: u64,
    /// Written by the model.
    pub output: u64,
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
}

impl WriteUsage for Tx<'_> {
    fn put_usage(&mut self, usage: &UsageRow) -> Result<(), Error> {
        let now = micros(self.now());
        let tokens = usage.tokens;
        self.connection
            .prepare_cached(
                "INSERT INTO usage (run, at, model, fresh_input, cache_read, cache_write, output,
                   cost_micros) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
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
            ])?;
        Ok(())
    }
}
