//! Weights: of the domain of a question (the table of MISSION 2.1), or earned (track records).

use super::rule::Weight;
use serde::{Deserialize, Serialize};

/// How far an electorate agrees: the share of the weight of ALL voters behind the winner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 95 % or more.
    Unanimous,
    /// 80 % or more.
    Strong,
    /// 60 % or more.
    Majority,
    /// Less, but it has won.
    Split,
    /// Nothing is decided.
    Failed,
}

impl Level {
    /// The word in files, commands and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unanimous => "unanimous",
            Self::Strong => "strong",
            Self::Majority => "majority",
            Self::Split => "split",
            Self::Failed => "failed",
        }
    }
}

/// The level of a decided vote (MISSION 2.1: 0.95, 0.80, 0.60).
pub(super) fn level(behind: u128, all: u128) -> Level {
    let at_least = |percent: u128| behind * 100 >= percent * all;
    match () {
        () if all == 0 => Level::Split,
        () if at_least(95) => Level::Unanimous,
        () if at_least(80) => Level::Strong,
        () if at_least(60) => Level::Majority,
        () => Level::Split,
    }
}

/// The columns of the table of MISSION 2.1, with the other names by which the same are known here.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("claude", &["anthropic"]),
    ("chatgpt", &["codex", "openai", "gpt"]),
    ("gemini", &["google"]),
    ("grok", &["xai"]),
    ("copilot", &["github"]),
];

/// The rows of the table of MISSION 2.1: claude, chatgpt, gemini, grok, copilot; in tenths.
const DOMAINS: [(&[&str], [u64; 5]); 6] = [
    (&["architecture", "design", "ux"], [20, 10, 15, 10, 15]),
    (&["content", "writing", "marketing"], [15, 20, 5, 10, 5]),
    (&["cloud", "database", "firebase"], [15, 5, 20, 10, 10]),
    (&["innovation", "research", "analysis"], [15, 10, 10, 20, 10]),
    (&["deployment", "code", "devops"], [10, 5, 15, 10, 20]),
    (&["general"], [10, 10, 10, 10, 10]),
];

/// The domains that the table knows, by rows.
pub fn domains() -> Vec<&'static str> {
    DOMAINS.iter().flat_map(|(names, _)| names.iter().copied()).collect()
}

/// The weight of a voter in a domain, by the table; 1 for whom it does not know, and nothing for a
/// domain that it does not know. `kind` is the kind of an agent, which is looked for when its name
/// is not found.
pub fn of_domain(domain: &str, name: &str, kind: Option<&str>) -> Option<Weight> {
    let domain = domain.trim().to_ascii_lowercase();
    let (_, row) = DOMAINS.iter().find(|(names, _)| names.contains(&domain.as_str()))?;
    let column = |name: &str| {
        let name = name.to_ascii_lowercase();
        COLUMNS.iter().position(|(own, others)| *own == name || others.contains(&name.as_str()))
    };
    let tenths = column(name).or_else(|| kind.and_then(column)).and_then(|at| row.get(at));
    Some(tenths.map_or(Weight::ONE, |tenths| Weight::micros(tenths * 100_000)))
}

/// Nobody's voice gets lost altogether.
const LEAST: f64 = 0.05;

/// A weight by track record: the logarithm of the odds of being right, which is what makes a
/// weighted majority of independent voters right most often. The accuracy is smoothed: who was
/// never judged counts as right two times of three, which is a weight of 0.69.
pub fn of_record(right: u64, wrong: u64) -> Weight {
    let accuracy = accuracy(right, wrong);
    let odds = (accuracy / (1.0 - accuracy)).ln().max(LEAST);
    Weight::try_from(odds).unwrap_or(Weight::ONE)
}

/// How often somebody was right, smoothed with two right and one wrong judgement.
pub fn accuracy(right: u64, wrong: u64) -> f64 {
    (right as f64 + 2.0) / ((right + wrong) as f64 + 3.0)
}
