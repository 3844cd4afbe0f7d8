//! The way down: dependents first, one deadline for all (MISSION row 8).

use super::decide::{Order, Turn};
use super::spec::UnitName;
use super::{Closing, Rest, State, Then, graph};
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
        for name in self.names() {
            let waits = self.unit(&name).is_some_and(|unit| {
                matches!(unit.state, State::Starting { instance: None, .. } | State::BackingOff { .. })
            });
            if waits {
                self.end(&name, Then::Rest(Rest::Down));
            }
        }
        self.close_next(false);
        if levels > 1 {
            self.out.orders.push(Order::CloseWindow { delay_ms: grace_ms / levels });
        }
    }

    /// Stops the units that no living unit depends on. When the window of a level is over
    /// (`forced`), units that are already being stopped hold up nobody any more.
    pub(super) fn close_next(&mut self, forced: bool) {
        let Some(closing) = self.out.closing.or(self.fleet.closing) else { return };
        let names = self.names();
        let mut needed = BTreeSet::new();
        for unit in names.iter().filter_map(|name| self.unit(name)) {
            let stopping = matches!(unit.state, State::Stopping { .. });
            if unit.instance().is_some() && !(forced && stopping) {
                needed.extend(unit.spec.after.into_keys());
            }
        }
        let left_ms = closing.deadline_boot_ms.saturating_sub(self.now.boot_ms);
        let mut any_left = false;
        for name in names {
            let Some(unit) = self.unit(&name) else { continue };
            let live = matches!(unit.state, State::Running { .. } | State::Starting { .. });
            if live && needed.contains(&name) {
                any_left = true;
            } else if live {
                let grace_ms = unit.spec.stop.grace.ms().min(left_ms);
                self.end_within(&name, Then::Rest(Rest::Down), grace_ms);
            } else if matches!(unit.state, State::Stopping { then: Then::Start, .. }) {
                self.end_within(&name, Then::Rest(Rest::Down), left_ms);
            }
        }
        if forced && any_left {
            self.out.orders.push(Order::CloseWindow { delay_ms: closing.window_ms });
        }
    }
}
