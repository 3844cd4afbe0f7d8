//! What follows from what the host saw of a process.

use super::decide::{Order, Turn};
use super::hook::Moment;
use super::probe::Checks;
use super::spec::{Policy, UnitName};
use super::{Exit, Hand, Rest, State, Then, Unit};
use crate::id::InstanceId;
use crate::signal::Signal;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What is left of a life that an earlier daemon recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It lives.
    Alive {
        /// The leader's process id.
        pid: u32,
        /// When it started, in milliseconds since boot.
        started_boot_ms: u64,
    },
    /// The shim lives and has not started the leader yet; `Started` or `Exited` follows.
    StillStarting,
    /// It ended meanwhile, and how is known.
    Exited(Exit),
    /// Nothing was ever made of it: the daemon died between the commit and the start.
    NeverStarted,
    /// The machine was restarted since.
    OtherBoot,
}

impl Turn<'_> {
    pub(super) fn started(&mut self, name: &UnitName, instance: InstanceId, pid: u32) {
        let Some(unit) = self.unit(name) else { return };
        match unit.state.clone() {
            State::Starting { instance: Some(current), .. } if current == instance => {
                let body = json!({"instance": instance, "pid": pid, "generation": unit.generation,
                    "restarts": unit.restarts});
                self.event(name, "unit.started", true, body);
                self.hook(&unit, Moment::Start);
                if unit.spec.probes.ready.is_none() {
                    self.hook(&unit, Moment::Ready);
                }
                let now = self.now.boot_ms;
                let checks = Checks::begin(&unit.spec.probes, unit.spec.limits.run_time, now);
                self.running(unit, instance, pid, now, checks);
            }
            State::Stopping { instance: current, pid: None, then, .. } if current == instance => {
                // It ran for a moment, and the journal says so; the stop goes on.
                let body = json!({"instance": instance, "pid": pid, "generation": unit.generation,
                    "restarts": unit.restarts});
                self.event(name, "unit.started", true, body);
                let started_at = Some(self.now.at);
                self.enter(unit, State::Stopping { instance, pid: Some(pid), then, started_at });
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => {}
        }
    }

    /// When that was by the calendar.
    fn calendar(&self, boot_ms: u64) -> Timestamp {
        let ago = self.now.boot_ms.saturating_sub(boot_ms);
        self.now.at - SignedDuration::from_millis(i64::try_from(ago).unwrap_or(0))
    }

    fn running(
        &mut self,
        unit: Unit,
        instance: InstanceId,
        pid: u32,
        started_boot_ms: u64,
        checks: Checks,
    ) {
        let name = unit.name.clone();
        let started_at = self.calendar(started_boot_ms);
        let state = State::Running { instance, pid, started_at, started_boot_ms, checks };
        self.enter(unit, state);
        self.arm(&name, instance);
        self.wake_dependents(&name);
    }

    /// Units that waited for this one start now.
    pub(super) fn wake_dependents(&mut self, name: &UnitName) {
        if self.is_closing() {
            return;
        }
        let waiting = self.names_where(|unit| {
            matches!(&unit.state, State::Starting { instance: None, waiting_for }
                if waiting_for.contains(name))
        });
        for other in waiting {
            self.launch_or_wait(&other);
        }
    }

    pub(super) fn exited(&mut self, name: &UnitName, instance: InstanceId, mut exit: Exit) {
        // Only the unit's present life may change its state; the folder of a late one goes anyway.
        self.out.orders.push(Order::Release { instance });
        let Some(mut unit) = self.unit(name) else { return };
        if unit.instance() != Some(instance) {
            return;
        }
        let wanted_stop = matches!(unit.state, State::Stopping { .. });
        if let State::Stopping { then: Then::Judge(verdict), .. } = unit.state {
            exit.reason = verdict.word().to_owned();
        }
        let pid = unit.pid();
        // A process that ends by itself begins a chain of its own: nothing here caused it.
        let kind = if exit.reason == "start_failed" { "unit.start_failed" } else { "unit.exited" };
        self.event(name, kind, wanted_stop, exit_body(&exit, instance, pid));
        unit.last_exit = Some(exit.clone());
        self.hook(&unit, Moment::Exit);
        if exit.uptime_ms >= unit.spec.restart.backoff.reset_after.ms() {
            // It was healthy, however it ended: failures before it are forgotten.
            unit.attempt = 0;
        }
        match unit.state.clone() {
            State::Stopping { then: Then::Judge(_), .. } => self.after_crash(unit, &exit),
            State::Stopping { then, .. } => {
                let body = json!({"instance": instance, "killed": exit.killed,
                    "survivors": exit.survivors, "then": then});
                self.event(name, "unit.stopped", true, body);
                self.after_stop(unit, then);
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::BackingOff { .. }
            | State::Failed { .. } => self.after_crash(unit, &exit),
        }
        if self.is_closing() {
            self.close_next(false);
        }
    }

    fn after_stop(&mut self, unit: Unit, then: Then) {
        let name = unit.name.clone();
        match then {
            Then::Rest(rest) => self.enter(unit, State::Stopped { rest }),
            Then::Remove => self.remove(name),
            Then::Judge(_) => self.enter(unit, State::Stopped { rest: Rest::Down }),
            Then::Start if self.is_closing() => {
                self.enter(unit, State::Stopped { rest: Rest::Down });
            }
            Then::Start => {
                self.enter(unit, State::Stopped { rest: Rest::New });
                self.launch_or_wait(&name);
            }
        }
    }

    fn after_crash(&mut self, mut unit: Unit, exit: &Exit) {
        let name = unit.name.clone();
        if self.is_closing() {
            self.enter(unit, State::Stopped { rest: Rest::Down });
            return;
        }
        if !unit.is_wanted() {
            let rest = if unit.hand == Hand::Stopped { Rest::ByHand } else { Rest::Disabled };
            self.enter(unit, State::Stopped { rest });
            return;
        }
        let again = match unit.spec.restart.policy {
            Policy::Always => true,
            Policy::OnFailure => !unit.spec.is_success(exit),
            Policy::Never => false,
        };
        if !again {
            if unit.spec.is_success(exit) {
                self.event(&name, "unit.stopped", true, json!({"reason": Rest::Finished}));
                self.enter(unit, State::Stopped { rest: Rest::Finished });
                self.wake_dependents(&name);
            } else {
                let why = format!("It {}, and its policy asks for no restart.", exit.in_words());
                self.fail(unit, why);
            }
            return;
        }
        let backoff = unit.spec.restart.backoff;
        unit.attempt = unit.attempt.saturating_add(1);
        if let Some(limit) = backoff.limit.filter(|limit| unit.attempt > *limit) {
            let why = format!(
                "It {}, after {limit} restart{} in a row; nothing more is tried.",
                exit.in_words(),
                if limit == 1 { "" } else { "s" }
            );
            self.fail(unit, why);
            return;
        }
        if let Some(limit) = unit.spec.restart.start_limit
            && limit.exceeded(&mut unit.starts, self.now.boot_ms)
        {
            let why = format!(
                "It {}, after {} restart{} within {}; nothing more is tried.",
                exit.in_words(),
                limit.count,
                if limit.count == 1 { "" } else { "s" },
                limit.within.roughly()
            );
            self.fail(unit, why);
            return;
        }
        unit.restarts += 1;
        let delay_ms = backoff.delay_ms(unit.attempt, self.supply.draw());
        let until =
            self.now.at + SignedDuration::from_millis(i64::try_from(delay_ms).unwrap_or(i64::MAX));
        let body = json!({"attempt": unit.attempt, "restarts": unit.restarts,
            "delay_ms": delay_ms, "next_at": until, "profile": unit.spec.restart.profile});
        self.event(&name, "unit.restart_scheduled", true, body);
        let generation = unit.generation;
        self.enter(unit, State::BackingOff { delay_ms, until });
        if delay_ms == 0 {
            self.launch_or_wait(&name);
        } else {
            self.out.orders.push(Order::Wait { name, generation, delay_ms });
        }
    }

    pub(super) fn fail(&mut self, unit: Unit, why: String) {
        let name = unit.name.clone();
        self.event(&name, "unit.failed", true, json!({"why": why}));
        self.hook(&unit, Moment::Failed);
        self.enter(unit, State::Failed { why });
        self.suffer(&name);
    }

    pub(super) fn wait_over(&mut self, name: &UnitName, generation: u64) {
        let Some(unit) = self.unit(name) else { return };
        let due = matches!(unit.state, State::BackingOff { .. }) && unit.generation == generation;
        if due && !self.is_closing() {
            self.launch_or_wait(name);
        }
    }

    pub(super) fn recovered(&mut self, name: &UnitName, instance: InstanceId, found: Found) {
        if let Found::Exited(exit) = found {
            self.exited(name, instance, exit);
            return;
        }
        let Some(mut unit) = self.unit(name) else { return };
        if unit.instance() != Some(instance) {
            return;
        }
        match found {
            Found::Alive { pid, started_boot_ms } => {
                let body = json!({"instance": instance, "pid": pid, "generation": unit.generation});
                self.event(name, "unit.adopted", true, body);
                if let State::Stopping { then, .. } = unit.state {
                    // The order to stop may have died with the daemon that gave it.
                    let started_at = Some(self.calendar(started_boot_ms));
                    unit.state = State::Stopping { instance, pid: Some(pid), then, started_at };
                    self.put(unit);
                    self.end(name, then);
                } else {
                    // What was known of it still holds; what was never asked begins now.
                    let checks = unit.checks().cloned().unwrap_or_else(|| {
                        let limit = unit.spec.limits.run_time;
                        Checks::begin(&unit.spec.probes, limit, started_boot_ms)
                    });
                    self.running(unit, instance, pid, started_boot_ms, checks);
                }
            }
            Found::StillStarting => {
                if let State::Stopping { then, .. } = unit.state {
                    self.end(name, then);
                }
            }
            Found::NeverStarted | Found::OtherBoot | Found::Exited(_) => {
                let why = if found == Found::OtherBoot { "other_boot" } else { "never_started" };
                self.event(name, "unit.lost", true, json!({"instance": instance, "why": why}));
                self.out.orders.push(Order::Release { instance });
                let then = match unit.state {
                    State::Stopping { then, .. } => then,
                    State::Stopped { .. }
                    | State::Starting { .. }
                    | State::Running { .. }
                    | State::BackingOff { .. }
                    | State::Failed { .. } => Then::Rest(Rest::Down),
                };
                // `Down` units that are wanted are started by the configuration that follows.
                self.after_stop(unit, then);
                if self.is_closing() {
                    self.close_next(false);
                }
            }
        }
    }
}

fn exit_body(exit: &Exit, instance: InstanceId, pid: Option<u32>) -> Value {
    json!({
        "instance": instance,
        "pid": pid,
        "code": exit.code,
        "signal": exit.signal,
        "signal_name": exit.signal.map(Signal::name_of),
        "reason": exit.reason,
        "detail": exit.detail,
        "at": exit.at,
        "uptime_ms": exit.uptime_ms,
        "killed": exit.killed,
        "survivors": exit.survivors,
        "last_lines": exit.last_lines,
    })
}
