//! Hooks: what they are told, how long they may take, what they may decide (cases 50 and 53).

use crate::harness::{Home, is_alive, signal};
use crate::support::{SLEEP, of, unit, units};
use crate::watch::{count, numbers, pid_in, wait_other, written};

#[test]
fn case_50_the_exit_hook_is_told_how_it_ended() {
    let hook = "hooks: { exit: [sh, -c, 'echo \"$ORKESTRA_UNIT $ORKESTRA_HOOK $ORKESTRA_EXIT_CODE,$ORKESTRA_EXIT_SIGNAL,$ORKESTRA_EXIT_REASON $MINE\" > $ORKESTRA_UNIT.told; pwd > $ORKESTRA_UNIT.pwd'] }";
    let rest = |more: &str| format!("{hook}, cwd: ./there, env: {{ MINE: yes }}, {more}");
    let mut home = Home::new(&units(&[
        unit("coded", "exit 7", &rest("restart: never")),
        unit("killed", "kill -9 $$", &rest("restart: never")),
        unit("stopped", SLEEP, &rest("stop: { signal: INT }")),
        unit("limited", SLEEP, &rest("restart: never, limits: { run_time: 1s }")),
        unit("missing", SLEEP, &rest("restart: never").replace("./there", "./nowhere")),
    ]));
    std::fs::create_dir(home.dir.join("there")).expect("a folder");
    home.up();
    home.pid("stopped");
    home.ok(&["unit", "stop", "stopped"]);
    for (name, told) in [
        ("coded", "7,,exited"),
        ("killed", "256,KILL,exited"),
        ("stopped", "256,INT,stopped"),
        ("limited", "256,TERM,run_time"),
    ] {
        let file = format!("there/{name}.told");
        home.wait(&format!("the hook of {name}"), || {
            let said = written(&home, &file);
            if said.is_empty() {
                return None;
            }
            assert_eq!(said, format!("{name} exit {told} yes\n"));
            Some(())
        });
        let pwd = format!("{}\n", home.dir.join("there").display());
        home.wait("its folder", || {
            (written(&home, &format!("there/{name}.pwd")) == pwd).then_some(())
        });
    }
    // A hook that cannot run is told, and harms nobody.
    home.wait("the hook without a folder", || {
        (count(&home, "missing", "unit.hook_failed") == 1).then_some(())
    });
    assert_eq!(home.unit("missing")["state"], "failed");
}

#[test]
fn case_50_a_hook_that_takes_too_long_is_killed_and_holds_up_nothing() {
    let hook = "hooks: { timeout: 1s, exit: [sh, -c, 'trap \"\" TERM; echo $$ > hook; sleep 1000000; sleep 1000000'] }";
    let rest = format!("restart: {{ initial: 10ms }}, {hook}");
    let mut home = Home::new(&units(&[unit("a", SLEEP, &rest)]));
    home.up();
    let pid = home.pid("a");
    signal(pid, "KILL");
    wait_other(&home, "a", pid);
    let hook = pid_in(&home, "hook");
    let failed = home.wait("its end", || of(&home, "a", "unit.hook_failed").pop());
    assert!(!is_alive(hook), "the hook lives");
    assert!(failed["body"]["code"].is_null(), "{failed}");
    assert!(failed["body"]["why"].is_string(), "{failed}");
    assert_eq!(home.unit("a")["state"], "running");
}

#[test]
fn case_50_code_125_ends_all_tries_whatever_the_hook_left_behind() {
    let rest = |hook: &str| {
        format!(
            "restart: {{ initial: 10m, max: 10m }}, hooks: {{ timeout: 10m, exit: [sh, -c, '{hook}'] }}"
        )
    };
    let mut home = Home::new(&units(&[
        unit("gives_up", "exit 1", &rest("exit 125")),
        // Somebody holds the hook's output; its word counts at once.
        unit("leaves", "exit 1", &rest("sleep 1000000 & echo enough; exit 125")),
        unit("goes_on", "exit 1", &rest("exit 124")),
    ]));
    home.up();
    for name in ["gives_up", "leaves"] {
        let unit = home.wait_state(name, "failed");
        assert!(unit["why"].as_str().expect("why").contains("125"), "{unit}");
        assert!(unit["next_start_at"].is_null(), "{unit}");
        assert_eq!(count(&home, name, "unit.starting"), 1);
        assert_eq!(numbers(&home, name, "unit.hook_failed", "code"), [125]);
    }
    let said = of(&home, "leaves", "unit.hook_failed").pop().expect("the event");
    assert_eq!(said["body"]["said"], "enough", "{said}");
    home.wait("the other hook", || {
        (numbers(&home, "goes_on", "unit.hook_failed", "code") == [124]).then_some(())
    });
    assert_eq!(home.unit("goes_on")["state"], "backing_off");
}

#[test]
fn case_53_each_hook_runs_exactly_as_often_as_its_moment_comes() {
    let hooks = ["start", "ready", "exit", "failed"].map(|moment| {
        format!("{moment}: [sh, -c, 'echo {moment} $ORKESTRA_RESTARTS >> $ORKESTRA_UNIT.{moment}']")
    });
    let hooks = format!("hooks: {{ {} }}", hooks.join(", "));
    let rest = |more: &str| format!("{hooks}, restart: {{ {more}, initial: 20ms }}");
    let mut home = Home::new(&units(&[
        unit("dies", "exit 1", &rest("limit: 2")),
        unit("once", "exit 1", &rest("policy: never")),
        unit("fine", "exit 0", &rest("policy: on-failure")),
        unit("lives", SLEEP, &rest("policy: always")),
    ]));
    home.up();
    home.wait_state("dies", "failed");
    home.wait_state("once", "failed");
    home.wait_state("fine", "stopped");
    home.pid("lives");
    home.ok(&["unit", "stop", "lives"]);
    let expected = [
        ("dies", [3, 3, 3, 1]),
        ("once", [1, 1, 1, 1]),
        ("fine", [1, 1, 1, 0]),
        ("lives", [1, 1, 1, 0]),
    ];
    for (name, counts) in expected {
        home.wait(&format!("all hooks of {name}"), || {
            (count(&home, name, "unit.hook_ran") == counts.iter().sum::<usize>()).then_some(())
        });
        for (moment, count) in ["start", "ready", "exit", "failed"].iter().zip(counts) {
            let said = written(&home, &format!("{name}.{moment}"));
            assert_eq!(said.lines().count(), count, "{name} {moment}: {said}");
        }
        assert_eq!(count(&home, name, "unit.hook_failed"), 0);
    }
    assert_eq!(written(&home, "dies.failed"), "failed 2\n", "only when no try was left");
    let mut exits: Vec<String> = written(&home, "dies.exit").lines().map(str::to_owned).collect();
    exits.sort_unstable();
    assert_eq!(exits, ["exit 0", "exit 1", "exit 2"]);
}
