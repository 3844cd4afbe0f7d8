//! The house itself on the wire: health, alerts, and who is told of them.

use orkestra_core::alert::Alert;
use orkestra_core::health::{Check, Report};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealthCheck {
    /// `daemon`, `disk`, `memory`, `load`, `database`, `journal`, `integrity`, `daemon memory`,
    /// `descriptors`, `units`, `jobs`, `outbox`.
    pub name: String,
    /// `ok`, `unknown`, `warning`, `critical`.
    pub level: String,
    /// In one sentence.
    pub says: String,
    /// What to do, unless it is well.
    pub advice: Option<String>,
    /// The figure that was compared.
    pub value: Option<f64>,
    /// What it was compared with.
    pub threshold: Option<f64>,
    /// What figure and threshold count: `bytes`, `share`, `per_cpu`, `count`.
    pub measure: Option<String>,
}

/// How the house is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealthReport {
    /// The worst of all checks: `ok`, `unknown`, `warning`, `critical`.
    pub level: String,
    /// When it was looked at (RFC 3339).
    pub checked_at: String,
    /// Each of them.
    pub checks: Vec<HealthCheck>,
    /// What was mended last, the newest first.
    #[serde(default)]
    pub repairs: Vec<RepairView>,
}

/// Something that a crash had left and that was mended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RepairView {
    /// When (RFC 3339).
    pub at: String,
    /// `instance`, `worktree`, `file`, `blobs`.
    pub what: String,
    /// Which one.
    pub name: String,
    /// What was done, in one sentence.
    pub done: String,
}

impl From<&Check> for HealthCheck {
    fn from(check: &Check) -> Self {
        Self {
            name: check.name.clone(),
            level: check.level.as_str().to_owned(),
            says: check.says.clone(),
            advice: check.advice.clone(),
            value: check.value,
            threshold: check.threshold,
            measure: check.measure.clone(),
        }
    }
}

impl HealthReport {
    /// The report of this moment.
    pub fn of(report: &Report, checked_at: String) -> Self {
        Self {
            level: report.level.as_str().to_owned(),
            checked_at,
            checks: report.checks.iter().map(HealthCheck::from).collect(),
            repairs: Vec::new(),
        }
    }
}

/// Something that somebody should hear of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// Its id.
    pub id: String,
    /// The end of its id, for people.
    pub short: String,
    /// `unit_failed`, `unit_crashing`, `health`, `integrity`, `journal_gap`, `job_failing`,
    /// `notification_failed`, `effect_unknown`.
    pub what: String,
    /// With whom: a unit, a check, a job.
    pub subject: String,
    /// `warning`, `critical`.
    pub level: String,
    /// In one sentence.
    pub title: String,
    /// What to do, as a command.
    pub action: String,
    /// `open`, `settled`, `resolved`.
    pub state: String,
    /// When it was raised (RFC 3339).
    pub first_at: String,
    /// When its cause was seen last (RFC 3339).
    pub last_at: String,
    /// How often its cause was seen.
    pub count: u64,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// When it was settled or resolved (RFC 3339).
    pub ended_at: Option<String>,
}

/// Alerts, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    /// The page.
    pub alerts: Vec<AlertView>,
    /// How many are open.
    pub open: usize,
}

/// Somebody who is told of alerts. Its address is not shown: it is often a secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    /// Its name.
    pub name: String,
    /// `webhook`, `slack`, `discord`, `desktop`.
    pub kind: String,
    /// Alerts below this level are not sent: `warning`, `critical`.
    pub min_level: String,
    /// Whether it could be used here: a desktop needs `notify-send`.
    pub available: bool,
}

/// All who are told of alerts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NotificationList {
    /// By name.
    pub notifications: Vec<NotificationView>,
}

/// What a test message gave.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NotificationTest {
    /// Whether it was taken.
    pub done: bool,
    /// What was answered, or why not.
    pub why: String,
    /// The effect in the journal.
    pub effect: String,
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            short: alert.id.short(),
            what: alert.what.clone(),
            subject: alert.subject.clone(),
            level: alert.level.as_str().to_owned(),
            title: alert.title.clone(),
            action: alert.action.clone(),
            state: alert.state.as_str().to_owned(),
            first_at: alert.first_at.to_string(),
            last_at: alert.last_at.to_string(),
            count: alert.count,
            deliveries: alert.deliveries,
            settled_by: alert.settled_by.clone(),
            ended_at: alert.ended_at.map(|at| at.to_string()),
        }
    }
}

/// How to prune.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneRequest {
    /// Only say what it would be.
    #[serde(default)]
    pub dry_run: bool,
}

/// Something that was taken away, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PruneItem {
    /// `log`, `worktree`, `trash`, `journal`, `body`, `alert`, `effect`.
    pub what: String,
    /// Which one.
    pub name: String,
    /// Room that it took.
    pub bytes: u64,
}

/// What was taken away, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PruneView {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// In one sentence.
    pub summary: String,
    /// How many of each sort.
    pub counts: BTreeMap<String, u64>,
    /// Room that they took.
    pub bytes: u64,
    /// The first hundred of them.
    pub items: Vec<PruneItem>,
}
