//! Integration tests of the store, one binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by failing")]

mod audit;
mod conformance;
mod crash;
mod erase;
mod full;
mod group;
mod home;
mod property;
mod task;
mod upgrade;
