//! Sentences about budgets.

use super::{number, quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened to a budget.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let name = match text(body, "title") {
        "" => event.subject.as_str(),
        title => title,
    };
    let (spent, limit) = (text(body, "spent"), text(body, "limit"));
    match event.kind.as_str() {
        "budget.set" => {
            format!("{} set the budget {name}: {limit} per {}.", who(event), text(body, "per"))
        }
        "budget.removed" => format!("{} removed the budget {name}.", who(event)),
        "budget.reached" => {
            format!("The budget {name} is at {} %: {spent} of {limit}.", number(body, "share"))
        }
        "budget.exhausted" => {
            format!("The budget {name} is used up: {spent} of {limit}. What it is about stops.")
        }
        "budget.renewed" => format!("The budget {name} begins anew."),
        "budget.overridden" => format!(
            "{} overrides the budget {name} until {}: {}",
            who(event),
            text(body, "until").get(..16).unwrap_or_default().replace('T', " "),
            quote(text(body, "why"))
        ),
        "budget.override_ended" => format!("The override of the budget {name} is over."),
        other => format!("{name}: {other}."),
    }
}

/// What happened to an issue of a tracker.
pub(super) fn issue(event: &Event, body: &Value) -> String {
    let (place, title, why) = (&event.subject, quote(text(body, "title")), text(body, "why"));
    let why = quote(why.trim_end_matches('.'));
    match event.kind.as_str() {
        "issue.taken" => format!("The issue {place} is work for an agent: {title}"),
        "issue.refused" => format!("The issue {place} becomes no run: {why}."),
        "issue.waiting" => format!("The issue {place} waits: {why}."),
        "issue.begun" => format!("The issue {place} has its run."),
        "issue.answered" => format!("The result is to be told on the issue {place}."),
        other => format!("{place}: {other}."),
    }
}
