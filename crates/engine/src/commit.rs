//! One batch of decisions as one command of the store, and what happens when the disk is full.

use orkestra_core::agent::Usage;
use orkestra_core::event::{Cause, Draft, EventRef, Topic};
use orkestra_core::id::RunId;
use orkestra_core::run::{Run, RunDecision};
use orkestra_core::unit::spec::UnitName;
use orkestra_core::unit::{Decision, Unit};
use orkestra_store::{Error as StoreError, RunRow, Store, Tokens, UnitRow, UsageRow, Write};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Every run is attempted once in this version; the store keys streams by attempt already.
const ATTEMPT: u32 = 1;

/// Events that may wait in memory for a disk that is full; older ones are dropped and counted.
const PENDING_EVENTS_MAX: usize = 20_000;

/// An event on its way, with its place in the raw stream when it came from one.
#[derive(Debug, Clone)]
struct Entry {
    draft: Draft,
    stream: Option<(RunId, u64, u32)>,
}

/// Rows and events of one turn of the dispatcher: one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    units: BTreeMap<UnitName, Unit>,
    removed: BTreeSet<UnitName>,
    runs: BTreeMap<RunId, Run>,
    entries: Vec<Entry>,
    usage: Vec<(RunId, Usage)>,
}

/// The newest event of each unit and run, as causes of what follows.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    pub(crate) units: BTreeMap<UnitName, EventRef>,
    pub(crate) runs: BTreeMap<RunId, EventRef>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty()
            && self.removed.is_empty()
            && self.runs.is_empty()
            && self.entries.is_empty()
    }

    /// Puts drafts behind what is there, so that their causes point at the right places: within
    /// their own list, or at an event of the same subject earlier in this batch, which the core
    /// could not know yet as committed.
    fn push(&mut self, drafts: Vec<Draft>) {
        let base = self.entries.len();
        for mut draft in drafts {
            draft.cause = match draft.cause {
                Cause::Earlier(index) => Cause::Earlier(base + index),
                Cause::Event(reference) => self
                    .entries
                    .iter()
                    .take(base)
                    .rposition(|entry| {
                        entry.stream.is_none() && entry.draft.subject == draft.subject
                    })
                    .map_or(Cause::Event(reference), Cause::Earlier),
                Cause::Root => Cause::Root,
            };
            self.entries.push(Entry { draft, stream: None });
        }
    }

    /// Adds what was decided about units.
    pub(crate) fn units(&mut self, decision: &Decision) {
        for (name, unit) in &decision.changed {
            self.removed.remove(name);
            self.units.insert(name.clone(), unit.clone());
        }
        for name in &decision.removed {
            self.units.remove(name);
            self.removed.insert(name.clone());
        }
        self.push(decision.events.clone());
    }

    /// Adds what was decided about a run.
    pub(crate) fn run(&mut self, decision: &RunDecision) {
        let id = decision.run.id;
        for (offset, index, draft) in &decision.streamed {
            let stream = Some((id, *offset, *index));
            self.entries.push(Entry { draft: draft.clone(), stream });
        }
        self.usage.extend(decision.usage.iter().map(|usage| (id, usage.clone())));
        self.runs.insert(id, decision.run.clone());
        self.push(decision.events.clone());
    }

    /// Adds events that change no row of units and runs.
    pub(crate) fn note(&mut self, drafts: Vec<Draft>) {
        self.push(drafts);
    }

    fn write(&self, tx: &mut dyn Write) -> Result<Latest, StoreError> {
        let mut references: Vec<Option<EventRef>> = Vec::with_capacity(self.entries.len());
        let mut latest = Latest::default();
        for entry in &self.entries {
            if let Some((run, offset, index)) = entry.stream
                && !tx.mark_stream(run, ATTEMPT, offset, index)?
            {
                references.push(None);
                continue;
            }
            let mut draft = entry.draft.clone();
            if let Cause::Earlier(index) = draft.cause {
                let earlier = references.get(index).copied().flatten();
                draft.cause = earlier.map_or(Cause::Root, Cause::Event);
            }
            let reference = tx.append(std::slice::from_ref(&draft))?.into_iter().next();
            references.push(reference);
            let (Some(reference), None) = (reference, entry.stream) else { continue };
            match draft.topic {
                Topic::Unit => {
                    if let Ok(name) = draft.subject.parse() {
                        latest.units.insert(name, reference);
                    }
                }
                Topic::Run => {
                    if let Ok(id) = draft.subject.parse() {
                        latest.runs.insert(id, reference);
                    }
                }
                Topic::Daemon | Topic::Journal => {}
            }
        }
        for (run, usage) in &self.usage {
            tx.put_usage(&usage_row(*run, usage))?;
        }
        for (name, unit) in &self.units {
            let mut unit = unit.clone();
            unit.latest = latest.units.get(name).copied().or(unit.latest);
            tx.put_unit(&unit_row(&unit)?)?;
        }
        for name in &self.removed {
            tx.remove_unit(name.as_str())?;
        }
        for (id, run) in &self.runs {
            let mut run = run.clone();
            run.latest = latest.runs.get(id).copied().or(run.latest);
            tx.put_run(&run_row(&run)?)?;
        }
        Ok(latest)
    }
}

fn body<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn unit_row(unit: &Unit) -> Result<UnitRow, StoreError> {
    Ok(UnitRow {
        name: unit.name.as_str().to_owned(),
        state: unit.state_word().to_owned(),
        body: body(unit)?,
    })
}

fn run_row(run: &Run) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        id: run.id,
        agent: run.agent.clone(),
        state: run.state_word().to_owned(),
        prompt: run.prompt.clone(),
        target: Some(run.target.clone()),
        worktree: run.worktree.as_ref().map(|worktree| worktree.path.clone()),
        session_id: Some(run.session_id.clone()),
        offset: run.offset,
        body: body(run)?,
        created_at: run.created_at,
        updated_at: run.ended_at.or(run.last_event_at).unwrap_or(run.created_at),
        request_key: run.request_key.clone(),
    })
}

fn usage_row(run: RunId, usage: &Usage) -> UsageRow {
    UsageRow {
        run,
        model: usage.model.clone().unwrap_or_default(),
        tokens: Tokens {
            fresh_input: usage.fresh_input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.output,
        },
        cost_micros: usage.cost_usd.map(|usd| (usd * 1e6).round() as u64),
    }
}

/// What could not be written yet.
#[derive(Default)]
struct Pending {
    batches: VecDeque<Arc<Batch>>,
    events: usize,
    dropped: u64,
    since: Option<jiff::Timestamp>,
}

/// The dispatcher's way into the store.
pub(crate) struct Journal {
    store: Store,
    reserve: std::path::PathBuf,
    pending: Pending,
}

/// What became of a batch.
pub(crate) enum Written {
    /// It is durable.
    Committed(Latest),
    /// It waits in memory until there is room again.
    Waiting(StoreError),
}

/// The reserve: freed when the disk is full, so that the last commits still find room.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

impl Journal {
    pub(crate) fn new(store: Store, home: &std::path::Path) -> Self {
        let reserve = home.join("reserve");
        Self { store, reserve, pending: Pending::default() }
    }

    /// Sets the reserve aside; without room for it there is none.
    pub(crate) fn keep_reserve(&self) {
        if let Err(error) = orkestra_host::reserve::ensure(&self.reserve, RESERVE_BYTES) {
            tracing::warn!(%error, "No reserve could be set aside for a full disk.");
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.pending.batches.is_empty()
    }

    /// Commits a batch, or keeps it in memory when the store cannot take it now.
    pub(crate) async fn commit(&mut self, batch: Batch, at: jiff::Timestamp) -> Written {
        if self.is_waiting()
            && let Some(error) = self.flush(at).await
        {
            self.keep(Arc::new(batch), at);
            return Written::Waiting(error);
        }
        let batch = Arc::new(batch);
        match self.write(&batch).await {
            Ok(latest) => Written::Committed(latest),
            Err(error) => {
                tracing::error!(%error, "The journal cannot be written; supervision goes on.");
                let freed = orkestra_host::reserve::release(&self.reserve).is_ok();
                if freed && matches!(error, StoreError::Full)
                    && let Ok(latest) = self.write(&batch).await
                {
                    return Written::Committed(latest);
                }
                self.keep(batch, at);
                Written::Waiting(error)
            }
        }
    }

    /// Tries to write what waits, in its order; the error when it must wait on.
    pub(crate) async fn flush(&mut self, at: jiff::Timestamp) -> Option<StoreError> {
        while let Some(batch) = self.pending.batches.front().cloned() {
            if let Err(error) = self.write(&batch).await {
                return Some(error);
            }
            self.pending.batches.pop_front();
        }
        let pending = std::mem::take(&mut self.pending);
        if let Some(since) = pending.since {
            let gap = json!({"since": since, "until": at, "queued": pending.events,
                "dropped": pending.dropped, "why": "the store could not be written"});
            let mut batch = Batch::default();
            batch.note(vec![Draft::new("journal.gap", Topic::Journal, "journal", "daemon", gap)]);
            if let Err(error) = self.write(&Arc::new(batch.clone())).await {
                self.keep(Arc::new(batch), since);
                return Some(error);
            }
            self.keep_reserve();
        }
        None
    }

    fn keep(&mut self, batch: Arc<Batch>, at: jiff::Timestamp) {
        self.pending.since.get_or_insert(at);
        self.pending.events += batch.entries.len();
        self.pending.batches.push_back(batch);
        // Rows must come through, events may be dropped: their number is told by the gap.
        let mut index = 0;
        while self.pending.events > PENDING_EVENTS_MAX {
            let Some(slot) = self.pending.batches.get_mut(index) else { break };
            index += 1;
            let count = slot.entries.len();
            if count == 0 {
                continue;
            }
            let mut rows = Batch::clone(slot);
            rows.entries.clear();
            *slot = Arc::new(rows);
            self.pending.events -= count;
            self.pending.dropped += u64::try_from(count).unwrap_or(u64::MAX);
        }
        self.merge_empty();
    }

    /// Batches without events are merged: the newest row of each unit is all that counts.
    fn merge_empty(&mut self) {
        while let [first, second, ..] = self.pending.batches.make_contiguous()
            && first.entries.is_empty()
            && second.entries.is_empty()
        {
            let mut merged = Batch::clone(first);
            for (name, unit) in &second.units {
                merged.removed.remove(name);
                merged.units.insert(name.clone(), unit.clone());
            }
            for name in &second.removed {
                merged.units.remove(name);
                merged.removed.insert(name.clone());
            }
            merged.runs.extend(second.runs.clone());
            merged.usage.extend(second.usage.iter().cloned());
            self.pending.batches.pop_front();
            if let Some(front) = self.pending.batches.front_mut() {
                *front = Arc::new(merged);
            }
        }
    }

    async fn write(&self, batch: &Arc<Batch>) -> Result<Latest, StoreError> {
        let batch = Arc::clone(batch);
        let committed = self.store.write(move |tx| batch.write(tx)).await?;
        Ok(committed.value)
    }
}
