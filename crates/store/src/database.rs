//! Opening `state.db`: rights, settings, schema.

use crate::error::Error;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Marks the file as ours (`ORKT`); set by the first migration.
const APPLICATION_ID: i64 = 0x4F52_4B54;

/// Statements repeat; parsing them costs more than running them.
const STATEMENTS_CACHED: usize = 128;

/// How long to wait for another process; our own threads never write at the same time.
const BUSY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

/// Opens one connection with the settings that all of them share.
pub(crate) fn connect(path: &Path, mode: Mode) -> Result<Connection, Error> {
    let access = match mode {
        // The file exists by now: a missing one must not be made anew in silence.
        Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Mode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.pragma_update(None, "foreign_keys", true)?;
    if mode == Mode::Write {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // On macOS a plain fsync leaves the data in the drive's cache; elsewhere this does nothing.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // Always, not only while erasing: moving a row within the file leaves a copy otherwise.
        connection.pragma_update(None, "secure_delete", true)?;
        // After a burst the log is cut back instead of keeping its largest size for ever.
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    }
    Ok(connection)
}

/// Opens a database that nobody writes, without leaving a trace beside it.
pub(crate) fn connect_immutable(path: &Path) -> Result<Connection, Error> {
    let mut address = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                address.push(char::from(byte));
            }
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(address, flags)?)
}

/// Whether the database of a home, if there is one, is not newer than this program. Nothing is
/// written.
///
/// # Errors
/// It is newer, or cannot be read.
pub fn refuse_newer(home: &Path) -> Result<(), Error> {
    let path = home.join("state.db");
    if !path.exists() {
        return Ok(());
    }
    let (found, known) = (version_of(&connect(&path, Mode::Read)?)?, schema_version());
    if found > known { Err(Error::Newer { found, known }) } else { Ok(()) }
}

/// The schema version of an open database.
pub(crate) fn version_of(connection: &Connection) -> Result<u32, Error> {
    let sql = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Makes the file if it is missing, refuses what is not ours or newer, and brings the schema up to date.
pub(crate) fn prepare(home: &Path, path: &Path) -> Result<Connection, Error> {
    crate::blob::make_folder(home).map_err(|error| Error::file("making the home", &error))?;
    private_file(path).map_err(|error| Error::file("making the database", &error))?;
    check_version(path)?;
    let mut connection = connect(path, Mode::Write)?;
    embedded::migrations::runner().run(&mut connection).map_err(migration_error)?;
    Ok(connection)
}

/// Moves the write-ahead log into the database and cuts it to nothing; false when a reader still
/// needs it. It does not wait for readers, for all commands would wait with it.
pub(crate) fn empty_log(connection: &Connection) -> Result<bool, Error> {
    connection.busy_timeout(Duration::ZERO)?;
    let busy =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY)?;
    Ok(busy? == 0)
}

/// The newest schema version this program knows.
pub fn schema_version() -> u32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| u32::try_from(migration.version()).unwrap_or(u32::MAX))
        .max()
        .unwrap_or(0)
}

/// Looks before anything is written: a newer database must stay exactly as it is.
fn check_version(path: &Path) -> Result<(), Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    // Closing would write the log of a crashed newer program into its database.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let tables: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
        [],
        |row| row.get(0),
    )?;
    if tables == 0 {
        return Ok(());
    }
    let history: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if history.is_none() {
        return Err(Error::Foreign(path.to_owned()));
    }
    let found: u32 = connection.query_row(
        "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )?;
    let known = schema_version();
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if found > 0 && application != APPLICATION_ID {
        return Err(Error::Foreign(path.to_owned()));
    }
    if found > 0 && found < known {
        keep_copy(&connection, path, found)?;
    }
    Ok(())
}

/// An upgrade can always be undone by hand: the old database stays beside the new one.
fn keep_copy(connection: &Connection, path: &Path, version: u32) -> Result<(), Error> {
    let copy = path.with_extension(format!("v{version}.db"));
    match fs::remove_file(&copy) {
        // Left by an upgrade that was interrupted before it changed anything.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::file("replacing the copy before the upgrade", &error));
        }
        Ok(()) | Err(_) => {}
    }
    private_file(&copy).map_err(|error| Error::file("copying before the upgrade", &error))?;
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    Ok(())
}

/// Only the owner may read the file; SQLite gives `-wal` and `-shm` the same rights.
fn private_file(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    drop(file);
    Ok(())
}

fn migration_error(error: refinery::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(rusqlite::Error::SqliteFailure(failure, text)) = inner.downcast_ref() {
            let known = Error::from(rusqlite::Error::SqliteFailure(*failure, text.clone()));
            if !matches!(known, Error::Sql(_)) {
                return known;
            }
        }
        cause = inner.source();
    }
    Error::Migration(Arc::new(error))
}
