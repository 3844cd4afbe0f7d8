//! Verifying, anchoring and exporting the journal.
//!
//! Verifying finds what was changed by somebody who did not rewrite every later seal too. Somebody
//! who did is found only by an anchor that was kept outside.

use crate::check::{Checker, Problem, RawBody, RawEvent, RawSeal, Report};
use crate::error::Error;
use crate::interface::Rows;
use crate::seal::{self, GENESIS, HEADER, Span};
use crate::value::{hex, int, timestamp};
use orkestra_core::event::Cursor;
use orkestra_core::id::EventId;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Map, Value, json};
use std::io;
use uuid::Uuid;

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Events read.
    pub done: u64,
    /// Events there are.
    pub of: u64,
}

/// What an anchor says about the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorCheck {
    /// The journal still has exactly this seal. Together with a clean verification: nothing before
    /// the anchor was changed.
    Holds,
    /// There is another seal at this place.
    Changed {
        /// The one that is there now.
        found: String,
    },
    /// No seal ends at this place: the journal was cut off, rewritten or restored from before.
    Missing,
    /// The place was pruned; only an export can be compared.
    Pruned,
}

/// Reading the journal with suspicion.
pub trait ReadAudit {
    /// Recomputes every body, header and seal.
    fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error>;

    /// The newest seal as a line of text to be kept outside; `None` for an empty journal.
    fn anchor(&self) -> Result<Option<String>, Error>;

    /// Compares an anchor with the journal.
    fn check_anchor(&self, line: &str) -> Result<AnchorCheck, Error>;

    /// Writes the events of this range as JSON lines, widened to whole seals, for
    /// [`verify_export`](crate::verify_export) or anybody else. Says how many events.
    fn export(&self, from: u64, to: u64, output: &mut dyn io::Write) -> Result<u64, Error>;
}

const PROGRESS_EVERY: u64 = 1024;
const FORMAT: &str = "orkestra-journal v1";

impl<R: Rows> ReadAudit for R {
    fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
        let head = self.head_row()?;
        let of = head.seq - head.floor.min(head.seq);
        let floor = int(head.floor)?;
        let start = seal_at(self.connection(), floor)?;
        let lost_anchor = start.is_none() && floor > 0;
        let mut checker = Checker::new(start.map_or(GENESIS.to_vec(), |seal| seal.hash), floor);
        walk(self, floor, i64::MAX, &mut |item| {
            match item {
                Item::Event(event, _) => checker.event(event),
                Item::Seal(seal) => checker.seal(&seal),
            }
            if checker.events().is_multiple_of(PROGRESS_EVERY) {
                progress(Progress { done: checker.events(), of });
            }
            Ok(())
        })?;
        let mut report = checker.end_at(int(head.seq)?, &head.seal);
        if lost_anchor {
            report.add(Problem::general("the seal at the floor is missing"));
        }
        let below: i64 = self
            .connection()
            .prepare_cached("SELECT count(*) FROM event WHERE seq <= ?1")?
            .query_row([floor], |row| row.get(0))?;
        if below > 0 {
            report.add(Problem::general(format!("{below} events were added below the floor")));
        }
        let mut quick = self.connection().prepare_cached("PRAGMA quick_check(10)")?;
        for line in quick.query_map([], |row| row.get::<_, String>(0))? {
            let line = line?;
            if line != "ok" {
                report.add(Problem::general(line));
            }
        }
        progress(Progress { done: report.events, of });
        Ok(report)
    }

    fn anchor(&self) -> Result<Option<String>, Error> {
        let seal = newest_seal(self.connection())?;
        seal.map(|seal| anchor_line(&seal)).transpose()
    }

    fn check_anchor(&self, line: &str) -> Result<AnchorCheck, Error> {
        let (cursor, hash) = parse_anchor(line).ok_or_else(|| {
            Error::Invalid(
                "not an anchor: expected `orkestra-seal v1 EPOCH-SEQ HASH AT`".to_owned(),
            )
        })?;
        let seq = int(cursor.seq)?;
        match seal_at(self.connection(), seq)? {
            Some(seal) if hex(&seal.hash) == hash && seal.span.epoch == int(cursor.epoch)? => {
                Ok(AnchorCheck::Holds)
            }
            Some(seal) => Ok(AnchorCheck::Changed { found: anchor_line(&seal)? }),
            None if cursor.seq < self.head_row()?.floor => Ok(AnchorCheck::Pruned),
            None => Ok(AnchorCheck::Missing),
        }
    }

    fn export(&self, from: u64, to: u64, output: &mut dyn io::Write) -> Result<u64, Error> {
        let connection = self.connection();
        let first = self.head_row()?.floor.max(from.saturating_sub(1));
        // The seal that ends before the range is where a check can begin.
        let after: Option<i64> = connection
            .prepare_cached("SELECT max(to_seq) FROM seal WHERE to_seq <= ?1")?
            .query_row([int(first)?], |row| row.get(0))?;
        let last: Option<i64> = connection
            .prepare_cached("SELECT min(to_seq) FROM seal WHERE to_seq >= ?1")?
            .query_row([int(to.min(i64::MAX.unsigned_abs()))?], |row| row.get(0))?;
        let after = after.unwrap_or(0);
        let prev = seal_at(connection, after)?.map_or(GENESIS.to_vec(), |seal| seal.hash);
        let mut put = |line: Value| {
            writeln!(output, "{line}").map_err(|error| Error::file("writing the export", &error))
        };
        put(json!({"type": "journal", "format": FORMAT, "after": after, "prev": hex(&prev)}))?;
        let mut events = 0;
        walk(self, after, last.unwrap_or(i64::MAX), &mut |item| match item {
            Item::Event(_, line) => {
                events += 1;
                put(Value::Object(line))
            }
            Item::Seal(seal) => put(json!({
                "type": "seal",
                "from": seal.span.from,
                "to": seal.span.to,
                "epoch": seal.span.epoch,
                "at": seal.span.at,
                "prev": hex(&seal.prev),
                "hash": hex(&seal.hash),
            })),
        })?;
        Ok(events)
    }
}

enum Item {
    Event(RawEvent, Map<String, Value>),
    Seal(RawSeal),
}

/// Gives events and seals in order, each seal after its events. Memory does not grow with the journal.
fn walk<R: Rows>(
    rows: &R,
    after: i64,
    to: i64,
    take: &mut dyn FnMut(Item) -> Result<(), Error>,
) -> Result<(), Error> {
    let connection = rows.connection();
    let sql = format!(
        "SELECT {}, digest, line, salt, body, blob FROM event
          WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
        HEADER.join(", ")
    );
    let mut event_statement = connection.prepare_cached(&sql)?;
    let mut events = event_statement.query([after, to])?;
    let sql = format!("SELECT {SEAL} FROM seal WHERE to_seq > ?1 AND to_seq <= ?2 ORDER BY to_seq");
    let mut seal_statement = connection.prepare_cached(&sql)?;
    let mut seals = seal_statement.query([after, to])?;
    let mut seal = seals.next()?.map(raw_seal).transpose()?;
    while let Some(row) = events.next()? {
        let seq: i64 = row.get(0)?;
        while let Some(due) = seal.take_if(|seal| seal.span.to < seq) {
            take(Item::Seal(due))?;
            seal = seals.next()?.map(raw_seal).transpose()?;
        }
        let (event, line) = raw_event(rows, row)?;
        take(Item::Event(event, line))?;
    }
    while let Some(due) = seal.take() {
        take(Item::Seal(due))?;
        seal = seals.next()?.map(raw_seal).transpose()?;
    }
    Ok(())
}

/// Reads a row without trusting the types in it: a changed type must be reported, not stumbled over.
fn raw_event<R: Rows>(rows: &R, row: &Row<'_>) -> Result<(RawEvent, Map<String, Value>), Error> {
    let mut header = [ValueRef::Null; HEADER.len()];
    let mut line = Map::new();
    line.insert("type".to_owned(), json!("event"));
    for (index, (value, name)) in header.iter_mut().zip(HEADER).enumerate() {
        *value = row.get_ref(index)?;
        line.insert(name.to_owned(), json_value(*value));
    }
    let [_, id, _, _, kind, _, _, subject, ..] = header;
    let digest = bytes(row.get_ref(12)?).unwrap_or_default();
    let stored = bytes(row.get_ref(13)?).unwrap_or_default();
    let salt = bytes(row.get_ref(14)?);
    let body = raw_body(rows, row.get_ref(15)?, row.get_ref(16)?)?;
    let text = match &body {
        RawBody::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
        RawBody::Erased | RawBody::Bad(_) => Value::Null,
    };
    line.insert("body".to_owned(), text);
    line.insert("salt".to_owned(), salt.as_ref().map_or(Value::Null, |salt| json!(hex(salt))));
    line.insert("digest".to_owned(), json!(hex(&digest)));
    line.insert("line".to_owned(), json!(hex(&stored)));
    let event = RawEvent {
        seq: row.get(0)?,
        id: bytes(id).and_then(|id| Uuid::from_slice(&id).ok()).map(EventId::new),
        kind: lossy(kind),
        subject: lossy(subject),
        computed: seal::line(header, &digest),
        line: stored,
        digest,
        salt,
        body,
    };
    Ok((event, line))
}

fn raw_body<R: Rows>(rows: &R, body: ValueRef<'_>, blob: ValueRef<'_>) -> Result<RawBody, Error> {
    Ok(match (body, blob) {
        (ValueRef::Null, ValueRef::Null) => RawBody::Erased,
        (ValueRef::Text(text), ValueRef::Null) => RawBody::Bytes(text.to_vec()),
        (ValueRef::Null, ValueRef::Blob(address)) => rows
            .blobs()
            .get(address)?
            .map_or(RawBody::Bad("the blob with the body of the event is missing"), RawBody::Bytes),
        _ => RawBody::Bad("the body of the event was replaced by something else"),
    })
}

fn bytes(value: ValueRef<'_>) -> Option<Vec<u8>> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    }
}

fn lossy(value: ValueRef<'_>) -> String {
    bytes(value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn json_value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => json!(integer),
        ValueRef::Real(real) => json!(real),
        ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
        ValueRef::Blob(blob) => json!(hex(blob)),
    }
}

const SEAL: &str = "from_seq, to_seq, epoch, at, prev, hash";

fn raw_seal(row: &Row<'_>) -> rusqlite::Result<RawSeal> {
    Ok(RawSeal {
        span: Span { from: row.get(0)?, to: row.get(1)?, epoch: row.get(2)?, at: row.get(3)? },
        prev: row.get(4)?,
        hash: row.get(5)?,
    })
}

fn seal_at(connection: &Connection, to: i64) -> Result<Option<RawSeal>, Error> {
    let sql = format!("SELECT {SEAL} FROM seal WHERE to_seq = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([to], raw_seal).optional()?)
}

fn newest_seal(connection: &Connection) -> Result<Option<RawSeal>, Error> {
    let sql = format!("SELECT {SEAL} FROM seal ORDER BY to_seq DESC LIMIT 1");
    Ok(connection.prepare_cached(&sql)?.query_row([], raw_seal).optional()?)
}

fn anchor_line(seal: &RawSeal) -> Result<String, Error> {
    let Span { to, epoch, at, .. } = seal.span;
    Ok(format!("orkestra-seal v1 {epoch}-{to} {} {}", hex(&seal.hash), timestamp(at)?))
}

fn parse_anchor(line: &str) -> Option<(Cursor, String)> {
    let mut words = line.split_whitespace();
    if (words.next()?, words.next()?) != ("orkestra-seal", "v1") {
        return None;
    }
    let cursor = words.next()?.parse().ok()?;
    let hash = words.next().filter(|hash| hash.len() == 64)?.to_ascii_lowercase();
    Some((cursor, hash))
}
