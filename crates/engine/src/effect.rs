//! The outbox: carries out what was decided for the outer world, each thing once (Law 4).
//!
//! `recorded → begun → done | failed`, each step a commit with its event. What was begun when a
//! daemon died is tried again only if its kind can bear that: a notification carries the same key each
//! time, so that who receives it knows it; a comment is looked for before it is made again. Anything
//! else becomes `unknown`, for a person.

mod settle;

pub use settle::{Settled, Settlement, effect_title, effect_to};

use crate::error::Error;
use crate::handle::Handle;
use crate::issue::{self, COMMENT};
use crate::spawn::{FutureKind, Futures};
use crate::world::World;
use orkestra_connectors::{GitHub, Kind, Message, Notification, Sender, Sent, desktop_command};
use orkestra_core::alert::Alert;
use orkestra_core::event::{Cause, Draft, EventRef, Topic};
use orkestra_core::health::Level;
use orkestra_core::id::EffectId;
use orkestra_store::{
    EffectRow, EffectState, Error as StoreError, NewEffect, Outcome, Write, WriteJournal,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Telling somebody of an alert.
const NOTIFY: &str = "notify";

/// What this version can carry out. Each looks before it does something again, or carries a key by
/// which who receives it knows it; so each can be tried again after a crash.
const KINDS: [&str; 2] = [NOTIFY, COMMENT];

/// Who begins effects; the home's lock makes sure that it is one.
const OWNER: &str = "daemon";

/// Carried out at the same time; others wait in the store.
const PARALLEL: usize = 4;

/// Looked at in one go.
const PAGE: usize = 256;

/// Waits before the next tries; after the last the effect has failed.
const WAITS: [Duration; 7] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(1_800),
    Duration::from_secs(7_200),
];

/// Without any news the outbox is looked at this often.
const IDLE: Duration = Duration::from_secs(60);

/// When a result cannot be written, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a notice on the desktop may take.
const DESKTOP: Duration = Duration::from_secs(10);

/// How long a test of a channel is waited for.
const TEST: Duration = Duration::from_secs(30);

/// What a channel is to be told, as written down.
fn body(to: &str, message: Value, test: bool) -> String {
    json!({"to": to, "alert": message, "test": test}).to_string()
}

/// A channel that wants to hear of alerts from a level on.
pub(crate) struct Channel {
    name: String,
    min_level: Level,
}

/// The channels of the configuration.
pub(crate) fn channels(handle: &Handle) -> Vec<Channel> {
    let notifications = handle.upkeep().notifications;
    notifications
        .into_iter()
        .map(|(name, channel)| Channel { name, min_level: channel.min_level })
        .collect()
}

/// Writes down that the channels are to be told of an alert: part of the commit that raised it.
pub(crate) fn deliver(
    tx: &mut dyn Write,
    alert: &Alert,
    channels: &[Channel],
    world: &Arc<dyn World>,
    because: Option<EventRef>,
) -> Result<(), StoreError> {
    for channel in channels.iter().filter(|channel| alert.level >= channel.min_level) {
        // A channel that does not work is no way to say so.
        if alert.what == "notification_failed" && alert.subject == channel.name {
            continue;
        }
        let key = format!("{NOTIFY}:{}:{}:{}", alert.id, alert.deliveries, channel.name);
        record(
            tx,
            world.as_ref(),
            NOTIFY,
            &key,
            &channel.name,
            body(&channel.name, alert.message(), false),
            because,
        )?;
    }
    Ok(())
}

/// Writes down that something is to be done: part of the commit that is its reason.
pub(crate) fn record(
    tx: &mut dyn Write,
    world: &dyn World,
    kind: &str,
    key: &str,
    to: &str,
    body: String,
    because: Option<EventRef>,
) -> Result<EffectId, StoreError> {
    let id = EffectId::new(world.uuid());
    let effect = NewEffect { id, kind: kind.to_owned(), key: key.to_owned(), body };
    if tx.record_effect(&effect)? {
        let told = json!({"kind": kind, "to": to});
        append(tx, "effect.recorded", id, told, because)?;
    }
    Ok(id)
}

fn append(
    tx: &mut (impl WriteJournal + ?Sized),
    kind: &str,
    id: EffectId,
    body: Value,
    because: Option<EventRef>,
) -> Result<(), StoreError> {
    let draft = Draft::new(kind, Topic::Effect, &id.to_string(), "daemon", body);
    tx.append(&[draft.because(because.map_or(Cause::Root, Cause::Event))]).map(|_| ())
}

/// What was begun when the daemon before died.
pub(crate) async fn recover(handle: &Handle) -> Result<(), Error> {
    let recovered = handle
        .store
        .write(|tx| {
            for id in tx.recover_effects(OWNER)? {
                let Some(row) = tx.effect(id)? else { continue };
                let why = "the daemon died while it was carried out";
                let told = json!({"kind": row.kind, "to": to_of(&row), "attempt": row.attempts,
                    "why": why});
                if KINDS.contains(&row.kind.as_str()) {
                    tx.retry_effect(id)?;
                    append(tx, "effect.retried", id, told, None)?;
                } else {
                    append(tx, "effect.unknown", id, told, None)?;
                }
            }
            Ok(())
        })
        .await;
    recovered.map(|_| ()).map_err(Error::Store)
}

fn parsed(row: &EffectRow) -> Value {
    serde_json::from_str(&row.body).unwrap_or_default()
}

fn to_of(row: &EffectRow) -> String {
    parsed(row).get("to").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Carries out what is in the outbox until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let handle = handle.clone();
    let (sender, github) = (Arc::new(Sender::default()), Arc::new(GitHub::default()));
    futures.spawn(FutureKind::Service, async move {
        // They end with this service: what is under way then is taken up by the next daemon.
        let mut under_way: JoinSet<(EffectId, Option<Duration>)> = JoinSet::new();
        let mut busy: BTreeSet<EffectId> = BTreeSet::new();
        let mut not_before: BTreeMap<EffectId, Instant> = BTreeMap::new();
        loop {
            let now = Instant::now();
            let read =
                handle.store.read(|read| read.effects(Some(EffectState::Recorded), PAGE)).await;
            let waiting = read.unwrap_or_else(|error| {
                tracing::warn!(%error, "The outbox cannot be read now.");
                Vec::new()
            });
            not_before.retain(|id, at| *at > now || waiting.iter().any(|row| row.id == *id));
            for row in waiting {
                let due = not_before.get(&row.id).is_none_or(|at| *at <= now);
                let free = under_way.len() < PARALLEL && !busy.contains(&row.id);
                if due && free && KINDS.contains(&row.kind.as_str()) {
                    not_before.remove(&row.id);
                    busy.insert(row.id);
                    let (sender, github) = (Arc::clone(&sender), Arc::clone(&github));
                    under_way.spawn(carry_out(handle.clone(), sender, github, row));
                }
            }
            // One that is due and was not begun just now is gone, or waits for a free place.
            let next = not_before.values().filter(|at| **at > now).min().copied();
            let wake = next.map_or(now + IDLE, |at| at.min(now + IDLE)).max(now + AGAIN / 10);
            tokio::select! {
                Some(done) = under_way.join_next() => {
                    if let Ok((id, again)) = done {
                        busy.remove(&id);
                        if let Some(wait) = again {
                            not_before.insert(id, Instant::now() + wait);
                        }
                    }
                }
                () = handle.view.effects.notified() => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    });
}

/// Begins one effect, does it, and writes down what became of it; when to try again, if so.
async fn carry_out(
    handle: Handle,
    sender: Arc<Sender>,
    github: Arc<GitHub>,
    row: EffectRow,
) -> (EffectId, Option<Duration>) {
    let (id, attempt, to) = (row.id, row.attempts + 1, to_of(&row));
    let told = json!({"kind": row.kind, "to": to, "attempt": attempt});
    let begun = handle.store.write(move |tx| {
        let fence = tx.begin_effect(id, OWNER)?;
        append(tx, "effect.begun", id, told, None)?;
        Ok(fence)
    });
    let fence = match begun.await {
        Ok(committed) => committed.value,
        Err(error) => {
            tracing::warn!(%error, "An effect could not be begun.");
            return (id, Some(Duration::from_secs(5)));
        }
    };
    let mut sent = match row.kind.as_str() {
        COMMENT => issue::post(&handle, &github, &row).await,
        _ => send(&handle, &sender, &row, &to).await,
    };
    let test = is_test(&row);
    let tries_left = usize::try_from(attempt - 1).ok().and_then(|done| WAITS.get(done)).copied();
    let again = match (&sent, test) {
        (Sent::Later(_), false) => tries_left,
        _ => None,
    };
    if let (Sent::Later(why), COMMENT, None) = (&sent, row.kind.as_str(), again) {
        // A question that got no answer may have been heard.
        sent = Sent::Unknown(why.clone());
    }
    loop {
        let (sent, to, kind) = (sent.clone(), to.clone(), row.kind.clone());
        let finished = handle.store.write(move |tx| {
            let base = json!({"kind": kind, "to": to, "attempt": attempt, "test": test});
            finish(tx, id, fence, &sent, again, base)
        });
        match finished.await {
            Ok(_) => break,
            // Somebody else decided meanwhile: a restore, a person.
            Err(StoreError::Stale { .. } | StoreError::Conflict(_)) => break,
            Err(error) => {
                tracing::warn!(%error, "What became of an effect cannot be written now.");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    (id, again)
}

fn finish(
    tx: &mut dyn Write,
    id: EffectId,
    fence: u64,
    sent: &Sent,
    again: Option<Duration>,
    mut told: Value,
) -> Result<(), StoreError> {
    let (outcome, why) = match sent {
        Sent::Done(why) => (Outcome::Done, why),
        Sent::Later(why) | Sent::Refused(why) => (Outcome::Failed, why),
        Sent::Unknown(why) => (Outcome::Unknown, why),
    };
    tx.finish_effect(id, fence, outcome, why)?;
    told["why"] = json!(why);
    let kind = match (outcome, again) {
        (Outcome::Done, _) => "effect.done",
        (_, Some(wait)) => {
            tx.retry_effect(id)?;
            told["wait_ms"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            "effect.retried"
        }
        (Outcome::Unknown, None) => "effect.unknown",
        (Outcome::Failed, None) => "effect.failed",
    };
    append(tx, kind, id, told, None)
}

fn is_test(row: &EffectRow) -> bool {
    parsed(row).get("test") == Some(&Value::Bool(true))
}

/// The channel with values in the place of references.
async fn with_secrets(
    handle: &Handle,
    to: &str,
    mut channel: Notification,
) -> Result<Notification, String> {
    let texts = channel.headers.values_mut().chain(&mut channel.secret).chain(&mut channel.url);
    for text in texts {
        let resolved = handle.secrets().resolve(to, text).await;
        *text = resolved.map_err(|missing| {
            format!(
                "a secret of the notification {to} is missing: {}. {}",
                missing.why, missing.hint
            )
        })?;
    }
    Ok(channel)
}

async fn send(handle: &Handle, sender: &Sender, row: &EffectRow, to: &str) -> Sent {
    // The configuration as it is now: an address that was mended helps what waits already.
    let Some(channel) = handle.upkeep().notifications.get(to).cloned() else {
        return Sent::Refused(format!("the configuration has no notification {to} any more"));
    };
    // A secret that is not there now may be there later.
    let channel = match with_secrets(handle, to, channel).await {
        Ok(channel) => channel,
        Err(why) => return Sent::Later(why),
    };
    let message = Message {
        key: row.id.to_string(),
        host: orkestra_host::boot::host_name(),
        alert: parsed(row).get("alert").cloned().unwrap_or_default(),
        test: is_test(row),
    };
    match channel.kind {
        Kind::Desktop => show(handle, &message).await,
        Kind::Webhook | Kind::Slack | Kind::Discord => sender.post(&channel, &message).await,
    }
}

async fn show(handle: &Handle, message: &Message) -> Sent {
    let mut command = desktop_command(message);
    let program = command.first().map_or("", String::as_str);
    let Some(found) = orkestra_host::program::find_program(program, &handle.path) else {
        return Sent::Refused("notify-send is not installed".to_owned());
    };
    if let Some(first) = command.first_mut() {
        *first = found.to_string_lossy().into_owned();
    }
    let env = handle.view.env.as_slice();
    let ran =
        orkestra_host::program::run_captured(&command, env, Path::new("/"), DESKTOP, 4_096).await;
    match ran {
        Ok(said) if said.success() => Sent::Done("shown".to_owned()),
        // Without a desktop session there is nobody to show it to, now or in two hours.
        Ok(said) => Sent::Refused(
            String::from_utf8_lossy(&said.stderr).split_whitespace().collect::<Vec<_>>().join(" "),
        ),
        Err(error) => Sent::Later(error.to_string()),
    }
}

/// What a test of a channel gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Whether it was taken.
    pub done: bool,
    /// What was answered, or why not.
    pub why: String,
    /// The effect, as the journal knows it.
    pub effect: EffectId,
}

impl Handle {
    /// Whether a channel could be used here: a desktop needs `notify-send`.
    pub fn can_notify(&self, channel: &Notification) -> bool {
        channel.kind != Kind::Desktop
            || orkestra_host::program::find_program("notify-send", &self.path).is_some()
    }

    /// Sends a test over a channel, through the outbox as an alert goes. `None`: no such channel.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn test_notification(&self, name: &str) -> Result<Option<Tested>, Error> {
        if !self.upkeep().notifications.contains_key(name) {
            return Ok(None);
        }
        let (world, name) = (Arc::clone(&self.world), name.to_owned());
        let at = self.now().at;
        let recorded = self.store.write(move |tx| {
            let message = json!({"what": "test", "subject": name, "level": "warning",
                "title": "This is a test of Orkestra's notifications.", "action": "orkestra status",
                "first_at": at, "last_at": at, "count": 1});
            let key = format!("{NOTIFY}:test:{}", world.uuid());
            record(tx, world.as_ref(), NOTIFY, &key, &name, body(&name, message, true), None)
        });
        let effect = recorded.await.map_err(Error::Store)?.value;
        self.view.effects.notify_one();
        let mut head = self.store.head_watch();
        let deadline = Instant::now() + TEST;
        loop {
            head.mark_unchanged();
            let row =
                self.store.read(move |read| read.effect(effect)).await.map_err(Error::Store)?;
            let why = |row: &EffectRow| row.detail.clone().unwrap_or_default();
            match row {
                Some(row) if row.state == EffectState::Done => {
                    return Ok(Some(Tested { done: true, why: why(&row), effect }));
                }
                Some(row) if row.state == EffectState::Failed => {
                    return Ok(Some(Tested { done: false, why: why(&row), effect }));
                }
                Some(_) | None => {}
            }
            if tokio::time::timeout_at(deadline, head.changed()).await.is_err() {
                let why = format!("no outcome within {} s", TEST.as_secs());
                return Ok(Some(Tested { done: false, why, effect }));
            }
        }
    }
}
