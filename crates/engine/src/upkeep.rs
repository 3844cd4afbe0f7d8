//! What the configuration says about the house itself, apart from units and agents. It may change
//! while the daemon runs; whoever uses it asks for it anew each time.

use crate::issue::GitHubSpec;
use crate::money::Money;
use crate::session::SessionsSpec;
use crate::snapshot::SnapshotRules;
use orkestra_connectors::Notification;
use orkestra_core::check::OwnCheck;
use orkestra_core::gate::Policy;
use orkestra_core::health::Thresholds;
use orkestra_core::review;
use orkestra_core::sandbox::SandboxSpec;
use orkestra_core::span::Span;
use orkestra_core::task::Rules;
use std::collections::BTreeMap;

/// Thresholds and whatever else belongs to keeping house.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Upkeep {
    /// From where on a figure of the health report is too high or too low.
    pub thresholds: Thresholds,
    /// How long things are kept.
    pub retention: Retention,
    /// Who is told of alerts, by name.
    pub notifications: BTreeMap<String, Notification>,
    /// Prices, budgets, and in which zone days begin.
    pub money: Money,
    /// Issues that become runs.
    pub github: Option<GitHubSpec>,
    /// How long a question waits for a person before it is denied [24 hours].
    pub approvals_expire: Option<Span>,
    /// What agents may do without being asked, and what not at all.
    pub gate: Policy,
    /// When snapshots of the work are taken.
    pub snapshots: SnapshotRules,
    /// The person's own checks of tasks, by name.
    pub checks: BTreeMap<String, OwnCheck>,
    /// How it is voted.
    pub votes: crate::vote::VoteSpec,
    /// The sandbox of agents that are not in the configuration.
    pub sandbox: SandboxSpec,
    /// How tasks are given out and tried again.
    pub tasks: Rules,
    /// How goals are planned.
    pub sessions: SessionsSpec,
    /// How work is reviewed.
    pub reviews: review::Rules,
}

/// How long things are kept; without a time for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Rotated logs, and logs of units and jobs that left the configuration.
    pub logs: Option<Span>,
    /// Events.
    pub journal: Option<Span>,
    /// Large bodies of events.
    pub blobs: Option<Span>,
    /// Worktrees of runs that ended, if all in them is committed.
    pub worktrees: Option<Span>,
    /// What is in the trash.
    pub trash: Option<Span>,
    /// Alerts that are over, and what was sent for them.
    pub alerts: Option<Span>,
}

impl Retention {
    /// Without any configuration: the journal forgets nothing.
    pub const DEFAULT: Self = Self {
        logs: Some(days(30)),
        journal: None,
        blobs: None,
        worktrees: Some(days(14)),
        trash: Some(days(30)),
        alerts: Some(days(90)),
    };
}

impl Default for Retention {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const fn days(count: u64) -> Span {
    Span::from_secs(count * 86_400)
}
