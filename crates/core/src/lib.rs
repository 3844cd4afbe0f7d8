//! The meaning of Orkestra: ids, events, state machines and policies.
//!
//! **Invariant:** nothing here does I/O, reads a clock, draws a random number or is async.
//! Time, randomness and ids are arguments.

pub mod agent;
pub mod agent_state;
pub mod alert;
pub mod approval;
pub mod breaker;
pub mod budget;
pub mod check;
pub mod event;
pub mod evidence;
pub mod gate;
pub mod healing;
pub mod health;
pub mod id;
pub mod issue;
pub mod job;
pub mod merge;
pub mod money;
pub mod notice;
pub mod overlap;
pub mod plan;
pub mod project;
pub mod prompt;
pub mod review;
pub mod routing;
pub mod run;
pub mod sandbox;
pub mod secret;
pub mod session;
pub mod signal;
pub mod span;
pub mod summary;
pub mod task;
pub mod unit;
pub mod vote;
