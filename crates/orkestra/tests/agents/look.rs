//! Agents are found, looked at, and asked for a word.

use crate::harness::Home;
use crate::site::{Agent, Site};
use crate::support::repository;
use serde_json::json;

#[test]
fn each_real_agent_tells_its_version_and_answers_a_probe() {
    let script = json!({"turns": [{"blocks": [{"text": "ok"}],
        "usage": {"input_tokens": 90, "cache_read_input_tokens": 10, "output_tokens": 2}}]});
    for agent in Agent::ALL {
        let site = Site::new(agent, &script);
        let name = agent.name();
        let facts = site.home.json(&["agent", "show", name]);
        assert_eq!(facts["version"], facts["measured_with"], "{facts}");
        assert!(facts["abilities"].as_array().is_some_and(|list| list.contains(&json!("hooks"))));
        // Its key is a variable; the one of Codex is its provider's own.
        assert_eq!(facts["login"]["found"], agent != Agent::Codex, "{facts}");
        let probe = site.home.json(&["agent", "probe", name]);
        assert_eq!((&probe["ok"], &probe["answer"]), (&json!(true), &json!("ok")), "{probe}");
        let usage = &probe["usage"];
        let input = usage["fresh_input"].as_u64().unwrap() + usage["cache_read"].as_u64().unwrap();
        assert_eq!((input, &usage["output"]), (100, &json!(2)), "{probe}");
        let events = site.home.events("agent.probed");
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["body"]["ok"], true);
        assert!(!site.home.ok(&["agent", "show", name]).contains("sk-test-not-a-key"));
    }
}

#[test]
fn a_key_that_is_not_good_is_named_as_such() {
    for agent in Agent::ALL {
        let site = Site::new(agent, &json!({"key": "another", "turns": []}));
        let said = site.home.fails(&["agent", "probe", agent.name()], 8);
        assert!(said.contains("AUTH_REQUIRED"), "{}: {said}", agent.name());
    }
}

/// An agent of a few lines.
const DEMO: &str = "#!/bin/sh\ncat > said.txt\necho hello from the demo\n";

#[test]
fn any_program_is_an_agent_by_its_path() {
    let mut home = Home::new("");
    home.script("demo", DEMO);
    home.up();
    let target = repository(&home).display().to_string();
    // Nothing is installed and nothing configured.
    let said = home.fails(&["run", "anything", "--target", &target], 4);
    for words in ["claude", "codex", "gemini", "npm install -g", "ORK-0501"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = home.fails(&["run", "x", "--agent", "script:./nowhere", "--target", &target], 4);
    assert!(said.contains("nowhere") && said.contains("chmod"), "{said}");
    let shown = home.ok(&["run", "do it", "--agent", "script:./demo", "--target", &target]);
    assert!(shown.contains("hello from the demo"), "{shown}");
    let run = home.json(&["run", "list"])["runs"][0].clone();
    assert_eq!(run["kind"], "script", "{run}");
    assert!(run["agent"].as_str().is_some_and(|name| name.ends_with("/demo")), "{run}");
}

#[test]
fn a_folder_with_a_manifest_is_an_agent() {
    let mut home = Home::new("");
    let folder = home.dir.join("agents/helper");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("agent.yaml"), "capabilities: [greeting]\n").expect("a manifest");
    home.script("agents/helper/program", DEMO);
    let second = home.data().join("agents/other");
    std::fs::create_dir_all(&second).expect("a folder");
    std::fs::write(second.join("agent.yaml"), "kind: script\ncommand: [cat]\n").expect("one more");
    home.up();
    let list = home.json(&["agent", "list"]);
    let names: Vec<&str> =
        list["agents"].as_array().unwrap().iter().filter_map(|a| a["name"].as_str()).collect();
    assert_eq!(names, ["helper", "other"], "{list}");
    let facts = home.json(&["agent", "show", "helper"]);
    assert!(facts["abilities"].as_array().unwrap().contains(&json!("greeting")), "{facts}");
    let target = repository(&home).display().to_string();
    let shown = home.ok(&["run", "do it", "--agent", "helper", "--target", &target]);
    assert!(shown.contains("hello from the demo"), "{shown}");
    home.fails(&["agent", "show", "nobody"], 4);
}
