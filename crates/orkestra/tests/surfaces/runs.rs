//! `orkestra run` with agents of kind `script`: through the worktree, the shim, the raw stream, the
//! journal and the database.

use crate::harness::{Home, ORKESTRA, is_alive, signal, text};
use crate::support::{database, fake, git, repository};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A home whose agent `helper` is this program, with these variables; its daemon runs.
fn with_agent(command: &str, env: &[(&str, &str)]) -> (Home, PathBuf) {
    let mut home = Home::new("");
    let env: Vec<String> = env.iter().map(|(name, value)| format!("{name}: \"{value}\"")).collect();
    home.configure(&format!(
        "agents:\n  helper:\n    kind: script\n    command: [\"{command}\"]\n    env: {{ {} }}\n",
        env.join(", ")
    ));
    home.up();
    let target = repository(&home);
    (home, target)
}

fn begin(home: &Home, target: &Path, prompt: &str) -> String {
    let target = target.display().to_string();
    let run = home.json(&["run", prompt, "--target", &target, "--evidence", "none", "--detach"]);
    run["id"].as_str().expect("an id").to_owned()
}

fn wait_over(home: &Home, id: &str) -> Value {
    home.wait("the run's end", || {
        let run = home.json(&["run", "show", id]);
        run["ended_at"].is_string().then_some(run)
    })
}

/// The texts of a run's stream.
fn texts(run: &Value) -> Vec<String> {
    let stream = run["stream"].as_array().expect("a stream");
    let texts = stream.iter().filter(|event| event["type"] == "text");
    texts.map(|event| event["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The journal's events of this kind about a run.
fn told(home: &Home, id: &str, kind: &str) -> Vec<Value> {
    home.events(kind).into_iter().filter(|event| event["subject"] == id).collect()
}

/// What `run show` and the journal say must be the same, each once and in order.
fn stream_is_journal(home: &Home, run: &Value) {
    let id = run["id"].as_str().expect("an id");
    let stream = run["stream"].as_array().expect("a stream");
    let agent = format!("agent:{}", run["agent"].as_str().expect("an agent"));
    let written: Vec<Value> = told(home, id, "run.*")
        .into_iter()
        .filter(|event| event["actor"] == agent.as_str())
        .collect();
    assert_eq!(stream.len(), written.len());
    for (shown, event) in stream.iter().zip(&written) {
        assert_eq!(shown["seq"], event["seq"]);
        let mut shown = shown.clone();
        let fields = shown.as_object_mut().expect("an object");
        fields.remove("seq");
        fields.remove("at");
        assert_eq!(shown, event["body"]);
    }
    assert_eq!(run["events"], stream.len(), "it counts what it shows");
}

#[test]
fn a_run_works_in_a_worktree_of_its_own_and_tells_everything_once() {
    let agent = fake("fake-agent");
    let (home, target) = with_agent(
        &agent,
        &[
            ("FAKE_AGENT_WRITE", "made.txt"),
            ("FAKE_AGENT_EVENTS", "4"),
            ("FAKE_AGENT_GARBAGE", "2"),
        ],
    );
    std::fs::write(target.join("uncommitted"), "mine").expect("a change");
    let commit = git(&home, &target, &["rev-parse", "HEAD"]);
    let output = home.run(&[
        "run",
        "make a file",
        "--agent",
        "helper",
        "--target",
        &target.display().to_string(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for number in 1..=4 {
        assert_eq!(shown.matches(&format!("event {number}\n")).count(), 1, "{shown}");
    }

    let list = home.json(&["run", "list"]);
    assert_eq!(list["runs"].as_array().map(Vec::len), Some(1), "{list}");
    let short = list["runs"][0]["short"].as_str().expect("a short id").to_owned();
    let run = home.json(&["run", "show", &short]);
    assert_eq!(run["state"], "verified", "{run}");
    assert_eq!(
        (&run["agent"], &run["kind"], &run["prompt"]),
        (&json!("helper"), &json!("script"), &json!("make a file"))
    );
    assert_eq!(run["target"], target.display().to_string());
    assert_eq!(run["summary"], "done");
    assert_eq!(run["uncommitted"], 1, "the person is told what the agent did not see");
    assert_eq!(run["raw_lines"], 2, "lines that were not understood are counted: {run}");
    assert_eq!(run["files_changed"], json!([{"path": "made.txt", "status": "A"}]), "{run}");
    assert_eq!(run["pid"], Value::Null);
    assert_eq!(texts(&run), ["prompt of 11 bytes", "event 1", "event 2", "event 3", "event 4"]);
    stream_is_journal(&home, &run);

    // Usage: in the view, and as a row that can be added up.
    assert_eq!(
        (&run["usage"]["fresh_input"], &run["usage"]["output"]),
        (&json!(11), &json!(10)),
        "{run}"
    );
    let rows: Vec<(String, i64, i64)> = database(&home)
        .prepare("SELECT model, fresh_input, output FROM usage")
        .and_then(|mut query| {
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
        .expect("the usage");
    assert_eq!(rows, [("fake".to_owned(), 11, 10)]);

    // The worktree has the work; the target has nothing of it but a branch.
    let worktree = PathBuf::from(run["worktree"].as_str().expect("a worktree"));
    assert!(worktree.starts_with(home.data()), "{}", worktree.display());
    assert_eq!(
        std::fs::read_to_string(worktree.join("made.txt")).expect("the file"),
        "make a file"
    );
    assert!(!worktree.join("uncommitted").exists());
    let branch = run["branch"].as_str().expect("a branch");
    assert_eq!(branch, format!("orkestra/{short}"));
    assert_eq!(git(&home, &worktree, &["rev-parse", "--abbrev-ref", "HEAD"]), branch);
    assert!(git(&home, &target, &["branch", "--list"]).contains(branch));
    assert_eq!(git(&home, &target, &["rev-parse", "HEAD"]), commit);
    assert_eq!(git(&home, &target, &["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    assert_eq!(git(&home, &target, &["status", "--porcelain"]), "?? uncommitted");
    assert!(home.processes().is_empty(), "nothing is left running");

    // One chain of events, from its creation to its end.
    let id = run["id"].as_str().expect("an id");
    for kind in ["run.created", "run.prepared", "run.started", "run.ended"] {
        assert_eq!(told(&home, id, kind).len(), 1, "{kind}");
    }
    // An agent speaks after it was started and before its run ended, in the journal too.
    let order: Vec<String> = told(&home, id, "run.*")
        .iter()
        .map(|event| event["kind"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(order[..3], ["run.created", "run.prepared", "run.started"], "{order:?}");
    assert_eq!(order.last().map(String::as_str), Some("run.ended"), "{order:?}");
    let chain = told(&home, id, "run.created")[0]["chain"].clone();
    assert!(told(&home, id, "run.*").iter().all(|event| event["chain"] == chain));
    assert_eq!(told(&home, id, "run.created")[0]["actor"], "person:cli");
    home.ok(&["audit", "verify"]);
}

#[test]
fn the_prompt_can_come_from_standard_input_and_may_be_odd() {
    let mut home = Home::new("");
    let agent = home.script("agent.sh", "#!/bin/sh\ncat > prompt.txt\n");
    home.configure(&format!(
        "agents:\n  helper: {{ kind: script, command: [\"{}\"] }}\n",
        agent.display()
    ));
    home.up();
    let target = repository(&home);
    let odd = "--help\n$(touch /tmp/never) `x` \"quoted\" 'single' \\ äöü 🦀\n\ttab\n";
    let mut command = home.command(ORKESTRA);
    let mut child = command
        .args(["run", "-", "--target", &target.display().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("its input").write_all(odd.as_bytes()).expect("the prompt");
    assert!(child.wait().expect("its end").success());
    let run = home.json(&["run", "list"])["runs"][0].clone();
    assert_eq!(run["prompt"], odd);
    let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
    assert_eq!(std::fs::read_to_string(worktree.join("prompt.txt")).expect("it"), odd);
}

#[test]
fn a_run_that_ends_badly_says_so_and_needs_you() {
    let agent = fake("fake-agent");
    let (home, target) =
        with_agent(&agent, &[("FAKE_AGENT_EXIT", "3"), ("FAKE_AGENT_NO_END", "1")]);
    let target = target.display().to_string();
    let output = home.run(&["run", "fail", "--target", &target]);
    assert_eq!(output.status.code(), Some(8), "{}", text(&output.stderr));
    assert_eq!(home.run(&["run", "fail", "--target", &target, "--json"]).status.code(), Some(8));
    let status = home.status();
    let run = &home.json(&["run", "list"])["runs"][0];
    assert_eq!(run["state"], "failed", "{run}");
    assert!(run["why"].as_str().is_some_and(|why| why.contains('3')), "{run}");
    assert_eq!(status["needs_you"][0]["kind"], "run_failed", "{status}");
    assert_eq!(status["needs_you"].as_array().map(Vec::len), Some(2), "{status}");
}

#[test]
fn a_cancelled_run_leaves_no_process_and_keeps_its_worktree() {
    let mut home = Home::new("");
    // It ignores the polite signal, and so does its grandchild, which left its group.
    let agent = home.script(
        "agent.sh",
        "#!/bin/sh\ntrap '' TERM INT\nsetsid sh -c \"trap '' TERM INT; while :; do sleep 1; done\" &\n\
         echo '{\"type\":\"text\",\"text\":\"at work\"}'\necho half > half.txt\nwhile :; do sleep 1; done\n",
    );
    home.configure(&format!(
        "agents:\n  helper: {{ kind: script, command: [\"{}\"] }}\n",
        agent.display()
    ));
    home.up();
    let target = repository(&home);
    let mut command = home.command(ORKESTRA);
    let mut watching = command
        .args(["run", "work for ever", "--target", &target.display().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let run = home.wait("the agent at work", || {
        let run = home.json(&["run", "list"])["runs"][0].clone();
        (run["events"].as_u64() > Some(0)).then_some(run)
    });
    let id = run["id"].as_str().expect("an id").to_owned();
    home.wait("the grandchild", || (home.processes().len() >= 4).then_some(()));
    home.ok(&["run", "stop", &id]);
    let run = wait_over(&home, &id);
    assert_eq!(run["state"], "cancelled", "{run}");
    assert_eq!(watching.wait().expect("its end").code(), Some(8));
    home.wait("no process", || home.processes().is_empty().then_some(()));
    let asked = told(&home, &id, "run.cancel_requested");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["actor"], "person:cli");
    assert_eq!(told(&home, &id, "run.ended").len(), 1);
    let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
    assert_eq!(std::fs::read_to_string(worktree.join("half.txt")).expect("it"), "half\n");
    // Again it changes nothing, and it is no failure that needs anybody.
    home.ok(&["run", "stop", &id]);
    assert_eq!(told(&home, &id, "run.cancel_requested").len(), 1);
    assert_eq!(home.status()["needs_you"], json!([]));
}

#[test]
fn without_an_agent_it_says_what_was_looked_for_and_how_to_get_one() {
    let mut home = Home::new("agents:\n  helper: { kind: script, command: [./not-there.sh] }\n");
    home.up();
    let target = repository(&home).display().to_string();
    let said = home.fails(&["run", "anything", "--target", &target], 4);
    for part in [
        "helper",
        "not-there.sh",
        "claude",
        "PATH",
        "npm install -g @anthropic-ai/claude-code",
        "orkestra.yaml",
        "ORK-0501",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = home.fails(&["run", "anything", "--agent", "helpr", "--target", &target], 4);
    assert!(said.contains("helpr"), "{said}");
    let list = home.json(&["agents"]);
    assert_eq!(list["agents"][0]["found"], false, "{list}");
    assert!(list["hint"].as_str().is_some_and(|hint| hint.contains("npm install")), "{list}");

    // The same without any configuration of agents; nothing of it begins a run.
    home.configure("units: {}\n");
    home.wait("the change", || (home.json(&["agents"])["agents"] == json!([])).then_some(()));
    let said = home.fails(&["run", "anything", "--target", &target], 4);
    assert!(said.contains("claude") && said.contains("docs/agents.md"), "{said}");
    assert_eq!(home.json(&["run", "list"])["runs"], json!([]));
    assert!(home.events("run.*").is_empty());
}

#[test]
fn a_repository_without_a_commit_is_refused_with_the_way_to_make_one() {
    let agent = fake("fake-agent");
    let (home, _) = with_agent(&agent, &[]);
    let plain = home.dir.join("plain");
    std::fs::create_dir(&plain).expect("a folder");
    git(&home, &plain, &["init", "--quiet"]);
    let shown = plain.display().to_string();
    let said = home.fails(&["run", "anything", "--target", &shown], 4);
    assert!(said.contains("ORK-0501") && said.contains("commit -m start"), "{said}");
    assert_eq!(home.json(&["run", "list"])["runs"], json!([]));
}

#[test]
fn one_idempotency_key_is_one_run_however_often_and_at_once_it_is_sent() {
    let agent = fake("fake-agent");
    let (home, target) = with_agent(&agent, &[]);
    let bearer = format!("Bearer {}", home.token());
    let body = json!({"prompt": "once", "target": target, "evidence": ["none"]}).to_string();
    let ask = |key: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
        let reply = home.http("POST", "/api/v1/runs", &headers, &body);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["id"].as_str().expect("an id").to_owned()
    };
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| ask("the-key"))).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    let first = ids.first().expect("an id");
    assert!(ids.iter().all(|id| id == first), "{ids:?}");
    wait_over(&home, first);
    assert_eq!(&ask("the-key"), first, "also when it is over");
    assert_ne!(&ask("another-key"), first);
    assert_eq!(home.events("run.created").len(), 2);
}

#[test]
fn a_run_outlives_the_daemon_and_tells_every_event_once() {
    let agent = fake("fake-agent");
    let (mut home, target) = with_agent(
        &agent,
        &[
            ("FAKE_AGENT_EVENTS", "300"),
            ("FAKE_AGENT_INTERVAL_MS", "40"),
            ("FAKE_AGENT_GARBAGE", "300"),
            ("FAKE_AGENT_WRITE", "made.txt"),
        ],
    );
    let id = begin(&home, &target, "go on whatever happens");
    let expected: Vec<String> = std::iter::once("prompt of 22 bytes".to_owned())
        .chain((1..=300).map(|number| format!("event {number}")))
        .collect();
    let mut pid = None;
    for round in 1..=3 {
        home.wait("some events", || {
            let run = home.json(&["run", "show", &id]);
            (texts(&run).len() > round * 25).then_some(())
        });
        let run = home.json(&["run", "show", &id]);
        let now = run["pid"].as_i64().expect("a pid") as i32;
        assert_eq!(*pid.get_or_insert(now), now, "the same process all the time");
        home.kill_daemon();
        std::thread::sleep(Duration::from_millis(400));
        assert!(is_alive(now), "the agent goes on");
        home.up();
    }
    let run = wait_over(&home, &id);
    assert_eq!(run["state"], "reported", "{run}");
    assert_eq!(texts(&run), expected);
    assert_eq!(run["raw_lines"], 300);
    assert_eq!(run["files_changed"], json!([{"path": "made.txt", "status": "?"}]));
    assert_eq!(
        (&run["usage"]["fresh_input"], &run["usage"]["output"]),
        (&json!(22), &json!(10)),
        "{run}"
    );
    stream_is_journal(&home, &run);
    assert_eq!(told(&home, &id, "run.started").len(), 1);
    assert_eq!(told(&home, &id, "run.ended").len(), 1);
    assert_eq!(told(&home, &id, "run.adopted").len(), 3);
    home.wait("no process", || home.processes().is_empty().then_some(()));
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_run_that_ends_while_no_daemon_watches_is_told_whole_by_the_next() {
    let agent = fake("fake-agent");
    let (mut home, target) =
        with_agent(&agent, &[("FAKE_AGENT_EVENTS", "20"), ("FAKE_AGENT_INTERVAL_MS", "60")]);
    let id = begin(&home, &target, "end alone");
    let pid = home.wait("the agent", || home.json(&["run", "show", &id])["pid"].as_i64()) as i32;
    home.kill_daemon();
    home.wait("its end", || (!is_alive(pid)).then_some(()));
    home.up();
    let run = wait_over(&home, &id);
    assert_eq!(run["state"], "reported", "{run}");
    assert_eq!(texts(&run).len(), 21, "{run}");
    stream_is_journal(&home, &run);
    assert_eq!(run["usage"]["output"], 10);
    home.wait("no process", || home.processes().is_empty().then_some(()));
}

#[test]
fn an_agent_that_is_killed_ends_the_run_as_failed_with_what_it_said() {
    let agent = fake("fake-agent");
    let (home, target) =
        with_agent(&agent, &[("FAKE_AGENT_EVENTS", "1000"), ("FAKE_AGENT_INTERVAL_MS", "50")]);
    let id = begin(&home, &target, "die");
    let run = home.wait("some events", || {
        let run = home.json(&["run", "show", &id]);
        (texts(&run).len() > 5).then_some(run)
    });
    signal(run["pid"].as_i64().expect("a pid") as i32, "KILL");
    let run = wait_over(&home, &id);
    assert_eq!(run["state"], "failed", "{run}");
    assert!(run["why"].as_str().is_some_and(|why| why.contains("KILL")), "{run}");
    stream_is_journal(&home, &run);
}

#[test]
fn down_interrupts_runs_and_keep_units_leaves_them() {
    let agent = fake("fake-agent");
    let (mut home, target) =
        with_agent(&agent, &[("FAKE_AGENT_EVENTS", "400"), ("FAKE_AGENT_INTERVAL_MS", "50")]);
    let id = begin(&home, &target, "work");
    let pid = home.wait("the agent", || home.json(&["run", "show", &id])["pid"].as_i64()) as i32;
    home.ok(&["down", "--keep-units"]);
    assert_eq!(home.wait_for_end(), Some(0));
    assert!(is_alive(pid), "it goes on");
    home.up();
    assert_eq!(home.json(&["run", "show", &id])["pid"], pid);
    home.down();
    home.wait("no process", || (!is_alive(pid) && home.processes().is_empty()).then_some(()));
    home.up();
    // This agent is a script without a conversation, which is not begun again without a word.
    let run = home.json(&["run", "show", &id]);
    assert_eq!(
        (&run["state"], &run["wait"]["for"]),
        (&json!("suspended"), &json!("person")),
        "{run}"
    );
    assert!(home.ok(&["status"]).contains("Needs you"));
    home.ok(&["run", "answer", &id, "abort"]);
    let run = wait_over(&home, &id);
    assert_eq!(run["state"], "cancelled", "{run}");
    stream_is_journal(&home, &run);
}

#[test]
fn a_run_that_was_refused_since_nothing_could_be_written_does_not_appear_later() {
    let agent = fake("fake-agent");
    let (mut home, target) = with_agent(&agent, &[]);
    let bearer = format!("Bearer {}", home.token());
    let body = json!({"prompt": "once", "target": target, "evidence": ["none"]}).to_string();
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "the-key")];
    let ask = |home: &Home| home.http("POST", "/api/v1/runs", &headers, &body);
    // Another program holds the database, so the daemon cannot write for a while.
    let other = database(&home);
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let reply = ask(&home);
    assert!(reply.status >= 500, "{reply:?}");
    assert_ne!(home.status()["daemon"]["store"], "ok");
    other.execute_batch("ROLLBACK").expect("the lock is let go");
    home.wait("the store to be well", || (home.status()["daemon"]["store"] == "ok").then_some(()));
    assert_eq!(home.json(&["run", "list"])["runs"], json!([]));
    assert!(home.events("run.*").is_empty());
    assert_eq!(home.events("journal.gap").len(), 1, "that something waited is told");

    // The same key is free, also over a restart.
    home.kill_daemon();
    home.up();
    assert_eq!(home.json(&["run", "list"])["runs"], json!([]));
    let reply = ask(&home);
    assert_eq!(reply.status, 201, "{reply:?}");
    let run = wait_over(&home, reply.json()["id"].as_str().expect("an id"));
    assert_eq!(run["state"], "reported", "{run}");
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_job_that_asks_an_agent_begins_one_run_also_when_the_daemon_is_killed_meanwhile() {
    let mut home = Home::new("");
    let ran = home.dir.join("ran");
    std::fs::write(&ran, "").expect("a file that its sandbox opens");
    let agent =
        home.script("agent.sh", &format!("#!/bin/sh\ncat >> {0}; echo >> {0}\n", ran.display()));
    let target = repository(&home);
    home.configure(&format!(
        "agents:\n  helper: {{ kind: script, command: [\"{}\"], sandbox: {{ write: [\"{}\"] }} }}\n\
         jobs:\n  health: {{ enabled: false }}\n  \
         digest: {{ every: 1h, run: say what changed, agent: helper, target: \"{}\" }}\n",
        agent.display(),
        ran.display(),
        target.display()
    ));
    let runs = |home: &Home| home.json(&["run", "list"])["runs"].as_array().expect("runs").clone();
    home.up();
    home.ok(&["job", "run", "digest", "--wait"]);
    let first = runs(&home);
    assert_eq!((first.len(), &first[0]["prompt"]), (1, &json!("say what changed")));
    assert_eq!((&first[0]["agent"], &first[0]["state"]), (&json!("helper"), &json!("reported")));

    for number in 2..5 {
        let asked = home.api("POST", "/api/v1/jobs/digest/run", r#"{"force": true}"#).json();
        assert_eq!((&asked["outcome"], &asked["number"]), (&json!("started"), &json!(number)));
        home.kill_daemon();
        home.up();
        home.wait("the job to end, well or not", || {
            (home.json(&["job", "show", "digest"])["state"] != "running").then_some(())
        });
    }
    let started = home.events("job.started").len();
    let ended = home.events("job.finished").len() + home.events("job.failed").len();
    assert_eq!((started, ended), (4, 4), "each is told of once");
    let created = home.events("run.created").len();
    assert_eq!(created, runs(&home).len());
    assert!(created <= started, "{created} runs of {started}");
    let asked = std::fs::read_to_string(&ran).expect("what was asked").lines().count();
    assert!(asked <= created, "an agent was asked {asked} times in {created} runs");
    home.down();
    assert!(home.processes().is_empty());
}
