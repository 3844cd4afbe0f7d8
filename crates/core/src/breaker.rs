//! The circuit breaker of an agent (MISSION 2.5; ADR 0030): after so many failures in a row it gets
//! no task for a time; then one run tries whether it works again.

use crate::event::{Cause, Draft, Topic};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// When it opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failures in a row.
    pub failures: u32,
    /// How long it stays open, in milliseconds.
    pub open_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { failures: 3, open_ms: 300_000 }
    }
}

/// Where it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The agent gets tasks.
    #[default]
    Closed,
    /// It gets none.
    Open {
        /// Until when (UTC).
        until: Timestamp,
    },
    /// It gets one, to see whether it works again.
    HalfOpen,
}

/// The breaker of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Whose.
    pub agent: String,
    /// Where it is.
    #[serde(flatten)]
    pub state: State,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u32,
    /// The last one, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when it is in this state (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// Something about an agent's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A run of it came to its end, whatever the checks say.
    Succeeded,
    /// A run of it failed.
    Failed {
        /// In words.
        why: String,
    },
    /// Time went by.
    Tick,
}

impl Breaker {
    /// One that nothing is known of.
    pub fn new(agent: &str) -> Self {
        Self { agent: agent.to_owned(), ..Self::default() }
    }

    /// Until when the agent gets no task.
    pub fn open_until(&self) -> Option<Timestamp> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed | State::HalfOpen => None,
        }
    }

    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::HalfOpen => "half_open",
        }
    }

    /// The breaker as it is then, and what is told; `None` when nothing changes.
    pub fn decide(
        &self,
        input: Input,
        limits: Limits,
        at: Timestamp,
    ) -> Option<(Self, Option<Draft>)> {
        let mut next = self.clone();
        match (self.state, input) {
            (State::Closed, Input::Succeeded) if self.failures == 0 => None,
            (State::Closed, Input::Succeeded) => {
                (next.failures, next.why) = (0, None);
                Some((next, None))
            }
            (State::Closed, Input::Failed { why }) => {
                next.failures = self.failures.saturating_add(1);
                next.why = Some(why);
                if next.failures < limits.failures.max(1) {
                    return Some((next, None));
                }
                Some(next.open(limits, at))
            }
            // A run that was begun before it opened proves nothing about now, but a good end does.
            (State::Open { .. }, Input::Failed { .. }) => None,
            (State::HalfOpen, Input::Failed { why }) => {
                next.failures = self.failures.saturating_add(1);
                next.why = Some(why);
                Some(next.open(limits, at))
            }
            (State::Open { .. } | State::HalfOpen, Input::Succeeded) => {
                next = Self { since: Some(at), ..Self::new(&self.agent) };
                let event = next.event("agent.breaker_closed", json!({"was": self.word()}));
                Some((next, Some(event)))
            }
            (State::Open { until }, Input::Tick) if until <= at => {
                (next.state, next.since) = (State::HalfOpen, Some(at));
                let event = next.event("agent.breaker_half_opened", json!({"why": next.why}));
                Some((next, Some(event)))
            }
            (_, Input::Tick) => None,
        }
    }

    fn open(mut self, limits: Limits, at: Timestamp) -> (Self, Option<Draft>) {
        let span = SignedDuration::from_millis(i64::try_from(limits.open_ms).unwrap_or(i64::MAX));
        let until = at.checked_add(span).unwrap_or(Timestamp::MAX);
        (self.state, self.since) = (State::Open { until }, Some(at));
        let body = json!({"failures": self.failures, "until": until, "why": self.why});
        let event = self.event("agent.breaker_opened", body);
        (self, Some(event))
    }

    fn event(&self, kind: &str, body: Value) -> Draft {
        Draft::new(kind, Topic::Agent, &self.agent, "daemon", body).because(Cause::Root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed() -> Input {
        Input::Failed { why: "it crashed".into() }
    }

    /// Applies the inputs in order; the events' kinds.
    fn play(breaker: &mut Breaker, inputs: &[(Input, i64)]) -> Vec<String> {
        let mut kinds = Vec::new();
        for (input, second) in inputs {
            if let Some((next, event)) =
                breaker.decide(input.clone(), Limits::default(), at(*second))
            {
                *breaker = next;
                kinds.extend(event.map(|event| event.kind));
            }
        }
        kinds
    }

    #[test]
    fn it_opens_at_the_third_failure_half_opens_after_300_s_and_closes_on_success() {
        let mut breaker = Breaker::new("a");
        assert!(play(&mut breaker, &[(failed(), 1), (failed(), 2)]).is_empty());
        assert_eq!(play(&mut breaker, &[(failed(), 3)]), ["agent.breaker_opened"]);
        assert_eq!(breaker.open_until(), Some(at(303)));
        assert!(play(&mut breaker, &[(Input::Tick, 302), (failed(), 302)]).is_empty());
        assert_eq!(play(&mut breaker, &[(Input::Tick, 303)]), ["agent.breaker_half_opened"]);
        assert_eq!(play(&mut breaker, &[(Input::Tick, 304)]), Vec::<String>::new());
        assert_eq!(play(&mut breaker, &[(failed(), 310)]), ["agent.breaker_opened"]);
        assert_eq!(breaker.open_until(), Some(at(610)));
        let end = [(Input::Tick, 611), (Input::Succeeded, 620)];
        assert_eq!(play(&mut breaker, &end), ["agent.breaker_half_opened", "agent.breaker_closed"]);
        assert_eq!((breaker.word(), breaker.failures), ("closed", 0));
    }

    #[test]
    fn a_success_between_begins_the_count_anew() {
        let mut breaker = Breaker::new("a");
        let mixed = [failed(), failed(), Input::Succeeded, failed(), failed()];
        let mixed: Vec<_> = mixed.into_iter().map(|input| (input, 1)).collect();
        assert!(play(&mut breaker, &mixed).is_empty());
        assert_eq!(breaker.failures, 2);
        let known: Breaker =
            serde_json::from_str(&serde_json::to_string(&breaker).unwrap()).unwrap();
        assert_eq!(known, breaker);
    }
}
