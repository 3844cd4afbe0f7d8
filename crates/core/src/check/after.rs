//! The eight checks after a task (MISSION 2.3). They are what turns `reported` into `verified`: the
//! original looked for "completed" before anything had made it so.

use super::{Category, Level, Outcome};

/// Words that a good outcome does not have (MISSION 2.3, check 6).
pub(super) const MARKERS: [&str; 4] = ["ERROR", "FAILED", "Exception", "Traceback"];

/// Which of the markers stand in a text, as words of their own: `ERROR`, but not `ERRORS_TOTAL`;
/// `Exception` also at the end of a name (`ValueException`).
pub fn markers_in(text: &str) -> Vec<&'static str> {
    let stands = |marker: &str| {
        text.match_indices(marker).any(|(at, _)| {
            let (head, tail) = (text.get(..at), text.get(at + marker.len()..));
            let before = head.and_then(|text| text.chars().next_back());
            let after = tail.and_then(|text| text.chars().next());
            let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let named = marker == "Exception" && before.is_some_and(char::is_alphanumeric);
            (named || !in_word(before)) && !in_word(after)
        })
    };
    MARKERS.into_iter().filter(|marker| stands(marker)).collect()
}

/// A file of the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFact {
    /// Its name in the worktree.
    pub path: String,
    /// Whether the task names it, so that it must be there.
    pub named: bool,
    /// Its size in bytes; nothing when it is not there.
    pub bytes: Option<u64>,
    /// Markers of an error that stand in it.
    pub markers: Vec<String>,
}

/// The claim under which the task was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseFact {
    /// It is still ours, or it was released with the report.
    Ours,
    /// Its time is over, and nobody else has taken it.
    Lapsed,
    /// Somebody has it under a newer number.
    Taken(String),
}

/// What is known when an agent says that it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The task's state, if its row reads.
    pub state: Option<String>,
    /// The files of the outcome: those that the task names, and those that were made.
    pub outputs: Vec<OutputFact>,
    /// Markers in what the agent said at its end.
    pub said: Vec<String>,
    /// The claim.
    pub lease: LeaseFact,
    /// Whether it is written down when it was reported.
    pub ended: bool,
    /// Changes in the worktree that are not committed; nothing without git.
    pub uncommitted: Option<u32>,
    /// What does not fit together in the queue around this task.
    pub faults: Vec<String>,
}

/// All checks after a task, in the order of the list.
pub fn after(facts: &After) -> Vec<Outcome> {
    vec![
        state_reported(facts),
        outputs_exist(facts),
        outputs_filled(facts),
        lease_held(facts),
        time_recorded(facts),
        no_error_markers(facts),
        changes_committed(facts),
        queue_consistent(facts),
    ]
}

fn state_reported(facts: &After) -> Outcome {
    let found = |level, message: String| {
        Outcome::new("state_reported", Category::Consistency, level, message)
    };
    match facts.state.as_deref() {
        // The checks may be made again, and a review may lie between the report and the verdict.
        Some(state @ ("reported" | "in_review" | "verified")) => {
            found(Level::Pass, format!("The task is {state}."))
        }
        Some(state) => found(Level::Fail, format!("The task is {state}, not reported.")),
        None => found(Level::Fail, "Nobody can tell in what state the task is.".to_owned()),
    }
}

fn outputs_exist(facts: &After) -> Outcome {
    let found = |level, message: String| {
        Outcome::new("outputs_exist", Category::FileSystem, level, message)
    };
    let named: Vec<_> = facts.outputs.iter().filter(|output| output.named).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|output| output.bytes.is_none())
        .map(|output| output.path.as_str())
        .collect();
    if !missing.is_empty() {
        found(Level::Fail, format!("Not there: {}.", missing.join(", ")))
    } else if named.is_empty() {
        found(Level::Pass, "The task names no files.".to_owned())
    } else {
        found(Level::Pass, "The files that the task names are there.".to_owned())
    }
}

fn outputs_filled(facts: &After) -> Outcome {
    let found =
        |level, message: String| Outcome::new("outputs_filled", Category::Quality, level, message);
    let empty: Vec<_> = facts
        .outputs
        .iter()
        .filter(|output| output.bytes == Some(0))
        .map(|output| output.path.as_str())
        .collect();
    if empty.is_empty() {
        found(Level::Pass, "No file of the outcome is empty.".to_owned())
    } else {
        found(Level::Warning, format!("Empty: {}.", empty.join(", ")))
    }
}

fn lease_held(facts: &After) -> Outcome {
    let found =
        |level, message: String| Outcome::new("lease_held", Category::Consistency, level, message);
    match &facts.lease {
        LeaseFact::Ours => found(Level::Pass, "It was done under a claim that holds.".to_owned()),
        LeaseFact::Lapsed => {
            found(Level::Warning, "The claim's time was over; nobody else took it.".to_owned())
        }
        // Stricter than the original: a late word must not count.
        LeaseFact::Taken(who) => {
            found(Level::Fail, format!("The claim was lost; {who} has the task now."))
        }
    }
}

fn time_recorded(facts: &After) -> Outcome {
    let found =
        |level, message| Outcome::new("time_recorded", Category::Consistency, level, message);
    if facts.ended {
        found(Level::Pass, "It is written down when it ended.")
    } else {
        found(Level::Warning, "It is not written down when it ended.")
    }
}

fn no_error_markers(facts: &After) -> Outcome {
    let found = |level, message: String| {
        Outcome::new("no_error_markers", Category::Quality, level, message)
    };
    let mut places: Vec<String> = facts
        .outputs
        .iter()
        .filter(|output| !output.markers.is_empty())
        .map(|output| format!("{} in {}", output.markers.join(", "), output.path))
        .collect();
    if !facts.said.is_empty() {
        places.push(format!("{} in what the agent said", facts.said.join(", ")));
    }
    if places.is_empty() {
        found(Level::Pass, "Nothing in the outcome looks like an error.".to_owned())
    } else {
        found(Level::Warning, format!("It may have gone wrong: {}.", places.join("; ")))
    }
}

fn changes_committed(facts: &After) -> Outcome {
    let found = |level, message: String| {
        Outcome::new("changes_committed", Category::Consistency, level, message)
    };
    match facts.uncommitted {
        None => found(Level::Pass, "There is no git to commit to.".to_owned()),
        Some(0) => found(Level::Pass, "All changes are committed.".to_owned()),
        Some(1) => found(Level::Warning, "1 change is not committed.".to_owned()),
        Some(changes) => found(Level::Warning, format!("{changes} changes are not committed.")),
    }
}

fn queue_consistent(facts: &After) -> Outcome {
    let found = |level, message: String| {
        Outcome::new("queue_consistent", Category::DataIntegrity, level, message)
    };
    if facts.faults.is_empty() {
        found(Level::Pass, "The queue fits together.".to_owned())
    } else {
        found(Level::Fail, format!("The queue does not fit together: {}.", facts.faults.join("; ")))
    }
}
