//! What is done with agents, on the wire.

use orkestra_core::agent_state::{AgentState, Pause};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An agent is to be held back.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentPause {
    /// For how long (`30m`, `2h`); without it until somebody resumes it.
    #[serde(default, rename = "for")]
    pub span: Option<String>,
    /// Why, in one sentence.
    #[serde(default)]
    pub why: Option<String>,
}

/// Why an agent gets no new work, and until when.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HoldView {
    /// Since when (RFC 3339).
    pub since: String,
    /// Until when (RFC 3339); without it until somebody resumes it.
    pub until: Option<String>,
    /// In one sentence.
    pub why: String,
    /// Who: `person:cli`, `daemon`.
    pub by: String,
}

impl From<&Pause> for HoldView {
    fn from(pause: &Pause) -> Self {
        Self {
            since: pause.since.to_string(),
            until: pause.until.map(|until| until.to_string()),
            why: pause.why.clone(),
            by: pause.by.clone(),
        }
    }
}

/// Whether an agent gets new work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentHeld {
    /// Its name.
    pub name: String,
    /// Why it gets none; nothing when it does.
    pub hold: Option<HoldView>,
}

impl AgentHeld {
    /// As it is at that time.
    pub fn at(state: &AgentState, at: jiff::Timestamp) -> Self {
        Self { name: state.name.clone(), hold: state.hold(at).map(HoldView::from) }
    }
}
