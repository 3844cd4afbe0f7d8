//! By which rule a vote is decided (MISSION 2.1; ADR 0033). Shares and weights are exact: what is
//! counted twice gives the same twice.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How ballots become an outcome (MISSION 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// All who choose, choose the same.
    Unanimous,
    /// At least the threshold [75 %] of those who choose.
    Supermajority,
    /// More than half of those who choose.
    Majority,
    /// The most votes.
    Plurality,
    /// Instant run-off: the lowest is eliminated until one has more than half.
    Ranked,
    /// At least the threshold [50 %] of the weight of all voters, also of those who do not vote.
    Weighted,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Unanimous,
        Self::Supermajority,
        Self::Majority,
        Self::Plurality,
        Self::Ranked,
        Self::Weighted,
    ];

    /// The word in files, commands and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unanimous => "unanimous",
            Self::Supermajority => "supermajority",
            Self::Majority => "majority",
            Self::Plurality => "plurality",
            Self::Ranked => "ranked",
            Self::Weighted => "weighted",
        }
    }

    /// Reads the word; some other names of the same are understood.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        match text.as_str() {
            "ranked_choice" | "instant_runoff" | "irv" => Some(Self::Ranked),
            "simple" | "simple_majority" => Some(Self::Majority),
            "unanimity" => Some(Self::Unanimous),
            "super_majority" => Some(Self::Supermajority),
            other => Self::ALL.into_iter().find(|method| method.word() == other),
        }
    }

    /// The threshold that holds when none is set; nothing where a threshold has no meaning.
    pub fn threshold(self) -> Option<Share> {
        match self {
            Self::Supermajority => Some(Share::percent(75)),
            Self::Weighted | Self::Majority => Some(Share::percent(50)),
            Self::Unanimous | Self::Plurality | Self::Ranked => None,
        }
    }
}

/// A part of a whole, exactly: `75 %`, `2/3`, `0.66`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Share {
    part: u64,
    of: u64,
}

impl Share {
    /// So many hundredths.
    pub const fn percent(hundredths: u64) -> Self {
        Self { part: hundredths, of: 100 }
    }

    /// `part` of `of`.
    pub const fn of(part: u64, of: u64) -> Self {
        Self { part, of }
    }

    /// Whether this part of a whole is at least the share.
    pub fn is_reached(self, part: u128, whole: u128) -> bool {
        part * u128::from(self.of) >= u128::from(self.part) * whole
    }

    /// Whether this part of a whole is more than the share.
    pub fn is_exceeded(self, part: u128, whole: u128) -> bool {
        part * u128::from(self.of) > u128::from(self.part) * whole
    }

    /// The least whole number that reaches the share of `whole`.
    pub fn least(self, whole: u64) -> u64 {
        let needed = u128::from(self.part) * u128::from(whole);
        u64::try_from(needed.div_ceil(u128::from(self.of))).unwrap_or(u64::MAX)
    }

    /// As a number from 0 to 1, for show.
    pub fn number(self) -> f64 {
        self.part as f64 / self.of as f64
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (self.part * 100).is_multiple_of(self.of) {
            write!(f, "{} %", self.part * 100 / self.of)
        } else {
            write!(f, "{}/{}", self.part, self.of)
        }
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl TryFrom<String> for Share {
    type Error = ShareError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A share that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a share from 0 to 1, such as 0.75, 75 % or 2/3")]
pub struct ShareError(String);

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ShareError(text.chars().take(40).collect());
        let trimmed = text.trim();
        let (part, of) = if let Some((part, of)) = trimmed.split_once('/') {
            let part: u32 = part.trim().parse().map_err(|_| wrong())?;
            let of: u32 = of.trim().parse().map_err(|_| wrong())?;
            (u64::from(part), u64::from(of))
        } else if let Some(percent) = trimmed.strip_suffix('%') {
            let (part, of) = decimal(percent.trim()).ok_or_else(wrong)?;
            (part, of.checked_mul(100).ok_or_else(wrong)?)
        } else {
            decimal(trimmed).ok_or_else(wrong)?
        };
        if of == 0 || part > of {
            return Err(wrong());
        }
        let divisor = common(part, of);
        Ok(Self { part: part / divisor, of: of / divisor })
    }
}

/// A decimal number as a fraction.
fn decimal(text: &str) -> Option<(u64, u64)> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    // A double has no more that mean something.
    let places = places.get(..places.len().min(15))?;
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if (whole.is_empty() && places.is_empty()) || !digits(whole) || !digits(places) {
        return None;
    }
    if whole.len() > 3 {
        return None;
    }
    let of = 10_u64.pow(u32::try_from(places.len()).ok()?);
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let rest: u64 = if places.is_empty() { 0 } else { places.parse().ok()? };
    Some((whole.checked_mul(of)?.checked_add(rest)?, of))
}

fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { common(b, a % b) }
}

/// How much a voter's word counts; a millionth is the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "f64", try_from = "f64")]
pub struct Weight(u64);

impl Weight {
    /// What counts as one.
    pub const ONE: Self = Self(1_000_000);

    /// No weight is more.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// In millionths.
    pub const fn micros(micros: u64) -> Self {
        Self(micros)
    }

    /// In millionths.
    pub fn in_micros(self) -> u64 {
        self.0
    }

    /// As a number, for show.
    pub fn number(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl From<Weight> for f64 {
    fn from(weight: Weight) -> Self {
        weight.number()
    }
}

impl TryFrom<f64> for Weight {
    type Error = WeightError;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        if !(0.0..=1_000_000.0).contains(&number) {
            return Err(WeightError(number.to_string()));
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 10 to the 12th"
        )]
        let micros = (number * 1e6).round() as u64;
        Ok(Self(micros))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// A weight that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a weight: a number from 0 to 1,000,000")]
pub struct WeightError(String);

/// How many of the electorate must take part, abstentions included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Quorum {
    /// This share of the electorate, by heads.
    Share(Share),
    /// So many voters.
    Count(u32),
}

impl Quorum {
    /// 3 of 5 (MISSION 2.1).
    pub const DEFAULT: Self = Self::Share(Share::percent(60));

    /// Everybody, as for an emergency (MISSION 2.1).
    pub const ALL: Self = Self::Share(Share::percent(100));

    /// How many of so many voters.
    pub fn needed(self, electorate: u64) -> u64 {
        match self {
            Self::Share(share) => share.least(electorate),
            Self::Count(count) => u64::from(count),
        }
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Count(count) => count.fmt(f),
        }
    }
}

impl From<Quorum> for String {
    fn from(quorum: Quorum) -> Self {
        quorum.to_string()
    }
}

impl TryFrom<String> for Quorum {
    type Error = ShareError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Quorum {
    type Err = ShareError;

    /// A whole number from 2 on is a number of voters, all else a share; 1 is everybody.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().parse::<u32>() {
            Ok(count) if count > 1 => Ok(Self::Count(count)),
            _ => text.parse().map(Self::Share),
        }
    }
}

/// What decides between options that are equal (MISSION 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieBreak {
    /// The choice of the one voter with the highest weight.
    Expertise,
    /// The choice of who gave the task.
    Creator,
    /// A lot, drawn once and written down.
    Random,
    /// A person; nothing after it is tried.
    Person,
}

impl TieBreak {
    /// The order of MISSION 2.1.
    pub const DEFAULT: [Self; 3] = [Self::Expertise, Self::Creator, Self::Random];

    /// The word in files, commands and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expertise => "expertise",
            Self::Creator => "creator",
            Self::Random => "random",
            Self::Person => "person",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Expertise, Self::Creator, Self::Random, Self::Person]
            .into_iter()
            .find(|one| one.word() == text)
    }
}

/// What is done when no option reaches the threshold (MISSION 2.1), in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// With three options or more: a vote between the best two.
    Runoff,
    /// A neutral agent proposes a third option that has something of both sides.
    Mediation,
    /// A person decides.
    Person,
}

impl Remedy {
    /// The order of MISSION 2.1.
    pub const DEFAULT: [Self; 3] = [Self::Runoff, Self::Mediation, Self::Person];

    /// The word in files, commands and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Runoff => "runoff",
            Self::Mediation => "mediation",
            Self::Person => "person",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Runoff, Self::Mediation, Self::Person].into_iter().find(|one| one.word() == text)
    }
}

/// Rounds of one vote (MISSION 2.1: 1 to 10).
pub const ROUNDS_MAX: u32 = 10;

/// The whole rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How ballots become an outcome.
    pub method: Method,
    /// The share that is needed, where the method has one; its default without it.
    #[serde(default)]
    pub threshold: Option<Share>,
    /// How many must take part.
    pub quorum: Quorum,
    /// What decides between equals.
    pub tie_break: Vec<TieBreak>,
    /// What is done when the threshold is not reached.
    pub on_deadlock: Vec<Remedy>,
    /// After so many rounds it is decided; earlier when all agree.
    pub rounds: u32,
    /// It is about safety: any voter may veto.
    pub security: bool,
}

impl Rule {
    /// With what MISSION 2.1 says where nothing else is said.
    pub fn of(method: Method) -> Self {
        Self {
            method,
            threshold: None,
            quorum: Quorum::DEFAULT,
            tie_break: TieBreak::DEFAULT.to_vec(),
            on_deadlock: Remedy::DEFAULT.to_vec(),
            rounds: 1,
            security: false,
        }
    }

    /// At least two thirds agree, or a person is asked.
    pub fn two_thirds_or_person() -> Self {
        Self {
            threshold: Some(Share::of(2, 3)),
            tie_break: vec![TieBreak::Person],
            on_deadlock: vec![Remedy::Person],
            ..Self::of(Method::Supermajority)
        }
    }

    /// The threshold that holds; nothing where the method has none.
    pub fn effective_threshold(&self) -> Option<Share> {
        self.method.threshold().map(|default| self.threshold.unwrap_or(default))
    }

    /// What is wrong with it for so many voters, in words.
    pub fn problem(&self, electorate: usize) -> Option<String> {
        if self.threshold.is_some() && self.method.threshold().is_none() {
            return Some(format!("{} has no threshold", self.method.word()));
        }
        if !(1..=ROUNDS_MAX).contains(&self.rounds) {
            return Some(format!("a vote has 1 to {ROUNDS_MAX} rounds"));
        }
        let needed = self.quorum.needed(electorate as u64);
        if needed > electorate as u64 {
            return Some(format!(
                "{needed} voters can never take part, for there are {electorate}"
            ));
        }
        None
    }

    /// In one sentence for people.
    pub fn in_words(&self) -> String {
        let threshold = self.effective_threshold();
        let needs = match (self.method, threshold) {
            (Method::Unanimous, _) => "all who choose must choose the same".to_owned(),
            (Method::Plurality, _) => "the most votes win".to_owned(),
            (Method::Ranked, _) => {
                "instant run-off, the lowest is eliminated until one has more than half".to_owned()
            }
            (Method::Majority, Some(share)) => format!("more than {share} of those who choose"),
            (Method::Weighted, Some(share)) => {
                format!("at least {share} of the weight of all voters")
            }
            (_, Some(share)) => format!("at least {share} of those who choose"),
            (_, None) => String::new(),
        };
        format!("{}: {needs}; quorum {}", self.method.word(), self.quorum)
    }
}
