//! Checks before and after tasks, and whether the work fits together.

use crate::site::Site;
use crate::support::database;
use serde_json::{Value, json};
use std::path::Path;

const IDLE: &str = "#!/bin/sh\ncat > /dev/null\n";

/// A daemon that gives out nothing by itself: each check is asked for by hand.
fn site() -> Site {
    let site = Site::new(&[("helper", "script", IDLE, json!({}))]);
    let program = site.home.dir.join("helper.sh").display().to_string();
    let agents = json!({"helper": {"kind": "script", "command": [program]}});
    site.home.configure(&json!({"agents": agents, "tasks": {"auto": false}}).to_string());
    site.home.ok(&["config", "reload"]);
    site
}

impl Site {
    /// Makes a task; its id.
    fn task(&self, what: &str, flags: &[&str]) -> String {
        let target = self.target.display().to_string();
        let fixed = ["task", "create", what, "--target", &target];
        let task = self.home.json(&[&fixed[..], flags].concat());
        task["id"].as_str().unwrap_or_else(|| panic!("{task:#}")).to_owned()
    }

    /// Takes a task as a worker; the number of the claim.
    fn claim(&self, id: &str, worker: &str) -> String {
        let task = self.home.json(&["task", "claim", id, "--worker", worker]);
        task["task"]["fence"].as_u64().unwrap_or_else(|| panic!("{task:#}")).to_string()
    }

    fn state(&self, id: &str) -> String {
        self.home.json(&["task", "show", id])["state"].as_str().expect("a state").to_owned()
    }

    fn wait_task(&self, id: &str, state: &str) {
        self.home
            .wait(&format!("the task to be {state}"), || (self.state(id) == state).then_some(()));
    }

    /// What checks that are made now say: the exit code, and name and level of each that does not pass.
    fn checked(&self, args: &[&str]) -> (i32, Vec<(String, String)>) {
        let out = self.home.run(&[&["task", "verify"], args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error}: {text} {}", String::from_utf8_lossy(&out.stderr))
        });
        (out.status.code().expect("a code"), not_passed(&answer["checks"]))
    }

    fn made(&self, id: &str, phase: &str) -> Vec<(String, String)> {
        not_passed(&self.home.json(&["task", "checks", id])[phase])
    }
}

fn not_passed(made: &Value) -> Vec<(String, String)> {
    let text = |one: &Value, key: &str| one[key].as_str().expect("a text").to_owned();
    let results = made["results"].as_array().unwrap_or_else(|| panic!("{made:#}"));
    assert!(results.len() >= 8, "{made:#}");
    results
        .iter()
        // How full the disk is here says nothing about the checks.
        .filter(|one| one["level"] != "pass" && one["check"] != "disk_space")
        .map(|one| (text(one, "check"), text(one, "level")))
        .collect()
}

fn has(found: &[(String, String)], check: &str, level: &str) {
    let wanted = (check.to_owned(), level.to_owned());
    assert!(found.contains(&wanted), "{check} is not {level} in {found:?}");
}

fn is(found: &[(String, String)], wanted: &[(&str, &str)]) {
    let found: Vec<_> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, wanted);
}

/// MISSION row 100: each check before a task has a fixture that blocks or warns as listed. The levels
/// of a disk that is nearly full are in the core's table of cases.
#[test]
fn row_100_each_check_before_a_task_blocks_or_warns_as_listed() {
    let site = site();
    let before = |id: &str| site.checked(&[id, "--before", "--agent", "helper"]);
    let good = site.task("good", &[]);
    assert_eq!(before(&good), (0, Vec::new()));
    // 3: it exists.
    let (code, found) = before("01890000-0000-7000-8000-000000000001");
    assert_eq!(code, 13);
    has(&found, "task_exists", "fail");
    // 4: it is ready.
    let shelved = site.task("shelved", &[]);
    site.home.ok(&["task", "shelve", &shelved]);
    is(&before(&shelved).1, &[("state_ready", "fail")]);
    // 5: what comes first is verified.
    let second = site.task("second", &["--after", &good]);
    has(&before(&second).1, "dependencies_verified", "fail");
    // 6 and 7: nobody else holds it, and the agent has nothing else to do.
    let taken = site.task("taken", &[]);
    site.claim(&taken, "helper");
    let (code, found) = before(&taken);
    assert_eq!(code, 13);
    has(&found, "not_claimed", "fail");
    assert_eq!(before(&good), (0, vec![("agent_free".to_owned(), "warning".to_owned())]));
    site.home.ok(&["task", "cancel", &taken]);
    // 9: the tree is clean. A warning does not block.
    std::fs::write(site.target.join("left.txt"), "x").expect("a file");
    assert_eq!(before(&good), (0, vec![("git_clean".to_owned(), "warning".to_owned())]));
    std::fs::remove_file(site.target.join("left.txt")).expect("the file");
    // The older list: input files, agent, tries.
    let reads = site.task("reads", &["--input", "missing.md"]);
    is(&before(&reads).1, &[("input_files", "fail")]);
    site.home.ok(&["agent", "pause", "helper"]);
    is(&before(&good).1, &[("agent_active", "fail")]);
    site.home.ok(&["agent", "resume", "helper"]);
    spoil(&site, &good, "json_set(body, '$.tries', 3)");
    is(&before(&good).1, &[("tries_left", "fail")]);
    // 8: the outcome can be written.
    let away = site.target.with_extension("away");
    std::fs::rename(&site.target, &away).expect("it moves");
    has(&before(&second).1, "folder_writable", "fail");
    std::fs::rename(&away, &site.target).expect("it moves back");
    // 2: its row reads. 1: the queue opens.
    spoil(&site, &shelved, "'{ no json'");
    has(&before(&shelved).1, "row_reads", "critical");
    database(&site.home).execute_batch("ALTER TABLE task RENAME TO gone").expect("SQL");
    let (code, found) = before(&good);
    database(&site.home).execute_batch("ALTER TABLE gone RENAME TO task").expect("SQL");
    assert_eq!(code, 13);
    has(&found, "queue_opens", "critical");
    // They are written down, and shown.
    let shown = site.home.ok(&["task", "checks", &good]);
    assert!(shown.contains("tries_left") && shown.contains("Before"), "{shown}");
}

fn spoil(site: &Site, id: &str, body: &str) {
    let id = id.replace('-', "");
    let sql = format!("UPDATE task SET body = {body} WHERE id = unhex('{id}')");
    assert_eq!(database(&site.home).execute(&sql, ()).expect("SQL"), 1);
}

/// MISSION row 101: each check after a task has a failing fixture; an empty output warns.
#[test]
fn row_101_each_check_after_a_task_has_a_failing_fixture() {
    let site = site();
    let done = |what: &str, content: Option<&str>, said: &str| {
        let name = format!("{what}.txt");
        let path = site.target.join(&name);
        if let Some(content) = content {
            std::fs::write(path, content).expect("a file");
        }
        let id = site.task(what, &["--evidence", &format!("file:{name}"), "--tries", "1"]);
        let fence = site.claim(&id, "worker-1");
        site.home.ok(&["task", "report", &id, "--fence", &fence, "--result", said]);
        id
    };
    // What is reported is verified by the checks.
    let good = done("good", Some("fine"), "done");
    site.wait_task(&good, "verified");
    is(&site.made(&good, "post"), &[]);
    // 2: the output is there.
    let none = done("none", None, "done");
    site.wait_task(&none, "refuted");
    is(&site.made(&none, "post"), &[("outputs_exist", "fail")]);
    let why = site.home.json(&["task", "show", &none])["why"].to_string();
    assert!(why.contains("none.txt"), "{why}");
    // 3: it is not empty. A warning blocks nothing.
    let empty = done("empty", Some(""), "done");
    site.wait_task(&empty, "verified");
    is(&site.made(&empty, "post"), &[("outputs_filled", "warning")]);
    // 6: nothing in it looks like an error, nor in what was said.
    let broken = done("broken", Some("Traceback (most recent call last)"), "done");
    site.wait_task(&broken, "verified");
    is(&site.made(&broken, "post"), &[("no_error_markers", "warning")]);
    let said = done("said", Some("x"), "2 tests FAILED");
    site.wait_task(&said, "verified");
    is(&site.made(&said, "post"), &[("no_error_markers", "warning")]);
    // 1, 4 and 5: reported, under a claim, at a time.
    let new = site.task("new", &[]);
    let (code, found) = site.checked(&[&new]);
    assert_eq!(code, 13);
    is(
        &found,
        &[("state_reported", "fail"), ("lease_held", "warning"), ("time_recorded", "warning")],
    );
    // 7: what the run left is committed.
    let run = site.begin("helper", &["--evidence", "none"]);
    let run = site.wait_over(&run);
    let worktree = run["worktree"].as_str().expect("a worktree");
    std::fs::write(Path::new(worktree).join("left.txt"), "x").expect("a file");
    spoil(&site, &good, &format!("json_set(body, '$.runs', json('[{}]'))", run["id"]));
    std::fs::copy(site.target.join("good.txt"), Path::new(worktree).join("good.txt")).expect("it");
    is(&site.checked(&[&good]).1, &[("changes_committed", "warning")]);
    // 8: the queue fits together.
    let gone = r#"json_set(body, '$.depends', json('[{"task":"01890000-0000-7000-8000-000000000001","kind":"hard"}]'))"#;
    spoil(&site, &empty, gone);
    has(&site.checked(&[&empty]).1, "queue_consistent", "fail");
    // All of it is in the journal, with category, level and message.
    let events = site.home.events("task.checked");
    let first = &events[0]["body"];
    assert_eq!(first["phase"], "post", "{first:#}");
    assert_eq!(first["results"].as_array().map(Vec::len), Some(8));
    assert!(first["results"].as_array().expect("a list").iter().all(|one| {
        ["check", "category", "level", "message"].iter().all(|key| one[key].is_string())
    }));
}

/// The person's own checks are commands, before and after; their level counts.
#[test]
fn own_checks_are_commands_with_a_level() {
    let site = site();
    let checks = json!({
        "strict": {"when": "post", "command": "test ! -e forbidden", "level": "fail"},
        "nice": {"when": "post", "command": "echo not nice; exit 3", "level": "warning"},
        "early": {"when": "pre", "command": "test ! -e locked", "timeout": "20s"},
    });
    let program = site.home.dir.join("helper.sh").display().to_string();
    let agents = json!({"helper": {"kind": "script", "command": [program]}});
    let all = json!({"agents": agents, "tasks": {"auto": false}, "checks": checks});
    site.home.configure(&all.to_string());
    site.home.ok(&["config", "reload"]);
    let id = site.task("a task", &["--tries", "1"]);
    assert_eq!(site.checked(&[&id, "--before", "--agent", "helper"]), (0, Vec::new()));
    std::fs::write(site.target.join("locked"), "").expect("a file");
    let (code, found) = site.checked(&[&id, "--before", "--agent", "helper"]);
    assert_eq!(code, 13);
    has(&found, "early", "fail");
    let fence = site.claim(&id, "w");
    site.home.ok(&["task", "report", &id, "--fence", &fence, "--result", "ok"]);
    site.wait_task(&id, "verified");
    is(&site.made(&id, "post"), &[("nice", "warning")]);
    let shown = site.home.ok(&["task", "checks", &id]);
    assert!(shown.contains("ended with 3: not nice"), "{shown}");
    std::fs::write(site.target.join("forbidden"), "").expect("a file");
    let id = site.task("another", &["--tries", "1"]);
    let fence = site.claim(&id, "w");
    site.home.ok(&["task", "report", &id, "--fence", &fence, "--result", "ok"]);
    site.wait_task(&id, "refuted");
    has(&site.made(&id, "post"), "strict", "fail");
}

/// MISSION row 102: a broken reference, a cycle, an orphaned claim and a bad row are all found; what is
/// safe is mended.
#[test]
fn row_102_faults_of_the_work_are_found_and_healed_or_told() {
    let mut site = site();
    let [lost, a, b, held, bad] =
        ["lost", "a", "b", "held", "bad"].map(|name| site.task(name, &[]));
    assert_eq!(site.home.json(&["task", "doctor"])["faults"], json!([]));
    site.home.kill_daemon();
    let gone = "01890000-0000-7000-8000-000000000009";
    let bytes = |id: &str| format!("unhex('{}')", id.replace('-', ""));
    let depends = |on: &str| {
        format!(r#"json_set(body, '$.depends', json('[{{"task":"{on}","kind":"hard"}}]'))"#)
    };
    for (task, on) in [(&lost, gone), (&a, b.as_str()), (&b, a.as_str())] {
        spoil(&site, task, &depends(on));
        let sql = format!(
            "INSERT INTO task_dependency (task, on_task, kind) VALUES ({}, {}, 'hard')",
            bytes(task),
            bytes(on)
        );
        database(&site.home).execute(&sql, ()).expect("SQL");
    }
    let claim = format!(
        r#"json_set(body, '$.state', 'running', '$.fence', 1, '$.claim', json('{{"owner":"daemon","agent":"helper","fence":1,"run":"{gone}","at":"2026-01-01T00:00:00Z","seen_at":"2026-01-01T00:00:00Z"}}'))"#
    );
    spoil(&site, &held, &claim);
    spoil(&site, &bad, "'{ no json'");
    let sql = format!(
        "UPDATE task SET state = 'running' WHERE id = {held};
         INSERT INTO vote (id, reversed, state, decided, asks, task, body, updated_at)
           VALUES ({vote}, '1', 'open', 0, 0, {gone}, '{{}}', 0);
         INSERT INTO review (id, reversed, key, state, kind, run, body, created_at, updated_at)
           VALUES ({vote}, '1', 'k', 'needs_person', 'person', {gone}, '{{}}', 0, 0);",
        held = bytes(&held),
        gone = bytes(gone),
        vote = bytes("01890000-0000-7000-8000-000000000011"),
    );
    database(&site.home).execute_batch(&sql).expect("SQL");
    site.home.up();
    let found = site.home.run(&["task", "doctor", "--json"]);
    assert_eq!(found.status.code(), Some(9), "something is left to a person");
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let of = |kind: &str, subject: &str| {
        let all = found["faults"].as_array().expect("faults");
        let one = all.iter().find(|one| one["kind"] == kind && one["subject"] == subject);
        one.unwrap_or_else(|| panic!("no {kind} of {subject} in {found:#}")).clone()
    };
    assert!(of("broken_reference", &lost)["mended"].is_string(), "{found:#}");
    assert!(of("orphaned_claim", &held)["mended"].is_string(), "{found:#}");
    assert!(of("unreadable_row", &bad)["mended"].is_null());
    let circle =
        found["faults"].as_array().expect("faults").iter().find(|one| one["kind"] == "cycle");
    assert!(
        circle.expect("a cycle")["says"].as_str().expect("a text").contains(" → "),
        "{found:#}"
    );
    let nothing = found["faults"].as_array().expect("faults").iter();
    assert_eq!(nothing.filter(|one| one["kind"] == "about_nothing").count(), 2, "{found:#}");
    // What was mended is so, and is told.
    let task = site.home.json(&["task", "show", &lost]);
    assert_eq!(task["depends"], json!([]), "{task:#}");
    assert_ne!(site.state(&held), "running");
    assert_eq!(site.home.events("work.mended").len(), 1);
    assert_eq!(site.home.events("work.faults_found").len(), 1);
    // Another look finds only what is left, and tells it no second time.
    let again = site.home.run(&["task", "doctor", "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(again["open"], again["faults"].as_array().expect("faults").len());
    assert_eq!(site.home.events("work.faults_found").len(), 1);
}

/// MISSION row 118, on the real binary: what a run failed by is told by its class, and acted on.
#[test]
fn row_118_a_failed_run_is_told_by_its_class_and_acted_on() {
    let script = "#!/bin/sh\nread -r line\necho \"{\\\"type\\\":\\\"ended\\\",\\\"ok\\\":false,\\\"error\\\":\\\"$line\\\"}\"\nexit 1\n";
    let site = Site::new(&[("helper", "script", script, json!({}))]);
    let program = site.home.dir.join("helper.sh").display().to_string();
    let agents = json!({"helper": {"kind": "script", "command": [program]}});
    let tasks = json!({"retry": {"tries": 2, "initial": "100ms", "max": "200ms"},
        "breaker": {"failures": 100}});
    site.home.configure(&json!({"agents": agents, "tasks": tasks}).to_string());
    site.home.ok(&["config", "reload"]);
    let cases = [
        ("sh: 1: pytest: command not found", "missing_command", "tell_person", "ask_person", 1),
        ("JSON parse error at line 3", "bad_json", "restore_backup", "again", 2),
    ];
    for (text, class, strategy, step, tries) in cases {
        let id = site.task(text, &["--tries", "2"]);
        site.wait_task(&id, "failed");
        let errors = site.home.wait("the class", || {
            let shown = site.home.json(&["task", "checks", &id]);
            let errors = shown["errors"].as_array()?.clone();
            (errors.len() == tries).then_some(errors)
        });
        assert_eq!(errors[0]["class"], class, "{errors:#?}");
        assert_eq!((&errors[0]["strategy"], &errors[0]["step"]), (&json!(strategy), &json!(step)));
        // What needs a person is not tried again by itself.
        let task = site.home.json(&["task", "show", &id]);
        assert_eq!(task["runs"].as_array().map(Vec::len), Some(tries), "{task:#}");
    }
    let found = site.home.json(&["task", "doctor"]);
    let class = found["classes"].as_array().expect("classes").iter();
    let class = class.clone().find(|one| one["class"] == "bad_json").expect("the class");
    assert_eq!((&class["tried"], &class["failed"]), (&json!(2), &json!(1)), "{class:#}");
}
