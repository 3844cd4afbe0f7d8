//! What a request says about its conversation, in each dialect.

use serde_json::Value;
use std::collections::BTreeMap;

/// In which vendor's words a request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Anthropic Messages.
    #[default]
    Anthropic,
    /// OpenAI Responses.
    Responses,
    /// OpenAI Chat Completions; also xAI, GitHub Models, and everything compatible.
    Chat,
    /// Gemini `generateContent`.
    Gemini,
}

impl Dialect {
    /// Its name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Responses => "responses",
            Self::Chat => "chat",
            Self::Gemini => "gemini",
        }
    }
}

/// A tool that the model is offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tool {
    /// The names of its arguments; none when it takes plain text.
    pub arguments: Vec<String>,
    /// Whether it takes plain text instead of JSON.
    pub plain: bool,
    /// Its `command` is a list of words and not a line.
    pub words: bool,
}

/// What a request says about its conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    /// How many times the model has answered.
    pub answers: usize,
    /// The last text of the user that is no note of the CLI.
    pub user_text: String,
    /// How many times the model has answered since that text.
    pub answers_to_it: usize,
    /// Whether the model is offered tools.
    pub has_tools: bool,
    /// The tools by name.
    pub tools: BTreeMap<String, Tool>,
    /// The agent's working directory, if the request tells it.
    pub cwd: Option<String>,
    /// The agent's session, if the request tells it.
    pub session: String,
}

/// Who says a part of the conversation.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    User,
    Model,
    Other,
}

impl Conversation {
    /// Reads the body of a request.
    pub fn read(dialect: Dialect, body: &Value) -> Self {
        let mut conversation = Self { tools: tools(body), ..Self::default() };
        conversation.has_tools = !list(body, "tools").is_empty();
        let key = match dialect {
            Dialect::Anthropic | Dialect::Chat => "messages",
            Dialect::Responses => "input",
            Dialect::Gemini => "contents",
        };
        let mut before = Role::Other;
        for message in list(body, key) {
            let role = role(message);
            // Neighbouring parts of the model are one answer in pieces.
            if role == Role::Model && before != Role::Model {
                conversation.answers += 1;
                conversation.answers_to_it += 1;
            }
            if role == Role::User {
                let content = message.get("content").or_else(|| message.get("parts"));
                conversation.take_user_text(content);
            }
            before = role;
        }
        if let Some(Value::String(text)) = body.get(key) {
            conversation.user_text.clone_from(text);
        }
        let places = ["system", "instructions", "systemInstruction", key];
        conversation.cwd = places.iter().find_map(|place| working_directory(body.get(place)));
        let session = ["/metadata/user_id", "/prompt_cache_key", "/user"];
        let session = session.iter().find_map(|place| body.pointer(place)?.as_str());
        conversation.session = session.unwrap_or_default().to_owned();
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
        // The CLIs put their own notes into tags: reminders, what is in the folder, and so on.
        let said = texts.into_iter().filter(|text| !text.trim_start().starts_with('<'));
        let said: Vec<&str> = said.collect();
        if !said.is_empty() {
            self.user_text = said.join("\n");
            self.answers_to_it = 0;
        }
    }
}

fn list<'a>(body: &'a Value, key: &str) -> &'a [Value] {
    body.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}

fn role(message: &Value) -> Role {
    let word = |key: &str| message.get(key).and_then(Value::as_str);
    match (word("role"), word("type")) {
        (Some("assistant" | "model"), _) => Role::Model,
        // Parts of an answer in the Responses API have a type and no role.
        (None, Some("function_call" | "custom_tool_call" | "reasoning" | "local_shell_call")) => {
            Role::Model
        }
        (Some("user"), _) => Role::User,
        _ => Role::Other,
    }
}

/// The tools, wherever the dialect has their names and the form of their arguments.
fn tools(body: &Value) -> BTreeMap<String, Tool> {
    let mut tools = BTreeMap::new();
    let mut take = |tool: &Value| {
        let Some(name) = tool.get("name").and_then(Value::as_str) else { return };
        let schema = ["input_schema", "parameters", "parametersJsonSchema"];
        let schema = schema.iter().find_map(|key| tool.get(key)).unwrap_or(&Value::Null);
        let fields = schema.get("properties").and_then(Value::as_object);
        let command = schema.pointer("/properties/command/type").and_then(Value::as_str);
        let tool = Tool {
            arguments: fields.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
            plain: tool.get("type").and_then(Value::as_str) == Some("custom"),
            words: command.is_some_and(|word| word.eq_ignore_ascii_case("array")),
        };
        tools.insert(name.to_owned(), tool);
    };
    for tool in list(body, "tools") {
        take(tool);
        take(tool.get("function").unwrap_or(&Value::Null));
        for declared in list(tool, "functionDeclarations") {
            take(declared);
        }
    }
    tools
}

/// The path after "working directory:" or in `<cwd>` in any text below this value.
fn working_directory(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => text.lines().find_map(|line| {
            let after = line.split_once("orking directory: ").map(|(_, rest)| rest);
            let tagged = || Some(line.split_once("<cwd>")?.1.split_once("</cwd>")?.0);
            let listed = || {
                line.trim().strip_prefix("- ").filter(|_| text.contains("Workspace Directories"))
            };
            let path = after.or_else(tagged).or_else(listed)?.trim();
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

    #[test]
    fn the_working_directory_is_found_in_system_text_and_messages() {
        let text = "Env:\n - Primary working directory: /a b/c\n - more";
        let cwd = |body: Value| Conversation::read(Dialect::Anthropic, &body).cwd;
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
