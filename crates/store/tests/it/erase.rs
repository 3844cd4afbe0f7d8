//! Erasing and pruning: gone means gone, and the journal still verifies.

use crate::audit::{blob_file, export, journal, sql, verify};
use crate::home::{Home, big, draft};
use orkestra_store::verify_export;

#[test]
fn erasing_leaves_no_trace_on_the_disk() {
    let home = Home::new();
    let store = home.open();
    // Long enough for pages of its own, which are freed as they are unless they are overwritten.
    let secret = "hunter2-".repeat(1500);
    let drafts = [draft("unit.x", "a"), big("b", 20_000)];
    let mut small = drafts[0].clone();
    small.body = serde_json::json!({"secret": secret});
    let committed =
        store.write_blocking(move |tx| tx.append(&[small, drafts[1].clone()])).unwrap().value;
    let blob = blob_file(home.path());
    assert!(blob.exists());
    for place in committed {
        store.write_blocking(move |tx| tx.erase(place.id, "a wish", "person:test")).unwrap();
    }
    assert!(!blob.exists());
    for name in ["state.db", "state.db-wal"] {
        let bytes = std::fs::read(home.path().join(name)).unwrap_or_default();
        assert!(!bytes.windows(8).any(|window| window == b"hunter2-"), "{name}");
    }
    assert!(verify(&store).is_clean());
}

/// A reader that looks at an older moment keeps the log alive; the traces go with a later commit.
#[test]
fn erasing_does_not_wait_for_readers_and_catches_up() {
    let home = Home::new();
    let store = home.open();
    let log_has = || {
        let bytes = std::fs::read(home.path().join("state.db-wal")).unwrap();
        bytes.windows(8).any(|window| window == b"hunter2-")
    };
    let mut secret = draft("unit.x", "a");
    secret.body = serde_json::json!({"secret": "hunter2-"});
    let place = store.write_blocking(move |tx| tx.append(&[secret])).unwrap().value[0];
    let (entered, inside) = std::sync::mpsc::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn({
        let store = store.clone();
        move || {
            store.read_blocking(move |r| {
                entered.send(r.head()?.seq).unwrap();
                wait.recv().unwrap();
                Ok(())
            })
        }
    });
    inside.recv().unwrap();
    let start = std::time::Instant::now();
    store.write_blocking(move |tx| tx.erase(place.id, "a wish", "person:test")).unwrap();
    assert!(start.elapsed() < std::time::Duration::from_secs(3));
    assert!(log_has());
    release.send(()).unwrap();
    reader.join().unwrap().unwrap();
    store.write_blocking(|tx| tx.append(&[draft("unit.x", "b")])).unwrap();
    assert!(!log_has());
}

#[test]
fn an_erasing_that_was_interrupted_is_finished_at_the_next_start() {
    let home = Home::new();
    journal(&home);
    let blob = blob_file(home.path());
    sql(&home.tamper(), "INSERT INTO blob_trash SELECT blob FROM event WHERE seq = 5");
    drop(home.open());
    assert!(blob.exists(), "it is still named by an event");
    sql(
        &home.tamper(),
        "INSERT INTO blob_trash SELECT blob FROM event WHERE seq = 5;
         UPDATE event SET blob = NULL WHERE seq = 5",
    );
    drop(home.open());
    assert!(!blob.exists());
}

#[test]
fn pruning_keeps_an_anchor_and_says_so() {
    let home = Home::new();
    journal(&home);
    let store = home.open();
    let (_, before) = export(&store, 1, u64::MAX);
    let anchors: Vec<String> =
        before.lines().filter(|line| line.contains("\"seal\"")).map(str::to_owned).collect();
    assert_eq!(anchors.len(), 5);
    let prune = |to| store.write_blocking(move |tx| tx.prune(to, "daemon")).unwrap().value;
    assert_eq!(prune(0), None);
    assert_eq!(prune(6), Some(5), "6 is inside a seal");
    assert_eq!(prune(5), None);
    let (floor, events) = store
        .read_blocking(|r| Ok((r.floor()?, r.events(&orkestra_store::Filter::default())?)))
        .unwrap();
    assert_eq!(floor, 5);
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [6, 7, 8, 9]);
    assert_eq!(events[3].kind, "journal.pruned");
    assert!(verify(&store).is_clean(), "{:?}", verify(&store));
    let (_, rest) = export(&store, 1, u64::MAX);
    assert!(verify_export(rest.as_bytes()).unwrap().is_clean());
    sql(
        &home.tamper(),
        "INSERT INTO event SELECT 2, zeroblob(16), node, at, kind, version, topic, subject, actor, cause, chain, hop, body, blob, salt, digest, line FROM event WHERE seq = 8",
    );
    assert!(!verify(&store).is_clean());
}
