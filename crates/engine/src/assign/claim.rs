//! Choosing and claiming: one command of the writer, so that no limit is ever passed.

use super::{Frame, frame_of, others_at_work, rules};
use crate::error::Error;
use crate::handle::Handle;
use crate::routing as known;
use crate::task::{self, By};
use orkestra_core::breaker::State;
use orkestra_core::event::{Cause, Draft, EventRef, Topic};
use orkestra_core::id::TaskId;
use orkestra_core::routing::{self, Agent, Choice, Policy, Reason, Rule, Wanted};
use orkestra_core::task::{Claimant, Task, TaskInput, TaskState};
use orkestra_store::{ChoiceRow, Error as StoreError, QueuePlace, Read, TaskFilter, Write};
use serde_json::json;
use std::collections::BTreeMap;

/// Whoever claims by the number of tasks at work takes this guard.
const GUARD: &str = "tasks.running";

/// Ready tasks that are read at once.
const PAGE: usize = 100;

/// Ready tasks that are looked at in one turn: more are only passed when nobody can take those.
const LOOKED_MAX: usize = 2_000;

/// Tasks that are told in one turn that nobody can take them.
const TOLD_MAX: usize = 20;

/// The state of the house in which tasks are given out.
pub(super) struct Floor {
    /// Everybody who might get one.
    pub(super) agents: Vec<Agent>,
    records: known::Records,
    /// Tasks at work.
    pub(super) running: u32,
}

impl Floor {
    /// What the store knows, put to what the configuration knows.
    pub(super) fn of(
        read: &(impl Read + ?Sized),
        mut agents: Vec<Agent>,
    ) -> Result<Self, StoreError> {
        let records = known::records(read)?;
        let breakers = known::breakers(read)?;
        let states = [TaskState::Claimed, TaskState::Running].map(|state| state.word().to_owned());
        let filter = TaskFilter { states: states.to_vec(), limit: 10_000, ..TaskFilter::default() };
        let mut running = 0;
        let mut loads: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for row in read.tasks(&filter)? {
            running += 1;
            let task = task::parse(&row)?;
            let Some(claim) = task.claim else { continue };
            let load = loads.entry(claim.agent).or_default();
            match task.state {
                TaskState::Claimed => load.1 += 1,
                _ => load.0 += 1,
            }
        }
        for agent in others_at_work(read)? {
            loads.entry(agent).or_default().0 += 1;
        }
        for agent in &mut agents {
            (agent.active, agent.locked) = loads.get(&agent.name).copied().unwrap_or_default();
            if let Some(kinds) = records.get(&agent.name) {
                agent.overall = kinds.values().fold(agent.overall, |all, of| all.and(of));
            }
            let Some(breaker) = breakers.get(&agent.name) else { continue };
            let shut = match breaker.state {
                State::Open { until } => Some(Reason::Breaker { until }),
                State::HalfOpen if agent.active + agent.locked > 0 => Some(Reason::Trial),
                State::HalfOpen => {
                    agent.parallel = Some(1);
                    None
                }
                State::Closed => None,
            };
            agent.out = agent.out.take().or(shut);
        }
        Ok(Self { agents, records, running })
    }

    /// Who gets this task.
    pub(super) fn choose(&mut self, task: &Task, frame: Option<&Frame>, policy: Policy) -> Choice {
        for agent in &mut self.agents {
            let of = self.records.get(&agent.name).and_then(|kinds| kinds.get(&task.kind));
            agent.record = of.copied().unwrap_or_default();
        }
        let avoid = task.avoid.iter().map(|avoid| (avoid.agent.clone(), avoid.why.clone()));
        let wanted = Wanted {
            kind: task.kind.clone(),
            specialties: routing::wanted(&task.kind, &task.tags, &task.needs, &task.title),
            needs: task.needs.clone(),
            assigned: task.assigned.clone(),
            avoid: avoid.collect(),
            among: frame.map(|frame| frame.agents.clone()).filter(|agents| !agents.is_empty()),
        };
        routing::choose(&wanted, &self.agents, policy)
    }

    fn take(&mut self, agent: &str) {
        self.running += 1;
        if let Some(of) = self.agents.iter_mut().find(|of| of.name == agent) {
            of.locked += 1;
        }
    }

    fn somebody_is_free(&self) -> bool {
        self.agents.iter().any(|agent| {
            let load = agent.active.saturating_add(agent.locked);
            agent.out.is_none() && agent.parallel.is_none_or(|may| load < may)
        })
    }
}

/// What a look at the queue does with one task.
enum Fate {
    /// It is claimed.
    Claimed(Box<Task>),
    /// It waits.
    Waits(Choice),
    /// Its session lets nobody begin.
    Halted,
}

/// Claims what may begin now; the tasks as they are then.
pub(super) async fn claim_ready(handle: &Handle) -> Result<Vec<Task>, Error> {
    let rules = rules(handle);
    if !rules.auto {
        return Ok(Vec::new());
    }
    let now = handle.now().at;
    let waiting = handle.store.read(|read| {
        let counts = read.task_counts(None)?;
        Ok(counts.iter().any(|(state, count)| state == TaskState::Ready.word() && *count > 0))
    });
    if !waiting.await.map_err(Error::Store)? {
        return Ok(Vec::new());
    }
    let (agents, by) = (handle.workers(), handle.by("daemon"));
    let most = rules.running_max;
    // A writer is not troubled, and nothing is committed, while there is nothing to be done.
    let known = agents.clone();
    let hopeful = handle.store.read(move |read| {
        let due = read.task_due_next()?.is_some_and(|at| at <= now);
        let mut floor = Floor::of(read, known.clone())?;
        Ok(due || (floor.running < most && is_hopeful(read, &mut floor)?))
    });
    if !hopeful.await.map_err(Error::Store)? {
        return Ok(Vec::new());
    }
    let written = handle.store.write(move |tx| {
        tx.take_guard(GUARD)?;
        task::release_due(tx, &by)?;
        let mut floor = Floor::of(&*tx, agents.clone())?;
        fill(tx, &mut floor, most, &by)
    });
    written.await.map(|written| written.value).map_err(Error::Store)
}

/// Whether somebody may take a task now, or has to be told that nobody can.
fn is_hopeful(read: &dyn Read, floor: &mut Floor) -> Result<bool, StoreError> {
    if floor.somebody_is_free() {
        return Ok(true);
    }
    let Some(task) = Queue::new(read, &floor.agents)?.next(read)? else { return Ok(false) };
    let frame = frame_of(read, &task)?;
    let choice = floor.choose(&task, frame.as_ref(), Policy::default());
    Ok(choice.is_stuck() && !is_told(read, &task, &choice)?)
}

/// Goes through the queue, the most urgent first, until all places are taken.
fn fill(
    tx: &mut dyn Write,
    floor: &mut Floor,
    most: u32,
    by: &By,
) -> Result<Vec<Task>, StoreError> {
    let (mut claimed, mut told, mut looked) = (Vec::new(), 0_usize, 0_usize);
    let mut queue = Queue::new(&*tx, &floor.agents)?;
    while floor.running < most && looked < LOOKED_MAX {
        let Some(task) = queue.next(&*tx)? else { break };
        looked += 1;
        match look(tx, floor, task.clone(), by)? {
            Fate::Claimed(task) => claimed.push(*task),
            Fate::Halted => {}
            Fate::Waits(choice) => {
                if told < TOLD_MAX && choice.is_stuck() {
                    told += usize::from(tell_waiting(tx, &task, &choice, by)?);
                }
                // Whoever comes behind finds nobody either, but is told so when it is asked about.
                if !floor.somebody_is_free() && (told == 0 || looked > PAGE) {
                    break;
                }
            }
        }
    }
    Ok(claimed)
}

fn look(tx: &mut dyn Write, floor: &mut Floor, task: Task, by: &By) -> Result<Fate, StoreError> {
    let frame = frame_of(&*tx, &task)?;
    if frame.as_ref().is_some_and(|frame| !frame.lets_work) {
        return Ok(Fate::Halted);
    }
    // It begins where its session's branch ends: what it builds upon must be there.
    if crate::merge::comes_first(&*tx, &task)? {
        return Ok(Fate::Halted);
    }
    let choice = floor.choose(&task, frame.as_ref(), Policy::default());
    let Some(agent) = choice.agent.clone() else { return Ok(Fate::Waits(choice)) };
    let mut task = task;
    let from = before(&*tx, &task)?;
    if task.assigned.as_ref().is_some_and(|to| *to != agent) {
        let note = Some(choice.sentence.clone());
        let input = TaskInput::HandOver { to: agent.clone(), note };
        match task::apply(tx, task.id, input, by)? {
            Ok(handed) => task = handed,
            Err(_) => return Ok(Fate::Waits(choice)),
        }
    }
    let claimed = task::apply(tx, task.id, TaskInput::Claim(Claimant::daemon(&agent)), by)?;
    let Ok(mut task) = claimed else { return Ok(Fate::Waits(choice)) };
    floor.take(&agent);
    put_choice(tx, &task, task.fence, &choice, by)?;
    if let Some(from) = from.filter(|from| choice.rule == Rule::Failover && *from != agent) {
        let body = json!({"title": task.title, "from": from, "to": agent,
            "why": choice.sentence, "fence": task.fence});
        task.latest = tell(tx, &task, "task.failed_over", body)?.or(task.latest);
    }
    Ok(Fate::Claimed(Box::new(task)))
}

/// Who had it last: the one that it was given to by name, or the one chosen before.
fn before(read: &(impl Read + ?Sized), task: &Task) -> Result<Option<String>, StoreError> {
    if task.assigned.is_some() {
        return Ok(task.assigned.clone());
    }
    let rows = read.choices(task.id, 5)?;
    Ok(rows.into_iter().find_map(|row| row.agent))
}

fn put_choice(
    tx: &mut dyn Write,
    task: &Task,
    fence: u64,
    choice: &Choice,
    by: &By,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(choice).map_err(|e| StoreError::Invalid(e.to_string()))?;
    let at = by.world.now().at;
    tx.put_choice(&ChoiceRow { task: task.id, fence, agent: choice.agent.clone(), body, at })
}

/// Whether the same was told of it before.
fn is_told(read: &(impl Read + ?Sized), task: &Task, choice: &Choice) -> Result<bool, StoreError> {
    let known = read.choices(task.id, 1)?.pop().filter(|row| row.fence == task.fence + 1);
    let known = known.and_then(|row| serde_json::from_str::<Choice>(&row.body).ok());
    Ok(known.is_some_and(|known| known.sentence == choice.sentence))
}

/// Tells once that nobody can take it as things are; false when that was told before.
fn tell_waiting(
    tx: &mut dyn Write,
    task: &Task,
    choice: &Choice,
    by: &By,
) -> Result<bool, StoreError> {
    if is_told(&*tx, task, choice)? {
        return Ok(false);
    }
    put_choice(tx, task, task.fence + 1, choice, by)?;
    tell(tx, task, "task.unplaced", json!({"title": task.title, "why": choice.sentence}))?;
    Ok(true)
}

fn tell(
    tx: &mut dyn Write,
    task: &Task,
    kind: &str,
    body: serde_json::Value,
) -> Result<Option<EventRef>, StoreError> {
    let cause = task.latest.map_or(Cause::Root, Cause::Event);
    let draft = Draft::new(kind, Topic::Task, &task.id.to_string(), "daemon", body);
    Ok(tx.append(&[draft.because(cause)])?.last().copied())
}

/// The queue as one: tasks for anybody and tasks for each of the agents, in their common order.
struct Queue {
    lanes: Vec<Lane>,
}

/// Tasks for anybody, or for one agent.
struct Lane {
    assigned: Option<String>,
    read: std::collections::VecDeque<Task>,
    after: Option<QueuePlace>,
    over: bool,
}

impl Queue {
    fn new(read: &(impl Read + ?Sized), agents: &[Agent]) -> Result<Self, StoreError> {
        let names = agents.iter().map(|agent| Some(agent.name.clone()));
        let mut lanes = Vec::new();
        for assigned in std::iter::once(None).chain(names) {
            let mut lane = Lane {
                assigned,
                read: std::collections::VecDeque::new(),
                after: None,
                over: false,
            };
            lane.fill(read)?;
            lanes.push(lane);
        }
        Ok(Self { lanes })
    }

    fn next(&mut self, read: &(impl Read + ?Sized)) -> Result<Option<Task>, StoreError> {
        for lane in &mut self.lanes {
            lane.fill(read)?;
        }
        let order = |task: &Task| (std::cmp::Reverse(task.priority.rank()), task.id);
        let first = self
            .lanes
            .iter_mut()
            .filter(|lane| !lane.read.is_empty())
            .min_by_key(|lane| lane.read.front().map(order));
        Ok(first.and_then(|lane| lane.read.pop_front()))
    }
}

impl Lane {
    fn fill(&mut self, read: &(impl Read + ?Sized)) -> Result<(), StoreError> {
        if self.over || !self.read.is_empty() {
            return Ok(());
        }
        let rows = read.queue(self.assigned.as_deref(), self.after, PAGE)?;
        self.over = rows.len() < PAGE;
        for row in &rows {
            self.after = Some(QueuePlace { rank: row.rank, id: row.id });
            self.read.push_back(task::parse(row)?);
        }
        Ok(())
    }
}

/// Why a task is where it is: who was chosen, or would be now.
#[derive(Debug, Clone)]
pub struct Why {
    /// The task.
    pub task: Task,
    /// Who would get it now, while it is ready.
    pub now: Option<Choice>,
    /// What else holds it back, in a sentence.
    pub held: Option<String>,
    /// The choices that were made, the newest first: of which claim, when.
    pub made: Vec<(u64, jiff::Timestamp, Choice)>,
}

/// Choices that are told of one task.
const CHOICES_MAX: usize = 20;

impl Handle {
    /// Why a task went to whom it went, or waits.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn why_task(&self, id: TaskId) -> Result<Option<Why>, Error> {
        let (agents, rules) = (self.workers(), rules(self));
        let read = self.store.read(move |read| {
            let Some(task) = task::load(read, id)? else { return Ok(None) };
            let mut made = Vec::new();
            for row in read.choices(id, CHOICES_MAX)? {
                if row.agent.is_some() {
                    made.push((row.fence, row.at, super::parse(&row.body, "a choice")?));
                }
            }
            if task.state != TaskState::Ready {
                return Ok(Some(Why { held: None, now: None, task, made }));
            }
            let frame = frame_of(read, &task)?;
            let mut floor = Floor::of(read, agents.clone())?;
            let choice = floor.choose(&task, frame.as_ref(), Policy::default());
            let held = if !rules.auto {
                Some("Tasks are not given out by themselves (tasks.auto is off).".to_owned())
            } else if frame.as_ref().is_some_and(|frame| !frame.lets_work) {
                Some("Its session lets no task begin now.".to_owned())
            } else if let Some(at) = task.not_before {
                Some(format!("It is not begun before {}.", at.strftime("%Y-%m-%d %H:%M:%S UTC")))
            } else if floor.running >= rules.running_max {
                let may = rules.running_max;
                Some(format!("{} tasks run, and {may} may at once.", floor.running))
            } else {
                None
            };
            Ok(Some(Why { now: Some(choice), held, task, made }))
        });
        read.await.map_err(Error::Store)
    }
}
