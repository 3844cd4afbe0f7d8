//! The machine below Orkestra: the only crate that starts processes, signals them and uses
//! `unsafe`.
//!
//! - [`home`], [`boot`], [`limits`], [`reserve`]: the daemon's own footing
//! - [`machine`]: disk, memory, load, and what this process takes
//! - [`account`]: users and groups
//! - [`instance`]: units, each held by a shim that outlives the daemon
//! - [`output`], [`raw`]: what units write
//! - [`sandbox`]: the boundary around an agent
//! - [`service`], [`keeper`]: what starts the daemon and keeps it running
//! - [`program`], [`git`], [`watch`]: short helper programs, worktrees, changed files
//! - [`inside`], [`diff`], [`snapshot`]: what others left in a folder, and how it differs
//! - [`slot`]: how often something is done, counted over processes
//! - [`tool`]: commands that a model's tools start
//! - [`secret`]: files and programs that keep secrets

pub mod account;
pub mod boot;
pub mod clock;
pub mod diff;
mod error;
pub mod git;
pub mod home;
pub mod inside;
pub mod instance;
pub mod keeper;
pub mod limits;
mod lock;
pub mod machine;
pub mod memory;
pub mod merge;
pub mod output;
pub mod own_log;
pub mod probe;
pub mod program;
pub mod raw;
mod readiness;
pub mod reap;
pub mod reserve;
pub mod sample;
pub mod sandbox;
pub mod secret;
pub mod service;
pub mod slot;
pub mod snapshot;
pub mod socket;
mod spawn;
pub mod tool;
pub mod watch;

pub use error::Error;
