//! The exact arguments with which each agent program is started.

use crate::harness::Home;
use crate::support::repository;

/// A program that writes down how it was started, one word per line, and what it was told.
const RECORDER: &str = "#!/bin/sh\n\
    { for word in \"$@\"; do printf '%s\\n' \"$word\"; done; } > \"$RECORD_TO\"\n\
    cat > \"$RECORD_TO.prompt\"\n\
    pwd > \"$RECORD_TO.cwd\"\n\
    env > \"$RECORD_TO.env\"\n";

#[test]
fn row_052_a_fake_cli_on_the_path_records_exactly_the_arguments_of_each_agent() {
    let mut home = Home::new("");
    let bin = home.dir.join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    for name in ["claude", "codex", "gemini"] {
        home.script(&format!("bin/{name}"), RECORDER);
    }
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
    home.env.push(("PATH".to_owned(), path));
    // What an agent inherits from one that runs Orkestra must not reach it.
    for name in ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "GEMINI_CLI", "CODEX_SANDBOX"] {
        home.env.push((name.to_owned(), "1".to_owned()));
    }
    let dir = home.dir.join("records");
    std::fs::create_dir(&dir).expect("a folder that the agents may write");
    let record = |name: &str| dir.join(format!("{name}.record"));
    let yaml: String = ["claude", "codex", "gemini"]
        .iter()
        .map(|name| {
            let to = record(name);
            format!(
                "  {name}: {{ kind: {name}, model: m, args: [--last], env: {{ RECORD_TO: \"{}\" }}, sandbox: {{ write: [./records] }} }}\n",
                to.display()
            )
        })
        .collect();
    // What they write down lies outside of where agents may write.
    let open = dir.display();
    home.configure(&format!("sandbox: {{ write: [\"{open}\"] }}\nagents:\n{yaml}"));
    home.up();
    let target = repository(&home).display().to_string();
    for name in ["claude", "codex", "gemini"] {
        let run = home.json(&["run", "do it", "--agent", name, "--target", &target, "--detach"]);
        let id = run["id"].as_str().expect("an id").to_owned();
        let read = |what: &str| {
            let path = record(name).with_extension(what);
            home.wait("the record", || std::fs::read_to_string(&path).ok())
        };
        // Written last, so all is there.
        let env = home.wait("the environment", || {
            std::fs::read_to_string(record(name).with_extension("record.env"))
                .ok()
                .filter(|env| env.contains("RECORD_TO="))
        });
        let run = home.json(&["run", "show", &id]);
        let words = read("record");
        let words: Vec<&str> = words.lines().collect();
        // A new id for each attempt; the vendor keeps the conversation under it.
        let at = words.iter().position(|word| *word == "--session-id");
        let session = at.and_then(|at| words.get(at + 1)).copied().unwrap_or_default();
        assert_eq!(session.len(), if name == "codex" { 0 } else { 36 }, "{words:?}");
        assert_row(name, &words, session);
        assert!(read("record.prompt").contains("do it"), "{name}");
        let worktree = run["worktree"].as_str().expect("a worktree");
        assert_eq!(read("record.cwd").trim(), worktree, "{name}");
        assert!(env.lines().any(|line| line == format!("PWD={worktree}")), "{name}: {env}");
        for gone in ["CLAUDECODE=", "CLAUDE_CODE_ENTRYPOINT=", "GEMINI_CLI=", "CODEX_SANDBOX="] {
            let kept = env.lines().any(|line| line.starts_with(gone));
            let own = gone.to_lowercase().starts_with(name);
            assert!(!(kept && own), "{name} inherits {gone}");
        }
    }
}

/// The words, those apart that connect the hooks, where they are connected.
fn assert_row(name: &str, words: &[&str], session: &str) {
    let hooked = words.iter().any(|word| word.contains("PreToolUse"));
    let expected: Vec<&str> = match name {
        "claude" => {
            let mode = if hooked { "default" } else { "acceptEdits" };
            let mut list =
                vec!["-p", "--output-format", "stream-json", "--verbose", "--session-id", session];
            list.extend(["--permission-mode", mode, "--model", "m", "--last"]);
            list
        }
        "codex" => {
            // With our sandbox around it, its own is off.
            let sandbox = words.get(4).copied().unwrap_or_default();
            assert!(["workspace-write", "danger-full-access"].contains(&sandbox), "{words:?}");
            vec!["exec", "--json", "--skip-git-repo-check", "-s", sandbox, "-m", "m", "--last", "-"]
        }
        _ => {
            let mode = words.get(4).copied().unwrap_or_default();
            assert!(["auto_edit", "yolo"].contains(&mode), "{words:?}");
            let mut list = vec!["-o", "stream-json", "--skip-trust", "--approval-mode", mode];
            list.extend(["--session-id", session, "-m", "m", "--last"]);
            list
        }
    };
    let mut rest = words.to_vec();
    if hooked && name == "claude" {
        let at = rest.iter().position(|word| *word == "--settings").expect("the settings");
        rest.drain(at..at + 2);
    }
    if hooked && name == "codex" {
        let at = rest.iter().position(|word| word.starts_with("hooks.PreToolUse")).expect("it");
        assert_eq!(rest.get(at + 1), Some(&"--dangerously-bypass-hook-trust"));
        rest.drain(at - 1..at + 2);
    }
    assert_eq!(rest, expected, "{name}");
}
