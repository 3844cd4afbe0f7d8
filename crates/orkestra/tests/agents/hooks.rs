//! Hooks of the real agent programs, wired as a run wires them, with a command that says yes or no.

use crate::harness::Home;
use crate::site::{Agent, Model};
use orkestra_agents::hook::{self, Decision};
use orkestra_agents::{AgentSpec, Kind, ProcessExit, RunRequest, adapter, command};
use orkestra_core::agent::AgentEvent;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// What became of a task that writes a file, under a hook that does this.
struct Outcome {
    written: bool,
    events: Vec<AgentEvent>,
    /// What the hook was given.
    calls: Vec<hook::HookCall>,
    /// What the model was told of its tool call.
    told: String,
}

fn try_it(agent: Agent, hook: &str) -> Outcome {
    let home = Home::new("");
    let script = json!({"turns": [
        {"blocks": [{"text": "I will write the file."}, {"write": {"path": "hello.txt", "content": "hello\n"}}]},
        {"blocks": [{"text": "That was it."}]},
    ]});
    let vendor = agent.furnish(&home);
    let model = Model::start(&home, &script);
    let worktree = home.dir.join("tree");
    std::fs::create_dir(&worktree).unwrap();
    let program = home.dir.join("hook.sh");
    let line =
        format!("#!/bin/sh\ncat >> {}/calls; echo >> {0}/calls\n{hook}\n", home.dir.display());
    std::fs::write(&program, line).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();

    let kind: Kind = agent.name().parse().unwrap();
    let mut spec = AgentSpec::new(kind);
    spec.command = vec![agent.program()];
    spec.model = agent.model().map(str::to_owned);
    spec.env = agent.env(&home, &model.url);
    spec.args = agent.args(&model.url);
    let run = RunRequest {
        prompt: "Write hello.txt".into(),
        session_id: "018f0000-0000-7000-8000-000000000001".parse().unwrap(),
        worktree: worktree.clone(),
        sandboxed: true,
        hook: Some(format!("'{}'", program.display())),
        folder: Some(home.dir.join("private")),
        vendor_home: Some(vendor.join(".gemini")),
        vendor_settings: std::fs::read_to_string(vendor.join(".gemini/settings.json")).ok(),
        ..RunRequest::default()
    };
    let start = command(&spec, &run).unwrap();
    for (path, text) in &start.files {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let inherited = BTreeMap::from([
        ("PATH".to_owned(), std::env::var("PATH").unwrap()),
        ("HOME".to_owned(), home.dir.display().to_string()),
    ]);
    let mut child = home
        .command(&start.argv[0])
        .args(&start.argv[1..])
        .env_clear()
        .envs(start.environment(spec.kind, inherited))
        .current_dir(&start.cwd)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&start.stdin.unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let mut adapter = adapter(kind);
    let lines = output.stdout.split_inclusive(|byte| *byte == b'\n');
    let mut events: Vec<AgentEvent> = lines.flat_map(|line| adapter.line(line)).collect();
    let exit = ProcessExit::Code(output.status.code().unwrap_or(-1));
    events.extend(adapter.finish(exit, &String::from_utf8_lossy(&output.stderr)));
    let calls = std::fs::read_to_string(home.dir.join("calls")).unwrap_or_default();
    let calls = calls.lines().filter(|line| !line.is_empty());
    let calls: Vec<_> = calls.map(|line| hook::read(kind, line.as_bytes()).unwrap()).collect();
    let told = model.requests().last().map(|last| last["messages"].to_string()).unwrap_or_default();
    Outcome { written: Path::new(&worktree).join("hello.txt").exists(), events, calls, told }
}

/// The line of shell that answers so.
fn saying(agent: Agent, decision: Decision) -> String {
    let answer = hook::answer(agent.name().parse().unwrap(), decision, "not on a Friday");
    format!("printf '%s' '{}'\nexit {}", answer.stdout, answer.code)
}

#[test]
fn row_149_a_hook_denies_a_tool_call_of_each_real_agent() {
    for agent in Agent::ALL {
        let denied = try_it(agent, &saying(agent, Decision::Deny));
        let name = agent.name();
        assert!(!denied.written, "{name}: {:?}", denied.events);
        assert!(
            denied.told.contains("not on a Friday"),
            "{name}: the model hears why: {}",
            denied.told
        );
        let call = denied.calls.first().expect("the hook was asked");
        assert_eq!(call.event, hook::HookEvent::PreToolUse);
        assert!(call.tool.is_some() && call.input.to_string().contains("hello"), "{call:?}");
        // Codex does not tell of it in its stream; the others do.
        let seen = denied.events.iter().any(|e| matches!(e, AgentEvent::PermissionDenied(_)))
            || matches!(denied.events.last(), Some(AgentEvent::Ended(end)) if !end.denials.is_empty());
        assert!(seen || agent == Agent::Codex, "{name}: {:#?}", denied.events);
    }
}

#[test]
fn what_a_hook_allows_is_done_without_another_question() {
    for agent in Agent::ALL {
        let allowed = try_it(agent, &saying(agent, Decision::Allow));
        assert!(allowed.written, "{}: {:#?}", agent.name(), allowed.events);
    }
}

#[test]
fn a_hook_that_dies_refuses() {
    for agent in Agent::ALL {
        let dead = try_it(agent, "kill -9 $$");
        assert!(!dead.written, "{}: {:#?}", agent.name(), dead.events);
        assert!(dead.told.contains("could not be asked"), "{}: {}", agent.name(), dead.told);
    }
}
