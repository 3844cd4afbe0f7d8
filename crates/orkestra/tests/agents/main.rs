//! Real agent programs on the real binary, against a scripted model on this machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test says where"
)]
#![allow(clippy::disallowed_methods, reason = "tests run the binary from outside")]

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../surfaces/support.rs"]
#[allow(dead_code, reason = "this test binary uses a part of it")]
mod support;

mod acp;
mod approvals;
mod arguments;
mod faults;
mod hooks;
mod look;
mod models;
mod session;
mod site;
mod task;
