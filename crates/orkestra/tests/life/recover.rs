//! Trouble that is recognised, and what is done about it (MISSION 1.7 and 2.8).

use crate::site::{Site, texts};
use serde_json::{Value, json};

/// Gemini refuses a path in the first attempt, and works when the folder was added.
const GEMINI_PATH: &str = r#"#!/bin/sh
cat > /dev/null
target=$TARGET
echo '{"type":"init","session_id":"11111111-2222-4333-8444-555555555555","model":"m","timestamp":"t"}'
case "$*" in *"$target"*)
  echo '{"type":"message","role":"assistant","content":"done","delta":true,"timestamp":"t"}'
  echo '{"type":"result","status":"success","stats":{},"timestamp":"t"}'
  exit 0;;
esac
echo "{\"type\":\"tool_use\",\"tool_name\":\"write_file\",\"tool_id\":\"1\",\"parameters\":{\"file_path\":\"$target/x\"},\"timestamp\":\"t\"}"
echo "{\"type\":\"tool_result\",\"tool_id\":\"1\",\"status\":\"error\",\"output\":\"Path not in workspace: Attempted path \\\"$target/x\\\" resolves outside the allowed workspace directories: .\",\"error\":{\"type\":\"invalid_tool_params\",\"message\":\"no\"},\"timestamp\":\"t\"}"
echo '{"type":"result","status":"success","stats":{},"timestamp":"t"}'
"#;

/// Gemini may not write a file, until it is made writable.
const GEMINI_MODE: &str = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"init","session_id":"11111111-2222-4333-8444-555555555555","model":"m","timestamp":"t"}'
[ -e locked ] || { echo old > locked; chmod 400 locked; }
case "$(ls -l locked)" in -rw*)
  echo '{"type":"result","status":"success","stats":{},"timestamp":"t"}'
  exit 0;;
esac
echo "{\"type\":\"tool_use\",\"tool_name\":\"write_file\",\"tool_id\":\"1\",\"parameters\":{\"file_path\":\"$PWD/locked\"},\"timestamp\":\"t\"}"
echo '{"type":"tool_result","tool_id":"1","status":"error","output":"EACCES: permission denied, open","error":{"type":"file_write_failure","message":"no"},"timestamp":"t"}'
echo '{"type":"result","status":"success","stats":{},"timestamp":"t"}'
"#;

/// Codex does not trust the folder in its first attempt; WORDS says how it puts it.
const CODEX: &str = r#"#!/bin/sh
cat > /dev/null
case "$ORKESTRA_ATTEMPT,$*" in
  1,*) echo "$WORDS" >&2; exit 1;;
  *--skip-git-repo-check*)
    echo '{"type":"thread.started","thread_id":"t-1"}'
    echo '{"type":"turn.started"}'
    echo '{"type":"item.completed","item":{"id":"1","type":"agent_message","text":"done"}}'
    echo '{"type":"turn.completed","usage":{"input_tokens":1,"cached_input_tokens":0,"output_tokens":1}}';;
  *) exit 9;;
esac
"#;

/// Claude is refused a path, until the folder is added.
const CLAUDE_PATH: &str = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"system","subtype":"init","session_id":"11111111-2222-4333-8444-555555555555","model":"m","tools":[],"cwd":"/"}'
case "$*" in *"--add-dir"*) ;; *)
  echo "{\"type\":\"assistant\",\"message\":{\"id\":\"m\",\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"Write\",\"input\":{\"file_path\":\"$TARGET/x\"}}]}}"
  echo "{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"is_error\":true,\"content\":\"Claude requested permissions to write to $TARGET/x, but you haven't granted it yet.\"}]}}";;
esac
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"usage":{},"permission_denials":[]}'
"#;

/// Says that nobody is logged in.
const GEMINI_LOGIN: &str = r#"#!/bin/sh
cat > /dev/null
if [ -e "$FLAG" ]; then
  echo '{"type":"init","session_id":"11111111-2222-4333-8444-555555555555","model":"m","timestamp":"t"}'
  echo '{"type":"result","status":"success","stats":{},"timestamp":"t"}'
  exit 0
fi
echo 'authentication required' >&2
exit 41
"#;

fn with(kind: &str, script: &str, words: &str) -> (Site, String) {
    let site = Site::new(&[("agent", kind, script, json!({}))]);
    let target = site.target.display().to_string();
    let yaml = json!({"agents": {"agent": {"kind": kind,
        "command": [site.home.dir.join("agent.sh").display().to_string()],
        "env": {"TARGET": target, "WORDS": words}}}});
    site.home.configure(&yaml.to_string());
    site.home.ok(&["config", "reload"]);
    let id = site.begin("agent", &[]);
    (site, id)
}

/// Relaunched once for this pattern, and then it succeeds.
fn recovers(kind: &str, script: &str, words: &str, pattern: &str) -> Value {
    let (site, id) = with(kind, script, words);
    let run = site.wait_over(&id);
    assert_ne!(run["state"], "failed", "{pattern}: {run:#}");
    let attempts = run["attempts"].as_array().expect("attempts");
    assert_eq!(attempts.len(), 2, "{pattern}: {run:#}");
    assert_eq!(attempts[1]["begun"], "recovered", "{run:#}");
    assert_eq!(attempts[1]["because"], pattern, "{run:#}");
    assert_eq!(site.told(&id, "run.ended").len(), 1, "{pattern}");
    run
}

#[test]
fn row_067_each_refusal_leads_to_the_right_relaunch() {
    recovers("gemini", GEMINI_PATH, "", "gemini: path not in workspace");
    recovers("gemini", GEMINI_MODE, "", "gemini: permission denied");
    let trust = "Not inside a trusted directory and --skip-git-repo-check was not specified.";
    let run = recovers("codex", CODEX, trust, "codex: not inside a trusted directory");
    assert_eq!(texts(&run), ["done"]);
    let check = "Error: repository check failed";
    recovers("codex", CODEX, check, "codex: repository check failed");
    recovers("claude", CLAUDE_PATH, "", "claude: access blocked");
    // The sixth is none that a flag could mend: a person is asked.
    let (site, id) = with("gemini", GEMINI_LOGIN, "");
    let run = site.wait_state(&id, "suspended");
    assert_eq!(run["wait"]["for"], "person", "{run:#}");
    assert_eq!(run["attempts"][0]["fault"], "login", "{run:#}");
    site.home.ok(&["run", "stop", &id]);
    assert_eq!(site.wait_over(&id)["state"], "cancelled");
}

#[test]
fn row_068_after_three_relaunches_the_next_failure_asks_a_person() {
    let script = "#!/bin/sh\ncat > /dev/null\nif [ -e mended ]; then\n\
        echo '{\"type\":\"thread.started\",\"thread_id\":\"t\"}'\n\
        echo '{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":1,\"cached_input_tokens\":0,\"output_tokens\":1}}'\n\
        exit 0\nfi\necho 'Not inside a trusted directory' >&2\nexit 1\n";
    let (site, id) = with("codex", script, "");
    let run = site.wait_state(&id, "suspended");
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(4), "{run:#}");
    assert_eq!(run["wait"]["answers"], json!(["retry", "fixed", "abort"]), "{run:#}");
    let needs = site.home.status()["needs_you"].to_string();
    assert!(needs.contains("run_asks") && needs.contains(&id), "{needs}");

    // The question outlives the daemon, and retry tries anew.
    let mut site = site;
    site.home.kill_daemon();
    site.home.up();
    assert_eq!(site.show(&id)["state"], "suspended");
    site.home.ok(&["run", "answer", &id, "retry"]);
    let run = site.home.wait("the question again", || {
        let run = site.show(&id);
        (run["state"] == "suspended" && run["attempt"] == 8).then_some(run)
    });
    let worktree = run["worktree"].as_str().expect("a worktree").to_owned();
    std::fs::write(format!("{worktree}/mended"), "").expect("mended");
    site.home.ok(&["run", "answer", &id, "fixed"]);
    let run = site.wait_over(&id);
    assert_ne!(run["state"], "failed", "{run:#}");
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(9), "{run:#}");
    let said = site.home.fails(&["run", "answer", &id, "abort"], 4);
    assert!(said.contains("ORK-0503"), "{said}");

    let id = site.begin("agent", &[]);
    site.wait_state(&id, "suspended");
    site.home.ok(&["run", "answer", &id, "abort"]);
    assert_eq!(site.wait_over(&id)["state"], "cancelled");
    let answers: Vec<Value> = site
        .told(&id, "run.answered")
        .iter()
        .map(|event| event["body"]["answer"].clone())
        .collect();
    assert_eq!(answers, ["abort"]);
}

/// The first attempt meets a status of the API, the second goes well.
const STATUS: &str = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"system","subtype":"init","session_id":"11111111-2222-4333-8444-555555555555","model":"m","tools":[],"cwd":"/"}'
if [ "$ORKESTRA_ATTEMPT" -gt "${FAILS:-1}" ]; then
  case "$*" in *--resume*) ;; *) exit 9;; esac
  echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"usage":{},"permission_denials":[]}'
  exit 0
fi
echo "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":$STATUS,\"result\":\"API Error: $STATUS $WORDS\",\"num_turns\":1,\"usage\":{},\"permission_denials\":[]}"
exit 1
"#;

#[test]
fn row_116_a_rate_limit_holds_its_agent_only_and_the_run_goes_on_by_itself() {
    let env = |status: &str, words: &str| json!({"env": {"STATUS": status, "WORDS": words}});
    let site = Site::new(&[
        ("limited", "claude", STATUS, env("429", "slow down, retry after 6 seconds")),
        ("other", "script", "#!/bin/sh\ncat > /dev/null\necho hello\n", json!({})),
    ]);
    let id = site.begin("limited", &[]);
    let run = site.wait_state(&id, "suspended");
    assert_eq!(run["wait"]["for"], "time", "{run:#}");
    assert!(run["wait"]["until"].is_string(), "{run:#}");
    let limited = site.home.events("agent.rate_limited");
    assert_eq!(limited.len(), 1, "{limited:?}");
    assert_eq!(limited[0]["subject"], "limited");
    // The other agent works, this one gets nothing new.
    let other = site.begin("other", &[]);
    assert_ne!(site.wait_over(&other)["state"], "failed");
    let target = site.target.display().to_string();
    let refused = site.home.run(&["run", "more", "--agent", "limited", "--target", &target]);
    assert!(!refused.status.success(), "{refused:?}");
    let run = site.wait_over(&id);
    assert_ne!(run["state"], "failed", "{run:#}");
    assert_eq!(run["attempts"][1]["because"], "rate_limit", "{run:#}");
    assert_eq!(run["attempts"][1]["resume"], true, "{run:#}");
    assert_eq!(site.told(&id, "run.ended").len(), 1);
}

#[test]
fn a_failing_server_is_tried_again_by_the_conversation_and_not_for_ever() {
    let env =
        |fails: &str| json!({"env": {"STATUS": "529", "WORDS": "overloaded", "FAILS": fails}});
    let site =
        Site::new(&[("once", "claude", STATUS, env("1")), ("always", "claude", STATUS, env("99"))]);
    let always = site.begin("always", &[]);
    let run = site.wait_over(&site.begin("once", &[]));
    assert_ne!(run["state"], "failed", "{run:#}");
    assert_eq!(run["attempts"][1]["because"], "unavailable", "{run:#}");
    let run = site.wait_over(&always);
    assert_eq!(run["state"], "failed", "{run:#}");
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(4), "{run:#}");
}
