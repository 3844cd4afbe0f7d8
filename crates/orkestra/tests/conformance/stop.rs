//! Ending a unit: signals, patience, whole trees, and words that come at the wrong moment
//! (cases 14 to 21).

use crate::harness::{Home, ORKESTRA, is_alive, parent_of, signal};
use crate::support::{SLEEP, at_ms, is_shim, no_orphan, nobody_left, of, unit, units};
use crate::watch::{ALONE, no_violation, pid_in, story, wait_file, wait_other, written};
use std::io::Write;

#[test]
fn case_14_many_restarts_at_once_leave_one_process() {
    let mut home = Home::new(&units(&[unit("a", &format!("{ALONE}{SLEEP}"), "")]));
    home.up();
    for _ in 0..3 {
        let before = home.pid("a");
        let restarts: Vec<_> = (0..8)
            .map(|_| {
                let mut command = home.command(ORKESTRA);
                command.args(["unit", "restart", "--no-wait", "a"]);
                command.stderr(std::process::Stdio::null()).spawn().expect("a command")
            })
            .collect();
        for mut restart in restarts {
            assert!(restart.wait().expect("it ends").success());
        }
        wait_other(&home, "a", before);
        home.wait("the restarts to be over", || {
            (home.unit("a")["state"] == "running").then_some(())
        });
        assert!(!is_alive(before));
        no_orphan(&home);
    }
    let unit = home.unit("a");
    assert!(is_alive(unit["pid"].as_i64().expect("a pid") as i32), "{unit}");
    assert_eq!(unit["restarts"], 0, "restarts by hand are no crashes: {unit}");
    no_violation(&home);
}

#[test]
fn case_15_a_start_during_a_slow_stop_waits_the_stop_out() {
    let slow = format!(
        "{ALONE}trap 'touch told; sleep 0.5; touch last; exit 0' TERM\nsleep 1000000 9>&- & wait"
    );
    let mut home = Home::new(&units(&[unit("slow", &slow, "")]));
    home.up();
    let first = home.pid("slow");
    home.wait("the trap to be set", || home.dir.join("slow.lock").exists().then_some(()));
    home.ok(&["unit", "stop", "--no-wait", "slow"]);
    home.wait("it to be told", || {
        (home.dir.join("told").exists() || !is_alive(first)).then_some(())
    });
    home.ok(&["unit", "start", "--no-wait", "slow"]);
    let second = wait_other(&home, "slow", first);
    assert!(!is_alive(first) && is_alive(second));
    let story = story(&home, "slow").join(" ");
    assert!(story.contains("stopping start_requested exited stopped starting started"), "{story}");
    no_violation(&home);
    no_orphan(&home);
}

#[test]
fn case_16_who_ignores_the_signal_is_killed_after_its_time_and_not_before() {
    let stubborn = "trap 'echo told >> told' TERM; touch ready; while :; do sleep 0.05; done";
    let mut home = Home::new(&units(&[unit("a", stubborn, "stop: { grace: 1500ms }")]));
    home.up();
    wait_file(&home, "ready");
    home.ok(&["unit", "stop", "a"]);
    let stopping = of(&home, "a", "unit.stopping").pop().expect("the order");
    let exited = of(&home, "a", "unit.exited").pop().expect("the end");
    let took = at_ms(&exited) - at_ms(&stopping);
    assert!(took >= 1_490, "it was killed after {took} ms");
    assert_eq!((&exited["body"]["killed"], &exited["body"]["signal"]), (&true.into(), &9.into()));
    assert_eq!(written(&home, "told"), "told\n", "it is asked once");
    nobody_left(&home);
}

#[test]
fn case_17_a_stop_returns_when_the_whole_group_is_gone() {
    let script = "(trap '' TERM; sh -c 'echo $PPID' > child; while :; do sleep 0.05; done) & exec sleep 1000000";
    let mut home = Home::new(&units(&[unit("a", script, "stop: { grace: 1s }")]));
    home.up();
    let (leader, child) = (home.pid("a"), pid_in(&home, "child"));
    assert!(is_alive(child));
    home.ok(&["unit", "stop", "a"]);
    assert!(!is_alive(leader) && !is_alive(child), "stop came back before the group was gone");
    assert!(home.processes().into_iter().all(|pid| is_shim(pid) || !is_alive(pid)));
    let exited = of(&home, "a", "unit.exited").pop().expect("the end");
    assert_eq!(
        (&exited["body"]["killed"], &exited["body"]["survivors"]),
        (&true.into(), &0.into())
    );
}

#[test]
fn case_18_grandchildren_in_sessions_of_their_own_go_too() {
    // Polite, stubborn behind a double fork, and one that has lost its environment.
    let script = r#"setsid sh -c 'echo $$ > one; exec sleep 1000000' &
(setsid sh -c 'trap "" TERM HUP; echo $$ > two; while :; do sleep 0.05; done' &)
(setsid sh -c 'echo $$ > three; exec env -i sleep 1000000' &)
exec sleep 1000000"#;
    for verb in ["stop", "restart"] {
        let mut home = Home::new(&units(&[unit("a", script, "stop: { grace: 1s }")]));
        home.up();
        let leader = home.pid("a");
        let family = ["one", "two", "three"].map(|file| pid_in(&home, file));
        assert!(family.iter().all(|pid| is_alive(*pid)));
        home.ok(&["unit", verb, "a"]);
        for pid in family {
            assert!(!is_alive(pid), "{verb} left {pid} of {family:?}");
        }
        assert!(!is_alive(leader));
        home.down();
    }
}

#[test]
fn case_19_who_holds_the_output_holds_up_neither_stop_nor_restart() {
    let mut home = Home::new(&units(&[
        // The one that holds it is a part of the tree …
        unit(
            "tree",
            "setsid sleep 1000000 & echo life; [ $ORKESTRA_RESTARTS = 1 ] && exec sleep 1000000; exit 1",
            "restart: { initial: 0 }",
        ),
        // … or is none of ours.
        unit("lent", "echo mine; exec sleep 1000000", ""),
    ]));
    home.up();
    home.wait("its second life", || {
        let unit = home.unit("tree");
        (unit["state"] == "running" && unit["restarts"] == 1).then_some(())
    });
    let lent = home.pid("lent");
    let hold = |pid: i32| {
        let path = format!("/proc/{pid}/fd/1");
        std::fs::OpenOptions::new().write(true).open(path).expect("its output")
    };
    let mut first = hold(lent);
    home.ok(&["unit", "restart", "lent"]);
    let second = home.pid("lent");
    assert!(second != lent && !is_alive(lent));
    let _held_still = hold(second);
    home.ok(&["unit", "stop", "lent"]);
    home.ok(&["unit", "stop", "tree"]);
    nobody_left(&home);
    assert!(first.write_all(b"late\n").is_err(), "nobody reads the old life's output");
    assert_eq!(home.ok(&["logs", "lent"]), "mine\nmine\n");
}

#[test]
fn case_20_each_signal_that_can_be_asked_for_is_the_first_to_arrive() {
    let names = [
        "HUP", "INT", "QUIT", "ABRT", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "CONT",
        "TSTP", "TTIN", "TTOU", "WINCH",
    ];
    // All are caught, so that a wrong one would be seen; CONT comes with each of them.
    let script = |own: &str| {
        let caught = names.iter().filter(|name| **name != "CONT" || own == "CONT");
        let traps = caught
            .map(|name| format!("trap 'echo {name} >> $ORKESTRA_UNIT.got; exit 7' {name}"))
            .collect::<Vec<_>>();
        format!("{}; touch $ORKESTRA_UNIT.up; while :; do sleep 1; done", traps.join("; "))
    };
    let mut yaml: Vec<String> = names
        .iter()
        .map(|name| {
            let stop = format!("stop: {{ signal: SIG{name}, grace: 30s }}");
            unit(&format!("on-{name}"), &script(name), &stop)
        })
        .collect();
    yaml.push(unit("on-KILL", &script("KILL"), "stop: { signal: KILL, grace: 30s }"));
    let mut home = Home::new(&units(&yaml));
    home.up();
    for name in names.iter().chain(&["KILL"]) {
        wait_file(&home, &format!("on-{name}.up"));
    }
    home.down();
    for name in names {
        assert_eq!(written(&home, &format!("on-{name}.got")), format!("{name}\n"));
    }
    assert_eq!(written(&home, "on-KILL.got"), "");
    for event in crate::support::journal(&home).iter().filter(|event| event.0 == "unit.exited") {
        let expected = if event.1 == "on-KILL" { (None, Some(9)) } else { (Some(7), None) };
        let found = (event.3["code"].as_i64(), event.3["signal"].as_i64());
        assert_eq!(found, expected, "{}: {}", event.1, event.3);
    }
    nobody_left(&home);
}

#[test]
fn case_21_a_signal_to_one_that_has_just_died_is_no_error() {
    let mut home =
        Home::new(&units(&[unit("a", SLEEP, "restart: { initial: 10m, max: 10m, jitter: 0 }")]));
    home.up();
    for verb in ["stop", "signal", "restart"] {
        let pid = home.pid("a");
        let shim = parent_of(pid);
        // The shim does not look, so for the daemon it lives when the word goes out.
        signal(shim, "STOP");
        signal(pid, "KILL");
        home.wait("it to be dead", || (!is_alive(pid)).then_some(()));
        assert_eq!(home.unit("a")["state"], "running", "nobody knows yet");
        let mut command = home.command(ORKESTRA);
        match verb {
            "signal" => command.args(["unit", "signal", "a", "USR1"]),
            _ => command.args(["unit", verb, "--no-wait", "a"]),
        };
        let child = command.stderr(std::process::Stdio::piped()).spawn().expect("a command");
        home.wait("the order", || {
            let told = ["unit.stopping", "unit.signalled"];
            let last = of(&home, "a", "unit.*").pop()?;
            told.contains(&last["kind"].as_str()?).then_some(())
        });
        signal(shim, "CONT");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{verb}: {said}");
        match verb {
            "stop" => drop(home.wait_state("a", "stopped")),
            "signal" => drop(home.wait_state("a", "backing_off")),
            _ => {
                let next = wait_other(&home, "a", pid);
                assert!(is_alive(next));
            }
        }
        if verb != "restart" {
            home.ok(&["unit", "start", "--no-wait", "a"]);
        }
    }
    assert_eq!(of(&home, "a", "unit.failed").len(), 0);
    home.ok(&["unit", "stop", "a"]);
    nobody_left(&home);
}
