//! Models behind APIs: each of five kinds against a scripted model, in runs and without.

use crate::harness::{Home, ORKESTRA, signal, text};
use crate::site::{Model, of};
use crate::support::{project, repository};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const KINDS: [&str; 5] = ["anthropic", "openai", "google", "github", "xai"];

/// The address as each kind wants it.
fn base_url(kind: &str, url: &str) -> String {
    if matches!(kind, "anthropic" | "google") { url.to_owned() } else { format!("{url}/v1") }
}

/// An agent of each kind, named after it, with these further keys.
fn agents(url: &str, more: &Value) -> Value {
    let agents = KINDS.map(|kind| {
        let mut agent = json!({
            "kind": kind,
            "model": "scripted",
            "base_url": base_url(kind, url),
            "api_key": "env:TEST_MODEL_KEY",
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            agent[key] = value.clone();
        }
        (kind.to_owned(), agent)
    });
    json!({"agents": agents.into_iter().collect::<serde_json::Map<_, _>>()})
}

/// A daemon with an agent of each kind on this script.
fn house(script: &Value, more: &Value) -> (Home, Model) {
    let mut home = Home::new("");
    home.env.push(("TEST_MODEL_KEY".to_owned(), "sk-test-not-a-key".to_owned()));
    let model = Model::start(&home, script);
    home.configure(&agents(&model.url, more).to_string());
    home.up();
    (home, model)
}

fn write_file() -> Value {
    let path = project().join("crates/fakes/scripts/write-file.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the script")).expect("JSON")
}

/// One answer without tools, for questions outside of runs.
fn says(words: &str) -> Value {
    json!({"without_tools": true, "turns": [{"blocks": [{"text": words}]}]})
}

fn wait_over(home: &Home, id: &str) -> Value {
    home.wait("the run's end", || {
        let run = home.json(&["run", "show", id]);
        run["ended_at"].is_string().then_some(run)
    })
}

fn answers(value: &Value) -> Vec<Value> {
    value["answers"].as_array().expect("answers").clone()
}

/// Asks and reads what is printed, whatever the code.
fn asked(home: &Home, args: &[&str]) -> (Option<i32>, Value) {
    let output = home.run(&[&["agent"], args, &["--json"]].concat());
    let value = serde_json::from_slice(&output.stdout);
    (output.status.code(), value.unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr))))
}

#[test]
fn row_085_each_of_five_models_does_the_file_task_and_tells_its_tokens() {
    let mut script = write_file();
    script["key"] = json!("sk-test-not-a-key");
    let (home, model) = house(&script, &json!({}));
    let target = repository(&home);
    let name = target.display().to_string();
    for kind in KINDS {
        let args = ["run", "Write hello.txt", "--agent", kind, "--target", &name, "--detach"];
        let id = home.json(&args)["id"].as_str().expect("an id").to_owned();
        let run = wait_over(&home, &id);
        assert!(run["state"] == "reported" || run["state"] == "verified", "{kind}: {run:#}");
        assert_eq!(run["raw_lines"], 0, "{kind}: {run:#}");
        let stream = run["stream"].as_array().expect("a stream");
        let told: Vec<&str> = stream
            .iter()
            .filter_map(|event| event["type"].as_str())
            .filter(|word| !matches!(*word, "call" | "usage"))
            .collect();
        let order = ["started", "text", "tool_call", "file_change", "tool_result", "text", "ended"];
        assert_eq!(told, order, "{kind}: {run:#}");
        assert_eq!(of(&run, "call").len(), 2, "{kind}: each call is told");
        // Only Anthropic tells what is written to its cache; the others count it as fresh.
        let sums = if kind == "anthropic" { [110, 45, 140, 38] } else { [155, 0, 140, 38] };
        for (key, sum) in ["fresh_input", "cache_write", "cache_read", "output"].iter().zip(sums) {
            assert_eq!(run["usage"][key], sum, "{kind} {key}: {}", run["usage"]);
        }
        let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
        let file = std::fs::read_to_string(worktree.join("hello.txt")).expect("the file");
        assert_eq!(file, "hello from the fake model\n", "{kind}");
        assert!(!home.ok(&["run", "show", &id, "--json"]).contains("sk-test"), "{kind}");
    }
    assert_eq!(model.requests().len(), 10, "two for each");
    assert!(!home.ok(&["events", "-n", "1000", "--json"]).contains("sk-test"));
    assert!(!home.ok(&["config", "show"]).contains("sk-test"));
    home.wait("no process", || home.processes().is_empty().then_some(()));
    home.ok(&["audit", "verify"]);
}

#[test]
fn row_086_a_bad_key_is_told_beside_its_agent_and_stops_no_other() {
    let mut script = says("ok");
    script["key"] = json!("sk-test-not-a-key");
    let (home, model) = house(&script, &json!({}));
    let mut all = agents(&model.url, &json!({}));
    all["agents"]["xai"]["api_key"] = json!("sk-this-is-wrong");
    all["agents"]["github"]["api_key"] = json!("env:NOBODY_SET_THIS");
    home.configure(&all.to_string());
    home.ok(&["config", "reload"]);
    let (code, value) = asked(&home, &["test"]);
    assert_eq!(code, Some(1), "not all answered: {value:#}");
    for answer in answers(&value) {
        let error = answer["error"].as_str().unwrap_or_default();
        match answer["agent"].as_str() {
            Some("xai") => {
                assert_eq!((&answer["ok"], &answer["status"]), (&json!(false), &json!(401)));
                assert!(error.contains("401") && !error.contains("wrong"), "{answer}");
            }
            Some("github") => assert!(error.contains("NOBODY_SET_THIS"), "{answer}"),
            _ => assert_eq!((&answer["ok"], &answer["content"]), (&json!(true), &json!("ok"))),
        }
    }
    assert_eq!(answers(&value).len(), 5);
    let (code, value) = asked(&home, &["test", "openai", "google"]);
    assert_eq!((code, answers(&value).len()), (Some(0), 2), "{value:#}");
    // Calls that were made are in the journal, one that could not be made is not.
    let called = home.events("agent.called");
    assert_eq!(called.len(), 6, "{called:#?}");
    assert_eq!(called.iter().filter(|event| event["body"]["ok"] == false).count(), 1);
}

#[test]
fn row_087_sixty_calls_at_fifty_a_minute_never_exceed_it_also_over_a_restart() {
    let (mut home, _model) = house(&says("ok"), &json!({"rate_limit": 50, "parallel": "none"}));
    let names = vec!["openai"; 30].join(",");
    let began = Instant::now();
    let (code, _) = asked(&home, &["ask", "hi", "--agents", &names]);
    assert_eq!(code, Some(0));
    let first = began.elapsed();
    home.kill_daemon();
    home.up();
    // Twenty are left of the first minute, ten must wait.
    let again = Instant::now();
    let few = vec!["openai"; 20].join(",");
    assert_eq!(asked(&home, &["ask", "hi", "--agents", &few]).0, Some(0));
    assert!(again.elapsed() < Duration::from_secs(50), "what is free is given at once");
    let rest = vec!["openai"; 10].join(",");
    let output = home.run(&["agent", "ask", "hi", "--agents", &rest, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let whole = began.elapsed();
    assert!(whole >= Duration::from_secs(60), "60 calls took {whole:?}, the first 30 {first:?}");
}

#[test]
fn row_087_a_call_that_hangs_ends_at_its_limit() {
    let script = json!({"without_tools": true, "turns": [
        {"blocks": [{"text": "never heard"}], "stall": 600},
    ]});
    let (home, _model) = house(&script, &json!({"timeout": "2s"}));
    let began = Instant::now();
    let (code, value) = asked(&home, &["ask", "hi"]);
    assert_eq!(code, Some(1));
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
    for answer in answers(&value) {
        assert_eq!(answer["error"], "no answer within 2 s", "{answer}");
        assert!(answer["duration_ms"].as_u64().expect("a time") >= 2_000, "{answer}");
    }
    let shown = home.json(&["config", "get", "agents.openai.timeout"]);
    assert_eq!(shown, json!("2s"));
}

#[test]
fn row_088_five_calls_of_a_second_end_in_about_a_second() {
    let script = json!({"without_tools": true, "turns": [
        {"blocks": [{"text": "here I am"}], "hold": 1},
    ]});
    let (home, _model) = house(&script, &json!({}));
    let began = Instant::now();
    let (code, value) = asked(&home, &["ask", "hi"]);
    let took = began.elapsed();
    assert_eq!(code, Some(0), "{value:#}");
    let mut sum = 0;
    for answer in answers(&value) {
        assert_eq!(answer["content"], "here I am", "{answer}");
        let ms = answer["duration_ms"].as_u64().expect("a time");
        assert!(ms >= 900, "{answer}");
        sum += ms;
        assert_eq!(answer["tokens"]["total"], 120, "{answer}");
    }
    assert_eq!(answers(&value).len(), 5);
    // One after the other they would take their sum; a loaded machine takes longer, but for all.
    assert!(took < Duration::from_millis(sum) && sum >= 4_500, "{took:?} of {sum} ms");
}

/// The bridge by itself, as a run's process.
fn bridge(home: &Home, url: &str, resume: bool) -> std::process::Child {
    let work = home.dir.join("work");
    std::fs::create_dir_all(&work).expect("a folder");
    let mut command = home.command(ORKESTRA);
    command
        .current_dir(&work)
        .args(["agent-bridge", "--kind", "openai", "--agent", "a", "--session", "s1"])
        .args(["--model", "m", "--base-url", &format!("{url}/v1")])
        .arg("--conversation")
        .arg(home.dir.join("bridge/conversation.jsonl"))
        .args(resume.then_some("--resume"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the bridge starts");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(b"Write hello.txt").expect("the prompt");
    child
}

fn lines(child: std::process::Child) -> (Option<i32>, Vec<Value>) {
    let output = child.wait_with_output().expect("its end");
    let lines = text(&output.stdout);
    let events = lines.lines().map(|line| serde_json::from_str(line).expect("an event"));
    (output.status.code(), events.collect())
}

#[test]
fn a_conversation_that_was_killed_goes_on_where_it_was() {
    let home = Home::new("");
    let mut script = write_file();
    script["turns"][1]["hold"] = json!(600);
    let model = Model::start(&home, &script);
    let mut killed = bridge(&home, &model.url, false);
    home.wait("the second question", || (model.requests().len() == 2).then_some(()));
    killed.kill().expect("killed");
    killed.wait().expect("reaped");
    drop(model);
    std::fs::remove_file(home.dir.join("work/hello.txt")).expect("it was written once");

    let model = Model::start(&home, &write_file());
    let (code, events) = lines(bridge(&home, &model.url, true));
    assert_eq!(code, Some(0), "{events:#?}");
    let requests = model.requests();
    assert_eq!(requests.len(), 1, "the first answer was known: {requests:#?}");
    assert!(!home.dir.join("work/hello.txt").exists(), "no call was done twice");
    let last = events.last().expect("an end");
    assert_eq!((&last["type"], &last["ok"]), (&json!("ended"), &json!(true)), "{last}");
    assert_eq!(last["summary"], "The file is written.");
}

#[test]
fn sigterm_ends_the_bridge_in_good_order() {
    let home = Home::new("");
    let mut script = write_file();
    script["turns"][1]["hold"] = json!(600);
    let model = Model::start(&home, &script);
    let child = bridge(&home, &model.url, false);
    home.wait("the second question", || (model.requests().len() == 2).then_some(()));
    signal(child.id() as i32, "TERM");
    let (code, events) = lines(child);
    assert_eq!(code, Some(1), "{events:#?}");
    let last = events.last().expect("an end");
    assert_eq!((&last["ok"], &last["stop_reason"]), (&json!(false), &json!("interrupted")));
}

#[test]
fn a_failing_model_is_asked_again_and_never_when_that_is_senseless() {
    let blocks = json!([{"text": "here I am"}]);
    for (fault, requests, ok, status) in [
        (json!({"status": 529, "times": 2}), 3, true, 200),
        (json!({"status": 429, "retry_after": 1, "times": 1}), 2, true, 200),
        (json!({"cut": 1, "times": 1}), 2, true, 200),
        (json!({"malformed": true, "times": 1}), 2, true, 200),
        (json!({"status": 401}), 1, false, 401),
        (json!({"status": 400}), 1, false, 400),
        (json!({"status": 402}), 1, false, 402),
    ] {
        let home = Home::new("");
        let mut turn = fault.clone();
        turn["blocks"] = blocks.clone();
        let model = Model::start(&home, &json!({"turns": [turn]}));
        let (code, events) = lines(bridge(&home, &model.url, false));
        let last = events.last().expect("an end");
        assert_eq!(last["ok"], ok, "{fault}: {events:#?}");
        assert_eq!(code, Some(i32::from(!ok)), "{fault}");
        assert_eq!(model.requests().len(), requests, "{fault}");
        let calls: Vec<&Value> = events.iter().filter(|e| e["type"] == "call").collect();
        assert_eq!(calls.len(), requests, "each call is told: {fault}");
        assert_eq!(calls.last().expect("a call")["status"], status, "{fault}");
        let retries = events.iter().filter(|event| event["type"] == "retry").count();
        assert_eq!(retries, requests - 1, "{fault}");
    }
}

#[test]
fn row_145_the_fifth_call_of_half_a_dollar_does_not_start_when_there_is_no_room_for_it() {
    let mut turns: Vec<Value> = (1..=5)
        .map(|n| {
            json!({"blocks": [{"text": format!("step {n}")}, {"shell": format!("echo {n}")}],
                "usage": {"input_tokens": 0, "output_tokens": 1000}})
        })
        .collect();
    turns.push(json!({"blocks": [{"text": "done"}],
        "usage": {"input_tokens": 0, "output_tokens": 1000}}));
    let mut home = Home::new("");
    home.env.push(("TEST_MODEL_KEY".to_owned(), "sk-test-not-a-key".to_owned()));
    let model = Model::start(&home, &json!({"turns": turns}));
    // Half a dollar each, and no more is asked for.
    let more = json!({"max_tokens": 1000, "model": "scripted"});
    let mut all = agents(&model.url, &more);
    all["prices"] = json!({"scripted": {"input": 0, "output": 500}});
    all["budgets"] = json!({"daily": {"per": "day", "usd": 2.2}});
    home.configure(&all.to_string());
    home.up();
    let target = repository(&home).display().to_string();
    let args = ["run", "Count", "--agent", "anthropic", "--target", &target, "-e", "none", "-d"];
    let id = home.json(&args)["id"].as_str().expect("an id").to_owned();
    let halted = home.wait("a run that waits for a person", || {
        let run = home.json(&["run", "show", &id]);
        (run["state"] == "suspended").then_some(run)
    });
    let why = halted["why"].as_str().expect("why");
    assert!(why.contains("daily"), "{halted:#}");
    assert_eq!(of(&halted, "call").len(), 4, "{halted:#}");
    let daily = home.json(&["budget", "show", "daily"])["budgets"][0].clone();
    assert_eq!((&daily["spent"], &daily["reserved"]), (&json!(2.0), &json!(0.0)), "{daily}");
    // It stays so by itself, and goes on where it stopped once there is room.
    home.kill_daemon();
    home.up();
    assert_eq!(home.json(&["run", "show", &id])["state"], "suspended");
    home.ok(&["budget", "override", "daily", "--for", "1h", "--reason", "the rest"]);
    home.ok(&["run", "answer", &id, "retry"]);
    let over = wait_over(&home, &id);
    assert_eq!(over["state"], "reported", "{over:#}");
    assert_eq!(of(&over, "call").len(), 6, "{over:#}");
    for n in 1..=5 {
        let line = format!("{n}\n");
        let told = of(&over, "tool_result");
        let same = told
            .iter()
            .filter(|result| result["output"].as_str().is_some_and(|out| out.starts_with(&line)));
        assert_eq!(same.count(), 1, "each step is done once: {over:#}");
    }
}
