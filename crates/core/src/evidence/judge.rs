//! What a check comes to, given what was found.

use super::Check;
use crate::span::Span;
use std::collections::BTreeMap;

/// Files that are named in a sentence.
const NAMED: usize = 3;

/// What was found where the agent worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Files that differ from where the run began, or why nobody could look.
    pub changed: Looked<Vec<String>>,
    /// Files that are not committed, or why they could not be.
    pub uncommitted: Looked<Vec<String>>,
    /// Commits on the run's branch that are not Orkestra's own.
    pub commits: Looked<u32>,
    /// The agent's calls by the tool's name.
    pub tools: BTreeMap<String, ToolFacts>,
    /// The files that are asked for, by the check as it is written.
    pub files: BTreeMap<String, Looked<FileFacts>>,
    /// What the file that declared the project's tests says of them now; nothing when it says
    /// nothing any more.
    pub tests_text: Looked<Option<String>>,
}

impl Facts {
    /// Nobody could look, and this is why.
    pub fn unknown(why: &str) -> Self {
        Self {
            changed: Err(why.to_owned()),
            uncommitted: Err(why.to_owned()),
            commits: Err(why.to_owned()),
            tools: BTreeMap::new(),
            files: BTreeMap::new(),
            tests_text: Err(why.to_owned()),
        }
    }
}

/// A fact, or in words why it could not be found out.
pub type Looked<T> = Result<T, String>;

/// How often a tool was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToolFacts {
    /// Calls.
    pub called: u32,
    /// Calls that failed or were refused.
    pub failed: u32,
}

/// What is known of a file that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Whether it is a file in the folder where the agent works.
    pub exists: bool,
    /// Whether the text that is asked for is in it.
    pub contains: bool,
    /// Its digest, where that is asked for.
    pub sha256: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// By itself, with this code.
    Code(i32),
    /// By a signal of this name.
    Signal(String),
    /// It was ended: it took too long.
    TooLong,
    /// It was ended: it said too much.
    TooMuch,
    /// It could not be started, or was lost.
    Lost(String),
}

/// Whether a check passed, and what was found, in one sentence. A command's end is in `ran`.
///
/// What could not be looked at has not passed: nothing is verified by a failure to look.
pub fn judge(check: &Check, facts: &Facts, ran: Option<&Ran>) -> (bool, String) {
    let found = match check {
        Check::Changed => changed(facts),
        Check::Clean => clean(facts),
        Check::Commits { at_least } => commits(facts, *at_least),
        Check::File { path, contains, sha256 } => {
            file(facts, check, path, contains.as_deref(), sha256.as_deref())
        }
        Check::Tool { name } => tool(facts, name),
        Check::Command { line, limit_ms } => command(line, *limit_ms, ran),
        Check::Tests { line, declared_in, text, limit_ms } => match &facts.tests_text {
            Ok(Some(now)) if now == text => command(line, *limit_ms, ran),
            Ok(_) => Ok((
                false,
                format!(
                    "The test command in {declared_in} is not the one that was there when the run began."
                ),
            )),
            Err(why) => Err(why.clone()),
        },
    };
    found.unwrap_or_else(|why| (false, format!("It could not be looked at: {why}")))
}

fn named(files: &[String]) -> String {
    let shown = files.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match files.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn changed(facts: &Facts) -> Looked<(bool, String)> {
    let files = facts.changed.as_ref().map_err(Clone::clone)?;
    Ok(match files.len() {
        0 => (false, "Nothing differs from where the run began.".to_owned()),
        1 => (true, format!("1 file differs: {}.", named(files))),
        count => (true, format!("{count} files differ: {}.", named(files))),
    })
}

fn clean(facts: &Facts) -> Looked<(bool, String)> {
    let files = facts.uncommitted.as_ref().map_err(Clone::clone)?;
    Ok(if files.is_empty() {
        (true, "All is committed on the run's branch.".to_owned())
    } else {
        (false, format!("Not committed: {}.", named(files)))
    })
}

fn commits(facts: &Facts, at_least: u32) -> Looked<(bool, String)> {
    let count = *facts.commits.as_ref().map_err(Clone::clone)?;
    let made = match count {
        0 => "The agent made no commit".to_owned(),
        1 => "The agent made 1 commit".to_owned(),
        n => format!("The agent made {n} commits"),
    };
    Ok((count >= at_least, format!("{made} on the run's branch; {at_least} asked for.")))
}

fn file(
    facts: &Facts,
    check: &Check,
    path: &str,
    contains: Option<&str>,
    sha256: Option<&str>,
) -> Looked<(bool, String)> {
    let Some(found) = facts.files.get(&check.to_string()) else {
        return Err(format!("nobody looked at {path}."));
    };
    let found = found.as_ref().map_err(Clone::clone)?;
    if !found.exists {
        return Ok((false, format!("The file {path} is not there.")));
    }
    if let Some(text) = contains.filter(|_| !found.contains) {
        return Ok((false, format!("The file {path} is there, but {text:?} is not in it.")));
    }
    if let Some(digest) = sha256 {
        let now = found.sha256.as_deref().unwrap_or("unknown");
        if now != digest {
            return Ok((false, format!("The file {path} is there, but its SHA-256 is {now}.")));
        }
    }
    Ok((true, format!("The file {path} is there, as asked for.")))
}

fn tool(facts: &Facts, name: &str) -> Looked<(bool, String)> {
    let ToolFacts { called, failed } = facts.tools.get(name).copied().unwrap_or_default();
    let succeeded = called.saturating_sub(failed);
    Ok(match (called, succeeded) {
        (0, _) => (false, format!("The agent never called {name}.")),
        (_, 0) => (false, format!("The agent called {name}, but no call succeeded.")),
        (_, 1) => (true, format!("The agent called {name}, and it succeeded.")),
        (_, n) => (true, format!("{n} calls of {name} succeeded.")),
    })
}

fn command(line: &str, limit_ms: u64, ran: Option<&Ran>) -> Looked<(bool, String)> {
    let how = match ran {
        None => return Err("it was not run.".to_owned()),
        Some(Ran::Code(0)) => return Ok((true, format!("{line} ended with exit code 0."))),
        Some(Ran::Code(127)) => {
            "ended with exit code 127, as when a program is not there".to_owned()
        }
        Some(Ran::Code(code)) => format!("ended with exit code {code}"),
        Some(Ran::Signal(name)) => format!("was ended by {name}"),
        Some(Ran::TooLong) => {
            format!("was ended, since it took longer than {}", Span::from_ms(limit_ms).roughly())
        }
        Some(Ran::TooMuch) => "was ended, since it printed too much".to_owned(),
        Some(Ran::Lost(why)) => format!("could not be run: {why}"),
    };
    Ok((false, format!("{line} {how}.")))
}
