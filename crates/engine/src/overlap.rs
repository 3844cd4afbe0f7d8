//! Where the work of several runs meets before it is merged (ADR 0035).
//!
//! While two runs of one target are at work, or done and not merged, what they changed is compared
//! every few seconds: the same file is soft, the same lines are hot. Only what changes is told. With
//! fewer than two nothing is looked at.

use crate::error::Error;
use crate::evidence::look;
use crate::handle::Handle;
use crate::run::from_row;
use crate::spawn::{FutureKind, Futures};
use jiff::{SignedDuration, Timestamp};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::{RunId, TaskId};
use orkestra_core::overlap::{Block, Level, Met, Stretch, Touched, level_of, meet, told_before};
use orkestra_core::run::{Purpose, Run, RunState};
use orkestra_host::git;
use orkestra_host::merge as work;
use orkestra_store::{Error as StoreError, OverlapRow, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

/// So often it is looked while runs are at work; less often when looking takes long.
const EVERY: Duration = Duration::from_secs(3);

/// Looking takes no more than this share of the time.
const SHARE: u32 = 10;

/// When nothing is at work it is looked once in this time, besides when something was committed.
const IDLE: Duration = Duration::from_secs(900);

/// What is committed together is looked at together.
const GATHER: Duration = Duration::from_secs(1);

/// Runs of one target that are compared, and runs among which those that are done are looked for.
const RUNS_MAX: usize = 30;
const LOOK_BACK: usize = 300;

/// A run that was done before this is not compared any more.
const DONE_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Overlaps that are kept at once.
const OVERLAPS_MAX: usize = 1_000;

/// Two runs whose work meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// The run that began first.
    pub one: RunId,
    /// The other.
    pub other: RunId,
    /// The first one's task.
    #[serde(default)]
    pub one_task: Option<TaskId>,
    /// The other one's.
    #[serde(default)]
    pub other_task: Option<TaskId>,
    /// Their agents.
    pub agents: (String, String),
    /// The repository.
    pub target: String,
    /// How near they come.
    pub level: Level,
    /// Where.
    pub files: Vec<Met>,
}

fn parse(row: &OverlapRow) -> Result<Overlap, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the overlap of {} and {} cannot be read: {error}", row.one, row.other),
    })
}

impl Handle {
    /// Where the work of runs meets now, the newest runs first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn overlaps(&self) -> Result<Vec<Overlap>, Error> {
        let read = self.store.read(|read| {
            read.overlaps(OVERLAPS_MAX)?.iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }
}

/// Compares what runs change until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let mut service = Service { handle: handle.clone(), known: HashMap::new() };
    futures.spawn(FutureKind::Service, async move {
        let mut head = service.handle.store.head_watch();
        loop {
            let began = Instant::now();
            let busy = match service.turn().await {
                Ok(busy) => busy,
                Err(error) => {
                    tracing::warn!(%error, "The work of runs cannot be compared now.");
                    false
                }
            };
            let period = if busy { EVERY.max(began.elapsed() * SHARE) } else { IDLE };
            if busy {
                // While runs are at work something is committed all the time.
                tokio::time::sleep(period).await;
                head.mark_unchanged();
                continue;
            }
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = tokio::time::sleep(period) => {}
            }
        }
    });
}

/// What tells that the work of a run is as it was.
type Mark = (u32, u32, String, usize);

struct Service {
    handle: Handle,
    /// What runs that are done changed.
    known: HashMap<RunId, (Mark, Vec<Touched>)>,
}

impl Service {
    /// Looks once; whether runs are at work that may meet.
    async fn turn(&mut self) -> Result<bool, Error> {
        let (runs, had) = self.runs().await?;
        let mut targets: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for run in runs {
            targets.entry(run.target.clone()).or_default().push(run);
        }
        targets.retain(|_, runs| runs.len() > 1);
        let busy = targets.values().any(|runs| runs.iter().any(|run| !run.is_over()));
        if targets.is_empty() && !had {
            self.known.clear();
            return Ok(false);
        }
        let mut now = Vec::new();
        for (target, mut runs) in targets {
            runs.sort_by_key(|run| run.id);
            let skip = runs.len().saturating_sub(RUNS_MAX);
            now.extend(
                self.compare(Path::new(&target), runs.get(skip..).unwrap_or_default()).await,
            );
        }
        let written = self.handle.store.write(move |tx| settle(tx, &now)).await;
        written.map_err(Error::Store)?;
        Ok(busy)
    }

    /// Runs that are at work, and those of the same targets that are done and not merged; and whether
    /// any overlap is known.
    async fn runs(&self) -> Result<(Vec<Run>, bool), Error> {
        let since = self.handle.now().at.checked_sub(DONE_FOR).unwrap_or(Timestamp::UNIX_EPOCH);
        let read = self.handle.store.read(move |read| {
            let had = !read.overlaps(1)?.is_empty();
            let mut rows = read.runs_in(&RunState::ACTIVE)?;
            rows.retain(|row| row.worktree.is_some());
            if rows.is_empty() && !had {
                return Ok((Vec::new(), false));
            }
            for row in read.runs(LOOK_BACK, None)? {
                let done = matches!(row.state.as_str(), "verified" | "refuted" | "reported");
                if !done || row.worktree.is_none() || row.updated_at < since {
                    continue;
                }
                let merges = read.merges_of_run(row.id)?;
                if merges.last().is_none_or(|last| last.state != "merged") {
                    rows.push(row);
                }
            }
            Ok((rows, had))
        });
        let (rows, had) = read.await.map_err(Error::Store)?;
        let mut runs = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
        runs.retain(|run| {
            let place = run.worktree.as_ref().filter(|worktree| !worktree.is_plain());
            run.belongs.purpose == Purpose::Work
                && place.is_some_and(|worktree| Path::new(&worktree.path).is_dir())
        });
        Ok((runs, had))
    }

    async fn touched(&mut self, run: &Run) -> Option<Vec<Touched>> {
        let worktree = run.worktree.as_ref()?;
        let mark = (
            run.attempt_number(),
            run.evidence.round,
            worktree.base.clone(),
            run.instructions.len(),
        );
        if run.is_over()
            && let Some((known, touched)) = self.known.get(&run.id)
            && *known == mark
        {
            return Some(touched.clone());
        }
        let checkout = look::checkout(run, worktree).await.ok()?;
        let found = work::touched(&checkout, &worktree.base).await;
        let touched: Vec<Touched> = match found {
            Ok(files) => files
                .into_iter()
                .map(|file| Touched {
                    path: file.path,
                    lines: file
                        .lines
                        .iter()
                        .map(|(start, lines)| stretch(*start, *lines))
                        .collect(),
                    whole: file.whole,
                })
                .collect(),
            Err(error) => {
                // Git may be at work there just now: it is looked again.
                tracing::debug!(%error, run = %run.id, "What a run changed cannot be told now.");
                return None;
            }
        };
        if run.is_over() {
            self.known.insert(run.id, (mark, touched.clone()));
        }
        Some(touched)
    }

    /// All pairs of these runs that meet.
    async fn compare(&mut self, target: &Path, runs: &[Run]) -> Vec<Overlap> {
        let mut all = Vec::new();
        for run in runs {
            if let Some(touched) = self.touched(run).await.filter(|files| !files.is_empty()) {
                all.push((run, touched));
            }
        }
        let mut found = Vec::new();
        for (place, (one, ones)) in all.iter().enumerate() {
            for (other, others) in all.iter().skip(place + 1) {
                // Those that are tried one after the other for the same task never meet.
                if one.belongs.task.is_some() && one.belongs.task == other.belongs.task {
                    continue;
                }
                let shared = |files: &[Touched], with: &[Touched]| -> Vec<Touched> {
                    let is_shared = |file: &&Touched| with.iter().any(|w| w.path == file.path);
                    files.iter().filter(is_shared).cloned().collect()
                };
                let (mut a, mut b) = (shared(ones, others), shared(others, ones));
                if a.is_empty() {
                    continue;
                }
                let bases = (base_of(one), base_of(other));
                if bases.0 != bases.1
                    && let Ok(common) = work::merge_base(target, bases.0, bases.1).await
                {
                    tell_before(target, &common, bases.0, &mut a).await;
                    tell_before(target, &common, bases.1, &mut b).await;
                }
                let files = meet(&a, &b);
                let Some(level) = level_of(&files) else { continue };
                found.push(Overlap {
                    one: one.id,
                    other: other.id,
                    one_task: one.belongs.task,
                    other_task: other.belongs.task,
                    agents: (one.agent.clone(), other.agent.clone()),
                    target: target.to_string_lossy().into_owned(),
                    level,
                    files,
                });
            }
        }
        found
    }
}

fn stretch(start: u32, lines: u32) -> Stretch {
    Stretch { start, lines }
}

fn base_of(run: &Run) -> &str {
    run.worktree.as_ref().map(|worktree| worktree.base.as_str()).unwrap_or_default()
}

/// Lines of `base` become lines of the commit from which both bases are.
async fn tell_before(target: &Path, common: &str, base: &str, files: &mut [Touched]) {
    if common == base {
        return;
    }
    for file in files {
        let blocks: Result<_, git::Error> =
            work::blocks_of_ranges(target, common, base, &file.path).await;
        let Ok(blocks) = blocks else {
            file.whole = true;
            continue;
        };
        let empty = |count: u32| vec![String::new(); usize::try_from(count).unwrap_or(0)];
        let blocks: Vec<Block> = blocks
            .into_iter()
            .map(|(start, gone, new)| Block { start, removed: empty(gone), added: empty(new) })
            .collect();
        file.lines = told_before(&file.lines, &blocks);
    }
}

/// Writes what is new, has changed, or is gone, and tells each change of level once for each side.
fn settle(tx: &mut dyn Write, now: &[Overlap]) -> Result<(), StoreError> {
    let known = tx.overlaps(OVERLAPS_MAX)?;
    for row in &known {
        if !now.iter().any(|overlap| (overlap.one, overlap.other) == (row.one, row.other)) {
            let was = parse(row)?;
            tx.remove_overlap(row.one, row.other)?;
            tell(tx, &was, "overlap_gone", json!({}))?;
        }
    }
    for overlap in now.iter().take(OVERLAPS_MAX) {
        let row = known.iter().find(|row| (row.one, row.other) == (overlap.one, overlap.other));
        let was = row.map(parse).transpose()?;
        if was.as_ref() == Some(overlap) {
            continue;
        }
        let body = serde_json::to_string(overlap)
            .map_err(|error| StoreError::Invalid(error.to_string()))?;
        tx.put_overlap(&OverlapRow {
            one: overlap.one,
            other: overlap.other,
            level: overlap.level.as_str().to_owned(),
            body,
            updated_at: Timestamp::UNIX_EPOCH,
        })?;
        if was.is_none_or(|was| was.level != overlap.level) {
            let hot = overlap.level == Level::Hot;
            tell(tx, overlap, "overlap", json!({"files": overlap.files, "hot": hot}))?;
        }
    }
    Ok(())
}

/// Tells both runs, and both tasks.
fn tell(tx: &mut dyn Write, overlap: &Overlap, verb: &str, more: Value) -> Result<(), StoreError> {
    let (a, b) = ((overlap.one, overlap.one_task), (overlap.other, overlap.other_task));
    let mut drafts: Vec<Draft> = Vec::new();
    let (first, second) = (overlap.agents.1.as_str(), overlap.agents.0.as_str());
    for ((run, task), (with, with_task), agent) in [(a, b, first), (b, a, second)] {
        let mut body = json!({"with": with, "with_task": with_task, "with_agent": agent});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more.clone()) {
            body.extend(more);
        }
        let mut add = |topic: Topic, subject: String, body: Value| {
            let kind = format!("{}.{verb}", topic.as_str());
            let cause = if drafts.is_empty() { Cause::Root } else { Cause::Earlier(0) };
            drafts.push(Draft::new(&kind, topic, &subject, "daemon", body).because(cause));
        };
        add(Topic::Run, run.to_string(), body.clone());
        if let Some(task) = task {
            if let (Some(body), Some(with_task)) = (body.as_object_mut(), with_task) {
                body.insert("with".to_owned(), json!(with_task));
                body.insert("with_run".to_owned(), json!(with));
            }
            add(Topic::Task, task.to_string(), body);
        }
    }
    tx.append(&drafts).map(|_| ())
}
