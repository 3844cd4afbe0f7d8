//! Which agents can be started here.

use crate::{AgentSpec, Kind};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// How to get an agent, said whenever there is none.
pub const HOW_TO_GET_ONE: &str = "\
To get an agent, either install Claude Code:
  npm install -g @anthropic-ai/claude-code
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

/// Looks for the configured agents' programs; when no `claude` is configured, also for that one,
/// so that an installed Claude Code works without any configuration. `which` says where a program
/// lies, if it can be run at all.
pub fn discover(
    agents: &BTreeMap<String, AgentSpec>,
    which: impl Fn(&str) -> Option<PathBuf>,
) -> Discovery {
    let mut discovery = Discovery::default();
    for (name, spec) in agents {
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
    let claude = Kind::Claude.as_str();
    let has_claude =
        agents.contains_key(claude) || agents.values().any(|spec| spec.kind == Kind::Claude);
    if !has_claude && let Some(program) = which(claude) {
        let spec = AgentSpec::new(Kind::Claude);
        let found = Found { name: claude.to_owned(), spec, program, configured: false };
        discovery.found.push(found);
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
        let mut looked_for_claude = false;
        let mut known = false;
        for missing in self.missing.iter().filter(wanted) {
            known = true;
            looked_for_claude |= missing.program.as_deref() == Some("claude");
            // Writing to a String cannot fail.
            let _ = match &missing.program {
                Some(program) => {
                    writeln!(message, "  {}: {program} was not found.", missing.name)
                }
                None => writeln!(message, "  {}: it has no command.", missing.name),
            };
        }
        if let Some(name) = name
            && !known
            && name != "claude"
        {
            let names: Vec<&str> = self.found.iter().map(|found| found.name.as_str()).collect();
            let others = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let _ = writeln!(message, "  No agent has this name; there are: {others}.");
        } else if !looked_for_claude && !self.found.iter().any(|found| found.name == "claude") {
            message.push_str("  claude is not configured and was not found on the PATH.\n");
        }
        message.push_str(HOW_TO_GET_ONE);
        message
    }
}
