//! The bridge: an agent process of our own for what has no program of its own.
//!
//! - [`talk`]: a conversation with a model's API, with tools that work in the run's worktree;
//! - [`acp`]: an agent that speaks the Agent Client Protocol, as our child;
//! - [`call`]: one question to one model, without tools, for the daemon;
//! - [`ask`]: asking the daemon whether an action is allowed.
//!
//! It runs under a shim like every agent, takes its prompt from standard input, and prints one
//! `AgentEvent` per line, which `orkestra_agents::native` reads. It outlives the daemon.
//!
//! **Invariant:** no tool runs before the gate allowed it, and none is begun before the
//! conversation's file says so: what was interrupted is told to the model and never repeated
//! silently. **Invariant:** a key is in no event, no file and no tool's environment.

pub mod acp;
pub mod ask;
pub mod call;
mod conversation;
pub mod model;
mod output;
mod retry;
mod settings;
pub mod talk;
mod tool;

use orkestra_core::agent::{AgentEvent, Ended};

/// Tells that nothing could be begun: the one event of a bridge that is not fit to work.
pub fn say_refusal(why: &str, api_status: Option<u16>) {
    output::say(&AgentEvent::Ended(Ended {
        error: Some(why.to_owned()),
        stop_reason: Some("unusable".to_owned()),
        api_status,
        ..Ended::default()
    }));
}

pub use settings::{Limits, Settings, Unusable, endpoint, key_names};
