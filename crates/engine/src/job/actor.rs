//! One actor per process of a job: follows it to its end, and passes orders on.

use crate::instance::{
    Actors, Orders, await_release, describe, exit_of, failed_start, lost_exit, obey, start,
    stop_leftovers,
};
use crate::message::Message;
use crate::secret::Secrets;
use crate::world::World;
use orkestra_core::id::InstanceId;
use orkestra_core::job::Input;
use orkestra_core::job::spec::JobName;
use orkestra_core::signal::Signal;
use orkestra_core::unit::{Exit, Found};
use orkestra_host::instance::{
    Full, InstanceEvent, InstanceEvents, InstanceHandle, Launch, Launcher, Output,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A job's log: bytes per file, and files.
const LOG: (u64, u64) = (10_000_000, 5);

/// Follows one process.
pub(super) struct Actor {
    pub(super) name: JobName,
    pub(super) instance: InstanceId,
    pub(super) log_dir: PathBuf,
    pub(super) outbox: mpsc::Sender<Message>,
    pub(super) orders: Orders,
    pub(super) world: Arc<dyn World>,
    pub(super) secrets: Secrets,
    /// What the configuration sets, references included.
    pub(super) env: BTreeMap<String, String>,
    /// When this run began: what an earlier one wrote does not explain its end.
    pub(super) began: jiff::Timestamp,
    /// When the leader started, in milliseconds since boot.
    pub(super) started_boot_ms: Option<u64>,
    /// Its shim did not answer when it was to be taken over; its first word does that.
    pub(super) unanswered: bool,
}

/// How a command is started.
pub(super) fn launch(actors: &Actors, actor: &Actor, command: &[String], cwd: &str) -> Launch {
    let mut all: BTreeMap<String, String> = actors.options.env.iter().cloned().collect();
    all.extend(actor.env.clone());
    all.insert("ORKESTRA_JOB".to_owned(), actor.name.to_string());
    Launch {
        name: format!("job-{}", actor.name),
        instance: actor.instance.to_string(),
        term: actors.term,
        argv: command.to_vec(),
        env: all.into_iter().collect(),
        cwd: PathBuf::from(cwd),
        stop_signal: Signal::TERM.number(),
        grace: super::GRACE,
        output: Output::Log {
            dir: actor.log_dir.clone(),
            max_bytes: LOG.0,
            keep: LOG.1,
            full: Full::Block,
        },
        stdin: None,
        user: None,
        notify: None,
        watchdog: None,
        nofile: Some(actors.options.nofile),
    }
}

impl Actor {
    async fn say(&self, input: Input) {
        super::say(&self.outbox, input).await;
    }

    /// Starts the process and follows it.
    pub(super) async fn begin(mut self, launcher: Arc<Launcher>, mut launch: Launch) {
        let filled = tokio::select! {
            filled = self.secrets.fill(&self.env, &mut launch.env) => filled,
            () = crate::unit::stop_asked(&mut self.orders) => {
                Err("it was ended before its secrets were there".to_owned())
            }
        };
        if let Err(why) = filled {
            return self.never_started(&why).await;
        }
        match start(&launcher, &launch) {
            Ok((handle, events)) => self.follow(handle, events).await,
            Err(error) => self.never_started(&describe(&error)).await,
        }
    }

    async fn never_started(self, why: &str) {
        let exit = failed_start(why, self.world.now().at);
        let (name, instance) = (self.name.clone(), self.instance);
        self.say(Input::Exited { name, instance, exit }).await;
    }

    pub(super) async fn follow(mut self, handle: InstanceHandle, mut events: InstanceEvents) {
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => if self.saw(event).await { break },
                    None => {
                        self.ended(lost_exit("shim_lost", self.world.now().at)).await;
                        break;
                    }
                },
                control = self.orders.recv() => match control {
                    Some(control) => if obey(&handle, control).await { return },
                    None => return,
                },
            }
        }
        await_release(self.orders, handle).await;
    }

    /// Tells what happened; true when the process has ended.
    async fn saw(&mut self, event: InstanceEvent) -> bool {
        match event {
            InstanceEvent::Started { pid, start_time } if self.unanswered => {
                self.unanswered = false;
                let started_boot_ms = orkestra_host::clock::start_time_ms(start_time);
                self.started_boot_ms = Some(started_boot_ms);
                let found = Found::Alive { pid, started_boot_ms };
                let (name, instance) = (self.name.clone(), self.instance);
                self.say(Input::Recovered { name, instance, found }).await;
                false
            }
            InstanceEvent::Started { .. } => {
                self.started_boot_ms = Some(self.world.now().boot_ms);
                false
            }
            InstanceEvent::Unreachable | InstanceEvent::Superseded { .. } => {
                tracing::error!(job = %self.name, ?event, "Its shim cannot be spoken to.");
                false
            }
            InstanceEvent::Failed(failure) => {
                self.ended(failed_start(&failure.message, self.world.now().at)).await;
                true
            }
            InstanceEvent::Exited(exit) => {
                self.ended(exit_of(&exit)).await;
                true
            }
            InstanceEvent::Lost => {
                stop_leftovers(&self.instance.to_string()).await;
                self.ended(lost_exit("shim_lost", self.world.now().at)).await;
                true
            }
            // Sizes of raw files, and whatever later shims tell.
            _ => false,
        }
    }

    async fn ended(&self, mut exit: Exit) {
        if let Some(started) = self.started_boot_ms {
            exit.uptime_ms = self.world.now().boot_ms.saturating_sub(started);
        }
        let lines = crate::unit::last_lines(&self.log_dir, self.began).await;
        exit.last_lines = self.secrets.tell(&self.env, lines);
        let (name, instance) = (self.name.clone(), self.instance);
        self.say(Input::Exited { name, instance, exit }).await;
    }
}
