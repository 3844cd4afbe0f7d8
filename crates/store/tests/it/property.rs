//! Any sequence of commands, with failures and restarts in between, compared with a simple model.

use crate::home::{Home, big, draft};
use orkestra_core::id::{EffectId, EventId};
use orkestra_store::{EffectState, Error, Filter, NewEffect, Outcome, Store, UnitRow};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Clone)]
enum Step {
    Append { events: usize, large: bool, fails: bool },
    PutUnit(u8, u8),
    RemoveUnit(u8),
    Record(u8),
    Begin(u8),
    Finish { effect: u8, fence: u64, outcome: Outcome },
    Settle(u8, Outcome),
    Retry(u8),
    Recover(u8),
    Erase(usize),
    Prune(u64),
    Reopen,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Done), Just(Outcome::Failed), Just(Outcome::Unknown)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..5usize, prop::bool::weighted(0.1), prop::bool::weighted(0.3))
            .prop_map(|(events, large, fails)| Step::Append { events, large, fails }),
        2 => (0..3u8, any::<u8>()).prop_map(|(name, body)| Step::PutUnit(name, body)),
        1 => (0..3u8).prop_map(Step::RemoveUnit),
        3 => (0..3u8).prop_map(Step::Record),
        4 => (0..3u8).prop_map(Step::Begin),
        4 => (0..3u8, 0..4u64, outcome())
            .prop_map(|(effect, fence, outcome)| Step::Finish { effect, fence, outcome }),
        2 => (0..3u8, outcome()).prop_map(|(effect, outcome)| Step::Settle(effect, outcome)),
        2 => (0..3u8).prop_map(Step::Retry),
        1 => (0..2u8).prop_map(Step::Recover),
        1 => (0..20usize).prop_map(Step::Erase),
        1 => (0..20u64).prop_map(Step::Prune),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    /// Events in order; `None` once erased.
    events: Vec<(EventId, Option<String>)>,
    floor: usize,
    units: BTreeMap<String, String>,
    effects: BTreeMap<u8, (EffectState, u64)>,
}

fn effect(n: u8) -> EffectId {
    EffectId::new(Uuid::from_u128(u128::from(n)))
}

/// All effects are begun by an owner named after the parity of the effect.
fn owner(n: u8) -> String {
    format!("owner-{}", n % 2)
}

impl Model {
    fn apply(&mut self, store: &Store, step: &Step) {
        match step.clone() {
            Step::Append { events, large, fails } => self.append(store, events, large, fails),
            Step::PutUnit(name, body) => {
                let (name, body) = (format!("unit-{name}"), body.to_string());
                self.units.insert(name.clone(), body.clone());
                let row = UnitRow { name, state: "x".to_owned(), body };
                store.write_blocking(move |tx| tx.put_unit(&row)).unwrap();
            }
            Step::RemoveUnit(name) => {
                let name = format!("unit-{name}");
                let expected = self.units.remove(&name).is_some();
                let removed = store.write_blocking(move |tx| tx.remove_unit(&name)).unwrap();
                assert_eq!(removed.value, expected);
            }
            Step::Erase(index) => self.erase(store, index),
            Step::Prune(to) => {
                let pruned = store.write_blocking(move |tx| tx.prune(to, "daemon")).unwrap();
                if let Some(floor) = pruned.value {
                    assert!(floor <= to && floor > self.floor as u64);
                    self.floor = usize::try_from(floor).unwrap();
                    self.events
                        .push((pruned.events[0].event.id, Some("journal.pruned".to_owned())));
                }
            }
            Step::Reopen => {}
            Step::Record(_)
            | Step::Begin(_)
            | Step::Finish { .. }
            | Step::Settle(..)
            | Step::Retry(_)
            | Step::Recover(_) => self.outbox(store, step),
        }
    }

    fn append(&mut self, store: &Store, events: usize, large: bool, fails: bool) {
        let drafts: Vec<_> =
            (0..events)
                .map(|n| {
                    if large {
                        big(&n.to_string(), 17_000)
                    } else {
                        draft("unit.x", &n.to_string())
                    }
                })
                .collect();
        let kinds: Vec<_> = drafts.iter().map(|draft| draft.kind.clone()).collect();
        let result = store.write_blocking(move |tx| {
            let places = tx.append(&drafts)?;
            tx.put_unit(&UnitRow {
                name: "unit-0".to_owned(),
                state: "x".to_owned(),
                body: "new".to_owned(),
            })?;
            if fails { Err(Error::refused(std::fmt::Error)) } else { Ok(places) }
        });
        assert_eq!(result.is_err(), fails);
        if let Ok(committed) = result {
            self.units.insert("unit-0".to_owned(), "new".to_owned());
            let ids = committed.value.iter().map(|place| place.id);
            self.events.extend(ids.zip(kinds.into_iter().map(Some)));
        }
    }

    fn erase(&mut self, store: &Store, index: usize) {
        let Some((id, kind)) = self.events.get(index).cloned() else { return };
        let legal = index >= self.floor && kind.is_some_and(|kind| kind != "event.erased");
        let result = store.write_blocking(move |tx| tx.erase(id, "a wish", "person:test"));
        assert_eq!(result.is_ok(), legal, "{result:?}");
        if let Ok(committed) = result {
            self.events[index].1 = None;
            self.events.push((committed.value.id, Some("event.erased".to_owned())));
        }
    }

    fn outbox(&mut self, store: &Store, step: &Step) {
        use EffectState::{Begun, Failed, Recorded, Unknown};
        let state = |n: &u8| self.effects.get(n).copied();
        let became = |outcome: Outcome| match outcome {
            Outcome::Done => EffectState::Done,
            Outcome::Failed => Failed,
            Outcome::Unknown => Unknown,
        };
        // What should become of it; `None` when the step is illegal.
        let (n, next) = match step {
            Step::Record(n) => (*n, state(n).or(Some((Recorded, 0)))),
            Step::Begin(n) => {
                (*n, state(n).filter(|now| now.0 == Recorded).map(|now| (Begun, now.1 + 1)))
            }
            Step::Finish { effect, fence, outcome } => (
                *effect,
                state(effect)
                    .filter(|now| *now == (Begun, *fence))
                    .map(|now| (became(*outcome), now.1)),
            ),
            Step::Settle(n, outcome) => {
                (*n, state(n).filter(|now| now.0 == Unknown).map(|now| (became(*outcome), now.1)))
            }
            Step::Retry(n) => (
                *n,
                state(n)
                    .filter(|now| matches!(now.0, Failed | Unknown))
                    .map(|now| (Recorded, now.1)),
            ),
            Step::Recover(parity) => {
                let owner = owner(*parity);
                store.write_blocking(move |tx| tx.recover_effects(&owner)).unwrap();
                for (n, now) in &mut self.effects {
                    if n % 2 == *parity && now.0 == Begun {
                        *now = (Unknown, now.1 + 1);
                    }
                }
                return;
            }
            _ => return,
        };
        let step = step.clone();
        let result = store.write_blocking(move |tx| match step {
            Step::Record(n) => {
                let (kind, body) = ("mail.send".to_owned(), "{}".to_owned());
                tx.record_effect(&NewEffect { id: effect(n), kind, key: n.to_string(), body })
                    .map(drop)
            }
            Step::Begin(n) => tx.begin_effect(effect(n), &owner(n)).map(drop),
            Step::Finish { effect: n, fence, outcome } => {
                tx.finish_effect(effect(n), fence, outcome, "")
            }
            Step::Settle(n, outcome) => tx.settle_effect(effect(n), outcome, ""),
            Step::Retry(n) => tx.retry_effect(effect(n)),
            _ => Ok(()),
        });
        assert_eq!(result.is_ok(), next.is_some(), "{result:?}");
        if let Some(next) = next {
            self.effects.insert(n, next);
        }
    }

    fn compare(&self, store: &Store) {
        let all = Filter { limit: usize::MAX, ..Filter::default() };
        let (events, head, units, effects, report) = store
            .read_blocking(move |r| {
                Ok((
                    r.events(&all)?,
                    r.head()?,
                    r.units()?,
                    r.effects(None, 99)?,
                    r.verify(&mut |_| {})?,
                ))
            })
            .unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((head.seq, head.floor), (self.events.len() as u64, self.floor as u64));
        let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (head.floor + 1..=head.seq).collect::<Vec<_>>());
        for (event, (id, kind)) in events.iter().zip(&self.events[self.floor..]) {
            assert_eq!((event.id, event.body.is_some()), (*id, kind.is_some()));
        }
        let units: BTreeMap<_, _> = units.into_iter().map(|unit| (unit.name, unit.body)).collect();
        assert_eq!(units, self.units);
        let effects: BTreeMap<_, _> =
            effects.iter().map(|row| (row.id, (row.state, row.fence))).collect();
        let expected: BTreeMap<_, _> =
            self.effects.iter().map(|(n, state)| (effect(*n), *state)).collect();
        assert_eq!(effects, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_commands(steps in prop::collection::vec(step(), 1..40)) {
        let home = Home::new();
        let mut store = home.open();
        let mut model = Model::default();
        for step in &steps {
            if matches!(step, Step::Reopen) {
                drop(store);
                store = home.open();
                model.compare(&store);
            }
            model.apply(&store, step);
        }
        model.compare(&store);
    }
}
