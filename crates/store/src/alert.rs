//! Alerts: what somebody should hear of. What is in the body is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{limit, micros, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::AlertId;
use rusqlite::{Row, params};

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Which one.
    pub id: AlertId,
    /// What is wrong, and with whom.
    pub key: String,
    /// `open`, `settled`, `resolved`.
    pub state: String,
    /// How bad it is.
    pub level: String,
    /// The whole of it, as JSON.
    pub body: String,
    /// When it was raised.
    pub first_at: Timestamp,
    /// When its cause was seen last.
    pub last_at: Timestamp,
}

/// Reading alerts.
pub trait ReadAlerts {
    /// One alert.
    fn alert(&self, id: AlertId) -> Result<Option<AlertRow>, Error>;

    /// The newest alert of a key.
    fn alert_of(&self, key: &str) -> Result<Option<AlertRow>, Error>;

    /// Alerts in these states, the newest first.
    fn alerts(&self, states: &[&str], limit: usize) -> Result<Vec<AlertRow>, Error>;
}

/// Writing alerts.
pub trait WriteAlerts {
    /// Makes or replaces an alert.
    fn put_alert(&mut self, alert: &AlertRow) -> Result<(), Error>;

    /// Removes resolved alerts that ended before this, and says how many.
    fn prune_alerts(&mut self, before: Timestamp) -> Result<usize, Error>;
}

const COLUMNS: &str = "id, key, state, level, body, first_at, last_at";

fn alert(row: &Row<'_>) -> Result<AlertRow, Error> {
    Ok(AlertRow {
        id: AlertId::new(uuid(row.get(0)?)),
        key: row.get(1)?,
        state: row.get(2)?,
        level: row.get(3)?,
        body: row.get(4)?,
        first_at: timestamp(row.get(5)?)?,
        last_at: timestamp(row.get(6)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<AlertRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM alert {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, alert)?.collect()
}

impl<R: Rows> ReadAlerts for R {
    fn alert(&self, id: AlertId) -> Result<Option<AlertRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn alert_of(&self, key: &str) -> Result<Option<AlertRow>, Error> {
        Ok(select(self, "WHERE key = ?1 ORDER BY first_at DESC, id DESC LIMIT 1", [key])?.pop())
    }

    fn alerts(&self, states: &[&str], rows: usize) -> Result<Vec<AlertRow>, Error> {
        let mut all = Vec::new();
        for state in states {
            all.extend(select(
                self,
                "WHERE state = ?1 ORDER BY last_at DESC, id DESC LIMIT ?2",
                (*state, limit(rows)),
            )?);
        }
        all.sort_by_key(|row| std::cmp::Reverse((row.last_at, row.id)));
        all.truncate(rows);
        Ok(all)
    }
}

impl WriteAlerts for Tx<'_> {
    fn put_alert(&mut self, alert: &AlertRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO alert (id, key, state, level, body, first_at, last_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET key = excluded.key, state = excluded.state,
                   level = excluded.level, body = excluded.body, first_at = excluded.first_at,
                   last_at = excluded.last_at",
            )?
            .execute(params![
                alert.id.uuid().as_bytes(),
                alert.key,
                alert.state,
                alert.level,
                alert.body,
                micros(alert.first_at),
                micros(alert.last_at),
            ])?;
        Ok(())
    }

    fn prune_alerts(&mut self, before: Timestamp) -> Result<usize, Error> {
        Ok(self
            .connection
            .prepare_cached("DELETE FROM alert WHERE state = 'resolved' AND last_at < ?1")?
            .execute([micros(before)])?)
    }
}
