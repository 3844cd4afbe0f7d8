//! Work divided among agents, on the real binary: tasks, plans, reviews, votes, merges.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test says where"
)]
#![allow(clippy::disallowed_methods, reason = "tests run the binary from outside")]

mod check;
mod context;
mod crew;
mod flow;
#[path = "../harness/mod.rs"]
mod harness;
mod merge;
mod plan;
mod review;
mod reviewed;
mod session;
#[path = "../life/site.rs"]
#[allow(dead_code, reason = "this test binary uses a part of it")]
mod site;
#[path = "../surfaces/support.rs"]
#[allow(dead_code, reason = "this test binary uses a part of it")]
mod support;
mod task;
mod tell;
mod vote;
