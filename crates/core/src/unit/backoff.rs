//! How long to wait before a restart (MISSION rows 2 to 4; 5.7, 4.5, 3.1).

use crate::span::Span;
use serde::{Deserialize, Serialize};

/// A growing wait: `initial × factor^(attempt-1)`, at most `max`, give or take `jitter`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Before the first restart; 0 restarts at once.
    pub initial: Span,
    /// Growth per attempt; at least 1.
    pub factor: f64,
    /// Never longer than this, jitter apart.
    pub max: Span,
    /// Share of the wait that is random, 0 to 1: 0.1 means ±10 %.
    pub jitter: f64,
    /// A process that lived this long counts as healthy: the next wait is `initial` again.
    pub reset_after: Span,
    /// Restarts in a row before giving up; `None` never gives up.
    pub limit: Option<u32>,
}

/// How many automatic starts may fall into a span of time; more make the unit `failed`. Starts by
/// hand are never counted (systemd counts them, and people are locked out of their own units).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartLimit {
    /// So many are allowed; at least 1.
    pub count: u32,
    /// Within this time, by the machine's own clock.
    pub within: Span,
}

impl StartLimit {
    /// The most starts that can be counted: what is remembered per unit has a bound.
    pub const MAX_COUNT: u32 = 1_000;

    /// Adds a start to those before it and forgets what is too old; whether it is one too many.
    /// `starts` are milliseconds since boot; those of an earlier boot look as if they were to come.
    pub fn exceeded(self, starts: &mut Vec<u64>, now_boot_ms: u64) -> bool {
        let oldest = now_boot_ms.saturating_sub(self.within.ms());
        starts.retain(|at| (oldest..=now_boot_ms).contains(at));
        starts.push(now_boot_ms);
        starts.len() > self.count as usize
    }
}

impl Backoff {
    /// 1, 2, 4, 8, 16, 30, 30 … s (system 000).
    pub const DEFAULT: Self = Self {
        initial: Span::from_secs(1),
        factor: 2.0,
        max: Span::from_secs(30),
        jitter: 0.1,
        reset_after: Span::from_secs(3600),
        limit: None,
    };
    /// 2, 4, 8, 16, 32, 32 … s (system 003).
    pub const GENTLE: Self =
        Self { initial: Span::from_secs(2), max: Span::from_secs(32), ..Self::DEFAULT };
    /// 1, 2, 4 s, then `failed` and an alert (system 002).
    pub const FEW: Self = Self { limit: Some(3), ..Self::DEFAULT };

    /// The profiles by name.
    pub const PROFILES: [(&'static str, Self); 3] =
        [("default", Self::DEFAULT), ("gentle", Self::GENTLE), ("few", Self::FEW)];

    /// The wait before restart number `attempt` (from 1), in milliseconds. `draw` is a random
    /// number from 0 up to 1; 0.5 means no deviation.
    pub fn delay_ms(&self, attempt: u32, draw: f64) -> u64 {
        let exponent = f64::from(attempt.saturating_sub(1));
        // The growth ends somewhere: 0 × ∞ would be no number, and `max` instead of 0.
        let growth = self.factor.max(1.0).powf(exponent).min(f64::MAX);
        let base = (self.initial.ms() as f64 * growth).min(self.max.ms() as f64);
        let swing = self.jitter.clamp(0.0, 1.0) * (2.0 * draw.clamp(0.0, 1.0) - 1.0);
        (base * (1.0 + swing)).round().max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waits(backoff: Backoff, draw: f64) -> Vec<u64> {
        (1..=7).map(|n| backoff.delay_ms(n, draw)).collect()
    }

    #[test]
    fn profiles_wait_as_promised() {
        let (d, g) = (Backoff::DEFAULT, Backoff::GENTLE);
        assert_eq!(waits(d, 0.5), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(waits(g, 0.5), [2000, 4000, 8000, 16000, 32000, 32000, 32000]);
        assert_eq!(waits(d, 0.0)[0..2], [900, 1800]);
        assert_eq!(Backoff { initial: Span::from_ms(0), ..d }.delay_ms(9, 0.9), 0);
        assert_eq!(Backoff { initial: Span::from_ms(0), ..d }.delay_ms(5000, 0.9), 0);
    }

    #[test]
    fn a_start_limit_counts_within_its_window_only() {
        let limit = StartLimit { count: 2, within: Span::from_secs(10) };
        let mut starts = vec![999_999_999];
        assert!(!limit.exceeded(&mut starts, 1_000), "a start of an earlier boot is forgotten");
        assert!(!limit.exceeded(&mut starts, 2_000));
        assert!(!limit.exceeded(&mut starts, 11_500), "the first is too old by now");
        assert!(limit.exceeded(&mut starts, 11_600));
    }

    proptest! {
        #[test]
        fn stays_in_its_bounds_and_never_falls(
            initial in 0_u64..100_000, factor in 0.0_f64..10.0, max in 0_u64..1_000_000,
            jitter in 0.0_f64..1.0, attempt in 0_u32..u32::MAX, draw in 0.0_f64..1.0,
        ) {
            let b = Backoff {
                initial: Span::from_ms(initial), factor, max: Span::from_ms(max), jitter,
                ..Backoff::DEFAULT
            };
            let delay = b.delay_ms(attempt, draw);
            prop_assert!(delay as f64 <= max as f64 * (1.0 + jitter) + 1.0);
            prop_assert!(b.delay_ms(attempt.saturating_add(1), draw) >= delay);
        }
    }
}
