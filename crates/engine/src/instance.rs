//! What the actors of units and of runs share: one actor per instance, words to it, its end.

use crate::message::Message;
use crate::options::Options;
use crate::secret::Secrets;
use crate::spawn::Futures;
use orkestra_core::id::InstanceId;
use orkestra_core::signal::Signal;
use orkestra_core::unit::Exit;
use orkestra_host::instance::{Exit as HostExit, InstanceEvents, InstanceHandle, Launch, Launcher};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::RuntimeFlavor;
use tokio::sync::mpsc;

/// A word to an actor.
#[derive(Debug)]
pub(crate) enum Control {
    /// End the tree.
    Stop(Signal, Duration),
    /// Send a signal.
    Signal(Signal),
    /// Halt the tree.
    Freeze,
    /// Let the tree go on.
    Thaw,
    /// The exit is committed.
    Release,
}

/// Words on their way to an actor. Unbounded, since the dispatcher must never wait for an actor
/// that waits for the dispatcher; their number is bounded by decisions about one instance.
type Controls = mpsc::UnboundedSender<Control>;

/// Where an actor hears them.
pub(crate) type Orders = mpsc::UnboundedReceiver<Control>;

/// The actors of one kind, and what each of them is given.
pub(crate) struct Actors {
    pub(crate) options: Options,
    pub(crate) term: u64,
    pub(crate) launcher: Arc<Launcher>,
    pub(crate) outbox: mpsc::Sender<Message>,
    pub(crate) futures: Futures,
    pub(crate) secrets: Secrets,
    controls: HashMap<InstanceId, Controls>,
}

impl Actors {
    pub(crate) fn new(
        options: Options,
        term: u64,
        launcher: Arc<Launcher>,
        outbox: mpsc::Sender<Message>,
        futures: Futures,
        secrets: Secrets,
    ) -> Self {
        Self { options, term, launcher, outbox, futures, secrets, controls: HashMap::new() }
    }

    /// Opens the way of words to a new actor.
    pub(crate) fn open(&mut self, instance: InstanceId) -> Orders {
        let (controls, orders) = mpsc::unbounded_channel();
        self.controls.insert(instance, controls);
        orders
    }

    /// Says a word; an actor that has ended needs none.
    pub(crate) fn send(&self, instance: InstanceId, control: Control) {
        if let Some(controls) = self.controls.get(&instance) {
            let _actor_done = controls.send(control);
        }
    }

    /// Says the last word.
    pub(crate) fn release(&mut self, instance: InstanceId) {
        self.send(instance, Control::Release);
        self.controls.remove(&instance);
    }
}

/// Starts a life. Making folders and spawning may wait for the disk, so others are moved away from
/// this thread meanwhile; to go to another thread oneself would take longer than all the rest.
pub(crate) fn start(
    launcher: &Launcher,
    launch: &Launch,
) -> Result<(InstanceHandle, InstanceEvents), orkestra_host::Error> {
    match tokio::runtime::Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => launcher.launch(launch),
        _ => tokio::task::block_in_place(|| launcher.launch(launch)),
    }
}

/// Passes an order on; true when it was the last.
pub(crate) async fn obey(handle: &InstanceHandle, control: Control) -> bool {
    match control {
        Control::Stop(signal, grace) => {
            handle.stop(grace, Some(signal.number())).await;
            false
        }
        Control::Signal(signal) => {
            handle.signal(signal.number()).await;
            false
        }
        Control::Freeze => {
            handle.freeze().await;
            false
        }
        Control::Thaw => {
            handle.thaw().await;
            false
        }
        Control::Release => {
            release(handle).await;
            true
        }
    }
}

/// Keeps an instance that has ended until its exit is committed.
pub(crate) async fn await_release(mut orders: Orders, handle: InstanceHandle) {
    while let Some(control) = orders.recv().await {
        if matches!(control, Control::Release) {
            release(&handle).await;
            return;
        }
    }
}

/// Lets an instance go whose exit is committed. What cannot be removed now is found and released
/// by the next daemon.
pub(crate) async fn release(handle: &InstanceHandle) {
    if let Err(error) = handle.release().await {
        tracing::warn!(instance = handle.instance(), error = %describe(&error),
            "An ended instance could not be released.");
    }
}

/// Kills what a lost shim's leader had started.
pub(crate) async fn stop_leftovers(instance: &str) {
    match orkestra_host::instance::stop_marked(instance).await {
        Ok(killed) => tracing::warn!(instance, killed, "A shim was lost; its tree was killed."),
        Err(error) => tracing::error!(instance, error = %describe(&error),
            "A shim was lost, and what it left could not be looked for."),
    }
}

/// The error with all that is behind it.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

pub(crate) fn failed_start(why: &str, at: jiff::Timestamp) -> Exit {
    Exit { detail: Some(why.to_owned()), ..lost_exit("start_failed", at) }
}

pub(crate) fn lost_exit(reason: &str, at: jiff::Timestamp) -> Exit {
    Exit {
        code: None,
        signal: None,
        reason: reason.to_owned(),
        detail: None,
        at,
        uptime_ms: 0,
        killed: false,
        survivors: 0,
        last_lines: Vec::new(),
    }
}

pub(crate) fn exit_of(exit: &HostExit) -> Exit {
    let at = i64::try_from(exit.at).unwrap_or_default();
    let at = jiff::Timestamp::from_microsecond(at).unwrap_or_default();
    if let Some(failure) = &exit.failure {
        return failed_start(&failure.message, at);
    }
    Exit {
        code: exit.code,
        signal: exit.signal,
        reason: exit.reason.clone(),
        detail: None,
        at,
        uptime_ms: 0,
        killed: exit.killed,
        survivors: exit.survivors,
        last_lines: Vec::new(),
    }
}
