//! Money: what tokens cost (MISSION 3.5; DESIGN: usage has four disjoint classes).
//!
//! Money is counted in millionths of a US dollar, as whole numbers. A cost is rounded once, to the
//! nearest millionth (a half goes up), after the four classes were added; so the cost of one usage is
//! within half a millionth of the true one, and sums of costs are exact sums of what was booked.

use crate::agent::Usage;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Millionths of a dollar in a dollar.
pub const DOLLAR: u64 = 1_000_000;

/// Tokens that a price is for.
const PER: u128 = 1_000_000;

/// The prices that come with this program.
const TABLE: &str = include_str!("../data/prices.json");

/// An amount of money in millionths of a US dollar. As text it is in dollars: `2.5`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(pub u64);

impl Usd {
    /// What a vendor says in dollars; nothing for what is no amount.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let micros = (dollars * DOLLAR as f64).round();
        // Beyond 2^53 a float is no exact number any more, and no bill is that high.
        (micros >= 0.0 && micros < 9e15).then_some(Self(micros as u64))
    }

    /// In dollars.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / DOLLAR as f64
    }
}

impl std::fmt::Display for Usd {
    /// With a dollar sign, and with as many places as it takes to tell it from nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / DOLLAR, self.0 % DOLLAR);
        if rest.is_multiple_of(10_000) {
            return write!(f, "${whole}.{:02}", rest / 10_000);
        }
        let places = format!("{rest:06}");
        write!(f, "${whole}.{}", places.trim_end_matches('0'))
    }
}

impl std::str::FromStr for Usd {
    type Err = String;

    /// Dollars with at most six places: `2`, `2.50`, `$0.000125`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no amount of dollars, like 2.50");
        let plain = text.trim();
        let plain = plain.strip_prefix('$').unwrap_or(plain);
        let (whole, places) = plain.split_once('.').unwrap_or((plain, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let empty = whole.is_empty() && places.is_empty();
        if empty || !digits(whole) || !digits(places) || places.len() > 6 {
            return Err(wrong());
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
        let places: u64 = format!("{places:0<6}").parse().map_err(|_| wrong())?;
        let micros = whole.checked_mul(DOLLAR).and_then(|micros| micros.checked_add(places));
        // What does not fit into a column of the database is no amount either.
        micros.filter(|micros| i64::try_from(*micros).is_ok()).map(Self).ok_or_else(wrong)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.to_string().trim_start_matches('$'))
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Tokens in four classes; none is counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// Read by the model for the first time.
    pub fresh_input: u64,
    /// Read from the vendor's cache.
    pub cache_read: u64,
    /// Written into the vendor's cache.
    pub cache_write: u64,
    /// Written by the model.
    pub output: u64,
}

impl Tokens {
    /// All of them.
    pub fn total(self) -> u64 {
        [self.cache_read, self.cache_write, self.output]
            .into_iter()
            .fold(self.fresh_input, u64::saturating_add)
    }
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        Self {
            fresh_input: usage.fresh_input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
        }
    }
}

/// What a million tokens of each class cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Fresh input.
    pub input: Usd,
    /// Input read from the cache.
    pub cache_read: Usd,
    /// Input written into the cache.
    pub cache_write: Usd,
    /// Output.
    pub output: Usd,
}

impl Price {
    /// What these tokens cost, rounded once; at most as much as a column of the database holds.
    pub fn cost(&self, tokens: Tokens) -> Usd {
        let parts = [
            (tokens.fresh_input, self.input),
            (tokens.cache_read, self.cache_read),
            (tokens.cache_write, self.cache_write),
            (tokens.output, self.output),
        ];
        // Four products of two numbers of 64 bits overflow 128 bits only when all are at their limit.
        let sum = parts.into_iter().fold(0_u128, |sum, (tokens, price)| {
            sum.saturating_add(u128::from(tokens) * u128::from(price.0))
        });
        let micros = sum.saturating_add(PER / 2) / PER;
        Usd(u64::try_from(micros).unwrap_or(u64::MAX).min(i64::MAX as u64))
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dated {
    /// The model, as vendors name it, without a date at its end.
    pub model: String,
    /// The first day on which it holds.
    pub from: Date,
    /// What a million tokens cost.
    #[serde(flatten)]
    pub price: Price,
}

#[derive(Debug, Deserialize)]
struct Table {
    read_on: Date,
    source: String,
    prices: Vec<Dated>,
}

/// Where a cost is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priced {
    /// The vendor's program reckoned it.
    Vendor,
    /// The table, or the configuration's prices.
    Table,
    /// Nobody knows: it is unknown, which is not the same as free.
    Unknown,
}

impl Priced {
    /// The word in rows and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Table => "table",
            Self::Unknown => "unknown",
        }
    }
}

/// Prices of models: those that came with this program, and above them those of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices {
    own: BTreeMap<String, Price>,
    table: BTreeMap<String, Vec<(Date, Price)>>,
    read_on: Option<Date>,
    source: String,
}

impl Prices {
    /// The embedded table with the configuration's prices above it.
    pub fn with(own: BTreeMap<String, Price>) -> Self {
        let own = own.into_iter().map(|(model, price)| (plain(&model), price)).collect();
        // A test reads the table; without it every price is unknown, and said to be.
        let Ok(file) = serde_json::from_str::<Table>(TABLE) else {
            return Self { own, ..Self::default() };
        };
        let mut table: BTreeMap<String, Vec<(Date, Price)>> = BTreeMap::new();
        for row in file.prices {
            table.entry(row.model).or_default().push((row.from, row.price));
        }
        for rows in table.values_mut() {
            rows.sort_by_key(|(from, _)| *from);
        }
        Self { own, table, read_on: Some(file.read_on), source: file.source }
    }

    /// Those of the configuration, by model.
    pub fn own(&self) -> &BTreeMap<String, Price> {
        &self.own
    }

    /// When the table was read, and where: in words.
    pub fn origin(&self) -> (Option<Date>, &str) {
        (self.read_on, &self.source)
    }

    /// Every model that has a price on that day, by name, and whether the configuration set it.
    pub fn all(&self, on: Date) -> Vec<(String, Price, bool)> {
        let own = self.own.iter().map(|(model, price)| (model.clone(), *price, true));
        let table = self.table.iter().filter(|(model, _)| !self.own.contains_key(*model));
        let table =
            table.filter_map(|(model, rows)| Some((model.clone(), valid(rows, on)?, false)));
        let mut all: Vec<_> = own.chain(table).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// The price of a model on a day.
    ///
    /// A vendor's prefix (`openai/`), a date at its end and `-latest` do not matter. Any other
    /// unknown ending makes it another model, whose price is not known.
    pub fn price(&self, model: &str, on: Date) -> Option<Price> {
        let plain = plain(model);
        let names = std::iter::once(plain.as_str()).chain(undated(&plain));
        names.into_iter().find_map(|name| {
            let own = self.own.get(name).copied();
            own.or_else(|| valid(self.table.get(name)?, on))
        })
    }

    /// What a usage cost: by the vendor's word, else by the table, else nobody knows.
    pub fn cost(&self, usage: &Usage, on: Date) -> (Option<Usd>, Priced) {
        if let Some(said) = usage.cost_usd.and_then(Usd::from_dollars) {
            return (Some(said), Priced::Vendor);
        }
        match usage.model.as_deref().and_then(|model| self.price(model, on)) {
            Some(price) => (Some(price.cost(Tokens::from(usage))), Priced::Table),
            None => (None, Priced::Unknown),
        }
    }
}

fn valid(rows: &[(Date, Price)], on: Date) -> Option<Price> {
    rows.iter().rev().find(|(from, _)| *from <= on).map(|(_, price)| *price)
}

/// A model's name without vendor, case and the mark of a long context window.
fn plain(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    name.strip_suffix("[1m]").map(str::to_owned).unwrap_or(name)
}

/// A name without a date (`-20250929`, `-2026-01-31`, `@20250929`) or `-latest` at its end.
fn undated(name: &str) -> Option<&str> {
    if let Some(name) = name.strip_suffix("-latest") {
        return Some(name);
    }
    let end = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    let (kept, cut) = name.split_at(end.len());
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    if let Some(name) = kept.strip_suffix('@') {
        return (digits(cut) == 8).then_some(name);
    }
    // The version before the date belongs to the name: claude-opus-4-5-20251101.
    let at = cut.rmatch_indices('-').map(|(at, _)| at).find(|at| {
        let date = &cut[at + 1..];
        date.len() == 8 && digits(date) == 8
            || date.len() == 10 && digits(date) == 8 && date.as_bytes()[4] == b'-'
    })?;
    Some(&name[..end.len() + at])
}

#[cfg(test)]
mod tests;
