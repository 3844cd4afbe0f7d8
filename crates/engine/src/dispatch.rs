//! The dispatcher: one queue in, one commit per turn, orders out.

use crate::agent_state::AgentStates;
use crate::approval::Desk;
use crate::commit::{Batch, Latest};
use crate::error::Error;
use crate::handle::{StoreState, View};
use crate::hook::{Hook, Hooks};
use crate::job::JobActors;
use crate::journal::{Journal, Written};
use crate::message::{Message, Reply};
use crate::options::Options;
use crate::probe::Probers;
use crate::run::Runs;
use crate::spawn::{FutureKind, Futures};
use crate::unit::Units;
use crate::world::Lent;
use orkestra_core::agent_state::AgentInput;
use orkestra_core::approval;
use orkestra_core::event::{Draft, Topic};
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::job::{self, Jobs};
use orkestra_core::run::{self, Moment, Run, RunDecision, RunInput, RunOrder, Wait};
use orkestra_core::unit::probe::Question;
use orkestra_core::unit::spec::UnitName;
use orkestra_core::unit::{Decision, Fleet, Input, Order, Unit};
use orkestra_store::Error as StoreError;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How many messages one turn takes at most: what one commit can hold without making the first
/// wait long.
const TURN_MESSAGES_MAX: usize = 512;

/// So many units at once are a new configuration, or a start.
const PACKED_FROM: usize = 100;

/// While the store cannot be written it is tried again this often.
const RETRY: Duration = Duration::from_secs(1);

/// After the shared deadline of all units the daemon waits this long for the last shim's word.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// An answer that waits for the commit.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// What one turn gathers before its commit.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) batch: Batch,
    orders: Vec<Order>,
    run_orders: Vec<(RunId, RunOrder)>,
    pub(crate) job_orders: Vec<job::Order>,
    answers: Vec<Answer>,
    /// Answers to what must be durable before it is done.
    pub(crate) durable_answers: Vec<Answer>,
    /// Runs that must not exist unless they are durable.
    new_runs: Vec<RunId>,
    /// Units that readers must see anew.
    touched: BTreeSet<UnitName>,
    /// Whether readers must see jobs anew.
    pub(crate) jobs_touched: bool,
}

pub(crate) struct Dispatcher {
    pub(crate) options: Options,
    pub(crate) fleet: Fleet,
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) jobs: Jobs,
    pub(crate) agent_states: AgentStates,
    pub(crate) desk: Desk,
    pub(crate) inbox: mpsc::Receiver<Message>,
    /// For timers and actors, which answer by messages.
    pub(crate) outbox: mpsc::Sender<Message>,
    pub(crate) view: Arc<View>,
    pub(crate) journal: Journal,
    pub(crate) unit_actors: Units,
    pub(crate) run_actors: Runs,
    pub(crate) probers: Probers,
    pub(crate) hooks: Hooks,
    /// The next look at each unit's clock; a later one replaces it.
    pub(crate) alarms: BTreeMap<UnitName, CancellationToken>,
    pub(crate) job_actors: JobActors,
    pub(crate) futures: Futures,
    pub(crate) keep_units: bool,
    /// Set when the daemon goes down: no later than this.
    pub(crate) close_by: Option<Instant>,
}

impl Dispatcher {
    /// Runs until the daemon is closed and everything is committed.
    pub(crate) async fn run(mut self) {
        self.journal.keep_reserve();
        while !self.is_done() {
            let mut messages = Vec::new();
            let retry = tokio::time::sleep(RETRY);
            let due_in = self.questions_due_in();
            let close_by = self.close_by.unwrap_or_else(|| Instant::now() + RETRY * 3600);
            tokio::select! {
                count = self.inbox.recv_many(&mut messages, TURN_MESSAGES_MAX) => {
                    if count == 0 { break }
                }
                () = tokio::time::sleep(due_in.unwrap_or(RETRY)), if due_in.is_some() => {
                    let (input, actor) = (approval::Input::Sweep, "daemon".to_owned());
                    messages.push(Message::Approval { input, actor, reply: None });
                }
                () = retry, if self.journal.is_waiting() => self.retry().await,
                () = tokio::time::sleep_until(close_by), if self.close_by.is_some() => {
                    let names: Vec<_> = self.fleet.units.values()
                        .filter(|unit| unit.instance().is_some())
                        .map(|unit| unit.name.to_string()).collect();
                    tracing::error!(units = ?names, "The time to close is over; these were not seen to end.");
                    break;
                }
            }
            if !messages.is_empty() {
                let span = tracing::trace_span!(target: "orkestra_trace", "turn",
                    messages = messages.len());
                self.turn(messages).instrument(span).await;
            }
        }
        if !self.keep_units && !self.futures.all_released(CLOSE_PATIENCE).await {
            tracing::warn!("Some shims were not let go in time; the next daemon does it.");
        }
        self.say_stopped().await;
        let _nobody_waits = self.view.closed.send(true);
    }

    /// Decides what recovery found, before anybody else is heard.
    pub(crate) async fn begin(&mut self, first: Vec<Message>) {
        self.turn(first).await;
        let mut gathered = Gathered::default();
        self.withdraw_orphans(&mut gathered);
        self.finish(gathered).await;
    }

    fn is_done(&self) -> bool {
        self.close_by.is_some()
            && (self.keep_units
                || (self.fleet.units.values().all(|unit| unit.instance().is_none())
                    && self.runs.values().all(|run| run.instance().is_none())
                    && self.jobs.jobs.values().all(|job| job.instance().is_none())))
    }

    async fn say_stopped(&mut self) {
        let body = json!({"pid": std::process::id(), "keep_units": self.keep_units});
        let mut batch = Batch::default();
        batch.note(vec![Draft::new("daemon.stopped", Topic::Daemon, "daemon", "daemon", body)]);
        let at = self.options.world.now().at;
        if let Written::Waiting(error) = self.journal.commit(batch, &[], at).await {
            tracing::error!(%error, "The last events could not be written and are lost.");
        }
    }

    async fn retry(&mut self) {
        let at = self.options.world.now().at;
        let state = self.journal.flush(at).await.map_or(StoreState::Ok, |error| state_of(&error));
        let late = self.journal.take_late();
        self.remember(late);
        self.set_store_state(state);
    }

    fn set_store_state(&self, state: StoreState) {
        self.view.store_state.send_if_modified(|old| {
            let differs = *old != state;
            if differs {
                tracing::info!(?state, "The store's state changed.");
            }
            *old = state;
            differs
        });
    }

    async fn turn(&mut self, messages: Vec<Message>) {
        let mut gathered = Gathered::default();
        for message in messages {
            self.take(message, &mut gathered);
        }
        self.finish(gathered).await;
    }

    /// Commits what a turn gathered, and carries it out.
    async fn finish(&mut self, gathered: Gathered) {
        let Gathered {
            batch,
            orders,
            run_orders,
            job_orders,
            answers,
            durable_answers,
            new_runs,
            touched,
            jobs_touched,
        } = gathered;
        let mut failed = None;
        if !batch.is_empty() {
            let at = self.options.world.now().at;
            match self.journal.commit(batch, &new_runs, at).await {
                Written::Committed(latest) => {
                    self.set_store_state(StoreState::Ok);
                    self.remember(latest);
                }
                Written::Waiting(error) => {
                    self.set_store_state(state_of(&error));
                    failed = Some(error);
                }
                Written::Refused(error, latest) => {
                    self.remember(latest);
                    failed = Some(error);
                }
            }
        }
        if failed.is_some() {
            // Supervision goes on from memory, but an agent must not work unrecorded.
            for id in &new_runs {
                self.runs.remove(id);
            }
        }
        self.publish(touched);
        if jobs_touched {
            self.publish_jobs();
        }
        self.carry_out_jobs(job_orders, failed.is_none());
        // What is begun comes before what is tidied away: people wait for the one only.
        let (tidied, begun): (Vec<_>, Vec<_>) =
            orders.into_iter().partition(|order| matches!(order, Order::Release { .. }));
        for order in begun.into_iter().chain(tidied) {
            self.carry_out(order);
        }
        for (id, order) in run_orders {
            if let Some(run) = self.runs.get(&id) {
                let agents =
                    self.view.agents.read().unwrap_or_else(std::sync::PoisonError::into_inner);
                self.run_actors.carry_out(run, &order, &agents);
            }
        }
        self.runs.retain(|_, run| !run.is_over());
        // What was decided is carried out, durable or not; only a new run is not begun.
        for answer in answers {
            answer(Ok(()));
        }
        for answer in durable_answers {
            answer(match &failed {
                None => Ok(()),
                Some(error) => Err(refusal(error)),
            });
        }
    }

    fn publish(&mut self, touched: BTreeSet<UnitName>) {
        let many = touched.len() >= PACKED_FROM;
        for name in &touched {
            let unit = self.fleet.units.get(name);
            self.probers.follow(name, unit);
            if unit.is_none_or(|unit| unit.checks().is_none())
                && let Some(alarm) = self.alarms.remove(name)
            {
                alarm.cancel();
            }
        }
        {
            let mut fleet =
                self.view.fleet.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            for name in touched {
                match self.fleet.units.get(&name) {
                    Some(unit) => fleet.units.insert(name, unit.clone()),
                    None => fleet.units.remove(&name),
                };
            }
            if many {
                pack(&mut fleet.units);
            }
        }
        if many {
            pack(&mut self.fleet.units);
        }
        self.view.changed.send_modify(|turn| *turn += 1);
    }

    fn remember(&mut self, latest: Latest) {
        for (name, reference) in latest.units {
            if let Some(unit) = self.fleet.units.get_mut(&name) {
                unit.latest = Some(reference);
            }
        }
        for (name, reference) in latest.jobs {
            if let Some(job) = self.jobs.jobs.get_mut(&name) {
                job.latest = Some(reference);
            }
        }
        self.remember_questions(latest.approvals);
        for (id, reference) in latest.runs {
            if let Some(run) = self.runs.get_mut(&id) {
                run.latest = Some(reference);
            }
        }
    }

    fn take(&mut self, message: Message, gathered: &mut Gathered) {
        match message {
            Message::Unit { input, actor, reply } => self.take_unit(input, &actor, reply, gathered),
            Message::Run { id, input, actor, reply } => {
                self.take_run(id, input, &actor, reply, gathered);
            }
            Message::Agent { name, input, actor, reply } => {
                self.take_agent(name, input, &actor, reply, gathered);
            }
            Message::TakeUpRun { run, input, actor, reply } => {
                // A reconciler that tells a run more comes again with the next daemon.
                if let (RunInput::Instruct { .. }, Some(error)) = (&input, self.refuses_work()) {
                    return answer_now(reply, error);
                }
                // One that is at work is newer here than in the store.
                let id = run.id;
                self.runs.entry(id).or_insert(*run);
                self.take_run(id, input, &actor, reply, gathered);
            }
            Message::Job { input, actor, reply } => self.take_job(input, &actor, reply, gathered),
            Message::Ask { asked, reply } => self.take_ask(asked, reply, gathered),
            Message::Approval { input, actor, reply } => {
                self.take_approval(input, &actor, reply, gathered);
            }
            Message::CreateRun { run, actor, reply } => {
                self.take_new_run(*run, &actor, reply, gathered);
            }
            Message::Configure { units, agents, jobs, actor, reply } => {
                *self.view.agents.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
                    agents;
                let mut changed: Vec<_> =
                    match self.decide(Input::Configure { specs: units }, &actor, gathered) {
                        Ok(decision) => decision
                            .events
                            .iter()
                            .filter(|draft| {
                                matches!(draft.kind.as_str(), "unit.configured" | "unit.removed")
                            })
                            .map(|draft| draft.subject.clone())
                            .collect(),
                        Err(_closing) => Vec::new(),
                    };
                changed.extend(self.configure_jobs(jobs, &actor, gathered));
                answer_with(reply, changed, gathered);
            }
            Message::Note(drafts) => gathered.batch.note(drafts),
            Message::Called(called) => gathered.batch.called(called),
            Message::Ping(reply) => answer_with(reply, (), gathered),
            Message::Close { keep_units, actor } => self.take_close(keep_units, &actor, gathered),
        }
    }

    fn decide(
        &mut self,
        input: Input,
        actor: &str,
        gathered: &mut Gathered,
    ) -> Result<Decision, Error> {
        let now = self.options.world.now();
        let mut supply = Lent(self.options.world.as_ref());
        let decision = self.fleet.decide(input, actor, now, &mut supply)?;
        self.fleet.apply(&decision);
        gathered.touched.extend(decision.changed.keys().cloned());
        gathered.touched.extend(decision.removed.iter().cloned());
        gathered.batch.units(&decision);
        gathered.orders.extend(decision.orders.iter().cloned());
        Ok(decision)
    }

    fn take_unit(&mut self, input: Input, actor: &str, reply: Reply<()>, gathered: &mut Gathered) {
        // While nothing can be written, a person's new work is refused; supervision is not.
        let new_work = matches!(input, Input::Start { .. } | Input::Restart { .. });
        let result = match self.refused_now() {
            Some(error) if new_work && reply.is_some() => Err(error),
            _ => self.decide(input, actor, gathered).map(|_| ()),
        };
        match result {
            Ok(()) => answer_with(reply, (), gathered),
            Err(error) => answer_now(reply, error),
        }
    }

    pub(crate) fn take_run(
        &mut self,
        id: RunId,
        input: RunInput,
        actor: &str,
        reply: Reply<Run>,
        gathered: &mut Gathered,
    ) {
        let Some(run) = self.runs.get(&id) else {
            if let RunInput::Exited { instance, .. } = input {
                self.run_actors.release(instance);
            }
            answer_now(reply, Error::UnknownRun(id.to_string()));
            return;
        };
        let world = Arc::clone(&self.options.world);
        let mut supply = Lent(world.as_ref());
        let hold = self.hold_of(run);
        let mut moment = Moment { actor, at: world.now().at, hold, supply: &mut supply };
        if let Some(decision) = run.decide(input, &mut moment) {
            self.take_run_decision(decision, gathered);
        }
        if let Some(run) = self.runs.get(&id).cloned() {
            answer_with(reply, run, gathered);
        }
    }

    /// What keeps a new attempt of a run from being begun.
    fn hold_of(&self, run: &Run) -> Option<Wait> {
        if let Some(pause) = self.agent_hold(&run.agent) {
            return Some(Wait::Agent { until: pause.until, why: pause.why });
        }
        let agents = self.view.agents.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let model = agents.get(&run.agent).and_then(|spec| spec.model.as_deref());
        let budget = self.view.budget_hold(&run.agent, model, Some(run.id))?;
        Some(Wait::Budget { why: budget.why() })
    }

    fn take_run_decision(&mut self, decision: RunDecision, gathered: &mut Gathered) {
        let id = decision.run.id;
        let (books, at) = (self.view.books(), self.options.world.now().at);
        gathered.batch.run(&decision, &books, at);
        for order in &decision.orders {
            // The agent's row belongs to the same commit: other runs must not begin meanwhile.
            if let RunOrder::Limit { until, why } = order {
                let input = AgentInput::Limit { until: *until, why: why.clone() };
                self.decide_agent(&decision.run.agent, input, "daemon", gathered);
            }
        }
        gathered.run_orders.extend(decision.orders.into_iter().map(|order| (id, order)));
        let is_new = !self.runs.contains_key(&id);
        self.runs.insert(id, decision.run.clone());
        self.tell_job_of_run(&decision.run, is_new, gathered);
        self.tell_questions_of_run(&decision.run, gathered);
    }

    fn take_new_run(&mut self, run: Run, actor: &str, reply: Reply<Run>, gathered: &mut Gathered) {
        let refused = self.refuses_work();
        // It may have been held back since it was chosen.
        let held = |pause| Error::AgentHeld { agent: run.agent.clone(), pause: Box::new(pause) };
        let refused = refused.or_else(|| self.agent_hold(&run.agent).map(held));
        if let Some(error) = refused {
            answer_now(reply, error);
            return;
        }
        gathered.new_runs.push(run.id);
        self.take_run_decision(run::create(run.clone(), actor), gathered);
        if let Some(reply) = reply {
            gathered.durable_answers.push(Box::new(move |result| {
                let _asker_gone = reply.send(result.map(|()| run));
            }));
        }
    }

    fn take_close(&mut self, keep_units: bool, actor: &str, gathered: &mut Gathered) {
        if self.close_by.is_some() {
            return;
        }
        self.keep_units = keep_units;
        let body = json!({"pid": std::process::id(), "keep_units": keep_units});
        gathered.batch.note(vec![Draft::new(
            "daemon.stopping",
            Topic::Daemon,
            "daemon",
            actor,
            body,
        )]);
        let mut close_in = CLOSE_PATIENCE;
        if !keep_units {
            if let Ok(Decision { closing: Some(closing), .. }) =
                self.decide(Input::CloseAll, actor, gathered)
            {
                let now = self.options.world.now().boot_ms;
                close_in += Duration::from_millis(closing.deadline_boot_ms.saturating_sub(now));
            }
            let _jobs = self.decide_job(job::Input::CloseAll, actor, gathered);
            if self.jobs.jobs.values().any(|job| job.instance().is_some()) {
                close_in = close_in.max(CLOSE_PATIENCE + crate::job::GRACE);
            }
            // Checks are made again by the next daemon.
            self.run_actors.checks.give_all_up();
            let checked = |run: &Run| run.evidence.checking;
            let active: Vec<RunId> =
                self.runs.values().filter(|run| !checked(run)).map(|run| run.id).collect();
            for id in active {
                self.take_run(id, RunInput::Close, actor, None, gathered);
                close_in = close_in.max(CLOSE_PATIENCE + crate::run::GRACE);
            }
        }
        self.close_by = Some(Instant::now() + close_in);
    }

    /// Why no new work is taken now.
    fn refuses_work(&self) -> Option<Error> {
        if self.close_by.is_some() { Some(Error::Closing) } else { self.refused_now() }
    }

    pub(crate) fn refused_now(&self) -> Option<Error> {
        match *self.view.store_state.borrow() {
            StoreState::Ok => None,
            StoreState::Full => Some(Error::StoreFull),
            StoreState::Unwritable => Some(Error::StoreUnwritable),
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Launch { name, instance, .. } => {
                if let Some(unit) = self.fleet.units.get(&name) {
                    self.unit_actors.launch(unit, instance);
                }
            }
            Order::Stop { instance, signal, grace_ms, .. } => {
                self.unit_actors.stop(instance, signal, grace_ms);
            }
            Order::Signal { instance, signal } => self.unit_actors.signal(instance, signal),
            Order::Release { instance } => self.unit_actors.release(instance),
            Order::Wait { name, generation, delay_ms } => {
                self.call_back(delay_ms, Input::WaitOver { name, generation });
            }
            Order::CloseWindow { delay_ms } => self.call_back(delay_ms, Input::CloseWindowOver),
            Order::Alarm { name, instance, delay_ms } => self.alarm(name, instance, delay_ms),
            Order::Hook { name, moment, command, timeout_ms, env, generation } => {
                let Some(unit) = self.fleet.units.get(&name) else { return };
                let hook = Hook { name, moment, command, timeout_ms, env, generation };
                let ran = self.hooks.clone().run(hook, unit.spec.clone(), self.options.clone());
                self.futures.spawn(FutureKind::Service, ran);
            }
            Order::Shutdown { name } => {
                tracing::error!(unit = %name, "It gave up, and takes the daemon down with it.");
                let outbox = self.outbox.clone();
                self.futures.spawn(FutureKind::Service, async move {
                    let actor = format!("unit:{name}");
                    let _closing = outbox.send(Message::Close { keep_units: false, actor }).await;
                });
            }
        }
    }

    /// Calls back about a deadline, with what the readiness probe heard by then.
    fn alarm(&mut self, name: UnitName, instance: InstanceId, delay_ms: u64) {
        let (outbox, view) = (self.outbox.clone(), Arc::clone(&self.view));
        let cancelled = CancellationToken::new();
        // A unit that lives shortly and often would otherwise leave one sleeper for each life.
        if let Some(earlier) = self.alarms.insert(name.clone(), cancelled.clone()) {
            earlier.cancel();
        }
        self.futures.spawn(FutureKind::Service, async move {
            let wait = tokio::time::sleep(Duration::from_millis(delay_ms));
            if cancelled.run_until_cancelled(wait).await.is_none() {
                return;
            }
            let last = view.answers.last(&name, Question::Ready);
            let input = Input::Alarm { name, instance, last };
            let message = Message::Unit { input, actor: "daemon".to_owned(), reply: None };
            let _closing = outbox.send(message).await;
        });
    }

    /// Sends an input after a wait. Tokio's clock is monotonic, so a clock step changes nothing;
    /// a wait that became pointless is recognised by its generation.
    pub(crate) fn call_back(&self, delay_ms: u64, input: Input) {
        let outbox = self.outbox.clone();
        self.futures.spawn(FutureKind::Service, async move {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            let message = Message::Unit { input, actor: "daemon".to_owned(), reply: None };
            let _closing = outbox.send(message).await;
        });
    }
}

/// Makes a map anew that many were put into in their order: its nodes are half empty otherwise.
fn pack(units: &mut BTreeMap<UnitName, Unit>) {
    *units = std::mem::take(units).into_iter().collect();
}

pub(crate) fn answer_with<T: Send + 'static>(reply: Reply<T>, value: T, gathered: &mut Gathered) {
    if let Some(reply) = reply {
        gathered.answers.push(Box::new(move |result| {
            let _asker_gone = reply.send(result.map(|()| value));
        }));
    }
}

pub(crate) fn answer_now<T>(reply: Reply<T>, error: Error) {
    if let Some(reply) = reply {
        let _asker_gone = reply.send(Err(error));
    }
}

fn state_of(error: &StoreError) -> StoreState {
    match error {
        StoreError::Full => StoreState::Full,
        _ => StoreState::Unwritable,
    }
}

fn refusal(error: &StoreError) -> Error {
    match error {
        StoreError::Full => Error::StoreFull,
        StoreError::ReadOnly => Error::StoreUnwritable,
        other => Error::Store(other.clone()),
    }
}
