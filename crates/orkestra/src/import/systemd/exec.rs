//! `ExecStart=` and what it may begin with.

use super::File;
use crate::import::words;
use std::collections::BTreeMap;

/// The command of a unit; several become one line for the shell.
pub(super) fn command(
    file: &File<'_>,
    env: &BTreeMap<String, String>,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, String> {
    let lines = file.all("ExecStart");
    let mut commands = Vec::new();
    for line in lines {
        let argv = one(file, line, env, notes)
            .filter(|argv| !argv.is_empty())
            .ok_or_else(|| file.source.wrong(1, &format!("ExecStart={line}: not understood")))?;
        commands.push(argv);
    }
    match commands.len() {
        0 => Err(file.source.wrong(1, "it has no ExecStart")),
        1 => Ok(commands.remove(0)),
        _ => {
            let lines: Vec<_> = commands
                .iter()
                .map(|argv| {
                    argv.iter().map(|word| words::quote(word)).collect::<Vec<_>>().join(" ")
                })
                .collect();
            Ok(vec!["sh".to_owned(), "-c".to_owned(), lines.join(" && ")])
        }
    }
}

fn one(
    file: &File<'_>,
    line: &str,
    env: &BTreeMap<String, String>,
    notes: &mut Vec<String>,
) -> Option<Vec<String>> {
    let mut rest = line;
    let (mut own_name, mut verbatim) = (false, false);
    while let Some(prefix) = rest.chars().next().filter(|c| "-@+!:|".contains(*c)) {
        rest = rest.get(1..).unwrap_or_default();
        let mut note =
            |what: &str| notes.push(format!("{}: ExecStart={prefix}…: {what}", file.name));
        match prefix {
            '-' => note("a failure counts as one"),
            '@' => own_name = true,
            ':' => verbatim = true,
            '+' | '!' => note("it has no other rights than the unit's user"),
            _ => note("there is nothing like it here"),
        }
    }
    let mut argv = words::split(rest.trim_start())?;
    if own_name && argv.len() > 1 {
        let name = argv.remove(1);
        notes.push(format!(
            "{}: ExecStart=@: it is not called {name:?}, but by its path",
            file.name
        ));
    }
    if verbatim {
        return Some(argv);
    }
    let mut out = Vec::new();
    for word in argv {
        // A word `$NAME` becomes as many words as its value has; `${NAME}` stays within one.
        let alone = word.strip_prefix('$').filter(|name| is_name(name));
        match alone.and_then(|name| env.get(name)) {
            Some(value) => out.extend(value.split_whitespace().map(str::to_owned)),
            None => out.push(inside(file, &word, env, notes)),
        }
    }
    Some(out)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn inside(
    file: &File<'_>,
    word: &str,
    env: &BTreeMap<String, String>,
    notes: &mut Vec<String>,
) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        if let Some(tail) = tail.strip_prefix("$$") {
            out.push('$');
            rest = tail;
            continue;
        }
        let braced = tail.strip_prefix("${").and_then(|tail| tail.split_once('}'));
        match braced.and_then(|(name, tail)| Some((env.get(name)?, tail))) {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                notes.push(format!(
                    "{}: ExecStart: {word:?} has a variable that the unit does not set; it stands here as it is",
                    file.name
                ));
                out.push('$');
                rest = tail.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}
