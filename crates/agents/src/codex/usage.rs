//! Codex counts tokens from the start of a thread: each report less the one before.

use crate::event::number;
use orkestra_core::agent::Usage;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the thread had used at its last report, and which tools are under way.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    fresh_input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    open: BTreeSet<String>,
}

impl Ledger {
    /// A thread of which this much is booked already.
    pub(super) fn after(used: &[Usage]) -> Self {
        let sum = |class: fn(&Usage) -> u64| used.iter().map(class).fold(0, u64::saturating_add);
        Self {
            fresh_input: sum(|usage| usage.fresh_input),
            cache_read: sum(|usage| usage.cache_read),
            cache_write: sum(|usage| usage.cache_write),
            output: sum(|usage| usage.output),
            open: BTreeSet::new(),
        }
    }

    /// Notes that a tool has begun.
    pub(super) fn open(&mut self, id: &str) {
        self.open.insert(id.to_owned());
    }

    /// Whether a tool that ends had begun.
    pub(super) fn close(&mut self, id: &str) -> bool {
        self.open.remove(id)
    }

    /// What was used since the last report; nothing when that is nothing.
    pub(super) fn take(&mut self, usage: &Value, model: Option<&String>) -> Option<Usage> {
        let get = |key: &str| number(usage, key).unwrap_or(0);
        let (read, write) = (get("cached_input_tokens"), get("cache_write_input_tokens"));
        // Cached tokens are part of the input, reasoning is part of the output.
        let fresh = get("input_tokens").saturating_sub(read).saturating_sub(write);
        let output = get("output_tokens");
        let since = |now: u64, before: &mut u64| {
            let new = now.saturating_sub(*before);
            *before = now.max(*before);
            new
        };
        let used = Usage {
            model: model.cloned(),
            fresh_input: since(fresh, &mut self.fresh_input),
            cache_read: since(read, &mut self.cache_read),
            cache_write: since(write, &mut self.cache_write),
            output: since(output, &mut self.output),
            cost_usd: None,
        };
        let any = used.fresh_input | used.cache_read | used.cache_write | used.output;
        (any > 0).then_some(used)
    }
}
