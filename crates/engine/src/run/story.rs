//! What happened in earlier attempts, for an agent whose vendor lost the conversation.

use orkestra_core::event::Event;
use orkestra_core::id::RunId;
use orkestra_store::{Filter, Store};
use serde_json::Value;

/// Events that are told, the newest.
const EVENTS_MAX: usize = 60;

/// The longest of them, in characters.
const LINE_MAX: usize = 300;

/// What happened so far, as an addition to the prompt; empty when there is nothing to tell.
pub(super) async fn of(store: &Store, run: RunId) -> String {
    let kinds =
        ["run.text", "run.tool_call", "run.file_change", "run.milestone", "run.attempt_ended"];
    let filter = Filter {
        topic: Some("run".to_owned()),
        subject: Some(run.to_string()),
        kinds: kinds.map(str::to_owned).to_vec(),
        limit: EVENTS_MAX,
        newest_first: true,
        ..Filter::default()
    };
    let mut events = store.read(move |read| read.events(&filter)).await.unwrap_or_default();
    events.reverse();
    tell(&events)
}

fn tell(events: &[Event]) -> String {
    let lines: Vec<String> = events.iter().filter_map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "\n\nThis work was begun before, and the conversation about it is lost. Look at what is in the \
         folder, and go on from there. This is what happened, the newest last:\n{}\n",
        lines.join("\n")
    )
}

fn line(event: &Event) -> Option<String> {
    let body = event.body.as_ref()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let line = match event.kind.as_str() {
        "run.text" => format!("- said: {}", text("text")),
        "run.tool_call" => {
            let input = body.get("input").map(ToString::to_string).unwrap_or_default();
            format!("- called {} {input}", text("name"))
        }
        "run.file_change" => format!("- {} was {}", text("path"), text("change")),
        "run.milestone" => format!("- reached: {}", text("text")),
        "run.attempt_ended" => format!("- it broke off: {}", text("why")),
        _ => return None,
    };
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(line.chars().take(LINE_MAX).collect())
}
