//! What went wrong in an attempt, and what to do about it (MISSION 1.7), by the vendors' own words
//! as they are today. Only errors are read (the last word, refusals, failed tools, the standard
//! error), never what an agent says: a text about "permission denied" is no refusal (MISSION B4).

mod words;

use self::words::{path_after, quoted_after, wait_in};
use crate::{Kind, ProcessExit};
use orkestra_core::agent::{AgentEvent, Ended};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Issue {
    /// A path outside the folders that the vendor lets its agent use.
    DirScopeError,
    /// The file system refused it.
    FsPermError,
    /// The vendor does not trust the folder.
    GitTrustError,
    /// The vendor's check of the repository failed.
    GitCheckError,
    /// The vendor's own guard refused a path or a command.
    SandboxError,
    /// A refusal of another sort.
    PermissionDenied,
    /// Not logged in, or the key is not valid.
    AuthRequired,
    /// Paid credit or a quota is used up: waiting does not help.
    QuotaExceeded,
    /// Too many requests.
    RateLimited,
    /// The vendor cannot serve anybody now.
    Overloaded,
    /// The vendor's API failed.
    ApiError,
    /// The connection broke off, or what came over it could not be read.
    ConnectionLost,
    /// The conversation to go on with is not there.
    SessionLost,
    /// The id of the conversation is taken.
    SessionInUse,
}

impl Issue {
    /// Its name, as MISSION 1.7 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DirScopeError => "DIR_SCOPE_ERROR",
            Self::FsPermError => "FS_PERM_ERROR",
            Self::GitTrustError => "GIT_TRUST_ERROR",
            Self::GitCheckError => "GIT_CHECK_ERROR",
            Self::SandboxError => "SANDBOX_ERROR",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::AuthRequired => "AUTH_REQUIRED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Overloaded => "OVERLOADED",
            Self::ApiError => "API_ERROR",
            Self::ConnectionLost => "CONNECTION_LOST",
            Self::SessionLost => "SESSION_LOST",
            Self::SessionInUse => "SESSION_IN_USE",
        }
    }
}

/// What to change before the same prompt is tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relaunch {
    /// Folders to add. Whoever relaunches must make sure that they are allowed.
    #[serde(default)]
    pub add_dirs: Vec<PathBuf>,
    /// Whether to tell the vendor that the folder is trusted. [`crate::command`] always does, so
    /// it matters only for agents that were given other arguments.
    #[serde(default)]
    pub skip_trust: bool,
    /// Whether to begin a new conversation instead of going on with the old one.
    #[serde(default)]
    pub fresh: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Start it again with a change.
    Relaunch(Relaunch),
    /// Make this path writable for its owner and start it again.
    Chmod {
        /// The path that was refused.
        path: PathBuf,
    },
    /// Wait, then start it again.
    Wait {
        /// How long at least, in milliseconds, if the vendor said so.
        after_ms: Option<u64>,
    },
    /// Ask a person.
    Ask,
}

/// What went wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The name of the pattern that fits.
    pub pattern: String,
    /// What went wrong.
    pub issue: Issue,
    /// What to do.
    pub action: Action,
    /// The vendor's own words, at most 500 bytes.
    pub words: String,
}

/// The words of an attempt that may tell what went wrong.
struct Said<'a> {
    kind: Kind,
    ended: Option<&'a Ended>,
    /// The last word's error and the standard error: only of an attempt that failed.
    fatal: Vec<&'a str>,
    /// Refusals and failed tools, the newest first, with the path that the tool was given.
    tools: Vec<(&'a str, Option<PathBuf>)>,
    exit: ProcessExit,
}

/// Says what went wrong in an attempt; `None` when nothing known did. `events` are those of the
/// attempt, its `ended` last; `stderr` is the end of its standard error.
pub fn diagnose(
    kind: Kind,
    events: &[AgentEvent],
    stderr: &str,
    exit: ProcessExit,
) -> Option<Trouble> {
    let said = Said::of(kind, events, stderr, exit);
    said.session()
        .or_else(|| said.trust())
        .or_else(|| said.api())
        .or_else(|| said.login())
        .or_else(|| said.connection())
        .or_else(|| said.path())
        .or_else(|| said.refusal())
}

impl<'a> Said<'a> {
    fn of(kind: Kind, events: &'a [AgentEvent], stderr: &'a str, exit: ProcessExit) -> Self {
        let ended = events.iter().rev().find_map(|event| match event {
            AgentEvent::Ended(ended) => Some(ended),
            _ => None,
        });
        let failed = ended.is_none_or(|ended| !ended.ok) || exit != ProcessExit::Code(0);
        let mut fatal: Vec<&str> = Vec::new();
        if failed {
            fatal.extend(ended.and_then(|ended| ended.error.as_deref()));
            fatal.extend(events.iter().rev().filter_map(|event| match event {
                AgentEvent::Error { message, .. } => Some(message.as_str()),
                _ => None,
            }));
            fatal.push(stderr);
        }
        let mut tools: Vec<(&str, Option<PathBuf>)> = Vec::new();
        for event in events.iter().rev() {
            match event {
                AgentEvent::PermissionDenied(denial) => {
                    let message = denial.message.as_deref().unwrap_or_default();
                    tools.push((message, path_of(&denial.input)));
                }
                AgentEvent::ToolResult { id, output, is_error: true, .. } => {
                    tools.push((output, input_of(events, id).and_then(path_of)));
                }
                _ => {}
            }
        }
        Self { kind, ended, fatal, tools, exit }
    }

    /// The first fatal text with one of these words.
    fn fatal(&self, words: &[&str]) -> Option<&'a str> {
        let has = |text: &&&str| words.iter().any(|word| text.contains(word));
        self.fatal.iter().find(has).copied()
    }

    fn session(&self) -> Option<Trouble> {
        let fresh = || Action::Relaunch(Relaunch { fresh: true, ..Relaunch::default() });
        let (pattern, lost): (_, &[&str]) = match self.kind {
            Kind::Claude => {
                ("claude: no conversation found", &["No conversation found with session ID"])
            }
            Kind::Codex => ("codex: no rollout found", &["no rollout found for thread id"]),
            Kind::Gemini => (
                "gemini: invalid session identifier",
                &["Error resuming session", "Invalid session identifier"],
            ),
            Kind::Script => return None,
            Kind::Acp
            | Kind::Anthropic
            | Kind::Openai
            | Kind::Google
            | Kind::Github
            | Kind::Xai => {
                return None;
            }
        };
        if let Some(words) = self.fatal(lost) {
            return Some(trouble(pattern, Issue::SessionLost, fresh(), words));
        }
        let words = self.fatal(&["Session ID "]).filter(|text| text.contains("already in use"))?;
        Some(trouble("claude: session id in use", Issue::SessionInUse, fresh(), words))
    }

    fn trust(&self) -> Option<Trouble> {
        let action = || Action::Relaunch(Relaunch { skip_trust: true, ..Relaunch::default() });
        match self.kind {
            Kind::Codex => {
                let trust = ["Not inside a trusted directory", "not inside a trusted directory"];
                let check =
                    ["repository check failed", "not a git repository", "Not a git repository"];
                if let Some(words) = self.fatal(&trust) {
                    let pattern = "codex: not inside a trusted directory";
                    return Some(trouble(pattern, Issue::GitTrustError, action(), words));
                }
                let words = self.fatal(&check)?;
                let pattern = "codex: repository check failed";
                Some(trouble(pattern, Issue::GitCheckError, action(), words))
            }
            Kind::Gemini => {
                let words = self.fatal(&["not running in a trusted directory"])?;
                let pattern = "gemini: not in a trusted directory";
                Some(trouble(pattern, Issue::GitTrustError, action(), words))
            }
            Kind::Script | Kind::Claude => None,
            Kind::Acp
            | Kind::Anthropic
            | Kind::Openai
            | Kind::Google
            | Kind::Github
            | Kind::Xai => None,
        }
    }

    /// What the API's status says, whoever the vendor is.
    fn api(&self) -> Option<Trouble> {
        let ended = self.ended.filter(|ended| !ended.ok)?;
        let words = ended.error.as_deref().unwrap_or_default();
        let wait = || {
            let told = self.fatal.iter().find_map(|text| wait_in(text));
            Action::Wait { after_ms: told.map(millis) }
        };
        let quota =
            ["insufficient_quota", "credit balance", "billing", "usage limit", "spend limit"];
        let quota = quota.iter().any(|word| words.to_ascii_lowercase().contains(word));
        match ended.api_status? {
            402 => Some(trouble("any: payment required", Issue::QuotaExceeded, Action::Ask, words)),
            _ if quota => {
                Some(trouble("any: quota used up", Issue::QuotaExceeded, Action::Ask, words))
            }
            401 | 403 => {
                Some(trouble("any: login refused", Issue::AuthRequired, Action::Ask, words))
            }
            429 => Some(trouble("any: too many requests", Issue::RateLimited, wait(), words)),
            503 | 529 => Some(trouble("any: overloaded", Issue::Overloaded, wait(), words)),
            500..600 => Some(trouble("any: the API failed", Issue::ApiError, wait(), words)),
            _ => None,
        }
    }

    fn login(&self) -> Option<Trouble> {
        let words: &[&str] = match self.kind {
            Kind::Claude => &["Invalid API key", "Please run /login", "Not logged in"],
            Kind::Codex => &[
                "401 Unauthorized",
                "Not logged in",
                "Missing environment variable",
                "codex login",
            ],
            Kind::Gemini => &[
                "Please set an Auth method",
                "authentication required",
                "Authentication required",
                "API key not valid",
                "GEMINI_API_KEY",
            ],
            Kind::Acp => &["authentication required", "Authentication required", "auth_required"],
            Kind::Anthropic | Kind::Openai | Kind::Google | Kind::Github | Kind::Xai => {
                &["no key: "]
            }
            Kind::Script => &["authentication required", "Authentication required"],
        };
        let found = self.fatal(words);
        let by_code = self.kind == Kind::Gemini && self.exit == ProcessExit::Code(41);
        if found.is_none() && !by_code {
            return None;
        }
        let words = found.or_else(|| self.fatal.first().copied()).unwrap_or_default();
        let pattern = format!("{}: authentication required", self.kind);
        Some(trouble(&pattern, Issue::AuthRequired, Action::Ask, words))
    }

    /// What vendors' programs say when the stream of the model was cut or could not be read.
    fn connection(&self) -> Option<Trouble> {
        if self.kind == Kind::Script {
            return None;
        }
        let words = self.fatal(&[
            "onnection error",
            "onnection closed",
            "Unable to connect",
            "stream disconnected",
            "error sending request",
            "ECONNRESET",
            "ECONNREFUSED",
            "ETIMEDOUT",
            "socket hang up",
            "fetch failed",
            "Premature close",
            "Incomplete JSON",
            "incomplete JSON",
            "Unexpected end of JSON",
            "Failed to parse stream",
            "Model stream ended",
        ])?;
        let wait = Action::Wait { after_ms: None };
        Some(trouble("any: the connection broke off", Issue::ConnectionLost, wait, words))
    }

    /// A path that the vendor's own guard refused, although ours might allow it.
    fn path(&self) -> Option<Trouble> {
        let add = |path: PathBuf| {
            let folder = path.parent().map_or_else(|| path.clone(), PathBuf::from);
            Action::Relaunch(Relaunch { add_dirs: vec![folder], ..Relaunch::default() })
        };
        for (words, given) in &self.tools {
            match self.kind {
                Kind::Gemini => {
                    let outside = words.contains("Path not in workspace")
                        || words.contains("ath must be within one of the workspace directories");
                    if outside
                        && let Some(path) =
                            quoted_after(words, "Attempted path ").or_else(|| given.clone())
                    {
                        let pattern = "gemini: path not in workspace";
                        return Some(trouble(pattern, Issue::DirScopeError, add(path), words));
                    }
                    let lower = words.to_ascii_lowercase();
                    let refused = lower.contains("permission denied") || lower.contains("eacces");
                    if refused && let Some(path) = given.clone() {
                        let pattern = "gemini: permission denied";
                        let action = Action::Chmod { path };
                        return Some(trouble(pattern, Issue::FsPermError, action, words));
                    }
                }
                Kind::Claude => {
                    let asked = path_after(words, "requested permissions to write to ")
                        .or_else(|| path_after(words, "requested permissions to read from "));
                    let blocked = words
                        .contains("was blocked. For security, Claude Code may only")
                        .then(|| quoted_after(words, " in "))
                        .flatten();
                    if let Some(path) = asked.or(blocked) {
                        let pattern = "claude: access blocked";
                        return Some(trouble(pattern, Issue::SandboxError, add(path), words));
                    }
                }
                Kind::Codex => {
                    if words.contains("Read-only file system")
                        && let Some(path) = words::path_before(words, ": Read-only file system")
                    {
                        let pattern = "codex: read-only file system";
                        return Some(trouble(pattern, Issue::SandboxError, add(path), words));
                    }
                }
                Kind::Script => {}
                Kind::Acp
                | Kind::Anthropic
                | Kind::Openai
                | Kind::Google
                | Kind::Github
                | Kind::Xai => {}
            }
        }
        None
    }

    /// Refusals that nothing but a person can lift.
    fn refusal(&self) -> Option<Trouble> {
        let root = self.fatal(&["cannot be used with root/sudo privileges"]);
        if let Some(words) = root {
            let pattern = "claude: not as root";
            return Some(trouble(pattern, Issue::PermissionDenied, Action::Ask, words));
        }
        let words = self.fatal(&["permission denied", "Permission denied", "EACCES"])?;
        Some(trouble("any: permission denied", Issue::PermissionDenied, Action::Ask, words))
    }
}

fn trouble(pattern: &str, issue: Issue, action: Action, words: &str) -> Trouble {
    let mut words = words.trim().to_owned();
    words.truncate(words.floor_char_boundary(500));
    Trouble { pattern: pattern.to_owned(), issue, action, words }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

fn input_of<'a>(events: &'a [AgentEvent], wanted: &str) -> Option<&'a serde_json::Value> {
    events.iter().rev().find_map(|event| match event {
        AgentEvent::ToolCall { id, input, .. } if id == wanted => Some(input),
        _ => None,
    })
}

/// The path that a tool was given.
fn path_of(input: &serde_json::Value) -> Option<PathBuf> {
    ["file_path", "path", "dir_path", "notebook_path"]
        .iter()
        .find_map(|key| input.get(key)?.as_str())
        .map(PathBuf::from)
}
