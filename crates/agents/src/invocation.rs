//! How to start an agent.

use crate::user_hook::UserHook;
use orkestra_core::routing;
use orkestra_core::run::LimitsSpec;
use orkestra_core::sandbox::SandboxSpec;
use orkestra_core::signal::Signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use uuid::Uuid;

/// The kinds of agents that this version can start and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any program that reads a prompt and prints lines.
    Script,
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// The Gemini CLI.
    Gemini,
    /// Any agent that speaks the Agent Client Protocol, through our bridge.
    Acp,
    /// A model behind Anthropic's API, with our own tools.
    Anthropic,
    /// A model behind OpenAI's API, or any that speaks like it.
    Openai,
    /// A model behind Google's API.
    Google,
    /// A model behind GitHub Models.
    Github,
    /// A model behind xAI's API.
    Xai,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Script,
        Self::Claude,
        Self::Codex,
        Self::Gemini,
        Self::Acp,
        Self::Anthropic,
        Self::Openai,
        Self::Google,
        Self::Github,
        Self::Xai,
    ];

    /// Those that are a model's API and no program of anybody's.
    pub const APIS: [Self; 5] =
        [Self::Anthropic, Self::Openai, Self::Google, Self::Github, Self::Xai];

    /// Whether it is a model's API.
    pub fn is_api(self) -> bool {
        Self::APIS.contains(&self)
    }

    /// Whether our own bridge is the process of its runs.
    pub fn is_bridged(self) -> bool {
        self == Self::Acp || self.is_api()
    }

    /// The word used in the configuration and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Acp => "acp",
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::Google => "google",
            Self::Github => "github",
            Self::Xai => "xai",
        }
    }

    /// The program that is looked for when none is configured; `None` when the kind has none.
    pub fn program(self) -> Option<&'static str> {
        match self {
            Self::Script | Self::Acp => None,
            Self::Anthropic | Self::Openai | Self::Google | Self::Github | Self::Xai => None,
            Self::Claude => Some("claude"),
            Self::Codex => Some("codex"),
            Self::Gemini => Some("gemini"),
        }
    }

    /// The signal after which it ends in good order: Claude Code stops its tools and reports what
    /// it used only upon an interrupt; Codex would leave empty folders in the worktree after one.
    pub fn stop_signal(self) -> Signal {
        match self {
            Self::Claude => Signal::INT,
            Self::Script | Self::Codex | Self::Gemini | Self::Acp => Signal::TERM,
            Self::Anthropic | Self::Openai | Self::Google | Self::Github | Self::Xai => {
                Signal::TERM
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.chars().take(40).collect()))
    }
}

/// A word that is no kind of agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a kind of agent; expected script, claude, codex, gemini, acp, anthropic, openai, \
     google, github or xai"
)]
pub struct UnknownKind(String);

/// An agent as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// How it is started and read.
    pub kind: Kind,
    /// Program and first arguments; empty for the kind's own program.
    #[serde(default)]
    pub command: Vec<String>,
    /// The model to ask for, where the kind has a choice.
    #[serde(default)]
    pub model: Option<String>,
    /// Arguments added at the end.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables set for the agent; they win over everything else.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What the agent may do without asking, in the vendor's words.
    #[serde(default)]
    pub permission_mode: Option<String>,
    /// Programs that are told what the agent does, and may say no.
    #[serde(default)]
    pub hooks: Vec<UserHook>,
    /// What its runs may use.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// What a model behind an API needs to know.
    #[serde(default)]
    pub api: ApiSpec,
    /// What it says that it can do, in free words, for people and for choosing.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// What it is good at, for choosing who gets a task; its kind's when nothing is said.
    #[serde(default)]
    pub strengths: Option<Vec<String>>,
    /// Tasks at once; 0 for no limit of its own, its kind's when nothing is said.
    #[serde(default)]
    pub parallel: Option<u32>,
    /// The boundary around it.
    #[serde(default)]
    pub sandbox: SandboxSpec,
}

/// How a model's API is asked; nothing of it matters to other kinds. What is not said is the
/// bridge's own default (docs/agents.md).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiSpec {
    /// Another address than the vendor's, for example of a server on this machine.
    pub base_url: Option<String>,
    /// The key, or where it is (`env:NAME`, `file:PATH`, `op://…`).
    pub api_key: Option<String>,
    /// The longest silence of the model, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Calls in any minute, over all runs of the agent; 0 for no limit.
    pub rate_limit: Option<u32>,
    /// Calls at the same time, over all runs of the agent; 0 for no limit.
    pub parallel: Option<u32>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
    /// How freely the model chooses its words, in thousandths (700 is 0.7).
    pub temperature_milli: Option<u32>,
}

/// The variable in which the bridge finds its key.
pub const API_KEY: &str = "ORKESTRA_API_KEY";

impl AgentSpec {
    /// An agent of this kind with nothing else said.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            command: Vec::new(),
            model: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            permission_mode: None,
            hooks: Vec::new(),
            limits: LimitsSpec::default(),
            api: ApiSpec::default(),
            capabilities: Vec::new(),
            strengths: None,
            parallel: None,
            sandbox: SandboxSpec::default(),
        }
    }

    /// The variables of the agent, its key among them. Values may be references to secrets.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let key = self.api.api_key.clone().filter(|_| self.kind.is_bridged());
        let key = key.map(|key| (API_KEY.to_owned(), key));
        self.env.clone().into_iter().chain(key).collect()
    }

    /// What it is good at (MISSION 2.4).
    pub fn strengths(&self) -> Vec<String> {
        let of_kind = || routing::default_strengths(self.kind.as_str());
        let of_kind = || of_kind().iter().map(|word| (*word).to_owned()).collect();
        self.strengths.clone().unwrap_or_else(of_kind)
    }

    /// How many tasks it works on at once; nothing for no limit of its own.
    pub fn parallel(&self) -> Option<u32> {
        match self.parallel {
            Some(0) => None,
            Some(most) => Some(most),
            None => routing::default_parallel(self.kind.as_str()),
        }
    }

    /// The program to start; `None` when the kind has none of its own and none is configured.
    pub fn program(&self) -> Option<&str> {
        self.command.first().map(String::as_str).or_else(|| self.kind.program())
    }

    /// Makes a relative program path (`./agent.sh`, but not `agent`) absolute: it is meant from
    /// the configuration file's folder, while the agent starts in its own worktree.
    pub fn resolve(&mut self, config_dir: &Path) {
        let hooks = self.hooks.iter_mut().filter_map(|hook| hook.command.first_mut());
        for program in hooks.filter(|program| program.contains('/')) {
            // In the worktree the agent would choose the program.
            if Path::new(program.as_str()).is_relative() {
                let path = config_dir.join(program.strip_prefix("./").unwrap_or(program));
                *program = path.to_string_lossy().into_owned();
            }
        }
        if let Some(program) = self.command.first_mut()
            && program.contains('/')
            && Path::new(program.as_str()).is_relative()
        {
            let path = config_dir.join(program.strip_prefix("./").unwrap_or(program));
            *program = path.to_string_lossy().into_owned();
        }
    }
}

/// What one attempt needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunRequest {
    /// What the agent is asked to do.
    pub prompt: String,
    /// The id under which the vendor keeps the conversation; a new one for every attempt that
    /// does not resume.
    pub session_id: Uuid,
    /// The folder in which the agent works. Claude Code resumes only from the same folder.
    pub worktree: PathBuf,
    /// The vendor's id of the conversation to go on with, as `started` told it.
    pub resume: Option<String>,
    /// Folders beside the worktree in which the agent may work too (recovery from a refused path).
    pub add_dirs: Vec<PathBuf>,
    /// Whether Orkestra's sandbox holds the agent. Then the vendor's own sandbox is off: two
    /// sandboxes inside each other fail in ways that nobody can read.
    pub sandboxed: bool,
    /// The command line that the vendor's hooks start, if its calls are to be asked about.
    pub hook: Option<String>,
    /// A private folder for files that the wiring needs; the agent must be able to read it.
    /// Without one, an agent whose hooks need a file is started without hooks.
    pub folder: Option<PathBuf>,
    /// Where the vendor keeps the user's own settings and login, and the text of the settings, for
    /// kinds that [`crate::hook::settings_file`] names.
    pub vendor_home: Option<PathBuf>,
    /// The text of those settings.
    pub vendor_settings: Option<String>,
    /// Where our own bridge is and works; agents of a kind that needs it cannot start without.
    pub bridge: Option<BridgePlace>,
}

/// Where the bridge is and works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgePlace {
    /// The program of Orkestra.
    pub program: PathBuf,
    /// The agent's name in the configuration.
    pub agent: String,
    /// A folder of the run, the same for each attempt, in which it may write.
    pub folder: PathBuf,
    /// A folder of the agent, the same for all its runs, in which it may write.
    pub slots: PathBuf,
}

/// Everything needed to start an agent's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// Environment variables to set.
    pub env_set: BTreeMap<String, String>,
    /// Inherited variables to remove; a `*` at the end stands for any rest of the name.
    pub env_remove: Vec<String>,
    /// Inherited variables to leave alone although `env_remove` names them.
    pub env_keep: Vec<String>,
    /// What the agent reads from its standard input, which then ends; `None` for none at all.
    pub stdin: Option<Vec<u8>>,
    /// How to stop it in good order.
    pub stop_signal: Signal,
    /// Files to write before the start, with their content; readable for the owner only.
    #[serde(default)]
    pub files: BTreeMap<PathBuf, String>,
    /// Links to make before the start, where what they name is there: link and what it names.
    #[serde(default)]
    pub links: BTreeMap<PathBuf, PathBuf>,
}

impl Invocation {
    /// The whole environment of an agent of this kind, made from the inherited one, without secrets
    /// that are none of its business.
    pub fn environment(
        &self,
        kind: Kind,
        inherited: impl IntoIterator<Item = (String, String)>,
    ) -> BTreeMap<String, String> {
        let withheld = |name: &str| crate::secret::is_withheld(kind, name);
        let kept = inherited.into_iter().filter(|(name, _)| !self.removes(name) && !withheld(name));
        let mut environment: BTreeMap<_, _> = kept.collect();
        environment.extend(self.env_set.clone());
        environment
    }

    /// Whether an inherited variable is kept from the agent.
    pub fn removes(&self, name: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        };
        self.env_remove.iter().any(matches) && !self.env_keep.iter().any(|keep| keep == name)
    }
}

/// Why an agent cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A script agent without a program.
    #[error("a script agent needs a command, for example command: [\"./agent.sh\"]")]
    NoCommand,
    /// An ACP agent without a program.
    #[error("an ACP agent needs a command, for example command: [\"opencode\", \"acp\"]")]
    NoAcpCommand,
    /// Nobody said where the bridge is.
    #[error("an agent of kind {0} needs Orkestra's own program, and nobody said where it is")]
    NoBridge(Kind),
}

/// How to start an agent for one attempt.
///
/// The order of the arguments is: what the kind needs, what the hooks need, the user's own `args`,
/// and last what the vendor wants at the end.
pub fn command(spec: &AgentSpec, run: &RunRequest) -> Result<Invocation, Error> {
    if spec.kind.is_bridged() {
        return crate::native::command(spec, run);
    }
    let program = spec.program().ok_or(Error::NoCommand)?.to_owned();
    let first_arguments = spec.command.iter().skip(1).cloned();
    let mut argv: Vec<String> = std::iter::once(program).chain(first_arguments).collect();
    let worktree = run.worktree.to_string_lossy().into_owned();
    // Some programs believe PWD more than their working directory.
    let mut env_set = BTreeMap::from([("PWD".to_owned(), worktree.clone())]);
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut env_remove = Vec::new();
    let mut env_keep = Vec::new();
    let mut last = Vec::new();
    match spec.kind {
        // They are our own program's, which is started above.
        Kind::Acp | Kind::Anthropic | Kind::Openai | Kind::Google | Kind::Github | Kind::Xai => {}
        Kind::Script => {
            env_set.insert("ORKESTRA_SESSION_ID".to_owned(), run.session_id.to_string());
            env_set.insert("ORKESTRA_WORKTREE".to_owned(), worktree);
            if let Some(session) = &run.resume {
                env_set.insert("ORKESTRA_RESUME".to_owned(), session.clone());
            }
            if let Some(model) = &spec.model {
                env_set.insert("ORKESTRA_MODEL".to_owned(), model.clone());
            }
        }
        Kind::Claude => {
            argv.extend(crate::claude::arguments(spec, run));
            env_remove = names(&crate::claude::ENV_REMOVE);
            env_keep = names(&crate::claude::ENV_KEEP);
            for name in crate::claude::ENV_SWITCHES {
                env_set.insert(name.to_owned(), "1".to_owned());
            }
        }
        Kind::Codex => {
            argv.extend(crate::codex::arguments(spec, run));
            env_remove = names(&crate::codex::ENV_REMOVE);
            last = crate::codex::last_arguments(run);
        }
        Kind::Gemini => {
            argv.extend(crate::gemini::arguments(spec, run));
            env_remove = names(&crate::gemini::ENV_REMOVE);
            for (name, value) in crate::gemini::ENV_SET {
                env_set.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    let wiring = match &run.hook {
        Some(hook) => crate::hook::wiring(spec.kind, hook, run),
        None => crate::hook::Wiring::default(),
    };
    argv.extend(wiring.args);
    env_set.extend(wiring.env);
    argv.extend(spec.args.iter().cloned());
    argv.extend(last);
    env_set.extend(spec.env.clone());
    let stdin = Some(run.prompt.clone().into_bytes());
    let cwd = run.worktree.clone();
    let stop_signal = spec.kind.stop_signal();
    let (files, links) = (wiring.files, wiring.links);
    Ok(Invocation { argv, cwd, env_set, env_remove, env_keep, stdin, stop_signal, files, links })
}
