//! What a person cannot see in a text, made visible: who approves must see what they approve.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longer runs of blanks push what follows out of sight.
const BLANKS_MAX: usize = 24;

/// Longer runs of empty lines do the same.
const LINES_MAX: usize = 6;

/// What kind of character it is, if a person cannot see it or takes it for another.
fn hidden(c: char) -> Option<&'static str> {
    Some(match c {
        '\n' | '\t' => return None,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "control character",
        '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => "zero width",
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "changes the direction of text"
        }
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            "looks like a blank"
        }
        '\u{2028}' | '\u{2029}' => "line end",
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2061}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => "invisible",
        _ => return None,
    })
}

/// A text as a person may look at it: each character that cannot be seen stands as `⟦U+200B⟧`, long
/// runs of blanks and empty lines as their number.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if hidden(c).is_some() {
            // Writing into a text cannot fail.
            let _written = write!(shown, "⟦U+{:04X}⟧", u32::from(c));
            continue;
        }
        let (most, word) = match c {
            ' ' | '\t' => (BLANKS_MAX, "blanks"),
            '\n' => (LINES_MAX, "line ends"),
            _ => {
                shown.push(c);
                continue;
            }
        };
        let mut run = String::from(c);
        let alike = |next: char| match c {
            '\n' => next == '\n',
            _ => next == ' ' || next == '\t',
        };
        while let Some(next) = rest.next_if(|next| alike(*next)) {
            run.push(next);
        }
        let count = run.chars().count();
        if count > most {
            let _written = write!(shown, "⟦{count} {word}⟧");
            if c == '\n' {
                shown.push('\n');
            }
        } else {
            shown += &run;
        }
    }
    shown
}

/// The same for every text in a value.
pub fn visible_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(visible(text)),
        Value::Array(items) => Value::Array(items.iter().map(visible_value).collect()),
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, value)| (visible(key), visible_value(value))).collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What cannot be seen in a value, as `U+202E changes the direction of text`, and how often.
pub fn hidden_in(value: &Value) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    look(value, &mut found);
    found
}

fn look(value: &Value, found: &mut BTreeMap<String, usize>) {
    let mut text = |text: &str| {
        for c in text.chars() {
            if let Some(what) = hidden(c) {
                *found.entry(format!("U+{:04X} {what}", u32::from(c))).or_default() += 1;
            }
        }
    };
    match value {
        Value::String(said) => text(said),
        Value::Array(items) => items.iter().for_each(|item| look(item, found)),
        Value::Object(map) => {
            map.keys().for_each(|key| text(key));
            map.values().for_each(|value| look(value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_stays_hidden() {
        let cases = [
            ("git push", "git push"),
            ("rm\u{200b} -rf x", "rm⟦U+200B⟧ -rf x"),
            ("a\u{202e}fdp.exe", "a⟦U+202E⟧fdp.exe"),
            ("a\rb\u{1b}[2K", "a⟦U+000D⟧b⟦U+001B⟧[2K"),
            ("tag\u{e0041}", "tag⟦U+E0041⟧"),
            ("a\u{a0}b", "a⟦U+00A0⟧b"),
            ("ein Gruß – «ja» 日本", "ein Gruß – «ja» 日本"),
            ("a\n\tb\n", "a\n\tb\n"),
        ];
        for (text, shown) in cases {
            assert_eq!(visible(text), shown);
        }
        let far = format!("ls{}; rm x{}y", " ".repeat(200), "\n".repeat(50));
        assert_eq!(visible(&far), "ls⟦200 blanks⟧; rm x⟦50 line ends⟧\ny");
        let value = json!({"a": ["x\u{200b}\u{200b}", 1], "\u{202e}": null});
        assert_eq!(
            hidden_in(&value),
            BTreeMap::from([
                ("U+200B zero width".to_owned(), 2),
                ("U+202E changes the direction of text".to_owned(), 1),
            ])
        );
        assert_eq!(visible_value(&value), json!({"a": ["x⟦U+200B⟧⟦U+200B⟧", 1], "⟦U+202E⟧": null}));
    }
}
