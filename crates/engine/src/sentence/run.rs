//! Sentences about the life of runs.

use super::{number, quote, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened; `None` for kinds that are told elsewhere.
pub(super) fn sentence(event: &Event, body: &Value) -> Option<String> {
    let who = || who(event);
    Some(match event.kind.as_str() {
        "run.attempt_begun" => format!(
            "Attempt {} is begun ({}).",
            number(body, "attempt"),
            body.get("begun").map(|begun| text(begun, "begun")).unwrap_or_default()
        ),
        "run.attempt_ended" => {
            format!("Attempt {} ended: {}", number(body, "attempt"), quote(text(body, "why")))
        }
        "run.paused" => format!("{} halted the run.", who()),
        "run.pause_refused" => format!("The run cannot be halted. {}", text(body, "why")),
        "run.resumed" => format!("{} let the run go on.", who()),
        "run.instructed" => match body.get("waits").and_then(Value::as_bool) {
            Some(true) => {
                format!("{} told the run: {} It gets it next.", who(), quote(text(body, "text")))
            }
            _ => format!("{} told the run: {} It goes on.", who(), quote(text(body, "text"))),
        },
        "run.interrupted" => {
            format!("The daemon goes down while the agent works. {}", text(body, "why"))
        }
        "run.suspended" => format!("The run waits. {}", quote(text(body, "why"))),
        "run.answered" => format!("{} answered the run: {}.", who(), text(body, "answer")),
        "run.waiting" => "The agent waits for an answer to what it asked.".to_owned(),
        "run.waited" => match body.get("allow").and_then(Value::as_bool) {
            Some(true) => "What the agent asked was allowed.".to_owned(),
            _ => "What the agent asked was not allowed.".to_owned(),
        },
        "run.limit_reached" => match text(body, "why") {
            "" => format!(
                "The run went over its limit of {}: {} of {}.",
                text(body, "limit"),
                number(body, "value"),
                number(body, "max")
            ),
            why => why.to_owned(),
        },
        "run.stalled" => "The agent said nothing after a tool's result for too long.".to_owned(),
        "run.silent" => format!("Nothing was heard of the agent since {}.", text(body, "since")),
        "run.heard" => "The agent speaks again.".to_owned(),
        "run.violation" => format!(
            "The gate denied {}: {} ({}).",
            quote(text(body, "command")),
            quote(text(body, "reason")),
            text(body, "rule")
        ),
        "run.hook_denied" => {
            format!("A hook denied {}: {}", text(body, "tool"), quote(text(body, "reason")))
        }
        _ => return None,
    })
}
