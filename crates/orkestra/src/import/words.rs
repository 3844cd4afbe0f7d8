//! Splitting lines into words, and files of variables.

use std::collections::BTreeMap;

/// Whether only a shell understands this line.
pub(super) fn needs_shell(line: &str) -> bool {
    let assigns = line
        .split_whitespace()
        .next()
        .is_some_and(|word| word.split('/').next().is_some_and(|head| head.contains('=')));
    assigns
        || line.contains([
            '$', '`', '|', '&', ';', '<', '>', '(', ')', '*', '?', '[', '~', '{', '#', '!',
        ])
}

/// Splits as a shell does, without expanding anything; nothing if a quote is left open.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// A word as a shell reads it back.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A file of variables: `NAME=value` lines, `export`, quotes, comments.
pub(super) fn variables(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name.contains(char::is_whitespace) {
            continue;
        }
        found.insert(name.to_owned(), unquote(value));
    }
    found
}

fn unquote(value: &str) -> String {
    let inside = |quote: char| {
        let rest = value.strip_prefix(quote)?;
        rest.find(quote).and_then(|end| rest.get(..end))
    };
    if let Some(text) = inside('\'') {
        return text.to_owned();
    }
    if value.starts_with('"')
        && let Some(words) =
            split(value.split(" #").next().unwrap_or(value)).or_else(|| split(value))
        && let [word] = words.as_slice()
    {
        return word.replace("\\n", "\n");
    }
    value.split(" #").next().unwrap_or(value).trim_end().to_owned()
}
