//! Surfaces on the real binary: configuration, command line, API, journal, runs.

#[path = "../harness/mod.rs"]
mod harness;
