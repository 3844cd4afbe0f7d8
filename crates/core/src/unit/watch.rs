//! What follows from what a living process says and does: readiness, liveness, deadlines, limits.

use super::decide::{Order, Turn};
use super::hook::Moment;
use super::probe::{Check, Checks, Question};
use super::spec::{Condition, OnFailed, UnitName};
use super::{Rest, State, Then, Unit};
use crate::id::InstanceId;
use crate::span::Span;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// Why a life is ended although nobody asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was not ready in time.
    NotReady,
    /// Its liveness probe failed.
    NotLive,
    /// It used more memory than allowed.
    MemoryLimit,
    /// It used more CPU than allowed.
    CpuLimit,
    /// It lived longer than allowed.
    RunTime,
}

impl Verdict {
    /// The word in exits and events.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::NotLive => "not_live",
            Self::MemoryLimit => "memory_limit",
            Self::CpuLimit => "cpu_limit",
            Self::RunTime => "run_time",
        }
    }

    /// In words, to follow "it"; `None` when the word is no verdict.
    pub fn in_words(word: &str) -> Option<&'static str> {
        Some(match word {
            "not_ready" => "was not ready in time and was ended",
            "not_live" => "failed its liveness probe and was ended",
            "memory_limit" => "used more memory than its limit and was killed",
            "cpu_limit" => "used more CPU than its limit and was ended",
            "run_time" => "ran for as long as it may and was ended",
            _ => return None,
        })
    }
}

/// What a process says by its notification socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// READY=1.
    Ready,
    /// RELOADING=1: not ready until READY=1 comes again.
    Reloading,
    /// STATUS=…
    Status(String),
    /// EXTEND_TIMEOUT_USEC: it needs at least so much longer for what it is doing.
    Extend(Span),
}

impl Turn<'_> {
    /// A living process of the unit, if this is its present life.
    fn living(&self, name: &UnitName, instance: InstanceId) -> Option<(Unit, Checks)> {
        let unit = self.unit(name)?;
        match &unit.state {
            State::Running { instance: current, checks, .. } if *current == instance => {
                let checks = checks.clone();
                Some((unit, checks))
            }
            State::Running { .. }
            | State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => None,
        }
    }

    fn put_checks(&mut self, mut unit: Unit, checks: Checks) {
        if let State::Running { checks: known, .. } = &mut unit.state {
            *known = checks;
        }
        self.put(unit);
    }

    /// A probe's answer that lasted.
    pub(super) fn probed(
        &mut self,
        name: &UnitName,
        instance: InstanceId,
        question: Question,
        passing: bool,
        why: &str,
    ) {
        let Some((unit, checks)) = self.living(name, instance) else { return };
        match (question, passing) {
            (Question::Ready, true) => self.is_ready(unit, checks, why),
            (Question::Ready, false) => {
                // Before it was ever ready, only the deadline counts.
                if checks.ready == Check::Passing {
                    self.event(name, "unit.not_ready", true, json!({"why": why}));
                    let ready = Check::Failing { why: why.to_owned() };
                    self.put_checks(unit, Checks { ready, ..checks });
                }
            }
            (Question::Live, true) => {
                if matches!(checks.live, Check::Waiting | Check::Failing { .. }) {
                    self.event(name, "unit.healthy", true, json!({"by": why}));
                    self.put_checks(unit, Checks { live: Check::Passing, ..checks });
                    self.wake_dependents(name);
                }
            }
            (Question::Live, false) => {
                let restarts = !matches!(checks.live, Check::Unasked);
                if restarts {
                    self.event(name, "unit.unhealthy", true, json!({"why": why}));
                    let live = Check::Failing { why: why.to_owned() };
                    self.put_checks(unit, Checks { live, ..checks });
                    self.end(name, Then::Judge(Verdict::NotLive));
                }
            }
        }
    }

    fn is_ready(&mut self, unit: Unit, checks: Checks, by: &str) {
        if checks.ready == Check::Passing && !checks.reloading {
            return;
        }
        let name = unit.name.clone();
        let first = checks.ready == Check::Waiting && !checks.reloading;
        let after_ms = match unit.state {
            State::Running { started_boot_ms, .. } => {
                self.now.boot_ms.saturating_sub(started_boot_ms)
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => 0,
        };
        self.event(&name, "unit.ready", true, json!({"by": by, "after_ms": after_ms}));
        if first {
            self.hook(&unit, Moment::Ready);
        }
        let checks =
            Checks { ready: Check::Passing, reloading: false, ready_by_boot_ms: None, ..checks };
        self.put_checks(unit, checks);
        self.wake_dependents(&name);
    }

    pub(super) fn notified(&mut self, name: &UnitName, instance: InstanceId, notice: Notice) {
        let Some((unit, mut checks)) = self.living(name, instance) else { return };
        let now = self.now.boot_ms;
        match notice {
            Notice::Ready => {
                // Ready by its own word, if that is what is asked for.
                let asked = unit.spec.probes.ready.as_ref().is_some_and(|p| p.notify.is_some());
                if asked || checks.reloading {
                    self.is_ready(unit, checks, "its own word");
                }
            }
            Notice::Reloading => {
                let Some(probe) = unit.spec.probes.ready.as_ref().filter(|p| p.notify.is_some())
                else {
                    return;
                };
                checks.ready_by_boot_ms = Some(now + probe.within.ms());
                checks.ready = Check::Waiting;
                checks.reloading = true;
                self.event(name, "unit.reloading", true, json!({"within": probe.within}));
                self.put_checks(unit, checks);
                self.arm(name, instance);
            }
            Notice::Status(status) => {
                if checks.status.as_deref() != Some(&status) {
                    self.event(name, "unit.said", true, json!({"status": status}));
                    checks.status = Some(status);
                    self.put_checks(unit, checks);
                }
            }
            Notice::Extend(span) => {
                let until = now + span.ms();
                let deadline = if checks.ready == Check::Waiting {
                    &mut checks.ready_by_boot_ms
                } else {
                    &mut checks.ends_by_boot_ms
                };
                if deadline.is_some_and(|by| by < until) {
                    *deadline = Some(until);
                    self.event(name, "unit.time_extended", true, json!({"by": span}));
                    self.put_checks(unit, checks);
                    self.arm(name, instance);
                }
            }
        }
    }

    /// Has the host call back when the next deadline of a living process is over.
    pub(super) fn arm(&mut self, name: &UnitName, instance: InstanceId) {
        let Some((_, checks)) = self.living(name, instance) else { return };
        if let Some(by) = checks.next_deadline() {
            let delay_ms = by.saturating_sub(self.now.boot_ms);
            self.out.orders.push(Order::Alarm { name: name.clone(), instance, delay_ms });
        }
    }

    /// A deadline may be over; one that was moved meanwhile is waited for on.
    pub(super) fn alarm(&mut self, name: &UnitName, instance: InstanceId, last: Option<String>) {
        let Some((unit, checks)) = self.living(name, instance) else { return };
        let now = self.now.boot_ms;
        let late =
            checks.ready == Check::Waiting && checks.ready_by_boot_ms.is_some_and(|by| by <= now);
        if late {
            let within = unit.spec.probes.ready.as_ref().map(|probe| probe.within);
            let body = json!({"within": within, "why": last, "reloading": checks.reloading});
            self.event(name, "unit.not_ready", true, body);
            self.put(unit);
            self.end(name, Then::Judge(Verdict::NotReady));
        } else if checks.ends_by_boot_ms.is_some_and(|by| by <= now) {
            let limit = unit.spec.limits.run_time;
            let body = json!({"limit": "run_time", "allowed": limit});
            self.event(name, "unit.limit_exceeded", true, body);
            self.put(unit);
            self.end(name, Then::Judge(Verdict::RunTime));
        } else {
            self.arm(name, instance);
        }
    }

    /// The host measured more than is allowed.
    pub(super) fn exceeded(
        &mut self,
        name: &UnitName,
        instance: InstanceId,
        verdict: Verdict,
        used: f64,
    ) {
        let Some((unit, _)) = self.living(name, instance) else { return };
        let (allowed, limit) = match verdict {
            Verdict::MemoryLimit => (unit.spec.limits.memory.map(|m| m as f64), "memory"),
            Verdict::CpuLimit => (unit.spec.limits.cpu, "cpu"),
            Verdict::NotReady | Verdict::NotLive | Verdict::RunTime => (None, ""),
        };
        // The limit may have been raised or removed since it was measured.
        if allowed.is_none_or(|allowed| used <= allowed) {
            return;
        }
        let body = json!({"limit": limit, "allowed": allowed, "used": used});
        self.event(name, "unit.limit_exceeded", true, body);
        self.put(unit);
        self.end(name, Then::Judge(verdict));
    }

    /// Whether what another unit waits for is so.
    pub(super) fn fulfils(&self, name: &UnitName, condition: Condition) -> bool {
        let Some(unit) = self.peek(name) else { return false };
        // One that did its work and ended was started and ready; its dependents need not wait.
        let finished = matches!(unit.state, State::Stopped { rest: Rest::Finished });
        match (&unit.state, condition) {
            (State::Running { .. }, Condition::Started) => true,
            (State::Running { checks, .. }, Condition::Ready) => checks.is_ready(),
            (State::Running { checks, .. }, Condition::Healthy) => {
                checks.is_ready() && matches!(checks.live, Check::Unasked | Check::Passing)
            }
            (State::Running { .. }, Condition::Completed) => false,
            (_, Condition::Started | Condition::Ready | Condition::Completed) => finished,
            (_, Condition::Healthy) => false,
        }
    }

    /// What a unit that gave up means for those that start after it.
    pub(super) fn suffer(&mut self, name: &UnitName) {
        let Some(unit) = self.peek(name) else { return };
        match unit.spec.on_failed {
            OnFailed::Ignore => {}
            OnFailed::Shutdown => {
                self.out.orders.push(Order::Shutdown { name: name.clone() });
            }
            OnFailed::StopDependents => {
                for dependent in self.dependents(name) {
                    let live = self.peek(&dependent).is_some_and(|unit| {
                        matches!(
                            unit.state,
                            State::Running { .. }
                                | State::Starting { instance: Some(_), .. }
                                | State::BackingOff { .. }
                        )
                    });
                    if live {
                        // It starts again when what it waits for runs again.
                        self.end(&dependent, Then::Start);
                    }
                }
            }
        }
    }

    /// All that start after a unit, directly or by others.
    fn dependents(&self, name: &UnitName) -> BTreeSet<UnitName> {
        let mut found = BTreeSet::new();
        let mut open = vec![name.clone()];
        while let Some(next) = open.pop() {
            for other in self.names_where(|unit| unit.spec.after.contains_key(&next)) {
                if found.insert(other.clone()) {
                    open.push(other);
                }
            }
        }
        found
    }
}
