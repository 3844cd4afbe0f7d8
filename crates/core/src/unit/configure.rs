//! What follows from a new configuration: only what differs is touched (MISSION row 10).

use super::decide::Turn;
use super::probe::Checks;
use super::spec::{UnitName, UnitSpec};
use super::{Hand, Rest, State, Then, Unit};
use serde_json::json;
use std::collections::BTreeMap;

impl Turn<'_> {
    pub(super) fn configure(&mut self, specs: &BTreeMap<UnitName, UnitSpec>) {
        for (name, spec) in specs {
            match self.unit(name) {
                None => {
                    let unit = Unit::new(name.clone(), spec.clone(), self.now.at);
                    let body =
                        json!({"new": true, "command": spec.command, "enabled": spec.enabled});
                    self.event(name, "unit.configured", false, body);
                    self.put(unit);
                }
                Some(unit) => self.reconfigure(unit, spec),
            }
        }
        let leaving = self.names_where(|unit| {
            !specs.contains_key(&unit.name)
                && !matches!(unit.state, State::Stopping { then: Then::Remove, .. })
        });
        for name in leaving {
            self.event(&name, "unit.removed", false, json!({}));
            self.end(&name, Then::Remove);
        }
        for name in specs.keys() {
            self.start_if_wanted(name);
        }
    }

    /// Starts a unit that is wanted, but for one that ended by its policy: that is up to people.
    fn start_if_wanted(&mut self, name: &UnitName) {
        let Some(unit) = self.unit(name) else { return };
        if !unit.is_wanted() {
            if matches!(unit.state, State::Stopped { rest: Rest::New }) {
                self.enter(unit, State::Stopped { rest: Rest::Disabled });
            }
            return;
        }
        if self.is_closing() {
            return;
        }
        match unit.state {
            // A unit that waited when the daemon died has nobody else to wake it.
            State::Stopped { rest: Rest::New | Rest::Down | Rest::Disabled | Rest::ByHand }
            | State::Starting { instance: None, .. } => self.launch_or_wait(name),
            // A daemon that died on its way down had begun to stop it.
            State::Stopping { then: Then::Rest(_), .. } => {
                self.event(name, "unit.start_requested", false, json!({}));
                self.end(name, Then::Start);
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => {}
        }
    }

    /// Applies a changed spec to a unit that exists.
    fn reconfigure(&mut self, mut unit: Unit, spec: &UnitSpec) {
        let name = unit.name.clone();
        let returns = matches!(unit.state, State::Stopping { then: Then::Remove, .. });
        if unit.spec == *spec && !returns {
            return;
        }
        let fields = unit.spec.changed_fields(spec);
        let toggled = unit.spec.enabled != spec.enabled;
        let other_process = unit.spec.process_differs(spec);
        let other_policy = unit.spec.restart != spec.restart;
        let body = json!({"changed": fields, "command": spec.command, "enabled": spec.enabled});
        self.event(&name, "unit.configured", false, body);
        let other_probes = unit.spec.probes != spec.probes;
        let other_time = unit.spec.limits.run_time != spec.limits.run_time;
        unit.spec = spec.clone();
        if (other_probes || other_time) && !other_process {
            self.ask_anew(&mut unit, other_probes);
        }
        if toggled {
            // The newer word counts: an edit of `enabled` ends what a person said before it.
            unit.hand = Hand::None;
        }
        if toggled || other_process {
            unit.attempt = 0;
            unit.restarts = 0;
        }
        let wanted = unit.is_wanted();
        let by_hand = unit.hand == Hand::Stopped;
        let state = unit.state.clone();
        self.put(unit);
        if let State::Running { instance, .. } = state {
            self.arm(&name, instance);
        }
        if !wanted {
            if toggled || returns {
                let rest = if by_hand { Rest::ByHand } else { Rest::Disabled };
                self.end(&name, Then::Rest(rest));
            }
            return;
        }
        if self.is_closing() {
            if returns {
                self.end(&name, Then::Rest(Rest::Down));
            }
            return;
        }
        match state {
            State::Running { .. } | State::Starting { instance: Some(_), .. } => {
                if other_process {
                    self.end(&name, Then::Start);
                }
            }
            State::Stopping { then: Then::Start, .. } => {}
            State::Stopping { .. } => self.end(&name, Then::Start),
            // What it waits for may have changed.
            State::Starting { instance: None, .. } => self.launch_or_wait(&name),
            // A better command or policy deserves a try now, not after the old one's wait.
            State::BackingOff { .. } => {
                if toggled || other_process || other_policy {
                    self.launch_or_wait(&name);
                }
            }
            State::Stopped { .. } | State::Failed { .. } => {
                if toggled || other_process {
                    self.launch_or_wait(&name);
                }
            }
        }
    }

    /// Other probes or another longest life hold for a living process too.
    fn ask_anew(&self, unit: &mut Unit, other_probes: bool) {
        let (probes, run_time) = (unit.spec.probes.clone(), unit.spec.limits.run_time);
        if let State::Running { checks, started_boot_ms, .. } = &mut unit.state {
            let ends_by = run_time.map(|span| *started_boot_ms + span.ms());
            if other_probes {
                let status = checks.status.take();
                *checks = Checks::begin(&probes, None, self.now.boot_ms);
                checks.status = status;
            }
            checks.ends_by_boot_ms = ends_by;
        }
    }

    pub(super) fn remove(&mut self, name: UnitName) {
        self.out.changed.remove(&name);
        self.out.removed.insert(name);
    }
}
