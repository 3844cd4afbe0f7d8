//! What an installed Orkestra brings along: completions and manual pages.

use crate::harness::{Home, text};
use std::io::Write;
use std::process::Stdio;

/// Lets a shell read a script without carrying it out; nothing where the shell is not installed.
fn parsed_by(home: &Home, shell: &str, script: &str) {
    let child = home
        .command(shell)
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: {shell} is not installed, so its completions were not parsed");
        return;
    };
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{shell}: {}", text(&output.stderr));
}

#[test]
fn completions_name_every_verb_and_parse() {
    let home = Home::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(&["completions", shell]);
        for verb in ["status", "unit", "logs", "audit", "completions", "signal"] {
            assert!(script.contains(verb), "{shell} lacks {verb}");
        }
        if matches!(shell, "bash" | "zsh" | "fish") {
            parsed_by(&home, shell, &script);
        }
    }
    home.fails(&["completions", "tcsh"], 2);
}

#[test]
fn man_has_a_page_for_each_verb() {
    let home = Home::new("");
    let first = home.ok(&["man"]);
    assert!(first.contains(".TH orkestra 1"), "{first}");
    let help = home.ok(&["--help"]);
    let (_, list) = help.split_once("\nCommands:\n").expect("commands");
    let verbs: Vec<_> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    let written = home.json(&["man", "--dir", "pages"]);
    assert!(written["files"].as_array().is_some_and(|files| files.len() > verbs.len()));
    for verb in verbs {
        assert!(first.contains(&format!("orkestra\\-{verb}(1)")), "the first page lacks {verb}");
        let page = std::fs::read_to_string(home.dir.join(format!("pages/orkestra-{verb}.1")))
            .unwrap_or_else(|error| panic!("{verb}: {error}"));
        assert!(page.contains(".SH SYNOPSIS") && page.contains(verb), "{verb}: {page}");
    }
    assert!(home.dir.join("pages/orkestra-unit-start.1").exists());
}
