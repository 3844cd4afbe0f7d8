//! Instances: one life of one unit or run, with what is needed to recognise its process again.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{InstanceId, RunId};
use rusqlite::{Row, params};

/// Whose life it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A unit, by name.
    Unit(String),
    /// A run.
    Run(RunId),
}

impl Owner {
    fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Unit(name) => ("unit", name.clone()),
            Self::Run(id) => ("run", id.to_string()),
        }
    }

    fn read(kind: &str, owner: String) -> Result<Self, Error> {
        match kind {
            "unit" => Ok(Self::Unit(owner)),
            "run" => owner.parse().map(Self::Run).map_err(|_| Error::damaged("a run's id")),
            _ => Err(Error::damaged(format!("{kind:?} as the owner of an instance"))),
        }
    }
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    /// Which one.
    pub id: InstanceId,
    /// Whose life it is.
    pub owner: Owner,
    /// Which of the owner's wanted states it was started for.
    pub generation: u64,
    /// The boot in which it was started: a pid of an earlier boot means nothing.
    pub boot_id: String,
    /// Its process, once there is one.
    pub pid: Option<u32>,
    /// When that process started, in the kernel's ticks: pids are used again.
    pub start_time: Option<u64>,
    /// Its state's word.
    pub state: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When its end was committed; until then it is open.
    pub ended_at: Option<Timestamp>,
}

/// Reading instances.
pub trait ReadInstances {
    /// One instance.
    fn instance(&self, id: InstanceId) -> Result<Option<InstanceRow>, Error>;

    /// All whose end is not known, the oldest first.
    fn instances_open(&self) -> Result<Vec<InstanceRow>, Error>;

    /// The lives of one owner, the newest first.
    fn instances_of(&self, owner: &Owner, limit: usize) -> Result<Vec<InstanceRow>, Error>;
}

/// Writing instances.
pub trait WriteInstances {
    /// Makes or replaces an instance's row.
    fn put_instance(&mut self, instance: &InstanceRow) -> Result<(), Error>;
}

const COLUMNS: &str =
    "id, owner_kind, owner, generation, boot_id, pid, start_time, state, created_at, ended_at";

fn instance(row: &Row<'_>) -> Result<InstanceRow, Error> {
    let kind: String = row.get(1)?;
    Ok(InstanceRow {
        id: InstanceId::new(uuid(row.get(0)?)),
        owner: Owner::read(&kind, row.get(2)?)?,
        generation: natural(row.get(3)?)?,
        boot_id: row.get(4)?,
        pid: row.get(5)?,
        start_time: row.get::<_, Option<i64>>(6)?.map(natural).transpose()?,
        state: row.get(7)?,
        created_at: timestamp(row.get(8)?)?,
        ended_at: row.get::<_, Option<i64>>(9)?.map(timestamp).transpose()?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<InstanceRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM instance {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, instance)?.collect()
}

impl<R: Rows> ReadInstances for R {
    fn instance(&self, id: InstanceId) -> Result<Option<InstanceRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn instances_open(&self) -> Result<Vec<InstanceRow>, Error> {
        select(self, "WHERE ended_at IS NULL ORDER BY created_at, id", [])
    }

    fn instances_of(&self, owner: &Owner, limit: usize) -> Result<Vec<InstanceRow>, Error> {
        let (kind, name) = owner.columns();
        select(
            self,
            "WHERE owner_kind = ?1 AND owner = ?2 ORDER BY created_at DESC, id DESC LIMIT ?3",
            (kind, name, crate::value::limit(limit)),
        )
    }
}

impl WriteInstances for Tx<'_> {
    fn put_instance(&mut self, row: &InstanceRow) -> Result<(), Error> {
        let (kind, owner) = row.owner.columns();
        self.connection
            .prepare_cached(
                "INSERT INTO instance (id, owner_kind, owner, generation, boot_id, pid, start_time,
                   state, created_at, ended_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (id) DO UPDATE SET owner_kind = excluded.owner_kind,
                   owner = excluded.owner, generation = excluded.generation,
                   boot_id = excluded.boot_id, pid = excluded.pid,
                   start_time = excluded.start_time, state = excluded.state,
                   created_at = excluded.created_at, ended_at = excluded.ended_at",
            )?
            .execute(params![
                row.id.uuid().as_bytes(),
                kind,
                owner,
                int(row.generation)?,
                row.boot_id,
                row.pid,
                row.start_time.map(int).transpose()?,
                row.state,
                micros(row.created_at),
                row.ended_at.map(micros),
            ])?;
        Ok(())
    }
}
