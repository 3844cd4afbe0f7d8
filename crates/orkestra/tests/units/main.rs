//! Units on the real binary: supervision, stopping, crashes of the daemon, odd outer worlds.
//! What each outcome should be stands in docs/failures.md.

#![allow(clippy::expect_used, clippy::panic, reason = "tests: a failure is a panic")]

#[path = "../harness/mod.rs"]
mod harness;

mod backoff;
mod basics;
mod clock;
mod crash;
mod disk;
mod identity;
mod jobs;
mod journal;
mod keeper;
mod limits;
mod output;
mod start;
mod stop;
mod support;
mod unique;
