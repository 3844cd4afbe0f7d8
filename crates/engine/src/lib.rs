//! The order of events: input → decide → commit → effects.
//!
//! **Invariant:** nobody but the dispatcher changes units and runs, and nothing is carried out
//! before what it follows from is committed. (On a full disk supervision goes on from memory; the
//! queue of what is still to be committed is bounded and the gap becomes an event.)

mod agent;
mod agent_state;
mod alert;
mod approval;
mod assign;
mod backup;
mod budget;
mod builtin;
mod check;
mod commit;
mod consumer;
mod dispatch;
mod effect;
mod error;
mod evidence;
mod handle;
mod healing;
mod health;
mod hook;
mod instance;
mod issue;
mod job;
mod journal;
mod life;
mod merge;
mod message;
mod model;
mod money;
mod notice;
mod options;
mod overlap;
mod probe;
mod project;
mod prune;
mod recovery;
mod repair;
mod review;
mod routing;
mod run;
mod sample;
mod sandbox;
mod secret;
mod sentence;
mod session;
mod snapshot;
mod spawn;
mod summary;
mod task;
mod trash;
mod unit;
mod upkeep;
mod vendor;
mod vote;
mod world;

pub use agent::{AgentFacts, Login, Probed};
pub use approval::{RunKey, Told, ToolCall, Yes, agent_socket};
pub use assign::Why;
pub use backup::{BACKUPS, backup_name, backup_place};
pub use budget::{BudgetChange, BudgetOrigin, BudgetState, Call, Permit};
pub use builtin::BUILTINS;
pub use check::{Diagnosis, Fault, FaultKind, TaskChecks};
pub use effect::{Settled, Settlement, Tested, effect_title, effect_to};
pub use error::Error;
pub use handle::{Handle, NewRun, StoreState, names_secret_owner};
pub use health::{Checked, from_outside};
pub use issue::{GitHubPoll, GitHubSpec};
pub use model::{Asked, agent_slots};
pub use money::{Books, Money};
pub use notice::Inbox;
pub use options::{Agents, Options};
pub use overlap::Overlap;
pub use probe::Answer;
pub use prune::{Item, Pruned};
pub use recovery::start;
pub use repair::Repair;
pub use routing::{LATELY_HOURS, WorkFacts};
pub use sample::Sample;
pub use secret::{CheckedSecret, Missing, Secrets};
pub use sentence::sentence;
pub use session::{NewSession, SessionsSpec};
pub use snapshot::{PutBack, SnapshotRules};
pub use spawn::{FutureKind, Futures};
pub use task::{Around, ClaimNext, process_start};
pub use upkeep::{Retention, Upkeep};
pub use vote::{
    AgentRecord, NewVote, NewVoter, Replayed, Side, Verified, VoteSpec, VoteStats, WeightsFrom,
};
pub use world::{RealWorld, World};
