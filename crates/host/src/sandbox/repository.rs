//! The smallest part of a repository that an agent must write to commit on its own branch in a
//! worktree.
//!
//! A worktree's index, HEAD and logs are in `.git/worktrees/NAME` of the repository, but objects
//! and branches are the repository's. Nothing here is read from the worktree: an agent may have changed it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What of a repository is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// To be read: the whole `.git`.
    pub read: Vec<PathBuf>,
    /// To be written: the worktree's own folder, objects, its branch.
    pub write: Vec<PathBuf>,
    /// To be read only, within those: what is packed, other branches, where git looks for its
    /// settings.
    pub protect: Vec<PathBuf>,
    /// Folders to be written in which nothing new has to be made.
    pub closed: Vec<PathBuf>,
}

/// What `git commit` needs in a worktree of the repository that holds `target`. Nothing when there
/// is no repository, or the folder is no worktree of it. Folders that git would make where it may not
/// are made here.
pub fn of_worktree(target: &Path, worktree: &Path, branch: &str) -> io::Result<Repository> {
    let Some(common) = common_folder(target) else { return Ok(Repository::default()) };
    let Some(own) = own_folder(&common, worktree) else { return Ok(Repository::default()) };
    let mut repository = Repository { read: vec![common.clone()], ..Repository::default() };
    let objects = common.join("objects");
    // With all of them there, git makes no folder in `objects` itself.
    for first in 0..=u8::MAX {
        // Another run of the same repository may begin at this moment.
        fs::create_dir_all(objects.join(format!("{first:02x}")))?;
    }
    for name in ["pack", "info"] {
        repository.protect.push(objects.join(name));
    }
    repository.closed.push(objects.clone());
    repository.write.push(objects);
    repository.write.push(own.clone());
    for name in ["commondir", "gitdir", "config.worktree"] {
        repository.protect.push(own.join(name));
    }
    if common.join("reftable").is_dir() {
        // All branches are in one table.
        repository.write.push(common.join("reftable"));
        return Ok(repository);
    }
    let branch = Path::new("refs/heads").join(branch);
    let group = branch.parent().unwrap_or(Path::new("refs/heads"));
    for group in [common.join(group), common.join("logs").join(group)] {
        fs::create_dir_all(&group)?;
        let name = branch.file_name().unwrap_or_default();
        for other in fs::read_dir(&group)?.flatten() {
            // What git holds for a moment is gone before it could be covered.
            let passing = other.path().extension().is_some_and(|kind| kind == "lock");
            if other.file_name() != name && !passing {
                repository.protect.push(other.path());
            }
        }
        repository.write.push(group);
    }
    Ok(repository)
}

/// The `.git` that all worktrees of a repository share.
fn common_folder(target: &Path) -> Option<PathBuf> {
    let dot_git = target.ancestors().map(|above| above.join(".git")).find(|path| path.exists())?;
    if dot_git.is_dir() {
        return dot_git.canonicalize().ok();
    }
    // The target is a worktree or a submodule itself.
    let text = fs::read_to_string(&dot_git).ok()?;
    let folder = dot_git.parent()?.join(text.strip_prefix("gitdir:")?.trim());
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(text) => folder.join(text.trim()),
        Err(_) => folder,
    };
    common.canonicalize().ok()
}

/// The folder in which git keeps what is this worktree's own. Git names it by the worktree's last
/// name, which is a run's id and so belongs to nobody else.
fn own_folder(common: &Path, worktree: &Path) -> Option<PathBuf> {
    let folder = common.join("worktrees").join(worktree.file_name()?);
    let facts = folder.symlink_metadata().ok()?;
    facts.is_dir().then_some(folder)
}
