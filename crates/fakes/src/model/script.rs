//! What the model shall say, and which part of it answers a request.

use super::conversation::Conversation;
use serde::Deserialize;
use serde_json::Value;

/// A whole script: the turns of one conversation, or of several told apart by `match`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The turns. The n-th answer to a text that turns `match` is the n-th of those; else the n-th
    /// answer in a conversation is the n-th turn without `match`.
    pub turns: Vec<Turn>,
    /// Also requests without tools take a turn. Agent CLIs make such requests in the background
    /// (titles, summaries), and they are normally answered with a harmless word.
    #[serde(default)]
    pub without_tools: bool,
    /// The only key that is accepted; without it, any is. Others are answered with 401.
    #[serde(default)]
    pub key: Option<String>,
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
    /// The `Retry-After` of `status`, in seconds; Gemini gets it as `RetryInfo`.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Break the streamed answer off after this many pieces, without its end.
    #[serde(default)]
    pub cut: Option<usize>,
    /// Put an event that is no JSON between the first pieces of a streamed answer.
    #[serde(default)]
    pub malformed: bool,
    /// Say nothing at all for this many seconds after the first piece of a streamed answer.
    #[serde(default)]
    pub stall: u64,
    /// How often a fault (`status`, `cut`, `malformed`, `stall`) comes in one conversation before
    /// the plain answer does; without it, always.
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
    /// A tool call in the vendor's own words.
    ToolUse(ToolUse),
    /// The call with which this agent writes a file, whichever of its tools that is.
    Write(WriteFile),
    /// The call with which this agent runs a command.
    Shell(String),
}

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    /// Where, absolute or from the agent's working directory.
    pub path: String,
    /// What.
    pub content: String,
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

/// The tokens that an answer reports. The four classes are disjoint, as Anthropic counts; the other
/// dialects write the sums that their vendors write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptUsage {
    /// Input that came from no cache.
    pub input_tokens: u64,
    /// Input read from the cache.
    pub cache_read_input_tokens: u64,
    /// Input written to the cache.
    pub cache_creation_input_tokens: u64,
    /// Output, reasoning included.
    pub output_tokens: u64,
    /// The part of the output that was reasoning.
    pub reasoning_tokens: u64,
}

impl Default for ScriptUsage {
    fn default() -> Self {
        Self {
            input_tokens: 100,
            cache_read_input_tokens: 0,
            cache_creation_input_tokens: 0,
            output_tokens: 20,
            reasoning_tokens: 0,
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
        // A conversation that was cut off and goes on with a new text holds as many answers as its
        // agent had kept, so what fits a text is counted from there.
        let mut place = conversation.answers_to_it;
        let mut own: Vec<&Turn> = self.turns.iter().filter(fits).collect();
        if own.is_empty() {
            own = self.turns.iter().filter(|turn| turn.matches.is_none()).collect();
            place = conversation.answers;
        }
        match own.get(place) {
            Some(turn) => Choice::Turn(conversation.answers, turn),
            None => Choice::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dialect;
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
        match script.choose(&Conversation::read(Dialect::Anthropic, body)) {
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
        // However much of the conversation before was kept.
        let text = json!({"role": "user", "content": "now red"});
        let later = body(json!([user, assistant, result, assistant, text]));
        assert_eq!(said(&script, &later), r#"[Text("red one")]"#);
        let answered = body(json!([user, assistant, text, assistant, result]));
        assert_eq!(said(&script, &answered), "over");
    }
}
