//! The gate: may an agent do this? Each thing that an agent is about to do is an [`Action`]; a [`Policy`] rules on it: allow, ask a person, or
//! deny, with the name of the rule, a reason, and the place in the command.
//!
//! Commands are read with the grammar of the shell, never with patterns over text. What cannot be read is asked about; what is too long to be
//! read is denied. The gate is not the boundary: that is the sandbox. The gate is what keeps a person from being surprised.

mod all;
mod argv;
mod builtin;
mod code;
mod collect;
mod environment;
mod file;
mod git;
mod launch;
mod network;
mod option;
mod own;
mod path;
mod pure;
mod reach;
mod redirect;
pub mod rules;
mod script;
mod shell;
mod table;
mod variable;
mod word;
mod wrapper;

pub use all::{is_blind, is_outward};
use path::Finding;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the gate says. The order is that of strictness: of several the greatest holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is done.
    Allow,
    /// A person is asked first.
    Ask,
    /// It is not done, and the agent is told why.
    Deny,
}

impl Decision {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// A place in a command line, in characters from its start; `end` is the first that does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The first character.
    pub start: usize,
    /// The first character after it.
    pub end: usize,
}

/// What was ruled, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ruling {
    /// What is to happen.
    pub decision: Decision,
    /// The name of the rule: one of [`rules`], `default`, or the text of a rule of the configuration.
    pub rule: String,
    /// Why, in a short sentence for a person and for the agent.
    pub reason: String,
    /// Where in the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Place>,
}

impl Ruling {
    /// What no rule forbids.
    pub fn allowed() -> Self {
        Self {
            decision: Decision::Allow,
            rule: "default".to_owned(),
            reason: "no rule speaks against it".to_owned(),
            span: None,
        }
    }
}

/// Something that an agent is about to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Action {
    /// A command line for a shell, begun in the folder `cwd`.
    Command {
        /// The line, as the shell gets it.
        line: String,
        /// The folder in which it starts.
        cwd: PathBuf,
    },
    /// A file or folder is read. A relative path counts from the worktree.
    Read {
        /// The file.
        path: PathBuf,
    },
    /// A file is made or changed.
    Write {
        /// The file.
        path: PathBuf,
    },
    /// A file is removed.
    Delete {
        /// The file.
        path: PathBuf,
    },
    /// A page is fetched.
    Fetch {
        /// Its address.
        url: String,
    },
    /// Any other tool.
    Tool {
        /// Its name, as the vendor writes it.
        name: String,
        /// What it is called with.
        input: serde_json::Value,
    },
}

/// Where a run may do what. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The folder that the run works in; it may be written.
    pub worktree: PathBuf,
    /// Further folders that may be written, such as that for temporary files.
    pub write: Vec<PathBuf>,
    /// Folders that must not be read, beside those that the gate knows.
    pub hidden: Vec<PathBuf>,
    /// The person's home folder (`~`): keys and credentials in it are never read.
    pub home: PathBuf,
    /// Orkestra's own data folder: neither read nor written, the run's worktree in it apart.
    pub data: PathBuf,
    /// The folder for temporary files (`$TMPDIR`).
    pub temp: PathBuf,
}

impl Scope {
    /// A run that works in `worktree` for the person whose home is `home`, and may write temporary files in `/tmp`.
    pub fn new(
        worktree: impl Into<PathBuf>,
        home: impl Into<PathBuf>,
        data: impl Into<PathBuf>,
    ) -> Self {
        Self {
            worktree: worktree.into(),
            write: vec![PathBuf::from("/tmp")],
            hidden: Vec::new(),
            home: home.into(),
            data: data.into(),
            temp: PathBuf::from("/tmp"),
        }
    }
}

/// The policy: the rules that are built in, and what the configuration says beside and against them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// What holds for a command or tool that no rule knows.
    pub default: Decision,
    /// Built-in rules that decide differently, by their name.
    pub changed: BTreeMap<String, Decision>,
    /// Rules of the configuration and of people who approved more than one action.
    pub own: Vec<OwnRule>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { default: Decision::Allow, changed: BTreeMap::new(), own: Vec::new() }
    }
}

/// A rule that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRule {
    /// What it says.
    pub decision: Decision,
    /// What it is about: the words of a command (`git push`), or `read:PATH`, `write:PATH`, `delete:PATH`, `fetch:HOST`, `tool:NAME`, each with `*`.
    pub pattern: String,
}

impl OwnRule {
    /// A rule from its text, as the configuration has it.
    ///
    /// # Errors
    /// When the text has no form that the gate understands; the error says what is wrong.
    pub fn new(decision: Decision, pattern: &str) -> Result<Self, &'static str> {
        own::check(pattern)?;
        Ok(Self { decision, pattern: pattern.trim().to_owned() })
    }
}

impl Policy {
    /// Rules on `action` in `scope`. Of several rules that match, the strictest is named; of equals, the first in the line.
    pub fn rule(&self, action: &Action, scope: &Scope) -> Ruling {
        match action {
            Action::Command { line, cwd } => {
                // A rule whose words are the whole line is a person's word on exactly this.
                self.strictest(shell::judge(self, scope, line, &scope.worktree.join(cwd)))
            }
            Action::Read { path } => self.on_path("read", path, scope, path::read),
            Action::Write { path } => self.on_path("write", path, scope, path::write),
            Action::Delete { path } => self.on_path("delete", path, scope, |path, scope| {
                if path::is_root_of_scope(path, scope) {
                    return Some(Finding::new("delete-everything", path.display().to_string()));
                }
                path::write(path, scope).map(|found| match found.rule {
                    "write-outside" => Finding { rule: "delete-outside", ..found },
                    _ => found,
                })
            }),
            Action::Fetch { url } => {
                let host = network::host(url);
                self.said("fetch", &host, network::address(url), scope)
            }
            Action::Tool { name, .. } => {
                let harmless =
                    HARMLESS_TOOLS.contains(&name.as_str()) || name.starts_with("mcp__orkestra__");
                let found = (!harmless).then(|| Finding::new("unknown-tool", name));
                self.said("tool", name, found, scope)
            }
        }
    }

    fn on_path(
        &self,
        kind: &str,
        path: &Path,
        scope: &Scope,
        judge: impl Fn(&Path, &Scope) -> Option<Finding>,
    ) -> Ruling {
        let path = match path.strip_prefix("~") {
            Ok(rest) => scope.home.join(rest),
            Err(_) => path.to_owned(),
        };
        let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
        let path = path::resolve(&path, &scope.worktree);
        let found = match judge(&path, scope) {
            // Beside the worktree is not in the folder for temporary files, even where both are one.
            None if climbs && kind != "read" && !path.starts_with(&scope.worktree) => {
                Some(Finding::new("write-outside", path.display().to_string()))
            }
            found => found,
        };
        self.said(kind, &path.display().to_string(), found, scope)
    }

    /// What holds of a built-in rule and the own ones: what denies, whoever says it; then what an own rule says; then the built-in.
    fn said(&self, kind: &str, text: &str, found: Option<Finding>, scope: &Scope) -> Ruling {
        let built_in = found.map(|found| {
            let decision =
                self.changed.get(found.rule).copied().unwrap_or_else(|| found.decision());
            ruling(found.rule, decision, &found.what, None)
        });
        let own = own::other(self, kind, text, scope);
        match (own, built_in) {
            (Some(own), Some(built_in))
                if built_in.decision == Decision::Deny && own.decision != Decision::Deny =>
            {
                built_in
            }
            (Some(own), _) => own,
            (None, Some(built_in)) => built_in,
            (None, None) => Ruling::allowed(),
        }
    }

    fn strictest(&self, hits: Vec<shell::Hit>) -> Ruling {
        let mut best: Option<shell::Hit> = None;
        for hit in hits {
            if best.as_ref().is_none_or(|best| hit.decision > best.decision) {
                best = Some(hit);
            }
        }
        best.map_or_else(Ruling::allowed, |hit| {
            ruling(&hit.rule, hit.decision, &hit.what, hit.place)
        })
    }
}

/// Tools of the agents that do nothing outside of the agent, or only ask a search engine.
const HARMLESS_TOOLS: &[&str] = &[
    "Task",
    "Agent",
    "TodoWrite",
    "TodoRead",
    "TaskCreate",
    "TaskUpdate",
    "TaskList",
    "TaskGet",
    "ExitPlanMode",
    "EnterPlanMode",
    "AskUserQuestion",
    "WebSearch",
    "google_web_search",
    "web_search",
    "ToolSearch",
    "Skill",
    "BashOutput",
    "TaskOutput",
    "TaskStop",
    "KillShell",
    "KillBash",
    "SlashCommand",
    "update_plan",
    "save_memory",
    "write_todos",
    "todowrite",
    "todoread",
    "think",
    "task",
    "report",
    "StructuredOutput",
];

/// The words of a ruling.
fn ruling(rule: &str, decision: Decision, what: &str, span: Option<Place>) -> Ruling {
    let why = match rules::find(rule) {
        Some(found) => found.reason,
        None if rule == "default" => "no rule allows it",
        None => "a rule of the configuration",
    };
    let what: String = what
        .chars()
        .take(120)
        .map(|letter| {
            if letter.is_control() || letter == '\u{FFFD}' || letter == word::TAME {
                '…'
            } else {
                letter
            }
        })
        .collect();
    let reason = if what.is_empty() { why.to_owned() } else { format!("{why}: {what}") };
    Ruling { decision, rule: rule.to_owned(), reason, span }
}
