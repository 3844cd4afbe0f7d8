//! Stopping whole trees (MISSION row 8; issue, item 5).

use crate::harness::{Home, is_alive};
use crate::support::{SLEEP, is_shim, journal, no_orphan, nobody_left, unit, units};
use serde_json::Value;

/// A unit that ignores the polite signal, and so do its children.
const STUBBORN: &str = "trap '' TERM; while :; do sleep 1000000; done";

/// Units that are hard to end, each with how many processes it has at rest (its shim included).
fn nasty() -> Vec<(&'static str, &'static str, usize)> {
    vec![
        ("plain", SLEEP, 2),
        ("forks", "sleep 1000000 & sleep 1000000 & sleep 1000000 & wait", 5),
        ("stubborn", STUBBORN, 3),
        ("session", "setsid sleep 1000000 & exec sleep 1000000", 3),
        ("double", "(setsid sh -c 'sleep 1000000 & sleep 1000000 & ' & ) ; exec sleep 1000000", 4),
        // A grandchild in a session of its own that also ignores the signal.
        (
            "deep",
            "setsid sh -c \"trap '' TERM HUP; sleep 1000000 & wait; sleep 1000000\" & exec sleep 1000000",
            4,
        ),
    ]
}

fn wait_for_processes(home: &Home, count: usize) -> Vec<i32> {
    home.wait(&format!("{count} processes"), || {
        let processes = home.processes();
        (processes.len() == count).then_some(processes)
    })
}

/// When the daemon began to stop and when it had ended, by the journal.
fn way_down(journal: &[(String, String, i64, Value)]) -> (i64, i64) {
    let at = |kind: &str| {
        journal.iter().rev().find(|event| event.0 == kind).map(|event| event.2).expect("the event")
    };
    (at("daemon.stopping"), at("daemon.stopped"))
}

#[test]
fn row_008_sigterm_leaves_no_process_and_saves_the_state() {
    let nasty = nasty();
    let yaml: Vec<String> = nasty.iter().map(|(name, script, _)| unit(name, script, "")).collect();
    let mut home = Home::new(&units(&yaml));
    home.up();
    let processes = wait_for_processes(&home, nasty.iter().map(|(_, _, count)| count).sum());
    home.signal_daemon("TERM");
    assert_eq!(home.wait_for_end(), Some(0), "{}", home.daemon_log());
    assert_eq!(home.processes(), Vec::<i32>::new(), "nothing is left when the daemon has ended");
    assert!(processes.iter().all(|pid| !is_alive(*pid)));
    let journal = journal(&home);
    let (began, ended) = way_down(&journal);
    assert!(ended - began <= 10_000, "it took {} ms", ended - began);
    for (name, _, _) in &nasty {
        let stopped =
            |event: &&(String, String, i64, Value)| event.0 == "unit.stopped" && event.1 == *name;
        let stopped = journal.iter().find(stopped).map(|event| event.3.clone()).expect("its stop");
        let stubborn = ["stubborn", "deep"].contains(name);
        assert_eq!(stopped["killed"], stubborn, "{name}: {stopped}");
        assert_eq!(stopped["survivors"], 0, "{name}: {stopped}");
    }
    assert!(
        home.data()
            .join("run")
            .read_dir()
            .expect("run")
            .flatten()
            .all(|entry| !entry.path().is_dir())
    );
    // What was saved: all of it starts again.
    home.up();
    wait_for_processes(&home, nasty.iter().map(|(_, _, count)| count).sum());
    home.ok(&["down"]);
    nobody_left(&home);
}

#[test]
fn case_16_ten_stubborn_units_die_in_one_grace_period() {
    let names: Vec<String> = (0..10).map(|n| format!("stubborn-{n}")).collect();
    let yaml: Vec<String> =
        names.iter().map(|name| unit(name, STUBBORN, "stop: { grace: 3s }")).collect();
    let mut home = Home::new(&units(&yaml));
    home.up();
    wait_for_processes(&home, 30);
    home.signal_daemon("TERM");
    assert_eq!(home.wait_for_end(), Some(0), "{}", home.daemon_log());
    assert_eq!(home.processes(), Vec::<i32>::new());
    let (began, ended) = way_down(&journal(&home));
    assert!(ended - began >= 3_000, "they were not given their grace: {} ms", ended - began);
    assert!(ended - began < 15_000, "one grace is 3 s, ten are 30 s; it took {} ms", ended - began);
}

#[test]
fn a_stopped_unit_takes_its_whole_tree_along_and_nobody_else() {
    let nasty = nasty();
    let stop = "stop: { grace: 1s }";
    let yaml: Vec<String> =
        nasty.iter().map(|(name, script, _)| unit(name, script, stop)).collect();
    let mut home = Home::new(&units(&yaml));
    home.up();
    let all = nasty.iter().map(|(_, _, count)| count).sum::<usize>();
    wait_for_processes(&home, all);
    // Each unit's shim is let go a moment after the stop is told, and is none of its tree.
    let mut left = all - nasty.len();
    for (name, _, count) in &nasty {
        home.ok(&["unit", "stop", name]);
        left -= count - 1;
        // A shim that ends while we look has no name any more, and does not live.
        let in_tree = |pid: &i32| !is_shim(*pid) && is_alive(*pid);
        let trees = home.processes().into_iter().filter(in_tree).count();
        assert_eq!(trees, left, "{name}: stop returns when its tree is empty");
    }
    nobody_left(&home);
}

#[test]
fn dependents_stop_first() {
    let mut home = Home::new(&units(&[
        unit("db", SLEEP, ""),
        unit(
            "web",
            "trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.05; done",
            "after: { db: started }",
        ),
    ]));
    home.up();
    home.pid("db");
    home.pid("web");
    home.signal_daemon("TERM");
    assert_eq!(home.wait_for_end(), Some(0));
    let order: Vec<String> = journal(&home)
        .into_iter()
        .filter(|event| ["unit.stopping", "unit.exited"].contains(&event.0.as_str()))
        .map(|event| format!("{} {}", event.0, event.1))
        .collect();
    assert_eq!(
        order,
        ["unit.stopping web", "unit.exited web", "unit.stopping db", "unit.exited db"]
    );
}

#[test]
fn a_unit_may_be_stopped_while_it_starts_or_waits_and_the_last_word_counts() {
    let mut home = Home::new(&units(&[
        unit("waits", "exit 1", "restart: { initial: 10m, max: 10m, jitter: 0 }"),
        unit("late", SLEEP, "enabled: false"),
    ]));
    home.up();
    home.wait_state("waits", "backing_off");
    home.ok(&["unit", "stop", "waits"]);
    assert_eq!(home.unit("waits")["state"], "stopped");
    for _ in 0..5 {
        home.ok(&["unit", "start", "--no-wait", "late"]);
        home.ok(&["unit", "stop", "--no-wait", "late"]);
    }
    home.wait_state("late", "stopped");
    nobody_left(&home);
    for _ in 0..5 {
        home.ok(&["unit", "start", "--no-wait", "late"]);
        home.ok(&["unit", "stop", "--no-wait", "late"]);
        home.ok(&["unit", "start", "--no-wait", "late"]);
    }
    home.pid("late");
    no_orphan(&home);
}

#[test]
fn sigterm_right_after_the_start_stops_all_too() {
    let mut home = Home::new(&units(&[unit("a", SLEEP, ""), unit("b", SLEEP, "")]));
    for _ in 0..20 {
        home.up();
        home.signal_daemon("TERM");
        assert_eq!(home.wait_for_end(), Some(0), "{}", home.daemon_log());
        assert_eq!(home.processes(), Vec::<i32>::new());
    }
}
