//! What an agent is told: the task in a fixed shape (MISSION 1.6), the same text for the same task.

use crate::evidence::Check;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What goes into a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief<'a> {
    /// What a person asked for, word by word.
    pub request: &'a str,
    /// The folder where the agent works.
    pub folder: &'a str,
    /// The branch it works on; none in a plain folder.
    pub branch: Option<&'a str>,
    /// What will be checked.
    pub checks: &'a [Check],
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// Its part among others, if it has one.
    pub role: Option<&'a Role>,
    /// What concerned the agent since its last work (`notice::in_prompt`).
    pub notices: Option<&'a str>,
}

/// What a plan says about the one who does a task (MISSION 1.1, 1.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// In one word or two: `architect_designer`.
    pub name: String,
    /// What it has to see to, a sentence each.
    #[serde(default)]
    pub responsibilities: Vec<String>,
    /// What it has to hand over.
    #[serde(default)]
    pub deliverables: Vec<String>,
    /// How hard it is thought to be: `low`, `medium`, `high`.
    #[serde(default)]
    pub complexity: Option<String>,
    /// How many tokens it is thought to take: a number or a range.
    #[serde(default)]
    pub estimated_tokens: Option<String>,
    /// What else it has to know: the goal that it is part of, who does the rest, what was decided.
    #[serde(default)]
    pub context: Option<String>,
}

/// The whole text. The request stands in it as it was written; everything else depends only on the
/// other fields.
pub fn compose(task: &Brief<'_>) -> String {
    let mut text = String::from("# TASK\n\n");
    if let Some(role) = task.role {
        let _ = writeln!(text, "Your role: {}.\n", role.name);
    }
    let _ =
        writeln!(text, "You do the work that is asked for below, in the folder {}.", task.folder);
    match task.branch {
        Some(branch) => {
            let _ = writeln!(
                text,
                "It is a git worktree of its own, on the branch {branch}: nobody else works in it. Stay in it and \
                 on that branch. What you do not commit is committed for you at the end."
            );
        }
        None => text.push_str(
            "It is the person's own folder, and there is no git: change only what the request needs.\n",
        ),
    }
    if let Some(context) = task.role.and_then(|role| role.context.as_deref()) {
        let _ = writeln!(text, "\n{}", context.trim_end());
    }
    if let Some(notices) = task.notices {
        let _ = writeln!(text, "\n{}", notices.trim_end());
    }
    let _ = writeln!(text, "\n# USER REQUEST\n\n{}", task.request.trim_end());
    text.push_str("\n# RESPONSIBILITIES\n\n");
    text.push_str("- Do what is asked for, and nothing else.\n");
    text.push_str(
        "- Say that you are done only when you are. If you cannot do it, say so and say why.\n",
    );
    for duty in task.role.iter().flat_map(|role| &role.responsibilities) {
        let _ = writeln!(text, "- {}", one_line(duty));
    }
    text.push_str("\n# DELIVERABLES\n\n");
    if let Some(role) = task.role.filter(|role| !role.deliverables.is_empty()) {
        for item in &role.deliverables {
            let _ = writeln!(text, "- {}", one_line(item));
        }
        text.push('\n');
    }
    if task.checks.is_empty() {
        text.push_str("An answer. Nothing is checked afterwards.\n");
    } else {
        text.push_str("When you have ended, exactly this is checked by a program. Your word does not count.\n\n");
        for check in task.checks {
            let _ = writeln!(text, "- {}", check.in_words());
        }
    }
    text.push_str("\n# COMPLEXITY\n\n");
    match task.role.and_then(|role| role.complexity.as_deref()) {
        Some(complexity) => {
            let _ = writeln!(text, "{}", complexity.to_uppercase());
        }
        None => text.push_str(
            "Nobody has estimated it. Judge it yourself before you begin, and say so if it is more than one task.\n",
        ),
    }
    text.push_str("\n# ESTIMATED TOKENS\n\n");
    match task.role.and_then(|role| role.estimated_tokens.as_deref()) {
        Some(tokens) => {
            let _ = writeln!(text, "{tokens}");
        }
        None if task.budget_usd.is_none() => {
            text.push_str("No estimate. Use no more than the work needs.\n");
        }
        None => text.push_str("No estimate.\n"),
    }
    if let Some(budget) = task.budget_usd {
        let _ = writeln!(text, "The work may cost {budget:.2} US dollars.");
    }
    text.push_str(REPORTS);
    text.push_str("\nBegin work now.\n");
    text
}

/// A list's item stays in its line, whatever somebody wrote into it.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How to tell of progress: one JSON object in a line of its own.
const REPORTS: &str = r#"
# REPORTS

While you work, please emit JSON events, each alone in a line of its own, when there is something to tell:

{"type":"milestone","text":"which step is reached","progress":50}
{"type":"progress","text":"what you are doing","progress":20}
{"type":"blocker","text":"what keeps you from going on"}
{"type":"finding","text":"what somebody should know","file":"path/of/the/file"}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_task_gives_the_same_text_with_the_request_word_by_word() {
        let checks = [Check::Changed, Check::Commits { at_least: 1 }];
        let request = "Make \"it\" `work`\n\twith $care";
        let task = Brief {
            request,
            folder: "/w/1",
            branch: Some("orkestra/1"),
            checks: &checks,
            budget_usd: Some(2.5),
            role: None,
            notices: None,
        };
        let text = compose(&task);
        assert_eq!(text, compose(&task));
        assert!(text.contains(&format!("# USER REQUEST\n\n{request}\n")), "{text}");
        let order = [
            "# TASK",
            "# USER REQUEST",
            "# RESPONSIBILITIES",
            "# DELIVERABLES",
            "# COMPLEXITY",
            "# ESTIMATED TOKENS",
            "# REPORTS",
            "Begin work now.",
        ];
        let places: Vec<_> =
            order.iter().map(|heading| text.find(heading).expect(heading)).collect();
        assert!(places.is_sorted(), "{text}");
        for check in &checks {
            assert!(text.contains(&check.in_words()), "{text}");
        }
        assert!(text.contains("2.50"), "{text}");
        // Four examples, each whole JSON.
        let examples: Vec<serde_json::Value> = text
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        let kinds: Vec<_> =
            examples.iter().map(|example| example["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["milestone", "progress", "blocker", "finding"]);

        let question = compose(&Brief { branch: None, checks: &[], budget_usd: None, ..task });
        assert!(question.contains("Nothing is checked") && !question.contains("dollars"));
    }
}
