//! The cases that a supervisor must stand, one test each on the real binary. `xtask/cases.txt` lists
//! them, and those that are proven elsewhere or not at all.

#![allow(clippy::expect_used, clippy::panic, reason = "tests: a failure is a panic")]

#[path = "../harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "shared with the tests of units")]
#[path = "../units/support.rs"]
mod support;

mod configuration;
mod hooks;
mod notices;
mod order;
mod output;
mod probes;
mod recovery;
mod restart;
mod stop;
mod stream;
mod watch;
