//! Surfaces on the real binary: configuration, command line, API, journal, runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test says where"
)]
#![allow(clippy::disallowed_methods, reason = "tests run the binary from outside")]

#[path = "../harness/mod.rs"]
mod harness;

mod alerts;
mod approvals;
mod audit;
mod backup;
mod claude;
mod cli;
mod config;
mod container;
mod contract;
mod effects;
mod evidence;
mod gate;
mod github;
mod guard;
mod health;
mod import;
mod metrics;
mod money;
mod prune;
mod runs;
mod secrets;
mod service;
mod ship;
mod stream;
mod support;
mod telemetry;
mod top;
