//! Sentences about tasks.

use super::{number, quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened to a task.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let title = format!("“{}”", quote(text(body, "title")));
    let agent = text(body, "agent");
    let why = quote(text(body, "why"));
    let reason = quote(text(body, "reason").trim_end_matches('.'));
    let state = text(body, "state").replace('_', " ");
    match event.kind.as_str() {
        "task.created" => match state.as_str() {
            "blocked" | "waiting" => format!("The task {title} is new and {state}. {why}"),
            state => format!("The task {title} is new and {state}."),
        },
        "task.edited" => {
            let fields = body.get("fields").and_then(Value::as_array);
            let fields: Vec<&str> =
                fields.into_iter().flatten().filter_map(Value::as_str).collect();
            format!("{} changed the task {title}: {}.", who(event), fields.join(", "))
        }
        "task.assigned" if agent.is_empty() => format!("Anybody may do the task {title}."),
        "task.assigned" => format!("The task {title} is for {agent}."),
        "task.avoided" => format!("{agent} does not get the task {title} again: {why}"),
        "task.shelved" => format!("{} put the task {title} into the backlog.", who(event)),
        "task.unshelved" => {
            format!("{} took the task {title} out of the backlog; it is {state}.", who(event))
        }
        "task.ready" => format!("The task {title} is ready."),
        "task.freed" => format!("The task {title} is not blocked any more. {why}"),
        "task.blocked" => format!("The task {title} is blocked. {why}"),
        "task.claimed" => format!("{agent} takes the task {title}."),
        "task.began" if body.get("again") == Some(&Value::Bool(true)) => {
            format!("{agent} goes on with the task {title}.")
        }
        "task.began" => format!("{agent} works on the task {title}."),
        "task.reported" => format!("{agent} says that the task {title} is done."),
        "task.checked" => {
            let when = if text(body, "phase") == "pre" { "before" } else { "after" };
            match text(body, "worst") {
                "pass" => format!("The task {title} passed the checks {when} it."),
                "warning" => {
                    format!("The task {title} passed the checks {when} it, with warnings.")
                }
                _ => format!("The task {title} did not pass the checks {when} it: {why}"),
            }
        }
        "task.diagnosed" => format!(
            "A run of the task failed by {}: {}",
            text(body, "class").replace('_', " "),
            text(body, "advice")
        ),
        "task.in_review" => format!("The task {title} is being judged."),
        "task.verified" => format!("The task {title} is done, and that was checked."),
        "task.refuted" => format!("The task {title} is not done: {reason}.{}", again(body)),
        "task.failed" => format!("The task {title} went wrong: {reason}.{}", again(body)),
        "task.expired" => {
            let how = match text(body, "loss") {
                "lease" => "gave no sign of life within its lease",
                "died" => "is gone",
                _ => "was not heard of for too long",
            };
            let owner = match text(body, "owner") {
                "daemon" => agent,
                owner => owner,
            };
            format!("The task {title} was taken back: {owner} {how}.{}", again(body))
        }
        "task.failed_over" => format!(
            "The task {title} goes from {} to {}. {why}",
            text(body, "from"),
            text(body, "to")
        ),
        "task.unplaced" => format!("Nobody can do the task {title} now. {why}"),
        "task.released" => format!("The task {title} was given back: {reason}."),
        "task.poisoned" => format!(
            "The task {title} is not tried again by itself: {} attempts went wrong.",
            number(body, "tries")
        ),
        "task.retried" => format!("{} has the task {title} tried again.", who(event)),
        "task.cancelled" => format!("The task {title} was cancelled. {why}").trim_end().to_owned(),
        "task.handed_over" => match text(body, "from") {
            "" => format!("The task {title} was handed to {}.", text(body, "to")),
            from => {
                format!("The task {title} was handed over from {from} to {}.", text(body, "to"))
            }
        },
        "task.delegated" => match text(body, "to") {
            "" => format!("A part of the task {title} became a task of its own."),
            to => format!("A part of the task {title} was given to {to}."),
        },
        "task.recurred" => format!("The task {title} was due and made the next one."),
        "task.passed_over" => {
            format!("The task {title} was due and made none: the one before goes on.")
        }
        "task.merged" => format!(
            "The work of the task {title} was merged as {}.",
            text(body, "commit").get(..12).unwrap_or_else(|| text(body, "commit"))
        ),
        other => format!("{title}: {other}."),
    }
}

fn again(body: &Value) -> &'static str {
    if body.get("again") == Some(&Value::Bool(true)) { " It is tried again." } else { "" }
}
