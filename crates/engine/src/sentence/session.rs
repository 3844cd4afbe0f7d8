//! Sentences about sessions and projects.

use super::{number, quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

fn list(body: &Value, key: &str) -> Vec<String> {
    let items = body.get(key).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn plural(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// What happened to a session.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let why = quote(text(body, "why").trim_end_matches('.'));
    let by = text(body, "by");
    match event.kind.as_str() {
        "session.created" => format!(
            "{} began a session of {}: {}",
            who(event),
            list(body, "agents").join(", "),
            quote(text(body, "goal"))
        ),
        "session.milestone" => format!(
            "{} % of the session's tasks are done: {} of {}.",
            number(body, "percent"),
            number(body, "done"),
            number(body, "all")
        ),
        "session.planned" if by == "template" => format!(
            "The goal was divided by roles into {}, since no agent planned.",
            plural(number(body, "tasks"), "task")
        ),
        "session.planned" => {
            format!("{by} divided the goal into {}.", plural(number(body, "tasks"), "task"))
        }
        "session.replanned" => format!(
            "{by} merged what the others suggested: the plan has {}.",
            plural(number(body, "tasks"), "task")
        ),
        "session.plan_refused" => format!(
            "What {by} answered is no plan that can be carried out: {}.",
            quote(&list(body, "problems").join("; "))
        ),
        "session.planner_failed" => format!("{by} could not plan: {why}."),
        "session.plan_kept" => format!("The plan stays as it was: {why}."),
        "session.plan_review" => format!(
            "{} are asked what they think of the plan (round {}).",
            list(body, "agents").join(", "),
            number(body, "round")
        ),
        "session.commented" => {
            let agent = text(body, "agent");
            match (body.get("agrees").and_then(Value::as_bool), list(body, "suggestions").len()) {
                (None, _) => format!(
                    "{agent} said nothing about the plan: {}.",
                    quote(text(body, "trouble").trim_end_matches('.'))
                ),
                (Some(true), 0) => format!("{agent} agrees with the plan."),
                (_, count) => {
                    format!("{agent} suggests {} in the plan.", plural(count as u64, "change"))
                }
            }
        }
        "session.plan_reviewed" => format!(
            "All agents looked at the plan (round {}): {}.",
            number(body, "round"),
            plural(number(body, "suggestions"), "suggestion")
        ),
        "session.plan_edited" => format!("{} wrote the plan.", who(event)),
        "session.asked" => format!("A person is asked: {}", quote(text(body, "text"))),
        "session.approved" if body.get("anyway") == Some(&Value::Bool(true)) => {
            format!("{} took it as it is.", who(event))
        }
        "session.approved" => format!(
            "{} approved {}.",
            who(event),
            match text(body, "about") {
                "plan" => "the plan",
                "no_plan" => "a plan by roles",
                "merge" => "going on with the merge",
                _ => "the result",
            }
        ),
        "session.began" => {
            let count = body.get("tasks").and_then(Value::as_array).map_or(0, Vec::len);
            format!("The plan became {}.", plural(count as u64, "task"))
        }
        "session.merging" => {
            format!(
                "All tasks are verified; their work is brought together on {}.",
                text(body, "branch")
            )
        }
        "session.checking" => "The work is together; it is looked whether it is done.".to_owned(),
        "session.checked" => checked(body),
        "session.reopened" => format!("The session goes on: {why}."),
        "session.delivered" => format!(
            "The person's branch was moved to {}.",
            text(body, "commit").get(..12).unwrap_or_default()
        ),
        "session.paused" if !why.is_empty() => format!("The session is paused: {why}."),
        "session.paused" => format!("{} paused the session.", who(event)),
        "session.resumed" => format!("{} let the session go on.", who(event)),
        "session.verified" if why.is_empty() => {
            "The goal is reached: every point of done holds.".to_owned()
        }
        "session.verified" => format!("The session is over: {why}."),
        "session.failed" => format!("The session failed: {why}."),
        "session.cancelled" => format!("{} stopped the session.", who(event)),
        other => format!("{}: {other}.", event.subject),
    }
}

fn checked(body: &Value) -> String {
    let points = body.get("criteria").and_then(Value::as_array);
    let missing: Vec<&str> = points
        .into_iter()
        .flatten()
        .filter(|point| point.get("holds") == Some(&Value::Bool(false)))
        .map(|point| text(point, "point"))
        .collect();
    if missing.is_empty() {
        "Every point of done holds.".to_owned()
    } else {
        format!("It is not done: {}.", missing.join(", "))
    }
}

/// What happened to a project.
pub(super) fn project(event: &Event, body: &Value) -> String {
    let (name, who) = (&event.subject, who(event));
    match event.kind.as_str() {
        "project.created" => {
            format!("{who} made the project {name}: {}", quote(text(body, "description")))
        }
        "project.loaded" => format!("{who} loaded the project {name}."),
        "project.configured" => {
            format!("{who} changed the project {name}: {}.", list(body, "changed").join(", "))
        }
        "project.reset" => format!("{who} ended everything in the project {name}."),
        other => format!("{name}: {other}."),
    }
}
