//! The person's own checks: commands of the configuration (`checks:`), in the sandbox of the agent.

use crate::evidence::{At, Command, Commands};
use crate::handle::Handle;
use crate::sandbox::Enclosure;
use orkestra_agents::{AgentSpec, Kind};
use orkestra_core::check::{Category, Level, Outcome, Phase};
use orkestra_core::evidence::Ran;
use orkestra_core::id::InstanceId;
use orkestra_core::run::{Run, Worktree};
use orkestra_core::task::Task;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// How much of what a command printed is told, in characters.
const TOLD_MAX: usize = 400;

/// With what commands are started; set once the daemon has taken over what lives.
pub(crate) type OwnChecks = std::sync::OnceLock<Commands>;

/// Makes those of one phase, one after the other.
pub(super) async fn make(
    handle: &Handle,
    phase: Phase,
    task: &Task,
    run: Option<&Run>,
) -> Vec<Outcome> {
    let mut results = Vec::new();
    for (name, check) in handle.upkeep().checks {
        if check.when != phase {
            continue;
        }
        let ran = run_one(handle, task, run, &check.command, check.timeout.ms()).await;
        let (level, message) = match ran {
            Ok((Ran::Code(0), _)) => (Level::Pass, format!("`{}` passed.", check.command)),
            Ok((ran, output)) => (check.level, told(&check.command, &ran, &output)),
            Err(why) => (check.level, format!("`{}` could not be run: {why}.", check.command)),
        };
        results.push(Outcome::new(&name, Category::Quality, level, message));
    }
    results
}

fn told(command: &str, ran: &Ran, output: &str) -> String {
    let how = match ran {
        Ran::Code(code) => format!("ended with {code}"),
        Ran::Signal(name) => format!("was killed by {name}"),
        Ran::TooLong => "took too long".to_owned(),
        Ran::TooMuch => "printed too much".to_owned(),
        Ran::Lost(why) => format!("was lost: {why}"),
    };
    let tail: Vec<char> = output.trim().chars().collect();
    let tail: String = tail.iter().skip(tail.len().saturating_sub(TOLD_MAX)).collect();
    if tail.is_empty() {
        format!("`{command}` {how}.")
    } else {
        format!("`{command}` {how}: {tail}")
    }
}

async fn run_one(
    handle: &Handle,
    task: &Task,
    run: Option<&Run>,
    line: &str,
    limit_ms: u64,
) -> Result<(Ran, String), String> {
    let commands = handle.view.own_checks.get().ok_or("the daemon is starting")?;
    let instance = InstanceId::new(handle.world.uuid());
    // After a run where it worked; before one in the folder that it will begin from.
    let (worktree, target) = match run.and_then(|run| Some((run.worktree.clone()?, &run.target))) {
        Some((worktree, target)) => (worktree, target.clone()),
        None => {
            let target = task.target.clone().ok_or("the task names no folder")?;
            (plain(&target), target)
        }
    };
    let folder = handle.home().join("runs").join(format!("task-{}", task.id));
    let enclosure = Enclosure {
        home: handle.home().to_owned(),
        helper: commands.options.program.clone(),
        slots: crate::agent_slots(handle.home(), "checks"),
        run: folder.clone(),
        target: PathBuf::from(target),
        add_dirs: Vec::new(),
        spec: spec(handle, run),
        path: handle.path.clone(),
        worktree: worktree.clone(),
    };
    let at = At {
        name: format!("check-{}", task.id.short()),
        folder: folder.join("checks").join(instance.to_string()),
        cwd: PathBuf::from(&worktree.path),
        env: vec![("ORKESTRA_TASK".to_owned(), task.id.to_string())],
        enclosure: Some(enclosure),
    };
    let command = Command { instance, index: 0, line, limit_ms };
    let never = CancellationToken::new();
    let ran = commands.run_at(at, &command, &never).await;
    let outcome = ran.map_err(|error| crate::instance::describe(&error))?;
    let outcome = outcome.ok_or("it was given up")?;
    let told = (outcome.ran.clone(), outcome.output.clone());
    outcome.release().await;
    Ok(told)
}

fn plain(path: &str) -> Worktree {
    Worktree {
        path: path.to_owned(),
        branch: String::new(),
        base: String::new(),
        uncommitted: 0,
        snapshot: Some(String::new()),
    }
}

/// Somebody with the sandbox of the run's agent, without its vendor's own folders.
fn spec(handle: &Handle, run: Option<&Run>) -> AgentSpec {
    let mut spec = AgentSpec::new(Kind::Script);
    let agents = handle.agent_specs();
    spec.sandbox = match run.and_then(|run| agents.get(&run.agent)) {
        Some(agent) => agent.sandbox.clone(),
        None => handle.upkeep().sandbox,
    };
    spec
}
