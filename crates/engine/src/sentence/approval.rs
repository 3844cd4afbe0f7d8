//! Sentences about questions, answers, and the rules that wider answers made.

use super::{quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened to a question or a rule.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let (agent, what) = (text(body, "agent"), quote(text(body, "what")));
    let note = match text(body, "note") {
        "" => ".".to_owned(),
        note => format!(": {}", quote(note)),
    };
    match event.kind.as_str() {
        "approval.requested" => {
            format!("{agent} asks: {what} ({}).", quote(text(body, "reason")))
        }
        "approval.repeated" => format!("{agent} asks again: {what}."),
        "approval.approved" => format!(
            "{} approved {what}, {}{note}",
            who(event),
            match text(body, "scope") {
                "task" => "in this run",
                "agent" => "for this agent",
                "rule" => "and whatever the rule asks like it",
                _ => "once",
            }
        ),
        "approval.denied" => format!("{} denied {what}{note}", who(event)),
        "approval.expired" if text(body, "was") == "approved" => {
            format!("The yes to {what} was not used in time.")
        }
        "approval.expired" => format!("Nobody answered in time, so it is denied: {what}."),
        "approval.used" => format!("{agent} does what was approved: {what}."),
        "approval.withdrawn" => format!("The run is over, so nobody is asked any more: {what}."),
        "gate.allowed" => format!("{agent} was allowed by a rule: {what}."),
        "gate.rule_made" => format!("{} made a rule: {what} is not asked again.", who(event)),
        "gate.rule_ended" => format!(
            "{what} is asked again: {}.",
            match text(body, "why") {
                "forgotten" => "the rule was taken back",
                "run_over" => "the rule's run is over",
                _ => "the rule's time is over",
            }
        ),
        other => format!("{other}: {what}."),
    }
}
