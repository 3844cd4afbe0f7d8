//! Budgets: what may be spent (MISSION 3.5, row 145).
//!
//! A budget limits money or tokens of everything, of an agent, of a model or of each run, within a
//! window of the calendar. It is asked before anything begins, and looked at whenever something was
//! booked. At 50, 75, 90 and 100 percent it says so, once each in a window; at 100 percent what it is
//! about stops, until the window is over or a person overrides it for a time.

use crate::id::RunId;
use crate::money::Usd;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// At these shares of a limit it is told, in percent.
pub const SHARES: [u8; 4] = [50, 75, 90, 100];

/// What is promised to a call that is under way is void after this: its answer is lost.
pub const RESERVED_FOR: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// What a budget is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "of", content = "name", rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    All,
    /// One agent, by its name in the configuration.
    Agent(String),
    /// One model, in the vendor's words; `claude-opus-*` for all that begin so.
    Model(String),
    /// Each run on its own.
    Runs,
    /// One run: what was asked for with it.
    Run(RunId),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Agent(name) => write!(f, "agent {name}"),
            Self::Model(name) => write!(f, "model {name}"),
            Self::Runs => f.write_str("run"),
            Self::Run(id) => write!(f, "run {}", id.short()),
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    /// `all`, `run`, `agent NAME`, `model NAME`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("all"), None, None) => Ok(Self::All),
            (Some("run"), None, None) => Ok(Self::Runs),
            (Some("agent"), Some(name), None) => Ok(Self::Agent(name.to_owned())),
            (Some("model"), Some(name), None) => Ok(Self::Model(name.to_owned())),
            _ => Err(format!("{text:?} is not all, run, agent NAME or model NAME")),
        }
    }
}

/// Over which time a budget is counted. All but the last two begin anew by the clock of the
/// configured zone; a week begins on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
    /// For ever.
    Total,
    /// As long as the run.
    Run,
}

impl Window {
    /// All words, for messages.
    pub const WORDS: &[&str] = &["hour", "day", "week", "month", "total", "run"];

    /// The word in the configuration and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
            Self::Run => "run",
        }
    }

    /// The present window at that time.
    pub fn at(self, at: Timestamp, zone: &TimeZone) -> Period {
        let period = self.around(at, zone);
        match period.end {
            // Clocks that go back over midnight have the evening twice. A day begins once, at the
            // first midnight, and what comes after it belongs to the new day.
            Some(end) if end <= at => self.around(end, zone),
            _ => period,
        }
    }

    /// The window of the local date at that time.
    fn around(self, at: Timestamp, zone: &TimeZone) -> Period {
        let local = at.to_zoned(zone.clone());
        let day = local.start_of_day().ok();
        let (start, span) = match self {
            Self::Total | Self::Run => (None, None),
            // Not by rounding down the local time: an hour that the clocks repeat is two hours.
            Self::Hour => {
                let into = local.minute().unsigned_abs() as i64 * 60
                    + local.second().unsigned_abs() as i64;
                let start = at.as_second() - into;
                let start = Timestamp::from_second(start).ok();
                (start.map(|start| start.to_zoned(zone.clone())), Some(1.hour()))
            }
            Self::Day => (day, Some(1.day())),
            Self::Week => {
                let back = i64::from(local.weekday().since(Weekday::Monday));
                (day.and_then(|day| day.checked_sub(back.days()).ok()), Some(1.week()))
            }
            Self::Month => {
                let first = local.first_of_month().ok();
                (first.and_then(|first| first.start_of_day().ok()), Some(1.month()))
            }
        };
        let end = start.as_ref().zip(span).and_then(|(start, span)| start.checked_add(span).ok());
        Period { start: start.map(|start| start.timestamp()), end: end.map(|end| end.timestamp()) }
    }
}

impl std::str::FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Total, Self::Run]
            .into_iter()
            .find(|window| window.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not one of {}", Self::WORDS.join(", ")))
    }
}

/// One window of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first moment; without it, it has none.
    pub start: Option<Timestamp>,
    /// The first moment after it.
    pub end: Option<Timestamp>,
}

impl Period {
    /// What tells this window from others of the same budget. A run's window is the run.
    pub fn key(&self, run: Option<RunId>) -> String {
        let start = self.start.map_or_else(|| "total".to_owned(), |start| start.to_string());
        run.map_or(start.clone(), |run| format!("{start} {run}"))
    }
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Money.
    Usd(Usd),
    /// Tokens of all classes.
    Tokens(u64),
}

impl Limit {
    /// As a number of its unit: millionths of a dollar, or tokens.
    pub fn amount(self) -> u64 {
        match self {
            Self::Usd(usd) => usd.0,
            Self::Tokens(tokens) => tokens,
        }
    }

    /// An amount of its unit, for people.
    pub fn show(self, amount: u64) -> String {
        match self {
            // Nobody reads millionths in a sentence about dollars.
            Self::Usd(_) if amount >= 10_000 => Usd((amount + 5_000) / 10_000 * 10_000).to_string(),
            Self::Usd(_) => Usd(amount).to_string(),
            Self::Tokens(_) => format!("{amount} tokens"),
        }
    }

    /// Of an estimate the part that counts here.
    pub fn part(self, estimate: Estimate) -> u64 {
        match self {
            Self::Usd(_) => estimate.usd.map_or(0, |usd| usd.0),
            Self::Tokens(_) => estimate.tokens,
        }
    }
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub scope: Scope,
    /// Over which time it is counted.
    pub window: Window,
    /// How much.
    pub limit: Limit,
}

impl Budget {
    /// What a run may cost as a whole, as it was asked for with the run.
    pub fn of_run(run: RunId, limit: Usd) -> Self {
        Self {
            name: run_budget(run),
            scope: Scope::Run(run),
            window: Window::Run,
            limit: Limit::Usd(limit),
        }
    }

    /// Why it cannot be like this.
    pub fn problem(&self) -> Option<&'static str> {
        match (&self.scope, self.window) {
            (Scope::Runs | Scope::Run(_), Window::Run) => None,
            (Scope::Runs | Scope::Run(_), _) => {
                Some("the budget of each run counts the whole run: write per: run")
            }
            (_, Window::Run) => Some("only a budget of each run can be per run: write scope: run"),
            _ => None,
        }
    }
}

/// The name of the budget that was asked for with a run.
pub fn run_budget(run: RunId) -> String {
    format!("run:{}", run.short())
}

/// Whether a model is meant by a name that may end in `*`.
pub fn names_model(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix),
        None => pattern == model,
    }
}

/// A person lets go on what a budget stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Until when (UTC).
    pub until: Timestamp,
    /// Why, in one sentence.
    pub why: String,
    /// Who: `person:cli`.
    pub by: String,
    /// Since when (UTC).
    pub at: Timestamp,
}

impl Override {
    /// Whether it still holds.
    pub fn holds(&self, at: Timestamp) -> bool {
        at < self.until
    }
}

/// What is known of a budget's present window, in the unit of its limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measure {
    /// Booked.
    pub spent: u64,
    /// Promised to calls that are under way.
    pub reserved: u64,
    /// Usages without a price: with a limit in money, `spent` is a lower bound when there are some.
    pub unpriced: u64,
}

/// What something will cost, as far as that is known before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Money; nothing when its price is not known.
    pub usd: Option<Usd>,
    /// Tokens.
    pub tokens: u64,
}

/// The shares that are reached.
pub fn reached(limit: Limit, spent: u64) -> impl Iterator<Item = u8> {
    let limit = u128::from(limit.amount());
    SHARES.into_iter().filter(move |share| u128::from(spent) * 100 >= limit * u128::from(*share))
}

/// How much is spent, in whole percent, rounded down; nothing may be spent of nothing.
pub fn percent(limit: Limit, spent: u64) -> u64 {
    let share = u128::from(spent) * 100;
    share
        .checked_div(u128::from(limit.amount()))
        .map_or(100, |p| u64::try_from(p).unwrap_or(u64::MAX))
}

/// Whether what a budget is about must stop: at 100 percent, unless a person lets it go on.
pub fn is_over(limit: Limit, measure: Measure, lifted: Option<&Override>, at: Timestamp) -> bool {
    measure.spent >= limit.amount() && !lifted.is_some_and(|lifted| lifted.holds(at))
}

/// Why something may not begin, in one sentence; nothing when it may.
///
/// It may not when the budget is used up or promised away, or when its estimate does not fit into
/// what is left. Something whose cost is not known before may begin as long as anything is left.
pub fn refusal(
    budget: &Budget,
    measure: Measure,
    estimate: Estimate,
    lifted: Option<&Override>,
    at: Timestamp,
) -> Option<String> {
    if lifted.is_some_and(|lifted| lifted.holds(at)) {
        return None;
    }
    let limit = budget.limit;
    let (all, taken) = (limit.amount(), measure.spent.saturating_add(measure.reserved));
    let wanted = limit.part(estimate);
    if taken < all && wanted <= all - taken {
        return None;
    }
    let promised = match measure.reserved {
        0 => String::new(),
        reserved => format!(" and {} promised to calls under way", limit.show(reserved)),
    };
    let wants = match wanted {
        0 => String::new(),
        wanted => format!("; this would cost about {}", limit.show(wanted)),
    };
    Some(format!(
        "the budget {} ({}, per {}) is {}: {} of {} spent{promised}{wants}",
        budget.name,
        budget.scope,
        budget.window.as_str(),
        if taken >= all { "used up" } else { "too small" },
        limit.show(measure.spent),
        limit.show(all),
    ))
}

#[cfg(test)]
mod tests;
