//! Putting a backup back, so that a crash at any moment leaves the old state or the new one.
//!
//! Everything is made ready in a folder beside: files copied, schema brought up to date, a new
//! epoch begun. Then a note is written that says what is to be moved; from that moment on the
//! restore is decided, and whoever takes the home's lock next carries it to its end.

use crate::backup::{Manifest, copy_file, sync, sync_tree, write_new};
use crate::error::Error;
use crate::{Options, Store, backup};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The note; while it is there, a restore is to be carried to its end.
const NOTE: &str = "restore.json";
/// Where everything is made ready.
const STAGE: &str = ".restore";
/// What a restore replaces, in this order: the log of the old database must never meet the new one.
const ITEMS: [&str; 6] =
    ["state.db-wal", "state.db-shm", "state.db", "blobs", "vault", "orkestra.yaml"];

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// Where what is replaced goes, within the home.
    trash: PathBuf,
    /// What is replaced.
    items: Vec<String>,
}

/// What a restore did.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The backup.
    pub manifest: Manifest,
    /// The epoch that begins now.
    pub epoch: u64,
    /// Effects whose outcome nobody knows now.
    pub held: u64,
    /// Where what was there before lies.
    pub trash: PathBuf,
}

/// Puts a backup back. The caller holds the home's lock. `settle` runs in the same command that
/// begins the new epoch, and says so in the journal.
///
/// # Errors
/// The backup is not whole, there is no room, or the schema cannot be brought up to date: nothing
/// was changed then.
pub fn restore(
    options: &Options,
    folder: &Path,
    trash: &str,
    tell: impl FnOnce(&mut dyn crate::Write, &Manifest, u64, u64) -> Result<(), Error> + Send + 'static,
) -> Result<Restored, Error> {
    let home = &options.home;
    complete_restore(home)?;
    let manifest = backup::verify(folder)?;
    let stage = home.join(STAGE);
    put_ready(folder, &manifest, home, &stage)?;
    let said = manifest.clone();
    let store = Store::open(Options { home: stage.clone(), ..options.clone() })?;
    let begun = store.write_blocking(move |tx| {
        let epoch = tx.raise_epoch()?;
        let held = tx.effects(Some(crate::EffectState::Unknown), usize::MAX)?.len() as u64;
        tell(tx, &said, epoch, held)?;
        Ok((epoch, held))
    });
    drop(store);
    let (epoch, held) = begun?.value;
    let trash = Path::new("trash").join(trash);
    swap(home, &stage, &trash)?;
    Ok(Restored { manifest, epoch, held, trash: home.join(trash) })
}

/// Puts the files of a backup back exactly as they were, without a new epoch: for an upgrade that
/// failed before anything happened in the new one. The caller holds the home's lock.
///
/// # Errors
/// The backup is not whole, or there is no room: nothing was changed then.
pub fn put_back(home: &Path, folder: &Path, trash: &str) -> Result<(), Error> {
    complete_restore(home)?;
    let manifest = backup::verify(folder)?;
    let stage = home.join(STAGE);
    put_ready(folder, &manifest, home, &stage)?;
    swap(home, &stage, &Path::new("trash").join(trash))
}

fn put_ready(folder: &Path, manifest: &Manifest, home: &Path, stage: &Path) -> Result<(), Error> {
    let made = match fs::remove_dir_all(stage) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => crate::blob::make_folder(&stage.join("blobs")),
    };
    made.map_err(|error| Error::file("making room for the restore", &error))?;
    // The configuration is put back only where it belongs to the data folder.
    let config_is_ours = manifest.config.as_deref() == Some(&home.join("orkestra.yaml"));
    for file in &manifest.files {
        let target = match file.path.strip_prefix("config/") {
            Some(name) if config_is_ours => stage.join(name),
            Some(_) => continue,
            None => stage.join(&file.path),
        };
        copy_file(&folder.join(&file.path), &target)
            .map_err(|error| Error::file(format!("copying {}", file.path), &error))?;
    }
    Ok(())
}

fn swap(home: &Path, stage: &Path, trash: &Path) -> Result<(), Error> {
    let doing = |error: std::io::Error| Error::file("deciding the restore", &error);
    // Moved on its own, a log could be taken for the old one after a crash; so there is none.
    let log = stage.join("state.db-wal");
    if fs::metadata(&log).is_ok_and(|facts| facts.len() > 0) {
        return Err(Error::damaged("the log of the restored database could not be emptied"));
    }
    for name in ["state.db-wal", "state.db-shm"] {
        match fs::remove_file(stage.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(doing(error)),
            Ok(()) | Err(_) => {}
        }
    }
    let items = ITEMS.iter().filter(|item| {
        // What the backup has none of stays, but for the log of the old database.
        stage.join(item).exists() || item.starts_with("state.db")
    });
    let note =
        Note { trash: trash.to_owned(), items: items.map(|item| (*item).to_owned()).collect() };
    let text = serde_json::to_vec(&note).map_err(|error| Error::Invalid(error.to_string()))?;
    let fresh = home.join(format!("{NOTE}.new"));
    sync_tree(stage)
        .and_then(|()| write_new(&fresh, &text))
        .and_then(|()| fs::rename(&fresh, home.join(NOTE)))
        .and_then(|()| sync(home))
        .map_err(doing)?;
    complete_restore(home)?;
    Ok(())
}

/// Carries a restore that was decided to its end, and clears away one that was not. Whoever takes
/// the home's lock calls it before the database is opened. True when there was one.
///
/// # Errors
/// Something cannot be moved; calling it again goes on.
pub fn complete_restore(home: &Path) -> Result<bool, Error> {
    let doing = |error: std::io::Error| Error::file("carrying a restore to its end", &error);
    let (path, stage) = (home.join(NOTE), home.join(STAGE));
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // It was never decided, so the old state stands.
            return match fs::remove_dir_all(&stage) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(doing(error)),
                Ok(()) | Err(_) => Ok(false),
            };
        }
        Err(error) => return Err(doing(error)),
    };
    let note: Note = serde_json::from_slice(&text)
        .map_err(|error| Error::damaged(format!("{} cannot be read: {error}", path.display())))?;
    let trash = home.join(&note.trash);
    crate::blob::make_folder(&trash).map_err(doing)?;
    for item in &note.items {
        let (ready, place, old) = (stage.join(item), home.join(item), trash.join(item));
        // Once it was moved into its place it is not in the stage any more.
        let is_new = !ready.exists() && !item.ends_with("-wal") && !item.ends_with("-shm");
        if !is_new && place.exists() {
            fs::rename(&place, &old).map_err(doing)?;
        }
        if ready.exists() {
            fs::rename(&ready, &place).map_err(doing)?;
        }
    }
    sync(&trash).and_then(|()| sync(home)).map_err(doing)?;
    fs::remove_file(&path).and_then(|()| sync(home)).map_err(doing)?;
    let _ = fs::remove_dir_all(&stage);
    Ok(true)
}
