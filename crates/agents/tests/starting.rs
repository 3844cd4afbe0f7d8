//! How agents are started and found.

#![allow(clippy::unwrap_used, reason = "a test shows its fault by panicking")]

use orkestra_agents::discover::discover;
use orkestra_agents::{AgentSpec, Error, Kind, RunRequest, command};
use orkestra_core::signal::Signal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use uuid::Uuid;

fn run() -> RunRequest {
    let session_id = Uuid::from_u128(7);
    RunRequest {
        prompt: "do it\n".into(),
        session_id,
        worktree: "/w/tree".into(),
        ..RunRequest::default()
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn row_052_claude_is_started_with_exactly_these_arguments() {
    let id = "00000000-0000-0000-0000-000000000007";
    let common = ["-p", "--output-format", "stream-json", "--verbose", "--session-id", id];
    let plain = command(&AgentSpec::new(Kind::Claude), &run()).unwrap();
    let expected = [&["claude"], &common[..], &["--permission-mode", "acceptEdits"]].concat();
    assert_eq!(plain.argv, texts(&expected));
    assert_eq!(plain.cwd, Path::new("/w/tree"));
    assert_eq!(plain.stdin.as_deref(), Some(b"do it\n".as_slice()));
    assert_eq!(plain.stop_signal, Signal::INT);

    let spec = AgentSpec {
        command: texts(&["node", "/opt/claude.js"]),
        model: Some("claude-sonnet-4-5".into()),
        args: texts(&["--max-turns", "20"]),
        permission_mode: Some("plan".into()),
        ..AgentSpec::new(Kind::Claude)
    };
    let full = command(&spec, &run()).unwrap();
    let tail = ["--permission-mode", "plan", "--model", "claude-sonnet-4-5", "--max-turns", "20"];
    assert_eq!(full.argv, texts(&[&["node", "/opt/claude.js"], &common[..], &tail[..]].concat()));
}

#[test]
fn claude_does_not_see_that_it_runs_inside_another_claude() {
    let spec = AgentSpec {
        env: BTreeMap::from([("CLAUDE_CODE_SHELL".into(), "/bin/sh".into())]),
        ..AgentSpec::new(Kind::Claude)
    };
    let invocation = command(&spec, &run()).unwrap();
    let inherited = [
        ("PATH", "/bin"),
        ("PWD", "/elsewhere"),
        ("CLAUDECODE", "1"),
        ("CLAUDE_CODE_ENTRYPOINT", "cli"),
        ("CLAUDE_CODE_SSE_PORT", "1"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "secret"),
        ("ANTHROPIC_API_KEY", "key"),
        ("NPM_TOKEN", "of somebody else"),
    ];
    let inherited = inherited.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = invocation.environment(Kind::Claude, inherited);
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    let expected = [
        "ANTHROPIC_API_KEY",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_SHELL",
        "DISABLE_AUTOUPDATER",
        "PATH",
        "PWD",
    ];
    assert_eq!(names, expected);
    assert_eq!(environment["PWD"], "/w/tree");
}

#[test]
fn a_script_gets_the_prompt_on_its_input_and_the_rest_as_variables() {
    let spec = AgentSpec {
        command: texts(&["./agent.sh", "--fast"]),
        model: Some("m".into()),
        args: texts(&["last"]),
        ..AgentSpec::new(Kind::Script)
    };
    let mut resolved = spec.clone();
    resolved.resolve(Path::new("/home/me/project"));
    assert_eq!(resolved.command[0], "/home/me/project/agent.sh");
    let invocation = command(&spec, &run()).unwrap();
    assert_eq!(invocation.argv, texts(&["./agent.sh", "--fast", "last"]));
    let names: Vec<&str> = invocation.env_set.keys().map(String::as_str).collect();
    assert_eq!(names, ["ORKESTRA_MODEL", "ORKESTRA_SESSION_ID", "ORKESTRA_WORKTREE", "PWD"]);
    assert_eq!(invocation.stop_signal, Signal::TERM);
    assert_eq!(command(&AgentSpec::new(Kind::Script), &run()), Err(Error::NoCommand));
    let mut plain = AgentSpec { command: texts(&["agent"]), ..AgentSpec::new(Kind::Script) };
    plain.resolve(Path::new("/home/me"));
    assert_eq!(plain.command, ["agent"], "a bare name is looked up on the PATH");
}

#[test]
fn configured_agents_come_first_and_an_installed_claude_needs_no_configuration() {
    let helper = AgentSpec { command: texts(&["helper"]), ..AgentSpec::new(Kind::Script) };
    let agents = BTreeMap::from([("zed".to_owned(), helper)]);
    let which = |program: &str| Some(PathBuf::from(format!("/bin/{program}")));
    let discovery = discover(&agents, which);
    let found: Vec<_> =
        discovery.found.iter().map(|found| (found.name.as_str(), found.configured)).collect();
    assert_eq!(found, [("zed", true), ("claude", false), ("codex", false), ("gemini", false)]);
    assert_eq!(discovery.choose(None).unwrap().program, Path::new("/bin/helper"));
    assert_eq!(discovery.choose(Some("claude")).unwrap().spec.kind, Kind::Claude);
    let error = discovery.choose(Some("zeb")).unwrap_err();
    assert!(
        error.contains("No agent has this name; there are: zed, claude, codex, gemini."),
        "{error}"
    );
}

#[test]
fn without_any_agent_the_message_says_what_was_looked_for_and_what_to_do() {
    let broken = AgentSpec { command: texts(&["./agent.sh"]), ..AgentSpec::new(Kind::Script) };
    let agents = BTreeMap::from([
        ("empty".to_owned(), AgentSpec::new(Kind::Script)),
        ("helper".to_owned(), broken),
    ]);
    let error = discover(&agents, |_| None).choose(None).unwrap_err();
    for words in [
        "no agent can be started",
        "helper: ./agent.sh was not found",
        "empty: it has no command",
        "claude is not configured and was not found",
        "npm install -g @anthropic-ai/claude-code",
        "helper: { kind: script, command: [\"./agent.sh\"] }",
    ] {
        assert!(error.contains(words), "{words:?} is missing in:\n{error}");
    }
}
