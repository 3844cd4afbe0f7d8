//! The name of what is asked: a hash over its canonical form.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// JSON with sorted keys and no blanks: equal values have equal texts.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            text.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                *text += &Value::from(key.as_str()).to_string();
                text.push(':');
                write(map.get(key).unwrap_or(&Value::Null), text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            *text += &value.to_string();
        }
    }
}

fn digest(value: &Value) -> String {
    let bytes = Sha256::digest(canonical(value).as_bytes());
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a text cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// The hash of an action: its agent, worktree, folder, tool and arguments.
pub fn hash_of(agent: &str, worktree: &str, cwd: &str, tool: &str, input: &Value) -> String {
    digest(&json!({"v": 1, "agent": agent, "worktree": worktree, "cwd": cwd, "tool": tool,
        "input": input}))
}

/// The hash of what an action is apart from whose it is: equal for runs that ask the same thing,
/// each in its own worktree.
pub fn group_of(worktree: &str, cwd: &str, tool: &str, input: &Value) -> String {
    let mut input = input.clone();
    neutral(&mut input, worktree);
    digest(&json!({"v": 1, "cwd": replaced(cwd, worktree), "tool": tool, "input": input}))
}

/// The worktree's path in a text, where it is that path and not the beginning of another name.
fn replaced(text: &str, worktree: &str) -> String {
    if worktree.is_empty() {
        return text.to_owned();
    }
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(worktree) {
        let (before, after) = rest.split_at(place);
        let after = after.get(worktree.len()..).unwrap_or_default();
        made += before;
        let ends = after.chars().next().is_none_or(|next| {
            !next.is_alphanumeric() && next != '-' && next != '_' && next != '.'
        });
        // U+0000 cannot be part of a path, so nobody can write the stand-in.
        made += if ends { "\u{0}worktree" } else { worktree };
        rest = after;
    }
    made + rest
}

fn neutral(value: &mut Value, worktree: &str) {
    match value {
        Value::String(text) => *text = replaced(text, worktree),
        Value::Array(items) => items.iter_mut().for_each(|item| neutral(item, worktree)),
        Value::Object(map) => map.values_mut().for_each(|item| neutral(item, worktree)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
