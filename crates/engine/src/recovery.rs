//! The start of the daemon: what an earlier one left is taken over, noticed or stopped before
//! anything new begins (DESIGN: units, identity).

use crate::agent_state::{self, AgentStates};
use crate::dispatch::Dispatcher;
use crate::error::Error;
use crate::handle::{Handle, StoreState, View};
use crate::hook::Hooks;
use crate::instance::{Actors, describe, exit_of, lost_exit, release, stop_leftovers};
use crate::job::{self, JobActors};
use crate::journal::Journal;
use crate::message::Message;
use crate::options::Options;
use crate::probe::Probers;
use crate::repair::{self, Repair};
use crate::run::{self, Runs};
use crate::secret::Secrets;
use crate::spawn::{FutureKind, Futures};
use crate::unit::Units;
use futures::StreamExt;
use orkestra_core::event::{Draft, Topic};
use orkestra_core::id::InstanceId;
use orkestra_core::job::spec::JobName;
use orkestra_core::job::{Current, Input as JobInput, Jobs};
use orkestra_core::run::{CheckInput, Run, RunInput, RunState};
use orkestra_core::unit::{Fleet, Found, Input, Unit};
use orkestra_host::instance::{self, Adopted, InstanceEvent, Launcher, State as LeaderState};
use orkestra_store::{Error as StoreError, Filter, Store};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Messages that may wait for the dispatcher; senders wait when it is full.
const INBOX: usize = 4096;

/// How many shims are asked at once at the start: more would only wait for each other.
const ASKED_AT_ONCE: usize = 64;

/// How long the command of a check gets that is not wanted any more.
const CHECK_GRACE: Duration = Duration::from_millis(500);

/// How long a stray gets before it is killed.
const STRAY_GRACE: Duration = Duration::from_secs(5);

/// Starts the engine: raises the term, takes over what lives, and begins to dispatch.
///
/// # Errors
/// The store cannot be read or written, or a row is damaged.
pub async fn start(mut options: Options, futures: &Futures) -> Result<Handle, Error> {
    // Each part of the engine gets the options; none of them needs a copy of a thousand units.
    let units = std::mem::take(&mut options.units);
    let boot = orkestra_host::boot::boot_id().unwrap_or_default();
    let raise = || {
        let boot = boot.clone();
        options.store.write(move |tx| {
            let before = tx.meta("boot_id")?;
            tx.set_meta("boot_id", &boot)?;
            Ok((tx.raise_term()?, before.is_some_and(|before| before != boot)))
        })
    };
    let raised = match raise().await {
        // What lives must be taken over on a full disk too: that is what the reserve is for.
        Err(StoreError::Full) => {
            let _without_it = orkestra_host::reserve::release(&options.home.join("reserve"));
            raise().await
        }
        raised => raised,
    };
    let (term, other_boot) = raised.map_err(Error::Store)?.value;
    let (fleet, runs, jobs) = load(&options).await?;
    let agent_states = load_agent_states(&options).await?;
    let desk = crate::approval::Desk::load(&options.store, &runs).await?;
    let launcher = Launcher::new(&options.home.join("run")).map_err(|error| {
        Error::Target(format!("the shim cannot be made ready: {}", describe(&error)))
    })?;
    let launcher = Arc::new(launcher);
    let (outbox, inbox) = mpsc::channel(INBOX);
    let secrets = Secrets::new(options.env.clone());
    let view = Arc::new(View {
        secrets: secrets.clone(),
        fleet: RwLock::new(fleet.clone()),
        agents: RwLock::new(options.agents.clone()),
        jobs: RwLock::new(jobs.clone()),
        agent_states: RwLock::new(agent_states.clone()),
        jobs_changed: watch::Sender::new(0),
        upkeep: RwLock::new(options.upkeep.clone()),
        started_boot_ms: options.world.now().boot_ms,
        effects: tokio::sync::Notify::new(),
        budgets: tokio::sync::Notify::new(),
        own_checks: crate::check::OwnChecks::new(),
        github: crate::issue::GitHubView::default(),
        budget_holds: RwLock::default(),
        env: options.env.clone(),
        store_state: watch::Sender::new(StoreState::Ok),
        closed: watch::Sender::new(false),
        changed: watch::Sender::new(0),
        answers: crate::probe::Answers::default(),
        samples: crate::sample::Samples::default(),
        creating: tokio::sync::Mutex::new(()),
        taking_up: tokio::sync::Mutex::new(()),
        hook_slots: tokio::sync::Semaphore::new(crate::approval::HOOKS_AT_ONCE),
        run_key: crate::approval::RunKey::open(&options.home).map_err(|error| {
            Error::Target(format!("the key for tokens of runs cannot be made: {error}"))
        })?,
    });
    let handle = handle_of(&options, &outbox, &view);
    let actors = || {
        let (options, launcher) = (options.clone(), Arc::clone(&launcher));
        Actors::new(options, term, launcher, outbox.clone(), futures.clone(), secrets.clone())
    };
    let (unit_actors, run_actors) = (Units::new(actors(), Arc::clone(&view)), Runs::new(actors()));
    let sampler = crate::sample::Service::new(options.clone(), outbox.clone(), Arc::clone(&view));
    let probers = Probers::new(options.clone(), outbox.clone(), futures.clone(), Arc::clone(&view));
    let job_actors = JobActors::new(actors(), handle.clone());
    let mut dispatcher = Dispatcher {
        probers,
        hooks: Hooks::new(outbox.clone(), secrets.clone()),
        alarms: BTreeMap::new(),
        journal: Journal::new(options.store.clone(), &options.home, secrets.clone()),
        options,
        fleet,
        runs,
        jobs,
        agent_states,
        desk,
        inbox,
        outbox,
        view,
        unit_actors,
        run_actors,
        job_actors,
        futures: futures.clone(),
        keep_units: false,
        close_by: None,
    };
    keep_accounts(&handle).await;
    let first = take_over(&mut dispatcher, term, other_boot).await;
    let _first_of_its_kind = dispatcher.view.own_checks.set(dispatcher.run_actors.commands());
    let now = dispatcher.options.world.now();
    for wait in dispatcher.fleet.waits(now) {
        if let orkestra_core::unit::Order::Wait { name, generation, delay_ms } = wait {
            dispatcher.call_back(delay_ms, Input::WaitOver { name, generation });
        }
    }
    for state in dispatcher.agent_states.values() {
        dispatcher.remind_of_agent(state, now.at);
    }
    let (agents, jobs) = (dispatcher.options.agents.clone(), dispatcher.options.jobs.clone());
    dispatcher.begin(first).await;
    futures.spawn(FutureKind::Dispatcher, dispatcher.run());
    handle.configure(units, agents, jobs, "config").await?;
    job::keep_time(&handle, futures);
    futures.spawn(FutureKind::Service, sampler.run());
    crate::alert::watch(&handle, futures);
    crate::effect::watch(&handle, futures);
    crate::vote::watch(&handle, futures);
    crate::budget::watch(&handle, futures);
    crate::issue::watch(&handle, futures);
    crate::session::watch(&handle, futures);
    crate::consumer::follow(&handle, futures, crate::session::consumer(&handle));
    crate::notice::watch(&handle, futures);
    crate::snapshot::watch(&handle, futures);
    crate::assign::watch(&handle, futures);
    crate::task::watch(&handle, futures);
    crate::merge::watch(&handle, futures);
    crate::consumer::follow(&handle, futures, crate::merge::consumer(&handle));
    crate::overlap::watch(&handle, futures);
    crate::review::watch(&handle, futures);
    crate::check::watch(&handle, futures);
    crate::healing::watch(&handle, futures);
    Ok(handle)
}

fn handle_of(options: &Options, outbox: &mpsc::Sender<Message>, view: &Arc<View>) -> Handle {
    let path = options.env.iter().find(|(name, _)| name == "PATH");
    Handle {
        inbox: outbox.clone(),
        view: Arc::clone(view),
        store: options.store.clone(),
        world: Arc::clone(&options.world),
        home: options.home.clone(),
        path: path.map(|(_, value)| value.clone()).unwrap_or_default(),
    }
}

/// Where alerts begin, and what the outbox was at. Units come first: on a full disk this waits for
/// another start.
async fn keep_accounts(handle: &Handle) {
    let begun = crate::alert::begin(handle).await;
    let recovered = crate::effect::recover(handle).await;
    for error in [begun.err(), recovered.err()].into_iter().flatten() {
        tracing::error!(%error, "Alerts and outbox could not be taken up.");
    }
}

async fn load(
    options: &Options,
) -> Result<(Fleet, BTreeMap<orkestra_core::id::RunId, Run>, Jobs), Error> {
    let (units, runs, job_rows) = options
        .store
        .read(|read| {
            let runs = read.runs_in(&RunState::ACTIVE)?;
            Ok((read.units()?, runs, read.jobs()?))
        })
        .await
        .map_err(Error::Store)?;
    let mut fleet = Fleet::default();
    for row in units {
        let unit: Unit = serde_json::from_str(&row.body).map_err(|error| {
            let what = format!("unit {} cannot be read: {error}", row.name);
            Error::Store(orkestra_store::Error::Damaged { what })
        })?;
        fleet.units.insert(unit.name.clone(), unit);
    }
    let mut active = BTreeMap::new();
    for row in runs {
        let run = run::from_row(&row)?;
        active.insert(run.id, run);
    }
    let mut jobs = Jobs::default();
    for row in job_rows {
        let job = job::from_row(&row)?;
        jobs.jobs.insert(job.name.clone(), job);
    }
    Ok((fleet, active, jobs))
}

async fn load_agent_states(options: &Options) -> Result<AgentStates, Error> {
    let rows = options.store.read(|read| read.agent_states()).await.map_err(Error::Store)?;
    let states = rows.iter().map(agent_state::from_row);
    states.map(|state| state.map(|state| (state.name.clone(), state))).collect()
}

/// How the daemon before this one ended: `first` (there was none), `stopped`, `boot` (the machine
/// went down with it), or `crash`.
async fn ended_before(dispatcher: &Dispatcher, other_boot: bool) -> &'static str {
    let kinds = ["daemon.started", "daemon.stopped"].map(str::to_owned).to_vec();
    let filter = Filter { kinds, limit: 1, newest_first: true, ..Filter::default() };
    let newest = dispatcher.options.store.read(move |read| read.events(&filter)).await;
    match newest.unwrap_or_default().first().map(|event| event.kind.as_str()) {
        None => "first",
        Some("daemon.stopped") => "stopped",
        Some(_) if other_boot => "boot",
        Some(_) => "crash",
    }
}

/// Looks at every life that is recorded and at every folder that is there; returns what the
/// dispatcher has to decide first.
async fn take_over(dispatcher: &mut Dispatcher, term: u64, other_boot: bool) -> Vec<Message> {
    let run_dir = dispatcher.options.home.join("run");
    let boot = orkestra_host::boot::boot_id().unwrap_or_default();
    let started = json!({"version": dispatcher.options.version, "pid": std::process::id(),
        "term": term, "boot_id": boot, "after": ended_before(dispatcher, other_boot).await});
    let mut first = vec![Message::Note(vec![Draft::new(
        "daemon.started",
        Topic::Daemon,
        "daemon",
        "daemon",
        started,
    )])];
    let store = dispatcher.options.store.clone();
    let mut claim = Claim { store, run_dir, term, asked: BTreeMap::new() };
    claim.ask_all().await;
    let mut known: BTreeSet<InstanceId> = BTreeSet::new();
    let lives: Vec<(Unit, InstanceId)> = dispatcher
        .fleet
        .units
        .values()
        .filter_map(|unit| unit.instance().map(|instance| (unit.clone(), instance)))
        .collect();
    for (unit, instance) in lives {
        known.insert(instance);
        let adopted = claim.adopt(instance).await;
        let Some(found) = found_of_unit(dispatcher, &unit, instance, adopted, other_boot).await
        else {
            continue;
        };
        let input = Input::Recovered { name: unit.name.clone(), instance, found };
        first.push(Message::Unit { input, actor: "daemon".to_owned(), reply: None });
    }
    let runs: Vec<Run> = dispatcher.runs.values().cloned().collect();
    for run in runs {
        known.extend(run.instance());
        known.extend(run.evidence.instance);
        take_over_run(dispatcher, &run, &mut claim, &mut first).await;
    }
    take_over_jobs(dispatcher, &mut claim, &mut known, other_boot, &mut first).await;
    first.extend(stop_strays(&mut claim, &known).await);
    dispatcher.job_actors.raise_term(claim.term);
    dispatcher.unit_actors.raise_term(claim.term);
    dispatcher.run_actors.raise_term(claim.term);
    first
}

/// With what instances are taken over.
struct Claim {
    store: Store,
    run_dir: PathBuf,
    term: u64,
    /// What each said that answered at once.
    asked: BTreeMap<InstanceId, Adopted>,
}

impl Claim {
    /// Asks every instance that has a folder, many at a time: a shim that does not answer costs
    /// seconds, and must not cost them for each of a thousand others.
    async fn ask_all(&mut self) {
        let folders = instance::list_instances(&self.run_dir).unwrap_or_default();
        let ids = folders.iter().filter_map(|folder| folder.parse::<InstanceId>().ok());
        let (run_dir, term) = (&self.run_dir, self.term);
        let asked = futures::stream::iter(ids)
            .map(|id| async move { (id, instance::adopt(run_dir, &id.to_string(), term).await) })
            .buffer_unordered(ASKED_AT_ONCE)
            .filter_map(|(id, adopted)| async move {
                // Trouble is met one by one, and with patience, by `adopt`.
                match adopted {
                    Err(_) | Ok(Adopted::Superseded { .. }) => None,
                    Ok(adopted) => Some((id, adopted)),
                }
            });
        self.asked = asked.collect().await;
    }

    /// What became of an instance; one that cannot be looked at is looked at again, since nothing
    /// may be started in its place.
    async fn adopt(&mut self, id: InstanceId) -> Adopted {
        if let Some(adopted) = self.asked.remove(&id) {
            return adopted;
        }
        let id = id.to_string();
        let mut wait = Duration::from_millis(100);
        loop {
            match instance::adopt(&self.run_dir, &id, self.term).await {
                // Only the holder of the home's lock may come here, so no newer daemon lives: it is
                // our database that is older than what the shim has heard.
                Ok(Adopted::Superseded { term: heard }) if heard >= self.term => {
                    tracing::warn!(instance = %id, heard, "The database is older than a shim; raising the term.");
                    match self.store.write(move |tx| tx.raise_term_above(heard)).await {
                        Ok(raised) => {
                            self.term = raised.value;
                            continue;
                        }
                        Err(error) => tracing::error!(%error, "The term cannot be raised."),
                    }
                }
                Ok(adopted) => return adopted,
                Err(error) => {
                    tracing::error!(instance = %id, error = %describe(&error),
                        "An instance cannot be looked at; nothing is started in its place.");
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }
}

async fn found_of_unit(
    dispatcher: &mut Dispatcher,
    unit: &Unit,
    instance: InstanceId,
    adopted: Adopted,
    other_boot: bool,
) -> Option<Found> {
    let now = dispatcher.options.world.now();
    match adopted {
        Adopted::Alive { state, handle, events } => {
            let found = match state {
                LeaderState::Starting => Found::StillStarting,
                LeaderState::Running { pid, start_time }
                | LeaderState::Stopping { pid, start_time } => {
                    let started_boot_ms = orkestra_host::clock::start_time_ms(start_time);
                    Found::Alive { pid, started_boot_ms }
                }
            };
            let started = match found {
                Found::Alive { started_boot_ms, .. } => Some(started_boot_ms),
                _ => None,
            };
            dispatcher.unit_actors.adopt(unit, instance, handle, events, started);
            Some(found)
        }
        Adopted::Exited { exit, handle } => {
            dispatcher.unit_actors.keep(unit, instance, handle);
            let mut exit = exit_of(&exit);
            let mut began = now.at;
            if let orkestra_core::unit::State::Running { started_at, .. } = unit.state {
                began = started_at;
                let lived = exit.at.duration_since(started_at).as_millis();
                exit.uptime_ms = u64::try_from(lived).unwrap_or(0);
            }
            let logs = dispatcher.options.home.join("logs").join(unit.name.as_str());
            let lines = crate::unit::last_lines(&logs, began).await;
            exit.last_lines = dispatcher.unit_actors.told(unit, lines);
            Some(Found::Exited(exit))
        }
        Adopted::Lost { handle } => {
            dispatcher.unit_actors.keep(unit, instance, handle);
            if other_boot {
                return Some(Found::OtherBoot);
            }
            if matches!(unit.state, orkestra_core::unit::State::Starting { .. }) {
                // The folder was made, the shim was not, or it died before its leader's word.
                stop_leftovers(&instance.to_string()).await;
                return Some(Found::NeverStarted);
            }
            stop_leftovers(&instance.to_string()).await;
            Some(Found::Exited(lost_exit("shim_lost", now.at)))
        }
        // It lives but does not answer: its state stays, and its events tell more once it does.
        Adopted::Unreachable { handle, events } => {
            tracing::error!(unit = %unit.name, "Its shim lives but does not answer.");
            dispatcher.unit_actors.adopt_silent(unit, instance, handle, events);
            None
        }
        Adopted::Missing if other_boot => Some(Found::OtherBoot),
        // The home's lock is ours, so a newer daemon can only have been one on a copied home.
        Adopted::Superseded { .. } | Adopted::Missing => match unit.state {
            orkestra_core::unit::State::Starting { .. } => Some(Found::NeverStarted),
            _ => Some(Found::Exited(lost_exit("lost", now.at))),
        },
    }
}

async fn take_over_run(
    dispatcher: &mut Dispatcher,
    run: &Run,
    claim: &mut Claim,
    first: &mut Vec<Message>,
) {
    let Some(instance) = run.instance() else {
        if run.evidence.checking {
            begin_checks_anew(run, claim, first).await;
            return;
        }
        match run.state {
            RunState::Preparing => dispatcher.run_actors.prepare(run),
            // Its time may have come, and else its clock is set again.
            RunState::Suspended { .. } => first.push(Message::Run {
                id: run.id,
                input: RunInput::Wake,
                actor: "daemon".to_owned(),
                reply: None,
            }),
            _ => {}
        }
        return;
    };
    let id = run.id;
    let mut tell = |input| {
        first.push(Message::Run { id, input, actor: "daemon".to_owned(), reply: None });
    };
    let now = dispatcher.options.world.now();
    let never_started =
        matches!(run.state, RunState::Starting { .. } | RunState::Stopping { pid: None, .. });
    match claim.adopt(instance).await {
        Adopted::Alive { state, handle, events } => {
            let mut known = None;
            if let LeaderState::Running { pid, .. } | LeaderState::Stopping { pid, .. } = state {
                tell(RunInput::Started { instance, pid, adopted: true });
                known = Some(pid);
            }
            dispatcher.run_actors.adopt(run, instance, handle, events, known);
        }
        Adopted::Exited { exit, handle } => {
            dispatcher.run_actors.ended_meanwhile(run, instance, exit_of(&exit), Some(handle));
        }
        Adopted::Lost { handle } => {
            stop_leftovers(&instance.to_string()).await;
            let exit = lost_exit("shim_lost", now.at);
            dispatcher.run_actors.ended_meanwhile(run, instance, exit, Some(handle));
        }
        Adopted::Unreachable { handle, events } => {
            dispatcher.run_actors.adopt(run, instance, handle, events, None);
        }
        Adopted::Superseded { .. } | Adopted::Missing if never_started => {
            tell(RunInput::StartAgain);
        }
        Adopted::Superseded { .. } | Adopted::Missing => {
            let exit = lost_exit("lost", now.at);
            dispatcher.run_actors.ended_meanwhile(run, instance, exit, None);
        }
    }
}

/// Checks that an earlier daemon began are made anew; the process that one of them has is ended
/// first, so that two never work in one place.
async fn begin_checks_anew(run: &Run, claim: &mut Claim, first: &mut Vec<Message>) {
    if let Some(instance) = run.evidence.instance {
        match claim.adopt(instance).await {
            Adopted::Alive { handle, events, .. } | Adopted::Unreachable { handle, events } => {
                end(&handle, events).await;
                release(&handle).await;
            }
            Adopted::Exited { handle, .. } => release(&handle).await,
            Adopted::Lost { handle } => {
                stop_leftovers(&instance.to_string()).await;
                release(&handle).await;
            }
            Adopted::Superseded { .. } | Adopted::Missing => {}
        }
    }
    let why = "the daemon ended while they were made".to_owned();
    let input = RunInput::Check(CheckInput::Again { why });
    first.push(Message::Run { id: run.id, input, actor: "daemon".to_owned(), reply: None });
}

/// Ends a process and waits until it has ended.
async fn end(handle: &instance::InstanceHandle, mut events: instance::InstanceEvents) {
    handle.stop(CHECK_GRACE, None).await;
    while let Some(event) = events.next().await {
        if matches!(
            event,
            InstanceEvent::Exited(_) | InstanceEvent::Lost | InstanceEvent::Failed(_)
        ) {
            return;
        }
    }
}

/// Processes of jobs are taken over like those of units; what has no process is taken up again.
async fn take_over_jobs(
    dispatcher: &mut Dispatcher,
    claim: &mut Claim,
    known: &mut BTreeSet<InstanceId>,
    other_boot: bool,
    first: &mut Vec<Message>,
) {
    let mut tell = |input| {
        first.push(Message::Job { input, actor: "daemon".to_owned(), reply: None });
    };
    let living: Vec<(JobName, Current)> = dispatcher
        .jobs
        .jobs
        .values()
        .filter(|job| job.instance().is_some())
        .filter_map(|job| Some((job.name.clone(), job.current.clone()?)))
        .collect();
    for (name, current) in living {
        let instance = current.record.instance;
        known.insert(instance);
        let adopted = claim.adopt(instance).await;
        if let Some(found) = found_of_job(dispatcher, &name, &current, adopted, other_boot).await {
            tell(JobInput::Recovered { name, instance, found });
        }
    }
    for (name, record, action) in job::take_up(&dispatcher.jobs) {
        match dispatcher.outcome_of_run(&record).await {
            Some(result) => {
                tell(JobInput::Ended { name, instance: record.instance, result });
            }
            None if record.run.is_some() => {}
            None => dispatcher.job_actors.begin(&name, record.instance, &action),
        }
    }
}

async fn found_of_job(
    dispatcher: &mut Dispatcher,
    name: &JobName,
    current: &Current,
    adopted: Adopted,
    other_boot: bool,
) -> Option<Found> {
    let (record, instance) = (&current.record, current.record.instance);
    let at = dispatcher.options.world.now().at;
    match adopted {
        Adopted::Alive { state, handle, events } => {
            let found = match state {
                LeaderState::Starting => Found::StillStarting,
                LeaderState::Running { pid, start_time }
                | LeaderState::Stopping { pid, start_time } => {
                    let started_boot_ms = orkestra_host::clock::start_time_ms(start_time);
                    Found::Alive { pid, started_boot_ms }
                }
            };
            let started = match found {
                Found::Alive { pid, started_boot_ms } => (Some(pid), started_boot_ms),
                _ => (None, dispatcher.options.world.now().boot_ms),
            };
            dispatcher.job_actors.adopt(current, name, handle, events, Some(started));
            Some(found)
        }
        Adopted::Exited { exit, handle } => {
            dispatcher.job_actors.keep(name, instance, handle);
            let mut exit = exit_of(&exit);
            let lived = exit.at.duration_since(record.started_at).as_millis();
            exit.uptime_ms = u64::try_from(lived).unwrap_or(0);
            let logs = dispatcher.options.home.join("logs").join(name.log_folder());
            let lines = crate::unit::last_lines(&logs, record.started_at).await;
            exit.last_lines = dispatcher.job_actors.told(&current.action, lines);
            Some(Found::Exited(exit))
        }
        Adopted::Lost { handle } => {
            dispatcher.job_actors.keep(name, instance, handle);
            if other_boot {
                return Some(Found::OtherBoot);
            }
            stop_leftovers(&instance.to_string()).await;
            // A shim that died may have begun: whatever it did is not done again.
            Some(Found::Exited(lost_exit("shim_lost", at)))
        }
        // It lives but does not answer: its events tell more once it does.
        Adopted::Unreachable { handle, events } => {
            tracing::error!(job = %name, "Its shim lives but does not answer.");
            dispatcher.job_actors.adopt(current, name, handle, events, None);
            None
        }
        Adopted::Missing if other_boot => Some(Found::OtherBoot),
        // Its folder is made before anything of it begins.
        Adopted::Superseded { .. } | Adopted::Missing => Some(Found::NeverStarted),
    }
}

/// Folders that no row knows: their processes are stopped and reported, since nobody could ever
/// stop them otherwise. One whose exit was committed only waits to be released.
async fn stop_strays(claim: &mut Claim, known: &BTreeSet<InstanceId>) -> Vec<Message> {
    let folders = match instance::list_instances(&claim.run_dir) {
        Ok(folders) => folders,
        Err(error) => {
            tracing::error!(error = %describe(&error), "The run folder cannot be listed.");
            return Vec::new();
        }
    };
    let mut notes = Vec::new();
    let mut strays = Vec::new();
    let mut repairs = Vec::new();
    for folder in folders {
        let Ok(id) = folder.parse::<InstanceId>() else { continue };
        if known.contains(&id) {
            continue;
        }
        match claim.adopt(id).await {
            Adopted::Alive { state, handle, events } => {
                let pid = match state {
                    LeaderState::Starting => None,
                    LeaderState::Running { pid, .. } | LeaderState::Stopping { pid, .. } => {
                        Some(pid)
                    }
                };
                tracing::warn!(instance = %id, ?pid, "A process that no row knows is being stopped.");
                handle.stop(STRAY_GRACE, None).await;
                strays.push((handle, events));
                let body = json!({"instance": id, "pid": pid,
                    "why": "the journal knows no unit or run that it belongs to"});
                notes.push(Draft::new("unit.stray_stopped", Topic::Unit, &folder, "daemon", body));
            }
            Adopted::Exited { handle, .. } => release(&handle).await,
            Adopted::Lost { handle } => {
                stop_leftovers(&folder).await;
                release(&handle).await;
                let done = "No unit or run knows it and its shim is gone; what was left of it was \
                    ended, and its folder and lock were removed.";
                repairs.push(Repair::new("instance", &folder, done));
            }
            Adopted::Unreachable { .. } => {
                tracing::error!(instance = %id, "The shim of a process that no row knows does not answer.");
            }
            Adopted::Superseded { .. } | Adopted::Missing => {}
        }
    }
    // All were asked, so that all have the same grace.
    for (handle, mut events) in strays {
        while let Some(event) = events.next().await {
            if matches!(
                event,
                InstanceEvent::Exited(_) | InstanceEvent::Lost | InstanceEvent::Failed(_)
            ) {
                break;
            }
        }
        release(&handle).await;
    }
    if !repairs.is_empty() {
        notes.push(repair::draft(&repairs, "daemon"));
    }
    if notes.is_empty() { Vec::new() } else { vec![Message::Note(notes)] }
}
