//! Alerts: a reader of the journal that writes down what somebody should hear of (ADR 0012).
//!
//! It follows committed events by a cursor, so nothing is missed when the daemon dies between an
//! event and its alert. The row, its event, what is to be delivered and the cursor are one commit.

use crate::effect;
use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use jiff::Timestamp;
use orkestra_core::alert::{self, Alert, Decision, KINDS, Signal, State, signals};
use orkestra_core::event::{Cause, EventRef};
use orkestra_core::id::AlertId;
use orkestra_core::unit::State as UnitState;
use orkestra_store::{AlertRow, Error as StoreError, Filter, Write};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The reader's name in the store.
const CONSUMER: &str = "alerts";

/// Events of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(200);

/// Events looked at in one commit.
const PAGE: usize = 500;

/// How often it is looked whether something is over that no event tells of.
const SWEEP: Duration = Duration::from_secs(20);

/// A unit that crashed again and again and then ran this long is well.
const STEADY_MS: u64 = 60_000;

/// When the store cannot take it, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// Alerts that are not over, at most as many as are looked at.
const ALIVE_MAX: usize = 10_000;

/// A signal with the event that it follows from.
type Heard = (Signal, Option<EventRef>);

pub(crate) fn from_row(row: &AlertRow) -> Result<Alert, Error> {
    read_body(row).map_err(Error::Store)
}

fn read_body(row: &AlertRow) -> Result<Alert, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("alert {} cannot be read: {error}", row.id),
    })
}

fn to_row(alert: &Alert) -> Result<AlertRow, StoreError> {
    Ok(AlertRow {
        id: alert.id,
        key: alert.key(),
        state: alert.state.as_str().to_owned(),
        level: alert.level.as_str().to_owned(),
        body: serde_json::to_string(alert)
            .map_err(|error| StoreError::Invalid(error.to_string()))?,
        first_at: alert.first_at,
        last_at: alert.last_at,
    })
}

/// Where the reader begins when it has never read: an old journal is no news.
pub(crate) async fn begin(handle: &Handle) -> Result<(), Error> {
    let known = handle.store.read(|read| Ok((read.cursor(CONSUMER)?, read.head()?.seq))).await;
    let (cursor, head) = known.map_err(Error::Store)?;
    if cursor == 0 && head > 0 {
        let moved = handle.store.write(move |tx| tx.set_cursor(CONSUMER, head)).await;
        moved.map_err(Error::Store)?;
    }
    Ok(())
}

/// Follows the journal until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let mut reader = Reader { handle: handle.clone(), cursor: None, alive: BTreeSet::new() };
    futures.spawn(FutureKind::Service, async move {
        let mut head = reader.handle.store.head_watch();
        loop {
            match reader.catch_up().await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, "Alerts cannot be written now.");
                    reader.cursor = None;
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = tokio::time::sleep(SWEEP) => {
                    if let Err(error) = reader.sweep().await {
                        tracing::warn!(%error, "Alerts cannot be looked through now.");
                    }
                }
            }
        }
    });
}

struct Reader {
    handle: Handle,
    /// How far it has read; ahead of the store's cursor by events that said nothing.
    cursor: Option<u64>,
    /// Keys of alerts that are not over: only those can be cleared.
    alive: BTreeSet<String>,
}

impl Reader {
    async fn load(&mut self) -> Result<u64, StoreError> {
        if let Some(cursor) = self.cursor {
            return Ok(cursor);
        }
        let (cursor, alive) = self
            .handle
            .store
            .read(|read| {
                Ok((read.cursor(CONSUMER)?, read.alerts(&["open", "settled"], ALIVE_MAX)?))
            })
            .await?;
        self.alive = alive.into_iter().map(|row| row.key).collect();
        Ok(*self.cursor.insert(cursor))
    }

    async fn catch_up(&mut self) -> Result<(), StoreError> {
        loop {
            let after = self.load().await?;
            let filter = Filter {
                after_seq: Some(after),
                kinds: KINDS.iter().map(|kind| (*kind).to_owned()).collect(),
                limit: PAGE,
                ..Filter::default()
            };
            let (events, head) = self
                .handle
                .store
                .read(move |read| Ok((read.events(&filter)?, read.head()?.seq)))
                .await?;
            let more = events.len() == PAGE;
            let seq = match events.last() {
                Some(last) if more => last.seq,
                _ => head,
            };
            let heard: Vec<Heard> = events
                .iter()
                .flat_map(|event| {
                    let reference = event.reference();
                    signals(event).into_iter().map(move |signal| (signal, Some(reference)))
                })
                .collect();
            self.hear(heard, seq).await?;
            self.cursor = Some(seq);
            if !more {
                return Ok(());
            }
        }
    }

    /// Writes what follows from signals, if anything does.
    async fn hear(&mut self, heard: Vec<Heard>, seq: u64) -> Result<(), StoreError> {
        let mut alive = self.alive.clone();
        let heard: Vec<(Signal, Option<EventRef>, AlertId)> = heard
            .into_iter()
            .filter(|(signal, _)| match signal {
                Signal::Raise(_) => {
                    alive.insert(signal.key());
                    true
                }
                Signal::Clear { .. } => alive.contains(&signal.key()),
            })
            .map(|(signal, event)| (signal, event, AlertId::new(self.handle.world.uuid())))
            .collect();
        if heard.is_empty() {
            return Ok(());
        }
        let at = self.handle.now().at;
        let channels = effect::channels(&self.handle);
        let world = Arc::clone(&self.handle.world);
        let committed = self
            .handle
            .store
            .write(move |tx| {
                let mut changed = Vec::new();
                for (signal, event, fresh) in &heard {
                    if let Some((decision, latest)) = decide(tx, signal, at, *fresh, *event)? {
                        if decision.deliver {
                            effect::deliver(tx, &decision.alert, &channels, &world, latest)?;
                        }
                        changed.push((signal.key(), decision.alert.state));
                    }
                }
                tx.set_cursor(CONSUMER, seq)?;
                Ok(changed)
            })
            .await?;
        for (key, state) in committed.value {
            match state {
                State::Open | State::Settled => self.alive.insert(key),
                State::Resolved => self.alive.remove(&key),
            };
        }
        self.handle.view.effects.notify_one();
        Ok(())
    }

    /// What is over without an event: a unit that crashed again and again and now stays up.
    async fn sweep(&mut self) -> Result<(), StoreError> {
        let seq = self.load().await?;
        let now = self.handle.now();
        let mut over = Vec::new();
        for key in &self.alive {
            let Some(("unit_crashing", name)) = key.split_once(':') else { continue };
            let why = match self.handle.unit(name).map(|unit| unit.state) {
                None => "There is no such unit any more.",
                Some(UnitState::Running { started_boot_ms, .. })
                    if now.boot_ms.saturating_sub(started_boot_ms) >= STEADY_MS =>
                {
                    "It has stayed up for a minute."
                }
                Some(_) => continue,
            };
            let (what, subject) = ("unit_crashing".to_owned(), name.to_owned());
            over.push((Signal::Clear { what, subject, why: why.to_owned() }, None));
        }
        self.hear(over, seq).await
    }
}

/// Decides on one signal and writes row and event; where the event stands, for what follows.
fn decide(
    tx: &mut dyn Write,
    signal: &Signal,
    at: Timestamp,
    fresh: AlertId,
    because: Option<EventRef>,
) -> Result<Option<(Decision, Option<EventRef>)>, StoreError> {
    let known = tx.alert_of(&signal.key())?.map(|row| read_body(&row)).transpose()?;
    let decision = match (signal, &known) {
        (Signal::Raise(cause), known) => Some(alert::raise(known.as_ref(), cause, at, fresh)),
        (Signal::Clear { why, .. }, Some(known)) => alert::clear(known, why, at),
        (Signal::Clear { .. }, None) => None,
    };
    decision.map(|decision| write(tx, decision, because)).transpose()
}

fn write(
    tx: &mut dyn Write,
    decision: Decision,
    because: Option<EventRef>,
) -> Result<(Decision, Option<EventRef>), StoreError> {
    tx.put_alert(&to_row(&decision.alert)?)?;
    let latest = match &decision.event {
        Some(draft) => {
            let draft = draft.clone().because(because.map_or(Cause::Root, Cause::Event));
            tx.append(&[draft])?.into_iter().next()
        }
        None => because,
    };
    Ok((decision, latest))
}

impl Handle {
    /// Alerts in these states, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn alerts(&self, states: &[State], limit: usize) -> Result<Vec<Alert>, Error> {
        let states: Vec<&'static str> = states.iter().map(|state| state.as_str()).collect();
        let rows = self.store.read(move |read| read.alerts(&states, limit)).await;
        rows.map_err(Error::Store)?.iter().map(from_row).collect()
    }

    /// One alert.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn alert(&self, id: AlertId) -> Result<Option<Alert>, Error> {
        let row = self.store.read(move |read| read.alert(id)).await.map_err(Error::Store)?;
        row.as_ref().map(from_row).transpose()
    }

    /// A person has seen an alert. One that is settled or over stays as it is.
    ///
    /// # Errors
    /// The store cannot be written. `None`: there is no such alert.
    pub async fn settle_alert(&self, id: AlertId, actor: &str) -> Result<Option<Alert>, Error> {
        let (at, actor) = (self.now().at, actor.to_owned());
        let committed = self
            .store
            .write(move |tx| {
                let Some(row) = tx.alert(id)? else { return Ok(None) };
                let known = read_body(&row)?;
                match alert::settle(&known, &actor, at) {
                    Some(decision) => Ok(Some(write(tx, decision, None)?.0.alert)),
                    None => Ok(Some(known)),
                }
            })
            .await;
        committed.map(|committed| committed.value).map_err(Error::Store)
    }
}
