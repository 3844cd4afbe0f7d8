//! The gate: may an agent do this? Each thing that an agent is about to do is an [`Action`]; a [`Policy`] rules on it: allow, ask a person, or
//! deny, with the name of the rule, a reason, and the place in the command.
//!
//! Commands are read with the grammar of the shell, never with patterns over text. What cannot be read is asked about; what is too long to be
//! read is denied. The gate is not the boundary: that is the sandbox. The gate is what keeps a person from being surprised.

mod path;
pub mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

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

impl Policy {
    /// Rules on `action` in `scope`. Of several rules that match, the strictest is named; of equals, the first in the line.
    pub fn rule(&self, action: &Action, scope: &Scope) -> Ruling {
        let finding = match action {
            Action::Command { .. } => Some(path::Finding::new("unreadable", "")),
            Action::Read { path } => path::read(&path::resolve(path, &scope.worktree), scope),
            Action::Write { path } | Action::Delete { path } => {
                path::write(&path::resolve(path, &scope.worktree), scope)
            }
            Action::Fetch { .. } => None,
            Action::Tool { .. } => Some(path::Finding::new("unknown-tool", "")),
        };
        finding.map_or_else(Ruling::allowed, |found| Ruling {
            decision: self.changed.get(found.rule).copied().unwrap_or_else(|| found.decision()),
            rule: found.rule.to_owned(),
            reason: rules::find(found.rule).map_or_else(String::new, |rule| rule.reason.to_owned()),
            span: None,
        })
    }
}
