//! Who is who: lost shims, used pids, homes whose database is gone or copied.

use crate::harness::{Home, is_alive, parent_of, signal};
use crate::support::{
    SLEEP, Stranger, edit_state, no_orphan, nobody_left, of, unit, units, verified,
};
use serde_json::json;

/// Leader, a child in its group, a grandchild in a session of its own.
const TREE: &str = "sleep 1000000 & setsid sleep 1000000 & exec sleep 1000000";

/// Told when a second one runs at the same time.
const GUARDED: &str = r#"exec 9>>"$ORKESTRA_UNIT.lock"
flock -n 9 || { echo "$ORKESTRA_UNIT" >> violations; exit 3; }
exec sleep 1000000"#;

fn wait_for_other(home: &Home, name: &str, old: i32) -> i32 {
    home.wait("a new process", || {
        let unit = home.unit(name);
        let pid = unit["pid"].as_i64()? as i32;
        (unit["state"] == "running" && pid != old).then_some(pid)
    })
}

#[test]
fn a_killed_shim_takes_its_tree_along_and_the_unit_starts_again() {
    let mut home = Home::new(&units(&[
        unit("tree", TREE, "restart: { initial: 10ms, jitter: 0 }"),
        unit("other", SLEEP, ""),
    ]));
    home.up();
    let (leader, other) = (home.pid("tree"), home.pid("other"));
    let all = home.wait("six processes", || {
        let processes = home.processes();
        (processes.len() == 6).then_some(processes)
    });
    let others = [other, parent_of(other)];
    signal(parent_of(leader), "KILL");
    wait_for_other(&home, "tree", leader);
    for pid in all.iter().filter(|pid| !others.contains(pid)) {
        assert!(!is_alive(*pid), "{pid} of the lost tree lives");
    }
    let exited = of(&home, "tree", "unit.exited").pop().expect("the exit");
    assert_eq!(exited["body"]["reason"], "shim_lost", "{exited}");
    let scheduled = of(&home, "tree", "unit.restart_scheduled").pop().expect("the restart");
    assert_eq!(scheduled["body"]["delay_ms"], 10, "it counts as a crash: {scheduled}");
    assert_eq!(home.pid("other"), other);
    no_orphan(&home);
    verified(&home);
}

#[test]
fn a_shim_killed_while_no_daemon_ran_is_noticed_by_the_next() {
    let mut home =
        Home::new(&units(&[unit("tree", TREE, "restart: { initial: 10ms, jitter: 0 }")]));
    home.up();
    let leader = home.pid("tree");
    let all = home.wait("four processes", || {
        let processes = home.processes();
        (processes.len() == 4).then_some(processes)
    });
    home.kill_daemon();
    signal(parent_of(leader), "KILL");
    home.wait("the leader to die with its shim", || (!is_alive(leader)).then_some(()));
    home.up();
    wait_for_other(&home, "tree", leader);
    assert!(all.iter().all(|pid| !is_alive(*pid)), "something of the lost tree lives");
    let exited = of(&home, "tree", "unit.exited").pop().expect("the exit");
    assert_eq!(exited["body"]["reason"], "shim_lost", "{exited}");
    no_orphan(&home);
}

#[test]
fn case_34_a_stranger_with_a_recorded_pid_is_never_signalled() {
    let mut home = Home::new(&units(&[
        unit("lives", SLEEP, ""),
        unit("died", SLEEP, "restart: { initial: 10ms }"),
        unit("lost", SLEEP, "restart: { initial: 10ms }"),
    ]));
    home.up();
    let [lives, died, lost] = ["lives", "died", "lost"].map(|name| home.pid(name));
    home.kill_daemon();
    // One lives on, one dies in order, one dies with its shim and its exit; then all three rows
    // name strangers, as they would after the pids were given out again.
    signal(died, "KILL");
    signal(parent_of(lost), "KILL");
    home.wait("both to die", || (!is_alive(died) && !is_alive(lost)).then_some(()));
    let strangers: Vec<Stranger> = (0..3).map(|_| Stranger::new(&home)).collect();
    for (name, stranger) in ["lives", "died", "lost"].iter().zip(&strangers) {
        edit_state(&home, name, "pid", json!(stranger.pid()));
    }
    home.up();
    assert_eq!(home.pid("lives"), lives, "the shim knows better than the row");
    let strangers_pids: Vec<i32> = strangers.iter().map(Stranger::pid).collect();
    for (name, old) in [("died", died), ("lost", lost)] {
        let pid = home.wait("a new life", || {
            let unit = home.unit(name);
            let pid = unit["pid"].as_i64()? as i32;
            (unit["state"] == "running" && !strangers_pids.contains(&pid)).then_some(pid)
        });
        assert!(pid != old && is_alive(pid));
    }
    home.ok(&["unit", "signal", "lives", "CONT"]);
    home.ok(&["unit", "restart", "lives"]);
    for name in ["lives", "died", "lost"] {
        home.ok(&["unit", "stop", name]);
    }
    home.down();
    assert!(strangers.iter().all(Stranger::lives), "a stranger was signalled");
}

/// Deletes the database; the units live on.
fn forget(home: &Home) {
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _was_there = std::fs::remove_file(home.data().join(name));
    }
}

fn cleared_and_started_once(home: &mut Home, old: &[i32]) {
    home.up();
    for name in ["a", "b", "stubborn"] {
        let pid = home.pid(name);
        assert!(!old.contains(&pid), "{name} is a new process");
    }
    assert!(old.iter().all(|pid| !is_alive(*pid)), "a stray was left alone");
    let strays = home.events("unit.stray_stopped");
    let mut reported: Vec<i32> = strays
        .iter()
        .filter_map(|event| event["body"]["pid"].as_i64())
        .map(|pid| pid as i32)
        .collect();
    reported.sort_unstable();
    let mut expected = old.to_vec();
    expected.sort_unstable();
    assert_eq!(reported, expected, "each stray is reported");
    let violations = std::fs::read_to_string(home.dir.join("violations")).unwrap_or_default();
    assert_eq!(violations, "", "units that ran twice at the same time");
    no_orphan(home);
    verified(home);
    home.down();
    nobody_left(home);
}

fn three_units() -> String {
    let stubborn = format!("trap '' TERM; {GUARDED}");
    units(&[
        unit("a", GUARDED, ""),
        unit("b", GUARDED, ""),
        unit("stubborn", &stubborn, "stop: { grace: 1s }"),
    ])
}

#[test]
fn a_home_whose_database_is_gone_is_cleared_first() {
    let mut home = Home::new(&three_units());
    home.up();
    let old = ["a", "b", "stubborn"].map(|name| home.pid(name));
    home.kill_daemon();
    forget(&home);
    cleared_and_started_once(&mut home, &old);
}

#[test]
fn shims_of_a_higher_term_obey_the_holder_of_the_home() {
    let mut home = Home::new(&three_units());
    home.up();
    let old = ["a", "b", "stubborn"].map(|name| home.pid(name));
    // Each start raises the term that the shims have heard; a new database begins at one.
    for _ in 0..3 {
        home.kill_daemon();
        home.up();
    }
    assert_eq!(old, ["a", "b", "stubborn"].map(|name| home.pid(name)));
    home.kill_daemon();
    forget(&home);
    cleared_and_started_once(&mut home, &old);
}

#[test]
fn a_database_put_back_from_an_earlier_day_doubles_nobody() {
    let mut home = Home::new(&three_units());
    home.up();
    home.pid("a");
    home.down();
    let kept = home.dir.join("kept.db");
    std::fs::copy(home.data().join("state.db"), &kept).expect("a copy");
    for _ in 0..3 {
        home.up();
        home.kill_daemon();
    }
    home.up();
    let old = ["a", "b", "stubborn"].map(|name| home.pid(name));
    home.kill_daemon();
    forget(&home);
    std::fs::copy(&kept, home.data().join("state.db")).expect("the old database");
    cleared_and_started_once(&mut home, &old);
}

#[test]
fn a_copied_home_harms_no_process_of_the_original() {
    let mut home = Home::new(&units(&[unit("a", SLEEP, ""), unit("b", TREE, "")]));
    home.up();
    let pids = ["a", "b"].map(|name| home.pid(name));
    let all = home.wait("six processes", || {
        let processes = home.processes();
        (processes.len() == 6).then_some(processes)
    });
    home.kill_daemon();
    let mut other = Home::new(&units(&[unit("a", SLEEP, ""), unit("b", TREE, "")]));
    let status = other.command("cp").arg("-a").arg(home.data()).arg(other.data()).status();
    assert!(status.expect("cp runs").success());
    other.up();
    let copies = ["a", "b"].map(|name| {
        other.wait("its own process", || {
            let unit = other.unit(name);
            let pid = unit["pid"].as_i64()? as i32;
            (unit["state"] == "running" && !all.contains(&pid)).then_some(pid)
        })
    });
    assert!(all.iter().all(|pid| is_alive(*pid)), "the copy's daemon killed what is not its own");
    home.up();
    assert_eq!(["a", "b"].map(|name| home.pid(name)), pids);
    home.down();
    assert!(copies.iter().all(|pid| is_alive(*pid)));
}
