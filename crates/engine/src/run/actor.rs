//! One actor per life of a run's agent: it follows the process, and turns its raw stream into events.

use super::say;
use super::trouble::{Place, Signs};
use crate::evidence::End;
use crate::instance::{
    Orders, await_release, describe, exit_of, failed_start, lost_exit, obey, stop_leftovers,
};
use crate::message::Message;
use crate::secret::Secrets;
use orkestra_agents::{Adapter, Kind, ProcessExit};
use orkestra_core::agent::AgentEvent;
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::run::{Limits, RunInput, Streamed, Trouble};
use orkestra_core::unit::Exit;
use orkestra_host::instance::{InstanceEvent, InstanceEvents, InstanceHandle};
use orkestra_host::raw::{RawItem, RawReader};
use orkestra_host::sample::Sampler;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events of one message at most, so that one commit stays small.
const RECORDS_MAX: usize = 64;

/// Bytes read from the stream at once.
const READ_BYTES: usize = 1024 * 1024;

/// The end of standard error that explains a failure.
const STDERR_TAIL_BYTES: u64 = 4 * 1024;

/// Follows one run's agent to its end.
pub(super) struct Actor {
    pub(super) id: RunId,
    pub(super) instance: InstanceId,
    /// Away while a blocking thread reads with it.
    pub(super) reader: Option<RawReader>,
    pub(super) stderr: PathBuf,
    pub(super) end: End,
    pub(super) outbox: mpsc::Sender<Message>,
    pub(super) orders: Orders,
    pub(super) world: Arc<dyn crate::world::World>,
    pub(super) adapter: Box<dyn Adapter>,
    pub(super) secrets: Secrets,
    /// How far the adapter has read.
    pub(super) offset: u64,
    /// How far the journal had it when this actor began.
    pub(super) committed: u64,
    pub(super) started_boot_ms: Option<u64>,
    pub(super) kind: Kind,
    pub(super) signs: Signs,
    pub(super) place: Place,
    pub(super) limits: Limits,
    /// The agent's process, while it is known.
    pub(super) pid: Option<u32>,
    /// Away while a blocking thread reads with it.
    pub(super) sampler: Option<Sampler>,
}

/// How often the memory of an agent's processes is looked at.
const MEMORY_EVERY: Duration = Duration::from_secs(1);

/// How often it is told how things are, when nothing is exceeded: often enough for the shortest of
/// its limits of time.
fn telling_every(limits: &Limits) -> Duration {
    let shortest = limits.runtime_ms.min(limits.silence_ms).min(limits.stall_ms);
    Duration::from_millis((shortest / 10).clamp(200, 5_000))
}

impl Actor {
    pub(super) async fn follow(mut self, handle: InstanceHandle, mut events: InstanceEvents) {
        let mut memory = tokio::time::interval(MEMORY_EVERY);
        let mut telling = tokio::time::interval(telling_every(&self.limits));
        for clock in [&mut memory, &mut telling] {
            clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                _ = memory.tick(), if self.pid.is_some() => self.measure().await,
                _ = telling.tick(), if self.pid.is_some() => self.tell_measured(None).await,
                event = events.next() => {
                    let event = event.unwrap_or(InstanceEvent::Lost);
                    if self.saw(event).await { break }
                }
                control = self.orders.recv() => match control {
                    Some(control) => if obey(&handle, control).await { return },
                    None => return,
                },
            }
        }
        await_release(self.orders, handle).await;
    }

    /// Tells what happened; true when the agent has ended.
    async fn saw(&mut self, event: InstanceEvent) -> bool {
        let instance = self.instance;
        match event {
            InstanceEvent::Started { pid, .. } => {
                self.pid = Some(pid);
                self.started_boot_ms = Some(self.world.now().boot_ms);
                say(&self.outbox, self.id, RunInput::Started { instance, pid, adopted: false })
                    .await;
                return false;
            }
            // No socket was offered.
            InstanceEvent::Notice(_) => return false,
            InstanceEvent::Output { .. } => {
                self.read_on(false).await;
                return false;
            }
            InstanceEvent::CannotFreeze => {
                let why = "Its shim is of an older version that cannot freeze processes; a run \
                    that is started now can be paused."
                    .to_owned();
                say(&self.outbox, self.id, RunInput::NotFrozen { instance, why }).await;
                return false;
            }
            InstanceEvent::Unreachable | InstanceEvent::Superseded { .. } => {
                tracing::error!(run = %self.id, ?event, "Its shim cannot be spoken to.");
                return false;
            }
            InstanceEvent::Failed(failure) => {
                self.ended(failed_start(&failure.message, self.world.now().at)).await;
            }
            InstanceEvent::Exited(exit) => {
                self.read_on(true).await;
                self.ended(exit_of(&exit)).await;
            }
            InstanceEvent::Lost => {
                stop_leftovers(&instance.to_string()).await;
                self.read_on(true).await;
                self.ended(lost_exit("shim_lost", self.world.now().at)).await;
            }
        }
        true
    }

    /// Looks at the memory of the agent's processes; only too much of it is told.
    async fn measure(&mut self) {
        let (Some(pid), Some(mut sampler)) = (self.pid, self.sampler.take()) else { return };
        // Reading /proc of busy processes may wait for their locks.
        let read = tokio::task::spawn_blocking(move || {
            let tree = sampler.sample(&[pid], false).pop().flatten();
            (sampler, tree)
        });
        let Ok((sampler, tree)) = read.await else { return };
        self.sampler = Some(sampler);
        if let Some(tree) = tree.filter(|tree| tree.rss > self.limits.memory) {
            self.tell_measured(Some(tree.rss)).await;
        }
    }

    async fn tell_measured(&mut self, memory: Option<u64>) {
        let input = RunInput::Measured { instance: self.instance, memory };
        say(&self.outbox, self.id, input).await;
    }

    /// Reads what is new in the stream and tells the dispatcher, in messages of bounded size.
    /// `last`: nothing more will come, so a line without its end is a line too.
    pub(super) async fn read_on(&mut self, last: bool) {
        loop {
            let Some(mut reader) = self.reader.take() else { return };
            // Files are read beside the async threads: a slow disk must not hold up others.
            let read = tokio::task::spawn_blocking(move || {
                let items = reader.read(READ_BYTES);
                (reader, items)
            });
            let Ok((mut reader, items)) = read.await else { return };
            let mut items = match items {
                Ok(items) => items,
                Err(error) => {
                    tracing::warn!(run = %self.id, error = %describe(&error),
                        "The run's stream cannot be read.");
                    self.reader = Some(reader);
                    return;
                }
            };
            let at_end = reader.is_at_end();
            if at_end && last {
                items.extend(reader.finish());
            }
            self.reader = Some(reader);
            self.parse(items).await;
            if at_end {
                return;
            }
        }
    }

    async fn parse(&mut self, items: Vec<RawItem>) {
        let mut records = Vec::new();
        for item in items {
            let (begin, next, events) = match item {
                RawItem::Line { offset, next, bytes } => (offset, next, self.adapter.line(&bytes)),
                RawItem::Oversize { offset, next, len } => {
                    (offset, next, self.adapter.skipped(b"", len))
                }
            };
            self.offset = next;
            // Numbered before anything is passed over, so that a number means the same event
            // for every reader of the stream.
            let fresh = begin >= self.committed;
            for (index, event) in (0..).zip(events) {
                self.signs.note(&event);
                if fresh {
                    let event = self.told(event);
                    records.push(Streamed { offset: begin, index, event });
                }
            }
            if records.len() >= RECORDS_MAX {
                self.tell(std::mem::take(&mut records)).await;
            }
        }
        self.tell(records).await;
    }

    /// What went wrong, without the secrets that the agent was given.
    fn harmless(&self, mut trouble: Trouble) -> Trouble {
        let mut words = serde_json::Value::String(trouble.words);
        self.secrets.redact_value(&mut words);
        trouble.words = words.as_str().unwrap_or_default().to_owned();
        trouble
    }

    /// What the agent said without the secrets that it was given.
    fn told(&self, event: AgentEvent) -> AgentEvent {
        if self.secrets.is_empty() {
            return event;
        }
        let Ok(mut value) = serde_json::to_value(&event) else { return event };
        self.secrets.redact_value(&mut value);
        serde_json::from_value(value).unwrap_or(event)
    }

    async fn tell(&mut self, records: Vec<Streamed>) {
        if records.is_empty() && self.offset <= self.committed {
            return;
        }
        let input = RunInput::Streamed { instance: self.instance, records, offset: self.offset };
        say(&self.outbox, self.id, input).await;
    }

    pub(super) async fn ended(&mut self, mut exit: Exit) {
        if let Some(started) = self.started_boot_ms {
            exit.uptime_ms = self.world.now().boot_ms.saturating_sub(started);
        }
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => ProcessExit::Code(code),
            (None, Some(signal)) => ProcessExit::Signal(signal),
            (None, None) => ProcessExit::Lost,
        };
        let stderr = end_of(&self.stderr).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let events = self.adapter.finish(how, &stderr);
        for event in &events {
            self.signs.note(event);
        }
        let trouble = self.signs.trouble(self.kind, &stderr, how, &self.place);
        let offset = self.offset;
        let records = (0..)
            .zip(events)
            .map(|(index, event)| Streamed { offset, index, event: self.told(event) })
            .collect();
        let input = RunInput::Exited {
            instance: self.instance,
            exit,
            records,
            files: self.end.files().await,
            trouble: trouble.map(|trouble| self.harmless(trouble)),
        };
        say(&self.outbox, self.id, input).await;
    }
}

/// The end of a file, at most `STDERR_TAIL_BYTES`.
fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(STDERR_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(STDERR_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
