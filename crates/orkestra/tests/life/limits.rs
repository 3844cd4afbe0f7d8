//! What runs may use, and silence.

use crate::site::{Site, TICKER};
use serde_json::json;

/// Takes about 200 MB and keeps them.
const GREEDY: &str = r#"#!/bin/sh
cat > /dev/null
big=$(head -c 200000000 /dev/zero | tr '\0' x)
echo '{"type":"text","text":"full"}'
sleep 1000
"#;

fn ends_by(site: &Site, id: &str, limit: &str) {
    let run = site.wait_over(id);
    assert_eq!(run["state"], "failed", "{run}");
    let reached = site.told(id, "run.limit_reached");
    assert_eq!(reached.len(), 1, "{reached:?}");
    assert_eq!(reached[0]["body"]["limit"], limit, "{reached:?}");
    assert!(reached[0]["body"]["value"].as_u64() >= reached[0]["body"]["max"].as_u64());
    assert_eq!(site.told(id, "run.ended").len(), 1);
    site.home.wait("no process to be left", || site.home.processes().is_empty().then_some(()));
}

#[test]
fn row_073_a_run_that_takes_too_much_memory_or_time_is_ended_with_a_reason() {
    let site = Site::new(&[
        ("greedy", "script", GREEDY, json!({"limits": {"memory": "100MB"}})),
        ("slow", "script", TICKER, json!({})),
    ]);
    let id = site.begin("greedy", &[]);
    ends_by(&site, &id, "memory");
    let why = site.show(&id)["why"].as_str().expect("a reason").to_owned();
    assert!(why.contains("memory"), "{why}");
    // The flag comes before the configuration.
    let id = site.begin("slow", &["--max-time", "2s"]);
    ends_by(&site, &id, "runtime");
    let run = site.show(&id);
    assert!(run["why"].as_str().expect("a reason").contains("longer than 2"), "{run}");
    assert_eq!(run["limits"]["memory"], 2_147_483_648_u64, "the default: {run}");
}

#[test]
fn tokens_have_a_limit_and_a_pause_is_no_working_time() {
    let script = r#"#!/bin/sh
cat > /dev/null
while :; do
  echo '{"type":"usage","model":"m","fresh_input":40,"output":2}'
  sleep 0.1
done
"#;
    let site = Site::new(&[
        ("talker", "script", script, json!({"limits": {"tokens": 100}})),
        ("slow", "script", TICKER, json!({})),
    ]);
    let id = site.begin("talker", &[]);
    ends_by(&site, &id, "tokens");
    let id = site.begin("slow", &["--max-time", "3s"]);
    site.wait_texts(&id, 2);
    site.home.ok(&["run", "pause", &id]);
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(site.show(&id)["state"], "paused", "a pause took its time");
    site.home.ok(&["run", "resume", &id]);
    ends_by(&site, &id, "runtime");
}

#[test]
fn silence_is_told_once_and_when_it_speaks_again() {
    let script = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"text","text":"one"}'
sleep 4
echo '{"type":"text","text":"two"}'
sleep 0.5
"#;
    let site = Site::script(script, json!({"limits": {"silence": "1s"}}));
    let id = site.begin("helper", &[]);
    site.home.wait("the silence to be told", || {
        (!site.told(&id, "run.silent").is_empty()).then_some(())
    });
    site.home.wait("an alert", || {
        let alerts = site.home.json(&["alert", "list"]).to_string();
        (alerts.contains("run_silent") && alerts.contains(&id)).then_some(())
    });
    site.wait_over(&id);
    assert_eq!(site.told(&id, "run.silent").len(), 1);
    assert_eq!(site.told(&id, "run.heard").len(), 1);
    site.home.wait("the alert to be over", || {
        (!site.home.json(&["alert", "list"]).to_string().contains("run_silent")).then_some(())
    });
}

#[test]
fn an_agent_that_stalls_after_a_tools_result_is_started_anew_with_its_conversation() {
    let script = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"started","session_id":"talk-1"}'
if [ -z "$ORKESTRA_RESUME" ]; then
  echo '{"type":"tool_call","id":"1","name":"look","input":{}}'
  echo '{"type":"tool_result","id":"1","output":"seen"}'
  exec sleep 1000
fi
echo "{\"type\":\"text\",\"text\":\"again $ORKESTRA_RESUME\"}"
"#;
    let site = Site::script(script, json!({"limits": {"stall": "1s"}}));
    let id = site.begin("helper", &[]);
    let run = site.wait_over(&id);
    assert_ne!(run["state"], "failed", "{run}");
    assert_eq!(site.told(&id, "run.stalled").len(), 1);
    assert_eq!(run["attempts"][1]["because"], "stalled", "{run}");
    assert_eq!(crate::site::texts(&run), ["again talk-1"]);
}

#[test]
fn an_agent_and_what_checks_its_work_get_no_secret_that_the_daemon_happened_to_inherit() {
    let script = r#"#!/bin/sh
cat > /dev/null
env | sort > env.txt
echo '{"type":"text","text":"done"}'
"#;
    let mut site = Site::script(script, json!({"env": {"GIVEN_TOKEN": "env:HAD_TOKEN"}}));
    for (name, value) in [("NPM_TOKEN", "npm-1"), ("HAD_TOKEN", "had-1"), ("HARMLESS", "yes")] {
        site.home.env.push((name.to_owned(), value.to_owned()));
    }
    site.home.down();
    site.home.up();
    let id = site
        .begin("helper", &["-e", "command:! env | grep -E 'npm-1|had-1'", "-e", "file:env.txt"]);
    let run = site.wait_over(&id);
    assert_eq!(run["state"], "verified", "{run:#}");
    let folder = std::path::Path::new(run["worktree"].as_str().expect("a worktree"));
    let told = std::fs::read_to_string(folder.join("env.txt")).expect("its environment");
    assert!(told.contains("HARMLESS=yes") && told.contains("GIVEN_TOKEN=had-1"), "{told}");
    assert!(!told.contains("npm-1") && !told.contains("HAD_TOKEN"), "{told}");
}
