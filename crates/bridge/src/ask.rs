//! Asking whether an action is allowed, and whether a call of a model may be paid. Who is asked is the composition's business: the client of
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

/// A call of a model that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expense<'a> {
    /// The call; asking again for the same one is one promise.
    pub key: &'a str,
    /// The model, in the vendor's words.
    pub model: &'a str,
    /// Tokens that it is sent, rather too many than too few.
    pub input: u64,
    /// The most that it may answer, in tokens.
    pub output: u64,
}

/// An answer that comes later.
pub type Later<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Who says what is allowed.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Asks until there is an answer; what cannot be understood denies.
    fn ask<'a>(&'a self, action: Action<'a>) -> Later<'a>;

    /// Asks whether the budgets have room for a call; what it may cost is promised to it.
    fn may_spend<'a>(&'a self, expense: Expense<'a>) -> Later<'a>;

    /// The call was made without anything to book.
    fn spent_nothing<'a>(&'a self, key: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
