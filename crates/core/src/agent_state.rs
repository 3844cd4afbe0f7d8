//! Whether an agent may be given work: a person may hold it back, and so may the vendor's word that
//! it was asked too often (MISSION row 116).
//!
//! A held agent gets no new run and no new attempt; what runs goes on. The two reasons stand side by
//! side: a rate limit that is over does not lift what a person ordered. A person's resume lifts both.

use crate::event::{Cause, Draft, Topic};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why an agent is held back, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when (UTC).
    pub since: Timestamp,
    /// Until when (UTC); without it until somebody resumes it.
    pub until: Option<Timestamp>,
    /// In one sentence for people.
    pub why: String,
    /// Who: `person:cli`, `daemon`.
    pub by: String,
}

impl Pause {
    fn holds(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }

    /// "until 2026-11-21T09:00:00Z", or "until it is resumed".
    pub fn until_in_words(&self) -> String {
        match self.until {
            Some(until) => format!("until {}", until.strftime("%Y-%m-%d %H:%M:%S UTC")),
            None => "until it is resumed".to_owned(),
        }
    }
}

/// What is known of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentState {
    /// Its name in the configuration.
    pub name: String,
    /// A person held it back.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// The vendor asked for a break (HTTP 429 with a time to wait).
    #[serde(default)]
    pub limited: Option<Pause>,
}

/// Something about one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentInput {
    /// A person holds it back.
    Pause {
        /// Until when; without it until somebody resumes it.
        until: Option<Timestamp>,
        /// In one sentence.
        why: String,
    },
    /// The vendor wants it to wait.
    Limit {
        /// Until when.
        until: Timestamp,
        /// In one sentence.
        why: String,
    },
    /// A person lets it go on.
    Resume,
    /// Time went by.
    Tick,
    /// It was asked for a word, to see whether it answers; `body` says how that went.
    Probed {
        /// The body of the event.
        body: Value,
    },
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentDecision {
    /// As it is then.
    pub state: AgentState,
    /// What is told.
    pub events: Vec<Draft>,
    /// Whether it may be given work now and might not before.
    pub freed: bool,
}

impl AgentState {
    /// One that nothing is known of.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), paused: None, limited: None }
    }

    /// Why it gets no work now: of two reasons the one that lasts longer.
    pub fn hold(&self, at: Timestamp) -> Option<&Pause> {
        let both = [self.paused.as_ref(), self.limited.as_ref()];
        both.into_iter()
            .flatten()
            .filter(|pause| pause.holds(at))
            .max_by_key(|pause| (pause.until.is_none(), pause.until))
    }

    /// When it should be looked at again: the next time at which a reason ends by itself.
    pub fn next_change(&self) -> Option<Timestamp> {
        let both = [self.paused.as_ref(), self.limited.as_ref()];
        both.into_iter().flatten().filter_map(|pause| pause.until).min()
    }

    /// What follows from `input`; `None` when nothing changes.
    pub fn decide(&self, input: AgentInput, actor: &str, at: Timestamp) -> Option<AgentDecision> {
        let mut state = self.clone();
        let held_before = self.hold(at).is_some();
        let by = actor.to_owned();
        let (kind, body) = match input {
            AgentInput::Pause { until, why } => {
                let same = self.paused.as_ref().is_some_and(|known| {
                    known.holds(at) && (known.until, known.why.as_str()) == (until, why.as_str())
                });
                if same || until.is_some_and(|until| until <= at) {
                    return None;
                }
                let body = json!({"why": why, "until": until});
                state.paused = Some(Pause { since: at, until, why, by });
                ("agent.paused", body)
            }
            AgentInput::Limit { until, why } => {
                // A shorter wait than the one that is under way says nothing new.
                let known = self.limited.as_ref().and_then(|known| known.until);
                if until <= at || known.is_some_and(|known| known >= until) {
                    return None;
                }
                let body = json!({"why": why, "until": until});
                let since = self.limited.as_ref().filter(|known| known.holds(at));
                let since = since.map_or(at, |known| known.since);
                state.limited = Some(Pause { since, until: Some(until), why, by });
                ("agent.rate_limited", body)
            }
            AgentInput::Resume => {
                if state.paused.is_none() && state.limited.is_none() {
                    return None;
                }
                (state.paused, state.limited) = (None, None);
                ("agent.resumed", json!({"why": "by hand"}))
            }
            AgentInput::Probed { body } => {
                let events = vec![self.event("agent.probed", actor, body)];
                return Some(AgentDecision { state, events, freed: false });
            }
            AgentInput::Tick => {
                let over = |pause: &Option<Pause>| pause.as_ref().is_some_and(|p| !p.holds(at));
                if !over(&state.paused) && !over(&state.limited) {
                    return None;
                }
                state.paused = state.paused.filter(|pause| pause.holds(at));
                state.limited = state.limited.filter(|pause| pause.holds(at));
                let held = state.hold(at).is_some();
                let events = if held { Vec::new() } else { vec![state.over(actor)] };
                return Some(AgentDecision { state, events, freed: !held });
            }
        };
        let freed = held_before && state.hold(at).is_none();
        let event = state.event(kind, actor, body);
        Some(AgentDecision { state, events: vec![event], freed })
    }

    fn over(&self, actor: &str) -> Draft {
        self.event("agent.resumed", actor, json!({"why": "its time is over"}))
    }

    fn event(&self, kind: &str, actor: &str, body: Value) -> Draft {
        Draft::new(kind, Topic::Agent, &self.name, actor, body).because(Cause::Root)
    }
}

/// How well an agent does, by its errors among its calls (MISSION 2.8): over 50 % `critical`, over
/// 30 % `unhealthy`, over 10 % `degraded`, else `healthy`; `unknown` without any call.
pub fn health(calls: u64, errors: u64) -> &'static str {
    let over = |percent: u128| u128::from(errors) * 100 > u128::from(calls) * percent;
    match calls {
        0 => "unknown",
        _ if over(50) => "critical",
        _ if over(30) => "unhealthy",
        _ if over(10) => "degraded",
        _ => "healthy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn decide(state: &AgentState, input: AgentInput, second: i64) -> Option<AgentDecision> {
        state.decide(input, "person:cli", at(second))
    }

    #[test]
    fn a_limit_that_is_over_does_not_lift_a_persons_pause() {
        let state = AgentState::new("claude");
        let pause = AgentInput::Pause { until: None, why: "costs too much".into() };
        let state = decide(&state, pause, 10).unwrap().state;
        let limit = AgentInput::Limit { until: at(20), why: "429".into() };
        let state = decide(&state, limit, 11).unwrap().state;
        assert_eq!(state.hold(at(12)).unwrap().why, "costs too much");
        assert_eq!(state.next_change(), Some(at(20)));
        let over = decide(&state, AgentInput::Tick, 20).unwrap();
        assert!(!over.freed && over.events.is_empty(), "{over:?}");
        assert!(over.state.hold(at(21)).is_some());
        let resumed = decide(&over.state, AgentInput::Resume, 22).unwrap();
        assert!(resumed.freed && resumed.state.hold(at(22)).is_none());
        assert_eq!(resumed.events[0].kind, "agent.resumed");
        assert_eq!(decide(&resumed.state, AgentInput::Resume, 23), None);
    }

    #[test]
    fn a_limit_holds_until_its_time_and_a_shorter_one_says_nothing() {
        let limit = |until| AgentInput::Limit { until: at(until), why: "429".into() };
        let state = decide(&AgentState::new("a"), limit(30), 10).unwrap().state;
        assert_eq!(decide(&state, limit(25), 11), None);
        assert_eq!(decide(&state, limit(5), 11), None);
        let longer = decide(&state, limit(40), 12).unwrap().state;
        assert_eq!(
            longer.limited.as_ref().map(|p| (p.since, p.until)),
            Some((at(10), Some(at(40))))
        );
        assert!(longer.hold(at(39)).is_some() && longer.hold(at(40)).is_none());
        assert_eq!(decide(&longer, AgentInput::Tick, 39), None);
        let over = decide(&longer, AgentInput::Tick, 40).unwrap();
        assert!(over.freed);
        assert_eq!(over.events[0].kind, "agent.resumed");
        assert_eq!(decide(&over.state, AgentInput::Tick, 50), None);
    }

    #[test]
    fn health_goes_by_the_share_of_errors() {
        for (calls, errors, word) in [
            (0, 0, "unknown"),
            (10, 1, "healthy"),
            (100, 11, "degraded"),
            (10, 3, "degraded"),
            (100, 31, "unhealthy"),
            (10, 5, "unhealthy"),
            (100, 51, "critical"),
            (1, 1, "critical"),
        ] {
            assert_eq!(health(calls, errors), word, "{errors} of {calls}");
        }
    }

    #[test]
    fn a_pause_said_twice_is_one_event_and_one_in_the_past_is_none() {
        let pause = || AgentInput::Pause { until: Some(at(50)), why: "lunch".into() };
        let first = decide(&AgentState::new("a"), pause(), 10).unwrap();
        assert_eq!(first.events[0].kind, "agent.paused");
        assert_eq!(decide(&first.state, pause(), 11), None);
        assert_eq!(decide(&AgentState::new("a"), pause(), 50), None);
    }
}
