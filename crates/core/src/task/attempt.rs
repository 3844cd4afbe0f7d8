//! Claims: who works on a task, under which number, and when that is over.

use super::Rules;
use crate::id::RunId;
use crate::span::Span;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Who works on a task: a lease with a fencing number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who holds it: `daemon`, or `worker:NAME` for a program outside.
    pub owner: String,
    /// The agent or worker that does it.
    pub agent: String,
    /// Its number; each claim of a task has a higher one than the claim before.
    pub fence: u64,
    /// The run that does it.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The process that holds it, on this machine.
    #[serde(default)]
    pub pid: Option<u32>,
    /// When that process started, in clock ticks since boot, so that another one with its number is
    /// not taken for it.
    #[serde(default)]
    pub pid_start: Option<u64>,
    /// Since when (UTC).
    pub at: Timestamp,
    /// The last sign of life.
    pub seen_at: Timestamp,
    /// For how long each sign of life holds it; without it until its owner gives it up or falls silent.
    #[serde(default)]
    pub lease: Option<Span>,
    /// When it is over without another sign of life.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What its holder told last.
    #[serde(default)]
    pub note: Option<String>,
}

/// Who wants to work on a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// Who holds it: `daemon`, or `worker:NAME`.
    pub owner: String,
    /// The agent or worker that does it.
    pub agent: String,
    /// For how long each sign of life holds it. Without it the claim ends by its holder only: that
    /// is for the daemon, which sees the end of its runs.
    pub lease: Option<Span>,
    /// The process that holds it, on this machine.
    pub pid: Option<u32>,
    /// When that process started.
    pub pid_start: Option<u64>,
}

impl Claimant {
    /// The daemon itself, for one of its agents.
    pub fn daemon(agent: &str) -> Self {
        Self {
            owner: "daemon".to_owned(),
            agent: agent.to_owned(),
            lease: None,
            pid: None,
            pid_start: None,
        }
    }
}

/// Why a claim is over without its holder's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// No sign of life within the lease.
    Lease,
    /// Its process is gone.
    Died,
    /// Nothing was heard of its run for too long.
    Silent,
}

impl Loss {
    /// The word in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Died => "died",
            Self::Silent => "silent",
        }
    }
}

/// What was seen of a claim's holder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sign {
    /// Whether its process lives; nothing when that cannot be told.
    pub alive: Option<bool>,
    /// When something was last heard of its run.
    pub heard_at: Option<Timestamp>,
    /// Whether its run waits for somebody, so that silence says nothing.
    pub waits: bool,
}

/// Handing a task over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Who had it, if anybody.
    pub from: Option<String>,
    /// Who gets it.
    pub to: String,
    /// What the next one has to know.
    pub note: Option<String>,
    /// When (UTC).
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
}

pub(super) fn later(at: Timestamp, span: Span) -> Timestamp {
    let span = SignedDuration::from_millis(i64::try_from(span.ms()).unwrap_or(i64::MAX));
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

impl Claim {
    /// A claim that begins now.
    pub(super) fn begin(by: Claimant, fence: u64, now: Timestamp) -> Self {
        Self {
            owner: by.owner,
            agent: by.agent,
            fence,
            run: None,
            pid: by.pid,
            pid_start: by.pid_start,
            at: now,
            seen_at: now,
            lease: by.lease,
            expires_at: by.lease.map(|lease| later(now, lease)),
            note: None,
        }
    }

    /// A sign of life.
    pub(super) fn seen(&mut self, now: Timestamp) {
        self.seen_at = self.seen_at.max(now);
        self.expires_at = self.lease.map(|lease| later(now, lease));
    }

    /// Whether it is over, by what was seen of its holder.
    pub fn lost(&self, sign: Sign, now: Timestamp, rules: &Rules) -> Option<Loss> {
        if sign.alive == Some(false) {
            return Some(Loss::Died);
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Some(Loss::Lease);
        }
        if self.lease.is_some() || sign.waits {
            return None;
        }
        let heard = sign.heard_at.map_or(self.seen_at, |heard| heard.max(self.seen_at));
        (later(heard, rules.stuck_after) <= now).then_some(Loss::Silent)
    }
}
