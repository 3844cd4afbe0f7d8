//! What happens while no daemon looks, and what the next one makes of it (cases 35 to 38).

use crate::harness::{Home, is_alive, parent_of, signal};
use crate::support::{SLEEP, edit_state, no_orphan, of, unit, units, verified};
use crate::watch::{ALONE, count, no_violation, numbers, story, touch, wait_other, written};

#[test]
fn case_35_a_death_that_nobody_saw_is_a_crash_and_a_restart_of_the_machine_is_none() {
    let alone = format!("{ALONE}{SLEEP}");
    let mut home = Home::new(&units(&[
        unit("dies", &alone, "restart: { initial: 10ms }"),
        unit("once", &alone, "restart: never"),
        unit("done", "exit 0", "restart: never"),
        unit("waits", "exit 1", "restart: { initial: 10m, max: 10m }"),
    ]));
    home.up();
    let (dies, once) = (home.pid("dies"), home.pid("once"));
    home.wait_state("done", "stopped");
    home.wait_state("waits", "backing_off");
    home.kill_daemon();
    signal(dies, "KILL");
    signal(once, "TERM");
    home.wait("both to die", || (!is_alive(dies) && !is_alive(once)).then_some(()));
    home.up();
    let next = wait_other(&home, "dies", dies);
    assert_eq!(home.unit("dies")["restarts"], 1);
    assert_eq!(home.wait_state("once", "failed")["last_exit"]["signal"], 15);
    assert_eq!(numbers(&home, "dies", "unit.restart_scheduled", "attempt"), [1]);

    // The machine goes down: nothing lives any more, and it comes up as another boot.
    home.ok(&["unit", "start", "--no-wait", "once"]);
    let once = home.pid("once");
    home.kill_daemon();
    let left = home.processes();
    assert!(left.contains(&next) && left.contains(&once));
    // Shims first, so that none of them can note an end.
    let shims: Vec<i32> = [next, once].map(parent_of).to_vec();
    for pid in shims.iter().chain(&left) {
        signal(*pid, "KILL");
    }
    home.wait("all to be gone", || home.processes().is_empty().then_some(()));
    let database = rusqlite::Connection::open(home.data().join("state.db")).expect("the database");
    database
        .execute("UPDATE meta SET value = 'another' WHERE key = 'boot_id'", [])
        .expect("written");
    drop(database);
    home.up();
    for (name, old) in [("dies", next), ("once", once)] {
        wait_other(&home, name, old);
        let lost = of(&home, name, "unit.lost").pop().expect("the loss is told");
        assert_eq!(lost["body"]["why"], "other_boot", "{lost}");
    }
    assert_eq!(count(&home, "dies", "unit.restart_scheduled"), 1, "it is no crash");
    assert_eq!(count(&home, "once", "unit.failed"), 1, "it is no failure");
    assert_eq!(home.unit("done")["state"], "stopped");
    assert_eq!(home.unit("waits")["state"], "backing_off");
    no_violation(&home);
    no_orphan(&home);
    verified(&home);
}

#[test]
fn case_36_a_process_that_was_taken_over_is_looked_after_like_any_other() {
    let hook =
        "hooks: { exit: [sh, -c, 'echo $ORKESTRA_EXIT_CODE $ORKESTRA_EXIT_SIGNAL >> exits'] }";
    let mut home = Home::new(&units(&[
        unit("again", SLEEP, &format!("restart: {{ initial: 10ms }}, {hook}")),
        unit("never", SLEEP, "restart: never"),
    ]));
    home.up();
    let (again, never) = (home.pid("again"), home.pid("never"));
    for _ in 0..2 {
        home.kill_daemon();
        home.up();
    }
    assert_eq!((home.pid("again"), home.pid("never")), (again, never));
    assert_eq!(count(&home, "again", "unit.adopted"), 2);
    signal(again, "KILL");
    signal(never, "KILL");
    let next = wait_other(&home, "again", again);
    home.wait_state("never", "failed");
    home.wait("the hook", || (written(&home, "exits") == "256 KILL\n").then_some(()));
    let exited = of(&home, "again", "unit.exited").pop().expect("the end");
    assert_eq!((&exited["body"]["signal"], &exited["body"]["pid"]), (&9.into(), &again.into()));
    // And it obeys.
    home.kill_daemon();
    home.up();
    home.ok(&["unit", "stop", "again"]);
    assert!(!is_alive(next));
}

#[test]
fn case_37_the_count_of_tries_goes_on_over_daemons() {
    let script = "echo x >> runs; until [ -e die-$ORKESTRA_RESTARTS ]; do sleep 0.02; done; exit 1";
    let rest = "restart: { limit: 3, initial: 20ms, jitter: 0 }";
    let mut home = Home::new(&units(&[unit("a", script, rest)]));
    home.up();
    let mut pid = home.pid("a");
    for life in 0..3 {
        home.kill_daemon();
        touch(&home, &format!("die-{life}"));
        if life == 1 {
            // Once it dies while nobody looks, and otherwise after it was taken over.
            home.wait("it to die", || (!is_alive(pid)).then_some(()));
        }
        home.up();
        pid = wait_other(&home, "a", pid);
        assert_eq!(home.unit("a")["restarts"], life + 1);
    }
    touch(&home, "die-3");
    home.wait_state("a", "failed");
    assert_eq!(written(&home, "runs"), "x\nx\nx\nx\n");
    assert_eq!(numbers(&home, "a", "unit.restart_scheduled", "delay_ms"), [20, 40, 80]);
    assert_eq!(story(&home, "a").pop().as_deref(), Some("failed"));
}

#[test]
fn case_38_when_the_one_that_writes_the_log_dies_another_goes_on_in_it() {
    let script = "echo \"life $ORKESTRA_RESTARTS\"; exec sleep 1000000";
    let mut home = Home::new(&units(&[unit("a", script, "restart: { initial: 10ms, jitter: 0 }")]));
    home.up();
    let mut expected = String::new();
    for life in 0..4 {
        let pid = home.pid("a");
        expected += &format!("life {life}\n");
        home.wait("its line", || (home.ok(&["logs", "a"]) == expected).then_some(()));
        // With and without a daemon that sees it.
        let unseen = life % 2 == 1;
        if unseen {
            home.kill_daemon();
        }
        signal(parent_of(pid), "KILL");
        if unseen {
            home.wait("it to die", || (!is_alive(pid)).then_some(()));
            home.up();
        }
        wait_other(&home, "a", pid);
    }
}

#[test]
fn case_34_a_pid_of_nobody_is_believed_as_little_as_one_of_a_stranger() {
    let mut home = Home::new(&units(&[unit("a", SLEEP, "")]));
    home.up();
    let pid = home.pid("a");
    for told in
        [serde_json::json!(1), serde_json::json!(std::process::id()), serde_json::json!(4_194_303)]
    {
        home.kill_daemon();
        edit_state(&home, "a", "pid", told);
        home.up();
        assert_eq!(home.pid("a"), pid);
    }
    home.ok(&["unit", "stop", "a"]);
    assert!(!is_alive(pid));
}
