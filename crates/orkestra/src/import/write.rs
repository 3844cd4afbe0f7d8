//! Writing units as `orkestra.yaml`.

use super::Imported;
use serde_json::Value;
use std::fmt::Write;

pub(super) fn yaml(imported: &Imported, from: &[String]) -> String {
    let mut out = format!("# Imported by Orkestra from {}.\n", comment(&from.join(", ")));
    if !imported.notes.is_empty() {
        out += "#\n# What has no counterpart, or is done in another way:\n";
        for note in &imported.notes {
            let _never = writeln!(out, "# - {}", comment(note));
        }
    }
    out.push('\n');
    if !imported.env.is_empty() {
        out += "env:\n";
        for (name, value) in &imported.env {
            let _never = writeln!(out, "  {}: {}", key(name), variable(value));
        }
        out.push('\n');
    }
    out += "units:\n";
    for unit in &imported.units {
        if let Some(about) = &unit.about {
            let _never = writeln!(out, "  # {}", comment(about));
        }
        let _never = writeln!(out, "  {}:", key(&unit.name));
        for (name, value) in &unit.fields {
            match value {
                Value::Object(map) if map.is_empty() => {}
                Value::Object(map) if name == "env" || map.len() > 3 => {
                    let _never = writeln!(out, "    {name}:");
                    for (key_name, value) in map {
                        let shown = match value.as_str().filter(|_| name == "env") {
                            Some(text) => variable(text),
                            None => flow(value),
                        };
                        let _never = writeln!(out, "      {}: {shown}", key(key_name));
                    }
                }
                value => {
                    let _never = writeln!(out, "    {name}: {}", flow(value));
                }
            }
        }
    }
    out
}

/// A text that cannot leave its comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A plain word is not quoted; anything else is quoted as JSON, which YAML reads.
fn plain(text: &str) -> bool {
    let special = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "none"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || "/.".contains(c))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && text.chars().any(|c| c.is_ascii_alphanumeric())
        && !special.contains(&text.to_ascii_lowercase().as_str())
}

fn key(text: &str) -> String {
    if plain(text) { text.to_owned() } else { Value::from(text).to_string() }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if plain(text) => text.clone(),
        Value::String(text) if is_measure(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value of a variable. A text that begins like a reference to a secret is none in the old
/// file, so it says that it is none here.
fn variable(text: &str) -> String {
    if ["env:", "file:", "op://", "literal:"].iter().any(|word| text.starts_with(word)) {
        return Value::from(format!("literal:{text}")).to_string();
    }
    scalar(&Value::from(text))
}

/// `10s`, `512MiB`, `1m30s`
fn is_measure(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
        && !text.contains(['e', 'E', 'x', 'o'])
}

fn flow(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            format!("[{}]", list.iter().map(flow_quoted).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(name, value)| format!("{}: {}", key(name), flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => scalar(other),
    }
}

/// Words of a command are always quoted.
fn flow_quoted(value: &Value) -> String {
    value.to_string()
}
