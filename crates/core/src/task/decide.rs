//! What follows from an input to a task.

use super::attempt::later;
use super::depend::{Others, Standing, standing};
use super::{
    Avoid, Claim, Claimant, Depend, Handover, Loss, Priority, Refusal, ReviewWish, Rules, Task,
    TaskState,
};
use crate::event::{Cause, Draft, EventRef, Topic};
use crate::id::{RunId, TaskId};
use crate::prompt::Role;
use crate::span::Span;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// With what a decision is made.
#[derive(Debug, Clone, Copy)]
pub struct Ctx<'a> {
    /// Who.
    pub actor: &'a str,
    /// When (UTC).
    pub now: Timestamp,
    /// What the configuration says.
    pub rules: &'a Rules,
    /// The tasks that it depends on, also those that an edit names.
    pub others: &'a Others,
    /// The event that led to it; the task's newest one without it.
    pub cause: Option<EventRef>,
}

/// What a person changes about a task; what is not said stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Edit {
    /// Its title.
    pub title: Option<String>,
    /// What is to be done.
    pub prompt: Option<String>,
    /// What kind of work it is.
    pub kind: Option<String>,
    /// How soon.
    pub priority: Option<Priority>,
    /// Its phase.
    pub phase: Option<String>,
    /// Its part among others.
    pub role: Option<Role>,
    /// What must be done before; all of it.
    pub depends: Option<Vec<Depend>>,
    /// What who does it must be able to do.
    pub needs: Option<Vec<String>>,
    /// Words to find it by.
    pub tags: Option<Vec<String>>,
    /// What must be found before "done" is believed.
    pub evidence: Option<Vec<String>>,
    /// The repository or folder.
    pub target: Option<String>,
    /// How much may be done without asking.
    pub autonomy: Option<u8>,
    /// Whether somebody else has to judge it.
    pub review: Option<ReviewWish>,
    /// So many attempts may go wrong.
    pub tries_max: Option<u32>,
    /// What it reaches.
    pub milestone: Option<String>,
    /// How long it is thought to take.
    pub estimate: Option<String>,
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
}

/// What can happen to a task. What is about an attempt names its fencing number.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskInput {
    /// A person changes it.
    Edit(Box<Edit>),
    /// Somebody says who has to do it, or that anybody may.
    Assign {
        /// Who.
        agent: Option<String>,
    },
    /// Somebody should not do it again.
    Avoid(Avoid),
    /// It must not be worked on for now.
    Shelve,
    /// It may be worked on.
    Unshelve,
    /// Somebody takes it.
    Claim(Claimant),
    /// Who holds it lives.
    Heartbeat {
        /// Under which number.
        fence: u64,
        /// What it tells.
        note: Option<String>,
    },
    /// Work on it began, or goes on after somebody judged it.
    Began {
        /// Under which number.
        fence: u64,
        /// The run that does it.
        run: Option<RunId>,
    },
    /// Who holds it says that it is done.
    Reported {
        /// Under which number.
        fence: u64,
        /// In words.
        result: Option<String>,
    },
    /// Somebody else judges it.
    Review {
        /// The attempt.
        fence: u64,
    },
    /// It was checked, and is done.
    Verified {
        /// The attempt.
        fence: u64,
    },
    /// It was checked, and is not done.
    Refuted {
        /// The attempt.
        fence: u64,
        /// In words.
        why: String,
    },
    /// The attempt went wrong.
    Failed {
        /// The attempt.
        fence: u64,
        /// In words.
        why: String,
        /// Whether it may be tried again.
        retry: bool,
    },
    /// Who holds it gives it back, without fault.
    Unclaim {
        /// Under which number.
        fence: u64,
        /// In words.
        why: String,
        /// Not claimed again before so much time passed.
        wait: Option<Span>,
    },
    /// Its claim is over without its holder's word (see [`Claim::lost`]).
    Expired {
        /// The claim.
        fence: u64,
        /// How.
        loss: Loss,
    },
    /// A person has it tried again.
    Retry,
    /// Somebody gives it up.
    Cancel {
        /// In words.
        why: Option<String>,
    },
    /// Somebody else is to do it, with its context.
    HandOver {
        /// Who.
        to: String,
        /// What the next one has to know.
        note: Option<String>,
    },
    /// A part of it was given to somebody else as a task of its own, for which it waits.
    Delegated {
        /// That task.
        child: TaskId,
        /// Who has to do it.
        to: Option<String>,
    },
    /// Its work was merged.
    Merged {
        /// The commit.
        commit: String,
    },
    /// The tasks that it depends on have changed.
    Look,
    /// A time has come: it may be tried again.
    Due,
    /// A pattern made its next task.
    Recurred {
        /// That task.
        task: TaskId,
    },
    /// A pattern was due, and made none: the one before goes on.
    PassedOver,
}

/// What follows from an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The task as it is then.
    pub task: Task,
    /// What happened; nothing when nothing did.
    pub events: Vec<Draft>,
}

impl Task {
    /// What follows from `input`; without events when nothing changes that people have to know.
    ///
    /// # Errors
    /// Why it makes no sense now.
    pub fn decide(&self, input: TaskInput, ctx: &Ctx<'_>) -> Result<Decision, Refusal> {
        let mut turn = Turn { task: self.clone(), was: self.state, ctx, events: Vec::new() };
        turn.take(input)?;
        if turn.task != *self {
            turn.task.updated_at = ctx.now;
        }
        Ok(Decision { task: turn.task, events: turn.events })
    }
}

/// The body that all events of tasks have, and what else is told.
pub(super) fn draft(task: &Task, ctx: &Ctx<'_>, kind: &str, more: Value) -> Draft {
    let mut body = json!({"title": task.title, "state": task.state.word()});
    if let Some(body) = body.as_object_mut() {
        if let Some(why) = &task.why {
            body.insert("why".to_owned(), json!(why));
        }
        if let Some(session) = task.session {
            body.insert("session".to_owned(), json!(session));
        }
        if let Value::Object(more) = more {
            body.extend(more);
        }
    }
    let cause = ctx.cause.or(task.latest).map_or(Cause::Root, Cause::Event);
    Draft::new(kind, Topic::Task, &task.id.to_string(), ctx.actor, body).because(cause)
}

/// One decision in the making.
struct Turn<'a> {
    task: Task,
    was: TaskState,
    ctx: &'a Ctx<'a>,
    events: Vec<Draft>,
}

impl Turn<'_> {
    fn take(&mut self, input: TaskInput) -> Result<(), Refusal> {
        match input {
            TaskInput::Edit(edit) => self.edit(*edit),
            TaskInput::Assign { agent } => self.assign(agent),
            TaskInput::Avoid(avoid) => self.avoid(avoid),
            TaskInput::Shelve => self.shelve(),
            TaskInput::Unshelve => self.unshelve(),
            TaskInput::Claim(by) => self.claim(by),
            TaskInput::Heartbeat { fence, note } => self.heartbeat(fence, note),
            TaskInput::Began { fence, run } => self.began(fence, run),
            TaskInput::Reported { fence, result } => self.reported(fence, result),
            TaskInput::Review { fence } => self.review(fence),
            TaskInput::Verified { fence } => self.verified(fence),
            TaskInput::Refuted { fence, why } => self.refuted(fence, why),
            TaskInput::Failed { fence, why, retry } => self.failed(fence, why, retry),
            TaskInput::Unclaim { fence, why, wait } => self.unclaim(fence, why, wait),
            TaskInput::Expired { fence, loss } => self.expired(fence, loss),
            TaskInput::Retry => self.retry(),
            TaskInput::Cancel { why } => self.cancel(why),
            TaskInput::HandOver { to, note } => self.hand_over(to, note),
            TaskInput::Delegated { child, to } => self.delegated(child, to),
            TaskInput::Merged { commit } => self.merged(commit),
            TaskInput::Look => self.look(),
            TaskInput::Due => self.due(),
            TaskInput::Recurred { task } => self.recurred(Some(task)),
            TaskInput::PassedOver => self.recurred(None),
        }
    }

    fn tell(&mut self, kind: &str, more: Value) {
        let mut event = draft(&self.task, self.ctx, kind, more);
        if let Some(last) = self.events.len().checked_sub(1) {
            event = event.because(Cause::Earlier(last));
        }
        self.events.push(event);
    }

    fn go(&mut self, state: TaskState, why: Option<String>) {
        self.task.state = state;
        self.task.why = why;
        if state.is_over() {
            self.task.ended_at = Some(self.ctx.now);
        } else {
            self.task.ended_at = None;
        }
    }

    fn refuse(&self, verb: &'static str) -> Refusal {
        Refusal::State {
            task: self.task.named(),
            state: self.task.state.word(),
            verb,
            why: self.task.why.clone(),
        }
    }

    /// The claim with this number, if it holds.
    fn held(&mut self, fence: u64) -> Result<&mut Claim, Refusal> {
        let lost = |now: String| Refusal::Lost { task: self.task.named(), given: fence, now };
        match &self.task.claim {
            None => {
                let state = self.task.state.word().replace('_', " ");
                return Err(lost(format!("nobody holds it, it is {state}")));
            }
            Some(claim) if claim.fence != fence => {
                return Err(lost(format!(
                    "{} holds it with the number {}",
                    claim.owner, claim.fence
                )));
            }
            Some(_) => {}
        }
        let none = lost("nobody holds it".to_owned());
        self.task.claim.as_mut().ok_or(none)
    }

    /// Where the task stands by its dependencies, with nobody holding it.
    fn settle(&mut self) -> Result<Vec<String>, Refusal> {
        let name = self.task.named();
        let (state, why, warnings) = match standing(&name, &self.task.depends, self.ctx.others)? {
            Standing::Free { warnings } => (TaskState::Ready, None, warnings),
            Standing::Waiting { why } => (TaskState::Waiting, Some(why), Vec::new()),
            Standing::Blocked { why } => (TaskState::Blocked, Some(why), Vec::new()),
        };
        let why = why.or_else(|| (!warnings.is_empty()).then(|| warnings.join(" ")));
        self.task.claim = None;
        self.go(state, why);
        Ok(warnings)
    }

    fn edit(&mut self, edit: Edit) -> Result<(), Refusal> {
        let before = self.task.clone();
        let rest = Edit {
            title: None,
            priority: None,
            phase: None,
            tags: None,
            milestone: None,
            estimate: None,
            ..edit.clone()
        };
        if before.state.is_over() || (before.state.is_held() && rest != Edit::default()) {
            return Err(self.refuse("changed"));
        }
        let task = &mut self.task;
        let new_depends = edit.depends.is_some();
        set(&mut task.title, edit.title);
        set(&mut task.prompt, edit.prompt);
        set(&mut task.kind, edit.kind);
        set(&mut task.priority, edit.priority);
        set(&mut task.phase, edit.phase.map(Some));
        set(&mut task.role, edit.role.map(Some));
        set(&mut task.depends, edit.depends);
        set(&mut task.needs, edit.needs);
        set(&mut task.tags, edit.tags);
        set(&mut task.evidence, edit.evidence);
        set(&mut task.target, edit.target.map(Some));
        set(&mut task.autonomy, edit.autonomy);
        set(&mut task.review, edit.review.map(Some));
        set(&mut task.tries_max, edit.tries_max);
        set(&mut task.milestone, edit.milestone.map(Some));
        set(&mut task.estimate, edit.estimate.map(Some));
        set(&mut task.budget_usd, edit.budget_usd.map(Some));
        task.problem()?;
        if new_depends && before.state != TaskState::Backlog {
            self.settle()?;
        } else if new_depends {
            // Only whether they are there.
            standing(&self.task.named(), &self.task.depends, self.ctx.others)?;
        }
        let fields = changed_fields(&before, &self.task);
        if !fields.is_empty() {
            self.tell("task.edited", json!({"fields": fields, "priority": self.task.priority}));
        }
        Ok(())
    }

    fn assign(&mut self, agent: Option<String>) -> Result<(), Refusal> {
        if self.task.state.is_over() || self.task.state.is_held() {
            return Err(self.refuse("assigned"));
        }
        if self.task.assigned != agent {
            self.task.assigned = agent;
            self.tell("task.assigned", json!({"agent": self.task.assigned}));
        }
        Ok(())
    }

    fn avoid(&mut self, avoid: Avoid) -> Result<(), Refusal> {
        if !self.task.avoid.iter().any(|known| known.agent == avoid.agent) {
            let told = json!({"agent": avoid.agent, "why": avoid.why});
            self.task.avoid.push(avoid);
            self.tell("task.avoided", told);
        }
        Ok(())
    }

    fn shelve(&mut self) -> Result<(), Refusal> {
        match self.task.state {
            TaskState::Backlog => Ok(()),
            TaskState::Waiting | TaskState::Blocked | TaskState::Ready => {
                self.go(TaskState::Backlog, Some("It was put back.".to_owned()));
                self.tell("task.shelved", json!({}));
                Ok(())
            }
            _ => Err(self.refuse("put into the backlog")),
        }
    }

    fn unshelve(&mut self) -> Result<(), Refusal> {
        if self.task.state != TaskState::Backlog || self.task.recurs.is_some() {
            return Err(self.refuse("taken out of the backlog"));
        }
        let warnings = self.settle()?;
        self.tell("task.unshelved", json!({"warnings": warnings}));
        Ok(())
    }

    fn claim(&mut self, by: Claimant) -> Result<(), Refusal> {
        if let Some(claim) = self.task.claim.as_ref().filter(|_| self.task.state.is_held()) {
            return Err(Refusal::Taken {
                task: self.task.named(),
                owner: claim.owner.clone(),
                since: claim.at,
            });
        }
        if self.task.state != TaskState::Ready {
            return Err(self.refuse("claimed"));
        }
        if let Some(at) = self.task.not_before.filter(|at| *at > self.ctx.now) {
            return Err(Refusal::NotYet { task: self.task.named(), at });
        }
        if let Some(other) = self.task.assigned.as_ref().filter(|other| **other != by.agent) {
            return Err(Refusal::Unfit {
                task: self.task.named(),
                agent: by.agent,
                why: format!("it is assigned to {other}"),
            });
        }
        self.task.fence += 1;
        let claim = Claim::begin(by, self.task.fence, self.ctx.now);
        let told = json!({"fence": claim.fence, "owner": claim.owner, "agent": claim.agent,
            "pid": claim.pid, "expires_at": claim.expires_at});
        self.task.claim = Some(claim);
        self.task.not_before = None;
        self.task.result = None;
        self.go(TaskState::Claimed, None);
        self.tell("task.claimed", told);
        Ok(())
    }

    /// A sign of life renews a lease; nothing else changes, so it is no event.
    fn heartbeat(&mut self, fence: u64, note: Option<String>) -> Result<(), Refusal> {
        let now = self.ctx.now;
        let claim = self.held(fence)?;
        claim.seen(now);
        if note.is_some() {
            claim.note = note;
        }
        if self.task.state == TaskState::Claimed {
            return self.began(fence, None);
        }
        Ok(())
    }

    fn began(&mut self, fence: u64, run: Option<RunId>) -> Result<(), Refusal> {
        let now = self.ctx.now;
        let claim = self.held(fence)?;
        claim.seen(now);
        let known = claim.run;
        claim.run = run.or(known);
        let agent = claim.agent.clone();
        if let Some(run) = run.filter(|run| !self.task.runs.contains(run)) {
            self.task.runs.push(run);
        }
        if self.task.state == TaskState::Running && (run.is_none() || run == known) {
            return Ok(());
        }
        let again = matches!(self.was, TaskState::Reported | TaskState::InReview);
        self.task.started_at.get_or_insert(now);
        self.go(TaskState::Running, None);
        self.tell(
            "task.began",
            json!({"fence": fence, "run": run, "agent": agent, "again": again}),
        );
        Ok(())
    }

    fn reported(&mut self, fence: u64, result: Option<String>) -> Result<(), Refusal> {
        let now = self.ctx.now;
        let claim = self.held(fence)?;
        claim.seen(now);
        claim.expires_at = None;
        let told =
            json!({"fence": fence, "run": claim.run, "agent": claim.agent, "owner": claim.owner});
        match self.task.state {
            TaskState::Claimed | TaskState::Running => {}
            // It was said before, and is being judged.
            TaskState::Reported | TaskState::InReview => return Ok(()),
            _ => return Err(self.refuse("reported")),
        }
        self.task.started_at.get_or_insert(now);
        self.task.silences = 0;
        self.task.result = result.or_else(|| self.task.result.take());
        self.go(TaskState::Reported, Some("Its worker says that it is done.".to_owned()));
        self.tell("task.reported", told);
        Ok(())
    }

    fn review(&mut self, fence: u64) -> Result<(), Refusal> {
        let run = self.held(fence)?.run;
        match self.task.state {
            TaskState::InReview => return Ok(()),
            TaskState::Reported => {}
            _ => return Err(self.refuse("reviewed")),
        }
        self.go(TaskState::InReview, Some("Somebody else judges it.".to_owned()));
        self.tell("task.in_review", json!({"fence": fence, "run": run}));
        Ok(())
    }

    fn verified(&mut self, fence: u64) -> Result<(), Refusal> {
        let claim = self.held(fence)?;
        let told = json!({"fence": fence, "run": claim.run, "agent": claim.agent, "tries": self.task.tries + 1});
        if !matches!(self.task.state, TaskState::Reported | TaskState::InReview) {
            return Err(self.refuse("verified"));
        }
        self.task.claim = None;
        self.go(TaskState::Verified, None);
        self.tell("task.verified", told);
        Ok(())
    }

    fn refuted(&mut self, fence: u64, why: String) -> Result<(), Refusal> {
        let claim = self.held(fence)?;
        let told = json!({"fence": fence, "run": claim.run, "agent": claim.agent, "reason": why});
        if !matches!(self.task.state, TaskState::Reported | TaskState::InReview) {
            return Err(self.refuse("refuted"));
        }
        let wrong = Wrong {
            end: TaskState::Refuted,
            kind: "task.refuted",
            why: &why,
            retry: true,
            wait: true,
        };
        self.went_wrong(&wrong, told)
    }

    fn failed(&mut self, fence: u64, why: String, retry: bool) -> Result<(), Refusal> {
        let claim = self.held(fence)?;
        let told = json!({"fence": fence, "run": claim.run, "agent": claim.agent, "reason": why});
        let wrong =
            Wrong { end: TaskState::Failed, kind: "task.failed", why: &why, retry, wait: true };
        self.went_wrong(&wrong, told)
    }

    /// An attempt went wrong: it is tried again, later if it has to wait, or it is over.
    fn went_wrong(&mut self, wrong: &Wrong<'_>, mut told: Value) -> Result<(), Refusal> {
        self.task.tries += 1;
        let (tries, most) = (self.task.tries, self.task.tries_max);
        let again = wrong.retry && tries < most;
        let why = wrong.why.trim_end_matches('.');
        if again {
            self.settle()?;
            if self.task.state == TaskState::Ready {
                let wait = wrong.wait.then(|| self.ctx.rules.retry.wait(tries));
                self.task.not_before = wait.map(|wait| later(self.ctx.now, wait));
                let why = format!("Attempt {tries} of {most} went wrong: {why}.");
                self.task.why = Some(why);
            }
        } else {
            self.task.claim = None;
            self.task.poison = wrong.retry;
            let all = if wrong.retry && most > 1 {
                format!(" All {most} attempts went wrong.")
            } else {
                String::new()
            };
            self.go(wrong.end, Some(format!("{why}.{all}")));
        }
        if let Some(told) = told.as_object_mut() {
            told.insert("tries".to_owned(), json!(tries));
            told.insert("tries_max".to_owned(), json!(most));
            told.insert("again".to_owned(), json!(again));
            told.insert("not_before".to_owned(), json!(self.task.not_before));
        }
        self.tell(wrong.kind, told);
        if self.task.poison {
            self.tell("task.poisoned", json!({"tries": tries}));
        }
        Ok(())
    }

    fn unclaim(&mut self, fence: u64, why: String, wait: Option<Span>) -> Result<(), Refusal> {
        let run = self.held(fence)?.run;
        if !matches!(self.task.state, TaskState::Claimed | TaskState::Running) {
            return Err(self.refuse("given back"));
        }
        self.settle()?;
        if self.task.state == TaskState::Ready {
            self.task.not_before = wait.map(|wait| later(self.ctx.now, wait));
            self.task.why = Some(why.clone());
        }
        let not_before = self.task.not_before;
        self.tell(
            "task.released",
            json!({"fence": fence, "run": run, "reason": why, "not_before": not_before}),
        );
        Ok(())
    }

    fn expired(&mut self, fence: u64, loss: Loss) -> Result<(), Refusal> {
        let claim = self.held(fence)?;
        let told = json!({"fence": fence, "run": claim.run, "owner": claim.owner,
            "agent": claim.agent, "loss": loss, "pid": claim.pid});
        let owner = claim.owner.clone();
        if !matches!(self.task.state, TaskState::Claimed | TaskState::Running) {
            return Err(self.refuse("taken back"));
        }
        let why = match loss {
            Loss::Lease => format!("{owner} gave no sign of life within its lease"),
            Loss::Died => format!("the process of {owner} is gone"),
            Loss::Silent => "nothing was heard of its run for too long".to_owned(),
        };
        if matches!(loss, Loss::Silent | Loss::Lease) {
            self.task.silences += 1;
            if self.task.silences > 1 {
                // Once is given to it (MISSION row 98); what falls silent again will always.
                self.task.tries = self.task.tries.max(self.task.tries_max.saturating_sub(1));
            }
        }
        let wrong = Wrong {
            end: TaskState::Failed,
            kind: "task.expired",
            why: &why,
            retry: true,
            wait: false,
        };
        self.went_wrong(&wrong, told)
    }

    fn retry(&mut self) -> Result<(), Refusal> {
        let waits = self.task.state == TaskState::Ready && self.task.not_before.is_some();
        if !self.task.state.is_lost() && !waits {
            return Err(self.refuse("tried again"));
        }
        self.begin_anew();
        let warnings = self.settle()?;
        self.tell("task.retried", json!({"warnings": warnings}));
        Ok(())
    }

    fn begin_anew(&mut self) {
        self.task.tries = 0;
        self.task.silences = 0;
        self.task.poison = false;
        self.task.not_before = None;
    }

    fn cancel(&mut self, why: Option<String>) -> Result<(), Refusal> {
        match self.task.state {
            TaskState::Cancelled => return Ok(()),
            TaskState::Verified => return Err(self.refuse("cancelled")),
            _ => {}
        }
        let run = self.task.claim.take().and_then(|claim| claim.run);
        self.task.not_before = None;
        self.go(TaskState::Cancelled, Some(why.unwrap_or_else(|| "It was cancelled.".to_owned())));
        self.tell("task.cancelled", json!({"run": run}));
        Ok(())
    }

    fn hand_over(&mut self, to: String, note: Option<String>) -> Result<(), Refusal> {
        match self.task.state {
            TaskState::Verified | TaskState::Reported | TaskState::InReview => {
                return Err(self.refuse("handed over"));
            }
            _ => {}
        }
        let claim = self.task.claim.take();
        let from = claim.as_ref().map(|claim| claim.agent.clone()).or(self.task.assigned.take());
        let run = claim.and_then(|claim| claim.run);
        let told = json!({"from": from, "to": to, "note": note, "run": run});
        self.task.assigned = Some(to.clone());
        self.task.avoid.retain(|avoid| avoid.agent != to);
        let (at, by) = (self.ctx.now, self.ctx.actor.to_owned());
        self.task.handovers.push(Handover { from, to, note, at, by });
        if self.task.state.is_lost() {
            self.begin_anew();
        }
        if self.task.state != TaskState::Backlog {
            self.settle()?;
        }
        self.tell("task.handed_over", told);
        Ok(())
    }

    fn delegated(&mut self, child: TaskId, to: Option<String>) -> Result<(), Refusal> {
        match self.task.state {
            TaskState::Reported | TaskState::InReview => return Err(self.refuse("delegated")),
            state if state.is_over() => return Err(self.refuse("delegated")),
            _ => {}
        }
        let run = self.task.claim.take().and_then(|claim| claim.run);
        self.task.depends.push(Depend { task: child, kind: super::DependKind::Hard });
        if self.task.state != TaskState::Backlog {
            self.settle()?;
        }
        self.tell("task.delegated", json!({"child": child, "to": to, "run": run}));
        Ok(())
    }

    fn merged(&mut self, commit: String) -> Result<(), Refusal> {
        if self.task.state != TaskState::Verified {
            return Err(self.refuse("merged"));
        }
        if self.task.merged.as_ref() != Some(&commit) {
            self.task.merged = Some(commit);
            let commit = self.task.merged.clone();
            self.tell("task.merged", json!({"commit": commit}));
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Refusal> {
        if !matches!(self.task.state, TaskState::Waiting | TaskState::Blocked) {
            return Ok(());
        }
        let warnings = self.settle()?;
        let kind = match self.task.state {
            TaskState::Ready => "task.ready",
            TaskState::Blocked => "task.blocked",
            _ => "task.freed",
        };
        // For whom it still waits is in the row; it is no news.
        if self.task.state != self.was {
            self.tell(kind, json!({"warnings": warnings}));
        }
        Ok(())
    }

    fn due(&mut self) -> Result<(), Refusal> {
        let due = self.task.not_before.is_some_and(|at| at <= self.ctx.now);
        if self.task.state == TaskState::Ready && due {
            self.task.not_before = None;
            self.tell("task.ready", json!({}));
        }
        Ok(())
    }

    fn recurred(&mut self, task: Option<TaskId>) -> Result<(), Refusal> {
        let now = self.ctx.now;
        let Some(recurs) = self.task.recurs.as_mut() else { return Err(self.refuse("repeated")) };
        let due = recurs.next_at;
        // What was missed meanwhile comes once.
        recurs.next_at = recurs.schedule.next(now, recurs.anchor);
        let next = recurs.next_at;
        match task {
            Some(task) => {
                recurs.last = Some(task);
                recurs.made += 1;
                let made = recurs.made;
                self.tell(
                    "task.recurred",
                    json!({"task": task, "due_at": due, "next_at": next, "made": made}),
                );
            }
            None => {
                let last = recurs.last;
                self.tell(
                    "task.passed_over",
                    json!({"last": last, "due_at": due, "next_at": next}),
                );
            }
        }
        Ok(())
    }
}

/// What went wrong with an attempt, and what follows.
struct Wrong<'a> {
    /// What the task is when it is not tried again.
    end: TaskState,
    /// The event's kind.
    kind: &'a str,
    /// In words.
    why: &'a str,
    /// Whether it may be tried again.
    retry: bool,
    /// Whether it waits before.
    wait: bool,
}

fn set<T>(field: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *field = new;
    }
}

/// The names of what differs.
fn changed_fields(before: &Task, after: &Task) -> Vec<&'static str> {
    let pairs = [
        ("title", before.title != after.title),
        ("prompt", before.prompt != after.prompt),
        ("kind", before.kind != after.kind),
        ("priority", before.priority != after.priority),
        ("phase", before.phase != after.phase),
        ("role", before.role != after.role),
        ("depends", before.depends != after.depends),
        ("needs", before.needs != after.needs),
        ("tags", before.tags != after.tags),
        ("evidence", before.evidence != after.evidence),
        ("target", before.target != after.target),
        ("autonomy", before.autonomy != after.autonomy),
        ("review", before.review != after.review),
        ("tries_max", before.tries_max != after.tries_max),
        ("milestone", before.milestone != after.milestone),
        ("estimate", before.estimate != after.estimate),
        ("budget", before.budget_usd != after.budget_usd),
    ];
    pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
