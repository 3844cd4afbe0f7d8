//! Parts that the adapters share.

use crate::Adapter;
use orkestra_core::agent::{AgentEvent, RawReason};
use serde_json::Value;

/// The longest preview of a raw line, in bytes.
const PREVIEW_BYTES_MAX: usize = 2048;

/// A `raw` event for something not understood.
pub(crate) fn raw(reason: RawReason, detail: &str, bytes: &[u8]) -> AgentEvent {
    let head = bytes.get(..PREVIEW_BYTES_MAX).unwrap_or(bytes);
    let mut preview = String::from_utf8_lossy(head).into_owned();
    preview.truncate(preview.floor_char_boundary(PREVIEW_BYTES_MAX));
    let mut detail = detail.to_owned();
    detail.truncate(detail.floor_char_boundary(300));
    AgentEvent::Raw { reason, detail, preview, bytes: bytes.len() as u64 }
}

/// A line without its line end.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A text field, cloned.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// A whole, not negative number.
pub(crate) fn number(value: &Value, key: &str) -> Option<u64> {
    let value = value.get(key)?;
    // Some vendors write 1013.0 for whole numbers; a cast saturates and never panics.
    value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
}

/// A whole, not negative number that fits into 32 bits; larger ones become the largest.
pub(crate) fn number_32(value: &Value, key: &str) -> Option<u32> {
    number(value, key).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// An HTTP status.
pub(crate) fn status(value: &Value, key: &str) -> Option<u16> {
    number(value, key).and_then(|n| u16::try_from(n).ok())
}

/// The reports that stand as JSON lines inside a text (MISSION row 55), for agents that can only
/// speak: `{"type":"milestone","text":"half done","progress":50}`, and so `progress`, `blocker`,
/// `finding` and `request_review`. The form with a `payload` object is read too. Only a whole line
/// counts: a word inside a sentence never does (MISSION B4).
pub(crate) fn reports_in(text: &str) -> Vec<AgentEvent> {
    let candidates = text.lines().map(str::trim).filter(|line| line.starts_with('{'));
    candidates
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|value| {
            let word = value.get("type").and_then(Value::as_str)?;
            report(word, value.get("payload").unwrap_or(&value))?
        })
        .collect()
}

/// The report with this name; `None` for a word that is none, `Some(None)` when its text is missing.
#[expect(clippy::option_option, reason = "an unknown word and a missing text are told apart")]
pub(crate) fn report(word: &str, value: &Value) -> Option<Option<AgentEvent>> {
    let progress = || value.get("progress").and_then(Value::as_f64).map(|p| p.clamp(0.0, 100.0));
    let file = || text(value, "file");
    let with = |make: &dyn Fn(String) -> AgentEvent| Some(text(value, "text").map(make));
    match word {
        "milestone" => {
            with(&|text| AgentEvent::Milestone { text, progress: progress(), file: file() })
        }
        "progress" => {
            with(&|text| AgentEvent::Progress { text, progress: progress(), file: file() })
        }
        "blocker" => with(&|text| AgentEvent::Blocker { text, file: file() }),
        "finding" => with(&|said| AgentEvent::Finding {
            text: said,
            severity: text(value, "severity"),
            file: file(),
        }),
        "request_review" | "review_request" => {
            with(&|text| AgentEvent::ReviewRequest { text, file: file() })
        }
        _ => None,
    }
}

/// The first three-digit HTTP status that a text names after `status` or at the start of a known
/// phrase, for vendors that tell it in words only.
pub(crate) fn status_in(text: &str) -> Option<u16> {
    let lower = text.to_ascii_lowercase();
    let numbers = lower.match_indices(|c: char| c.is_ascii_digit()).filter_map(|(at, _)| {
        let before = lower.get(..at)?;
        if before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.') {
            return None;
        }
        let rest = lower.get(at..)?;
        let len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u16 = rest.get(..len).filter(|digits| digits.len() == 3)?.parse().ok()?;
        let told = ["status: ", "status ", "status code ", "http ", "code: ", "error: ", "error "];
        let named = told.iter().any(|word| before.ends_with(word));
        ((400..600).contains(&number) && named).then_some(number)
    });
    numbers.into_iter().next()
}

/// A line of an agent that prints JSON objects, one a line: counted, and read by `object`. A line
/// that is no JSON is kept as it is.
pub(crate) fn json_line<A: Adapter>(
    adapter: &mut A,
    line: &[u8],
    object: impl FnOnce(&mut A, &Value, &[u8]) -> Vec<AgentEvent>,
) -> Vec<AgentEvent> {
    adapter.counts_mut().lines += 1;
    let line = without_line_end(line);
    if line.trim_ascii().is_empty() {
        adapter.counts_mut().blank += 1;
        return Vec::new();
    }
    let events = match serde_json::from_str::<Value>(&String::from_utf8_lossy(line)) {
        Ok(value) => object(adapter, &value, line),
        Err(error) => vec![raw(RawReason::Malformed, &error.to_string(), line)],
    };
    adapter.counts_mut().raw +=
        events.iter().filter(|event| matches!(event, AgentEvent::Raw { .. })).count() as u64;
    events
}
