//! Vendors' hooks: how they are connected, read and answered.

#![allow(clippy::unwrap_used, reason = "a test shows its fault by panicking")]

use orkestra_agents::hook::{self, Decision, HookEvent};
use orkestra_agents::{AgentSpec, Kind, RunRequest, command};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn hooked() -> RunRequest {
    RunRequest {
        worktree: "/w".into(),
        hook: Some("'/bin/orkestra' agent-hook --vendor x".into()),
        folder: Some("/p".into()),
        vendor_home: Some("/home/me/.gemini".into()),
        vendor_settings: Some(
            json!({"ui": {"theme": "dark"}, "hooks": {"BeforeTool": [{"matcher": "a"}]}})
                .to_string(),
        ),
        ..RunRequest::default()
    }
}

#[test]
fn claude_gets_its_hooks_by_its_settings_and_may_do_what_they_allow() {
    let start = command(&AgentSpec::new(Kind::Claude), &hooked()).unwrap();
    let at = start.argv.iter().position(|word| word == "--settings").unwrap();
    let settings: Value = serde_json::from_str(&start.argv[at + 1]).unwrap();
    let hook = &settings["hooks"]["PreToolUse"][0]["hooks"][0];
    let line = hook["command"].as_str().unwrap();
    assert!(line.starts_with("'/bin/orkestra' agent-hook --vendor x || "), "{line}");
    assert!(line.ends_with("exit 2; }"), "a hook that fails refuses: {line}");
    assert_eq!(hook["timeout"], hook::TIMEOUT_S);
    assert!(settings["hooks"]["SubagentStart"].is_array());
    let mode = start.argv.iter().position(|word| word == "--permission-mode").unwrap();
    assert_eq!(start.argv[mode + 1], "default");
}

#[test]
fn codex_gets_its_hook_by_its_configuration() {
    let start = command(&AgentSpec::new(Kind::Codex), &hooked()).unwrap();
    let hook = start.argv.iter().find(|word| word.starts_with("hooks.PreToolUse=")).unwrap();
    assert!(hook.contains("command=\"'/bin/orkestra' agent-hook --vendor x || {"), "{hook}");
    assert!(start.argv.contains(&"--dangerously-bypass-hook-trust".to_owned()));
    assert_eq!(start.argv.last().map(String::as_str), Some("-"));
}

#[test]
fn gemini_gets_a_home_of_its_own_with_the_users_settings_and_our_hook() {
    let start = command(&AgentSpec::new(Kind::Gemini), &hooked()).unwrap();
    assert_eq!(start.env_set["GEMINI_CLI_HOME"], "/p/gemini");
    let file = Path::new("/p/gemini/.gemini/settings.json");
    let settings: Value = serde_json::from_str(&start.files[file]).unwrap();
    assert_eq!(settings["ui"]["theme"], "dark");
    let before = settings["hooks"]["BeforeTool"].as_array().unwrap();
    assert_eq!(before.len(), 2, "the user's own hook stays: {settings}");
    assert_eq!(before[1]["hooks"][0]["timeout"], hook::TIMEOUT_S * 1000);
    let login = start.links.get(Path::new("/p/gemini/.gemini/oauth_creds.json")).unwrap();
    assert_eq!(login, Path::new("/home/me/.gemini/oauth_creds.json"));
    assert!(start.argv.windows(2).any(|pair| pair == ["--approval-mode", "yolo"]));
    let none = RunRequest { folder: None, ..hooked() };
    let start = command(&AgentSpec::new(Kind::Gemini), &none).unwrap();
    assert!(start.files.is_empty() && !start.env_set.contains_key("GEMINI_CLI_HOME"));
    let variable = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
    let file = hook::settings_file(Kind::Gemini, variable);
    assert_eq!(file, Some(PathBuf::from("/home/me/.gemini/settings.json")));
    assert_eq!(hook::settings_file(Kind::Claude, variable), None);
}

#[test]
fn calls_of_all_vendors_are_read_alike() {
    let claude = json!({"session_id": "s", "cwd": "/w", "hook_event_name": "PreToolUse",
        "tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t"});
    let codex = json!({"session_id": "s", "turn_id": "u", "cwd": "/w", "model": "m",
        "hook_event_name": "PreToolUse", "permission_mode": "bypassPermissions",
        "tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t"});
    let gemini = json!({"session_id": "s", "cwd": "/w", "hook_event_name": "BeforeTool",
        "timestamp": "2026-01-02T03:04:05Z", "tool_name": "run_shell_command",
        "tool_input": {"command": "ls"}});
    for (kind, value, id) in [
        (Kind::Claude, claude, Some("t")),
        (Kind::Codex, codex, Some("t")),
        (Kind::Gemini, gemini, None),
    ] {
        let call = hook::read(kind, value.to_string().as_bytes()).unwrap();
        assert_eq!(call.event, HookEvent::PreToolUse);
        assert_eq!(call.input, json!({"command": "ls"}));
        assert_eq!((call.tool_id.as_deref(), call.cwd.as_deref()), (id, Some("/w")), "{kind}");
    }
    for event in HookEvent::ALL {
        assert_eq!(HookEvent::named(event.as_str()), Some(event));
        assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
    }
    assert!(hook::read(Kind::Claude, b"{").is_err());
    assert!(hook::read(Kind::Claude, br#"{"hook_event_name":"Later"}"#).is_err());
    assert!(hook::read(Kind::Claude, br#"{"hook_event_name":"PreToolUse"}"#).is_err());
}

#[test]
fn row_149_each_vendor_is_answered_in_its_own_words() {
    let words = |kind, decision| {
        let answer = hook::answer(kind, decision, "not on main");
        (answer.code, serde_json::from_str::<Value>(&answer.stdout).ok())
    };
    let specific = |word: &str| {
        json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": word,
            "permissionDecisionReason": "not on main"}})
    };
    assert_eq!(words(Kind::Claude, Decision::Allow), (0, Some(specific("allow"))));
    assert_eq!(words(Kind::Claude, Decision::Deny), (0, Some(specific("deny"))));
    assert_eq!(words(Kind::Codex, Decision::Deny), (0, Some(specific("deny"))));
    assert_eq!(words(Kind::Codex, Decision::Allow), (0, None));
    assert_eq!(words(Kind::Gemini, Decision::Allow), (0, Some(json!({"decision": "allow"}))));
    let deny = json!({"decision": "deny", "reason": "not on main"});
    assert_eq!(words(Kind::Gemini, Decision::Deny), (0, Some(deny)));
    let refusal = hook::refusal("nobody is there");
    assert_eq!((refusal.code, refusal.stdout.as_str()), (2, ""));
    assert!(refusal.stderr.contains("nobody is there"));
}
