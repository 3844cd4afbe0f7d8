//! A task that writes a file, by each real agent program: the same events, the tokens to the last.

use crate::site::{Agent, Site, of};
use crate::support::{git, project};
use serde_json::{Value, json};
use std::path::Path;

fn script() -> Value {
    let path = project().join("crates/fakes/scripts/write-file.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the script")).expect("JSON")
}

/// The types of a run's events, those apart that not every vendor tells.
fn told(run: &Value) -> Vec<String> {
    let stream = run["stream"].as_array().expect("a stream");
    let words = stream.iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned());
    words.filter(|word| !matches!(word.as_str(), "warning" | "file_change" | "raw")).collect()
}

fn writes_a_file(agent: Agent) {
    let site = Site::new(agent, &script());
    let id = site.begin("Write hello.txt");
    let run = site.wait_over(&id);
    assert!(run["state"] == "reported" || run["state"] == "verified", "{run:#}");
    assert_eq!(run["raw_lines"], 0, "everything was understood: {run:#}");
    let order = ["started", "text", "tool_call", "tool_result", "text", "usage", "ended"];
    assert_eq!(told(&run), order, "{run:#}");
    let texts: Vec<&Value> = of(&run, "text").iter().map(|event| &event["text"]).collect();
    assert_eq!(texts, ["I will write the file.", "The file is written."]);
    let (call, result) = (of(&run, "tool_call")[0], of(&run, "tool_result")[0]);
    assert!(call["input"].to_string().contains("hello from the fake model"), "{call}");
    assert_eq!((&result["id"], &result["is_error"]), (&call["id"], &json!(false)), "{result}");

    // 100 + 10 fresh, 40 + 5 written to the cache, 140 read from it, 30 + 8 out: the script's sums.
    // Gemini does not tell what it writes to its cache, and counts it as fresh.
    let sums = match agent {
        Agent::Claude | Agent::Codex => [110, 45, 140, 38],
        Agent::Gemini => [155, 0, 140, 38],
    };
    for (key, sum) in ["fresh_input", "cache_write", "cache_read", "output"].iter().zip(sums) {
        assert_eq!(run["usage"][key], sum, "{key}: {}", run["usage"]);
    }
    let ended = of(&run, "ended")[0];
    assert_eq!((&ended["ok"], &ended["summary"]), (&json!(true), &json!("The file is written.")));

    let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
    let file = std::fs::read_to_string(worktree.join("hello.txt")).expect("the file");
    assert_eq!(file, "hello from the fake model\n");
    assert!(!site.target.join("hello.txt").exists());
    assert_eq!(git(&site.home, &site.target, &["status", "--porcelain"]), "");
    site.home.wait("no process", || site.home.processes().is_empty().then_some(()));

    // The model was asked twice, with the prompt as it was given.
    let requests = site.requests();
    assert_eq!(requests.len(), 2, "{requests:#?}");
    for request in &requests {
        let said = request["user_text"].as_str().expect("a text");
        assert!(said.contains("Write hello.txt"), "{said}");
    }
    for args in [&["config", "show"][..], &["run", "show", &id, "--json"]] {
        assert!(!site.home.ok(args).contains("sk-test-not-a-key"), "{args:?}");
    }
    site.home.ok(&["audit", "verify"]);
}

#[test]
fn the_real_claude_writes_a_file() {
    writes_a_file(Agent::Claude);
}

#[test]
fn the_real_codex_writes_a_file() {
    writes_a_file(Agent::Codex);
}

#[test]
fn the_real_gemini_writes_a_file() {
    writes_a_file(Agent::Gemini);
}

#[test]
fn row_055_a_report_inside_any_agents_text_becomes_an_event() {
    let text = "I am there.\n{\"type\":\"milestone\",\"text\":\"half\",\"progress\":50}\n\
                {\"type\":\"blocker\",\"text\":\"no key\"}\nA preview is ready, but no review is asked for.\n\
                {\"type\":\"request_review\",\"text\":\"look\"}";
    let script = json!({"turns": [{"blocks": [{"text": text}]}]});
    for agent in Agent::ALL {
        let site = Site::new(agent, &script);
        let run = site.wait_agent(&site.begin("Say it"));
        for (kind, said) in
            [("milestone", "half"), ("blocker", "no key"), ("review_request", "look")]
        {
            let [event] = of(&run, kind)[..] else { panic!("{}: {kind}: {run:#}", agent.name()) };
            assert_eq!(event["text"], said, "{}", agent.name());
            let journal = site.home.events(&format!("run.{kind}"));
            assert_eq!(journal.len(), 1, "{}: {kind}", agent.name());
        }
        assert_eq!(of(&run, "milestone")[0]["progress"], 50.0);
    }
}

/// What is said to a run that is over goes on in the same conversation, and every token of both is
/// counted once: Codex counts from the start of a conversation, the others from where they go on.
fn is_told_more(agent: Agent) {
    let usage = |fresh: u64| json!({"input_tokens": fresh, "output_tokens": 7});
    let script = json!({"turns": [
        {"match": "Write hello.txt", "usage": usage(100),
            "blocks": [{"write": {"path": "hello.txt", "content": "hello\n"}}]},
        {"match": "Write hello.txt", "usage": usage(200), "blocks": [{"text": "Written."}]},
        {"match": "Add a bye", "usage": usage(1000),
            "blocks": [{"write": {"path": "bye.txt", "content": "bye\n"}}]},
        {"match": "Add a bye", "usage": usage(2000), "blocks": [{"text": "Added."}]},
    ]});
    let site = Site::new(agent, &script);
    let id = site.begin("Write hello.txt");
    let first = site.wait_over(&id);
    assert_eq!(first["usage"]["fresh_input"], 300, "{}", first["usage"]);
    site.home.ok(&["run", "tell", &id, "Add a bye to it"]);
    let run = site.home.wait("the second end", || {
        let run = site.home.json(&["run", "show", &id]);
        let over = run["ended_at"].is_string() && of(&run, "ended").len() == 2;
        over.then_some(run)
    });
    assert_eq!(run["state"], "verified", "{run:#}");
    assert_eq!((&run["usage"]["fresh_input"], &run["usage"]["output"]), (&json!(3300), &json!(28)));
    let books = site.home.json(&["usage", "--by", "run"]);
    assert!(books.to_string().contains("3300"), "{books}");
    let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
    assert!(worktree.join("hello.txt").exists() && worktree.join("bye.txt").exists());
    // The model was told both, in one conversation.
    let sessions: std::collections::BTreeSet<String> =
        site.requests().iter().map(|request| request["session"].to_string()).collect();
    assert!(sessions.len() <= 1, "{sessions:?}");
}

#[test]
fn claude_is_told_more_and_counts_every_token_once() {
    is_told_more(Agent::Claude);
}

#[test]
fn codex_is_told_more_and_counts_every_token_once() {
    is_told_more(Agent::Codex);
}

#[test]
fn gemini_is_told_more_and_counts_every_token_once() {
    is_told_more(Agent::Gemini);
}
