//! A worktree in which somebody else has worked: git is used in it without being led by what they
//! left there.
//!
//! The file `.git` of a worktree says where its repository is, and the repository's configuration
//! names programs that git starts. An agent may write the one; so git is told by variables where
//! the repository is, as it was made, and the programs that a question would start are switched off.

use super::{ASK, CHECKOUT, ChangedFile, Error, checked, git_with, names_of, said, status_of};
use crate::program::Captured;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whose commit it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A name for people.
    pub name: String,
    /// An address; it tells these commits from all others.
    pub email: String,
}

/// A worktree and the repository that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    work: PathBuf,
    git_dir: PathBuf,
    common: PathBuf,
}

/// No program is started but git itself.
const QUIET: [&str; 10] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.quotePath=false",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "submodule.recurse=false",
];

impl Checkout {
    /// The worktree at `work` that was made of `repository`.
    pub async fn of(repository: &Path, work: &Path) -> Result<Self, Error> {
        let arguments = ["rev-parse", "--path-format=absolute", "--git-common-dir"];
        let answer = checked(repository, &arguments, ASK).await?;
        let common = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim_end_matches('\n'));
        // Git names its folder for a worktree after the worktree's own folder, which is unique.
        let git_dir = common.join("worktrees").join(work.file_name().unwrap_or_default());
        if !git_dir.is_dir() || !work.is_dir() {
            let message = format!("{} is no worktree of it any more", work.display());
            return Err(Error::Refused { command: "worktree".to_owned(), message });
        }
        Ok(Self { work: work.to_owned(), git_dir, common })
    }

    /// Where it is.
    pub fn work(&self) -> &Path {
        &self.work
    }

    async fn ask(&self, arguments: &[&str], limit: Duration) -> Result<Captured, Error> {
        self.ask_as(None, arguments, limit).await
    }

    async fn ask_as(
        &self,
        author: Option<&Identity>,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Captured, Error> {
        let (work, git_dir, common) = (
            self.work.to_string_lossy(),
            self.git_dir.to_string_lossy(),
            self.common.to_string_lossy(),
        );
        let mut variables: Vec<(&str, &str)> =
            vec![("GIT_WORK_TREE", &work), ("GIT_DIR", &git_dir), ("GIT_COMMON_DIR", &common)];
        if let Some(Identity { name, email }) = author {
            variables.extend([
                ("GIT_AUTHOR_NAME", name.as_str()),
                ("GIT_AUTHOR_EMAIL", email.as_str()),
                ("GIT_COMMITTER_NAME", name.as_str()),
                ("GIT_COMMITTER_EMAIL", email.as_str()),
            ]);
        }
        let all: Vec<&str> = QUIET.iter().chain(arguments).copied().collect();
        let answer = git_with(&self.work, &variables, &all, limit).await?;
        if answer.success() {
            return Ok(answer);
        }
        let command = arguments.first().copied().unwrap_or_default().to_owned();
        Err(Error::Refused { command, message: said(&answer) })
    }

    async fn whole(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let answer = self.ask(arguments, CHECKOUT).await?;
        if answer.truncated {
            let command = arguments.first().copied().unwrap_or_default().to_owned();
            return Err(Error::TooMuch { command });
        }
        Ok(answer.stdout)
    }

    /// Files that differ from what is committed; ignored ones are not among them.
    pub async fn uncommitted(&self) -> Result<Vec<ChangedFile>, Error> {
        let arguments = [
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=dirty",
        ];
        Ok(status_of(&self.whole(&arguments).await?))
    }

    /// Files that differ from a commit, whether committed since or not; `?` for those that git does
    /// not know yet.
    pub async fn changed_since(&self, base: &str) -> Result<Vec<ChangedFile>, Error> {
        let arguments = [
            "diff",
            "--name-status",
            "--no-renames",
            "--no-ext-diff",
            "--ignore-submodules=dirty",
            "-z",
            base,
            "--",
        ];
        let mut files = names_of(&self.whole(&arguments).await?);
        let untracked = self.uncommitted().await?.into_iter().filter(|file| file.status == "??");
        files.extend(untracked.map(|file| ChangedFile { status: "?".to_owned(), ..file }));
        Ok(files)
    }

    /// The branch that is checked out; nothing when none is.
    pub async fn branch(&self) -> Option<String> {
        let answer = self.ask(&["symbolic-ref", "--quiet", "--short", "HEAD"], ASK).await.ok()?;
        Some(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    }

    /// Commits on a branch since another, but for those of this author.
    pub async fn commits(&self, base: &str, branch: &str, but: &Identity) -> Result<u32, Error> {
        let range = format!("{base}..refs/heads/{branch}");
        let said =
            self.whole(&["log", "--format=%ae", "--no-show-signature", &range, "--"]).await?;
        let authors = String::from_utf8_lossy(&said);
        let count = authors.lines().filter(|email| *email != but.email).count();
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Commits all that is not committed and not ignored, without any hook; the commit, or nothing
    /// when there was nothing to commit. Nobody else may be working in it.
    pub async fn commit_all(
        &self,
        author: &Identity,
        message: &str,
    ) -> Result<Option<String>, Error> {
        // Whoever held it was killed: all processes that worked here are gone.
        let _none_was_left = std::fs::remove_file(self.git_dir.join("index.lock"));
        let files = self.uncommitted().await?;
        if files.is_empty() {
            return Ok(None);
        }
        let conflict = files
            .iter()
            .find(|file| file.status.contains('U') || matches!(file.status.as_str(), "AA" | "DD"));
        if let Some(file) = conflict {
            let message = format!("{} has conflicts that are not resolved", file.path);
            return Err(Error::Refused { command: "commit".to_owned(), message });
        }
        self.ask(&["add", "--all", "--", "."], CHECKOUT).await?;
        let arguments = ["commit", "--quiet", "--no-verify", "--no-gpg-sign", "-m", message];
        self.ask_as(Some(author), &arguments, CHECKOUT).await?;
        let head = self.ask(&["rev-parse", "HEAD"], ASK).await?;
        Ok(Some(String::from_utf8_lossy(&head.stdout).trim().to_owned()))
    }

    /// What git answers, cut off where it is too long.
    pub(crate) async fn read(&self, arguments: &[&str]) -> Result<Captured, Error> {
        self.ask(arguments, CHECKOUT).await
    }

    /// Lets git do something.
    pub(crate) async fn order(&self, arguments: &[&str]) -> Result<(), Error> {
        self.ask(arguments, CHECKOUT).await.map(|_| ())
    }

    /// The lock of its index.
    pub(crate) fn lock(&self) -> PathBuf {
        self.git_dir.join("index.lock")
    }

    /// What differs from a commit, as git tells it.
    pub async fn patch(&self, base: &str) -> Result<(Vec<u8>, Captured), Error> {
        let list = self.whole(&crate::diff::list_of(base, None)).await?;
        let patch = self.ask(&crate::diff::patch_of(base, None), CHECKOUT).await?;
        Ok((list, patch))
    }
}

/// Git in a repository, without any program but git itself; how it ended is for who asks.
pub(crate) async fn quiet(
    dir: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
    limit: Duration,
) -> Result<Captured, Error> {
    let texts = ["-c", "i18n.logOutputEncoding=UTF-8", "-c", "i18n.commitEncoding=UTF-8"];
    let all: Vec<&str> = QUIET.iter().chain(&texts).chain(arguments).copied().collect();
    git_with(dir, variables, &all, limit).await
}

/// What differs between two commits of a repository, as git tells it.
pub(crate) async fn patch_between(
    repository: &Path,
    base: &str,
    to: &str,
) -> Result<(Vec<u8>, Captured), Error> {
    let ask = async |arguments: &[&str]| {
        let all: Vec<&str> = QUIET.iter().chain(arguments).copied().collect();
        let answer = git_with(repository, &[], &all, CHECKOUT).await?;
        if answer.success() {
            return Ok(answer);
        }
        Err(Error::Refused { command: "diff".to_owned(), message: said(&answer) })
    };
    let list = ask(&crate::diff::list_of(base, Some(to))).await?;
    let patch = ask(&crate::diff::patch_of(base, Some(to))).await?;
    Ok((list.stdout, patch))
}
