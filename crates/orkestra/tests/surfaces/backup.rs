//! Backup, restore and upgrade on the real binary.

use crate::harness::{Home, ORKESTRA, text};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::EffectId;
use orkestra_engine::{RealWorld, World};
use orkestra_store::{EffectState, NewEffect, Options, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SLEEP: &str = "[sleep, \"1000000\"]";

fn store(home: &Home) -> Store {
    let (ids, clock) = (Arc::new(|| RealWorld.uuid()), Arc::new(|| RealWorld.now().at));
    Store::open(Options::new(home.data(), ids, clock)).unwrap()
}

fn add_effect(home: &Home, key: &str) {
    let effect = NewEffect {
        id: EffectId::new(RealWorld.uuid()),
        kind: "mail.send".into(),
        key: key.into(),
        body: "{}".into(),
    };
    store(home).write_blocking(move |tx| tx.record_effect(&effect)).unwrap();
}

fn backup(home: &Home) -> PathBuf {
    home.json(&["backup", "create"])["path"].as_str().unwrap().into()
}

#[test]
fn a_backup_made_while_all_goes_on_is_put_back_with_a_new_epoch() {
    let one = format!("units: {{ a: {{ command: {SLEEP} }} }}");
    let mut home = Home::new(&one);
    home.up();
    home.pid("a");
    home.down();
    add_effect(&home, "before");
    home.up();
    home.pid("a");
    let made = home.api("POST", "/api/v1/backups", "{}");
    assert_eq!(made.status, 201, "{}", made.body);
    let (made, cursor) = (made.json(), home.status()["daemon"]["head"].clone());
    assert_eq!(home.events("daemon.backed_up").len(), 1);
    let path = made["path"].as_str().unwrap().to_owned();
    home.ok(&["backup", "verify", &path]);
    let list = home.api("GET", "/api/v1/backups", "").json();
    assert_eq!(list["backups"][0]["path"], made["path"], "{list}");

    // What happens afterwards is to be forgotten.
    home.configure(&format!("units: {{ a: {{ command: {SLEEP} }}, b: {{ command: {SLEEP} }} }}"));
    home.ok(&["config", "reload"]);
    home.pid("b");
    let refused = home.fails(&["backup", "restore", &path, "--yes"], 4);
    assert!(refused.contains("orkestra down"), "{refused}");
    home.down();
    home.configure(&one);
    let restored = home.json(&["backup", "restore", &path, "--yes"]);
    assert_eq!((&restored["epoch"], &restored["held"]), (&2.into(), &1.into()), "{restored}");
    let trash = Path::new(restored["trash"].as_str().unwrap());
    assert!(trash.join("state.db").is_file(), "nothing is lost");
    let held =
        store(&home).read_blocking(|read| read.effects(Some(EffectState::Unknown), 10)).unwrap();
    assert_eq!(held.first().map(|effect| effect.key.as_str()), Some("before"));

    home.up();
    assert!(home.status()["units"].as_array().unwrap().iter().all(|unit| unit["name"] != "b"));
    assert!(home.events("unit.*").iter().all(|event| event["subject"] != "b"));
    let event = home.events("daemon.restored").pop().unwrap();
    assert_eq!(event["body"]["seq"], made["seq"], "{event}");
    assert_eq!(home.status()["daemon"]["epoch"], 2);
    home.ok(&["audit", "verify"]);
    // A client of the time before is told to load everything anew.
    let token = format!("Bearer {}", home.token());
    let told = first_event(&home, &token, &format!("1-{cursor}"));
    assert!(told.contains("event: reset") && told.contains("\"reason\":\"epoch\""), "{told}");
    home.down();
}

/// What the event stream says first to a client with this cursor.
fn first_event(home: &Home, token: &str, cursor: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", home.port())).unwrap();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    let request = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: {token}\r\n\
         Last-Event-ID: {cursor}\r\n\r\n",
        home.port()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
    while !text(&said).contains("event: ") || !text(&said).ends_with("\n\r\n") {
        let len = stream.read(&mut chunk).unwrap();
        assert!(len > 0, "the stream ended: {}", text(&said));
        said.extend_from_slice(&chunk[..len]);
        if text(&said).contains("data: ") {
            break;
        }
    }
    text(&said)
}

#[test]
fn a_damaged_or_unfinished_backup_is_refused_and_changes_nothing() {
    let mut home = Home::new("{}");
    home.up();
    home.down();
    let good = backup(&home);
    assert_eq!(home.json(&["backup", "list"])["backups"].as_array().unwrap().len(), 1);
    let before = std::fs::read(home.data().join("state.db")).unwrap();
    let db = good.join("state.db");
    let mut bytes = std::fs::read(&db).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&db, &bytes).unwrap();
    let name = good.file_name().unwrap().to_str().unwrap();
    let said = home.fails(&["backup", "restore", name, "--yes"], 7);
    assert!(said.contains("state.db was changed"), "{said}");
    std::fs::remove_file(good.join("manifest.json")).unwrap();
    home.fails(&["backup", "verify", name], 6);
    assert!(home.json(&["backup", "list"])["backups"].as_array().unwrap().is_empty());
    assert_eq!(std::fs::read(home.data().join("state.db")).unwrap(), before);
    assert!(!home.data().join(".restore").exists());
    // Without --yes and without a terminal nobody can be asked.
    let good = backup(&home);
    let said = home.fails(&["backup", "restore", good.to_str().unwrap()], 4);
    assert!(said.contains("--yes"), "{said}");
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_state_or_the_new_one() {
    let mut home = Home::new("{}");
    home.up();
    home.down();
    let made = backup(&home);
    home.up();
    home.down();
    let mut epoch = 1;
    for delay_ms in [2, 10, 20, 30, 40, 60, 90] {
        let mut child = home
            .command(ORKESTRA)
            .args(["backup", "restore", made.to_str().unwrap(), "--yes"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay_ms));
        let _gone = child.kill();
        child.wait().unwrap();
        home.up();
        home.ok(&["audit", "verify"]);
        let now = home.status()["daemon"]["epoch"].as_u64().unwrap();
        home.down();
        assert!(now == epoch || now == 2, "epoch {now} after {epoch}");
        assert!(!home.data().join("restore.json").exists());
        epoch = now;
    }
}

#[test]
fn an_upgrade_keeps_twenty_living_units() {
    let units: String = (0..20).map(|n| format!("  u{n}: {{ command: {SLEEP} }}\n")).collect();
    let mut home = Home::new(&format!("units:\n{units}"));
    home.up();
    let before: Vec<i32> = (0..20).map(|n| home.pid(&format!("u{n}"))).collect();
    let (old, url) = (home.daemon_pid(), home.url.clone());
    let told = home.json(&["upgrade"]);
    assert_eq!((&told["units"], &told["kept"]), (&20.into(), &20.into()), "{told}");
    assert_eq!(home.wait_for_end(), Some(0));
    let after: Vec<i32> = (0..20).map(|n| home.pid(&format!("u{n}"))).collect();
    assert_eq!(before, after);
    assert_ne!(home.status()["daemon"]["pid"], old);
    assert_eq!(home.status()["daemon"]["url"], url.as_str(), "the dashboard stays where it was");
    assert_eq!(home.events("unit.adopted").len(), 20);
    assert_eq!(home.events("daemon.upgraded").len(), 1);
    home.ok(&["backup", "verify", told["backup"].as_str().unwrap()]);
    home.ok(&["down"]);
    assert!(home.processes().is_empty());
}

#[test]
fn an_upgrade_that_does_not_come_up_is_undone() {
    let mut home = Home::new(&format!("units: {{ a: {{ command: {SLEEP} }} }}"));
    home.up();
    let before = home.pid("a");
    // A new program that is too old for the configuration, for example.
    home.configure("units: { a: 1 }");
    home.wait("the refusal", || home.events("daemon.config_refused").pop());
    let said = home.fails(&["upgrade"], 1);
    assert!(said.contains("did not come up"), "{said}");
    assert!(crate::harness::is_alive(before), "its units go on");
    home.wait_for_end();
    home.configure(&format!("units: {{ a: {{ command: {SLEEP} }} }}"));
    home.up();
    assert_eq!(home.pid("a"), before);
    assert!(home.events("daemon.upgraded").is_empty(), "its database is that of before");
    home.down();
}

#[test]
fn a_database_of_the_first_release_opens_is_brought_up_to_date_and_verifies() {
    let mut home = Home::new("{}");
    std::fs::create_dir_all(home.data()).unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/state-0.1-v1.db");
    std::fs::copy(old, home.data().join("state.db")).unwrap();
    home.ok(&["audit", "verify"]);
    assert!(home.data().join("state.v1.db").is_file(), "a copy of before is kept");
    home.up();
    assert_eq!(home.events("unit.exited").len(), 3, "its history is there");
    let runs = home.json(&["run", "list"]);
    assert_eq!(runs["runs"][0]["state"], "reported", "{runs}");
    home.down();
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_database_of_this_release_opens_and_its_probes_jobs_alerts_and_samples_are_there() {
    let mut home = Home::new("{}");
    std::fs::create_dir_all(home.data()).unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/state-0.1-v4.db");
    std::fs::copy(old, home.data().join("state.db")).unwrap();
    home.ok(&["audit", "verify"]);
    home.up();
    for kind in ["unit.ready", "unit.hook_ran", "job.finished", "alert.raised", "effect.recorded"] {
        assert!(!home.events(kind).is_empty(), "{kind} is in its history");
    }
    let effects = home.json(&["effect", "list", "--all"]);
    assert_eq!(effects["effects"].as_array().map(Vec::len), Some(1), "{effects}");
    let alerts = home.json(&["alert", "list", "--all"]);
    assert!(alerts.to_string().contains("flaky"), "{alerts}");
    home.down();
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_restore_beside_living_units_doubles_no_process_and_tells_of_each_it_ends() {
    let one = format!("units: {{ a: {{ command: {SLEEP} }}, b: {{ command: {SLEEP} }} }}");
    let mut home = Home::new(&one);
    home.up();
    let (a, b) = (home.pid("a"), home.pid("b"));
    let made = home.api("POST", "/api/v1/backups", "{}");
    assert_eq!(made.status, 201, "{}", made.body);
    let path = made.json()["path"].as_str().unwrap().to_owned();
    // Newer than the backup: another life of b, and all of c.
    home.configure(&format!(
        "units: {{ a: {{ command: {SLEEP} }}, b: {{ command: {SLEEP} }}, c: {{ command: {SLEEP} }} }}"
    ));
    home.ok(&["config", "reload"]);
    home.ok(&["unit", "restart", "b"]);
    let newer = home.wait("another life of b", || {
        let pid = home.unit("b")["pid"].as_i64()?;
        (pid != i64::from(b)).then_some(i32::try_from(pid).unwrap())
    });
    let c = home.pid("c");
    // The shims have heard of daemons that the backup knows nothing of.
    for _ in 0..3 {
        home.kill_daemon();
        home.up();
        assert_eq!((home.pid("a"), home.pid("b"), home.pid("c")), (a, newer, c));
    }
    home.kill_daemon();
    home.configure(&one);
    home.json(&["backup", "restore", &path, "--yes"]);
    assert!([a, newer, c].into_iter().all(crate::harness::is_alive), "a restore ends nothing");

    home.up();
    assert_eq!(home.pid("a"), a, "what the backup knows is taken over");
    let again = home.wait("b to live again", || {
        let pid = home.unit("b")["pid"].as_i64()?;
        (pid != i64::from(b)).then_some(i32::try_from(pid).unwrap())
    });
    home.wait("both strays to be told of", || {
        let told = home.events("unit.stray_stopped");
        let pids: Vec<i64> = told.iter().filter_map(|e| e["body"]["pid"].as_i64()).collect();
        [newer, c].iter().all(|pid| pids.contains(&i64::from(*pid))).then_some(())
    });
    home.wait("both strays to be gone", || {
        (!crate::harness::is_alive(newer) && !crate::harness::is_alive(c)).then_some(())
    });
    assert_ne!(again, newer);
    // Two shims, and one process below each.
    home.wait("nothing to be there twice", || (home.processes().len() == 4).then_some(()));
    assert_eq!(home.events("unit.adopted").iter().filter(|e| e["subject"] == "a").count(), 1);
    home.ok(&["audit", "verify"]);
    home.down();
    assert!(home.processes().is_empty(), "nothing is left");
}

#[test]
fn bodies_in_files_of_their_own_are_part_of_a_backup() {
    let mut home = Home::new("{}");
    home.up();
    home.down();
    let long = "a long body ".repeat(3_000);
    let body = serde_json::json!({ "text": long });
    let draft = Draft::new("test.long", Topic::Daemon, "daemon", "test", body);
    store(&home).write_blocking(move |tx| tx.append(&[draft.because(Cause::Root)])).unwrap();
    let made = backup(&home);
    let blobs = made.join("blobs");
    let shelf = std::fs::read_dir(&blobs).unwrap().next().unwrap().unwrap().path();
    let copy = std::fs::read_dir(&shelf).unwrap().next().unwrap().unwrap().path();
    assert!(std::fs::read_to_string(&copy).unwrap().contains("a long body"));
    // What is put back comes from the backup alone.
    std::fs::remove_dir_all(home.data().join("blobs")).unwrap();
    home.ok(&["backup", "restore", made.to_str().unwrap(), "--yes"]);
    home.ok(&["audit", "verify"]);
    home.up();
    let event = home.events("test.long").pop().unwrap();
    assert_eq!(event["body"]["text"], long.as_str());
    home.down();
    // One that lacks a body is no whole one.
    std::fs::remove_file(&copy).unwrap();
    let said = home.fails(&["backup", "restore", made.to_str().unwrap(), "--yes"], 7);
    assert!(said.contains("blobs/"), "{said}");
}
