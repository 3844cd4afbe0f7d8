//! What people do with budgets: set, remove, override.

use crate::error::Error;
use crate::handle::Handle;
use jiff::Timestamp;
use orkestra_core::budget::{Budget, Override};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_store::{BudgetRow, Error as StoreError};
use serde_json::{Value, json};

/// What became of a person's word on a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BudgetChange {
    /// It holds now.
    Done,
    /// It cannot be done, and why.
    Refused(String),
    /// There is no such budget.
    Missing,
}

fn event(kind: &str, name: &str, actor: &str, body: Value) -> Draft {
    Draft::new(kind, Topic::Budget, name, actor, body).because(Cause::Root)
}

fn text<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn of_configuration(name: &str) -> BudgetChange {
    BudgetChange::Refused(format!(
        "the budget {name} is set by the configuration; change it there, or override it for a time"
    ))
}

impl Handle {
    /// A person sets a budget, or changes one that a person set. What was told of it is told anew
    /// when its limit is another.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn set_budget(&self, budget: Budget, actor: &str) -> Result<BudgetChange, Error> {
        if let Some(problem) = budget.problem() {
            return Ok(BudgetChange::Refused(problem.to_owned()));
        }
        if self.upkeep().money.budgets.contains_key(&budget.name) {
            return Ok(of_configuration(&budget.name));
        }
        let actor = actor.to_owned();
        let written = self.store.write(move |tx| {
            let row = BudgetRow { name: budget.name.clone(), body: text(&budget)? };
            if tx.budgets()?.contains(&row) {
                return Ok(());
            }
            for (period, _) in tx.budget_told(&budget.name)? {
                tx.forget_budget_told(&budget.name, &period)?;
            }
            tx.put_budget(&row)?;
            let body = json!({"scope": budget.scope.to_string(), "per": budget.window,
                "limit": budget.limit.show(budget.limit.amount())});
            tx.append(&[event("budget.set", &budget.name, &actor, body)]).map(|_| ())
        });
        written.await.map_err(Error::Store)?;
        self.view.budgets.notify_one();
        Ok(BudgetChange::Done)
    }

    /// A person removes a budget that a person set.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn remove_budget(&self, name: &str, actor: &str) -> Result<BudgetChange, Error> {
        if self.upkeep().money.budgets.contains_key(name) {
            return Ok(of_configuration(name));
        }
        let (name, actor) = (name.to_owned(), actor.to_owned());
        let written = self.store.write(move |tx| {
            if !tx.remove_budget(&name)? {
                return Ok(BudgetChange::Missing);
            }
            tx.append(&[event("budget.removed", &name, &actor, json!({}))])?;
            Ok(BudgetChange::Done)
        });
        let change = written.await.map_err(Error::Store)?.value;
        self.view.budgets.notify_one();
        Ok(change)
    }

    /// A person lets go on what a budget stops, until a time; without one the override ends now.
    /// The name `run:ID` means the budget that was asked for with a run.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn override_budget(
        &self,
        name: &str,
        until: Option<Timestamp>,
        why: &str,
        actor: &str,
    ) -> Result<BudgetChange, Error> {
        let states = self.budgets().await?;
        if !states.iter().any(|state| state.budget.name == name) {
            return Ok(BudgetChange::Missing);
        }
        let at = self.now().at;
        if until.is_some_and(|until| until <= at) {
            return Ok(BudgetChange::Refused("an override must end in the future".to_owned()));
        }
        let (name, why, actor) = (name.to_owned(), why.to_owned(), actor.to_owned());
        let written = self.store.write(move |tx| {
            let known = tx.budget_overrides()?.into_iter().any(|row| row.name == name);
            match until {
                None if !known => Ok(()),
                None => {
                    tx.put_budget_override(&name, None)?;
                    tx.append(&[event("budget.override_ended", &name, &actor, json!({}))])
                        .map(|_| ())
                }
                Some(until) => {
                    let lifted = Override { until, why: why.clone(), by: actor.clone(), at };
                    tx.put_budget_override(&name, Some(&text(&lifted)?))?;
                    let body = json!({"until": until, "why": why});
                    tx.append(&[event("budget.overridden", &name, &actor, body)]).map(|_| ())
                }
            }
        });
        written.await.map_err(Error::Store)?;
        self.view.budgets.notify_one();
        Ok(BudgetChange::Done)
    }
}
