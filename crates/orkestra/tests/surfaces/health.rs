//! The health report on the real machine (MISSION row 41). Filling a disk to the byte is no test for
//! every machine, so the thresholds are set around what is free; the literal figures are in the
//! core's test of the same name.

use crate::harness::Home;
use serde_json::Value;

fn check(report: &Value, name: &str) -> Value {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).cloned().unwrap_or_else(|| {
        panic!("no check {name} in {report}");
    })
}

/// Runs `orkestra health --json` and expects this exit code.
fn health(home: &Home, code: i32) -> Value {
    let output = home.run(&["health", "--json"]);
    let printed = crate::harness::text(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{e}: {printed}"))
}

/// Thresholds that no machine breaks, but for the disk.
const EASY: &str = "memory_warning: 0, memory_critical: 0, load_warning: 1000";

#[test]
fn row_041_health_says_warning_and_critical_and_so_does_its_exit_code() {
    let mut home =
        Home::new(&format!("health: {{ disk_warning: 1MB, disk_critical: 1MB, {EASY} }}\n"));
    home.up();
    let report = health(&home, 0);
    assert_eq!(report["level"], "ok", "{report}");
    let disk = check(&report, "disk");
    assert_eq!((&disk["level"], &disk["measure"]), (&"ok".into(), &"bytes".into()), "{disk}");
    for name in
        ["daemon", "memory", "load", "database", "journal", "integrity", "descriptors", "units"]
    {
        assert_eq!(check(&report, name)["level"], "ok", "{report}");
    }

    let apply = |yaml: &str| {
        home.configure(yaml);
        home.ok(&["config", "reload"]);
    };
    apply(&format!("health: {{ disk_warning: 1000GB, disk_critical: 1MB, {EASY} }}\n"));
    let free = disk["value"].as_f64().expect("bytes");
    assert!(free < 1e12, "this test needs a disk with less than 1000 GB free");
    let report = health(&home, 9);
    assert_eq!(check(&report, "disk")["level"], "warning", "{report}");
    assert_eq!(check(&report, "disk")["threshold"], 1e12, "{report}");
    apply(&format!("health: {{ disk_warning: 1000GB, disk_critical: 1000GB, {EASY} }}\n"));
    let report = health(&home, 10);
    assert_eq!(check(&report, "disk")["level"], "critical", "{report}");
    assert!(check(&report, "disk")["advice"].as_str().expect("advice").contains("room"));

    // The open address tells nobody more than up.
    assert_eq!(home.http("GET", "/health", &[], "").json(), serde_json::json!({"status": "up"}));
    assert_eq!(home.http("GET", "/api/v1/health", &[], "").status, 401);
    assert_eq!(home.api("GET", "/api/v1/health", "").json()["level"], "critical");
}

#[test]
fn a_check_writes_down_what_changed_once_and_verifies_the_journal() {
    let tight = format!("health: {{ disk_warning: 1000GB, disk_critical: 1MB, {EASY} }}\n");
    let mut home = Home::new(&tight);
    home.up();
    for _ in 0..2 {
        let output = home.run(&["health", "--check", "--json"]);
        assert_eq!(output.status.code(), Some(9));
    }
    let changed = home.events("health.changed");
    assert_eq!(changed.len(), 1, "{changed:?}");
    let body = &changed[0]["body"];
    assert_eq!((&body["level"], &body["checks"][0]["name"]), (&"warning".into(), &"disk".into()));
    assert_eq!(home.events("health.integrity_checked").len(), 2);
    let said = home.run(&["health"]);
    let said = crate::harness::text(&said.stdout);
    assert!(said.contains("events verified"), "{said}");

    home.configure(&format!("health: {{ disk_warning: 1MB, disk_critical: 1MB, {EASY} }}\n"));
    home.ok(&["config", "reload"]);
    home.ok(&["health", "--check"]);
    let changed = home.events("health.changed");
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert_eq!(changed[1]["body"]["checks"][0]["to"], "ok");
    assert_eq!(changed[1]["actor"], "person:cli");
}

#[test]
fn without_a_daemon_the_machine_is_looked_at_and_the_daemon_is_what_is_missing() {
    let mut home = Home::new(&format!("health: {{ {EASY} }}\n"));
    let report = health(&home, 10);
    assert_eq!(check(&report, "daemon")["level"], "critical", "{report}");
    assert!(check(&report, "disk")["value"].as_f64().expect("bytes") > 0.0);
    home.up();
    home.down();
    let report = health(&home, 10);
    assert_eq!(check(&report, "daemon")["says"], "No daemon runs on this data folder.");
    assert_eq!(check(&report, "database")["level"], "ok");
}

/// Makes a file or folder look as if nobody had touched it for hours.
fn age(path: &std::path::Path) {
    let file = std::fs::File::open(path).expect("it opens");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    file.set_modified(then).expect("its time");
}

#[test]
fn row_042_what_a_crash_left_is_mended_and_listed() {
    let mut home = Home::new(&format!(
        "health: {{ disk_warning: 1MB, disk_critical: 1MB, {EASY} }}\nunits:\n  web: {{ command: [sleep, \"1000000\"] }}\n"
    ));
    home.up();
    let pid = home.pid("web");
    home.kill_daemon();
    let data = home.data();
    let orphan = |name: &str| {
        let folder = data.join("run").join(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("lock"), "").expect("a lock");
        folder
    };
    // An orphan lock: a life that no row knows, whose processes are gone.
    let at_start = orphan("01a00000-0000-7000-8000-000000000001");
    home.up();
    let mended = home.wait("it to be mended", || home.events("health.repaired").into_iter().next());
    assert_eq!(mended["body"]["repairs"][0]["what"], "instance", "{mended}");
    assert_eq!(mended["body"]["repairs"][0]["name"], "01a00000-0000-7000-8000-000000000001");
    assert!(!at_start.exists());

    // And what is found while it runs; what is young is left alone.
    let later = orphan("01a00000-0000-7000-8000-000000000002");
    let young = orphan("01a00000-0000-7000-8000-000000000003");
    let worktree = data.join("worktrees/01a00000-0000-7000-8000-000000000004");
    std::fs::create_dir_all(&worktree).expect("a folder");
    std::fs::write(worktree.join("work.txt"), "somebody's work").expect("a file");
    let shelf = data.join("blobs/ab");
    std::fs::create_dir_all(&shelf).expect("a shelf");
    let half = shelf.join("abcd.new");
    std::fs::write(&half, "half").expect("a file");
    for path in [&later, &worktree, &half] {
        age(path);
    }
    home.ok(&["health", "--check"]);
    assert!(!later.exists() && !worktree.exists() && !half.exists());
    assert!(young.exists(), "it may just be coming to be");
    let report = health(&home, 0);
    let listed: Vec<String> = report["repairs"]
        .as_array()
        .expect("repairs")
        .iter()
        .map(|one| one["what"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(listed, ["instance", "worktree", "file", "instance"], "{report}");
    let said = home.ok(&["health"]);
    assert!(said.contains("Mended") && said.contains("in the trash"), "{said}");
    // Nobody's work is deleted.
    let kept = std::fs::read_dir(data.join("trash")).expect("the trash").flatten();
    let kept: Vec<_> = kept.filter(|entry| entry.path().join("work.txt").exists()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    // What lives was not touched, and nothing is mended twice.
    assert_eq!(home.pid("web"), pid);
    home.ok(&["health", "--check"]);
    assert_eq!(home.events("health.repaired").len(), 2);
    home.ok(&["audit", "verify"]);
}
