//! An agent that speaks the Agent Client Protocol: the real OpenCode, on a scripted model.

use crate::harness::{Home, ORKESTRA, text};
use crate::site::{Model, of};
use crate::support::{project, repository};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Where it is; `cargo xtask test` installs it and says where.
fn opencode() -> String {
    let path = std::env::var("ORKESTRA_TEST_OPENCODE").unwrap_or_default();
    assert!(
        Path::new(&path).exists(),
        "ORKESTRA_TEST_OPENCODE names no program ({path:?}): run `cargo xtask test`, or first \
         `eval \"$(cargo xtask agents)\"`, which install it"
    );
    path
}

/// Variables that lead it to the scripted model, with folders of its own.
fn vendor(home: &Home, url: &str, edit: &str) -> BTreeMap<String, String> {
    let vendor = home.dir.join("vendor");
    std::fs::create_dir_all(&vendor).expect("the vendor's folder");
    let config = json!({
        "provider": {"fake": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "fake",
            "options": {"baseURL": format!("{url}/v1"), "apiKey": "sk-test-not-a-key"},
            "models": {"scripted": {"name": "scripted", "limit": {"context": 200_000, "output": 8_000}}},
        }},
        "model": "fake/scripted",
        "small_model": "fake/scripted",
        "permission": {"edit": edit},
        "autoupdate": false,
        "share": "disabled",
    });
    let folder = |name: &str| vendor.join(name).display().to_string();
    let list = [
        ("HOME", vendor.display().to_string()),
        ("XDG_CONFIG_HOME", folder("config")),
        ("XDG_DATA_HOME", folder("data")),
        ("XDG_STATE_HOME", folder("state")),
        ("XDG_CACHE_HOME", folder("cache")),
        ("OPENCODE_CONFIG_CONTENT", config.to_string()),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1".to_owned()),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1".to_owned()),
    ];
    list.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A daemon with OpenCode on this script; `edit` is what it may do by itself.
fn house(script: &Value, edit: &str) -> (Home, Model, PathBuf) {
    let mut home = Home::new("");
    let model = Model::start(&home, script);
    let agent = json!({
        "kind": "acp",
        "command": [opencode(), "acp"],
        "env": vendor(&home, &model.url, edit),
    });
    home.configure(&json!({"agents": {"opencode": agent}}).to_string());
    home.up();
    let target = repository(&home);
    (home, model, target)
}

fn run(home: &Home, target: &Path) -> Value {
    let target = target.display().to_string();
    let args = ["run", "Write hello.txt", "--agent", "opencode", "--target", &target, "--detach"];
    let id = home.json(&args)["id"].as_str().expect("an id").to_owned();
    home.wait("the run's end", || {
        let run = home.json(&["run", "show", &id]);
        run["ended_at"].is_string().then_some(run)
    })
}

fn script() -> Value {
    let path = project().join("crates/fakes/scripts/write-file.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the script")).expect("JSON")
}

#[test]
fn the_real_opencode_writes_a_file_by_acp() {
    let (home, model, target) = house(&script(), "allow");
    let run = run(&home, &target);
    assert!(run["state"] == "reported" || run["state"] == "verified", "{run:#}");
    assert_eq!(run["raw_lines"], 0, "{run:#}");
    let texts: Vec<&Value> = of(&run, "text").iter().map(|event| &event["text"]).collect();
    assert_eq!(texts, ["I will write the file.", "The file is written."], "{run:#}");
    let (call, result) = (of(&run, "tool_call")[0], of(&run, "tool_result")[0]);
    assert!(call["input"].to_string().contains("hello from the fake model"), "{call}");
    assert_eq!((&result["id"], &result["is_error"]), (&call["id"], &json!(false)), "{result}");
    assert_eq!(of(&run, "file_change").len(), 1, "{run:#}");
    assert_eq!((of(&run, "started").len(), of(&run, "ended").len()), (1, 1));
    assert_eq!(of(&run, "ended")[0]["ok"], true, "{run:#}");
    let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
    let file = std::fs::read_to_string(worktree.join("hello.txt")).expect("the file");
    assert_eq!(file, "hello from the fake model\n");
    assert_eq!(model.requests().len(), 2);
    home.wait("no process", || home.processes().is_empty().then_some(()));
}

#[test]
fn what_opencode_asks_for_is_refused_when_nobody_can_be_asked() {
    let home = Home::new("");
    let model = Model::start(&home, &script());
    let work = home.dir.join("work");
    std::fs::create_dir_all(&work).expect("a folder");
    let mut command = home.command(ORKESTRA);
    command.current_dir(&work).env("PWD", &work).envs(vendor(&home, &model.url, "ask"));
    command
        .args(["agent-bridge", "--kind", "acp", "--agent", "a", "--session", "s"])
        .arg("--conversation")
        .arg(home.dir.join("bridge/conversation.jsonl"))
        .args(["--", &opencode(), "acp"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the bridge starts");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(b"Write hello.txt").expect("the prompt");
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    let lines = text(&output.stdout);
    let events: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let [asked] = of("permission_request")[..] else { panic!("{events:#?}") };
    assert!(asked["input"].to_string().contains("hello from the fake model"), "{asked}");
    assert_eq!(of("permission_denied").len(), 1, "{events:#?}");
    let ended = of("ended");
    assert_eq!(ended.len(), 1, "{events:#?}");
    assert_eq!(ended[0]["denials"][0]["message"], "nobody can be asked", "{}", ended[0]);
    assert!(!work.join("hello.txt").exists(), "it was not written");
}
