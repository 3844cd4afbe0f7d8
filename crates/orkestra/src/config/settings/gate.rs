//! Reads what agents may do.

use super::super::Origin;
use super::super::keys;
use super::super::keys::gate::GATE;
use super::super::problem::Problem;
use super::super::reader::{self, Fields, Reader, quote};
use super::super::yaml::Kind;
use super::key;
use orkestra_core::gate::{Decision, OwnRule, Policy, rules};
use std::collections::BTreeMap;

pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> Policy {
    let f = reader.section(top.get("gate"), top.path.join("gate"), &GATE);
    let word = reader::word(key(&GATE, "default"));
    let default = reader.value(&f, "default", (Decision::Allow, Origin::Default), word);
    let mut own = Vec::new();
    for (name, decision) in
        [("deny", Decision::Deny), ("ask", Decision::Ask), ("allow", Decision::Allow)]
    {
        let path = f.path.join(name);
        let Some(node) = f.get(name) else {
            reader.origin(&path, Origin::Default);
            continue;
        };
        reader.origin(&path, Origin::of(&node.place));
        let places = match &node.kind {
            Kind::List(items) => items.iter().map(|item| item.place.clone()).collect(),
            Kind::Map(_) | Kind::Scalar { .. } => Vec::new(),
        };
        for (index, text) in reader.strings(node, &path).unwrap_or_default().iter().enumerate() {
            match OwnRule::new(decision, text) {
                Ok(rule) => own.push(rule),
                Err(why) => {
                    let place = places.get(index).unwrap_or(&node.place).clone();
                    let message = format!("{} is no rule: {why}", quote(text));
                    reader.report(Problem::at(place, message).key(path.text()));
                }
            }
        }
    }
    Policy { default, own, changed: changed(&f, reader) }
}

/// Built-in rules that decide differently.
fn changed(f: &Fields<'_>, reader: &mut Reader) -> BTreeMap<String, Decision> {
    let path = f.path.join("rules");
    let names: Vec<&str> = rules::RULES.iter().map(|rule| rule.name).collect();
    let mut changed = BTreeMap::new();
    for entry in reader.named(f.get("rules"), &path) {
        let path = path.join(&entry.key);
        reader.origin(&path, Origin::of(&entry.value.place));
        if rules::find(&entry.key).is_none() {
            let message = format!("there is no built-in rule {}", quote(&entry.key));
            let problem = Problem::at(entry.place.clone(), message).key(path.text());
            reader.report(problem.hint(match keys::nearest(&entry.key, &names) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "orkestra gate rules lists them".to_owned(),
            }));
            continue;
        }
        let word = reader::word(key(&GATE, "default"));
        if let Some(decision) = reader.scalar(&entry.value, &path, None, word) {
            changed.insert(entry.key.clone(), decision);
        }
    }
    changed
}
