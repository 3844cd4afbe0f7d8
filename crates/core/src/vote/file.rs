//! An election in a file: `orkestra vote tally FILE`. A mistake is told with its place.

use super::ballot::Says;
use super::rule::{Method, Quorum, Rule, Share, TieBreak, Weight};
use super::tally::{Cast, Count, LOTS, Tally};
use super::weighted::of_domain;
use super::{OPTIONS_MAX, VOTERS_MAX};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct FileError {
    /// As in `ballots[2].choice`.
    pub place: String,
    /// What is wrong, and what is expected.
    pub what: String,
}

/// An election that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Election {
    rule: Rule,
    options: Vec<String>,
    electorate: Vec<(String, Weight)>,
    ballots: Vec<(String, Says)>,
    creator: Option<String>,
    draw: Option<u64>,
    /// What was there and is not used, in sentences.
    pub notes: Vec<String>,
}

const KEYS: [&str; 12] = [
    "method",
    "options",
    "threshold",
    "quorum",
    "electorate",
    "weights",
    "ballots",
    "domain",
    "creator",
    "tie_break",
    "draw",
    "security",
];

/// Words about an election that change nothing.
const IGNORED: [&str; 5] = ["id", "title", "question", "description", "kind"];

const BALLOT_KEYS: [&str; 7] =
    ["voter", "choice", "ranking", "abstain", "veto", "reason", "confidence"];

type Read<T> = Result<T, FileError>;

fn wrong<T>(place: impl Into<String>, what: impl Into<String>) -> Read<T> {
    Err(FileError { place: place.into(), what: what.into() })
}

/// What a value is, in words.
fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn object<'a>(value: &'a Value, place: &str) -> Read<&'a Map<String, Value>> {
    let what = || format!("expected an object, found {}", shape(value));
    value.as_object().ok_or_else(|| FileError { place: place.to_owned(), what: what() })
}

fn list<'a>(value: &'a Value, place: &str) -> Read<&'a [Value]> {
    match value.as_array() {
        Some(list) => Ok(list),
        None => wrong(place, format!("expected a list, found {}", shape(value))),
    }
}

fn name(value: &Value, place: &str) -> Read<String> {
    match value.as_str() {
        Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
        Some(_) => wrong(place, "the text is empty"),
        None => wrong(place, format!("expected a text, found {}", shape(value))),
    }
}

fn flag(value: Option<&Value>, place: &str) -> Read<bool> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => wrong(place, format!("expected true or false, found {}", shape(other))),
    }
}

/// A number or a text, as text.
fn amount(value: &Value, place: &str) -> Read<String> {
    match value {
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.clone()),
        other => wrong(place, format!("expected a number or a text, found {}", shape(other))),
    }
}

fn only(known: &[&str], also: &[&str], map: &Map<String, Value>, place: &str) -> Read<()> {
    let strange =
        map.keys().find(|key| !known.contains(&key.as_str()) && !also.contains(&key.as_str()));
    match strange {
        None => Ok(()),
        Some(key) => {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            wrong(place, format!("is not known; there are {}", known.join(", ")))
        }
    }
}

fn given<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).filter(|value| !value.is_null())
}

impl Election {
    /// Reads an election.
    ///
    /// # Errors
    /// The first thing that makes no sense, with its place.
    pub fn read(value: &Value) -> Result<Self, FileError> {
        let map = object(value, "the file")?;
        only(&KEYS, &IGNORED, map, "")?;
        let mut notes = Vec::new();
        let method = method(map)?;
        let options = options(map)?;
        let ballots = ballots(map, &options)?;
        let weights = weights(map)?;
        let domain = given(map, "domain").map(|value| name(value, "domain")).transpose()?;
        let electorate = electorate(map, &ballots, &weights, domain.as_deref())?;
        let rule = rule(map, method, electorate.len(), &mut notes)?;
        for (index, (voter, says)) in ballots.iter().enumerate() {
            if *says == Says::Veto && !rule.security {
                let what = "only an election with \"security\": true can be vetoed";
                return wrong(format!("ballots[{index}].veto"), what);
            }
            if !electorate.iter().any(|(name, _)| name == voter) {
                let what = format!("{voter:?} is not in the electorate");
                return wrong(format!("ballots[{index}].voter"), what);
            }
        }
        let creator = given(map, "creator").map(|value| name(value, "creator")).transpose()?;
        let draw = match given(map, "draw") {
            None => None,
            Some(value) => match value.as_f64() {
                Some(draw) if (0.0..1.0).contains(&draw) => {
                    #[allow(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "it is from 0 up to a billion"
                    )]
                    let lot = (draw * LOTS as f64).floor() as u64;
                    Some(lot)
                }
                _ => return wrong("draw", "expected a number from 0 up to 1"),
            },
        };
        Ok(Self { rule, options, electorate, ballots, creator, draw, notes })
    }

    /// The rule that is applied.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Counts it.
    pub fn tally(&self) -> Tally {
        let cast: Vec<Cast<'_>> =
            self.ballots.iter().map(|(voter, says)| Cast { voter, says }).collect();
        Count {
            rule: &self.rule,
            options: &self.options,
            electorate: &self.electorate,
            ballots: &cast,
            creator: self.creator.as_deref(),
            draw: self.draw,
        }
        .tally()
    }
}

fn options(map: &Map<String, Value>) -> Read<Vec<String>> {
    let Some(value) = given(map, "options") else {
        return wrong("options", "is missing: a list of the options' names");
    };
    let mut options: Vec<String> = Vec::new();
    for (index, item) in list(value, "options")?.iter().enumerate() {
        let place = format!("options[{index}]");
        let option = match item {
            Value::Object(inner) => match inner.get("id") {
                Some(id) => name(id, &format!("{place}.id"))?,
                None => return wrong(place, "an option that is an object needs an id"),
            },
            other => name(other, &place)?,
        };
        if options.contains(&option) {
            return wrong(place, format!("{option:?} stands twice"));
        }
        options.push(option);
    }
    if options.is_empty() || options.len() > OPTIONS_MAX {
        return wrong("options", format!("expected 1 to {OPTIONS_MAX} options"));
    }
    Ok(options)
}

fn ballots(map: &Map<String, Value>, options: &[String]) -> Read<Vec<(String, Says)>> {
    let Some(value) = given(map, "ballots") else {
        return wrong("ballots", "is missing: a list of ballots; an empty one is possible");
    };
    let mut ballots: Vec<(String, Says)> = Vec::new();
    for (index, item) in list(value, "ballots")?.iter().enumerate() {
        let place = format!("ballots[{index}]");
        let inner = object(item, &place)?;
        only(&BALLOT_KEYS, &["at", "hash"], inner, &place)?;
        let voter = match inner.get("voter") {
            Some(voter) => name(voter, &format!("{place}.voter"))?,
            None => return wrong(format!("{place}.voter"), "is missing"),
        };
        if ballots.iter().any(|(known, _)| *known == voter) {
            let what = format!("{voter:?} has a ballot already, and a ballot is never changed");
            return wrong(format!("{place}.voter"), what);
        }
        ballots.push((voter, says(inner, options, &place)?));
    }
    Ok(ballots)
}

fn known(value: &Value, options: &[String], place: &str) -> Read<String> {
    let option = name(value, place)?;
    if options.contains(&option) {
        return Ok(option);
    }
    wrong(place, format!("{option:?} is no option; there are {}", options.join(", ")))
}

fn says(map: &Map<String, Value>, options: &[String], place: &str) -> Read<Says> {
    let abstains = flag(map.get("abstain"), &format!("{place}.abstain"))?;
    let vetoes = flag(map.get("veto"), &format!("{place}.veto"))?;
    let (choice, ranking) = (given(map, "choice"), given(map, "ranking"));
    let count = [choice.is_some(), ranking.is_some(), abstains, vetoes];
    match count.into_iter().filter(|one| *one).count() {
        0 => return wrong(place, "has neither choice nor ranking nor \"abstain\": true"),
        1 => {}
        _ => return wrong(place, "says two things at once; expected choice, ranking or abstain"),
    }
    if let Some(choice) = choice {
        return Ok(Says::Choice { option: known(choice, options, &format!("{place}.choice"))? });
    }
    let Some(ranking) = ranking else {
        return Ok(if vetoes { Says::Veto } else { Says::Abstain });
    };
    let place = format!("{place}.ranking");
    let mut ranked: Vec<String> = Vec::new();
    for (index, item) in list(ranking, &place)?.iter().enumerate() {
        let place = format!("{place}[{index}]");
        let option = known(item, options, &place)?;
        if ranked.contains(&option) {
            return wrong(place, format!("{option:?} stands twice"));
        }
        ranked.push(option);
    }
    if ranked.is_empty() {
        return wrong(place, "is empty; who has no choice abstains");
    }
    Ok(Says::Ranking { options: ranked })
}

fn weights(map: &Map<String, Value>) -> Read<BTreeMap<String, Weight>> {
    let Some(value) = given(map, "weights") else { return Ok(BTreeMap::new()) };
    let mut weights = BTreeMap::new();
    for (voter, value) in object(value, "weights")? {
        let place = format!("weights.{voter}");
        let Some(number) = value.as_f64() else {
            return wrong(place, format!("expected a number, found {}", shape(value)));
        };
        let weight = Weight::try_from(number)
            .map_err(|error| FileError { place: place.clone(), what: error.to_string() })?;
        weights.insert(voter.clone(), weight);
    }
    Ok(weights)
}

/// Who may vote: the list; or so many, of whom those with ballots and weights are some; without
/// either those with ballots and weights.
fn electorate(
    map: &Map<String, Value>,
    ballots: &[(String, Says)],
    weights: &BTreeMap<String, Weight>,
    domain: Option<&str>,
) -> Read<Vec<(String, Weight)>> {
    let mut names: Vec<String> = Vec::new();
    let add_known = |names: &mut Vec<String>| {
        for voter in ballots.iter().map(|(voter, _)| voter).chain(weights.keys()) {
            if !names.contains(voter) {
                names.push(voter.clone());
            }
        }
    };
    match given(map, "electorate") {
        None => add_known(&mut names),
        Some(Value::Number(number)) => {
            add_known(&mut names);
            let count = number.as_u64().and_then(|count| usize::try_from(count).ok());
            match count {
                Some(count) if count <= VOTERS_MAX.max(10_000) && count >= names.len() => {
                    for index in names.len()..count {
                        names.push(format!("(voter {})", index + 1));
                    }
                }
                Some(count) if count < names.len() => {
                    let what = format!("{count} may vote, but {} are named", names.len());
                    return wrong("electorate", what);
                }
                _ => return wrong("electorate", "expected a list of voters, or how many they are"),
            }
        }
        Some(value) => {
            for (index, item) in list(value, "electorate")?.iter().enumerate() {
                let place = format!("electorate[{index}]");
                let voter = name(item, &place)?;
                if names.contains(&voter) {
                    return wrong(place, format!("{voter:?} stands twice"));
                }
                names.push(voter);
            }
            if let Some(strange) = weights.keys().find(|voter| !names.contains(voter)) {
                return wrong(format!("weights.{strange}"), "is not in the electorate");
            }
        }
    }
    if names.is_empty() {
        return wrong("electorate", "nobody may vote");
    }
    let mut all = Vec::new();
    for voter in names {
        let weight = match (weights.get(&voter), domain) {
            (Some(weight), _) => *weight,
            (None, Some(domain)) => match of_domain(domain, &voter, None) {
                Some(weight) => weight,
                None => {
                    return wrong("domain", format!("{domain:?} is not in the table of weights"));
                }
            },
            (None, None) => Weight::ONE,
        };
        all.push((voter, weight));
    }
    Ok(all)
}

fn method(map: &Map<String, Value>) -> Read<Method> {
    let words = Method::ALL.map(Method::word).join(", ");
    let Some(value) = given(map, "method") else {
        return wrong("method", format!("is missing: one of {words}"));
    };
    let text = name(value, "method")?;
    match Method::parse(&text) {
        Some(method) => Ok(method),
        None => wrong("method", format!("{text:?} is not known; there are {words}")),
    }
}

fn rule(
    map: &Map<String, Value>,
    method: Method,
    electorate: usize,
    notes: &mut Vec<String>,
) -> Read<Rule> {
    let mut rule = Rule::of(method);
    if let Some(value) = given(map, "threshold") {
        let text = amount(value, "threshold")?;
        let share: Share = text.parse().map_err(|error: super::ShareError| FileError {
            place: "threshold".into(),
            what: error.to_string(),
        })?;
        if method.threshold().is_some() {
            rule.threshold = Some(share);
        } else {
            notes.push(format!("{} has no threshold: {share} is not used", method.word()));
        }
    }
    if let Some(value) = given(map, "quorum") {
        // 1.0 is everybody, as 1 is.
        let text = amount(value, "quorum")?;
        let text = text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
        rule.quorum = text.parse::<Quorum>().map_err(|_| FileError {
            place: "quorum".into(),
            what: format!("{text:?} is neither a share (0.6, 60 %, 3/5) nor a number of voters"),
        })?;
        if rule.quorum.needed(electorate as u64) > electorate as u64 {
            let what = format!("{} can never take part, for {electorate} may vote", rule.quorum);
            return wrong("quorum", what);
        }
    }
    if let Some(value) = given(map, "tie_break") {
        rule.tie_break.clear();
        for (index, item) in list(value, "tie_break")?.iter().enumerate() {
            let place = format!("tie_break[{index}]");
            let word = name(item, &place)?;
            match TieBreak::parse(&word) {
                Some(one) => rule.tie_break.push(one),
                None => {
                    return wrong(place, "expected expertise, creator, random or person");
                }
            }
        }
    }
    rule.security = flag(map.get("security"), "security")?;
    Ok(rule)
}
