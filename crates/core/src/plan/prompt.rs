//! What planners and those who look at a plan are asked.

use super::{Plan, Roles, quoted};
use crate::prompt::Role;
use std::fmt::Write;

/// What a planner is asked with.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The goal, in the person's words.
    pub goal: &'a str,
    /// Who is there, and for what.
    pub roles: &'a Roles,
    /// What was wrong with its last answer.
    pub problems: &'a [String],
    /// That answer.
    pub refused: Option<&'a str>,
    /// The plan that is there, when suggestions are merged into it.
    pub plan: Option<&'a Plan>,
    /// Who suggests what.
    pub suggestions: &'a [(&'a str, &'a str)],
}

/// How a plan looks.
const FORM: &str = r#"Answer with exactly one block like this, as the last thing that you say:

```json
{
  "summary": "how the goal is reached, in two or three sentences",
  "tasks": [
    {
      "key": "short-name",
      "title": "the task in a few words",
      "prompt": "what its agent is asked; it sees the goal and this text, and nothing of your thoughts",
      "role": "architect_designer | code_writer_implementer | problem_solver_reviewer | another word",
      "agent": "one of the agents above; leave it out and the best one that is free gets it",
      "responsibilities": ["what its agent has to see to"],
      "deliverables": ["path/of/a/file/that/must/be/there.txt"],
      "evidence": ["command:a line for the shell that must end with exit code 0"],
      "depends": ["keys of tasks that must be done before"],
      "priority": "low | medium | high | critical",
      "kind": "code | documentation | test | review | research | refactor | bug_fix | feature | deployment",
      "complexity": "low | medium | high",
      "estimated_tokens": "8000",
      "phase": "foundation | features | integration | deployment"
    }
  ]
}
```
"#;

/// Rules for plans.
const RULES: &str = "\
Rules:
- 1 to 50 tasks; as few as make sense. key, title, prompt and role are needed, the rest may be left out.
- Tasks that do not depend on each other are done at the same time, each in a worktree of its own. Two tasks that
  change the same file must depend on each other.
- A task sees the work of those that it depends on, and of all that were brought together before it began.
- deliverables are files relative to the repository's top: they are looked for afterwards, and a missing one means
  that the task is not done. Do not name files that need not be there.
- evidence is checked by a program after the task: commands that must succeed, or file:PATH#contains=TEXT. Name it
  where something can be checked.
- Every task is reviewed by another agent anyway; you need not plan that.
- The share of work should be about 40-50 % for the architect, 40-50 % for the implementer and 10-20 % for the reviewer.
";

fn agents(text: &mut String, roles: &Roles) {
    text.push_str("The agents:\n");
    for name in &roles.there {
        let own = roles.of_agent(name);
        let own = if own.is_empty() { "any role".to_owned() } else { own.join(", ") };
        let _ = writeln!(text, "- {name}: {own}");
    }
}

fn plan_json(plan: &Plan) -> String {
    // A plan has texts and lists only, which can always be written.
    serde_json::to_string_pretty(plan).unwrap_or_default()
}

/// The prompt for a planner.
pub fn ask(ask: &Ask<'_>) -> String {
    let mut text = String::from(
        "Divide the goal below into tasks for several agents. Do not do the work yourself, and change no \
         file: only look at what is there, and answer with a plan.\n\nThe goal, in the person's words:\n\n",
    );
    let _ = writeln!(text, "{}\n", ask.goal.trim_end());
    agents(&mut text, ask.roles);
    text.push('\n');
    if let Some(plan) = ask.plan {
        let _ = writeln!(text, "The plan so far:\n\n```json\n{}\n```\n", plan_json(plan));
        text.push_str("The other agents looked at it and suggest:\n\n");
        for (agent, suggestion) in ask.suggestions {
            let _ = writeln!(text, "- {agent}: {}", super::one_line(suggestion));
        }
        text.push_str(
            "\nMerge what is right of it into the plan, and answer with the whole plan anew.\n\n",
        );
    }
    if !ask.problems.is_empty() {
        text.push_str("Your last answer could not be carried out:\n\n");
        for problem in ask.problems {
            let _ = writeln!(text, "- {problem}");
        }
        if let Some(refused) = ask.refused {
            let _ = writeln!(text, "\nIt was:\n\n{}", quoted(refused));
        }
        text.push_str("\nAnswer again, with the whole plan, and without these problems.\n\n");
    }
    text.push_str(RULES);
    text.push('\n');
    text.push_str(FORM);
    text
}

/// The prompt for who looks at a plan before any work.
pub fn review(goal: &str, plan: &Plan, roles: &Roles) -> String {
    let mut text = String::from(
        "Another agent divided the goal below into tasks. Say what you think of the plan before anybody begins. \
         Do not do the work, and change no file.\n\nThe goal, in the person's words:\n\n",
    );
    let _ = writeln!(text, "{}\n", goal.trim_end());
    agents(&mut text, roles);
    let _ = writeln!(text, "\nThe plan:\n\n```json\n{}\n```\n", plan_json(plan));
    text.push_str(
        "Look for what is missing, what is in the wrong order, what two tasks would both change, and what \
         cannot be checked. Suggest only what makes a difference.\n\nAnswer with exactly one block like this, as the \
         last thing that you say; at most 200 words:\n\n```json\n{\"agrees\": false, \"suggestions\": [\"one change, in a sentence\"]}\n```\n\n\
         With nothing to change: {\"agrees\": true, \"suggestions\": []}\n",
    );
    text
}

/// The part of who plans.
pub fn planner() -> Role {
    Role {
        name: "planner".to_owned(),
        responsibilities: vec![
            "Look at the repository before you divide the work.".to_owned(),
            "Change nothing.".to_owned(),
        ],
        deliverables: vec!["a plan as JSON, in your last words".to_owned()],
        complexity: Some("medium".to_owned()),
        ..Role::default()
    }
}

/// The part of who looks at a plan.
pub fn plan_reviewer() -> Role {
    Role {
        name: "plan_reviewer".to_owned(),
        responsibilities: vec!["Change nothing.".to_owned()],
        deliverables: vec!["what you think of the plan as JSON, in your last words".to_owned()],
        complexity: Some("low".to_owned()),
        ..Role::default()
    }
}
