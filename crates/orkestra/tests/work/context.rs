//! Snapshots of the work, what agents are told and noted, and the trail of a task.

use crate::site::Site;
use crate::support::database;
use serde_json::{Value, json};
use std::path::Path;

const IDLE: &str = "#!/bin/sh\ncat > /dev/null\n";

fn site() -> Site {
    let site = Site::new(&[("helper", "script", IDLE, json!({}))]);
    let program = site.home.dir.join("helper.sh").display().to_string();
    let agents = json!({"helper": {"kind": "script", "command": [program]}});
    site.home.configure(&json!({"agents": agents, "tasks": {"auto": false}}).to_string());
    site.home.ok(&["config", "reload"]);
    site
}

fn task(site: &Site, what: &str, flags: &[&str]) -> String {
    let target = site.target.display().to_string();
    let fixed = ["task", "create", what, "--target", &target];
    let task = site.home.json(&[&fixed[..], flags].concat());
    task["id"].as_str().unwrap_or_else(|| panic!("{task:#}")).to_owned()
}

/// All rows of these tables, as text.
fn rows(site: &Site, tables: &[&str]) -> Vec<String> {
    let database = database(&site.home);
    let mut all = Vec::new();
    for table in tables {
        let sql = format!("SELECT * FROM {table} ORDER BY 1, 2");
        let mut statement = database.prepare(&sql).expect("SQL");
        let count = statement.column_count();
        let mut found = statement.query(()).expect("rows");
        while let Some(row) = found.next().expect("a row") {
            let values: Vec<String> =
                (0..count).map(|at| format!("{:?}", row.get_ref(at).expect("a value"))).collect();
            all.push(format!("{table}: {}", values.join(", ")));
        }
    }
    all
}

const WORK: [&str; 5] = ["agent_note", "task", "task_dependency", "vote", "ballot"];

/// MISSION row 114: restoring a snapshot brings tasks, votes and agents' notes back equal.
#[test]
fn row_114_a_snapshot_brings_tasks_votes_and_notes_back_equal() {
    let mut site = site();
    let first = task(&site, "first", &["--priority", "high"]);
    task(&site, "second", &["--after", &first]);
    site.home.ok(&[
        "agent",
        "note",
        "helper",
        "It is about doors",
        "--concern",
        "no key",
        "--suggestion",
        "ask",
        "--confidence",
        "0.5",
    ]);
    let vote = "INSERT INTO vote (id, reversed, state, decided, asks, body, updated_at)
          VALUES (x'01890000000070008000000000000011', '1', 'open', 0, 0, '{}', 7);
        INSERT INTO ballot (vote, number, round, voter, hash, body)
          VALUES (x'01890000000070008000000000000011', 1, 1, 'helper', 'h', '{}');";
    database(&site.home).execute_batch(vote).expect("SQL");
    let before = rows(&site, &WORK);
    assert!(before.len() >= 6, "{before:#?}");
    let events = site.home.events("task.*").len();
    let made = site.home.json(&["snapshot", "create"]);
    let id = made["short"].as_str().expect("an id");
    assert_eq!(made["counts"]["task"], 2, "{made:#}");
    // Much happens.
    site.home.ok(&["task", "cancel", &first]);
    task(&site, "third", &[]);
    site.home.ok(&["agent", "note", "helper", "It is about windows"]);
    database(&site.home).execute_batch("DELETE FROM ballot; DELETE FROM vote").expect("SQL");
    let later = rows(&site, &WORK);
    assert_ne!(later, before);
    // What the journal knows stays, also over a restart; the rows are as they were.
    site.home.kill_daemon();
    site.home.up();
    let undo = site.home.json(&["snapshot", "restore", id]);
    assert_eq!(rows(&site, &WORK), before);
    assert!(site.home.events("task.*").len() > events, "the journal forgot something");
    assert_eq!(site.home.events("work.restored").len(), 1);
    let note = site.home.json(&["agent", "note", "helper"]);
    assert_eq!(note["note"]["current_understanding"], "It is about doors");
    assert_eq!(note["note"]["concerns"], json!(["no key"]));
    assert_eq!(site.home.json(&["task", "show", &first])["state"], "ready");
    // It can be undone.
    let undo = undo["before"]["short"].as_str().expect("a snapshot");
    site.home.ok(&["snapshot", "restore", undo]);
    assert_eq!(rows(&site, &WORK), later);
    // One that somebody changed is not put back.
    database(&site.home)
        .execute_batch("UPDATE snapshot SET body = replace(body, 'doors', 'walls')")
        .expect("SQL");
    let out = site.home.run(&["snapshot", "restore", id]);
    assert_ne!(out.status.code(), Some(0));
    assert_eq!(rows(&site, &WORK), later);
    let audit = site.home.json(&["audit", "verify"]);
    assert_eq!(audit["ok"], true, "{audit:#}");
}

/// Nobody holds a task that was put back, and its number never comes again.
#[test]
fn a_task_that_was_held_is_free_afterwards_and_a_late_word_is_refused() {
    let site = site();
    let id = task(&site, "held", &[]);
    let claim = |worker: &str| {
        let task = site.home.json(&["task", "claim", &id, "--worker", worker]);
        task["task"]["fence"].as_u64().unwrap_or_else(|| panic!("{task:#}"))
    };
    let one = claim("anna");
    let made = site.home.json(&["snapshot", "create"]);
    site.home.ok(&["task", "report", &id, "--fence", &one.to_string(), "--release", "later"]);
    let two = claim("bert");
    let restored = site.home.json(&["snapshot", "restore", made["short"].as_str().expect("an id")]);
    assert_eq!(restored["freed"], 1, "{restored:#}");
    assert_eq!(site.home.json(&["task", "show", &id])["state"], "ready");
    for late in [one, two] {
        let out =
            site.home.run(&["task", "report", &id, "--fence", &late.to_string(), "--result", "x"]);
        assert_ne!(out.status.code(), Some(0), "the number {late} counts");
    }
    assert!(claim("cora") > two);
}

/// While a run of the work goes on nothing is put back; by itself a snapshot is taken while work goes
/// on, and only the newest are kept.
#[test]
fn snapshots_are_taken_while_work_goes_on_and_old_ones_go() {
    let site = site();
    let program = site.home.dir.join("helper.sh").display().to_string();
    let agents = json!({"helper": {"kind": "script", "command": [program]}});
    let snapshots = json!({"every": "1h", "keep": 2});
    let rules = json!({"agents": agents, "snapshots": snapshots, "tasks": {"auto": false}});
    site.home.configure(&rules.to_string());
    site.home.ok(&["config", "reload"]);
    for number in 0..2 {
        task(&site, &format!("task {number}"), &[]);
    }
    site.home.ok(&["snapshot", "create"]);
    site.home.ok(&["snapshot", "create"]);
    site.home.ok(&["snapshot", "create"]);
    let list = site.home.json(&["snapshot", "list"]);
    assert_eq!(list["snapshots"].as_array().map(Vec::len), Some(2), "{list:#}");
    let held = database(&site.home);
    let run = site.begin("helper", &["--evidence", "none"]);
    site.wait_over(&run);
    let sql = format!(
        "UPDATE run SET state = 'suspended', body = json_set(body, '$.state', json('{{\"state\":\"suspended\",\"wait\":{{\"for\":\"resume\"}}}}'), '$.belongs', json('{{\"purpose\":\"work\",\"task\":\"{run}\"}}')) WHERE id = unhex('{}')",
        run.replace('-', "")
    );
    assert_eq!(held.execute(&sql, ()).expect("SQL"), 1);
    let id = list["snapshots"][0]["short"].as_str().expect("an id").to_owned();
    let said = site.home.fails(&["snapshot", "restore", &id], 4);
    assert!(said.contains("ORK-1602"), "{said}");
}

/// MISSION row 117: what concerns an agent is told in its next prompt, and is read then.
#[test]
fn row_117_unread_notices_fall_when_the_agent_reads_them() {
    let site = site();
    let unread = || site.home.json(&["agent", "inbox", "helper", "--unread"]);
    assert_eq!(unread()["unread"], 0);
    let id = task(&site, "mend the door", &[]);
    site.home.ok(&["task", "assign", &id, "--to", "helper"]);
    site.home.wait("the notice", || (unread()["unread"] == 1).then_some(()));
    let notice = &unread()["notices"][0];
    assert_eq!((&notice["priority"], &notice["read"]), (&json!("normal"), &json!(false)));
    assert!(notice["message"].as_str().expect("a text").contains("mend the door"), "{notice:#}");
    // Looking does not read.
    assert_eq!(unread()["unread"], 1);
    let run = site.begin("helper", &["--evidence", "none"]);
    site.wait_over(&run);
    let charter = site.home.data().join("runs").join(&run).join("charter.md");
    let charter = std::fs::read_to_string(charter).expect("the charter");
    assert!(
        charter.contains("mend the door") && charter.contains("this concerned you"),
        "{charter}"
    );
    assert_eq!(unread()["unread"], 0);
    let all = site.home.json(&["agent", "inbox", "helper"]);
    assert_eq!(all["notices"][0]["read_by"], format!("run:{run}"), "{all:#}");
    assert_eq!(site.home.events("agent.read_notices").len(), 1);
    // It is not told twice.
    let again = site.begin("helper", &["--evidence", "none"]);
    site.wait_over(&again);
    let charter = site.home.data().join("runs").join(&again).join("charter.md");
    assert!(!std::fs::read_to_string(charter).expect("it").contains("this concerned you"));
    // A person may read them for it.
    site.home.ok(&["task", "assign", &id]);
    site.home.ok(&["task", "assign", &id, "--to", "helper"]);
    site.home.wait("the notice", || (unread()["unread"] == 1).then_some(()));
    site.home.ok(&["agent", "inbox", "helper", "--read"]);
    assert_eq!(unread()["unread"], 0);
}

/// MISSION row 120: all events of a task, its runs among them, come again in order; the export parses.
#[test]
fn row_120_the_trail_of_a_task_replays_in_order_and_its_export_parses() {
    let site = site();
    let id = task(&site, "walk", &["--tries", "2"]);
    let other = task(&site, "other", &[]);
    let claim = site.home.json(&["task", "claim", &id, "--worker", "anna"]);
    let fence = claim["task"]["fence"].to_string();
    site.home.ok(&["task", "report", &id, "--fence", &fence, "--failed", "rain"]);
    site.home.ok(&["task", "retry", &id]);
    let claim = site.home.json(&["task", "claim", &id, "--worker", "anna"]);
    let fence = claim["task"]["fence"].to_string();
    site.home.ok(&["task", "report", &id, "--fence", &fence, "--result", "walked"]);
    site.home.wait("the verdict", || {
        (site.home.json(&["task", "show", &id])["state"] == "verified").then_some(())
    });
    // A run that belongs to it.
    let run = site.begin("helper", &["--evidence", "none"]);
    site.wait_over(&run);
    let bytes = |id: &str| format!("unhex('{}')", id.replace('-', ""));
    let sql = format!("UPDATE run SET task = {} WHERE id = {}", bytes(&id), bytes(&run));
    assert_eq!(database(&site.home).execute(&sql, ()).expect("SQL"), 1);
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    };
    let log = lines(&site.home.ok(&["task", "log", &id, "--json"]));
    let kinds: Vec<&str> =
        log.iter().map(|event| event["kind"].as_str().expect("a kind")).collect();
    let wanted = [
        "task.created",
        "task.claimed",
        "task.failed",
        "task.retried",
        "task.claimed",
        "task.reported",
        "task.checked",
        "task.verified",
        "run.created",
        "run.ended",
    ];
    let mut rest = kinds.iter();
    for kind in wanted {
        assert!(rest.any(|found| *found == kind), "no {kind} in its place in {kinds:?}");
    }
    assert!(log.is_sorted_by_key(|event| event["seq"].as_u64()), "{kinds:?}");
    assert!(
        log.iter().all(|event| event["subject"] == id.as_str() || event["subject"] == run.as_str())
    );
    // The same by the journal's own verb, and nothing of another task.
    let events = lines(&site.home.ok(&["events", "--task", &id, "-n", "1000", "--json"]));
    assert_eq!(events, log);
    let others = lines(&site.home.ok(&["events", "--task", &other, "-n", "1000", "--json"]));
    assert_eq!(others.len(), 1, "{others:#?}");
    let agents = lines(&site.home.ok(&["events", "--agent", "helper", "-n", "1000", "--json"]));
    assert!(agents.iter().any(|event| event["kind"] == "run.created"));
    // The export has them all.
    let file = site.home.dir.join("trail.jsonl");
    site.home.ok(&["audit", "export", "--task", &id, "--output", &file.display().to_string()]);
    let export = lines(&std::fs::read_to_string(Path::new(&file)).expect("the export"));
    assert_eq!(export[0]["type"], "trail");
    let exported: Vec<&Value> = export[1..].iter().map(|event| &event["id"]).collect();
    assert_eq!(exported, log.iter().map(|event| &event["id"]).collect::<Vec<_>>());
    let text = site.home.ok(&["task", "log", &id]);
    assert!(text.contains("walk") && text.lines().count() == log.len(), "{text}");
}
