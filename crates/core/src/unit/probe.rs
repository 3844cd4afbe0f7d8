//! How a unit is asked whether it does its work, and what many answers amount to. Asking itself is
//! up to the host.

use crate::span::Span;
use serde::{Deserialize, Serialize};

/// Which question a probe answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// May others use it yet? A "no" starts nothing and stops nothing.
    Ready,
    /// Is it beyond help? A "no" ends it, and its policy says what follows.
    Live,
}

impl Question {
    /// The word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Live => "live",
        }
    }
}

/// Who may send readiness messages to the notification socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    /// Only the command's own process.
    Main,
    /// Every process of its tree.
    All,
}

/// What an HTTP probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// `http://host:port/path`.
    pub url: String,
    /// The status that passes; without it 200 to 399.
    pub status: Option<u16>,
}

/// One probe. Where several ways of asking are given, the first that passes decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Passes when this program ends with code 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Vec<String>>,
    /// Passes when this is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Passes when `host:port` accepts a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Passes once a line of this life's output matches this regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Passes once the process says READY=1 (`sd_notify`). For liveness: it must say WATCHDOG=1
    /// at least every `every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Passes when the process has lived this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// From one asking to the next.
    pub every: Span,
    /// How long an answer may take.
    pub timeout: Span,
    /// So many failures in a row count.
    pub failures: u32,
    /// So many passes in a row count.
    pub successes: u32,
    /// Readiness only: a process that is not ready by then has failed its start.
    pub within: Span,
}

/// The probes of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Probes {
    /// Whether others may use it.
    pub ready: Option<Probe>,
    /// Whether it is beyond help.
    pub live: Option<Probe>,
}

impl Probes {
    /// The probe for a question.
    pub fn of(&self, question: Question) -> Option<&Probe> {
        match question {
            Question::Ready => self.ready.as_ref(),
            Question::Live => self.live.as_ref(),
        }
    }

    /// Whether and to whom the notification socket is open.
    pub fn notifies(&self) -> Option<Notify> {
        let of = |probe: &Option<Probe>| probe.as_ref().and_then(|probe| probe.notify);
        of(&self.ready).or_else(|| of(&self.live))
    }

    /// The period in which WATCHDOG=1 must come.
    pub fn watchdog(&self) -> Option<Span> {
        self.live.as_ref().filter(|live| live.notify.is_some()).map(|live| live.every)
    }
}

/// What is known about one question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Check {
    /// There is no probe.
    #[default]
    Unasked,
    /// No answer counts yet.
    Waiting,
    /// Yes.
    Passing,
    /// No, and why.
    Failing {
        /// In words.
        why: String,
    },
}

impl Check {
    /// The state's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Waiting => "waiting",
            Self::Passing => "passing",
            Self::Failing { .. } => "failing",
        }
    }
}

/// What is known about a living process beyond that it lives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Checks {
    /// Whether it is ready.
    pub ready: Check,
    /// Whether it is alive in more than name.
    pub live: Check,
    /// What it says about itself (`STATUS=`).
    pub status: Option<String>,
    /// It said RELOADING=1 and not READY=1 since.
    pub reloading: bool,
    /// When it must be ready, in milliseconds since boot.
    pub ready_by_boot_ms: Option<u64>,
    /// When its longest life is over, in milliseconds since boot.
    pub ends_by_boot_ms: Option<u64>,
}

impl Checks {
    /// For a life that begins.
    pub fn begin(probes: &Probes, run_time: Option<Span>, now_boot_ms: u64) -> Self {
        let asked = |probe: &Option<Probe>| match probe {
            Some(_) => Check::Waiting,
            None => Check::Unasked,
        };
        Self {
            ready: asked(&probes.ready),
            live: asked(&probes.live),
            status: None,
            reloading: false,
            ready_by_boot_ms: probes.ready.as_ref().map(|probe| now_boot_ms + probe.within.ms()),
            ends_by_boot_ms: run_time.map(|span| now_boot_ms + span.ms()),
        }
    }

    /// Whether others may use it.
    pub fn is_ready(&self) -> bool {
        matches!(self.ready, Check::Unasked | Check::Passing)
    }

    /// The next moment that something must have happened by.
    pub fn next_deadline(&self) -> Option<u64> {
        let ready_by = self.ready_by_boot_ms.filter(|_| self.ready == Check::Waiting);
        ready_by.into_iter().chain(self.ends_by_boot_ms).min()
    }
}

/// What the answers to one question amount to: a change only counts when it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    failures: u32,
    successes: u32,
    /// Answers of the same kind in a row.
    length: u32,
    last: Option<bool>,
    /// What was told last.
    told: Option<bool>,
}

impl Streak {
    /// Begins without any answer; `told` is what is known from before, for example of a process
    /// that was taken over.
    pub fn new(probe: &Probe, told: Option<bool>) -> Self {
        let (failures, successes) = (probe.failures.max(1), probe.successes.max(1));
        Self { failures, successes, length: 0, last: None, told }
    }

    /// Takes one answer; `Some` when it makes the whole change.
    pub fn take(&mut self, passed: bool) -> Option<bool> {
        self.length = if self.last == Some(passed) { self.length.saturating_add(1) } else { 1 };
        self.last = Some(passed);
        let enough = if passed { self.successes } else { self.failures };
        if self.length < enough || self.told == Some(passed) {
            return None;
        }
        self.told = Some(passed);
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(failures: u32, successes: u32) -> Probe {
        Probe {
            exec: None,
            http: None,
            tcp: None,
            log: None,
            notify: None,
            delay: None,
            every: Span::from_secs(1),
            timeout: Span::from_secs(1),
            failures,
            successes,
            within: Span::from_secs(60),
        }
    }

    #[test]
    fn only_a_lasting_change_counts() {
        let mut streak = Streak::new(&probe(3, 2), None);
        let answers =
            [true, true, true, false, false, true, false, false, false, false, true, true];
        let said: Vec<_> = answers.iter().map(|answer| streak.take(*answer)).collect();
        let change = |at: usize| said.get(at).copied().flatten();
        assert_eq!(change(1), Some(true));
        assert_eq!(change(8), Some(false), "two failures did not count, three do");
        assert_eq!(change(11), Some(true));
        assert_eq!(said.iter().flatten().count(), 3);
    }

    #[test]
    fn what_is_known_is_not_told_again() {
        let mut streak = Streak::new(&probe(1, 1), Some(true));
        assert_eq!(streak.take(true), None);
        assert_eq!(streak.take(false), Some(false));
        assert_eq!(streak.take(false), None);
    }
}
