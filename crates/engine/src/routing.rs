//! Agents as those who get tasks: what is known of each one, its breaker, its record (ADR 0030).

use crate::error::Error;
use crate::handle::Handle;
use jiff::{SignedDuration, Timestamp};
use orkestra_core::agent_state::health;
use orkestra_core::breaker::{self, Breaker};
use orkestra_core::event::Event;
use orkestra_core::health::{AgentFact, Agents};
use orkestra_core::id::RunId;
use orkestra_core::routing::{self, Reason, Record};
use orkestra_core::task::TaskState;
use orkestra_store::{Error as StoreError, Filter, Read, TrackRow, TrackSum, Write};
use std::collections::BTreeMap;

/// How agents did lately is counted over so many hours.
pub const LATELY_HOURS: i64 = 24;

/// Breakers that opened or closed, of which the mean time to recover is taken.
const BREAKS_MAX: usize = 500;

/// How an agent is as one who gets tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkFacts {
    /// Its breaker.
    pub breaker: Breaker,
    /// How its runs at tasks ended, by kind of task; the kind `""` is all of the last 24 hours.
    pub records: BTreeMap<String, Record>,
}

impl WorkFacts {
    /// How its runs at tasks ended in the last 24 hours.
    pub fn lately(&self) -> Record {
        self.records.get("").copied().unwrap_or_default()
    }

    /// `healthy`, `degraded`, `unhealthy`, `critical` or `unknown`, by the share of its runs at
    /// tasks that were not verified (MISSION 2.8).
    pub fn health(&self) -> &'static str {
        let lately = self.lately();
        health(lately.all(), lately.refuted.saturating_add(lately.failed))
    }
}

fn of_sum(sum: &TrackSum) -> Record {
    Record { verified: sum.verified, refuted: sum.refuted, failed: sum.failed }
}

fn parse(text: &str) -> Result<Breaker, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Damaged { what: format!("a breaker cannot be read: {error}") })
}

/// The breaker of an agent.
pub(crate) fn breaker_of(read: &(impl Read + ?Sized), agent: &str) -> Result<Breaker, StoreError> {
    let row = read.breaker(agent)?;
    row.map_or_else(|| Ok(Breaker::new(agent)), |text| parse(&text))
}

/// All breakers that are known.
pub(crate) fn breakers(
    read: &(impl Read + ?Sized),
) -> Result<BTreeMap<String, Breaker>, StoreError> {
    read.breakers()?.into_iter().map(|(agent, text)| Ok((agent, parse(&text)?))).collect()
}

/// Tells a breaker something, in this commit; as it is then.
pub(crate) fn tell_breaker(
    tx: &mut dyn Write,
    agent: &str,
    input: breaker::Input,
    limits: breaker::Limits,
    at: Timestamp,
) -> Result<Breaker, StoreError> {
    let known = breaker_of(&*tx, agent)?;
    let Some((next, event)) = known.decide(input, limits, at) else { return Ok(known) };
    let text = serde_json::to_string(&next).map_err(|e| StoreError::Invalid(e.to_string()))?;
    tx.put_breaker(agent, &text)?;
    if let Some(event) = event {
        tx.append(&[event])?;
    }
    Ok(next)
}

/// Writes down how a run at a task ended; false when that was known.
pub(crate) fn record(
    tx: &mut dyn Write,
    run: RunId,
    agent: &str,
    kind: &str,
    outcome: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let (agent, kind) = (agent.to_owned(), kind.to_owned());
    tx.put_track(&TrackRow { run, agent, kind, outcome: outcome.to_owned(), at })
}

/// Breakers that closed again, and how long they had been open on average, in milliseconds.
fn recovered(events: &[Event]) -> Option<(u64, u64)> {
    let mut opened: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let (mut count, mut all_ms) = (0_u64, 0_u64);
    for event in events {
        if event.kind == "agent.breaker_opened" {
            opened.entry(&event.subject).or_insert(event.at);
        } else if let Some(at) = opened.remove(event.subject.as_str()) {
            let open = u64::try_from(event.at.duration_since(at).as_millis()).unwrap_or(0);
            (count, all_ms) = (count + 1, all_ms.saturating_add(open));
        }
    }
    (count > 0).then(|| (count, all_ms / count))
}

/// How runs at tasks ended: by agent, by kind.
pub(crate) type Records = BTreeMap<String, BTreeMap<String, Record>>;

pub(crate) fn records(read: &(impl Read + ?Sized)) -> Result<Records, StoreError> {
    let mut records = Records::new();
    for sum in read.track_sums()? {
        records.entry(sum.agent.clone()).or_default().insert(sum.kind.clone(), of_sum(&sum));
    }
    Ok(records)
}

impl Handle {
    /// The agents that might get a task, as far as it can be said without the store: each one that
    /// is configured or installed, with the reason when it gets no work at all now.
    pub(crate) fn workers(&self) -> Vec<routing::Agent> {
        let discovery = self.agents();
        let found = discovery.found.iter().map(|found| {
            let held = self
                .agent_hold(&found.name)
                .map(|pause| Reason::Held { why: pause.why.clone(), until: pause.until });
            let model = found.spec.model.as_deref();
            let budget = || {
                let state = self.budget_hold(&found.name, model, None)?;
                Some(Reason::Budget { why: state.why() })
            };
            routing::Agent {
                name: found.name.clone(),
                kind: found.spec.kind.to_string(),
                strengths: found.spec.strengths(),
                capabilities: found.spec.capabilities.clone(),
                parallel: found.spec.parallel(),
                out: held.or_else(budget),
                ..routing::Agent::default()
            }
        });
        let missing = discovery.missing.iter().map(|missing| {
            let why = match &missing.program {
                Some(program) => format!("Its program {program} was not found."),
                None => "It has no command.".to_owned(),
            };
            routing::Agent {
                name: missing.name.clone(),
                out: Some(Reason::Missing { why }),
                ..routing::Agent::default()
            }
        });
        found.chain(missing).collect()
    }

    /// How the agents do together; nothing where there are none.
    pub(crate) async fn agents_health(&self) -> Result<Option<Agents>, Error> {
        let workers = self.workers();
        if workers.is_empty() {
            return Ok(None);
        }
        let facts = self.work_facts().await?;
        let now = self.now().at;
        let (hour, day) = (now - SignedDuration::from_hours(1), LATELY_HOURS);
        let since = now - SignedDuration::from_hours(day);
        let read = self.store.read(move |read| {
            let done = read.track_since(hour)?.iter().map(|sum| sum.verified).sum();
            let counts = read.task_counts(None)?;
            let ready = counts.iter().find(|(state, _)| state == TaskState::Ready.word());
            let kinds = ["agent.breaker_opened", "agent.breaker_closed"].map(str::to_owned);
            let filter = Filter {
                kinds: kinds.to_vec(),
                limit: BREAKS_MAX,
                newest_first: true,
                ..Filter::default()
            };
            let mut events = read.events(&filter)?;
            events.retain(|event| event.at >= since);
            events.reverse();
            Ok((done, ready.map_or(0, |(_, count)| *count), recovered(&events)))
        });
        let (done_last_hour, ready, recovered) = read.await.map_err(Error::Store)?;
        let all = workers.iter().map(|worker| {
            let of = facts.get(&worker.name);
            let lately = of.map(WorkFacts::lately).unwrap_or_default();
            let open = of.is_some_and(|of| of.breaker.open_until().is_some());
            AgentFact {
                name: worker.name.clone(),
                active: worker.out.is_none() && !open,
                runs: lately.all(),
                bad: lately.refuted.saturating_add(lately.failed),
            }
        });
        Ok(Some(Agents { all: all.collect(), ready, done_last_hour, recovered }))
    }

    /// Breaker and records of every agent that has one, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn work_facts(&self) -> Result<BTreeMap<String, WorkFacts>, Error> {
        let since = self.now().at - SignedDuration::from_hours(LATELY_HOURS);
        let read = self.store.read(move |read| {
            let mut facts: BTreeMap<String, WorkFacts> = BTreeMap::new();
            let mut of = |agent: &str, kind: String, record: Record| {
                let known = facts.entry(agent.to_owned()).or_insert_with(|| WorkFacts {
                    breaker: Breaker::new(agent),
                    records: BTreeMap::new(),
                });
                known.records.insert(kind, record);
            };
            for (agent, kinds) in records(read)? {
                for (kind, record) in kinds {
                    of(&agent, kind, record);
                }
            }
            for sum in read.track_since(since)? {
                of(&sum.agent, String::new(), of_sum(&sum));
            }
            for (agent, breaker) in breakers(read)? {
                facts.entry(agent).or_default().breaker = breaker;
            }
            Ok(facts)
        });
        read.await.map_err(Error::Store)
    }
}
