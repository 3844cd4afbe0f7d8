//! Mends what a crash may have left in our own house, and lists it (MISSION row 42). Only what is
//! surely nobody's: a folder whose lock is free and that no row knows, a half-written file. What
//! could hold somebody's work is moved to the trash, never deleted.

use crate::error::Error;
use crate::handle::Handle;
use crate::trash;
use orkestra_core::event::{Draft, Topic};
use orkestra_core::id::{InstanceId, RunId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// What may just be coming to be is left alone.
const YOUNG_MS: u64 = 600_000;

/// A file that is written beside its place and then renamed is done after this.
const WRITTEN_MS: u64 = 3_600_000;

/// More are mended the next time.
const ONCE: usize = 500;

/// Something that was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// `instance`, `worktree`, `file`, `blobs`.
    pub what: String,
    /// Which one.
    pub name: String,
    /// What was done, in one sentence.
    pub done: String,
}

impl Repair {
    pub(crate) fn new(what: &str, name: &str, done: impl Into<String>) -> Self {
        Self { what: what.to_owned(), name: name.to_owned(), done: done.into() }
    }

    fn body(&self) -> Value {
        json!({"what": self.what, "name": self.name, "done": self.done})
    }
}

/// What tells of repairs.
pub(crate) fn draft(repairs: &[Repair], actor: &str) -> Draft {
    let body = json!({"repairs": repairs.iter().map(Repair::body).collect::<Vec<_>>()});
    Draft::new("health.repaired", Topic::Daemon, "health", actor, body)
}

impl Handle {
    /// Mends what a crash left, and says what.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn repair(&self, actor: &str) -> Result<Vec<Repair>, Error> {
        let mut repairs = Vec::new();
        let home = self.home.clone();
        let at_ms = self.now().at.as_millisecond();
        let alive: BTreeSet<InstanceId> =
            self.units().iter().filter_map(orkestra_core::unit::Unit::instance).collect();
        let unknown = self.unknown_worktrees().await?;
        let on_disk = tokio::task::spawn_blocking(move || {
            let mut repairs = instances(&home, &alive, at_ms);
            repairs.extend(worktrees(&home, &unknown, at_ms));
            repairs.extend(half_written(&home));
            repairs
        });
        repairs.extend(on_disk.await.map_err(|_| Error::Closing)?);
        let blobs = self.store.write(|tx| tx.sweep()).await.map_err(Error::Store)?.value;
        if blobs > 0 {
            let done = "The files of erased bodies were removed.";
            repairs.push(Repair::new("blobs", &blobs.to_string(), done));
        }
        if !repairs.is_empty() {
            let draft = draft(&repairs, actor);
            let told = self.store.write(move |tx| tx.append(&[draft]).map(|_| ())).await;
            told.map_err(Error::Store)?;
        }
        Ok(repairs)
    }

    /// Folders of worktrees whose run the database does not know.
    async fn unknown_worktrees(&self) -> Result<Vec<String>, Error> {
        let folder = self.home.join("worktrees");
        let listed = tokio::task::spawn_blocking(move || trash::entries(&folder)).await;
        let named: Vec<(String, RunId)> = listed
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, _)| Some((name.clone(), name.parse().ok()?)))
            .collect();
        let unknown = self.store.read(move |read| {
            let mut unknown = Vec::new();
            for (name, id) in named {
                if read.run(id)?.is_none() {
                    unknown.push(name);
                }
            }
            Ok(unknown)
        });
        unknown.await.map_err(Error::Store)
    }
}

/// Folders of lives that are over, that no shim holds, and that nobody knows any more.
fn instances(home: &Path, alive: &BTreeSet<InstanceId>, at_ms: i64) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for (name, path) in trash::entries(&home.join("run")).into_iter().take(ONCE) {
        let Ok(id) = name.parse::<InstanceId>() else { continue };
        let old = trash::age_ms(&path).is_some_and(|age| age >= YOUNG_MS);
        let free = orkestra_host::instance::is_abandoned(&path).unwrap_or(false);
        if alive.contains(&id) || !old || !free {
            continue;
        }
        match trash::take_away(home, &path, "instance", at_ms) {
            Ok(_) => repairs.push(Repair::new(
                "instance",
                &name,
                "Its processes are gone and no unit knows it; its folder and lock are in the trash.",
            )),
            Err(error) => tracing::warn!(%error, instance = name, "It cannot be moved away."),
        }
    }
    repairs
}

fn worktrees(home: &Path, unknown: &[String], at_ms: i64) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for name in unknown.iter().take(ONCE) {
        let path = home.join("worktrees").join(name);
        if trash::age_ms(&path).is_none_or(|age| age < YOUNG_MS) {
            continue;
        }
        match trash::take_away(home, &path, "worktree", at_ms) {
            Ok(_) => repairs.push(Repair::new(
                "worktree",
                name,
                "No run knows it; it is in the trash with everything in it.",
            )),
            Err(error) => tracing::warn!(%error, worktree = name, "It cannot be moved away."),
        }
    }
    repairs
}

/// Files that were being written when a daemon died: their writers would begin anew.
fn half_written(home: &Path) -> Vec<Repair> {
    let mut found = vec![home.join("run").join(".shim.new"), home.join(".doctor")];
    for (_, shelf) in trash::entries(&home.join("blobs")) {
        let files = trash::entries(&shelf).into_iter();
        found.extend(files.filter(|(name, _)| name.ends_with(".new")).map(|(_, path)| path));
    }
    let mut repairs = Vec::new();
    for path in found.into_iter().take(ONCE) {
        let old = trash::age_ms(&path).is_some_and(|age| age >= WRITTEN_MS);
        if old && std::fs::remove_file(&path).is_ok() {
            let name = path.strip_prefix(home).unwrap_or(&path).display().to_string();
            repairs.push(Repair::new("file", &name, "It was half written and is removed."));
        }
    }
    repairs
}
