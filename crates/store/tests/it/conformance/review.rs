//! Reviews, by what opened them and where they are.

use jiff::Timestamp;
use orkestra_core::id::{ReviewId, RunId, SessionId, TaskId};
use orkestra_store::{ReviewFilter, ReviewRow, Store};
use uuid::Uuid;

fn row(n: u128, run: u128, task: Option<u128>, session: Option<u128>, state: &str) -> ReviewRow {
    let at = Timestamp::from_second(n as i64).unwrap();
    ReviewRow {
        id: ReviewId::new(Uuid::from_u128(n)),
        key: format!("key:{n}"),
        state: state.to_owned(),
        kind: "reported".to_owned(),
        run: RunId::new(Uuid::from_u128(run)),
        task: task.map(|task| TaskId::new(Uuid::from_u128(task))),
        session: session.map(|session| SessionId::new(Uuid::from_u128(session))),
        due_at: Some(at),
        body: format!("{{\"n\":{n}}}"),
        created_at: at,
        updated_at: at,
    }
}

pub(super) fn reviews(store: &Store) {
    let rows = [
        row(0x1a, 1, Some(7), Some(9), "open"),
        row(0x2b, 1, Some(7), Some(9), "closed"),
        row(0x3c, 2, Some(8), None, "watching"),
        row(0x4d, 2, None, None, "needs_person"),
    ];
    let put = rows.clone();
    store.write_blocking(move |tx| put.iter().try_for_each(|row| tx.put_review(row))).unwrap();
    let list = |filter: ReviewFilter| -> Vec<u128> {
        let found = store.read_blocking(move |read| read.reviews(&filter)).unwrap();
        found.iter().map(|row| row.id.uuid().as_u128()).collect()
    };
    let all = ReviewFilter { limit: 10, ..ReviewFilter::default() };
    assert_eq!(list(all.clone()), [0x4d, 0x3c, 0x2b, 0x1a]);
    assert_eq!(list(ReviewFilter { oldest_first: true, limit: 2, ..all.clone() }), [0x1a, 0x2b]);
    let open = vec!["open".to_owned(), "watching".to_owned()];
    assert_eq!(list(ReviewFilter { states: open, ..all.clone() }), [0x3c, 0x1a]);
    assert_eq!(list(ReviewFilter { run: Some(rows[2].run), ..all.clone() }), [0x4d, 0x3c]);
    assert_eq!(list(ReviewFilter { task: rows[0].task, ..all.clone() }), [0x2b, 0x1a]);
    assert_eq!(list(ReviewFilter { session: rows[0].session, ..all.clone() }), [0x2b, 0x1a]);
    assert_eq!(list(ReviewFilter { before: Some(rows[1].id), ..all.clone() }), [0x1a]);
    assert_eq!(list(ReviewFilter { after: Some(rows[1].id), ..all }), [0x4d, 0x3c]);
    let (one, run, other) = (rows[0].clone(), rows[0].run, rows[2].run);
    let session = rows[0].session;
    let found = store
        .read_blocking(move |read| {
            Ok((
                read.review(one.id)?,
                read.review_by_key("key:26")?,
                read.review_by_suffix("4d")?.len(),
                read.reviews_of(session, run)?,
                read.reviews_of(None, other)?,
                read.reviews_of(None, run)?,
            ))
        })
        .unwrap();
    assert_eq!(found, (Some(rows[0].clone()), Some(rows[0].clone()), 1, 2, 2, 0));
    // The same key is the same review.
    let twice = ReviewRow { key: rows[0].key.clone(), ..row(0x5e, 1, None, None, "open") };
    assert!(store.write_blocking(move |tx| tx.put_review(&twice)).is_err());
    let closed = ReviewRow { state: "closed".to_owned(), due_at: None, ..rows[0].clone() };
    let put = closed.clone();
    store.write_blocking(move |tx| tx.put_review(&put)).unwrap();
    assert_eq!(store.read_blocking(move |read| read.review(closed.id)).unwrap(), Some(closed));
}
