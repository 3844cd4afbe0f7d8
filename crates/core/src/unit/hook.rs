//! Commands that are run when something happens to a unit. A hook runs at most once, beside the
//! unit: nothing waits for it, and how it went is an event.

use super::decide::{Order, Turn};
use super::spec::UnitName;
use super::{Exit, State, Unit};
use crate::signal::Signal;
use crate::span::Span;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A hook that ends with this code after an exit says that another try is pointless (as the
/// `finish` script of s6 does).
pub const GIVE_UP: i32 = 125;

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Its process runs.
    Start,
    /// It is ready; without a readiness probe, it runs.
    Ready,
    /// Its process ended, whatever the reason.
    Exit,
    /// It gives up: nothing more is tried.
    Failed,
}

impl Moment {
    /// The word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Ready => "ready",
            Self::Exit => "exit",
            Self::Failed => "failed",
        }
    }
}

/// The hooks of a unit: program and arguments each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooks {
    /// Run at `Moment::Start`.
    pub start: Option<Vec<String>>,
    /// Run at `Moment::Ready`.
    pub ready: Option<Vec<String>>,
    /// Run at `Moment::Exit`.
    pub exit: Option<Vec<String>>,
    /// Run at `Moment::Failed`.
    pub failed: Option<Vec<String>>,
    /// How long each may take before it is killed.
    pub timeout: Span,
}

impl Default for Hooks {
    fn default() -> Self {
        let timeout = Self::TIMEOUT;
        Self { start: None, ready: None, exit: None, failed: None, timeout }
    }
}

impl Hooks {
    /// How long a hook may take unless something else is said.
    pub const TIMEOUT: Span = Span::from_secs(10);

    /// The command for a moment.
    pub fn at(&self, moment: Moment) -> Option<&Vec<String>> {
        match moment {
            Moment::Start => self.start.as_ref(),
            Moment::Ready => self.ready.as_ref(),
            Moment::Exit => self.exit.as_ref(),
            Moment::Failed => self.failed.as_ref(),
        }
    }
}

/// How a hook went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooked {
    /// Its exit code.
    pub code: Option<i32>,
    /// Why it has none: killed, too slow, not startable.
    pub why: Option<String>,
    /// The last line that it wrote.
    pub said: Option<String>,
}

impl Turn<'_> {
    /// Orders the hook of a moment, if there is one.
    pub(super) fn hook(&mut self, unit: &Unit, moment: Moment) {
        let Some(command) = unit.spec.hooks.at(moment) else { return };
        self.out.orders.push(Order::Hook {
            name: unit.name.clone(),
            moment,
            command: command.clone(),
            timeout_ms: unit.spec.hooks.timeout.ms(),
            env: hook_env(unit, moment),
            generation: unit.generation,
        });
    }

    pub(super) fn hooked(
        &mut self,
        name: &UnitName,
        moment: Moment,
        generation: u64,
        hooked: &Hooked,
    ) {
        let Some(unit) = self.unit(name) else { return };
        let kind = if hooked.code == Some(0) { "unit.hook_ran" } else { "unit.hook_failed" };
        let body = json!({"hook": moment.word(), "code": hooked.code, "why": hooked.why,
            "said": hooked.said});
        self.event(name, kind, true, body);
        let gives_up = moment == Moment::Exit
            && hooked.code == Some(GIVE_UP)
            && unit.generation == generation
            && matches!(unit.state, State::BackingOff { .. });
        if gives_up {
            self.fail(unit, format!("Its exit hook ended with code {GIVE_UP}: no more tries."));
        } else {
            self.put(unit);
        }
    }
}

/// What a hook is told, on top of the unit's own environment.
fn hook_env(unit: &Unit, moment: Moment) -> Vec<(String, String)> {
    let mut env = vec![
        ("ORKESTRA_UNIT".to_owned(), unit.name.to_string()),
        ("ORKESTRA_HOOK".to_owned(), moment.word().to_owned()),
        ("ORKESTRA_ATTEMPT".to_owned(), unit.attempt.to_string()),
        ("ORKESTRA_RESTARTS".to_owned(), unit.restarts.to_string()),
    ];
    let ended = matches!(moment, Moment::Exit | Moment::Failed);
    if let Some(exit) = unit.last_exit.as_ref().filter(|_| ended) {
        env.extend(exit_env(exit));
    }
    env
}

fn exit_env(exit: &Exit) -> Vec<(String, String)> {
    // As in s6, 256 stands for "no code": a signal ended it.
    let code = exit.code.map_or_else(|| "256".to_owned(), |code| code.to_string());
    let signal = exit.signal.map(Signal::name_of).unwrap_or_default();
    vec![
        ("ORKESTRA_EXIT_CODE".to_owned(), code),
        ("ORKESTRA_EXIT_SIGNAL".to_owned(), signal),
        ("ORKESTRA_EXIT_REASON".to_owned(), exit.reason.clone()),
    ]
}
