//! Which ends are followed by a restart, how soon, how often, and what people may do meanwhile
//! (cases 1 to 12); and waiting for an end (case 32).

use crate::harness::{Home, ORKESTRA, signal};
use crate::support::{SLEEP, nobody_left, of, unit, units};
use crate::watch::{count, numbers, story, wait_other, written};
use std::process::Stdio;

#[test]
fn case_01_an_expected_exit_code_is_no_failure() {
    let rest = "restart: { policy: on-failure, success_codes: [3], initial: 0 }";
    let mut home = Home::new(&units(&[
        unit("listed", "echo x >> listed; exit 3", rest),
        unit("plain", "echo x >> plain; exit 0", rest),
        unit("always", "exec sleep 1000000", "restart: { success_codes: [3] }"),
    ]));
    home.up();
    for (name, code) in [("listed", 3), ("plain", 0)] {
        let unit = home.wait_state(name, "stopped");
        assert_eq!(unit["last_exit"]["code"], code, "{unit}");
        assert_eq!(unit["restarts"], 0, "{unit}");
        // A restart without a wait would stand in the commit of the exit.
        let story = story(&home, name);
        assert_eq!(story, ["configured", "starting", "started", "exited", "stopped"], "{name}");
        assert_eq!(written(&home, name), "x\n");
    }
}

#[test]
fn case_02_an_unexpected_exit_code_is_followed_by_a_restart() {
    let once = |code: u32| {
        format!("test -e $ORKESTRA_UNIT.once && {SLEEP}; touch $ORKESTRA_UNIT.once; exit {code}")
    };
    let rest = "restart: { policy: on-failure, success_codes: [3], initial: 10ms }";
    let mut home =
        Home::new(&units(&[unit("four", &once(4), rest), unit("max", &once(255), rest)]));
    home.up();
    for (name, code) in [("four", 4), ("max", 255)] {
        home.wait("the second life", || {
            let unit = home.unit(name);
            (unit["state"] == "running" && unit["restarts"] == 1).then_some(())
        });
        let exited = of(&home, name, "unit.exited");
        assert_eq!(exited.len(), 1);
        assert_eq!(exited[0]["body"]["code"], code);
    }
}

#[test]
fn case_03_always_means_after_each_end_by_code_and_by_signal() {
    let rest = "restart: { initial: 10ms, max: 10ms }";
    let mut home = Home::new(&units(&[
        unit("signalled", SLEEP, rest),
        unit("ends", "echo x >> ends; exit 0", rest),
    ]));
    home.up();
    let mut pid = home.pid("signalled");
    let signals = ["TERM", "KILL", "INT", "SEGV", "HUP", "QUIT", "ABRT", "USR1", "PIPE"];
    for (round, name) in signals.iter().enumerate() {
        home.ok(&["unit", "signal", "signalled", name]);
        pid = wait_other(&home, "signalled", pid);
        let exited = of(&home, "signalled", "unit.exited").pop().expect("the exit");
        assert_eq!(exited["body"]["signal_name"], *name, "{exited}");
        assert_eq!(home.unit("signalled")["restarts"], round as u64 + 1);
    }
    home.wait("four normal ends", || (written(&home, "ends").len() >= 8).then_some(()));
}

#[test]
fn case_04_each_early_death_is_counted_and_makes_the_wait_longer() {
    let mut home = Home::new(&units(&[
        unit("early", "exit 1", "restart: { initial: 20ms, factor: 3, max: 10m, jitter: 0 }"),
        unit("waits", "exit 1", "restart: { initial: 10m, max: 10m, jitter: 0 }"),
    ]));
    home.up();
    let waits = home.wait_state("waits", "backing_off");
    assert_eq!((&waits["health"], &waits["restarts"]), (&"unhealthy".into(), &1.into()));
    assert!(waits["next_start_at"].is_string(), "when it is tried again is told: {waits}");
    assert!(waits["pid"].is_null(), "{waits}");
    home.wait("four deaths", || {
        (count(&home, "early", "unit.restart_scheduled") >= 4).then_some(())
    });
    let kind = "unit.restart_scheduled";
    assert_eq!(numbers(&home, "early", kind, "delay_ms")[..4], [20, 60, 180, 540]);
    assert_eq!(numbers(&home, "early", kind, "attempt")[..4], [1, 2, 3, 4]);
}

#[test]
fn case_05_after_the_last_try_nothing_more_is_tried() {
    let dies = "echo x >> $ORKESTRA_UNIT.runs; exit 1";
    let mut home = Home::new(&units(&[
        unit("three", dies, "restart: { limit: 2, initial: 10ms, jitter: 0 }"),
        unit("one", dies, "restart: { policy: never }"),
    ]));
    home.up();
    for (name, runs) in [("three", "x\nx\nx\n"), ("one", "x\n")] {
        let unit = home.wait_state(name, "failed");
        assert!(unit["next_start_at"].is_null() && unit["pid"].is_null(), "{unit}");
        let file = format!("{name}.runs");
        assert_eq!(written(&home, &file), runs, "{name}");
        assert_eq!(story(&home, name).pop().as_deref(), Some("failed"));
    }
    // Not by another daemon either, whichever way the first one went.
    home.kill_daemon();
    home.up();
    home.down();
    home.up();
    for (name, runs) in [("three", "x\nx\nx\n"), ("one", "x\n")] {
        assert_eq!(home.unit(name)["state"], "failed");
        let file = format!("{name}.runs");
        assert_eq!(written(&home, &file), runs, "{name}");
    }
}

#[test]
fn case_06_a_unit_knows_which_try_it_is_and_may_succeed_at_the_third() {
    let script = r#"echo "$ORKESTRA_ATTEMPT $ORKESTRA_RESTARTS" >> seen
[ "$ORKESTRA_ATTEMPT" -ge 2 ] && exec sleep 1000000
exit 1"#;
    let mut home = Home::new(&units(&[unit("third", script, "restart: { initial: 10ms }")]));
    home.up();
    home.wait("the third life", || {
        let unit = home.unit("third");
        (unit["state"] == "running" && unit["restarts"] == 2).then_some(())
    });
    home.wait("its line", || (written(&home, "seen") == "0 0\n1 1\n2 2\n").then_some(()));
    // A start by hand begins to count anew.
    home.ok(&["unit", "stop", "third"]);
    home.ok(&["unit", "start", "--no-wait", "third"]);
    home.wait("a fresh count", || written(&home, "seen").contains("2 2\n0 0\n").then_some(()));
}

#[test]
fn case_07_a_life_that_was_long_enough_makes_the_next_wait_the_first_again() {
    let script = r#"[ "$ORKESTRA_RESTARTS" = 3 ] && sleep 3.2; exit 1"#;
    let rest = "restart: { initial: 20ms, max: 10m, jitter: 0, reset_after: 3s }";
    let mut home = Home::new(&units(&[unit("a", script, rest)]));
    home.up();
    home.wait("five deaths", || (count(&home, "a", "unit.restart_scheduled") >= 5).then_some(()));
    let kind = "unit.restart_scheduled";
    assert_eq!(numbers(&home, "a", kind, "delay_ms")[..5], [20, 40, 80, 20, 40]);
    assert_eq!(numbers(&home, "a", kind, "restarts")[..5], [1, 2, 3, 4, 5], "these are all told");
}

#[test]
fn case_08_waits_differ_by_chance_and_stay_in_their_bound() {
    let rest = "restart: { initial: 40ms, max: 40ms, jitter: 0.5 }";
    let mut home = Home::new(&units(&[unit("a", "exit 1", rest), unit("b", "exit 1", rest)]));
    home.up();
    let kind = "unit.restart_scheduled";
    home.wait("twelve waits each", || {
        ["a", "b"].iter().all(|name| count(&home, name, kind) >= 12).then_some(())
    });
    let [a, b] = ["a", "b"].map(|name| numbers(&home, name, kind, "delay_ms"));
    for delay in a.iter().chain(&b) {
        assert!((20..=60).contains(delay), "{delay}");
    }
    let different: std::collections::BTreeSet<_> = a.iter().chain(&b).collect();
    assert!(different.len() > 3, "41 values are possible, these came: {different:?}");
    assert_ne!(a[..12], b[..12], "units must not go in step");
}

#[test]
fn case_09_starts_by_hand_are_no_crashes_however_many() {
    let slow = "trap 'sleep 0.2; exit 0' TERM; sleep 1000000 & wait";
    let rest = "restart: { initial: 10ms, max: 10ms, start_limit: { count: 2, within: 10m } }";
    let mut home = Home::new(&units(&[unit("a", slow, rest)]));
    home.up();
    home.pid("a");
    for _ in 0..5 {
        home.ok(&["unit", "stop", "a"]);
        home.ok(&["unit", "start", "--no-wait", "a"]);
        home.pid("a");
    }
    assert_eq!(home.unit("a")["restarts"], 0);
    // All that is allowed is still there, and then it is over.
    for _ in 0..2 {
        let pid = home.pid("a");
        signal(pid, "KILL");
        wait_other(&home, "a", pid);
    }
    signal(home.pid("a"), "KILL");
    let failed = home.wait_state("a", "failed");
    assert!(failed["why"].as_str().expect("why").contains("2 restarts within"), "{failed}");
}

#[test]
fn case_11_a_start_by_hand_cuts_a_long_wait_short() {
    let script = format!("test -e once && {SLEEP}; touch once; exit 1");
    let mut home = Home::new(&units(&[unit("a", &script, "restart: { initial: 10m, max: 10m }")]));
    home.up();
    home.wait_state("a", "backing_off");
    home.ok(&["unit", "start", "a"]);
    let unit = home.unit("a");
    assert_eq!((&unit["state"], &unit["restarts"]), (&"running".into(), &1.into()), "{unit}");
    assert_eq!(count(&home, "a", "unit.starting"), 2);
}

#[test]
fn case_12_a_stop_in_a_wait_is_the_end_of_it() {
    let mut home = Home::new(&units(&[
        unit("waits", "exit 1", "restart: { initial: 300ms, max: 300ms, jitter: 0 }"),
        unit("quick", "exit 1", "restart: { initial: 1ms, max: 5ms }"),
        unit("clock", "exit 1", "restart: { initial: 300ms, max: 300ms, jitter: 0 }"),
    ]));
    home.up();
    home.wait_state("waits", "backing_off");
    home.ok(&["unit", "stop", "waits"]);
    assert_eq!(home.unit("waits")["state"], "stopped");
    let lives = count(&home, "waits", "unit.starting");
    // Another unit's waits of the same length tell that its time is long over.
    let beats = count(&home, "clock", "unit.starting");
    for _ in 0..10 {
        home.ok(&["unit", "start", "--no-wait", "quick"]);
        home.ok(&["unit", "stop", "quick"]);
        assert_eq!(home.unit("quick")["state"], "stopped", "whatever it was doing");
    }
    home.wait("time to pass", || {
        (count(&home, "clock", "unit.starting") >= beats + 3).then_some(())
    });
    assert_eq!(count(&home, "waits", "unit.starting"), lives, "it was resurrected");
    assert_eq!(home.unit("quick")["state"], "stopped");
    home.ok(&["unit", "stop", "clock"]);
    nobody_left(&home);
}

#[test]
fn case_32_waiting_for_a_unit_ends_as_its_process_did() {
    let gate = "until [ -e $ORKESTRA_UNIT.go ]; do sleep 0.02; done; ";
    let config = |more: &str| {
        let restart = format!("restart: {{ policy: never, limit: 3 }}{more}");
        units(&[
            unit("coded", &format!("{gate}exit 42"), &restart),
            unit("zero", &format!("{gate}exit 0"), &restart),
            unit("killed", SLEEP, &restart),
            // Started again at once: the first end counts, not one of those that follow.
            unit(
                "again",
                &format!("{gate}exit $((10 + ORKESTRA_RESTARTS))"),
                "restart: { initial: 0 }",
            ),
            unit("never", SLEEP, "enabled: false"),
        ])
    };
    let mut home = Home::new(&config(""));
    home.up();
    let killed = home.pid("killed");
    for name in ["coded", "zero", "again"] {
        home.pid(name);
    }
    let waiting: Vec<_> = [("coded", 42), ("zero", 0), ("killed", 255), ("again", 10)]
        .map(|(name, code)| {
            let mut command = home.command(ORKESTRA);
            command.args(["unit", "wait", name, "--json"]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
            (name, code, child.expect("a command"))
        })
        .into();
    assert_eq!(home.run(&["unit", "wait", "zero", "--timeout", "1500ms"]).status.code(), Some(124));
    // Neither another configuration nor another daemon confuses those that wait.
    home.configure(&config(", stop: { grace: 1s }"));
    home.ok(&["config", "reload"]);
    home.kill_daemon();
    home.up();
    for name in ["coded", "zero", "again"] {
        std::fs::write(home.dir.join(format!("{name}.go")), "").expect("a file");
    }
    signal(killed, "KILL");
    for (name, code, child) in waiting {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{name}");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let expected = (code != 255).then_some(i64::from(code));
        assert_eq!(told["code"].as_i64(), expected, "{told}");
    }
    // One that has ended is not waited for, and one that never ran cannot be.
    home.wait_state("coded", "failed");
    assert_eq!(home.run(&["unit", "wait", "coded"]).status.code(), Some(42));
    home.fails(&["unit", "wait", "never"], 4);
    home.fails(&["unit", "wait", "nobody"], 6);
    home.fails(&["unit", "wait", "coded", "--timeout", "soon"], 2);
    home.ok(&["unit", "stop", "again"]);
}
