//! Snapshots of the work, and putting one back (MISSION row 114; ADR 0034).
//!
//! A snapshot holds rows only: tasks, sessions, reviews, votes, notes. What happened stays in the
//! journal, whatever is put back; runs, branches and files are not touched. One is taken when a person
//! asks, every ten minutes while work goes on, and when an agent is limited or breaks off.

use crate::consumer::{Consumer, follow};
use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use crate::task::By;
use crate::world::World;
use orkestra_core::event::{Cause, Draft, Event, Topic};
use orkestra_core::id::{SnapshotId, TaskId};
use orkestra_core::run::RunState;
use orkestra_core::span::Span;
use orkestra_core::task::{Decision, Task, TaskInput, TaskState};
use orkestra_store::{Error as StoreError, Filter, Read, SnapshotRow, TaskFilter, Write};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// More rows are not taken by itself: each would be written again every ten minutes.
const ROWS_BY_ITSELF: u64 = 20_000;

/// More rows are not taken at all.
const ROWS_MAX: u64 = 200_000;

/// After such an event a snapshot is taken, with this reason.
const MOMENTS: [(&str, &str); 2] =
    [("agent.rate_limited", "rate_limit"), ("run.attempt_ended", "disconnect")];

/// What changes the work.
const CHANGES: [&str; 5] = ["task.*", "session.*", "review.*", "vote.*", "agent.noted"];

/// The subject of events about the work as a whole.
pub(crate) const WORK: &str = "work";

/// When snapshots are taken, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotRules {
    /// How often, while work goes on [10 minutes].
    pub every: Span,
    /// So many are kept [20].
    pub keep: usize,
}

impl Default for SnapshotRules {
    fn default() -> Self {
        Self { every: Span::from_secs(600), keep: 20 }
    }
}

/// Takes snapshots as long as the daemon lives.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let (of, world) = (handle.clone(), Arc::clone(&handle.world));
    let deal = move |tx: &mut dyn Write, event: &Event| {
        let reason = MOMENTS.iter().find(|(kind, _)| *kind == event.kind).map(|(_, why)| *why);
        let Some(reason) = reason else { return Ok(()) };
        // An attempt that ended because somebody stopped the run is no disconnect.
        if event.kind == "run.attempt_ended" && !broke_off(event) {
            return Ok(());
        }
        by_itself(tx, world.as_ref(), reason, of.upkeep().snapshots.keep, Some(event))
    };
    let kinds = &["agent.rate_limited", "run.attempt_ended"];
    follow(handle, futures, Consumer { name: "snapshots", kinds, deal: Arc::new(deal) });
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        loop {
            let every = Duration::from_millis(handle.upkeep().snapshots.every.ms().max(1_000));
            tokio::time::sleep(every).await;
            let (world, keep) = (Arc::clone(&handle.world), handle.upkeep().snapshots.keep);
            let changed = handle.store.read(|read| changed_since_last(read)).await;
            if !changed.unwrap_or(false) {
                continue;
            }
            let written =
                handle.store.write(move |tx| by_itself(tx, world.as_ref(), "period", keep, None));
            if let Err(error) = written.await {
                tracing::warn!(%error, "No snapshot of the work could be taken.");
            }
        }
    });
}

/// Whether something went wrong with an attempt.
fn broke_off(event: &Event) -> bool {
    event.body.as_ref().and_then(|body| body.get("trouble")).is_some_and(|what| !what.is_null())
}

fn changed_since_last(read: &dyn Read) -> Result<bool, StoreError> {
    let last = read.snapshots(1)?.pop().map_or(0, |row| row.seq);
    let filter = Filter {
        after_seq: Some(last),
        kinds: CHANGES.map(str::to_owned).to_vec(),
        limit: 1,
        ..Filter::default()
    };
    Ok(!read.events(&filter)?.is_empty())
}

/// Takes a snapshot that nobody asked for; none of nothing, and none that is too large.
fn by_itself(
    tx: &mut dyn Write,
    world: &dyn World,
    reason: &str,
    keep: usize,
    cause: Option<&Event>,
) -> Result<(), StoreError> {
    let rows = tx.work_rows()?;
    if rows == 0 {
        return Ok(());
    }
    if rows > ROWS_BY_ITSELF {
        let last = Filter {
            kinds: vec!["work.snapshot_taken".to_owned(), "work.snapshot_skipped".to_owned()],
            newest_first: true,
            limit: 1,
            ..Filter::default()
        };
        let told = tx.events(&last)?.pop().is_some_and(|event| event.kind.ends_with("skipped"));
        if !told {
            let body = json!({"rows": rows, "most": ROWS_BY_ITSELF, "reason": reason});
            let kind = "work.snapshot_skipped";
            tx.append(&[Draft::new(kind, Topic::Daemon, WORK, "daemon", body)])?;
        }
        return Ok(());
    }
    let id = SnapshotId::new(world.uuid());
    take(tx, id, reason, "daemon", cause)?;
    tx.keep_snapshots(keep)?;
    Ok(())
}

fn take(
    tx: &mut dyn Write,
    id: SnapshotId,
    reason: &str,
    actor: &str,
    cause: Option<&Event>,
) -> Result<SnapshotRow, StoreError> {
    let row = tx.take_snapshot(id, reason, actor)?;
    let counts: Value = serde_json::from_str(&row.counts).unwrap_or_default();
    let body = json!({"snapshot": id, "reason": reason, "rows": row.rows, "counts": counts,
        "digest": row.digest});
    let cause = cause.map_or(Cause::Root, |event| Cause::Event(event.reference()));
    let draft = Draft::new("work.snapshot_taken", Topic::Daemon, WORK, actor, body);
    tx.append(&[draft.because(cause)])?;
    Ok(row)
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// The snapshot.
    pub snapshot: SnapshotRow,
    /// How it was before: another snapshot, with which this can be undone.
    pub before: SnapshotRow,
    /// Tasks that somebody held when the snapshot was taken, and that are free now.
    pub freed: usize,
}

impl Handle {
    /// Takes a snapshot for a person.
    ///
    /// # Errors
    /// There is too much work, or the store cannot be written.
    pub async fn take_snapshot(&self, actor: &str) -> Result<SnapshotRow, Error> {
        let (id, actor) = (SnapshotId::new(self.world.uuid()), actor.to_owned());
        let keep = self.upkeep().snapshots.keep;
        let written = self.store.write(move |tx| {
            let rows = tx.work_rows()?;
            if rows > ROWS_MAX {
                return Err(StoreError::Invalid(format!(
                    "the work has {rows} rows, and a snapshot takes {ROWS_MAX}; `orkestra backup create` takes all"
                )));
            }
            let row = take(tx, id, "person", &actor, None)?;
            tx.keep_snapshots(keep)?;
            Ok(row)
        });
        Ok(written.await.map_err(Error::Store)?.value)
    }

    /// Snapshots, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn snapshots(&self, limit: usize) -> Result<Vec<SnapshotRow>, Error> {
        self.store.read(move |read| read.snapshots(limit)).await.map_err(Error::Store)
    }

    /// Those whose id ends like this.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn snapshots_like(&self, end: &str) -> Result<Vec<SnapshotRow>, Error> {
        let end = end.to_owned();
        self.store.read(move |read| read.snapshot_by_suffix(&end)).await.map_err(Error::Store)
    }

    /// The rows of a snapshot.
    ///
    /// # Errors
    /// The store cannot be read, or the snapshot is damaged.
    pub async fn snapshot_body(&self, id: SnapshotId) -> Result<Option<Value>, Error> {
        let read = self.store.read(move |read| {
            let body = read.snapshot_body(id)?;
            body.map(|text| {
                serde_json::from_str(&text).map_err(|error| StoreError::Damaged {
                    what: format!("the snapshot {id} cannot be read: {error}"),
                })
            })
            .transpose()
        });
        read.await.map_err(Error::Store)
    }

    /// Puts the work back as it was. Refused while a run of the work goes on: its word would come to
    /// tasks that are not what they were.
    ///
    /// # Errors
    /// Something runs, there is no such snapshot, or the store cannot be written.
    pub async fn put_back(&self, id: SnapshotId, actor: &str) -> Result<PutBack, Error> {
        let (actor, before) = (actor.to_owned(), SnapshotId::new(self.world.uuid()));
        let (keep, by) = (self.upkeep().snapshots.keep, self.by(&actor));
        let written = self.store.write(move |tx| {
            if let Some(why) = in_the_way(tx)? {
                return Ok(Err(why));
            }
            let Some(snapshot) = tx.snapshots(usize::MAX)?.into_iter().find(|row| row.id == id)
            else {
                return Ok(Err(format!("there is no snapshot {id}")));
            };
            let fences = fences(tx)?;
            let before = take(tx, before, "before_restore", &actor, None)?;
            tx.put_back_snapshot(id)?;
            let freed = let_go(tx, &fences, &by)?;
            // The one that was put back stays, also when it was the oldest.
            tx.keep_snapshots(keep.max(2))?;
            let counts: Value = serde_json::from_str(&snapshot.counts).unwrap_or_default();
            let was: Value = serde_json::from_str(&before.counts).unwrap_or_default();
            let body = json!({"snapshot": id, "made_at": snapshot.at, "seq": snapshot.seq,
                "counts": counts, "before": before.id, "counts_before": was, "freed": freed});
            tx.append(&[Draft::new("work.restored", Topic::Daemon, WORK, &actor, body)])?;
            Ok(Ok(PutBack { snapshot, before, freed }))
        });
        written.await.map_err(Error::Store)?.value.map_err(Error::Work)
    }
}

/// Tasks that are read at once.
const PAGE: usize = 500;

/// Goes through all tasks.
fn each_task(
    read: &dyn Read,
    mut each: impl FnMut(TaskId, Option<Task>),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let filter = TaskFilter { after, limit: PAGE, ..TaskFilter::default() };
        let rows = read.tasks(&filter)?;
        for row in &rows {
            after = Some(row.id);
            each(row.id, crate::task::parse(row).ok());
        }
        if rows.len() < PAGE {
            return Ok(());
        }
    }
}

/// The newest fencing number of each task.
fn fences(read: &dyn Read) -> Result<BTreeMap<TaskId, u64>, StoreError> {
    let mut all = BTreeMap::new();
    each_task(read, |id, task| {
        all.extend(task.map(|task| (id, task.fence)));
    })?;
    Ok(all)
}

/// Nobody holds a task that was put back, and no number is given twice; how many were held.
fn let_go(
    tx: &mut dyn Write,
    fences: &BTreeMap<TaskId, u64>,
    by: &By,
) -> Result<usize, StoreError> {
    let mut changed = Vec::new();
    each_task(&*tx, |id, task| {
        let Some(task) = task else { return };
        let known = fences.get(&id).copied().unwrap_or_default();
        if task.state.is_held() || task.claim.is_some() || known > task.fence {
            changed.push((task, known));
        }
    })?;
    let mut freed = 0;
    for (was, known) in changed {
        let mut task = was.clone();
        task.fence = task.fence.max(known);
        let mut events = Vec::new();
        if was.state.is_held() || was.claim.is_some() {
            freed += 1;
            let claim = task.claim.take();
            let why = "the work was put back to when somebody held it";
            if was.state.is_held() {
                // What it depends on says below where it stands.
                task.state = TaskState::Waiting;
                task.why = None;
            }
            let body = json!({"title": task.title, "state": task.state.word(), "reason": why,
                "fence": claim.as_ref().map(|claim| claim.fence),
                "run": claim.and_then(|claim| claim.run)});
            let id = task.id.to_string();
            events.push(Draft::new("task.released", Topic::Task, &id, &by.actor, body));
        }
        let mut decision = Decision { task, events };
        crate::task::put(tx, &mut decision, Some(&was))?;
        let _nothing_to_refuse = crate::task::apply(tx, was.id, TaskInput::Look, by)?;
    }
    Ok(freed)
}

/// What runs of the work, in words.
fn in_the_way(read: &dyn Read) -> Result<Option<String>, StoreError> {
    let mut found = Vec::new();
    for row in read.runs_in(&RunState::ACTIVE)? {
        let Ok(run) = crate::run::from_row(&row) else { continue };
        let of = run.belongs;
        if of.task.is_some() || of.session.is_some() || of.review.is_some() || of.vote.is_some() {
            found.push(row.id.short());
        }
    }
    Ok((!found.is_empty()).then(|| {
        format!(
            "the work goes on in {}; end what runs first (orkestra run stop ID), or pause its session",
            found.join(", ")
        )
    }))
}
