//! Whether the work fits together (MISSION 2.3, row 102), and mending what is safe (MISSION 2.8).
//!
//! Looked at every ten minutes, and when a person asks. Mended is only what follows from other rows:
//! a claim whose run is over, a reference to what is not there, a row that says another thing than its
//! body. Everything else is told.

use crate::error::Error;
use crate::handle::Handle;
use crate::snapshot::WORK;
use crate::spawn::{FutureKind, Futures};
use crate::task::{self, By};
use jiff::{SignedDuration, Timestamp};
use orkestra_core::event::{Draft, Topic};
use orkestra_core::id::TaskId;
use orkestra_core::task::{Decision, Depend, Edit, Loss, Task, TaskInput, TaskState, cycle};
use orkestra_store::{Error as StoreError, Read, ReviewFilter, TaskFilter, TaskRow, Write};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(600);

/// Tasks that are read at once.
const PAGE: usize = 500;

/// What may just be coming to be is left alone: whoever is responsible has this long.
const GRACE: SignedDuration = SignedDuration::from_secs(60);

/// More are found the next time.
const FAULTS_MAX: usize = 500;

/// What was found last, so that the same is told once.
const KNOWN: &str = "work.faults";

/// What does not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It names something that is not there.
    BrokenReference,
    /// Tasks wait for each other in a circle.
    Cycle,
    /// Somebody holds a task who does not work on it.
    OrphanedClaim,
    /// A row that cannot be read.
    UnreadableRow,
    /// A row says another thing than its body.
    RowDiffers,
    /// A session that should have tasks has none.
    EmptySession,
    /// A review or vote about something that is not there.
    AboutNothing,
    /// A task that may be claimed has no tries left.
    StaleTries,
}

impl FaultKind {
    /// The word in events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::BrokenReference => "broken_reference",
            Self::Cycle => "cycle",
            Self::OrphanedClaim => "orphaned_claim",
            Self::UnreadableRow => "unreadable_row",
            Self::RowDiffers => "row_differs",
            Self::EmptySession => "empty_session",
            Self::AboutNothing => "about_nothing",
            Self::StaleTries => "stale_tries",
        }
    }
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fault {
    /// What sort.
    pub kind: FaultKind,
    /// `task`, `session`, `review`, `vote`.
    pub topic: String,
    /// Which one: its id.
    pub subject: String,
    /// In one sentence.
    pub says: String,
    /// What was done; nothing when it is left to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<String>,
}

/// What a look gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Tasks that were looked at.
    pub tasks: usize,
    /// What does not fit, also what was mended.
    pub faults: Vec<Fault>,
}

impl Diagnosis {
    /// What is left to a person.
    pub fn open(&self) -> usize {
        self.faults.iter().filter(|fault| fault.mended.is_none()).count()
    }
}

/// How a fault can be mended.
#[derive(Debug, Clone)]
enum Mend {
    /// It names these no more.
    Drop(TaskId, Vec<TaskId>),
    /// It is held by nobody.
    Free(TaskId, &'static str),
    /// Its row is written again from its body.
    Rewrite(TaskId),
}

struct Found {
    fault: Fault,
    mend: Option<Mend>,
}

fn found(kind: FaultKind, topic: &str, subject: String, says: String) -> Found {
    Found {
        fault: Fault { kind, topic: topic.to_owned(), subject, says, mended: None },
        mend: None,
    }
}

impl Found {
    fn mend(mut self, mend: Mend) -> Self {
        self.mend = Some(mend);
        self
    }
}

/// Looks every ten minutes until the daemon goes.
pub(super) fn watch(handle: &Handle, futures: &Futures) {
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = handle.heal_work(false, "daemon").await {
                tracing::warn!(%error, "Whether the work fits together cannot be told now.");
            }
        }
    });
}

/// What does not fit around one task, in words: for its own checks.
pub(super) fn of_task(read: &dyn Read, task: &Task) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    for on in &task.depends {
        if read.task(on.task)?.is_none() {
            faults.push(format!("it depends on {}, which is not there", on.task.short()));
        }
    }
    if let Some(path) = circle(read, task.id)? {
        faults.push(format!("tasks wait for each other: {path}"));
    }
    Ok(faults)
}

/// The way from a task back to itself along stored dependencies, in words.
fn circle(read: &dyn Read, id: TaskId) -> Result<Option<String>, StoreError> {
    let path = cycle(id, |id| {
        let on = read.dependencies(id)?.into_iter();
        Ok::<_, StoreError>(on.map(|(on, _)| on).collect())
    })?;
    Ok(path.map(|path| path.iter().map(|id| id.short()).collect::<Vec<_>>().join(" → ")))
}

/// Looks at everything.
fn examine(read: &dyn Read, now: Timestamp) -> Result<(usize, Vec<Found>), StoreError> {
    let (mut all, mut looked, mut after) = (Vec::new(), 0, None);
    let mut in_circles = BTreeSet::new();
    loop {
        let filter = TaskFilter { after, limit: PAGE, ..TaskFilter::default() };
        let rows = read.tasks(&filter)?;
        for row in &rows {
            after = Some(row.id);
            looked += 1;
            match task::parse(row) {
                Err(error) => {
                    let says =
                        format!("The row of the task {} does not read: {error}.", row.id.short());
                    all.push(found(FaultKind::UnreadableRow, "task", row.id.to_string(), says));
                }
                Ok(task) => {
                    of_row(row, &task, &mut all);
                    references(read, &task, &mut all)?;
                    claim(read, &task, now, &mut all)?;
                    if !task.state.is_over() && !in_circles.contains(&task.id) {
                        in_circle(read, &task, &mut in_circles, &mut all)?;
                    }
                }
            }
        }
        if rows.len() < PAGE || all.len() >= FAULTS_MAX {
            break;
        }
    }
    sessions(read, now, &mut all)?;
    reviews(read, &mut all)?;
    votes(read, &mut all)?;
    all.truncate(FAULTS_MAX);
    Ok((looked, all))
}

fn of_row(row: &TaskRow, task: &Task, all: &mut Vec<Found>) {
    if row.state != task.state.word() || row.id != task.id {
        let says = format!(
            "The row of the task {} says {}, its body {}.",
            row.id.short(),
            row.state,
            task.state.word()
        );
        let fault = found(FaultKind::RowDiffers, "task", row.id.to_string(), says);
        let same = row.id == task.id;
        all.push(if same { fault.mend(Mend::Rewrite(row.id)) } else { fault });
    }
    if task.state == TaskState::Ready && task.tries >= task.tries_max {
        let says = format!(
            "The task {} may be claimed, but {} of {} tries are used up: orkestra task retry {} gives it new ones.",
            task.named(),
            task.tries,
            task.tries_max,
            task.id.short()
        );
        all.push(found(FaultKind::StaleTries, "task", task.id.to_string(), says));
    }
}

fn references(read: &dyn Read, task: &Task, all: &mut Vec<Found>) -> Result<(), StoreError> {
    let mut lost = Vec::new();
    for on in &task.depends {
        if read.task(on.task)?.is_none() {
            lost.push(on.task);
        }
    }
    // The index of dependencies may name what the body does not.
    for (on, _) in read.dependencies(task.id)? {
        if !lost.contains(&on) && read.task(on)?.is_none() {
            lost.push(on);
        }
    }
    if !lost.is_empty() {
        let named = lost.iter().map(|id| id.short()).collect::<Vec<_>>().join(", ");
        let says = format!("The task {} depends on what is not there: {named}.", task.named());
        let fault = found(FaultKind::BrokenReference, "task", task.id.to_string(), says);
        all.push(fault.mend(Mend::Drop(task.id, lost)));
    }
    if let Some(parent) = task.parent
        && read.task(parent)?.is_none()
    {
        let says = format!(
            "The task {} is a part of {}, which is not there.",
            task.named(),
            parent.short()
        );
        all.push(found(FaultKind::BrokenReference, "task", task.id.to_string(), says));
    }
    if let Some(session) = task.session
        && read.session(session)?.is_none()
    {
        let says = format!(
            "The task {} belongs to the session {}, which is not there.",
            task.named(),
            session.short()
        );
        all.push(found(FaultKind::BrokenReference, "task", task.id.to_string(), says));
    }
    Ok(())
}

fn in_circle(
    read: &dyn Read,
    task: &Task,
    known: &mut BTreeSet<TaskId>,
    all: &mut Vec<Found>,
) -> Result<(), StoreError> {
    let path = cycle(task.id, |id| {
        let on = read.dependencies(id)?.into_iter();
        Ok::<_, StoreError>(on.map(|(on, _)| on).collect())
    })?;
    let Some(path) = path else { return Ok(()) };
    let way = path.iter().map(|id| id.short()).collect::<Vec<_>>().join(" → ");
    known.extend(path);
    let says = format!(
        "Tasks wait for each other: {way}. Take one out: orkestra task edit ID, or orkestra task cancel ID."
    );
    all.push(found(FaultKind::Cycle, "task", task.id.to_string(), says));
    Ok(())
}

/// Whether who holds a task works on it. Leases and dead processes have their own reconciler; here is
/// what it does not see.
fn claim(
    read: &dyn Read,
    task: &Task,
    now: Timestamp,
    all: &mut Vec<Found>,
) -> Result<(), StoreError> {
    let told = |why: &'static str, says: String| {
        let fault = found(FaultKind::OrphanedClaim, "task", task.id.to_string(), says);
        fault.mend(Mend::Free(task.id, why))
    };
    let held = task.state.is_held();
    match &task.claim {
        None if held => {
            let says =
                format!("The task {} is {}, but nobody holds it.", task.named(), task.state.word());
            all.push(told("nobody held it", says));
        }
        Some(_) if !held => {
            let says = format!(
                "The task {} is {}, but somebody holds it.",
                task.named(),
                task.state.word()
            );
            let fault = found(FaultKind::OrphanedClaim, "task", task.id.to_string(), says);
            all.push(
                fault.mend(Mend::Free(task.id, "it was held in a state in which nobody holds it")),
            );
        }
        Some(claim) if matches!(task.state, TaskState::Claimed | TaskState::Running) => {
            let Some(run) = claim.run else { return Ok(()) };
            match read.run(run)? {
                None => {
                    let says = format!(
                        "The task {} is held for the run {}, which is not there.",
                        task.named(),
                        run.short()
                    );
                    all.push(told("its run is not there", says));
                }
                Some(row) => {
                    let Ok(run) = crate::run::from_row(&row) else { return Ok(()) };
                    let ended = run.ended_at.filter(|_| run.is_over());
                    let long = ended.is_some_and(|at| now.duration_since(at) >= GRACE);
                    if long {
                        let says = format!(
                            "The task {} is held for the run {}, which is over.",
                            task.named(),
                            run.id.short()
                        );
                        all.push(told("its run is over", says));
                    }
                }
            }
        }
        None | Some(_) => {}
    }
    Ok(())
}

/// Sessions looked at.
const SESSIONS_MAX: usize = 1_000;

fn sessions(read: &dyn Read, now: Timestamp, all: &mut Vec<Found>) -> Result<(), StoreError> {
    for row in read.sessions_in(&["working", "merging"], SESSIONS_MAX)? {
        let young = now.duration_since(row.updated_at) < GRACE;
        let counted: u64 = read.task_counts(Some(row.id))?.iter().map(|(_, count)| count).sum();
        if counted == 0 && !young {
            let says = format!("The session {} works, but has no tasks.", row.id.short());
            all.push(found(FaultKind::EmptySession, "session", row.id.to_string(), says));
        }
    }
    Ok(())
}

/// The words of the states in which a review is not over.
const OPEN: [&str; 5] = ["open", "handing_back", "halting", "watching", "needs_person"];

fn reviews(read: &dyn Read, all: &mut Vec<Found>) -> Result<(), StoreError> {
    for row in read.reviews(&ReviewFilter {
        states: OPEN.map(str::to_owned).to_vec(),
        limit: PAGE,
        ..ReviewFilter::default()
    })? {
        let lost = match (read.run(row.run)?, row.task) {
            (None, _) => Some(format!("the run {}", row.run.short())),
            (Some(_), Some(task)) if read.task(task)?.is_none() => {
                Some(format!("the task {}", task.short()))
            }
            (Some(_), _) => None,
        };
        if let Some(lost) = lost {
            let says =
                format!("The review {} is about {lost}, which is not there.", row.id.short());
            all.push(found(FaultKind::AboutNothing, "review", row.id.to_string(), says));
        }
    }
    Ok(())
}

fn votes(read: &dyn Read, all: &mut Vec<Found>) -> Result<(), StoreError> {
    for row in read.votes(orkestra_store::VotesIn::Open, PAGE, None)? {
        let task = row.task.map(|task| Ok::<_, StoreError>((task, read.task(task)?.is_none())));
        let session = row.session.map(|of| Ok::<_, StoreError>((of, read.session(of)?.is_none())));
        let lost = match (task.transpose()?, session.transpose()?) {
            (Some((task, true)), _) => Some(format!("the task {}", task.short())),
            (_, Some((session, true))) => Some(format!("the session {}", session.short())),
            _ => None,
        };
        if let Some(lost) = lost {
            let says = format!("The vote {} is about {lost}, which is not there.", row.id.short());
            all.push(found(FaultKind::AboutNothing, "vote", row.id.to_string(), says));
        }
    }
    Ok(())
}

/// Mends one fault; in words what was done, nothing when it cannot be.
fn mend(tx: &mut dyn Write, mend: &Mend, by: &By) -> Result<Option<String>, StoreError> {
    match mend {
        Mend::Rewrite(id) => {
            let Some(was) = task::load(tx, *id)? else { return Ok(None) };
            let mut decision = Decision { task: was.clone(), events: Vec::new() };
            task::put(tx, &mut decision, Some(&was))?;
            Ok(Some("Its row was written again from its body.".to_owned()))
        }
        Mend::Drop(id, lost) => {
            let Some(was) = task::load(tx, *id)? else { return Ok(None) };
            let left: Vec<Depend> =
                was.depends.iter().filter(|on| !lost.contains(&on.task)).cloned().collect();
            if left.len() != was.depends.len() {
                let edit = Edit { depends: Some(left.clone()), ..Edit::default() };
                if task::apply(tx, *id, TaskInput::Edit(Box::new(edit)), by)?.is_err() {
                    // One that is held or over is not edited; its row is put right all the same.
                    let mut task = was.clone();
                    task.depends.clone_from(&left);
                    let body = json!({"title": task.title, "state": task.state.word(),
                        "fields": ["depends"], "why": "what it depended on is not there"});
                    let subject = task.id.to_string();
                    let draft = Draft::new("task.edited", Topic::Task, &subject, &by.actor, body);
                    let mut decision = Decision { task, events: vec![draft] };
                    task::put(tx, &mut decision, Some(&was))?;
                }
            }
            let on: Vec<_> = left.iter().map(|on| (on.task, on.kind.word())).collect();
            tx.put_dependencies(*id, &on)?;
            let named = lost.iter().map(|id| id.short()).collect::<Vec<_>>().join(", ");
            Ok(Some(format!("It depends on {named} no more.")))
        }
        Mend::Free(id, why) => {
            let Some(was) = task::load(tx, *id)? else { return Ok(None) };
            let fence = was.claim.as_ref().map(|claim| claim.fence);
            if let Some(fence) = fence.filter(|_| was.state.is_held()) {
                let input = TaskInput::Expired { fence, loss: Loss::Died };
                if task::apply(tx, *id, input, by)?.is_ok() {
                    return Ok(Some(
                        "The claim was taken back; the attempt counts as lost.".to_owned(),
                    ));
                }
            }
            let mut task = was.clone();
            task.claim = None;
            if was.state.is_held() {
                // What it depends on says below where it stands.
                task.state = TaskState::Waiting;
            }
            let body = json!({"title": task.title, "state": task.state.word(), "reason": why,
                "fence": fence, "run": was.claim.as_ref().and_then(|claim| claim.run)});
            let subject = task.id.to_string();
            let draft = Draft::new("task.released", Topic::Task, &subject, &by.actor, body);
            let mut decision = Decision { task, events: vec![draft] };
            task::put(tx, &mut decision, Some(&was))?;
            let _nothing_to_refuse = task::apply(tx, *id, TaskInput::Look, by)?;
            Ok(Some("Nobody holds it any more.".to_owned()))
        }
    }
}

impl Handle {
    /// Looks whether the work fits together, and mends what is safe.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn heal_work(&self, only_look: bool, actor: &str) -> Result<Diagnosis, Error> {
        let now = self.now().at;
        let looked = self.store.read(move |read| examine(read, now)).await;
        let (tasks, all) = looked.map_err(Error::Store)?;
        let known = self.store.read(|read| read.meta(KNOWN)).await.map_err(Error::Store)?;
        if only_look || (all.is_empty() && known.is_none_or(|known| known == "[]")) {
            let faults = all.into_iter().map(|found| found.fault).collect();
            return Ok(Diagnosis { tasks, faults });
        }
        let by = self.by(actor);
        let written = self.store.write(move |tx| {
            let mut faults = Vec::new();
            for found in &all {
                let mut fault = found.fault.clone();
                if let Some(how) = &found.mend {
                    fault.mended = mend(tx, how, &by)?;
                }
                faults.push(fault);
            }
            let (mended, open): (Vec<&Fault>, Vec<&Fault>) =
                faults.iter().partition(|fault| fault.mended.is_some());
            if !mended.is_empty() {
                let body = json!({"mended": mended});
                tx.append(&[Draft::new("work.mended", Topic::Daemon, WORK, &by.actor, body)])?;
            }
            let text = serde_json::to_string(&open)
                .map_err(|error| StoreError::Invalid(error.to_string()))?;
            if tx.meta(KNOWN)?.unwrap_or_else(|| "[]".to_owned()) != text {
                tx.set_meta(KNOWN, &text)?;
                let body = json!({"faults": open});
                let kind = "work.faults_found";
                tx.append(&[Draft::new(kind, Topic::Daemon, WORK, &by.actor, body)])?;
            }
            Ok(faults)
        });
        let faults = written.await.map_err(Error::Store)?.value;
        Ok(Diagnosis { tasks, faults })
    }
}
