//! What must hold of every decision, whatever the units and the input.

use crate::event::{Cause, Draft, Topic};
use crate::id::InstanceId;
use crate::unit::backoff::Backoff;
use crate::unit::spec::UnitName;
use crate::unit::{Decision, Fleet, Hand, Order, State};
use std::collections::{BTreeMap, BTreeSet};

/// Every kind that units may write; the web and the CLI know these.
const KINDS: [&str; 27] = [
    "unit.adopted",
    "unit.configured",
    "unit.exited",
    "unit.failed",
    "unit.healthy",
    "unit.hook_failed",
    "unit.hook_ran",
    "unit.limit_exceeded",
    "unit.lost",
    "unit.not_ready",
    "unit.ready",
    "unit.reloading",
    "unit.removed",
    "unit.restart_requested",
    "unit.restart_scheduled",
    "unit.said",
    "unit.signalled",
    "unit.start_failed",
    "unit.start_requested",
    "unit.started",
    "unit.starting",
    "unit.stop_requested",
    "unit.stopped",
    "unit.stopping",
    "unit.time_extended",
    "unit.unhealthy",
    "unit.waiting",
];

/// What the laws remember between decisions.
#[derive(Default)]
pub(super) struct Laws {
    instances: BTreeSet<InstanceId>,
    waits: BTreeMap<UnitName, (Backoff, u32, u64)>,
}

impl Laws {
    pub(super) fn check(&mut self, before: &Fleet, decision: &Decision, said: &str) {
        no_change_without_an_event(before, decision, said);
        events_are_well_formed(decision, said);
        self.launches_are_right(before, decision, said);
        self.waits_grow(decision);
        for name in &decision.removed {
            assert!(before.units.contains_key(name), "{said}: {name} was not there");
            assert!(!decision.changed.contains_key(name), "{said}: {name} stays and goes");
        }
    }

    fn launches_are_right(&mut self, before: &Fleet, decision: &Decision, said: &str) {
        for order in &decision.orders {
            let Order::Launch { name, instance, generation } = order else { continue };
            let closing = before.closing.is_some() || decision.closing.is_some();
            assert!(!closing, "{said}: a start on the way down");
            assert!(self.instances.insert(*instance), "{said}: a second start of one life");
            let unit = &decision.changed[name];
            assert!(unit.is_wanted() && unit.hand != Hand::Stopped, "{said}: nobody wants {name}");
            assert_eq!(unit.instance(), Some(*instance), "{said}");
            assert!(matches!(unit.state, State::Starting { .. }), "{said}");
            assert_eq!(unit.generation, *generation, "{said}");
            let earlier = before.units.get(name).map_or(0, |unit| unit.generation);
            assert_eq!(*generation, earlier + 1, "{said}");
            let told = decision.events.iter().any(|draft| {
                draft.kind == "unit.starting"
                    && draft.subject == name.as_str()
                    && draft.body["instance"] == instance.to_string()
            });
            assert!(told, "{said}: {name} starts in silence");
        }
    }

    /// While failures go on and the policy stays, no wait is shorter than the one before.
    fn waits_grow(&mut self, decision: &Decision) {
        for draft in decision.events.iter().filter(|d| d.kind == "unit.restart_scheduled") {
            let Some(unit) = decision.changed.get(draft.subject.as_str()) else { continue };
            let attempt = u32::try_from(draft.body["attempt"].as_u64().unwrap()).unwrap();
            let delay_ms = draft.body["delay_ms"].as_u64().unwrap();
            let backoff = unit.spec.restart.backoff;
            let now = (backoff, attempt, delay_ms);
            if let Some((policy, earlier, shorter)) = self.waits.insert(unit.name.clone(), now)
                && policy == backoff
                && attempt > earlier
            {
                assert!(delay_ms >= shorter, "the wait fell from {shorter} to {delay_ms}");
            }
        }
    }
}

/// Law 1 in both directions: a row differs exactly when an event tells of it. A row counts as
/// changed by its newest event alone, which the commit enters into it.
fn no_change_without_an_event(before: &Fleet, decision: &Decision, said: &str) {
    let touched: BTreeSet<&str> =
        decision.changed.keys().chain(&decision.removed).map(UnitName::as_str).collect();
    let told: BTreeSet<&str> = decision.events.iter().map(|draft| draft.subject.as_str()).collect();
    for name in &touched {
        let same = decision.changed.get(*name) == before.units.get(*name);
        assert!(told.contains(name), "{said}: {name} changes in silence (same: {same})");
    }
    for name in &told {
        assert!(touched.contains(name), "{said}: an event of {name}, but its row stays");
    }
}

fn events_are_well_formed(decision: &Decision, said: &str) {
    for (index, Draft { kind, version, topic, subject, actor, cause, body }) in
        decision.events.iter().enumerate()
    {
        assert!(KINDS.contains(&kind.as_str()), "{said}: {kind} is unknown");
        assert_eq!((*version, *topic), (1, Topic::Unit), "{said}: {kind}");
        assert!(actor == "daemon" || actor == "person:test", "{said}: {actor}");
        assert!(body.is_object(), "{said}: {kind}");
        if let Cause::Earlier(earlier) = cause {
            assert!(*earlier < index, "{said}: {kind} is caused by what comes later");
            let of = decision.events.get(*earlier).map(|draft| &draft.subject);
            assert_eq!(of, Some(subject), "{said}: {kind}");
        }
    }
}
