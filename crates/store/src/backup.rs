//! Backups: the database as it is at one moment, the blobs that it names, and files that belong to
//! it, in one folder with a manifest.
//!
//! **Invariant:** a folder that has a manifest is whole: it is made under another name, synced,
//! and renamed at the end.

use crate::blob::make_folder;
use crate::database::{self, Mode};
use crate::error::Error;
use crate::journal::read_head;
use crate::value::hex;
use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

/// The file that says what is in a backup, and that it is whole.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What a backup that is being made is called at first.
const PARTIAL: &str = ".partial-";

/// The shape of the manifest; it only grows.
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The shape of this file.
    pub format: u32,
    /// The program that made it.
    pub version: String,
    /// The schema of its database.
    pub schema: u32,
    /// The machine it belongs to.
    pub node: Option<String>,
    /// The life of the database between two restores.
    pub epoch: u64,
    /// The newest event.
    pub seq: u64,
    /// The newest seal, in hexadecimal digits.
    pub seal: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where the configuration was, if there was one.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// Every file with its size and hash.
    pub files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its place in the backup.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// The size of everything.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// What is to be backed up.
#[derive(Debug, Clone)]
pub struct BackupPlan {
    /// The data folder.
    pub home: PathBuf,
    /// The folder to make; it must not be there yet.
    pub folder: PathBuf,
    /// The configuration in force.
    pub config: Option<PathBuf>,
    /// This program.
    pub version: String,
    /// Now.
    pub at: Timestamp,
}

/// Makes a backup, also while a daemon writes: the database is copied as of one moment.
///
/// # Errors
/// No database, no room, or the folder is there already.
pub fn create(plan: &BackupPlan) -> Result<Manifest, Error> {
    let BackupPlan { home, folder, .. } = plan;
    if folder.exists() {
        return Err(Error::Conflict(format!("{} is there already", folder.display())));
    }
    let name = folder
        .file_name()
        .ok_or_else(|| Error::Invalid(format!("{} is no folder to make", folder.display())))?;
    let place = folder.parent().filter(|place| !place.as_os_str().is_empty());
    let place = place.unwrap_or(Path::new("."));
    make_folder(place).map_err(|error| Error::file("making the folder of backups", &error))?;
    let partial = place.join(format!("{PARTIAL}{}", name.to_string_lossy()));
    let made = fill(plan, &partial).and_then(|manifest| {
        fs::rename(&partial, folder)
            .and_then(|()| sync(place))
            .map_err(|error| Error::file("naming the backup", &error))?;
        Ok(manifest)
    });
    if made.is_err() {
        // Frees the room again; what cannot be removed is no backup by its name.
        let _ = fs::remove_dir_all(&partial);
    }
    let _ = home;
    made
}

fn fill(plan: &BackupPlan, partial: &Path) -> Result<Manifest, Error> {
    let doing = |what: &'static str| move |error: std::io::Error| Error::file(what, &error);
    match fs::remove_dir_all(partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Error::file("removing an unfinished backup", &error));
        }
        Ok(()) | Err(_) => {}
    }
    make_folder(partial).map_err(doing("making the backup"))?;
    let source = plan.home.join("state.db");
    if !source.is_file() {
        return Err(Error::NotFound { what: "database", name: source.display().to_string() });
    }
    let copy = partial.join("state.db");
    copy_database(&source, &copy)?;
    let connection = database::connect(&copy, Mode::Read)?;
    let head = read_head(&connection)?;
    let schema = database::version_of(&connection)?;
    let node = node_of(&connection)?;
    let mut files = vec![entry(partial, "state.db")?];
    for address in blobs(&connection)? {
        let digits = hex(&address);
        let shelf = digits.get(..2).unwrap_or("00");
        let path = format!("blobs/{shelf}/{digits}");
        match copy_file(&plan.home.join(&path), &partial.join(&path)) {
            Ok(()) => files.push(entry(partial, &path)?),
            // Erased since the copy was made; the journal of then says so only later.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file("copying a blob", &error)),
        }
    }
    drop(connection);
    if let Some(config) = plan.config.as_ref().filter(|path| path.is_file()) {
        copy_file(config, &partial.join("config/orkestra.yaml"))
            .map_err(doing("copying the configuration"))?;
        files.push(entry(partial, "config/orkestra.yaml")?);
    }
    let mut vault = Vec::new();
    list(&plan.home, Path::new("vault"), &mut vault).map_err(doing("reading the vault"))?;
    for path in vault {
        copy_file(&plan.home.join(&path), &partial.join(&path))
            .map_err(doing("copying the vault"))?;
        files.push(entry(partial, &path.to_string_lossy())?);
    }
    let manifest = Manifest {
        format: FORMAT,
        version: plan.version.clone(),
        schema,
        node,
        epoch: head.epoch,
        seq: head.seq,
        seal: hex(&head.seal),
        created_at: plan.at,
        config: plan.config.clone(),
        files,
    };
    let text =
        serde_json::to_string_pretty(&manifest).map_err(|e| Error::Invalid(e.to_string()))?;
    write_new(&partial.join(MANIFEST), format!("{text}\n").as_bytes())
        .and_then(|()| sync_tree(partial))
        .map_err(doing("writing the manifest"))?;
    Ok(manifest)
}

/// The database as of one moment. Its writer is not held up: this is one long read.
fn copy_database(source: &Path, copy: &Path) -> Result<(), Error> {
    let connection = database::connect(source, Mode::Read)?;
    let found = database::version_of(&connection)?;
    let known = database::schema_version();
    if found > known {
        return Err(Error::Newer { found, known });
    }
    // Made first, so that only its owner may ever read it.
    write_new(copy, b"").map_err(|error| Error::file("making the copy", &error))?;
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    drop(connection);
    File::open(copy)
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::file("syncing the copy", &error))
}

fn blobs(connection: &Connection) -> Result<Vec<Vec<u8>>, Error> {
    let mut statement =
        connection.prepare("SELECT DISTINCT blob FROM event WHERE blob IS NOT NULL")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn node_of(connection: &Connection) -> Result<Option<String>, Error> {
    use rusqlite::OptionalExtension;
    let found =
        connection
            .query_row("SELECT value FROM meta WHERE key = 'store.node'", [], |row| row.get(0));
    Ok(found.optional()?)
}

/// Reads the manifest of a backup.
///
/// # Errors
/// There is none, so it is no backup, or not a whole one.
pub fn manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Error::NotFound { what: "backup", name: folder.display().to_string() }
        }
        _ => Error::file(format!("reading {}", path.display()), &error),
    })?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| Error::damaged(format!("{} cannot be read: {error}", path.display())))?;
    if manifest.format > FORMAT {
        let (found, known) = (manifest.format, FORMAT);
        let what = format!("the backup has format {found}, this program knows {known}");
        return Err(Error::Invalid(what));
    }
    let safe = |path: &str| {
        !path.is_empty()
            && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
    };
    if let Some(file) = manifest.files.iter().find(|file| !safe(&file.path)) {
        return Err(Error::damaged(format!("the manifest names {:?}", file.path)));
    }
    Ok(manifest)
}

/// Compares every file with the manifest, and looks whether the database is whole and is the one
/// that the manifest speaks of.
///
/// # Errors
/// The first thing that does not match.
pub fn verify(folder: &Path) -> Result<Manifest, Error> {
    let manifest = manifest(folder)?;
    for file in &manifest.files {
        let found = entry(folder, &file.path)
            .map_err(|error| Error::damaged(format!("{} cannot be read: {error}", file.path)))?;
        if &found != file {
            return Err(Error::damaged(format!("{} was changed", file.path)));
        }
    }
    if !manifest.files.iter().any(|file| file.path == "state.db") {
        return Err(Error::damaged("the backup has no database"));
    }
    let known = database::schema_version();
    if manifest.schema > known {
        return Err(Error::Newer { found: manifest.schema, known });
    }
    // Immutable: looking leaves no file behind in the backup.
    let connection = database::connect_immutable(&folder.join("state.db"))?;
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Error::damaged(verdict));
    }
    let head = read_head(&connection)?;
    if (head.epoch, head.seq, hex(&head.seal))
        != (manifest.epoch, manifest.seq, manifest.seal.clone())
    {
        return Err(Error::damaged("the database is not the one of the manifest"));
    }
    Ok(manifest)
}

/// A whole backup in a folder of backups.
#[derive(Debug, Clone)]
pub struct BackupFound {
    /// Where it is.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// The whole backups in a folder, the newest first; no folder has none.
pub fn list_backups(place: &Path) -> Result<Vec<BackupFound>, Error> {
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("listing backups", &error)),
    };
    let mut found: Vec<BackupFound> = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .filter_map(|entry| {
            let folder = entry.path();
            manifest(&folder).ok().map(|manifest| BackupFound { folder, manifest })
        })
        .collect();
    found.sort_by_key(|backup| {
        std::cmp::Reverse((backup.manifest.created_at, backup.folder.clone()))
    });
    Ok(found)
}

/// Removes the oldest backups of this folder beyond `keep`, and what unfinished ones left. Says
/// which.
pub fn prune_backups(place: &Path, keep: usize) -> Result<Vec<PathBuf>, Error> {
    let old: Vec<PathBuf> =
        list_backups(place)?.into_iter().skip(keep.max(1)).map(|backup| backup.folder).collect();
    for folder in &old {
        // Without its manifest first: half of a backup must not look like one.
        fs::remove_file(folder.join(MANIFEST))
            .and_then(|()| fs::remove_dir_all(folder))
            .map_err(|error| Error::file("removing an old backup", &error))?;
    }
    Ok(old)
}

fn entry(folder: &Path, path: &str) -> Result<BackupFile, Error> {
    let doing = |error: std::io::Error| Error::file(format!("reading {path}"), &error);
    let mut file = File::open(folder.join(path)).map_err(doing)?;
    let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        let len = file.read(&mut chunk).map_err(doing)?;
        if len == 0 {
            break;
        }
        hash.update(chunk.get(..len).unwrap_or_default());
        bytes += len as u64;
    }
    Ok(BackupFile { path: path.to_owned(), bytes, sha256: hex(&hash.finalize()) })
}

/// Regular files below a folder, relative to `base`; links are not followed.
fn list(base: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let entries = match fs::read_dir(base.join(folder)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (folder.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            list(base, &path, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// Copies a file durably, making its folder.
pub(crate) fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut source = File::open(from)?;
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    let mut target = new_file(to)?;
    std::io::copy(&mut source, &mut target)?;
    target.sync_all()
}

fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = new_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(crate) fn sync(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Makes every name below a folder durable.
pub(crate) fn sync_tree(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync(folder)
}
