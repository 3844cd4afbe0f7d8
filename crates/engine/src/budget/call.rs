//! Asking a budget before something begins: a run, an attempt, a call of a model's API.

use super::{BudgetState, known, measure, overrides};
use crate::approval::Told;
use crate::error::Error;
use crate::handle::{Handle, View};
use crate::message::Message;
use jiff::Timestamp;
use orkestra_core::budget::{Budget, Estimate, RESERVED_FOR, Scope, names_model, refusal};
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::money::{Tokens, Usd};
use orkestra_core::run::{Run, RunInput, RunState, Wait};
use orkestra_store::Reservation;

/// A call of a model's API that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The same key is the same call: asked again it has its promise already.
    pub key: String,
    /// For which run.
    pub run: RunId,
    /// By which agent.
    pub agent: String,
    /// Which model.
    pub model: String,
    /// What it will take at most, as far as that is known: the input, and the most that may come.
    pub tokens: Tokens,
}

/// Whether a call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// It may; what it is estimated to cost is promised to it.
    Granted {
        /// What it will cost; nothing when its price is not known.
        usd: Option<Usd>,
        /// When the promise is void.
        expires_at: Timestamp,
    },
    /// It may not.
    Refused {
        /// Why, in one sentence.
        why: String,
    },
}

/// What a run may cost as a whole, when it was asked for.
pub(super) fn run_limit(run: &Run) -> Option<Usd> {
    run.budget_usd.and_then(Usd::from_dollars)
}

/// Halts a run whose budget is used up; lets one go on that waited for a budget that is not.
pub(super) async fn halt(handle: &Handle, run: &Run, hold: Option<&BudgetState>) {
    let input = match (&run.state, hold) {
        (
            RunState::Starting { .. } | RunState::Running { .. } | RunState::Paused { .. },
            Some(state),
        ) => RunInput::OverBudget { why: state.why() },
        (RunState::Suspended { wait: Wait::Budget { .. } }, None) => RunInput::Resume,
        _ => return,
    };
    let actor = "daemon".to_owned();
    let message = Message::Run { id: run.id, input, actor, reply: None };
    let _closing = handle.inbox.send(message).await;
}

impl View {
    /// The budget that stops an agent's new runs, or a run's new attempts.
    pub(crate) fn budget_hold(
        &self,
        agent: &str,
        model: Option<&str>,
        run: Option<RunId>,
    ) -> Option<BudgetState> {
        let holds = self.budget_holds.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let touched = |state: &&BudgetState| match &state.budget.scope {
            Scope::All => true,
            Scope::Agent(name) => name == agent,
            Scope::Model(name) => {
                model.is_some_and(|model| names_model(name, model))
                    || run.is_some_and(|run| state.users.contains(&run))
            }
            Scope::Runs | Scope::Run(_) => run.is_some() && state.run == run,
        };
        holds.iter().find(touched).cloned()
    }
}

/// Whatever an agent calls its calls, they are its own.
fn call_key(run: RunId, key: &str) -> String {
    format!("{run}/{key}")
}

impl Handle {
    /// Why a new run of this agent, or a new attempt of this run, may not begin.
    pub fn budget_hold(
        &self,
        agent: &str,
        model: Option<&str>,
        run: Option<RunId>,
    ) -> Option<BudgetState> {
        self.view.budget_hold(agent, model, run)
    }

    /// Asks for a call of a model's API. What it is estimated to cost is promised to it until its
    /// usage is booked, [`Handle::call_over`] is said, or the promise is void.
    ///
    /// # Errors
    /// The store cannot be written: then nothing may be spent either.
    pub async fn ask_call(&self, call: Call) -> Result<Permit, Error> {
        let money = self.upkeep().money;
        let at = self.now().at;
        let asked = self.store.write(move |tx| {
            let day = at.to_zoned(money.books.zone.clone()).date();
            let price = money.books.prices.price(&call.model, day);
            let usd = price.map(|price| price.cost(call.tokens));
            let estimate = Estimate { usd, tokens: call.tokens.total() };
            let expires_at = at.checked_add(RESERVED_FOR).unwrap_or(at);
            let granted = Permit::Granted { usd, expires_at };
            let promised = tx.reservation(&call.key)?;
            if promised.is_some_and(|known| known.expires_at > at) {
                return Ok(granted);
            }
            let mut budgets: Vec<Budget> =
                known(tx, &money.budgets)?.into_iter().map(|(budget, _)| budget).collect();
            let row = tx.run(call.run)?;
            let run = row.and_then(|row| serde_json::from_str::<Run>(&row.body).ok());
            let own = run.as_ref().and_then(run_limit);
            budgets.extend(own.map(|limit| Budget::of_run(call.run, limit)));
            let lifted = overrides(tx)?;
            for budget in &budgets {
                let counts = match &budget.scope {
                    Scope::All | Scope::Runs => true,
                    Scope::Agent(name) => *name == call.agent,
                    Scope::Model(name) => names_model(name, &call.model),
                    Scope::Run(id) => *id == call.run,
                };
                if !counts {
                    continue;
                }
                let period = budget.window.at(at, &money.books.zone);
                let measure = measure(tx, budget, Some(call.run), period, at)?;
                let lifted = lifted.get(&budget.name);
                if let Some(why) = refusal(budget, measure, estimate, lifted, at) {
                    return Ok(Permit::Refused { why });
                }
            }
            tx.reserve(&Reservation {
                key: call.key,
                run: call.run,
                agent: call.agent,
                model: call.model,
                micros: usd.map_or(0, |usd| usd.0),
                tokens: estimate.tokens,
                expires_at,
            })?;
            Ok(granted)
        });
        asked.await.map(|committed| committed.value).map_err(Error::Store)
    }

    /// An agent is about to call a model. When no budget has room for that, its run is halted and
    /// a person is asked: it is not over for that, and what it did is kept.
    ///
    /// # Errors
    /// The run's life is over, or the store cannot be read or written.
    pub async fn may_spend(
        &self,
        run: RunId,
        instance: InstanceId,
        key: String,
        model: String,
        tokens: Tokens,
    ) -> Result<Told, Error> {
        let agent = self.living_run(run, instance).await?.agent;
        let key = call_key(run, &key);
        match self.ask_call(Call { key, run, agent, model, tokens }).await? {
            Permit::Granted { .. } => Ok(Told::allow("There is room for it.")),
            Permit::Refused { why } => {
                let (input, actor) = (RunInput::TooDear { why: why.clone() }, "daemon".to_owned());
                let message = Message::Run { id: run, input, actor, reply: None };
                let _closing = self.inbox.send(message).await;
                Ok(Told::deny(why))
            }
        }
    }

    /// A call is over without any usage that could be booked: its promise is void.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn call_over(&self, run: RunId, key: &str) -> Result<Told, Error> {
        let key = call_key(run, key);
        let released = self.store.write(move |tx| tx.release_reservation(&key));
        released.await.map_err(Error::Store)?;
        Ok(Told::allow("It is noted."))
    }

    /// How much money is left for a run of this agent, over all budgets that count it: the least.
    /// `None` when nothing limits it in money.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn money_left(
        &self,
        agent: &str,
        model: Option<&str>,
        run: RunId,
    ) -> Result<Option<Usd>, Error> {
        let at = self.now().at;
        let states = self.budget_states().await?.0;
        let left = states.iter().filter_map(|state| {
            let orkestra_core::budget::Limit::Usd(limit) = state.budget.limit else { return None };
            if state.lifted.as_ref().is_some_and(|lifted| lifted.holds(at)) {
                return None;
            }
            let counts = match &state.budget.scope {
                Scope::All => true,
                Scope::Agent(name) => name == agent,
                Scope::Model(name) => model.is_some_and(|model| names_model(name, model)),
                Scope::Runs | Scope::Run(_) => state.run == Some(run),
            };
            let taken = state.measure.spent.saturating_add(state.measure.reserved);
            counts.then(|| Usd(limit.0.saturating_sub(taken)))
        });
        Ok(left.min())
    }
}
