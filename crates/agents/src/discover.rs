//! Which agents can be started here.

use crate::{AgentSpec, Kind};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How to get an agent, said whenever there is none.
pub const HOW_TO_GET_ONE: &str = "\
To get an agent, either install one of these and log in with it once:
  npm install -g @anthropic-ai/claude-code   (then: claude)
  npm install -g @openai/codex               (then: codex login)
  npm install -g @google/gemini-cli          (then: gemini)
or make any program that reads a prompt and prints lines an agent, in orkestra.yaml:
  agents:
    helper: { kind: script, command: [\"./agent.sh\"] }
docs/agents.md says more.";

/// An agent that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name in the configuration; for an agent that is only installed, its kind.
    pub name: String,
    /// How it is started and read.
    pub spec: AgentSpec,
    /// Where its program lies.
    pub program: PathBuf,
    /// Whether it is configured, and not only installed.
    pub configured: bool,
}

/// A configured agent that cannot be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The name in the configuration.
    pub name: String,
    /// The program that was looked for; `None` when none is configured.
    pub program: Option<String>,
}

/// What was found and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Agents that can be started, in the order of their names.
    pub found: Vec<Found>,
    /// Configured agents that cannot be started, in the order of their names.
    pub missing: Vec<Missing>,
}

/// Kinds whose program is also looked for when none of that kind is configured, in the order in
/// which they are preferred.
pub const INSTALLED: [Kind; 3] = [Kind::Claude, Kind::Codex, Kind::Gemini];

/// Where the vendor's own program may lie beside the script that is its package's entry, given the
/// real path of that script. Codex comes as a small Node script around a native program.
pub fn native(kind: Kind, real: &Path) -> Vec<PathBuf> {
    if kind != Kind::Codex || !real.ends_with("@openai/codex/bin/codex.js") {
        return Vec::new();
    }
    let Some(package) = real.parent().and_then(Path::parent) else { return Vec::new() };
    let systems = [
        ("codex-linux-x64", "x86_64-unknown-linux-musl"),
        ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        ("codex-darwin-arm64", "aarch64-apple-darwin"),
        ("codex-darwin-x64", "x86_64-apple-darwin"),
    ];
    let beside = package.parent().map(Path::to_path_buf);
    let places: Vec<PathBuf> =
        beside.into_iter().chain([package.join("node_modules/@openai")]).collect();
    let program = |place: &PathBuf, (name, triple): (&str, &str)| {
        place.join(name).join("vendor").join(triple).join("bin/codex")
    };
    places.iter().flat_map(|place| systems.map(|system| program(place, system))).collect()
}

/// The agent that a name like `script:/path/to/program` means without any configuration.
pub fn by_path(name: &str) -> Option<AgentSpec> {
    let path = name.strip_prefix("script:").filter(|path| path.starts_with('/'))?;
    Some(AgentSpec { command: vec![path.to_owned()], ..AgentSpec::new(Kind::Script) })
}

/// Looks for the configured agents' programs; and for each of the kinds in [`INSTALLED`] of which
/// none is configured, also for that one, so that an installed one works without any
/// configuration. `which` says where a program lies, if it can be run at all.
pub fn discover(
    agents: &BTreeMap<String, AgentSpec>,
    which: impl Fn(&str) -> Option<PathBuf>,
) -> Discovery {
    let mut discovery = Discovery::default();
    for (name, spec) in agents {
        // A model's API needs no program but ours, which is here.
        if spec.kind.is_api() {
            discovery.found.push(Found {
                name: name.clone(),
                spec: spec.clone(),
                program: PathBuf::from("orkestra"),
                configured: true,
            });
            continue;
        }
        let program = spec.program();
        match program.and_then(&which) {
            Some(program) => discovery.found.push(Found {
                name: name.clone(),
                spec: spec.clone(),
                program,
                configured: true,
            }),
            None => discovery
                .missing
                .push(Missing { name: name.clone(), program: program.map(str::to_owned) }),
        }
    }
    for kind in INSTALLED {
        let name = kind.as_str();
        let has = agents.contains_key(name) || agents.values().any(|spec| spec.kind == kind);
        if !has && let Some(program) = kind.program().and_then(&which) {
            let spec = AgentSpec::new(kind);
            let found = Found { name: name.to_owned(), spec, program, configured: false };
            discovery.found.push(found);
        }
    }
    discovery
}

impl Discovery {
    /// The agent of this name, or the first one when no name is given: configured ones first.
    /// The error says what was looked for and how to get an agent.
    pub fn choose(&self, name: Option<&str>) -> Result<&Found, String> {
        let chosen = match name {
            Some(name) => self.found.iter().find(|found| found.name == name),
            None => self.found.first(),
        };
        chosen.ok_or_else(|| self.problem(name))
    }

    fn problem(&self, name: Option<&str>) -> String {
        let mut message = match name {
            Some(name) => format!("the agent {name:?} cannot be started.\n"),
            None => "no agent can be started.\n".to_owned(),
        };
        let wanted = |missing: &&Missing| name.is_none_or(|name| name == missing.name);
        let mut known = false;
        for missing in self.missing.iter().filter(wanted) {
            known = true;
            // Writing to a String cannot fail.
            let _ = match &missing.program {
                Some(program) => {
                    writeln!(message, "  {}: {program} was not found.", missing.name)
                }
                None => writeln!(message, "  {}: it has no command.", missing.name),
            };
        }
        let looked_for = |kind: &Kind| name.is_none_or(|name| name == kind.as_str());
        let there = |kind: &Kind| self.found.iter().any(|found| found.spec.kind == *kind);
        let absent = |kind: &Kind| {
            looked_for(kind)
                && !there(kind)
                && !self.missing.iter().any(|missing| missing.name == kind.as_str())
        };
        for kind in INSTALLED.iter().filter(|kind| absent(kind)) {
            known |= name.is_some();
            let _ = writeln!(message, "  {kind} is not configured and was not found on the PATH.");
        }
        if name.is_some() && !known {
            let names: Vec<&str> = self.found.iter().map(|found| found.name.as_str()).collect();
            let others = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let _ = writeln!(message, "  No agent has this name; there are: {others}.");
        }
        message.push_str(HOW_TO_GET_ONE);
        message
    }
}
