//! The dispatcher's way into the store, and what happens when the store cannot take it.
//!
//! On a full or read-only disk supervision goes on: what is to be committed waits in memory, in
//! order, bounded; once there is room it is written, and the gap is itself an event. A batch that
//! no waiting helps is written as far as it can be, so that one bad event holds up nothing.

use crate::commit::{Batch, Latest};
use crate::secret::Secrets;
use jiff::{SignedDuration, Timestamp};
use orkestra_core::event::{Draft, Topic};
use orkestra_core::id::RunId;
use orkestra_store::{Error as StoreError, Store};
use serde_json::json;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

/// Events that may wait in memory; older ones are dropped and counted.
const PENDING_EVENTS_MAX: usize = 20_000;

/// The reserve: freed when the disk is full, so that the last commits still find room.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// A reserve that was freed is set aside again no sooner than this.
const RESERVE_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// What could not be written yet.
#[derive(Default)]
struct Pending {
    batches: VecDeque<Arc<Batch>>,
    events: usize,
    dropped: u64,
    since: Option<Timestamp>,
}

/// The dispatcher's way into the store.
pub(crate) struct Journal {
    store: Store,
    secrets: Secrets,
    reserve: PathBuf,
    freed_at: Option<Timestamp>,
    pending: Pending,
    /// The newest events that were written late and that nobody was told of yet.
    late: Latest,
}

/// What became of a batch.
pub(crate) enum Written {
    /// It is durable.
    Committed(Latest),
    /// It waits in memory until there is room again, without its new runs.
    Waiting(StoreError),
    /// The store will never take it as it is; without its new runs, and if need be without its
    /// events, it is durable.
    Refused(StoreError, Latest),
}

/// Whether trying again later may help.
fn may_pass(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Conflict(_)
            | StoreError::Invalid(_)
            | StoreError::NotFound { .. }
            | StoreError::Stale { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Panicked(_)
            | StoreError::Refused(_)
    )
}

impl Journal {
    pub(crate) fn new(store: Store, home: &std::path::Path, secrets: Secrets) -> Self {
        let reserve = home.join("reserve");
        Self {
            store,
            secrets,
            reserve,
            freed_at: None,
            pending: Pending::default(),
            late: Latest::default(),
        }
    }

    /// Sets the reserve aside; without room for it there is none.
    pub(crate) fn keep_reserve(&mut self) {
        self.freed_at = None;
        if let Err(error) = orkestra_host::reserve::ensure(&self.reserve, RESERVE_BYTES) {
            tracing::warn!(%error, "No reserve could be set aside for a full disk.");
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.pending.batches.is_empty()
    }

    /// Commits a batch, or keeps it in memory when the store cannot take it now. `new_runs` are in
    /// it only if they become durable at once: an agent must not work unrecorded.
    pub(crate) async fn commit(
        &mut self,
        batch: Batch,
        new_runs: &[RunId],
        at: Timestamp,
    ) -> Written {
        if self.is_waiting()
            && let Some(error) = self.flush(at).await
        {
            self.keep(batch.without_runs(new_runs), at);
            return Written::Waiting(error);
        }
        let batch = Arc::new(batch);
        let mut written = self.write(&batch).await;
        if matches!(written, Err(StoreError::Full)) && self.free_reserve(at) {
            written = self.write(&batch).await;
        }
        match written {
            Ok(latest) => {
                if self.freed_at.is_some_and(|freed| at.duration_since(freed) > RESERVE_AGAIN) {
                    self.keep_reserve();
                }
                Written::Committed(self.with_late(latest))
            }
            Err(error) if may_pass(&error) => {
                tracing::error!(%error, "The journal cannot be written; supervision goes on.");
                self.keep(Batch::clone(&batch).without_runs(new_runs), at);
                Written::Waiting(error)
            }
            Err(error) => {
                let rest = Batch::clone(&batch).without_runs(new_runs);
                let latest = self.salvage(rest, &error, at).await;
                Written::Refused(error, self.with_late(latest))
            }
        }
    }

    /// The newest events that were written late, once.
    pub(crate) fn take_late(&mut self) -> Latest {
        std::mem::take(&mut self.late)
    }

    fn with_late(&mut self, latest: Latest) -> Latest {
        let mut all = self.take_late();
        all.then(latest);
        all
    }

    fn free_reserve(&mut self, at: Timestamp) -> bool {
        self.freed_at = Some(at);
        orkestra_host::reserve::release(&self.reserve).is_ok()
    }

    /// Writes what can be written of a batch that the store refuses for good.
    async fn salvage(&mut self, batch: Batch, error: &StoreError, at: Timestamp) -> Latest {
        tracing::error!(%error, "The store refuses a commit; what can be saved of it is.");
        if let Ok(latest) = self.write(&Arc::new(batch.clone())).await {
            return latest;
        }
        let count = batch.events();
        let mut rows = batch.without_events();
        rows.note(vec![gap(at, at, 0, count as u64, &format!("the store refused it: {error}"))]);
        match self.write(&Arc::new(rows)).await {
            Ok(latest) => latest,
            Err(error) => {
                tracing::error!(%error, "Nothing of a commit could be saved.");
                Latest::default()
            }
        }
    }

    /// Tries to write what waits, in its order; the error when it must wait on.
    pub(crate) async fn flush(&mut self, at: Timestamp) -> Option<StoreError> {
        while let Some(batch) = self.pending.batches.front().cloned() {
            let latest = match self.write(&batch).await {
                Ok(latest) => latest,
                Err(error) if may_pass(&error) => return Some(error),
                Err(error) => self.salvage(Batch::clone(&batch), &error, at).await,
            };
            self.late.then(latest);
            self.pending.batches.pop_front();
        }
        let pending = std::mem::take(&mut self.pending);
        if let Some(since) = pending.since {
            let queued = pending.events as u64;
            let mut batch = Batch::default();
            batch.note(vec![gap(
                since,
                at,
                queued,
                pending.dropped,
                "the store could not be written",
            )]);
            if let Err(error) = self.write(&Arc::new(batch.clone())).await {
                self.keep(batch, since);
                return Some(error);
            }
            self.keep_reserve();
        }
        None
    }

    fn keep(&mut self, batch: Batch, at: Timestamp) {
        self.pending.since.get_or_insert(at);
        self.pending.events += batch.events();
        self.pending.batches.push_back(Arc::new(batch));
        // Rows must come through, events may be dropped: their number is told by the gap.
        let mut index = 0;
        while self.pending.events > PENDING_EVENTS_MAX {
            let Some(slot) = self.pending.batches.get_mut(index) else { break };
            index += 1;
            let count = slot.events();
            *slot = Arc::new(Batch::clone(slot).without_events());
            self.pending.events -= count;
            self.pending.dropped += count as u64;
        }
        while let [first, second, ..] = self.pending.batches.make_contiguous()
            && first.events() == 0
            && second.events() == 0
        {
            let merged = Arc::new(Batch::clone(first).then(second));
            self.pending.batches.pop_front();
            if let Some(front) = self.pending.batches.front_mut() {
                *front = merged;
            }
        }
    }

    async fn write(&self, batch: &Arc<Batch>) -> Result<Latest, StoreError> {
        let (batch, secrets) = (Arc::clone(batch), self.secrets.clone());
        let committed = self.store.write(move |tx| batch.write(tx, &secrets)).await?;
        Ok(committed.value)
    }
}

/// What tells of events that were written late or not at all.
fn gap(since: Timestamp, until: Timestamp, queued: u64, dropped: u64, why: &str) -> Draft {
    let body =
        json!({"since": since, "until": until, "queued": queued, "dropped": dropped, "why": why});
    Draft::new("journal.gap", Topic::Journal, "journal", "daemon", body)
}
