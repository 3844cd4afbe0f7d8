//! What is wrong with a configuration, where, and what to do: rendered like a compiler does.

use super::redact;
use super::yaml::Place;
use serde_json::{Value, json};
use std::fmt::{self, Write};
use std::path::Path;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The configuration is refused.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The file as a person would call it; `None` when it is not in a file.
    pub(crate) file: Option<String>,
    /// Where in the file, environment or command line.
    pub(crate) place: Option<Place>,
    /// The key, for example `units.web.restart.max`; empty when it concerns none.
    pub(crate) path: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) expected: Option<String>,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// The line of the file, secrets hidden.
    pub(crate) excerpt: Option<String>,
}

impl Problem {
    /// An error at no particular place.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: None,
            place: None,
            path: String::new(),
            message: message.into(),
            expected: None,
            hint: None,
            excerpt: None,
        }
    }

    /// An error at a place.
    pub(crate) fn at(place: Place, message: impl Into<String>) -> Self {
        Self { place: Some(place), ..Self::new(message) }
    }

    /// With the key it concerns.
    pub(crate) fn key(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// With what would be right.
    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// With what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As a warning.
    pub(crate) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The line in the file, from 1.
    pub(crate) fn line(&self) -> Option<usize> {
        match &self.place {
            Some(Place::File { line, .. }) => Some(*line),
            _ => None,
        }
    }

    /// The column in the file in characters, from 1.
    pub(crate) fn column(&self) -> Option<usize> {
        match &self.place {
            Some(Place::File { column, .. }) => Some(*column),
            _ => None,
        }
    }

    /// Adds the name of the file and the line in question.
    pub(crate) fn in_file(&mut self, file: &str, lines: &[&str]) {
        if let Some(line) = self.line() {
            self.file = Some(file.to_owned());
            self.excerpt = lines.get(line.saturating_sub(1)).map(|text| redact::line(text));
        }
    }

    /// The problem for a person, with a line end.
    pub(crate) fn render(&self, color: bool) -> String {
        let paint = Paint { on: color };
        let (word, code) = match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
        };
        let mut out = format!(
            "{}{}\n",
            paint.with(code, word),
            paint.with("1", &format!(": {}", clean(&self.message)))
        );
        // Writing to a String cannot fail.
        let gutter = self.line().map_or(1, |line| line.to_string().len());
        let blank = " ".repeat(gutter);
        let arrow = paint.with("1;34", "-->");
        let bar = paint.with("1;34", "|");
        match (&self.place, &self.file) {
            (Some(Place::File { line, column, width }), Some(file)) => {
                let _ = writeln!(out, "{blank}{arrow} {}:{line}:{column}", clean(file));
                if let Some(excerpt) = &self.excerpt {
                    let (text, before, width) = crop(excerpt, *column, *width);
                    let number = paint.with("1;34", &format!("{line} |"));
                    let carets = paint.with(code, &"^".repeat(width));
                    let label = self.expected.as_deref().map(|e| format!(" expected {}", clean(e)));
                    let label = paint.with(code, &label.unwrap_or_default());
                    let _ = writeln!(out, "{blank} {bar}");
                    let _ = writeln!(out, "{number} {text}");
                    let _ = writeln!(out, "{blank} {bar} {}{carets}{label}", " ".repeat(before));
                }
            }
            (Some(Place::Env(name)), _) => {
                let _ = writeln!(out, "{blank}{arrow} environment variable {}", clean(name));
            }
            (Some(Place::Flag(name)), _) => {
                let _ = writeln!(out, "{blank}{arrow} flag {}", clean(name));
            }
            (_, Some(file)) => {
                let _ = writeln!(out, "{blank}{arrow} {}", clean(file));
            }
            (_, None) => {}
        }
        let note = paint.with("1;34", "=");
        if let Some(expected) = self.expected.as_deref().filter(|_| self.excerpt.is_none()) {
            let _ = writeln!(out, "{blank} {note} expected {}", clean(expected));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{blank} {note} help: {}", clean(hint));
        }
        out
    }

    /// The problem for a program.
    pub(crate) fn to_json(&self) -> Value {
        let source = match &self.place {
            Some(Place::Env(name)) => json!({"environment": name}),
            Some(Place::Flag(name)) => json!({"flag": name}),
            Some(Place::File { .. }) | None => Value::Null,
        };
        json!({
            "severity": match self.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            "file": self.file,
            "line": self.line(),
            "column": self.column(),
            "source": source,
            "key": self.path,
            "message": self.message,
            "expected": self.expected,
            "hint": self.hint,
        })
    }
}

/// Everything that is wrong, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errors {
    /// At least one error, and the warnings.
    pub(crate) problems: Vec<Problem>,
}

impl Errors {
    /// The problems for a person, with a last line that counts them.
    pub(crate) fn render(&self, color: bool) -> String {
        let mut out = render_all(&self.problems, color);
        let count = self.problems.iter().filter(|p| p.severity == Severity::Error).count();
        let noun = if count == 1 { "error" } else { "errors" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{count} {noun} in the configuration");
        out
    }

    /// The problems for a program: a list.
    pub(crate) fn to_json(&self) -> Value {
        self.problems.iter().map(Problem::to_json).collect()
    }
}

impl From<Problem> for Errors {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for Errors {
    /// One line: the first error with its place, and how many more there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut errors = self.problems.iter().filter(|p| p.severity == Severity::Error);
        if let Some(first) = errors.next() {
            match (&first.file, first.line(), first.column()) {
                (Some(file), Some(line), Some(column)) => {
                    write!(f, "{}:{line}:{column}: ", clean(file))?;
                }
                (Some(file), _, _) => write!(f, "{}: ", clean(file))?,
                (None, _, _) => {}
            }
            f.write_str(&clean(&first.message))?;
        }
        match errors.count() {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more error)"),
            more => write!(f, " (and {more} more errors)"),
        }
    }
}

impl std::error::Error for Errors {}

/// Several problems for a person, with blank lines between them.
pub(crate) fn render_all(problems: &[Problem], color: bool) -> String {
    problems.iter().map(|p| p.render(color)).collect::<Vec<_>>().join("\n")
}

/// A path as a person would call it: relative when it lies in the working directory.
pub(crate) fn display_path(path: &Path, cwd: &Path) -> String {
    path.strip_prefix(cwd).unwrap_or(path).display().to_string()
}

struct Paint {
    on: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Text from outside may not steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// How many characters of a long line are shown, and how many of them stand before the column.
const EXCERPT_CHARS: usize = 120;
const EXCERPT_BEFORE: usize = 60;

/// The interesting part of a line, how much of it comes before the place, and the width of the
/// place in it.
fn crop(line: &str, column: usize, width: usize) -> (String, usize, usize) {
    let start = column.saturating_sub(1);
    let blank = |c: char| if c == '\t' { ' ' } else { c };
    let all: Vec<char> = clean(&line.chars().map(blank).collect::<String>()).chars().collect();
    let skip = if all.len() > EXCERPT_CHARS { start.saturating_sub(EXCERPT_BEFORE) } else { 0 };
    let mut text: String = all.iter().skip(skip).take(EXCERPT_CHARS).collect();
    let mut before = start - skip.min(start);
    if skip > 0 {
        text.insert_str(0, "… ");
        before += 2;
    }
    let rest = text.chars().count().saturating_sub(before).max(1);
    if all.len() > skip + EXCERPT_CHARS {
        text.push_str(" …");
    }
    (text.trim_end().to_owned(), before, width.clamp(1, rest))
}
