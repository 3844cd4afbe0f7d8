//! Variables of a command line: which texts they can have. Order and branches are not looked at; a variable can have every text that is put into
//! it anywhere in the line, so that a loop or a branch cannot hide one.

use super::shell::Flow;
use brush_parser::word::SubstringMatchKind;

/// What a variable can be.
#[derive(Clone, Debug, Default)]
pub(super) struct Variable {
    /// Its known texts.
    pub(super) values: Vec<String>,
    /// Its elements, if it is an array and set once.
    pub(super) array: Option<Vec<String>>,
    /// Whether it can be something else.
    pub(super) open: bool,
    /// What it is made from, where it is not known.
    pub(super) flow: Option<Flow>,
}

/// More than this many texts are too many to follow.
const VALUES_MAX: usize = 32;

impl Variable {
    pub(super) fn add(&mut self, value: String) {
        if self.array.is_some() || self.values.len() >= VALUES_MAX {
            self.open = true;
        } else if !self.values.contains(&value) {
            self.values.push(value);
        }
    }

    pub(super) fn set_array(&mut self, list: Vec<String>) {
        if self.array.is_some() || !self.values.is_empty() {
            self.open = true;
        }
        self.array = Some(list);
    }

    pub(super) fn lose(&mut self, flow: Option<Flow>) {
        self.open = true;
        if flow.is_some() {
            self.flow = flow;
        }
    }
}

fn plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '(', '\\'])
}

/// `${x%PATTERN}` and `${x%%PATTERN}`; nothing if the pattern is not followed.
pub(super) fn without_end(text: &str, pattern: &str, large: bool) -> Option<String> {
    if plain(pattern) {
        return Some(text.strip_suffix(pattern).unwrap_or(text).to_owned());
    }
    let head = pattern.strip_suffix('*').filter(|head| plain(head) && !head.is_empty())?;
    let at = if large { text.find(head) } else { text.rfind(head) };
    Some(at.and_then(|at| text.get(..at)).unwrap_or(text).to_owned())
}

/// `${x#PATTERN}` and `${x##PATTERN}`.
pub(super) fn without_start(text: &str, pattern: &str, large: bool) -> Option<String> {
    if plain(pattern) {
        return Some(text.strip_prefix(pattern).unwrap_or(text).to_owned());
    }
    let tail = pattern.strip_prefix('*').filter(|tail| plain(tail) && !tail.is_empty())?;
    let at = if large { text.rfind(tail) } else { text.find(tail) };
    Some(at.and_then(|at| text.get(at + tail.len()..)).unwrap_or(text).to_owned())
}

/// `${x/PATTERN/BY}` and its kin.
pub(super) fn replaced(
    text: &str,
    pattern: &str,
    by: &str,
    kind: &SubstringMatchKind,
) -> Option<String> {
    if !plain(pattern) || pattern.is_empty() {
        return None;
    }
    Some(match kind {
        SubstringMatchKind::Anywhere => text.replace(pattern, by),
        SubstringMatchKind::FirstOccurrence => text.replacen(pattern, by, 1),
        SubstringMatchKind::Prefix => {
            text.strip_prefix(pattern).map_or_else(|| text.to_owned(), |rest| format!("{by}{rest}"))
        }
        SubstringMatchKind::Suffix => {
            text.strip_suffix(pattern).map_or_else(|| text.to_owned(), |rest| format!("{rest}{by}"))
        }
    })
}
