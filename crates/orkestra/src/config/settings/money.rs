//! Reads prices and budgets.

use super::super::Origin;
use super::super::keys::money::{BUDGET, MONEY, PRICE};
use super::super::problem::Problem;
use super::super::reader::{self, Bad, Fields, KeyPath, Reader};
use super::super::yaml::Entry;
use orkestra_core::budget::{Budget, Limit, Scope, Window};
use orkestra_core::job::schedule::zone;
use orkestra_core::money::{Price, Prices, Usd};
use orkestra_engine::{Books, Money};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> Money {
    let f = reader.section(top.get("money"), top.path.join("money"), &MONEY);
    let default = (jiff::tz::TimeZone::UTC, Origin::Default);
    let zone = reader.value(&f, "zone", default, |text| {
        let bad = || Bad::new(text, "a time zone", "an IANA name such as Europe/Berlin, or UTC");
        zone(text).map_err(|_| bad())
    });
    let prices = Prices::with(prices(top, reader));
    Money { books: Arc::new(Books { prices, zone }), budgets: budgets(top, reader) }
}

fn usd(text: &str) -> Result<Usd, Bad> {
    reader::parsed(text, "an amount of dollars", "dollars with at most six places, such as 2.50")
}

fn prices(top: &Fields<'_>, reader: &mut Reader) -> BTreeMap<String, Price> {
    let path = top.path.join("prices");
    let mut all = BTreeMap::new();
    for entry in reader.named(top.get("prices"), &path) {
        if super::name(entry, &path, "model", reader).is_none() {
            continue;
        }
        let f = reader.section(Some(&entry.value), path.join(&entry.key), &PRICE);
        let mut price = |name: &str, default: Option<Usd>| {
            let default = (default, Origin::Default);
            reader.value(&f, name, default, |text| usd(text).map(Some))
        };
        let input = price("input", None);
        let (cache_read, cache_write) = (price("cache_read", input), price("cache_write", input));
        let output = price("output", None);
        for (name, value) in [("input", input), ("output", output)] {
            if value.is_none() && f.get(name).is_none() {
                let message = format!("the price of {:?} has no {name}", entry.key);
                let problem = Problem::at(entry.place.clone(), message);
                let hint = format!("add {name}: with dollars for a million tokens");
                reader.report(problem.key(f.path.join(name).text()).hint(hint));
            }
        }
        if let (Some(input), Some(cache_read), Some(cache_write), Some(output)) =
            (input, cache_read, cache_write, output)
        {
            all.insert(entry.key.clone(), Price { input, cache_read, cache_write, output });
        }
    }
    all
}

fn budgets(top: &Fields<'_>, reader: &mut Reader) -> BTreeMap<String, Budget> {
    let path = top.path.join("budgets");
    let mut all = BTreeMap::new();
    for entry in reader.named(top.get("budgets"), &path) {
        if super::name(entry, &path, "budget", reader).is_none() {
            continue;
        }
        if let Some(budget) = budget(entry, path.join(&entry.key), reader) {
            all.insert(entry.key.clone(), budget);
        }
    }
    all
}

fn budget(entry: &Entry, path: KeyPath, reader: &mut Reader) -> Option<Budget> {
    let f = reader.section(Some(&entry.value), path, &BUDGET);
    let wrong = |name: &str, message: String, hint: &str| {
        let place = f.get(name).map_or(&entry.place, |node| &node.place);
        Problem::at(place.clone(), message).key(f.path.join(name).text()).hint(hint)
    };
    let scope = reader.value(&f, "scope", (Scope::All, Origin::Default), |text| {
        reader::parsed(text, "a scope", "all, run, agent NAME or model NAME")
    });
    let window: Option<Window> = match f.get("per") {
        None => {
            let message = format!("the budget {:?} does not say over which time", entry.key);
            reader.report(wrong("per", message, "add, for example, per: day"));
            None
        }
        Some(_) => {
            let word = reader::word(super::key(&BUDGET, "per"));
            reader.value(&f, "per", (None, Origin::Default), |text| word(text).map(Some))
        }
    };
    let none = (None, Origin::Default);
    let money = reader.value(&f, "usd", none, |text| usd(text).map(Some));
    let tokens: Option<u64> = reader.value(&f, "tokens", (None, Origin::Default), |text| {
        reader::parsed(&text.replace('_', ""), "a number of tokens", "a whole number").map(Some)
    });
    let written = f.get("usd").is_some() || f.get("tokens").is_some();
    let limit = match (money, tokens) {
        (Some(_), Some(_)) => {
            let message = format!("the budget {:?} has two limits", entry.key);
            let hint = "write usd or tokens; for both, make two budgets";
            reader.report(wrong("tokens", message, hint));
            None
        }
        (None, None) => {
            if !written {
                let message = format!("the budget {:?} has no limit", entry.key);
                reader.report(wrong("usd", message, "add, for example, usd: 20"));
            }
            None
        }
        (Some(usd), None) => Some(Limit::Usd(usd)),
        (None, Some(tokens)) => Some(Limit::Tokens(tokens)),
    };
    let budget = Budget { name: entry.key.clone(), scope, window: window?, limit: limit? };
    if let Some(problem) = budget.problem() {
        let message = format!("the budget {:?} cannot be counted", entry.key);
        reader.report(wrong("per", message, problem));
        return None;
    }
    Some(budget)
}
