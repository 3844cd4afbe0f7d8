//! Reads typed values out of the tree, noting every problem and where each value came from.

use super::Origin;
use super::keys::{self, Key, Section, Ty};
use super::problem::{Problem, Severity};
use super::redact;
use super::yaml::{Entry, Kind, Node, Place};
use orkestra_core::signal::Signal;
use orkestra_core::span::Span;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

/// A key's place in the tree, for example `units.web.restart.max`.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyPath(String);

impl KeyPath {
    /// The path of a key below this one; a name with a dot is quoted.
    pub(crate) fn join(&self, key: &str) -> Self {
        let plain = !key.is_empty() && !key.contains(['.', '"']) && !key.contains(char::is_control);
        let key = if plain { key.to_owned() } else { format!("{key:?}") };
        if self.0.is_empty() { Self(key) } else { Self(format!("{}.{key}", self.0)) }
    }

    /// As text.
    pub(crate) fn text(&self) -> String {
        self.0.clone()
    }
}

/// A mapping that is being read.
pub(crate) struct Fields<'a> {
    /// Where it is.
    pub(crate) path: KeyPath,
    section: &'static Section,
    entries: &'a [Entry],
    /// The value that stands for the section's short key.
    short: Option<&'a Node>,
}

impl<'a> Fields<'a> {
    /// The value of a key, unless nothing was written at all.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        if self.section.short == Some(name) && self.short.is_some() {
            return self.short;
        }
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }

    /// What the key takes.
    fn ty(&self, name: &str) -> Option<Ty> {
        self.section.key(name).map(|key| key.ty)
    }
}

/// Why a text is not what a key takes.
pub(crate) struct Bad {
    message: String,
    expected: String,
    hint: Option<String>,
}

impl Bad {
    pub(crate) fn new(text: &str, what: &str, expected: impl Into<String>) -> Self {
        Self {
            message: format!("{} is not {what}", quote(text)),
            expected: expected.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A text in a message: short, with quotes.
pub(crate) fn quote(text: &str) -> String {
    // `env: TOKEN=abc` is quoted too.
    let text = redact::line(text);
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Collects what is read.
#[derive(Default)]
pub(crate) struct Reader {
    /// What is wrong.
    pub(crate) problems: Vec<Problem>,
    /// How many of them are errors.
    pub(crate) errors: usize,
    /// Where each value came from.
    pub(crate) origins: BTreeMap<String, Origin>,
}

/// Nobody reads more than this at once.
const PROBLEMS_MAX: usize = 200;

impl Reader {
    /// Takes a problem; beyond many, none is added, but an error never yields to warnings.
    pub(crate) fn report(&mut self, problem: Problem) {
        let seen = match problem.severity {
            Severity::Error => self.errors,
            Severity::Warning => self.problems.len(),
        };
        if seen < PROBLEMS_MAX {
            self.errors += usize::from(problem.severity == Severity::Error);
            self.problems.push(problem);
        }
    }

    /// Whether more errors would not be added.
    pub(crate) fn is_full(&self) -> bool {
        self.errors >= PROBLEMS_MAX
    }

    /// Notes where a value came from.
    pub(crate) fn origin(&mut self, path: &KeyPath, origin: Origin) {
        self.origins.insert(path.text(), origin);
    }

    /// Reads a mapping with known keys; nothing and `null` are an empty one.
    pub(crate) fn section<'a>(
        &mut self,
        node: Option<&'a Node>,
        path: KeyPath,
        section: &'static Section,
    ) -> Fields<'a> {
        let mut fields = Fields { path, section, entries: &[], short: None };
        match node.map(|node| (&node.kind, node)) {
            None => {}
            Some((_, node)) if node.is_null() => {}
            Some((Kind::Map(entries), _)) => fields.entries = entries,
            Some((Kind::Scalar { .. }, node)) if section.short.is_some() => {
                fields.short = Some(node);
            }
            Some((_, node)) => {
                self.shape(node, &fields.path, section.name, "a mapping of keys and values");
            }
        }
        for entry in fields.entries {
            if !self.is_full() && section.key(&entry.key).is_none() {
                let message = format!("unknown key {}", quote(&entry.key));
                let mut problem = Problem::at(entry.place.clone(), message)
                    .key(fields.path.join(&entry.key).text())
                    .expected(format!("one of: {}", section.names().join(", ")));
                problem.hint = keys::hint(section, &entry.key);
                self.report(problem);
            }
        }
        fields
    }

    /// Reads a mapping from names to values.
    pub(crate) fn named<'a>(&mut self, node: Option<&'a Node>, path: &KeyPath) -> &'a [Entry] {
        match node.map(|node| (&node.kind, node)) {
            None => &[],
            Some((_, node)) if node.is_null() => &[],
            Some((Kind::Map(entries), _)) => entries,
            Some((_, node)) => {
                let message = format!("{} cannot be {}", path.text(), shape_of(node));
                let problem = Problem::at(node.place.clone(), message).key(path.text());
                self.report(
                    problem.expected("a mapping from names to values").hint("write name: value"),
                );
                &[]
            }
        }
    }

    /// Reads one value; without it, `default` with its origin.
    pub(crate) fn value<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        default: (T, Origin),
        parse: impl FnOnce(&str) -> Result<T, Bad>,
    ) -> T {
        let path = fields.path.join(name);
        let Some(node) = fields.get(name) else {
            self.origin(&path, default.1);
            return default.0;
        };
        self.origin(&path, Origin::of(&node.place));
        self.scalar(node, &path, fields.ty(name), parse).unwrap_or(default.0)
    }

    /// Reads a value that may be missing.
    pub(crate) fn optional(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        self.value(fields, name, (None, Origin::Default), |text| texts(text).map(Some))
    }

    /// Reads a text as something.
    pub(crate) fn scalar<T>(
        &mut self,
        node: &Node,
        path: &KeyPath,
        ty: Option<Ty>,
        parse: impl FnOnce(&str) -> Result<T, Bad>,
    ) -> Option<T> {
        let expected = || ty.map_or_else(|| "a text".to_owned(), expectation);
        if node.is_null() && !matches!(ty, Some(Ty::Limit)) {
            let problem = Problem::at(node.place.clone(), format!("{} has no value", path.text()))
                .key(path.text())
                .expected(expected());
            self.report(problem.hint("remove the key to get the default"));
            return None;
        }
        let Kind::Scalar { text, .. } = &node.kind else {
            self.shape(node, path, &path.text(), &expected());
            return None;
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(bad) => {
                let mut problem = Problem::at(node.place.clone(), bad.message)
                    .key(path.text())
                    .expected(bad.expected);
                problem.hint = bad.hint;
                self.report(problem);
                None
            }
        }
    }

    /// Reads a list of texts.
    pub(crate) fn strings(&mut self, node: &Node, path: &KeyPath) -> Option<Vec<String>> {
        let Kind::List(items) = &node.kind else {
            self.shape(node, path, &path.text(), "a list of texts, for example [a, b]");
            return None;
        };
        let read: Vec<Option<String>> = items.iter().map(|item| self.word(item, path)).collect();
        read.into_iter().collect()
    }

    fn word(&mut self, item: &Node, path: &KeyPath) -> Option<String> {
        let problem = match &item.kind {
            Kind::Scalar { .. } if item.is_null() => {
                Problem::at(item.place.clone(), format!("a value in {} is missing", path.text()))
                    .hint("quote the word null; write \"\" for an empty text")
            }
            Kind::Scalar { text, .. } if text.contains('\0') => {
                Problem::at(item.place.clone(), "a NUL byte cannot be passed to a program")
            }
            Kind::Scalar { text, .. } => return Some(text.clone()),
            Kind::List(_) | Kind::Map(_) => {
                Problem::at(item.place.clone(), format!("this is {}", shape_of(item)))
                    .hint("quote a text that contains `: ` or begins with a bracket")
            }
        };
        self.report(problem.key(path.text()).expected("a text"));
        None
    }

    /// Reads a list of exit codes.
    pub(crate) fn codes(&mut self, node: &Node, path: &KeyPath) -> Vec<i32> {
        let expected = expectation(Ty::Codes);
        let Kind::List(items) = &node.kind else {
            self.shape(node, path, &path.text(), &expected);
            return Vec::new();
        };
        let code = |text: &str| match text.parse::<u8>() {
            Ok(code) => Ok(i32::from(code)),
            Err(_) => Err(Bad::new(text, "an exit code", expected.clone())),
        };
        items.iter().filter_map(|item| self.scalar(item, path, Some(Ty::Codes), code)).collect()
    }

    /// Reads variables.
    pub(crate) fn variables(
        &mut self,
        node: Option<&Node>,
        path: &KeyPath,
    ) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for entry in self.named(node, path) {
            let path = path.join(&entry.key);
            if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
                let message = format!("{} is not a name of a variable", quote(&entry.key));
                let problem = Problem::at(entry.place.clone(), message).key(path.text());
                self.report(problem.expected("a name without `=`"));
                continue;
            }
            self.origin(&path, Origin::of(&entry.value.place));
            let problem = match &entry.value.kind {
                _ if entry.value.is_null() => {
                    Problem::at(entry.place.clone(), format!("{} has no value", path.text()))
                        .hint("write \"\" for an empty text, and quote the word null")
                }
                Kind::Scalar { text, .. } if text.contains('\0') => Problem::at(
                    entry.value.place.clone(),
                    "a NUL byte cannot be passed to a program",
                ),
                Kind::Scalar { text, .. }
                    if let Err(error) = orkestra_core::secret::parse(text) =>
                {
                    Problem::at(entry.value.place.clone(), error.to_string())
                }
                Kind::Scalar { text, .. } => {
                    variables.insert(entry.key.clone(), text.clone());
                    continue;
                }
                Kind::List(_) | Kind::Map(_) => Problem::at(
                    entry.value.place.clone(),
                    format!("{} is {}", path.text(), shape_of(&entry.value)),
                ),
            };
            self.report(problem.key(path.text()).expected("a text"));
        }
        variables
    }

    /// Reports a value of the wrong shape.
    pub(crate) fn shape(&mut self, node: &Node, path: &KeyPath, name: &str, expected: &str) {
        let name = if name.is_empty() { "the configuration" } else { name };
        let message = format!("{name} cannot be {}", shape_of(node));
        self.report(Problem::at(node.place.clone(), message).key(path.text()).expected(expected));
    }
}

/// The shape of a value in words.
fn shape_of(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, .. } => format!("the text {}", quote(text)),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a mapping".to_owned(),
    }
}

impl Origin {
    /// The origin of something written at a place.
    pub(crate) fn of(place: &Place) -> Self {
        match place {
            Place::File { line, column, .. } => Self::File { line: *line, column: *column },
            Place::Env(name) => Self::Env(name.clone()),
            Place::Flag(name) => Self::Flag(name.clone()),
        }
    }
}

/// What a key takes, in words.
pub(crate) fn expectation(ty: Ty) -> String {
    match ty {
        Ty::Port => "a number from 0 to 65535".to_owned(),
        Ty::Host => "127.0.0.1, ::1 or localhost".to_owned(),
        Ty::Text => "a text".to_owned(),
        Ty::Bool => "true or false".to_owned(),
        Ty::Span => "a length of time such as 500ms, 5s, 1m30s, 1h or 1d".to_owned(),
        Ty::Keep => "a length of time such as 12h or 30d, or forever".to_owned(),
        Ty::Factor => "a number from 1 to 1000".to_owned(),
        Ty::Share => "a number from 0 to 1".to_owned(),
        Ty::Limit => "a number from 1, or none".to_owned(),
        Ty::Size => "a size such as 512KB, 10MB or 1GiB".to_owned(),
        Ty::Count => "a number from 1 to 1000".to_owned(),
        Ty::Signal => "a signal such as TERM, INT, HUP, QUIT, USR1 or KILL".to_owned(),
        Ty::Word(words) => format!("one of: {}", words.join(", ")),
        Ty::Command => "a list of program and arguments, or one line for the shell".to_owned(),
        Ty::Program => "a list of program and arguments".to_owned(),
        Ty::Strings => "a list of texts".to_owned(),
        Ty::Hooks => "a mapping from events to lists of hooks".to_owned(),
        Ty::Variables => "a mapping from names to texts".to_owned(),
        Ty::After => "a mapping from units to conditions".to_owned(),
        Ty::Codes => "a list of numbers from 0 to 255".to_owned(),
        Ty::Percent => "a percentage of one core from 1% to 100000%".to_owned(),
        Ty::Url => "an address such as http://127.0.0.1:8080/health".to_owned(),
        Ty::Address => "host:port, for example 127.0.0.1:5432".to_owned(),
        Ty::Pattern => "a regular expression".to_owned(),
        Ty::Status => "a number from 100 to 599".to_owned(),
        Ty::Chance => "a number from 0 to 0.5, or 0% to 50%".to_owned(),
        Ty::Section(_) | Ty::Units(_) | Ty::Agents(_) | Ty::Jobs(_) | Ty::Named(_) => {
            "a mapping".to_owned()
        }
    }
}

/// Any text but the empty one.
pub(crate) fn texts(text: &str) -> Result<String, Bad> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Bad {
            message: "the text is empty or has a NUL byte".to_owned(),
            expected: expectation(Ty::Text),
            hint: None,
        });
    }
    Ok(text.to_owned())
}

/// A TCP port.
pub(crate) fn port(text: &str) -> Result<u16, Bad> {
    text.parse().map_err(|_| Bad::new(text, "a port", expectation(Ty::Port)))
}

/// A loopback address.
pub(crate) fn host(text: &str) -> Result<IpAddr, Bad> {
    match text {
        "127.0.0.1" | "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        "::1" => Ok(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
        _ => Err(Bad::new(text, "an address that this version serves", expectation(Ty::Host))
            .hint("Orkestra listens on the loopback address only; for another machine, tunnel to it by ssh -L")),
    }
}

/// true or false.
pub(crate) fn boolean(text: &str) -> Result<bool, Bad> {
    let bad = || Bad::new(text, "true or false", expectation(Ty::Bool));
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(match text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "on" | "1" => bad().hint("write true"),
            "no" | "n" | "off" | "0" => bad().hint("write false"),
            _ => bad(),
        }),
    }
}

/// A length of time.
pub(crate) fn span(text: &str) -> Result<Span, Bad> {
    text.parse().map_err(|_| Bad::new(text, "a length of time", expectation(Ty::Span)))
}

/// How long something is kept; `forever` is no time.
pub(crate) fn keep(text: &str) -> Result<Option<Span>, Bad> {
    if text == "forever" {
        return Ok(None);
    }
    let bad = || Bad::new(text, "a time to keep something", expectation(Ty::Keep));
    text.parse().map(Some).map_err(|_| bad())
}

/// A growth factor.
pub(crate) fn factor(text: &str) -> Result<f64, Bad> {
    number(text, 1.0, 1000.0).ok_or_else(|| Bad::new(text, "a factor", expectation(Ty::Factor)))
}

/// 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, Bad> {
    let bad = || Bad::new(text, "a share", expectation(Ty::Share));
    number(text, 0.0, 1.0).ok_or_else(|| match text.strip_suffix('%') {
        Some(percent) => match number(percent.trim(), 0.0, 100.0) {
            Some(percent) => bad().hint(format!("write {}", percent / 100.0)),
            None => bad(),
        },
        None => bad(),
    })
}

fn number(text: &str, min: f64, max: f64) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| (min..=max).contains(number))
}

/// A positive number, or `none`.
pub(crate) fn limit(text: &str) -> Result<Option<u32>, Bad> {
    if matches!(text, "none" | "null" | "~" | "") {
        return Ok(None);
    }
    match text.parse::<u32>() {
        Ok(0) => Err(Bad::new(text, "a limit", expectation(Ty::Limit))
            .hint("policy: never does not restart at all")),
        Ok(limit) => Ok(Some(limit)),
        Err(_) => Err(Bad::new(text, "a limit", expectation(Ty::Limit))),
    }
}

/// A number of files.
pub(crate) fn count(text: &str) -> Result<u32, Bad> {
    let bad = || Bad::new(text, "a number of files", expectation(Ty::Count));
    text.parse().ok().filter(|count| (1..=1000).contains(count)).ok_or_else(bad)
}

/// A signal.
pub(crate) fn signal(text: &str) -> Result<Signal, Bad> {
    text.parse().map_err(|_| Bad::new(text, "a signal", expectation(Ty::Signal)))
}

const SIZES: [(&str, u64); 11] = [
    ("", 1),
    ("B", 1),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
/// A log file smaller than this would be rotated at every few lines.
const SIZE_MIN: u64 = 1_000;
const SIZE_MAX: u64 = 1_000_000_000_000;

/// A size in bytes.
pub(crate) fn size(text: &str) -> Result<u64, Bad> {
    let bad = |what: &str| Bad::new(text, what, expectation(Ty::Size));
    let text_trimmed = text.trim();
    let digits =
        text_trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text_trimmed.len());
    let (number, unit) = text_trimmed.split_at(digits);
    let unit = unit.trim();
    let scale =
        SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, bytes)| *bytes);
    let (Ok(number), Some(scale)) = (number.parse::<f64>(), scale) else {
        return Err(bad("a size"));
    };
    let bytes = (number * scale as f64).round();
    if !(SIZE_MIN as f64..=SIZE_MAX as f64).contains(&bytes) {
        return Err(
            bad("a size that a log file can have").hint("the least is 1KB, the most 1000GB")
        );
    }
    Ok(bytes as u64)
}

/// An amount of memory in bytes.
pub(crate) fn memory(text: &str) -> Result<u64, Bad> {
    match size(text) {
        Ok(bytes) if bytes >= MEMORY_MIN => Ok(bytes),
        Ok(_) => Err(Bad::new(text, "a limit of memory", expectation(Ty::Size))
            .hint("no program starts with less than 1MB")),
        Err(_) => Err(Bad::new(text, "a size", expectation(Ty::Size))),
    }
}

/// No program starts with less.
const MEMORY_MIN: u64 = 1_000_000;

/// Percent of one core.
pub(crate) fn percent(text: &str) -> Result<f64, Bad> {
    let digits = text.strip_suffix('%').unwrap_or(text).trim();
    number(digits, 1.0, 100_000.0)
        .ok_or_else(|| Bad::new(text, "a percentage", expectation(Ty::Percent)))
}

/// An address for a probe by HTTP; TLS is for what leaves the machine.
pub(crate) fn url(text: &str) -> Result<String, Bad> {
    let bad = || Bad::new(text, "an address to ask", expectation(Ty::Url));
    if text.starts_with("https://") {
        return Err(bad().hint("probes speak plain HTTP; use exec: [curl, -fsS, …] for TLS"));
    }
    let rest = text.strip_prefix("http://").ok_or_else(bad)?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let fine = !host.is_empty()
        && !host.contains('@')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if fine { Ok(text.to_owned()) } else { Err(bad()) }
}

/// `host:port`.
pub(crate) fn address(text: &str) -> Result<String, Bad> {
    let bad = || Bad::new(text, "an address", expectation(Ty::Address));
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    match port.parse::<u16>() {
        Ok(1..) if !host.is_empty() && !host.contains(['/', ' ']) => Ok(text.to_owned()),
        _ => Err(bad()),
    }
}

/// A regular expression.
pub(crate) fn pattern(text: &str) -> Result<String, Bad> {
    match regex::bytes::Regex::new(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        Ok(_) => Err(Bad::new(text, "a regular expression", "a text to look for")),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(Bad::new(text, "a regular expression", expectation(Ty::Pattern)).hint(why))
        }
    }
}

/// A status of HTTP.
pub(crate) fn status(text: &str) -> Result<u16, Bad> {
    let bad = || Bad::new(text, "a status of HTTP", expectation(Ty::Status));
    text.parse().ok().filter(|status| (100..600).contains(status)).ok_or_else(bad)
}

/// A size as people write it: the shortest exact text, so that it reads back the same.
pub(crate) fn show_size(bytes: u64) -> String {
    let exact = |(unit, scale): &(&str, u64)| {
        (bytes >= *scale && bytes.is_multiple_of(*scale))
            .then(|| format!("{}{unit}", bytes / scale))
    };
    let texts = SIZES.iter().filter(|(unit, _)| unit.ends_with('B')).filter_map(exact);
    texts.min_by_key(String::len).unwrap_or_else(|| bytes.to_string())
}

/// One of a key's words.
pub(crate) fn word<T: for<'de> Deserialize<'de>>(
    key: &'static Key,
) -> impl Fn(&str) -> Result<T, Bad> {
    move |text| {
        let Ty::Word(words) = key.ty else {
            return Err(Bad::new(text, key.name, "a word"));
        };
        one_of(text, key.name, words)
    }
}

/// One of these words.
pub(crate) fn one_of<T: for<'de> Deserialize<'de>>(
    text: &str,
    name: &str,
    words: &[&str],
) -> Result<T, Bad> {
    let deserializer: StrDeserializer<'_, WordError> = text.into_deserializer();
    match T::deserialize(deserializer) {
        Ok(value) if words.contains(&text) => Ok(value),
        _ => {
            let what = if name == "full" { "a choice for full" } else { &format!("a {name}") };
            let bad = Bad::new(text, what, format!("one of: {}", words.join(", ")));
            let near = text.to_ascii_lowercase().replace('_', "-");
            Err(match keys::nearest(&near, words) {
                Some(near) => bad.hint(format!("did you mean {near:?}?")),
                None => bad,
            })
        }
    }
}

/// A word that stands for itself.
pub(crate) fn parsed<T: FromStr>(text: &str, what: &str, expected: &str) -> Result<T, Bad> {
    text.parse().map_err(|_| Bad::new(text, what, expected))
}
