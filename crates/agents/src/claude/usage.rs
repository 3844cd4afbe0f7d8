//! The usage of a run, from results that count in different ways.

use crate::event::number;
use orkestra_core::agent::Usage;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// What the results of one run have reported so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Per model, from the start of the process.
    reported: HashMap<String, Usage>,
    /// The money, for results without `modelUsage`.
    reported_usd: f64,
    /// What earlier processes reported of this conversation, until the first result shows whether
    /// this one counts it again.
    before: Vec<Usage>,
}

impl Ledger {
    /// A conversation of which this much is booked already.
    pub(super) fn after(used: Vec<Usage>) -> Self {
        Self { before: used, ..Self::default() }
    }

    /// A process that resumes takes up the count of the one before, if that one could write it down
    /// before it ended and none was in between; else it begins at zero. It is seen from the first
    /// result: then each class holds what was before as well as what this result itself used.
    fn take_up(&mut self, models: &[Usage], own: Option<&Value>) {
        let before = std::mem::take(&mut self.before);
        let own = |key: &str| own.and_then(|usage| number(usage, key)).unwrap_or(0);
        let holds = |class: fn(&Usage) -> u64, key: &str| {
            let sum = |of: &[Usage]| of.iter().map(class).fold(0, u64::saturating_add);
            sum(models) >= sum(&before).saturating_add(own(key))
        };
        let goes_on = holds(|usage| usage.fresh_input, "input_tokens")
            && holds(|usage| usage.cache_read, "cache_read_input_tokens")
            && holds(|usage| usage.cache_write, "cache_creation_input_tokens")
            && holds(|usage| usage.output, "output_tokens");
        if goes_on {
            self.reported_usd = before.iter().filter_map(|usage| usage.cost_usd).sum();
            let named = before.into_iter();
            self.reported =
                named.map(|usage| (usage.model.clone().unwrap_or_default(), usage)).collect();
        }
    }

    /// One usage per model, less what an earlier result reported: `modelUsage` counts from the
    /// start of the process, and a run whose subagents end late has several results.
    pub(super) fn take(&mut self, value: &Value, model: Option<&String>) -> Vec<Usage> {
        let models = value.get("modelUsage").and_then(Value::as_object);
        let Some(models) = models.filter(|models| !models.is_empty()) else {
            return self
                .plain(value, model)
                .filter(|usage| tokens(usage) > 0)
                .into_iter()
                .collect();
        };
        let totals = model_usage(models);
        if !self.before.is_empty() {
            self.take_up(&totals, value.get("usage"));
        }
        let mut events = Vec::new();
        for total in totals {
            let key = total.model.clone().unwrap_or_default();
            let before = self.reported.insert(key, total.clone());
            let new = before.map_or(total.clone(), |before| difference(&total, &before));
            if tokens(&new) > 0 {
                events.push(new);
            }
        }
        events
    }

    /// The usage of a result without `modelUsage`: tokens of this result only, but the money of all.
    fn plain(&mut self, value: &Value, model: Option<&String>) -> Option<Usage> {
        let usage = value.get("usage")?;
        let total = value.get("total_cost_usd").and_then(Value::as_f64);
        let cost_usd = total.map(|total| (total - self.reported_usd).max(0.0));
        self.reported_usd = total.unwrap_or(self.reported_usd);
        Some(Usage {
            model: model.cloned(),
            fresh_input: number(usage, "input_tokens").unwrap_or(0),
            cache_read: number(usage, "cache_read_input_tokens").unwrap_or(0),
            cache_write: number(usage, "cache_creation_input_tokens").unwrap_or(0),
            output: number(usage, "output_tokens").unwrap_or(0),
            cost_usd,
        })
    }
}

fn tokens(usage: &Usage) -> u64 {
    [usage.cache_read, usage.cache_write, usage.output]
        .into_iter()
        .fold(usage.fresh_input, u64::saturating_add)
}

fn difference(total: &Usage, before: &Usage) -> Usage {
    let cost_before = before.cost_usd.unwrap_or(0.0);
    Usage {
        model: total.model.clone(),
        fresh_input: total.fresh_input.saturating_sub(before.fresh_input),
        cache_read: total.cache_read.saturating_sub(before.cache_read),
        cache_write: total.cache_write.saturating_sub(before.cache_write),
        output: total.output.saturating_sub(before.output),
        cost_usd: total.cost_usd.map(|cost| (cost - cost_before).max(0.0)),
    }
}

fn model_usage(models: &Map<String, Value>) -> Vec<Usage> {
    let usage = |(model, usage): (&String, &Value)| Usage {
        model: Some(model.clone()),
        fresh_input: number(usage, "inputTokens").unwrap_or(0),
        cache_read: number(usage, "cacheReadInputTokens").unwrap_or(0),
        cache_write: number(usage, "cacheCreationInputTokens").unwrap_or(0),
        output: number(usage, "outputTokens").unwrap_or(0),
        cost_usd: usage.get("costUSD").and_then(Value::as_f64),
    };
    models.iter().map(usage).collect()
}
