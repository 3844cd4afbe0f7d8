//! The ten checks before a task, and three more of the older list (MISSION 2.2).

use super::{Category, Level, Outcome};

/// Below this share of the disk it is a warning, in percent.
pub(super) const DISK_LOW: f64 = 10.0;

/// Below this share of the disk nothing begins, in percent.
pub(super) const DISK_EMPTY: f64 = 5.0;

/// What was found of the task's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFact {
    /// It is there and reads.
    Reads,
    /// There is none.
    Missing,
    /// It is there and does not read; why, in words.
    Unreadable(String),
}

/// A task that comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependsFact {
    /// Which one, as people see it.
    pub task: String,
    /// Its state; nothing when it is not there.
    pub state: Option<String>,
    /// Whether it must be verified; else it should be.
    pub hard: bool,
}

/// The agent that is to have the task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentFact {
    /// Its name; nothing when none was chosen yet.
    pub name: Option<String>,
    /// Why it gets no work now; nothing when it does.
    pub held_back: Option<String>,
    /// Tasks that it has in progress, as people see them.
    pub busy_with: Vec<String>,
}

/// What is known before a task begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Before {
    /// Whether the store opens and holds a queue; else why not.
    pub store: Result<(), String>,
    /// The task's row.
    pub row: RowFact,
    /// Its state, if the row reads.
    pub state: Option<String>,
    /// What comes first.
    pub depends: Vec<DependsFact>,
    /// Who else has a valid claim on it.
    pub held_by: Option<String>,
    /// The agent.
    pub agent: AgentFact,
    /// Whether the folder of the outcome can be written to; else why not.
    pub folder: Result<(), String>,
    /// Changes in the target's working tree that are not committed; nothing without git.
    pub uncommitted: Option<u32>,
    /// What is free on the disk, in percent; nothing when nobody can tell.
    pub disk_free: Option<f64>,
    /// Files that it reads, as the task names them, that are not there.
    pub inputs_missing: Vec<String>,
    /// How many it names.
    pub inputs: usize,
    /// Tries that are used up, and how many there are.
    pub tries: (u32, u32),
}

/// All checks before a task, in the order of the list.
pub fn before(facts: &Before) -> Vec<Outcome> {
    vec![
        queue_opens(facts),
        row_reads(facts),
        task_exists(facts),
        state_ready(facts),
        dependencies_verified(facts),
        not_claimed(facts),
        agent_free(facts),
        folder_writable(facts),
        git_clean(facts),
        disk_space(facts),
        input_files(facts),
        agent_active(facts),
        tries_left(facts),
    ]
}

fn queue_opens(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("queue_opens", Category::FileSystem, level, message);
    match &facts.store {
        Ok(()) => found(Level::Pass, "The store opens and holds the queue.".to_owned()),
        Err(why) => found(Level::Critical, format!("The queue cannot be read: {why}.")),
    }
}

fn row_reads(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("row_reads", Category::DataIntegrity, level, message);
    match &facts.row {
        RowFact::Reads => found(Level::Pass, "The task's row reads.".to_owned()),
        // That it is not there is what the next check says.
        RowFact::Missing => found(Level::Pass, "There is no row that could be broken.".to_owned()),
        RowFact::Unreadable(why) => {
            found(Level::Critical, format!("The task's row does not read: {why}."))
        }
    }
}

fn task_exists(facts: &Before) -> Outcome {
    let found = |level, message| Outcome::new("task_exists", Category::Consistency, level, message);
    match facts.row {
        RowFact::Reads | RowFact::Unreadable(_) => found(Level::Pass, "The task is there."),
        RowFact::Missing => found(Level::Fail, "There is no such task."),
    }
}

fn state_ready(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("state_ready", Category::Consistency, level, message);
    match facts.state.as_deref() {
        Some("ready") => found(Level::Pass, "The task is ready.".to_owned()),
        Some(state) => found(Level::Fail, format!("The task is {state}, not ready.")),
        None => found(Level::Fail, "Nobody can tell in what state the task is.".to_owned()),
    }
}

fn dependencies_verified(facts: &Before) -> Outcome {
    let found = |level, message: String| {
        Outcome::new("dependencies_verified", Category::Dependencies, level, message)
    };
    let open = |hard: bool| {
        let of_kind = facts.depends.iter().filter(move |depends| depends.hard == hard);
        let open = of_kind.filter(|depends| depends.state.as_deref() != Some("verified"));
        let named = open.map(|depends| match &depends.state {
            Some(state) => format!("{} is {state}", depends.task),
            None => format!("{} is not there", depends.task),
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let (hard, soft) = (open(true), open(false));
    if !hard.is_empty() {
        found(Level::Fail, format!("What must come first is not verified: {hard}."))
    } else if !soft.is_empty() {
        found(Level::Warning, format!("What should come first is not verified: {soft}."))
    } else if facts.depends.is_empty() {
        found(Level::Pass, "Nothing has to come first.".to_owned())
    } else {
        found(Level::Pass, "All that comes first is verified.".to_owned())
    }
}

fn not_claimed(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("not_claimed", Category::Permissions, level, message);
    match &facts.held_by {
        None => found(Level::Pass, "Nobody else has a claim on it.".to_owned()),
        Some(who) => found(Level::Fail, format!("{who} has a claim on it.")),
    }
}

fn agent_free(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("agent_free", Category::Resources, level, message);
    match (&facts.agent.name, facts.agent.busy_with.as_slice()) {
        (None, _) => found(Level::Pass, "No agent is chosen yet.".to_owned()),
        (Some(name), []) => found(Level::Pass, format!("{name} has no other task in progress.")),
        (Some(name), tasks) => found(
            Level::Warning,
            format!("{name} has {} in progress: {}.", count(tasks.len(), "task"), tasks.join(", ")),
        ),
    }
}

fn folder_writable(facts: &Before) -> Outcome {
    let found = |level, message: String| {
        Outcome::new("folder_writable", Category::Permissions, level, message)
    };
    match &facts.folder {
        Ok(()) => found(Level::Pass, "The outcome's folder can be written to.".to_owned()),
        Err(why) => found(Level::Fail, format!("The outcome's folder cannot be used: {why}.")),
    }
}

fn git_clean(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("git_clean", Category::Consistency, level, message);
    match facts.uncommitted {
        None => found(Level::Pass, "There is no git tree to be clean.".to_owned()),
        Some(0) => found(Level::Pass, "All in the target is committed.".to_owned()),
        Some(changes) => found(
            Level::Warning,
            format!(
                "{} in the target not committed; the agent will not see {}.",
                if changes == 1 {
                    "1 change is".to_owned()
                } else {
                    format!("{changes} changes are")
                },
                if changes == 1 { "it" } else { "them" }
            ),
        ),
    }
}

fn disk_space(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("disk_space", Category::Resources, level, message);
    match facts.disk_free {
        None => found(Level::Warning, "Nobody can tell how much of the disk is free.".to_owned()),
        Some(free) => {
            let level = if free < DISK_EMPTY {
                Level::Critical
            } else if free < DISK_LOW {
                Level::Warning
            } else {
                Level::Pass
            };
            found(level, format!("{free:.1} % of the disk is free."))
        }
    }
}

fn input_files(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("input_files", Category::FileSystem, level, message);
    match (facts.inputs, facts.inputs_missing.as_slice()) {
        (0, _) => found(Level::Pass, "The task names no files that it reads.".to_owned()),
        (_, []) => found(Level::Pass, "The files that it reads are there.".to_owned()),
        (_, missing) => {
            found(Level::Fail, format!("It reads what is not there: {}.", missing.join(", ")))
        }
    }
}

fn agent_active(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("agent_active", Category::Resources, level, message);
    match (&facts.agent.name, &facts.agent.held_back) {
        (None, _) => found(Level::Pass, "No agent is chosen yet.".to_owned()),
        (Some(name), None) => found(Level::Pass, format!("{name} takes work.")),
        (Some(name), Some(why)) => found(Level::Fail, format!("{name} gets no work: {why}.")),
    }
}

fn tries_left(facts: &Before) -> Outcome {
    let found =
        |level, message: String| Outcome::new("tries_left", Category::Resources, level, message);
    let (used, most) = facts.tries;
    if used >= most {
        found(Level::Fail, format!("All {} are used up.", count(most as usize, "try")))
    } else {
        found(Level::Pass, format!("{used} of {most} tries are used up."))
    }
}

fn count(number: usize, thing: &str) -> String {
    match (number, thing) {
        (1, _) => format!("1 {thing}"),
        (_, "try") => format!("{number} tries"),
        _ => format!("{number} {thing}s"),
    }
}
