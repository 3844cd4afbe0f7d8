//! The books: what is written down of each usage, at which price and on which day, and the call log.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use orkestra_agents::Kind;
use orkestra_core::agent::Usage;
use orkestra_core::budget::Budget;
use orkestra_core::money::{Prices, Tokens};
use orkestra_core::run::{Run, RunDecision};
use orkestra_store::{CallRow, UsageRow};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// No usage of one moment has more tokens of a class, nor costs more millionths of a dollar: what an
/// agent prints must not make sums overflow.
const MOST: u64 = 1_000_000_000_000;

/// How usage is priced and booked.
#[derive(Debug, Clone, PartialEq)]
pub struct Books {
    /// Prices of models.
    pub prices: Prices,
    /// Where days, weeks and months begin.
    pub zone: TimeZone,
}

impl Default for Books {
    fn default() -> Self {
        Self { prices: Prices::with(BTreeMap::new()), zone: TimeZone::UTC }
    }
}

/// What the configuration says about money.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Money {
    /// Prices, and where days begin.
    pub books: Arc<Books>,
    /// Budgets by name; others are set by hand.
    pub budgets: BTreeMap<String, Budget>,
}

impl Books {
    /// The row of one usage.
    pub(crate) fn row(&self, run: &Run, attempt: u32, usage: &Usage, at: Timestamp) -> UsageRow {
        let day = at.to_zoned(self.zone.clone()).date();
        let mut usage = usage.clone();
        for class in [
            &mut usage.fresh_input,
            &mut usage.cache_read,
            &mut usage.cache_write,
            &mut usage.output,
        ] {
            *class = (*class).min(MOST);
        }
        let (cost, priced) = self.prices.cost(&usage, day);
        UsageRow {
            run: run.id,
            attempt,
            agent: run.agent.clone(),
            tokens: Tokens::from(&usage),
            model: usage.model.unwrap_or_default(),
            day: day.to_string(),
            cost_micros: cost.map(|cost| cost.0.min(MOST)),
            priced: priced.as_str().to_owned(),
        }
    }
}

/// The lines of the call log for calls of a model that a run's stream tells.
pub(crate) fn model_calls(
    decision: &RunDecision,
    attempt: u32,
    at: Timestamp,
) -> impl Iterator<Item = CallRow> {
    let run = &decision.run;
    decision.streamed.iter().filter(|(_, _, draft)| draft.kind == "run.model_call").map(
        move |(offset, index, draft)| CallRow {
            key: format!("{}:{attempt}:{offset}:{index}", run.id),
            agent: run.agent.clone(),
            run: run.id,
            at,
            ms: number(&draft.body, "ms"),
            ok: draft.body.get("ok").and_then(Value::as_bool).unwrap_or(false),
            status: status_word(&draft.body),
            tokens: number(&draft.body, "tokens"),
        },
    )
}

fn number(body: &Value, key: &str) -> u64 {
    body.get(key).and_then(Value::as_u64).unwrap_or(0).min(MOST)
}

/// In one word: `ok`, an HTTP status, or what was wrong.
pub(crate) fn status_word(body: &Value) -> String {
    if body.get("ok").and_then(Value::as_bool) == Some(true) {
        return "ok".to_owned();
    }
    match body.get("status").and_then(Value::as_u64) {
        Some(status) => status.to_string(),
        None => body.get("error").and_then(Value::as_str).unwrap_or("failed").to_owned(),
    }
}

/// The line of the call log, when an attempt of a run is over with this decision.
pub(crate) fn call_of(decision: &RunDecision, attempt: u32) -> Option<CallRow> {
    let run = &decision.run;
    let over = |kind: &str| matches!(kind, "run.ended" | "run.attempt_ended");
    // Of agents behind an API each call has its own line already.
    let by_call = run.kind.parse().is_ok_and(|kind: Kind| kind.is_api());
    if by_call || !decision.events.iter().any(|event| over(&event.kind)) {
        return None;
    }
    let life = run.attempts.iter().find(|life| life.number == attempt);
    let (at, started) = match life {
        Some(life) => (life.ended_at?, life.started_at?),
        None => (run.ended_at?, run.started_at?),
    };
    let whole = || run.usage.as_ref().map_or(0, |usage| Tokens::from(usage).total());
    let tokens = life.map_or_else(whole, |life| life.tokens);
    let ended = life.map_or(run.ended.as_ref(), |life| life.ended.as_ref());
    let status = ended.and_then(|ended| ended.api_status).map(|status| status.to_string());
    Some(CallRow {
        key: format!("{}:{attempt}", run.id),
        agent: run.agent.clone(),
        run: run.id,
        at,
        ms: u64::try_from(at.duration_since(started).as_millis()).unwrap_or(0),
        ok: ended.is_some_and(|ended| ended.ok),
        status: status.unwrap_or_else(|| match ended {
            Some(ended) if ended.ok => "ok".to_owned(),
            _ => run.state_word().to_owned(),
        }),
        tokens: tokens.min(MOST),
    })
}
