//! Sessions: the work of several agents to its end, halted, killed, and what keeps it from being done.

use crate::crew::{Crew, plan};
use serde_json::{Value, json};
use std::time::Duration;

const THREE: [&str; 3] = ["ann", "bob", "cy"];

/// What failed is tried again soon.
fn quick() -> Value {
    json!({"tasks": {"retry": {"initial": "100ms", "max": "200ms"}, "breaker": {"open_for": "500ms"}}})
}

fn points(session: &Value) -> Vec<(String, bool)> {
    let points = session["criteria"].as_array().expect("points of done");
    points
        .iter()
        .map(|point| {
            (point["point"].as_str().unwrap_or_default().to_owned(), point["holds"] == true)
        })
        .collect()
}

#[test]
fn a_session_is_planned_worked_on_reviewed_merged_and_done() {
    let crew = Crew::new(&THREE, quick());
    let tasks = [
        ("ground", json!({"agent": "ann"})),
        ("walls", json!({"agent": "bob", "depends": ["ground"]})),
    ];
    crew.answers("plan", "house", &plan(&tasks));
    let before = crew.git(&["rev-parse", "main"]);
    let (code, said) = crew.run("Build a house", &[]);
    assert_eq!(code, Some(0), "{said}");
    let id = crew.newest();
    let session = crew.show(&id);
    assert_eq!(session["state"], "verified", "{session:#}");
    assert!(points(&session).iter().all(|(_, holds)| *holds), "{session:#}");
    // Who did what is told at the end.
    for part in ["ground", "walls", "ann", "bob", "SHARE OF TOKENS", "integration"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The work is on the session's branch; the person's own is as it was.
    let branch = session["branch"].as_str().expect("a branch");
    for key in ["ground", "walls"] {
        let file = crew.git(&["show", &format!("{branch}:{key}.txt")]);
        assert_eq!(file, format!("made by the task {key}"));
    }
    assert_eq!(crew.git(&["rev-parse", "main"]), before);
    // Each task was done once, and looked at by somebody else.
    assert_eq!(crew.seen_by_all("work"), 2);
    assert!(crew.seen_by_all("review") >= 2);
}

/// MISSION row 58: the share of each agent is told, and one that is off is flagged.
#[test]
fn row_058_shares_are_told_and_a_breach_is_flagged() {
    let crew = Crew::new(&THREE, quick());
    let all = |key: &'static str| (key, json!({"agent": "ann"}));
    crew.answers("plan", "alone", &plan(&[all("a"), all("b"), all("c")]));
    let (code, said) = crew.run("Leave me alone", &[]);
    assert_eq!(code, Some(0), "{said}");
    let session = crew.show(&crew.newest());
    let shares = session["shares"].as_array().expect("shares");
    assert_eq!(shares.len(), 3, "{session:#}");
    assert_eq!(session["shares_of"], "tokens");
    let of = |name: &str| shares.iter().find(|share| share["agent"] == name).expect(name);
    assert_eq!((&of("ann")["low"], &of("ann")["high"]), (&json!(40.0), &json!(50.0)));
    assert_eq!((&of("cy")["low"], &of("cy")["high"]), (&json!(10.0), &json!(20.0)));
    assert_eq!(of("ann")["tasks"], 3);
    assert_eq!(of("ann")["fits"], false, "{session:#}");
    let sum: f64 = shares.iter().filter_map(|share| share["percent"].as_f64()).sum();
    assert!((sum - 100.0).abs() < 1.0, "{sum}");
    assert!(said.contains("40–50 %: off"), "{said}");
}

/// MISSION row 76: what is missing keeps the session open, and it is told which point fails.
#[test]
fn row_076_a_missing_deliverable_keeps_the_session_open() {
    let crew = Crew::new(&THREE, quick());
    let tasks = [
        ("ground", json!({})),
        // It takes away what the first one promised.
        (
            "thief",
            json!({"depends": ["ground"], "deliverables": [],
            "prompt": "DO write thief.txt here\nDO remove ground.txt"}),
        ),
    ];
    crew.answers("plan", "museum", &plan(&tasks));
    let (code, said) = crew.run("Open a museum", &[]);
    assert_eq!(code, Some(14), "{said}");
    let id = crew.newest();
    let session = crew.show(&id);
    assert_eq!(session["state"], "awaiting_person");
    assert_eq!(session["question"]["about"], "not_done");
    let missing: Vec<String> =
        points(&session).into_iter().filter(|(_, holds)| !holds).map(|(point, _)| point).collect();
    assert_eq!(missing, ["files"], "{session:#}");
    assert!(said.contains("ground.txt of task ground is missing"), "{said}");
    // It needs the person, who cannot say yes by mistake.
    assert!(crew.home.status()["needs_you"].to_string().contains(&id));
    crew.home.fails(&["session", "approve", &id], 4);
    // It is looked at again when the person mended it, and then it is done.
    let branch = session["branch"].as_str().expect("a branch").to_owned();
    let folder = crew.home.dir.join("mend");
    let shown = folder.display().to_string();
    crew.git(&["worktree", "add", "--quiet", &shown, &branch]);
    std::fs::write(folder.join("ground.txt"), "again\n").expect("the file");
    let who = ["-C", &shown, "-c", "user.name=t", "-c", "user.email=t@example.org"];
    crew.git(&["-C", &shown, "add", "-A"]);
    crew.git(&[&who[..], &["commit", "--quiet", "-m", "mended"]].concat());
    crew.home.ok(&["session", "resume", &id]);
    let session = crew.wait(&id, "verified");
    assert!(points(&session).iter().all(|(_, holds)| *holds), "{session:#}");
}

#[test]
fn a_session_that_is_paused_begins_nothing_and_loses_nothing() {
    let crew = Crew::new(&THREE, quick());
    let tasks = [("a", json!({"agent": "ann"})), ("b", json!({"agent": "bob", "depends": ["a"]}))];
    crew.answers("plan", "slow", &plan(&tasks));
    crew.hold("work", true);
    let id = crew.begin("Be slow", &[]);
    crew.home.wait("the first to work", || (crew.seen_by_all("work") == 1).then_some(()));
    crew.home.ok(&["session", "pause", &id]);
    let works = |state: &str| {
        let session = crew.show(&id);
        let runs = session["runs"].as_array().expect("runs").clone();
        runs.into_iter().any(|run| run["state"] == state)
    };
    crew.home.wait("the run to be paused", || works("paused").then_some(()));
    crew.hold("work", false);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(crew.show(&id)["state"], "paused");
    assert_eq!(crew.seen_by_all("work"), 1, "nothing begins while it is paused");
    crew.home.fails(&["session", "approve", &id], 4);
    crew.home.ok(&["session", "resume", &id]);
    crew.wait(&id, "awaiting_person");
    let session = crew.show(&id);
    assert_eq!(session["question"]["about"], "end", "{session:#}");
    assert_eq!(crew.seen_by_all("work"), 2, "each was done once");
    crew.home.ok(&["session", "approve", &id]);
    crew.wait(&id, "verified");
}

#[test]
fn a_session_that_is_stopped_ends_all_of_it() {
    let crew = Crew::new(&THREE, quick());
    crew.answers("plan", "endless", &plan(&[("a", json!({})), ("b", json!({}))]));
    crew.hold("work", true);
    let id = crew.begin("Go on endless", &[]);
    crew.home.wait("both to work", || (crew.seen_by_all("work") == 2).then_some(()));
    crew.home.ok(&["session", "stop", &id]);
    crew.home.wait("the end of all", || {
        let session = crew.show(&id);
        let runs = session["runs"].as_array()?.iter().all(|run| run["ended_at"].is_string());
        let tasks = session["tasks"].as_array()?.iter().all(|task| task["state"] == "cancelled");
        (runs && tasks).then_some(())
    });
    assert_eq!(crew.show(&id)["state"], "cancelled");
    crew.home.fails(&["session", "resume", &id], 4);
}

#[test]
fn a_task_that_fails_for_good_fails_the_session_and_a_retry_takes_it_up_again() {
    let crew = Crew::new(&["ann"], quick());
    crew.answers(
        "plan",
        "doomed",
        &plan(&[("a", json!({"prompt": "DO fail\nDO write a.txt at last"}))]),
    );
    let (code, said) = crew.run("A doomed thing", &[]);
    assert_eq!(code, Some(13), "{said}");
    let id = crew.newest();
    let session = crew.show(&id);
    assert_eq!(session["state"], "failed", "{session:#}");
    let task = session["tasks"][0]["id"].as_str().expect("a task").to_owned();
    std::fs::write(crew.home.dir.join("desk/mended"), "").expect("a file");
    crew.home.ok(&["task", "retry", &task]);
    crew.home.wait("the session to go on", || (crew.show(&id)["state"] != "failed").then_some(()));
    // Nobody else is there to look at the work, so the person is asked.
    let session = crew.wait(&id, "awaiting_person");
    assert_eq!(session["question"]["about"], "not_done");
    crew.home.ok(&["session", "approve", &id, "--anyway"]);
    let session = crew.wait(&id, "verified");
    assert_eq!(session["waived_by"], "person:cli");
}

/// MISSION row 121: a script runs all eight, and each exits 0.
#[test]
fn row_121_a_script_runs_every_verb_of_projects() {
    let crew = Crew::new(&THREE, quick());
    crew.answers("plan", "tea", &plan(&[("pot", json!({}))]));
    crew.hold("work", true);
    let target = crew.target.display().to_string();
    let steps: [&[&str]; 10] = [
        &[
            "project",
            "new",
            "tea",
            "--description",
            "Serve tea",
            "--folder",
            &target,
            "--agents",
            "ann,bob,cy",
            "--involvement",
            "low",
        ],
        &["project", "new", "coffee", "--description", "Serve coffee", "--folder", &target],
        &["project", "list"],
        &["project", "load", "tea"],
        &["project", "config", "--description", "Serve tea with milk"],
        &["project", "start"],
        &["project", "status"],
        &["project", "stop"],
        &["project", "start"],
        &["project", "reset", "--force"],
    ];
    for step in steps {
        let printed = crew.home.ok(step);
        let status = crew.home.json(&["project", "status", "tea"]);
        let state = status["sessions"][0]["state"].as_str().unwrap_or_default().to_owned();
        match (step[1], step.get(2)) {
            ("list", _) => assert!(printed.contains("tea") && printed.contains("coffee")),
            ("stop", _) => assert_eq!(state, "paused"),
            ("reset", _) => assert_eq!(state, "cancelled"),
            _ => {}
        }
    }
    let status = crew.home.json(&["project", "status", "tea"]);
    assert_eq!(status["sessions"].as_array().map(Vec::len), Some(1), "what was stopped went on");
    assert_eq!(status["sessions"][0]["goal"], "Serve tea with milk");
    let list = crew.home.json(&["project", "list"]);
    assert_eq!(list["current"], "tea");
    // Nothing is lost, and nothing is ended by mistake.
    crew.home.fails(&["project", "reset"], 2);
    let id = status["sessions"][0]["id"].as_str().expect("an id");
    assert_eq!(crew.told(id, "session.cancelled").len(), 1);
    crew.home.fails(&["project", "load", "cocoa"], 6);
    crew.home.fails(&["project", "new", "tea", "--description", "x"], 4);
}

/// Kills the daemon at moments that nobody chose; how the session ended.
fn killed(times: u32, goal: &str) {
    let mut crew = Crew::new(&THREE, quick());
    let tasks = [
        ("a", json!({"agent": "ann"})),
        ("b", json!({"agent": "bob"})),
        ("c", json!({"agent": "cy", "depends": ["a"]})),
        ("d", json!({"depends": ["b", "c"]})),
    ];
    crew.answers("plan", goal, &plan(&tasks));
    let id = crew.begin(&format!("Stand the {goal}"), &[]);
    let mut draw: u64 = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |since| since.subsec_nanos().into());
    for _ in 0..times {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(200 + (draw >> 33) % 1_500));
        crew.home.kill_daemon();
        crew.home.up();
    }
    let session = crew.wait(&id, "awaiting_person");
    assert_eq!(session["question"]["about"], "end", "{session:#}");
    assert!(points(&session).iter().all(|(_, holds)| *holds), "{session:#}");
    let branch = session["branch"].as_str().expect("a branch");
    for key in ["a", "b", "c", "d"] {
        let file = crew.git(&["show", &format!("{branch}:{key}.txt")]);
        assert_eq!(file, format!("made by the task {key}"));
        let commits = crew.git(&["log", "--format=%h", branch, "--", &format!("{key}.txt")]);
        assert_eq!(commits.lines().count(), 1, "{key} was done twice: {commits}");
    }
    assert_eq!(session["tasks"].as_array().map(Vec::len), Some(4), "none was made twice");
    for task in session["tasks"].as_array().expect("tasks") {
        let of = task["id"].as_str().expect("an id");
        assert_eq!(crew.told(of, "task.verified").len(), 1, "{task:#}");
    }
    assert_eq!(crew.told(&id, "session.began").len(), 1);
    assert_eq!(crew.told(&id, "session.planned").len(), 1);
}

#[test]
fn a_session_stands_the_daemon_being_killed() {
    killed(4, "storm");
}

#[test]
#[ignore = "soak: minutes; cargo xtask soak runs it"]
fn soak_a_session_stands_twenty_kills_of_the_daemon() {
    killed(20, "tempest");
}
