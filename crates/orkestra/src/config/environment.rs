//! The layers above the file: environment variables and flags are put into the tree, each with
//! its place, before it is read.

use super::keys::{self, ROOT, Section, Ty};
use super::problem::Problem;
use super::yaml::{Entry, Kind, Node, Place};
use super::{ENV_CONFIG, ENV_HOME, ENV_PORT, Overrides};
use std::collections::BTreeMap;

/// Variables with our prefix that are no configuration: they are set for units, agents and tests,
/// or steer the logs.
const ELSEWHERE: [&str; 11] = [
    "ORKESTRA_UNIT",
    "ORKESTRA_JOB",
    "ORKESTRA_INSTANCE",
    "ORKESTRA_LOG",
    "ORKESTRA_CHROMIUM",
    "ORKESTRA_BIN",
    "ORKESTRA_SESSION_ID",
    "ORKESTRA_WORKTREE",
    "ORKESTRA_MODEL",
    "ORKESTRA_RUN",
    "ORKESTRA_TOKEN",
];

const PREFIX: &str = "ORKESTRA_";

/// Puts the environment and the flags into the tree.
pub(crate) fn overlay(
    root: &mut Option<Node>,
    env: &BTreeMap<String, String>,
    flags: &Overrides,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if let Some(path) = rest.strip_prefix('_') {
            let segments: Vec<&str> = path.split("__").collect();
            if let Err(hint) = set(root, &segments, name, value) {
                problems.push(unused(name, hint));
            }
        } else if ![ENV_HOME, ENV_CONFIG, ENV_PORT].contains(&name.as_str())
            && !ELSEWHERE.contains(&name.as_str())
        {
            problems.push(unused(name, suggestion(name)));
        }
    }
    let mut port = |text: &str, place: Place| {
        put(root, &["listen", "port"], Node::text(text, place));
    };
    if let Some(text) = env.get(ENV_PORT).filter(|text| !text.is_empty()) {
        port(text, Place::Env(ENV_PORT.to_owned()));
    }
    if let Some(number) = flags.port {
        port(&number.to_string(), Place::Flag("--port".to_owned()));
    }
}

fn unused(name: &str, hint: Option<String>) -> Problem {
    let problem = Problem::at(Place::Env(name.to_owned()), format!("{name} is not a setting"));
    let problem = Problem { hint, ..problem };
    problem.warning()
}

fn suggestion(name: &str) -> Option<String> {
    let known: Vec<&str> = [ENV_HOME, ENV_CONFIG, ENV_PORT].into_iter().chain(ELSEWHERE).collect();
    if let Some(near) = keys::nearest(name, &known) {
        return Some(format!("did you mean {near}?"));
    }
    Some(format!(
        "there are {ENV_CONFIG}, {ENV_HOME}, {ENV_PORT}, and ORKESTRA__LISTEN__PORT and the like for any key"
    ))
}

/// Sets `listen.port` for `["listen", "port"]`; mappings on the way are made.
fn put(root: &mut Option<Node>, path: &[&str], value: Node) {
    let mut node = root.get_or_insert_with(|| Node::empty_map(value.place.clone()));
    for (depth, key) in path.iter().enumerate() {
        if node.is_null() {
            *node = Node::empty_map(node.place.clone());
        }
        let Kind::Map(entries) = &mut node.kind else {
            // The file has something else here, which is an error of its own.
            return;
        };
        let at = entries.iter().position(|entry| entry.key == *key).unwrap_or(entries.len());
        if at == entries.len() {
            let place = value.place.clone();
            let child = Node::empty_map(place.clone());
            entries.push(Entry { key: (*key).to_owned(), place, value: child });
        }
        let Some(entry) = entries.get_mut(at) else { return };
        if depth + 1 == path.len() {
            entry.place = value.place.clone();
            entry.value = value;
            return;
        }
        node = &mut entry.value;
    }
}

/// Finds the key that `UNITS__WEB__RESTART__MAX` means and sets it; the error is a hint.
fn set(
    root: &mut Option<Node>,
    segments: &[&str],
    name: &str,
    value: &str,
) -> Result<(), Option<String>> {
    let mut path: Vec<String> = Vec::new();
    let mut at = Ty::Section(&ROOT);
    let mut rest = segments;
    loop {
        at = match (at, rest.split_first()) {
            (Ty::Section(section), Some((segment, tail))) => {
                let key = key_of(section, segment)?;
                path.push(key.0);
                rest = tail;
                key.1
            }
            (Ty::Section(section), None) => match section.short {
                Some(short) => {
                    path.push(short.to_owned());
                    break;
                }
                None => return Err(Some(format!("name one of its keys: {}", listed(section)))),
            },
            (
                Ty::Units(section) | Ty::Agents(section) | Ty::Named(section) | Ty::Jobs(section),
                Some((segment, tail)),
            ) => {
                path.push(child_of(root.as_ref(), &path, segment)?);
                rest = tail;
                Ty::Section(section)
            }
            (Ty::Variables, Some(_)) => {
                path.push(rest.join("__"));
                break;
            }
            (
                Ty::Units(_)
                | Ty::Agents(_)
                | Ty::Named(_)
                | Ty::Jobs(_)
                | Ty::Variables
                | Ty::Hooks
                | Ty::After
                | Ty::Program
                | Ty::Strings,
                _,
            ) => {
                return Err(Some("only single values can be set by the environment".to_owned()));
            }
            (_, None) => break,
            (_, Some(_)) => return Err(Some(format!("{} has no keys", path.join(".")))),
        };
    }
    let place = Place::Env(name.to_owned());
    expand_short(root.as_mut(), &path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    put(root, &path, Node { place, kind: Kind::Scalar { text: value.to_owned(), plain: false } });
    Ok(())
}

/// `restart: never` becomes `restart: { policy: never }`, so that more can be set below it.
fn expand_short(root: Option<&mut Node>, path: &[String]) {
    let Some((_, above)) = path.split_last() else { return };
    if above.last().map(String::as_str) != Some("restart") {
        return;
    }
    let mut node = root;
    for key in above {
        node = match node.map(|node| &mut node.kind) {
            Some(Kind::Map(entries)) => {
                entries.iter_mut().find(|e| e.key == *key).map(|e| &mut e.value)
            }
            _ => None,
        };
    }
    if let Some(node) = node
        && let Kind::Scalar { .. } = node.kind
        && !node.is_null()
    {
        let place = node.place.clone();
        let policy = Entry { key: "policy".to_owned(), place: place.clone(), value: node.clone() };
        *node = Node { place, kind: Kind::Map(vec![policy]) };
    }
}

fn key_of(section: &Section, segment: &str) -> Result<(String, Ty), Option<String>> {
    let found = section.keys.iter().find(|key| key.name.eq_ignore_ascii_case(segment));
    found.map(|key| (key.name.to_owned(), key.ty)).ok_or_else(|| {
        match keys::nearest(segment, &section.names()) {
            Some(near) => Some(format!("did you mean {}?", near.to_ascii_uppercase())),
            None => Some(format!("the keys are: {}", listed(section))),
        }
    })
}

fn listed(section: &Section) -> String {
    section.names().join(", ").to_ascii_uppercase()
}

/// The name in the file that, in capitals and with `_` for `-` and `.`, is the segment.
fn child_of(root: Option<&Node>, path: &[String], segment: &str) -> Result<String, Option<String>> {
    let mut node = root;
    for key in path {
        node = match node.map(|node| &node.kind) {
            Some(Kind::Map(entries)) => entries.iter().find(|e| e.key == *key).map(|e| &e.value),
            _ => None,
        };
    }
    let entries = match node.map(|node| &node.kind) {
        Some(Kind::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    let shouted = |key: &str| key.to_ascii_uppercase().replace(['-', '.'], "_");
    let found = entries.iter().find(|e| shouted(&e.key) == segment.to_ascii_uppercase());
    found.map(|entry| entry.key.clone()).ok_or_else(|| {
        let names: Vec<String> = entries.iter().map(|e| shouted(&e.key)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match keys::nearest(segment, &names) {
            Some(near) => Some(format!("did you mean {near}?")),
            None => Some(format!("the file has no {segment} under {}", path.join("."))),
        }
    })
}
