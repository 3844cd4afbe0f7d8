//! Sentences about the work as a whole: snapshots.

use super::{number, text, who};
use orkestra_core::event::Event;
use serde_json::Value;

/// What happened to the work.
pub(super) fn sentence(event: &Event, body: &Value) -> String {
    match event.kind.as_str() {
        "work.snapshot_taken" => {
            let why = match text(body, "reason") {
                "person" => format!("{} asked for it", who(event)),
                "rate_limit" => "an agent is limited".to_owned(),
                "disconnect" => "an agent broke off".to_owned(),
                "before_restore" => "an older state is put back".to_owned(),
                _ => "work goes on".to_owned(),
            };
            format!(
                "A snapshot of the work was taken ({} rows), since {why}.",
                number(body, "rows")
            )
        }
        "work.snapshot_skipped" => format!(
            "No snapshot of the work is taken by itself any more: it has {} rows, more than {}.",
            number(body, "rows"),
            number(body, "most")
        ),
        "work.restored" => {
            let at = text(body, "made_at");
            let at = at.get(..19).unwrap_or(at).replace('T', " ");
            format!("{} put the work back as it was at {at} UTC.", who(event))
        }
        other => format!("The work: {other}."),
    }
}
