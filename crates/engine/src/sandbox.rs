//! Every agent passes here before it is started: its command line comes out wrapped in a sandbox,
//! or there is a reason why it is not started. Without only where the configuration says so.

use crate::options::Options;
use orkestra_agents::AgentSpec;
use orkestra_agents::state::{is_state_file, state_folders};
use orkestra_core::run::{Run, Worktree};
use orkestra_core::sandbox::{Reach, SandboxSpec};
use orkestra_host::instance::Launch;
use orkestra_host::program::find_program;
use orkestra_host::sandbox::{Ladder, Network, Sandbox, repository};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// In the agent's environment: the rung that it stands on, or `off`.
const TOLD: &str = "ORKESTRA_SANDBOX";

/// In the agent's environment: the file with the terms of its work.
const CHARTER: &str = "ORKESTRA_CHARTER";

/// What a sandbox is made from.
#[derive(Debug, Clone)]
pub(crate) struct Enclosure {
    /// The data folder: nothing in it can be read but what is named here.
    pub(crate) home: PathBuf,
    /// Our own program.
    pub(crate) helper: PathBuf,
    /// Where the runs of an agent that is an API take turns.
    pub(crate) slots: PathBuf,
    /// The run's own folder in it.
    pub(crate) run: PathBuf,
    /// Where the agent works.
    pub(crate) worktree: Worktree,
    /// The repository or folder that it works on.
    pub(crate) target: PathBuf,
    /// Further folders in which it may work.
    pub(crate) add_dirs: Vec<PathBuf>,
    /// The agent.
    pub(crate) spec: AgentSpec,
    /// Where bubblewrap is searched: the daemon's own PATH.
    pub(crate) path: String,
}

impl Enclosure {
    /// For the run's agent, or for what is started in its worktree afterwards. A run without a
    /// worktree has none, and nothing is started for it.
    pub(crate) fn of(options: &Options, run: &Run, spec: &AgentSpec) -> Option<Self> {
        let path = options.env.iter().find(|(name, _)| name == "PATH");
        Some(Self {
            home: options.home.clone(),
            helper: options.program.clone(),
            run: options.home.join("runs").join(run.id.to_string()),
            slots: crate::agent_slots(&options.home, &run.agent),
            worktree: run.worktree.clone()?,
            target: PathBuf::from(&run.target),
            add_dirs: run.changes.add_dirs.iter().map(PathBuf::from).collect(),
            spec: spec.clone(),
            path: path.map(|(_, path)| path.clone()).unwrap_or_default(),
        })
    }
}

/// Wraps the command line of an agent.
pub(crate) async fn enclose(what: &Enclosure, launch: &mut Launch) -> Result<(), String> {
    if !what.spec.sandbox.holds() {
        tracing::warn!(name = %launch.name, "An agent is started without a sandbox, as configured.");
        launch.env.push((TOLD.to_owned(), "off".to_owned()));
        return Ok(());
    }
    let ladder = Ladder::probe(&what.path).await;
    let mut env: BTreeMap<String, String> = launch.env.iter().cloned().collect();
    let sandbox = sandbox(what, &env)?;
    let rung = ladder.best().map_err(|refused| refused.to_string())?;
    env.insert(TOLD.to_owned(), rung.as_str().to_owned());
    let wrapped = sandbox
        .wrap_on(rung, &ladder, &launch.argv, &env, &launch.cwd)
        .map_err(|refused| refused.to_string())?;
    launch.argv = wrapped.argv;
    launch.env = wrapped.env.into_iter().collect();
    Ok(())
}

/// What this agent may do.
fn sandbox(what: &Enclosure, env: &BTreeMap<String, String>) -> Result<Sandbox, String> {
    let mut sandbox = Sandbox::new(what.helper.clone(), what.run.join("tmp"));
    sandbox.refusals = Some(what.run.join("refused-connections"));
    sandbox.network = network(&what.spec.sandbox);
    if let Some(user_home) = env.get("HOME").filter(|home| home.starts_with('/')) {
        sandbox.guard_home(Path::new(user_home));
    }
    sandbox.guarded.push(what.home.clone());
    // The socket on which agents ask: a folder, so that a restarted daemon's is seen.
    sandbox.read.push(what.home.join("agents").join("s"));
    // What it is told in a file: Orkestra wrote it into the run's folder.
    let charter = env.get(CHARTER).map(PathBuf::from);
    sandbox.read.extend(charter.filter(|path| path.starts_with(&what.run)));
    // An agent that was dropped into the data folder reads what lies beside its program.
    let dropped = what.spec.command.first().and_then(|program| Path::new(program).parent());
    let agents = what.home.join("agents");
    sandbox
        .read
        .extend(dropped.filter(|folder| folder.parent() == Some(&agents)).map(Path::to_path_buf));
    let worktree = Path::new(&what.worktree.path);
    let opened = repository::of_worktree(&what.target, worktree, &what.worktree.branch)
        .map_err(|error| format!("its repository cannot be opened for it: {error}"))?;
    sandbox.open_repository(opened);
    let variable = |name: &str| env.get(name).cloned();
    let mut state = state_folders(&what.spec, &variable);
    state.extend(vendor_folders(&what.run));
    if what.spec.kind.is_bridged() {
        // The bridge starts it, so it is not the program that is wrapped.
        let own_path = env.get("PATH").map(String::as_str).unwrap_or(&what.path);
        let program = what.spec.command.first().and_then(|name| find_program(name, own_path));
        sandbox.programs.extend(program);
        state.extend([what.run.join("bridge"), what.slots.clone()]);
    }
    for path in &state {
        if !is_state_file(path) {
            // A sign-in inside would make it, but cannot: what is above is read-only.
            let _left_to_the_agent = std::fs::create_dir_all(path);
        }
        // An earlier wiring may have put links to the user's own files there.
        let links = std::fs::read_dir(path).into_iter().flatten().flatten();
        sandbox.write.extend(links.filter_map(|entry| std::fs::read_link(entry.path()).ok()));
    }
    sandbox.write.extend(state);
    for path in what.spec.sandbox.write.iter().map(PathBuf::from) {
        if !path.exists() {
            // Whether it is to be a file or a folder is not ours to guess.
            let path = path.display();
            return Err(format!("sandbox.write names {path}, which is not there: make it first"));
        }
        sandbox.write.push(path);
    }
    sandbox.hidden.extend(what.spec.sandbox.hide.iter().map(PathBuf::from));
    for folder in std::iter::once(worktree).chain(what.add_dirs.iter().map(PathBuf::as_path)) {
        sandbox.write.push(folder.to_owned());
        sandbox.protect_settings(folder);
    }
    Ok(sandbox)
}

/// Folders that the wiring of a vendor's hooks has made for this run, `vendor` in the folder of
/// the run or of an attempt.
fn vendor_folders(run: &Path) -> Vec<PathBuf> {
    let attempts = std::fs::read_dir(run).into_iter().flatten().flatten();
    let mut folders = vec![run.join("vendor")];
    folders.extend(attempts.map(|entry| entry.path().join("vendor")));
    folders.retain(|folder| folder.is_dir());
    folders
}

fn network(spec: &SandboxSpec) -> Network {
    match spec.network {
        Reach::Open => Network::Open,
        Reach::None => Network::None,
        Reach::Hosts => Network::Hosts(spec.hosts.clone()),
    }
}
