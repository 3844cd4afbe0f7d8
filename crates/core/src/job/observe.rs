//! What became of a run of a job.

use super::decide::{Order, Turn};
use super::spec::JobName;
use super::{Current, Ending, Job, Outcome, Trigger, Waiting};
use crate::id::{InstanceId, RunId};
use crate::signal::Signal;
use crate::unit::{Exit, Found};
use jiff::SignedDuration;
use serde_json::json;

impl Turn<'_> {
    /// The job, if this life is the one that it has.
    fn living(&self, name: &JobName, instance: InstanceId) -> Option<(Job, Current)> {
        let mut job = self.job(name)?;
        let current = job.current.take_if(|current| current.record.instance == instance)?;
        Some((job, current))
    }

    pub(super) fn exited(&mut self, name: &JobName, instance: InstanceId, exit: Exit) {
        // Whoever it was, it has ended and its folder may go.
        self.out.orders.push(Order::Release { instance });
        let Some((job, mut current)) = self.living(name, instance) else { return };
        let outcome = match current.ending {
            Some(ending) => self.on_purpose(&job, ending),
            None if exit.is_success() => Outcome::Succeeded,
            None => Outcome::Failed { why: format!("It {}.", exit.in_words()) },
        };
        current.record.exit = Some(exit);
        self.over(job, current, outcome);
    }

    pub(super) fn ended(
        &mut self,
        name: &JobName,
        instance: InstanceId,
        result: Result<Option<String>, String>,
    ) {
        let Some((job, mut current)) = self.living(name, instance) else { return };
        let outcome = match (current.ending, result) {
            (_, Ok(summary)) => {
                current.record.summary = summary;
                Outcome::Succeeded
            }
            (Some(ending), Err(_)) => self.on_purpose(&job, ending),
            (None, Err(why)) => Outcome::Failed { why },
        };
        self.over(job, current, outcome);
    }

    pub(super) fn run_created(&mut self, name: &JobName, instance: InstanceId, run: RunId) {
        let Some((mut job, mut current)) = self.living(name, instance) else { return };
        if current.record.run == Some(run) {
            return;
        }
        current.record.run = Some(run);
        let body = json!({"number": current.record.number, "run": run});
        self.event(&job, "job.run_created", true, body);
        if current.ending.is_some() {
            let action = current.action.clone();
            self.out.orders.push(Order::Stop { instance, action, run: Some(run) });
        }
        self.out.records.push((job.name.clone(), current.record.clone()));
        job.current = Some(current);
        self.put(job);
    }

    pub(super) fn recovered(&mut self, name: &JobName, instance: InstanceId, found: Found) {
        let Some((mut job, mut current)) = self.living(name, instance) else { return };
        match found {
            Found::StillStarting | Found::Alive { .. } => {
                let pid = match found {
                    Found::Alive { pid, .. } => Some(pid),
                    _ => None,
                };
                let body = json!({"number": current.record.number, "instance": instance,
                    "pid": pid});
                self.event(&job, "job.adopted", true, body);
                if current.ending.is_some() {
                    let action = current.action;
                    self.out.orders.push(Order::Stop { instance, action, run: None });
                }
            }
            Found::Exited(exit) => self.exited(name, instance, exit),
            Found::NeverStarted => match current.ending {
                Some(ending) => {
                    let outcome = self.on_purpose(&job, ending);
                    self.over(job, current, outcome);
                }
                None => {
                    // Nothing ran, so nothing is done twice.
                    current.record.instance = self.supply.instance();
                    let instance = current.record.instance;
                    let body = json!({"number": current.record.number, "instance": instance});
                    self.event(&job, "job.start_repeated", true, body);
                    let (name, action) = (job.name.clone(), current.action.clone());
                    self.out.records.push((name.clone(), current.record.clone()));
                    self.out.orders.push(Order::Begin { name, instance, action });
                    job.current = Some(current);
                    self.put(job);
                }
            },
            Found::OtherBoot => {
                let why = "The machine went down while it ran.".to_owned();
                self.over(job, current, Outcome::Failed { why });
            }
        }
    }

    /// A run is over: its line in the history, and what follows it.
    fn over(&mut self, mut job: Job, mut current: Current, outcome: Outcome) {
        let now = self.now;
        current.record.ended_at = Some(now.at);
        current.record.outcome = Some(outcome.clone());
        let record = current.record;
        let mut body = json!({"number": record.number, "trigger": record.trigger,
            "attempt": record.attempt, "took_ms": record.took_ms(), "next_at": job.next_at});
        let kind = match &outcome {
            Outcome::Succeeded => {
                job.failures = 0;
                body["summary"] = json!(record.summary);
                "job.finished"
            }
            Outcome::Stopped { why } => {
                body["why"] = json!(why);
                "job.stopped"
            }
            Outcome::Failed { why } => {
                job.failures = job.failures.saturating_add(1);
                job.retry = self.next_attempt(&job, &record, current.ending);
                body["why"] = json!(why);
                body["failures"] = json!(job.failures);
                body["retry_at"] = json!(job.retry.as_ref().map(|retry| retry.at));
                "job.failed"
            }
        };
        if let Some(exit) = &record.exit {
            body["code"] = json!(exit.code);
            body["signal_name"] = json!(exit.signal.map(Signal::name_of));
            body["killed"] = json!(exit.killed);
            body["last_lines"] = json!(exit.last_lines);
        }
        if let Some(run) = record.run {
            body["run"] = json!(run);
        }
        self.event(&job, kind, true, body);
        self.out.records.push((job.name.clone(), record.clone()));
        job.last = Some(record);
        if job.leaving {
            self.out.changed.remove(&job.name);
            self.out.removed.insert(job.name);
            return;
        }
        match job.queued.take().filter(|_| !self.jobs.closing) {
            Some(mut queued) => {
                queued.at = now.at;
                self.begin(job, &queued);
            }
            None => self.put(job),
        }
    }

    /// When and whether it is tried again.
    fn next_attempt(
        &self,
        job: &Job,
        record: &super::Record,
        ending: Option<Ending>,
    ) -> Option<Waiting> {
        let on = matches!(ending, None | Some(Ending::Timeout));
        let more = record.attempt <= job.spec.retry.times;
        if !on || !more || job.leaving || job.queued.is_some() || self.jobs.closing {
            return None;
        }
        let wait = i64::try_from(job.spec.retry.wait.ms()).unwrap_or(i64::MAX);
        Some(Waiting {
            at: self.now.at.checked_add(SignedDuration::from_millis(wait)).ok()?,
            due: record.due,
            trigger: Trigger::Retry,
            actor: "daemon".to_owned(),
            attempt: record.attempt + 1,
        })
    }
}
