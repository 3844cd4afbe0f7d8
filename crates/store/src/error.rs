//! What can go wrong in the store, told apart by what the caller can do about it.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// An error of the store. It is `Clone` because one failed commit answers many commands.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database was written by a later version of Orkestra.
    #[error("the database has schema version {found}, this program knows {known}; use a newer one")]
    Newer {
        /// The version of the file.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// The file is a database of some other program.
    #[error("{} is not a database of Orkestra", .0.display())]
    Foreign(PathBuf),
    /// The file or a row is not what was written.
    #[error("the database is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the database up to date")]
    Migration(#[source] Source),
    /// No space is left for the database or a blob.
    #[error("the disk is full; nothing was written")]
    Full,
    /// The database or its folder cannot be written.
    #[error("the database cannot be written (read-only file system or missing rights)")]
    ReadOnly,
    /// Reading or writing failed below the database.
    #[error("input or output failed: {what}")]
    Io {
        /// What was being done.
        what: String,
    },
    /// Another process holds the database.
    #[error("the database is held by another process")]
    Busy,
    /// A value is above its limit.
    #[error("{what} has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A value that the store cannot take.
    #[error("not valid: {0}")]
    Invalid(String),
    /// There is no such row.
    #[error("there is no {what} {name}")]
    NotFound {
        /// The topic.
        what: &'static str,
        /// Which one.
        name: String,
    },
    /// The row exists already with other content, or is in the wrong state.
    #[error("conflict: {0}")]
    Conflict(String),
    /// A result came with a fencing number that is no longer the current one.
    #[error("stale: fencing number {given} was given, {current} is current")]
    Stale {
        /// The number that came.
        given: u64,
        /// The number that counts.
        current: u64,
    },
    /// A command panicked; it was rolled back alone.
    #[error("a command panicked: {0}")]
    Panicked(String),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// The caller's own reason to roll its command back.
    #[error("refused by the command")]
    Refused(#[source] Source),
    /// Anything else from the database.
    #[error("the database refused a statement")]
    Sql(#[source] Arc<rusqlite::Error>),
}

impl Error {
    /// Wraps the caller's own error, so that a command can roll itself back with it.
    pub fn refused(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Refused(Arc::new(error))
    }

    pub(crate) fn damaged(what: impl Display) -> Self {
        Self::Damaged { what: what.to_string() }
    }

    /// Whether the connection should be thrown away: the fault may lie in its open files.
    pub(crate) fn spoils_connection(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::ReadOnly | Self::Damaged { .. } | Self::Sql(_))
    }

    pub(crate) fn file(what: impl Display, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Io { what: format!("{what}: {error}") },
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match &error {
            rusqlite::Error::SqliteFailure(failure, text) => {
                let what = || text.clone().unwrap_or_else(|| failure.to_string());
                match failure.code {
                    Code::DiskFull => Self::Full,
                    Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied => Self::ReadOnly,
                    Code::SystemIoFailure => Self::Io { what: what() },
                    Code::DatabaseCorrupt | Code::NotADatabase => Self::Damaged { what: what() },
                    Code::DatabaseBusy | Code::DatabaseLocked => Self::Busy,
                    Code::ConstraintViolation => Self::Conflict(what()),
                    _ => Self::Sql(Arc::new(error)),
                }
            }
            // A value of another type than we wrote: the file was changed from outside.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::damaged(&error),
            _ => Self::Sql(Arc::new(error)),
        }
    }
}
