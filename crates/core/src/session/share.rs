//! Who did how much (MISSION 1.6, row 58): shares of tokens, or of tasks while no tokens are known.

use crate::plan::{ARCHITECT, IMPLEMENTER, REVIEWER, Roles};
use serde::{Deserialize, Serialize};

/// How far a share may be off, in per cent of all, where agents share evenly.
const TOLERANCE: f64 = 15.0;

/// What a share is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareOf {
    /// Tokens of all classes.
    Tokens,
    /// Tasks.
    Tasks,
}

/// What one agent did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Who.
    pub agent: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Tokens of all classes.
    pub tokens: u64,
    /// Tasks.
    pub tasks: u32,
    /// What it cost, in micro US dollars.
    pub cost_micros: u64,
    /// Its share, in per cent of all.
    pub percent: f64,
    /// From where on the share is as it should be, in per cent.
    pub low: f64,
    /// And up to where.
    pub high: f64,
    /// Whether it is.
    pub fits: bool,
}

/// What one agent is known to have done.
pub type Done = (String, u64, u32, u64);

/// What should be: 40–50 for architect and implementer, 10–20 for the reviewer when each has one role
/// of three; else all the same, with a tolerance.
fn wanted(agent: &str, roles: &Roles, agents: usize) -> (f64, f64) {
    let of_three = agents == 3 && roles.tier == 1;
    if of_three {
        match roles.of_agent(agent).as_slice() {
            [role] if *role == ARCHITECT || *role == IMPLEMENTER => return (40.0, 50.0),
            [role] if *role == REVIEWER => return (10.0, 20.0),
            _ => {}
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "agents are few")]
    let even = 100.0 / agents.max(1) as f64;
    ((even - TOLERANCE).max(0.0), (even + TOLERANCE).min(100.0))
}

/// The share of each agent that is there or did something.
pub fn shares(roles: &Roles, done: &[Done]) -> (ShareOf, Vec<Share>) {
    let mut all: Vec<Done> = done.to_vec();
    for name in &roles.there {
        if !all.iter().any(|(agent, ..)| agent == name) {
            all.push((name.clone(), 0, 0, 0));
        }
    }
    let place =
        |agent: &str| roles.there.iter().position(|name| name == agent).unwrap_or(usize::MAX);
    all.sort_by(|a, b| place(&a.0).cmp(&place(&b.0)).then_with(|| a.0.cmp(&b.0)));
    let tokens: u64 = all.iter().map(|(_, tokens, ..)| *tokens).sum();
    let tasks_of_all: u64 = all.iter().map(|(_, _, tasks, _)| u64::from(*tasks)).sum();
    let of = if tokens > 0 { ShareOf::Tokens } else { ShareOf::Tasks };
    let total = if tokens > 0 { tokens } else { tasks_of_all };
    let count = all.len();
    let list = all
        .into_iter()
        .map(|(agent, tokens, tasks, cost_micros)| {
            let own = if of == ShareOf::Tokens { tokens } else { u64::from(tasks) };
            #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
            let percent =
                if total == 0 { 0.0 } else { (own as f64 * 1000.0 / total as f64).round() / 10.0 };
            let (low, high) = wanted(&agent, roles, count);
            Share {
                roles: roles.of_agent(&agent).iter().map(|role| (*role).to_owned()).collect(),
                agent,
                tokens,
                tasks,
                cost_micros,
                percent,
                low,
                high,
                // Before anybody worked nothing is off.
                fits: tasks_of_all == 0 || (percent >= low && percent <= high),
            }
        })
        .collect();
    (of, list)
}
