//! Paths and waiting times inside vendors' texts.

use std::path::PathBuf;
use std::time::Duration;

/// The absolute path in quotes, double or single, that follows this phrase.
pub(super) fn quoted_after(text: &str, phrase: &str) -> Option<PathBuf> {
    let starts = text.match_indices(phrase).filter_map(|(at, _)| text.get(at + phrase.len()..));
    let paths = starts.filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| *c == '"' || *c == '\'')?;
        let inside = rest.get(1..)?.split(quote).next()?;
        inside.starts_with('/').then(|| PathBuf::from(inside))
    });
    paths.into_iter().next()
}

/// The absolute path that follows this phrase, up to a comma.
pub(super) fn path_after(text: &str, phrase: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once(phrase)?;
    let path = rest.split(", but").next()?.trim();
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The absolute path that stands before this phrase, in quotes or as a word.
pub(super) fn path_before(text: &str, phrase: &str) -> Option<PathBuf> {
    let (before, _) = text.split_once(phrase)?;
    let line = before.lines().next_back()?;
    let quoted = line.trim_end_matches(['\'', '"', '’', '‘']);
    let word = if quoted.len() < line.len() {
        quoted.rsplit(['\'', '"', '‘']).next()?
    } else {
        line.rsplit(char::is_whitespace).next()?
    };
    word.starts_with('/').then(|| PathBuf::from(word))
}

/// How long to wait, where a text says so: `retry after 1s`, `try again in 20.5 seconds`.
pub(super) fn wait_in(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let rest = ["retry after ", "retry-after: ", "retrying after ", "try again in ", "retry in "]
        .iter()
        .find_map(|phrase| lower.split_once(phrase).map(|(_, rest)| rest))?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let number: f64 = rest.get(..end)?.trim_end_matches('.').parse().ok()?;
    let unit = rest.get(end..)?.trim_start();
    let factor = match unit {
        unit if unit.starts_with("ms") => 0.001,
        unit if unit.starts_with('m') => 60.0,
        unit if unit.starts_with('h') => 3600.0,
        unit if unit.starts_with('d') => 86_400.0,
        _ => 1.0,
    };
    Duration::try_from_secs_f64(number * factor).ok()
}
