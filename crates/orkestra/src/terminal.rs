//! The terminal: data on standard output, all else on standard error; colour only where a person
//! looks.

use std::io::{IsTerminal, Write};

/// Says something to the person, beside the data. A closed terminal is no reason to fail.
pub(crate) fn complain(text: &str) {
    let _closed = writeln!(std::io::stderr(), "{text}");
}

/// Prints data; false when nobody reads any more (`orkestra events -f | head`).
pub(crate) fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Prints a value as JSON, for programs.
pub(crate) fn print_json(value: &impl serde::Serialize) -> bool {
    serde_json::to_string_pretty(value).is_ok_and(|text| print(&text))
}

fn wants_color(is_terminal: bool) -> bool {
    #[allow(clippy::disallowed_methods, reason = "the binary may read the environment")]
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !no_color
}

/// Whether standard output is a terminal that shows colour.
pub(crate) fn has_color() -> bool {
    wants_color(std::io::stdout().is_terminal())
}

/// The same for standard error.
pub(crate) fn error_has_color() -> bool {
    wants_color(std::io::stderr().is_terminal())
}

/// The palette of all surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    /// Waiting, stopped.
    Grey,
    /// Working.
    Blue,
    /// Needs somebody, backing off.
    Amber,
    /// Running, verified.
    Green,
    /// Failed.
    Red,
}

/// Text in a colour, on standard output.
pub(crate) fn paint(color: Color, text: &str) -> String {
    if has_color() { escape(color, text) } else { text.to_owned() }
}

/// Text as an error, on standard error.
pub(crate) fn paint_error(text: &str) -> String {
    if error_has_color() { escape(Color::Red, text) } else { text.to_owned() }
}

fn escape(color: Color, text: &str) -> String {
    let code = match color {
        Color::Grey => "90",
        Color::Blue => "34",
        Color::Amber => "33",
        Color::Green => "32",
        Color::Red => "31",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A state's mark and colour.
pub(crate) fn mark(word: &str) -> (&'static str, Color) {
    match word {
        "running" => ("●", Color::Blue),
        // A claim, not a proof: green is for what was checked.
        "reported" => ("⚑", Color::Grey),
        "starting" | "stopping" | "preparing" => ("◐", Color::Blue),
        "backing_off" => ("↻", Color::Amber),
        "verified" => ("✓", Color::Green),
        "failed" | "refuted" => ("✗", Color::Red),
        _ => ("○", Color::Grey),
    }
}

/// A state's mark, word and colour: never colour alone.
pub(crate) fn state(word: &str) -> String {
    let (mark, color) = mark(word);
    paint(color, &format!("{mark} {}", word.replace('_', " ")))
}

/// Makes what a program wrote harmless for a terminal: control characters are shown, not obeyed.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\t' && c != '\n' { '\u{fffd}' } else { c })
        .collect()
}

/// Columns that align, whatever colours are in them. The last column is not padded.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = header.len();
    let mut widths: Vec<usize> = header.iter().map(|text| width(text)).collect();
    for row in rows {
        for (index, cell) in row.iter().enumerate().take(columns) {
            if let Some(known) = widths.get_mut(index) {
                *known = (*known).max(width(cell));
            }
        }
    }
    let line = |cells: Vec<String>| {
        let mut out = String::new();
        for (index, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if index + 1 < cells.len() {
                let pad = widths.get(index).copied().unwrap_or(0).saturating_sub(width(cell)) + 2;
                out.push_str(&" ".repeat(pad));
            }
        }
        out.trim_end().to_owned()
    };
    let mut lines =
        vec![paint(Color::Grey, &line(header.iter().map(|h| (*h).to_owned()).collect()))];
    lines.extend(rows.iter().map(|row| line(row.clone())));
    lines.join("\n")
}

/// Characters as shown: colour codes take no room.
fn width(text: &str) -> usize {
    let mut count = 0;
    let mut in_code = false;
    for c in text.chars() {
        match (in_code, c) {
            (false, '\x1b') => in_code = true,
            (true, 'm') => in_code = false,
            (true, _) => {}
            (false, _) => count += 1,
        }
    }
    count
}

/// A length of time for people.
pub(crate) fn duration(ms: u64) -> String {
    orkestra_core::span::Span::from_ms(ms).roughly()
}

/// The beginning of a text, on one line.
pub(crate) fn shorten(text: &str, chars: usize) -> String {
    let line = harmless(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if line.chars().count() <= chars {
        return line;
    }
    let mut cut: String = line.chars().take(chars.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// An amount of memory or disk for people: `512 MB`, `1.5 GB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, f64); 4] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)];
    let amount = bytes as f64;
    match UNITS.iter().find(|(_, size)| amount >= *size) {
        None => format!("{bytes} B"),
        Some((unit, size)) if amount / size < 9.95 => {
            let text = format!("{:.1}", amount / size);
            format!("{} {unit}", text.trim_end_matches(".0"))
        }
        Some((unit, size)) => format!("{:.0} {unit}", amount / size),
    }
}
