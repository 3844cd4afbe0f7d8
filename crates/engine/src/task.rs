//! Tasks: commands that decide in the writer (ADR 0029).
//!
//! Tasks are not kept in memory, since their queue may be long: a command loads its rows, core
//! decides, rows and events are written in the same commit. The functions over `&mut dyn Write` are
//! for readers of the journal, which write in their own commit.

mod around;
mod watch;

pub(crate) use around::context_of;
pub use around::{Around, process_start};
pub(crate) use watch::watch;

use crate::error::Error;
use crate::handle::Handle;
use crate::world::World;
use orkestra_core::event::EventRef;
use orkestra_core::id::{SessionId, TaskId};
use orkestra_core::task::{
    self, Claimant, Ctx, Decision, NewTask, On, Other, Others, Refusal, Rules, Task, TaskInput,
    TaskState,
};
use orkestra_store::{Error as StoreError, QueuePlace, Read, TaskFilter, TaskRow, Write};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Tasks of the queue that are looked at in one go.
const PAGE: usize = 50;

/// So many of the queue are looked at for one that fits, since each may need something else.
const LOOK_MAX: usize = 5_000;

/// The most tasks that are asked for at once.
const BATCH_MAX: usize = 1_000;

/// Decisions by which tasks depend on each other wait for each other.
const GUARD: &str = "tasks.dependencies";

/// Who does something with tasks, and with what.
#[derive(Clone)]
pub(crate) struct By {
    /// `person:cli`, `daemon`, `agent:NAME`.
    pub(crate) actor: String,
    /// The event that it follows from.
    pub(crate) cause: Option<EventRef>,
    /// What the configuration says.
    pub(crate) rules: Rules,
    /// Clock and ids.
    pub(crate) world: Arc<dyn World>,
}

impl By {
    /// The same because of an event.
    #[must_use]
    pub(crate) fn because(mut self, cause: EventRef) -> Self {
        self.cause = Some(cause);
        self
    }

    fn ctx<'a>(&'a self, others: &'a Others) -> Ctx<'a> {
        let now = self.world.now().at;
        Ctx { actor: &self.actor, now, rules: &self.rules, others, cause: self.cause }
    }
}

/// Who looks for something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNext {
    /// Who.
    pub by: Claimant,
    /// What it is able to do; a task that needs something else is passed over.
    pub can: Vec<String>,
    /// Only of this session.
    pub session: Option<SessionId>,
}

/// Reads a row.
pub(crate) fn parse(row: &TaskRow) -> Result<Task, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the task {} cannot be read: {error}", row.id),
    })
}

/// One task.
pub(crate) fn load(read: &dyn Read, id: TaskId) -> Result<Option<Task>, StoreError> {
    read.task(id)?.as_ref().map(parse).transpose()
}

/// Writes a task with its events; an earlier one with other dependencies had those replaced.
pub(crate) fn put(
    tx: &mut dyn Write,
    decision: &mut Decision,
    was: Option<&Task>,
) -> Result<(), StoreError> {
    let task = &mut decision.task;
    if let Some(last) = tx.append(&decision.events)?.last() {
        task.latest = Some(*last);
    }
    let body =
        serde_json::to_string(task).map_err(|error| StoreError::Invalid(error.to_string()))?;
    tx.put_task(&TaskRow {
        id: task.id,
        state: task.state.word().to_owned(),
        rank: task.priority.rank(),
        session: task.session,
        parent: task.parent,
        pattern: task.pattern,
        assigned: task.assigned.clone(),
        due_at: task.due_at(),
        request_key: task.request_key.clone(),
        body,
        created_at: task.created_at,
        updated_at: task.updated_at,
    })?;
    let changed = match was {
        Some(was) => was.depends != task.depends,
        None => !task.depends.is_empty(),
    };
    if changed {
        let on: Vec<_> = task.depends.iter().map(|on| (on.task, on.kind.word())).collect();
        tx.put_dependencies(task.id, &on)?;
    }
    Ok(())
}

/// The tasks with these ids, as those that depend on them see them; what is not there is left out.
fn others(read: &dyn Read, ids: impl IntoIterator<Item = TaskId>) -> Result<Others, StoreError> {
    let mut others = Others::new();
    for id in ids {
        if let std::collections::btree_map::Entry::Vacant(place) = others.entry(id)
            && let Some(task) = load(read, id)?
        {
            place.insert(Other::of(&task));
        }
    }
    Ok(others)
}

/// Makes tasks: all of them, or none. One whose key is known is the one that was made with it.
pub(crate) fn create(
    tx: &mut dyn Write,
    new: Vec<NewTask>,
    by: &By,
) -> Result<Result<Vec<Task>, Refusal>, StoreError> {
    if new.len() > BATCH_MAX {
        let why = format!("{BATCH_MAX} tasks may be asked for at once");
        return Ok(Err(Refusal::Invalid(why)));
    }
    let mut result: Vec<Option<Task>> = Vec::new();
    let (mut ids, mut fresh) = (Vec::new(), Vec::new());
    for task in new {
        let known = match &task.request_key {
            Some(key) => tx.task_by_key(key)?.as_ref().map(parse).transpose()?,
            None => None,
        };
        if known.is_none() {
            if let Some(parent) = task.parent
                && tx.task(parent)?.is_none()
            {
                return Ok(Err(Refusal::Unknown(parent.to_string())));
            }
            let id = TaskId::new(by.world.uuid());
            ids.push((result.len(), id));
            fresh.push((id, task));
        }
        result.push(known);
    }
    let named = fresh.iter().flat_map(|(_, task)| &task.depends).filter_map(|on| match &on.on {
        On::Task(id) => Some(*id),
        On::Key(_) => None,
    });
    let others = others(tx, named)?;
    if !others.is_empty() {
        tx.take_guard(GUARD)?;
    }
    let made = match task::create(fresh, &by.ctx(&others)) {
        Ok(made) => made,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for mut decision in made {
        put(tx, &mut decision, None)?;
        let place = ids.iter().find(|(_, id)| *id == decision.task.id);
        if let Some(slot) = place.and_then(|(place, _)| result.get_mut(*place)) {
            *slot = Some(decision.task);
        }
    }
    Ok(Ok(result.into_iter().flatten().collect()))
}

/// What follows from an input to a task: the task, and all that depends on it. A refusal has written
/// nothing.
pub(crate) fn apply(
    tx: &mut dyn Write,
    id: TaskId,
    input: TaskInput,
    by: &By,
) -> Result<Result<Task, Refusal>, StoreError> {
    let Some(was) = load(tx, id)? else { return Ok(Err(Refusal::Unknown(id.to_string()))) };
    let mut on: Vec<TaskId> = was.depends.iter().map(|on| on.task).collect();
    match &input {
        TaskInput::Edit(edit) => {
            let new: Vec<TaskId> = edit.depends.iter().flatten().map(|on| on.task).collect();
            if let Some(path) = path_back(tx, &was, &new)? {
                return Ok(Err(Refusal::Cycle { path }));
            }
            on.extend(new);
        }
        TaskInput::Delegated { child, .. } => {
            if let Some(path) = path_back(tx, &was, &[*child])? {
                return Ok(Err(Refusal::Cycle { path }));
            }
            on.push(*child);
        }
        _ => {}
    }
    let others = others(tx, on)?;
    let mut decision = match was.decide(input, &by.ctx(&others)) {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if decision.task == was && decision.events.is_empty() {
        return Ok(Ok(was));
    }
    put(tx, &mut decision, Some(&was))?;
    if matters(was.state, decision.task.state) {
        settle(tx, &decision.task, by)?;
    }
    Ok(Ok(decision.task))
}

/// Whether those that depend on a task must be looked at.
fn matters(was: TaskState, is: TaskState) -> bool {
    let weighs = |state: TaskState| state.is_over() || state == TaskState::Blocked;
    was != is && (weighs(was) || weighs(is))
}

/// Those that depend on a task are looked at, and those that depend on them.
fn settle(tx: &mut dyn Write, changed: &Task, by: &By) -> Result<(), StoreError> {
    let mut open = VecDeque::from([(changed.id, changed.latest)]);
    let mut guarded = false;
    while let Some((id, cause)) = open.pop_front() {
        for dependent in tx.dependents(id)? {
            if !guarded {
                tx.take_guard(GUARD)?;
                guarded = true;
            }
            let Some(was) = load(tx, dependent)? else { continue };
            let others = others(tx, was.depends.iter().map(|on| on.task))?;
            let ctx = Ctx { actor: "daemon", cause, ..by.ctx(&others) };
            // One whose other dependency is gone stays as it is; the check of references tells.
            let Ok(mut decision) = was.decide(TaskInput::Look, &ctx) else { continue };
            if decision.task == was {
                continue;
            }
            put(tx, &mut decision, Some(&was))?;
            if matters(was.state, decision.task.state) {
                open.push_back((dependent, decision.task.latest));
            }
        }
    }
    Ok(())
}

/// The way from a task over what it is to depend on back to itself, in words.
fn path_back(
    read: &dyn Read,
    task: &Task,
    on: &[TaskId],
) -> Result<Option<Vec<String>>, StoreError> {
    let path = task::cycle(task.id, |id| {
        if id == task.id {
            return Ok::<_, StoreError>(on.to_vec());
        }
        Ok(read.dependencies(id)?.into_iter().map(|(on, _)| on).collect())
    })?;
    let Some(path) = path else { return Ok(None) };
    let mut names = Vec::with_capacity(path.len());
    for id in path {
        names.push(load(read, id)?.map_or_else(|| id.to_string(), |task| task.named()));
    }
    Ok(Some(names))
}

/// Takes the first task of the queue that fits: what is assigned to this agent or to nobody, by
/// priority and then as asked for. Nothing when none does.
pub(crate) fn claim_next(
    tx: &mut dyn Write,
    wanted: &ClaimNext,
    by: &By,
) -> Result<Option<Task>, StoreError> {
    release_due(tx, by)?;
    let agent = wanted.by.agent.as_str();
    let mine = first_fit(tx, Some(agent), wanted)?;
    let open = first_fit(tx, None, wanted)?;
    let order = |task: &Task| (std::cmp::Reverse(task.priority.rank()), task.id);
    let first = match (mine, open) {
        (Some(mine), Some(open)) if order(&open) < order(&mine) => Some(open),
        (Some(mine), _) => Some(mine),
        (None, open) => open,
    };
    let Some(first) = first else { return Ok(None) };
    Ok(apply(tx, first.id, TaskInput::Claim(wanted.by.clone()), by)?.ok())
}

fn first_fit(
    read: &dyn Read,
    assigned: Option<&str>,
    wanted: &ClaimNext,
) -> Result<Option<Task>, StoreError> {
    let (mut after, mut looked) = (None, 0);
    // The first is nearly always the one.
    let mut page = 1;
    while looked < LOOK_MAX {
        let rows = read.queue(assigned, after, page)?;
        for row in &rows {
            let elsewhere = wanted.session.is_some() && row.session != wanted.session;
            if !elsewhere {
                let task = parse(row)?;
                if task.unfit(&wanted.by.agent, &wanted.can).is_none() {
                    return Ok(Some(task));
                }
            }
            after = Some(QueuePlace { rank: row.rank, id: row.id });
        }
        looked += rows.len();
        if rows.len() < page {
            return Ok(None);
        }
        page = PAGE;
    }
    Ok(None)
}

/// Tasks whose wait is over come into the queue.
pub(crate) fn release_due(tx: &mut dyn Write, by: &By) -> Result<(), StoreError> {
    let now = by.world.now().at;
    for row in tx.tasks_due(now, PAGE)? {
        if row.state == TaskState::Ready.word() {
            let _nothing_to_refuse = apply(tx, row.id, TaskInput::Due, by)?;
        }
    }
    Ok(())
}

/// Gives a part of a task to somebody else: a task of its own, for which the first one waits.
pub(crate) fn delegate(
    tx: &mut dyn Write,
    id: TaskId,
    child: NewTask,
    by: &By,
) -> Result<Result<Task, Refusal>, StoreError> {
    let Some(parent) = load(tx, id)? else { return Ok(Err(Refusal::Unknown(id.to_string()))) };
    if parent.state.is_over() || matches!(parent.state, TaskState::Reported | TaskState::InReview) {
        return Ok(Err(Refusal::State {
            task: parent.named(),
            state: parent.state.word(),
            verb: "delegated",
            why: parent.why,
        }));
    }
    let to = child.assigned.clone();
    let child = NewTask {
        parent: Some(id),
        session: child.session.or(parent.session),
        target: child.target.or(parent.target),
        base: child.base.or(parent.base),
        ..child
    };
    let child = match create(tx, vec![child], by)? {
        Ok(made) => made.into_iter().next(),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(child) = child else { return Ok(Err(Refusal::Unknown(id.to_string()))) };
    if parent.depends.iter().any(|on| on.task == child.id) {
        // It was asked for with the same key before.
        return Ok(Ok(child));
    }
    match apply(tx, id, TaskInput::Delegated { child: child.id, to }, by)? {
        Ok(_) => Ok(Ok(child)),
        Err(refusal) => Err(StoreError::refused(refusal)),
    }
}

/// A command's own refusal, or the store's trouble.
pub(crate) fn refused(error: StoreError) -> Error {
    if let StoreError::Refused(source) = &error
        && let Some(refusal) = source.downcast_ref::<Refusal>()
    {
        return Error::RefusedTask(refusal.clone());
    }
    Error::Store(error)
}

impl Handle {
    /// Who does something with tasks, for those who write in their own commit.
    pub(crate) fn by(&self, actor: &str) -> By {
        By {
            actor: actor.to_owned(),
            cause: None,
            rules: self.upkeep().tasks,
            world: Arc::clone(&self.world),
        }
    }

    /// Runs a command about tasks in the writer.
    async fn task_command<T: Send + 'static>(
        &self,
        actor: &str,
        command: impl Fn(&mut dyn Write, &By) -> Result<Result<T, Refusal>, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let by = self.by(actor);
        let written = self.store.write(move |tx| command(tx, &by)).await.map_err(refused)?;
        written.value.map_err(Error::RefusedTask)
    }

    /// Makes a task. Asking again with the same key gives the task that was made.
    ///
    /// # Errors
    /// What is wrong with it; a full disk.
    pub async fn create_task(&self, new: NewTask, actor: &str) -> Result<Task, Error> {
        let made = self.create_tasks(vec![new], actor).await?;
        made.into_iter()
            .next()
            .ok_or_else(|| Error::RefusedTask(Refusal::Invalid("no task was asked for".to_owned())))
    }

    /// Makes tasks, which may depend on each other by their keys: all of them or none.
    ///
    /// # Errors
    /// What is wrong with them; a full disk.
    pub async fn create_tasks(&self, new: Vec<NewTask>, actor: &str) -> Result<Vec<Task>, Error> {
        self.task_command(actor, move |tx, by| create(tx, new.clone(), by)).await
    }

    /// Something happens to a task; what depends on it follows in the same commit.
    ///
    /// # Errors
    /// Unknown task, or it makes no sense now.
    pub async fn task_input(
        &self,
        id: TaskId,
        input: TaskInput,
        actor: &str,
    ) -> Result<Task, Error> {
        self.task_command(actor, move |tx, by| apply(tx, id, input.clone(), by)).await
    }

    /// Takes the first task of the queue that fits; nothing when none does.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn claim_next(&self, wanted: ClaimNext, actor: &str) -> Result<Option<Task>, Error> {
        self.task_command(actor, move |tx, by| claim_next(tx, &wanted, by).map(Ok)).await
    }

    /// Gives a part of a task to somebody else; that task.
    ///
    /// # Errors
    /// Unknown task, or it makes no sense now.
    pub async fn delegate_task(
        &self,
        id: TaskId,
        child: NewTask,
        actor: &str,
    ) -> Result<Task, Error> {
        self.task_command(actor, move |tx, by| delegate(tx, id, child.clone(), by)).await
    }

    /// One task.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>, Error> {
        self.store.read(move |read| load(read, id)).await.map_err(Error::Store)
    }

    /// The tasks whose id ends like this, or whose id it is; the newest first, at most ten.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find_tasks(&self, text: &str) -> Result<Vec<Task>, Error> {
        let text = text.to_owned();
        let found = self.store.read(move |read| {
            read.task_by_suffix(&text)?.iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        found.await.map_err(Error::Store)
    }

    /// Tasks in the order in which they were asked for.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn tasks(&self, filter: TaskFilter) -> Result<Vec<Task>, Error> {
        let found = self.store.read(move |read| {
            read.tasks(&filter)?.iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        found.await.map_err(Error::Store)
    }

    /// A task with all that it depends on and all that depends on it, near and far, the nearest
    /// first; up to `most`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn task_graph(&self, id: TaskId, most: usize) -> Result<Vec<Task>, Error> {
        let found = self.store.read(move |read| {
            let (mut seen, mut found) = (BTreeSet::from([id]), Vec::new());
            let mut open = VecDeque::from([id]);
            while let Some(id) = open.pop_front() {
                let Some(task) = load(read, id)? else { continue };
                let on = task.depends.iter().map(|on| on.task).collect::<Vec<_>>();
                found.push(task);
                for near in on.into_iter().chain(read.dependents(id)?) {
                    if seen.len() < most && seen.insert(near) {
                        open.push_back(near);
                    }
                }
            }
            Ok(found)
        });
        found.await.map_err(Error::Store)
    }

    /// How many tasks are in each state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn task_counts(
        &self,
        session: Option<SessionId>,
    ) -> Result<Vec<(String, u64)>, Error> {
        self.store.read(move |read| read.task_counts(session)).await.map_err(Error::Store)
    }
}
