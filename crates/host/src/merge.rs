//! Putting the work of a branch upon another commit, and a branch forward, by `git` (ADR 0035).
//!
//! New commits are made without any worktree (`git merge-tree`, `git commit-tree`): nothing that
//! somebody sees changes until a branch is moved, a crash leaves nothing behind, and the same work
//! upon the same commit gives the same commits. No hook, no editor and no signing program is started.
//! A branch moves only from the tip that was looked at, and only forward. What a person has not
//! committed is never written over: then git refuses, and so do we.

mod content;

pub use content::{Entry, Lines, Place, blocks_of, blocks_of_ranges, changes, look, touched};

use crate::git::{self, Checkout, Error, Identity, quiet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Commits of one piece of work at most.
pub const COMMITS_MAX: usize = 500;

/// A message longer than this is cut: it is an argument of a program.
const MESSAGE_MAX: usize = 64 << 10;

const ASK: Duration = Duration::from_secs(60);
const WORK: Duration = Duration::from_secs(300);

/// What came of putting work upon a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// The newest commit now.
    Done(String),
    /// Files that both sides changed in the same place, and the commit with which that was found.
    Conflict {
        /// Relative to the repository.
        files: Vec<String>,
        /// The commit of the work.
        commit: String,
    },
}

async fn text(repository: &Path, arguments: &[&str]) -> Result<String, Error> {
    let answer = quiet(repository, &[], arguments, ASK).await?;
    if answer.success() {
        return Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned());
    }
    Err(refused(arguments, &answer))
}

fn refused(arguments: &[&str], answer: &crate::program::Captured) -> Error {
    let command = arguments.first().copied().unwrap_or_default().to_owned();
    let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
    let message = if said.is_empty() {
        String::from_utf8_lossy(&answer.stdout).trim().to_owned()
    } else {
        said
    };
    Error::Refused { command, message }
}

/// Where two commits parted.
///
/// # Errors
/// They have nothing in common.
pub async fn merge_base(repository: &Path, one: &str, other: &str) -> Result<String, Error> {
    text(repository, &["merge-base", one, other]).await.map_err(|error| match error {
        Error::Refused { command, message } if message.is_empty() => {
            Error::Refused { command, message: "they have no commit in common".to_owned() }
        }
        other => other,
    })
}

/// Whether all of one commit is in the other.
///
/// # Errors
/// Git cannot tell.
pub async fn contains(repository: &Path, all: &str, part: &str) -> Result<bool, Error> {
    let arguments = ["merge-base", "--is-ancestor", part, all];
    let answer = quiet(repository, &[], &arguments, ASK).await?;
    match answer.code {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(refused(&arguments, &answer)),
    }
}

/// Puts the commits from `base` to `source` upon `onto`, one by one; authors, times and messages stay.
/// Work that has merges in it becomes one commit.
///
/// # Errors
/// Git is too old, or refuses.
pub async fn replay(
    repository: &Path,
    base: &str,
    source: &str,
    onto: &str,
    committer: &Identity,
) -> Result<Replayed, Error> {
    let range = format!("{base}..{source}");
    let arguments = ["rev-list", "--reverse", "--topo-order", "--parents", &range];
    let list = text(repository, &arguments).await?;
    let commits: Vec<Vec<&str>> = list.lines().map(|line| line.split(' ').collect()).collect();
    let whole = commits.len() > COMMITS_MAX || commits.iter().any(|commit| commit.len() != 2);
    let steps: Vec<(String, String)> = if whole {
        vec![(base.to_owned(), source.to_owned())]
    } else {
        let pair = |commit: &Vec<&str>| {
            Some(((*commit.get(1)?).to_owned(), (*commit.first()?).to_owned()))
        };
        commits.iter().filter_map(pair).collect()
    };
    let mut tip = onto.to_owned();
    for (parent, commit) in steps {
        match put_upon(repository, &parent, &commit, &tip, committer).await? {
            Replayed::Done(next) => tip = next,
            conflict @ Replayed::Conflict { .. } => return Ok(conflict),
        }
    }
    Ok(Replayed::Done(tip))
}

async fn put_upon(
    repository: &Path,
    parent: &str,
    commit: &str,
    tip: &str,
    committer: &Identity,
) -> Result<Replayed, Error> {
    let base = format!("--merge-base={parent}");
    let arguments =
        ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", &base, tip, commit];
    let answer = quiet(repository, &[], &arguments, WORK).await?;
    let said = String::from_utf8_lossy(&answer.stdout).into_owned();
    let mut fields = said.split('\0').filter(|field| !field.is_empty());
    let tree = fields.next().unwrap_or_default().trim().to_owned();
    match answer.code {
        Some(0) => {}
        Some(1) => {
            let mut files: Vec<String> = fields.map(str::to_owned).collect();
            files.sort();
            files.dedup();
            return Ok(Replayed::Conflict { files, commit: commit.to_owned() });
        }
        _ => {
            let mut error = refused(&arguments, &answer);
            if let Error::Refused { message, .. } = &mut error
                && (message.contains("usage:") || message.contains("unknown option"))
            {
                "this git is too old; merging needs git 2.40 or newer".clone_into(message);
            }
            return Err(error);
        }
    }
    // What is in already is no commit of its own.
    if tree == text(repository, &["rev-parse", &format!("{tip}^{{tree}}")]).await? {
        return Ok(Replayed::Done(tip.to_owned()));
    }
    let format = "--format=%an%x00%ae%x00%ad%x00%cd%x00%B";
    let shown = ["log", "-1", "--no-show-signature", "--date=raw", format, commit];
    let shown = text(repository, &shown).await?;
    let mut parts = shown.splitn(5, '\0');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (name, email, date, committed, mut message) = (part(), part(), part(), part(), part());
    message.truncate(message.floor_char_boundary(MESSAGE_MAX));
    // The same work upon the same commit is the same commit, however often it is made.
    let variables = [
        ("GIT_AUTHOR_NAME", name.as_str()),
        ("GIT_AUTHOR_EMAIL", email.as_str()),
        ("GIT_AUTHOR_DATE", date.as_str()),
        ("GIT_COMMITTER_NAME", committer.name.as_str()),
        ("GIT_COMMITTER_EMAIL", committer.email.as_str()),
        ("GIT_COMMITTER_DATE", committed.as_str()),
    ];
    let arguments = ["commit-tree", &tree, "-p", tip, "-m", &message];
    let answer = quiet(repository, &variables, &arguments, ASK).await?;
    if !answer.success() {
        return Err(refused(&arguments, &answer));
    }
    Ok(Replayed::Done(String::from_utf8_lossy(&answer.stdout).trim().to_owned()))
}

/// Where a branch is checked out, if it is: also while a rebase of it is under way there.
///
/// # Errors
/// Git cannot tell.
pub async fn checked_out(repository: &Path, branch: &str) -> Result<Option<PathBuf>, Error> {
    let listed = text(repository, &["worktree", "list", "--porcelain", "-z"]).await?;
    let name = format!("refs/heads/{branch}");
    let mut folder = None;
    for field in listed.split('\0') {
        if let Some(path) = field.strip_prefix("worktree ") {
            folder = Some(PathBuf::from(path));
        } else if field.strip_prefix("branch ") == Some(name.as_str()) {
            return Ok(folder);
        } else if field == "detached"
            && let Some(folder) = &folder
            && is_in_hand(folder, &name).await
        {
            return Ok(Some(folder.clone()));
        }
    }
    Ok(None)
}

/// Whether a rebase of this branch is under way in a worktree whose head is detached meanwhile.
async fn is_in_hand(folder: &Path, name: &str) -> bool {
    for file in ["rebase-merge/head-name", "rebase-apply/head-name"] {
        let arguments = ["rev-parse", "--path-format=absolute", "--git-path", file];
        let Ok(path) = text(folder, &arguments).await else { continue };
        if std::fs::read_to_string(path).is_ok_and(|said| said.trim() == name) {
            return true;
        }
    }
    false
}

/// The branch that is checked out in a folder; nothing when none is.
pub async fn branch_of(folder: &Path) -> Option<String> {
    text(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"]).await.ok()
}

/// What came of moving a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It ends there now.
    Done,
    /// Somebody else moved it meanwhile.
    Elsewhere,
    /// In the folder where it is checked out something is in the way; in git's words.
    InTheWay(String),
}

/// Moves a branch forward, from the tip that was looked at. Where it is checked out the files there
/// move with it; what is not committed there stays as it is, and if that is not possible nothing moves.
///
/// # Errors
/// Git cannot be run.
pub async fn forward(
    repository: &Path,
    branch: &str,
    from: &str,
    to: &str,
) -> Result<Moved, Error> {
    if !contains(repository, to, from).await? {
        return Ok(Moved::Elsewhere);
    }
    let arguments =
        ["merge", "--ff-only", "--quiet", "--no-overwrite-ignore", "--no-autostash", to];
    turn(repository, branch, from, to, &arguments).await
}

/// Moves a branch back to where it ended before, if it ends in `from` still. As careful as [`forward`].
///
/// # Errors
/// Git cannot be run.
pub async fn back(repository: &Path, branch: &str, from: &str, to: &str) -> Result<Moved, Error> {
    turn(repository, branch, from, to, &["reset", "--quiet", "--keep", to]).await
}

async fn turn(
    repository: &Path,
    branch: &str,
    from: &str,
    to: &str,
    in_folder: &[&str],
) -> Result<Moved, Error> {
    let name = format!("refs/heads/{branch}");
    let tip = git::tip_of(repository, branch).await?;
    if tip.as_deref() != Some(from) {
        return Ok(if tip.as_deref() == Some(to) { Moved::Done } else { Moved::Elsewhere });
    }
    let Some(folder) = checked_out(repository, branch).await? else {
        // Git itself compares with the old tip while it holds the branch's lock.
        let arguments = ["update-ref", "-m", "orkestra merge", &name, to, from];
        let answer = quiet(repository, &[], &arguments, ASK).await?;
        if answer.success() {
            return Ok(Moved::Done);
        }
        let now = git::tip_of(repository, branch).await?;
        return if now.as_deref() == Some(from) {
            Err(refused(&arguments, &answer))
        } else {
            Ok(Moved::Elsewhere)
        };
    };
    if branch_of(&folder).await.as_deref() != Some(branch) {
        let message = format!("a rebase of {branch} is under way in {}", folder.display());
        return Ok(Moved::InTheWay(message));
    }
    let answer = quiet(&folder, &[], in_folder, WORK).await?;
    // What the branch says counts, not what the program said.
    let now = git::tip_of(repository, branch).await?;
    if now.as_deref() == Some(to) {
        return Ok(Moved::Done);
    }
    if now.as_deref() != Some(from) {
        return Ok(Moved::Elsewhere);
    }
    match refused(in_folder, &answer) {
        Error::Refused { message, .. } => Ok(Moved::InTheWay(message)),
        other => Err(other),
    }
}

/// A lock of git's own that is older than this was left by a program that was killed.
const LOCK_OLD: Duration = Duration::from_secs(10);

impl Checkout {
    /// Puts a worktree of Orkestra's own, and its branch, on this commit. What is not committed there
    /// is not kept: commit it before.
    ///
    /// # Errors
    /// Git refuses.
    pub async fn put_on(&self, commit: &str) -> Result<(), Error> {
        self.forget_old_lock();
        self.order(&["reset", "--quiet", "--hard", commit]).await
    }

    fn forget_old_lock(&self) {
        let lock = self.lock();
        let age = std::fs::metadata(&lock).and_then(|facts| facts.modified()).ok();
        if age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > LOCK_OLD) {
            let _gone_meanwhile = std::fs::remove_file(lock);
        }
    }
}
