//! Units on the real binary: supervision, stopping, crashes of the daemon, odd outer worlds.
//! What each outcome should be stands in docs/failures.md.

#[path = "../harness/mod.rs"]
mod harness;

mod backoff;
mod basics;
mod clock;
mod crash;
mod disk;
mod identity;
mod output;
mod start;
mod stop;
mod support;
