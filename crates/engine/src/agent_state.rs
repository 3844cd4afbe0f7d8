//! Agents that are held back: the dispatcher's side, and what others may ask.

use crate::dispatch::{Dispatcher, Gathered, answer_with};
use crate::error::Error;
use crate::handle::Handle;
use crate::message::{Message, Reply};
use crate::spawn::FutureKind;
use jiff::Timestamp;
use orkestra_core::agent_state::{AgentInput, AgentState, Pause};
use orkestra_core::id::RunId;
use orkestra_core::run::{Run, RunInput};
use orkestra_store::{AgentStateRow, Error as StoreError};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of agents, by name; agents without an entry are free.
pub(crate) type AgentStates = BTreeMap<String, AgentState>;

pub(crate) fn from_row(row: &AgentStateRow) -> Result<AgentState, Error> {
    serde_json::from_str(&row.body).map_err(|error| {
        let what = format!("the state of the agent {} cannot be read: {error}", row.agent);
        Error::Store(StoreError::Damaged { what })
    })
}

pub(crate) fn to_row(state: &AgentState) -> Result<AgentStateRow, StoreError> {
    let body =
        serde_json::to_string(state).map_err(|error| StoreError::Invalid(error.to_string()))?;
    Ok(AgentStateRow { agent: state.name.clone(), body })
}

impl Dispatcher {
    /// Why an agent gets no new run and no new attempt now.
    pub(crate) fn agent_hold(&self, agent: &str) -> Option<Pause> {
        self.agent_states.get(agent)?.hold(self.options.world.now().at).cloned()
    }

    pub(crate) fn take_agent(
        &mut self,
        name: String,
        input: AgentInput,
        actor: &str,
        reply: Reply<AgentState>,
        gathered: &mut Gathered,
    ) {
        self.decide_agent(&name, input, actor, gathered);
        let state = self.agent_states.get(&name).cloned();
        answer_with(reply, state.unwrap_or_else(|| AgentState::new(&name)), gathered);
    }

    /// What follows for one agent, as part of this turn's commit.
    pub(crate) fn decide_agent(
        &mut self,
        name: &str,
        input: AgentInput,
        actor: &str,
        gathered: &mut Gathered,
    ) {
        let at = self.options.world.now().at;
        let known = self.agent_states.get(name).cloned();
        let known = known.unwrap_or_else(|| AgentState::new(name));
        if let Some(decision) = known.decide(input, actor, at) {
            gathered.batch.agent(&decision);
            self.remind_of_agent(&decision.state, at);
            let freed = decision.freed;
            self.agent_states.insert(name.to_owned(), decision.state);
            if freed {
                self.wake_runs_of(name, gathered);
            }
            *self.view.agent_states.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
                self.agent_states.clone();
        } else if let Some(state) = self.agent_states.get(name) {
            // The clock was set back while it was waited: it is looked at again.
            self.remind_of_agent(&state.clone(), at);
        }
    }

    /// Runs that waited for their agent go on.
    fn wake_runs_of(&mut self, agent: &str, gathered: &mut Gathered) {
        let waits = |run: &&Run| run.agent == agent && run.instance().is_none();
        let ids: Vec<RunId> = self.runs.values().filter(waits).map(|run| run.id).collect();
        for id in ids {
            self.take_run(id, RunInput::Wake, "daemon", None, gathered);
        }
    }

    /// Looks at an agent again when a reason to hold it ends by itself.
    pub(crate) fn remind_of_agent(&self, state: &AgentState, at: Timestamp) {
        let Some(next) = state.next_change() else { return };
        let wait = u64::try_from(next.duration_since(at).as_millis()).unwrap_or(0);
        let (outbox, name) = (self.outbox.clone(), state.name.clone());
        self.futures.spawn(FutureKind::Service, async move {
            tokio::time::sleep(Duration::from_millis(wait.saturating_add(1))).await;
            let (input, actor) = (AgentInput::Tick, "daemon".to_owned());
            let _closing = outbox.send(Message::Agent { name, input, actor, reply: None }).await;
        });
    }
}

impl Handle {
    /// What is known of an agent.
    pub fn agent_state(&self, name: &str) -> AgentState {
        let states =
            self.view.agent_states.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        states.get(name).cloned().unwrap_or_else(|| AgentState::new(name))
    }

    /// Why an agent gets no new run and no new attempt now.
    pub fn agent_hold(&self, name: &str) -> Option<Pause> {
        self.agent_state(name).hold(self.now().at).cloned()
    }

    /// Holds an agent back, or lets it go on; as it is then.
    ///
    /// # Errors
    /// The daemon is going down.
    pub async fn agent_input(
        &self,
        name: &str,
        input: AgentInput,
        actor: &str,
    ) -> Result<AgentState, Error> {
        let (name, actor) = (name.to_owned(), actor.to_owned());
        self.ask(|reply| Message::Agent { name, input, actor, reply: Some(reply) }).await
    }
}
