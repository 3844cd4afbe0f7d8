//! Sentences for what is checked of a run's work, and for taking it back.

use super::{number, quote, text};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened; nothing for other events.
pub(super) fn sentence(event: &Event, body: &Value) -> Option<String> {
    let count = |key: &str| body.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    Some(match event.kind.as_str() {
        "run.reported" => format!("The agent says it is done: {}", quote(text(body, "summary"))),
        "run.checks_begun" => format!(
            "Round {} of {} checks begins: {}.",
            number(body, "round"),
            count("checks"),
            text(body, "why")
        ),
        "run.committed" => format!(
            "What the agent left was committed as {}.",
            text(body, "commit").get(..12).unwrap_or_default()
        ),
        "run.files_changed" => format!("{} files differ.", count("files")),
        "run.check_started" => format!("Check {} is being made.", quote(text(body, "check"))),
        "run.checked" => {
            let passed = body.get("passed").and_then(Value::as_bool) == Some(true);
            let word = if passed { "passed" } else { "failed" };
            format!("Check {} {word}: {}", quote(text(body, "check")), text(body, "detail"))
        }
        "run.verified" => format!("Verified: all {} checks passed.", number(body, "checks")),
        "run.refuted" => {
            let first = body.get("failed").and_then(|failed| failed.get(0));
            let detail = first.map(|first| text(first, "detail")).unwrap_or_default();
            format!(
                "Refuted: {} of {} checks failed. {detail}",
                count("failed"),
                number(body, "checks")
            )
        }
        "run.undone" => format!(
            "{} files are as before the run; {} were left, since somebody changed them after it.",
            count("restored"),
            count("conflicts")
        ),
        "run.discarded" => {
            "Its work was thrown away; branch and worktree are kept aside.".to_owned()
        }
        _ => return None,
    })
}
