//! Units that need each other: waiting, failing, going down in order (cases 13, 22 to 26, 55).

use crate::harness::{Home, ORKESTRA, is_alive, living};
use crate::support::{SLEEP, no_orphan, nobody_left, unit, units};
use crate::watch::{ALONE, count, no_violation, story, wait_file, written};

#[test]
fn case_13_a_restart_while_it_waits_for_another_is_one_process_in_the_end() {
    let mut home = Home::new(&units(&[
        unit("db", SLEEP, "enabled: false"),
        unit("web", &format!("{ALONE}{SLEEP}"), "after: { db: started }"),
    ]));
    home.up();
    home.wait_state("web", "starting");
    let restarts: Vec<_> = (0..6)
        .map(|_| {
            let mut command = home.command(ORKESTRA);
            command.args(["unit", "restart", "--no-wait", "web"]);
            command.stderr(std::process::Stdio::null()).spawn().expect("a command")
        })
        .collect();
    for mut restart in restarts {
        assert!(restart.wait().expect("it ends").success());
    }
    let web = home.unit("web");
    assert_eq!(web["state"], "starting", "{web}");
    assert!(web["why"].as_str().expect("why").contains("db"), "{web}");
    home.ok(&["unit", "start", "--no-wait", "db"]);
    home.pid("web");
    assert_eq!(count(&home, "web", "unit.started"), 1);
    no_orphan(&home);
    no_violation(&home);
}

#[test]
fn case_22_a_daemon_that_is_told_to_end_waits_for_nothing_that_is_yet_to_come() {
    let never = "within: 10m, timeout: 10m, every: 1s";
    let mut home = Home::new(&units(&[
        unit("backs_off", "exit 1", "restart: { initial: 10m, max: 10m }"),
        unit("off", SLEEP, "enabled: false"),
        unit("waits", SLEEP, "after: { off: started }"),
        unit(
            "asked",
            SLEEP,
            &format!("probes: {{ ready: {{ exec: [sleep, '999999'], {never} }} }}"),
        ),
        unit("needs", SLEEP, "after: { asked: ready }"),
        unit("work", "sleep 1000000", "kind: oneshot"),
        unit("hooked", SLEEP, "hooks: { start: [sleep, '888888'], timeout: 10m }"),
    ]));
    home.up();
    home.wait_state("backs_off", "backing_off");
    for name in ["asked", "work", "hooked"] {
        home.pid(name);
    }
    let path = home.dir.display().to_string();
    let ours = || living(|environ| environ.contains(&path));
    let runs = |what: &str| {
        ours().into_iter().any(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line == format!("sleep\0{what}\0").as_bytes())
        })
    };
    home.wait("probe and hook to run", || (runs("999999") && runs("888888")).then_some(()));
    home.signal_daemon("TERM");
    assert_eq!(home.wait_for_end(), Some(0), "{}", home.daemon_log());
    nobody_left(&home);
    home.wait("probe and hook to be gone too", || ours().is_empty().then_some(()));
}

#[test]
fn case_23_those_that_need_others_are_gone_before_the_others_are_told() {
    let slow = r#"trap 'echo "told $ORKESTRA_UNIT" >> order; sleep 0.2; echo "gone $ORKESTRA_UNIT" >> order; exit 0' TERM
touch $ORKESTRA_UNIT.up; while :; do sleep 0.05; done"#;
    let mut home = Home::new(&units(&[
        unit("a", slow, ""),
        unit("b", slow, "after: { a: started }"),
        unit("c", slow, "after: { b: started }"),
        unit("d", slow, "after: { b: started }"),
    ]));
    home.up();
    for name in ["a", "b", "c", "d"] {
        wait_file(&home, &format!("{name}.up"));
    }
    home.down();
    let order = written(&home, "order");
    let order: Vec<&str> = order.lines().collect();
    assert_eq!(order[4..], ["told b", "gone b", "told a", "gone a"], "{order:?}");
    let mut first = order[..4].to_vec();
    first.sort_unstable();
    assert_eq!(first, ["gone c", "gone d", "told c", "told d"], "{order:?}");
}

#[test]
fn case_24_a_circle_and_a_unit_that_is_not_there_are_refused_by_name() {
    let good = units(&[unit("unit-0", SLEEP, "")]);
    let circle: Vec<String> = (0..20)
        .map(|n| {
            unit(
                &format!("unit-{n}"),
                SLEEP,
                &format!("after: {{ unit-{}: started }}", (n + 1) % 20),
            )
        })
        .collect();
    let missing =
        units(&[unit("unit-0", SLEEP, ""), unit("web", SLEEP, "after: { unit-00: started }")]);
    let itself = units(&[unit("me", SLEEP, "after: { me: ready }")]);
    let mut home = Home::new(&units(&circle));
    let said = home.fails(&["config", "check"], 5);
    for n in 0..20 {
        assert!(said.contains(&format!("unit-{n} →")), "it does not name unit-{n}: {said}");
    }
    // A daemon that runs keeps what it has.
    home.configure(&good);
    home.up();
    let pid = home.pid("unit-0");
    for (bad, names) in [
        (units(&circle), ["circle", "unit-19"]),
        (missing, ["unit-00", "unit-0"]),
        (itself, ["me", "me"]),
    ] {
        home.configure(&bad);
        let said = home.fails(&["config", "reload"], 5);
        assert!(names.iter().all(|name| said.contains(name)), "{names:?}: {said}");
        assert_eq!(home.pid("unit-0"), pid);
    }
    assert_eq!(home.status()["units"].as_array().map(Vec::len), Some(1));
}

#[test]
fn case_25_who_needs_one_that_never_gets_ready_is_not_started_and_says_so() {
    let ready = "probes: { ready: { exec: ['false'], within: 1s } }, restart: never";
    let mut home = Home::new(&units(&[
        unit("db", SLEEP, ready),
        unit("web", SLEEP, "after: { db: ready }"),
        unit("page", SLEEP, "after: { web: started }"),
        unit("other", SLEEP, ""),
    ]));
    // It comes up at once, whatever becomes of the units.
    home.up();
    home.pid("other");
    let db = home.wait_state("db", "failed");
    assert_eq!(db["last_exit"]["reason"], "not_ready", "{db}");
    for (name, needs) in [("web", "db"), ("page", "web")] {
        let unit = home.unit(name);
        assert_eq!(unit["state"], "starting", "{unit}");
        assert!(unit["why"].as_str().expect("why").contains(needs), "{unit}");
        assert_eq!(count(&home, name, "unit.starting"), 0, "{name} was started");
    }
    // Asking for it does not hang either, and a person hears why.
    let said = home.fails(&["unit", "start", "web"], 1);
    assert!(said.contains("db"), "{said}");
    home.down();
}

#[test]
fn case_26_a_unit_that_gives_up_takes_along_exactly_whom_it_is_told_to() {
    let dies = "until [ -e die ]; do sleep 0.05; done; exit 1";
    let chain = |on_failed: &str| {
        let root = format!("restart: never, on_failed: {on_failed}");
        units(&[
            unit("db", dies, &root),
            unit("api", SLEEP, "after: { db: started }"),
            unit("web", SLEEP, "after: { api: started }"),
            unit("other", SLEEP, ""),
        ])
    };
    let mut home = Home::new(&chain("stop-dependents"));
    home.up();
    let [api, web, other] = ["api", "web", "other"].map(|name| home.pid(name));
    crate::watch::touch(&home, "die");
    home.wait_state("db", "failed");
    for (name, pid) in [("api", api), ("web", web)] {
        let unit = home.wait_state(name, "starting");
        assert!(unit["why"].as_str().expect("why").contains("Waiting"), "{unit}");
        assert!(!is_alive(pid));
    }
    assert_eq!(home.pid("other"), other);
    // They come back with it.
    std::fs::remove_file(home.dir.join("die")).expect("the file");
    home.ok(&["unit", "start", "--no-wait", "db"]);
    home.pid("web");
    assert_eq!(home.pid("other"), other);
    home.down();

    let mut home = Home::new(&chain("ignore"));
    home.up();
    let api = home.pid("api");
    crate::watch::touch(&home, "die");
    home.wait_state("db", "failed");
    assert_eq!(home.pid("api"), api);
    home.down();

    let mut home = Home::new(&chain("shutdown"));
    home.up();
    home.pid("web");
    crate::watch::touch(&home, "die");
    home.wait_for_end();
    assert_eq!(home.processes(), Vec::<i32>::new());
}

#[test]
fn case_55_a_chain_of_120_starts_and_stops_in_order() {
    let name = |n: usize| format!("unit-{n:03}");
    let chain: Vec<String> = (0..120)
        .map(|n| {
            let after = if n == 0 {
                String::new()
            } else {
                format!("after: {{ {}: started }}, ", name(n - 1))
            };
            // Each level may hold up the next for its part of the grace: 5 s, however slow the machine.
            unit(&name(n), SLEEP, &format!("{after}stop: {{ grace: 10m }}"))
        })
        .collect();
    let mut home = Home::new(&units(&chain));
    home.up();
    home.wait("all to run", || {
        let status = home.status();
        let units = status["units"].as_array().expect("units").clone();
        (units.len() == 120 && units.iter().all(|unit| unit["state"] == "running")).then_some(())
    });
    let order = |kind: &str| -> Vec<String> {
        let events = home.events(kind);
        events.iter().filter_map(|event| event["subject"].as_str().map(str::to_owned)).collect()
    };
    let names: Vec<String> = (0..120).map(name).collect();
    assert_eq!(order("unit.started"), names);
    assert_eq!(story(&home, &name(119)), ["configured", "waiting", "starting", "started"]);
    home.down();
    let mut ended: Vec<String> = crate::support::journal(&home)
        .into_iter()
        .filter_map(|event| (event.0 == "unit.exited").then_some(event.1))
        .collect();
    ended.reverse();
    assert_eq!(ended, names);
    nobody_left(&home);
}
