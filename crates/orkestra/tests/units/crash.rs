//! `kill -9` of the daemon (issue, item 4): nobody dies, nothing is lost, nothing runs twice.

use crate::harness::{Home, ORKESTRA, is_alive, signal};
use crate::support::{Chance, journal, no_orphan, of, settled, unit, units, verified};
use std::collections::BTreeMap;

/// Holds an exclusive lock as long as it lives, so that a second process of the same unit is told.
const GUARDED: &str = r#"exec 9>>"$ORKESTRA_UNIT.lock"
flock -n 9 || { echo "$ORKESTRA_UNIT" >> violations; exit 3; }
exec sleep 1000000"#;

/// About 1,000 numbered lines in a second.
const NUMBERS: &str = r#"i=0
while :; do
  n=0
  while [ $n -lt 20 ]; do i=$((i + 1)); n=$((n + 1)); echo "$i"; done
  sleep 0.02
done"#;

/// At once, or slowly enough that a kill finds it waiting.
const QUICK: &str = "restart: { initial: 10ms, max: 50ms }, stop: { grace: 1s }";

fn no_violation(home: &Home) {
    let violations = std::fs::read_to_string(home.dir.join("violations")).unwrap_or_default();
    assert_eq!(violations, "", "units that ran twice at the same time");
}

/// The lines of the writing unit are 1, 2, 3 … without a gap or a repeat; how many there are.
fn numbers_are_whole(home: &Home) -> u64 {
    let lines = home.ok(&["logs", "numbers", "-n", "5000000"]);
    let mut last = 0;
    for line in lines.lines() {
        let number: u64 = line.parse().unwrap_or_else(|_| panic!("torn: {line:?} after {last}"));
        assert_eq!(number, last + 1, "a line is lost or doubled");
        last = number;
    }
    last
}

fn crash_rounds(rounds: usize) {
    let mut chance = Chance::new();
    let names: Vec<String> = (1..20).map(|n| format!("unit-{n}")).collect();
    let mut yaml: Vec<String> = names.iter().map(|name| unit(name, GUARDED, QUICK)).collect();
    yaml.push(unit("numbers", NUMBERS, "logs: { max_size: 64MB }"));
    let mut home = Home::new(&units(&yaml));
    home.up();
    let pids_of = |home: &Home| -> BTreeMap<String, i32> {
        let all = names.iter().map(String::as_str).chain(["numbers"]);
        all.map(|name| (name.to_owned(), home.pid(name))).collect()
    };
    let mut pids = pids_of(&home);
    assert_eq!(pids.len(), 20);
    let mut written = 0;
    for round in 0..rounds {
        home.wait("the numbers to grow", || (numbers_are_whole(&home) > written).then_some(()));
        chance.pause(50);
        home.kill_daemon();
        assert!(pids.values().all(|pid| is_alive(*pid)), "round {round}: a unit died");
        let victim = chance.one_of(&names).clone();
        let died = chance.below(2) == 0;
        if died {
            signal(pids[&victim], "KILL");
        }
        chance.pause(100);
        home.up();
        if died {
            home.wait("the dead to be noticed and restarted", || {
                let unit = home.unit(&victim);
                (unit["state"] == "running" && unit["pid"] != pids[&victim]).then_some(())
            });
            let exited = of(&home, &victim, "unit.exited").pop().expect("its exit");
            assert_eq!(exited["body"]["signal"], 9, "round {round}: {exited}");
            assert_eq!(exited["body"]["pid"], pids[&victim], "round {round}: {exited}");
        }
        let now = pids_of(&home);
        for (name, pid) in &pids {
            if !(died && *name == victim) {
                assert_eq!(now[name], *pid, "round {round}: {name} is another process");
            }
        }
        pids = now;
        written = numbers_are_whole(&home);
        no_orphan(&home);
        no_violation(&home);
        verified(&home);
    }
    home.down();
    assert_eq!(home.processes(), Vec::<i32>::new());
    numbers_are_whole(&home);
    no_violation(&home);
    verified(&home);
    let journal = journal(&home);
    let adopted = journal.iter().filter(|event| event.0 == "unit.adopted").count();
    assert!(adopted >= rounds * 19, "{adopted} were taken over in {rounds} rounds");
    let strays = journal.iter().filter(|event| event.0 == "unit.stray_stopped").count();
    assert_eq!(strays, 0);
}

#[test]
fn case_33_a_killed_daemon_takes_nobody_along() {
    crash_rounds(3);
}

#[test]
#[ignore = "soak"]
fn soak_a_killed_daemon_takes_nobody_along() {
    crash_rounds(50);
}

/// Kills the daemon at random moments while several commands are at work.
fn command_rounds(rounds: usize) {
    let mut chance = Chance::new();
    let names: Vec<String> = (0..6).map(|n| format!("unit-{n}")).collect();
    let mut yaml: Vec<String> = names.iter().map(|name| unit(name, GUARDED, QUICK)).collect();
    // One that dies all the time: waits and starts are cut off as well.
    yaml.push(unit(
        "dies",
        "exec 9>>dies.lock; flock -n 9 || echo dies >> violations; sleep 0.05; exit 1",
        QUICK,
    ));
    let mut home = Home::new(&units(&yaml));
    home.up();
    for round in 0..rounds {
        let mut commands = Vec::new();
        for _ in 0..=chance.below(4) {
            let verb = *chance.one_of(&["start", "stop", "restart", "restart"]);
            let name = chance.one_of(&names).clone();
            let mut command = home.command(ORKESTRA);
            command.args(["unit", verb, &name]).stderr(std::process::Stdio::null());
            commands.push(command.spawn().expect("a command"));
            chance.pause(10);
        }
        let way_down = chance.below(5) == 0;
        if way_down {
            home.signal_daemon("TERM");
        }
        chance.pause(60);
        home.kill_daemon();
        for mut command in commands {
            command.wait().expect("the command ends");
        }
        home.up();
        let all = home.wait("all units to settle", || {
            let units = home.status()["units"].as_array().expect("units").clone();
            let moving = |state: &str| ["starting", "stopping", "backing_off"].contains(&state);
            let quiet = units.iter().all(|unit| {
                unit["name"] == "dies" || !moving(unit["state"].as_str().expect("a state"))
            });
            quiet.then_some(units)
        });
        for unit in &all {
            let held = unit["held"] == true;
            let state = unit["state"].as_str().expect("a state");
            if unit["name"] != "dies" {
                let wanted = if held { "stopped" } else { "running" };
                assert_eq!(state, wanted, "round {round}: {unit}");
            }
        }
        no_violation(&home);
        verified(&home);
    }
    home.ok(&["unit", "stop", "dies"]);
    settled(&home);
    no_orphan(&home);
    home.down();
    assert_eq!(home.processes(), Vec::<i32>::new());
    no_violation(&home);
    verified(&home);
}

#[test]
fn a_daemon_killed_in_the_middle_of_commands_leaves_no_mess() {
    command_rounds(6);
}

#[test]
#[ignore = "soak"]
fn soak_a_daemon_killed_in_the_middle_of_commands_leaves_no_mess() {
    command_rounds(150);
}

#[test]
fn case_38_a_full_second_of_1000_lines_and_a_rotation_lose_nothing_over_a_kill() {
    let burst = r#"i=0
while [ $i -lt 20000 ]; do i=$((i + 1)); echo "$i"; done
exec sleep 1000000"#;
    let mut home =
        Home::new(&units(&[unit("numbers", burst, "logs: { max_size: 64KB, keep: 1000 }")]));
    home.up();
    home.kill_daemon();
    home.up();
    home.wait("all lines", || (numbers_are_whole(&home) == 20_000).then_some(()));
}
