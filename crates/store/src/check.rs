//! Checking a journal against its own seals, wherever its lines come from: the database or an export.

use crate::seal::{self, Hash, Span};
use orkestra_core::id::EventId;
use std::collections::BTreeMap;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// How many events were read.
    pub events: u64,
    /// How many of them have been erased, and say so.
    pub erased: u64,
    /// How many seals were read.
    pub seals: u64,
    /// How many problems there are.
    pub problems: u64,
    /// The first of them.
    pub first_bad: Vec<Problem>,
}

impl Report {
    /// Whether everything is as it was written.
    pub fn is_clean(&self) -> bool {
        self.problems == 0
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.problems += 1;
        if self.first_bad.len() < PROBLEMS_SHOWN_MAX {
            self.first_bad.push(problem);
        }
    }
}

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the journal.
    pub seq: Option<u64>,
    /// The event, when there is one.
    pub id: Option<EventId>,
    /// Its kind as it reads now.
    pub kind: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl Problem {
    pub(crate) fn general(what: impl Into<String>) -> Self {
        Self { seq: None, id: None, kind: None, what: what.into() }
    }

    fn at(seq: i64, what: impl Into<String>) -> Self {
        Self { seq: u64::try_from(seq).ok(), ..Self::general(what) }
    }
}

/// More are counted, not kept: a journal that was rewritten has as many problems as events.
const PROBLEMS_SHOWN_MAX: usize = 100;

/// An event as stored, with its line computed from what its header says now.
pub(crate) struct RawEvent {
    pub(crate) seq: i64,
    pub(crate) id: Option<EventId>,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) computed: Hash,
    pub(crate) line: Vec<u8>,
    pub(crate) digest: Vec<u8>,
    pub(crate) salt: Option<Vec<u8>>,
    pub(crate) body: RawBody,
}

pub(crate) enum RawBody {
    Bytes(Vec<u8>),
    Erased,
    Bad(&'static str),
}

pub(crate) struct RawSeal {
    pub(crate) span: Span,
    pub(crate) prev: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

/// Takes events and seals in order: each seal after its events.
pub(crate) struct Checker {
    report: Report,
    prev: Vec<u8>,
    next_seq: i64,
    sealed_to: i64,
    /// Events since the last seal.
    lines: Vec<(Problem, Hash)>,
    /// The events of this span were already found to be wrong, so its seal says nothing new.
    span_is_bad: bool,
    /// Events without a body, until the event that says so is found.
    bodiless: BTreeMap<String, Problem>,
}

impl Checker {
    pub(crate) fn new(prev: Vec<u8>, after: i64) -> Self {
        Self {
            report: Report::default(),
            prev,
            next_seq: after + 1,
            sealed_to: after,
            lines: Vec::new(),
            span_is_bad: false,
            bodiless: BTreeMap::new(),
        }
    }

    pub(crate) fn events(&self) -> u64 {
        self.report.events
    }

    pub(crate) fn event(&mut self, event: RawEvent) {
        self.report.events += 1;
        let seq = event.seq;
        let named = |what: &str| Problem {
            seq: u64::try_from(seq).ok(),
            id: event.id,
            kind: Some(event.kind.clone()),
            what: what.to_owned(),
        };
        if seq > self.next_seq {
            let (first, last) = (self.next_seq, seq - 1);
            self.bad(Problem::at(first, missing(first, last)));
        } else if seq < self.next_seq {
            self.bad(named("an event was added where the journal had been pruned"));
        }
        self.next_seq = self.next_seq.max(seq + 1);
        if event.computed.as_slice() != event.line {
            self.bad(named("the header or the digest of the event was changed"));
        }
        match &event.body {
            RawBody::Bytes(bytes) => {
                let salt = event.salt.as_deref().unwrap_or_default();
                if seal::body_digest(salt, bytes).as_slice() != event.digest {
                    self.bad(named("the body of the event was changed"));
                }
            }
            RawBody::Erased => {
                self.report.erased += 1;
                let key = event.id.map(|id| id.to_string()).unwrap_or_default();
                self.bodiless
                    .insert(key, named("the body is gone, but no event says that it was erased"));
                if event.salt.is_some() {
                    self.bad(named("the body is gone, but its salt is still there"));
                }
            }
            RawBody::Bad(what) => self.bad(named(what)),
        }
        if event.kind == crate::erase::ERASED {
            self.bodiless.remove(&event.subject);
        }
        // The stored line, so that one changed header is one problem and not two.
        match Hash::try_from(event.line.as_slice()) {
            Ok(line) => self.lines.push((named("no seal covers the event"), line)),
            Err(_) => self.span_is_bad = true,
        }
    }

    pub(crate) fn seal(&mut self, seal: &RawSeal) {
        self.report.seals += 1;
        let span = seal.span;
        if self.next_seq <= span.to {
            let first = self.next_seq;
            self.bad(Problem::at(first, missing(first, span.to)));
            self.next_seq = span.to + 1;
        }
        if span.from != self.sealed_to + 1 {
            self.bad(Problem::at(span.from, "a seal before this one is missing"));
        } else if seal.prev != self.prev {
            self.bad(Problem::at(span.from, "the seal does not continue the one before"));
        }
        let lines: Vec<Hash> = std::mem::take(&mut self.lines)
            .into_iter()
            .filter_map(|(problem, line)| {
                let covered = problem.seq.is_some_and(|seq| seq >= span.from.unsigned_abs());
                if !covered {
                    self.bad(problem);
                }
                covered.then_some(line)
            })
            .collect();
        if !self.span_is_bad && seal::seal(&seal.prev, span, &lines).as_slice() != seal.hash {
            self.bad(Problem::at(
                span.from,
                format!("events {} to {} or their seal were changed", span.from, span.to),
            ));
        }
        self.span_is_bad = false;
        self.prev.clone_from(&seal.hash);
        self.sealed_to = span.to;
    }

    /// The end of an export: whoever erased may have said so later.
    pub(crate) fn end(mut self) -> Report {
        for (problem, _) in std::mem::take(&mut self.lines) {
            self.bad(problem);
        }
        self.report
    }

    /// The end of a database, which has a row that says where the journal ends.
    pub(crate) fn end_at(mut self, seq: i64, hash: &[u8]) -> Report {
        for problem in std::mem::take(&mut self.bodiless).into_values() {
            self.bad(problem);
        }
        if self.sealed_to < seq {
            let first = self.sealed_to + 1;
            self.bad(Problem::at(
                first,
                format!("the journal was cut off: {}", missing(first, seq)),
            ));
        } else if self.sealed_to > seq {
            self.bad(Problem::at(
                self.sealed_to,
                "the head row was changed: the journal goes on behind it",
            ));
        } else if self.prev != hash {
            self.bad(Problem::at(seq, "the newest seal is not the one in the head row"));
        }
        self.end()
    }

    fn bad(&mut self, problem: Problem) {
        self.span_is_bad = true;
        self.report.add(problem);
    }
}

fn missing(first: i64, last: i64) -> String {
    if first == last {
        format!("event {first} is missing")
    } else {
        format!("events {first} to {last} are missing")
    }
}
