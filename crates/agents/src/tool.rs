//! What a tool call of an agent means: each vendor's tools in the words of the gate.
//!
//! The names of the vendors' tools do not collide, so the name says enough. A tool that is not known, or whose input has another form than
//! expected, becomes [`Action::Tool`], on which the gate asks: a changed vendor must not open the door.

use orkestra_core::gate::Action;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the tool `name` is about to do when called with `input` by an agent that works in `cwd`. Never empty: a call does at least one thing.
pub fn actions(name: &str, input: &Value, cwd: &Path) -> Vec<Action> {
    known(name, input, cwd)
        .filter(|found| !found.is_empty())
        .unwrap_or_else(|| vec![Action::Tool { name: name.to_owned(), input: input.clone() }])
}

fn known(name: &str, input: &Value, cwd: &Path) -> Option<Vec<Action>> {
    let path = |keys: &[&str]| text(input, keys).map(|path| at(cwd, path));
    let paths =
        || path(&["file_path", "path", "notebook_path", "filePath", "absolute_path", "filename"]);
    match name {
        // A shell: Claude Code; Gemini; Codex; Copilot and OpenCode; our own bridge.
        "Bash" | "bash" | "run_shell_command" | "shell" | "shell_command" | "exec_command"
        | "local_shell" | "local_shell_call" | "container.exec" | "execute" => {
            let folder = path(&["workdir", "working_directory", "cwd", "dir_path", "directory"])
                .unwrap_or_else(|| cwd.to_owned());
            command(input.get("command").or_else(|| input.get("cmd"))?, &folder)
        }
        // Input for a shell that is running: as good as a command.
        "write_stdin" => match text(input, &["chars"]) {
            None | Some("" | "\u{3}" | "\u{4}") => {
                Some(vec![Action::Read { path: cwd.to_owned() }])
            }
            Some(line) => {
                Some(vec![Action::Command { line: line.to_owned(), cwd: cwd.to_owned() }])
            }
        },
        "Write"
        | "Edit"
        | "MultiEdit"
        | "NotebookEdit"
        | "write_file"
        | "replace"
        | "edit_file"
        | "write"
        | "edit"
        | "create"
        | "str_replace_editor"
        | "str_replace_based_edit_tool"
        | "multiedit" => {
            let path = paths()?;
            let looks = matches!(input.get("command").and_then(Value::as_str), Some("view"));
            Some(vec![if looks { Action::Read { path } } else { Action::Write { path } }])
        }
        "delete_file" | "delete" => Some(vec![Action::Delete { path: paths()? }]),
        "Read" | "NotebookRead" | "read_file" | "read" | "view" | "view_image" => {
            Some(vec![Action::Read { path: paths()? }])
        }
        "read_many_files" => {
            let list = input.get("paths").or_else(|| input.get("include"))?.as_array()?;
            list.iter().map(|path| Some(Action::Read { path: at(cwd, path.as_str()?) })).collect()
        }
        // Folders are read; without a path it is the agent's own.
        "Glob"
        | "Grep"
        | "LS"
        | "list_directory"
        | "list_dir"
        | "glob"
        | "grep"
        | "search_file_content"
        | "grep_search"
        | "grep_files"
        | "list"
        | "ls"
        | "find_files" => {
            let folder = path(&["path", "dir_path", "directory"]).unwrap_or_else(|| cwd.to_owned());
            let mut found = vec![Action::Read { path: folder }];
            // A pattern may name a folder of its own.
            if let Some(pattern) = text(input, &["pattern"])
                && matches!(name, "Glob" | "glob" | "find_files")
                && (pattern.starts_with(['/', '~']) || pattern.contains(".."))
            {
                found.push(Action::Read { path: at(cwd, pattern) });
            }
            Some(found)
        }
        "WebFetch" | "webfetch" | "fetch" => {
            Some(vec![Action::Fetch { url: text(input, &["url"])?.to_owned() }])
        }
        "web_fetch" => match text(input, &["url"]) {
            Some(url) => Some(vec![Action::Fetch { url: url.to_owned() }]),
            None => fetches(text(input, &["prompt"])?),
        },
        "apply_patch" => patch(text(input, &["input", "patch", "patchText"])?, cwd),
        _ => None,
    }
}

/// The first of these keys that has a text.
fn text<'a>(input: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| input.get(*key).and_then(Value::as_str))
}

fn at(cwd: &Path, path: &str) -> PathBuf {
    // The tools do not expand `~`, but models write it, and it must not look like a folder of the worktree.
    if path.starts_with('~') { PathBuf::from(path) } else { cwd.join(path) }
}

/// A command as one text, or as the words of `execve`, of which a shell with `-c` is the usual first.
fn command(value: &Value, cwd: &Path) -> Option<Vec<Action>> {
    let line = match value {
        Value::String(line) => line.clone(),
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().map(Value::as_str).collect::<Option<_>>()?;
            if let Some(line) = patch_call(&words) {
                return patch(line, cwd);
            }
            words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        }
        _ => return None,
    };
    Some(vec![Action::Command { line, cwd: cwd.to_owned() }])
}

/// Codex passes patches through its shell tool too: `["apply_patch", TEXT]`.
fn patch_call<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        ["apply_patch" | "applypatch", patch] => Some(patch),
        _ => None,
    }
}

/// The word so that a shell reads it as one and unchanged.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The files of a patch in Codex' form.
fn patch(text: &str, cwd: &Path) -> Option<Vec<Action>> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.trim_start().strip_prefix("*** ") else { continue };
        let Some((what, path)) = rest.split_once(": ") else { continue };
        let path = at(cwd, path.trim());
        match what {
            "Add File" | "Update File" | "Move to" => found.push(Action::Write { path }),
            "Delete File" => found.push(Action::Delete { path }),
            _ => {}
        }
    }
    Some(found)
}

/// Gemini's `web_fetch` has the addresses in a prompt.
fn fetches(prompt: &str) -> Option<Vec<Action>> {
    Some(
        prompt
            .split(|letter: char| letter.is_whitespace() || "\"'<>()[]".contains(letter))
            .filter(|word| word.contains("://"))
            .map(|url| Action::Fetch { url: url.to_owned() })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(name: &str, input: Value) -> Vec<Action> {
        actions(name, &input, Path::new("/w"))
    }

    fn line(text: &str) -> Vec<Action> {
        vec![Action::Command { line: text.to_owned(), cwd: "/w".into() }]
    }

    #[test]
    fn shells_of_every_vendor_are_commands() {
        assert_eq!(
            rules("Bash", json!({"command": "ls -l", "description": "look"})),
            line("ls -l")
        );
        assert_eq!(rules("run_shell_command", json!({"command": "ls"})), line("ls"));
        assert_eq!(rules("exec_command", json!({"cmd": "ls"})), line("ls"));
        assert_eq!(rules("shell", json!({"command": "ls"})), line("ls"));
        assert_eq!(
            rules(
                "shell",
                json!({"command": ["bash", "-lc", "echo it's; rm -rf /"], "workdir": "sub"})
            ),
            [Action::Command {
                line: r"bash -lc 'echo it'\''s; rm -rf /'".to_owned(),
                cwd: "/w/sub".into()
            }]
        );
        assert_eq!(rules("write_stdin", json!({"chars": "rm -rf /\n"})), line("rm -rf /\n"));
    }

    #[test]
    fn files_are_paths_from_the_agents_folder() {
        assert_eq!(
            rules("Write", json!({"file_path": "/etc/hosts", "content": ""})),
            [Action::Write { path: "/etc/hosts".into() }]
        );
        assert_eq!(
            rules("edit_file", json!({"path": "../x"})),
            [Action::Write { path: "/w/../x".into() }]
        );
        assert_eq!(
            rules("Read", json!({"file_path": "a"})),
            [Action::Read { path: "/w/a".into() }]
        );
        assert_eq!(rules("list_dir", json!({})), [Action::Read { path: "/w".into() }]);
        assert_eq!(
            rules("Glob", json!({"pattern": "../../**"})),
            [Action::Read { path: "/w".into() }, Action::Read { path: "/w/../../**".into() }]
        );
    }

    #[test]
    fn a_patch_names_each_of_its_files() {
        let patch = "*** Begin Patch\n*** Add File: a\n+x\n*** Update File: b\n*** Move to: ../c\n*** Delete File: d\n*** End Patch";
        let expected = vec![
            Action::Write { path: "/w/a".into() },
            Action::Write { path: "/w/b".into() },
            Action::Write { path: "/w/../c".into() },
            Action::Delete { path: "/w/d".into() },
        ];
        assert_eq!(rules("apply_patch", json!({"input": patch})), expected);
        assert_eq!(rules("shell", json!({"command": ["apply_patch", patch]})), expected);
    }

    #[test]
    fn what_is_not_known_is_a_tool() {
        for (name, input) in [
            ("mcp__files__write", json!({"path": "/etc/passwd"})),
            ("Bash", json!({"script": "ls"})),
            ("Bash", json!({"command": 7})),
            ("Write", json!({})),
            ("apply_patch", json!({"input": "nothing"})),
        ] {
            assert_eq!(
                rules(name, input.clone()),
                [Action::Tool { name: name.to_owned(), input }],
                "{name}"
            );
        }
    }
}
