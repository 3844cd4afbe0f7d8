//! The way down: dependents first, one deadline for all (MISSION row 8).

use super::decide::{Order, Turn};
use super::spec::{Kind, UnitName};
use super::{Closing, Rest, State, Then, graph};
use serde_json::json;
use std::collections::BTreeSet;

impl Turn<'_> {
    pub(super) fn close_all(&mut self) {
        if self.is_closing() {
            return;
        }
        let live: BTreeSet<&UnitName> = self
            .fleet
            .units
            .values()
            .filter(|unit| unit.instance().is_some())
            .map(|unit| &unit.name)
            .collect();
        let after: graph::After<'_> =
            self.fleet.units.values().map(|unit| (&unit.name, &unit.spec.after)).collect();
        let levels = u64::try_from(graph::levels(&after, &live)).unwrap_or(1);
        let grace_ms = live
            .iter()
            .filter_map(|name| self.fleet.units.get(*name))
            .map(|unit| unit.spec.stop.grace.ms())
            .max()
            .unwrap_or(0);
        self.out.closing = Some(Closing {
            deadline_boot_ms: self.now.boot_ms + grace_ms,
            window_ms: grace_ms / levels,
        });
        let waiting = self.names_where(|unit| {
            matches!(unit.state, State::Starting { instance: None, .. } | State::BackingOff { .. })
        });
        for name in waiting {
            self.end(&name, Then::Rest(Rest::Down));
        }
        self.forget_work_done();
        self.close_next(false);
        if levels > 1 {
            self.out.orders.push(Order::CloseWindow { delay_ms: grace_ms / levels });
        }
    }

    /// What was done once is done again after the next start: others may count on it.
    fn forget_work_done(&mut self) {
        let done = self.names_where(|unit| {
            unit.spec.kind == Kind::Oneshot && unit.state == State::Stopped { rest: Rest::Finished }
        });
        for name in done {
            let Some(unit) = self.unit(&name) else { continue };
            self.event(&name, "unit.stopped", true, json!({"reason": Rest::Down}));
            self.enter(unit, State::Stopped { rest: Rest::Down });
        }
    }

    /// Stops the units that no living unit depends on. When the window of a level is over
    /// (`forced`), units that are already being stopped hold up nobody any more.
    pub(super) fn close_next(&mut self, forced: bool) {
        let Some(closing) = self.out.closing.or(self.fleet.closing) else { return };
        let living = self.names_where(|unit| unit.instance().is_some());
        let mut needed = BTreeSet::new();
        for unit in living.iter().filter_map(|name| self.peek(name)) {
            if !(forced && matches!(unit.state, State::Stopping { .. })) {
                needed.extend(unit.spec.after.keys().cloned());
            }
        }
        let mut any_left = false;
        for name in living {
            match self.peek(&name).map(|unit| &unit.state) {
                Some(State::Running { .. } | State::Starting { .. }) => {
                    if needed.contains(&name) {
                        any_left = true;
                    } else {
                        self.end(&name, Then::Rest(Rest::Down));
                    }
                }
                Some(State::Stopping { instance, then: Then::Start, .. }) => {
                    // The restart that was under way becomes a stop.
                    let body = json!({"instance": instance, "then": Then::Rest(Rest::Down)});
                    self.event(&name, "unit.stopping", true, body);
                    self.end(&name, Then::Rest(Rest::Down));
                }
                Some(
                    State::Stopping { .. }
                    | State::Stopped { .. }
                    | State::BackingOff { .. }
                    | State::Failed { .. },
                )
                | None => {}
            }
        }
        if forced && any_left {
            self.out.orders.push(Order::CloseWindow { delay_ms: closing.window_ms });
        }
    }
}
