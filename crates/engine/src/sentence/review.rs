//! Sentences about reviews.

use super::{quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let list = |key: &str| -> String {
        let list = body.get(key).and_then(Value::as_array);
        let words = list.into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<_>>().join(" and ")
    };
    match event.kind.as_str() {
        "review.opened" => {
            format!(
                "A review of {}'s work is opened: {}.",
                text(body, "author"),
                text(body, "trigger")
            )
        }
        "review.assigned" => format!("{} is asked to review it.", list("reviewers")),
        "review.no_reviewer" => format!("Nobody can review it: {}.", text(body, "why")),
        "review.began" => format!("{} reviews it.", text(body, "reviewer")),
        "review.sent_back" => {
            let why = quote(text(body, "why"));
            format!("{} gets its review back: {why}", text(body, "reviewer"))
        }
        "review.verdict" => format!(
            "{} says {}: {}",
            text(body, "reviewer"),
            text(body, "verdict"),
            quote(text(body, "summary"))
        ),
        "review.no_verdict" => {
            format!("{} gave no verdict: {}", text(body, "reviewer"), quote(text(body, "why")))
        }
        "review.decided" => format!("{}: {}.", text(body, "action"), text(body, "reason")),
        "review.handed_back" => format!("{} got the concern.", text(body, "author")),
        "review.needs_person" => format!("A person has to decide: {}.", text(body, "why")),
        "review.answered" => format!("{} decided: {}.", who(event), text(body, "answer")),
        "review.closed" => format!("The review is closed. {}", text(body, "why")),
        kind => format!("{kind} happened."),
    }
}
