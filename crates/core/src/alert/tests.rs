use super::*;
use crate::event::Event;
use crate::id::{EventId, NodeId};
use uuid::Uuid;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn id(n: u128) -> AlertId {
    AlertId::new(Uuid::from_u128(n))
}

fn cause(level: Level) -> Raise {
    Raise {
        what: "unit_crashing".to_owned(),
        subject: "web".to_owned(),
        level,
        title: "web ended 3 times in a row.".to_owned(),
        action: "orkestra logs web".to_owned(),
    }
}

fn event(kind: &str, subject: &str, body: Value) -> Event {
    let uuid = Uuid::from_u128(9);
    Event {
        seq: 1,
        id: EventId::new(uuid),
        node: NodeId::new(uuid),
        at: at(0),
        kind: kind.to_owned(),
        version: 1,
        topic: "unit".to_owned(),
        subject: subject.to_owned(),
        actor: "daemon".to_owned(),
        cause: None,
        chain: EventId::new(uuid),
        hop: 0,
        body: Some(body),
    }
}

fn kind(decision: &Decision) -> Option<&str> {
    decision.event.as_ref().map(|event| event.kind.as_str())
}

#[test]
fn row_044_the_same_alert_within_an_hour_is_counted_and_not_delivered_again() {
    let mut now = raise(None, &cause(Level::Warning), at(0), id(1));
    assert_eq!((kind(&now), now.deliver, now.alert.count), (Some("alert.raised"), true, 1));
    let mut told = Vec::new();
    for minute in 1..60 {
        now = raise(Some(&now.alert), &cause(Level::Warning), at(minute), id(2));
        assert!(!now.deliver, "minute {minute}");
        if kind(&now).is_some() {
            told.push(minute);
        }
    }
    assert_eq!((now.alert.id, now.alert.count, now.alert.deliveries), (id(1), 60, 1));
    assert_eq!(told, [10, 20, 30, 40, 50]);
    let later = raise(Some(&now.alert), &cause(Level::Warning), at(60), id(2));
    assert!(later.deliver, "an hour later it is delivered again");
    assert_eq!((later.alert.id, later.alert.deliveries), (id(1), 2));
}

#[test]
fn what_gets_worse_is_delivered_at_once_and_what_gets_better_is_not() {
    let now = raise(None, &cause(Level::Warning), at(0), id(1));
    let worse = raise(Some(&now.alert), &cause(Level::Critical), at(1), id(2));
    assert!(worse.deliver);
    assert_eq!((worse.alert.id, worse.alert.level), (id(1), Level::Critical));
    let better = raise(Some(&worse.alert), &cause(Level::Warning), at(2), id(2));
    assert!(!better.deliver);
    assert_eq!(better.alert.level, Level::Warning);
}

#[test]
fn a_cause_that_comes_and_goes_is_one_alert_within_the_hour() {
    let now = raise(None, &cause(Level::Warning), at(0), id(1));
    let gone = clear(&now.alert, "It runs again.", at(5)).expect("it was open");
    assert_eq!((kind(&gone), gone.alert.state), (Some("alert.resolved"), State::Resolved));
    assert_eq!(clear(&gone.alert, "again", at(6)), None);
    let back = raise(Some(&gone.alert), &cause(Level::Warning), at(7), id(2));
    assert_eq!((kind(&back), back.deliver), (Some("alert.repeated"), false));
    assert_eq!((back.alert.id, back.alert.state, back.alert.count), (id(1), State::Open, 2));
    assert_eq!(back.alert.ended_at, None);
    let later = raise(Some(&gone.alert), &cause(Level::Warning), at(61), id(2));
    assert_eq!((later.alert.id, later.deliver, later.alert.count), (id(2), true, 1));
}

#[test]
fn what_a_person_settled_stays_so_until_its_cause_was_gone_or_an_hour_went_by() {
    let now = raise(None, &cause(Level::Warning), at(0), id(1));
    let seen = settle(&now.alert, "person:cli", at(1)).expect("it was open");
    assert_eq!((kind(&seen), seen.alert.state), (Some("alert.settled"), State::Settled));
    assert_eq!(settle(&seen.alert, "person:cli", at(2)), None);
    let on = raise(Some(&seen.alert), &cause(Level::Warning), at(2), id(2));
    assert_eq!((on.alert.state, on.deliver, on.alert.count), (State::Settled, false, 2));
    let worse = raise(Some(&seen.alert), &cause(Level::Critical), at(3), id(2));
    assert_eq!((worse.alert.state, worse.deliver), (State::Open, true));
    let hour = raise(Some(&seen.alert), &cause(Level::Warning), at(60), id(2));
    assert_eq!((hour.alert.state, hour.deliver, hour.alert.id), (State::Open, true, id(1)));
    // Its cause was gone meanwhile: that it is there again is news.
    let gone = clear(&seen.alert, "It runs again.", at(4)).expect("it was settled");
    let back = raise(Some(&gone.alert), &cause(Level::Warning), at(5), id(2));
    assert_eq!((kind(&back), back.deliver, back.alert.id), (Some("alert.raised"), true, id(2)));
}

#[test]
fn a_clock_that_was_set_back_silences_nothing() {
    let now = raise(None, &cause(Level::Warning), at(1_000), id(1));
    let back = raise(Some(&now.alert), &cause(Level::Warning), at(0), id(2));
    assert!(back.deliver && back.event.is_some());
}

/// What an event says, in short: `+` raises, `-` clears.
fn said(kind: &str, body: Value) -> Vec<String> {
    signals(&event(kind, "web", body))
        .iter()
        .map(|signal| match signal {
            Signal::Raise(cause) => format!("+{} {}", signal.key(), cause.level.as_str()),
            Signal::Clear { .. } => format!("-{}", signal.key()),
        })
        .collect()
}

#[test]
fn row_007_a_unit_that_gave_up_is_an_alert_and_so_is_one_that_crashes_on() {
    assert_eq!(
        said("unit.failed", json!({"why": "x"})),
        ["-unit_crashing:web", "+unit_failed:web critical"]
    );
    assert_eq!(said("unit.restart_scheduled", json!({"attempt": 2})), [""; 0]);
    let third = said("unit.restart_scheduled", json!({"attempt": 3}));
    assert_eq!(third, ["+unit_crashing:web warning"]);
    assert_eq!(said("unit.started", json!({})), ["-unit_failed:web"]);
    let both = ["-unit_failed:web", "-unit_crashing:web"];
    for kind in ["unit.stopped", "unit.stop_requested", "unit.removed"] {
        assert_eq!(said(kind, json!({})), both);
    }
    assert_eq!(said("unit.exited", json!({})), [""; 0]);
}

#[test]
fn health_and_integrity_raise_and_clear() {
    let check = |name: &str, to: &str| json!({"name": name, "to": to, "says": "x"});
    let body = json!({"checks": [check("disk", "critical"), check("memory", "warning"),
        check("load", "ok"), check("database", "unknown"), check("units", "warning")]});
    assert_eq!(
        said("health.changed", body),
        ["+health:disk critical", "+health:memory warning", "-health:load"]
    );
    let kind = "health.integrity_checked";
    assert_eq!(said(kind, json!({"problems": 0})), ["-integrity:journal"]);
    assert_eq!(said(kind, json!({"problems": 2})), ["+integrity:journal critical"]);
    assert_eq!(said("job.failed", json!({"failures": 3})), ["+job_failing:web warning"]);
    assert_eq!(said("job.failed", json!({"failures": 1})), [""; 0]);
    assert_eq!(said("journal.gap", json!({"queued": 1})), ["+journal_gap:journal warning"]);
}

#[test]
fn every_kind_that_says_something_is_asked_for() {
    let full = json!({"attempt": 3, "failures": 3, "problems": 1,
        "kind": "notify", "to": "ops", "highest": true, "share": 75, "checks": [{"name": "disk", "to": "ok"}]});
    for kind in KINDS.iter().copied() {
        assert_ne!(said(kind, full.clone()), [""; 0], "{kind}");
    }
}
