//! A run that is told more goes on: in its worktree, in its conversation, once for each key.

use crate::site::Site;
use serde_json::{Value, json};

/// Claude Code in short: keeps what it was started with and told; the first time it waits for `go`.
const TALKER: &str = r#"#!/bin/sh
cat > "told.$ORKESTRA_ATTEMPT"
echo "$*" > "arguments.$ORKESTRA_ATTEMPT"
echo '{"type":"system","subtype":"init","session_id":"11111111-2222-4333-8444-555555555555","model":"m","tools":[],"cwd":"/"}'
while [ "$ORKESTRA_ATTEMPT" = 1 ] && [ ! -e "$GO" ]; do sleep 0.05; done
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"usage":{},"permission_denials":[]}'
"#;

fn site() -> Site {
    let site = Site::new(&[("talker", "claude", TALKER, json!({}))]);
    let program = site.home.dir.join("talker.sh").display().to_string();
    let go = site.home.dir.join("go").display().to_string();
    let agent = json!({"kind": "claude", "command": [program], "env": {"GO": go}});
    site.home.configure(&json!({"agents": {"talker": agent}}).to_string());
    site.home.ok(&["config", "reload"]);
    site
}

fn go(site: &Site) {
    std::fs::write(site.home.dir.join("go"), "").expect("a file");
}

fn file(run: &Value, name: &str) -> String {
    let path = format!("{}/{name}", run["worktree"].as_str().expect("a worktree"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_run_that_is_over_goes_on_with_what_it_is_told() {
    let site = site();
    go(&site);
    let id = site.begin("talker", &["--evidence", "clean"]);
    let first = site.wait_state(&id, "verified");
    let told = site.home.json(&["run", "tell", &id, "mend the door", "--key", "k1"]);
    assert_eq!(told["id"], id.as_str());
    let run = site.home.wait("the second end", || {
        let run = site.show(&id);
        (run["state"] == "verified" && run["attempts"].as_array()?.len() == 2).then_some(run)
    });
    assert_eq!(run["worktree"], first["worktree"]);
    assert_eq!(run["attempts"][1]["begun"], "instructed", "{run:#}");
    assert_eq!(file(&run, "told.2").trim(), "mend the door");
    let arguments = file(&run, "arguments.2");
    assert!(arguments.contains("--resume 11111111-2222-4333-8444-555555555555"), "{arguments}");
    assert_eq!(run["instructions"][0]["attempt"], 2, "{run:#}");
    assert_eq!(run["instructions"][0]["done"], true);
    // Its evidence was looked at again.
    assert_eq!(site.told(&id, "run.verified").len(), 2);
    // The same key is the same instruction, also for a daemon that was killed meanwhile.
    let mut site = site;
    site.home.kill_daemon();
    site.home.up();
    site.home.ok(&["run", "tell", &id, "mend the door", "--key", "k1"]);
    assert_eq!(site.show(&id)["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(site.told(&id, "run.instructed").len(), 1);
    let shown = site.home.ok(&["run", "show", &id]);
    assert!(shown.contains("mend the door (attempt 2, done)"), "{shown}");
}

#[test]
fn one_at_work_is_told_when_its_attempt_is_over_and_a_cancelled_one_never() {
    let site = site();
    let id = site.begin("talker", &["--evidence", "none"]);
    site.wait_state(&id, "running");
    site.home.ok(&["run", "tell", &id, "and the window"]);
    let run = site.show(&id);
    assert_eq!(run["instructions"][0]["attempt"], Value::Null, "{run:#}");
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(1));
    go(&site);
    let run = site.wait_over(&id);
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(2), "{run:#}");
    assert_eq!(file(&run, "told.2").trim(), "and the window");
    assert_eq!(site.told(&id, "run.ended").len(), 1, "it was not over between");
    // Who stopped a run wants no more of it.
    std::fs::remove_file(site.home.dir.join("go")).expect("the file");
    let id = site.begin("talker", &["--evidence", "none"]);
    site.wait_state(&id, "running");
    site.home.ok(&["run", "stop", &id]);
    site.wait_over(&id);
    let said = site.home.fails(&["run", "tell", &id, "go on"], 4);
    assert!(said.contains("begin a new run"), "{said}");
}
