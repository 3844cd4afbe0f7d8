//! The plan that is made without a planner: three roles (MISSION 1.6), and fallback tiers (row 59).

use super::{Plan, PlannedTask};
use serde::{Deserialize, Serialize};

/// Who designs.
pub const ARCHITECT: &str = "architect_designer";
/// Who writes the code.
pub const IMPLEMENTER: &str = "code_writer_implementer";
/// Who looks for faults.
pub const REVIEWER: &str = "problem_solver_reviewer";

/// Who has which role, and how many of the three are there (MISSION 1.8: fallback tiers).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// 1: all three roles have an agent of their own; 2: no reviewer; 3: no implementer; 4: no
    /// architect; 5: one agent alone.
    pub tier: u8,
    /// Agents that are there, in the person's order.
    pub there: Vec<String>,
    /// Agents that are not, and why.
    pub missing: Vec<Absent>,
    /// Who designs.
    pub architect: String,
    /// Who writes the code.
    pub implementer: String,
    /// Who looks for faults.
    pub reviewer: String,
    /// Who takes over what, a sentence each.
    pub notes: Vec<String>,
}

/// An agent that was named and cannot work now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// Its name.
    pub agent: String,
    /// In words.
    pub why: String,
}

/// An agent that was named: its name, its kind, and why it is not there if it is not.
pub type Named<'a> = (&'a str, &'a str, Option<String>);

/// The role that a kind of agent has by itself (MISSION 1.6).
pub fn role_of(kind: &str) -> Option<&'static str> {
    match kind {
        "gemini" => Some(ARCHITECT),
        "claude" => Some(IMPLEMENTER),
        "codex" => Some(REVIEWER),
        _ => None,
    }
}

impl Roles {
    /// Who does what, of those that were named. A role goes to the agent whose kind has it, and the
    /// roles that are left to the others in their order. A role whose agent is not there is taken
    /// over: design by the implementer, the rest by the architect. Nothing when nobody is there.
    pub fn of(named: &[Named<'_>]) -> Option<Self> {
        let there: Vec<String> = named
            .iter()
            .filter(|(_, _, absent)| absent.is_none())
            .map(|(name, _, _)| (*name).to_owned())
            .collect();
        let missing = named
            .iter()
            .filter_map(|(name, _, absent)| {
                absent.clone().map(|why| Absent { agent: (*name).to_owned(), why })
            })
            .collect();
        let first = there.first()?.clone();
        let wanted = wanted(named);
        let has = |role: usize| {
            wanted.get(role).and_then(Option::as_ref).filter(|name| there.contains(name)).cloned()
        };
        let own = [has(0), has(1), has(2)];
        let mut roles = Self { there, missing, ..Self::default() };
        roles.tier = match &own {
            _ if roles.there.len() == 1 => 5,
            [Some(_), Some(_), Some(_)] => 1,
            [Some(_), Some(_), None] => 2,
            [Some(_), None, _] => 3,
            [None, _, _] => 4,
        };
        // Whoever is there and has no role comes before somebody with two.
        let is_spare = |name: &&String| !own.iter().flatten().any(|own| own == *name);
        let spare: Vec<String> = roles.there.iter().filter(is_spare).cloned().collect();
        let mut spare = spare.into_iter();
        let [architect, implementer, reviewer] = own;
        let design = architect.or_else(|| spare.next());
        let code = implementer.or_else(|| spare.next());
        let review = reviewer.or_else(|| spare.next());
        roles.architect = design.clone().or_else(|| code.clone()).unwrap_or_else(|| first.clone());
        roles.implementer = code.unwrap_or_else(|| roles.architect.clone());
        roles.reviewer = review.unwrap_or_else(|| {
            // Not the one who writes, if there is another.
            let other = roles.there.iter().find(|name| **name != roles.implementer);
            if roles.architect == roles.implementer {
                other.cloned().unwrap_or(first)
            } else {
                roles.architect.clone()
            }
        });
        roles.notes = roles.told(&wanted);
        Some(roles)
    }

    fn told(&self, wanted: &[Option<String>]) -> Vec<String> {
        let holders = [
            (ARCHITECT, &self.architect, "designs"),
            (IMPLEMENTER, &self.implementer, "writes the code"),
            (REVIEWER, &self.reviewer, "looks for faults"),
        ];
        let mut notes = Vec::new();
        for (index, (role, agent, does)) in holders.iter().enumerate() {
            match wanted.get(index).and_then(Option::as_ref) {
                Some(own) if own == *agent => {}
                Some(own) => notes.push(format!("Without {own}, {agent} {does} ({role}).")),
                None => notes.push(format!("Nobody was named for {role}: {agent} {does}.")),
            }
        }
        if self.there.len() == 1 {
            notes.push(format!(
                "{} is alone: nobody else can review its work, so a person has to.",
                self.architect
            ));
        }
        notes
    }

    /// The roles that an agent has.
    pub fn of_agent(&self, agent: &str) -> Vec<&'static str> {
        [(ARCHITECT, &self.architect), (IMPLEMENTER, &self.implementer), (REVIEWER, &self.reviewer)]
            .into_iter()
            .filter(|(_, holder)| *holder == agent)
            .map(|(role, _)| role)
            .collect()
    }

    /// Who plans: the architect first, then the others in their order.
    pub fn planners(&self) -> Vec<String> {
        let mut all = vec![self.architect.clone()];
        all.extend(self.there.iter().filter(|name| **name != self.architect).cloned());
        all
    }
}

/// Who would have each of the three roles if all were there.
fn wanted(named: &[Named<'_>]) -> Vec<Option<String>> {
    let roles = [ARCHITECT, IMPLEMENTER, REVIEWER];
    let mut holders: Vec<Option<String>> = vec![None; 3];
    let mut left: Vec<&str> = Vec::new();
    for (name, kind, _) in named {
        let place = role_of(kind).and_then(|role| roles.iter().position(|known| *known == role));
        match place.and_then(|place| holders.get_mut(place)).filter(|holder| holder.is_none()) {
            Some(holder) => *holder = Some((*name).to_owned()),
            None => left.push(name),
        }
    }
    let mut left = left.into_iter();
    for holder in &mut holders {
        if holder.is_none() {
            *holder = left.next().map(str::to_owned);
        }
    }
    holders
}

fn words(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

/// A plan for a goal by roles alone: design, then code, then a look for faults.
pub fn template(goal: &str, roles: &Roles) -> Plan {
    let goal_line = {
        let line = super::one_line(goal);
        let short: String = line.chars().take(80).collect();
        if short.len() < line.len() { format!("{short}…") } else { short }
    };
    let quoted = super::quoted(goal);
    let high = |mut task: PlannedTask| {
        task.complexity = Some("high".to_owned());
        task.estimated_tokens = Some("8000-10000".to_owned());
        task
    };
    let design = high(PlannedTask {
        key: "design".to_owned(),
        title: format!("Design: {goal_line}"),
        prompt: format!(
            "Design how this goal is reached, and write the design down as a file in the repository. \
             Do not implement it.\n\n{quoted}"
        ),
        role: ARCHITECT.to_owned(),
        agent: Some(roles.architect.clone()),
        responsibilities: words(&[
            "Read what is there, and understand what the goal needs of it.",
            "Say which parts there are, and what each of them does.",
            "Say how the parts speak with each other: names, types, files.",
            "Name what can go wrong, and what is done about it.",
            "Say how one sees that the goal is reached: which tests, which commands.",
            "Decide what is open, and give the reason in a sentence.",
        ]),
        hands_over: words(&[
            "a design as a Markdown file in the repository",
            "the list of parts with what each does",
            "names and types at the borders of the parts",
            "the list of risks with an answer to each",
            "the tests that show that the goal is reached",
        ]),
        kind: "documentation".to_owned(),
        phase: Some("foundation".to_owned()),
        priority: "high".to_owned(),
        ..PlannedTask::default()
    });
    let code = high(PlannedTask {
        key: "implement".to_owned(),
        title: format!("Implement: {goal_line}"),
        prompt: format!("Reach this goal, as the design in the repository has it.\n\n{quoted}"),
        role: IMPLEMENTER.to_owned(),
        agent: Some(roles.implementer.clone()),
        responsibilities: words(&[
            "Read the design before you write.",
            "Write code that does what the goal says, all of it.",
            "Keep to the style of what is there.",
            "Handle errors; nothing is lost silently.",
            "Write tests, and run them.",
            "Say where you did otherwise than the design, and why.",
        ]),
        hands_over: words(&[
            "the code, committed",
            "tests that pass",
            "what a user has to know, in the project's documentation",
            "the list of what differs from the design",
            "the list of what is not done",
        ]),
        depends: words(&["design"]),
        kind: "code".to_owned(),
        phase: Some("features".to_owned()),
        priority: "high".to_owned(),
        ..PlannedTask::default()
    });
    let review = PlannedTask {
        key: "review".to_owned(),
        title: format!("Look for faults: {goal_line}"),
        prompt: format!(
            "Others have worked on this goal, and their work is in the repository. Look for faults in \
             it, and say for each where it is and what should be done.\n\n{quoted}"
        ),
        role: REVIEWER.to_owned(),
        agent: Some(roles.reviewer.clone()),
        responsibilities: words(&[
            "Read the design and the changes.",
            "Run the tests.",
            "Look for what the goal asks and nobody did.",
            "Look for faults at the borders: empty, large, wrong and late input.",
            "Say plainly whether the goal is reached.",
        ]),
        hands_over: words(&[
            "the list of faults, each with its place",
            "what should be done about each",
            "what the tests said",
            "whether the goal is reached, and why",
        ]),
        depends: words(&["implement"]),
        kind: "review".to_owned(),
        phase: Some("integration".to_owned()),
        priority: "medium".to_owned(),
        complexity: Some("low".to_owned()),
        estimated_tokens: Some("2000-3000".to_owned()),
        ..PlannedTask::default()
    };
    Plan {
        summary: format!("No agent made a plan, so the work is divided by roles: {goal_line}"),
        tasks: vec![design, code, review],
    }
}
