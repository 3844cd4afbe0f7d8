//! What agents cost and may cost, on the wire. Money is in US dollars, and beside it in millionths.

use orkestra_core::budget::{Budget, Limit, Override, percent};
use orkestra_core::money::{Tokens, Usd};
use orkestra_engine::BudgetState;
use orkestra_store::{CallRow, CallStats, UsageGroup};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was used and what it cost.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct UsageSumView {
    /// What these rows have in common: an agent, a model, a run's id, a day; `total` for all.
    pub key: String,
    /// Input tokens that no cache had.
    pub fresh_input: u64,
    /// Input tokens read from the vendor's cache.
    pub cache_read: u64,
    /// Input tokens written into the vendor's cache.
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
    /// Tokens of all four classes.
    pub tokens: u64,
    /// The cost in US dollars of all that has a price.
    pub cost_usd: f64,
    /// The same in millionths of a dollar, exactly.
    pub cost_micros: u64,
    /// Bookings.
    pub rows: u64,
    /// Bookings without a known price: when this is not 0, the cost is a lower bound.
    pub unpriced: u64,
}

impl UsageSumView {
    /// One group.
    pub fn new(group: &UsageGroup) -> Self {
        let Tokens { fresh_input, cache_read, cache_write, output } = group.tokens;
        Self {
            key: group.key.clone(),
            fresh_input,
            cache_read,
            cache_write,
            output,
            tokens: group.tokens.total(),
            cost_usd: Usd(group.cost_micros).dollars(),
            cost_micros: group.cost_micros,
            rows: group.rows,
            unpriced: group.rows_without_price,
        }
    }

    /// The sum of several.
    pub fn total(groups: &[Self]) -> Self {
        let mut total = Self { key: "total".to_owned(), ..Self::default() };
        for one in groups {
            total.fresh_input += one.fresh_input;
            total.cache_read += one.cache_read;
            total.cache_write += one.cache_write;
            total.output += one.output;
            total.tokens += one.tokens;
            total.cost_micros += one.cost_micros;
            total.rows += one.rows;
            total.unpriced += one.unpriced;
        }
        total.cost_usd = Usd(total.cost_micros).dollars();
        total
    }
}

/// The books.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UsageList {
    /// `agent`, `model`, `run`, `day`.
    pub by: String,
    /// From when on (RFC 3339).
    pub since: Option<String>,
    /// The zone in which days begin.
    pub zone: String,
    /// The groups; runs and days newest first.
    pub groups: Vec<UsageSumView>,
    /// All of them.
    pub total: UsageSumView,
    /// Whether there are more groups than were asked for; `total` is of those that are here.
    pub cut: bool,
}

/// A budget as it stands now. Amounts are in its unit: dollars or tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// Its name.
    pub name: String,
    /// `all`, `run`, `agent NAME`, `model NAME`.
    pub scope: String,
    /// `hour`, `day`, `week`, `month`, `total`, `run`.
    pub per: String,
    /// `configuration`, `hand`, or `run` when it was asked for with a run.
    pub origin: String,
    /// The run that is measured, for a budget of each run.
    pub run: Option<String>,
    /// `usd` or `tokens`.
    pub unit: String,
    /// How much.
    pub limit: f64,
    /// How much is spent.
    pub spent: f64,
    /// How much is promised to calls under way.
    pub reserved: f64,
    /// How much is spent, in whole percent.
    pub percent: u64,
    /// Bookings without a known price: when this is not 0, `spent` is a lower bound.
    pub unpriced: u64,
    /// The shares that were told in this window, in percent.
    pub told: Vec<u8>,
    /// When the present window began (RFC 3339).
    pub since: Option<String>,
    /// When it begins anew.
    pub until: Option<String>,
    /// Whether what it is about is stopped now.
    pub over: bool,
    /// A person lets go on what it stops.
    #[serde(rename = "override")]
    pub lifted: Option<OverrideView>,
    /// In one sentence.
    pub says: String,
}

/// A person lets go on what a budget stops.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OverrideView {
    /// Until when (RFC 3339).
    pub until: String,
    /// Why.
    pub why: String,
    /// Who.
    pub by: String,
}

impl From<&Override> for OverrideView {
    fn from(lifted: &Override) -> Self {
        let (why, by) = (lifted.why.clone(), lifted.by.clone());
        Self { until: lifted.until.to_string(), why, by }
    }
}

impl BudgetView {
    /// As it stands at that time.
    pub fn at(state: &BudgetState, at: jiff::Timestamp) -> Self {
        let Budget { name, scope, window, limit } = &state.budget;
        let (unit, amount): (&str, fn(u64) -> f64) = match limit {
            Limit::Usd(_) => ("usd", |micros| Usd(micros).dollars()),
            Limit::Tokens(_) => ("tokens", |tokens| tokens as f64),
        };
        let measure = state.measure;
        let says = if state.over {
            state.why()
        } else {
            let least = if measure.unpriced > 0 { "at least " } else { "" };
            let all = limit.show(limit.amount());
            format!("{least}{} of {all} spent.", limit.show(measure.spent))
        };
        Self {
            name: name.clone(),
            scope: scope.to_string(),
            per: window.as_str().to_owned(),
            origin: state.origin.as_str().to_owned(),
            run: state.run.map(|run| run.to_string()),
            unit: unit.to_owned(),
            limit: amount(limit.amount()),
            spent: amount(measure.spent),
            reserved: amount(measure.reserved),
            percent: percent(*limit, measure.spent),
            unpriced: measure.unpriced,
            told: state.told.clone(),
            since: state.period.start.map(|start| start.to_string()),
            until: state.period.end.map(|end| end.to_string()),
            over: state.over,
            lifted: state.lifted.as_ref().filter(|l| l.holds(at)).map(OverrideView::from),
            says,
        }
    }
}

/// All budgets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetList {
    /// By name.
    pub budgets: Vec<BudgetView>,
}

/// A budget to set; amounts as text, so that no cent is lost.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetSet {
    /// Its name.
    pub name: String,
    /// `all`, `run`, `agent NAME`, `model NAME`; all without it.
    #[serde(default)]
    pub scope: Option<String>,
    /// `hour`, `day`, `week`, `month`, `total`, `run`.
    pub per: String,
    /// Dollars, such as `2.50`; either this or `tokens`.
    #[serde(default)]
    pub usd: Option<String>,
    /// Tokens of all classes.
    #[serde(default)]
    pub tokens: Option<u64>,
}

/// A budget to override.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetOverride {
    /// For how long (`1h`); without it an override that holds ends now.
    #[serde(default, rename = "for")]
    pub span: Option<String>,
    /// Why, in one sentence; must be there unless an override is ended.
    #[serde(default)]
    pub why: Option<String>,
}

/// What the call log says of one agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallStatsView {
    /// Who.
    pub agent: String,
    /// Attempts of runs and calls of models' APIs.
    pub calls: u64,
    /// Those that went well.
    pub ok: u64,
    /// Those that did not.
    pub errors: u64,
    /// Errors of a hundred calls.
    pub error_percent: f64,
    /// `healthy`, `degraded` (over 10 % errors), `unhealthy` (over 30 %), `critical` (over 50 %),
    /// `unknown` without any call.
    pub health: String,
    /// Tokens of all classes.
    pub tokens: u64,
    /// What they cost, in US dollars.
    pub cost_usd: f64,
    /// Bookings without a known price.
    pub unpriced: u64,
    /// The mean of their durations, in milliseconds.
    pub mean_ms: u64,
    /// Nineteen of twenty took no longer, in milliseconds.
    pub p95_ms: u64,
    /// When the last one ended (RFC 3339).
    pub last_at: Option<String>,
}

impl CallStatsView {
    /// With what the books say of the same agent.
    pub fn new(stats: &CallStats, usage: Option<&UsageGroup>) -> Self {
        let errors = stats.calls.saturating_sub(stats.ok);
        let share = if stats.calls == 0 { 0.0 } else { errors as f64 / stats.calls as f64 };
        Self {
            agent: stats.agent.clone(),
            calls: stats.calls,
            ok: stats.ok,
            errors,
            error_percent: (share * 1000.0).round() / 10.0,
            health: orkestra_core::agent_state::health(stats.calls, errors).to_owned(),
            tokens: stats.tokens,
            cost_usd: usage.map_or(0.0, |group| Usd(group.cost_micros).dollars()),
            unpriced: usage.map_or(0, |group| group.rows_without_price),
            mean_ms: stats.mean_ms,
            p95_ms: stats.p95_ms,
            last_at: stats.last_at.map(|at| at.to_string()),
        }
    }
}

/// A call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallView {
    /// Who was called.
    pub agent: String,
    /// For which run.
    pub run: String,
    /// When it ended (RFC 3339).
    pub at: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Whether it went well.
    pub ok: bool,
    /// In one word: `ok`, `failed`, an HTTP status.
    pub status: String,
    /// Tokens of all classes.
    pub tokens: u64,
}

impl From<&CallRow> for CallView {
    fn from(row: &CallRow) -> Self {
        Self {
            agent: row.agent.clone(),
            run: row.run.to_string(),
            at: row.at.to_string(),
            ms: row.ms,
            ok: row.ok,
            status: row.status.clone(),
            tokens: row.tokens,
        }
    }
}

/// The call log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallLog {
    /// From when on it is counted (RFC 3339).
    pub since: String,
    /// What it says of each agent.
    pub agents: Vec<CallStatsView>,
    /// The newest calls of the agent that was named, the newest first.
    pub calls: Vec<CallView>,
}
