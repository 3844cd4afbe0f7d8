//! Parts that the adapters share.

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

/// The milestones that stand as JSON lines inside a text (MISSION row 55), for agents that can
/// only speak: `{"type":"milestone","text":"half done","progress":50}`. The form with a `payload`
/// object is read too.
pub(crate) fn milestones_in(text: &str) -> Vec<AgentEvent> {
    if !text.contains("\"milestone\"") {
        return Vec::new();
    }
    let candidates = text.lines().map(str::trim).filter(|line| line.starts_with('{'));
    candidates
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|value| value.get("type").and_then(Value::as_str) == Some("milestone"))
        .filter_map(|value| milestone(value.get("payload").unwrap_or(&value)))
        .collect()
}

/// A milestone from an object with `text` and perhaps `progress` and `file`.
pub(crate) fn milestone(value: &Value) -> Option<AgentEvent> {
    let progress = value.get("progress").and_then(Value::as_f64).map(|p| p.clamp(0.0, 100.0));
    Some(AgentEvent::Milestone { text: text(value, "text")?, progress, file: text(value, "file") })
}
