//! `orkestra run` with the real Claude Code CLI, against a scripted model on this machine.

use crate::harness::{Home, is_alive, text};
use crate::support::{database, fake, git, project, repository};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// The program; `cargo xtask test` installs it and says where.
fn claude() -> String {
    let path = std::env::var("ORKESTRA_TEST_CLAUDE").unwrap_or_default();
    assert!(
        Path::new(&path).exists(),
        "ORKESTRA_TEST_CLAUDE names no Claude Code CLI ({path:?}): run `cargo xtask test`, which installs it"
    );
    path
}

/// A model server that says what its script tells it.
struct Model {
    child: Child,
    url: String,
}

impl Model {
    fn start(home: &Home, script: &Path) -> Self {
        let mut command = home.command(&fake("fake-model"));
        command.arg("--script").arg(script).arg("--log").arg(home.dir.join("requests.jsonl"));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("fake-model starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its first line");
        let url = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, url }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A running daemon with the agent `claude` on this script, and a target.
fn furnished(script: &Path) -> (Home, Model, PathBuf) {
    let program = claude();
    let mut home = Home::new("");
    let model = Model::start(&home, script);
    home.configure(&format!(
        "agents:\n  claude:\n    kind: claude\n    command: [\"{program}\"]\n    env:\n      \
         ANTHROPIC_BASE_URL: \"{}\"\n      ANTHROPIC_API_KEY: sk-test-not-a-key\n      \
         CLAUDE_CONFIG_DIR: \"{}\"\n",
        model.url,
        home.dir.join("claude-config").display()
    ));
    home.up();
    let target = repository(&home);
    (home, model, target)
}

fn begin(home: &Home, target: &Path) -> String {
    let target = target.display().to_string();
    let run = home.json(&[
        "run",
        "Write hello.txt",
        "--agent",
        "claude",
        "--target",
        &target,
        "--detach",
    ]);
    run["id"].as_str().expect("an id").to_owned()
}

fn wait_over(home: &Home, id: &str) -> Value {
    home.wait("the run's end", || {
        let run = home.json(&["run", "show", id]);
        run["ended_at"].is_string().then_some(run)
    })
}

/// What `write-file.json` makes of a run must be told once in `run show` and once in the journal.
fn check(home: &Home, target: &Path, run: &Value) {
    assert_eq!(run["state"], "verified", "{run:#}");
    assert_eq!(run["kind"], "claude");
    assert_eq!(run["raw_lines"], 0, "everything was understood: {run:#}");
    let stream = run["stream"].as_array().expect("a stream");
    let of = |kind: &str| stream.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let texts: Vec<_> = of("text").iter().map(|event| event["text"].clone()).collect();
    assert_eq!(texts, ["I will write the file.", "The file is written."]);
    let [call] = of("tool_call")[..] else { panic!("{run:#}") };
    assert_eq!(call["name"], "Write", "{call}");
    assert_eq!(call["input"]["content"], "hello from the fake model\n", "{call}");
    let [result] = of("tool_result")[..] else { panic!("{run:#}") };
    assert_eq!((&result["id"], &result["is_error"]), (&call["id"], &json!(false)), "{result}");
    assert_eq!(of("started").len(), 1);
    assert_eq!(of("ended").len(), 1);
    assert_eq!(of("file_change").len(), 1, "{run:#}");

    // 100 + 10 fresh, 40 + 5 written to the cache, 140 read from it, 30 + 8 out: the script's sums.
    let usage = &run["usage"];
    for (key, sum) in
        [("fresh_input", 110), ("cache_write", 45), ("cache_read", 140), ("output", 38)]
    {
        assert_eq!(usage[key], sum, "{key}: {usage}");
    }
    let (input, output): (i64, i64) = database(home)
        .query_row("SELECT sum(fresh_input), sum(output) FROM usage", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("the usage");
    assert_eq!((input, output), (110, 38));

    let id = run["id"].as_str().expect("an id");
    let written: Vec<Value> = home
        .events("run.*")
        .into_iter()
        .filter(|event| event["subject"] == id && event["actor"] == "agent:claude")
        .collect();
    assert_eq!(written.len(), stream.len());
    for (event, shown) in written.iter().zip(stream) {
        assert_eq!(event["seq"], shown["seq"]);
        assert_eq!(event["body"]["type"], shown["type"]);
    }
    for kind in ["run.created", "run.prepared", "run.started", "run.ended"] {
        let count = home.events(kind).iter().filter(|event| event["subject"] == id).count();
        assert_eq!(count, 1, "{kind}");
    }

    let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
    let file = std::fs::read_to_string(worktree.join("hello.txt")).expect("the file");
    assert_eq!(file, "hello from the fake model\n");
    assert_eq!(run["files_changed"], json!([{"path": "hello.txt", "status": "A"}]));
    assert!(!target.join("hello.txt").exists());
    assert_eq!(git(home, target, &["status", "--porcelain"]), "");
    home.wait("no process", || home.processes().is_empty().then_some(()));
    home.ok(&["audit", "verify"]);
}

#[test]
fn the_real_claude_writes_a_file_and_each_event_is_told_once() {
    let (home, _model, target) = furnished(&project().join("crates/fakes/scripts/write-file.json"));
    let name = target.display().to_string();
    let output = home.run(&["run", "Write hello.txt", "--agent", "claude", "--target", &name]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    for part in ["I will write the file.", "The file is written.", "→ Write"] {
        assert_eq!(shown.matches(part).count(), 1, "{part}: {shown}");
    }
    let id = home.json(&["run", "list"])["runs"][0]["id"].as_str().expect("a run").to_owned();
    let run = home.json(&["run", "show", &id]);
    check(&home, &target, &run);
    // The key was handed to the agent and to nobody else.
    for args in [
        &["config", "show"][..],
        &["events", "-n", "1000", "--json"],
        &["run", "show", &id, "--json"],
    ] {
        assert!(!home.ok(args).contains("sk-test-not-a-key"), "{args:?}");
    }
    assert!(!home.daemon_log().contains("sk-test-not-a-key"));
}

/// The same conversation, but the second answer is held back, so that there is a middle.
fn with_a_middle() -> (tempfile::TempDir, PathBuf) {
    let script = project().join("crates/fakes/scripts/write-file.json");
    let script = std::fs::read_to_string(script).expect("the script");
    let mut script: Value = serde_json::from_str(&script).expect("JSON");
    script["turns"][0]["delay_ms"] = json!(50);
    script["turns"][1]["hold"] = json!(10);
    let folder = tempfile::tempdir().expect("a folder");
    let slow = folder.path().join("slow.json");
    std::fs::write(&slow, script.to_string()).expect("the script");
    (folder, slow)
}

/// The run once its tool has answered: without a daemon the agent would wait to be allowed.
fn in_the_middle(home: &Home, id: &str) -> Value {
    home.wait("the tool's result", || {
        let run = home.json(&["run", "show", id]);
        assert!(run["ended_at"].is_null(), "it ended early: {run:#}");
        let stream = run["stream"].as_array()?;
        stream.iter().any(|event| event["type"] == "tool_result").then_some(run)
    })
}

#[test]
fn the_real_claude_goes_on_when_the_daemon_is_killed_and_each_event_is_told_once() {
    let (_folder, slow) = with_a_middle();
    let (mut home, _model, target) = furnished(&slow);
    let id = begin(&home, &target);
    let run = in_the_middle(&home, &id);
    let pid = run["pid"].as_i64().expect("a pid") as i32;
    home.kill_daemon();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(is_alive(pid), "the agent goes on");
    home.up();
    let again = home.json(&["run", "show", &id]);
    assert_eq!(again["pid"], pid, "the same process: {again:#}");
    let run = wait_over(&home, &id);
    check(&home, &target, &run);
    let adopted = home.events("run.adopted");
    assert_eq!(adopted.iter().filter(|event| event["subject"] == id.as_str()).count(), 1);
}

#[test]
fn the_real_claude_may_end_while_no_daemon_watches() {
    let (_folder, slow) = with_a_middle();
    let (mut home, _model, target) = furnished(&slow);
    let id = begin(&home, &target);
    let pid = in_the_middle(&home, &id)["pid"].as_i64().expect("a pid") as i32;
    home.kill_daemon();
    home.wait("its end", || (!is_alive(pid)).then_some(()));
    home.up();
    let run = wait_over(&home, &id);
    check(&home, &target, &run);
}

#[test]
fn a_cancelled_real_claude_leaves_no_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let slow = folder.path().join("slow.json");
    let script = json!({"turns": [{"blocks": [{"text": "never"}], "hold": 600}]});
    std::fs::write(&slow, script.to_string()).expect("the script");
    let (home, _model, target) = furnished(&slow);
    let id = begin(&home, &target);
    home.wait("the session", || {
        (home.json(&["run", "show", &id])["events"].as_u64() > Some(0)).then_some(())
    });
    home.ok(&["run", "stop", &id]);
    let run = wait_over(&home, &id);
    assert_eq!(run["state"], "cancelled", "{run:#}");
    home.wait("no process", || home.processes().is_empty().then_some(()));
}
