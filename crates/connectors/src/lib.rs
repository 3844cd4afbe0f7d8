//! The outer world: how others are told of something. The only crate that speaks to other machines.
//!
//! **Invariant:** nothing here decides whether and how often something is sent, and nothing is kept;
//! who calls has written down before that it is going to happen (Law 4). **Invariant:** secrets come
//! in with the call and go into the request only, never into an error or a log.

mod github;
pub mod notification;
mod webhook;

pub use github::{GitHub, Issues, Repository, Trouble};
pub use notification::{Kind, Message, Notification, Sent, desktop_command};
pub use webhook::{Sender, check_url, shown_url};
