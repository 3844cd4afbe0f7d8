//! Stand-ins for the outer world, for tests and for trying things out: real programs, not mocks.
//!
//! - `fake-model` speaks the APIs of Anthropic, OpenAI and Gemini from a script, so that a real agent CLI can be
//!   run without a network, a key or a bill;
//! - `fake-github` is a tracker in the shape of GitHub's REST interface;
//! - `fake-agent` is a script agent that behaves, or misbehaves, as told.

pub mod github;
pub mod model;
