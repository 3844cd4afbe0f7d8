//! Units: one row for each long-lived thing. What a unit is, only the core knows.

use crate::error::Error;
use crate::interface::Rows;
use crate::writer::Tx;
use rusqlite::{OptionalExtension, Row};

/// One unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRow {
    /// Its name.
    pub name: String,
    /// Its state's word, beside the body so that it can be asked for.
    pub state: String,
    /// The core's record, as JSON.
    pub body: String,
}

/// Reading units.
pub trait ReadUnits {
    /// All units, by name.
    fn units(&self) -> Result<Vec<UnitRow>, Error>;

    /// One unit.
    fn unit(&self, name: &str) -> Result<Option<UnitRow>, Error>;
}

/// Writing units.
pub trait WriteUnits {
    /// Makes or replaces a unit's row.
    fn put_unit(&mut self, unit: &UnitRow) -> Result<(), Error>;

    /// Removes it; false when there was none.
    fn remove_unit(&mut self, name: &str) -> Result<bool, Error>;
}

fn unit(row: &Row<'_>) -> rusqlite::Result<UnitRow> {
    Ok(UnitRow { name: row.get(0)?, state: row.get(1)?, body: row.get(2)? })
}

impl<R: Rows> ReadUnits for R {
    fn units(&self) -> Result<Vec<UnitRow>, Error> {
        let mut statement =
            self.connection().prepare_cached("SELECT name, state, body FROM unit ORDER BY name")?;
        Ok(statement.query_map([], unit)?.collect::<Result<_, _>>()?)
    }

    fn unit(&self, name: &str) -> Result<Option<UnitRow>, Error> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT name, state, body FROM unit WHERE name = ?1")?;
        Ok(statement.query_row([name], unit).optional()?)
    }
}

impl WriteUnits for Tx<'_> {
    fn put_unit(&mut self, unit: &UnitRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO unit (name, state, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET state = excluded.state, body = excluded.body",
            )?
            .execute((&unit.name, &unit.state, &unit.body))?;
        Ok(())
    }

    fn remove_unit(&mut self, name: &str) -> Result<bool, Error> {
        let removed =
            self.connection.prepare_cached("DELETE FROM unit WHERE name = ?1")?.execute([name])?;
        Ok(removed > 0)
    }
}
