//! What a person may do with a run that has ended: check it again, look at what it changed, take it
//! back, throw it away.

use super::look::checkout;
use super::place;
use crate::error::Error;
use crate::handle::Handle;
use crate::instance::describe;
use crate::message::Message;
use crate::trash;
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::RunId;
use orkestra_core::run::{CheckInput, Run, RunInput};
use orkestra_host::diff::Diff;
use orkestra_host::{diff, git, snapshot};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What came of taking back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// Files that are as before the run.
    pub restored: Vec<String>,
    /// Files that somebody changed after the run; they are left as they are.
    pub conflicts: Vec<String>,
    /// Where the files of the run are now.
    pub kept_in: Option<String>,
}

impl Handle {
    /// Makes the checks of a run again. The verdict that follows is the run's.
    ///
    /// # Errors
    /// Unknown run; it has not reported, or nothing was to be checked.
    pub async fn verify_run(&self, id: RunId, actor: &str) -> Result<Run, Error> {
        let _one_at_a_time = self.view.taking_up.lock().await;
        let run = self.stored_run(id).await?;
        if run.evidence.checks().is_empty() {
            let why = "nothing is to be checked: it was begun with evidence none, or by an earlier version";
            return Err(Error::RunRefused(format!("run {}: {why}", id.short())));
        }
        if run.evidence.round == 0 {
            let why = "its agent has not said that it is done";
            return Err(Error::RunRefused(format!("run {}: {why}", id.short())));
        }
        let input = RunInput::Check(CheckInput::Again { why: format!("{actor} asked for it") });
        let actor = actor.to_owned();
        self.ask(|reply| Message::TakeUpRun {
            run: Box::new(run),
            input,
            actor,
            reply: Some(reply),
        })
        .await
    }

    /// What a run changed, line by line: against the commit it began from, or the snapshot.
    ///
    /// # Errors
    /// Neither the worktree nor the branch is there any more.
    pub async fn diff_run(&self, run: &Run) -> Result<Diff, Error> {
        let Some(worktree) = &run.worktree else { return Ok(Diff::default()) };
        let gone = |why: String| {
            Error::RunRefused(format!(
                "the changes of run {} cannot be told: {why}",
                run.id.short()
            ))
        };
        if let Some(kept) = &worktree.snapshot {
            let (kept, now) = (PathBuf::from(kept), PathBuf::from(&worktree.path));
            let compared = tokio::task::spawn_blocking(move || {
                let changes = snapshot::changes(&kept, &now)?;
                let files: Vec<(char, String)> = changes
                    .into_iter()
                    .map(|change| (change.status, change.path.to_string_lossy().into_owned()))
                    .collect();
                Ok(diff::of_folders(&kept, &now, &files))
            });
            let compared: Result<Diff, snapshot::Error> =
                compared.await.map_err(|_| Error::Closing)?;
            return compared.map_err(|error| gone(describe(&error)));
        }
        if Path::new(&worktree.path).is_dir() {
            let checkout = checkout(run, worktree).await.map_err(gone)?;
            return diff::of_checkout(&checkout, &worktree.base)
                .await
                .map_err(|error| gone(describe(&error)));
        }
        let target = Path::new(&run.target);
        let tip =
            git::tip_of(target, &worktree.branch).await.map_err(|error| gone(describe(&error)))?;
        // What was thrown away is kept under another name.
        let kept = format!("refs/orkestra/discarded/{}", run.id);
        let tip = match tip {
            Some(tip) => Some(tip),
            None => git::commit_of(target, &kept).await.map_err(|error| gone(describe(&error)))?,
        };
        let tip = tip.ok_or_else(|| {
            gone(format!("its worktree and its branch {} are gone", worktree.branch))
        })?;
        diff::between(target, &worktree.base, &tip).await.map_err(|error| gone(describe(&error)))
    }

    /// Puts a plain folder back as it was before the run. What somebody changed since is left as it
    /// is, unless `force`; what is replaced is kept in the trash.
    ///
    /// # Errors
    /// The run works still, had a worktree of its own, or its snapshot is gone.
    pub async fn undo_run(&self, id: RunId, force: bool, actor: &str) -> Result<Undone, Error> {
        let run = self.stored_run(id).await?;
        let short = id.short();
        let refused = |why: String| Error::RunRefused(format!("run {short}: {why}"));
        if !run.is_over() {
            return Err(refused(format!(
                "it is not over; cancel it first: orkestra run stop {short}"
            )));
        }
        let Some(worktree) = run.worktree.clone() else {
            return Err(refused("it never came to work, so there is nothing to take back".into()));
        };
        let Some(kept) = worktree.snapshot else {
            return Err(refused(format!(
                "it worked in a worktree of its own, and your files are as they were. To throw its work \
                 away: orkestra run discard {short}"
            )));
        };
        let at_ms = self.now().at.as_millisecond();
        let (home, now, after) =
            (self.home.clone(), PathBuf::from(worktree.path), place::after(&self.home, id));
        let done = tokio::task::spawn_blocking(move || {
            let aside = home.join("trash").join(format!("{at_ms}-undo-{id}"));
            undo(Path::new(&kept), &now, &after, &aside, force)
        });
        let done = done.await.map_err(|_| Error::Closing)?;
        let undone =
            done.map_err(|error| refused(format!("it stopped half way: {}", describe(&error))))?;
        let body = json!({"restored": undone.restored, "conflicts": undone.conflicts,
            "force": force, "kept_in": undone.kept_in});
        self.note(vec![about(&run, "run.undone", actor, body)]).await;
        Ok(undone)
    }

    /// Throws the work of a run away: its worktree goes into the trash, its branch is removed, and the
    /// commit is kept under a name that says how to get it back.
    ///
    /// # Errors
    /// The run works still, has no worktree, or git refuses.
    pub async fn discard_run(&self, id: RunId, actor: &str) -> Result<String, Error> {
        let run = self.stored_run(id).await?;
        let short = id.short();
        let refused = |why: String| Error::RunRefused(format!("run {short}: {why}"));
        if !run.is_over() {
            return Err(refused(format!(
                "it is not over; cancel it first: orkestra run stop {short}"
            )));
        }
        let Some(worktree) = run.worktree.clone().filter(|worktree| !worktree.is_plain()) else {
            return Err(refused(format!(
                "it has no worktree of its own. To take back what it did: orkestra run undo {short}"
            )));
        };
        let git_said = |error: git::Error| refused(describe(&error));
        let target = PathBuf::from(&run.target);
        let tip = git::tip_of(&target, &worktree.branch).await.map_err(git_said)?;
        let into = self.remove_worktree(&run).await.map_err(&refused)?;
        if into.is_none() && tip.is_none() {
            return Err(refused("its worktree and its branch are gone already".into()));
        }
        if let Some(tip) = &tip {
            let name = format!("discarded/{id}");
            git::keep_commit(&target, &name, tip).await.map_err(git_said)?;
            git::remove_branch(&target, &worktree.branch, tip).await.map_err(git_said)?;
        }
        let back = tip.as_ref().map(|_| {
            format!("git -C {} branch {} refs/orkestra/discarded/{id}", run.target, worktree.branch)
        });
        let body = json!({"worktree": into, "branch": worktree.branch, "commit": tip,
            "to_get_it_back": back});
        self.note(vec![about(&run, "run.discarded", actor, body)]).await;
        Ok(back.unwrap_or_default())
    }

    /// Moves a run's worktree into the trash; where it is now, or nothing when it is gone already.
    pub(crate) async fn remove_worktree(&self, run: &Run) -> Result<Option<String>, String> {
        let worktree = run.worktree.as_ref().ok_or("it has no worktree")?;
        let path = PathBuf::from(&worktree.path);
        // Never anything but what was made for a run.
        if worktree.is_plain() || !path.starts_with(self.home.join("worktrees")) {
            return Err(format!("{} is not a worktree of Orkestra's own", path.display()));
        }
        if !path.is_dir() {
            return Ok(None);
        }
        let (home, at_ms, folder) =
            (self.home.clone(), self.now().at.as_millisecond(), path.clone());
        let moved = tokio::task::spawn_blocking(move || {
            trash::take_away(&home, &folder, "worktree", at_ms)
        });
        let into = match moved.await {
            Ok(Ok(into)) => into,
            Ok(Err(error)) => return Err(format!("{} cannot be moved: {error}", path.display())),
            Err(error) => return Err(describe(&error)),
        };
        if let Err(error) = git::forget_worktree(Path::new(&run.target), &path).await {
            tracing::warn!(%error, run = %run.id, "Git still lists a worktree that was taken away.");
        }
        Ok(Some(into.to_string_lossy().into_owned()))
    }
}

/// An event about a run that changes no row.
pub(crate) fn about(run: &Run, kind: &str, actor: &str, body: serde_json::Value) -> Draft {
    let cause = run.latest.map_or(Cause::Root, Cause::Event);
    Draft::new(kind, Topic::Run, &run.id.to_string(), actor, body).because(cause)
}

fn undo(
    kept: &Path,
    now: &Path,
    after: &Path,
    aside: &Path,
    force: bool,
) -> Result<Undone, snapshot::Error> {
    let known: BTreeMap<String, String> = std::fs::read(after)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let mut undone = Undone::default();
    for change in snapshot::changes(kept, now)? {
        let shown = change.path.to_string_lossy().into_owned();
        let is_the_runs = known.get(&shown).map(String::as_str)
            == Some(snapshot::fingerprint(&now.join(&change.path))?.as_str());
        if !is_the_runs && !force {
            undone.conflicts.push(shown);
            continue;
        }
        snapshot::restore(kept, now, &change.path, aside)?;
        undone.restored.push(shown);
    }
    undone.kept_in = aside.is_dir().then(|| aside.to_string_lossy().into_owned());
    Ok(undone)
}
