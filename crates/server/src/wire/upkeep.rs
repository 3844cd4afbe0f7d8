//! The house itself on the wire: health.

use orkestra_core::health::{Check, Report};
use serde::{Deserialize, Serialize};
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
        }
    }
}
