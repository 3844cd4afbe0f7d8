//! Takes away what is older than the configuration wants it kept; the built-in job `prune`.
//!
//! What is part of the journal is only touched when the configuration says so, and then exported
//! first, or told by an event of its own: the journal verifies as before.

use crate::error::Error;
use crate::handle::Handle;
use crate::trash;
use crate::upkeep::Retention;
use jiff::{SignedDuration, Timestamp};
use orkestra_core::event::{Draft, Topic};
use orkestra_core::health::bytes;
use orkestra_core::id::RunId;
use orkestra_core::run::Run;
use orkestra_core::span::Span;
use orkestra_host::git;
use orkestra_store::{Error as StoreError, Filter};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Items that are named; more are only counted.
const NAMED: usize = 100;

/// Bodies erased in one commit.
const BODIES: usize = 200;

/// Runs whose worktrees are looked at in one go.
const RUNS: usize = 10_000;

/// Something that was taken away, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `log`, `worktree`, `trash`, `journal`, `body`, `alert`, `effect`.
    pub what: String,
    /// Which one.
    pub name: String,
    /// Room that it took; 0 where that is not known.
    pub bytes: u64,
}

/// What was taken away, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// The first of them.
    pub items: Vec<Item>,
    /// How many of each sort.
    pub counts: BTreeMap<String, u64>,
    /// Room that they took.
    pub bytes: u64,
}

impl Pruned {
    fn add(&mut self, what: &str, name: &str, bytes: u64, count: u64) {
        if count == 0 {
            return;
        }
        *self.counts.entry(what.to_owned()).or_default() += count;
        self.bytes += bytes;
        if self.items.len() < NAMED {
            self.items.push(Item { what: what.to_owned(), name: name.to_owned(), bytes });
        }
    }

    /// In one sentence, for a list of jobs.
    pub fn summary(&self) -> String {
        if self.counts.is_empty() {
            return "nothing was old enough".to_owned();
        }
        let counts: Vec<String> =
            self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        format!("{}; {} freed", counts.join(", "), bytes(self.bytes))
    }

    fn body(&self) -> Value {
        let items: Vec<Value> = self
            .items
            .iter()
            .map(|item| json!({"what": item.what, "name": item.name, "bytes": item.bytes}))
            .collect();
        json!({"counts": self.counts, "bytes": self.bytes, "items": items})
    }
}

fn ms(span: Span) -> i64 {
    i64::try_from(span.ms()).unwrap_or(i64::MAX)
}

fn before(now: Timestamp, span: Span) -> Timestamp {
    now.checked_sub(SignedDuration::from_millis(ms(span))).unwrap_or(Timestamp::MIN)
}

impl Handle {
    /// Takes away what is old; with `dry_run` it only says what that would be.
    ///
    /// # Errors
    /// The store cannot be read or written. What was taken away before stays away.
    pub async fn prune(&self, dry_run: bool, actor: &str) -> Result<Pruned, Error> {
        let keep = self.upkeep().retention;
        let mut pruned = Pruned::default();
        self.prune_files(keep, dry_run, &mut pruned).await?;
        self.prune_worktrees(keep, dry_run, &mut pruned).await?;
        if !dry_run {
            self.prune_rows(keep, &mut pruned).await?;
            self.prune_bodies(keep, actor, &mut pruned).await?;
        }
        self.prune_journal(keep, dry_run, actor, &mut pruned).await?;
        if !dry_run {
            let draft = Draft::new("prune.done", Topic::Daemon, "prune", actor, pruned.body());
            let told = self.store.write(move |tx| tx.append(&[draft]).map(|_| ())).await;
            told.map_err(Error::Store)?;
        }
        Ok(pruned)
    }

    async fn prune_files(
        &self,
        keep: Retention,
        dry_run: bool,
        pruned: &mut Pruned,
    ) -> Result<(), Error> {
        let home = self.home.clone();
        let at_ms = self.now().at.as_millisecond();
        let units = self.units();
        let jobs = self.jobs();
        let units = units.iter().map(|unit| unit.name.to_string());
        let alive: Vec<String> =
            units.chain(jobs.iter().map(|job| job.name.log_folder())).collect();
        let mut found = std::mem::take(pruned);
        let done = tokio::task::spawn_blocking(move || {
            logs(&home, &alive, keep, dry_run, at_ms, &mut found);
            empty_trash(&home, keep, dry_run, at_ms, &mut found);
            found
        });
        *pruned = done.await.map_err(|_| Error::Closing)?;
        Ok(())
    }

    /// Worktrees of runs that ended long ago and in which nothing is uncommitted: what is committed
    /// stays in the repository, on its branch.
    async fn prune_worktrees(
        &self,
        keep: Retention,
        dry_run: bool,
        pruned: &mut Pruned,
    ) -> Result<(), Error> {
        let Some(span) = keep.worktrees else { return Ok(()) };
        let now = self.now().at;
        let folder = self.home.join("worktrees");
        let listed = tokio::task::spawn_blocking(move || trash::entries(&folder)).await;
        for (name, path) in listed.unwrap_or_default().into_iter().take(RUNS) {
            let Ok(id) = name.parse::<RunId>() else { continue };
            let row = self.store.read(move |read| read.run(id)).await.map_err(Error::Store)?;
            let Some(run) = row.as_ref().and_then(|row| crate::run::from_row(row).ok()) else {
                continue;
            };
            let old = run.ended_at.is_some_and(|ended| ended < before(now, span));
            if !old || !is_clean(&run, &path).await {
                continue;
            }
            let (room, home) = (path.clone(), self.home.clone());
            let moved = tokio::task::spawn_blocking(move || {
                let bytes = trash::size(&room);
                let at_ms = now.as_millisecond();
                let moved = dry_run || trash::take_away(&home, &room, "worktree", at_ms).is_ok();
                moved.then_some(bytes)
            });
            let Ok(Some(bytes)) = moved.await else { continue };
            pruned.add("worktree", &name, bytes, 1);
            if dry_run {
                continue;
            }
            // What is in the trash is no worktree any more: its repository must not list it.
            if let Err(error) = git::forget_worktree(Path::new(&run.target), &path).await {
                tracing::warn!(%error, run = name, "Git still lists a worktree that was taken away.");
            }
        }
        Ok(())
    }

    /// Alerts that are over, effects that are done.
    async fn prune_rows(&self, keep: Retention, pruned: &mut Pruned) -> Result<(), Error> {
        let now = self.now().at;
        let removed = self.store.write(move |tx| {
            tx.prune_logins(now)?;
            let span = |span: Option<Span>| span.map(|span| before(now, span));
            let alerts = span(keep.alerts).map_or(Ok(0), |at| tx.prune_alerts(at))?;
            let effects = span(keep.alerts).map_or(Ok(0), |at| tx.prune_effects(at))?;
            Ok((alerts as u64, effects as u64))
        });
        let (alerts, effects) = removed.await.map_err(Error::Store)?.value;
        pruned.add("alert", "alerts that are over", 0, alerts);
        pruned.add("effect", "effects that are done", 0, effects);
        Ok(())
    }

    /// Large bodies of old events, each told by `event.erased`.
    async fn prune_bodies(
        &self,
        keep: Retention,
        actor: &str,
        pruned: &mut Pruned,
    ) -> Result<(), Error> {
        let Some(span) = keep.blobs else { return Ok(()) };
        let at = before(self.now().at, span);
        loop {
            let actor = actor.to_owned();
            let erased = self.store.write(move |tx| {
                let ids = tx.large_before(at, BODIES)?;
                for id in &ids {
                    tx.erase(*id, "retention.blobs", &actor)?;
                }
                Ok(ids.len())
            });
            let count = erased.await.map_err(Error::Store)?.value;
            pruned.add("body", "large bodies of old events", 0, count as u64);
            if count < BODIES {
                return Ok(());
            }
        }
    }

    /// Old events: exported into `archive/` first, then removed in whole seals.
    async fn prune_journal(
        &self,
        keep: Retention,
        dry_run: bool,
        actor: &str,
        pruned: &mut Pruned,
    ) -> Result<(), Error> {
        let Some(span) = keep.journal else { return Ok(()) };
        let at = before(self.now().at, span);
        // The first event that stays; alerts must have read what goes.
        let facts = self.store.read(move |read| {
            let stays = Filter { since: Some(at), limit: 1, ..Filter::default() };
            let first = read.events(&stays)?.first().map(|event| event.seq);
            let head = read.head()?;
            Ok((head.floor, first.unwrap_or(head.seq + 1).min(read.cursor("alerts")? + 1)))
        });
        let (floor, first) = facts.await.map_err(Error::Store)?;
        let to = first.saturating_sub(1);
        if to <= floor {
            return Ok(());
        }
        if dry_run {
            pruned.add("journal", &format!("events {} to {to}", floor + 1), 0, to - floor);
            return Ok(());
        }
        let file = self.home.join("archive").join(format!("journal-{}-{to}.jsonl", floor + 1));
        let kept = file.clone();
        let exported = self.store.read(move |read| {
            let mut output = open_archive(&kept)?;
            read.export(floor + 1, to, &mut output)?;
            use std::io::Write as _;
            output
                .flush()
                .and_then(|()| output.get_ref().sync_all())
                .map_err(|error| archive(&error))
        });
        exported.await.map_err(Error::Store)?;
        let actor = actor.to_owned();
        let gone = self.store.write(move |tx| tx.prune(to, &actor)).await.map_err(Error::Store)?;
        if let Some(now) = gone.value {
            let name = format!("events {} to {now}, in {}", floor + 1, file.display());
            pruned.add("journal", &name, 0, now - floor);
        }
        Ok(())
    }
}

fn archive(error: &std::io::Error) -> StoreError {
    StoreError::Invalid(format!("the archive of the journal cannot be written: {error}"))
}

fn open_archive(path: &Path) -> Result<std::io::BufWriter<std::fs::File>, StoreError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let folder = path.parent().unwrap_or(path);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600).open(path)
        })
        .map(std::io::BufWriter::new)
        .map_err(|error| archive(&error))
}

/// Whether nothing would be lost with a worktree: all that is in it is committed, and some branch
/// leads to it.
async fn is_clean(run: &Run, path: &Path) -> bool {
    run.worktree.is_some()
        && matches!(git::dirty_count(path).await, Ok(0))
        && matches!(git::is_on_a_branch(path).await, Ok(true))
}

/// Logs of units and jobs that left the configuration, and old rotated ones of those that are there.
fn logs(
    home: &Path,
    alive: &[String],
    keep: Retention,
    dry_run: bool,
    at_ms: i64,
    pruned: &mut Pruned,
) {
    let Some(span) = keep.logs else { return };
    let is_old = |path: &PathBuf| trash::age_ms(path).is_some_and(|age| age >= span.ms());
    for (name, folder) in trash::entries(&home.join("logs")) {
        if !folder.is_dir() {
            continue;
        }
        let files: Vec<PathBuf> = trash::entries(&folder).into_iter().map(|(_, p)| p).collect();
        if !alive.contains(&name) {
            let all_old = files.iter().all(is_old) && is_old(&folder);
            let bytes = trash::size(&folder);
            if all_old && (dry_run || trash::take_away(home, &folder, "log", at_ms).is_ok()) {
                pruned.add("log", &name, bytes, 1);
            }
            continue;
        }
        // The newest file is being written.
        let rotated = files.len().saturating_sub(1);
        for file in files.into_iter().take(rotated).filter(is_old) {
            let bytes = trash::size(&file);
            if dry_run || std::fs::remove_file(&file).is_ok() {
                let shown = file.strip_prefix(home).unwrap_or(&file).display().to_string();
                pruned.add("log", &shown, bytes, 1);
            }
        }
    }
}

/// What has been in the trash long enough.
fn empty_trash(home: &Path, keep: Retention, dry_run: bool, at_ms: i64, pruned: &mut Pruned) {
    let Some(span) = keep.trash else { return };
    for (name, path) in trash::entries(&home.join("trash")) {
        let old = match trash::since_ms(&name) {
            Some(since) => at_ms.saturating_sub(since) >= ms(span),
            // What a restore or an upgrade replaced has its time in words; the folder's own will do.
            None => {
                (name.starts_with("restore-") || name.starts_with("upgrade-"))
                    && trash::age_ms(&path).is_some_and(|age| age >= span.ms())
            }
        };
        if !old {
            continue;
        }
        let bytes = trash::size(&path);
        let is_folder = std::fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_dir());
        let gone = dry_run
            || if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }
                .is_ok();
        if gone {
            pruned.add("trash", &name, bytes, 1);
        }
    }
}
