//! What follows from an input: the configuration, people and the clock here, what became of a run
//! of a job in `observe`.

use super::spec::{Action, JobName, JobSpec, Missed, Overlap};
use super::{
    Current, Ending, Hand, Job, Jobs, LATE_MS, MISSED_MAX, Outcome, Record, Trigger, Waiting,
};
use crate::event::{Cause, Draft, Topic};
use crate::id::{InstanceId, RunId};
use crate::job::schedule::Schedule;
use crate::span::Span;
use crate::unit::{Exit, Found, Now, Supply};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Something that happened or is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The configuration, whole: jobs that are not in it leave.
    Configure {
        /// By name.
        specs: BTreeMap<JobName, JobSpec>,
    },
    /// Time has passed, or the clock was set.
    Tick {
        /// Whether something may begin: not while nothing can be written.
        may_start: bool,
    },
    /// Somebody wants it to run now.
    Run {
        /// Which job.
        name: JobName,
        /// Also when it ran just now.
        force: bool,
    },
    /// Somebody wants it to keep its schedule.
    Enable {
        /// Which job.
        name: JobName,
    },
    /// Somebody wants it to leave its schedule.
    Disable {
        /// Which job.
        name: JobName,
    },
    /// Its process ended and its tree is empty.
    Exited {
        /// Which job.
        name: JobName,
        /// Which life.
        instance: InstanceId,
        /// How.
        exit: Exit,
    },
    /// What the host found of a process that an earlier daemon started.
    Recovered {
        /// Which job.
        name: JobName,
        /// Which life.
        instance: InstanceId,
        /// What is there.
        found: Found,
    },
    /// The run of an agent was created.
    RunCreated {
        /// Which job.
        name: JobName,
        /// Which life.
        instance: InstanceId,
        /// The run.
        run: RunId,
    },
    /// What has no process of its own is over: a built-in with what it did, a run of an agent.
    Ended {
        /// Which job.
        name: JobName,
        /// Which life.
        instance: InstanceId,
        /// What it did, or why it failed.
        result: Result<Option<String>, String>,
    },
    /// The daemon goes down and takes along what runs.
    CloseAll,
}

/// What the host is to do once the decision is committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Begin.
    Begin {
        /// Which job.
        name: JobName,
        /// Which life.
        instance: InstanceId,
        /// What.
        action: Action,
    },
    /// End it.
    Stop {
        /// Which life.
        instance: InstanceId,
        /// What it is.
        action: Action,
        /// The run of an agent, if it has begun.
        run: Option<RunId>,
    },
    /// Its exit is committed: the shim may go and the folder too.
    Release {
        /// Which life.
        instance: InstanceId,
    },
}

/// What somebody who asked for a run is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It runs.
    Started {
        /// Its number.
        number: u64,
    },
    /// It follows the one that runs.
    Queued,
    /// It does not run.
    Skipped {
        /// In words.
        why: String,
    },
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No such job.
    #[error("there is no job named {name}")]
    Unknown {
        /// The name asked for.
        name: JobName,
        /// Names that exist and look alike.
        similar: Vec<JobName>,
    },
    /// Nothing starts any more.
    #[error("the daemon is going down")]
    Closing,
}

/// What follows from one input: one commit, then the orders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Jobs whose rows change.
    pub changed: BTreeMap<JobName, Job>,
    /// Jobs whose rows go.
    pub removed: BTreeSet<JobName>,
    /// Lines of the history that are new or change.
    pub records: Vec<(JobName, Record)>,
    /// In order.
    pub events: Vec<Draft>,
    /// To be carried out after the commit.
    pub orders: Vec<Order>,
    /// For who asked for a run.
    pub asked: Option<Asked>,
    /// The configuration is in force.
    pub awake: bool,
    /// Nothing begins any more.
    pub closing: bool,
}

impl Jobs {
    /// Decides.
    ///
    /// # Errors
    /// A command that makes no sense now; nothing follows from it.
    pub fn decide(
        &self,
        input: Input,
        actor: &str,
        now: Now,
        supply: &mut dyn Supply,
    ) -> Result<Decision, Rejection> {
        let mut turn = Turn { jobs: self, actor, now, supply, out: Decision::default() };
        match input {
            Input::Configure { specs } => turn.configure(specs),
            Input::Tick { may_start } => turn.tick(may_start),
            Input::Run { name, force } => turn.run(&name, force)?,
            Input::Enable { name } => turn.enable(&name, true)?,
            Input::Disable { name } => turn.enable(&name, false)?,
            Input::Exited { name, instance, exit } => turn.exited(&name, instance, exit),
            Input::Recovered { name, instance, found } => turn.recovered(&name, instance, found),
            Input::RunCreated { name, instance, run } => turn.run_created(&name, instance, run),
            Input::Ended { name, instance, result } => turn.ended(&name, instance, result),
            Input::CloseAll => turn.close_all(),
        }
        Ok(turn.out)
    }
}

/// One decision in the making.
pub(super) struct Turn<'a> {
    pub(super) jobs: &'a Jobs,
    pub(super) actor: &'a str,
    pub(super) now: Now,
    pub(super) supply: &'a mut dyn Supply,
    pub(super) out: Decision,
}

impl Turn<'_> {
    /// A job as it is after what was decided so far.
    pub(super) fn job(&self, name: &JobName) -> Option<Job> {
        if self.out.removed.contains(name) {
            return None;
        }
        self.out.changed.get(name).or_else(|| self.jobs.jobs.get(name)).cloned()
    }

    fn known(&self, name: &JobName) -> Result<Job, Rejection> {
        self.job(name).filter(|job| !job.leaving).ok_or_else(|| Rejection::Unknown {
            name: name.clone(),
            similar: name.similar(self.jobs.jobs.keys()),
        })
    }

    pub(super) fn put(&mut self, job: Job) {
        self.out.changed.insert(job.name.clone(), job);
    }

    /// Records an event; its cause is the newest event of this decision about the same job, else
    /// the job's newest event when `follows` is set, else none.
    pub(super) fn event(&mut self, job: &Job, kind: &str, follows: bool, body: Value) {
        let subject = job.name.as_str();
        let earlier = self.out.events.iter().rposition(|draft| draft.subject == subject);
        let cause = match (earlier, job.latest.filter(|_| follows)) {
            (Some(index), _) => Cause::Earlier(index),
            (None, Some(reference)) => Cause::Event(reference),
            (None, None) => Cause::Root,
        };
        let actor = if follows { "daemon" } else { self.actor };
        let draft = Draft::new(kind, Topic::Job, subject, actor, body);
        self.out.events.push(draft.because(cause));
    }

    fn configure(&mut self, specs: BTreeMap<JobName, JobSpec>) {
        let first = !self.jobs.awake;
        self.out.awake = true;
        for name in self.jobs.jobs.keys().filter(|name| !specs.contains_key(*name)) {
            self.leave(&name.clone());
        }
        for (name, spec) in specs {
            let known = self.job(&name);
            let is_new = known.is_none();
            match known {
                Some(job) => self.change(job, spec),
                None => self.add(&name, spec),
            }
            let Some(job) = self.job(&name) else { continue };
            let is_due = job.next_at.is_some_and(|at| at <= self.now.at);
            if job.spec.immediate && job.is_enabled() && (is_new || first) && !is_due {
                let actor = self.actor.to_owned();
                self.wanted(job, self.now.at, Trigger::Immediate, &actor, false);
            }
        }
    }

    fn add(&mut self, name: &JobName, spec: JobSpec) {
        let mut job = Job {
            name: name.clone(),
            spec,
            hand: Hand::None,
            anchor: self.now.at,
            due: None,
            last_due: None,
            next_at: None,
            number: 0,
            current: None,
            queued: None,
            retry: None,
            last: None,
            failures: 0,
            leaving: false,
            latest: None,
        };
        self.set_next(&mut job, self.now.at);
        let body = json!({"new": true, "schedule": job.spec.schedule.in_words(),
            "enabled": job.is_enabled(), "next_at": job.next_at});
        self.event(&job, "job.configured", false, body);
        self.put(job);
    }

    fn change(&mut self, mut job: Job, spec: JobSpec) {
        let changed = job.spec.changed_fields(&spec);
        let back = std::mem::take(&mut job.leaving);
        // An older version, or a clock that was wrong, may have left no time for it.
        let lacks_time = job.is_enabled() && job.due.is_none();
        if changed.is_empty() && !back && !lacks_time {
            return;
        }
        let was_enabled = job.is_enabled();
        job.spec = spec;
        if back || changed.contains(&"schedule") {
            job.anchor = self.now.at;
        }
        if back
            || lacks_time
            || was_enabled != job.is_enabled()
            || changed.iter().any(|field| matches!(*field, "schedule" | "jitter"))
        {
            self.set_next(&mut job, self.now.at);
        }
        let body = json!({"new": back, "changed": changed,
            "schedule": job.spec.schedule.in_words(), "enabled": job.is_enabled(),
            "next_at": job.next_at});
        self.event(&job, "job.configured", false, body);
        self.put(job);
    }

    fn leave(&mut self, name: &JobName) {
        let Some(mut job) = self.job(name).filter(|job| !job.leaving) else { return };
        self.event(&job, "job.removed", false, json!({}));
        if job.current.is_none() {
            self.out.changed.remove(name);
            self.out.removed.insert(name.clone());
            return;
        }
        job.leaving = true;
        (job.due, job.next_at, job.queued, job.retry) = (None, None, None, None);
        self.stop(&mut job, Ending::Removed);
        self.put(job);
    }

    /// Sets when it is due next: after this.
    fn set_next(&mut self, job: &mut Job, after: Timestamp) {
        (job.due, job.next_at) = (None, None);
        if !job.is_enabled() || job.leaving {
            return;
        }
        job.due = job.schedule().next(after, job.anchor);
        job.next_at = job.due;
        if let Some(due) = job.due.filter(|_| job.spec.jitter > 0.0) {
            let period = job.schedule().period(due, job.anchor).ms() as f64;
            let late = (period * job.spec.jitter * self.supply.draw()).min(1e12) as i64;
            job.next_at = due.checked_add(SignedDuration::from_millis(late)).ok();
        }
    }

    fn tick(&mut self, may_start: bool) {
        for name in self.jobs.jobs.keys() {
            self.check_timeout(name);
            if self.jobs.awake && !self.jobs.closing && may_start {
                self.check_clock(name);
                self.check_retry(name);
                self.check_due(name);
            }
        }
    }

    fn check_timeout(&mut self, name: &JobName) {
        let Some(mut job) = self.job(name) else { return };
        let over = job.current.as_ref().is_some_and(|current| {
            current.ending.is_none()
                && current.deadline_boot_ms.is_some_and(|deadline| deadline <= self.now.boot_ms)
        });
        if over {
            self.stop(&mut job, Ending::Timeout);
            self.put(job);
        }
    }

    /// A clock that was put back far leaves a due time that is too far away.
    fn check_clock(&mut self, name: &JobName) {
        let Some(mut job) = self.job(name) else { return };
        let (Some(due), at) = (job.due, self.now.at) else { return };
        let near = match job.schedule() {
            Schedule::Every { span } => i64::try_from(span.ms()).unwrap_or(i64::MAX),
            Schedule::Cron { .. } => 3_600_000,
        };
        let is_near = |then: Timestamp| then.duration_since(at).as_millis() <= i128::from(near);
        // What was done already must not be done again when a clock is put right by a little.
        if job.last_due.is_some_and(is_near) {
            return;
        }
        if job.schedule().next(at, job.anchor).is_some_and(|next| next < due) && !is_near(due) {
            job.anchor = job.anchor.min(at);
            job.last_due = None;
            self.set_next(&mut job, at);
            let body = json!({"why": "the clock was put back", "next_at": job.next_at});
            self.event(&job, "job.rescheduled", false, body);
            self.put(job);
        }
    }

    fn check_retry(&mut self, name: &JobName) {
        let Some(mut job) = self.job(name) else { return };
        if job.current.is_none()
            && let Some(retry) = job.retry.take_if(|retry| retry.at <= self.now.at)
        {
            self.begin(job, &retry);
        }
    }

    fn check_due(&mut self, name: &JobName) {
        let Some(mut job) = self.job(name) else { return };
        let (Some(due), Some(next_at)) = (job.due, job.next_at) else { return };
        let at = self.now.at;
        if next_at > at {
            return;
        }
        let before = due.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(due);
        let (count, newest) = job.schedule().passed(before, at, job.anchor, MISSED_MAX);
        let newest = newest.unwrap_or(due);
        let since = if newest == due { next_at } else { newest };
        let fresh = at.duration_since(since).as_millis() <= i128::from(LATE_MS);
        let missed = count.saturating_sub(u64::from(fresh));
        let once = job.spec.missed == Missed::Once;
        job.last_due = Some(newest);
        self.set_next(&mut job, at.max(newest));
        if missed > 0 {
            let body = json!({"count": missed, "first": due, "last": newest,
                "runs": fresh || once, "next_at": job.next_at});
            self.event(&job, "job.missed", false, body);
        }
        if fresh {
            self.wanted(job, newest, Trigger::Schedule, "daemon", false);
        } else if once {
            self.wanted(job, newest, Trigger::Missed, "daemon", false);
        } else {
            self.put(job);
        }
    }

    fn run(&mut self, name: &JobName, force: bool) -> Result<(), Rejection> {
        let job = self.known(name)?;
        if self.jobs.closing {
            return Err(Rejection::Closing);
        }
        let actor = self.actor.to_owned();
        let asked = self.wanted(job, self.now.at, Trigger::Asked, &actor, force);
        self.out.asked = Some(asked);
        Ok(())
    }

    fn enable(&mut self, name: &JobName, on: bool) -> Result<(), Rejection> {
        let mut job = self.known(name)?;
        if job.is_enabled() == on {
            return Ok(());
        }
        job.hand = match (on, job.spec.enabled) {
            (true, true) | (false, false) => Hand::None,
            (true, false) => Hand::Enabled,
            (false, true) => Hand::Disabled,
        };
        (job.queued, job.retry) = (None, None);
        job.anchor = self.now.at;
        self.set_next(&mut job, self.now.at);
        let kind = if on { "job.enabled" } else { "job.disabled" };
        self.event(&job, kind, false, json!({"next_at": job.next_at}));
        self.put(job);
        Ok(())
    }

    /// A run is wanted: it begins, waits or is left out.
    fn wanted(
        &mut self,
        mut job: Job,
        due: Timestamp,
        trigger: Trigger,
        actor: &str,
        force: bool,
    ) -> Asked {
        let attempt = 1;
        let wanted = Waiting { at: self.now.at, due, trigger, actor: actor.to_owned(), attempt };
        let Some(current) = &job.current else {
            if let Some(why) = self.recent(&job, trigger).filter(|_| !force) {
                return self.skip(job, &wanted, "recent", why);
            }
            return Asked::Started { number: self.begin(job, &wanted) };
        };
        let number = current.record.number;
        if job.spec.overlap == Overlap::Skip || current.ending == Some(Ending::Down) {
            let why = format!("run {number} is still under way");
            return self.skip(job, &wanted, "running", why);
        }
        if job.queued.is_some() {
            let why = format!("one waits already for run {number} to end");
            return self.skip(job, &wanted, "queued", why);
        }
        let restart = job.spec.overlap == Overlap::Restart;
        let body = json!({"due": due, "trigger": trigger, "behind": number,
            "next_at": job.next_at});
        self.event(&job, "job.queued", false, body);
        job.queued = Some(wanted);
        if restart {
            self.stop(&mut job, Ending::Restart);
        }
        self.put(job);
        Asked::Queued
    }

    /// Whether it ran just now, so that doing it again has no sense. A time of the schedule gives
    /// way only to what ran out of turn, and not when the period is that short.
    fn recent(&self, job: &Job, trigger: Trigger) -> Option<String> {
        let last = job.ran_just_now(self.now.at)?;
        if matches!(trigger, Trigger::Schedule | Trigger::Missed) {
            let due = job.last_due.unwrap_or(self.now.at);
            let often = job.schedule().period(due, job.anchor) <= Span::from_secs(60);
            if often || last.trigger == Trigger::Schedule {
                return None;
            }
        }
        let ended = last.ended_at.unwrap_or(last.started_at);
        let ago = u64::try_from(self.now.at.duration_since(ended).as_millis()).unwrap_or(0);
        Some(format!("run {} ended {} ago", last.number, Span::from_ms(ago).roughly()))
    }

    fn skip(&mut self, job: Job, wanted: &Waiting, reason: &str, why: String) -> Asked {
        let body = json!({"due": wanted.due, "trigger": wanted.trigger, "reason": reason,
            "why": why, "next_at": job.next_at});
        self.event(&job, "job.skipped", false, body);
        self.put(job);
        Asked::Skipped { why }
    }

    /// Begins a run; its number.
    pub(super) fn begin(&mut self, mut job: Job, wanted: &Waiting) -> u64 {
        job.number += 1;
        job.retry = None;
        let record = Record {
            number: job.number,
            instance: self.supply.instance(),
            due: wanted.due,
            trigger: wanted.trigger,
            actor: wanted.actor.clone(),
            attempt: wanted.attempt,
            started_at: self.now.at,
            ended_at: None,
            outcome: None,
            exit: None,
            summary: None,
            run: None,
        };
        let action = job.spec.action.clone();
        let body = json!({"number": record.number, "instance": record.instance,
            "due": record.due, "trigger": record.trigger, "attempt": record.attempt,
            "action": action.as_str(), "next_at": job.next_at});
        // A new chain, unless it follows a failure or the run before.
        let follows = wanted.trigger == Trigger::Retry;
        self.event(&job, "job.started", follows, body);
        if let Some(draft) = self.out.events.last_mut() {
            draft.actor.clone_from(&wanted.actor);
        }
        let (name, instance) = (job.name.clone(), record.instance);
        self.out.orders.push(Order::Begin { name: name.clone(), instance, action: action.clone() });
        self.out.records.push((name, record.clone()));
        let deadline_boot_ms =
            job.spec.timeout.map(|timeout| self.now.boot_ms.saturating_add(timeout.ms()));
        job.current = Some(Current { record, ending: None, deadline_boot_ms, action });
        let number = job.number;
        self.put(job);
        number
    }

    /// Ends what runs; once.
    pub(super) fn stop(&mut self, job: &mut Job, ending: Ending) {
        let Some(mut current) = job.current.take() else { return };
        // Going down or away is stronger than beginning anew.
        if current.ending.is_none() {
            let body = json!({"number": current.record.number, "why": ending});
            self.event(job, "job.stopping", true, body);
            self.out.orders.push(Order::Stop {
                instance: current.record.instance,
                action: current.action.clone(),
                run: current.record.run,
            });
        }
        current.ending = match (current.ending, ending) {
            (None, _) | (Some(_), Ending::Removed | Ending::Down) => Some(ending),
            (before, _) => before,
        };
        job.current = Some(current);
    }

    fn close_all(&mut self) {
        self.out.closing = true;
        for name in self.jobs.jobs.keys() {
            let Some(mut job) = self.job(name).filter(|job| job.current.is_some()) else {
                continue;
            };
            job.queued = None;
            self.stop(&mut job, Ending::Down);
            self.put(job);
        }
    }

    /// What is said about a run that was ended on purpose.
    pub(super) fn on_purpose(&self, job: &Job, ending: Ending) -> Outcome {
        match ending {
            Ending::Timeout => {
                let timeout = job
                    .spec
                    .timeout
                    .map_or_else(String::new, |timeout| format!(" than {}", timeout.roughly()));
                Outcome::Failed { why: format!("It took longer{timeout} and was ended.") }
            }
            Ending::Restart => Outcome::Stopped {
                why: "Ended to begin anew, since its time came again.".to_owned(),
            },
            Ending::Removed => {
                Outcome::Stopped { why: "Ended, since it left the configuration.".to_owned() }
            }
            Ending::Down => Outcome::Stopped { why: "Ended with the daemon.".to_owned() },
        }
    }
}
