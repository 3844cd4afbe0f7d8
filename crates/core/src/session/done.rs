//! The six points of done (MISSION 1.8): each is yes or no, and why.

use serde::{Deserialize, Serialize};

/// What must hold at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Every task is complete.
    Tasks,
    /// The final review approved.
    Review,
    /// Every file that was promised is on the session's branch.
    Files,
    /// The merged work passes the checks.
    Integration,
    /// Nothing blocks.
    Blockers,
    /// No agent waits for a permission.
    Permissions,
}

impl Point {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Review => "review",
            Self::Files => "files",
            Self::Integration => "integration",
            Self::Blockers => "blockers",
            Self::Permissions => "permissions",
        }
    }
}

/// One point, and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Which.
    pub point: Point,
    /// Whether it holds.
    pub holds: bool,
    /// Why, in one sentence.
    pub why: String,
}

/// Whether a promised file is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileThere {
    /// Its path, and the task that promised it.
    pub path: String,
    /// The key of the task.
    pub task: String,
    /// Whether it is there.
    pub there: bool,
}

/// A thing that was looked at: whether it holds, and why.
pub type Seen = Result<String, String>;

/// What was found at the end of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DoneFacts {
    /// How many tasks there are.
    pub tasks: usize,
    /// Tasks that are not verified, or whose work is not merged: each in words.
    pub open_tasks: Vec<String>,
    /// Tasks whose newest review approved: how many.
    pub approved: usize,
    /// Tasks whose work nobody approved, and why, in words.
    pub not_approved: Vec<String>,
    /// The promised files.
    pub files: Vec<FileThere>,
    /// What the checks of the merged work said.
    pub integration: Option<Seen>,
    /// What blocks, in words.
    pub blockers: Vec<String>,
    /// Permissions that agents wait for, in words.
    pub permissions: Vec<String>,
}

fn point(point: Point, missing: &[String], good: String) -> Criterion {
    if missing.is_empty() {
        Criterion { point, holds: true, why: good }
    } else {
        Criterion { point, holds: false, why: format!("{}.", missing.join("; ")) }
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// The six points, in their order.
pub fn criteria(facts: &DoneFacts) -> Vec<Criterion> {
    let missing: Vec<String> = facts
        .files
        .iter()
        .filter(|file| !file.there)
        .map(|file| format!("{} of task {} is missing", file.path, file.task))
        .collect();
    let integration = match &facts.integration {
        Some(Ok(why)) => Criterion { point: Point::Integration, holds: true, why: why.clone() },
        Some(Err(why)) => Criterion { point: Point::Integration, holds: false, why: why.clone() },
        None => Criterion {
            point: Point::Integration,
            holds: false,
            why: "The merged work was not checked yet.".to_owned(),
        },
    };
    let no_tasks = facts.tasks == 0;
    let mut open = facts.open_tasks.clone();
    if no_tasks {
        open.push("there is no task".to_owned());
    }
    vec![
        point(
            Point::Tasks,
            &open,
            format!("{} verified and merged.", count(facts.tasks, "task is", "tasks are")),
        ),
        point(
            Point::Review,
            &facts.not_approved,
            match facts.approved {
                0 => "No task needs a review.".to_owned(),
                number => {
                    format!("The last review of {} approved.", count(number, "task", "tasks"))
                }
            },
        ),
        point(
            Point::Files,
            &missing,
            match facts.files.len() {
                0 => "No file was promised.".to_owned(),
                number => {
                    format!("{} there.", count(number, "promised file is", "promised files are"))
                }
            },
        ),
        integration,
        point(Point::Blockers, &facts.blockers, "Nothing blocks.".to_owned()),
        point(
            Point::Permissions,
            &facts.permissions,
            "No agent waits for a permission.".to_owned(),
        ),
    ]
}
