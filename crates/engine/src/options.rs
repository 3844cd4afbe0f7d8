//! What the engine is given.

use crate::upkeep::Upkeep;
use crate::world::World;
use orkestra_agents::AgentSpec;
use orkestra_core::job::spec::{JobName, JobSpec};
use orkestra_core::unit::spec::{UnitName, UnitSpec};
use orkestra_store::Store;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Agents by their name in the configuration.
pub type Agents = BTreeMap<String, AgentSpec>;

/// What the engine is given at its start.
#[derive(Clone)]
pub struct Options {
    /// The data folder; its lock is held by the caller.
    pub home: PathBuf,
    /// The open store.
    pub store: Store,
    /// Clock, randomness, ids.
    pub world: Arc<dyn World>,
    /// The environment that units and agents inherit.
    pub env: Vec<(String, String)>,
    /// The descriptor limits that units and agents get, soft and hard.
    pub nofile: (u64, u64),
    /// Units of the configuration.
    pub units: BTreeMap<UnitName, UnitSpec>,
    /// Jobs of the configuration.
    pub jobs: BTreeMap<JobName, JobSpec>,
    /// Agents of the configuration.
    pub agents: Agents,
    /// What the configuration says about the house itself.
    pub upkeep: Upkeep,
    /// This program: agents' hooks and our bridge are started with it.
    pub program: PathBuf,
    /// The version of this program, for the journal.
    pub version: String,
}
