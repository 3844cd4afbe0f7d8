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

/// An agent that spends fifty cents a step, and ends at once when it is begun again.
const SPENDER: &str = r#"#!/bin/sh
cat > /dev/null
if [ -f begun ]; then
  echo '{"type":"usage","model":"m","output":10,"cost_usd":0.25}'
  echo '{"type":"ended","ok":true,"summary":"done"}'
  exit 0
fi
touch begun
for step in 1 2 3 4 5 6; do
  echo '{"type":"usage","model":"m","fresh_input":100,"cache_read":20,"cache_write":3,"output":10,"cost_usd":0.5}'
  sleep 1
  while [ -f hold ]; do sleep 0.1; done
done
sleep 600
"#;

fn spender(more: &str) -> (Home, std::path::PathBuf) {
    let mut home = Home::new("");
    let agent = home.script("spender.sh", SPENDER);
    home.configure(&format!(
        "agents:\n  spender: {{ kind: script, command: [\"{}\"] }}\n{more}",
        agent.display()
    ));
    home.up();
    let target = repository(&home);
    (home, target)
}

fn begin(home: &Home, target: &Path) -> String {
    let target = target.display().to_string();
    let run = home.json(&["run", "spend", "--target", &target, "--detach"]);
    run["id"].as_str().expect("an id").to_owned()
}

fn wait_state(home: &Home, id: &str, state: &str) -> Value {
    home.wait(&format!("the run to be {state}"), || {
        let run = home.json(&["run", "show", id]);
        (run["state"] == state).then_some(run)
    })
}

/// The shares that were told of a budget, in their order.
fn shares(home: &Home, budget: &str) -> Vec<u64> {
    let told = home.events("budget.reached").into_iter().chain(home.events("budget.exhausted"));
    let mut told: Vec<_> = told.filter(|event| event["subject"] == budget).collect();
    told.sort_by_key(|event| event["seq"].as_u64());
    told.iter().filter_map(|event| event["body"]["share"].as_u64()).collect()
}

#[test]
fn row_145_a_budget_tells_each_share_once_halts_at_the_limit_and_an_override_resumes() {
    let (mut home, target) = spender("budgets:\n  daily: { per: day, usd: 2 }\n");
    let id = begin(&home, &target);
    let run = wait_state(&home, &id, "suspended");
    assert!(run["why"].as_str().is_some_and(|why| why.contains("daily")), "{run}");
    assert_eq!(shares(&home, "daily"), [50, 75, 90, 100]);
    home.wait("no process of the agent", || home.processes().is_empty().then_some(()));
    let alerts: Vec<Value> = ["budget_50", "budget_75", "budget_100"]
        .iter()
        .map(|what| {
            home.wait(&format!("the alert {what}"), || {
                let all = home.json(&["alert", "list", "--all"]);
                let all = all["alerts"].as_array().expect("alerts").clone();
                all.into_iter().find(|alert| alert["what"] == *what)
            })
        })
        .collect();
    assert_eq!(alerts[2]["level"], "critical", "{alerts:?}");
    assert!(alerts.iter().all(|alert| alert["count"] == 1), "{alerts:?}");

    let budget = home.json(&["budget", "show", "daily"])["budgets"][0].clone();
    assert_eq!(budget["over"], true, "{budget}");
    assert_eq!(budget["told"], serde_json::json!([50, 75, 90, 100]), "{budget}");
    let spent = budget["spent"].as_f64().expect("dollars");
    assert!((2.0..=2.5).contains(&spent), "it was halted at the limit: {budget}");
    // Nothing new begins, and a restart of the daemon changes neither that nor what was told.
    let folder = target.display().to_string();
    let said = home.fails(&["run", "more", "--target", &folder], 4);
    assert!(said.contains("ORK-0803") && said.contains("daily"), "{said}");
    home.kill_daemon();
    home.up();
    home.wait("the hold after the restart", || {
        let output = home.run(&["run", "more", "--target", &folder, "--detach"]);
        (output.status.code() == Some(4)).then_some(())
    });
    assert_eq!(home.json(&["run", "show", &id])["state"], "suspended");
    assert_eq!(shares(&home, "daily"), [50, 75, 90, 100]);

    home.fails(&["budget", "override", "daily"], 2);
    let lifted = home.json(&["budget", "override", "daily", "--for", "1h", "--reason", "release"]);
    assert_eq!(lifted["budgets"][0]["override"]["why"], "release", "{lifted}");
    let run = home.wait("the run's end", || {
        let run = home.json(&["run", "show", &id]);
        run["ended_at"].is_string().then_some(run)
    });
    assert_ne!(run["state"], "failed", "{run}");
    assert_eq!(shares(&home, "daily"), [50, 75, 90, 100], "once each in a window");
    assert_eq!(home.events("budget.overridden").len(), 1);
    // Its end: without the override it holds again.
    home.ok(&["budget", "override", "daily", "--end"]);
    home.wait("the hold again", || {
        let output = home.run(&["run", "more", "--target", &folder, "--detach"]);
        (output.status.code() == Some(4)).then_some(())
    });
    let said = home.fails(&["budget", "remove", "daily"], 4);
    assert!(said.contains("configuration"), "{said}");
}

#[test]
fn row_089_the_call_log_and_the_books_count_each_call_and_token_once() {
    let (mut home, target) = spender("prices:\n  fake: { input: 1, output: 4 }\n");
    let agent = fake("fake-agent");
    home.configure(&format!(
        "agents:\n  good: {{ kind: script, command: [\"{agent}\"] }}\n  \
         bad: {{ kind: script, command: [\"{agent}\"], env: {{ FAKE_AGENT_EXIT: \"3\" }} }}\n\
         prices:\n  fake: {{ input: 1, output: 4 }}\n"
    ));
    home.wait("the agents", || {
        (home.json(&["agents"])["agents"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    for agent in ["good", "good", "good", "bad"] {
        run_with(&home, agent, &target);
    }
    // The fake tells as fresh input how long its prompt was, and ten tokens of output.
    let input: u64 = home
        .events("run.usage")
        .iter()
        .filter(|event| event["actor"] == "agent:good")
        .filter_map(|event| event["body"]["fresh_input"].as_u64())
        .sum();
    assert!(input >= 3, "{input}");
    let log = home.json(&["agent", "stats"]);
    let of = |name: &str| {
        let all = log["agents"].as_array().expect("agents");
        all.iter().find(|of| of["agent"] == name).cloned().unwrap_or_else(|| panic!("{log}"))
    };
    let good = of("good");
    assert_eq!((&good["calls"], &good["ok"], &good["errors"]), (&3.into(), &3.into(), &0.into()));
    assert_eq!((&good["tokens"], &good["health"]), (&(input + 30).into(), &"healthy".into()));
    assert!(good["mean_ms"].as_u64() <= good["p95_ms"].as_u64(), "{good}");
    let bad = of("bad");
    assert_eq!((&bad["errors"], &bad["health"]), (&bad["calls"], &"critical".into()), "{bad}");
    let one = home.json(&["agent", "stats", "good", "--lines", "2"]);
    assert_eq!(one["calls"].as_array().map(Vec::len), Some(2), "{one}");

    // The books by everything they can be summed up by: always the same sum, to the token.
    let micros = input + 30 * 4;
    for by in ["agent", "model", "run", "day"] {
        let list = home.json(&["usage", "--by", by, "--agent", "good"]);
        let total = &list["total"];
        assert_eq!(total["fresh_input"], input, "{list}");
        assert_eq!(total["output"], 30, "{list}");
        assert_eq!(total["cost_micros"], micros, "{list}");
        assert_eq!(total["unpriced"], 0, "{list}");
    }
    assert_eq!(home.json(&["usage", "--by", "run"])["groups"].as_array().map(Vec::len), Some(4));
    let day = &home.json(&["usage", "--by", "day"])["groups"][0];
    assert_eq!(day["key"].as_str().map(str::len), Some("2026-11-21".len()), "{day}");
    // A daemon that was killed reads on, and books nothing twice.
    home.kill_daemon();
    home.up();
    assert_eq!(home.json(&["usage", "--agent", "good"])["total"]["cost_micros"], micros);
    // Without a price it is unknown, and said to be; what is booked stays.
    home.configure(&format!("agents:\n  good: {{ kind: script, command: [\"{agent}\"] }}\n"));
    home.wait("the change", || {
        (home.json(&["agents"])["agents"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
    run_with(&home, "good", &target);
    let total = home.json(&["usage", "--agent", "good"])["total"].clone();
    assert_eq!((&total["unpriced"], &total["cost_micros"]), (&1.into(), &micros.into()), "{total}");
}
