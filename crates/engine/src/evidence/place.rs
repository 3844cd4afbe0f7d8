//! Where a run works: a worktree of its own, or the plain folder itself with a snapshot first; and what
//! the project there declares.

use crate::instance::describe;
use crate::options::Options;
use orkestra_core::evidence::{Contract, Declared, Folder, Wanted, declared};
use orkestra_core::id::RunId;
use orkestra_core::prompt::{Brief, compose};
use orkestra_core::run::{Purpose, Run, Worktree};
use orkestra_host::{git, inside, snapshot};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A project's own file for Orkestra.
const OWN: &str = ".orkestra.yaml";

/// A file that declares something may have so many bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file with the whole task, for the agent.
const CHARTER: &str = "charter.md";

/// Where a run's raw stream and prompt lie.
pub(crate) fn run_folder(home: &Path, id: RunId) -> PathBuf {
    home.join("runs").join(id.to_string())
}

/// The file with the whole task of a run, as its agent may read it.
pub(crate) fn charter(home: &Path, id: RunId) -> PathBuf {
    run_folder(home, id).join(CHARTER)
}

/// Where is written down how a plain folder was after its run.
pub(super) fn after(home: &Path, id: RunId) -> PathBuf {
    run_folder(home, id).join("after.json")
}

/// A target that was looked at before anything is made.
#[derive(Debug)]
pub(crate) struct Target {
    /// The repository's top folder, or the plain folder.
    pub(crate) folder: PathBuf,
    /// Whether it is a repository.
    pub(crate) has_git: bool,
}

/// Looks whether an agent can work for this target (MISSION 1.7: before a launch).
///
/// # Errors
/// It cannot, in words that say why and what to do.
pub(crate) async fn preflight(home: &Path, target: &Path) -> Result<Target, String> {
    let shown = target.display();
    let facts = match std::fs::metadata(target) {
        Ok(facts) => facts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("the target {shown} does not exist; it is not made for you"));
        }
        Err(error) => return Err(format!("the target {shown} cannot be looked at: {error}")),
    };
    if !facts.is_dir() {
        return Err(format!("the target {shown} is no folder"));
    }
    if std::fs::read_dir(target).is_err() {
        return Err(format!("the target {shown} cannot be read by the daemon's user"));
    }
    if !inside::may_write(target) {
        return Err(format!("the target {shown} cannot be written to by the daemon's user"));
    }
    match git::repository_of(target).await {
        Ok(folder) => {
            git::head(&folder).await.map_err(|error| {
                format!(
                    "{shown} is a git repository without a commit ({}), and a worktree begins at one. \
                     Make it: git -C {shown} add -A && git -C {shown} commit -m start",
                    describe(&error)
                )
            })?;
            Ok(Target { folder, has_git: true })
        }
        Err(git::Error::NotARepository { .. }) => {
            let folder = target.canonicalize().map_err(|error| format!("{shown}: {error}"))?;
            let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
            if home.starts_with(&folder) || folder.starts_with(&home) {
                return Err(format!(
                    "without git an agent works in the target itself, and {shown} holds Orkestra's data \
                     folder, or lies in it. Choose a folder of your project"
                ));
            }
            Ok(Target { folder, has_git: false })
        }
        Err(error) => Err(format!("{shown}: {}", describe(&error))),
    }
}

/// What was made ready for an agent.
pub(crate) struct Prepared {
    pub(crate) worktree: Worktree,
    pub(crate) contract: Contract,
    /// What the agent is given.
    pub(crate) given: String,
}

/// Makes the place where a run works, fixes its contract, and writes down its task; also after a
/// crash, when some of it is there already. The agent has not been started yet.
///
/// # Errors
/// In words.
pub(crate) async fn prepare(options: &Options, run: &Run) -> Result<Prepared, String> {
    let target = Path::new(&run.target);
    let found = preflight(&options.home, target).await?;
    let worktree = if found.has_git {
        worktree(&options.home, run).await
    } else {
        plain(&options.home, run).await
    }?;
    let root = PathBuf::from(&worktree.path);
    let project = tokio::task::spawn_blocking(move || project(&root));
    let project = project.await.map_err(|error| describe(&error))??;
    let wanted: Result<Vec<Wanted>, _> =
        run.evidence.wanted.iter().map(|text| text.parse()).collect();
    let wanted = wanted.map_err(|error| format!("{error}"))?;
    let declared = declared(&project.folder);
    let contract =
        Contract::of(&wanted, &project.evidence, declared.as_ref(), !worktree.is_plain())
            .map_err(|error| format!("{error}."))?;
    let contract = with_tests(run, contract, declared.as_ref());
    // One that gets its prompt as it is is told nothing else, and its notices wait.
    let notices = if run.raw {
        None
    } else {
        crate::notice::take(&options.store, &run.agent, run.id)
            .await
            .map_err(|error| format!("What it has to be told cannot be read: {error}."))?
    };
    let task = compose(&Brief {
        request: &run.prompt,
        folder: &worktree.path,
        branch: (!worktree.is_plain()).then_some(worktree.branch.as_str()),
        checks: &contract.checks,
        budget_usd: run.budget_usd,
        role: run.role.as_ref(),
        notices: notices.as_deref(),
    });
    write_private(&charter(&options.home, run.id), task.as_bytes())
        .map_err(|error| format!("The task cannot be written down: {error}."))?;
    // A script is a program: it gets what was asked for as it was written, and reads the task in its
    // file if it wants to.
    let given = if run.raw || run.kind == "script" { run.prompt.clone() } else { task };
    Ok(Prepared { worktree, contract, given })
}

/// What several runs did together must pass the project's tests too, if it declares any.
fn with_tests(run: &Run, mut contract: Contract, declared: Option<&Declared>) -> Contract {
    if let Some(declared) = declared.filter(|_| run.belongs.purpose == Purpose::Check) {
        let check = declared.check();
        if !contract.checks.contains(&check) {
            contract.checks.push(check);
        }
    }
    contract
}

async fn worktree(home: &Path, run: &Run) -> Result<Worktree, String> {
    let target = Path::new(&run.target);
    let path = home.join("worktrees").join(run.id.to_string());
    let branch = format!("orkestra/{}", run.id.short());
    let made = async {
        let made = path.join(".git").exists();
        let base = match &run.base {
            // Made before a crash: a branch may lead elsewhere by now, and nobody worked here yet.
            _ if made => git::head(&path).await?,
            Some(base) => git::resolve(target, base).await?,
            None => git::head(target).await?,
        };
        let uncommitted = git::dirty_count(target).await?;
        if !made {
            git::add_worktree(target, &path, &branch, &base).await?;
        }
        Ok((base, uncommitted))
    };
    let (base, uncommitted) = made.await.map_err(|error: git::Error| {
        format!("Its worktree could not be made: {}.", describe(&error))
    })?;
    Ok(Worktree {
        path: path.to_string_lossy().into_owned(),
        branch,
        base,
        uncommitted: u32::try_from(uncommitted).unwrap_or(u32::MAX),
        snapshot: None,
    })
}

async fn plain(home: &Path, run: &Run) -> Result<Worktree, String> {
    let from = PathBuf::from(&run.target);
    let folder = run_folder(home, run.id);
    let to = folder.join("snapshot");
    let kept = to.clone();
    let taken = tokio::task::spawn_blocking(move || {
        super::command::make_private(&folder)
            .map_err(|error| format!("{} cannot be made: {error}.", folder.display()))?;
        if kept.exists() {
            return Ok(());
        }
        match snapshot::take(&from, &kept, snapshot::LIMITS) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "Without git an agent works in the target itself, and a snapshot is taken first; that \
                 failed: {}. A smaller folder, or git init with a commit, helps.",
                describe(&error)
            )),
        }
    });
    taken.await.map_err(|error| describe(&error))??;
    Ok(Worktree {
        path: run.target.clone(),
        branch: String::new(),
        base: String::new(),
        uncommitted: 0,
        snapshot: Some(to.to_string_lossy().into_owned()),
    })
}

/// Makes sure that what is to be checked is there: a worktree that was removed is made again of its
/// branch.
pub(crate) async fn ready(run: &Run) -> Result<(), String> {
    let worktree = run.worktree.as_ref().ok_or("the run has no worktree.")?;
    let path = Path::new(&worktree.path);
    if path.is_dir() {
        return Ok(());
    }
    if worktree.is_plain() {
        return Err(format!("{} is not there any more.", worktree.path));
    }
    git::attach_worktree(Path::new(&run.target), path, &worktree.branch).await.map_err(|error| {
        format!("its worktree is gone and cannot be made again: {}.", describe(&error))
    })
}

/// What a project says about its evidence.
#[derive(Debug, Default)]
pub(super) struct Project {
    /// `evidence:` of its own file.
    pub(super) evidence: Vec<Wanted>,
    /// The files that may declare tests.
    pub(super) folder: Folder,
}

/// A project's own file, `.orkestra.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    /// What must be found after every run.
    #[serde(default)]
    evidence: Vec<String>,
    /// A line for the shell that runs all tests.
    #[serde(default)]
    tests: Option<String>,
}

/// Reads what a project declares.
pub(super) fn project(root: &Path) -> Result<Project, String> {
    let text = |name: &str| {
        let bytes = inside::read(root, name, FILE_BYTES_MAX).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let own: Own = match text(OWN) {
        Some(text) if !text.trim().is_empty() => serde_saphyr::from_str(&text)
            .map_err(|error| format!("{OWN} of the project is wrong: {error}"))?,
        _ => Own::default(),
    };
    let evidence: Result<Vec<Wanted>, _> = own.evidence.iter().map(|item| item.parse()).collect();
    let makefile = ["GNUmakefile", "makefile", "Makefile"]
        .into_iter()
        .find_map(|name| Some((name.to_owned(), text(name)?)));
    Ok(Project {
        evidence: evidence.map_err(|error| format!("{OWN} of the project is wrong: {error}"))?,
        folder: Folder {
            own: own.tests,
            makefile,
            package_json: text("package.json"),
            locks: Folder::LOCKS
                .into_iter()
                .filter(|name| inside::open(root, name).is_ok())
                .map(str::to_owned)
                .collect(),
            cargo_toml: text("Cargo.toml"),
            pyproject_toml: text("pyproject.toml"),
        },
    })
}

/// Writes down how the changed files are now, so that later changes are told from the run's own.
pub(super) fn remember(
    after: &Path,
    root: &Path,
    changes: &[snapshot::Change],
) -> Result<(), snapshot::Error> {
    let mut known = BTreeMap::new();
    for change in changes {
        let print = snapshot::fingerprint(&root.join(&change.path))?;
        known.insert(change.path.to_string_lossy().into_owned(), print);
    }
    let text = serde_json::to_vec(&known).unwrap_or_default();
    write_private(after, &text)
        .map_err(|source| snapshot::Error::Io { path: after.to_owned(), source })
}

/// Only the owner may read it; never half a file under its name.
pub(crate) fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = file.parent() {
        super::command::make_private(folder)?;
    }
    let part = file.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    let mut output = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    output.write_all(bytes)?;
    drop(output);
    std::fs::rename(part, file)
}
