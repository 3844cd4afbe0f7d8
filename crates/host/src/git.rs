//! Worktrees through the `git` executable: what people see is what git itself would do.

mod checkout;
pub mod search;

pub use checkout::{Checkout, Identity};
pub(crate) use checkout::{patch_between, quiet};

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::program::{Captured, run_captured};

/// Reading questions are quick; a checkout of a large repository is not.
const ASK: Duration = Duration::from_secs(30);
const CHECKOUT: Duration = Duration::from_secs(300);
const MAX_OUTPUT: usize = 16 << 20;

/// What git refused, in git's words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not inside a repository.
    #[error("{} is not in a git repository", path.display())]
    NotARepository {
        /// The path.
        path: PathBuf,
    },
    /// A repository without a commit.
    #[error("{} has no commit yet", path.display())]
    NoCommit {
        /// The path.
        path: PathBuf,
    },
    /// The branch exists or is checked out elsewhere.
    #[error("the branch {branch} is taken: {message}")]
    BranchTaken {
        /// The branch.
        branch: String,
        /// Git's message.
        message: String,
    },
    /// Any other refusal.
    #[error("git {command} failed: {message}")]
    Refused {
        /// The git command.
        command: String,
        /// Git's message.
        message: String,
    },
    /// The answer was longer than we read.
    #[error("git {command} said more than can be used")]
    TooMuch {
        /// The git command.
        command: String,
    },
    /// Git could not be run.
    #[error(transparent)]
    Host(#[from] crate::Error),
}

/// A path that differs from the last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Relative to the worktree. Names that are not UTF-8 are shown with replacement characters.
    pub path: String,
    /// Git's two letters: index and worktree (`??` is untracked).
    pub status: String,
}

/// The top folder of the repository that holds `path`.
pub async fn repository_of(path: &Path) -> Result<PathBuf, Error> {
    let answer = git(path, &["rev-parse", "--show-toplevel"], ASK).await?;
    if !answer.success() {
        let message = said(&answer);
        if message.contains("not a git repository")
            || message.contains("must be run in a work tree")
        {
            return Err(Error::NotARepository { path: path.to_owned() });
        }
        return Err(Error::Refused { command: "rev-parse".to_owned(), message });
    }
    let line = answer.stdout.strip_suffix(b"\n").unwrap_or(&answer.stdout);
    Ok(PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(line)))
}

/// The commit that is checked out.
pub async fn head(repository: &Path) -> Result<String, Error> {
    let answer = git(repository, &["rev-parse", "--verify", "--quiet", "HEAD"], ASK).await?;
    if !answer.success() {
        repository_of(repository).await?;
        return Err(Error::NoCommit { path: repository.to_owned() });
    }
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

/// How many files differ from the last commit, untracked ones included.
pub async fn dirty_count(worktree: &Path) -> Result<usize, Error> {
    Ok(changed_files(worktree).await?.len())
}

/// Files that differ from the last commit, untracked ones included, in git's order.
pub async fn changed_files(worktree: &Path) -> Result<Vec<ChangedFile>, Error> {
    let arguments = ["status", "--porcelain=v1", "-z", "--untracked-files=all"];
    let answer = checked(worktree, &arguments, ASK).await?;
    Ok(status_of(&answer.stdout))
}

/// What `status --porcelain=v1 -z` says.
fn status_of(said: &[u8]) -> Vec<ChangedFile> {
    let mut fields = said.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut files = Vec::new();
    while let Some(field) = fields.next() {
        let text = String::from_utf8_lossy(field);
        let (Some(status), Some(path)) = (text.get(..2), text.get(3..)) else { continue };
        // A rename names the old path in a field of its own.
        if status.contains(['R', 'C']) {
            fields.next();
        }
        files.push(ChangedFile { path: path.to_owned(), status: status.to_owned() });
    }
    files
}

/// What differs in a worktree from a commit, whether committed since or not, and files that git
/// does not track. `status` is git's one letter, `?` for a file that is not tracked.
pub async fn changed_since(worktree: &Path, base: &str) -> Result<Vec<ChangedFile>, Error> {
    let arguments = ["diff", "--name-status", "--no-renames", "-z", base, "--"];
    let answer = checked(worktree, &arguments, ASK).await?;
    let mut files = names_of(&answer.stdout);
    let untracked = changed_files(worktree).await?.into_iter().filter(|file| file.status == "??");
    files.extend(untracked.map(|file| ChangedFile { status: "?".to_owned(), ..file }));
    Ok(files)
}

/// What `diff --name-status -z` says.
fn names_of(said: &[u8]) -> Vec<ChangedFile> {
    let mut fields = said.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut files = Vec::new();
    while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
        files.push(ChangedFile {
            path: String::from_utf8_lossy(path).into_owned(),
            status: String::from_utf8_lossy(status).into_owned(),
        });
    }
    files
}

/// The commit that a name means: a branch, a commit, `HEAD`.
pub async fn resolve(repository: &Path, name: &str) -> Result<String, Error> {
    // With the suffix a name that begins with a hyphen is no option, and a tag is its commit.
    let name = format!("{name}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
    let answer = git(repository, &arguments, ASK).await?;
    let commit = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    if answer.success() && !commit.is_empty() {
        return Ok(commit);
    }
    let message =
        format!("there is no commit that {} leads to", name.trim_end_matches("^{commit}"));
    Err(Error::Refused { command: "rev-parse".to_owned(), message })
}

/// Makes a worktree at `path` on a new branch from a commit.
pub async fn add_worktree(
    repository: &Path,
    path: &Path,
    branch: &str,
    base: &str,
) -> Result<(), Error> {
    head(repository).await?;
    let target = path.to_string_lossy();
    let arguments = ["worktree", "add", "--quiet", "-b", branch, "--", &target, base];
    let answer = git(repository, &arguments, CHECKOUT).await?;
    if answer.success() {
        return Ok(());
    }
    let message = said(&answer);
    if message.contains("a branch named") || message.contains("already checked out") {
        return Err(Error::BranchTaken { branch: branch.to_owned(), message });
    }
    Err(Error::Refused { command: "worktree add".to_owned(), message })
}

/// Makes a worktree at `path` of a branch that is there already.
pub async fn attach_worktree(repository: &Path, path: &Path, branch: &str) -> Result<(), Error> {
    let target = path.to_string_lossy();
    // A folder that was moved away is still on git's list until it is looked for.
    checked(repository, &["worktree", "prune"], ASK).await?;
    let arguments = ["worktree", "add", "--quiet", "--", &target, branch];
    checked(repository, &arguments, CHECKOUT).await?;
    Ok(())
}

/// The commit that a branch ends in; nothing when there is no such branch.
pub async fn tip_of(repository: &Path, branch: &str) -> Result<Option<String>, Error> {
    commit_of(repository, &format!("refs/heads/{branch}")).await
}

/// The commit that a full name leads to; nothing when there is no such name.
pub async fn commit_of(repository: &Path, name: &str) -> Result<Option<String>, Error> {
    let answer = git(repository, &["rev-parse", "--verify", "--quiet", name], ASK).await?;
    let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    Ok((answer.success() && !text.is_empty()).then_some(text))
}

/// Which of these files a commit has; paths are relative to the repository's top.
pub async fn files_in(
    repository: &Path,
    commit: &str,
    paths: &[&str],
) -> Result<std::collections::BTreeSet<String>, Error> {
    let mut arguments = vec!["ls-tree", "-z", "-r", "--full-tree", "--name-only", commit, "--"];
    arguments.extend(paths);
    let said = checked(repository, &arguments, ASK).await?;
    let names = said.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// Makes a branch end in this commit; it is made if it is not there.
pub async fn set_branch(repository: &Path, branch: &str, commit: &str) -> Result<(), Error> {
    checked(repository, &["update-ref", &format!("refs/heads/{branch}"), commit], ASK).await?;
    Ok(())
}

/// Removes a branch that ends in this commit; what it led to stays until git tidies up.
pub async fn remove_branch(repository: &Path, branch: &str, commit: &str) -> Result<(), Error> {
    let name = format!("refs/heads/{branch}");
    checked(repository, &["update-ref", "-d", &name, commit], ASK).await?;
    Ok(())
}

/// Keeps a commit under a name of its own that no branch list shows, so that git never tidies it
/// away.
pub async fn keep_commit(repository: &Path, name: &str, commit: &str) -> Result<(), Error> {
    checked(repository, &["update-ref", &format!("refs/orkestra/{name}"), commit], ASK).await?;
    Ok(())
}

/// Removes a worktree with everything in it; its branch stays.
pub async fn remove_worktree(repository: &Path, path: &Path) -> Result<(), Error> {
    let target = path.to_string_lossy();
    checked(repository, &["worktree", "remove", "--force", "--", &target], CHECKOUT).await?;
    Ok(())
}

/// Takes a worktree whose folder is gone from the repository's list; its branch stays.
pub async fn forget_worktree(repository: &Path, path: &Path) -> Result<(), Error> {
    if path.exists() {
        // Git would delete it.
        let message = format!("{} is still there", path.display());
        return Err(Error::Refused { command: "worktree remove".to_owned(), message });
    }
    remove_worktree(repository, path).await
}

/// Whether a branch or tag leads to what is checked out, so that it stays when the worktree goes.
pub async fn is_on_a_branch(worktree: &Path) -> Result<bool, Error> {
    let arguments = ["for-each-ref", "--count=1", "--contains=HEAD", "refs/heads", "refs/tags"];
    Ok(!checked(worktree, &arguments, ASK).await?.stdout.is_empty())
}

fn said(answer: &Captured) -> String {
    String::from_utf8_lossy(&answer.stderr).trim().to_owned()
}

async fn checked(dir: &Path, arguments: &[&str], limit: Duration) -> Result<Captured, Error> {
    let command = arguments.first().copied().unwrap_or_default().to_owned();
    let answer = git(dir, arguments, limit).await?;
    if answer.truncated {
        return Err(Error::TooMuch { command });
    }
    if answer.success() {
        return Ok(answer);
    }
    let message = said(&answer);
    if message.contains("not a git repository") {
        return Err(Error::NotARepository { path: dir.to_owned() });
    }
    Err(Error::Refused { command, message })
}

async fn git(dir: &Path, arguments: &[&str], limit: Duration) -> Result<Captured, Error> {
    git_with(dir, &[], arguments, limit).await
}

/// Git with further variables of its own.
async fn git_with(
    dir: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
    limit: Duration,
) -> Result<Captured, Error> {
    // A daemon started from a git hook has GIT_DIR and friends set: they would lead elsewhere.
    // A question on a terminal nobody watches would wait for ever, and messages must be English
    // to be recognised.
    let inherited = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(key, _)| !key.starts_with("GIT_"));
    let ours = [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_EDITOR", "true"),
        ("LC_ALL", "C"),
    ];
    let env: Vec<(String, String)> = inherited
        .filter(|(key, _)| key != "LC_ALL" && key != "LANGUAGE")
        .chain(
            ours.iter().chain(variables).map(|(key, value)| (key.to_string(), value.to_string())),
        )
        .collect();
    let argv: Vec<String> =
        std::iter::once("git").chain(arguments.iter().copied()).map(str::to_owned).collect();
    Ok(run_captured(&argv, &env, dir, limit, MAX_OUTPUT).await?)
}
