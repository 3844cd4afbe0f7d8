//! Whether an agent program has a key or a login, by the cheapest look: variables and files, no
//! network. A file may be there and its login be over; only a call proves it.

use crate::Kind;
use std::path::{Path, PathBuf};

/// Where a kind keeps its login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Variables; any one is enough.
    pub variables: Vec<&'static str>,
    /// Files; any one is enough.
    pub files: Vec<PathBuf>,
    /// What to do when there is neither.
    pub hint: &'static str,
}

/// Where a kind keeps its login; `None` when it needs none. `variable` looks a variable of the
/// agent's environment up.
pub fn places(kind: Kind, variable: impl Fn(&str) -> Option<String>) -> Option<Places> {
    let below = |name: &str, folder: &str| {
        let own = variable(name).map(PathBuf::from);
        own.or_else(|| variable("HOME").map(|home| Path::new(&home).join(folder)))
    };
    let in_folder = |folder: Option<PathBuf>, names: &[&str]| {
        folder.into_iter().flat_map(|folder| names.iter().map(move |n| folder.join(n))).collect()
    };
    match kind {
        Kind::Claude => Some(Places {
            variables: vec![
                "ANTHROPIC_API_KEY",
                "ANTHROPIC_AUTH_TOKEN",
                "CLAUDE_CODE_OAUTH_TOKEN",
                "CLAUDE_CODE_USE_BEDROCK",
                "CLAUDE_CODE_USE_VERTEX",
                "CLAUDE_CODE_USE_FOUNDRY",
            ],
            files: in_folder(below("CLAUDE_CONFIG_DIR", ".claude"), &[".credentials.json"]),
            hint: "Log in once with `claude`, or set ANTHROPIC_API_KEY.",
        }),
        Kind::Codex => Some(Places {
            variables: vec!["CODEX_API_KEY", "OPENAI_API_KEY"],
            files: in_folder(below("CODEX_HOME", ".codex"), &["auth.json"]),
            hint: "Log in once with `codex login`, or set CODEX_API_KEY.",
        }),
        Kind::Gemini => {
            let home = variable("GEMINI_CLI_HOME").or_else(|| variable("HOME"));
            let folder = home.map(|home| Path::new(&home).join(".gemini"));
            Some(Places {
                variables: vec!["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"],
                files: in_folder(folder, &["oauth_creds.json", "gemini-credentials.json"]),
                hint: "Log in once with `gemini`, or set GEMINI_API_KEY.",
            })
        }
        _ => None,
    }
}

/// What an agent of this kind can do, in words that mean the same for all: what its adapter and its
/// hooks were measured to give.
pub fn abilities(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Claude => &["stream", "usage", "cost", "resume", "hooks", "retries"],
        Kind::Codex => &["stream", "usage", "resume", "hooks", "retries"],
        Kind::Gemini => &["stream", "usage", "resume", "hooks"],
        _ => &["stream"],
    }
}

/// The version with which a kind was measured.
pub fn measured_with(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Claude => Some("2.1.329"),
        Kind::Codex => Some("0.169.0"),
        Kind::Gemini => Some("0.61.0"),
        _ => None,
    }
}

/// The version in what a program says of itself: the first word that begins with a digit and has
/// a dot.
pub fn version_in(text: &str) -> Option<String> {
    let word = text
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))?;
    let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || ".-+".contains(c)));
    word.get(..end.unwrap_or(word.len())).map(str::to_owned)
}

/// What is said to the model to see whether it answers.
pub const PROBE: &str = "Reply with the word ok and nothing else. Use no tools.";

/// The mode in which a kind may do least, in the vendor's words: a probe needs no tools.
pub fn harmless_mode(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Claude => Some("plan"),
        Kind::Codex => Some("read-only"),
        Kind::Gemini => Some("default"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, version) in [
            ("2.1.329 (Claude Code)", Some("2.1.329")),
            ("codex-cli 0.169.0\n", Some("0.169.0")),
            ("v0.61.0", Some("0.61.0")),
            ("no version", None),
        ] {
            assert_eq!(version_in(text).as_deref(), version, "{text}");
        }
    }

    #[test]
    fn a_login_is_looked_for_where_the_vendor_keeps_it() {
        let variable = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        let of = |kind| places(kind, variable).map(|places| places.files);
        assert_eq!(of(Kind::Codex), Some(vec!["/home/me/.codex/auth.json".into()]));
        assert_eq!(of(Kind::Claude), Some(vec!["/home/me/.claude/.credentials.json".into()]));
        assert_eq!(of(Kind::Script), None);
        let own = |name: &str| (name == "CODEX_HOME").then(|| "/c".to_owned());
        let files = places(Kind::Codex, own).map(|places| places.files);
        assert_eq!(files, Some(vec!["/c/auth.json".into()]));
    }
}
