//! Looking at agents: what their programs say of themselves, and whether a model answers.

use crate::error::Error;
use crate::handle::Handle;
use crate::vendor;
use orkestra_agents::discover::{self, Found};
use orkestra_agents::recovery::{Trouble, diagnose};
use orkestra_agents::{AgentSpec, ProcessExit, RunRequest, adapter, command, login};
use orkestra_core::agent::{AgentEvent, Ended, Usage};
use orkestra_core::agent_state::AgentInput;
use orkestra_host::program::{find_program, run_captured};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a program may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// How long a model may take to answer a probe.
const PROBE_LIMIT: Duration = Duration::from_secs(180);

/// How much of what a probe prints is read.
const PROBE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is known of one agent after a look.
#[derive(Debug, Clone)]
pub struct AgentFacts {
    /// How it is started.
    pub found: Found,
    /// What its program says of its version.
    pub version: Option<String>,
    /// Why it says none.
    pub version_problem: Option<String>,
    /// Whether it has a key or a login; `None` when it needs none.
    pub login: Option<Login>,
    /// The version with which this kind was measured.
    pub measured_with: Option<String>,
    /// What it can do.
    pub abilities: Vec<String>,
}

/// Whether an agent has a key or a login, as far as can be seen without a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Whether something was found.
    pub found: bool,
    /// What was found, or what to do.
    pub what: String,
}

/// What a real call showed.
#[derive(Debug, Clone)]
pub struct Probed {
    /// How the agent ended.
    pub ended: Ended,
    /// What it used, per model.
    pub usage: Vec<Usage>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What went wrong, if that is known.
    pub trouble: Option<Trouble>,
}

impl Handle {
    /// Starts an agent's program for its version and looks for its login.
    ///
    /// # Errors
    /// It cannot be started here.
    pub async fn look_at_agent(&self, name: &str) -> Result<AgentFacts, Error> {
        let found = match self.agent_by_path(name) {
            Some(found) => found?,
            None => self.agents().choose(Some(name)).map_err(Error::NoAgent)?.clone(),
        };
        let login = self.login_of(&found.spec);
        let (version, version_problem) = if found.spec.kind.program().is_none() {
            (None, None)
        } else {
            match self.version_of(&found).await {
                Ok(version) => (Some(version), None),
                Err(problem) => (None, Some(problem)),
            }
        };
        let kind = found.spec.kind;
        let measured_with = login::measured_with(kind).map(str::to_owned);
        let abilities = login::abilities(kind).iter().map(|word| (*word).to_owned());
        let abilities = abilities.chain(found.spec.capabilities.iter().cloned()).collect();
        Ok(AgentFacts { found, version, version_problem, login, measured_with, abilities })
    }

    /// The agent that a name like `script:/path/to/program` means; `None` for other names.
    pub(crate) fn agent_by_path(&self, name: &str) -> Option<Result<Found, Error>> {
        let spec = discover::by_path(name)?;
        let path = spec.program().unwrap_or_default().to_owned();
        let found = find_program(&path, "").map(|program| Found {
            name: name.to_owned(),
            spec,
            program,
            configured: false,
        });
        Some(found.ok_or_else(|| {
            let what = format!("the agent {name:?} cannot be started.\n  {path} is no program; if it is there, make it one: chmod +x {path}");
            Error::NoAgent(what)
        }))
    }

    pub(crate) fn login_of(&self, spec: &AgentSpec) -> Option<Login> {
        let variable = |name: &str| self.agent_variable(spec, name);
        let places = login::places(spec.kind, variable)?;
        let by_variable = places.variables.iter().find(|name| variable(name).is_some());
        let by_file = places.files.iter().find(|path| path.is_file());
        Some(match (by_variable, by_file) {
            (Some(name), _) => Login { found: true, what: format!("by the variable {name}") },
            (None, Some(path)) => Login { found: true, what: format!("by {}", path.display()) },
            (None, None) => Login { found: false, what: places.hint.to_owned() },
        })
    }

    fn agent_variable(&self, spec: &AgentSpec, name: &str) -> Option<String> {
        let inherited = || {
            let mut all = self.view.env.iter();
            all.find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        spec.env.get(name).cloned().or_else(inherited).filter(|value| !value.is_empty())
    }

    async fn version_of(&self, found: &Found) -> Result<String, String> {
        let mut argv: Vec<String> = vec![found.program.to_string_lossy().into_owned()];
        argv.extend(found.spec.command.iter().skip(1).cloned());
        argv.push("--version".to_owned());
        let env = self.view.env.clone();
        let said = run_captured(&argv, &env, self.home(), VERSION_LIMIT, 64 * 1024).await;
        let said = said.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&said.stdout);
        login::version_in(&text).filter(|_| said.success()).ok_or_else(|| {
            let words = String::from_utf8_lossy(&said.stderr);
            let words = words.trim().lines().next_back().unwrap_or_default();
            format!("it does not tell its version: {words}")
        })
    }

    /// Asks an agent for one word, really: this costs what it costs. It is journalled.
    ///
    /// # Errors
    /// It cannot be started, is held back, or a secret is missing.
    pub async fn probe_agent(&self, name: &str, actor: &str) -> Result<Probed, Error> {
        let found = self.free_agent(Some(name))?;
        let folder = self.home().join("probes").join(self.world.uuid().to_string());
        let probed = self.probe_in(&found, &folder).await;
        let _leftovers_do_no_harm = tokio::fs::remove_dir_all(&folder).await;
        let probed = probed.map_err(Error::NoAgent)?;
        let body = json!({
            "ok": probed.ended.ok,
            "error": probed.ended.error,
            "usage": probed.usage,
            "took_ms": probed.took_ms,
        });
        self.agent_input(&found.name, AgentInput::Probed { body }, actor).await?;
        Ok(probed)
    }

    async fn probe_in(&self, found: &Found, folder: &Path) -> Result<Probed, String> {
        let at = folder.join("work");
        std::fs::create_dir_all(&at).map_err(|error| format!("{}: {error}", at.display()))?;
        let mut spec = found.spec.clone();
        if let Some(mode) = login::harmless_mode(spec.kind) {
            spec.permission_mode = Some(mode.to_owned());
        }
        let run = RunRequest {
            prompt: login::PROBE.to_owned(),
            session_id: self.world.uuid(),
            worktree: at.clone(),
            folder: Some(folder.join("vendor")),
            ..RunRequest::default()
        };
        let mut start = command(&spec, &run).map_err(|error| error.to_string())?;
        let path = self.agent_variable(&spec, "PATH");
        vendor::native(&spec, &mut start, path.as_deref());
        vendor::furnish(&start).map_err(|error| format!("its files cannot be written: {error}"))?;
        let prompt = folder.join("prompt");
        std::fs::write(&prompt, start.stdin.as_deref().unwrap_or_default())
            .map_err(|error| format!("{}: {error}", prompt.display()))?;
        let mut env: Vec<(String, String)> =
            start.environment(spec.kind, self.view.env.iter().cloned()).into_iter().collect();
        self.view.secrets.fill(&spec.env, &mut env).await?;
        // The shell only opens the prompt as standard input and becomes the agent.
        let shell = ["/bin/sh", "-c", "exec \"$@\" < \"$0\""].map(str::to_owned);
        let prompt: PathBuf = prompt;
        let mut argv = shell.to_vec();
        argv.push(prompt.to_string_lossy().into_owned());
        argv.extend(start.argv.iter().cloned());
        let begun = Instant::now();
        let said = run_captured(&argv, &env, &at, PROBE_LIMIT, PROBE_BYTES_MAX).await;
        let said = said.map_err(|error| error.to_string())?;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let exit = match (said.code, said.signal) {
            (Some(code), _) => ProcessExit::Code(code),
            (None, Some(signal)) => ProcessExit::Signal(signal),
            (None, None) => ProcessExit::Lost,
        };
        let stderr = String::from_utf8_lossy(&said.stderr);
        let mut adapter = adapter(spec.kind);
        let lines = said.stdout.split_inclusive(|byte| *byte == b'\n');
        let mut events: Vec<AgentEvent> = lines.flat_map(|line| adapter.line(line)).collect();
        events.extend(adapter.finish(exit, &stderr));
        let trouble = diagnose(spec.kind, &events, &stderr, exit);
        let mut usage = Vec::new();
        let mut ended = Ended::default();
        for event in events {
            match event {
                AgentEvent::Usage(used) => usage.push(used),
                AgentEvent::Ended(end) => ended = end,
                _ => {}
            }
        }
        let hide = |text: String| self.view.secrets.redact(&text).into_owned();
        ended.summary = hide(ended.summary);
        ended.error = ended.error.map(hide);
        Ok(Probed { ended, usage, took_ms, trouble })
    }
}
