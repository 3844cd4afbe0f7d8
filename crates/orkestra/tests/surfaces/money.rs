//! What agents cost, what they may cost, and agents that are held back.

use crate::harness::Home;
use crate::support::{fake, repository};
use serde_json::Value;
use std::path::Path;

/// A home with two agents of kind `script`, and what else is configured; its daemon runs.
fn house(more: &str) -> Home {
    let agent = fake("fake-agent");
    let mut home = Home::new("");
    home.configure(&format!(
        "agents:\n  alpha: {{ kind: script, command: [\"{agent}\"] }}\n  \
         beta: {{ kind: script, command: [\"{agent}\"] }}\n{more}"
    ));
    home.up();
    home
}

fn run_with(home: &Home, agent: &str, target: &Path) -> Value {
    let target = target.display().to_string();
    let run = home.json(&["run", "hello", "--agent", agent, "--target", &target, "--detach"]);
    let id = run["id"].as_str().expect("an id").to_owned();
    home.wait("the run's end", || {
        let run = home.json(&["run", "show", &id]);
        run["ended_at"].is_string().then_some(run)
    })
}

#[test]
fn a_paused_agent_gets_no_work_and_the_others_do_also_after_a_restart() {
    let mut home = house("");
    let target = repository(&home);
    let folder = target.display().to_string();
    let held = home.json(&["agent", "pause", "alpha", "--why", "It costs too much."]);
    assert_eq!(held["hold"]["why"], "It costs too much.", "{held}");
    assert_eq!(held["hold"]["until"], Value::Null, "{held}");
    home.ok(&["agent", "pause", "alpha", "--why", "It costs too much."]);
    assert_eq!(home.events("agent.paused").len(), 1, "said twice, it is one event");
    let said = home.fails(&["run", "hello", "--agent", "alpha", "--target", &folder], 4);
    for part in ["ORK-0801", "It costs too much", "until it is resumed", "agent resume alpha"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(run_with(&home, "beta", &target)["agent"], "beta");
    // Without a name the first that is free is taken.
    let run = home.json(&["run", "hello", "--target", &folder, "--detach"]);
    assert_eq!(run["agent"], "beta", "{run}");

    home.down();
    home.up();
    home.fails(&["run", "hello", "--agent", "alpha", "--target", &folder], 4);
    let held = home.json(&["agent", "resume", "alpha"]);
    assert_eq!(held["hold"], Value::Null, "{held}");
    assert_eq!(run_with(&home, "alpha", &target)["agent"], "alpha");

    // A pause with an end is over by itself, and the journal says so.
    home.ok(&["agent", "pause", "beta", "--for", "1s"]);
    home.wait("the end of the pause", || {
        let resumed = home.events("agent.resumed");
        resumed.iter().any(|event| event["subject"] == "beta").then_some(())
    });
    assert_eq!(run_with(&home, "beta", &target)["agent"], "beta");
    let said = home.fails(&["agent", "pause", "gamma"], 6);
    assert!(said.contains("ORK-0802"), "{said}");
    home.fails(&["agent", "pause", "beta", "--for", "soon"], 1);
}
