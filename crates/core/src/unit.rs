//! Units: long-lived processes that are kept alive (DESIGN: units; MISSION rows 1 to 4, 8 to 10).
//!
//! `Fleet::decide` turns one `Input` into changed units, events and orders to the host. It is pure:
//! the clock, random draws and fresh ids come in through `Now` and `Supply`.

pub mod backoff;
mod close;
mod configure;
mod decide;
pub mod graph;
pub mod hook;
mod observe;
pub mod probe;
pub mod spec;
#[cfg(test)]
mod tests;
mod watch;

pub use decide::{Decision, Input, Order, Rejection, Supply, similar};
pub use observe::Found;
pub use watch::{Notice, Verdict};

use crate::event::EventRef;
use crate::id::InstanceId;
use crate::signal::Signal;
use crate::span::Span;
use jiff::Timestamp;
use probe::{Check, Checks};
use serde::{Deserialize, Serialize};
use spec::{Condition, Kind, UnitName, UnitSpec};
use std::collections::{BTreeMap, BTreeSet};

/// What a person said, which beats `enabled` and outlives the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// Nothing: `enabled` decides.
    None,
    /// Start it although it is not enabled.
    Started,
    /// Stopped by hand stays stopped.
    Stopped,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when a signal ended it.
    pub signal: Option<i32>,
    /// `exited`, `stopped`, `shim_lost`, `start_failed`, `output_cap`, `lost`, or a `Verdict`.
    pub reason: String,
    /// What more there is to say, for example why a start failed.
    pub detail: Option<String>,
    /// When (UTC).
    pub at: Timestamp,
    /// How long the process lived.
    pub uptime_ms: u64,
    /// Whether its tree had to be killed after the grace time.
    pub killed: bool,
    /// Processes of its tree that could not be killed.
    pub survivors: u32,
    /// The last lines it wrote.
    pub last_lines: Vec<String>,
}

impl Exit {
    /// Whether it ended as programs end that are done: code 0 and no trouble.
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && self.reason == "exited"
    }

    /// In words, to follow "it": `exited with code 1`, `was killed by signal KILL`.
    pub fn in_words(&self) -> String {
        let how = match (self.reason.as_str(), self.code, self.signal) {
            ("start_failed", _, _) => "could not be started".to_owned(),
            ("shim_lost", _, _) => "lost its shim and was killed".to_owned(),
            ("lost", _, _) => "ended while nobody watched".to_owned(),
            (verdict, _, _) if Verdict::in_words(verdict).is_some() => {
                Verdict::in_words(verdict).unwrap_or_default().to_owned()
            }
            (_, Some(code), _) => format!("exited with code {code}"),
            (_, None, Some(signal)) => format!("was killed by signal {}", Signal::name_of(signal)),
            (other, None, None) => format!("ended ({other})"),
        };
        match &self.detail {
            Some(detail) => format!("{how}: {detail}"),
            None => how,
        }
    }
}

/// Why a unit is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// It is new and was not started yet.
    New,
    /// A person stopped it.
    ByHand,
    /// `enabled: false`.
    Disabled,
    /// The daemon went down and took it along.
    Down,
    /// It ended and its policy asks for no restart.
    Finished,
}

/// What follows a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It stays stopped.
    Rest(Rest),
    /// It starts again: a restart.
    Start,
    /// It left the configuration.
    Remove,
    /// It is treated as a failure, for this reason.
    Judge(Verdict),
}

/// Where a unit is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// No process, and none wanted.
    Stopped {
        /// Why.
        rest: Rest,
    },
    /// A process is wanted but does not run yet.
    Starting {
        /// The life that was ordered; `None` while it waits for others.
        instance: Option<InstanceId>,
        /// Dependencies that are not fulfilled.
        waiting_for: Vec<UnitName>,
    },
    /// The process lives.
    Running {
        /// Which life.
        instance: InstanceId,
        /// The leader's process id; for display only, never for signals.
        pid: u32,
        /// Since when (UTC).
        started_at: Timestamp,
        /// The same by the machine's own clock, which no clock step moves: milliseconds since boot.
        started_boot_ms: u64,
        /// What is known beyond that it lives.
        #[serde(default)]
        checks: Checks,
    },
    /// It ended and is restarted after a wait.
    BackingOff {
        /// The whole wait.
        delay_ms: u64,
        /// When it ends (UTC); the wait itself is measured by the monotonic clock.
        until: Timestamp,
    },
    /// It ended and is not restarted; a person is needed.
    Failed {
        /// In words.
        why: String,
    },
    /// Its tree is being ended.
    Stopping {
        /// Which life.
        instance: InstanceId,
        /// The leader's process id, when it ran.
        pid: Option<u32>,
        /// What follows.
        then: Then,
        /// Since when it ran (UTC), when it ran.
        started_at: Option<Timestamp>,
    },
}

/// Health, beside the state: what the probes say. A process that runs proves nothing more than
/// that, so without a probe it is `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// All probes pass.
    Healthy,
    /// It was ready and is not any more.
    Degraded,
    /// It does not do its work: failed, backing off, or ended by a probe or a limit.
    Unhealthy,
    /// Nobody asked, or no answer counts yet.
    Unknown,
}

/// One unit: what it should be and what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// What it should be.
    pub spec: UnitSpec,
    /// What a person said.
    pub hand: Hand,
    /// Counts its lives; never reused.
    pub generation: u64,
    /// Where it is.
    pub state: State,
    /// Since when it is there (UTC).
    pub since: Timestamp,
    /// Automatic restarts since it last started by hand or by configuration.
    pub restarts: u64,
    /// Failures in a row: the exponent of the backoff.
    pub attempt: u32,
    /// Automatic starts that count for the start limit, in milliseconds since boot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<u64>,
    /// How its last life ended.
    pub last_exit: Option<Exit>,
    /// Its newest event, as cause of what follows from it.
    pub latest: Option<EventRef>,
}

impl Unit {
    /// A unit that has never run.
    pub fn new(name: UnitName, spec: UnitSpec, at: Timestamp) -> Self {
        Self {
            name,
            spec,
            hand: Hand::None,
            generation: 0,
            state: State::Stopped { rest: Rest::New },
            since: at,
            restarts: 0,
            attempt: 0,
            starts: Vec::new(),
            last_exit: None,
            latest: None,
        }
    }

    /// Whether somebody wants it to run.
    pub fn is_wanted(&self) -> bool {
        match self.hand {
            Hand::Started => true,
            Hand::Stopped => false,
            Hand::None => self.spec.enabled,
        }
    }

    /// The life that has, or may have, processes.
    pub fn instance(&self) -> Option<InstanceId> {
        match self.state {
            State::Starting { instance, .. } => instance,
            State::Running { instance, .. } | State::Stopping { instance, .. } => Some(instance),
            State::Stopped { .. } | State::BackingOff { .. } | State::Failed { .. } => None,
        }
    }

    /// The leader's process id, when known.
    pub fn pid(&self) -> Option<u32> {
        match self.state {
            State::Running { pid, .. } => Some(pid),
            State::Stopping { pid, .. } => pid,
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. } => None,
        }
    }

    /// The state's word.
    pub fn state_word(&self) -> &'static str {
        match self.state {
            State::Stopped { .. } => "stopped",
            State::Starting { .. } => "starting",
            State::Running { .. } => "running",
            State::BackingOff { .. } => "backing_off",
            State::Failed { .. } => "failed",
            State::Stopping { .. } => "stopping",
        }
    }

    /// Health as far as it is known without probes.
    pub fn health(&self) -> Health {
        match &self.state {
            State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { then: Then::Judge(_), .. }
            | State::Running { checks: Checks { live: Check::Failing { .. }, .. }, .. } => {
                Health::Unhealthy
            }
            State::Running { checks, .. } => match (&checks.ready, &checks.live) {
                (Check::Failing { .. }, _) => Health::Degraded,
                (Check::Waiting, _) | (_, Check::Waiting) => Health::Unknown,
                (Check::Unasked, Check::Unasked) => Health::Unknown,
                (Check::Unasked | Check::Passing, _) => Health::Healthy,
            },
            State::Stopped { .. } | State::Starting { .. } | State::Stopping { .. } => {
                Health::Unknown
            }
        }
    }

    /// What is known of its process beyond that it lives.
    pub fn checks(&self) -> Option<&Checks> {
        match &self.state {
            State::Running { checks, .. } => Some(checks),
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => None,
        }
    }

    /// Whether it is on its way to something else: it starts, stops, or is not ready yet.
    pub fn is_under_way(&self) -> bool {
        match &self.state {
            State::Starting { .. } | State::Stopping { .. } => true,
            State::Running { checks, .. } => checks.ready == Check::Waiting,
            State::Stopped { .. } | State::BackingOff { .. } | State::Failed { .. } => false,
        }
    }

    /// Why it is in this state, in one sentence for people.
    pub fn why(&self) -> String {
        let ended = || self.last_exit.as_ref().map(|exit| format!("It {}", exit.in_words()));
        match &self.state {
            State::Stopped { rest } => match rest {
                Rest::New => "Not started yet.".to_owned(),
                Rest::ByHand => "Stopped by hand; it stays stopped until it is started.".to_owned(),
                Rest::Disabled => "Not enabled in the configuration.".to_owned(),
                Rest::Down => "Stopped with the daemon.".to_owned(),
                Rest::Finished if self.spec.kind == Kind::Oneshot => {
                    format!("Done. {}.", ended().unwrap_or_else(|| "It ended".to_owned()))
                }
                Rest::Finished => format!(
                    "{}; its policy asks for no restart.",
                    ended().unwrap_or_else(|| "It ended".to_owned())
                ),
            },
            State::Starting { waiting_for, .. } if !waiting_for.is_empty() => {
                let until = |name: &UnitName| match self.spec.after.get(name) {
                    None | Some(Condition::Started) => format!("{name} to start"),
                    Some(Condition::Ready) => format!("{name} to be ready"),
                    Some(Condition::Healthy) => format!("{name} to be healthy"),
                    Some(Condition::Completed) => format!("{name} to complete"),
                };
                let waits: Vec<_> = waiting_for.iter().map(until).collect();
                format!("Waiting for {}.", waits.join(" and "))
            }
            State::Starting { .. } => "Its process is being started.".to_owned(),
            State::Running { checks: Checks { ready: Check::Failing { why }, .. }, .. } => {
                format!("Running, but not ready any more: {}.", why.trim_end_matches('.'))
            }
            State::Running { checks: Checks { reloading: true, .. }, .. } => {
                "Running, and loads its configuration again.".to_owned()
            }
            State::Running { checks: Checks { ready: Check::Waiting, .. }, .. } => {
                "Running, but not ready yet.".to_owned()
            }
            State::Running { .. } if self.restarts > 0 => format!(
                "Running after {} restart{}.",
                self.restarts,
                if self.restarts == 1 { "" } else { "s" }
            ),
            State::Running { .. } => "Running.".to_owned(),
            State::BackingOff { delay_ms, .. } => format!(
                "{}; restart {} follows after {}.",
                ended().unwrap_or_else(|| "It ended".to_owned()),
                self.attempt,
                Span::from_ms(*delay_ms).roughly()
            ),
            State::Failed { why } => why.clone(),
            State::Stopping { then, .. } => match then {
                Then::Rest(Rest::Down) => "Being stopped with the daemon.".to_owned(),
                Then::Rest(_) => "Being stopped.".to_owned(),
                Then::Start => "Being stopped, to be started again.".to_owned(),
                Then::Remove => "Being stopped; it left the configuration.".to_owned(),
                Then::Judge(verdict) => {
                    format!("It {}.", Verdict::in_words(verdict.word()).unwrap_or("is being ended"))
                }
            },
        }
    }
}

/// All units, and whether the daemon is closing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fleet {
    /// By name.
    pub units: BTreeMap<UnitName, Unit>,
    /// Set once the daemon goes down with its units: nothing starts any more.
    pub closing: Option<Closing>,
}

impl Fleet {
    /// Whether a unit is on its way to something else by itself. One that waits for another which
    /// rests until a person acts is not, though it is `starting`.
    pub fn is_under_way(&self, name: &UnitName) -> bool {
        self.units.get(name).is_some_and(|unit| unit.is_under_way() && !self.waits_for_people(unit))
    }

    fn waits_for_people(&self, unit: &Unit) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![unit];
        while let Some(unit) = open.pop() {
            let State::Starting { instance: None, waiting_for } = &unit.state else { continue };
            for name in waiting_for.iter().filter(|name| seen.insert(*name)) {
                match self.units.get(name) {
                    None => return true,
                    Some(other) => match other.state {
                        State::Failed { .. }
                        | State::Stopped { rest: Rest::ByHand | Rest::Disabled | Rest::Finished } =>
                        {
                            return true;
                        }
                        _ => open.push(other),
                    },
                }
            }
        }
        false
    }

    /// The waits that are still to be kept after a start of the daemon: what is left of each by the
    /// calendar, and never more than the whole, whatever the clock did meanwhile.
    pub fn waits(&self, now: Now) -> Vec<Order> {
        self.units
            .values()
            .filter_map(|unit| match unit.state {
                // Deadlines of living processes are armed when they are taken over.
                State::BackingOff { delay_ms, until } => {
                    let left = until.duration_since(now.at).as_millis().max(0);
                    Some(Order::Wait {
                        name: unit.name.clone(),
                        generation: unit.generation,
                        delay_ms: u64::try_from(left).unwrap_or(0).min(delay_ms),
                    })
                }
                State::Stopped { .. }
                | State::Starting { .. }
                | State::Running { .. }
                | State::Failed { .. }
                | State::Stopping { .. } => None,
            })
            .collect()
    }
}

/// The one deadline that all units share when the daemon goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// When the last process must be gone, in milliseconds since boot.
    pub deadline_boot_ms: u64,
    /// How long each level of dependents may hold up the next.
    pub window_ms: u64,
}

/// The time handed in: the calendar for people and rows, the machine's own clock for waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Calendar time (UTC); may step.
    pub at: Timestamp,
    /// Milliseconds since boot; never steps.
    pub boot_ms: u64,
}
