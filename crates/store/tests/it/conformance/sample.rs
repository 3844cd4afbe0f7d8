//! What units used, by the minute.

use jiff::{SignedDuration, Timestamp};
use orkestra_store::{SampleRow, Store};

pub(super) fn samples(store: &Store) {
    let minute = |unit: &str, number: i64, rss_max: u64| SampleRow {
        unit: unit.to_owned(),
        at: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(number),
        cpu_avg: 1.5,
        cpu_max: 2.5,
        rss_avg: 10,
        rss_max,
        processes: 3,
        descriptors: (number % 2 == 0).then_some(7),
    };
    let rows: Vec<_> = (0..10).map(|n| minute("a", n, 20)).chain([minute("b", 0, 1)]).collect();
    let again = minute("a", 9, 99);
    let from = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(8);
    let committed = store
        .write_blocking({
            let again = again.clone();
            move |tx| {
                tx.put_samples(&rows)?;
                tx.put_samples(&[again])
            }
        })
        .unwrap();
    assert!(committed.events.is_empty(), "samples are no events");
    let read = store
        .read_blocking(move |r| Ok((r.samples("a", from, 100)?, r.samples("a", from, 1)?)))
        .unwrap();
    assert_eq!(read.0, [minute("a", 8, 20), again]);
    assert_eq!(read.1, [minute("a", 8, 20)]);
    let removed = store.write_blocking(move |tx| tx.prune_samples(from)).unwrap().value;
    assert_eq!(removed, 9);
    let begin = Timestamp::UNIX_EPOCH;
    let left = store.read_blocking(move |r| r.samples("a", begin, 100)).unwrap();
    assert_eq!(left.len(), 2);
}
