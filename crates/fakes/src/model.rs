//! A scripted model server that speaks the APIs of three vendors, so that real agent CLIs and
//! clients can be run without a network, a key or a bill.
//!
//! One script serves all of them: [`Script`] says what the model says, [`Conversation`] reads what a
//! request says of its conversation, a `Reply` is the answer in nobody's words, and one module per
//! dialect writes it down: Anthropic Messages, OpenAI Responses, OpenAI Chat Completions, Gemini.

mod anthropic;
mod chat;
mod conversation;
mod gemini;
mod reply;
mod responses;
mod script;
mod server;

pub use conversation::{Conversation, Dialect};
pub use script::{Block, Choice, Script, ScriptUsage, ToolUse, Turn, WriteFile};
pub use server::{Log, router, serve};
