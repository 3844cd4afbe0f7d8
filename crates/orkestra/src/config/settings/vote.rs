//! Reads how it is voted.

use super::super::Origin;
use super::super::keys::vote::VOTES;
use super::super::problem::Problem;
use super::super::reader::{self, Bad, Fields, Reader};
use orkestra_core::vote::Weight;
use orkestra_engine::VoteSpec;
use std::collections::BTreeMap;

pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> VoteSpec {
    let usual = VoteSpec::default();
    let f = reader.section(top.get("votes"), top.path.join("votes"), &VOTES);
    let deadline = reader.value(&f, "deadline", (usual.deadline, Origin::Default), |text| {
        let span = reader::span(text)?;
        let none = || Bad::new(text, "long enough to vote", "more than nothing, such as 1h");
        if span.ms() == 0 { Err(none()) } else { Ok(span) }
    });
    let quorum = reader.value(&f, "quorum", (usual.quorum, Origin::Default), |text| {
        text.parse().map_err(|_| Bad::new(text, "a quorum", "a share such as 60 %, or a number"))
    });
    let preamble = reader.value(&f, "preamble", (usual.preamble, Origin::Default), reader::texts);
    let mediator = reader.optional(&f, "mediator");
    let path = f.path.join("weights");
    let mut weights = BTreeMap::new();
    for (domain, text) in reader.variables(f.get("weights"), &path) {
        match row(&text) {
            Ok(row) => {
                weights.insert(domain.to_ascii_lowercase(), row);
            }
            Err(why) => {
                if let Some(node) = f.get("weights") {
                    let problem =
                        Problem::at(node.place.clone(), why).key(path.join(&domain).text());
                    reader.report(
                        problem.expected("voters with weights, such as gemini 2, claude 1.5"),
                    );
                }
            }
        }
    }
    VoteSpec { deadline, quorum, preamble, mediator, weights }
}

/// `gemini 2, claude 1.5`.
fn row(text: &str) -> Result<BTreeMap<String, Weight>, String> {
    let mut row = BTreeMap::new();
    for part in text.split(',') {
        let wrong = || format!("{:?} is not a voter and a weight", part.trim());
        let (name, weight) = part.trim().rsplit_once([' ', '=']).ok_or_else(wrong)?;
        let number: f64 = weight.trim().parse().map_err(|_| wrong())?;
        let weight = Weight::try_from(number).map_err(|error| error.to_string())?;
        row.insert(name.trim().trim_end_matches('=').trim().to_owned(), weight);
    }
    Ok(row)
}
