//! The call log: every attempt of a run and every call of a model's API, once each (MISSION row 89).

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::RunId;
use rusqlite::params;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// The same key is the same call, and is written down once.
    pub key: String,
    /// Who was called.
    pub agent: String,
    /// For which run.
    pub run: RunId,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Whether it went well.
    pub ok: bool,
    /// In one word: `ok`, `failed`, `cancelled`, an HTTP status.
    pub status: String,
    /// Tokens of all classes.
    pub tokens: u64,
}

/// What the log says of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallStats {
    /// Who.
    pub agent: String,
    /// All of them.
    pub calls: u64,
    /// Those that went well.
    pub ok: u64,
    /// Tokens of all classes.
    pub tokens: u64,
    /// The middle of their durations, in milliseconds.
    pub mean_ms: u64,
    /// Nineteen of twenty took no longer, in milliseconds.
    pub p95_ms: u64,
    /// When the last one ended.
    pub last_at: Option<Timestamp>,
}

/// Reading the log.
pub trait ReadCalls {
    /// What it says of each agent since then, by name.
    fn call_stats(&self, since: Timestamp) -> Result<Vec<CallStats>, Error>;

    /// The newest calls of an agent, the newest first.
    fn calls(&self, agent: &str, limit: usize) -> Result<Vec<CallRow>, Error>;
}

/// Writing the log.
pub trait WriteCalls {
    /// Writes down a call: false when it was written down before.
    fn put_call(&mut self, call: &CallRow) -> Result<bool, Error>;
}

impl<R: Rows> ReadCalls for R {
    fn call_stats(&self, since: Timestamp) -> Result<Vec<CallStats>, Error> {
        // The place of a quantile is by rank: the smallest duration that 95 % do not exceed.
        let mut statement = self.connection().prepare_cached(
            "WITH ranked AS (SELECT agent, ms, ok, tokens, at,
               row_number() OVER (PARTITION BY agent ORDER BY ms) AS rank,
               count(*) OVER (PARTITION BY agent) AS calls
               FROM agent_call WHERE at >= ?1)
             SELECT agent, count(*), sum(ok), sum(tokens), sum(ms) / count(*),
               min(CASE WHEN rank * 100 >= calls * 95 THEN ms END), max(at)
             FROM ranked GROUP BY agent ORDER BY agent",
        )?;
        statement
            .query_and_then([micros(since)], |row| {
                Ok(CallStats {
                    agent: row.get(0)?,
                    calls: natural(row.get(1)?)?,
                    ok: natural(row.get(2)?)?,
                    tokens: natural(row.get(3)?)?,
                    mean_ms: natural(row.get(4)?)?,
                    p95_ms: natural(row.get(5)?)?,
                    last_at: Some(timestamp(row.get(6)?)?),
                })
            })?
            .collect()
    }

    fn calls(&self, agent: &str, limit: usize) -> Result<Vec<CallRow>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT key, agent, run, at, ms, ok, status, tokens FROM agent_call WHERE agent = ?1
             ORDER BY at DESC, key LIMIT ?2",
        )?;
        statement
            .query_and_then((agent, crate::value::limit(limit)), |row| {
                Ok(CallRow {
                    key: row.get(0)?,
                    agent: row.get(1)?,
                    run: RunId::new(uuid(row.get(2)?)),
                    at: timestamp(row.get(3)?)?,
                    ms: natural(row.get(4)?)?,
                    ok: row.get(5)?,
                    status: row.get(6)?,
                    tokens: natural(row.get(7)?)?,
                })
            })?
            .collect()
    }
}

impl WriteCalls for Tx<'_> {
    fn put_call(&mut self, call: &CallRow) -> Result<bool, Error> {
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO agent_call (key, agent, run, at, ms, ok, status, tokens)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                call.key,
                call.agent,
                call.run.uuid().as_bytes(),
                micros(call.at),
                int(call.ms)?,
                call.ok,
                call.status,
                int(call.tokens)?,
            ])?;
        Ok(inserted > 0)
    }
}
