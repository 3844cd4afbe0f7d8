//! Asking whether an action is allowed. Who is asked is the composition's business: the client of
//! the agents' socket, which asks again while the daemon is away and waits as long as a person
//! takes.

use serde_json::Value;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Action<'a> {
    /// The tool, in the agent's words.
    pub tool: &'a str,
    /// The call; asking again for the same one is one question.
    pub tool_id: &'a str,
    /// Its arguments: exactly these are allowed or denied.
    pub input: &'a Value,
    /// Where it would run.
    pub cwd: &'a str,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Allow,
    /// Do not, and tell the model why.
    Deny {
        /// In words.
        reason: String,
    },
}

/// An answer that comes later.
pub type Later<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Who says what is allowed.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Asks until there is an answer; what cannot be understood denies.
    fn ask<'a>(&'a self, action: Action<'a>) -> Later<'a>;
}
