//! The closed list of what the dispatcher takes.

use crate::approval::{Asked as AskedCall, Told};
use crate::error::Error;
use orkestra_agents::AgentSpec;
use orkestra_core::agent_state::{AgentInput, AgentState};
use orkestra_core::approval::{self, Approval};
use orkestra_core::event::Draft;
use orkestra_core::id::RunId;
use orkestra_core::job::spec::{JobName, JobSpec};
use orkestra_core::job::{Asked, Input as JobInput};
use orkestra_core::run::{Run, RunInput};
use orkestra_core::unit::{
    Input,
    spec::{UnitName, UnitSpec},
};
use orkestra_store::CallRow;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// Where an answer goes; nobody waits for most messages.
pub(crate) type Reply<T> = Option<oneshot::Sender<Result<T, Error>>>;

/// Everything that can happen, as one queue: the dispatcher linearizes it.
pub(crate) enum Message {
    /// Something about units.
    Unit {
        /// What.
        input: Input,
        /// Who.
        actor: String,
        /// Answered after the commit.
        reply: Reply<()>,
    },
    /// Something about one run.
    Run {
        /// Which.
        id: RunId,
        /// What.
        input: RunInput,
        /// Who.
        actor: String,
        /// Answered after the commit.
        reply: Reply<Run>,
    },
    /// Something about one agent.
    Agent {
        /// Its name.
        name: String,
        /// What.
        input: AgentInput,
        /// Who.
        actor: String,
        /// Answered after the commit.
        reply: Reply<AgentState>,
    },
    /// An agent asks whether it may make a tool call.
    Ask {
        /// What.
        asked: Box<AskedCall>,
        /// Answered once it is decided.
        reply: Reply<Told>,
    },
    /// Something about questions.
    Approval {
        /// What.
        input: approval::Input,
        /// Who.
        actor: String,
        /// Answered after the commit with what changed.
        reply: Reply<Vec<Approval>>,
    },
    /// Something about a run that may be over, and is then taken up again.
    TakeUpRun {
        /// As it is stored.
        run: Box<Run>,
        /// What.
        input: RunInput,
        /// Who.
        actor: String,
        /// Answered after the commit.
        reply: Reply<Run>,
    },
    /// Something about jobs.
    Job {
        /// What.
        input: JobInput,
        /// Who.
        actor: String,
        /// Answered after the commit.
        reply: Reply<Option<Asked>>,
    },
    /// A new run.
    CreateRun {
        /// As it begins.
        run: Box<Run>,
        /// Who.
        actor: String,
        /// Answered after the commit.
        reply: Reply<Run>,
    },
    /// The configuration, whole.
    Configure {
        /// Units by name.
        units: BTreeMap<UnitName, UnitSpec>,
        /// Agents by name.
        agents: BTreeMap<String, AgentSpec>,
        /// Jobs by name.
        jobs: BTreeMap<JobName, JobSpec>,
        /// Who.
        actor: String,
        /// Answered with the names of units and jobs that changed.
        reply: Reply<Vec<String>>,
    },
    /// Events that change no row of units or runs.
    Note(Vec<Draft>),
    /// Models were called without a run: their events, and their lines of the call log.
    Called(Vec<(Draft, CallRow)>),
    /// Nothing; answered in its turn, which proves that turns are taken.
    Ping(Reply<()>),
    /// The daemon goes down.
    Close {
        /// Units and runs go on without it.
        keep_units: bool,
        /// Who.
        actor: String,
    },
}
