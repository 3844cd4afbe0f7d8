//! One batch of decisions as one command of the store.

use crate::approval::Answers;
use crate::money::Books;
use crate::secret::Secrets;
use jiff::Timestamp;
use orkestra_core::agent_state::{AgentDecision, AgentState};
use orkestra_core::event::{Cause, Draft, EventRef, Topic};
use orkestra_core::id::{ApprovalId, RunId};
use orkestra_core::job::spec::JobName;
use orkestra_core::job::{self, Job, Record};
use orkestra_core::run::{Run, RunDecision};
use orkestra_core::unit::spec::UnitName;
use orkestra_core::unit::{Decision, Unit};
use orkestra_store::{
    CallRow, Error as StoreError, JobRow, JobRunRow, RunRow, UnitRow, UsageRow, Write,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// An event on its way, with its place in the raw stream when it came from one.
#[derive(Debug, Clone)]
struct Entry {
    draft: Draft,
    /// Run, attempt, offset and index.
    stream: Option<(RunId, u32, u64, u32)>,
    /// What is booked with it: if and only if its place in the stream is new.
    usage: Option<UsageRow>,
    /// Left out; it keeps its place, since causes count places.
    left_out: bool,
}

/// Rows and events of one turn of the dispatcher: one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    units: BTreeMap<UnitName, Unit>,
    removed: BTreeSet<UnitName>,
    runs: BTreeMap<RunId, Run>,
    jobs: BTreeMap<JobName, Job>,
    removed_jobs: BTreeSet<JobName>,
    records: BTreeMap<(JobName, u64), Record>,
    agents: BTreeMap<String, AgentState>,
    pub(crate) answers: Answers,
    entries: Vec<Entry>,
    /// Usage whose events were dropped on a full disk: it is booked all the same.
    usage: Vec<UsageRow>,
    calls: Vec<CallRow>,
}

/// The newest event of each unit and run, as causes of what follows.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    pub(crate) units: BTreeMap<UnitName, EventRef>,
    pub(crate) runs: BTreeMap<RunId, EventRef>,
    pub(crate) jobs: BTreeMap<JobName, EventRef>,
    pub(crate) approvals: BTreeMap<ApprovalId, EventRef>,
}

impl Latest {
    /// Later ones take the place of earlier ones.
    pub(crate) fn then(&mut self, later: Self) {
        self.units.extend(later.units);
        self.runs.extend(later.runs);
        self.jobs.extend(later.jobs);
        self.approvals.extend(later.approvals);
    }
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty()
            && self.removed.is_empty()
            && self.runs.is_empty()
            && self.jobs.is_empty()
            && self.removed_jobs.is_empty()
            && self.records.is_empty()
            && self.agents.is_empty()
            && self.calls.is_empty()
            && self.answers.is_empty()
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
                        entry.stream.is_none()
                            && entry.draft.subject == draft.subject
                            && entry.draft.topic == draft.topic
                    })
                    .map_or(Cause::Event(reference), Cause::Earlier),
                Cause::Root => Cause::Root,
            };
            self.entries.push(Entry { draft, stream: None, usage: None, left_out: false });
        }
    }

    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.entries.len()
    }

    /// The same without these runs: they must not come to life later, for who asked for them was
    /// told that they did not.
    pub(crate) fn without_runs(mut self, ids: &[RunId]) -> Self {
        for id in ids {
            self.runs.remove(id);
            let subject = id.to_string();
            for entry in &mut self.entries {
                entry.left_out |= entry.draft.subject == subject;
            }
        }
        self
    }

    /// Only its rows.
    pub(crate) fn without_events(mut self) -> Self {
        self.usage.extend(self.entries.drain(..).filter_map(|entry| entry.usage));
        self
    }

    /// Both as one, when neither has events: of each row the newest counts.
    pub(crate) fn then(mut self, later: &Self) -> Self {
        for (name, unit) in &later.units {
            self.removed.remove(name);
            self.units.insert(name.clone(), unit.clone());
        }
        for name in &later.removed {
            self.units.remove(name);
            self.removed.insert(name.clone());
        }
        self.runs.extend(later.runs.clone());
        self.put_jobs(&later.jobs, &later.removed_jobs);
        self.records.extend(later.records.clone());
        self.agents.extend(later.agents.clone());
        self.answers.then(&later.answers);
        self.usage.extend(later.usage.iter().cloned());
        self.calls.extend(later.calls.iter().cloned());
        self
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

    /// Adds what was decided about a run; what it used is priced with these books.
    pub(crate) fn run(&mut self, decision: &RunDecision, books: &Books, at: Timestamp) {
        let id = decision.run.id;
        // Each usage is told by one event, in the same order.
        let mut usage = decision.usage.iter();
        for (offset, index, draft) in &decision.streamed {
            let stream = Some((id, decision.attempt, *offset, *index));
            let mut draft = draft.clone();
            let used = if draft.kind == "run.usage" { usage.next() } else { None };
            let usage = used.map(|used| books.row(&decision.run, decision.attempt, used, at));
            if let Some(row) = &usage {
                draft.body["cost_micros"] = json!(row.cost_micros);
                draft.body["priced"] = json!(row.priced);
            }
            self.entries.push(Entry { draft, stream, usage, left_out: false });
        }
        self.calls.extend(crate::money::model_calls(decision, decision.attempt, at));
        self.calls.extend(crate::money::call_of(decision, decision.attempt));
        self.runs.insert(id, decision.run.clone());
        self.push(decision.events.clone());
    }

    /// Adds what was decided about jobs.
    pub(crate) fn jobs(&mut self, decision: &job::Decision) {
        self.put_jobs(&decision.changed, &decision.removed);
        for (name, record) in &decision.records {
            self.records.insert((name.clone(), record.number), record.clone());
        }
        self.push(decision.events.clone());
    }

    /// Adds what was decided about an agent.
    pub(crate) fn agent(&mut self, decision: &AgentDecision) {
        self.agents.insert(decision.state.name.clone(), decision.state.clone());
        self.push(decision.events.clone());
    }

    fn put_jobs(&mut self, changed: &BTreeMap<JobName, Job>, removed: &BTreeSet<JobName>) {
        for (name, job) in changed {
            self.removed_jobs.remove(name);
            self.jobs.insert(name.clone(), job.clone());
        }
        for name in removed {
            self.jobs.remove(name);
            self.records.retain(|(job, _), _| job != name);
            self.removed_jobs.insert(name.clone());
        }
    }

    /// Adds events that change no row of units and runs.
    pub(crate) fn note(&mut self, drafts: Vec<Draft>) {
        self.push(drafts);
    }

    /// Adds calls of models without a run.
    pub(crate) fn called(&mut self, called: Vec<(Draft, CallRow)>) {
        let (drafts, calls): (Vec<_>, Vec<_>) = called.into_iter().unzip();
        self.calls.extend(calls);
        self.push(drafts);
    }

    /// Writes everything: the body of one command. No event holds the value of a known secret.
    pub(crate) fn write(
        &self,
        tx: &mut dyn Write,
        secrets: &Secrets,
    ) -> Result<Latest, StoreError> {
        let mut references: Vec<Option<EventRef>> = Vec::with_capacity(self.entries.len());
        let mut latest = Latest::default();
        for entry in &self.entries {
            if entry.left_out {
                references.push(None);
                continue;
            }
            if let Some((run, attempt, offset, index)) = entry.stream
                && !tx.mark_stream(run, attempt, offset, index)?
            {
                references.push(None);
                continue;
            }
            if let Some(usage) = &entry.usage {
                tx.put_usage(usage)?;
                tx.release_oldest_reservation(usage.run)?;
            }
            let mut draft = entry.draft.clone();
            secrets.redact_value(&mut draft.body);
            if let Cause::Earlier(index) = draft.cause {
                let earlier = references.get(index).copied().flatten();
                draft.cause = earlier.map_or(Cause::Root, Cause::Event);
            }
            let appended = match tx.append(std::slice::from_ref(&draft)) {
                // One event that no store takes must not hold up all others for ever. What an
                // agent said is whole in its raw stream.
                Err(StoreError::TooLarge { size, limit, .. }) => {
                    draft.body = json!({"left_out": "too large for the journal", "bytes": size,
                        "limit": limit});
                    tx.append(std::slice::from_ref(&draft))
                }
                appended => appended,
            };
            let reference = appended?.into_iter().next();
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
                Topic::Job => {
                    if let Ok(name) = draft.subject.parse() {
                        latest.jobs.insert(name, reference);
                    }
                }
                Topic::Approval => {
                    if let Ok(id) = draft.subject.parse() {
                        latest.approvals.insert(id, reference);
                    }
                }
                Topic::Daemon
                | Topic::Journal
                | Topic::Alert
                | Topic::Effect
                | Topic::Agent
                | Topic::Project
                | Topic::Budget
                | Topic::Issue
                | Topic::Gate
                | Topic::Task
                | Topic::Session
                | Topic::Review
                | Topic::Vote
                | Topic::Merge => {}
            }
        }
        for usage in &self.usage {
            tx.put_usage(usage)?;
            tx.release_oldest_reservation(usage.run)?;
        }
        for call in &self.calls {
            tx.put_call(call)?;
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
        self.write_jobs(tx, &latest)?;
        for state in self.agents.values() {
            tx.put_agent_state(&crate::agent_state::to_row(state)?)?;
        }
        self.answers.write(tx, &latest.approvals)?;
        Ok(latest)
    }
}

impl Batch {
    fn write_jobs(&self, tx: &mut dyn Write, latest: &Latest) -> Result<(), StoreError> {
        // A job that left and came back in one batch begins anew, without its old runs.
        for name in &self.removed_jobs {
            tx.remove_job(name.as_str())?;
        }
        for (name, job) in &self.jobs {
            let mut job = job.clone();
            job.latest = latest.jobs.get(name).copied().or(job.latest);
            tx.put_job(&JobRow {
                name: name.to_string(),
                state: job.state_word().to_owned(),
                body: body(&job)?,
            })?;
        }
        for ((name, number), record) in &self.records {
            let (job, number) = (name.to_string(), *number);
            tx.put_job_run(&JobRunRow { job, number, body: body(record)? })?;
        }
        Ok(())
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
        state: run.row_word().to_owned(),
        prompt: run.prompt.clone(),
        target: Some(run.target.clone()),
        worktree: run.worktree.as_ref().map(|worktree| worktree.path.clone()),
        session_id: Some(run.session_id.clone()),
        offset: run.offset,
        body: body(run)?,
        created_at: run.created_at,
        updated_at: run.ended_at.or(run.last_event_at).unwrap_or(run.created_at),
        request_key: run.request_key.clone(),
        task: run.belongs.task,
        session: run.belongs.session,
    })
}
