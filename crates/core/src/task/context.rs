//! What the next one has to know of the attempts before (MISSION row 150).

use super::Task;
use std::fmt::Write;

/// Of what was said before the next one gets no more, in characters.
const TOLD_MAX: usize = 4_000;

/// What an attempt left, as the engine found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The end of the run's id.
    pub run: String,
    /// Who did it.
    pub agent: String,
    /// How it ended, in one sentence.
    pub state: String,
    /// Its last words.
    pub summary: Option<String>,
    /// The branch with what it did.
    pub branch: Option<String>,
    /// Files that differ, each with git's letter before it.
    pub files: Vec<String>,
    /// The last things that happened, the oldest first, one line each.
    pub events: Vec<String>,
}

/// The words about what was before, for the agent that goes on; nothing at the first attempt.
pub fn context(task: &Task, earlier: &[Earlier]) -> Option<String> {
    if earlier.is_empty() && task.handovers.is_empty() {
        return None;
    }
    let mut text = String::from("This task was worked on before. What is known of that:\n");
    for handover in &task.handovers {
        let from = handover.from.as_deref().unwrap_or("nobody");
        let _ = write!(text, "\n- It was handed over from {from} to {}", handover.to);
        match &handover.note {
            Some(note) => {
                let _ = writeln!(text, ", with these words:\n\n{}", quoted(note));
            }
            None => text.push_str(".\n"),
        }
    }
    for run in earlier {
        let _ = writeln!(text, "\n- Run {} by {}: {}", run.run, run.agent, run.state);
        if let Some(summary) = &run.summary {
            let _ = writeln!(text, "  Its last words:\n\n{}\n", quoted(summary));
        }
        if !run.files.is_empty() {
            let _ = writeln!(text, "  What it changed: {}.", run.files.join(", "));
        }
        if let Some(branch) = &run.branch {
            let _ = writeln!(text, "  Its work is on the branch {branch}.");
        }
        if !run.events.is_empty() {
            text.push_str("  The last that happened:\n");
            for event in &run.events {
                let _ = writeln!(text, "  - {event}");
            }
        }
    }
    Some(text)
}

/// Lines that cannot be taken for ours.
fn quoted(text: &str) -> String {
    let short: String = text.trim().chars().take(TOLD_MAX).collect();
    short.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}
