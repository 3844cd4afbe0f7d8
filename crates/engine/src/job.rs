//! Jobs in the engine: their part of a turn, what begins and ends them, and who keeps the time.

mod actor;

use crate::builtin;
use crate::dispatch::{Dispatcher, Gathered, answer_now, answer_with};
use crate::error::Error;
use crate::handle::{Handle, NewRun, View};
use crate::instance::{Actors, Control};
use crate::message::{Message, Reply};
use crate::spawn::{FutureKind, Futures};
use crate::world::{Lent, World};
use actor::Actor;
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::job::spec::{Action, JobName, JobSpec};
use orkestra_core::job::{Asked, Current, Decision, Input, Job, Jobs, Order, Record};
use orkestra_core::run::{Belongs, LimitsSpec, Run, RunInput, RunState};
use orkestra_core::signal::Signal;
use orkestra_host::instance::{InstanceEvents, InstanceHandle};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// However the clock steps, the calendar is looked at this often: after a sleep of the machine what
/// was missed is noticed within this time.
const LOOK: Duration = Duration::from_secs(30);

/// What is due and cannot begin now, on a full disk, is tried again no sooner.
const AGAIN: Duration = Duration::from_millis(200);

/// How long a program may take to end in good order.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A stored job.
pub(crate) fn from_row(row: &orkestra_store::JobRow) -> Result<Job, Error> {
    serde_json::from_str(&row.body).map_err(|error| {
        let what = format!("job {} cannot be read: {error}", row.name);
        Error::Store(orkestra_store::Error::Damaged { what })
    })
}

/// Under which key a job asks for a run, so that one due time gives one run.
fn request_key(name: &JobName, instance: InstanceId) -> String {
    format!("job:{name}:{instance}")
}

/// Whose run it is, if a job asked for it.
fn asker(run: &Run) -> Option<(JobName, InstanceId)> {
    let (name, instance) = run.request_key.as_deref()?.strip_prefix("job:")?.rsplit_once(':')?;
    Some((name.parse().ok()?, instance.parse().ok()?))
}

/// How a run ended, for the job that asked for it.
fn result_of(run: &Run) -> Option<Result<Option<String>, String>> {
    match &run.state {
        RunState::Reported | RunState::Verified => Some(Ok(Some(run.why()))),
        RunState::Refuted { why } | RunState::Failed { why } => Some(Err(why.clone())),
        RunState::Cancelled => Some(Err("Its run was cancelled by hand.".to_owned())),
        RunState::Preparing
        | RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::Paused { .. }
        | RunState::Suspended { .. }
        | RunState::Stopping { .. } => None,
    }
}

impl Dispatcher {
    /// Takes something about jobs into the turn.
    pub(crate) fn take_job(
        &mut self,
        input: Input,
        actor: &str,
        reply: Reply<Option<Asked>>,
        gathered: &mut Gathered,
    ) {
        let refused = match &input {
            Input::Run { .. } => self.refused_now(),
            _ => None,
        };
        let input = match input {
            // Nothing begins that could not be remembered.
            Input::Tick { .. } => Input::Tick { may_start: self.refused_now().is_none() },
            other => other,
        };
        let result = match refused {
            Some(error) => Err(error),
            None => self.decide_job(input, actor, gathered),
        };
        match result {
            Ok(decision) => answer_with(reply, decision.asked, gathered),
            Err(error) => answer_now(reply, error),
        }
    }

    pub(crate) fn decide_job(
        &mut self,
        input: Input,
        actor: &str,
        gathered: &mut Gathered,
    ) -> Result<Decision, Error> {
        let now = self.options.world.now();
        let mut supply = Lent(self.options.world.as_ref());
        let decision = self.jobs.decide(input, actor, now, &mut supply)?;
        self.jobs.apply(&decision);
        gathered.jobs_touched |= !decision.changed.is_empty() || !decision.removed.is_empty();
        gathered.jobs_touched |= decision.awake || decision.closing;
        gathered.batch.jobs(&decision);
        gathered.job_orders.extend(decision.orders.iter().cloned());
        Ok(decision)
    }

    /// The configuration's jobs; the names of those that changed.
    pub(crate) fn configure_jobs(
        &mut self,
        specs: BTreeMap<JobName, JobSpec>,
        actor: &str,
        gathered: &mut Gathered,
    ) -> Vec<String> {
        match self.decide_job(Input::Configure { specs }, actor, gathered) {
            Ok(decision) => decision
                .events
                .iter()
                .filter(|draft| matches!(draft.kind.as_str(), "job.configured" | "job.removed"))
                .map(|draft| format!("job:{}", draft.subject))
                .collect(),
            Err(_closing) => Vec::new(),
        }
    }

    /// Tells a job what became of the run that it asked for, in the same commit.
    pub(crate) fn tell_job_of_run(&mut self, run: &Run, is_new: bool, gathered: &mut Gathered) {
        let Some((name, instance)) = asker(run) else { return };
        if is_new {
            let input = Input::RunCreated { name: name.clone(), instance, run: run.id };
            self.take_job(input, "daemon", None, gathered);
        }
        if let Some(result) = result_of(run) {
            let input = Input::Ended { name, instance, result };
            self.take_job(input, "daemon", None, gathered);
        }
    }

    /// Carries out what was decided about jobs. What was not written down does not begin: after a
    /// crash it would begin again.
    pub(crate) fn carry_out_jobs(&mut self, orders: Vec<Order>, durable: bool) {
        for order in orders {
            match order {
                Order::Begin { name, instance, .. } if !durable => {
                    let why = "The journal could not be written, so it did not begin.".to_owned();
                    self.job_actors.say(Input::Ended { name, instance, result: Err(why) });
                }
                Order::Begin { name, instance, action } => {
                    self.job_actors.begin(&name, instance, &action);
                }
                Order::Stop { instance, action: Action::Run { .. }, run, .. } => {
                    self.job_actors.stop_run(instance, run);
                }
                Order::Stop { instance, .. } => self.job_actors.stop(instance),
                // How it ended is known from its folder only, as long as no row says so: without
                // either, the next daemon would take it for one that never began.
                Order::Release { .. } if !durable => {}
                Order::Release { instance } => self.job_actors.release(instance),
            }
        }
    }

    /// How the run of an agent ended that a job asked for; `None` while it goes on.
    pub(crate) async fn outcome_of_run(
        &self,
        record: &Record,
    ) -> Option<Result<Option<String>, String>> {
        let id = record.run.filter(|id| !self.runs.contains_key(id))?;
        let row = self.options.store.read(move |read| read.run(id)).await.ok().flatten();
        let run = row.and_then(|row| crate::run::from_row(&row).ok());
        let unknown = || Err("What became of its run is not known.".to_owned());
        Some(run.as_ref().and_then(result_of).unwrap_or_else(unknown))
    }

    /// Shows readers the jobs as they are.
    pub(crate) fn publish_jobs(&self) {
        let mut jobs = self.view.jobs.write().unwrap_or_else(PoisonError::into_inner);
        jobs.clone_from(&self.jobs);
        drop(jobs);
        self.view.jobs_changed.send_modify(|turn| *turn += 1);
    }
}

/// What begins and ends runs of jobs.
pub(crate) struct JobActors {
    actors: Actors,
    handle: Handle,
    /// What has no process of its own and can be broken off.
    inner: HashMap<InstanceId, CancellationToken>,
}

impl JobActors {
    pub(crate) fn new(actors: Actors, handle: Handle) -> Self {
        Self { actors, handle, inner: HashMap::new() }
    }

    /// Lives that begin from now on are of this term.
    pub(crate) fn raise_term(&mut self, term: u64) {
        self.actors.term = term;
    }

    /// Puts an input into the queue without waiting for room in it.
    fn say(&self, input: Input) {
        let outbox = self.actors.outbox.clone();
        self.actors.futures.spawn(FutureKind::Service, async move { say(&outbox, input).await });
    }

    /// Begins a run of a job.
    pub(crate) fn begin(&mut self, name: &JobName, instance: InstanceId, action: &Action) {
        self.inner.retain(|_, token| !token.is_cancelled());
        match action {
            Action::Command { command, env, cwd } => {
                let actor = self.actor(name, instance, env.clone());
                let launch = actor::launch(&self.actors, &actor, command, cwd);
                let launcher = Arc::clone(&self.actors.launcher);
                let begun = actor.begin(launcher, launch);
                self.actors.futures.spawn(FutureKind::Instance, begun);
            }
            Action::Run { prompt, agent, target } => {
                let new = NewRun {
                    prompt: prompt.clone(),
                    agent: agent.clone(),
                    target: PathBuf::from(target),
                    request_key: Some(request_key(name, instance)),
                    limits: LimitsSpec::default(),
                    // What a job asks is mostly a question; the task says when it is more.
                    evidence: vec!["none".to_owned()],
                    raw: false,
                    budget_usd: None,
                    belongs: Belongs::default(),
                    base: None,
                    role: None,
                };
                let (handle, who) = (self.handle.clone(), format!("job:{name}"));
                self.spawn(name, instance, async move {
                    // Created, it is told of by the run itself.
                    match handle.create_run(new, &who).await {
                        Ok(_) => None,
                        Err(error) => Some(Err(format!("Its run could not begin: {error}."))),
                    }
                });
            }
            Action::Builtin { builtin } => {
                let (handle, builtin) = (self.handle.clone(), *builtin);
                let who = format!("job:{name}");
                self.spawn(name, instance, async move {
                    Some(builtin::run(builtin, &handle, &who).await.map(Some))
                });
            }
        }
    }

    /// Runs something of the daemon's own, which ends with it or when it is told to.
    fn spawn<F>(&mut self, name: &JobName, instance: InstanceId, work: F)
    where
        F: Future<Output = Option<Result<Option<String>, String>>> + Send + 'static,
    {
        let token = CancellationToken::new();
        self.inner.insert(instance, token.clone());
        let (name, outbox) = (name.clone(), self.actors.outbox.clone());
        self.actors.futures.spawn(FutureKind::Service, async move {
            let result = tokio::select! {
                result = work => result,
                () = token.cancelled() => Some(Err("It was ended.".to_owned())),
            };
            // Forgotten at the next beginning.
            token.cancel();
            if let Some(result) = result {
                say(&outbox, Input::Ended { name, instance, result }).await;
            }
        });
    }

    fn stop(&self, instance: InstanceId) {
        match self.inner.get(&instance) {
            Some(token) => token.cancel(),
            None => self.actors.send(instance, Control::Stop(Signal::TERM, GRACE)),
        }
    }

    /// Ends the run of an agent; one that is only being asked for is ended once it is there.
    fn stop_run(&self, instance: InstanceId, run: Option<RunId>) {
        let Some(id) = run else { return };
        let outbox = self.actors.outbox.clone();
        self.actors.futures.spawn(FutureKind::Service, async move {
            let (input, actor) = (RunInput::Cancel, "daemon".to_owned());
            let message = Message::Run { id, input, actor, reply: None };
            let _dispatcher_gone = outbox.send(message).await;
        });
        tracing::debug!(%instance, run = %id, "The run of a job is being cancelled.");
    }

    fn release(&mut self, instance: InstanceId) {
        self.actors.release(instance);
    }

    fn actor(
        &mut self,
        name: &JobName,
        instance: InstanceId,
        env: BTreeMap<String, String>,
    ) -> Actor {
        let orders = self.actors.open(instance);
        Actor {
            name: name.clone(),
            instance,
            log_dir: self.actors.options.home.join("logs").join(name.log_folder()),
            outbox: self.actors.outbox.clone(),
            orders,
            world: Arc::clone(&self.actors.options.world),
            secrets: self.actors.secrets.clone(),
            env,
            began: self.actors.options.world.now().at,
            started_boot_ms: None,
            unanswered: false,
        }
    }

    /// Takes over a process that an earlier daemon started.
    pub(crate) fn adopt(
        &mut self,
        current: &Current,
        name: &JobName,
        handle: InstanceHandle,
        events: InstanceEvents,
        started: Option<(Option<u32>, u64)>,
    ) {
        let (record, env) = (&current.record, env_of(&current.action));
        if let Some((Some(pid), _)) = started {
            let instance = record.instance.to_string();
            self.actors.secrets.learn_from_process(&env, pid, &instance);
        }
        let started_boot_ms = started.map(|(_, boot_ms)| boot_ms);
        let mut actor = self.actor(name, record.instance, env);
        actor.began = record.started_at;
        actor.started_boot_ms = started_boot_ms;
        actor.unanswered = started_boot_ms.is_none();
        self.actors.futures.spawn(FutureKind::Instance, actor.follow(handle, events));
    }

    /// What a command printed, as it may be told.
    pub(crate) fn told(&self, action: &Action, lines: Vec<String>) -> Vec<String> {
        self.actors.secrets.tell(&env_of(action), lines)
    }

    /// Keeps what only has to be released.
    pub(crate) fn keep(&mut self, name: &JobName, instance: InstanceId, handle: InstanceHandle) {
        let actor = self.actor(name, instance, BTreeMap::new());
        let kept = crate::instance::await_release(actor.orders, handle);
        self.actors.futures.spawn(FutureKind::Instance, kept);
    }
}

/// What the configuration sets for a command.
fn env_of(action: &Action) -> BTreeMap<String, String> {
    match action {
        Action::Command { env, .. } => env.clone(),
        Action::Run { .. } | Action::Builtin { .. } => BTreeMap::new(),
    }
}

async fn say(outbox: &mpsc::Sender<Message>, input: Input) {
    let message = Message::Job { input, actor: "daemon".to_owned(), reply: None };
    let _dispatcher_gone = outbox.send(message).await;
}

/// Keeps the time: says when something is due, looks at the calendar at least every so often, and
/// never asks while an earlier question is open.
pub(crate) fn keep_time(handle: &Handle, futures: &Futures) {
    let (view, world) = (Arc::clone(&handle.view), Arc::clone(&handle.world));
    let inbox = handle.inbox.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut changed = view.jobs_changed.subscribe();
        loop {
            changed.borrow_and_update();
            let wait = idle(&view, world.as_ref()).unwrap_or(LOOK).min(LOOK);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = changed.changed(), if !wait.is_zero() => continue,
            }
            let (reply, answer) = oneshot::channel();
            let input = Input::Tick { may_start: true };
            let message = Message::Job { input, actor: "daemon".to_owned(), reply: Some(reply) };
            if inbox.send(message).await.is_err() || answer.await.is_err() {
                return;
            }
            if idle(&view, world.as_ref()).is_some_and(|idle| idle.is_zero()) {
                tokio::time::sleep(AGAIN).await;
            }
        }
    });
}

fn idle(view: &View, world: &dyn World) -> Option<Duration> {
    let jobs = view.jobs.read().unwrap_or_else(PoisonError::into_inner);
    jobs.idle_ms(world.now()).map(Duration::from_millis)
}

/// What readers and people may do with jobs.
impl Handle {
    /// All jobs as they are now, by name.
    pub fn jobs(&self) -> Vec<Job> {
        let jobs = self.view.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.jobs.values().filter(|job| !job.leaving).cloned().collect()
    }

    /// One job as it is now.
    pub fn job(&self, name: &str) -> Option<Job> {
        let jobs = self.view.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.jobs.get(name).filter(|job| !job.leaving).cloned()
    }

    /// The last runs of a job, the newest first; one that runs is among them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn job_history(&self, name: &JobName, most: usize) -> Result<Vec<Record>, Error> {
        let wanted = name.clone();
        let rows = self.store.read(move |read| read.job_runs(wanted.as_str(), most)).await;
        let read = |row: orkestra_store::JobRunRow| {
            serde_json::from_str(&row.body).map_err(|error| {
                let what = format!("run {} of job {name} cannot be read: {error}", row.number);
                Error::Store(orkestra_store::Error::Damaged { what })
            })
        };
        rows.map_err(Error::Store)?.into_iter().map(read).collect()
    }

    async fn job_input(&self, input: Input, actor: &str) -> Result<Option<Asked>, Error> {
        let actor = actor.to_owned();
        self.ask(|reply| Message::Job { input, actor, reply: Some(reply) }).await
    }

    /// Somebody wants a job to run now.
    ///
    /// # Errors
    /// Unknown job, full disk, or the daemon is going down.
    pub async fn run_job(&self, name: JobName, force: bool, actor: &str) -> Result<Asked, Error> {
        let asked = self.job_input(Input::Run { name, force }, actor).await?;
        asked.ok_or(Error::Closing)
    }

    /// Somebody wants a job to keep its schedule, or to leave it.
    ///
    /// # Errors
    /// Unknown job.
    pub async fn enable_job(&self, name: JobName, on: bool, actor: &str) -> Result<(), Error> {
        let input = if on { Input::Enable { name } } else { Input::Disable { name } };
        self.job_input(input, actor).await.map(|_| ())
    }

    /// Where a job's output is kept.
    pub fn job_log_dir(&self, name: &JobName) -> PathBuf {
        self.home.join("logs").join(name.log_folder())
    }
}

/// Those jobs whose run an earlier daemon began and that have no process: what is to be told or
/// done again. All of it can be done again: a built-in by its nature, a run by its key.
pub(crate) fn take_up(jobs: &Jobs) -> Vec<(JobName, Record, Action)> {
    let living = jobs.jobs.values().filter_map(|job| Some((job, job.current.as_ref()?)));
    living
        .filter(|(_, current)| !matches!(current.action, Action::Command { .. }))
        .map(|(job, current)| (job.name.clone(), current.record.clone(), current.action.clone()))
        .collect()
}
