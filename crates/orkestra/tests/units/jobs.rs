//! Jobs on the real binary: timetables, overlap, skipping, crashes of the daemon. Steps of the clock
//! are for the core's tests, which hand in clocks; here rows of a home that is down are changed.

use crate::harness::{Home, is_alive, text};
use crate::support::{at_ms, of, store};
use orkestra_store::JobRow;
use serde_json::{Value, json};

/// A job's line in YAML.
fn job(name: &str, script: &str, rest: &str) -> String {
    let script = serde_json::to_string(script).expect("text");
    format!("  {name}: {{ command: [\"/bin/sh\", \"-c\", {script}], {rest} }}\n")
}

/// A daemon with these jobs and none of its own.
fn up(jobs: &[String]) -> Home {
    let mut home = Home::new(&configuration(jobs));
    home.up();
    home
}

fn configuration(jobs: &[String]) -> String {
    format!("jobs:\n  health: {{ enabled: false }}\n{}", jobs.concat())
}

fn shown(home: &Home, name: &str) -> Value {
    home.json(&["job", "show", name])
}

/// Waits for an event about a job; all of them then.
fn told(home: &Home, name: &str, kind: &str, count: usize) -> Vec<Value> {
    home.wait(&format!("{count} × {kind} of {name}"), || {
        let events = of(home, name, kind);
        (events.len() >= count).then_some(events)
    })
}

fn lines(home: &Home, file: &str) -> usize {
    std::fs::read_to_string(home.config().with_file_name(file)).map_or(0, |t| t.lines().count())
}

/// Changes a job's row behind the back of a daemon that is down.
fn edit(home: &Home, name: &str, edit: impl FnOnce(&mut Value)) {
    let store = store(home);
    let wanted = name.to_owned();
    let row = store.read_blocking(move |read| read.job(&wanted)).expect("a row").expect("a job");
    let mut body: Value = serde_json::from_str(&row.body).expect("JSON");
    edit(&mut body);
    let row = JobRow { body: body.to_string(), ..row };
    store.write_blocking(move |tx| tx.put_job(&row)).expect("the row is written");
}

/// How often a job began within 6 s of its first beginning, by the journal.
fn in_six_seconds(home: &Home, name: &str) -> usize {
    let starts: Vec<i64> = of(home, name, "job.started")
        .iter()
        .map(|event| {
            let due: jiff::Timestamp =
                event["body"]["due"].as_str().expect("a time").parse().expect("RFC 3339");
            due.as_millisecond()
        })
        .collect();
    let first = starts.first().copied().expect("a first run");
    starts.iter().filter(|at| **at < first + 6_000).count()
}

#[test]
fn row_015_jobs_run_the_expected_number_of_times() {
    let home = up(&[
        job("discover", "echo discovered", "every: 1s"),
        job("sync", "echo synced", "every: 2s"),
        job("look", "echo looked", "every: 1s"),
        // It hangs, and delays nobody.
        job("hangs", "exec sleep 1000000", "every: 1s"),
    ]);
    let last = told(&home, "sync", "job.started", 5);
    assert_eq!(in_six_seconds(&home, "sync"), 3, "{last:#?}");
    // A busy machine may notice a time late; then it is told as missed, never as run twice.
    for name in ["discover", "look"] {
        let missed: u64 = of(&home, name, "job.missed")
            .iter()
            .map(|event| event["body"]["count"].as_u64().expect("a count"))
            .sum();
        let ran = in_six_seconds(&home, name);
        assert!(ran <= 6 && ran as u64 + missed >= 6, "{name}: {ran} in 6 s, {missed} missed");
    }
    assert_eq!(of(&home, "hangs", "job.started").len(), 1);
    assert!(home.ok(&["job", "logs", "sync"]).contains("synced"));
    assert!(home.ok(&["logs", "job:look"]).contains("looked"));
}

#[test]
fn row_016_a_second_run_within_a_minute_is_skipped_unless_forced() {
    let home = up(&[job("sync", "echo x >> ran", "every: 1h")]);
    home.ok(&["job", "run", "sync", "--wait"]);
    let second = home.run(&["job", "run", "sync"]);
    assert_eq!(second.status.code(), Some(0));
    let said = text(&second.stderr);
    assert!(said.starts_with("skipped: run 1 ended") && said.contains("--force"), "{said}");
    let asked = home.api("POST", "/api/v1/jobs/sync/run", "{}").json();
    assert_eq!((&asked["outcome"], &asked["number"]), (&json!("skipped"), &json!(null)));
    home.ok(&["job", "run", "sync", "--force", "--wait"]);
    let asked = home.api("POST", "/api/v1/jobs/sync/run", r#"{"force": true}"#).json();
    assert_eq!((&asked["outcome"], &asked["number"]), (&json!("started"), &json!(3)));
    told(&home, "sync", "job.finished", 3);
    assert_eq!(lines(&home, "ran"), 3);
    assert_eq!(of(&home, "sync", "job.skipped").len(), 2);
    assert!(home.fails(&["job", "run", "synk"], 6).contains("Did you mean sync?"));
}

#[test]
fn row_017_a_failing_job_is_told_and_the_others_keep_their_schedule() {
    let home = up(&[
        job("fails", "echo no disk >&2; exit 3", "every: 1s"),
        job("missing", "", "every: 1s, cwd: nowhere"),
        job("works", "echo fine", "every: 1s"),
    ]);
    let failed = told(&home, "fails", "job.failed", 3);
    assert_eq!(failed[2]["body"]["failures"], 3);
    assert_eq!(failed[2]["body"]["code"], 3);
    assert_eq!(failed[2]["body"]["last_lines"], json!(["no disk"]));
    told(&home, "missing", "job.failed", 2);
    told(&home, "works", "job.finished", 3);
    assert!(of(&home, "works", "job.failed").is_empty());
    let list = home.ok(&["job", "list"]);
    assert!(list.contains("failed") && list.contains("times in a row"), "{list}");
    let said = home.fails(&["job", "run", "fails", "--force", "--wait"], 8);
    assert!(said.contains("exited with code 3") && said.contains("no disk"), "{said}");
}

#[test]
fn case_45_overlap_immediate_and_missed_times_without_a_double_run() {
    let sleep = "echo x >> $ORKESTRA_JOB; exec sleep 1000000";
    let mut home = up(&[
        job("finish", sleep, "every: 1s, immediate: true"),
        job("queued", "echo x >> queued; sleep 1.5", "every: 1s, overlap: queue, immediate: true"),
        job("again", sleep, "every: 1s, overlap: restart"),
        job("at-once", "echo x >> at-once", "every: 1h, immediate: true"),
        job("passed", "echo x >> passed", "every: 10m"),
        job("left-out", "echo x >> left-out", "every: 10m, missed: skip"),
    ]);
    told(&home, "at-once", "job.finished", 1);
    told(&home, "finish", "job.skipped", 2);
    assert_eq!(lines(&home, "finish"), 1);
    // One waits, and each begins when the one before has ended.
    told(&home, "queued", "job.queued", 2);
    let ended = told(&home, "queued", "job.finished", 2);
    let began = told(&home, "queued", "job.started", 3);
    assert!(at_ms(&began[1]) >= at_ms(&ended[0]) && at_ms(&began[2]) >= at_ms(&ended[1]));
    told(&home, "again", "job.stopped", 2);
    // The daemon is away for an hour, as after a sleep of the machine.
    home.kill_daemon();
    for name in ["passed", "left-out"] {
        edit(&home, name, |job| {
            let hour = jiff::SignedDuration::from_mins(63);
            for key in ["anchor", "due", "next_at"] {
                let at: jiff::Timestamp =
                    job[key].as_str().expect("a time").parse().expect("RFC 3339");
                job[key] = json!((at - hour).to_string());
            }
        });
    }
    home.up();
    let missed = told(&home, "passed", "job.missed", 1);
    assert_eq!(missed[0]["body"]["count"], 6, "{missed:?}");
    told(&home, "passed", "job.finished", 1);
    told(&home, "left-out", "job.missed", 1);
    assert_eq!((lines(&home, "passed"), lines(&home, "left-out")), (1, 0));
    // What ran within the minute before is not begun again by a start.
    told(&home, "at-once", "job.skipped", 1);
    assert_eq!(lines(&home, "at-once"), 1);
    assert_eq!(shown(&home, "finish")["current"]["number"], 1, "it lives on");
    assert_eq!(lines(&home, "finish"), 1);
}

#[test]
fn a_job_lives_on_when_the_daemon_is_killed_and_runs_once() {
    let mut home = up(&[
        job(
            "long",
            "echo x >> ran; while [ ! -e done ]; do sleep 0.1; done; echo end",
            "every: 1h",
        ),
        job(
            "short",
            "echo $$ > pid; echo x >> short; while [ ! -e gone ]; do sleep 0.1; done; exit 4",
            "every: 1h",
        ),
    ]);
    for name in ["long", "short"] {
        home.ok(&["job", "run", name]);
    }
    let folder = home.config().with_file_name("");
    home.wait("both to write", || (lines(&home, "ran") + lines(&home, "short") == 2).then_some(()));
    home.kill_daemon();
    std::fs::write(folder.join("gone"), "").expect("a file");
    let pid = std::fs::read_to_string(folder.join("pid")).expect("a pid");
    let pid = pid.trim().parse().expect("a pid");
    home.wait("the short one to end alone", || (!is_alive(pid)).then_some(()));
    home.up();
    told(&home, "long", "job.adopted", 1);
    let failed = told(&home, "short", "job.failed", 1);
    assert_eq!(failed[0]["body"]["code"], 4);
    assert_eq!(shown(&home, "long")["state"], "running");
    std::fs::write(folder.join("done"), "").expect("a file");
    told(&home, "long", "job.finished", 1);
    assert_eq!((lines(&home, "ran"), lines(&home, "short")), (1, 1));
    let history = shown(&home, "long")["history"].as_array().expect("a history").clone();
    assert_eq!((history.len(), &history[0]["outcome"]), (1, &json!("succeeded")));
    home.wait("nothing to be left", || home.processes().is_empty().then_some(()));
}

#[test]
fn a_job_that_takes_too_long_is_ended_with_its_tree() {
    let home = up(&[job(
        "stuck",
        "sleep 1000000 & setsid sleep 1000000 & echo $! > child; trap '' TERM; sleep 1000000; sleep 1000000",
        "every: 1h, timeout: 1s, retry: { times: 1, wait: 100ms }",
    )]);
    home.ok(&["job", "run", "stuck"]);
    let failed = told(&home, "stuck", "job.failed", 2);
    assert!(failed[0]["body"]["why"].as_str().expect("why").contains("longer than 1 s"));
    assert_eq!(failed[1]["body"]["attempt"], 2);
    let child = std::fs::read_to_string(home.config().with_file_name("child")).expect("a pid");
    assert!(!is_alive(child.trim().parse().expect("a pid")));
    home.wait("nothing to be left", || home.processes().is_empty().then_some(()));
}

#[test]
fn jobs_are_changed_switched_and_removed_while_the_daemon_runs() {
    let mut home = up(&[job("tidy", "echo x >> ran", "every: 1h")]);
    let switched = home.json(&["job", "disable", "tidy"]);
    assert_eq!((&switched["state"], &switched["next_at"]), (&json!("disabled"), &json!(null)));
    home.down();
    home.up();
    assert_eq!(shown(&home, "tidy")["enabled"], false, "it outlives the daemon");
    assert!(home.json(&["job", "enable", "tidy"])["next_at"].is_string());
    let nightly = "  tidy: { command: [\"true\"], cron: \"30 2 * * *\", zone: Europe/Berlin }\n";
    home.configure(&configuration(&[nightly.to_owned()]));
    let job = home.wait("the new schedule", || {
        let job = shown(&home, "tidy");
        (job["cron"] == "30 2 * * *").then_some(job)
    });
    assert_eq!(job["zone"], "Europe/Berlin");
    home.configure(&configuration(&[]));
    told(&home, "tidy", "job.removed", 1);
    home.fails(&["job", "show", "tidy"], 6);
    assert_eq!(home.api("GET", "/api/v1/jobs/tidy", "").json()["code"], "ORK-0601");
    home.down();
}

#[test]
fn the_daemon_looks_after_its_own_health() {
    let mut home = Home::new("jobs: { health: { every: 1s } }\n");
    home.up();
    let finished = told(&home, "health", "job.finished", 2);
    assert!(!finished[0]["body"]["summary"].as_str().expect("a summary").is_empty());
}

#[test]
fn wrong_jobs_are_told_to_the_line_and_column() {
    let home = Home::new(
        "jobs:\n  a: { every: 1h, cron: \"* * * * *\", command: x }\n  b: { cron: \"61 * * * *\", command: x }\n  \
         c: { cron: \"0 0 * * *\", zone: Berlin, command: x }\n  d: { every: 1h }\n  e: { every: 10ms, command: x }\n  \
         f: { every: 1h, run: hi, env: { A: b } }\n  g: { every: 1h, jitter: 80%, command: x }\n",
    );
    let said = home.fails(&["config", "check"], 5);
    for wanted in [
        "2:25",
        "both every and cron",
        "3:14",
        "is not a cron pattern",
        "4:33",
        "did you mean \"Europe/Berlin\"?",
        "\"d\" does nothing",
        "the shortest period is 1 s",
        "it goes with command",
        "0% to 50%",
    ] {
        assert!(said.contains(wanted), "{wanted} is not in:\n{said}");
    }
}
