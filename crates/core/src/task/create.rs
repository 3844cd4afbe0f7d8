//! How tasks come to be: one, or many that name each other.

use super::decide::draft;
use super::depend::{Other, Others, Standing, cycle, standing};
use super::{
    Ctx, Decision, Depend, DependKind, Priority, Recurs, Refusal, ReviewWish, Task, TaskState,
    named,
};
use crate::evidence::Wanted;
use crate::id::{SessionId, TaskId};
use crate::job::schedule::Schedule;
use crate::prompt::Role;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// The longest title, in characters.
const TITLE_MAX: usize = 200;

/// The longest prompt, as with runs.
const PROMPT_BYTES_MAX: usize = 1024 * 1024;

/// The most of what comes in lists.
const LIST_MAX: usize = 200;

/// The longest word: a kind, a tag, an ability.
const WORD_MAX: usize = 80;

/// On which task one depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// One that is there.
    Task(TaskId),
    /// One that is asked for at the same time, by its key.
    Key(String),
}

/// A dependency as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDepend {
    /// On which.
    pub on: On,
    /// How much it binds.
    pub kind: DependKind,
}

/// A task as asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewTask {
    /// By which others that are asked for at the same time name it.
    pub key: Option<String>,
    /// In one line; the beginning of the prompt without it.
    pub title: Option<String>,
    /// What is to be done.
    pub prompt: String,
    /// What kind of work it is; `code` without it.
    pub kind: Option<String>,
    /// How soon.
    pub priority: Priority,
    /// The session that it is part of.
    pub session: Option<SessionId>,
    /// The task that it is a part of.
    pub parent: Option<TaskId>,
    /// The pattern that makes it.
    pub pattern: Option<TaskId>,
    /// The phase of its plan.
    pub phase: Option<String>,
    /// Its part among others.
    pub role: Option<Role>,
    /// What must be done before.
    pub depends: Vec<NewDepend>,
    /// What who does it must be able to do.
    pub needs: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Files that it reads, in the folder where the work begins.
    pub inputs: Vec<String>,
    /// What must be found before "done" is believed, as with `run --evidence`.
    pub evidence: Vec<String>,
    /// The repository or folder.
    pub target: Option<String>,
    /// The commit or branch from which the work begins.
    pub base: Option<String>,
    /// Who has to do it.
    pub assigned: Option<String>,
    /// How much may be done without asking: 0, 50, 100; 100 without it.
    pub autonomy: Option<u8>,
    /// Whether somebody else has to judge it.
    pub review: Option<ReviewWish>,
    /// So many attempts may go wrong; what the configuration says without it.
    pub tries_max: Option<u32>,
    /// Not claimed before (UTC).
    pub not_before: Option<Timestamp>,
    /// What it reaches.
    pub milestone: Option<String>,
    /// How long it is thought to take.
    pub estimate: Option<String>,
    /// It is a pattern: one like it is made whenever this is due.
    pub recurs: Option<Schedule>,
    /// Asking twice with one key makes one task.
    pub request_key: Option<String>,
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// It must not be worked on yet.
    pub backlog: bool,
}

/// What follows from somebody asking for tasks: all of them, each with its events, or none. Those
/// that are depended on come before those that depend on them. `ctx.others` holds the tasks that are
/// there and are depended on.
///
/// # Errors
/// What is wrong with them.
pub fn create(new: Vec<(TaskId, NewTask)>, ctx: &Ctx<'_>) -> Result<Vec<Decision>, Refusal> {
    let mut keys = BTreeMap::new();
    for (id, task) in &new {
        if let Some(key) = &task.key
            && keys.insert(key.clone(), *id).is_some()
        {
            return Err(Refusal::Invalid(format!("two of the tasks have the key {key:?}")));
        }
    }
    let mut waiting = BTreeMap::new();
    let mut order = Vec::new();
    for (id, task) in new {
        let task = draw_up(id, task, &keys, ctx)?;
        order.push(id);
        waiting.insert(id, task);
    }
    let names: BTreeMap<TaskId, String> =
        waiting.values().map(|task| (task.id, task.named())).collect();
    let of = |task: TaskId| {
        let depends =
            waiting.get(&task).map(|task| task.depends.iter().map(|on| on.task).collect());
        Ok::<Vec<TaskId>, Infallible>(depends.unwrap_or_default())
    };
    for id in &order {
        if let Ok(Some(path)) = cycle(*id, of) {
            let path = path.iter().filter_map(|id| names.get(id).cloned()).collect();
            return Err(Refusal::Cycle { path });
        }
    }
    // Without a cycle each round places at least one.
    let (mut others, mut made): (Others, Vec<Decision>) = (ctx.others.clone(), Vec::new());
    while !order.is_empty() {
        let (now, rest): (Vec<TaskId>, Vec<TaskId>) = order.iter().copied().partition(|id| {
            let task = waiting.get(id);
            task.is_none_or(|task| task.depends.iter().all(|on| !waiting.contains_key(&on.task)))
        });
        for id in &now {
            let Some(task) = waiting.remove(id) else { continue };
            let decision = place(task, &others, ctx)?;
            others.insert(*id, Other::of(&decision.task));
            made.push(decision);
        }
        if now.is_empty() {
            break;
        }
        order = rest;
    }
    Ok(made)
}

/// The task without its state, which follows from its dependencies.
fn draw_up(
    id: TaskId,
    new: NewTask,
    keys: &BTreeMap<String, TaskId>,
    ctx: &Ctx<'_>,
) -> Result<Task, Refusal> {
    let title = match new.title {
        Some(title) => title,
        None => title_of(&new.prompt),
    };
    let mut depends: Vec<Depend> = Vec::new();
    for depend in new.depends {
        let task = match depend.on {
            On::Task(task) => task,
            On::Key(key) => *keys.get(&key).ok_or_else(|| Refusal::UnknownDependency {
                task: named(id, &title),
                on: key.clone(),
            })?,
        };
        match depends.iter_mut().find(|known| known.task == task) {
            Some(known) if depend.kind == DependKind::Hard => known.kind = depend.kind,
            Some(_) => {}
            None => depends.push(Depend { task, kind: depend.kind }),
        }
    }
    let recurs = match new.recurs {
        Some(schedule) => {
            schedule.check(ctx.now).map_err(|error| Refusal::Invalid(error.to_string()))?;
            let next_at = schedule.next(ctx.now, ctx.now);
            Some(Recurs { schedule, anchor: ctx.now, next_at, last: None, made: 0 })
        }
        None => None,
    };
    let task = Task {
        id,
        title,
        prompt: new.prompt,
        kind: new.kind.unwrap_or_else(|| "code".to_owned()),
        priority: new.priority,
        state: if new.backlog || recurs.is_some() { TaskState::Backlog } else { TaskState::Ready },
        why: None,
        session: new.session,
        parent: new.parent,
        pattern: new.pattern,
        phase: new.phase,
        role: new.role,
        depends,
        needs: new.needs,
        tags: new.tags,
        inputs: new.inputs,
        evidence: new.evidence,
        target: new.target,
        base: new.base,
        assigned: new.assigned,
        avoid: Vec::new(),
        autonomy: new.autonomy.unwrap_or(100),
        review: new.review,
        fence: 0,
        claim: None,
        tries: 0,
        tries_max: new.tries_max.unwrap_or(ctx.rules.retry.tries).max(1),
        silences: 0,
        not_before: new.not_before.filter(|at| *at > ctx.now),
        poison: false,
        runs: Vec::new(),
        result: None,
        handovers: Vec::new(),
        milestone: new.milestone,
        estimate: new.estimate,
        recurs,
        request_key: new.request_key,
        budget_usd: new.budget_usd,
        merged: None,
        latest: None,
        created_by: ctx.actor.to_owned(),
        created_at: ctx.now,
        updated_at: ctx.now,
        started_at: None,
        ended_at: None,
    };
    task.problem()?;
    Ok(task)
}

/// Puts a new task where its dependencies let it be.
fn place(mut task: Task, others: &Others, ctx: &Ctx<'_>) -> Result<Decision, Refusal> {
    let standing = standing(&task.named(), &task.depends, others)?;
    let mut warnings = Vec::new();
    if task.state == TaskState::Backlog {
        task.why = Some(match &task.recurs {
            Some(recurs) => format!("It makes a task {}.", recurs.schedule.in_words()),
            None => "It is not to be worked on yet.".to_owned(),
        });
    } else {
        (task.state, task.why, warnings) = match standing {
            Standing::Free { warnings } => {
                let why = (!warnings.is_empty()).then(|| warnings.join(" "));
                (TaskState::Ready, why, warnings)
            }
            Standing::Waiting { why } => (TaskState::Waiting, Some(why), Vec::new()),
            Standing::Blocked { why } => (TaskState::Blocked, Some(why), Vec::new()),
        };
    }
    let more = json!({"kind": task.kind, "priority": task.priority, "assigned": task.assigned,
        "parent": task.parent, "pattern": task.pattern, "phase": task.phase,
        "depends": task.depends, "not_before": task.not_before, "warnings": warnings});
    let event = draft(&task, ctx, "task.created", more);
    Ok(Decision { task, events: vec![event] })
}

/// The first line of a prompt, cut short.
fn title_of(prompt: &str) -> String {
    let line = prompt.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let short: String = line.chars().take(80).collect();
    if short.len() < line.len() { format!("{}…", short.trim_end()) } else { short }
}

impl Task {
    /// What is wrong with what a task says about itself.
    ///
    /// # Errors
    /// In words.
    pub(super) fn problem(&self) -> Result<(), Refusal> {
        let invalid = |what: String| Err(Refusal::Invalid(what));
        if self.prompt.trim().is_empty() {
            return invalid("a task needs a prompt: what is to be done".to_owned());
        }
        if self.prompt.len() > PROMPT_BYTES_MAX {
            return invalid(format!("a prompt may have {PROMPT_BYTES_MAX} bytes"));
        }
        let title = self.title.trim();
        if title.is_empty() || title.chars().count() > TITLE_MAX || title.contains('\n') {
            return invalid(format!("a title is one line with at most {TITLE_MAX} characters"));
        }
        if ![0, 50, 100].contains(&self.autonomy) {
            return invalid("autonomy is 0 (ask), 50 or 100".to_owned());
        }
        if self.budget_usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
            return invalid("a budget is an amount above 0".to_owned());
        }
        let words = self.needs.iter().chain(&self.tags).chain([&self.kind]).chain(&self.assigned);
        for word in words.chain(&self.phase) {
            if word.trim().is_empty() || word.chars().count() > WORD_MAX || word.contains('\n') {
                return invalid(format!("{word:?} is no word of at most {WORD_MAX} characters"));
            }
        }
        let lists = [
            self.needs.len(),
            self.tags.len(),
            self.evidence.len(),
            self.inputs.len(),
            self.depends.len(),
        ];
        if lists.into_iter().any(|length| length > LIST_MAX) {
            return invalid(format!("a list of a task may have {LIST_MAX} entries"));
        }
        for item in &self.evidence {
            if let Err(error) = item.parse::<Wanted>() {
                return invalid(error.to_string());
            }
        }
        if self.depends.iter().any(|on| on.task == self.id) {
            return Err(Refusal::Cycle { path: vec![self.named(), self.named()] });
        }
        Ok(())
    }
}
