//! What no other supervisor has at once: after `kill -9` of the daemon its children live on and
//! their output goes on being kept, the next daemon doubles none, and a stop ends whole trees.

use crate::harness::{Home, is_alive};
use crate::support::{no_orphan, nobody_left, unit, units, verified};
use std::collections::BTreeMap;

/// A leader that counts on its output, a child in its group, a grandchild with its own session; all
/// hold the unit's lock, so that a second copy is told while any of the first lives.
fn script(pause: &str) -> String {
    format!(
        r#"exec 9>>"$ORKESTRA_UNIT.lock"
flock -n 9 || {{ echo "$ORKESTRA_UNIT" >> violations; exit 3; }}
sleep 1000000 &
setsid sleep 1000000 &
i=0
while :; do i=$((i + 1)); echo "$i"; sleep {pause}; done"#
    )
}

/// The numbers in a unit's log, read as they lie there: no daemon is needed.
fn numbers(home: &Home, name: &str) -> Vec<u64> {
    let file = home.data().join("logs").join(name).join("00000001.log");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.lines().filter(|_| text.ends_with('\n'));
    whole.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
}

/// Waits until every unit has written more than it had.
fn all_write_on(home: &Home, names: &[String], had: &BTreeMap<String, usize>) {
    for name in names {
        let had = had.get(name).copied().unwrap_or(0);
        home.wait(&format!("{name} to write on"), || {
            (numbers(home, name).len() > had).then_some(())
        });
    }
}

fn three_in_one_run(count: usize, pause: &str) {
    let names: Vec<String> = (0..count).map(|n| format!("unit-{n}")).collect();
    let script = script(pause);
    let yaml: Vec<String> = names.iter().map(|name| unit(name, &script, "")).collect();
    let mut home = Home::new(&units(&yaml));
    let pids = |home: &Home| -> BTreeMap<String, i64> {
        home.wait("all units to run", || {
            let status = home.status();
            let units = status["units"].as_array().expect("units").clone();
            let pids: BTreeMap<String, i64> = units
                .iter()
                .filter(|unit| unit["state"] == "running")
                .filter_map(|unit| Some((unit["name"].as_str()?.to_owned(), unit["pid"].as_i64()?)))
                .collect();
            (pids.len() == count).then_some(pids)
        })
    };
    home.up();
    let before = pids(&home);
    all_write_on(&home, &names, &BTreeMap::new());

    // Its children keep their logging children.
    home.kill_daemon();
    let had = names.iter().map(|name| (name.clone(), numbers(&home, name).len())).collect();
    all_write_on(&home, &names, &had);
    assert!(before.values().all(|pid| is_alive(*pid as i32)), "a unit died with the daemon");

    // None is doubled, none is missing.
    home.up();
    assert_eq!(pids(&home), before, "a unit is another process than before");
    let had = names.iter().map(|name| (name.clone(), numbers(&home, name).len())).collect();
    all_write_on(&home, &names, &had);
    no_orphan(&home);

    // Whole trees end, and nothing else was ever there.
    let trees = home.processes();
    assert!(trees.len() >= 4 * count, "each unit is a tree: {} processes", trees.len());
    home.down();
    nobody_left(&home);
    assert!(trees.iter().all(|pid| !is_alive(*pid)), "a part of a tree lives on");
    let violations = std::fs::read_to_string(home.dir.join("violations")).unwrap_or_default();
    assert_eq!(violations, "", "units that ran twice");
    for name in &names {
        let numbers = numbers(&home, name);
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "{name}: a line is lost or doubled");
    }
    home.up();
    verified(&home);
}

#[test]
fn unique_three_in_one_run() {
    three_in_one_run(100, "0.5");
}

#[test]
#[ignore = "soak"]
fn soak_unique_three_in_one_run_with_1000_units() {
    three_in_one_run(1_000, "5");
}
