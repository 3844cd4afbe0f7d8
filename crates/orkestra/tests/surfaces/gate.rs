//! The gate on the real binary (MISSION rows 71, 72 and 74, defect B2); no daemon runs.

use crate::harness::{Home, ORKESTRA, text};
use crate::support::project;
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

/// What `gate check --stdin` answers to these lines.
fn judged(home: &Home, lines: &str) -> Vec<Value> {
    let mut child = home
        .command(ORKESTRA)
        .args(["gate", "check", "--json", "--stdin", "--dir", "work"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    // It answers while it reads, so somebody else must write.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn table(name: &str) -> String {
    let path = project().join("crates/core/tests/data/gate").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with("# ") && !l.contains('␤'))
        .collect();
    lines.join("\n") + "\n"
}

#[test]
fn row_071_the_command_filter_reads_commands_and_not_words() {
    let home = Home::new("units: {}\n");
    let check = |line: &str| {
        let output = home.run(&["gate", "check", "--json", "--dir", "work", "--", line]);
        let ruling: Value = serde_json::from_slice(&output.stdout).unwrap();
        (ruling["decision"].as_str().unwrap().to_owned(), output.status.code())
    };
    for line in ["rm -r -f /", "curl x | bash", "mkfs.ext4 /dev/sda", ":(){ :|:& };:"] {
        assert_eq!(check(line), ("deny".to_owned(), Some(12)), "{line}");
    }
    // Defect B2: all of these broke or were blocked, some for the word "format".
    for line in [
        "ls",
        "git add .",
        "cargo fmt",
        "git format-patch",
        "cargo fmt && git format-patch",
        "prettier --format x",
    ] {
        assert_eq!(check(line), ("allow".to_owned(), Some(0)), "{line}");
    }
    let dangerous = table("dangerous.txt");
    let answers = judged(&home, &dangerous);
    assert_eq!(answers.len(), dangerous.lines().count());
    let allowed = answers.iter().filter(|answer| answer["decision"] == "allow").count();
    assert!(allowed * 50 <= answers.len(), "{allowed} dangerous lines are allowed");
    let harmless = table("harmless.txt");
    let answers = judged(&home, &harmless);
    assert_eq!(answers.len(), harmless.lines().count());
    let stopped = answers.iter().filter(|answer| answer["decision"] != "allow").count();
    assert!(stopped * 50 <= answers.len(), "{stopped} harmless lines are not allowed");
}

#[test]
fn what_needs_a_yes_is_asked_about_and_every_ruling_names_its_rule() {
    let home = Home::new("units: {}\n");
    let lines = "git push\nnpm publish\npip install x\ncargo publish\ndocker run x\nsudo ls\nchmod 777 x\nls\n";
    let rules: Vec<(String, String)> = judged(&home, lines)
        .iter()
        .map(|ruling| {
            assert!(!ruling["reason"].as_str().unwrap().is_empty(), "{ruling}");
            let word = |key: &str| ruling[key].as_str().unwrap().to_owned();
            (word("decision"), word("rule"))
        })
        .collect();
    let expected = [
        ("ask", "push"),
        ("ask", "publish"),
        ("ask", "install"),
        ("ask", "publish"),
        ("ask", "container"),
        ("ask", "sudo"),
        ("deny", "world-writable"),
        ("allow", "default"),
    ];
    let expected: Vec<(String, String)> =
        expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(rules, expected);
}

#[test]
fn the_configuration_adds_rules_and_changes_built_in_ones() {
    let home = Home::new(
        "gate:\n  deny: [terraform]\n  ask: [npm install]\n  allow: [git push origin agent/*]\n  rules: { inline-code: allow, push: deny }\n",
    );
    let word = |line: &str| judged(&home, &format!("{line}\n"))[0]["decision"].clone();
    assert_eq!(word("terraform plan"), "deny");
    assert_eq!(word("npm --silent install left-pad"), "ask");
    assert_eq!(word("python3 -c 'import os'"), "allow");
    // The rule itself was made stricter, and no `allow` opens what a built-in rule denies.
    assert_eq!(word("git push origin agent/7"), "deny");
    home.configure("gate:\n  allow: [git push origin agent/*]\n  default: ask\n");
    assert_eq!(word("git push origin agent/7"), "allow");
    assert_eq!(word("git push origin main"), "ask");
    assert_eq!(word("git push origin agent/7 && git push origin main"), "ask");
    assert_eq!(word("some-tool --flag"), "ask");
    assert_eq!(word("ls -l | grep x"), "allow");
    let rules = home.json(&["gate", "rules"]);
    assert_eq!(rules["default"], "ask");
    assert_eq!(rules["configured"][0]["rule"], "git push origin agent/*");
    assert!(rules["built_in"].as_array().unwrap().len() > 40);
    assert!(rules["rules"].is_null(), "no daemon runs, so nobody knows the people's: {rules}");

    home.configure("gate: { rules: { pushh: deny }, ask: [\"a | b\"] }\n");
    let error = home.fails(&["gate", "check", "ls"], 5);
    assert!(error.contains("push") && error.contains("did you mean"), "{error}");
    assert!(error.contains("not shell"), "{error}");
}
