//! The keeper of `up --detach`: a daemon that dies is back by itself, with all units adopted.

use crate::harness::{Home, is_alive, parent_of, signal};
use serde_json::Value;

/// Brings a daemon up in the background; its pid and the keeper's.
fn detached(home: &Home) -> (i32, i32) {
    let up = home.json(&["up", "--detach", "--port", "0"]);
    let pid = up["pid"].as_i64().expect("a pid") as i32;
    (pid, parent_of(pid))
}

/// Waits for another daemon than this one; its pid.
fn next_daemon(home: &Home, before: i32) -> i32 {
    home.wait("the next daemon", || {
        let output = home.run(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        let pid = status["daemon"]["pid"].as_i64()? as i32;
        (pid != before).then_some(pid)
    })
}

#[test]
fn keeper_brings_a_killed_daemon_back_and_units_go_on() {
    let home = Home::new(
        "units:\n  a: { command: [sleep, '100000'] }\n  b: { command: [sleep, '100001'] }\n",
    );
    let (first, keeper) = detached(&home);
    let units = [home.pid("a"), home.pid("b")];
    signal(first, "KILL");
    let second = next_daemon(&home, first);
    assert_eq!(parent_of(second), keeper);
    assert_eq!([home.pid("a"), home.pid("b")], units, "the same processes");
    let started = home.events("daemon.started");
    let after: Vec<_> = started.iter().map(|event| event["body"]["after"].clone()).collect();
    assert_eq!(after, ["first", "crash"]);

    // A second `up` is refused as before, and the daemon goes on.
    home.fails(&["up", "--detach", "--port", "0"], 4);
    assert!(is_alive(second));

    home.ok(&["down"]);
    home.wait("the keeper's end", || (!is_alive(keeper)).then_some(()));
    assert!(!is_alive(units[0]) && !is_alive(units[1]));
    home.fails(&["status"], 3);
}

#[test]
fn keeper_passes_on_the_wish_to_end() {
    let home = Home::new("units:\n  a: { command: [sleep, '100000'] }\n");
    let (daemon, keeper) = detached(&home);
    let unit = home.pid("a");
    signal(keeper, "TERM");
    home.wait("all to end", || {
        (!is_alive(keeper) && !is_alive(daemon) && !is_alive(unit)).then_some(())
    });
}

#[test]
fn keeper_gives_up_where_another_start_would_fail_too() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let home = Home::new("units: {}\n");
    let said = home.fails(&["up", "--detach", "--port", &port], 1);
    assert!(said.contains("did not come up"), "{said}");
    let path = home.dir.display().to_string();
    home.wait("no process to be left", || {
        crate::harness::living(|environ| environ.contains(&path)).is_empty().then_some(())
    });
}

#[test]
fn keeper_ends_with_a_daemon_that_keeps_its_units() {
    let home = Home::new("units:\n  a: { command: [sleep, '100000'] }\n");
    let (_, keeper) = detached(&home);
    let unit = home.pid("a");
    home.ok(&["down", "--keep-units"]);
    home.wait("the keeper's end", || (!is_alive(keeper)).then_some(()));
    assert!(is_alive(unit));
}

#[test]
fn keeper_and_daemon_write_on_in_a_new_log_when_the_old_one_is_large() {
    let home = Home::new("units:\n  a: { command: [sleep, '100000'] }\n");
    let logs = home.data().join("logs");
    std::fs::create_dir_all(&logs).expect("a folder");
    std::fs::write(logs.join("daemon.log"), vec![b'x'; 11 << 20]).expect("a large log");
    let (first, _) = detached(&home);
    let (old, new) = (logs.join("daemon.log.1"), logs.join("daemon.log"));
    home.wait("another file", || (old.exists() && new.exists()).then_some(()));
    // The keeper still has the old file; the daemon that it starts finds the new one.
    signal(first, "KILL");
    next_daemon(&home, first);
    let target = |pid: i32| std::fs::read_link(format!("/proc/{pid}/fd/2")).ok();
    let second = home.json(&["status"])["daemon"]["pid"].as_i64().expect("a pid") as i32;
    home.wait("the new daemon's words in the new file", || {
        (target(second).as_deref() == new.canonicalize().ok().as_deref()).then_some(())
    });
    home.ok(&["down"]);
}
