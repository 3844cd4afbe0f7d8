//! The suitability score and the track record: two ways to tell who is good at something.

use serde::{Deserialize, Serialize};

/// How runs of one agent at one kind of task ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it did stood up to the checks.
    #[serde(default)]
    pub verified: u64,
    /// It said that it was done, and a check or a review disagreed.
    #[serde(default)]
    pub refuted: u64,
    /// It did not come to an end.
    #[serde(default)]
    pub failed: u64,
}

impl Record {
    /// How many runs.
    pub fn all(&self) -> u64 {
        self.verified.saturating_add(self.refuted).saturating_add(self.failed)
    }

    /// The share of good ones, smoothed by one good and one bad one (Laplace): 0.5 of nothing.
    pub fn rate(&self) -> f64 {
        (self.verified.saturating_add(1)) as f64 / (self.all().saturating_add(2)) as f64
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            verified: self.verified.saturating_add(other.verified),
            refuted: self.refuted.saturating_add(other.refuted),
            failed: self.failed.saturating_add(other.failed),
        }
    }

    /// "5 of 6 verified".
    pub fn in_words(&self) -> String {
        match self.all() {
            0 => "no record".to_owned(),
            all => format!("{} of {all} verified", self.verified),
        }
    }
}

/// How suitable an agent is, from 50 to 100: 15 for each of its strengths that is asked for
/// (MISSION 2.4).
pub fn suitability(matching: usize) -> u32 {
    u32::try_from(matching).unwrap_or(u32::MAX).saturating_mul(15).saturating_add(50).min(100)
}

/// What is taken off for the work that it has, up to 100:
/// `int(20 x (active + locked) x (1 - 0.3 x success))` (MISSION 2.4). In whole numbers, so that no
/// rounding of fractions decides.
pub fn penalty(active: u32, locked: u32, completed: u64, failed: u64) -> u32 {
    let load = u128::from(active) + u128::from(locked);
    let done = u128::from(completed) + u128::from(failed);
    let taken = match done {
        // Without any work done the success is 1: 20 x 0.7.
        0 => load * 14,
        // 20 x load x (10 x done - 3 x completed) / (10 x done)
        done => load * 2 * (10 * done - 3 * u128::from(completed)) / done,
    };
    u32::try_from(taken.min(100)).unwrap_or(100)
}

/// What the second selector keeps as low as it can: `load / max(success, 0.1)` (MISSION 2.4).
pub fn weighted_load(load: u32, completed: u64, failed: u64) -> f64 {
    let done = completed.saturating_add(failed);
    let success = if done == 0 { 1.0 } else { completed as f64 / done as f64 };
    f64::from(load) / success.max(0.1)
}
