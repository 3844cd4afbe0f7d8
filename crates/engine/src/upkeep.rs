//! What the configuration says about the house itself, apart from units and agents. It may change
//! while the daemon runs; whoever uses it asks for it anew each time.

use orkestra_connectors::Notification;
use orkestra_core::health::Thresholds;
use std::collections::BTreeMap;

/// Thresholds and whatever else belongs to keeping house.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Upkeep {
    /// From where on a figure of the health report is too high or too low.
    pub thresholds: Thresholds,
    /// Who is told of alerts, by name.
    pub notifications: BTreeMap<String, Notification>,
}
