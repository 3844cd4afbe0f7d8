//! Starting, restarting, commands, reload, status, one daemon per home.

use crate::harness::{Home, is_alive, signal};
use crate::support::{SLEEP, no_orphan, nobody_left, of, unit, units, verified};

#[test]
fn row_001_exactly_the_enabled_units_of_four_are_started() {
    let mut home = Home::new(&units(&[
        unit("one", SLEEP, ""),
        unit("two", SLEEP, "enabled: true"),
        unit("three", SLEEP, "enabled: false"),
        unit("four", SLEEP, ""),
    ]));
    home.up();
    let pids: Vec<i32> = ["one", "two", "four"].map(|name| home.pid(name)).to_vec();
    for (name, pid) in ["one", "two", "four"].iter().zip(&pids) {
        assert!(is_alive(*pid), "{name} has no process {pid}");
        let before = home.unit(name)["uptime_ms"].as_u64().expect("an uptime");
        home.wait("its uptime to grow", || {
            (home.unit(name)["uptime_ms"].as_u64()? > before).then_some(())
        });
    }
    let three = home.unit("three");
    assert_eq!(three["state"], "stopped", "{three}");
    assert!(three["pid"].is_null() && three["uptime_ms"].is_null(), "{three}");
    assert_eq!(home.status()["units"].as_array().map(Vec::len), Some(4));
    assert_eq!(home.processes().len(), 6, "three shims and three leaders");
    no_orphan(&home);
    home.down();
    nobody_left(&home);
}

#[test]
fn row_002_a_killed_unit_is_restarted_and_the_journal_names_it() {
    let mut home =
        Home::new(&units(&[unit("web", SLEEP, "restart: { initial: 20ms, jitter: 0 }")]));
    home.up();
    let first = home.pid("web");
    signal(first, "KILL");
    let second = home.wait("a new process", || {
        let unit = home.unit("web");
        let pid = unit["pid"].as_i64()? as i32;
        (unit["state"] == "running" && pid != first).then_some(pid)
    });
    assert!(is_alive(second) && !is_alive(first));
    assert_eq!(home.unit("web")["restarts"], 1);
    let exited = of(&home, "web", "unit.exited").pop().expect("the exit");
    assert_eq!(exited["body"]["signal"], 9, "{exited}");
    assert_eq!(exited["body"]["signal_name"], "KILL", "{exited}");
    assert_eq!(exited["body"]["pid"], first, "{exited}");
    let scheduled = of(&home, "web", "unit.restart_scheduled").pop().expect("the restart");
    assert_eq!(scheduled["body"]["restarts"], 1, "{scheduled}");
    assert_eq!(scheduled["body"]["attempt"], 1, "{scheduled}");
    assert_eq!(scheduled["body"]["delay_ms"], 20, "{scheduled}");
    assert_eq!(scheduled["cause"], exited["id"], "the exit is the cause of the restart");
    let started = of(&home, "web", "unit.started").pop().expect("the start");
    assert_eq!(started["body"]["pid"], second, "{started}");
    assert_eq!(started["body"]["restarts"], 1, "{started}");
    assert_eq!(started["chain"], exited["chain"], "one chain from the exit to the new life");
    signal(second, "KILL");
    home.wait("the second restart", || (home.unit("web")["restarts"] == 2).then_some(()));
    verified(&home);
}

#[test]
fn row_009_a_unit_stopped_from_another_process_stays_stopped() {
    let mut home =
        Home::new(&units(&[unit("a", SLEEP, "restart: { initial: 0 }"), unit("b", SLEEP, "")]));
    home.up();
    let (a, b) = (home.pid("a"), home.pid("b"));
    home.ok(&["unit", "stop", "a"]);
    let unit = home.unit("a");
    assert_eq!((&unit["state"], &unit["held"]), (&"stopped".into(), &true.into()), "{unit}");
    assert!(!is_alive(a), "stop returns when the process is gone");
    assert_eq!(home.pid("b"), b, "nobody else is touched");

    home.kill_daemon();
    home.up();
    assert_eq!(home.pid("b"), b);
    assert_eq!(home.unit("a")["state"], "stopped", "also over a crash of the daemon");
    home.down();
    home.up();
    let second_b = home.pid("b");
    assert_eq!(home.unit("a")["state"], "stopped", "also over a restart of the daemon");
    assert_eq!(home.processes().len(), 2, "only b runs");

    home.ok(&["unit", "start", "a"]);
    let unit = home.unit("a");
    assert_eq!((&unit["state"], &unit["held"]), (&"running".into(), &false.into()), "{unit}");
    let again = home.pid("a");
    home.ok(&["unit", "restart", "a"]);
    assert!(!is_alive(again));
    assert_ne!(home.pid("a"), again, "a restart gives a new process");
    assert_eq!(home.pid("b"), second_b);
    home.fails(&["unit", "stop", "nobody"], 6);
    no_orphan(&home);
    verified(&home);
}

#[test]
fn row_010_toggling_enabled_starts_and_stops_without_a_restart_of_the_daemon() {
    let with = |a: bool, b: bool| {
        units(&[
            unit("a", SLEEP, &format!("enabled: {a}")),
            unit("b", SLEEP, &format!("enabled: {b}")),
            unit("c", SLEEP, ""),
        ])
    };
    let mut home = Home::new(&with(true, false));
    home.up();
    let (a, c, daemon) = (home.pid("a"), home.pid("c"), home.daemon_pid());
    home.wait_state("b", "stopped");
    // The file's change is seen by itself.
    home.configure(&with(false, true));
    home.wait_state("a", "stopped");
    home.pid("b");
    home.wait("a's process to be gone", || (!is_alive(a)).then_some(()));
    assert_eq!(home.pid("c"), c, "what did not change is not touched");
    assert_eq!(home.status()["daemon"]["pid"], daemon);
    home.configure(&with(true, true));
    home.pid("a");
    // An edit of `enabled` is the newer word than a stop by hand.
    home.ok(&["unit", "stop", "a"]);
    home.configure(&with(false, true));
    home.wait("the reload", || (home.unit("a")["enabled"] == false).then_some(()));
    home.configure(&with(true, true));
    home.pid("a");
    assert_eq!(home.pid("c"), c);
    no_orphan(&home);
}

#[test]
fn row_011_status_is_right_from_any_other_process() {
    let mut home = Home::new(&units(&[
        unit("stays", SLEEP, ""),
        unit("ends", "exit 0", "restart: on-failure"),
        unit("fails", "exit 7", "restart: never"),
        unit("waits", "exit 1", "restart: { initial: 10m, max: 10m, jitter: 0 }"),
    ]));
    home.up();
    let stays = home.pid("stays");
    home.wait_state("ends", "stopped");
    home.wait_state("fails", "failed");
    home.wait_state("waits", "backing_off");
    // From another folder, with nothing but the home's name.
    let mut elsewhere = home.command(crate::harness::ORKESTRA);
    let output = elsewhere
        .current_dir("/")
        .env_remove("ORKESTRA_HOME")
        .args(["status", "--json", "--home"])
        .arg(home.data())
        .output()
        .expect("status runs");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(status["daemon"]["pid"], home.daemon_pid());
    let unit = |name: &str| {
        let units = status["units"].as_array().expect("units");
        units.iter().find(|unit| unit["name"] == name).cloned().expect("the unit")
    };
    assert_eq!(
        (&unit("stays")["state"], &unit("stays")["pid"]),
        (&"running".into(), &stays.into())
    );
    for (name, state) in [("ends", "stopped"), ("fails", "failed"), ("waits", "backing_off")] {
        let unit = unit(name);
        assert_eq!(unit["state"], state, "{unit}");
        assert!(unit["pid"].is_null(), "{unit}");
    }
    assert_eq!(unit("fails")["last_exit"]["code"], 7);
    assert_eq!(unit("waits")["health"], "unhealthy");
    assert!(unit("waits")["next_start_at"].is_string());
    for key in ["name", "state", "health", "pid", "uptime_ms", "restarts"] {
        assert!(unit("stays").get(key).is_some(), "no {key}");
    }
    // And it never tells of yesterday: a killed process is not running a moment later.
    signal(stays, "KILL");
    home.wait("status to notice", || (home.unit("stays")["pid"] != stays).then_some(()));
    home.kill_daemon();
    home.fails(&["status", "--json"], 3);
}

#[test]
fn row_012_a_second_daemon_refuses_and_names_the_first() {
    let mut home = Home::new(&units(&[unit("a", SLEEP, ""), unit("b", SLEEP, "")]));
    home.up();
    let (a, b, first) = (home.pid("a"), home.pid("b"), home.daemon_pid());
    for args in [&["up", "--port", "0"][..], &["up", "--detach", "--port", "0"]] {
        let said = home.fails(args, 4);
        assert!(said.contains(&first.to_string()), "it does not name {first}: {said}");
    }
    assert_eq!(home.status()["daemon"]["pid"], first);
    assert_eq!((home.pid("a"), home.pid("b")), (a, b), "the first is not disturbed");
    assert_eq!(home.processes().len(), 4);
    assert_eq!(home.events("daemon.started").len(), 1);
    // Once the first is gone, however it went, the home is free.
    home.kill_daemon();
    home.up();
    assert_eq!((home.pid("a"), home.pid("b")), (a, b));
}

#[test]
fn defect_b19_a_usage_error_is_not_restarted_for_ever() {
    let usage = "echo 'usage: sorting [--once]' >&2; exit 2";
    let few = "restart: { profile: few, initial: 10ms, jitter: 0 }";
    let mut home = Home::new(&units(&[unit("sorting", usage, few)]));
    home.up();
    let failed = home.wait_state("sorting", "failed");
    assert_eq!(failed["restarts"], 3, "{failed}");
    assert_eq!(failed["last_exit"]["code"], 2, "{failed}");
    assert_eq!(failed["last_exit"]["last_lines"][0], "usage: sorting [--once]", "{failed}");
    assert!(failed["why"].as_str().expect("why").contains("exited with code 2"), "{failed}");
    let needs = home.status()["needs_you"].clone();
    assert_eq!(needs[0]["subject"], "sorting", "{needs}");
    assert_eq!(of(&home, "sorting", "unit.starting").len(), 4, "one start and three tries");
    // The other half of the defect: a key that names nothing is refused, not ignored.
    home.configure(&units(&[unit("sorting", usage, "enable: true")]));
    let said = home.fails(&["config", "check"], 5);
    assert!(said.contains("enable") && said.contains("enabled"), "{said}");
}

#[test]
fn defect_b22_a_started_unit_keeps_its_supervisor_and_its_output() {
    let mut home = Home::new(&units(&[unit(
        "daemon",
        "echo I am $$; exec sleep 1000000",
        "enabled: false, restart: { initial: 0 }",
    )]));
    home.up();
    home.ok(&["unit", "start", "daemon"]);
    // The starting command has ended; the unit runs, is known, and is still looked after.
    let first = home.pid("daemon");
    signal(first, "KILL");
    let second = home.wait("a restart", || {
        let pid = home.unit("daemon")["pid"].as_i64()? as i32;
        (pid != first).then_some(pid)
    });
    let expected = format!("I am {first}\nI am {second}\n");
    home.wait("both lives in the log", || (home.ok(&["logs", "daemon"]) == expected).then_some(()));
}
