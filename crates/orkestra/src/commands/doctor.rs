//! `orkestra doctor`: is everything there that Orkestra needs?

use super::{Context, Outcome};
use crate::cli::Json;
use crate::exit::Code;
use crate::terminal::{self, Color, paint};
use orkestra_host::machine::{self, Disk};
use orkestra_host::program;
use orkestra_host::sandbox::{Ladder, Rung};
use orkestra_server::wire::StatusView;
use serde::Serialize;
use std::path::Path;

/// Less free space than this is a warning.
const DISK_BYTES_LOW: u64 = 1024 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Error,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    what: String,
    todo: Option<String>,
}

fn check(name: &'static str, verdict: Verdict, what: impl Into<String>) -> Check {
    Check { name, verdict, what: what.into(), todo: None }
}

impl Check {
    fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }
}

pub(super) async fn run(context: Context, args: Json) -> Outcome {
    let home = context.home()?;
    let mut checks = vec![folder(&home), disk(&home), configuration(&context)];
    checks.push(daemon(&context).await);
    checks.push(git(&context).await);
    checks.push(agents(&context));
    checks.push(sandbox(&context).await);
    let failed = checks.iter().any(|check| check.verdict == Verdict::Error);
    if args.json {
        terminal::print_json(&serde_json::json!({"ok": !failed, "checks": checks}));
    } else {
        for check in &checks {
            let mark = match check.verdict {
                Verdict::Ok => paint(Color::Green, "✓"),
                Verdict::Warning => paint(Color::Amber, "!"),
                Verdict::Error => paint(Color::Red, "✗"),
            };
            terminal::print(&format!("{mark} {:<14} {}", check.name, check.what));
            if let Some(todo) = &check.todo {
                terminal::print(&format!("  {:<14} {todo}", ""));
            }
        }
    }
    Ok(if failed { Code::Failure } else { Code::Success })
}

fn folder(home: &Path) -> Check {
    let name = "data folder";
    let shown = home.display();
    if !home.exists() {
        return check(name, Verdict::Ok, format!("{shown} will be made by orkestra up"));
    }
    let probe = home.join(".doctor");
    let writable = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    if let Err(error) = writable {
        return check(name, Verdict::Error, format!("{shown} cannot be written: {error}"))
            .todo("Make it a folder that you own, or name another with --home");
    }
    if program::is_network_fs(home).unwrap_or(false) {
        return check(name, Verdict::Error, format!("{shown} lies on a network file system"))
            .todo("Name a folder on a local disk with --home");
    }
    check(name, Verdict::Ok, format!("{shown}; its daemon's log is logs/daemon.log"))
}

fn disk(home: &Path) -> Check {
    let name = "disk";
    let there = home.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match machine::disk_free(there) {
        Ok(Disk { free, .. }) => {
            let gib = free as f64 / 1024.0 / 1024.0 / 1024.0;
            let verdict = if free < DISK_BYTES_LOW { Verdict::Warning } else { Verdict::Ok };
            check(name, verdict, format!("{gib:.1} GiB free"))
        }
        Err(error) => check(name, Verdict::Warning, format!("cannot be asked: {error}")),
    }
}

fn configuration(context: &Context) -> Check {
    let name = "configuration";
    match context.load() {
        Ok(loaded) => match &loaded.file {
            Some(file) => {
                check(name, Verdict::Ok, format!("{file}: {} units", loaded.settings.units.len()))
            }
            None => check(name, Verdict::Ok, "no file, so the defaults hold")
                .todo("orkestra init writes a first one"),
        },
        Err(errors) => check(name, Verdict::Error, errors.to_string())
            .todo("orkestra config check shows each place"),
    }
}

async fn daemon(context: &Context) -> Check {
    let name = "daemon";
    let status = match context.client() {
        Ok(client) => client.get::<StatusView>("/api/v1/status").await.ok(),
        Err(_) => None,
    };
    match status {
        Some(status) => check(
            name,
            Verdict::Ok,
            format!(
                "process {}, up {}, {}",
                status.daemon.pid,
                terminal::duration(status.daemon.uptime_ms),
                status.daemon.url
            ),
        ),
        None => check(name, Verdict::Warning, "not running").todo("orkestra up"),
    }
}

async fn git(context: &Context) -> Check {
    let name = "git";
    let path = context.surroundings.env.get("PATH").cloned().unwrap_or_default();
    match program::find_program("git", &path) {
        Some(git) => check(name, Verdict::Ok, git.display().to_string()),
        None => check(name, Verdict::Warning, "not found, so agents cannot get a worktree")
            .todo("Install git"),
    }
}

fn agents(context: &Context) -> Check {
    let name = "agents";
    let agents = context.load().map(|loaded| loaded.settings.agents).unwrap_or_default();
    let path = context.surroundings.env.get("PATH").cloned().unwrap_or_default();
    let discovery = orkestra_agents::discover::discover(&agents, |program| {
        program::find_program(program, &path)
    });
    if discovery.found.is_empty() {
        return check(name, Verdict::Warning, "none can be started")
            .todo("docs/agents.md says how to get one");
    }
    let names: Vec<_> = discovery.found.iter().map(|found| found.name.as_str()).collect();
    check(name, Verdict::Ok, names.join(", "))
}

/// Which rung of the ladder agents stand on here, why not a higher one, and what it does not hold.
async fn sandbox(context: &Context) -> Check {
    let name = "sandbox";
    let path = context.surroundings.env.get("PATH").cloned().unwrap_or_default();
    let ladder = Ladder::probe(&path).await;
    let settings = context.load().map(|loaded| loaded.settings).ok();
    let off: Vec<String> = settings
        .map(|settings| {
            let all = (!settings.upkeep.sandbox.holds())
                .then(|| "all agents without words of their own".to_owned());
            let named = settings.agents.iter().filter(|(_, agent)| !agent.sandbox.holds());
            all.into_iter().chain(named.map(|(name, _)| name.clone())).collect()
        })
        .unwrap_or_default();
    if !off.is_empty() {
        let what = format!("switched off in the configuration for {}", off.join(", "));
        return check(name, Verdict::Warning, what)
            .todo("Those agents have all rights of this user: files, keys, other processes");
    }
    let landlock = ladder.landlock.as_ref().map_or(0, |version| *version);
    match ladder.best() {
        Ok(rung @ Rung::Bubblewrap) => {
            let lacks = ladder.lacks(rung).join("; ");
            let what = format!("bubblewrap, Landlock (version {landlock}) and seccomp");
            let found = check(name, Verdict::Ok, what);
            if lacks.is_empty() { found } else { found.todo(format!("Not held: {lacks}")) }
        }
        Ok(rung @ Rung::Landlock) => {
            let why = ladder.bubblewrap.as_ref().err().cloned().unwrap_or_default();
            let what =
                format!("Landlock (version {landlock}) and seccomp, without bubblewrap: {why}");
            let lacks = ladder.lacks(rung).join("; ");
            check(name, Verdict::Warning, what).todo(format!("Not held: {lacks}"))
        }
        Err(refused) => check(name, Verdict::Warning, refused.to_string())
            .todo("docs/sandbox.md says what each system needs; until then no agent is started"),
    }
}
