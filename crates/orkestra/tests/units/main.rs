//! Units on the real binary: supervision, stopping, crashes of the daemon, odd outer worlds.

#[path = "../harness/mod.rs"]
mod harness;
