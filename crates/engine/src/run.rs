//! One actor per run: makes its worktree, starts its agent, and turns the raw stream into events.
//!
//! The stream lies in an append-only file that the agent writes itself, so it survives the daemon.
//! An adapter is deterministic: after a crash it reads the file again from its start, and what is
//! committed already is passed over.

mod actor;
mod launch;
mod story;
mod trouble;

use self::actor::Actor;
use self::trouble::{Place, Signs};
use crate::error::Error;
use crate::evidence::{Checks, End, place};
use crate::instance::{Actors, Control, await_release};
use crate::message::Message;
use crate::options::Agents;
use crate::spawn::FutureKind;
use orkestra_agents::{Begin, Kind, adapter};
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::run::{Run, RunInput, RunOrder};
use orkestra_core::unit::Exit;
use orkestra_host::instance::{InstanceEvents, InstanceHandle};
use orkestra_host::raw::RawReader;
use orkestra_host::sample::Sampler;
use orkestra_store::RunRow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long an agent may take to end in good order.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A stored run.
pub(crate) fn from_row(row: &RunRow) -> Result<Run, Error> {
    serde_json::from_str(&row.body).map_err(|error| {
        let what = format!("run {} cannot be read: {error}", row.id);
        Error::Store(orkestra_store::Error::Damaged { what })
    })
}

/// The actors of runs.
pub(crate) struct Runs {
    actors: Actors,
    pub(crate) checks: Checks,
}

impl Runs {
    pub(crate) fn new(actors: Actors) -> Self {
        let checks = Checks::new(
            actors.options.clone(),
            actors.term,
            Arc::clone(&actors.launcher),
            actors.outbox.clone(),
            actors.futures.clone(),
            actors.secrets.clone(),
        );
        Self { actors, checks }
    }

    /// Lives that begin from now on are of this term.
    /// With what commands are started that are no run's.
    pub(crate) fn commands(&self) -> crate::evidence::Commands {
        self.checks.commands()
    }

    pub(crate) fn raise_term(&mut self, term: u64) {
        self.actors.term = term;
        self.checks.raise_term(term);
    }

    /// Carries out what was decided about a run.
    pub(crate) fn carry_out(&mut self, run: &Run, order: &RunOrder, agents: &Agents) {
        match order {
            RunOrder::Prepare => self.prepare(run),
            RunOrder::Launch { instance } => match self.spec_of(run, agents) {
                Ok(spec) => self.launch(run, *instance, &spec),
                Err(why) => self.refuse(run.id, why),
            },
            RunOrder::Stop { instance } => {
                let signal = kind_of(run).stop_signal();
                self.actors.send(*instance, Control::Stop(signal, GRACE));
            }
            RunOrder::Freeze { instance } => self.actors.send(*instance, Control::Freeze),
            RunOrder::Thaw { instance } => self.actors.send(*instance, Control::Thaw),
            RunOrder::Wake { at } => self.wake_at(run.id, *at),
            // Part of the same commit, by the dispatcher.
            RunOrder::Limit { .. } => {}
            RunOrder::Release { instance } => self.release(*instance),
            RunOrder::Check { round } => self.checks.begin(run, *round),
            RunOrder::GiveChecksUp => self.checks.give_up(run.id),
        }
    }

    pub(crate) fn release(&mut self, instance: InstanceId) {
        self.actors.release(instance);
    }

    fn refuse(&self, id: RunId, why: String) {
        let outbox = self.actors.outbox.clone();
        self.actors.futures.spawn(FutureKind::Run, async move {
            say(&outbox, id, RunInput::Refused { why }).await
        });
    }

    /// Has a suspended run look again whether it can go on.
    fn wake_at(&self, id: RunId, at: jiff::Timestamp) {
        let outbox = self.actors.outbox.clone();
        let left = at.duration_since(self.actors.options.world.now().at);
        let left = Duration::try_from(left).unwrap_or_default();
        self.actors.futures.spawn(FutureKind::Service, async move {
            tokio::time::sleep(left + Duration::from_millis(1)).await;
            say(&outbox, id, RunInput::Wake).await;
        });
    }

    /// Makes where it works; also after a crash, when it may be there already.
    pub(crate) fn prepare(&self, run: &Run) {
        let (options, run) = (self.actors.options.clone(), run.clone());
        let outbox = self.actors.outbox.clone();
        self.actors.futures.spawn(FutureKind::Run, async move {
            let input = match place::prepare(&options, &run).await {
                Ok(place::Prepared { worktree, contract, given }) => {
                    RunInput::Prepared { worktree, contract, given }
                }
                Err(why) => RunInput::Refused { why },
            };
            say(&outbox, run.id, input).await;
        });
    }

    /// Takes over a run that an earlier daemon started.
    pub(crate) fn adopt(
        &mut self,
        run: &Run,
        instance: InstanceId,
        handle: InstanceHandle,
        events: InstanceEvents,
        pid: Option<u32>,
    ) {
        let mut actor = self.actor(run, instance);
        actor.pid = pid.or(run.pid());
        self.actors.futures.spawn(FutureKind::Run, async move {
            // What was written while no daemon watched is announced by nobody.
            actor.read_on(false).await;
            actor.follow(handle, events).await;
        });
    }

    /// Tells how a run ended while no daemon watched.
    pub(crate) fn ended_meanwhile(
        &mut self,
        run: &Run,
        instance: InstanceId,
        exit: Exit,
        handle: Option<InstanceHandle>,
    ) {
        let mut actor = self.actor(run, instance);
        self.actors.futures.spawn(FutureKind::Run, async move {
            actor.read_on(true).await;
            actor.ended(exit).await;
            if let Some(handle) = handle {
                await_release(actor.orders, handle).await;
            }
        });
    }

    fn actor(&mut self, run: &Run, instance: InstanceId) -> Actor {
        let orders = self.actors.open(instance);
        let folder = attempt_folder(&self.actors.options.home, run);
        let mut adapter = adapter(kind_of(run));
        let used = run.attempt().map(|attempt| attempt.used_before.clone()).unwrap_or_default();
        adapter.begin(Begin { model: run.model.clone(), used });
        Actor {
            id: run.id,
            instance,
            reader: Some(RawReader::new(&folder.join("stdout"), 0)),
            stderr: folder.join("stderr"),
            end: End { options: self.actors.options.clone(), run: run.clone() },
            outbox: self.actors.outbox.clone(),
            orders,
            world: Arc::clone(&self.actors.options.world),
            adapter,
            secrets: self.actors.secrets.clone(),
            offset: 0,
            committed: run.offset,
            started_boot_ms: None,
            kind: kind_of(run),
            signs: Signs::default(),
            place: Place {
                worktree: run
                    .worktree
                    .as_ref()
                    .map(|at| PathBuf::from(&at.path))
                    .unwrap_or_default(),
                allowed: vec![PathBuf::from(&run.target)],
            },
            limits: run.limits,
            pid: None,
            sampler: Some(Sampler::default()),
        }
    }
}

/// Where the present attempt's raw stream and prompt lie. Runs of versions that had one attempt
/// only have them beside where attempts have folders now.
fn attempt_folder(home: &Path, run: &Run) -> PathBuf {
    let folder = home.join("runs").join(run.id.to_string());
    match run.attempt() {
        Some(attempt) => folder.join(attempt.number.to_string()),
        None => folder,
    }
}

fn kind_of(run: &Run) -> Kind {
    run.kind.parse().unwrap_or(Kind::Script)
}

async fn say(outbox: &mpsc::Sender<Message>, id: RunId, input: RunInput) {
    let message = Message::Run { id, input, actor: "daemon".to_owned(), reply: None };
    let _dispatcher_gone = outbox.send(message).await;
}
