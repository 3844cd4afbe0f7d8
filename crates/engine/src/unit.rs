//! One actor per instance of a unit: launches it or takes it over, tells the dispatcher what
//! happens to it, and passes orders on.

use crate::handle::View;
use crate::instance::{
    Actors, Control, Orders, await_release, describe, exit_of, failed_start, lost_exit, obey,
    start, stop_leftovers,
};
use crate::message::Message;
use crate::secret::Secrets;
use crate::spawn::FutureKind;
use orkestra_core::id::InstanceId;
use orkestra_core::signal::Signal;
use orkestra_core::span::Span;
use orkestra_core::unit::probe::Notify;
use orkestra_core::unit::spec::{FullDisk, UnitName};
use orkestra_core::unit::{Exit, Found, Input, Notice, State, Unit};
use orkestra_host::instance::{
    Full, InstanceEvent, InstanceEvents, InstanceHandle, Launch, Launcher, Notice as HostNotice,
    Notify as MayNotify, Output,
};
use orkestra_host::output::LogReader;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What a person sees of the output when a unit ends.
const LAST_LINES: usize = 5;
/// And what is read of each line.
const LINE_CHARS_MAX: usize = 16 << 10;

/// The actors of units.
pub(crate) struct Units {
    actors: Actors,
    view: Arc<View>,
}

impl Units {
    pub(crate) fn new(actors: Actors, view: Arc<View>) -> Self {
        Self { actors, view }
    }

    /// Lives that begin from now on are of this term.
    pub(crate) fn raise_term(&mut self, term: u64) {
        self.actors.term = term;
    }

    fn actor(&mut self, unit: &Unit, instance: InstanceId) -> Actor {
        let (name, env) = (&unit.name, &unit.spec.env);
        let orders = self.actors.open(instance);
        Actor {
            name: name.clone(),
            instance,
            log_dir: self.actors.options.home.join("logs").join(name.as_str()),
            outbox: self.actors.outbox.clone(),
            orders,
            world: Arc::clone(&self.actors.options.world),
            secrets: self.actors.secrets.clone(),
            view: Arc::clone(&self.view),
            env: env.clone(),
            began: self.actors.options.world.now().at,
            started_boot_ms: None,
            unanswered: false,
        }
    }

    /// Starts a life of a unit.
    pub(crate) fn launch(&mut self, unit: &Unit, instance: InstanceId) {
        let mut actor = self.actor(unit, instance);
        let launch = self.launch_of(unit, instance, actor.log_dir.clone());
        let launcher = Arc::clone(&self.actors.launcher);
        // Boxed, since it is over soon and the rest is there for every unit all the time.
        self.actors.futures.spawn(FutureKind::Instance, async move {
            match Box::pin(actor.begin(launch, launcher)).await {
                Ok((handle, events)) => actor.follow(handle, events).await,
                Err(why) => Box::pin(actor.never_started(&why)).await,
            }
        });
    }

    fn launch_of(&self, unit: &Unit, instance: InstanceId, log_dir: PathBuf) -> Launch {
        let spec = &unit.spec;
        let mut env: BTreeMap<String, String> = self.actors.options.env.iter().cloned().collect();
        env.extend(spec.env.clone());
        env.insert("ORKESTRA_ATTEMPT".to_owned(), unit.attempt.to_string());
        env.insert("ORKESTRA_RESTARTS".to_owned(), unit.restarts.to_string());
        Launch {
            name: unit.name.to_string(),
            instance: instance.to_string(),
            term: self.actors.term,
            argv: spec.command.clone(),
            env: env.into_iter().collect(),
            cwd: PathBuf::from(&spec.cwd),
            stop_signal: spec.stop.signal.number(),
            grace: Duration::from_millis(spec.stop.grace.ms()),
            output: Output::Log {
                dir: log_dir,
                max_bytes: spec.logs.max_bytes,
                keep: u64::from(spec.logs.keep),
                full: match spec.logs.full {
                    FullDisk::Block => Full::Block,
                    FullDisk::Drop => Full::Drop,
                },
            },
            stdin: None,
            nofile: Some(spec.limits.open_files.map_or(self.actors.options.nofile, |most| {
                // Beyond the hard limit only root could go, and the start would fail.
                let (_, hard) = self.actors.options.nofile;
                (most.min(hard), most.min(hard))
            })),
            user: spec.user.clone(),
            notify: spec.probes.notifies().map(|who| match who {
                Notify::Main => MayNotify::Main,
                Notify::All => MayNotify::All,
            }),
            watchdog: spec.probes.watchdog().map(|every| Duration::from_millis(every.ms())),
        }
    }

    /// What a unit printed, as it may be told.
    pub(crate) fn told(&self, unit: &Unit, lines: Vec<String>) -> Vec<String> {
        self.actors.secrets.tell(&unit.spec.env, lines)
    }

    /// Takes over a life that an earlier daemon started.
    pub(crate) fn adopt(
        &mut self,
        unit: &Unit,
        instance: InstanceId,
        handle: InstanceHandle,
        events: InstanceEvents,
        started_boot_ms: Option<u64>,
    ) {
        let mut actor = self.actor(unit, instance);
        actor.started_boot_ms = started_boot_ms;
        if let State::Running { started_at, .. } = unit.state {
            actor.began = started_at;
        }
        if let Some(pid) = unit.pid() {
            self.actors.secrets.learn_from_process(&unit.spec.env, pid, &instance.to_string());
        }
        self.actors.futures.spawn(FutureKind::Instance, actor.follow(handle, events));
    }

    /// Takes over a life whose shim lives but does not answer yet.
    pub(crate) fn adopt_silent(
        &mut self,
        unit: &Unit,
        instance: InstanceId,
        handle: InstanceHandle,
        events: InstanceEvents,
    ) {
        let mut actor = self.actor(unit, instance);
        actor.unanswered = true;
        self.actors.futures.spawn(FutureKind::Instance, actor.follow(handle, events));
    }

    /// Keeps what only has to be released.
    pub(crate) fn keep(&mut self, unit: &Unit, instance: InstanceId, handle: InstanceHandle) {
        let actor = self.actor(unit, instance);
        self.actors.futures.spawn(FutureKind::Instance, await_release(actor.orders, handle));
    }

    pub(crate) fn stop(&self, instance: InstanceId, signal: Signal, grace_ms: u64) {
        self.actors.send(instance, Control::Stop(signal, Duration::from_millis(grace_ms)));
    }

    pub(crate) fn signal(&self, instance: InstanceId, signal: Signal) {
        self.actors.send(instance, Control::Signal(signal));
    }

    pub(crate) fn release(&mut self, instance: InstanceId) {
        self.actors.release(instance);
    }
}

/// Follows one instance to its end.
struct Actor {
    name: UnitName,
    instance: InstanceId,
    log_dir: PathBuf,
    outbox: mpsc::Sender<Message>,
    orders: Orders,
    world: Arc<dyn crate::world::World>,
    secrets: Secrets,
    view: Arc<View>,
    /// What the configuration sets, references included.
    env: BTreeMap<String, String>,
    /// When this life began: what an earlier one wrote does not explain its end.
    began: jiff::Timestamp,
    /// When the leader started, in milliseconds since boot.
    started_boot_ms: Option<u64>,
    /// Its shim did not answer when it was to be taken over; its first word does that.
    unanswered: bool,
}

impl Actor {
    async fn say(&self, input: Input) {
        let message = Message::Unit { input, actor: "daemon".to_owned(), reply: None };
        let _dispatcher_gone = self.outbox.send(message).await;
    }

    /// Puts secrets in the place of their references. Reading them may take a while, and a unit
    /// that is to stop meanwhile is not started any more.
    async fn fill_secrets(&mut self, launch: &mut Launch) -> Result<(), String> {
        tokio::select! {
            filled = self.secrets.fill(&self.env, &mut launch.env) => filled,
            () = stop_asked(&mut self.orders) => {
                Err("it was stopped before its secrets were there".to_owned())
            }
        }
    }

    /// Passes on what the process says about itself.
    async fn noted(&self, notice: HostNotice) {
        let (name, instance) = (self.name.clone(), self.instance);
        let notice = match notice {
            HostNotice::Ready => Notice::Ready,
            HostNotice::Reloading => Notice::Reloading,
            HostNotice::Status(status) => Notice::Status(status),
            HostNotice::Extend(by) => {
                let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
                Notice::Extend(Span::from_ms(ms))
            }
            HostNotice::Watchdog => return self.view.answers.lives(instance),
            // Its exit says more.
            HostNotice::Stopping => return,
            HostNotice::Refused { pid } => {
                tracing::warn!(unit = %name, pid, "A process that may not speak for this unit did.");
                return;
            }
        };
        self.say(Input::Notified { name, instance, notice }).await;
    }

    /// Gets it going: its secrets, its folder, its shim.
    async fn begin(
        &mut self,
        mut launch: Launch,
        launcher: Arc<Launcher>,
    ) -> Result<(InstanceHandle, InstanceEvents), String> {
        self.fill_secrets(&mut launch).await?;
        start(&launcher, &launch).map_err(|error| describe(&error))
    }

    async fn never_started(self, why: &str) {
        let now = self.world.now();
        let exit = failed_start(why, now.at);
        let input = Input::Exited { name: self.name.clone(), instance: self.instance, exit };
        self.say(input).await;
    }

    async fn follow(mut self, handle: InstanceHandle, mut events: InstanceEvents) {
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => if Box::pin(self.saw(event)).await { break },
                    None => {
                        self.ended(lost_exit("shim_lost", self.world.now().at)).await;
                        break;
                    }
                },
                control = self.orders.recv() => match control {
                    Some(control) => if Box::pin(obey(&handle, control)).await { return },
                    None => return,
                },
            }
        }
        await_release(self.orders, handle).await;
    }

    /// Tells what happened; true when the instance has ended.
    async fn saw(&mut self, event: InstanceEvent) -> bool {
        let (name, instance) = (self.name.clone(), self.instance);
        match event {
            InstanceEvent::Started { pid, start_time } if self.unanswered => {
                self.unanswered = false;
                let started_boot_ms = orkestra_host::clock::start_time_ms(start_time);
                self.started_boot_ms = Some(started_boot_ms);
                let found = Found::Alive { pid, started_boot_ms };
                self.say(Input::Recovered { name, instance, found }).await;
                false
            }
            InstanceEvent::Started { pid, .. } => {
                self.started_boot_ms = Some(self.world.now().boot_ms);
                self.say(Input::Started { name, instance, pid }).await;
                false
            }
            InstanceEvent::Output { .. } => false,
            InstanceEvent::Notice(notice) => {
                self.noted(notice).await;
                false
            }
            // Nobody freezes units.
            InstanceEvent::CannotFreeze => false,
            InstanceEvent::Unreachable => {
                tracing::error!(unit = %name, "Its shim does not answer; it is asked on.");
                false
            }
            InstanceEvent::Superseded { term } => {
                tracing::error!(unit = %name, term, "A newer daemon holds this unit.");
                false
            }
            InstanceEvent::Failed(failure) => {
                self.ended(failed_start(&failure.message, self.world.now().at)).await;
                true
            }
            InstanceEvent::Exited(exit) => {
                let exit = exit_of(&exit);
                self.ended(exit).await;
                true
            }
            InstanceEvent::Lost => {
                // The leader died with its shim, but what it had started may live on.
                let id = instance.to_string();
                stop_leftovers(&id).await;
                self.ended(lost_exit("shim_lost", self.world.now().at)).await;
                true
            }
        }
    }

    async fn ended(&self, mut exit: Exit) {
        if let Some(started) = self.started_boot_ms {
            exit.uptime_ms = self.world.now().boot_ms.saturating_sub(started);
        }
        let lines = last_lines(&self.log_dir, self.began).await;
        exit.last_lines = self.secrets.tell(&self.env, lines);
        let input = Input::Exited { name: self.name.clone(), instance: self.instance, exit };
        self.say(input).await;
    }
}

/// Waits for the order to end.
pub(crate) async fn stop_asked(orders: &mut Orders) {
    while let Some(Control::Signal(_)) = orders.recv().await {}
}

/// The end of a unit's log, for people; a log that cannot be read has none.
pub(crate) async fn last_lines(dir: &std::path::Path, began: jiff::Timestamp) -> Vec<String> {
    let dir = dir.to_owned();
    let began = u64::try_from(began.as_microsecond()).unwrap_or(0);
    // A life that said nothing is restarted without waiting for another thread.
    if !LogReader::new(&dir).was_written_since(began) {
        return Vec::new();
    }
    let read = tokio::task::spawn_blocking(move || LogReader::new(dir).tail(LAST_LINES)).await;
    match read {
        Ok(Ok(page)) => page
            .lines
            .iter()
            .filter(|line| line.at_micros >= began)
            .map(|line| String::from_utf8_lossy(&line.bytes).chars().take(LINE_CHARS_MAX).collect())
            .collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}
