//! What follows from an input: commands of people here, the configuration in `configure`,
//! observations of processes in `observe`, the way down in `close`.

use super::hook::{Hooked, Moment};
use super::probe::Question;
use super::spec::{UnitName, UnitSpec};
use super::{Exit, Fleet, Found, Hand, Notice, Now, Rest, State, Then, Unit, Verdict};
use crate::event::{Cause, Draft, Topic};
use crate::id::InstanceId;
use crate::signal::Signal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Something that happened or is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The configuration, whole: units that are not in it leave.
    Configure {
        /// By name.
        specs: BTreeMap<UnitName, UnitSpec>,
    },
    /// A person wants it to run.
    Start {
        /// Which unit.
        name: UnitName,
    },
    /// A person wants it to stop, and to stay stopped.
    Stop {
        /// Which unit.
        name: UnitName,
    },
    /// A person wants a new process.
    Restart {
        /// Which unit.
        name: UnitName,
    },
    /// A person sends a signal.
    Signal {
        /// Which unit.
        name: UnitName,
        /// Which signal.
        signal: Signal,
    },
    /// The process runs.
    Started {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// The leader's process id.
        pid: u32,
    },
    /// A life ended (failed starts and lost shims included) and its tree is empty.
    Exited {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// How.
        exit: Exit,
    },
    /// What the host found of a life recorded by an earlier daemon.
    Recovered {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// What is there.
        found: Found,
    },
    /// The wait before a restart is over.
    WaitOver {
        /// Which unit.
        name: UnitName,
        /// The generation that waited; a later one makes this late.
        generation: u64,
    },
    /// A probe's answer, once it lasts.
    Probed {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// What was asked.
        question: Question,
        /// The answer.
        passing: bool,
        /// Why, or by which way of asking.
        why: String,
    },
    /// A process says something about itself.
    Notified {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// What.
        notice: Notice,
    },
    /// `Order::Alarm` is over.
    Alarm {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// What the readiness probe heard last.
        last: Option<String>,
    },
    /// More was measured than a limit allows.
    Exceeded {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// Which limit: `MemoryLimit` in bytes or `CpuLimit` in percent.
        verdict: Verdict,
        /// What was measured.
        used: f64,
    },
    /// A hook ended.
    Hooked {
        /// Which unit.
        name: UnitName,
        /// Which hook.
        moment: Moment,
        /// The life it was about.
        generation: u64,
        /// How it went.
        hooked: Hooked,
    },
    /// The daemon goes down and takes its units along.
    CloseAll,
    /// The time of one level of dependents is over.
    CloseWindowOver,
}

/// What the host is to do once the decision is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Make the instance and start its process.
    Launch {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// Its number.
        generation: u64,
    },
    /// End the whole tree.
    Stop {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// First signal.
        signal: Signal,
        /// Then kill.
        grace_ms: u64,
    },
    /// Send a signal.
    Signal {
        /// Which life.
        instance: InstanceId,
        /// Which signal.
        signal: Signal,
    },
    /// Its exit is committed: the shim may go and the folder too.
    Release {
        /// Which life.
        instance: InstanceId,
    },
    /// Call back with `Input::WaitOver`.
    Wait {
        /// Which unit.
        name: UnitName,
        /// Whose wait it is.
        generation: u64,
        /// By the monotonic clock.
        delay_ms: u64,
    },
    /// Call back with `Input::Alarm`.
    Alarm {
        /// Which unit.
        name: UnitName,
        /// Which life.
        instance: InstanceId,
        /// By the monotonic clock.
        delay_ms: u64,
    },
    /// Run a hook, and call back with `Input::Hooked`.
    Hook {
        /// Which unit.
        name: UnitName,
        /// Which hook.
        moment: Moment,
        /// Program and arguments.
        command: Vec<String>,
        /// Then it is killed.
        timeout_ms: u64,
        /// What it is told, on top of the unit's own environment.
        env: Vec<(String, String)>,
        /// The life it is about.
        generation: u64,
    },
    /// Bring the daemon down with all units, since this one gave up.
    Shutdown {
        /// Which unit.
        name: UnitName,
    },
    /// Call back with `Input::CloseWindowOver`.
    CloseWindow {
        /// By the monotonic clock.
        delay_ms: u64,
    },
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No such unit.
    #[error("there is no unit named {name}")]
    Unknown {
        /// The name asked for.
        name: UnitName,
        /// Names that exist and look alike.
        similar: Vec<UnitName>,
    },
    /// A signal needs a process.
    #[error("unit {name} is {state}, so there is no process to signal")]
    NotRunning {
        /// Which unit.
        name: UnitName,
        /// Its state's word.
        state: &'static str,
    },
    /// Nothing starts any more.
    #[error("the daemon is going down")]
    Closing,
}

/// Fresh ids and random draws, handed in.
pub trait Supply {
    /// A new instance's id.
    fn instance(&mut self) -> InstanceId;
    /// A random number from 0 up to 1.
    fn draw(&mut self) -> f64;
}

/// What follows from one input: one commit, then the orders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Units whose rows change.
    pub changed: BTreeMap<UnitName, Unit>,
    /// Units whose rows go.
    pub removed: BTreeSet<UnitName>,
    /// Events, with the unit that each belongs to standing in `subject`.
    pub events: Vec<Draft>,
    /// To be carried out after the commit.
    pub orders: Vec<Order>,
    /// Set when the daemon begins to close.
    pub closing: Option<super::Closing>,
}

impl Fleet {
    /// What follows from `input`. `actor` is who asked (`person:cli`, `daemon`, `config`).
    ///
    /// # Errors
    /// A `Rejection` when a person's command makes no sense; nothing changes then.
    pub fn decide(
        &self,
        input: Input,
        actor: &str,
        now: Now,
        supply: &mut dyn Supply,
    ) -> Result<Decision, Rejection> {
        let mut turn = Turn { fleet: self, now, actor, supply, out: Decision::default() };
        match input {
            Input::Configure { specs } => turn.configure(&specs),
            Input::Start { name } => turn.start_by_hand(&name)?,
            Input::Stop { name } => turn.stop_by_hand(&name)?,
            Input::Restart { name } => turn.restart_by_hand(&name)?,
            Input::Signal { name, signal } => turn.signal(&name, signal)?,
            Input::Started { name, instance, pid } => turn.started(&name, instance, pid),
            Input::Exited { name, instance, exit } => turn.exited(&name, instance, exit),
            Input::Recovered { name, instance, found } => turn.recovered(&name, instance, found),
            Input::WaitOver { name, generation } => turn.wait_over(&name, generation),
            Input::Probed { name, instance, question, passing, why } => {
                turn.probed(&name, instance, question, passing, &why);
            }
            Input::Notified { name, instance, notice } => turn.notified(&name, instance, notice),
            Input::Alarm { name, instance, last } => turn.alarm(&name, instance, last),
            Input::Exceeded { name, instance, verdict, used } => {
                turn.exceeded(&name, instance, verdict, used);
            }
            Input::Hooked { name, moment, generation, hooked } => {
                turn.hooked(&name, moment, generation, &hooked);
            }
            Input::CloseAll => turn.close_all(),
            Input::CloseWindowOver => turn.close_next(true),
        }
        Ok(turn.out)
    }

    /// Makes a decision's rows the state.
    pub fn apply(&mut self, decision: &Decision) {
        for (name, unit) in &decision.changed {
            self.units.insert(name.clone(), unit.clone());
        }
        for name in &decision.removed {
            self.units.remove(name);
        }
        if decision.closing.is_some() {
            self.closing = decision.closing;
        }
    }
}

/// One decision in the making: reads the fleet through what has changed so far.
pub(super) struct Turn<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) now: Now,
    pub(super) actor: &'a str,
    pub(super) supply: &'a mut dyn Supply,
    pub(super) out: Decision,
}

impl Turn<'_> {
    /// The unit as it is by now; a thousand units are looked through without copying them.
    pub(super) fn peek(&self, name: &UnitName) -> Option<&Unit> {
        if self.out.removed.contains(name) {
            return None;
        }
        self.out.changed.get(name).or_else(|| self.fleet.units.get(name))
    }

    pub(super) fn unit(&self, name: &UnitName) -> Option<Unit> {
        self.peek(name).cloned()
    }

    pub(super) fn put(&mut self, unit: Unit) {
        self.out.changed.insert(unit.name.clone(), unit);
    }

    /// Puts the unit into a state. `since` stays when only a detail of the same state becomes
    /// known, for example a pid or what follows a stop.
    pub(super) fn enter(&mut self, mut unit: Unit, state: State) {
        let before = (unit.state_word(), unit.instance());
        unit.state = state;
        if (unit.state_word(), unit.instance()) != before {
            unit.since = self.now.at;
        }
        self.put(unit);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.fleet.closing.is_some() || self.out.closing.is_some()
    }

    /// The units that are as asked for, by now.
    pub(super) fn names_where(&self, is: impl Fn(&Unit) -> bool) -> Vec<UnitName> {
        // Asked at every start and end among thousands of units: nothing is gathered first.
        let new = self.out.changed.keys().filter(|name| !self.fleet.units.contains_key(*name));
        let names = self.fleet.units.keys().chain(new);
        names.filter(|name| self.peek(name).is_some_and(&is)).cloned().collect()
    }

    /// Records an event; its cause is the newest event of this decision about the same unit, else
    /// the unit's newest event when `follows` is set, else none.
    pub(super) fn event(&mut self, unit: &UnitName, kind: &str, follows: bool, body: Value) {
        let earlier = self.out.events.iter().rposition(|draft| draft.subject == unit.as_str());
        let latest = self.peek(unit).and_then(|unit| unit.latest).filter(|_| follows);
        let cause = match (earlier, latest) {
            (Some(index), _) => Cause::Earlier(index),
            (None, Some(reference)) => Cause::Event(reference),
            (None, None) => Cause::Root,
        };
        let actor = if follows { "daemon" } else { self.actor };
        let draft = Draft::new(kind, Topic::Unit, unit.as_str(), actor, body);
        self.out.events.push(draft.because(cause));
    }

    fn known(&self, name: &UnitName) -> Result<Unit, Rejection> {
        self.unit(name).ok_or_else(|| Rejection::Unknown {
            name: name.clone(),
            similar: similar(name, self.fleet.units.keys()),
        })
    }

    /// The same for a command that starts something: a unit that left the configuration is only
    /// being cleaned up, so for such a command it does not exist any more.
    fn startable(&self, name: &UnitName) -> Result<Unit, Rejection> {
        let unit = self.known(name)?;
        if self.is_closing() {
            return Err(Rejection::Closing);
        }
        if matches!(unit.state, State::Stopping { then: Then::Remove, .. }) {
            return Err(Rejection::Unknown { name: name.clone(), similar: Vec::new() });
        }
        Ok(unit)
    }

    fn start_by_hand(&mut self, name: &UnitName) -> Result<(), Rejection> {
        let mut unit = self.startable(name)?;
        let hand = if unit.spec.enabled { Hand::None } else { Hand::Started };
        let changes_hand = unit.hand != hand;
        unit.hand = hand;
        match unit.state.clone() {
            State::Running { .. }
            | State::Starting { .. }
            | State::Stopping { then: Then::Start, .. } => {
                if changes_hand {
                    self.event(name, "unit.start_requested", false, json!({}));
                    self.put(unit);
                }
            }
            State::Stopping { instance, pid, started_at, .. } => {
                self.event(name, "unit.start_requested", false, json!({}));
                unit.restarts = 0;
                unit.attempt = 0;
                self.enter(unit, State::Stopping { instance, pid, started_at, then: Then::Start });
            }
            State::BackingOff { .. } => {
                // Cutting a wait short is the restart that was counted already.
                self.event(name, "unit.start_requested", false, json!({}));
                unit.attempt = 0;
                unit.starts.clear();
                self.put(unit);
                self.launch_or_wait(name);
            }
            State::Stopped { .. } | State::Failed { .. } => {
                self.event(name, "unit.start_requested", false, json!({}));
                unit.restarts = 0;
                unit.attempt = 0;
                unit.starts.clear();
                self.put(unit);
                self.launch_or_wait(name);
            }
        }
        Ok(())
    }

    fn stop_by_hand(&mut self, name: &UnitName) -> Result<(), Rejection> {
        let mut unit = self.known(name)?;
        let already = matches!(
            unit.state,
            State::Stopped { rest: Rest::ByHand }
                | State::Stopping { then: Then::Rest(Rest::ByHand), .. }
        );
        let leaves = matches!(unit.state, State::Stopping { then: Then::Remove, .. });
        if leaves || (already && unit.hand == Hand::Stopped) {
            return Ok(());
        }
        unit.hand = Hand::Stopped;
        self.event(name, "unit.stop_requested", false, json!({}));
        self.put(unit);
        self.end(name, Then::Rest(Rest::ByHand));
        Ok(())
    }

    fn restart_by_hand(&mut self, name: &UnitName) -> Result<(), Rejection> {
        let mut unit = self.startable(name)?;
        let live = matches!(unit.state, State::Running { .. } | State::Starting { .. });
        if !live {
            return self.start_by_hand(name);
        }
        unit.hand = if unit.spec.enabled { Hand::None } else { Hand::Started };
        unit.restarts = 0;
        unit.attempt = 0;
        unit.starts.clear();
        self.event(name, "unit.restart_requested", false, json!({}));
        self.put(unit);
        self.end(name, Then::Start);
        Ok(())
    }

    fn signal(&mut self, name: &UnitName, signal: Signal) -> Result<(), Rejection> {
        let unit = self.known(name)?;
        let State::Running { instance, pid, .. } = unit.state else {
            return Err(Rejection::NotRunning { name: name.clone(), state: unit.state_word() });
        };
        let body = json!({"signal": signal.to_string(), "pid": pid});
        self.event(name, "unit.signalled", false, body);
        self.put(unit);
        self.out.orders.push(Order::Signal { instance, signal });
        Ok(())
    }

    /// Ends whatever the unit is doing; what follows is `then`. Nothing outlasts the deadline of
    /// a daemon that closes. Who ends a unit that is stopped or stopping already has told why in
    /// an event of its own.
    pub(super) fn end(&mut self, name: &UnitName, then: Then) {
        let Some(unit) = self.unit(name) else { return };
        let left_ms = self
            .out
            .closing
            .or(self.fleet.closing)
            .map(|closing| closing.deadline_boot_ms.saturating_sub(self.now.boot_ms));
        let mut grace_ms = unit.spec.stop.grace.ms().min(left_ms.unwrap_or(u64::MAX));
        if then == Then::Judge(Verdict::MemoryLimit) {
            // A tree that eats the machine's memory is not asked first.
            grace_ms = 0;
        }
        let (instance, pid, started_at) = match unit.state.clone() {
            State::Running { instance, pid, started_at, .. } => {
                (instance, Some(pid), Some(started_at))
            }
            State::Starting { instance: Some(instance), .. } => (instance, None, None),
            State::Stopping { instance, pid, started_at, .. } => {
                // A later word about the same stop; the shim has its order already, but a
                // shorter grace shortens it.
                self.order_stop(&unit, instance, grace_ms);
                let state = State::Stopping { instance, pid, then, started_at };
                if unit.state != state {
                    self.enter(unit, state);
                }
                return;
            }
            State::Stopped { .. }
            | State::Starting { instance: None, .. }
            | State::BackingOff { .. }
            | State::Failed { .. } => {
                match then {
                    Then::Rest(rest) => {
                        let quiet =
                            matches!(unit.state, State::Stopped { .. } | State::Failed { .. });
                        if !quiet {
                            self.event(name, "unit.stopped", true, json!({"reason": rest}));
                        }
                        self.enter(unit, State::Stopped { rest });
                    }
                    Then::Start => self.launch_or_wait(name),
                    // Only what lives is judged.
                    Then::Judge(_) => {}
                    Then::Remove => self.remove(name.clone()),
                }
                return;
            }
        };
        let body = json!({"instance": instance, "pid": pid, "signal": unit.spec.stop.signal,
            "grace_ms": grace_ms, "then": then});
        self.event(name, "unit.stopping", true, body);
        self.order_stop(&unit, instance, grace_ms);
        self.enter(unit, State::Stopping { instance, pid, then, started_at });
    }

    fn order_stop(&mut self, unit: &Unit, instance: InstanceId, grace_ms: u64) {
        self.out.orders.push(Order::Stop {
            name: unit.name.clone(),
            instance,
            signal: unit.spec.stop.signal,
            grace_ms,
        });
    }

    /// Starts the unit, or lets it wait for what it comes after.
    pub(super) fn launch_or_wait(&mut self, name: &UnitName) {
        let Some(mut unit) = self.unit(name) else { return };
        let missing: Vec<UnitName> = unit
            .spec
            .after
            .iter()
            .filter(|(other, condition)| !self.fulfils(other, **condition))
            .map(|(other, _)| other.clone())
            .collect();
        if !missing.is_empty() {
            let state = State::Starting { instance: None, waiting_for: missing.clone() };
            if unit.state != state {
                self.event(name, "unit.waiting", true, json!({"for": missing}));
                self.enter(unit, state);
            }
            return;
        }
        unit.generation += 1;
        let instance = self.supply.instance();
        let generation = unit.generation;
        let body = json!({"instance": instance, "generation": generation,
            "command": unit.spec.command, "cwd": unit.spec.cwd});
        self.event(name, "unit.starting", true, body);
        self.out.orders.push(Order::Launch { name: name.clone(), instance, generation });
        self.enter(unit, State::Starting { instance: Some(instance), waiting_for: Vec::new() });
    }
}

/// Known names that a person may have meant, three at most.
pub fn similar<'a>(name: &UnitName, known: impl Iterator<Item = &'a UnitName>) -> Vec<UnitName> {
    let wanted = name.as_str().to_ascii_lowercase();
    known
        .filter(|known| {
            let known = known.as_str().to_ascii_lowercase();
            known.contains(&wanted) || wanted.contains(&known) || differs_by_little(&known, &wanted)
        })
        .take(3)
        .cloned()
        .collect()
}

/// Whether two words have the same beginning or end but for two letters.
fn differs_by_little(a: &str, b: &str) -> bool {
    let prefix = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let suffix = a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y).count();
    let longest = a.chars().count().max(b.chars().count());
    longest > 2 && prefix + suffix + 2 >= longest
}
