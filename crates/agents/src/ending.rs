//! How a run ends: the agent's last word weighed against the end of its process.

use crate::ProcessExit;
use orkestra_core::agent::{AgentEvent, Denial, Ended};

/// How much of the standard error goes into an `ended`, in bytes.
const STDERR_BYTES_MAX: usize = 2048;

/// Holds the agent's last word back until its process is gone, so that there is exactly one
/// `ended` and it is the last event, even of agents that report a result more than once.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    said: Option<Ended>,
    finished: bool,
}

impl Ending {
    /// What the agent has said so far.
    pub(crate) fn said(&self) -> Option<&Ended> {
        self.said.as_ref()
    }

    /// Takes a last word. A later one replaces an earlier one, but turns and time add up, denials
    /// stay, and an earlier failure is told.
    pub(crate) fn say(&mut self, mut ended: Ended) -> Option<AgentEvent> {
        let Some(before) = self.said.take() else {
            self.said = Some(ended);
            return None;
        };
        ended.turns = sum(before.turns, ended.turns, u32::saturating_add);
        ended.duration_ms = sum(before.duration_ms, ended.duration_ms, u64::saturating_add);
        let mut denials = before.denials;
        denials.extend(std::mem::take(&mut ended.denials));
        let mut all: Vec<Denial> = Vec::new();
        for denial in denials {
            let known = |other: &Denial| other.tool_id.is_some() && other.tool_id == denial.tool_id;
            if !all.iter().any(known) {
                all.push(denial);
            }
        }
        ended.denials = all;
        let failed_before = before.error.filter(|_| !before.ok && ended.ok);
        self.said = Some(ended);
        failed_before.map(|error| AgentEvent::Warning {
            message: format!("an earlier result was a failure: {error}"),
        })
    }

    /// The last events. `silent` is what to think of a process that ended well without a word.
    pub(crate) fn finish(
        &mut self,
        exit: ProcessExit,
        stderr_tail: &str,
        silent: impl FnOnce() -> Ended,
    ) -> Vec<AgentEvent> {
        if std::mem::replace(&mut self.finished, true) {
            return Vec::new();
        }
        let tail = stderr_end(stderr_tail);
        let Some(mut ended) = self.said.take() else {
            let mut ended = silent();
            if !ended.ok {
                ended.error = Some(with_tail("the agent ended without a result", exit, tail));
            }
            return vec![AgentEvent::Ended(ended)];
        };
        let mut events = Vec::new();
        if ended.ok {
            match exit {
                ProcessExit::Code(0) => {}
                ProcessExit::Code(_) => {
                    ended.ok = false;
                    ended.error = Some(with_tail("the agent reported success, but", exit, tail));
                }
                // Whoever stopped a process that stayed after its last word knows why.
                ProcessExit::Signal(_) | ProcessExit::Lost => {
                    let message = with_tail("after the agent's report", exit, tail);
                    events.push(AgentEvent::Warning { message });
                }
            }
        }
        events.push(AgentEvent::Ended(ended));
        events
    }
}

fn sum<T>(a: Option<T>, b: Option<T>, add: impl FnOnce(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(add(a, b)),
        (one, other) => one.or(other),
    }
}

fn with_tail(what: &str, exit: ProcessExit, tail: &str) -> String {
    if tail.is_empty() {
        format!("{what}: {exit}")
    } else {
        format!("{what}: {exit}; its standard error ends with: {tail}")
    }
}

fn stderr_end(tail: &str) -> &str {
    let tail = tail.trim();
    let start = tail.ceil_char_boundary(tail.len().saturating_sub(STDERR_BYTES_MAX));
    tail.get(start..).unwrap_or(tail)
}
