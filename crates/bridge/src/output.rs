//! What the bridge prints: one event per line, each at once.

use orkestra_core::agent::AgentEvent;
use std::io::Write;

/// Prints an event. When nobody can take it any more there is nothing left to do it for: the
/// stream is a file, so that is a full disk or the cap of the run's output, and the shim ends us.
pub(crate) fn say(event: &AgentEvent) {
    let Ok(mut line) = serde_json::to_vec(event) else { return };
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    let _ended_by_the_shim = out.write_all(&line).and_then(|()| out.flush());
}
