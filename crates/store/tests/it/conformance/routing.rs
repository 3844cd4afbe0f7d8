//! Breakers, track records, choices and milestones.

use super::{run_id, time};
use orkestra_core::id::{SessionId, TaskId};
use orkestra_store::{ChoiceRow, Store, TrackRow, TrackSum};
use uuid::Uuid;

fn track(run: u128, agent: &str, outcome: &str, at: i64) -> TrackRow {
    TrackRow {
        run: run_id(run),
        agent: agent.into(),
        kind: "test".into(),
        outcome: outcome.into(),
        at: time(at),
    }
}

fn sum(agent: &str, kind: &str, counts: [u64; 3]) -> TrackSum {
    let [verified, refuted, failed] = counts;
    TrackSum { agent: agent.into(), kind: kind.into(), verified, refuted, failed }
}

pub(super) fn routing(store: &Store) {
    let rows = [
        track(1, "a", "verified", 1),
        track(2, "a", "failed", 2),
        track(3, "b", "refuted", 3),
        // Told twice, and told otherwise later: a run counts once.
        track(1, "a", "verified", 4),
        track(3, "b", "verified", 5),
    ];
    let new = store
        .write_blocking(move |tx| {
            rows.iter().map(|row| tx.put_track(row)).collect::<Result<Vec<_>, _>>()
        })
        .unwrap();
    assert_eq!(new.value, [true, true, true, false, true]);
    let sums = store.read_blocking(|r| r.track_sums()).unwrap();
    assert_eq!(sums, [sum("a", "test", [1, 0, 1]), sum("b", "test", [1, 0, 0])]);
    let since = store.read_blocking(|r| r.track_since(time(2))).unwrap();
    assert_eq!(since, [sum("a", "", [0, 0, 1]), sum("b", "", [1, 0, 0])]);
    assert_eq!(store.read_blocking(|r| r.track(run_id(3))).unwrap().unwrap().outcome, "verified");
    let wrong = track(9, "a", "great", 1);
    assert!(store.write_blocking(move |tx| tx.put_track(&wrong)).is_err());

    let (task, session) = (TaskId::new(Uuid::from_u128(1)), SessionId::new(Uuid::from_u128(2)));
    let choice = move |fence, agent: Option<&str>| ChoiceRow {
        task,
        fence,
        agent: agent.map(str::to_owned),
        body: "{}".into(),
        at: time(1),
    };
    store
        .write_blocking(move |tx| {
            tx.put_breaker("a", "one")?;
            tx.put_breaker("a", "two")?;
            tx.put_choice(&choice(1, None))?;
            tx.put_choice(&choice(1, Some("a")))?;
            tx.put_choice(&choice(2, Some("b")))?;
            assert!(tx.put_milestone(session, 25)?);
            assert!(!tx.put_milestone(session, 25)?);
            assert!(tx.put_milestone(session, 50)?);
            Ok(())
        })
        .unwrap();
    let (breakers, one, choices) = store
        .read_blocking(move |r| Ok((r.breakers()?, r.breaker("b")?, r.choices(task, 10)?)))
        .unwrap();
    assert_eq!((breakers, one), (vec![("a".to_owned(), "two".to_owned())], None));
    assert_eq!(choices, [choice(2, Some("b")), choice(1, Some("a"))]);
}
