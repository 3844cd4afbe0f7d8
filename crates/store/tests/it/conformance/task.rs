//! Tasks, what they depend on, and the queue.

use jiff::{Timestamp, ToSpan};
use orkestra_core::id::{SessionId, TaskId};
use orkestra_store::{Error, QueuePlace, Store, TaskFilter, TaskRow};
use uuid::Uuid;

fn id(n: u128) -> TaskId {
    TaskId::new(Uuid::from_u128(n))
}

fn row(n: u128, state: &str, rank: u8) -> TaskRow {
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    TaskRow {
        id: id(n),
        state: state.to_owned(),
        rank,
        session: None,
        parent: None,
        pattern: None,
        assigned: None,
        due_at: None,
        request_key: None,
        body: "{}".to_owned(),
        created_at: at,
        updated_at: at,
    }
}

fn ids(rows: &[TaskRow]) -> Vec<u128> {
    rows.iter().map(|row| row.id.uuid().as_u128()).collect()
}

pub(super) fn tasks(store: &Store) {
    let session = SessionId::new(Uuid::from_u128(900));
    let at = row(1, "ready", 1).created_at;
    let later = at.checked_add(10.seconds()).unwrap();
    let rows = [
        row(0xa1, "ready", 2),
        row(0xa2, "ready", 4),
        TaskRow { session: Some(session), ..row(0xa3, "ready", 2) },
        TaskRow { assigned: Some("ann".into()), ..row(0xa4, "ready", 3) },
        TaskRow { due_at: Some(later), ..row(0xa5, "ready", 4) },
        TaskRow { parent: Some(id(0xa1)), session: Some(session), ..row(0xa6, "waiting", 2) },
        TaskRow { request_key: Some("k".into()), due_at: Some(at), ..row(0xa7, "claimed", 2) },
    ];
    let written = rows.clone();
    store
        .write_blocking(move |tx| {
            for row in &written {
                tx.put_task(row)?;
            }
            tx.put_dependencies(id(0xa6), &[(id(0xa1), "hard"), (id(0xa2), "soft")])?;
            tx.put_dependencies(id(0xa3), &[(id(0xa1), "hard")])?;
            tx.take_guard("g")?;
            tx.take_guard("g")
        })
        .unwrap();
    let key = TaskRow { request_key: Some("k".into()), ..row(0xff, "ready", 1) };
    let twice = store.write_blocking(move |tx| tx.put_task(&key)).unwrap_err();
    assert!(matches!(twice, Error::Conflict(_)), "{twice}");
    let all = rows.clone();
    store
        .read_blocking(move |r| {
            assert_eq!(r.task(id(0xa4))?.as_ref(), all.get(3));
            assert_eq!(r.task(id(1))?, None);
            assert_eq!(ids(&r.task_by_suffix("a4")?), [0xa4]);
            assert_eq!(r.task_by_suffix("a")?.len(), 0);
            assert_eq!(r.task_by_key("k")?.map(|row| row.id), Some(id(0xa7)));
            // By priority, then as asked for; what is assigned or has to wait is not in it.
            assert_eq!(ids(&r.queue(None, None, 10)?), [0xa2, 0xa1, 0xa3]);
            assert_eq!(ids(&r.queue(Some("ann"), None, 10)?), [0xa4]);
            let first = QueuePlace { rank: 4, id: id(0xa2) };
            assert_eq!(ids(&r.queue(None, Some(first), 1)?), [0xa1]);
            let second = QueuePlace { rank: 2, id: id(0xa1) };
            assert_eq!(ids(&r.queue(None, Some(second), 10)?), [0xa3]);
            assert_eq!(ids(&r.tasks_due(at, 10)?), [0xa7]);
            assert_eq!(ids(&r.tasks_due(later, 10)?), [0xa7, 0xa5]);
            assert_eq!(r.task_due_next()?, Some(at));
            let limit = TaskFilter { limit: 10, ..TaskFilter::default() };
            assert_eq!(r.tasks(&limit)?.len(), rows.len());
            let of = |filter: TaskFilter| r.tasks(&filter).map(|rows| ids(&rows));
            let states = vec!["waiting".to_owned(), "claimed".to_owned()];
            assert_eq!(of(TaskFilter { states: states.clone(), ..limit.clone() })?, [0xa6, 0xa7]);
            let newest = TaskFilter { states, newest_first: true, limit: 1, ..limit.clone() };
            assert_eq!(of(newest)?, [0xa7]);
            assert_eq!(of(TaskFilter { session: Some(session), ..limit.clone() })?, [0xa3, 0xa6]);
            assert_eq!(of(TaskFilter { parent: Some(id(0xa1)), ..limit.clone() })?, [0xa6]);
            assert_eq!(of(TaskFilter { after: Some(id(0xa5)), ..limit.clone() })?, [0xa6, 0xa7]);
            assert_eq!(of(TaskFilter { assigned: Some("ann".into()), ..limit })?, [0xa4]);
            assert_eq!(r.dependents(id(0xa1))?, [id(0xa3), id(0xa6)]);
            assert_eq!(r.dependencies(id(0xa6))?.len(), 2);
            let counts = r.task_counts(None)?;
            assert!(counts.contains(&("ready".to_owned(), 5)), "{counts:?}");
            assert_eq!(r.task_counts(Some(session))?.len(), 2);
            assert_eq!((r.guard("g")?, r.guard("other")?), (2, 0));
            Ok(())
        })
        .unwrap();
    // What it depends on is replaced as a whole.
    store.write_blocking(|tx| tx.put_dependencies(id(0xa6), &[])).unwrap();
    let left = store.read_blocking(|r| r.dependents(id(0xa1))).unwrap();
    assert_eq!(left, [id(0xa3)]);
}
