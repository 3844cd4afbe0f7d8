//! The journal: events are appended and read, never changed.

use crate::blob::Address;
use crate::error::Error;
use crate::interface::Rows;
use crate::seal::{self, Hash};
use crate::value::{hex, int, limit, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::event::{Cause, Draft, Event, EventRef};
use orkestra_core::id::{EventId, NodeId, SessionId, TaskId};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Where the journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The newest event; 0 when there is none.
    pub seq: u64,
    /// The life of this database between two restores.
    pub epoch: u64,
    /// The newest seal; inside a command the one of the commit before.
    pub seal: [u8; 32],
    /// Events up to here were pruned; 0 when none were.
    pub floor: u64,
}

/// Which event is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKey {
    /// By identity.
    Id(EventId),
    /// By place.
    Seq(u64),
}

/// Which events to read; the default is the oldest hundred.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Only later ones.
    pub after_seq: Option<u64>,
    /// Only earlier ones.
    pub before_seq: Option<u64>,
    /// Any of these kinds: exact, or a beginning with `*` at its end (`unit.*`). Empty: all.
    pub kinds: Vec<String>,
    /// Only of this topic.
    pub topic: Option<String>,
    /// Only about this one.
    pub subject: Option<String>,
    /// Only the trail of this task: itself, its runs, reviews and votes.
    pub task: Option<TaskId>,
    /// Only the trail of this session: itself, its tasks, runs, reviews and votes.
    pub session: Option<SessionId>,
    /// Only of this agent: about it, by it, or about a run of it.
    pub agent: Option<String>,
    /// Only committed then or later.
    pub since: Option<Timestamp>,
    /// Only of this causal chain.
    pub chain: Option<EventId>,
    /// At most so many.
    pub limit: usize,
    /// The newest first.
    pub newest_first: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            after_seq: None,
            before_seq: None,
            kinds: Vec::new(),
            topic: None,
            subject: None,
            task: None,
            session: None,
            agent: None,
            since: None,
            chain: None,
            limit: 100,
            newest_first: false,
        }
    }
}

/// Reading the journal.
pub trait ReadJournal {
    /// The events that match, in order.
    fn events(&self, filter: &Filter) -> Result<Vec<Event>, Error>;

    /// One event.
    fn event(&self, key: EventKey) -> Result<Option<Event>, Error>;

    /// How it came to this event: the first of the chain first, the event itself last.
    fn cause_chain(&self, id: EventId) -> Result<Vec<Event>, Error>;

    /// Everything that came of the first event of a chain, in order.
    fn chain(&self, chain: EventId, limit: usize) -> Result<Vec<Event>, Error> {
        self.events(&Filter { chain: Some(chain), limit, ..Filter::default() })
    }

    /// Where the journal ends.
    fn head(&self) -> Result<Head, Error>;

    /// Events up to here were pruned: a cursor below it needs a snapshot.
    fn floor(&self) -> Result<u64, Error> {
        Ok(self.head()?.floor)
    }
}

/// Writing the journal.
pub trait WriteJournal {
    /// Appends events in this order and says where each stands in its chain.
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<EventRef>, Error>;
}

const COLUMNS: &str =
    "seq, id, node, at, kind, version, topic, subject, actor, cause, chain, hop, body, blob";

/// A chain deeper than this is a loop in somebody's logic; reading stops here.
const HOPS_MAX: i64 = 10_000;

impl<R: Rows> ReadJournal for R {
    fn events(&self, filter: &Filter) -> Result<Vec<Event>, Error> {
        let (sql, values) = query(filter)?;
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(self, row)?);
        }
        Ok(events)
    }

    fn event(&self, key: EventKey) -> Result<Option<Event>, Error> {
        let (column, value) = match key {
            EventKey::Id(id) => ("id", Value::Blob(id.uuid().as_bytes().to_vec())),
            EventKey::Seq(seq) => ("seq", Value::Integer(int(seq)?)),
        };
        let sql = format!("SELECT {COLUMNS} FROM event WHERE {column} = ?1");
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut rows = statement.query([value])?;
        rows.next()?.map(|row| event(self, row)).transpose()
    }

    fn cause_chain(&self, id: EventId) -> Result<Vec<Event>, Error> {
        let sql = format!(
            "WITH RECURSIVE up (id, cause, depth) AS (
               SELECT id, cause, 0 FROM event WHERE id = ?1
               UNION ALL
               SELECT e.id, e.cause, up.depth + 1 FROM event e JOIN up ON e.id = up.cause
                WHERE up.depth < {HOPS_MAX})
             SELECT {COLUMNS} FROM event WHERE id IN (SELECT id FROM up) ORDER BY seq"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut rows = statement.query([id.uuid().as_bytes()])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(self, row)?);
        }
        Ok(events)
    }

    fn head(&self) -> Result<Head, Error> {
        self.head_row()
    }
}

/// Builds the statement from fixed fragments; whatever a caller says is a bound value.
fn query(filter: &Filter) -> Result<(String, Vec<Value>), Error> {
    let mut sql = format!("SELECT {COLUMNS} FROM event WHERE true");
    let mut values: Vec<Value> = Vec::new();
    let mut and = |condition: &str, bound: Vec<Value>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend(bound);
    };
    if let Some(seq) = filter.after_seq {
        and("seq > ?", vec![Value::Integer(int(seq)?)]);
    }
    if let Some(seq) = filter.before_seq {
        and("seq < ?", vec![Value::Integer(int(seq)?)]);
    }
    if let Some(topic) = &filter.topic {
        and("topic = ?", vec![Value::Text(topic.clone())]);
    }
    if let Some(subject) = &filter.subject {
        and("subject = ?", vec![Value::Text(subject.clone())]);
    }
    if let Some(task) = filter.task {
        let own = Value::Text(task.to_string());
        let id = Value::Blob(task.uuid().as_bytes().to_vec());
        and(&trail("task"), vec![own, id.clone(), id.clone(), id]);
    }
    if let Some(session) = filter.session {
        let own = Value::Text(session.to_string());
        let id = Value::Blob(session.uuid().as_bytes().to_vec());
        let tasks = format!("SELECT {} FROM task WHERE session = ? UNION ALL", as_text());
        let sql = trail("session").replacen("UNION ALL", &format!("UNION ALL {tasks}"), 1);
        and(&sql, vec![own, id.clone(), id.clone(), id.clone(), id]);
    }
    if let Some(agent) = &filter.agent {
        let sql = format!(
            "((topic = 'agent' AND subject = ?) OR actor = ? OR (topic = 'run' AND subject IN
               (SELECT {} FROM run WHERE agent = ?)))",
            as_text()
        );
        let name = Value::Text(agent.clone());
        and(&sql, vec![name.clone(), Value::Text(format!("agent:{agent}")), name]);
    }
    if let Some(since) = filter.since {
        and("at >= ?", vec![Value::Integer(micros(since))]);
    }
    if let Some(chain) = filter.chain {
        and("chain = ?", vec![Value::Blob(chain.uuid().as_bytes().to_vec())]);
    }
    if !filter.kinds.is_empty() {
        let mut any = Vec::new();
        let mut bound = Vec::new();
        for kind in &filter.kinds {
            match kind.strip_suffix('*') {
                // A range, not a pattern: it uses the index and has no other special characters.
                Some(start) => {
                    any.push("(kind >= ? AND kind < ?)");
                    bound.push(Value::Text(start.to_owned()));
                    bound.push(Value::Text(format!("{start}\u{10FFFF}")));
                }
                None => {
                    any.push("kind = ?");
                    bound.push(Value::Text(kind.clone()));
                }
            }
        }
        and(&format!("({})", any.join(" OR ")), bound);
    }
    sql.push_str(if filter.newest_first { " ORDER BY seq DESC" } else { " ORDER BY seq" });
    sql.push_str(" LIMIT ?");
    values.push(Value::Integer(limit(filter.limit)));
    Ok((sql, values))
}

/// An id as events name it, of the 16 bytes that rows have.
fn as_text() -> String {
    let digits = |from: u32, count: u32| format!("substr(lower(hex(id)), {from}, {count})");
    [digits(1, 8), digits(9, 4), digits(13, 4), digits(17, 4), digits(21, 12)].join(" || '-' || ")
}

/// What belongs to a task or session: itself, and what names it in this column. Takes its text once
/// and its bytes three times.
fn trail(column: &str) -> String {
    let id = as_text();
    format!(
        "topic IN ('task', 'session', 'run', 'review', 'vote') AND subject IN (SELECT ? \
         UNION ALL SELECT {id} FROM run WHERE {column} = ? \
         UNION ALL SELECT {id} FROM review WHERE {column} = ? \
         UNION ALL SELECT {id} FROM vote WHERE {column} = ?)"
    )
}

fn event<R: Rows>(rows: &R, row: &Row<'_>) -> Result<Event, Error> {
    let id = |bytes| EventId::new(uuid(bytes));
    let seq = natural(row.get(0)?)?;
    let body: Option<String> = row.get(12)?;
    let blob: Option<Vec<u8>> = row.get(13)?;
    let body = match (body, blob) {
        (Some(text), _) => Some(text.into_bytes()),
        (None, Some(address)) => {
            let bytes = rows.blobs().get(&address)?;
            if bytes.is_none() {
                // One lost file must not hide the whole list; `verify` names it as damage.
                tracing::warn!(seq, blob = hex(&address), "the body of an event is missing");
            }
            bytes
        }
        (None, None) => None,
    };
    let body = body
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose()
        .map_err(|_| Error::damaged(format!("the body of event {seq} is not JSON")))?;
    Ok(Event {
        seq,
        id: id(row.get(1)?),
        node: NodeId::new(uuid(row.get(2)?)),
        at: timestamp(row.get(3)?)?,
        kind: row.get(4)?,
        version: row.get(5)?,
        topic: row.get(6)?,
        subject: row.get(7)?,
        actor: row.get(8)?,
        cause: row.get::<_, Option<[u8; 16]>>(9)?.map(id),
        chain: id(row.get(10)?),
        hop: row.get(11)?,
        body,
    })
}

pub(crate) fn read_head(connection: &Connection) -> Result<Head, Error> {
    let row: Option<(i64, i64, [u8; 32], i64)> = connection
        .prepare_cached("SELECT seq, epoch, seal, floor FROM head WHERE one = 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let (seq, epoch, seal, floor) =
        row.ok_or_else(|| Error::damaged("the head row of the journal is missing"))?;
    Ok(Head { seq: natural(seq)?, epoch: natural(epoch)?, seal, floor: natural(floor)? })
}

impl WriteJournal for Tx<'_> {
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<EventRef>, Error> {
        let at = (self.context.clock)();
        let mut places: Vec<EventRef> = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let id = EventId::new((self.context.ids)());
            let cause = match draft.cause {
                Cause::Root => None,
                Cause::Event(given) => Some(self.known_cause(given)?),
                Cause::Earlier(index) => Some(*places.get(index).ok_or_else(|| {
                    Error::Invalid(format!(
                        "draft {} names the later draft {index} as its cause",
                        places.len()
                    ))
                })?),
            };
            let place = match cause {
                None => EventRef { id, chain: id, hop: 0 },
                Some(cause) => {
                    EventRef { id, chain: cause.chain, hop: cause.hop.saturating_add(1) }
                }
            };
            self.insert(draft, place, cause.map(|cause| cause.id), at)?;
            places.push(place);
        }
        Ok(places)
    }
}

impl Tx<'_> {
    /// The stored place of a cause: what a caller remembers about an event may be wrong.
    fn known_cause(&self, given: EventRef) -> Result<EventRef, Error> {
        let found: Option<([u8; 16], u32)> = self
            .connection
            .prepare_cached("SELECT chain, hop FROM event WHERE id = ?1")?
            .query_row([given.id.uuid().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match found {
            Some((chain, hop)) => {
                Ok(EventRef { id: given.id, chain: EventId::new(uuid(chain)), hop })
            }
            // It may have been pruned; then the reference is all that is left.
            None if self.head.floor > 0 => Ok(given),
            None => Err(Error::NotFound { what: "event", name: given.id.to_string() }),
        }
    }

    fn insert(
        &mut self,
        draft: &Draft,
        place: EventRef,
        cause: Option<EventId>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let body = serde_json::to_string(&draft.body)
            .map_err(|error| Error::Invalid(format!("the body of {}: {error}", draft.kind)))?;
        let limit = self.context.body_bytes_max;
        if body.len() > limit {
            return Err(Error::TooLarge { what: "the body of an event", size: body.len(), limit });
        }
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)
            .map_err(|error| Error::Io { what: format!("drawing a random number: {error}") })?;
        let digest = seal::body_digest(&salt, body.as_bytes());
        let blob: Option<Address> = if body.len() > self.context.blob_bytes_min {
            Some(self.context.blobs.put(body.as_bytes())?)
        } else {
            None
        };
        let seq = self.head.seq + 1;
        let seq_value = int(seq)?;
        let (id, chain) = (place.id.uuid(), place.chain.uuid());
        let (node, cause) = (self.context.node.uuid(), cause.map(EventId::uuid));
        let topic = draft.topic.as_str();
        let header = [
            ValueRef::Integer(seq_value),
            ValueRef::Blob(id.as_bytes()),
            ValueRef::Blob(node.as_bytes()),
            ValueRef::Integer(micros(at)),
            ValueRef::Text(draft.kind.as_bytes()),
            ValueRef::Integer(i64::from(draft.version)),
            ValueRef::Text(topic.as_bytes()),
            ValueRef::Text(draft.subject.as_bytes()),
            ValueRef::Text(draft.actor.as_bytes()),
            cause.as_ref().map_or(ValueRef::Null, |cause| ValueRef::Blob(cause.as_bytes())),
            ValueRef::Blob(chain.as_bytes()),
            ValueRef::Integer(i64::from(place.hop)),
        ];
        let line: Hash = seal::line(header, &digest);
        self.connection
            .prepare_cached(
                "INSERT INTO event (seq, id, node, at, kind, version, topic, subject, actor, cause,
                   chain, hop, body, blob, salt, digest, line)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                seq_value,
                id.as_bytes(),
                node.as_bytes(),
                micros(at),
                draft.kind,
                draft.version,
                topic,
                draft.subject,
                draft.actor,
                cause.as_ref().map(|cause| cause.as_bytes()),
                chain.as_bytes(),
                place.hop,
                blob.is_none().then_some(body),
                blob,
                salt,
                digest,
                line,
            ])?;
        self.head.seq = seq;
        self.appended.push((crate::Place { seq, event: place }, line));
        Ok(())
    }
}
