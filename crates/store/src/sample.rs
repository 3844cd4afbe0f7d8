//! What units used, by the minute. Samples are measurements, not state: they have no events, and
//! what is old is overwritten by time (DESIGN: growth).

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, micros, natural, timestamp};
use crate::writer::Tx;
use jiff::Timestamp;
use rusqlite::params;

/// One minute of one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// The unit's name.
    pub unit: String,
    /// When the minute began.
    pub at: Timestamp,
    /// Percent of one core, on average.
    pub cpu_avg: f64,
    /// Percent of one core, at most.
    pub cpu_max: f64,
    /// Resident memory in bytes, on average.
    pub rss_avg: u64,
    /// Resident memory in bytes, at most.
    pub rss_max: u64,
    /// Processes, at most.
    pub processes: u32,
    /// Open descriptors, at most, when they were counted.
    pub descriptors: Option<u32>,
}

/// Reading samples.
pub trait ReadSamples {
    /// The minutes of a unit from a time on, oldest first, `limit` at most.
    fn samples(&self, unit: &str, from: Timestamp, limit: u32) -> Result<Vec<SampleRow>, Error>;
}

/// Writing samples.
pub trait WriteSamples {
    /// Adds minutes; one that is there already is replaced.
    fn put_samples(&mut self, samples: &[SampleRow]) -> Result<(), Error>;

    /// Removes what is older and says how many minutes that were.
    fn prune_samples(&mut self, before: Timestamp) -> Result<usize, Error>;
}

impl<R: Rows> ReadSamples for R {
    fn samples(&self, unit: &str, from: Timestamp, limit: u32) -> Result<Vec<SampleRow>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT at, cpu_avg, cpu_max, rss_avg, rss_max, processes, descriptors FROM sample
             WHERE unit = ?1 AND at >= ?2 ORDER BY at LIMIT ?3",
        )?;
        let mut rows = statement.query(params![unit, micros(from), limit])?;
        let mut samples = Vec::new();
        while let Some(row) = rows.next()? {
            samples.push(SampleRow {
                unit: unit.to_owned(),
                at: timestamp(row.get(0)?)?,
                cpu_avg: row.get(1)?,
                cpu_max: row.get(2)?,
                rss_avg: natural(row.get(3)?)?,
                rss_max: natural(row.get(4)?)?,
                processes: row.get(5)?,
                descriptors: row.get(6)?,
            });
        }
        Ok(samples)
    }
}

impl WriteSamples for Tx<'_> {
    fn put_samples(&mut self, samples: &[SampleRow]) -> Result<(), Error> {
        let mut statement = self.connection().prepare_cached(
            "INSERT OR REPLACE INTO sample
             (unit, at, cpu_avg, cpu_max, rss_avg, rss_max, processes, descriptors)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for sample in samples {
            statement.execute(params![
                sample.unit,
                micros(sample.at),
                sample.cpu_avg,
                sample.cpu_max,
                int(sample.rss_avg)?,
                int(sample.rss_max)?,
                sample.processes,
                sample.descriptors,
            ])?;
        }
        Ok(())
    }

    fn prune_samples(&mut self, before: Timestamp) -> Result<usize, Error> {
        let mut statement = self.connection().prepare_cached("DELETE FROM sample WHERE at < ?1")?;
        Ok(statement.execute([micros(before)])?)
    }
}
