//! Budgets: looks at the books whenever something was booked, says what was reached, and halts what
//! went too far (ADR 0026).
//!
//! It is a reconciler: it compares what is booked with what was told, so that nothing is told twice
//! and nothing is missed when the daemon dies between a booking and its alert.

mod call;
mod people;

pub use call::{Call, Permit};
pub use people::BudgetChange;

use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use orkestra_core::budget::{self, Budget, Measure, Override, Period, Scope};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::RunId;
use orkestra_core::run::Run;
use orkestra_store::{Error as StoreError, Read, UsageFilter};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Bookings of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(50);

/// Windows and overrides end without any booking.
const SWEEP: Duration = Duration::from_secs(10);

/// When the store cannot be used, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// Runs that are looked at for one budget of a model.
const RUNS_MAX: usize = 10_000;

/// The words of runs that are not over.
const ALIVE: [&str; 6] = ["preparing", "starting", "running", "paused", "suspended", "stopping"];

/// Where a budget is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetOrigin {
    /// The configuration.
    Configuration,
    /// A person set it.
    Hand,
    /// It was asked for with a run.
    Run,
}

impl BudgetOrigin {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Hand => "hand",
            Self::Run => "run",
        }
    }
}

/// A budget as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetState {
    /// The budget.
    pub budget: Budget,
    /// Where it is from.
    pub origin: BudgetOrigin,
    /// The run that is measured, for a budget of each run.
    pub run: Option<RunId>,
    /// The present window.
    pub period: Period,
    /// What is spent and promised.
    pub measure: Measure,
    /// The shares that were told in this window, in percent.
    pub told: Vec<u8>,
    /// Windows that are over and of which something was told.
    past: Vec<String>,
    /// A person lets go on what it stops.
    pub lifted: Option<Override>,
    /// Whether what it is about is stopped now.
    pub over: bool,
    /// The runs of a model's budget.
    users: Vec<RunId>,
}

impl BudgetState {
    fn key(&self) -> String {
        self.period.key(self.run)
    }

    /// In words: the budget, and of each run's budget which run.
    pub fn title(&self) -> String {
        match (&self.budget.scope, self.run) {
            (Scope::Runs, Some(run)) => format!("{} of the run {}", self.budget.name, run.short()),
            _ => self.budget.name.clone(),
        }
    }

    /// Why it stops what it is about, in one sentence.
    pub fn why(&self) -> String {
        let (limit, spent) = (self.budget.limit, self.measure.spent);
        let until = match self.period.end {
            Some(end) => format!(" until {}", end.strftime("%Y-%m-%d %H:%M UTC")),
            None => String::new(),
        };
        format!(
            "The budget {} is used up{until}: {} of {} spent.",
            self.title(),
            limit.show(spent),
            limit.show(limit.amount())
        )
    }

    fn touches(&self, run: &Run) -> bool {
        match &self.budget.scope {
            Scope::All => true,
            Scope::Agent(name) => *name == run.agent,
            Scope::Model(_) => self.users.contains(&run.id),
            Scope::Runs | Scope::Run(_) => self.run == Some(run.id),
        }
    }

    fn event(&self, kind: &str, actor: &str, more: Value) -> Draft {
        let mut body = json!({"title": self.title(), "scope": self.budget.scope.to_string(),
            "per": self.budget.window, "run": self.run});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        Draft::new(kind, Topic::Budget, &self.budget.name, actor, body).because(Cause::Root)
    }
}

/// Which rows of the books a budget counts.
fn filter(budget: &Budget, run: Option<RunId>, since: Option<Timestamp>) -> UsageFilter {
    let base = UsageFilter { since, ..UsageFilter::default() };
    match &budget.scope {
        Scope::All => base,
        Scope::Agent(name) => UsageFilter { agent: Some(name.clone()), ..base },
        Scope::Model(name) => UsageFilter { model: Some(name.clone()), ..base },
        Scope::Runs => UsageFilter { run, ..base },
        Scope::Run(id) => UsageFilter { run: Some(*id), ..base },
    }
}

/// How much of a budget is spent and promised.
fn measure(
    read: &dyn Read,
    budget: &Budget,
    run: Option<RunId>,
    period: Period,
    at: Timestamp,
) -> Result<Measure, StoreError> {
    let filter = filter(budget, run, period.start);
    let (spent, reserved) = (read.spent(&filter)?, read.reserved(&filter, at)?);
    Ok(match budget.limit {
        budget::Limit::Usd(_) => {
            Measure { spent: spent.micros, reserved: reserved.0, unpriced: spent.unpriced }
        }
        budget::Limit::Tokens(_) => {
            Measure { spent: spent.tokens, reserved: reserved.1, unpriced: 0 }
        }
    })
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body)
        .map_err(|error| StoreError::Damaged { what: format!("{what} cannot be read: {error}") })
}

/// The budgets of the configuration and of people, with where each is from.
fn known(
    read: &dyn Read,
    configured: &BTreeMap<String, Budget>,
) -> Result<Vec<(Budget, BudgetOrigin)>, StoreError> {
    let mut all: BTreeMap<String, (Budget, BudgetOrigin)> = BTreeMap::new();
    for row in read.budgets()? {
        let budget: Budget = parse("a budget", &row.body)?;
        all.insert(row.name, (budget, BudgetOrigin::Hand));
    }
    // A name that the configuration took over later is the configuration's.
    for (name, budget) in configured {
        all.insert(name.clone(), (budget.clone(), BudgetOrigin::Configuration));
    }
    Ok(all.into_values().collect())
}

fn overrides(read: &dyn Read) -> Result<BTreeMap<String, Override>, StoreError> {
    let rows = read.budget_overrides()?;
    rows.into_iter().map(|row| Ok((row.name, parse("an override", &row.body)?))).collect()
}

fn alive(read: &dyn Read) -> Result<Vec<Run>, StoreError> {
    let rows = read.runs_in(&ALIVE)?;
    rows.iter().map(|row| parse("a run", &row.body)).collect()
}

/// Every budget as it stands: one for each run that is not over where it counts each on its own.
fn states(
    read: &dyn Read,
    configured: &BTreeMap<String, Budget>,
    zone: &TimeZone,
    at: Timestamp,
) -> Result<(Vec<BudgetState>, Vec<Run>), StoreError> {
    let runs = alive(read)?;
    let lifted = overrides(read)?;
    let mut wanted: Vec<(Budget, BudgetOrigin, Option<RunId>)> = Vec::new();
    for (budget, origin) in known(read, configured)? {
        if budget.scope == Scope::Runs {
            wanted.push((budget.clone(), origin, None));
            wanted.extend(runs.iter().map(|run| (budget.clone(), origin, Some(run.id))));
        } else {
            wanted.push((budget, origin, None));
        }
    }
    for run in &runs {
        if let Some(limit) = call::run_limit(run) {
            wanted.push((Budget::of_run(run.id, limit), BudgetOrigin::Run, Some(run.id)));
        }
    }
    let mut all = Vec::new();
    for (budget, origin, run) in wanted {
        let period = budget.window.at(at, zone);
        // The budget of each run as such has nothing that it could count.
        let template = budget.scope == Scope::Runs && run.is_none();
        let measure = match template {
            true => Measure::default(),
            false => measure(read, &budget, run, period, at)?,
        };
        let key = period.key(run);
        let (told, past): (Vec<_>, Vec<_>) =
            read.budget_told(&budget.name)?.into_iter().partition(|(period, _)| *period == key);
        let users = match &budget.scope {
            Scope::Model(_) => read.usage_runs(&filter(&budget, None, period.start), RUNS_MAX)?,
            _ => Vec::new(),
        };
        let lifted = lifted.get(&budget.name).cloned();
        let over = !template && budget::is_over(budget.limit, measure, lifted.as_ref(), at);
        let mut past: Vec<String> = past.into_iter().map(|(period, _)| period).collect();
        past.dedup();
        let told = told.into_iter().map(|(_, share)| share).collect();
        all.push(BudgetState {
            budget,
            origin,
            run,
            period,
            measure,
            told,
            past,
            lifted,
            over,
            users,
        });
    }
    Ok((all, runs))
}

/// Follows the books until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut head = handle.store.head_watch();
        let mut seen = None;
        loop {
            match look(&handle, &mut seen).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, "Budgets cannot be looked at now.");
                    seen = None;
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = handle.view.budgets.notified() => seen = None,
                () = tokio::time::sleep(SWEEP) => seen = None,
            }
        }
    });
}

/// Looks at all budgets if anything was booked since, or if nothing is known yet.
async fn look(handle: &Handle, seen: &mut Option<u64>) -> Result<(), Error> {
    let mark = handle.store.read(|read| read.usage_mark()).await.map_err(Error::Store)?;
    if *seen == Some(mark) {
        return Ok(());
    }
    let (states, runs) = handle.budget_states().await?;
    tell(handle, &states, &runs).await?;
    let holds: Vec<BudgetState> = states.into_iter().filter(|state| state.over).collect();
    *handle.view.budget_holds.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
        holds.clone();
    halt(handle, &holds, &runs).await;
    // While something is stopped, every commit is looked at: a run may begin an attempt.
    *seen = holds.is_empty().then_some(mark);
    Ok(())
}

/// Writes down what was reached, which windows are over, and which overrides.
async fn tell(handle: &Handle, states: &[BudgetState], runs: &[Run]) -> Result<(), Error> {
    let at = handle.now().at;
    let mut shares: Vec<(BudgetState, Vec<u8>)> = Vec::new();
    let mut over: Vec<(BudgetState, String)> = Vec::new();
    let mut ended: Vec<BudgetState> = Vec::new();
    for state in states {
        if state.lifted.as_ref().is_some_and(|lifted| !lifted.holds(at))
            && !ended.iter().any(|known| known.budget.name == state.budget.name)
        {
            ended.push(state.clone());
        }
        if state.budget.scope == Scope::Runs && state.run.is_none() {
            // Windows of runs that are over; those of other runs are looked at with the run.
            let alive = |key: &str| runs.iter().any(|run| key.ends_with(&run.id.to_string()));
            let past = state.past.iter().filter(|key| !alive(key));
            over.extend(past.map(|key| (state.clone(), key.clone())));
            continue;
        }
        if state.budget.scope != Scope::Runs {
            over.extend(state.past.iter().map(|key| (state.clone(), key.clone())));
        }
        let reached = budget::reached(state.budget.limit, state.measure.spent);
        let fresh: Vec<u8> = reached.filter(|share| !state.told.contains(share)).collect();
        if !fresh.is_empty() {
            shares.push((state.clone(), fresh));
        }
    }
    if shares.is_empty() && over.is_empty() && ended.is_empty() {
        return Ok(());
    }
    let written = handle.store.write(move |tx| {
        for (state, key) in &over {
            tx.forget_budget_told(&state.budget.name, key)?;
            tx.append(&[state.event("budget.renewed", "daemon", json!({"period": key}))])?;
        }
        for state in &ended {
            tx.put_budget_override(&state.budget.name, None)?;
            tx.append(&[state.event("budget.override_ended", "daemon", json!({}))])?;
        }
        for (state, fresh) in &shares {
            let highest = fresh.iter().max().copied();
            for share in fresh {
                if tx.tell_budget(&state.budget.name, &state.key(), *share)? {
                    tx.append(&[reached(state, *share, highest == Some(*share))])?;
                }
            }
        }
        Ok(())
    });
    written.await.map(|_| ()).map_err(Error::Store)
}

/// A share was reached. Of several at once only the highest raises an alert.
fn reached(state: &BudgetState, share: u8, highest: bool) -> Draft {
    let limit = state.budget.limit;
    let level = match share {
        ..75 => "info",
        75..90 => "warning",
        90..100 => "critical",
        _ => "emergency",
    };
    let body = json!({"share": share, "level": level, "highest": highest,
        "spent": limit.show(state.measure.spent), "limit": limit.show(limit.amount()),
        "period": state.key(), "until": state.period.end, "unpriced": state.measure.unpriced});
    let kind = if share == 100 { "budget.exhausted" } else { "budget.reached" };
    state.event(kind, "daemon", body)
}

/// Halts runs of budgets that are used up, and lets those go on that waited for one that is not.
async fn halt(handle: &Handle, holds: &[BudgetState], runs: &[Run]) {
    for run in runs {
        let hold = holds.iter().find(|state| state.touches(run));
        call::halt(handle, run, hold).await;
    }
}

impl Handle {
    pub(crate) async fn budget_states(&self) -> Result<(Vec<BudgetState>, Vec<Run>), Error> {
        let money = self.upkeep().money;
        let at = self.now().at;
        let read = self.store.read(move |read| states(read, &money.budgets, &money.books.zone, at));
        read.await.map_err(Error::Store)
    }

    /// In which zone days begin.
    pub fn zone(&self) -> String {
        let money = self.upkeep().money;
        money.books.zone.iana_name().unwrap_or("UTC").to_owned()
    }

    /// All budgets as they stand now, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn budgets(&self) -> Result<Vec<BudgetState>, Error> {
        Ok(self.budget_states().await?.0)
    }
}
