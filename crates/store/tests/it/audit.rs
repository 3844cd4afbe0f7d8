//! Whatever is changed behind the store's back must be named; what the store does itself must verify.

use crate::home::{Home, big, draft};
use orkestra_store::{AnchorCheck, Error, EventKey, Report, Store, verify_export};
use rusqlite::Connection;
use std::path::Path;

/// Seals: 1 | 2 3 4 | 5 (blob) | 6 7 | 8. Event 2 is erased by event 8.
pub(crate) fn journal(home: &Home) {
    let store = home.open();
    for group in [
        vec![draft("unit.started", "one")],
        vec![draft("unit.exited", "two"), draft("unit.started", "three"), draft("unit.x", "four")],
        vec![big("five", 20_000)],
        vec![draft("unit.started", "six"), draft("unit.started", "seven")],
    ] {
        store.write_blocking(move |tx| tx.append(&group)).unwrap();
    }
    let second = store.read_blocking(|r| r.event(EventKey::Seq(2))).unwrap().unwrap().id;
    store.write_blocking(move |tx| tx.erase(second, "a wish", "person:test")).unwrap();
}

pub(crate) fn verify(store: &Store) -> Report {
    store.read_blocking(|r| r.verify(&mut |_| {})).unwrap()
}

type Tamper = fn(&Connection, &Path);

pub(crate) fn sql(connection: &Connection, statement: &str) {
    connection.execute_batch(statement).unwrap();
}

pub(crate) fn blob_file(home: &Path) -> std::path::PathBuf {
    let shelf = std::fs::read_dir(home.join("blobs")).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(shelf).unwrap().next().unwrap().unwrap().path()
}

/// What is done, at which event it must be noticed first, and a part of what must be said.
const CASES: [(&str, Tamper, Option<u64>, &str); 34] = [
    (
        "one byte of a body",
        |c, _| sql(c, "UPDATE event SET body = replace(body, 'three', 'thref') WHERE seq = 3"),
        Some(3),
        "body of the event was changed",
    ),
    (
        "a body replaced by a blob",
        |c, _| {
            sql(
                c,
                "UPDATE event SET body = NULL, blob = (SELECT blob FROM event WHERE seq = 5) WHERE seq = 3",
            )
        },
        Some(3),
        "body of the event was changed",
    ),
    (
        "a body removed",
        |c, _| sql(c, "UPDATE event SET body = NULL, salt = NULL WHERE seq = 3"),
        Some(3),
        "no event says that it was erased",
    ),
    (
        "a body removed, its salt left",
        |c, _| sql(c, "UPDATE event SET body = NULL WHERE seq = 3"),
        Some(3),
        "salt is still there",
    ),
    (
        "an erased body filled again",
        |c, _| sql(c, "UPDATE event SET body = '{}' WHERE seq = 2"),
        Some(2),
        "body of the event was changed",
    ),
    (
        "salt",
        |c, _| sql(c, "UPDATE event SET salt = zeroblob(16) WHERE seq = 3"),
        Some(3),
        "body of the event was changed",
    ),
    (
        "digest",
        |c, _| sql(c, "UPDATE event SET digest = zeroblob(32) WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "line",
        |c, _| sql(c, "UPDATE event SET line = zeroblob(32) WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "line of a wrong length",
        |c, _| sql(c, "UPDATE event SET line = x'00' WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "id",
        |c, _| sql(c, "UPDATE event SET id = zeroblob(16) WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "node",
        |c, _| sql(c, "UPDATE event SET node = zeroblob(16) WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "at",
        |c, _| sql(c, "UPDATE event SET at = at + 1 WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "kind",
        |c, _| sql(c, "UPDATE event SET kind = 'unit.startee' WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "version",
        |c, _| sql(c, "UPDATE event SET version = 2 WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "topic",
        |c, _| sql(c, "UPDATE event SET topic = 'run' WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "subject",
        |c, _| sql(c, "UPDATE event SET subject = 'thref' WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "subject that is no text any more",
        |c, _| sql(c, "UPDATE event SET subject = CAST(x'ff' AS TEXT) WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "actor",
        |c, _| sql(c, "UPDATE event SET actor = 'agent:x' WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "cause",
        |c, _| sql(c, "UPDATE event SET cause = zeroblob(16) WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "chain",
        |c, _| sql(c, "UPDATE event SET chain = zeroblob(16) WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "hop",
        |c, _| sql(c, "UPDATE event SET hop = 1 WHERE seq = 3"),
        Some(3),
        "header or the digest",
    ),
    (
        "an event removed",
        |c, _| sql(c, "DELETE FROM event WHERE seq = 3"),
        Some(3),
        "event 3 is missing",
    ),
    (
        "the first event removed",
        |c, _| sql(c, "DELETE FROM event WHERE seq = 1"),
        Some(1),
        "event 1 is missing",
    ),
    (
        "two events swapped",
        |c, _| {
            sql(
                c,
                "UPDATE event SET seq = 99 WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 99",
            )
        },
        Some(3),
        "header or the digest",
    ),
    (
        "an event added",
        |c, _| {
            sql(
                c,
                "INSERT INTO event SELECT 9, zeroblob(16), node, at, kind, version, topic, subject, actor, cause, chain, hop, body, blob, salt, digest, line FROM event WHERE seq = 8",
            )
        },
        Some(9),
        "header or the digest",
    ),
    (
        "the tail removed",
        |c, _| sql(c, "DELETE FROM event WHERE seq >= 6; DELETE FROM seal WHERE to_seq >= 6"),
        Some(2),
        "the journal was cut off: events 6 to 8 are missing",
    ),
    (
        "the erasing unsaid",
        |c, _| {
            sql(
                c,
                "DELETE FROM event WHERE seq = 8; DELETE FROM seal WHERE to_seq = 8; UPDATE head SET seq = 7, seal = (SELECT hash FROM seal WHERE to_seq = 7)",
            )
        },
        Some(2),
        "no event says",
    ),
    (
        "the head row lowered",
        |c, _| sql(c, "UPDATE head SET seq = 7"),
        Some(8),
        "the journal goes on behind it",
    ),
    (
        "the head row's seal",
        |c, _| sql(c, "UPDATE head SET seal = zeroblob(32)"),
        Some(8),
        "not the one in the head row",
    ),
    (
        "a seal removed",
        |c, _| sql(c, "DELETE FROM seal WHERE to_seq = 4"),
        Some(5),
        "a seal before this one is missing",
    ),
    (
        "a seal's time",
        |c, _| sql(c, "UPDATE seal SET at = at + 1 WHERE to_seq = 4"),
        Some(2),
        "events 2 to 4 or their seal were changed",
    ),
    (
        "a seal's hash",
        |c, _| sql(c, "UPDATE seal SET hash = zeroblob(32) WHERE to_seq = 4"),
        Some(2),
        "events 2 to 4 or their seal were changed",
    ),
    (
        "a blob changed",
        |_, home| std::fs::write(blob_file(home), "{}").unwrap(),
        Some(5),
        "body of the event was changed",
    ),
    (
        "a blob removed",
        |_, home| std::fs::remove_file(blob_file(home)).unwrap(),
        Some(5),
        "blob with the body of the event is missing",
    ),
];

#[test]
fn every_change_is_named() {
    for (name, tamper, seq, what) in CASES {
        let home = Home::new();
        journal(&home);
        assert!(verify(&home.open()).is_clean());
        tamper(&home.tamper(), home.path());
        let report = verify(&home.open());
        let first = report.first_bad.first().unwrap_or_else(|| panic!("{name}: not noticed"));
        assert_eq!(first.seq, seq, "{name}: {report:#?}");
        assert!(report.first_bad.iter().any(|bad| bad.what.contains(what)), "{name}: {report:#?}");
    }
}

#[test]
fn one_change_is_one_problem() {
    for index in [0, 12, 21] {
        let (name, tamper, ..) = CASES[index];
        let home = Home::new();
        journal(&home);
        tamper(&home.tamper(), home.path());
        assert_eq!(verify(&home.open()).problems, 1, "{name}");
    }
}

#[test]
fn what_the_store_does_verifies() {
    let home = Home::new();
    journal(&home);
    let store = home.open();
    let mut seen = Vec::new();
    let report = store
        .read_blocking(move |r| {
            let report = r.verify(&mut |progress| seen.push(progress))?;
            assert_eq!(seen.last().map(|progress| (progress.done, progress.of)), Some((8, 8)));
            Ok(report)
        })
        .unwrap();
    assert_eq!((report.events, report.erased, report.seals), (8, 1, 5));
    assert!(report.is_clean());
}

#[test]
fn anchors() {
    let home = Home::new();
    let store = home.open();
    let anchor = || store.read_blocking(|r| r.anchor()).unwrap().unwrap();
    let check = |line: &str| {
        let line = line.to_owned();
        store.read_blocking(move |r| r.check_anchor(&line))
    };
    store.write_blocking(|tx| tx.append(&[draft("a", "x"), draft("b", "x")])).unwrap();
    let early = anchor();
    assert!(early.starts_with("orkestra-seal v1 1-2 "), "{early}");
    store.write_blocking(|tx| tx.append(&[draft("c", "x")])).unwrap();
    assert_eq!(check(&early).unwrap(), AnchorCheck::Holds);
    assert_eq!(check(&format!("{early} trailing words")).unwrap(), AnchorCheck::Holds);
    let mut words: Vec<&str> = early.split(' ').collect();
    let zeros = "0".repeat(64);
    words[3] = &zeros;
    assert_eq!(check(&words.join(" ")).unwrap(), AnchorCheck::Changed { found: early.clone() });
    assert_eq!(check(&early.replace("1-2", "1-9")).unwrap(), AnchorCheck::Missing);
    assert_eq!(check(&early.replace("1-2", "1-1")).unwrap(), AnchorCheck::Missing);
    for wrong in ["", "orkestra-seal v2 1-2 x y", "orkestra-seal v1 1-2", "x"] {
        assert!(matches!(check(wrong), Err(Error::Invalid(_))), "{wrong:?}");
    }
}

/// The beginning of another journal, sealed properly, put in place of ours.
#[test]
fn a_spliced_journal_is_noticed() {
    let (home, other) = (Home::new(), Home::new());
    journal(&home);
    journal(&other);
    let connection = home.tamper();
    let file = other.path().join("state.db");
    connection.execute("ATTACH ?1 AS other", [file.to_string_lossy()]).unwrap();
    sql(
        &connection,
        "DELETE FROM event WHERE seq = 1; DELETE FROM seal WHERE to_seq = 1;
         INSERT INTO event SELECT * FROM other.event WHERE seq = 1;
         INSERT INTO seal SELECT * FROM other.seal WHERE to_seq = 1",
    );
    let report = verify(&home.open());
    assert_eq!((report.problems, report.first_bad[0].seq), (1, Some(2)), "{report:?}");
}

/// Somebody rewrites everything, seals and all. Only an anchor can tell.
#[test]
fn a_rewritten_journal_verifies_but_fails_its_anchor() {
    let (home, other) = (Home::new(), Home::new());
    journal(&home);
    journal(&other);
    let anchor = home.open().read_blocking(|r| r.anchor()).unwrap().unwrap();
    let rewritten = other.open();
    assert!(verify(&rewritten).is_clean());
    let check = rewritten.read_blocking(move |r| r.check_anchor(&anchor)).unwrap();
    assert!(matches!(check, AnchorCheck::Changed { .. }), "{check:?}");
}

pub(crate) fn export(store: &Store, from: u64, to: u64) -> (u64, String) {
    store
        .read_blocking(move |r| {
            let mut output = Vec::new();
            let events = r.export(from, to, &mut output)?;
            Ok((events, String::from_utf8(output).unwrap()))
        })
        .unwrap()
}

#[test]
fn an_export_can_be_checked_by_others() {
    let home = Home::new();
    journal(&home);
    let store = home.open();
    let (events, text) = export(&store, 1, u64::MAX);
    let report = verify_export(text.as_bytes()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((events, report.events, report.erased, report.seals), (8, 8, 1, 5));
    // Widened to whole seals: 3 lies in 2 to 4, 6 in 6 to 7.
    let (events, part) = export(&store, 3, 6);
    assert_eq!(events, 6);
    assert!(verify_export(part.as_bytes()).unwrap().is_clean());
    let changes = [("three", "thref"), ("\"hop\":0", "\"hop\":1"), ("person:test", "person:tess")];
    for (from, to) in changes {
        let report = verify_export(text.replacen(from, to, 1).as_bytes()).unwrap();
        assert!(!report.is_clean(), "{from}");
    }
    let lines: Vec<&str> = text.lines().collect();
    for index in 1..lines.len() - 1 {
        let mut less = lines.clone();
        less.remove(index);
        assert!(!verify_export(less.join("\n").as_bytes()).unwrap().is_clean(), "line {index}");
    }
    for wrong in ["", "{}", "no json", "{\"type\":\"journal\",\"format\":\"other\"}"] {
        assert!(verify_export(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
}
