//! Plans: a goal divided into tasks (MISSION 1.6, 2.7; ADR 0031).
//!
//! A planner, an agent, answers with a plan as JSON. What it answers is found in its words, read, and
//! looked at as a whole: every problem is told in words, so that the planner can be asked again with
//! them. Without a planner there is a template by roles.

mod prompt;
mod read;
mod template;
#[cfg(test)]
mod tests;

pub use prompt::{Ask, ask, plan_reviewer, planner, review};
pub use read::{Problems, comment_of, parse, plan_of, read};
pub use template::{ARCHITECT, Absent, IMPLEMENTER, Named, REVIEWER, Roles, role_of, template};

use crate::prompt::Role;
use serde::{Deserialize, Serialize};

/// Tasks of one plan.
pub const TASKS_MAX: usize = 50;

/// A goal divided into tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How the goal is reached, in a few sentences.
    #[serde(default)]
    pub summary: String,
    /// What is to be done; in any order, `depends` says which comes first.
    pub tasks: Vec<PlannedTask>,
}

/// One task of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// What others call it in `depends`; unique in its plan.
    pub key: String,
    /// In a few words.
    pub title: String,
    /// What its agent is asked, word by word.
    pub prompt: String,
    /// In which role: `architect_designer`, `code_writer_implementer`, `problem_solver_reviewer`, or
    /// any other word.
    pub role: String,
    /// Who does it; without it the agent is chosen when the task is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What its agent has to see to, a sentence each.
    #[serde(default)]
    pub responsibilities: Vec<String>,
    /// Files that must be there afterwards, relative to the repository's top.
    #[serde(default)]
    pub deliverables: Vec<String>,
    /// What else it hands over, in words; it is not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hands_over: Vec<String>,
    /// What else must be found before its "done" is believed, as `orkestra run --evidence` has it.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Keys of tasks that must be verified before it begins.
    #[serde(default)]
    pub depends: Vec<String>,
    /// Capabilities that its agent must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// `low`, `medium`, `high`, `critical`.
    #[serde(default = "medium")]
    pub priority: String,
    /// What kind of work it is: `code`, `test`, `documentation`, `review` …
    #[serde(default = "code")]
    pub kind: String,
    /// How hard it is thought to be: `low`, `medium`, `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<String>,
    /// How many tokens it is thought to take: a number or a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_tokens: Option<String>,
    /// To which phase it belongs: `foundation`, `features`, `integration`, `deployment` or any word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

fn medium() -> String {
    "medium".to_owned()
}

fn code() -> String {
    "code".to_owned()
}

impl PlannedTask {
    /// Whether it only looks at what others did: then nothing needs to be changed by it.
    pub fn only_looks(&self) -> bool {
        matches!(self.kind.as_str(), "review" | "research")
    }

    /// Its evidence as tasks and runs have it: each deliverable is a file that must be there, and what
    /// it leaves must be committed; one that only looks must hand over nothing.
    pub fn evidence(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.deliverables.iter().map(|path| format!("file:{path}")).collect();
        for item in &self.evidence {
            if !all.contains(item) && item != "none" {
                all.push(item.clone());
            }
        }
        if !self.only_looks() {
            if all.is_empty() {
                all.push("changed".to_owned());
            }
            if !all.iter().any(|item| item == "clean") {
                all.push("clean".to_owned());
            }
        }
        if all.is_empty() {
            all.push("none".to_owned());
        }
        all
    }

    /// Its part among others, as its prompt tells it.
    pub fn role(&self, plan: &Plan, goal: &str) -> Role {
        Role {
            name: self.role.clone(),
            responsibilities: self.responsibilities.clone(),
            deliverables: self.hands_over.iter().chain(&self.deliverables).cloned().collect(),
            complexity: self.complexity.clone(),
            estimated_tokens: self.estimated_tokens.clone(),
            context: Some(self.context(plan, goal)),
        }
    }

    /// The goal that it is part of, and who does the rest.
    fn context(&self, plan: &Plan, goal: &str) -> String {
        let mut text = format!(
            "It is one task of a plan that several agents carry out. Do this task only; the others are \
             done by others.\n\nThe goal of all, in the person's words:\n\n{}\n",
            quoted(goal)
        );
        if !plan.summary.trim().is_empty() {
            text.push_str(&format!("\nThe plan: {}\n", one_line(&plan.summary)));
        }
        text.push_str("\nThe tasks of the plan:\n");
        for task in &plan.tasks {
            let here = if task.key == self.key { " (this one)" } else { "" };
            let after = match task.depends.as_slice() {
                [] => String::new(),
                keys => format!(", after {}", keys.join(", ")),
            };
            text.push_str(&format!(
                "- {}: {} [{}{after}]{here}\n",
                task.key,
                one_line(&task.title),
                task.role
            ));
        }
        text
    }
}

impl Plan {
    /// All files that must be there at the end, each once, in order.
    pub fn deliverables(&self) -> Vec<&str> {
        let mut all: Vec<&str> =
            self.tasks.iter().flat_map(|task| &task.deliverables).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Its task of this key.
    pub fn task(&self, key: &str) -> Option<&PlannedTask> {
        self.tasks.iter().find(|task| task.key == key)
    }

    /// What is wrong with it, each in a sentence; nothing when it can be carried out by these agents.
    pub fn problems(&self, agents: &[String]) -> Vec<String> {
        read::problems(self, agents)
    }

    /// The keys in an order in which they can be done; those that wait for each other last.
    pub fn order(&self) -> Vec<&str> {
        let mut done: Vec<&str> = Vec::new();
        loop {
            let next: Vec<&str> = self
                .tasks
                .iter()
                .filter(|task| !done.contains(&task.key.as_str()))
                .filter(|task| task.depends.iter().all(|key| done.contains(&key.as_str())))
                .map(|task| task.key.as_str())
                .collect();
            if next.is_empty() {
                break;
            }
            done.extend(next);
        }
        let rest: Vec<&str> = self
            .tasks
            .iter()
            .map(|task| task.key.as_str())
            .filter(|key| !done.contains(key))
            .collect();
        done.extend(rest);
        done
    }
}

/// What an agent says about a plan before anybody works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanComment {
    /// Whether it would carry it out as it is.
    pub agrees: bool,
    /// What should be otherwise, a sentence each.
    #[serde(default)]
    pub suggestions: Vec<String>,
}

/// In one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Somebody's words, marked as such.
pub(crate) fn quoted(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("> {line}\n")).collect::<String>()
}
