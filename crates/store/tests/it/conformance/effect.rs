//! The outbox, as every back end must keep it.

use orkestra_core::id::EffectId;
use orkestra_store::{EffectState, Error, NewEffect, Outcome, Store};
use uuid::Uuid;

fn effect_id(n: u128) -> EffectId {
    EffectId::new(Uuid::from_u128(n))
}

pub(super) fn new_effect(n: u128, body: &str) -> NewEffect {
    NewEffect {
        id: effect_id(n),
        kind: "mail.send".to_owned(),
        key: format!("key-{n}"),
        body: body.to_owned(),
    }
}

pub(super) fn outbox(store: &Store) {
    store
        .write_blocking(|tx| {
            let id = effect_id(1);
            assert!(tx.record_effect(&new_effect(1, "{}"))?);
            assert!(!tx.record_effect(&new_effect(1, "{}"))?);
            let other = tx.record_effect(&new_effect(1, "[]"));
            assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
            let early = tx.finish_effect(id, 0, Outcome::Done, "");
            assert!(matches!(early, Err(Error::Conflict(_))), "{early:?}");
            assert_eq!(tx.begin_effect(id, "daemon-1")?, 1);
            let twice = tx.begin_effect(id, "daemon-1");
            assert!(matches!(twice, Err(Error::Conflict(_))), "{twice:?}");
            tx.finish_effect(id, 1, Outcome::Failed, "no route")?;
            tx.retry_effect(id)?;
            assert_eq!(tx.begin_effect(id, "daemon-2")?, 2);
            let late = tx.finish_effect(id, 1, Outcome::Done, "late");
            assert!(matches!(late, Err(Error::Stale { given: 1, current: 2 })), "{late:?}");
            tx.finish_effect(id, 2, Outcome::Done, "sent")?;
            for illegal in [
                tx.retry_effect(id),
                tx.settle_effect(id, Outcome::Failed, ""),
                tx.finish_effect(id, 2, Outcome::Failed, ""),
            ] {
                assert!(matches!(illegal, Err(Error::Conflict(_))), "{illegal:?}");
            }
            let missing = tx.begin_effect(effect_id(99), "daemon-1");
            assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
            Ok(())
        })
        .unwrap();
    let row = store.read_blocking(|r| r.effect_by_key("key-1")).unwrap().unwrap();
    assert_eq!((row.state, row.fence, row.attempts), (EffectState::Done, 2, 2));
    assert_eq!((row.owner.as_deref(), row.detail.as_deref()), (Some("daemon-2"), Some("sent")));
}

pub(super) fn outbox_recovery(store: &Store) {
    let lost = store
        .write_blocking(|tx| {
            for n in 1..=3 {
                tx.record_effect(&new_effect(n, "{}"))?;
            }
            tx.begin_effect(effect_id(1), "old")?;
            tx.begin_effect(effect_id(2), "new")?;
            tx.recover_effects("old")
        })
        .unwrap();
    assert_eq!(lost.value, [effect_id(1)]);
    let states = |state| {
        let rows = store.read_blocking(move |r| r.effects(Some(state), 10)).unwrap();
        rows.iter().map(|row| row.id.uuid().as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(
        (states(EffectState::Recorded), states(EffectState::Begun), states(EffectState::Unknown)),
        (vec![3], vec![2], vec![1])
    );
    let late = store.write_blocking(|tx| tx.finish_effect(effect_id(1), 1, Outcome::Done, "late"));
    assert!(matches!(late, Err(Error::Stale { .. })), "{late:?}");
    let again = store.write_blocking(|tx| tx.begin_effect(effect_id(1), "new"));
    assert!(matches!(again, Err(Error::Conflict(_))), "never blindly repeated: {again:?}");
    store.write_blocking(|tx| tx.settle_effect(effect_id(1), Outcome::Done, "in Sent")).unwrap();
    assert_eq!(states(EffectState::Done), [1]);
}
