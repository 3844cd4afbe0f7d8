//! Sentences about agents as such.

use super::{quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened to an agent.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let agent = &event.subject;
    let until = match text(body, "until") {
        "" => "until it is resumed".to_owned(),
        until => format!("until {}", until.get(..19).unwrap_or(until).replace('T', " ")),
    };
    let why = quote(text(body, "why").trim_end_matches('.'));
    match event.kind.as_str() {
        "agent.paused" => format!("{} holds {agent} back {until}: {why}.", who(event)),
        "agent.rate_limited" => format!("{agent} gets no new work {until}: {why}."),
        "agent.probed" => match text(body, "error") {
            "" => format!("{} asked {agent} for a word, and it answered.", who(event)),
            error => format!("{} asked {agent} for a word: {}.", who(event), quote(error)),
        },
        "agent.resumed" => format!("{agent} gets work again ({why})."),
        "agent.called" if body.get("ok").and_then(Value::as_bool) == Some(true) => {
            format!("{agent} answered {}.", who(event))
        }
        "agent.called" => format!("{agent} gave no answer: {}.", quote(text(body, "error"))),
        "agent.notified" => {
            format!("{agent} will be told: {}", quote(text(body, "message")))
        }
        "agent.read_notices" => match super::number(body, "count") {
            1 => format!("{agent} was told what concerns it (1 notice)."),
            count => format!("{agent} was told what concerns it ({count} notices)."),
        },
        "agent.noted" => match text(body, "current_understanding") {
            "" => format!("{} wrote a note for {agent}.", who(event)),
            note => format!("{} noted for {agent}: {}", who(event), quote(note)),
        },
        "agent.breaker_opened" => format!(
            "{agent} failed {} times in a row and gets no task {until}: {why}.",
            super::number(body, "failures")
        ),
        "agent.breaker_half_opened" => {
            format!("{agent} gets one task again, to see whether it works.")
        }
        "agent.breaker_closed" => format!("{agent} works again and gets tasks."),
        other => format!("{agent}: {other}."),
    }
}
