//! Checking an exported journal without its database.

use crate::check::{Checker, Problem, RawBody, RawEvent, RawSeal, Report};
use crate::error::Error;
use crate::seal::{self, HEADER, Span};
use crate::value::unhex;
use orkestra_core::id::EventId;
use rusqlite::types::{Value as Column, ValueRef};
use serde_json::Value;
use std::io::BufRead;
use uuid::Uuid;

/// Header fields that are hexadecimal in an export because they are bytes in the journal.
const BYTES: [&str; 4] = ["id", "node", "cause", "chain"];

/// Checks an export against its own seals. Whether its first line continues another export, and
/// its last seal an anchor, is for the caller to compare.
pub fn verify_export(input: impl BufRead) -> Result<Report, Error> {
    let mut lines = input.lines();
    let first = match lines.next() {
        Some(line) => parse(&line.map_err(|error| Error::file("reading the export", &error))?)?,
        None => return Err(Error::Invalid("the export is empty".to_owned())),
    };
    if first["type"] != "journal" || first["format"] != "orkestra-journal v1" {
        return Err(Error::Invalid("not an export of an Orkestra journal".to_owned()));
    }
    let mut checker = Checker::new(bytes(&first["prev"]), number(&first["after"]));
    let mut strange = Vec::new();
    for (index, line) in lines.enumerate() {
        let line = parse(&line.map_err(|error| Error::file("reading the export", &error))?)?;
        match line["type"].as_str() {
            Some("event") => checker.event(event(&line)),
            Some("seal") => checker.seal(&RawSeal {
                span: Span {
                    from: number(&line["from"]),
                    to: number(&line["to"]),
                    epoch: number(&line["epoch"]),
                    at: number(&line["at"]),
                },
                prev: bytes(&line["prev"]),
                hash: bytes(&line["hash"]),
            }),
            _ => strange.push(Problem::general(format!("line {} is of no known type", index + 2))),
        }
    }
    let mut report = checker.end();
    strange.into_iter().for_each(|problem| report.add(problem));
    Ok(report)
}

fn parse(line: &str) -> Result<Value, Error> {
    serde_json::from_str(line)
        .map_err(|error| Error::Invalid(format!("a line of the export: {error}")))
}

fn event(line: &Value) -> RawEvent {
    let header = HEADER.map(|name| {
        let value = &line[name];
        match value {
            Value::String(text) if BYTES.contains(&name) => {
                unhex(text).map_or(Column::Null, Column::Blob)
            }
            Value::String(text) => Column::Text(text.clone()),
            Value::Number(number) => number.as_i64().map_or(Column::Null, Column::Integer),
            _ => Column::Null,
        }
    });
    let digest = bytes(&line["digest"]);
    RawEvent {
        seq: number(&line["seq"]),
        id: Uuid::from_slice(&bytes(&line["id"])).ok().map(EventId::new),
        kind: line["kind"].as_str().unwrap_or_default().to_owned(),
        subject: line["subject"].as_str().unwrap_or_default().to_owned(),
        computed: seal::line(header.each_ref().map(ValueRef::from), &digest),
        line: bytes(&line["line"]),
        digest,
        salt: line["salt"].as_str().and_then(unhex),
        body: match &line["body"] {
            Value::String(text) => RawBody::Bytes(text.as_bytes().to_vec()),
            _ => RawBody::Erased,
        },
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.as_str().and_then(unhex).unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}
