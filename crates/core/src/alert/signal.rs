//! Which events raise alerts, and which say that a cause is gone.

use crate::event::Event;
use crate::health::Level;
use serde_json::Value;

/// The kinds that [`signals`] looks at; no other says anything about alerts.
pub const KINDS: &[&str] = &[
    "unit.failed",
    "unit.restart_scheduled",
    "unit.started",
    "unit.stopped",
    "unit.stop_requested",
    "unit.removed",
    "health.changed",
    "health.integrity_checked",
    "journal.gap",
    "job.finished",
    "job.failed",
    "job.removed",
    "effect.unknown",
    "effect.failed",
    "effect.done",
    "effect.settled",
    "budget.reached",
    "budget.exhausted",
    "budget.renewed",
    "budget.removed",
    "budget.set",
    "budget.overridden",
    "approval.requested",
    "approval.approved",
    "approval.denied",
    "approval.expired",
    "approval.withdrawn",
    "review.needs_person",
    "review.answered",
    "review.closed",
    "run.silent",
    "run.heard",
    "run.attempt_ended",
    "run.ended",
    "merge.stopped",
    "merge.retried",
    "merge.done",
    "merge.given_up",
    "task.poisoned",
    "task.retried",
    "task.handed_over",
    "task.cancelled",
];

/// Failures in a row from which on a unit, or a job, is worth an alert.
const IN_A_ROW: u64 = 3;

/// Checks of the health report whose causes have alerts of their own, or need none.
const TOLD_OTHERWISE: [&str; 5] = ["daemon", "units", "jobs", "integrity", "outbox"];

/// A cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// What is wrong.
    pub what: String,
    /// With whom.
    pub subject: String,
    /// How bad it is.
    pub level: Level,
    /// In one sentence.
    pub title: String,
    /// What to do, as a command.
    pub action: String,
}

/// What an event says about alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A cause is there.
    Raise(Raise),
    /// A cause is gone.
    Clear {
        /// What was wrong.
        what: String,
        /// With whom.
        subject: String,
        /// Why it is over, in one sentence.
        why: String,
    },
}

impl Signal {
    /// The key of its alert.
    pub fn key(&self) -> String {
        match self {
            Self::Raise(cause) => super::key(&cause.what, &cause.subject),
            Self::Clear { what, subject, .. } => super::key(what, subject),
        }
    }
}

fn raise(what: &str, subject: &str, level: Level, title: String, action: String) -> Signal {
    let (what, subject) = (what.to_owned(), subject.to_owned());
    Signal::Raise(Raise { what, subject, level, title, action })
}

fn clear(what: &str, subject: &str, why: &str) -> Signal {
    Signal::Clear { what: what.to_owned(), subject: subject.to_owned(), why: why.to_owned() }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The end of an id: what people type.
fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

fn number(body: &Value, name: &str) -> u64 {
    body.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// What an event says about alerts; nothing for most.
pub fn signals(event: &Event) -> Vec<Signal> {
    let Some(body) = &event.body else { return Vec::new() };
    let about = event.subject.as_str();
    match event.kind.as_str() {
        "unit.failed" => vec![
            clear("unit_crashing", about, "It failed."),
            raise(
                "unit_failed",
                about,
                Level::Critical,
                format!("{about} failed. {}", text(body, "why")).trim_end().to_owned(),
                format!("orkestra unit show {about}"),
            ),
        ],
        "unit.restart_scheduled" if number(body, "attempt") >= IN_A_ROW => vec![raise(
            "unit_crashing",
            about,
            Level::Warning,
            format!("{about} ended {} times in a row.", number(body, "attempt")),
            format!("orkestra logs {about}"),
        )],
        // Whether a unit that crashed again and again stays up is not known at its start.
        "unit.started" => vec![clear("unit_failed", about, "It runs again.")],
        "unit.stopped" | "unit.stop_requested" => vec![
            clear("unit_failed", about, "It was stopped."),
            clear("unit_crashing", about, "It was stopped."),
        ],
        "unit.removed" => vec![
            clear("unit_failed", about, "It left the configuration."),
            clear("unit_crashing", about, "It left the configuration."),
        ],
        "health.changed" => health(body),
        "health.integrity_checked" => vec![integrity(body)],
        "journal.gap" => vec![raise(
            "journal_gap",
            "journal",
            Level::Warning,
            format!(
                "The journal could not be written for a while: {} events were written late, {} lost.",
                number(body, "queued"),
                number(body, "dropped")
            ),
            "orkestra events --kind journal.gap".to_owned(),
        )],
        "job.failed" if number(body, "failures") >= IN_A_ROW => vec![raise(
            "job_failing",
            about,
            Level::Warning,
            format!("The job {about} failed {} times in a row.", number(body, "failures")),
            "orkestra job list".to_owned(),
        )],
        "job.finished" => vec![clear("job_failing", about, "It went well again.")],
        "job.removed" => vec![clear("job_failing", about, "It left the configuration.")],
        "effect.unknown" => vec![raise(
            "effect_unknown",
            about,
            Level::Warning,
            format!("Nobody knows whether this happened: {}.", text(body, "kind")),
            "orkestra effect list".to_owned(),
        )],
        "effect.settled" => vec![clear("effect_unknown", about, "A person settled it.")],
        "budget.reached" | "budget.exhausted" => budget_reached(about, body),
        "budget.renewed" | "budget.removed" | "budget.set" => {
            budget_over(budget_subject(about, body), "It begins anew.")
        }
        "budget.overridden" => vec![clear(
            "budget_100",
            budget_subject(about, body),
            "A person lets it go on for a time.",
        )],
        "approval.requested" => vec![raise(
            "approval",
            about,
            Level::Warning,
            format!("{} asks: {}", text(body, "agent"), text(body, "what")),
            format!("orkestra approval show {}", short(about)),
        )],
        "approval.approved" => vec![clear("approval", about, "It was approved.")],
        "approval.denied" => vec![clear("approval", about, "It was denied.")],
        "approval.expired" => vec![clear("approval", about, "Nobody answered in time.")],
        "approval.withdrawn" => vec![clear("approval", about, "Its run is over.")],
        "merge.stopped" => vec![raise(
            "merge_stopped",
            about,
            Level::Warning,
            format!(
                "{} cannot be put into {} by itself. {}",
                text(body, "from"),
                text(body, "into"),
                text(body, "why")
            ),
            format!("orkestra merge show {}", short(about)),
        )],
        "merge.retried" => vec![clear("merge_stopped", about, "It is tried again.")],
        "merge.done" => vec![clear("merge_stopped", about, "It is in.")],
        "merge.given_up" => vec![clear("merge_stopped", about, "It was given up.")],
        "review.needs_person" => vec![raise(
            "review",
            about,
            Level::Warning,
            format!(
                "A person has to decide about {}'s work: {}.",
                text(body, "author"),
                text(body, "why").trim_end_matches('.')
            ),
            format!("orkestra review show {}", short(about)),
        )],
        "review.answered" => vec![clear("review", about, "A person decided.")],
        "review.closed" => vec![clear("review", about, "Nobody needs it any more.")],
        "run.silent" => vec![raise(
            "run_silent",
            about,
            Level::Warning,
            format!("Nothing was heard of a run since {}.", text(body, "since")),
            format!("orkestra run show {about}"),
        )],
        "run.heard" => vec![clear("run_silent", about, "It speaks again.")],
        "run.attempt_ended" | "run.ended" => vec![clear("run_silent", about, "It ended.")],
        "task.poisoned" => vec![raise(
            "task_poisoned",
            about,
            Level::Critical,
            format!("The task “{}” is not tried again. {}", text(body, "title"), text(body, "why"))
                .trim_end()
                .to_owned(),
            format!("orkestra task show {}", short(about)),
        )],
        "task.retried" => vec![clear("task_poisoned", about, "It is tried again.")],
        "task.handed_over" => vec![clear("task_poisoned", about, "It was handed over.")],
        "task.cancelled" => vec![clear("task_poisoned", about, "It was cancelled.")],
        "effect.failed" | "effect.done" => channel(event.kind.as_str(), body),
        _ => Vec::new(),
    }
}

/// With whom: of a budget of each run, which run.
fn budget_subject<'a>(about: &'a str, body: &'a Value) -> &'a str {
    match text(body, "title") {
        "" => about,
        title => title,
    }
}

/// Each share of a budget is an alert of its own, since each is told once; the one before is over
/// then. Of several that are reached at once, only the highest is told.
fn budget_reached(about: &str, body: &Value) -> Vec<Signal> {
    if body.get("highest") != Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let (about, share) = (budget_subject(about, body), number(body, "share"));
    let lower = crate::budget::SHARES.iter().filter(|lower| u64::from(**lower) < share);
    let mut all: Vec<Signal> = lower
        .map(|lower| clear(&format!("budget_{lower}"), about, "More of it is spent by now."))
        .collect();
    let (level, words) = match share {
        100 => (Level::Critical, "is used up; what it is about stops".to_owned()),
        90..100 => (Level::Critical, format!("is at {share} %")),
        _ => (Level::Warning, format!("is at {share} %")),
    };
    all.push(raise(
        &format!("budget_{share}"),
        about,
        level,
        format!("The budget {about} {words}: {} of {}.", text(body, "spent"), text(body, "limit")),
        "orkestra budget list".to_owned(),
    ));
    all
}

fn budget_over(about: &str, why: &str) -> Vec<Signal> {
    let all = crate::budget::SHARES.iter();
    all.map(|share| clear(&format!("budget_{share}"), about, why)).collect()
}

/// A channel that does not work is worth an alert over the others; a test tells its asker.
fn channel(kind: &str, body: &Value) -> Vec<Signal> {
    let to = text(body, "to");
    if text(body, "kind") == "github.comment" && kind == "effect.failed" {
        return vec![raise(
            "comment_failed",
            to,
            Level::Warning,
            format!("The result could not be told on {to}: {}.", text(body, "why")),
            "orkestra effect list".to_owned(),
        )];
    }
    if text(body, "kind") == "github.comment" {
        return vec![clear("comment_failed", to, "It was told.")];
    }
    if text(body, "kind") != "notify" || body.get("test") == Some(&Value::Bool(true)) {
        return Vec::new();
    }
    if kind == "effect.done" {
        return vec![clear("notification_failed", to, "It was told something again.")];
    }
    vec![raise(
        "notification_failed",
        to,
        Level::Warning,
        format!("{to} could not be told of an alert: {}.", text(body, "why")),
        format!("orkestra notify test {to}"),
    )]
}

fn health(body: &Value) -> Vec<Signal> {
    let checks = body.get("checks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    checks
        .iter()
        .filter_map(|check| {
            let name = text(check, "name");
            if TOLD_OTHERWISE.contains(&name) {
                return None;
            }
            match Level::parse(text(check, "to"))? {
                Level::Ok => Some(clear("health", name, text(check, "says"))),
                // Not knowing is no reason to say that it is over.
                Level::Unknown => None,
                level @ (Level::Warning | Level::Critical) => Some(raise(
                    "health",
                    name,
                    level,
                    format!("{name}: {}", text(check, "says")),
                    "orkestra health".to_owned(),
                )),
            }
        })
        .collect()
}

fn integrity(body: &Value) -> Signal {
    match number(body, "problems") {
        0 => clear("integrity", "journal", "It verifies again."),
        count => raise(
            "integrity",
            "journal",
            Level::Critical,
            format!("The journal does not verify: {count} found, first {}.", text(body, "first")),
            "orkestra audit verify".to_owned(),
        ),
    }
}
