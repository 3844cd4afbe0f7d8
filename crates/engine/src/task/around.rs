//! What is around a task: those that depend on it, its parts, its runs, and what the next attempt has
//! to know of those before.

use super::{load, parse};
use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::run::Run;
use orkestra_core::task::{self, Earlier, Other, Others, Task};
use orkestra_store::{Error as StoreError, Filter, Read, TaskFilter};

/// Of so many earlier runs the next one is told.
const EARLIER_MAX: usize = 3;

/// So many of the last events of each.
const EVENTS_MAX: usize = 10;

/// So many of the files that each changed.
const FILES_MAX: usize = 40;

/// So many that are around a task are given.
const AROUND_MAX: usize = 500;

/// What is around a task.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Those that depend on it.
    pub dependents: Vec<Task>,
    /// Its parts, and what a pattern made.
    pub children: Vec<Task>,
    /// Its runs, the oldest first.
    pub runs: Vec<Run>,
    /// What the next attempt is told of those before.
    pub context: Option<String>,
}

fn run_of(body: &str) -> Result<Run, StoreError> {
    serde_json::from_str(body)
        .map_err(|error| StoreError::Damaged { what: format!("a run cannot be read: {error}") })
}

/// What the next attempt at a task has to know of those before; nothing at the first one. It goes into
/// its prompt.
pub(crate) fn context_of(read: &dyn Read, task: &Task) -> Result<Option<String>, StoreError> {
    let rows = read.runs_of_task(task.id)?;
    let mut earlier = Vec::new();
    for row in rows.iter().filter(|row| task.runs.contains(&row.id)) {
        let run = run_of(&row.body)?;
        let filter = Filter {
            topic: Some("run".to_owned()),
            subject: Some(run.id.to_string()),
            newest_first: true,
            limit: EVENTS_MAX,
            ..Filter::default()
        };
        let mut events: Vec<String> =
            read.events(&filter)?.iter().map(crate::sentence::sentence).collect();
        events.reverse();
        let files = run.files.iter().flatten().take(FILES_MAX);
        earlier.push(Earlier {
            run: run.id.short(),
            agent: run.agent.clone(),
            state: run.why(),
            summary: run.ended.as_ref().map(|ended| ended.summary.clone()),
            branch: run
                .worktree
                .as_ref()
                .map(|tree| tree.branch.clone())
                .filter(|branch| !branch.is_empty()),
            files: files.map(|file| format!("{} {}", file.status, file.path)).collect(),
            events,
        });
    }
    let first = earlier.len().saturating_sub(EARLIER_MAX);
    Ok(task::context(task, earlier.get(first..).unwrap_or_default()))
}

impl Handle {
    /// What is around a task.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn task_around(&self, task: &Task) -> Result<Around, Error> {
        let task = task.clone();
        let found = self.store.read(move |read| {
            let mut around = Around { context: context_of(read, &task)?, ..Around::default() };
            for id in read.dependents(task.id)?.into_iter().take(AROUND_MAX) {
                around.dependents.extend(load(read, id)?);
            }
            let of = TaskFilter { limit: AROUND_MAX, ..TaskFilter::default() };
            let parts = TaskFilter { parent: Some(task.id), ..of.clone() };
            let made = TaskFilter { pattern: Some(task.id), newest_first: true, limit: 20, ..of };
            for filter in [parts, made] {
                for row in read.tasks(&filter)? {
                    around.children.push(parse(&row)?);
                }
            }
            for row in read.runs_of_task(task.id)? {
                around.runs.push(run_of(&row.body)?);
            }
            Ok(around)
        });
        found.await.map_err(Error::Store)
    }

    /// What the next attempt at a task has to know of those before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn task_context(&self, task: &Task) -> Result<Option<String>, Error> {
        let task = task.clone();
        self.store.read(move |read| context_of(read, &task)).await.map_err(Error::Store)
    }

    /// Those that these tasks depend on, as they see them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn task_others(&self, tasks: &[Task]) -> Result<Others, Error> {
        let mut others: Others = tasks.iter().map(|task| (task.id, Other::of(task))).collect();
        let mut ids: Vec<_> =
            tasks.iter().flat_map(|task| &task.depends).map(|on| on.task).collect();
        ids.retain(|id| !others.contains_key(id));
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(others);
        }
        let found = self.store.read(move |read| {
            let mut found = Vec::new();
            for id in ids {
                if let Some(task) = load(read, id)? {
                    found.push((id, Other::of(&task)));
                }
            }
            Ok(found)
        });
        others.extend(found.await.map_err(Error::Store)?);
        Ok(others)
    }
}

/// When a process of this machine started, in clock ticks since boot; nothing when there is none.
pub fn process_start(pid: u32) -> Option<u64> {
    orkestra_host::boot::start_time(pid)
}
