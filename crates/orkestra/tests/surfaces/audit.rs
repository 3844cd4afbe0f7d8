//! The journal notices what was changed behind its back.

use crate::harness::Home;
use crate::support::{IDLE, database, journal};
use serde_json::Value;
use std::path::PathBuf;

/// A home with some history; its daemon runs.
fn with_history() -> Home {
    let mut home = Home::new(IDLE);
    home.up();
    home.pid("web");
    home.ok(&["unit", "restart", "web"]);
    home.ok(&["unit", "signal", "web", "CONT"]);
    home
}

/// The body of an event of this kind: its place and its stored text.
fn stored(home: &Home, kind: &str) -> (i64, String) {
    database(home)
        .query_row(
            "SELECT seq, body FROM event WHERE kind = ?1 AND body IS NOT NULL ORDER BY seq LIMIT 1",
            [kind],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap_or_else(|e| panic!("no stored body of {kind}: {e}"))
}

/// The same text with one byte changed, still JSON: a digit or a letter becomes another.
fn flipped(body: &str) -> String {
    let at = body.rfind(|c: char| c.is_ascii_alphanumeric()).expect("a letter or digit");
    let mut bytes = body.as_bytes().to_vec();
    let byte = bytes.get_mut(at).expect("in it");
    *byte = if *byte == b'1' || *byte == b'a' { *byte + 1 } else { *byte ^ 1 };
    String::from_utf8(bytes).expect("text")
}

fn write(home: &Home, seq: i64, body: &str) {
    let changed = database(home)
        .execute("UPDATE event SET body = ?2 WHERE seq = ?1", (seq, body))
        .expect("it is rewritten");
    assert_eq!(changed, 1);
}

/// `audit verify` must name exactly this event.
fn names(home: &Home, seq: i64, kind: &str) {
    let output = home.run(&["audit", "verify"]);
    let said = crate::harness::text(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains(&format!("event {seq} ({kind})")), "{said}");
    let output = home.run(&["audit", "verify", "--json"]);
    assert_eq!(output.status.code(), Some(7));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
    assert_eq!(report["ok"], false, "{report}");
    assert_eq!(report["problem_count"], 1, "{report}");
    assert_eq!(report["problems"][0]["seq"], seq, "{report}");
    assert_eq!(report["problems"][0]["kind"], kind, "{report}");
}

fn clean(home: &Home) {
    let said = home.ok(&["audit", "verify"]);
    assert!(said.contains("as they were written"), "{said}");
    assert_eq!(home.json(&["audit", "verify"])["ok"], true);
}

#[test]
fn one_changed_byte_is_named_while_the_daemon_is_down_and_while_it_runs() {
    let mut home = with_history();
    clean(&home);
    let kind = "unit.signalled";
    let (seq, body) = stored(&home, kind);

    write(&home, seq, &flipped(&body));
    names(&home, seq, kind);
    let reply = home.api("GET", "/api/v1/audit", "");
    let view = reply.json();
    assert_eq!(view["ok"], false, "{view}");
    assert_eq!(view["problems"][0]["seq"], seq, "{view}");
    // It is no reason to stop working.
    home.ok(&["unit", "restart", "web"]);
    names(&home, seq, kind);
    write(&home, seq, &body);
    clean(&home);

    home.down();
    write(&home, seq, &flipped(&body));
    names(&home, seq, kind);
    write(&home, seq, &body);
    clean(&home);
}

#[test]
fn one_changed_byte_of_the_file_itself_is_named() {
    let mut home = with_history();
    let kind = "unit.signalled";
    home.down();
    let (seq, body) = stored(&home, kind);
    let path = home.data().join("state.db");
    let mut bytes = std::fs::read(&path).expect("state.db");
    let place = bytes
        .windows(body.len())
        .position(|window| window == body.as_bytes())
        .expect("the body stands in the file, not only in a log beside it");
    let fake = flipped(&body);
    bytes.get_mut(place..place + body.len()).expect("its place").copy_from_slice(fake.as_bytes());
    std::fs::write(&path, &bytes).expect("the forged file");
    assert_eq!(stored(&home, kind).1, fake, "the forgery is in place");
    names(&home, seq, kind);
    // The daemon starts all the same, since what runs is more important; it still tells.
    home.up();
    names(&home, seq, kind);
}

#[test]
fn removed_added_and_reordered_events_are_found() {
    let mut home = with_history();
    home.down();
    let path = home.data().join("state.db");
    let good = std::fs::read(&path).expect("state.db");
    for forgery in [
        "DELETE FROM event WHERE seq = 3",
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
        "UPDATE event SET kind = 'unit.started' WHERE kind = 'unit.signalled'",
        "UPDATE event SET actor = 'person:nobody' WHERE seq = 2",
        "UPDATE event SET at = at + 1 WHERE seq = 2",
        "UPDATE event SET seq = seq + 100000 WHERE seq = (SELECT max(seq) FROM event)",
    ] {
        let changed = database(&home).execute(forgery, []).expect(forgery);
        assert!(changed > 0, "{forgery}");
        let said = home.run(&["audit", "verify"]);
        assert_eq!(said.status.code(), Some(7), "{forgery}: {said:?}");
        std::fs::write(&path, &good).expect("the good file");
        clean(&home);
    }
}

fn check_export(file: &PathBuf) -> orkestra_store::Report {
    let file = std::fs::File::open(file).expect("the export");
    orkestra_store::verify_export(std::io::BufReader::new(file)).expect("an export")
}

#[test]
fn an_export_verifies_without_the_database() {
    let home = with_history();
    let events = journal(&home, 0);
    let file = home.dir.join("journal.jsonl");
    let name = file.display().to_string();
    home.ok(&["audit", "export", "-o", &name]);
    let report = check_export(&file);
    assert!(report.is_clean(), "{report:?}");
    assert!(report.events >= events.len() as u64, "{} of {}", report.events, events.len());

    // An export is never overwritten.
    home.fails(&["audit", "export", "-o", &name], 1);
    // Standard output gives the same form, and nothing but it.
    let printed = home.ok(&["audit", "export"]);
    for line in printed.lines() {
        let _json: Value = serde_json::from_str(line).expect("a JSON line");
    }
    let kept = std::fs::read_to_string(&file).expect("the export");
    let forged = kept.replacen("unit.signalled", "unit.signallex", 1);
    assert_ne!(kept, forged);
    std::fs::write(&file, forged).expect("the forged export");
    assert!(!check_export(&file).is_clean());
}

#[test]
fn an_anchor_outside_finds_a_journal_that_was_put_back() {
    let mut home = with_history();
    let anchors = home.dir.join("anchors");
    let name = anchors.display().to_string();
    let copied = home.dir.join("copy.db");
    home.ok(&["audit", "anchor", "-o", &name]);
    home.down();
    std::fs::copy(home.data().join("state.db"), &copied).expect("a copy");
    home.up();
    home.pid("web");
    let printed = home.json(&["audit", "anchor"]);
    home.ok(&["audit", "anchor", "-o", &name]);
    let text = std::fs::read_to_string(&anchors).expect("the anchors");
    assert_eq!(text.lines().count(), 2, "the second is added, the first kept: {text}");
    assert!(text.lines().all(|line| line.starts_with("orkestra-seal v1 ")), "{text}");
    assert!(printed["anchor"].as_str().is_some_and(|line| line.starts_with("orkestra-seal v1 ")));
    home.ok(&["audit", "verify", "--anchor", &name]);

    // A changed anchor does not hold.
    let forged = home.dir.join("forged");
    let line = text.lines().next().expect("a line");
    let hash = line.split_whitespace().nth(3).expect("a hash");
    let other: String = hash.chars().rev().collect();
    std::fs::write(&forged, line.replace(hash, &other)).expect("a forged anchor");
    home.fails(&["audit", "verify", "--anchor", &forged.display().to_string()], 7);

    // An earlier copy put back verifies by itself; only the anchor knows that more had happened.
    home.down();
    std::fs::copy(&copied, home.data().join("state.db")).expect("put back");
    clean(&home);
    home.fails(&["audit", "verify", "--anchor", &name], 7);
}
