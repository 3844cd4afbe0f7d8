//! Agents: each agent program's own stream ⇄ one stream of [`AgentEvent`]s.
//!
//! Parts, none of which does I/O:
//!
//! - [`command`] says how to start an agent: arguments, environment, what goes to its standard
//!   input, and with which signal to stop it;
//! - an [`Adapter`] reads what the agent prints, line by line;
//! - [`hook`] connects a vendor's hooks, reads their calls and writes our answers;
//! - [`recovery`] says from an attempt's end what went wrong and what to do;
//! - [`login`] says where a vendor keeps its login, and what a kind of agent can do;
//! - [`secret`] says which inherited variables are kept from an agent;
//! - [`state`] says where an agent keeps what outlives a run;
//! - [`discover`] says which of the configured agents can be started, and if none, what to do.
//!
//! **Invariant:** adapters are deterministic. After a crash the daemon feeds the raw stream again
//! from its start and must get the very same events, so there is no clock, no randomness and no
//! look at the outer world here. **Invariant:** no line is lost silently: each gives at least one
//! event or is counted in [`Counts`]. A vendor's format is known to nobody outside this crate.

pub mod claude;
pub mod codex;
pub mod discover;
mod ending;
mod event;
pub mod gemini;
pub mod hook;
mod invocation;
pub mod login;
pub mod native;
pub mod recovery;
pub mod script;
pub mod secret;
pub mod state;
pub mod tool;

pub mod user_hook;

pub use invocation::{
    API_KEY, AgentSpec, ApiSpec, BridgePlace, Error, Invocation, Kind, RunRequest, UnknownKind,
    command,
};
use orkestra_core::agent::{AgentEvent, Ended, RawReason, Usage};
use orkestra_core::signal::Signal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest line that an adapter reads; a reader should skip the rest of a longer one and
/// report it with [`Adapter::skipped`]. Agents print pictures inside lines, so 1 MiB is too small.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Turns one agent's output into events; one adapter per run and attempt.
pub trait Adapter: Send {
    /// Tells what is known before the first line; called at most once, and before any line.
    fn begin(&mut self, _begin: Begin) {}

    /// Takes one line, with or without its line end. Never gives `ended`: that is the last event
    /// of a run, and an agent may still go on after it reported a result.
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent>;

    /// Takes the end of the process; `stderr_tail` is the end of what it wrote to its standard
    /// error. The last of its events is the run's one `ended`; a second call gives nothing.
    fn finish(&mut self, exit: ProcessExit, stderr_tail: &str) -> Vec<AgentEvent>;

    /// What the agent has reported about its end while its process may still live: one that stays
    /// long after this is done and may be stopped.
    fn reported(&self) -> Option<&Ended>;

    /// What has come in so far.
    fn counts(&self) -> Counts;

    /// Counts an input that gave no event; for the provided methods only.
    #[doc(hidden)]
    fn counts_mut(&mut self) -> &mut Counts;

    /// Takes note of a line that was too long to be read: its beginning and its size in bytes.
    fn skipped(&mut self, head: &[u8], bytes: u64) -> Vec<AgentEvent> {
        self.counts_mut().lines += 1;
        let detail = format!("the line is longer than {LINE_BYTES_MAX} bytes");
        let mut events = vec![event::raw(RawReason::Oversized, &detail, head)];
        if let Some(AgentEvent::Raw { bytes: size, .. }) = events.first_mut() {
            *size = bytes;
        }
        self.counts_mut().raw += 1;
        events
    }
}

/// The adapter for a kind of agent.
pub fn adapter(kind: Kind) -> Box<dyn Adapter> {
    match kind {
        Kind::Script => Box::new(script::Script::default()),
        Kind::Claude => Box::new(claude::Claude::default()),
        Kind::Codex => Box::new(codex::Codex::default()),
        Kind::Gemini => Box::new(gemini::Gemini::default()),
        Kind::Acp | Kind::Anthropic | Kind::Openai | Kind::Google | Kind::Github | Kind::Xai => {
            Box::new(native::Native::default())
        }
    }
}

/// What is known of an attempt before its first line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Begin {
    /// The model that was asked for; Codex does not tell which one answers.
    pub model: Option<String>,
    /// For an attempt that resumes: what earlier attempts reported for the same vendor session, one
    /// for each model. Codex counts from the start of a session, and Claude Code mostly does; this is
    /// subtracted.
    pub used: Vec<Usage>,
}

/// What became of the lines of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All lines, blank ones included.
    pub lines: u64,
    /// Lines with nothing on them.
    pub blank: u64,
    /// Token deltas of the vendor: their sum follows as a whole message.
    pub deltas: u64,
    /// Lines that are understood and say nothing that another line does not say.
    pub ignored: u64,
    /// The agent's reports of its end; they become the run's one `ended`.
    pub ended: u64,
    /// `raw` events, those of broken lines included.
    pub raw: u64,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessExit {
    /// By itself, with this code.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Nobody saw it end, for example because the machine went down.
    Lost,
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => {
                write!(f, "killed by signal {number} (SIG{})", Signal::name_of(*number))
            }
            Self::Lost => f.write_str("nobody saw how the process ended"),
        }
    }
}
