//! Where an agent program keeps what outlives a run: sessions to resume, its sign-in, its settings.

use crate::{AgentSpec, Kind};
use std::path::{Path, PathBuf};

/// Files and folders that an agent of this kind reads and writes beside its worktree. `variable`
/// gives its environment. Some may not be there yet.
pub fn state_folders(spec: &AgentSpec, variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let named = |name: &str| variable(name).filter(|path| path.starts_with('/')).map(PathBuf::from);
    let Some(home) = named("HOME") else { return Vec::new() };
    let known = match spec.kind {
        Kind::Claude => "claude",
        Kind::Codex => "codex",
        Kind::Gemini => "gemini",
        // It is one of those, or another, in the form that speaks the protocol.
        Kind::Acp => {
            let program = spec.command.first().map(Path::new).and_then(Path::file_name);
            let program = program.and_then(|name| name.to_str()).unwrap_or_default();
            let names = ["claude", "codex", "gemini", "opencode", "copilot"];
            names.into_iter().find(|name| program.starts_with(name)).unwrap_or_default()
        }
        // A program of one's own names its folders itself; a model's API has none.
        _ => "",
    };
    let below = |names: &[&str]| names.iter().map(|name| home.join(name)).collect::<Vec<_>>();
    match known {
        "claude" => match named("CLAUDE_CONFIG_DIR") {
            Some(folder) => vec![folder],
            None => below(&[".claude", ".claude.json"]),
        },
        "codex" => vec![named("CODEX_HOME").unwrap_or_else(|| home.join(".codex"))],
        "gemini" => vec![named("GEMINI_CLI_HOME").unwrap_or(home).join(".gemini")],
        "copilot" => vec![named("COPILOT_HOME").unwrap_or_else(|| home.join(".copilot"))],
        "opencode" => [
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_STATE_HOME", ".local/state"),
            ("XDG_CACHE_HOME", ".cache"),
        ]
        .map(|(name, usual)| named(name).unwrap_or_else(|| home.join(usual)).join("opencode"))
        .to_vec(),
        _ => Vec::new(),
    }
}

/// Which of them is a file: all others are folders, which may be made before the start.
pub fn is_state_file(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_folders() {
        let plain = |name: &str| (name == "HOME").then(|| "/home/u".to_owned());
        let moved = |name: &str| match name {
            "HOME" => Some("/home/u".to_owned()),
            "CLAUDE_CONFIG_DIR" | "CODEX_HOME" => Some("/elsewhere".to_owned()),
            _ => None,
        };
        let folders = |kind, variable: &dyn Fn(&str) -> Option<String>| {
            let folders = state_folders(&AgentSpec::new(kind), variable);
            folders.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(folders(Kind::Claude, &plain), ["/home/u/.claude", "/home/u/.claude.json"]);
        assert_eq!(folders(Kind::Claude, &moved), ["/elsewhere"]);
        assert_eq!(folders(Kind::Codex, &plain), ["/home/u/.codex"]);
        assert_eq!(folders(Kind::Codex, &moved), ["/elsewhere"]);
        assert_eq!(folders(Kind::Gemini, &plain), ["/home/u/.gemini"]);
        assert!(folders(Kind::Script, &plain).is_empty());
        let mut acp = AgentSpec::new(Kind::Acp);
        assert!(state_folders(&acp, &plain).is_empty());
        acp.command = vec!["/opt/bin/opencode".to_owned(), "acp".to_owned()];
        let folders = state_folders(&acp, &plain);
        assert_eq!(folders.len(), 4);
        assert_eq!(folders[0], Path::new("/home/u/.local/share/opencode"));
    }
}
