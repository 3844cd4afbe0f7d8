//! A whole session with the real programs: planned, done side by side, reviewed, mended, approved,
//! brought together.

use crate::harness::Home;
use crate::site::{Agent, Model};
use crate::support::{git, repository};
use serde_json::{Value, json};

/// What the model says. It sees nothing but the prompts that Orkestra really sends.
fn script() -> Value {
    let task = |key: &str, agent: &str| {
        json!({"key": key, "title": format!("The file {key}"), "agent": agent,
            "prompt": format!("MARK {key}: write the file {key}.txt with one line."),
            "role": "code_writer_implementer", "deliverables": [format!("{key}.txt")]})
    };
    let plan = json!({"summary": "Two files, side by side.",
        "tasks": [task("one", "claude"), task("two", "codex")]});
    let concern = json!({"verdict": "concerns", "summary": "It is only a draft.",
        "issues": [{"severity": "major", "description": "MEND one: it must be final", "file": "one.txt"}],
        "recommendations": []});
    let approved = json!({"verdict": "approved", "summary": "It does what was asked for.",
        "issues": [], "recommendations": []});
    let says = |of: &str, answer: &Value| json!({"match": of, "blocks": [{"text": format!("As asked:\n```json\n{answer:#}\n```")}]});
    let does = |of: &str, line: &str| {
        [
            json!({"match": of, "blocks": [{"text": "I do it."}, {"shell": line}]}),
            json!({"match": of, "blocks": [{"text": "It is done."}]}),
        ]
    };
    let mut turns = vec![
        says("Divide the goal below into tasks", &plan),
        says("+draft of one", &concern),
        says("Another agent did the work below", &approved),
    ];
    turns.extend(does("MEND one", "echo 'final text of one' > one.txt"));
    turns.extend(does("MARK one", "echo 'draft of one' > one.txt"));
    turns.extend(does("MARK two", "echo 'text of two' > two.txt"));
    json!({"turns": turns})
}

#[test]
fn the_whole_session_is_planned_done_reviewed_mended_merged_and_verified() {
    let mut home = Home::new("");
    let model = Model::start(&home, &script());
    let mut agents = serde_json::Map::new();
    for agent in Agent::ALL {
        agent.furnish(&home);
        agents.insert(agent.name().to_owned(), agent.entry(&home, &model.url));
    }
    home.configure(&json!({"agents": agents}).to_string());
    home.up();
    let target = repository(&home);
    let main = git(&home, &target, &["rev-parse", "main"]);
    let shown = target.display().to_string();
    let words = [
        "run",
        "Write the files one and two",
        "--agents",
        "claude,codex,gemini",
        "--headless",
        "--target",
        &shown,
    ];
    let output = home.run(&words);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");

    let list = home.json(&["session", "list"]);
    let id = list["sessions"][0]["id"].as_str().expect("a session").to_owned();
    let session = home.json(&["session", "show", &id]);
    assert_eq!(session["state"], "verified", "{session:#}");
    assert_eq!(session["planned_by"], "gemini", "the architect plans");
    for point in session["criteria"].as_array().expect("points") {
        assert_eq!(point["holds"], true, "{point}");
    }
    // A summary that a person can read: who did what, shares, cost, verdicts.
    for part in ["The file one", "claude", "codex", "gemini", "SHARE OF TOKENS", "$", "✓ review"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The concern came back to its author, was mended, and only then was it merged.
    let branch = session["branch"].as_str().expect("a branch");
    let file = |name: &str| git(&home, &target, &["show", &format!("{branch}:{name}")]);
    assert_eq!(
        (file("one.txt"), file("two.txt")),
        ("final text of one".into(), "text of two".into())
    );
    assert_eq!(
        git(&home, &target, &["rev-parse", "main"]),
        main,
        "the person's branch is as it was"
    );
    let task = |key: &str| {
        let tasks = session["tasks"].as_array().expect("tasks");
        let task = tasks.iter().find(|task| task["key"] == key).expect(key);
        task["id"].as_str().expect("an id").to_owned()
    };
    let (one, two) = (task("one"), task("two"));
    let runs = session["runs"].as_array().expect("runs");
    let mended = home.events("run.instructed");
    assert_eq!(mended.len(), 1, "one concern, one instruction");
    let author =
        runs.iter().find(|run| run["id"] == mended[0]["subject"]).expect("the author's run");
    assert_eq!(author["agent"], "claude");
    // Side by side: both had begun before the first was over.
    let seq = |kind: &str, subject: &str| {
        let events = home.events(kind);
        let event = events.iter().find(|event| event["subject"] == subject);
        event.unwrap_or_else(|| panic!("{kind} of {subject}"))["seq"].as_u64().expect("a place")
    };
    let over = seq("task.verified", &one).min(seq("task.verified", &two));
    assert!(seq("task.began", &one) < over && seq("task.began", &two) < over);
    // Nobody reviewed what it wrote itself.
    let prompts = model.requests();
    assert!(
        prompts
            .iter()
            .any(|request| { request.to_string().contains("Another agent did the work below") })
    );
    for run in runs.iter().filter(|run| run["prompt"].to_string().contains("the work below")) {
        let of_one = run["prompt"].to_string().contains("MARK one");
        assert_ne!(run["agent"], if of_one { "claude" } else { "codex" }, "{run:#}");
    }
    // The whole story is in the journal, in this order.
    let story = [
        "session.created",
        "session.planned",
        "session.began",
        "session.merging",
        "session.checking",
        "session.checked",
        "session.verified",
    ];
    let places: Vec<u64> = story.iter().map(|kind| seq(kind, &id)).collect();
    assert!(places.is_sorted(), "{places:?}");
    home.ok(&["audit", "verify"]);
}
