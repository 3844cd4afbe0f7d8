//! What the rest of the daemon may ask of the engine.

use crate::agent_state::AgentStates;
use crate::error::Error;
use crate::evidence::place;
use crate::message::Message;
use crate::options::Agents;
use crate::secret::{CheckedSecret, Secrets};
use crate::upkeep::Upkeep;
use orkestra_agents::discover::{Discovery, Found, discover};
use orkestra_core::event::Draft;
use orkestra_core::evidence::{Contract, ContractError, Evidence, Wanted};
use orkestra_core::id::RunId;
use orkestra_core::job::Jobs;
use orkestra_core::job::spec::{Action, JobName, JobSpec};
use orkestra_core::prompt::Role;
use orkestra_core::run::{Belongs, Changes, LimitsSpec, Run, RunInput, RunState, Tries};
use orkestra_core::signal::Signal;
use orkestra_core::unit::probe::Check;
use orkestra_core::unit::spec::{UnitName, UnitSpec};
use orkestra_core::unit::{Fleet, Input, State, Unit};
use orkestra_store::Store;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Whether what happens is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreState {
    /// Yes.
    Ok,
    /// The disk is full.
    Full,
    /// The folder or file cannot be written.
    Unwritable,
}

/// A run as asked for.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// What is asked.
    pub prompt: String,
    /// Which agent; the first one that can be started when none is named.
    pub agent: Option<String>,
    /// The repository.
    pub target: PathBuf,
    /// Asking twice with one key makes one run.
    pub request_key: Option<String>,
    /// What must be found before its "done" is believed; nothing means the default.
    pub evidence: Vec<String>,
    /// Whether the agent is given the prompt as it is.
    pub raw: bool,
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// Limits of this run; they come before those of its agent.
    pub limits: LimitsSpec,
    /// For what it is made.
    pub belongs: Belongs,
    /// The commit or branch of the target from which its worktree begins; its HEAD without it.
    pub base: Option<String>,
    /// Its part among others, if it has one.
    pub role: Option<Role>,
}

/// What readers see without asking the dispatcher; only the dispatcher writes it.
pub(crate) struct View {
    pub(crate) secrets: Secrets,
    pub(crate) fleet: RwLock<Fleet>,
    pub(crate) agents: RwLock<Agents>,
    pub(crate) jobs: RwLock<Jobs>,
    pub(crate) agent_states: RwLock<AgentStates>,
    pub(crate) jobs_changed: watch::Sender<u64>,
    /// Written by whoever reads the configuration, too.
    pub(crate) upkeep: RwLock<Upkeep>,
    /// Under which tokens of runs are made.
    pub(crate) run_key: crate::approval::RunKey,
    /// So many hooks of agents run at once.
    pub(crate) hook_slots: tokio::sync::Semaphore,
    pub(crate) started_boot_ms: u64,
    /// Wakes the outbox.
    pub(crate) effects: tokio::sync::Notify,
    /// With what the person's own checks are started.
    pub(crate) own_checks: crate::check::OwnChecks,
    /// Issues that become runs.
    pub(crate) github: crate::issue::GitHubView,
    /// Has budgets looked at.
    pub(crate) budgets: tokio::sync::Notify,
    /// Budgets that stop something now.
    pub(crate) budget_holds: RwLock<Vec<crate::budget::BudgetState>>,
    /// What helper programs inherit.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) store_state: watch::Sender<StoreState>,
    pub(crate) closed: watch::Sender<bool>,
    pub(crate) changed: watch::Sender<u64>,
    /// What probes heard.
    pub(crate) answers: crate::probe::Answers,
    /// What units use.
    pub(crate) samples: crate::sample::Samples,
    /// Held from looking for a request key to the commit of its run, so that one key is one run
    /// also when it is sent twice at once.
    pub(crate) creating: tokio::sync::Mutex<()>,
    /// Held from reading a run that is over to the commit that takes it up again, so that it is not
    /// taken up as it was before somebody else did.
    pub(crate) taking_up: tokio::sync::Mutex<()>,
}

impl View {
    /// How usage is priced and booked now.
    pub(crate) fn books(&self) -> Arc<crate::money::Books> {
        let upkeep = self.upkeep.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&upkeep.money.books)
    }
}

/// Cheap to clone; methods only.
#[derive(Clone)]
pub struct Handle {
    pub(crate) inbox: mpsc::Sender<Message>,
    pub(crate) view: Arc<View>,
    pub(crate) store: Store,
    pub(crate) world: Arc<dyn crate::world::World>,
    pub(crate) home: PathBuf,
    pub(crate) path: String,
}

impl View {
    /// How long a question waits for a person.
    pub(crate) fn approvals_expire(&self) -> Option<jiff::SignedDuration> {
        let upkeep = self.upkeep.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        upkeep.approvals_expire.map(|span| {
            jiff::SignedDuration::from_millis(i64::try_from(span.ms()).unwrap_or(i64::MAX))
        })
    }
}

/// A poisoned lock means that the dispatcher panicked; what it wrote last still stands.
fn read<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

impl Handle {
    /// One unit as it is now.
    pub fn unit(&self, name: &str) -> Option<Unit> {
        let fleet = self.view.fleet.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        fleet.units.get(name).cloned()
    }

    /// All units as they are now, by name.
    pub fn units(&self) -> Vec<Unit> {
        let fleet = self.view.fleet.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        fleet.units.values().cloned().collect()
    }

    /// Whether what happens is being written.
    pub fn store_state(&self) -> StoreState {
        *self.view.store_state.borrow()
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Messages that wait for the dispatcher, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        let most = self.inbox.max_capacity();
        (most.saturating_sub(self.inbox.capacity()), most)
    }

    /// The data folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where a unit's output is kept.
    pub fn log_dir(&self, name: &UnitName) -> PathBuf {
        self.home.join("logs").join(name.as_str())
    }

    /// The time, from where the engine has it.
    pub fn now(&self) -> orkestra_core::unit::Now {
        self.world.now()
    }

    pub(crate) async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Message,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(message(reply)).await.map_err(|_| Error::Closing)?;
        answer.await.map_err(|_| Error::Closing)?
    }

    async fn unit_input(&self, input: Input, actor: &str) -> Result<(), Error> {
        let actor = actor.to_owned();
        self.ask(|reply| Message::Unit { input, actor, reply: Some(reply) }).await
    }

    /// A person wants a unit to run.
    ///
    /// # Errors
    /// Unknown unit, full disk, or the daemon is going down.
    pub async fn start_unit(&self, name: UnitName, actor: &str) -> Result<(), Error> {
        self.unit_input(Input::Start { name }, actor).await
    }

    /// A person wants a unit to stop and to stay stopped.
    ///
    /// # Errors
    /// Unknown unit.
    pub async fn stop_unit(&self, name: UnitName, actor: &str) -> Result<(), Error> {
        self.unit_input(Input::Stop { name }, actor).await
    }

    /// A person wants a new process for a unit.
    ///
    /// # Errors
    /// Unknown unit, full disk, or the daemon is going down.
    pub async fn restart_unit(&self, name: UnitName, actor: &str) -> Result<(), Error> {
        self.unit_input(Input::Restart { name }, actor).await
    }

    /// A person sends a signal.
    ///
    /// # Errors
    /// Unknown unit, or it does not run.
    pub async fn signal_unit(
        &self,
        name: UnitName,
        signal: Signal,
        actor: &str,
    ) -> Result<(), Error> {
        self.unit_input(Input::Signal { name, signal }, actor).await
    }

    /// The newest answers of a unit's probes, oldest first; kept in memory only.
    pub fn probe_answers(&self, name: &str) -> Vec<crate::probe::Answer> {
        self.view.answers.of(name)
    }

    /// The newest samples of a unit's present life, oldest first, `most` at most.
    pub fn samples(&self, name: &str, most: usize) -> Vec<crate::sample::Sample> {
        self.view.samples.of(name, most)
    }

    /// What a unit uses now, if its present life was sampled.
    pub fn usage(&self, unit: &Unit) -> Option<crate::sample::Sample> {
        self.view.samples.last(unit.name.as_str(), unit.instance()?)
    }

    /// Waits until a unit neither starts nor stops, is ready if it says so, and, if it has no way
    /// of saying so, has lived for `verify`; or it is gone. Then how it is.
    pub async fn verified(&self, name: &UnitName, verify: Duration) -> Option<Unit> {
        let mut first = None;
        loop {
            let unit = self.settled(name).await?;
            // One that was started anew meanwhile has crashed, however well it looks now.
            if *first.get_or_insert(unit.generation) != unit.generation {
                return Some(unit);
            }
            let State::Running { started_boot_ms, ref checks, .. } = unit.state else {
                return Some(unit);
            };
            let age = self.world.now().boot_ms.saturating_sub(started_boot_ms);
            let verify_ms = u64::try_from(verify.as_millis()).unwrap_or(u64::MAX);
            if age >= verify_ms || checks.ready == Check::Passing || self.is_closed() {
                return Some(unit);
            }
            let mut changed = self.view.changed.subscribe();
            let left = Duration::from_millis(verify_ms - age);
            let _woken_or_over = tokio::time::timeout(left, changed.changed()).await;
        }
    }

    /// Waits until a unit neither starts nor stops nor has to become ready, or only a person can
    /// help it, or it is gone; then how it is.
    pub async fn settled(&self, name: &UnitName) -> Option<Unit> {
        let mut changed = self.view.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let unit = self.unit(name.as_str())?;
            let under_way = {
                let fleet =
                    self.view.fleet.read().unwrap_or_else(std::sync::PoisonError::into_inner);
                fleet.is_under_way(name)
            };
            if !under_way || self.is_closed() {
                return Some(unit);
            }
            if changed.changed().await.is_err() {
                return Some(unit);
            }
        }
    }

    /// The configuration changed; units and jobs that differ are touched, others are not.
    ///
    /// # Errors
    /// The daemon is going down.
    pub async fn configure(
        &self,
        units: BTreeMap<UnitName, UnitSpec>,
        agents: Agents,
        jobs: BTreeMap<JobName, JobSpec>,
        actor: &str,
    ) -> Result<Vec<String>, Error> {
        let actor = actor.to_owned();
        self.ask(|reply| Message::Configure { units, agents, jobs, actor, reply: Some(reply) })
            .await
    }

    /// What the configuration says about the house itself.
    pub fn upkeep(&self) -> Upkeep {
        read(&self.view.upkeep)
    }

    /// The configuration changed what it says about the house itself.
    pub fn set_upkeep(&self, upkeep: Upkeep) {
        *self.view.upkeep.write().unwrap_or_else(std::sync::PoisonError::into_inner) = upkeep;
        self.view.budgets.notify_one();
        self.view.github.changed.notify_one();
    }

    /// Which agents can be started here.
    pub fn agents(&self) -> Discovery {
        let path = self.path.clone();
        discover(&read(&self.view.agents), |program| {
            orkestra_host::program::find_program(program, &path)
        })
    }

    /// The agents of the configuration.
    pub(crate) fn agent_specs(&self) -> Agents {
        read(&self.view.agents)
    }

    /// What is known of secrets, for whoever shows what programs printed.
    pub fn secrets(&self) -> &Secrets {
        &self.view.secrets
    }

    /// Looks whether the secrets of the configuration are there: of one unit or agent, or of all.
    pub async fn check_secrets(&self, of: Option<&str>) -> Vec<CheckedSecret> {
        let units = self.units().into_iter().map(|unit| (unit.name.to_string(), unit.spec.env));
        let agents =
            read(&self.view.agents).into_iter().map(|(name, agent)| (name, agent.variables()));
        let jobs = self.jobs().into_iter().filter_map(|job| match job.spec.action {
            Action::Command { env, .. } => Some((format!("job:{}", job.name), env)),
            Action::Run { .. } | Action::Builtin { .. } => None,
        });
        let notifications = self.upkeep().notifications.into_iter().map(|(name, channel)| {
            let named = |word: &str, text: Option<String>| Some((word.to_owned(), text?));
            let own = [named("secret", channel.secret), named("url", channel.url)];
            let texts = own.into_iter().flatten().chain(channel.headers);
            (format!("notification:{name}"), texts.collect())
        });
        let github = self.upkeep().github.and_then(|spec| spec.repository.token);
        let github =
            github.map(|token| ("github".to_owned(), [("token".to_owned(), token)].into()));
        let mut checked = Vec::new();
        for (name, env) in units.chain(agents).chain(jobs).chain(notifications).chain(github) {
            if of.is_none_or(|of| names_secret_owner(of, &name)) {
                checked.extend(self.view.secrets.check(&env, &name).await);
            }
        }
        checked
    }

    /// Begins a run. Asking again with the same key gives the run that was begun.
    ///
    /// # Errors
    /// No agent, a target that is no git repository, a full disk.
    pub async fn create_run(&self, new: NewRun, actor: &str) -> Result<Run, Error> {
        if let Some(run) = self.run_of_key(new.request_key.as_deref()).await? {
            return Ok(run);
        }
        let agent = self.free_agent(new.agent.as_deref())?;
        let target = place::preflight(&self.home, &new.target).await.map_err(Error::Target)?;
        contract_problem(&new.evidence, target.has_git).map_err(Error::Target)?;
        let _one_at_a_time = self.view.creating.lock().await;
        if let Some(run) = self.run_of_key(new.request_key.as_deref()).await? {
            return Ok(run);
        }
        if !target.has_git {
            self.alone_in(&target.folder).await?;
        }
        let run = Run {
            id: RunId::new(self.world.uuid()),
            agent: agent.name,
            kind: agent.spec.kind.to_string(),
            prompt: new.prompt,
            target: target.folder.to_string_lossy().into_owned(),
            request_key: new.request_key,
            session_id: self.world.uuid().to_string(),
            state: RunState::Preparing,
            worktree: None,
            offset: 0,
            events: 0,
            raw_lines: 0,
            usage: None,
            ended: None,
            exit: None,
            files: None,
            created_at: self.world.now().at,
            started_at: None,
            ended_at: None,
            last_event_at: None,
            latest: None,
            attempts: Vec::new(),
            limits: new.limits.or(agent.spec.limits).limits(),
            changes: Changes::default(),
            tries: Tries::default(),
            next: None,
            waiting_for: Vec::new(),
            violations: 0,
            worked_ms: 0,
            working_since: None,
            silent_since: None,
            conversation_told: false,
            after_result: false,
            tokens_before: 0,
            evidence: Evidence { wanted: new.evidence, ..Evidence::default() },
            raw: new.raw,
            budget_usd: new.budget_usd,
            given: None,
            belongs: new.belongs,
            base: new.base,
            role: new.role,
            instructions: Vec::new(),
            model: agent.spec.model,
        };
        let (run, actor) = (Box::new(run), actor.to_owned());
        self.ask(|reply| Message::CreateRun { run, actor, reply: Some(reply) }).await
    }

    /// The agent for a new run: the one that was named, unless it is held back; else the first that
    /// can be started and is not.
    pub(crate) fn free_agent(&self, wanted: Option<&str>) -> Result<Found, Error> {
        let mut discovery = self.agents();
        let at = self.now().at;
        let held = |name: &str| self.agent_state(name).hold(at).cloned();
        if wanted.is_none() && discovery.found.iter().any(|found| held(&found.name).is_none()) {
            discovery.found.retain(|found| held(&found.name).is_none());
        }
        let agent = match wanted.and_then(|name| self.agent_by_path(name)) {
            Some(agent) => agent?,
            None => discovery.choose(wanted).map_err(Error::NoAgent)?.clone(),
        };
        match held(&agent.name) {
            Some(pause) => Err(Error::AgentHeld { agent: agent.name, pause: Box::new(pause) }),
            None => match self.budget_hold(&agent.name, agent.spec.model.as_deref(), None) {
                Some(state) => Err(Error::OverBudget(state.why())),
                None => Ok(agent),
            },
        }
    }

    /// Refuses a plain folder in which another run works: there is only one of it.
    async fn alone_in(&self, folder: &Path) -> Result<(), Error> {
        let rows = self.store.read(|read| read.runs_in(&RunState::ACTIVE)).await;
        let other = rows.map_err(Error::Store)?.into_iter().find(|row| {
            row.target.as_deref().map(Path::new).is_some_and(|other| {
                other == folder || folder.starts_with(other) || other.starts_with(folder)
            })
        });
        match other {
            None => Ok(()),
            Some(row) => Err(Error::Target(format!(
                "run {} works in {} already; without git there is one folder for all. Wait for it, or \
                 make it a git repository, so that each run has a worktree of its own",
                row.id.short(),
                folder.display()
            ))),
        }
    }

    async fn run_of_key(&self, key: Option<&str>) -> Result<Option<Run>, Error> {
        let Some(key) = key.map(str::to_owned) else { return Ok(None) };
        let found = self.store.read(move |read| read.run_by_key(&key)).await;
        found.map_err(Error::Store)?.map(|row| crate::run::from_row(&row)).transpose()
    }

    /// A person cancels a run; one that is over stays as it is.
    ///
    /// # Errors
    /// Unknown run.
    pub async fn cancel_run(&self, id: RunId, actor: &str) -> Result<Run, Error> {
        let actor = actor.to_owned();
        let input = RunInput::Cancel;
        self.ask(|reply| Message::Run { id, input, actor, reply: Some(reply) }).await
    }

    /// Records events that change nothing else.
    pub async fn note(&self, drafts: Vec<Draft>) {
        let _closing = self.inbox.send(Message::Note(drafts)).await;
    }

    /// Returns when the dispatcher has taken a turn: it is neither stuck nor gone.
    ///
    /// # Errors
    /// The daemon has gone down.
    pub async fn ping(&self) -> Result<(), Error> {
        self.ask(|reply| Message::Ping(Some(reply))).await
    }

    /// The daemon is to go down, with its units or without them.
    pub async fn close(&self, keep_units: bool, actor: &str) {
        let actor = actor.to_owned();
        let _closed_already = self.inbox.send(Message::Close { keep_units, actor }).await;
    }

    /// Whether the dispatcher has ended.
    pub fn is_closed(&self) -> bool {
        *self.view.closed.borrow()
    }

    /// Resolves when the dispatcher has ended and everything is committed.
    pub async fn closed(&self) {
        let mut closed = self.view.closed.subscribe();
        let _dispatcher_gone = closed.wait_for(|closed| *closed).await;
    }
}

/// What is wrong with the evidence that is asked for, as far as it can be told before the project is
/// looked at.
fn contract_problem(wanted: &[String], has_git: bool) -> Result<(), String> {
    let wanted: Result<Vec<Wanted>, _> = wanted.iter().map(|item| item.parse()).collect();
    let wanted = wanted.map_err(|error| error.to_string())?;
    match Contract::of(&wanted, &[], None, has_git) {
        // Only the project says whether it has tests.
        Ok(_) | Err(ContractError::NoTests) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a person who wrote `asked` means this unit, agent or job (`job:NAME`).
pub fn names_secret_owner(asked: &str, name: &str) -> bool {
    asked == name || name.strip_prefix("job:") == Some(asked)
}
