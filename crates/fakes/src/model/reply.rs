//! An answer in nobody's words, and the pieces in which a dialect sends it.

use super::conversation::{Conversation, Tool};
use super::script::{Block, ScriptUsage, ToolUse, Turn, WriteFile};
use serde_json::{Value, json};
use std::time::Duration;

/// A piece of a streamed answer after a waiting time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) wait: Duration,
    /// The event's name, in dialects that have one.
    pub(crate) name: Option<&'static str>,
    pub(crate) data: String,
}

impl Frame {
    /// A piece with a name.
    pub(crate) fn named(wait: Duration, name: &'static str, data: &Value) -> Self {
        Self { wait, name: Some(name), data: data.to_string() }
    }

    /// A piece without one.
    pub(crate) fn plain(wait: Duration, data: &Value) -> Self {
        Self { wait, name: None, data: data.to_string() }
    }
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Thinking(String),
    Call { id: String, name: String, input: Value, plain: bool },
}

/// An answer, ready to be written in any dialect.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Makes ids unique.
    pub(crate) number: u64,
    pub(crate) model: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) usage: ScriptUsage,
    /// Before each piece.
    pub(crate) delay: Duration,
    /// Between the start and the content, in seconds.
    pub(crate) hold: u64,
}

impl Reply {
    /// The answer of one turn.
    pub(crate) fn new(turn: &Turn, talk: &Conversation, model: &str, number: u64) -> Self {
        let part = |(place, block): (usize, &Block)| match block {
            Block::Text(text) => Part::Text(text.clone()),
            Block::Thinking(text) => Part::Thinking(text.clone()),
            Block::ToolUse(tool) => call(talk, tool.clone(), number, place),
            Block::Write(file) => call(talk, writing(talk, file), number, place),
            Block::Shell(line) => call(talk, running(talk, line), number, place),
        };
        Self {
            number,
            model: model.to_owned(),
            parts: turn.blocks.iter().enumerate().map(part).collect(),
            usage: turn.usage.unwrap_or_default(),
            delay: Duration::from_millis(turn.delay_ms),
            hold: turn.hold,
        }
    }

    /// A plain text.
    pub(crate) fn text(text: &str, model: &str, number: u64) -> Self {
        let turn = Turn { blocks: vec![Block::Text(text.to_owned())], ..Turn::default() };
        Self::new(&turn, &Conversation::default(), model, number)
    }

    /// How long the whole answer waits when it is not streamed.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.hold) + self.delay
    }

    /// Whether it calls a tool.
    pub(crate) fn calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Call { .. }))
    }

    /// All input tokens, as vendors count that include the cached ones.
    pub(crate) fn whole_input(&self) -> u64 {
        let usage = self.usage;
        usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    }
}

fn call(talk: &Conversation, tool: ToolUse, number: u64, place: usize) -> Part {
    let cwd = talk.cwd.as_deref().unwrap_or(".");
    let plain = talk.tools.get(&tool.name).is_some_and(|known| known.plain);
    Part::Call {
        id: format!("toolu_{number:016}_{place}"),
        input: with_cwd(&tool.input, cwd),
        name: tool.name,
        plain,
    }
}

/// The tool with which this agent writes a file, and its arguments by the names that it offers.
fn writing(talk: &Conversation, file: &WriteFile) -> ToolUse {
    const TOOLS: [&str; 4] = ["Write", "write_file", "write", "create_file"];
    let offered = TOOLS.iter().find_map(|name| Some((*name, talk.tools.get(*name)?)));
    let absolute = || {
        let cwd = talk.cwd.as_deref().unwrap_or(".");
        if file.path.starts_with('/') { file.path.clone() } else { format!("{cwd}/{}", file.path) }
    };
    match offered {
        Some((name, tool)) => {
            let has = |key: &&str| tool.arguments.iter().any(|argument| argument == key);
            let key =
                ["file_path", "filePath", "path"].into_iter().find(has).unwrap_or("file_path");
            let path = if talk.cwd.is_some() { absolute() } else { file.path.clone() };
            let input = json!({key: path, "content": file.content});
            ToolUse { name: name.to_owned(), input }
        }
        // Codex has no tool for it: a file is written by a command.
        None => {
            let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
            running(talk, &format!("printf %s {} > {}", quote(&file.content), quote(&file.path)))
        }
    }
}

/// The tool with which this agent runs a command.
fn running(talk: &Conversation, line: &str) -> ToolUse {
    const TOOLS: [&str; 7] = [
        "Bash",
        "run_shell_command",
        "exec_command",
        "shell_command",
        "shell",
        "bash",
        "run_command",
    ];
    let offered = TOOLS.iter().find_map(|name| Some((*name, talk.tools.get(*name)?)));
    let unknown = Tool::default();
    let (name, tool) = offered.unwrap_or(("Bash", &unknown));
    let key =
        if tool.arguments.iter().any(|argument| argument == "cmd") { "cmd" } else { "command" };
    let mut input = match tool.words {
        true => json!({key: ["bash", "-lc", line]}),
        false => json!({key: line}),
    };
    // Claude Code and OpenCode want to know what a command is for.
    if matches!(name, "Bash" | "bash" | "run_shell_command") {
        input["description"] = json!("a scripted command");
    }
    ToolUse { name: name.to_owned(), input }
}

/// Pieces of about 24 characters, at most 400 of them.
pub(crate) fn chunks(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = 24.max(characters.len() / 400 + 1);
    characters.chunks(size).map(|chunk| chunk.iter().collect()).collect()
}

fn with_cwd(value: &Value, cwd: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{{cwd}}", cwd)),
        Value::Array(items) => items.iter().map(|item| with_cwd(item, cwd)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, field)| (key.clone(), with_cwd(field, cwd))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
