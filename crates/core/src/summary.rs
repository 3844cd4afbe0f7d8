//! What an agent is told that comes back to a task after it was cut off (MISSION 2.8, row 115): the
//! state of the task, its own last state, what happened last, what was decided, and what is open.

use std::fmt::Write;

/// Events that are told.
pub const EVENTS_MAX: usize = 10;

/// Decisions that are told.
pub const DECISIONS_MAX: usize = 5;

/// Open votes that are told.
pub const VOTES_MAX: usize = 10;

/// A line is not longer than this many characters.
const LINE_MAX: usize = 300;

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The title of the task.
    pub title: String,
    /// The state of the task, in words.
    pub task: String,
    /// Why it is begun again, in a sentence.
    pub why: String,
    /// The last state of this agent at this task: a sentence each.
    pub own: Vec<String>,
    /// What others did at it before, a sentence each.
    pub others: Vec<String>,
    /// What happened, the oldest first: time and sentence.
    pub events: Vec<(String, String)>,
    /// What was decided, a sentence each, the oldest first.
    pub decisions: Vec<String>,
    /// Votes that are open, a sentence each.
    pub votes: Vec<String>,
}

/// The text. Of a list that is too long the newest are told.
pub fn text(facts: &Facts) -> String {
    let mut text = String::from("\n# WHAT HAPPENED BEFORE\n\n");
    let _ = writeln!(
        text,
        "This task was begun before. {} Look at what is there, and go on with it.",
        line(&facts.why)
    );
    let _ = writeln!(text, "\nThe task \"{}\": {}", line(&facts.title), line(&facts.task));
    list(&mut text, "Your own last state:", &facts.own, usize::MAX, "You have not worked on it.");
    if !facts.others.is_empty() {
        list(&mut text, "Others before you:", &facts.others, usize::MAX, "");
    }
    let events: Vec<String> =
        facts.events.iter().map(|(at, said)| format!("{at} {said}")).collect();
    list(&mut text, "The last events:", &events, EVENTS_MAX, "None.");
    list(&mut text, "Decisions:", &facts.decisions, DECISIONS_MAX, "None.");
    list(&mut text, "Open votes:", &facts.votes, VOTES_MAX, "None.");
    text
}

fn list(text: &mut String, heading: &str, items: &[String], most: usize, none: &str) {
    let _ = writeln!(text, "\n{heading}");
    if items.is_empty() {
        let _ = writeln!(text, "- {none}");
    }
    let left_out = items.len().saturating_sub(most);
    if left_out > 0 {
        let _ = writeln!(text, "- ({left_out} older ones are left out.)");
    }
    for item in items.iter().skip(left_out) {
        let _ = writeln!(text, "- {}", line(item));
    }
}

/// One line, not too long, whatever somebody wrote into it.
fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= LINE_MAX {
        return words;
    }
    words.chars().take(LINE_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            title: "Write the parser".into(),
            task: "running, try 2 of 3".into(),
            why: "Its connection broke off.".into(),
            own: vec!["Run 0a1b was suspended: the connection broke off.".into()],
            events: (1..=12).map(|n| (format!("10:{n:02}"), format!("event {n}"))).collect(),
            decisions: vec!["SQLite, by majority".into()],
            ..Facts::default()
        }
    }

    #[test]
    fn it_holds_the_own_last_state_the_last_ten_events_decisions_and_open_votes() {
        let text = text(&facts());
        for part in [
            "# WHAT HAPPENED BEFORE",
            "Its connection broke off.",
            "The task \"Write the parser\": running, try 2 of 3",
            "Your own last state:\n- Run 0a1b was suspended",
            "- (2 older ones are left out.)\n- 10:03 event 3\n",
            "- 10:12 event 12\n",
            "Decisions:\n- SQLite, by majority\n",
            "Open votes:\n- None.\n",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert!(!text.contains("event 2\n") && !text.contains("Others before you"), "{text}");
    }

    #[test]
    fn each_item_stays_in_its_line() {
        let long = "x".repeat(1_000);
        let votes = vec!["Which\ndatabase?".into(), long];
        let others = vec!["b: failed".into()];
        let text = text(&Facts { votes, others, own: Vec::new(), ..facts() });
        assert!(text.contains("- Which database?\n"), "{text}");
        assert!(text.contains("You have not worked on it.") && text.contains("- b: failed"));
        assert!(text.lines().all(|line| line.chars().count() <= LINE_MAX + 2));
    }
}
