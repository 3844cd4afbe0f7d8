//! What the model shall say, and which part of it answers a request.

use serde::Deserialize;
use serde_json::Value;

/// A whole script: the turns of one conversation, or of several told apart by `match`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The turns. The n-th answer in a conversation is the n-th turn of those that fit it.
    pub turns: Vec<Turn>,
    /// Also requests without tools take a turn. Agent CLIs make such requests in the background
    /// (titles, summaries), and they are normally answered with a harmless word.
    #[serde(default)]
    pub without_tools: bool,
}

/// One answer of the model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The turn belongs only to conversations whose last user text contains this.
    #[serde(default, rename = "match")]
    pub matches: Option<String>,
    /// What the model says.
    #[serde(default)]
    pub blocks: Vec<Block>,
    /// Answer with this HTTP status and an error instead.
    #[serde(default)]
    pub status: Option<u16>,
    /// How often `status` is answered in one conversation before the blocks are; without it, always.
    #[serde(default)]
    pub times: Option<u32>,
    /// Waiting time before each piece of a streamed answer, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Waiting time between the start of the answer and its content, in seconds; pings go on.
    #[serde(default)]
    pub hold: u64,
    /// The tokens to report.
    #[serde(default)]
    pub usage: Option<ScriptUsage>,
}

/// One piece of content: exactly one of the fields.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Words.
    Text(String),
    /// Reasoning.
    Thinking(String),
    /// A tool call.
    ToolUse(ToolUse),
}

/// A tool call. `{{cwd}}` in any text of the input becomes the agent's working directory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolUse {
    /// The tool.
    pub name: String,
    /// The arguments.
    pub input: Value,
}

/// The tokens that an answer reports, with the API's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptUsage {
    /// Input that came from no cache.
    pub input_tokens: u64,
    /// Input read from the cache.
    pub cache_read_input_tokens: u64,
    /// Input written to the cache.
    pub cache_creation_input_tokens: u64,
    /// Output.
    pub output_tokens: u64,
}

impl Default for ScriptUsage {
    fn default() -> Self {
        Self {
            input_tokens: 100,
            cache_read_input_tokens: 0,
            cache_creation_input_tokens: 0,
            output_tokens: 20,
        }
    }
}

/// What answers a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice<'a> {
    /// A turn of the script, with its place in the conversation.
    Turn(usize, &'a Turn),
    /// The script has no more turns for this conversation.
    Over,
    /// A request that the agent CLI makes on the side.
    Background,
}

impl Script {
    /// Chooses the answer. Nothing is remembered: the place in the conversation is the number of
    /// answers that the request already holds, so repeated and parallel requests do no harm.
    pub fn choose(&self, conversation: &Conversation) -> Choice<'_> {
        if !conversation.has_tools && !self.without_tools {
            return Choice::Background;
        }
        let fits = |turn: &&Turn| {
            let wanted = turn.matches.as_deref();
            wanted.is_some_and(|wanted| conversation.user_text.contains(wanted))
        };
        let mut own: Vec<&Turn> = self.turns.iter().filter(fits).collect();
        if own.is_empty() {
            own = self.turns.iter().filter(|turn| turn.matches.is_none()).collect();
        }
        match own.get(conversation.answers) {
            Some(turn) => Choice::Turn(conversation.answers, turn),
            None => Choice::Over,
        }
    }
}

/// What a request says about its conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    /// How many times the model has answered.
    pub answers: usize,
    /// The last text of the user that is no reminder of the CLI.
    pub user_text: String,
    /// Whether the model is offered tools.
    pub has_tools: bool,
    /// The agent's working directory, if the request tells it.
    pub cwd: Option<String>,
    /// The agent's session, if the request tells it.
    pub session: String,
}

impl Conversation {
    /// Reads the body of a request.
    pub fn read(body: &Value) -> Self {
        let list =
            |key: &str| body.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut conversation = Self { has_tools: !list("tools").is_empty(), ..Self::default() };
        let mut before = "";
        for message in list("messages") {
            let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
            match role {
                // Neighbouring messages of one role are one answer in pieces.
                "assistant" if before != "assistant" => conversation.answers += 1,
                "user" => conversation.take_user_text(message.get("content")),
                _ => {}
            }
            before = role;
        }
        conversation.cwd = working_directory(body.get("system"))
            .or_else(|| working_directory(body.get("messages")));
        let user_id = body.pointer("/metadata/user_id").and_then(Value::as_str).unwrap_or_default();
        conversation.session = user_id.to_owned();
        conversation
    }

    fn take_user_text(&mut self, content: Option<&Value>) {
        let texts: Vec<&str> = match content {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(blocks)) => {
                blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect()
            }
            _ => Vec::new(),
        };
        let said =
            texts.into_iter().filter(|text| !text.trim_start().starts_with("<system-reminder>"));
        let said: Vec<&str> = said.collect();
        if !said.is_empty() {
            self.user_text = said.join("\n");
        }
    }
}

/// The path after "working directory:" in any text below this value.
fn working_directory(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => text.lines().find_map(|line| {
            let (_, path) = line.split_once("orking directory: ")?;
            let path = path.trim();
            path.starts_with('/').then(|| path.to_owned())
        }),
        Value::Array(items) => items.iter().find_map(|item| working_directory(Some(item))),
        Value::Object(fields) => fields.values().find_map(|field| working_directory(Some(field))),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn script() -> Script {
        serde_json::from_value(json!({"turns": [
            {"blocks": [{"text": "one"}]},
            {"match": "red", "blocks": [{"text": "red one"}]},
            {"blocks": [{"text": "two"}]},
        ]}))
        .unwrap()
    }

    fn said(script: &Script, body: &Value) -> String {
        match script.choose(&Conversation::read(body)) {
            Choice::Turn(_, turn) => format!("{:?}", turn.blocks),
            Choice::Over => "over".to_owned(),
            Choice::Background => "background".to_owned(),
        }
    }

    #[test]
    fn the_turn_is_the_number_of_answers_and_background_requests_take_none() {
        let user = json!({"role": "user", "content": [
            {"type": "text", "text": "<system-reminder>be red</system-reminder>"},
            {"type": "text", "text": "go"},
        ]});
        let assistant = json!({"role": "assistant", "content": []});
        let result = json!({"role": "user", "content": [{"type": "tool_result", "content": "x"}]});
        let body = |messages: Value| json!({"tools": [{}], "messages": messages});
        let script = script();
        assert_eq!(said(&script, &body(json!([user]))), r#"[Text("one")]"#);
        let second = body(json!([user, assistant, assistant, result]));
        assert_eq!(said(&script, &second), r#"[Text("two")]"#);
        let third = body(json!([user, assistant, result, assistant, result]));
        assert_eq!(said(&script, &third), "over");
        assert_eq!(said(&script, &json!({"messages": [user]})), "background");
        let red = body(json!([{"role": "user", "content": "paint it red"}]));
        assert_eq!(said(&script, &red), r#"[Text("red one")]"#);
    }

    #[test]
    fn the_working_directory_is_found_in_system_text_and_messages() {
        let text = "Env:\n - Primary working directory: /a b/c\n - more";
        let cwd = |body: Value| Conversation::read(&body).cwd;
        assert_eq!(cwd(json!({"system": text})).as_deref(), Some("/a b/c"));
        assert_eq!(
            cwd(json!({"system": [{"type": "text", "text": text}]})).as_deref(),
            Some("/a b/c")
        );
        let message = json!({"role": "system", "content": [{"type": "text", "text": text}]});
        assert_eq!(cwd(json!({"messages": [message]})).as_deref(), Some("/a b/c"));
        assert_eq!(cwd(json!({"messages": []})), None);
    }
}
