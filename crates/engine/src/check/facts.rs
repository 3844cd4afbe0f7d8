//! What has to be known for the checks: rows, disk, git, files.

use super::doctor;
use crate::error::Error;
use crate::evidence::place;
use crate::handle::Handle;
use crate::instance::describe;
use crate::task;
use orkestra_core::check::{
    After, AgentFact, Before, DependsFact, LeaseFact, OutputFact, RowFact, markers_in,
};
use orkestra_core::evidence::{Check, Wanted};
use orkestra_core::id::TaskId;
use orkestra_core::run::Run;
use orkestra_core::task::{DependKind, Task, TaskState};
use orkestra_host::{git, inside, machine};
use orkestra_store::{Error as StoreError, Filter, Read, TaskFilter};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file in which markers are looked for may have so many bytes.
const READ_MAX: u64 = 1 << 20;

/// Files of an outcome that are looked at.
const OUTPUTS_MAX: usize = 200;

/// Tasks at work that are looked through for those of one agent.
const WORK_MAX: usize = 10_000;

/// Facts before a task, and the task, if it reads.
pub(super) struct Gathered {
    pub(super) facts: Before,
    pub(super) task: Option<Task>,
}

/// What the rows say.
struct Rows {
    row: RowFact,
    task: Option<Task>,
    depends: Vec<DependsFact>,
    busy_with: Vec<String>,
}

fn rows(read: &dyn Read, id: TaskId, agent: Option<&str>) -> Result<Rows, StoreError> {
    let (row, task) = match read.task(id)? {
        None => (RowFact::Missing, None),
        Some(row) => match task::parse(&row) {
            Ok(task) => (RowFact::Reads, Some(task)),
            Err(error) => (RowFact::Unreadable(error.to_string()), None),
        },
    };
    let mut depends = Vec::new();
    for on in task.iter().flat_map(|task| &task.depends) {
        let other = read.task(on.task)?;
        let state = other.map(|row| row.state);
        let over = state.as_deref().and_then(TaskState::parse).is_some_and(TaskState::is_over);
        // One that must only be over is as good as verified then.
        let state = if on.kind == DependKind::Over && over {
            Some(TaskState::Verified.word().to_owned())
        } else {
            state
        };
        let hard = on.kind != DependKind::Soft;
        depends.push(DependsFact { task: on.task.short(), state, hard });
    }
    let mut busy_with = Vec::new();
    if let Some(agent) = agent {
        let states = [TaskState::Claimed, TaskState::Running].map(|state| state.word().to_owned());
        let filter =
            TaskFilter { states: states.to_vec(), limit: WORK_MAX, ..TaskFilter::default() };
        for row in read.tasks(&filter)?.iter().filter(|row| row.id != id) {
            let Ok(other) = task::parse(row) else { continue };
            if other.claim.is_some_and(|claim| claim.agent == agent) {
                busy_with.push(other.id.short());
            }
        }
    }
    Ok(Rows { row, task, depends, busy_with })
}

/// All that is known before a task. `fence` is the claim for which it is asked: its own claim is
/// nobody else's (MISSION 2.2: own lock passes).
pub(super) async fn before(
    handle: &Handle,
    id: TaskId,
    fence: Option<u64>,
    agent: Option<String>,
) -> Gathered {
    let of = agent.clone();
    let read = handle.store.read(move |read| rows(read, id, of.as_deref())).await;
    let (store, found) = match read {
        Ok(found) => (Ok(()), Some(found)),
        Err(error) => (Err(describe(&error)), None),
    };
    let Rows { row, task, depends, busy_with } = found.unwrap_or_else(|| Rows {
        row: RowFact::Unreadable("the queue cannot be read".to_owned()),
        task: None,
        depends: Vec::new(),
        busy_with: Vec::new(),
    });
    let own =
        |task: &Task| fence.is_some() && task.claim.as_ref().map(|claim| claim.fence) == fence;
    let state = task.as_ref().map(|task| match task.state {
        TaskState::Claimed if own(task) => TaskState::Ready.word().to_owned(),
        state => state.word().to_owned(),
    });
    let held_by = task.as_ref().filter(|task| !own(task)).and_then(|task| {
        let claim = task.claim.as_ref().filter(|_| task.state.is_held())?;
        Some(format!("{} ({})", claim.owner, claim.agent))
    });
    let target = task.as_ref().and_then(|task| task.target.clone()).map(PathBuf::from);
    let (folder, uncommitted) = place_of(handle, target.as_deref()).await;
    let inputs: Vec<String> = task.iter().flat_map(|task| task.inputs.clone()).collect();
    let inputs_missing = match &target {
        // One that begins at a branch sees what is there, whatever the folder shows now.
        Some(target) if task.as_ref().is_some_and(|task| task.base.is_none()) => {
            missing(target.clone(), inputs.clone()).await
        }
        _ => Vec::new(),
    };
    let facts = Before {
        store,
        row,
        state,
        depends,
        held_by,
        agent: AgentFact {
            held_back: agent.as_deref().and_then(|name| held_back(handle, name)),
            name: agent,
            busy_with,
        },
        folder,
        uncommitted,
        disk_free: disk_free(handle, target.as_deref()),
        inputs_missing,
        inputs: inputs.len(),
        tries: task.as_ref().map_or((0, 1), |task| (task.tries, task.tries_max)),
    };
    Gathered { facts, task }
}

/// Why an agent gets no work now.
fn held_back(handle: &Handle, name: &str) -> Option<String> {
    if let Some(pause) = handle.agent_hold(name) {
        let why = pause.why.trim_end_matches('.');
        return Some(format!("it is held back {}, since {why}", pause.until_in_words()));
    }
    if name.starts_with("script:") {
        // Its program is looked for when it is started.
        return None;
    }
    handle.agents().choose(Some(name)).err().map(|why| why.trim_end_matches('.').to_owned())
}

/// Whether the outcome can be written, and what is not committed.
async fn place_of(handle: &Handle, target: Option<&Path>) -> (Result<(), String>, Option<u32>) {
    if let Err(why) = write_test(&handle.home().join("worktrees")) {
        return (Err(why), None);
    }
    // A task without a folder gets that of its session.
    let Some(target) = target else { return (Ok(()), None) };
    match place::preflight(handle.home(), target).await {
        Err(why) => (Err(why), None),
        Ok(found) if found.has_git => {
            let dirty = git::dirty_count(&found.folder).await.ok();
            (Ok(()), dirty.map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
        }
        Ok(_) => (Ok(()), None),
    }
}

/// Makes the folder if it is not there, and a file in it.
fn write_test(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    let test = || {
        std::fs::create_dir_all(folder)?;
        let file = folder.join(".check");
        std::fs::write(&file, b"ok")?;
        std::fs::remove_file(&file)
    };
    test().map_err(|error| format!("{shown} cannot be written to: {error}"))
}

/// The fullest of the disks that are written to.
fn disk_free(handle: &Handle, target: Option<&Path>) -> Option<f64> {
    let shares = [Some(handle.home()), target].into_iter().flatten().filter_map(|path| {
        let disk = machine::disk_free(path).ok().filter(|disk| disk.total > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a share of a disk")]
        Some(disk.free as f64 / disk.total as f64 * 100.0)
    });
    shares.reduce(f64::min)
}

async fn missing(root: PathBuf, names: Vec<String>) -> Vec<String> {
    let looked = tokio::task::spawn_blocking(move || {
        names.into_iter().filter(|name| inside::open(&root, name).is_err()).collect()
    });
    looked.await.unwrap_or_default()
}

/// All that is known after a task.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn after(
    handle: &Handle,
    task: &Task,
    run: Option<&Run>,
    fence: Option<u64>,
) -> Result<After, Error> {
    let id = task.id;
    let read = handle.store.read(move |read| {
        let now = read.task(id)?.as_ref().map(task::parse).transpose()?;
        let reported = Filter {
            kinds: vec!["task.reported".to_owned()],
            topic: Some("task".to_owned()),
            subject: Some(id.to_string()),
            newest_first: true,
            limit: 1,
            ..Filter::default()
        };
        let ended = !read.events(&reported)?.is_empty();
        let faults = match &now {
            Some(task) => doctor::of_task(read, task)?,
            None => Vec::new(),
        };
        Ok((now, ended, faults))
    });
    let (now, ended, faults) = read.await.map_err(Error::Store)?;
    let at = handle.now().at;
    let lease = match now.as_ref().map(|task| (task, task.claim.as_ref())) {
        Some((_, Some(claim))) if fence.is_some_and(|fence| fence != claim.fence) => {
            LeaseFact::Taken(format!("{} ({})", claim.owner, claim.agent))
        }
        Some((_, Some(claim))) if claim.expires_at.is_some_and(|until| until <= at) => {
            LeaseFact::Lapsed
        }
        Some((_, Some(_))) => LeaseFact::Ours,
        // It was given back when the task was verified.
        Some((task, None)) if task.state == TaskState::Verified => LeaseFact::Ours,
        Some((_, None)) | None => LeaseFact::Lapsed,
    };
    let worktree = run.and_then(|run| run.worktree.as_ref());
    let root = match worktree {
        Some(worktree) => Some(PathBuf::from(&worktree.path)),
        None => task.target.as_ref().map(PathBuf::from),
    };
    let uncommitted = match worktree.filter(|worktree| !worktree.is_plain()) {
        Some(worktree) => git::dirty_count(Path::new(&worktree.path)).await.ok(),
        None => None,
    };
    let (named, made) = outputs_of(task, run);
    let outputs = match root {
        Some(root) => looked_at(root, named, made).await,
        None => Vec::new(),
    };
    let said = task.result.clone();
    let said = said.or_else(|| Some(run?.ended.as_ref()?.summary.clone())).unwrap_or_default();
    Ok(After {
        state: now.map(|task| task.state.word().to_owned()),
        outputs,
        said: markers_in(&said).into_iter().map(str::to_owned).collect(),
        lease,
        ended,
        uncommitted: uncommitted.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        faults,
    })
}

/// The files of the outcome: those that the task names, and those that were made.
fn outputs_of(task: &Task, run: Option<&Run>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut named = BTreeSet::new();
    for text in &task.evidence {
        if let Ok(Wanted::Check(Check::File { path, .. })) = text.parse::<Wanted>() {
            named.insert(path);
        }
    }
    for check in run.iter().flat_map(|run| run.evidence.checks()) {
        if let Check::File { path, .. } = check {
            named.insert(path.clone());
        }
    }
    let files = run.iter().flat_map(|run| run.files.iter().flatten());
    let made = files
        .filter(|file| file.status.starts_with('A') || file.status.starts_with('?'))
        .map(|file| file.path.clone())
        .filter(|path| !named.contains(path));
    (named.clone(), made.collect())
}

async fn looked_at(
    root: PathBuf,
    named: BTreeSet<String>,
    made: BTreeSet<String>,
) -> Vec<OutputFact> {
    let looked = tokio::task::spawn_blocking(move || {
        let all = named.into_iter().map(|path| (path, true));
        let all = all.chain(made.into_iter().map(|path| (path, false)));
        all.take(OUTPUTS_MAX).map(|(path, named)| output(&root, path, named)).collect()
    });
    looked.await.unwrap_or_default()
}

fn output(root: &Path, path: String, named: bool) -> OutputFact {
    let bytes = inside::open(root, &path).ok().and_then(|file| file.metadata().ok());
    let bytes = bytes.map(|facts| facts.len());
    let markers = match inside::read(root, &path, READ_MAX) {
        Ok(content) => {
            markers_in(&String::from_utf8_lossy(&content)).into_iter().map(str::to_owned).collect()
        }
        // Too large to be looked through, or not there, which another check says.
        Err(_) => Vec::new(),
    };
    OutputFact { path, named, bytes, markers }
}
