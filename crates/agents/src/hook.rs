//! Vendors' hooks: a command that the agent program starts before it uses a tool, and whose answer
//! it obeys (MISSION row 149).
//!
//! Three steps: [`wiring`] connects our command when an agent is started; the command gets the
//! vendor's JSON on its standard input, which [`read`] turns into a [`HookCall`]; [`answer`] says
//! what to print and with which code to exit. Measured with Claude Code 2.1.329, Codex 0.169.0 and
//! Gemini CLI 0.61.0, all headless.
//!
//! All three go on as if nothing were when a hook fails in any other way than by exit code 2 with
//! an empty standard output. So the wired command line turns every failure into that code: an agent that cannot ask may
//! not act. (What it does behind the hook's back, the sandbox still holds.)

use crate::event::text;
use crate::{Kind, RunRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How long a hook may take, in seconds: a person may be away for days. It must stay below 24.8
/// days, where timers of the vendors overflow.
pub const TIMEOUT_S: u64 = 7 * 24 * 3600;

/// How long a hook that only tells something may take, in seconds.
const TELL_TIMEOUT_S: u64 = 10;

/// What a vendor's hook tells, by our names (MISSION 3.5). Vendors that know fewer send fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HookEvent {
    /// The agent program is up.
    SessionStart,
    /// A prompt goes to the model.
    UserPromptSubmit,
    /// A tool is about to be used: the only one that is waited for.
    PreToolUse,
    /// The vendor would ask a person.
    PermissionRequest,
    /// A tool was used.
    PostToolUse,
    /// A tool failed.
    PostToolUseFailure,
    /// Something to show.
    Notification,
    /// A subagent begins.
    SubagentStart,
    /// A subagent has ended.
    SubagentStop,
    /// The agent has answered.
    Stop,
    /// A member of a team has nothing to do.
    TeammateIdle,
    /// A task of the agent's own list is done.
    TaskCompleted,
    /// The conversation is about to be shortened.
    PreCompact,
    /// The agent program ends.
    SessionEnd,
}

impl HookEvent {
    /// Every event.
    pub const ALL: [Self; 14] = [
        Self::SessionStart,
        Self::UserPromptSubmit,
        Self::PreToolUse,
        Self::PermissionRequest,
        Self::PostToolUse,
        Self::PostToolUseFailure,
        Self::Notification,
        Self::SubagentStart,
        Self::SubagentStop,
        Self::Stop,
        Self::TeammateIdle,
        Self::TaskCompleted,
        Self::PreCompact,
        Self::SessionEnd,
    ];

    /// Our name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionStart => "SessionStart",
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PermissionRequest => "PermissionRequest",
            Self::PostToolUse => "PostToolUse",
            Self::PostToolUseFailure => "PostToolUseFailure",
            Self::Notification => "Notification",
            Self::SubagentStart => "SubagentStart",
            Self::SubagentStop => "SubagentStop",
            Self::Stop => "Stop",
            Self::TeammateIdle => "TeammateIdle",
            Self::TaskCompleted => "TaskCompleted",
            Self::PreCompact => "PreCompact",
            Self::SessionEnd => "SessionEnd",
        }
    }

    /// The event with this name, ours or a vendor's.
    pub fn named(word: &str) -> Option<Self> {
        let vendor = match word {
            "BeforeTool" => Some(Self::PreToolUse),
            "AfterTool" => Some(Self::PostToolUse),
            "BeforeAgent" => Some(Self::UserPromptSubmit),
            "AfterAgent" => Some(Self::Stop),
            "PreCompress" => Some(Self::PreCompact),
            _ => None,
        };
        vendor.or_else(|| Self::ALL.into_iter().find(|event| event.as_str() == word))
    }
}

/// Events that only tell something which the stream does not tell.
const TOLD: [HookEvent; 7] = [
    HookEvent::Notification,
    HookEvent::SubagentStart,
    HookEvent::SubagentStop,
    HookEvent::TeammateIdle,
    HookEvent::TaskCompleted,
    HookEvent::PreCompact,
    HookEvent::SessionEnd,
];

/// What must be added to an agent's start so that its hooks reach us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wiring {
    /// Arguments.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Files to write before the start, with their content.
    pub files: BTreeMap<PathBuf, String>,
    /// Links to make before the start, where what they name is there: link and what it names.
    pub links: BTreeMap<PathBuf, PathBuf>,
}

/// What the Gemini CLI keeps in its folder beside the settings: the login, conversations, and what
/// the user has added.
const GEMINI_KEEPS: [&str; 16] = [
    ".env",
    "GEMINI.md",
    "commands",
    "extensions",
    "gemini-credentials.json",
    "google_accounts.json",
    "history",
    "installation_id",
    "mcp-oauth-tokens.json",
    "mcp-server-enablement.json",
    "oauth_creds.json",
    "policies",
    "projects.json",
    "skills",
    "tmp",
    "trustedFolders.json",
];

/// Where the settings lie that a kind's wiring must take along; `variable` looks a variable of the
/// agent's environment up.
pub fn settings_file(kind: Kind, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    match kind {
        Kind::Gemini => {
            let home = variable("GEMINI_CLI_HOME").or_else(|| variable("HOME"))?;
            Some(Path::new(&home).join(".gemini").join("settings.json"))
        }
        _ => None,
    }
}

/// Whether agents of this kind can be stopped before a tool call. One that cannot is told about
/// afterwards only, and only the sandbox holds it.
pub fn can_block(kind: Kind) -> bool {
    match kind {
        Kind::Claude | Kind::Codex | Kind::Gemini => true,
        // The bridge asks by itself before each call.
        Kind::Anthropic | Kind::Openai | Kind::Google | Kind::Github | Kind::Xai => true,
        // An ACP agent asks the bridge when it wants to; what it does without is not seen before.
        Kind::Acp => false,
        Kind::Script => false,
    }
}

/// Connects `command`, a line for the shell, to an agent's hooks. `run.folder` is where files may
/// be put; a kind that needs some and has no folder is not connected.
pub fn wiring(kind: Kind, command: &str, run: &RunRequest) -> Wiring {
    let guarded = format!(
        "{command} || {{ echo 'Orkestra could not be asked, so the call is refused.' >&2; exit 2; }}"
    );
    match kind {
        Kind::Claude => claude(command, &guarded),
        Kind::Codex => {
            // A string of JSON is a string of TOML too: same quotes, same escapes.
            let line = Value::from(guarded);
            let hook = format!(
                "hooks.PreToolUse=[{{hooks=[{{type=\"command\",command={line},timeout={TIMEOUT_S}}}]}}]"
            );
            // Trust is given to this hook here, by whoever starts the agent.
            let args = ["-c".to_owned(), hook, "--dangerously-bypass-hook-trust".to_owned()];
            Wiring { args: args.to_vec(), ..Wiring::default() }
        }
        Kind::Gemini => gemini(&guarded, run).unwrap_or_default(),
        // The bridge asks by itself.
        Kind::Acp | Kind::Anthropic | Kind::Openai | Kind::Google | Kind::Github | Kind::Xai => {
            Wiring::default()
        }
        Kind::Script => Wiring::default(),
    }
}

fn claude(command: &str, guarded: &str) -> Wiring {
    let hook = |command: &str, timeout: u64| {
        let hook = json!({"type": "command", "command": command, "timeout": timeout});
        json!([{"hooks": [hook]}])
    };
    let mut hooks = Map::new();
    hooks.insert("PreToolUse".to_owned(), hook(guarded, TIMEOUT_S));
    for event in TOLD {
        hooks.insert(event.as_str().to_owned(), hook(command, TELL_TIMEOUT_S));
    }
    let args = vec!["--settings".to_owned(), json!({"hooks": hooks}).to_string()];
    Wiring { args, ..Wiring::default() }
}

/// Gemini reads hooks from settings files only: the user's, the project's (which the agent can
/// write) and the machine's (which must be root's). So it gets a home of its own, with the user's
/// settings and our hook in them, and links to the rest of the user's folder.
fn gemini(guarded: &str, run: &RunRequest) -> Option<Wiring> {
    let home = run.folder.as_ref()?.join("gemini");
    let folder = home.join(".gemini");
    let said: Option<Value> =
        run.vendor_settings.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let mut settings = match said {
        Some(Value::Object(settings)) => settings,
        _ => Map::new(),
    };
    let hook = json!({
        "type": "command", "name": "orkestra", "command": guarded, "timeout": TIMEOUT_S * 1000,
    });
    let entry = json!({"matcher": "*", "hooks": [hook]});
    let hooks = settings.entry("hooks").or_insert_with(|| json!({}));
    let mut before = hooks.get("BeforeTool").and_then(Value::as_array).cloned().unwrap_or_default();
    before.push(entry);
    if !hooks.is_object() {
        *hooks = json!({});
    }
    hooks["BeforeTool"] = Value::Array(before);
    let mut wiring = Wiring::default();
    wiring.files.insert(folder.join("settings.json"), Value::Object(settings).to_string());
    if let Some(theirs) = &run.vendor_home {
        wiring.links = GEMINI_KEEPS.iter().map(|n| (folder.join(n), theirs.join(n))).collect();
    }
    wiring.env.insert("GEMINI_CLI_HOME".to_owned(), home.to_string_lossy().into_owned());
    Some(wiring)
}

/// One call of a hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookCall {
    /// What is told.
    pub event: HookEvent,
    /// The tool, in the vendor's words.
    pub tool: Option<String>,
    /// The vendor's id of the tool call, where it tells one.
    pub tool_id: Option<String>,
    /// The tool's arguments.
    pub input: Value,
    /// The agent's working directory.
    pub cwd: Option<String>,
    /// The vendor's id of the conversation.
    pub session_id: Option<String>,
    /// Everything that the vendor said.
    pub all: Value,
}

/// Why a hook's input is not understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No JSON.
    #[error("the hook's input is no JSON")]
    Json(#[from] serde_json::Error),
    /// An event that has no name or an unknown one.
    #[error("the hook's event {0:?} is not known")]
    Unknown(String),
    /// A call of a tool that does not say which tool.
    #[error("the hook's input names no tool")]
    NoTool,
}

/// Reads what the vendor gives its hook on the standard input. The vendors use the same names for
/// the fields, so the kind is only for what may come.
pub fn read(_kind: Kind, stdin: &[u8]) -> Result<HookCall, Error> {
    let all: Value = serde_json::from_slice(stdin)?;
    let word = text(&all, "hook_event_name").unwrap_or_default();
    let event = HookEvent::named(&word).ok_or(Error::Unknown(word))?;
    let call = HookCall {
        event,
        tool: text(&all, "tool_name"),
        tool_id: text(&all, "tool_use_id").or_else(|| text(&all, "tool_call_id")),
        input: all.get("tool_input").cloned().unwrap_or(Value::Null),
        cwd: text(&all, "cwd"),
        session_id: text(&all, "session_id"),
        all,
    };
    if event == HookEvent::PreToolUse && call.tool.is_none() {
        return Err(Error::NoTool);
    }
    Ok(call)
}

/// What a hook says about a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may be done.
    Allow,
    /// It may not; the reason goes to the model.
    Deny,
}

/// How a hook ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For the standard output.
    pub stdout: String,
    /// For the standard error.
    pub stderr: String,
    /// The exit code.
    pub code: u8,
}

/// The answer to a `PreToolUse` in the vendor's words.
pub fn answer(kind: Kind, decision: Decision, reason: &str) -> Answer {
    let said = |value: Value| Answer { stdout: value.to_string(), stderr: String::new(), code: 0 };
    let specific = |word: &str| {
        json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": word,
            "permissionDecisionReason": reason,
        }})
    };
    match (kind, decision) {
        (Kind::Claude, Decision::Allow) => said(specific("allow")),
        (Kind::Claude | Kind::Codex, Decision::Deny) => said(specific("deny")),
        // Codex takes silence for yes, and knows no other way to say it.
        (Kind::Codex | Kind::Script, Decision::Allow) => {
            Answer { stdout: String::new(), stderr: String::new(), code: 0 }
        }
        (Kind::Gemini, Decision::Allow) => said(json!({"decision": "allow"})),
        (Kind::Gemini, Decision::Deny) => said(json!({"decision": "deny", "reason": reason})),
        (Kind::Script, Decision::Deny) => refusal(reason),
        // The bridge has no hooks.
        (
            Kind::Acp | Kind::Anthropic | Kind::Openai | Kind::Google | Kind::Github | Kind::Xai,
            Decision::Allow | Decision::Deny,
        ) => refusal(reason),
    }
}

/// The answer when nobody could be asked, or the input makes no sense: no, in a way that every
/// vendor understands.
pub fn refusal(reason: &str) -> Answer {
    Answer { stdout: String::new(), stderr: format!("{reason}\n"), code: 2 }
}

/// The answer to an event that only tells something.
pub fn noted() -> Answer {
    Answer { stdout: String::new(), stderr: String::new(), code: 0 }
}
