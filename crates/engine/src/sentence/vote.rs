//! Sentences about votes.

use super::{number, quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened to a vote.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let question = quote(text(body, "question"));
    let (voter, round) = (text(body, "voter"), number(body, "round"));
    let why = quote(text(body, "why").trim_end_matches('.'));
    match event.kind.as_str() {
        "vote.opened" => match body.pointer("/follows/kind").and_then(Value::as_str) {
            Some("runoff") => format!("A run-off between the best two was opened: {question}"),
            Some("compromise") => {
                format!("A vote with the mediator's proposal was opened: {question}")
            }
            Some(_) => format!("{} asks anew: {question}", who(event)),
            None => format!("{} opened a vote: {question}", who(event)),
        },
        "vote.round_opened" => {
            let changes = body.get("changes").and_then(Value::as_array).map_or(0, Vec::len);
            format!(
                "Round {round} of {} begins; {changes} changed their mind in the one before.",
                number(body, "of")
            )
        }
        "vote.cast" => match text(body, "reason") {
            "" => format!("{voter} votes in round {round}: {}.", quote(text(body, "says"))),
            reason => format!(
                "{voter} votes in round {round}: {} ({})",
                quote(text(body, "says")),
                quote(reason)
            ),
        },
        "vote.absent" => format!("{voter} gives no ballot in round {round}: {why}."),
        "vote.closed" => {
            format!("A vote ended ({}): {why}.", text(body, "outcome").replace('_', " "))
        }
        "vote.decided" => match text(body, "by") {
            "rule" => format!("Decided: {} ({why}).", quote(text(body, "option"))),
            _ => format!("{} decided: {}.", who(event), quote(text(body, "option"))),
        },
        "vote.resolved" => {
            format!("Decided in a later vote: {}.", quote(text(body, "option")))
        }
        "vote.escalated" => format!("A person is asked. {}", quote(text(body, "asks"))),
        "vote.left_undecided" => format!("{} left a vote undecided.", who(event)),
        "vote.mediating" if text(body, "form") == "question" => {
            format!("{} makes one text of all answers.", text(body, "by"))
        }
        "vote.mediating" => {
            format!("{} looks for a third way (try {}).", text(body, "by"), number(body, "try"))
        }
        "vote.proposed" => {
            format!("{} proposes: {}", text(body, "by"), quote(text(body, "text")))
        }
        "vote.marked" => {
            let right = body.get("right").and_then(Value::as_bool) == Some(true);
            let word = if right { "right" } else { "wrong" };
            format!("{} says that it was {word}: {question}", who(event))
        }
        other => format!("{other}: {question}"),
    }
}
