//! Tasks on the real binary: the queue, dependencies, claims, attempts, patterns, handing over.

use crate::harness::Home;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A home whose tasks are given to nobody by themselves.
fn house(more: &str) -> Home {
    let mut home = Home::new("");
    home.configure(&format!("tasks:\n  auto: false\n{more}"));
    home.up();
    home
}

fn create(home: &Home, prompt: &str, flags: &[&str]) -> Value {
    home.json(&[&["task", "create", prompt], flags].concat())
}

fn id(task: &Value) -> &str {
    task["short"].as_str().expect("a task")
}

fn show(home: &Home, task: &Value) -> Value {
    home.json(&["task", "show", id(task)])
}

fn claim(home: &Home, flags: &[&str]) -> Value {
    home.json(&[&["task", "claim"], flags].concat())["task"].clone()
}

fn fence(task: &Value) -> String {
    task["claim"]["fence"].to_string()
}

fn wait_state(home: &Home, task: &Value, state: &str) -> Value {
    home.wait(&format!("the task {} to be {state}", id(task)), || {
        let task = show(home, task);
        (task["state"] == state).then_some(task)
    })
}

#[test]
fn row_090_critical_is_taken_before_older_low_and_illegal_transitions_are_refused() {
    let home = house("");
    let low = create(&home, "tidy up", &["--priority", "low"]);
    let medium = create(&home, "write it", &[]);
    let critical = create(&home, "put the fire out", &["--priority", "critical"]);
    let second = create(&home, "and this one", &["--priority", "critical"]);
    assert_eq!((&critical["state"], &critical["six"]), (&json!("ready"), &json!("pending")));
    let shelved = create(&home, "later", &["--priority", "critical", "--backlog"]);
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(claim(&home, &["--next", "--worker", "w"])["id"].clone());
    }
    assert_eq!(taken, [&critical, &second, &medium, &low].map(|task| task["id"].clone()));
    let said = home.fails(&["task", "claim", "--next", "--worker", "w"], 6);
    assert!(said.contains("no task is ready for w"), "{said}");
    // In the backlog it is not worked on until somebody takes it out.
    let said = home.fails(&["task", "claim", id(&shelved), "--worker", "w"], 4);
    assert!(said.contains("is backlog") && said.contains("ORK-1002"), "{said}");
    home.ok(&["task", "ready", id(&shelved)]);
    let held = claim(&home, &["--next", "--worker", "w"]);
    assert_eq!((&held["id"], &held["six"]), (&shelved["id"], &json!("in_progress")));
    // What makes no sense is refused, and says why.
    let said = home.fails(&["task", "claim", id(&critical), "--worker", "x"], 4);
    assert!(said.contains("held by worker:w"), "{said}");
    home.fails(&["task", "retry", id(&critical)], 4);
    home.fails(&["task", "edit", id(&critical), "--prompt", "other"], 4);
    home.ok(&["task", "report", id(&low), "--fence", "1", "--failed", "no", "--no-retry"]);
    let failed = show(&home, &low);
    assert_eq!((&failed["state"], &failed["six"]), (&json!("failed"), &json!("failed")));
    home.ok(&["task", "cancel", id(&medium), "--why", "not wanted"]);
    let gone = show(&home, &medium);
    assert_eq!((&gone["state"], &gone["six"]), (&json!("cancelled"), &json!("cancelled")));
    home.fails(&["task", "report", id(&medium), "--fence", "1"], 15);
    home.fails(&["task", "show", "ffffffff"], 6);
    let board = home.ok(&["task", "list", "--all"]);
    for part in ["claimed (3", "failed (1", "cancelled (1", "put the fire out"] {
        assert!(board.contains(part), "{part}: {board}");
    }
}

#[test]
fn row_091_a_cycle_is_refused_by_its_path_and_a_failed_task_blocks_what_depends_on_it() {
    let home = house("");
    let a = create(&home, "first", &[]);
    let b = create(&home, "second", &["--after", id(&a)]);
    let c = create(&home, "third", &["--after", id(&b)]);
    let soft = create(&home, "beside", &["--after-soft", id(&a)]);
    assert_eq!((&b["state"], &c["state"]), (&json!("waiting"), &json!("waiting")));
    assert_eq!(soft["state"], "ready");
    assert!(soft["why"].as_str().unwrap().contains("should come after “first”"), "{soft}");
    let said = home.fails(&["task", "edit", id(&a), "--after", id(&c)], 4);
    assert!(said.contains("CIRCULAR_DEPENDENCY: “first”"), "{said}");
    let way = ["“first”", "“third”", "“second”", "“first”"];
    let mut rest = said.as_str();
    for name in way {
        let place = rest.find(name).unwrap_or_else(|| panic!("{name}: {said}"));
        rest = &rest[place + name.len()..];
    }
    let said = home.fails(&["task", "edit", id(&a), "--after", id(&a)], 4);
    assert!(said.contains("CIRCULAR_DEPENDENCY"), "{said}");
    let said = home.fails(&["task", "create", "x", "--after", "ffffffff"], 4);
    assert!(said.contains("DEPENDENCY_NOT_FOUND") && said.contains("ORK-1004"), "{said}");
    // Many at once name each other; all of them or none.
    let list = home.dir.join("tasks.json");
    let many = json!([{"prompt": "x", "key": "x", "depends": [{"task": "y"}]},
        {"prompt": "y", "key": "y", "depends": [{"task": "x"}]}]);
    std::fs::write(&list, many.to_string()).unwrap();
    let before = home.json(&["task", "list", "--all"])["tasks"].as_array().unwrap().len();
    let said = home.fails(&["task", "create", "--from", &list.display().to_string()], 4);
    assert!(said.contains("CIRCULAR_DEPENDENCY"), "{said}");
    assert_eq!(home.json(&["task", "list", "--all"])["tasks"].as_array().unwrap().len(), before);

    let held = claim(&home, &[id(&a), "--worker", "w"]);
    let (number, why) = (fence(&held), "it cannot be done");
    home.ok(&["task", "report", id(&a), "--fence", &number, "--failed", why, "--no-retry"]);
    let b = show(&home, &b);
    assert_eq!((&b["state"], &b["six"]), (&json!("blocked"), &json!("blocked")), "{b}");
    let why = b["why"].as_str().unwrap();
    assert!(why.contains("“first”") && why.contains("DEPENDENCY_FAILED"), "{why}");
    let c = show(&home, &c);
    assert!(c["state"] == "blocked" && c["why"].as_str().unwrap().contains("“second”"), "{c}");
    let flagged = create(&home, "fourth", &["--after", id(&b)]);
    assert!(flagged["why"].as_str().unwrap().contains("DEPENDENCY_BLOCKED"), "{flagged}");
    home.ok(&["task", "retry", id(&a)]);
    for task in [&b, &c, &flagged] {
        assert_eq!(show(&home, task)["state"], "waiting");
    }
    let graph = home.ok(&["task", "graph", id(&a), "--format", "dot"]);
    let arrow = format!("\"{}\" -> \"{}\"", id(&a), id(&b));
    assert!(graph.starts_with("digraph") && graph.contains(&arrow), "{graph}");
    assert!(home.ok(&["task", "graph"]).contains("└─ "), "lines for people");
}

#[test]
fn row_092_of_a_hundred_racers_one_wins() {
    let home = house("");
    for round in 0..3 {
        let task = create(&home, &format!("only once {round}"), &[]);
        let path = format!("/api/v1/tasks/{}/claim", task["id"].as_str().unwrap());
        let gate = std::sync::Barrier::new(100);
        let won: Vec<u16> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..100)
                .map(|n| {
                    let (home, path, gate) = (&home, &path, &gate);
                    scope.spawn(move || {
                        let body = json!({"worker": format!("w{n}")}).to_string();
                        gate.wait();
                        home.api("POST", path, &body).status
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let (winners, losers): (Vec<&u16>, Vec<&u16>) =
            won.iter().partition(|status| **status == 200);
        assert_eq!(winners.len(), 1, "{won:?}");
        assert!(losers.iter().all(|status: &&u16| **status == 409), "{won:?}");
        assert_eq!(show(&home, &task)["fence"], 1);
    }
    assert_eq!(home.events("task.claimed").len(), 3);
}

#[test]
fn row_093_a_killed_holder_frees_its_task_within_the_lease() {
    let home = house("");
    let task = create(&home, "hold me", &[]);
    let mut holder = home.command("sleep").arg("600").spawn().expect("a process");
    let pid = holder.id().to_string();
    let held = claim(&home, &[id(&task), "--worker", "w", "--lease", "10m", "--pid", &pid]);
    let number = fence(&held);
    home.ok(&["task", "heartbeat", id(&task), "--fence", &number]);
    let killed = Instant::now();
    holder.kill().expect("our own child");
    holder.wait().expect("its end");
    let free = wait_state(&home, &task, "ready");
    assert!(killed.elapsed() < Duration::from_secs(600));
    assert_eq!(free["tries"], 1, "{free}");
    assert_eq!(home.events("task.expired")[0]["body"]["loss"], "died");
    // What it did does not count any more, also when somebody else is at it.
    let said = home.fails(&["task", "report", id(&task), "--fence", &number, "--result", "x"], 15);
    assert!(said.contains("ORK-1003"), "{said}");
    let held = claim(&home, &[id(&task), "--worker", "v"]);
    assert_eq!(fence(&held), "2");
    home.fails(&["task", "report", id(&task), "--fence", &number, "--result", "x"], 15);
    home.fails(&["task", "heartbeat", id(&task), "--fence", &number], 15);
    let done = home.json(&["task", "report", id(&task), "--fence", "2", "--result", "done"]);
    assert_eq!(done["state"], "reported");
}

#[test]
fn row_097_attempts_wait_longer_each_time_until_the_task_is_poisoned() {
    let home = house("  retry: { tries: 3, initial: 1s, factor: 3 }\n");
    let task = create(&home, "it never works", &[]);
    let mut waits = Vec::new();
    for number in 1..=3 {
        let held = home.wait("its turn", || {
            let output = home.run(&["task", "claim", "--next", "--worker", "w", "--json"]);
            let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
            answer["task"].is_object().then(|| answer["task"].clone())
        });
        assert_eq!(held["claim"]["fence"], number);
        let number = number.to_string();
        let failed = ["task", "report", id(&task), "--fence", &number, "--failed", "it broke"];
        let failed = home.json(&failed);
        if let Some(until) = failed["not_before"].as_str() {
            let until: jiff::Timestamp = until.parse().unwrap();
            let since: jiff::Timestamp = failed["updated_at"].as_str().unwrap().parse().unwrap();
            waits.push(until.duration_since(since).as_millis());
        }
    }
    assert_eq!(waits, [1_000, 3_000]);
    let poisoned = show(&home, &task);
    assert_eq!((&poisoned["state"], &poisoned["poison"]), (&json!("failed"), &json!(true)));
    assert!(poisoned["why"].as_str().unwrap().contains("it broke"), "{poisoned}");
    let alert = home.wait("the alert", || {
        let alerts = home.json(&["alert", "list"]);
        let all = alerts["alerts"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|alert| alert["what"] == "task_poisoned" && alert["state"] == "open")
    });
    assert_eq!(alert["level"], "critical", "{alert}");
    home.ok(&["task", "retry", id(&task)]);
    assert_eq!(show(&home, &task)["tries"], 0);
}

#[test]
fn row_098_a_task_silent_past_its_limit_comes_back_once() {
    let home = house("");
    let task = create(&home, "say something", &[]);
    claim(&home, &[id(&task), "--worker", "w", "--lease", "1s"]);
    let back = wait_state(&home, &task, "ready");
    assert_eq!((&back["tries"], &back["claim"]), (&json!(1), &Value::Null), "{back}");
    home.fails(&["task", "heartbeat", id(&task), "--fence", "1"], 15);
    claim(&home, &["--next", "--worker", "w", "--lease", "1s"]);
    let over = wait_state(&home, &task, "failed");
    assert_eq!(over["poison"], true, "{over}");
    assert_eq!(home.events("task.expired").len(), 2);
    assert_eq!(home.events("task.poisoned").len(), 1);
}

#[test]
fn row_150_a_task_is_delegated_handed_over_shelved_and_comes_again() {
    let mut home = house("");
    // Handing over moves the task with its context.
    let task = create(&home, "a long piece of work", &["--agent", "ann"]);
    home.fails(&["task", "claim", "--next", "--worker", "bob"], 6);
    let held = claim(&home, &["--next", "--worker", "ann"]);
    assert_eq!(held["id"], task["id"]);
    let note = "half of it is done, see the branch half";
    let moved = home.json(&["task", "handover", id(&task), "--to", "bob", "--note", note]);
    assert_eq!((&moved["state"], &moved["assigned"]), (&json!("ready"), &json!("bob")));
    home.fails(&["task", "report", id(&task), "--fence", "1", "--result", "late"], 15);
    let answer = home.json(&["task", "claim", "--next", "--worker", "bob"]);
    assert_eq!(answer["task"]["id"], task["id"]);
    let context = answer["context"].as_str().expect("the context");
    assert!(context.contains("from ann to bob") && context.contains(note), "{context}");
    // A part is given to somebody else, and the first one waits for it.
    let part = home.json(&["task", "delegate", id(&task), "only the tests", "--agent", "cid"]);
    assert_eq!((&part["parent"], &part["assigned"]), (&task["id"], &json!("cid")));
    let waits = show(&home, &task);
    assert_eq!((&waits["state"], &waits["claim"]), (&json!("waiting"), &Value::Null), "{waits}");
    assert_eq!(waits["children"][0]["id"], part["id"]);
    // Into the backlog and out.
    let shelved = home.json(&["task", "shelve", id(&part)]);
    assert_eq!(shelved["state"], "backlog");
    home.fails(&["task", "claim", "--next", "--worker", "cid"], 6);
    home.ok(&["task", "ready", id(&part)]);
    assert_eq!(claim(&home, &["--next", "--worker", "cid"])["id"], part["id"]);
    // It comes again, and what was missed while nobody looked comes once.
    let pattern = create(&home, "again and again", &["--every", "1s", "--agent", "dot"]);
    assert_eq!(pattern["state"], "backlog");
    let first = home.wait("the first one", || {
        let all = home.json(&["task", "list", "--agent", "dot", "--state", "ready"]);
        all["tasks"].as_array()?.first().cloned()
    });
    assert_eq!(first["pattern"], pattern["id"], "{first}");
    // While it goes on no other is made.
    home.wait("the next time", || (!home.events("task.passed_over").is_empty()).then_some(()));
    let made = home.json(&["task", "list", "--agent", "dot", "--state", "ready"]);
    assert_eq!(made["tasks"].as_array().map(Vec::len), Some(1), "{made}");
    home.down();
    std::thread::sleep(Duration::from_secs(3));
    home.up();
    home.ok(&["task", "cancel", id(&first)]);
    home.wait("the second one", || (home.events("task.recurred").len() == 2).then_some(()));
    home.ok(&["task", "cancel", id(&pattern)]);
}
