//! Budgets: those set by hand, what was told of each, overrides, and promises to calls under way.

use crate::error::Error;
use crate::interface::Rows;
use crate::usage::UsageFilter;
use crate::value::{int, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::RunId;
use rusqlite::params;

/// A budget or an override: what is in the body is the core's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRow {
    /// Its name.
    pub name: String,
    /// The core's record, as JSON.
    pub body: String,
}

/// What is promised to a call that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The same key is the same call.
    pub key: String,
    /// Whose.
    pub run: RunId,
    /// Its agent.
    pub agent: String,
    /// The model that is called.
    pub model: String,
    /// Millionths of a dollar that it will cost; 0 when that is not known.
    pub micros: u64,
    /// Tokens that it will take.
    pub tokens: u64,
    /// It is void from then on.
    pub expires_at: Timestamp,
}

/// Reading budgets.
pub trait ReadBudgets {
    /// Those set by hand, by name.
    fn budgets(&self) -> Result<Vec<BudgetRow>, Error>;

    /// All overrides, by the budget's name.
    fn budget_overrides(&self) -> Result<Vec<BudgetRow>, Error>;

    /// What was told of a budget: the window's key and the share, in percent.
    fn budget_told(&self, budget: &str) -> Result<Vec<(String, u8)>, Error>;

    /// The promise to a call, also one that is void.
    fn reservation(&self, key: &str) -> Result<Option<Reservation>, Error>;

    /// What is promised at that time, in millionths of a dollar and in tokens; the filter's times
    /// do not matter.
    fn reserved(&self, filter: &UsageFilter, at: Timestamp) -> Result<(u64, u64), Error>;
}

/// Writing budgets.
pub trait WriteBudgets {
    /// Makes or replaces a budget.
    fn put_budget(&mut self, row: &BudgetRow) -> Result<(), Error>;

    /// Removes a budget with all that was told of it; false when there was none.
    fn remove_budget(&mut self, name: &str) -> Result<bool, Error>;

    /// Makes, replaces or (without a body) removes an override.
    fn put_budget_override(&mut self, name: &str, body: Option<&str>) -> Result<(), Error>;

    /// Notes that a share was told: false when it was told in that window before.
    fn tell_budget(&mut self, budget: &str, period: &str, share: u8) -> Result<bool, Error>;

    /// Forgets what was told in a window that is over, or of a budget that changed.
    fn forget_budget_told(&mut self, budget: &str, period: &str) -> Result<(), Error>;

    /// Promises something to a call, and forgets promises that are void.
    fn reserve(&mut self, reservation: &Reservation) -> Result<(), Error>;

    /// The call is over.
    fn release_reservation(&mut self, key: &str) -> Result<(), Error>;

    /// A call of this run was booked: its oldest promise is kept.
    fn release_oldest_reservation(&mut self, run: RunId) -> Result<(), Error>;
}

fn rows<R: Rows>(of: &R, sql: &str) -> Result<Vec<BudgetRow>, Error> {
    let mut statement = of.connection().prepare_cached(sql)?;
    let rows =
        statement.query_map([], |row| Ok(BudgetRow { name: row.get(0)?, body: row.get(1)? }))?;
    rows.map(|row| row.map_err(Error::from)).collect()
}

impl<R: Rows> ReadBudgets for R {
    fn budgets(&self) -> Result<Vec<BudgetRow>, Error> {
        rows(self, "SELECT name, body FROM budget ORDER BY name")
    }

    fn budget_overrides(&self) -> Result<Vec<BudgetRow>, Error> {
        rows(self, "SELECT budget, body FROM budget_override ORDER BY budget")
    }

    fn budget_told(&self, budget: &str) -> Result<Vec<(String, u8)>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT period, share FROM budget_told WHERE budget = ?1 ORDER BY period, share",
        )?;
        let rows = statement.query_map([budget], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| row.map_err(Error::from)).collect()
    }

    fn reservation(&self, key: &str) -> Result<Option<Reservation>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT key, run, agent, model, micros, tokens, expires_at FROM reservation
             WHERE key = ?1",
        )?;
        let found: Result<Vec<_>, Error> = statement
            .query_and_then([key], |row| {
                Ok(Reservation {
                    key: row.get(0)?,
                    run: RunId::new(uuid(row.get(1)?)),
                    agent: row.get(2)?,
                    model: row.get(3)?,
                    micros: natural(row.get(4)?)?,
                    tokens: natural(row.get(5)?)?,
                    expires_at: timestamp(row.get(6)?)?,
                })
            })?
            .collect();
        Ok(found?.pop())
    }

    fn reserved(&self, filter: &UsageFilter, at: Timestamp) -> Result<(u64, u64), Error> {
        let (terms, mut values) =
            UsageFilter { since: None, until: None, ..filter.clone() }.terms();
        values.push(Box::new(micros(at)));
        let sql = format!(
            "SELECT coalesce(sum(micros), 0), coalesce(sum(tokens), 0) FROM reservation
             WHERE {terms} AND expires_at > ?"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let sums: (i64, i64) = statement
            .query_row(rusqlite::params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((natural(sums.0)?, natural(sums.1)?))
    }
}

impl WriteBudgets for Tx<'_> {
    fn put_budget(&mut self, row: &BudgetRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO budget (name, body) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            )?
            .execute((&row.name, &row.body))?;
        Ok(())
    }

    fn remove_budget(&mut self, name: &str) -> Result<bool, Error> {
        let removed = self
            .connection
            .prepare_cached("DELETE FROM budget WHERE name = ?1")?
            .execute([name])?;
        for sql in [
            "DELETE FROM budget_told WHERE budget = ?1",
            "DELETE FROM budget_override WHERE budget = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([name])?;
        }
        Ok(removed > 0)
    }

    fn put_budget_override(&mut self, name: &str, body: Option<&str>) -> Result<(), Error> {
        match body {
            Some(body) => self
                .connection
                .prepare_cached(
                    "INSERT INTO budget_override (budget, body) VALUES (?1, ?2)
                     ON CONFLICT (budget) DO UPDATE SET body = excluded.body",
                )?
                .execute((name, body))?,
            None => self
                .connection
                .prepare_cached("DELETE FROM budget_override WHERE budget = ?1")?
                .execute([name])?,
        };
        Ok(())
    }

    fn tell_budget(&mut self, budget: &str, period: &str, share: u8) -> Result<bool, Error> {
        let now = micros(self.now());
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO budget_told (budget, period, share, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )?
            .execute((budget, period, share, now))?;
        Ok(inserted > 0)
    }

    fn forget_budget_told(&mut self, budget: &str, period: &str) -> Result<(), Error> {
        self.connection
            .prepare_cached("DELETE FROM budget_told WHERE budget = ?1 AND period = ?2")?
            .execute((budget, period))?;
        Ok(())
    }

    fn reserve(&mut self, reservation: &Reservation) -> Result<(), Error> {
        let now = micros(self.now());
        self.connection
            .prepare_cached("DELETE FROM reservation WHERE expires_at <= ?1")?
            .execute([now])?;
        self.connection
            .prepare_cached(
                "INSERT INTO reservation (key, run, agent, model, micros, tokens, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (key) DO UPDATE SET micros = excluded.micros,
                   tokens = excluded.tokens, expires_at = excluded.expires_at",
            )?
            .execute(params![
                reservation.key,
                reservation.run.uuid().as_bytes(),
                reservation.agent,
                reservation.model,
                int(reservation.micros)?,
                int(reservation.tokens)?,
                micros(reservation.expires_at),
            ])?;
        Ok(())
    }

    fn release_reservation(&mut self, key: &str) -> Result<(), Error> {
        self.connection.prepare_cached("DELETE FROM reservation WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    fn release_oldest_reservation(&mut self, run: RunId) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "DELETE FROM reservation WHERE key = (SELECT key FROM reservation WHERE run = ?1
                   ORDER BY expires_at, key LIMIT 1)",
            )?
            .execute([run.uuid().as_bytes()])?;
        Ok(())
    }
}
