//! The boundary around an agent: what it may read and write, and what of the network it reaches.
//!
//! A [`Sandbox`] says what is wanted, the [`Ladder`] what this machine can do, and
//! [`Sandbox::wrap`] makes the command line that does it, or refuses with what to do about it; an
//! agent is never started with less than was asked for. The command line is `orkestra
//! sandbox-exec …`, whose work is [`execute`]:
//!
//! - With bubblewrap it stays as the parent outside: it hands signals on, carries the allowed
//!   connections (`proxy`), and ends as the agent ended. Inside, it runs once more as the first
//!   process of the agent's own world, gives up its rights (`confine`) and starts the agent. When
//!   the agent ends, everything that it left behind ends with that world.
//! - Without bubblewrap it gives up its rights and becomes the agent.
//!
//! The decision which path is what is [`tree`](self)'s: the nearest entry above decides.

mod bubblewrap;
mod confine;
mod filter;
pub mod guarded;
mod hosts;
mod inside;
mod ladder;
mod outside;
mod proxy;
pub mod repository;
mod spec;
mod tree;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use ladder::{LANDLOCK_NEEDED, Ladder, Refused, Rung};
pub use spec::Network;
use spec::Spec;
use tree::{Access, Tree};

use crate::home;
use crate::program::find_program;

/// The hidden verb of our own program.
pub const VERB: &str = "sandbox-exec";

/// What an agent may do. Everything that is not named can be read and not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Hidden unless another list opens it: homes of secrets.
    pub guarded: Vec<PathBuf>,
    /// To be read, also inside something hidden.
    pub read: Vec<PathBuf>,
    /// To be written, with all below.
    pub write: Vec<PathBuf>,
    /// Hidden, whatever the lists before say.
    pub hidden: Vec<PathBuf>,
    /// Only to be read, inside something that may be written. What is not there is kept from
    /// being made (with bubblewrap: as an empty folder, for the time of the process).
    pub protect: Vec<PathBuf>,
    /// Of `write`, folders in which nothing new has to be made.
    pub closed: Vec<PathBuf>,
    /// What of the network can be reached.
    pub network: Network,
    /// A folder of its own for temporary files; it is made.
    pub tmp: PathBuf,
    /// The file for refused connections, a line of JSON each.
    pub refusals: Option<PathBuf>,
    /// Our own program; it must stay where it is while the agent starts.
    pub helper: PathBuf,
    /// Programs that the agent's own starts, opened like it where they lie in something hidden.
    pub programs: Vec<PathBuf>,
}

/// What to start instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// The rung that it stands on.
    pub rung: Rung,
}

impl Sandbox {
    /// A sandbox in which nothing can be written but `tmp`, with the network open.
    pub fn new(helper: PathBuf, tmp: PathBuf) -> Self {
        Self {
            guarded: Vec::new(),
            read: Vec::new(),
            write: Vec::new(),
            hidden: Vec::new(),
            protect: Vec::new(),
            closed: Vec::new(),
            network: Network::Open,
            tmp,
            refusals: None,
            helper,
            programs: Vec::new(),
        }
    }

    /// Hides what no agent may read in a user's home.
    pub fn guard_home(&mut self, user_home: &Path) {
        self.guarded.extend(guarded::HOME.iter().map(|name| user_home.join(name)));
    }

    /// Opens what an agent needs to commit on its own branch in a worktree.
    pub fn open_repository(&mut self, repository: repository::Repository) {
        self.read.extend(repository.read);
        self.write.extend(repository.write);
        self.protect.extend(repository.protect);
        self.closed.extend(repository.closed);
    }

    /// Puts the settings in a folder that may be written out of reach.
    pub fn protect_settings(&mut self, folder: &Path) {
        self.protect.extend(guarded::SETTINGS.iter().map(|name| folder.join(name)));
        // In a worktree `.git` is a file that says where the repository is.
        if folder.join(".git").is_file() {
            self.protect.retain(|path| !path.starts_with(folder.join(".git")));
            self.protect.push(folder.join(".git"));
        }
    }

    /// The command line that starts `argv` in this sandbox, on the best rung of the ladder.
    pub fn wrap(
        &self,
        ladder: &Ladder,
        argv: &[String],
        env: &BTreeMap<String, String>,
        cwd: &Path,
    ) -> Result<Wrapped, Refused> {
        self.wrap_on(ladder.best()?, ladder, argv, env, cwd)
    }

    /// The same on a rung that the caller names.
    pub fn wrap_on(
        &self,
        rung: Rung,
        ladder: &Ladder,
        argv: &[String],
        env: &BTreeMap<String, String>,
        cwd: &Path,
    ) -> Result<Wrapped, Refused> {
        let bubblewrap = match (rung, &ladder.bubblewrap) {
            (Rung::Bubblewrap, Ok(program)) => Some(program.clone()),
            (Rung::Bubblewrap, Err(_)) => {
                return Err(ladder.best().err().unwrap_or_else(|| Refused::NoRung {
                    why: "bubblewrap is not there".to_owned(),
                }));
            }
            (Rung::Landlock, _) => None,
        };
        if let Network::Hosts(entries) = &self.network {
            hosts::Hosts::parse(entries)?;
            if let (Rung::Landlock, why) = (rung, &ladder.bubblewrap) {
                let why = why.as_ref().err().cloned().unwrap_or_else(|| "not used".to_owned());
                return Err(Refused::HostsNeedBubblewrap { why });
            }
        }
        let tmp = self.make_tmp()?;
        let program = self.program(argv, env, cwd)?;
        let (tree, placeholders) = self.tree(rung, &tmp, &program);
        let mut inner = BTreeMap::new();
        let tmp_inside = if rung == Rung::Bubblewrap { Path::new("/tmp") } else { &tmp };
        let text = tmp_inside.to_string_lossy().into_owned();
        for name in ["TMPDIR", "TMP", "TEMP"] {
            inner.insert(name.to_owned(), text.clone());
        }
        for (name, value) in caches(tmp_inside) {
            if !env.contains_key(name) {
                inner.insert(name.to_owned(), value);
            }
        }
        let spec = Spec {
            rung,
            bubblewrap,
            tree,
            tmp,
            placeholders,
            network: self.network.clone(),
            refusals: self.refusals.clone(),
            env: inner,
        };
        let spec = serde_json::to_string(&spec)
            .map_err(|error| Refused::Path { path: self.tmp.clone(), why: error.to_string() })?;
        if !self.helper.is_file() {
            return Err(Refused::NoHelper { program: self.helper.clone() });
        }
        let helper = self.helper.to_string_lossy().into_owned();
        let mut words = vec![helper, VERB.to_owned(), "run".to_owned(), spec, "--".to_owned()];
        words.extend(argv.iter().cloned());
        let mut env = env.clone();
        env.retain(|name, _| !guarded::VARIABLES.contains(&name.as_str()));
        quiet_git(&mut env);
        Ok(Wrapped { argv: words, env, rung })
    }

    fn make_tmp(&self) -> Result<PathBuf, Refused> {
        let refuse = |error: &dyn std::fmt::Display| Refused::Path {
            path: self.tmp.clone(),
            why: error.to_string(),
        };
        home::make_private(&self.tmp).map_err(|error| refuse(&error))?;
        self.tmp.canonicalize().map_err(|error| refuse(&error))
    }

    /// The agent's program, where it really is.
    fn program(
        &self,
        argv: &[String],
        env: &BTreeMap<String, String>,
        cwd: &Path,
    ) -> Result<PathBuf, Refused> {
        let name = argv.first().map(String::as_str).unwrap_or_default();
        let path = env.get("PATH").map(String::as_str).unwrap_or("/usr/local/bin:/usr/bin:/bin");
        let found = if name.contains('/') && !name.starts_with('/') {
            find_program(&cwd.join(name).to_string_lossy(), path)
        } else {
            find_program(name, path)
        };
        found.ok_or_else(|| Refused::NoProgram { program: name.to_owned() })
    }

    /// Every path's access, and what has to be made for the time of the process.
    fn tree(&self, rung: Rung, tmp: &Path, program: &Path) -> (Tree, Vec<PathBuf>) {
        let mut tree = Tree::default();
        tree.set(PathBuf::from("/"), Access::Read);
        let mut set = |paths: &[PathBuf], access: Access| {
            for path in paths.iter().filter_map(|path| path.canonicalize().ok()) {
                tree.set(path, access);
            }
        };
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        set(&paths(guarded::SYSTEM), Access::Hidden);
        set(&paths(guarded::SYSTEM_NEEDED), Access::Read);
        set(&paths(&bubblewrap::SHARED), Access::Hidden);
        set(&self.guarded, Access::Hidden);
        set(&self.read, Access::Read);
        set(&self.write, Access::Write);
        set(&self.hidden, Access::Hidden);
        if rung == Rung::Landlock {
            set(&[tmp.to_owned()], Access::Write);
        }
        let mut placeholders = Vec::new();
        for path in &self.protect {
            let Some((parent, name)) = path.parent().zip(path.file_name()) else { continue };
            let Ok(parent) = parent.canonicalize() else { continue };
            let path = parent.join(name);
            // Somebody opened it by name, or nothing can be written there anyway.
            if self.write.contains(&path) || tree.access(&path) != Access::Write {
                continue;
            }
            match path.symlink_metadata() {
                // A link cannot be covered.
                Ok(facts) if facts.is_symlink() => {}
                Ok(_) => tree.set(path, Access::Read),
                Err(_) if rung == Rung::Bubblewrap => {
                    tree.set(path.clone(), Access::Read);
                    placeholders.push(path);
                }
                Err(_) => {}
            }
        }
        for path in self.closed.iter().filter_map(|path| path.canonicalize().ok()) {
            tree.close(path);
        }
        let ours = [program, &self.helper];
        for path in ours.into_iter().chain(self.programs.iter().map(PathBuf::as_path)) {
            open_program(&mut tree, path);
        }
        (tree, placeholders)
    }

    /// Removes the folders that an attempt which was killed could not remove. Only where no
    /// process of this sandbox lives.
    pub fn tidy(&self) {
        for path in &self.protect {
            // Fails for everything but an empty folder.
            let _there_is_more = std::fs::remove_dir(path);
        }
    }
}

/// Makes a program readable that lies in something hidden: each file on the way of its links, and
/// its folder in a folder for temporary files.
fn open_program(tree: &mut Tree, program: &Path) {
    let mut files = vec![program.to_owned()];
    files.extend(program.canonicalize());
    for file in files {
        let Some((parent, name)) = file.parent().zip(file.file_name()) else { continue };
        let Ok(parent) = parent.canonicalize() else { continue };
        let shared = |path: &Path| bubblewrap::SHARED.iter().any(|name| Path::new(name) == path);
        let hidden = tree.access(&parent) == Access::Hidden;
        if hidden && !shared(&parent) && tree.decider(&parent).is_some_and(shared) {
            tree.set(parent.clone(), Access::Read);
        }
        let file = parent.join(name);
        if tree.access(&file) == Access::Hidden && file.exists() {
            tree.set(file, Access::Read);
        }
    }
}

/// Where programs keep what they could make again: the user's own folders are read-only.
fn caches(tmp: &Path) -> [(&'static str, String); 2] {
    let folder = |name: &str| tmp.join(name).to_string_lossy().into_owned();
    [("npm_config_cache", folder(".npm")), ("GOCACHE", folder(".go-build"))]
}

/// Tidying up would need the whole repository.
fn quiet_git(env: &mut BTreeMap<String, String>) {
    if env.contains_key("GIT_CONFIG_COUNT") {
        return;
    }
    let settings = [("gc.auto", "0"), ("maintenance.auto", "false")];
    env.insert("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string());
    for (number, (key, value)) in settings.iter().enumerate() {
        env.insert(format!("GIT_CONFIG_KEY_{number}"), (*key).to_owned());
        env.insert(format!("GIT_CONFIG_VALUE_{number}"), (*value).to_owned());
    }
}

/// Whether a list of hosts can be used.
pub fn check_hosts(entries: &[String]) -> Result<(), Refused> {
    hosts::Hosts::parse(entries).map(|_| ())
}

/// Where our own program is; also when an upgrade has replaced the file since.
pub fn own_program() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let text = program.to_string_lossy().into_owned();
    Ok(text.strip_suffix(" (deleted)").map_or(program, PathBuf::from))
}

/// The whole life of `orkestra sandbox-exec`: comes back only with an exit code. `words` are what
/// stands after the verb. Only at the very start of a process, while it has one thread.
pub fn execute(words: &[OsString], complain: fn(&str)) -> u8 {
    let code = match words {
        [stage, spec, dashes, command @ ..] if stage == "run" && dashes == "--" => {
            outside::run(&spec.to_string_lossy(), command)
        }
        [stage, control, spec, dashes, command @ ..] if stage == "inside" && dashes == "--" => {
            inside::run(&control.to_string_lossy(), &spec.to_string_lossy(), command)
        }
        _ => Err("these are not the words that Orkestra starts it with".to_owned()),
    };
    code.unwrap_or_else(|why| {
        complain(&format!("orkestra: the sandbox could not be set up: {why}"));
        NOT_SET_UP
    })
}

/// The exit code when there was no sandbox, and so no agent.
pub const NOT_SET_UP: u8 = 125;

/// The exit code when the agent's program could not be started.
const NO_PROGRAM: u8 = 127;
