//! Approvals and the rules that people made.

use jiff::Timestamp;
use orkestra_core::id::{ApprovalId, GrantId, RunId};
use orkestra_store::{ApprovalFilter, ApprovalRow, GateRuleRow, Store};
use uuid::Uuid;

fn row(n: u128, run: u128, state: &str, alike: &str, head: &str) -> ApprovalRow {
    ApprovalRow {
        id: ApprovalId::new(Uuid::from_u128(n)),
        run: RunId::new(Uuid::from_u128(run)),
        agent: "a".to_owned(),
        state: state.to_owned(),
        alike: alike.to_owned(),
        head: head.to_owned(),
        rule: "confirm".to_owned(),
        body: format!("{{\"n\":{n}}}"),
        asked_at: Timestamp::from_second(n as i64).unwrap(),
    }
}

pub(super) fn approvals(store: &Store) {
    let rows = [
        row(0x1a, 1, "used", "x", "git push"),
        row(0x2b, 1, "pending", "x", "git push"),
        row(0x3b, 2, "pending", "y", "git push"),
        row(0x4c, 2, "denied", "z", ""),
        row(0x5d, 3, "pending", "z", ""),
    ];
    let put = rows.clone();
    store.write_blocking(move |tx| put.iter().try_for_each(|row| tx.put_approval(row))).unwrap();
    let ids = |rows: Vec<ApprovalRow>| -> Vec<u128> {
        rows.iter().map(|row| row.id.uuid().as_u128()).collect()
    };
    let list = |filter: ApprovalFilter| {
        ids(store.read_blocking(move |read| read.approvals(&filter)).unwrap())
    };
    let all = ApprovalFilter { limit: 10, ..ApprovalFilter::default() };
    assert_eq!(list(all.clone()), [0x5d, 0x4c, 0x3b, 0x2b, 0x1a]);
    assert_eq!(list(ApprovalFilter { limit: 2, ..all.clone() }), [0x5d, 0x4c]);
    let before = Some(rows[2].id);
    assert_eq!(list(ApprovalFilter { before, ..all.clone() }), [0x2b, 0x1a]);
    let states = vec!["pending".to_owned(), "denied".to_owned()];
    let run = Some(rows[2].run);
    assert_eq!(list(ApprovalFilter { states, run, ..all }), [0x4c, 0x3b]);

    let first = rows[1].clone();
    let found = store
        .read_blocking(move |read| {
            Ok((
                read.approval(first.id)?,
                read.approval_by_suffix("b")?,
                read.approval_by_suffix("3-B")?,
                read.approval_by_suffix("zz")?,
                read.approvals_in("pending")?,
                read.approvals_like(&first, 10)?,
            ))
        })
        .unwrap();
    assert_eq!(found.0.as_ref(), Some(&rows[1]));
    assert_eq!((ids(found.1), ids(found.2)), (vec![0x3b, 0x2b], vec![0x3b]));
    assert_eq!((ids(found.3), found.4), (vec![], 3));
    assert_eq!(ids(found.5), [0x3b, 0x1a]);
    // Without a command only the same question is like it.
    let like = rows[4].clone();
    let like = store.read_blocking(move |read| read.approvals_like(&like, 10)).unwrap();
    assert_eq!(ids(like), [0x4c]);

    let answered = row(0x2b, 1, "approved", "x", "git push");
    let put = answered.clone();
    store.write_blocking(move |tx| tx.put_approval(&put)).unwrap();
    let id = answered.id;
    assert_eq!(store.read_blocking(move |read| read.approval(id)).unwrap(), Some(answered));

    let rule = |n: u128, run: Option<u128>| GateRuleRow {
        id: GrantId::new(Uuid::from_u128(n)),
        scope: "task".to_owned(),
        run: run.map(|run| RunId::new(Uuid::from_u128(run))),
        agent: None,
        until: Some(Timestamp::from_second(9).unwrap()),
        body: "{}".to_owned(),
    };
    let (one, two) = (rule(1, Some(1)), rule(2, None));
    let put = [two.clone(), one.clone()];
    store.write_blocking(move |tx| put.iter().try_for_each(|one| tx.put_gate_rule(one))).unwrap();
    assert_eq!(store.read_blocking(|read| read.gate_rules()).unwrap(), [one.clone(), two.clone()]);
    let id = one.id;
    let gone = store
        .write_blocking(move |tx| Ok((tx.remove_gate_rule(id)?, tx.remove_gate_rule(id)?)))
        .unwrap();
    assert_eq!(gone.value, (true, false));
    assert_eq!(store.read_blocking(|read| read.gate_rules()).unwrap(), [two]);
}
