//! Login sessions. Only a hash of the secret is kept, so that a stolen database logs nobody in.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{micros, timestamp};
use crate::writer::Tx;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

/// One login session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRow {
    /// Hash of the secret that the client holds.
    pub id_hash: Vec<u8>,
    /// What it may be used for: dashboard, run token.
    pub kind: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen: Timestamp,
    /// From then on it is void.
    pub expires_at: Timestamp,
}

/// Reading login sessions.
pub trait ReadLogins {
    /// One session, also when it has expired: the caller compares with its clock.
    fn login(&self, id_hash: &[u8]) -> Result<Option<LoginRow>, Error>;
}

/// Writing login sessions.
pub trait WriteLogins {
    /// Makes or replaces a session.
    fn put_login(&mut self, login: &LoginRow) -> Result<(), Error>;

    /// Ends a session; false when there was none.
    fn remove_login(&mut self, id_hash: &[u8]) -> Result<bool, Error>;

    /// Removes what has expired by then and says how many.
    fn prune_logins(&mut self, now: Timestamp) -> Result<usize, Error>;
}

impl<R: Rows> ReadLogins for R {
    fn login(&self, id_hash: &[u8]) -> Result<Option<LoginRow>, Error> {
        let row = self
            .connection()
            .prepare_cached(
                "SELECT kind, created_at, last_seen, expires_at FROM login WHERE id_hash = ?1",
            )?
            .query_row([id_hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        row.map(|(kind, created_at, last_seen, expires_at)| {
            Ok(LoginRow {
                id_hash: id_hash.to_vec(),
                kind,
                created_at: timestamp(created_at)?,
                last_seen: timestamp(last_seen)?,
                expires_at: timestamp(expires_at)?,
            })
        })
        .transpose()
    }
}

impl WriteLogins for Tx<'_> {
    fn put_login(&mut self, login: &LoginRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO login (id_hash, kind, created_at, last_seen, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id_hash) DO UPDATE SET kind = excluded.kind,
                   created_at = excluded.created_at, last_seen = excluded.last_seen,
                   expires_at = excluded.expires_at",
            )?
            .execute(params![
                login.id_hash,
                login.kind,
                micros(login.created_at),
                micros(login.last_seen),
                micros(login.expires_at),
            ])?;
        Ok(())
    }

    fn remove_login(&mut self, id_hash: &[u8]) -> Result<bool, Error> {
        let removed = self
            .connection
            .prepare_cached("DELETE FROM login WHERE id_hash = ?1")?
            .execute([id_hash])?;
        Ok(removed > 0)
    }

    fn prune_logins(&mut self, now: Timestamp) -> Result<usize, Error> {
        Ok(self
            .connection
            .prepare_cached("DELETE FROM login WHERE expires_at <= ?1")?
            .execute([micros(now)])?)
    }
}
