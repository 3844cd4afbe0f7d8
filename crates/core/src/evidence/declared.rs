//! Which test command a project declares. Only what a project says by itself counts: nothing is
//! guessed from file names of tests or from what happens to be installed.

use super::{Check, LIMIT};
use serde_json::Value;

/// A test command that a project declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// A line for `/bin/sh`.
    pub line: String,
    /// The file that declares it.
    pub file: String,
    /// What the file says, as far as it is about the tests; empty where it only says that there are
    /// some.
    pub text: String,
}

impl Declared {
    /// As a check.
    pub fn check(&self) -> Check {
        Check::Tests {
            line: self.line.clone(),
            declared_in: self.file.clone(),
            text: self.text.clone(),
            limit_ms: LIMIT.ms(),
        }
    }
}

/// The files at the top of a project that may declare tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// `tests:` of `.orkestra.yaml`.
    pub own: Option<String>,
    /// `Makefile`, `makefile` or `GNUmakefile`, and its name.
    pub makefile: Option<(String, String)>,
    /// `package.json`.
    pub package_json: Option<String>,
    /// Names of lock files that are there, as far as they tell which program runs scripts.
    pub locks: Vec<String>,
    /// `Cargo.toml`.
    pub cargo_toml: Option<String>,
    /// `pyproject.toml`.
    pub pyproject_toml: Option<String>,
}

impl Folder {
    /// The lock files that are looked for.
    pub const LOCKS: [&str; 4] = ["pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"];
}

/// The test command of a project: the first that is declared, in the order of the fields.
pub fn declared(folder: &Folder) -> Option<Declared> {
    own(folder)
        .or_else(|| make(folder))
        .or_else(|| node(folder))
        .or_else(|| cargo(folder))
        .or_else(|| python(folder))
}

/// What one file declares, whatever the others do.
pub fn declared_in(folder: &Folder, file: &str) -> Option<Declared> {
    match file {
        ".orkestra.yaml" => own(folder),
        "package.json" => node(folder),
        "Cargo.toml" => cargo(folder),
        "pyproject.toml" => python(folder),
        _ => make(folder),
    }
}

fn own(folder: &Folder) -> Option<Declared> {
    let line = folder.own.as_deref()?.trim();
    (!line.is_empty()).then(|| Declared {
        line: line.to_owned(),
        file: ".orkestra.yaml".to_owned(),
        text: line.to_owned(),
    })
}

/// The rule `test:` with its recipe.
fn make(folder: &Folder) -> Option<Declared> {
    let (file, text) = folder.makefile.as_ref()?;
    let mut rule = Vec::new();
    for line in text.lines() {
        if rule.is_empty() {
            let begins = line.strip_prefix("test").is_some_and(|rest| {
                let rest = rest.trim_start();
                rest.starts_with(':') && !rest.starts_with(":=") && !rest.starts_with("::=")
            });
            if begins {
                rule.push(line);
            }
        } else if line.starts_with('\t') || line.trim().is_empty() {
            rule.push(line);
        } else {
            break;
        }
    }
    let text = rule.join("\n").trim_end().to_owned();
    (!text.is_empty()).then(|| Declared { line: "make test".to_owned(), file: file.clone(), text })
}

/// `scripts.test`, unless it is the line that npm puts there to say that there are none.
fn node(folder: &Folder) -> Option<Declared> {
    let manifest: Value = serde_json::from_str(folder.package_json.as_deref()?).ok()?;
    let script = manifest.get("scripts")?.get("test")?.as_str()?.trim();
    if script.is_empty() || script.contains("Error: no test specified") {
        return None;
    }
    let has = |name: &str| folder.locks.iter().any(|lock| lock == name);
    let line = if has("pnpm-lock.yaml") {
        "pnpm test"
    } else if has("yarn.lock") {
        "yarn test"
    } else if has("bun.lock") || has("bun.lockb") {
        "bun run test"
    } else {
        "npm test"
    };
    Some(Declared {
        line: line.to_owned(),
        file: "package.json".to_owned(),
        text: script.to_owned(),
    })
}

/// Cargo's own command tests every package.
fn cargo(folder: &Folder) -> Option<Declared> {
    let manifest = folder.cargo_toml.as_deref()?;
    let is_section = |name: &str| manifest.lines().any(|line| line.trim() == name);
    (is_section("[package]") || is_section("[workspace]")).then(|| Declared {
        line: "cargo test".to_owned(),
        file: "Cargo.toml".to_owned(),
        text: String::new(),
    })
}

/// A project that configures pytest has tests for it.
fn python(folder: &Folder) -> Option<Declared> {
    let manifest = folder.pyproject_toml.as_deref()?;
    let configured = manifest
        .lines()
        .any(|line| matches!(line.trim(), "[tool.pytest.ini_options]" | "[tool.pytest]"));
    configured.then(|| Declared {
        line: "python3 -m pytest".to_owned(),
        file: "pyproject.toml".to_owned(),
        text: String::new(),
    })
}
