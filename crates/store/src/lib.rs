//! The store: rows, journal, outbox and blobs; the only crate that speaks SQL.
//!
//! One writer thread takes the commands that wait, runs each in its own savepoint and commits the group
//! with one fsync and one seal ([`Store::write`]). A few reader threads answer questions, each on one
//! consistent view ([`Store::read`]). What a back end offers is [`Read`] and [`Write`].
//!
//! **Invariants:**
//! * An answered command is durable; a failed one left nothing behind.
//! * `seq` has no gaps as readers see it, and an event's header never changes.
//! * A blob is on the disk before the event that names it is committed.
//! * A newer database is refused before anything is written to it.
//! * User input is bound to statements, never part of them.

mod agent_state;
mod alert;
mod approval;
mod audit;
mod backup;
mod blob;
mod budget;
mod call;
mod check;
mod consumer;
mod database;
mod effect;
mod erase;
mod error;
mod export;
mod figures;
mod healing;
mod instance;
mod interface;
mod issue;
mod job;
mod journal;
mod login;
mod merge;
mod meta;
mod notice;
mod reader;
mod restore;
mod review;
mod routing;
mod run;
mod sample;
mod seal;
mod session;
mod snapshot;
mod store;
mod suffix;
mod task;
mod unit;
mod usage;
mod value;
mod vote;
mod writer;

pub use agent_state::{AgentStateRow, ReadAgentStates, WriteAgentStates};
pub use alert::{AlertRow, ReadAlerts, WriteAlerts};
pub use approval::{ApprovalFilter, ApprovalRow, GateRuleRow, ReadApprovals, WriteApprovals};
pub use audit::{AnchorCheck, Progress, ReadAudit};
pub use backup::{
    BackupFile, BackupFound, BackupPlan, Manifest, create as create_backup, list_backups, manifest,
    prune_backups, verify as verify_backup,
};
pub use budget::{BudgetRow, ReadBudgets, Reservation, WriteBudgets};
pub use call::{CallRow, CallStats, ReadCalls, WriteCalls};
pub use check::{Problem, Report};
pub use consumer::{ReadConsumers, WriteConsumers};
pub use database::{refuse_newer, schema_version};
pub use effect::{EffectRow, EffectState, NewEffect, Outcome, ReadEffects, WriteEffects};
pub use erase::WriteErase;
pub use error::Error;
pub use export::verify_export;
pub use figures::Figures;
pub use healing::{HealingRow, ReadHealings, WriteHealings};
pub use instance::{InstanceRow, Owner, ReadInstances, WriteInstances};
pub use interface::{Read, Write};
pub use issue::{IssueRow, ReadIssues, WriteIssues};
pub use job::{JOB_RUNS_KEPT, JobRow, JobRunRow, ReadJobs, WriteJobs};
pub use journal::{EventKey, Filter, Head, ReadJournal, WriteJournal};
pub use login::{LoginRow, ReadLogins, WriteLogins};
pub use merge::{MergeRow, OverlapRow, ReadMerges, WriteMerges};
pub use meta::{ReadMeta, WriteMeta};
pub use notice::{AgentNoteRow, NoticeRow, ReadNotices, WriteNotices};
pub use restore::{Restored, complete_restore, put_back, restore};
pub use review::{ReadReviews, ReviewFilter, ReviewRow, WriteReviews};
pub use routing::{ChoiceRow, ReadRouting, TrackRow, TrackSum, WriteRouting};
pub use run::{ReadRuns, RunRow, WriteRuns};
pub use sample::{ReadSamples, SampleRow, WriteSamples};
pub use session::{ProjectRow, ReadSessions, SessionRow, WriteSessions};
pub use snapshot::{ReadSnapshots, SnapshotRow, WriteSnapshots};
pub use store::{Committed, Options, Place, Store};
pub use task::{QueuePlace, ReadTasks, TaskFilter, TaskRow, WriteTasks};
pub use unit::{ReadUnits, UnitRow, WriteUnits};
pub use usage::{
    ReadUsage, Spent, Tokens, UsageBy, UsageFilter, UsageGroup, UsageRow, UsageSum, WriteUsage,
};
pub use vote::{BallotRow, ReadVotes, VoteRow, VotesIn, WorkSum, WriteVotes};
pub use writer::{Clock, Ids, OnFull};
