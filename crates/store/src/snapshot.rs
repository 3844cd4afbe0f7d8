//! Snapshots of the work: the rows of the tables below as they were at one time, and putting them
//! back. Runs, events, usage and what happened in the outer world are no part of it: they happened.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{hex, int, limit, micros, natural, timestamp, unhex, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::SnapshotId;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What belongs to the work, in the order in which it can be put back.
const TABLES: &[&str] =
    &["agent_note", "project", "session", "task", "task_dependency", "review", "vote", "ballot"];

/// Those that this database has.
fn tables(connection: &Connection) -> Result<Vec<&'static str>, Error> {
    let mut known = connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?;
    let mut found = Vec::new();
    for table in TABLES {
        if known.exists([table])? {
            found.push(*table);
        }
    }
    Ok(found)
}

/// A snapshot without its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    /// Its id.
    pub id: SnapshotId,
    /// When it was made.
    pub at: Timestamp,
    /// Why: `person`, `period`, `rate_limit`, `disconnect`, `before_restore`.
    pub reason: String,
    /// Who made it.
    pub by: String,
    /// The newest event that it knows of.
    pub seq: u64,
    /// How many rows it holds.
    pub rows: u64,
    /// SHA-256 of its rows.
    pub digest: String,
    /// How many rows of each table, as JSON.
    pub counts: String,
}

/// Reading snapshots.
pub trait ReadSnapshots {
    /// How many rows a snapshot would have now.
    fn work_rows(&self) -> Result<u64, Error>;

    /// The rows of the work now, as JSON: `{"TABLE": {"columns": […], "rows": [[…]]}}`.
    fn work(&self) -> Result<String, Error>;

    /// Snapshots, the newest first.
    fn snapshots(&self, limit: usize) -> Result<Vec<SnapshotRow>, Error>;

    /// Those whose id ends like this, at most ten.
    fn snapshot_by_suffix(&self, text: &str) -> Result<Vec<SnapshotRow>, Error>;

    /// The rows of a snapshot.
    fn snapshot_body(&self, id: SnapshotId) -> Result<Option<String>, Error>;
}

/// Writing snapshots.
pub trait WriteSnapshots {
    /// Takes a snapshot of what this command sees.
    fn take_snapshot(
        &mut self,
        id: SnapshotId,
        reason: &str,
        by: &str,
    ) -> Result<SnapshotRow, Error>;

    /// Keeps the newest; how many went.
    fn keep_snapshots(&mut self, keep: usize) -> Result<usize, Error>;

    /// Puts the rows of a snapshot in the place of those of now.
    fn put_back_snapshot(&mut self, id: SnapshotId) -> Result<(), Error>;
}

const COLUMNS: &str = "id, at, reason, made_by, seq, row_count, digest, counts";

fn snapshot(row: &Row<'_>) -> Result<SnapshotRow, Error> {
    Ok(SnapshotRow {
        id: SnapshotId::new(uuid(row.get(0)?)),
        at: timestamp(row.get(1)?)?,
        reason: row.get(2)?,
        by: row.get(3)?,
        seq: natural(row.get(4)?)?,
        rows: natural(row.get(5)?)?,
        digest: row.get(6)?,
        counts: row.get(7)?,
    })
}

fn value_of(value: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!({"real": number.to_string()}),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => return Err(Error::damaged("a text that is no UTF-8")),
        },
        ValueRef::Blob(bytes) => json!({"hex": hex(bytes)}),
    })
}

fn sql_of(value: &Value) -> Result<Sql, Error> {
    let damaged = || Error::damaged("a value of a snapshot");
    Ok(match value {
        Value::Null => Sql::Null,
        Value::Number(number) => Sql::Integer(number.as_i64().ok_or_else(damaged)?),
        Value::String(text) => Sql::Text(text.clone()),
        Value::Object(object) => {
            let text = |key: &str| object.get(key).and_then(Value::as_str);
            match (text("hex"), text("real")) {
                (Some(digits), _) => Sql::Blob(unhex(digits).ok_or_else(damaged)?),
                (None, Some(number)) => Sql::Real(number.parse().map_err(|_| damaged())?),
                (None, None) => return Err(damaged()),
            }
        }
        Value::Bool(_) | Value::Array(_) => return Err(damaged()),
    })
}

/// The rows of one table in the order of its key.
fn dump(connection: &Connection, table: &str) -> Result<(Vec<String>, Vec<Value>), Error> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT * FROM {table} ORDER BY 1, 2"))?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let count = columns.len();
    let rows = statement.query_and_then([], |row| {
        let values: Result<Vec<Value>, Error> =
            (0..count).map(|at| value_of(row.get_ref(at)?)).collect();
        Ok::<_, Error>(Value::Array(values?))
    })?;
    let rows: Result<Vec<Value>, Error> = rows.collect();
    Ok((columns, rows?))
}

fn dump_all(connection: &Connection) -> Result<(String, u64, Map<String, Value>), Error> {
    let (mut all_tables, mut counts, mut all) = (Map::new(), Map::new(), 0_u64);
    for table in tables(connection)? {
        let (columns, rows) = dump(connection, table)?;
        all += rows.len() as u64;
        counts.insert(table.to_owned(), json!(rows.len()));
        all_tables.insert(table.to_owned(), json!({"columns": columns, "rows": rows}));
    }
    Ok((Value::Object(all_tables).to_string(), all, counts))
}

fn digest(body: &str) -> String {
    hex(&Sha256::digest(body.as_bytes()))
}

impl<R: Rows> ReadSnapshots for R {
    fn work_rows(&self) -> Result<u64, Error> {
        let mut all = 0;
        for table in tables(self.connection())? {
            let sql = format!("SELECT count(*) FROM {table}");
            let count: i64 =
                self.connection().prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
            all += natural(count)?;
        }
        Ok(all)
    }

    fn work(&self) -> Result<String, Error> {
        Ok(dump_all(self.connection())?.0)
    }

    fn snapshots(&self, rows: usize) -> Result<Vec<SnapshotRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM snapshot ORDER BY id DESC LIMIT ?1");
        let mut statement = self.connection().prepare_cached(&sql)?;
        statement.query_and_then([limit(rows)], snapshot)?.collect()
    }

    fn snapshot_by_suffix(&self, text: &str) -> Result<Vec<SnapshotRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {COLUMNS} FROM snapshot WHERE reversed >= ?1 AND reversed < ?2
             ORDER BY id DESC LIMIT ?3"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        statement.query_and_then(params![from, to, suffix::MATCHES_MAX], snapshot)?.collect()
    }

    fn snapshot_body(&self, id: SnapshotId) -> Result<Option<String>, Error> {
        let mut statement =
            self.connection().prepare_cached("SELECT body, digest FROM snapshot WHERE id = ?1")?;
        let found = statement.query_and_then([id.uuid().as_bytes()], |row| {
            let (body, written): (String, String) = (row.get(0)?, row.get(1)?);
            if digest(&body) == written {
                Ok(body)
            } else {
                Err(Error::damaged(format!(
                    "the snapshot {id}: its rows are not those that were written"
                )))
            }
        })?;
        found.into_iter().next().transpose()
    }
}

impl WriteSnapshots for Tx<'_> {
    fn take_snapshot(
        &mut self,
        id: SnapshotId,
        reason: &str,
        by: &str,
    ) -> Result<SnapshotRow, Error> {
        let (body, rows, counts) = dump_all(self.connection)?;
        let row = SnapshotRow {
            id,
            at: self.now(),
            reason: reason.to_owned(),
            by: by.to_owned(),
            seq: self.head.seq,
            rows,
            digest: digest(&body),
            counts: Value::Object(counts).to_string(),
        };
        self.connection
            .prepare_cached(
                "INSERT INTO snapshot (id, reversed, at, reason, made_by, seq, row_count, digest,
                   counts, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                id.uuid().as_bytes(),
                suffix::reversed(id.uuid()),
                micros(row.at),
                row.reason,
                row.by,
                int(row.seq)?,
                int(row.rows)?,
                row.digest,
                row.counts,
                body,
            ])?;
        Ok(row)
    }

    fn keep_snapshots(&mut self, keep: usize) -> Result<usize, Error> {
        Ok(self
            .connection
            .prepare_cached(
                "DELETE FROM snapshot WHERE id NOT IN
                   (SELECT id FROM snapshot ORDER BY id DESC LIMIT ?1)",
            )?
            .execute([limit(keep)])?)
    }

    fn put_back_snapshot(&mut self, id: SnapshotId) -> Result<(), Error> {
        let body = self
            .snapshot_body(id)?
            .ok_or_else(|| Error::Invalid(format!("there is no snapshot {id}")))?;
        let damaged = |what: &str| Error::damaged(format!("the snapshot {id}: {what}"));
        let kept: Map<String, Value> =
            serde_json::from_str(&body).map_err(|_| damaged("it is no JSON"))?;
        let known = tables(self.connection)?;
        for table in known.iter().rev() {
            // One that an older version made lacks tables that came later: those stay as they are.
            if kept.contains_key(*table) {
                self.connection.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
            }
        }
        for table in known {
            let Some(found) = kept.get(table) else { continue };
            let columns: Vec<&str> = found
                .get("columns")
                .and_then(Value::as_array)
                .map(|columns| columns.iter().filter_map(Value::as_str).collect())
                .ok_or_else(|| damaged("its columns"))?;
            // Names stand in the statement, so only those that the table has may.
            let has = self
                .connection
                .prepare_cached(&format!("SELECT * FROM {table} LIMIT 0"))?
                .column_names()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>();
            if columns.iter().any(|column| !has.iter().any(|name| name == column)) {
                return Err(damaged("it has columns that are not known"));
            }
            let marks: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
            let sql = format!(
                "INSERT INTO {table} ({}) VALUES ({})",
                columns.join(", "),
                marks.join(", ")
            );
            let mut statement = self.connection.prepare_cached(&sql)?;
            for row in found.get("rows").and_then(Value::as_array).into_iter().flatten() {
                let values = row.as_array().ok_or_else(|| damaged("a row"))?;
                if values.len() != columns.len() {
                    return Err(damaged("a row"));
                }
                let values: Result<Vec<Sql>, Error> = values.iter().map(sql_of).collect();
                statement.execute(rusqlite::params_from_iter(values?))?;
            }
        }
        Ok(())
    }
}
