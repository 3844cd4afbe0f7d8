//! Runs: one attempt at a piece of work by one agent (DESIGN: agents, tasks, decisions).
//!
//! This is the first, thin life of a run: prepared, started, streamed, ended. An agent's own
//! "done" makes it `reported`, never more: checks come with their own issue.

mod decide;
#[cfg(test)]
mod tests;

pub use decide::create;

use crate::agent::{AgentEvent, Ended, Usage};
use crate::event::{Draft, EventRef};
use crate::id::{InstanceId, RunId};
use crate::unit::Exit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a run is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Its worktree is being made.
    Preparing,
    /// Its process is being started.
    Starting {
        /// Which life.
        instance: InstanceId,
    },
    /// The agent works.
    Running {
        /// Which life.
        instance: InstanceId,
        /// The agent's process id; for display only.
        pid: u32,
    },
    /// A person cancelled it; its processes are being ended.
    Stopping {
        /// Which life.
        instance: InstanceId,
        /// The agent's process id, when it ran.
        pid: Option<u32>,
    },
    /// The agent says it is done.
    Reported,
    /// It ended without a regular end.
    Failed {
        /// In words.
        why: String,
    },
    /// A person cancelled it.
    Cancelled,
}

/// The worktree of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// Its folder.
    pub path: String,
    /// The branch made for it.
    pub branch: String,
    /// The commit it began from.
    pub base: String,
    /// Changes in the target that are not committed and hence not in the worktree.
    pub uncommitted: u32,
}

/// A file that differs from the base commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// Relative to the worktree.
    pub path: String,
    /// Git's letter: `A` added, `M` modified, `D` deleted, `?` not tracked.
    pub status: String,
}

/// One event with its place in the raw stream, which makes it recordable once.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// Where its line begins, in bytes; the end of the stream for events made at the end.
    pub offset: u64,
    /// Which event of that line, from 0.
    pub index: u32,
    /// The event.
    pub event: AgentEvent,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The agent's name in the configuration.
    pub agent: String,
    /// The agent's kind: `claude`, `script`.
    pub kind: String,
    /// What was asked.
    pub prompt: String,
    /// The repository it works for.
    pub target: String,
    /// Set by whoever asked, so that asking twice makes one run.
    pub request_key: Option<String>,
    /// The conversation's id, handed to agents that take one.
    pub session_id: String,
    /// Where it is.
    pub state: RunState,
    /// Where it works, once made.
    pub worktree: Option<Worktree>,
    /// Bytes of the raw stream whose events are committed: always the beginning of a line.
    pub offset: u64,
    /// Events committed from the stream.
    pub events: u64,
    /// Lines kept raw because they were not understood.
    pub raw_lines: u64,
    /// Tokens and money so far, over all models.
    pub usage: Option<Usage>,
    /// The agent's own end, once seen.
    pub ended: Option<Ended>,
    /// How its process ended.
    pub exit: Option<Exit>,
    /// What differs from the base commit, once it ended.
    pub files: Option<Vec<ChangedFile>>,
    /// When it was asked for (UTC).
    pub created_at: Timestamp,
    /// When the agent's process started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// The last sign of life.
    pub last_event_at: Option<Timestamp>,
    /// Its newest event that is not from the stream, as cause of what follows.
    pub latest: Option<EventRef>,
}

impl Run {
    /// Whether nothing more will happen to it.
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Reported | RunState::Failed { .. } | RunState::Cancelled)
    }

    /// The life that has, or may have, processes.
    pub fn instance(&self) -> Option<InstanceId> {
        match self.state {
            RunState::Starting { instance }
            | RunState::Running { instance, .. }
            | RunState::Stopping { instance, .. } => Some(instance),
            RunState::Preparing
            | RunState::Reported
            | RunState::Failed { .. }
            | RunState::Cancelled => None,
        }
    }

    /// The state's word.
    pub fn state_word(&self) -> &'static str {
        match self.state {
            RunState::Preparing => "preparing",
            RunState::Starting { .. } => "starting",
            RunState::Running { .. } => "running",
            RunState::Stopping { .. } => "stopping",
            RunState::Reported => "reported",
            RunState::Failed { .. } => "failed",
            RunState::Cancelled => "cancelled",
        }
    }

    /// Why it is in this state, in one sentence for people.
    pub fn why(&self) -> String {
        match &self.state {
            RunState::Preparing => "Its worktree is being made.".to_owned(),
            RunState::Starting { .. } => "Its agent is being started.".to_owned(),
            RunState::Running { .. } => "The agent works.".to_owned(),
            RunState::Stopping { .. } => "Being cancelled.".to_owned(),
            RunState::Reported => {
                match self.ended.as_ref().map_or(0, |ended| ended.denials.len()) {
                    0 => "The agent says it is done; nothing has checked it.".to_owned(),
                    n => format!(
                        "The agent says it is done, but {n} of its tool calls were refused."
                    ),
                }
            }
            RunState::Failed { why } => why.clone(),
            RunState::Cancelled => "Cancelled by hand.".to_owned(),
        }
    }
}

/// Something that happened to a run, or is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum RunInput {
    /// The worktree is there; `instance` is the life to start.
    Prepared {
        /// Where.
        worktree: Worktree,
        /// A fresh id.
        instance: InstanceId,
    },
    /// It could not be prepared or started.
    Refused {
        /// In words.
        why: String,
    },
    /// The agent's process runs.
    Started {
        /// Which life.
        instance: InstanceId,
        /// Its process id.
        pid: u32,
        /// Whether an earlier daemon started it.
        adopted: bool,
    },
    /// The agent said something.
    Streamed {
        /// Which life.
        instance: InstanceId,
        /// What, in order.
        records: Vec<Streamed>,
        /// Where the stream has been read to, up to the end of a whole line.
        offset: u64,
    },
    /// The process ended, its tree is empty and its stream was read to the end.
    Exited {
        /// Which life.
        instance: InstanceId,
        /// How.
        exit: Exit,
        /// What the end itself makes known.
        records: Vec<Streamed>,
        /// What differs in the worktree.
        files: Option<Vec<ChangedFile>>,
    },
    /// A person cancels it.
    Cancel,
    /// The daemon died before the agent was started: nothing is lost, start it with this life.
    StartAgain {
        /// A fresh id.
        instance: InstanceId,
    },
}

/// What the host is to do once the decision is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOrder {
    /// Make the worktree.
    Prepare,
    /// Start the agent.
    Launch {
        /// Which life.
        instance: InstanceId,
    },
    /// End its tree.
    Stop {
        /// Which life.
        instance: InstanceId,
    },
    /// Its exit is committed.
    Release {
        /// Which life.
        instance: InstanceId,
    },
}

/// What follows from one input.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDecision {
    /// The run as it is then.
    pub run: Run,
    /// Events of its life.
    pub events: Vec<Draft>,
    /// Events of the agent, each to be recorded once by its place in the stream; they come
    /// before `events` in the journal, since an end follows what was said.
    pub streamed: Vec<(u64, u32, Draft)>,
    /// Usage to be added to the books.
    pub usage: Vec<Usage>,
    /// To be carried out after the commit.
    pub orders: Vec<RunOrder>,
}
