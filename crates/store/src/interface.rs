//! What every back end offers: [`Read`] and [`Write`], put together from one trait per topic.
//!
//! Both are object-safe, so that the engine can be handed `&dyn Read` and `&mut dyn Write` and never
//! learns which database is below. `tests/it/conformance.rs` is what every back end must pass.

use crate::agent_state::{ReadAgentStates, WriteAgentStates};
use crate::alert::{ReadAlerts, WriteAlerts};
use crate::approval::{ReadApprovals, WriteApprovals};
use crate::audit::ReadAudit;
use crate::blob::Blobs;
use crate::budget::{ReadBudgets, WriteBudgets};
use crate::call::{ReadCalls, WriteCalls};
use crate::consumer::{ReadConsumers, WriteConsumers};
use crate::effect::{ReadEffects, WriteEffects};
use crate::erase::WriteErase;
use crate::error::Error;
use crate::healing::{ReadHealings, WriteHealings};
use crate::instance::{ReadInstances, WriteInstances};
use crate::issue::{ReadIssues, WriteIssues};
use crate::job::{ReadJobs, WriteJobs};
use crate::journal::{Head, ReadJournal, WriteJournal, read_head};
use crate::login::{ReadLogins, WriteLogins};
use crate::merge::{ReadMerges, WriteMerges};
use crate::meta::{ReadMeta, WriteMeta};
use crate::notice::{ReadNotices, WriteNotices};
use crate::review::{ReadReviews, WriteReviews};
use crate::routing::{ReadRouting, WriteRouting};
use crate::run::{ReadRuns, WriteRuns};
use crate::sample::{ReadSamples, WriteSamples};
use crate::session::{ReadSessions, WriteSessions};
use crate::snapshot::{ReadSnapshots, WriteSnapshots};
use crate::task::{ReadTasks, WriteTasks};
use crate::unit::{ReadUnits, WriteUnits};
use crate::usage::{ReadUsage, WriteUsage};
use crate::vote::{ReadVotes, WriteVotes};
use rusqlite::Connection;

/// One consistent view of everything committed (inside a command: and of its own writes).
pub trait Read:
    ReadJournal
    + ReadAudit
    + ReadUnits
    + ReadInstances
    + ReadRouting
    + ReadRuns
    + ReadUsage
    + ReadEffects
    + ReadConsumers
    + ReadMeta
    + ReadLogins
    + ReadJobs
    + ReadSamples
    + ReadAlerts
    + ReadAgentStates
    + ReadBudgets
    + ReadCalls
    + ReadIssues
    + ReadReviews
    + ReadApprovals
    + ReadNotices
    + ReadHealings
    + ReadSnapshots
    + ReadVotes
    + ReadTasks
    + ReadMerges
    + ReadSessions
{
}

/// One command: all its writes are committed together, or none.
pub trait Write:
    Read
    + WriteJournal
    + WriteErase
    + WriteUnits
    + WriteInstances
    + WriteRouting
    + WriteRuns
    + WriteUsage
    + WriteEffects
    + WriteConsumers
    + WriteMeta
    + WriteLogins
    + WriteJobs
    + WriteSamples
    + WriteAlerts
    + WriteAgentStates
    + WriteBudgets
    + WriteCalls
    + WriteIssues
    + WriteReviews
    + WriteApprovals
    + WriteNotices
    + WriteHealings
    + WriteSnapshots
    + WriteVotes
    + WriteTasks
    + WriteMerges
    + WriteSessions
{
}

/// What the SQLite implementations of the reading traits need; `Reader` and `Tx` have it.
pub(crate) trait Rows {
    fn connection(&self) -> &Connection;

    fn blobs(&self) -> &Blobs;

    /// A command sees the events it appended; a reader sees the committed row.
    fn head_row(&self) -> Result<Head, Error> {
        read_head(self.connection())
    }
}

impl<R: Rows> Read for R {}
