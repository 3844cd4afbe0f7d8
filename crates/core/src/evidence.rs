//! Evidence: what must be found before an agent's "done" is believed (DESIGN: a task names its
//! evidence).
//!
//! A [`Contract`] is a list of checks. It is fixed before the agent starts, so that the agent cannot
//! change what it is measured by. A check is judged by facts that were gathered elsewhere; the
//! verdict follows from the results alone.

mod declared;
mod judge;
#[cfg(test)]
mod tests;

pub use declared::{Declared, Folder, declared, declared_in};
pub use judge::{Facts, FileFacts, Looked, Ran, ToolFacts, judge};

use crate::id::InstanceId;
use crate::span::Span;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How long a command of a contract may take when nothing else is said.
pub const LIMIT: Span = Span::from_secs(600);

/// How long any command of a contract may take.
pub const LIMIT_MAX: Span = Span::from_secs(6 * 3_600);

/// Checks of one contract.
pub const CHECKS_MAX: usize = 50;

/// One thing that must be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Check {
    /// Something differs from where the run began; ignored files do not count.
    Changed,
    /// All that the agent left is committed on the run's branch.
    Clean,
    /// The agent itself made commits on the run's branch.
    Commits {
        /// How many at least.
        at_least: u32,
    },
    /// A file is there.
    File {
        /// Relative to where the agent works.
        path: String,
        /// A text that must be in it.
        contains: Option<String>,
        /// The digest of its content, in lower case hexadecimal digits.
        sha256: Option<String>,
    },
    /// A command ends with exit code 0.
    Command {
        /// A line for `/bin/sh`.
        line: String,
        /// How long it may take, in milliseconds.
        limit_ms: u64,
    },
    /// The project's own tests pass.
    Tests {
        /// A line for `/bin/sh`.
        line: String,
        /// The file that declares it.
        declared_in: String,
        /// What that file said before the agent began; it must say the same afterwards. Empty
        /// where the file says only that there are tests.
        text: String,
        /// How long it may take, in milliseconds.
        limit_ms: u64,
    },
    /// The agent called a tool, and the tool did not fail.
    Tool {
        /// The tool's name in the vendor's words.
        name: String,
    },
}

impl Check {
    /// A line for `/bin/sh` and its limit in milliseconds, for those that are commands.
    pub fn command(&self) -> Option<(&str, u64)> {
        match self {
            Self::Command { line, limit_ms } | Self::Tests { line, limit_ms, .. } => {
                Some((line, *limit_ms))
            }
            Self::Changed
            | Self::Clean
            | Self::Commits { .. }
            | Self::File { .. }
            | Self::Tool { .. } => None,
        }
    }

    /// Whether it makes sense only where there is git.
    pub fn needs_git(&self) -> bool {
        matches!(self, Self::Clean | Self::Commits { .. })
    }

    /// What is asked of the agent, in one sentence.
    pub fn in_words(&self) -> String {
        match self {
            Self::Changed => {
                "Something is changed: a file is added, changed or removed.".to_owned()
            }
            Self::Clean => {
                "Nothing is left half done: what you leave is committed on your branch, \
                            by you or for you."
                    .to_owned()
            }
            Self::Commits { at_least: 1 } => "You have made a commit on your branch.".to_owned(),
            Self::Commits { at_least } => {
                format!("You have made at least {at_least} commits on your branch.")
            }
            Self::File { path, contains: None, sha256: None } => {
                format!("The file {path} is there.")
            }
            Self::File { path, contains: Some(text), .. } => {
                format!("The file {path} is there and contains {text:?}.")
            }
            Self::File { path, sha256: Some(digest), .. } => {
                format!("The file {path} is there, and its SHA-256 is {digest}.")
            }
            Self::Command { line, .. } => format!("This command ends with exit code 0: {line}"),
            Self::Tests { line, declared_in, .. } => {
                format!("The project's own tests pass ({declared_in}): {line}")
            }
            Self::Tool { name } => format!("You have called the tool {name}, and it succeeded."),
        }
    }
}

impl fmt::Display for Check {
    /// As it is written by a person: it can be read back, but for `tests`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("changed"),
            Self::Clean => f.write_str("clean"),
            Self::Commits { at_least } => write!(f, "commits:{at_least}"),
            Self::File { path, contains, sha256 } => {
                write!(f, "file:{path}")?;
                if let Some(text) = contains {
                    write!(f, "#contains={text}")?;
                }
                if let Some(digest) = sha256 {
                    write!(f, "#sha256={digest}")?;
                }
                Ok(())
            }
            Self::Command { line, limit_ms } if *limit_ms == LIMIT.ms() => {
                write!(f, "command:{line}")
            }
            Self::Command { line, limit_ms } => {
                write!(f, "command@{}:{line}", Span::from_ms(*limit_ms))
            }
            Self::Tests { line, .. } => write!(f, "tests ({line})"),
            Self::Tool { name } => write!(f, "tool:{name}"),
        }
    }
}

/// What a person or a project asks for, one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing is to be checked.
    None,
    /// The project's own tests.
    Tests,
    /// This check.
    Check(Check),
}

/// An item that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the evidence {text:?} is not understood: {why}")]
pub struct WantedError {
    text: String,
    why: String,
}

const FORMS: &str = "use changed, clean, commits:N, file:PATH, file:PATH#contains=TEXT, \
    file:PATH#sha256=HEX, command:LINE, command@TIME:LINE, tests, tool:NAME or none";

impl FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error =
            |why: &str| WantedError { text: text.chars().take(120).collect(), why: why.to_owned() };
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (word.trim(), Some(rest.trim())),
            None => (text.trim(), None),
        };
        let given = |what: &str| match rest {
            Some(rest) if !rest.is_empty() => Ok(rest),
            _ => Err(error(&format!("{what} is missing; {FORMS}"))),
        };
        let (word, limit) = match word.split_once('@') {
            Some((word, limit)) => (word, Some(limit)),
            None => (word, None),
        };
        if limit.is_some() && word != "command" {
            return Err(error("only a command has a time limit"));
        }
        let check = match (word, rest) {
            ("none", None) => return Ok(Self::None),
            ("tests", None) => return Ok(Self::Tests),
            ("changed", None) => Check::Changed,
            ("clean", None) => Check::Clean,
            ("commits", _) => {
                let at_least = given("the number of commits")?
                    .parse()
                    .ok()
                    .filter(|count| (1..=10_000).contains(count))
                    .ok_or_else(|| error("the number of commits must be 1 to 10000"))?;
                Check::Commits { at_least }
            }
            ("file", _) => file(given("the path")?).map_err(|why| error(&why))?,
            ("command", _) => {
                let limit_ms = match limit {
                    None => LIMIT.ms(),
                    Some(limit) => {
                        let span: Span =
                            limit.parse().map_err(|_| error("the time limit is no length of time; for example command@5m:cargo test"))?;
                        if span.ms() == 0 || span > LIMIT_MAX {
                            return Err(error("the time limit must be more than 0 and at most 6h"));
                        }
                        span.ms()
                    }
                };
                Check::Command { line: given("the command")?.to_owned(), limit_ms }
            }
            ("tool", _) => Check::Tool { name: given("the tool's name")?.to_owned() },
            _ => return Err(error(FORMS)),
        };
        Ok(Self::Check(check))
    }
}

/// `PATH`, `PATH#contains=TEXT`, `PATH#sha256=HEX`.
fn file(text: &str) -> Result<Check, String> {
    let (path, contains, sha256) = if let Some((path, text)) = text.split_once("#contains=") {
        (path, Some(text.to_owned()), None)
    } else if let Some((path, digest)) = text.split_once("#sha256=") {
        let digest = digest.to_ascii_lowercase();
        if digest.len() != 64 || !digest.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err("a SHA-256 has 64 hexadecimal digits".to_owned());
        }
        (path, None, Some(digest))
    } else {
        (text, None, None)
    };
    let outside = path.starts_with('/') || path.split('/').any(|part| part == "..");
    if path.is_empty() || outside || path.contains('\0') {
        return Err("the path must be relative and stay in the folder where the agent works".into());
    }
    Ok(Check::File { path: path.to_owned(), contains, sha256 })
}

/// Where a contract comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nobody asked for anything: what holds for every run.
    #[default]
    Default,
    /// Whoever asked for the run.
    Asked,
    /// The project's own file `.orkestra.yaml`.
    Project,
}

/// What must be found; with no check nothing is checked, and the run stays `reported`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// In the order in which they are made.
    pub checks: Vec<Check>,
    /// Who wants it.
    pub source: Source,
}

/// Why there is no contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Nothing and something.
    #[error("evidence \"none\" cannot stand beside other evidence")]
    NoneAndMore,
    /// Tests of a project that declares none.
    #[error(
        "the project declares no test command: none of .orkestra.yaml (tests:), Makefile (test:), package.json (scripts.test), Cargo.toml and pyproject.toml (pytest) has one"
    )]
    NoTests,
    /// There is no git.
    #[error("the evidence {0:?} needs a git repository, and the target is a plain folder")]
    NeedsGit(String),
    /// Too long a list.
    #[error("more than {CHECKS_MAX} checks")]
    TooMany,
}

impl Contract {
    /// What is to be checked: what was asked for, else what the project asks for, else that
    /// something changed, that nothing is left uncommitted, and that the project's tests pass.
    ///
    /// # Errors
    /// What is asked for contradicts itself, or cannot be had here.
    pub fn of(
        asked: &[Wanted],
        project: &[Wanted],
        declared: Option<&Declared>,
        has_git: bool,
    ) -> Result<Self, ContractError> {
        let (wanted, source) = match (asked, project) {
            ([], []) => {
                let mut checks = vec![Check::Changed];
                if has_git {
                    checks.push(Check::Clean);
                }
                checks.extend(declared.map(Declared::check));
                return Ok(Self { checks, source: Source::Default });
            }
            ([], project) => (project, Source::Project),
            (asked, _) => (asked, Source::Asked),
        };
        if wanted == [Wanted::None] {
            return Ok(Self { checks: Vec::new(), source });
        }
        if wanted.len() > CHECKS_MAX {
            return Err(ContractError::TooMany);
        }
        let mut checks = Vec::new();
        for item in wanted {
            let check = match item {
                Wanted::None => return Err(ContractError::NoneAndMore),
                Wanted::Tests => declared.ok_or(ContractError::NoTests)?.check(),
                Wanted::Check(check) if check.needs_git() && !has_git => {
                    return Err(ContractError::NeedsGit(check.to_string()));
                }
                Wanted::Check(check) => check.clone(),
            };
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
        Ok(Self { checks, source })
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Which.
    pub check: Check,
    /// Whether it was found as asked.
    pub passed: bool,
    /// What was found, in one sentence.
    pub detail: String,
    /// How long the check took.
    pub duration_ms: u64,
    /// The end of a command's output.
    pub output: Option<String>,
}

/// What follows from the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check passed.
    Verified,
    /// One did not.
    Refuted,
}

/// How far the checks of a run are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// What was asked for, as it was written; nothing means the default.
    pub wanted: Vec<String>,
    /// What it comes to, fixed before the agent starts.
    pub contract: Option<Contract>,
    /// Which round of checks is under way or was the last; 0 before the first.
    pub round: u32,
    /// Whether a round is under way.
    pub checking: bool,
    /// The process that a check has now.
    pub instance: Option<InstanceId>,
    /// What came of the checks of this round.
    pub results: Vec<CheckResult>,
    /// What followed from the last whole round.
    pub verdict: Option<Verdict>,
    /// What Orkestra committed of what the agent had left.
    pub commit: Option<String>,
}

impl Evidence {
    /// The checks that will be made.
    pub fn checks(&self) -> &[Check] {
        self.contract.as_ref().map_or(&[], |contract| contract.checks.as_slice())
    }

    /// The results that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(|result| !result.passed)
    }

    /// What the results so far come to, once there is one for each check.
    pub fn verdict_now(&self) -> Option<Verdict> {
        if self.results.len() < self.checks().len() {
            return None;
        }
        let refuted = self.failed().next().is_some();
        Some(if refuted { Verdict::Refuted } else { Verdict::Verified })
    }

    /// In one sentence, for people.
    pub fn in_words(&self) -> String {
        let (made, all) = (self.results.len(), self.checks().len());
        if self.checking {
            return format!(
                "The agent says it is done; check {} of {all} is under way.",
                (made + 1).min(all)
            );
        }
        match self.verdict {
            Some(Verdict::Verified) => format!("Verified: {}.", counted(all, "check", "passed")),
            Some(Verdict::Refuted) => {
                let failed: Vec<&CheckResult> = self.failed().collect();
                let first = failed.first().map(|result| result.detail.clone()).unwrap_or_default();
                match failed.len() {
                    0 | 1 => format!("The agent says it is done, but it is not: {first}"),
                    n => format!(
                        "The agent says it is done, but {n} of {all} checks failed: {first}"
                    ),
                }
            }
            None => {
                "The agent says it is done; unchecked, since no evidence was asked for.".to_owned()
            }
        }
    }
}

fn counted(count: usize, noun: &str, verb: &str) -> String {
    if count == 1 { format!("1 {noun} {verb}") } else { format!("{count} {noun}s {verb}") }
}
