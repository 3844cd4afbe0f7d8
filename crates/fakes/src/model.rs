//! A scripted model server that speaks the Anthropic Messages API.

mod answer;
mod script;
mod server;

pub use script::{Block, Choice, Conversation, Script, ScriptUsage, ToolUse, Turn};
pub use server::{Log, router, serve};
