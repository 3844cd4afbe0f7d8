//! Errors of tasks' runs by class, what is done about them, and whether it helped (MISSION row 118).

use crate::consumer::{Consumer, follow};
use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::Futures;
use orkestra_core::event::{Cause, Draft, Event, Topic};
use orkestra_core::healing::{ErrorClass, Tally, classify};
use orkestra_core::id::{RunId, TaskId};
use orkestra_core::run::{Run, RunState};
use orkestra_store::{Error as StoreError, HealingRow, Write};
use serde_json::json;
use std::sync::Arc;

/// The longest text of an error that is kept, in characters.
const TEXT_MAX: usize = 1_000;

/// Notes errors and what became of them as long as the daemon lives.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let kinds = &["run.ended", "task.verified"];
    follow(handle, futures, Consumer { name: "healing", kinds, deal: Arc::new(deal) });
}

fn deal(tx: &mut dyn Write, event: &Event) -> Result<(), StoreError> {
    if event.kind == "task.verified" {
        let Ok(task) = event.subject.parse::<TaskId>() else { return Ok(()) };
        return tx.settle_healings(task, "healed").map(|_| ());
    }
    let Ok(id) = event.subject.parse::<RunId>() else { return Ok(()) };
    let Some(row) = tx.run(id)? else { return Ok(()) };
    let Ok(run) = crate::run::from_row(&row) else { return Ok(()) };
    let (Some(task), RunState::Failed { why }) = (run.belongs.task, &run.state) else {
        return Ok(());
    };
    // Whatever was tried before has not helped.
    tx.settle_healings(task, "failed")?;
    let Some(class) = class_of(&run, why) else { return Ok(()) };
    let text: String = why.chars().take(TEXT_MAX).collect();
    let row = HealingRow {
        task,
        run: id,
        class: class.word().to_owned(),
        strategy: class.strategy().word().to_owned(),
        step: class.step().word().to_owned(),
        text: text.clone(),
        at: event.at,
        outcome: None,
    };
    if tx.add_healing(&row)? {
        let body = json!({"run": id, "agent": run.agent, "class": class.word(),
            "strategy": class.strategy().word(), "step": class.step().word(),
            "severity": class.severity().word(), "error": text, "advice": class.advice()});
        let draft = Draft::new("task.diagnosed", Topic::Task, &task.to_string(), "daemon", body);
        tx.append(&[draft.because(Cause::Event(event.reference()))])?;
    }
    Ok(())
}

/// The class of what went wrong with a run: of what it says itself, else of what its agent said.
pub(crate) fn class_of(run: &Run, why: &str) -> Option<ErrorClass> {
    let said = run.ended.as_ref().and_then(|ended| ended.error.as_deref());
    classify(why).or_else(|| classify(said?))
}

impl Handle {
    /// Errors of a task's runs, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn healings(&self, task: TaskId, limit: usize) -> Result<Vec<HealingRow>, Error> {
        self.store.read(move |read| read.healings(task, limit)).await.map_err(Error::Store)
    }

    /// How often each class was met, and how often what was done about it helped.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn healing_tallies(&self) -> Result<Vec<(ErrorClass, Tally)>, Error> {
        let rows = self.store.read(|read| read.healing_tallies()).await.map_err(Error::Store)?;
        let known = rows.into_iter().filter_map(|(word, tried, healed, failed)| {
            Some((ErrorClass::parse(&word)?, Tally { tried, healed, failed }))
        });
        Ok(known.collect())
    }
}
