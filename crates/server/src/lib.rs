//! Sockets: HTTP, server-sent events, login, and the embedded dashboard.
//!
//! **Invariant:** every request passes the host and origin rules before it is routed, and the
//! login check before it reaches a handler; no GET changes anything. **Invariant:** handlers read
//! what is committed and ask the engine for the rest; nothing is decided here.

mod agents;
pub mod client;
mod dashboard;
mod error;
mod extract;
mod guard;
mod listen;
mod login;
mod metrics;
mod problem;
mod routes;
mod sse;
pub mod wire;

pub use error::Error;
pub use listen::{Options, Running, serve};
pub use login::Logins;
pub use problem::{CODES, Problem};
pub use routes::backup::BACKUPS_KEPT;
pub use routes::openapi;

use std::future::Future;
use std::pin::Pin;

/// A future that a trait object may return.
pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What only the composition knows: the configuration file and where it came from.
pub trait Configuration: Send + Sync {
    /// The file that was read, if any.
    fn path(&self) -> Option<std::path::PathBuf>;
    /// The effective values, secrets hidden.
    fn values(&self) -> serde_json::Value;
    /// What was wrong with the file at the last try, if it was refused.
    fn refused(&self) -> Option<wire::Refused>;
    /// Reads the file again and applies it; the names of units that changed, or what is wrong.
    fn reload(&self, actor: &str) -> Answer<Result<Vec<String>, Vec<wire::ConfigProblem>>>;
}
