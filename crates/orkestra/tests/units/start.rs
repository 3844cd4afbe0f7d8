//! Units that cannot be started.

use crate::harness::Home;
use crate::support::{SLEEP, of, unit, units};

const POLICY: &str = "restart: { profile: few, initial: 10ms, jitter: 0 }";

fn fails_to_start(home: &Home, name: &str, words: &[&str]) {
    let unit = home.wait_state(name, "failed");
    let events = of(home, name, "unit.start_failed");
    assert_eq!(events.len(), 4, "it is tried by its policy, like a crash");
    for event in events {
        assert_eq!(event["body"]["reason"], "start_failed", "{event}");
        let detail = event["body"]["detail"].as_str().expect("a reason");
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
    }
    let why = unit["why"].as_str().expect("why");
    assert!(words.iter().all(|word| why.contains(word)), "{why}");
    assert!(of(home, name, "unit.started").is_empty(), "it never ran");
    assert!(unit["pid"].is_null());
}

#[test]
fn case_41_a_missing_command_is_told_and_tried_again() {
    let mut home = Home::new(&format!(
        "units:\n  gone: {{ command: [\"./no-such-program\"], {POLICY} }}\n  path: {{ command: [\"no-such-program-on-the-path\"], {POLICY} }}\n{}",
        unit("fine", SLEEP, "")
    ));
    home.up();
    for name in ["gone", "path"] {
        fails_to_start(&home, name, &["cannot execute its program", "No such file"]);
    }
    home.pid("fine");
    // As soon as it is there, it starts.
    home.script("no-such-program", "#!/bin/sh\nexec sleep 1000000\n");
    home.ok(&["unit", "start", "gone"]);
    home.pid("gone");
    let said = home.run(&["unit", "start", "path"]);
    assert!(!said.status.success(), "a start that fails is told to who asked");
}

#[test]
fn case_41_a_command_that_is_not_executable_is_told() {
    let mut home = Home::new(&format!(
        "units:\n  text: {{ command: [\"./text\"], {POLICY} }}\n  folder: {{ command: [\"./folder\"], {POLICY} }}\n"
    ));
    std::fs::write(home.dir.join("text"), "no program\n").expect("a file");
    std::fs::create_dir(home.dir.join("folder")).expect("a folder");
    home.up();
    for name in ["text", "folder"] {
        fails_to_start(&home, name, &["cannot execute its program", "Permission denied"]);
    }
}

#[test]
fn case_41_a_wrong_working_directory_is_told() {
    let cwd = |path: &str| format!("cwd: {path}, {POLICY}");
    let mut home = Home::new(&units(&[
        unit("missing", SLEEP, &cwd("./no-such-folder")),
        unit("file", SLEEP, &cwd("./orkestra.yaml")),
        unit("right", "pwd; exec sleep 1000000", "cwd: ./here"),
    ]));
    std::fs::create_dir(home.dir.join("here")).expect("a folder");
    home.up();
    fails_to_start(&home, "missing", &["cannot enter its working directory", "No such file"]);
    fails_to_start(&home, "file", &["cannot enter its working directory", "Not a directory"]);
    home.wait("the folder's name", || {
        (home.ok(&["logs", "right"]) == format!("{}\n", home.dir.join("here").display()))
            .then_some(())
    });
}

#[test]
fn a_unit_after_another_starts_after_it() {
    let mut home = Home::new(&units(&[
        unit("web", SLEEP, "after: { db: started }"),
        unit("db", SLEEP, "enabled: false"),
    ]));
    home.up();
    let web = home.wait_state("web", "starting");
    assert!(web["why"].as_str().expect("why").contains("db"), "{web}");
    home.ok(&["unit", "start", "db"]);
    home.pid("web");
    let order: Vec<String> = home
        .events("unit.started")
        .iter()
        .map(|event| event["subject"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(order, ["db", "web"]);
}

/// Who starts a unit by hand is told when it does not survive its first two seconds, and why.
#[test]
fn row_005_a_unit_that_exits_at_once_is_reported_with_its_code_and_last_output() {
    let crash = "echo starting; echo 'Error: no such table' >&2; exit 3";
    let rest = "enabled: false, restart: { initial: 10m, max: 10m }";
    let fine = unit("fine", SLEEP, "enabled: false");
    let mut home = Home::new(&units(&[unit("quick", crash, rest), fine]));
    home.up();
    let told = home.fails(&["unit", "start", "quick"], 1);
    assert!(told.contains("quick crashed at once: it exited with code 3 after"), "{told}");
    assert!(told.contains("Error: no such table"), "{told}");
    home.ok(&["unit", "start", "fine"]);
    let uptime = home.unit("fine")["uptime_ms"].as_u64();
    assert!(uptime >= Some(2_000), "a start is only fine once it has lasted: {uptime:?}");
}

#[test]
fn row_006_a_traceback_of_a_crashing_unit_can_be_read() {
    let crash = "printf 'Traceback (most recent call last):\\n  File \"x.py\", line 1\\nZeroDivisionError: division by zero\\n' >&2; exit 1";
    let rest = "restart: { initial: 20ms, max: 20ms, jitter: 0 }, logs: { max_size: 1KB, keep: 3 }";
    let mut home = Home::new(&units(&[unit("bad", crash, rest)]));
    home.up();
    // Long enough for the log to be rotated several times.
    home.wait("crashes", || (home.unit("bad")["restarts"].as_u64()? >= 30).then_some(()));
    home.ok(&["unit", "stop", "bad"]);
    let log = home.ok(&["logs", "bad", "-n", "4"]);
    assert!(log.contains("Traceback (most recent call last):"), "{log}");
    assert!(log.ends_with("ZeroDivisionError: division by zero\n"), "{log}");
    let files = std::fs::read_dir(home.data().join("logs/bad")).expect("its logs").count();
    assert_eq!(files, 3, "rotated, and no more than is to be kept");
    let ends = of(&home, "bad", "unit.exited");
    let told = ends.iter().filter(|end| end["body"].to_string().contains("ZeroDivisionError"));
    assert!(told.count() >= 30, "each end has the last lines of its life");
}
