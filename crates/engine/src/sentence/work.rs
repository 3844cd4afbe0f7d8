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
        "work.mended" => {
            let done = body.get("mended").and_then(Value::as_array).map_or(0, Vec::len);
            let first = body.pointer("/mended/0").map(|one| text(one, "says")).unwrap_or_default();
            format!("{done} things in the work did not fit and were mended, first: {first}")
        }
        "work.faults_found" => {
            let faults = body.get("faults").and_then(Value::as_array).map_or(0, Vec::len);
            let first = body.pointer("/faults/0").map(|one| text(one, "says")).unwrap_or_default();
            match faults {
                0 => "The work fits together again.".to_owned(),
                1 => format!("The work does not fit together: {first}"),
                many => format!("{many} things in the work do not fit together, first: {first}"),
            }
        }
        other => format!("The work: {other}."),
    }
}
