//! Whether agents are held back. What is in the body is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::writer::Tx;

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStateRow {
    /// Its name in the configuration.
    pub agent: String,
    /// The core's record, as JSON.
    pub body: String,
}

/// Reading them.
pub trait ReadAgentStates {
    /// All that are known, by name.
    fn agent_states(&self) -> Result<Vec<AgentStateRow>, Error>;
}

/// Writing them.
pub trait WriteAgentStates {
    /// Makes or replaces one.
    fn put_agent_state(&mut self, row: &AgentStateRow) -> Result<(), Error>;
}

impl<R: Rows> ReadAgentStates for R {
    fn agent_states(&self) -> Result<Vec<AgentStateRow>, Error> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT agent, body FROM agent_state ORDER BY agent")?;
        let rows = statement
            .query_map([], |row| Ok(AgentStateRow { agent: row.get(0)?, body: row.get(1)? }))?;
        rows.map(|row| row.map_err(Error::from)).collect()
    }
}

impl WriteAgentStates for Tx<'_> {
    fn put_agent_state(&mut self, row: &AgentStateRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO agent_state (agent, body) VALUES (?1, ?2)
                 ON CONFLICT (agent) DO UPDATE SET body = excluded.body",
            )?
            .execute((&row.agent, &row.body))?;
        Ok(())
    }
}
