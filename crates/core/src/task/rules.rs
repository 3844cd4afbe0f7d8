//! What the configuration says about tasks (`tasks:`).

use crate::breaker;
use crate::span::Span;

/// How tasks are given out and tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Whether ready tasks are given to agents by themselves.
    pub auto: bool,
    /// So many tasks run at once (MISSION 2.5).
    pub running_max: u32,
    /// How long a claim holds without a sign of life.
    pub lease: Span,
    /// What follows when an attempt goes wrong.
    pub retry: Retry,
    /// A run of a task of which nothing was heard for so long is stuck.
    pub stuck_after: Span,
    /// When an agent gets no more tasks for a while.
    pub breaker: breaker::Limits,
}

/// How attempts that went wrong are repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// So many attempts may go wrong, all in all.
    pub tries: u32,
    /// The wait after the first.
    pub initial: Span,
    /// Each wait is so many times the one before.
    pub factor: f64,
    /// No wait is longer.
    pub max: Span,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            auto: true,
            running_max: 5,
            lease: Span::from_secs(3_600),
            retry: Retry::default(),
            stuck_after: Span::from_secs(3_600),
            breaker: breaker::Limits::default(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { tries: 3, initial: Span::from_secs(60), factor: 2.0, max: Span::from_secs(3_600) }
    }
}

impl Retry {
    /// The wait after this many attempts went wrong: the first is `initial`, and each is `factor`
    /// times the one before, up to `max`.
    pub fn wait(&self, failed: u32) -> Span {
        let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let ms = self.initial.ms() as f64 * self.factor.max(1.0).powi(exponent);
        let most = self.max.ms();
        // What is too large for a number is cut off by `max`, too.
        if ms.is_finite() && ms < most as f64 { Span::from_ms(ms as u64) } else { self.max }
    }
}
