//! Attacks on the sandbox of agents, on each rung of the ladder, with the real binary. Where a rung
//! is missing these tests fail: `cargo xtask test` installs bubblewrap, and a kernel without Landlock can
//! hold no agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: a failure is a panic"
)]
#![allow(clippy::disallowed_methods, reason = "tests run the binary from outside")]

#[path = "../harness/mod.rs"]
mod harness;
mod place;
mod run;
mod rungs;
