//! The life of runs on the real binary: halted, going on, limited, recovered, killed.

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

mod kill;
mod limits;
mod pause;
mod recover;
mod site;
