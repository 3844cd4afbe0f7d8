//! The world around: descriptors, configuration, environment, state on disk, other daemons
//! (cases 41, 43, 44, 46 to 49).

use crate::harness::{Home, ORKESTRA, is_alive, parent_of, signal};
use crate::support::{SLEEP, no_orphan, nobody_left, of, unit, units, verified};
use crate::watch::{ALONE, count, no_violation, pid_in, wait_other, written};
use std::process::Stdio;

/// Sets the limit of open files of a daemon that runs.
fn allow_files(pid: i32, count: u64) {
    let pid = rustix::process::Pid::from_raw(pid);
    let resource = rustix::process::Resource::Nofile;
    // A daemon has the hard limit of those that start it, and only root may raise one.
    let maximum = rustix::process::getrlimit(resource).maximum;
    let current = Some(count.min(maximum.unwrap_or(u64::MAX)));
    let limit = rustix::process::Rlimit { current, maximum };
    rustix::process::prlimit(pid, resource, limit).expect("the limit is set");
}

#[test]
fn case_41_without_descriptors_a_start_fails_with_the_reason_and_is_tried_again() {
    let mut home = Home::new(&units(&[
        unit("late", SLEEP, "enabled: false, restart: { initial: 100ms, max: 200ms }"),
        unit("lives", SLEEP, ""),
    ]));
    home.up();
    let lives = home.pid("lives");
    let daemon = home.daemon_pid();
    let open = std::fs::read_dir(format!("/proc/{daemon}/fd")).expect("its descriptors").count();
    // Room for one that asks, not for a launch.
    allow_files(daemon, open as u64 + 2);
    home.ok(&["unit", "start", "--no-wait", "late"]);
    // It still answers; whoever finds no room for an answer asks again.
    let units = || {
        let output = home.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        status["units"].as_array().cloned()
    };
    let failed = home.wait("the failed start", || {
        let late = units()?.into_iter().find(|unit| unit["name"] == "late")?;
        (late["last_exit"]["reason"] == "start_failed").then_some(late)
    });
    let why = failed["why"].as_str().expect("why").to_lowercase();
    assert!(why.contains("too many open files"), "{failed}");
    assert!(is_alive(lives), "others are not touched");
    allow_files(daemon, 60_000);
    home.wait("the store to be well", || {
        (home.json(&["status"])["daemon"]["store"] == "ok").then_some(())
    });
    home.pid("late");
    assert_eq!(home.pid("lives"), lives);
    assert!(count(&home, "late", "unit.start_failed") >= 1);
    verified(&home);
    no_orphan(&home);
}

#[test]
fn case_43_only_the_difference_is_applied() {
    let argued = |n: u32| format!("true {n}; {SLEEP}");
    let mut home = Home::new(&units(&[
        unit("same", SLEEP, ""),
        unit("policy", SLEEP, ""),
        unit("changed", &argued(1), ""),
        unit("removed", SLEEP, ""),
        unit("by_hand", SLEEP, ""),
    ]));
    home.up();
    let [same, policy, changed, removed] =
        ["same", "policy", "changed", "removed"].map(|name| home.pid(name));
    home.ok(&["unit", "stop", "by_hand"]);
    home.configure(&units(&[
        unit("by_hand", SLEEP, ""),
        unit("added", SLEEP, ""),
        unit("changed", &argued(2), ""),
        unit("policy", SLEEP, "restart: never, stop: { grace: 1s }"),
        unit("same", SLEEP, ""),
    ]));
    home.wait("the added one", || (count(&home, "added", "unit.started") == 1).then_some(()));
    let fresh = wait_other(&home, "changed", changed);
    home.wait("the removed one to be gone", || (!is_alive(removed)).then_some(()));
    home.wait("its name to be gone", || {
        let status = home.status();
        let units = status["units"].as_array().expect("units");
        (!units.iter().any(|unit| unit["name"] == "removed")).then_some(())
    });
    assert_eq!((home.pid("same"), home.pid("policy")), (same, policy));
    assert!(is_alive(fresh) && !is_alive(changed));
    assert_eq!(home.unit("by_hand")["state"], "stopped", "what a person said holds");
    assert_eq!(count(&home, "same", "unit.configured"), 1);
    assert_eq!(home.unit("changed")["restarts"], 0, "a new command is no crash");
    no_orphan(&home);
}

#[test]
fn case_44_a_storm_of_changes_makes_few_reloads_and_the_last_one_holds() {
    let with = |n: u32| {
        units(&[
            unit("a", &format!("echo {n} > now; {SLEEP}"), "stop: { grace: 10s }"),
            unit("same", SLEEP, ""),
        ])
    };
    let mut home = Home::new(&with(0));
    home.up();
    let (first, same) = (home.pid("a"), home.pid("same"));
    for n in 1..=200 {
        home.configure(&with(n));
    }
    home.wait("the last word", || (written(&home, "now") == "200\n").then_some(()));
    let last = home.pid("a");
    assert_ne!(last, first);
    let reloads = home.events("daemon.config_reloaded").len();
    assert!((1..=20).contains(&reloads), "{reloads} reloads of 200 changes");
    assert!(count(&home, "a", "unit.starting") <= 21);
    assert_eq!(home.pid("same"), same);
    // It recovers: the next change counts as ever.
    home.configure(&with(201));
    home.wait("one more", || (written(&home, "now") == "201\n").then_some(()));
    no_orphan(&home);
}

#[test]
fn case_46_the_environment_is_exactly_the_documented_one() {
    let yaml = r#"env: { COMMON: common, BOTH: common, ALL: common }
units:
  env:
    command: [env, "-0"]
    restart: never
    env:
      BOTH: unit
      ALL: unit
      PERCENT: "100% %s %(x)s %%"
      DOLLAR: "$HOME ${HOME} `id` \\ \" '"
      LINES: "one\ntwo\n"
      EMPTY: ""
      UTF8: "žluťoučký 🐎"
      EQUALS: "a=b=c"
"#;
    let mut home = Home::new(yaml);
    home.env = [("OUTER", "kept"), ("ALL", "outer"), ("ORKESTRA_SESSION_ID", "not handed on")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    home.up();
    home.wait_state("env", "stopped");
    let output = home.run(&["logs", "env"]).stdout;
    let text = String::from_utf8(output).expect("text");
    let mut found: Vec<(String, String)> = text
        .trim_end_matches('\n')
        .split('\0')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').expect("a pair"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    found.retain(|(name, value)| {
        let mark = name == "ORKESTRA_INSTANCE";
        assert!(!mark || !value.is_empty());
        !mark
    });
    found.sort();
    let dir = home.dir.display().to_string();
    let mut expected: Vec<(String, String)> = [
        ("ALL", "unit"),
        ("BOTH", "unit"),
        ("COMMON", "common"),
        ("DOLLAR", "$HOME ${HOME} `id` \\ \" '"),
        ("EMPTY", ""),
        ("EQUALS", "a=b=c"),
        ("HOME", &dir),
        ("LANG", "C.UTF-8"),
        ("LINES", "one\ntwo\n"),
        ("ORKESTRA_ATTEMPT", "0"),
        ("ORKESTRA_RESTARTS", "0"),
        ("ORKESTRA_UNIT", "env"),
        ("OUTER", "kept"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("PERCENT", "100% %s %(x)s %%"),
        ("UTF8", "žluťoučký 🐎"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

/// Cuts a file after a share of its length.
fn cut(path: &std::path::Path, share: f64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("the file");
    let length = file.metadata().expect("its length").len();
    assert!(length > 0, "{} is empty", path.display());
    file.set_len((length as f64 * share) as u64).expect("cut");
}

fn three() -> String {
    let alone = format!("{ALONE}{SLEEP}");
    units(&[unit("a", &alone, ""), unit("b", &alone, ""), unit("c", &alone, "")])
}

fn each_runs_once(home: &Home) {
    for name in ["a", "b", "c"] {
        home.pid(name);
    }
    no_orphan(home);
    no_violation(home);
    verified(home);
}

#[test]
fn case_47_a_log_of_the_database_that_is_cut_off_costs_its_end_and_doubles_nobody() {
    for share in [0.9, 0.5, 0.1] {
        let mut home = Home::new(&three());
        home.up();
        each_runs_once(&home);
        home.ok(&["unit", "restart", "--no-wait", "a"]);
        home.wait_state("a", "running");
        home.kill_daemon();
        cut(&home.data().join("state.db-wal"), share);
        home.up();
        each_runs_once(&home);
        home.down();
        nobody_left(&home);
    }
}

#[test]
fn case_47_a_spoilt_database_is_refused_by_name_and_no_unit_is_harmed() {
    let mut home = Home::new(&three());
    home.up();
    each_runs_once(&home);
    home.down();
    home.up();
    let pids = ["a", "b", "c"].map(|name| home.pid(name));
    home.kill_daemon();
    let path = home.data().join("state.db");
    let whole = std::fs::read(&path).expect("the database");
    let wal = home.data().join("state.db-wal");
    let kept_wal = std::fs::read(&wal).unwrap_or_default();
    for spoil in ["cut", "garbage"] {
        match spoil {
            "cut" => cut(&path, 0.5),
            _ => std::fs::write(&path, vec![b'x'; whole.len()]).expect("written"),
        }
        let _gone = std::fs::remove_file(&wal);
        let _gone = std::fs::remove_file(home.data().join("state.db-shm"));
        let output = home.run(&["up", "--port", "0"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{spoil}: {said}");
        assert!(said.contains("state.db"), "{spoil}: it does not name the file: {said}");
        assert!(pids.iter().all(|pid| is_alive(*pid)), "{spoil}: a unit died");
    }
    std::fs::write(&path, &whole).expect("put back");
    std::fs::write(&wal, &kept_wal).expect("put back");
    home.up();
    assert_eq!(["a", "b", "c"].map(|name| home.pid(name)), pids);
    each_runs_once(&home);
}

#[test]
fn case_47_a_note_of_an_end_that_is_cut_off_is_an_end_all_the_same() {
    let mut home = Home::new(&three());
    home.up();
    let a = home.pid("a");
    home.kill_daemon();
    signal(a, "KILL");
    let note = home.wait("the note", || {
        let lives = std::fs::read_dir(home.data().join("run")).expect("run").flatten();
        lives.map(|life| life.path().join("exit")).find(|note| note.exists())
    });
    home.wait("it to be whole", || {
        std::fs::read_to_string(&note).is_ok_and(|text| text.ends_with('\n')).then_some(())
    });
    cut(&note, 0.3);
    home.up();
    wait_other(&home, "a", a);
    assert_eq!(count(&home, "a", "unit.exited"), 1);
    each_runs_once(&home);
}

#[test]
fn case_48_of_many_daemons_started_at_once_one_runs() {
    let mut home = Home::new(&three());
    let mut rivals: Vec<_> = (0..6)
        .map(|_| {
            let mut command = home.command(ORKESTRA);
            command.args(["up", "--port", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("a daemon")
        })
        .collect();
    home.wait("five to refuse", || {
        let ended = rivals.iter_mut().filter_map(|rival| rival.try_wait().expect("a status"));
        let codes: Vec<_> = ended.map(|status| status.code()).collect();
        assert!(codes.iter().all(|code| *code == Some(4)), "{codes:?}");
        (codes.len() == 5).then_some(())
    });
    let winner = rivals
        .iter_mut()
        .find_map(|rival| rival.try_wait().expect("a status").is_none().then(|| rival.id()))
        .expect("one that runs");
    home.wait("it to serve", || home.run(&["status"]).status.success().then_some(()));
    each_runs_once(&home);
    let pids = ["a", "b", "c"].map(|name| home.pid(name));
    let said = home.fails(&["up", "--port", "0"], 4);
    assert!(said.contains(&winner.to_string()), "it does not name {winner}: {said}");
    assert_eq!(home.status()["daemon"]["pid"], winner);
    assert_eq!(["a", "b", "c"].map(|name| home.pid(name)), pids);
    assert_eq!(home.events("daemon.started").len(), 1);
    home.ok(&["down"]);
    for mut rival in rivals {
        rival.wait().expect("it ends");
    }
    home.up();
    each_runs_once(&home);
}

#[test]
fn case_49_the_next_life_waits_until_nothing_holds_what_it_needs() {
    // A grandchild in a session of its own inherits the lock and hears no signal.
    let script = format!(
        "{ALONE}(setsid sh -c 'trap \"\" TERM HUP; echo $$ > holder-$ORKESTRA_RESTARTS; while :; do sleep 0.05; done' &)\nexec sleep 1000000"
    );
    let rest = "restart: { initial: 0 }, stop: { grace: 1s }";
    let mut home = Home::new(&units(&[unit("a", &script, rest)]));
    home.up();
    // It ends by itself: what it left has its grace, then is killed, and only then comes the next.
    let first = home.pid("a");
    let holder = pid_in(&home, "holder-0");
    signal(first, "KILL");
    let second = wait_other(&home, "a", first);
    assert!(!is_alive(holder));
    let exited = of(&home, "a", "unit.exited").pop().expect("the end");
    assert_eq!(exited["body"]["killed"], true, "that it was held up is told: {exited}");
    // The same when its shim is lost, and the daemon has to look for what is left.
    let holder = pid_in(&home, "holder-1");
    signal(parent_of(second), "KILL");
    wait_other(&home, "a", second);
    assert!(!is_alive(holder));
    no_violation(&home);
    no_orphan(&home);
}

#[test]
fn case_41_a_user_that_is_not_there_is_told_and_tried_again() {
    let rest = "user: nobody-of-this-name, restart: { limit: 1, initial: 10ms }";
    let mut home = Home::new(&units(&[unit("a", SLEEP, rest), unit("fine", SLEEP, "")]));
    home.up();
    let failed = home.wait_state("a", "failed");
    assert_eq!(failed["last_exit"]["reason"], "start_failed", "{failed}");
    // Who may change users is told the name, who may not is told that.
    let why = failed["why"].as_str().expect("why");
    assert!(why.contains("user") || why.contains("root"), "{why}");
    assert_eq!(count(&home, "a", "unit.start_failed"), 2);
    home.pid("fine");
}
