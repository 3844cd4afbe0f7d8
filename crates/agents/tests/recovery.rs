//! What went wrong in an attempt, by the vendors' own words (MISSION 1.7).

#![allow(clippy::unwrap_used, reason = "a test shows its fault by panicking")]

use orkestra_agents::recovery::{Action, Issue, Relaunch, Trouble, diagnose};
use orkestra_agents::{Kind, ProcessExit, adapter};
use orkestra_core::agent::{AgentEvent, Ended};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What a recorded stream and its end say.
fn recorded(name: &str, kind: Kind, code: i32, stderr: &str) -> Option<Trouble> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let bytes = std::fs::read(path).unwrap();
    let mut adapter = adapter(kind);
    let exit = ProcessExit::Code(code);
    let mut events: Vec<AgentEvent> =
        bytes.split_inclusive(|byte| *byte == b'\n').flat_map(|line| adapter.line(line)).collect();
    events.extend(adapter.finish(exit, stderr));
    diagnose(kind, &events, stderr, exit)
}

/// What a process that died with these words on its standard error says.
fn died(kind: Kind, code: i32, stderr: &str) -> Option<Trouble> {
    let mut adapter = adapter(kind);
    let exit = ProcessExit::Code(code);
    let events = adapter.finish(exit, stderr);
    diagnose(kind, &events, stderr, exit)
}

/// What one failed tool says, in a run that ended well by its own word.
fn tool(kind: Kind, input: serde_json::Value, output: &str) -> Option<Trouble> {
    let events = [
        AgentEvent::ToolCall { id: "1".into(), name: "Write".into(), input, parent: None },
        AgentEvent::ToolResult {
            id: "1".into(),
            output: output.into(),
            is_error: true,
            parent: None,
        },
        AgentEvent::Ended(Ended { ok: true, ..Ended::default() }),
    ];
    diagnose(kind, &events, "", ProcessExit::Code(0))
}

fn add(folder: &str) -> Action {
    Action::Relaunch(Relaunch { add_dirs: vec![PathBuf::from(folder)], ..Relaunch::default() })
}

fn skip_trust() -> Action {
    Action::Relaunch(Relaunch { skip_trust: true, ..Relaunch::default() })
}

fn fresh() -> Action {
    Action::Relaunch(Relaunch { fresh: true, ..Relaunch::default() })
}

#[test]
fn each_pattern_leads_to_its_relaunch_or_its_question() {
    let cases = [
        (
            recorded("gemini-outside.jsonl", Kind::Gemini, 0, ""),
            Issue::DirScopeError,
            add("/srv/other"),
        ),
        (
            tool(
                Kind::Gemini,
                json!({"file_path": "/srv/x/a.txt"}),
                "File path must be within one of the workspace directories: /w",
            ),
            Issue::DirScopeError,
            add("/srv/x"),
        ),
        (
            tool(
                Kind::Gemini,
                json!({"file_path": "/w/a.txt"}),
                "Error writing to file: EACCES: permission denied, open '/w/a.txt'",
            ),
            Issue::FsPermError,
            Action::Chmod { path: "/w/a.txt".into() },
        ),
        (
            died(Kind::Gemini, 41, "Please set an Auth method in your settings.json"),
            Issue::AuthRequired,
            Action::Ask,
        ),
        (
            died(
                Kind::Gemini,
                55,
                "Gemini CLI is not running in a trusted directory. To proceed, …",
            ),
            Issue::GitTrustError,
            skip_trust(),
        ),
        (
            died(Kind::Gemini, 42, "Error resuming session: Invalid session identifier \"x\"."),
            Issue::SessionLost,
            fresh(),
        ),
        (
            died(
                Kind::Codex,
                1,
                "Not inside a trusted directory and --skip-git-repo-check was not specified.",
            ),
            Issue::GitTrustError,
            skip_trust(),
        ),
        (
            died(Kind::Codex, 1, "fatal: not a git repository (or any parent)"),
            Issue::GitCheckError,
            skip_trust(),
        ),
        (
            died(Kind::Codex, 1, "thread/resume failed: no rollout found for thread id 0 (code 1)"),
            Issue::SessionLost,
            fresh(),
        ),
        (
            tool(
                Kind::Codex,
                json!({"command": "touch /srv/x/a"}),
                "touch: cannot touch '/srv/x/a': Read-only file system",
            ),
            Issue::SandboxError,
            add("/srv/x"),
        ),
        (
            tool(
                Kind::Claude,
                json!({"file_path": "/srv/x/a.txt"}),
                "Claude requested permissions to write to /srv/x/a.txt, but you haven't granted it yet.",
            ),
            Issue::SandboxError,
            add("/srv/x"),
        ),
        (
            tool(
                Kind::Claude,
                json!({"command": "touch /srv/x/a"}),
                "touch in '/srv/x/a' was blocked. For security, Claude Code may only create or modify \
                 files in the allowed working directories for this session: '/w'.",
            ),
            Issue::SandboxError,
            add("/srv/x"),
        ),
        (
            died(Kind::Claude, 1, "No conversation found with session ID: 0"),
            Issue::SessionLost,
            fresh(),
        ),
        (
            died(Kind::Claude, 1, "Error: Session ID 0 is already in use."),
            Issue::SessionInUse,
            fresh(),
        ),
        (
            died(
                Kind::Claude,
                1,
                "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons",
            ),
            Issue::PermissionDenied,
            Action::Ask,
        ),
        (
            recorded("claude-api-error.jsonl", Kind::Claude, 1, ""),
            Issue::Overloaded,
            Action::Wait { after_ms: None },
        ),
        (
            recorded("codex-rate-limited.jsonl", Kind::Codex, 1, ""),
            Issue::RateLimited,
            Action::Wait { after_ms: None },
        ),
        (
            recorded("gemini-rate-limited.jsonl", Kind::Gemini, 173, ""),
            Issue::RateLimited,
            Action::Wait { after_ms: Some(1000) },
        ),
        (
            died(Kind::Script, 1, "cat: secret: Permission denied"),
            Issue::PermissionDenied,
            Action::Ask,
        ),
    ];
    for (found, issue, action) in cases {
        let found = found.unwrap();
        assert_eq!((found.issue, &found.action), (issue, &action), "{found:?}");
        assert!(!found.pattern.is_empty());
    }
}

#[test]
fn what_an_agent_says_is_no_refusal_and_a_good_end_is_no_trouble() {
    for (name, kind) in [
        ("claude-success.jsonl", Kind::Claude),
        ("codex-success.jsonl", Kind::Codex),
        ("gemini-success.jsonl", Kind::Gemini),
    ] {
        assert_eq!(recorded(name, kind, 0, ""), None, "{name}");
    }
    let words =
        "permission denied; Path not in workspace: Attempted path \"/x/y\"; 401 Unauthorized";
    let events = [
        AgentEvent::Text { text: words.into(), parent: None },
        AgentEvent::Ended(Ended { ok: true, summary: words.into(), ..Ended::default() }),
    ];
    for kind in Kind::ALL {
        assert_eq!(diagnose(kind, &events, words, ProcessExit::Code(0)), None, "{kind}");
    }
}

#[test]
fn statuses_of_the_api_are_told_apart() {
    let end = |status: u16, error: &str| {
        let ended =
            Ended { api_status: Some(status), error: Some(error.into()), ..Ended::default() };
        let events = [AgentEvent::Ended(ended)];
        diagnose(Kind::Claude, &events, "", ProcessExit::Code(1)).unwrap()
    };
    let wait = |after_ms| Action::Wait { after_ms };
    for (status, error, issue, action) in [
        (429, "Rate limited. Try again in 20.5 seconds.", Issue::RateLimited, wait(Some(20_500))),
        (429, "retry after 2m", Issue::RateLimited, wait(Some(120_000))),
        (
            429,
            "You exceeded your current quota: insufficient_quota",
            Issue::QuotaExceeded,
            Action::Ask,
        ),
        (402, "pay", Issue::QuotaExceeded, Action::Ask),
        (401, "no", Issue::AuthRequired, Action::Ask),
        (403, "no", Issue::AuthRequired, Action::Ask),
        (529, "Overloaded", Issue::Overloaded, wait(None)),
        (500, "Internal server error", Issue::ApiError, wait(None)),
    ] {
        let found = end(status, error);
        assert_eq!((found.issue, found.action), (issue, action), "{status} {error}");
    }
}
