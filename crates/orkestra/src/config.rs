//! Where settings come from: flags beat the environment, which beats the file, which beats the
//! defaults (DESIGN: configuration; MISSION rows 18 and 19).
//!
//! The file becomes a tree in which every node knows its place (`yaml`). Environment and flags
//! are put into the same tree (`environment`). Then one walk reads it (`settings`, by `reader`),
//! going by one table of keys (`keys`), from which the schema is made too. All problems are
//! reported together, each with its line and column.
//!
//! **Invariant:** nothing here reads the process's environment, and nothing writes; the same
//! inputs and the same file give the same result. **Invariant:** `values`, every excerpt and
//! everything shown have secrets hidden; only [`Settings`] and [`Loaded::text`] hold them.

mod dropin;
mod environment;
mod keys;
mod problem;
pub(crate) mod reader;
mod redact;
mod schema;
mod settings;
mod show;
#[cfg(test)]
mod tests;
mod unit;
mod yaml;

pub(crate) use problem::{Errors, Problem, Severity, render_all};
pub(crate) use schema::schema;
pub(crate) use settings::Telemetry;
pub(crate) use show::{get, show, show_json};

use orkestra_agents::AgentSpec;
use orkestra_core::job::spec::{JobName, JobSpec};
use orkestra_core::unit::spec::{UnitName, UnitSpec};
use orkestra_engine::Upkeep;
use reader::{KeyPath, Reader};
use serde::Serialize;
use serde_json::Value;
use settings::Folders;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The port when nobody says otherwise.
pub(crate) const DEFAULT_PORT: u16 = 8000;
/// The name of the file.
pub(crate) const FILE_NAME: &str = "orkestra.yaml";
/// The environment variable that names the file.
pub(crate) const ENV_CONFIG: &str = "ORKESTRA_CONFIG";
/// The environment variable that names the data folder.
pub(crate) const ENV_HOME: &str = "ORKESTRA_HOME";
/// The environment variable that sets the port.
pub(crate) const ENV_PORT: &str = "ORKESTRA_PORT";
/// A bigger file is refused.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The starter file that `orkestra init` writes.
pub(crate) fn example() -> &'static str {
    include_str!("config/example.yaml")
}

/// Whether a unit can have this key, such as `restart.policy`.
pub(crate) fn is_unit_key(key: &str) -> bool {
    let mut section = &keys::UNIT;
    let mut words = key.split('.').peekable();
    while let Some(word) = words.next() {
        match section.key(word).map(|key| key.ty) {
            None => return false,
            Some(keys::Ty::Section(inner)) => section = inner,
            Some(_) => return words.peek().is_none(),
        }
    }
    true
}

/// What was given on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--home`
    pub(crate) home: Option<PathBuf>,
    /// `--port`
    pub(crate) port: Option<u16>,
}

/// Everything that loading depends on, but for the files themselves.
#[derive(Debug, Clone)]
pub(crate) struct Inputs<'a> {
    /// `--config`
    pub(crate) config_flag: Option<PathBuf>,
    /// The working directory, absolute.
    pub(crate) cwd: PathBuf,
    /// The user's home folder, absolute, if it is known.
    pub(crate) home_dir: Option<PathBuf>,
    /// The environment.
    pub(crate) env: &'a BTreeMap<String, String>,
    /// The other flags.
    pub(crate) flags: Overrides,
}

/// The settings, resolved and checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// The data folder, absolute.
    pub(crate) home: PathBuf,
    /// The address to listen on; always loopback.
    pub(crate) host: IpAddr,
    /// The port to listen on; 0 for any.
    pub(crate) port: u16,
    /// The variables for all units and jobs; they are already in each unit's `env`.
    pub(crate) env: BTreeMap<String, String>,
    /// The units.
    pub(crate) units: BTreeMap<UnitName, UnitSpec>,
    /// The agents.
    pub(crate) agents: BTreeMap<String, AgentSpec>,
    /// The jobs, those that Orkestra has by itself included.
    pub(crate) jobs: BTreeMap<JobName, JobSpec>,
    /// What is said about the house itself.
    pub(crate) upkeep: Upkeep,
    /// Where traces go.
    pub(crate) telemetry: Telemetry,
}

impl Settings {
    /// Where to listen.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The keys whose change from `self` to `new` takes a restart of the daemon itself.
    pub(crate) fn needs_daemon_restart(&self, new: &Self) -> Vec<&'static str> {
        [
            ("home", self.home != new.home),
            ("listen.host", self.host != new.host),
            ("listen.port", self.port != new.port),
            ("telemetry", self.telemetry != new.telemetry),
        ]
        .into_iter()
        .filter_map(|(key, changed)| changed.then_some(key))
        .collect()
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "at", rename_all = "snake_case")]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// The restart profile of this name.
    Profile(String),
    /// The file.
    File {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// This environment variable.
    Env(String),
    /// This flag.
    Flag(String),
}

/// A configuration without errors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Loaded {
    /// The file, absolute; `None` when there is none.
    pub(crate) path: Option<PathBuf>,
    /// The file as a person would call it.
    pub(crate) file: Option<String>,
    /// The places where a file was looked for, in order, up to the one that was found. A file
    /// that appears at one of them takes effect at the next load.
    pub(crate) candidates: Vec<PathBuf>,
    /// The file's text as it is, secrets included.
    pub(crate) text: String,
    /// What holds.
    pub(crate) settings: Settings,
    /// Where each value came from, by its key, for example `units.web.restart.max`.
    pub(crate) origins: BTreeMap<String, Origin>,
    /// Every effective value as a tree with the file's keys, and `home`; secrets hidden.
    pub(crate) values: Value,
    /// What probably is not as meant.
    pub(crate) warnings: Vec<Problem>,
}

impl Loaded {
    /// Without what a daemon has no use for: of a thousand units it would be the larger part of
    /// its memory.
    pub(crate) fn for_daemon(mut self) -> Self {
        self.text = String::new();
        self.origins = BTreeMap::new();
        self.values = Value::Null;
        self
    }

    /// Every effective value, made anew from what holds.
    pub(crate) fn effective(&self) -> Value {
        show::values(&self.settings)
    }
}

/// Finds the file, reads it, puts the environment and the flags over it, and checks all.
///
/// # Errors
/// All problems that can be found together, in the order of the file.
pub(crate) fn load(inputs: &Inputs<'_>) -> Result<Loaded, Errors> {
    let (home, home_origin) = data_home(inputs)?;
    let found = find(inputs, &home)?;
    let file = found.path.as_ref().map(|path| problem::display_path(path, &inputs.cwd));
    let lines: Vec<&str> = found.text.lines().collect();

    let (mut root, mut problems) = yaml::parse(&found.text);
    let broken = root.is_none() && !problems.is_empty();
    let mut reader = Reader::default();
    environment::overlay(&mut root, inputs.env, &inputs.flags, &mut problems);
    let folder = found.path.as_deref().and_then(Path::parent).unwrap_or(&inputs.cwd);
    let folders = Folders { config: folder, user: inputs.home_dir.as_deref(), data: &home };
    reader.origin(&KeyPath::default().join("home"), home_origin);
    let mut settings = settings::read(root.as_ref().filter(|_| !broken), &folders, &mut reader);
    problems.append(&mut reader.problems);

    for problem in &mut problems {
        problem.in_file(file.as_deref().unwrap_or(FILE_NAME), &lines);
    }
    let bases = [folder.join("agents"), home.join("agents")];
    let sandbox = settings.upkeep.sandbox.clone();
    problems.append(&mut dropin::read(&bases, &inputs.cwd, &sandbox, &mut settings.agents));
    problems.sort_by_key(|p| (p.line().unwrap_or(usize::MAX), p.column()));
    problems.dedup();
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(Errors { problems });
    }
    let values = show::values(&settings);
    Ok(Loaded {
        path: found.path,
        file,
        candidates: found.candidates,
        text: found.text,
        settings,
        origins: reader.origins,
        values,
        warnings: problems,
    })
}

/// A variable that is set and not empty.
fn variable<'a>(inputs: &'a Inputs<'_>, name: &str) -> Option<&'a str> {
    inputs.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// The data folder: `--home`, else `ORKESTRA_HOME`, else `~/.orkestra`.
///
/// It needs no file, so that commands which only talk to the daemon work with a broken one.
///
/// # Errors
/// When none of them is known.
pub(crate) fn data_home(inputs: &Inputs<'_>) -> Result<(PathBuf, Origin), Errors> {
    if let Some(home) = &inputs.flags.home {
        return Ok((inputs.cwd.join(home), Origin::Flag("--home".to_owned())));
    }
    if let Some(home) = variable(inputs, ENV_HOME) {
        return Ok((inputs.cwd.join(home), Origin::Env(ENV_HOME.to_owned())));
    }
    match &inputs.home_dir {
        Some(user) => Ok((user.join(".orkestra"), Origin::Default)),
        None => Err(Problem::new("no folder for the data is known, since HOME is not set")
            .key("home")
            .hint("set --home or ORKESTRA_HOME")
            .into()),
    }
}

struct Found {
    path: Option<PathBuf>,
    candidates: Vec<PathBuf>,
    text: String,
}

/// The file: `--config`, else `ORKESTRA_CONFIG`, else `orkestra.yaml` in the working directory,
/// else in the data folder, else none.
fn find(inputs: &Inputs<'_>, home: &Path) -> Result<Found, Errors> {
    let named = match &inputs.config_flag {
        Some(path) => Some((inputs.cwd.join(path), "--config")),
        None => variable(inputs, ENV_CONFIG).map(|path| (inputs.cwd.join(path), ENV_CONFIG)),
    };
    if let Some((path, by)) = named {
        let name = problem::display_path(&path, &inputs.cwd);
        return match read(&path, &name)? {
            Some(text) => Ok(Found { path: Some(path.clone()), candidates: vec![path], text }),
            None => Err(Problem::new(format!("the file {name} does not exist"))
                .hint(format!("{by} names it; `orkestra init` writes a first one"))
                .into()),
        };
    }
    let mut candidates = Vec::new();
    for path in [inputs.cwd.join(FILE_NAME), home.join(FILE_NAME)] {
        let name = problem::display_path(&path, &inputs.cwd);
        candidates.push(path.clone());
        if let Some(text) = read(&path, &name)? {
            return Ok(Found { path: Some(path), candidates, text });
        }
    }
    Ok(Found { path: None, candidates, text: String::new() })
}

/// The text of a file; `None` when there is none.
fn read(path: &Path, name: &str) -> Result<Option<String>, Errors> {
    let refuse = |message: String| {
        let mut problem = Problem::new(message);
        problem.file = Some(name.to_owned());
        Errors::from(problem)
    };
    let fail = |error: io::Error| refuse(format!("the file cannot be read: {error}"));
    // Opening a pipe would wait for its writer.
    let kind = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    if kind.is_dir() {
        return Err(refuse("this is a folder, not a file".to_owned()));
    }
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refuse(format!("the file is bigger than {} KiB", FILE_BYTES_MAX / 1024)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes().iter().take(good).filter(|b| **b == b'\n').count();
            Err(refuse(format!("the file is not UTF-8: there is another byte on line {line}")))
        }
    }
}
