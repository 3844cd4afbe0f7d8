//! The books, budgets, promises and the call log.

use super::{run_id, time};
use orkestra_store::{CallRow, Reservation, Spent, Store, UsageBy, UsageFilter};

/// On two rows of run 1 (one without a price) and one of run 2, as `usage` wrote them.
pub(super) fn books(store: &Store) {
    let by = |by, filter: UsageFilter| {
        store
            .read_blocking(move |r| r.usage_by(by, &filter, 10))
            .unwrap()
            .into_iter()
            .map(|group| {
                (group.key, group.cost_micros, group.tokens.total(), group.rows_without_price)
            })
            .collect::<Vec<_>>()
    };
    let all = UsageFilter::default;
    let group = |key: &str, cost, tokens, unpriced| (key.to_owned(), cost, tokens, unpriced);
    assert_eq!(by(UsageBy::Agent, all()), [group("claude", 10, 20, 1), group("codex", 5, 10, 0)]);
    assert_eq!(by(UsageBy::Model, all()), [group("m", 10, 20, 1), group("n", 5, 10, 0)]);
    assert_eq!(by(UsageBy::Day, all()), [group("2027-01-15", 15, 30, 1)]);
    let runs = by(UsageBy::Run, all());
    assert_eq!(runs[0].0, run_id(2).to_string(), "the newest first: {runs:?}");
    let spent = |filter: UsageFilter| store.read_blocking(move |r| r.spent(&filter)).unwrap();
    assert_eq!(spent(all()), Spent { micros: 15, tokens: 30, unpriced: 1 });
    assert_eq!(spent(UsageFilter { agent: Some("codex".into()), ..all() }).micros, 5);
    assert_eq!(spent(UsageFilter { model: Some("m*".into()), ..all() }).micros, 10);
    assert_eq!(spent(UsageFilter { model: Some("%".into()), ..all() }), Spent::default());
    assert_eq!(spent(UsageFilter { run: Some(run_id(2)), ..all() }).tokens, 10);
    assert_eq!(spent(UsageFilter { until: Some(time(-10)), ..all() }), Spent::default());
    let of = UsageFilter { agent: Some("claude".into()), ..all() };
    let runs = store.read_blocking(move |r| r.usage_runs(&of, 10)).unwrap();
    assert_eq!(runs, [run_id(1)]);
}

pub(super) fn promises(store: &Store) {
    let promise = |key: &str, run: u128, until: i64| Reservation {
        key: key.to_owned(),
        run: run_id(run),
        agent: "claude".to_owned(),
        model: "m".to_owned(),
        micros: 500,
        tokens: 7,
        expires_at: time(until),
    };
    let far = 100_000_000_000;
    for one in [promise("a", 1, far), promise("b", 1, far + 1), promise("c", 2, far)] {
        store.write_blocking(move |tx| tx.reserve(&one)).unwrap();
    }
    let reserved = |filter: UsageFilter, at| {
        store.read_blocking(move |r| r.reserved(&filter, time(at))).unwrap()
    };
    let of_run = |run| UsageFilter { run: Some(run_id(run)), ..UsageFilter::default() };
    assert_eq!(reserved(UsageFilter::default(), 0), (1500, 21));
    assert_eq!(reserved(of_run(1), far), (500, 7), "void at its time");
    store.write_blocking(|tx| tx.release_oldest_reservation(run_id(1))).unwrap();
    assert_eq!(reserved(of_run(1), 0), (500, 7));
    let left = store.read_blocking(|r| r.reservation("b")).unwrap();
    assert_eq!(left, Some(promise("b", 1, far + 1)));
    store.write_blocking(|tx| tx.release_reservation("c")).unwrap();
    assert_eq!(reserved(of_run(2), 0), (0, 0));

    let tell = |share| {
        store.write_blocking(move |tx| tx.tell_budget("daily", "2027-01-15", share)).unwrap().value
    };
    assert!(tell(50) && tell(75) && !tell(50), "once each");
    let told = || store.read_blocking(|r| r.budget_told("daily")).unwrap();
    assert_eq!(told().len(), 2);
    store.write_blocking(|tx| tx.forget_budget_told("daily", "2027-01-15")).unwrap();
    assert!(told().is_empty() && tell(50));
}

pub(super) fn calls(store: &Store) {
    let call = |number: u64, ok: bool| CallRow {
        key: format!("call-{number}"),
        agent: "claude".to_owned(),
        run: run_id(1),
        at: time(i64::try_from(number).unwrap()),
        ms: number * 10,
        ok,
        status: if ok { "ok" } else { "500" }.to_owned(),
        tokens: 3,
    };
    for number in 1..=20 {
        let one = call(number, number != 20);
        assert!(store.write_blocking(move |tx| tx.put_call(&one)).unwrap().value);
    }
    let again = call(7, false);
    assert!(!store.write_blocking(move |tx| tx.put_call(&again)).unwrap().value);
    let stats = store.read_blocking(|r| r.call_stats(time(-1))).unwrap();
    assert_eq!(stats.len(), 1);
    let of = &stats[0];
    assert_eq!((of.calls, of.ok, of.tokens, of.mean_ms, of.p95_ms), (20, 19, 60, 105, 190));
    assert_eq!(of.last_at, Some(time(20)));
    let newest = store.read_blocking(|r| r.calls("claude", 2)).unwrap();
    assert_eq!(newest, [call(20, false), call(19, true)]);
}
