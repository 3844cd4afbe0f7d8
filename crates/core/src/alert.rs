//! Alerts: what somebody should hear of once, and not again and again (MISSION rows 7 and 44).
//!
//! An alert has a key: what is wrong, and with whom. The same one within an hour is counted, not
//! delivered again. It is over by itself when its cause is gone; a person may settle it before.

mod signal;

pub use signal::{KINDS, Raise, Signal, signals};

use crate::event::{Draft, Topic};
use crate::health::Level;
use crate::id::AlertId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The same alert is delivered no more often than this.
pub const DELIVER_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// That it goes on is an event no more often than this; in between it is only counted.
pub const TELL_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// Where an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has seen to it yet.
    Open,
    /// A person has seen it; its cause is still there.
    Settled,
    /// Its cause is gone.
    Resolved,
}

impl State {
    /// The word in rows and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Resolved => "resolved",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Settled, Self::Resolved].into_iter().find(|state| state.as_str() == text)
    }
}

/// One alert, from its first word to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Which one.
    pub id: AlertId,
    /// What is wrong: `unit_failed`, `unit_crashing`, `health` …
    pub what: String,
    /// With whom: a unit, a check, a job.
    pub subject: String,
    /// How bad it is: `warning` or `critical`.
    pub level: Level,
    /// In one sentence, as it was told last.
    pub title: String,
    /// What to do, as a command.
    pub action: String,
    /// When it was raised (UTC).
    pub first_at: Timestamp,
    /// When its cause was seen last (UTC).
    pub last_at: Timestamp,
    /// How often its cause was seen.
    pub count: u64,
    /// Where it is.
    pub state: State,
    /// When it was delivered last.
    pub delivered_at: Timestamp,
    /// How often it was delivered.
    pub deliveries: u32,
    /// When an event told of it last.
    pub told_at: Timestamp,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// When it was settled or resolved.
    pub ended_at: Option<Timestamp>,
}

/// What is wrong, and with whom, as one text.
pub fn key(what: &str, subject: &str) -> String {
    format!("{what}:{subject}")
}

/// What follows: the row, at most one event, and whether channels are to hear of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The row.
    pub alert: Alert,
    /// What is told in the journal; `None` when it was only counted.
    pub event: Option<Draft>,
    /// Whether it goes out.
    pub deliver: bool,
}

impl Alert {
    /// What is wrong, and with whom.
    pub fn key(&self) -> String {
        key(&self.what, &self.subject)
    }

    fn event(&self, kind: &str, actor: &str, more: Value) -> Draft {
        let mut body = json!({"what": self.what, "about": self.subject, "level": self.level,
            "title": self.title, "count": self.count});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        Draft::new(kind, Topic::Alert, &self.id.to_string(), actor, body)
    }

    fn delivered(&mut self, at: Timestamp) {
        self.delivered_at = at;
        self.deliveries = self.deliveries.saturating_add(1);
    }

    /// What the channels are told; `number` counts the deliveries of this alert.
    pub fn message(&self) -> Value {
        json!({"id": self.id, "what": self.what, "subject": self.subject, "level": self.level,
            "title": self.title, "action": self.action, "first_at": self.first_at,
            "last_at": self.last_at, "count": self.count, "state": self.state})
    }
}

/// A cause is there. `known` is the newest alert of the same key.
pub fn raise(known: Option<&Alert>, cause: &Raise, at: Timestamp, fresh: AlertId) -> Decision {
    let Some(known) = known else { return first(cause, at, fresh) };
    let rises = cause.level > known.level;
    let age = at.duration_since(known.delivered_at);
    // A clock that was set back must not silence an alert for ever.
    let due = rises || age >= DELIVER_EVERY || age.is_negative();
    if known.state == State::Resolved && (due || known.settled_by.is_some()) {
        return first(cause, at, fresh);
    }
    let mut alert = known.clone();
    alert.level = cause.level;
    alert.title.clone_from(&cause.title);
    alert.action.clone_from(&cause.action);
    alert.last_at = at;
    alert.count = alert.count.saturating_add(1);
    let reopened = match known.state {
        State::Open => false,
        // Seen is seen, until it gets worse or an hour has gone by.
        State::Settled => due,
        State::Resolved => true,
    };
    if reopened {
        alert.state = State::Open;
        alert.settled_by = None;
        alert.ended_at = None;
    }
    if due {
        alert.delivered(at);
    }
    let told = at.duration_since(known.told_at);
    let tell = due || reopened || told >= TELL_EVERY || told.is_negative();
    if tell {
        alert.told_at = at;
    }
    let more = json!({"reopened": reopened, "delivered": due});
    let event = tell.then(|| alert.event("alert.repeated", "daemon", more));
    Decision { alert, event, deliver: due }
}

fn first(cause: &Raise, at: Timestamp, fresh: AlertId) -> Decision {
    let alert = Alert {
        id: fresh,
        what: cause.what.clone(),
        subject: cause.subject.clone(),
        level: cause.level,
        title: cause.title.clone(),
        action: cause.action.clone(),
        first_at: at,
        last_at: at,
        count: 1,
        state: State::Open,
        delivered_at: at,
        deliveries: 1,
        told_at: at,
        settled_by: None,
        ended_at: None,
    };
    let event = alert.event("alert.raised", "daemon", json!({"action": alert.action}));
    Decision { alert, event: Some(event), deliver: true }
}

/// The cause is gone. `None` when the alert is over already.
pub fn clear(known: &Alert, why: &str, at: Timestamp) -> Option<Decision> {
    if known.state == State::Resolved {
        return None;
    }
    let mut alert = known.clone();
    alert.state = State::Resolved;
    alert.ended_at = Some(at);
    let lasted = at.duration_since(alert.first_at).as_millis().max(0);
    let more = json!({"why": why, "lasted_ms": u64::try_from(lasted).unwrap_or(0)});
    let event = Some(alert.event("alert.resolved", "daemon", more));
    Some(Decision { alert, event, deliver: false })
}

/// A person has seen it. `None` when there is nothing to settle any more.
pub fn settle(known: &Alert, actor: &str, at: Timestamp) -> Option<Decision> {
    if known.state != State::Open {
        return None;
    }
    let mut alert = known.clone();
    alert.state = State::Settled;
    alert.settled_by = Some(actor.to_owned());
    alert.ended_at = Some(at);
    let event = Some(alert.event("alert.settled", actor, json!({})));
    Some(Decision { alert, event, deliver: false })
}

#[cfg(test)]
mod tests;
