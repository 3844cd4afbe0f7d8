//! What a task waits for.

use super::{Refusal, Task, TaskState, named};
use crate::id::TaskId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How much a dependency binds.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DependKind {
    /// The other one must be verified. When it cannot be, this one is blocked.
    #[default]
    Hard,
    /// It should be verified; if not, this one may begin, and a warning says so.
    Soft,
    /// It must be over, however it ended (MISSION 2.6: conditional).
    Over,
}

impl DependKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hard, Self::Soft, Self::Over];

    /// The word in commands, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Over => "over",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One dependency of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depend {
    /// On which task.
    pub task: TaskId,
    /// How much it binds.
    #[serde(default)]
    pub kind: DependKind,
}

/// What has to be known of a task that others depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its title.
    pub title: String,
    /// Where it is.
    pub state: TaskState,
}

impl Other {
    /// Of a task.
    pub fn of(task: &Task) -> Self {
        Self { title: task.title.clone(), state: task.state }
    }
}

/// Tasks that are depended on.
pub type Others = BTreeMap<TaskId, Other>;

/// Whether a task's dependencies let it begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They do; with a warning for each soft one that is not verified.
    Free {
        /// A sentence each.
        warnings: Vec<String>,
    },
    /// Not yet.
    Waiting {
        /// In one sentence.
        why: String,
    },
    /// Not as it is: one that must be verified will not be by itself.
    Blocked {
        /// In one sentence; it names the task, and MISSION 2.6's word.
        why: String,
    },
}

/// How a task stands by its dependencies.
///
/// # Errors
/// One is not among the others.
pub fn standing(task: &str, depends: &[Depend], others: &Others) -> Result<Standing, Refusal> {
    let mut waits = Vec::new();
    let mut warnings = Vec::new();
    let mut blocked = None;
    for depend in depends {
        let other = others.get(&depend.task).ok_or_else(|| Refusal::UnknownDependency {
            task: task.to_owned(),
            on: depend.task.to_string(),
        })?;
        let name = named(depend.task, &other.title);
        match depend.kind {
            DependKind::Hard if other.state.is_lost() => {
                let ended = match other.state {
                    TaskState::Cancelled => "was cancelled",
                    TaskState::Refuted => "was refuted",
                    _ => "failed",
                };
                blocked.get_or_insert(format!(
                    "It depends on {name}, which {ended} (DEPENDENCY_FAILED)."
                ));
            }
            DependKind::Hard if other.state == TaskState::Blocked => {
                blocked.get_or_insert(format!(
                    "It depends on {name}, which is blocked (DEPENDENCY_BLOCKED)."
                ));
            }
            DependKind::Hard if other.state != TaskState::Verified => waits.push(name),
            DependKind::Over if !other.state.is_over() => waits.push(name),
            DependKind::Soft if other.state != TaskState::Verified => warnings.push(format!(
                "It should come after {name}, which is {}.",
                other.state.word().replace('_', " ")
            )),
            DependKind::Hard | DependKind::Over | DependKind::Soft => {}
        }
    }
    if let Some(why) = blocked {
        return Ok(Standing::Blocked { why });
    }
    match waits.as_slice() {
        [] => Ok(Standing::Free { warnings }),
        [one] => Ok(Standing::Waiting { why: format!("It waits for {one}.") }),
        [first, rest @ ..] => {
            let why = format!("It waits for {first} and {} more.", rest.len());
            Ok(Standing::Waiting { why })
        }
    }
}

/// The way from `start` back to itself along what tasks depend on, if there is one: `start` first and
/// last. `of` tells what a task depends on.
///
/// # Errors
/// Those of `of`.
pub fn cycle<E>(
    start: TaskId,
    mut of: impl FnMut(TaskId) -> Result<Vec<TaskId>, E>,
) -> Result<Option<Vec<TaskId>>, E> {
    // The way down to where we are, each with what is still to be looked at.
    let mut way: Vec<(TaskId, Vec<TaskId>)> = vec![(start, of(start)?)];
    let mut seen = BTreeSet::from([start]);
    while let Some((_, rest)) = way.last_mut() {
        let Some(next) = rest.pop() else {
            way.pop();
            continue;
        };
        if next == start {
            let mut path: Vec<TaskId> = way.iter().map(|(task, _)| *task).collect();
            path.push(start);
            return Ok(Some(path));
        }
        if seen.insert(next) {
            way.push((next, of(next)?));
        }
    }
    Ok(None)
}
