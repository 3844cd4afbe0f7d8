//! `orkestra upgrade`: this program takes the place of the daemon that runs. Units go on: their
//! shims need no daemon, and the new one takes them over.
//!
//! Each step can be undone until the new daemon answers: the backup is made when nobody writes, and
//! if the new one does not come up, database and program are those of before.

use super::{Context, Outcome, backup};
use crate::cli::Upgrade;
use crate::daemon::{VERSION, open_store, take_home};
use crate::exit::{Code, Failure, chain};
use crate::terminal;
use orkestra_core::event::{Draft, Topic};
use orkestra_engine::{RealWorld, World, backup_name};
use orkestra_host::home::HomeLock;
use orkestra_host::program::{Image, image_of, run_captured};
use orkestra_server::client::Client;
use orkestra_server::wire::ShutdownRequest;
use orkestra_store::BackupFound;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// What a daemon may say when it does not come up.
const SAID_MAX: usize = 16 << 10;

/// How long the old daemon may take to end without its units.
const ENDING: Duration = Duration::from_secs(30);

/// What of the status is looked at: the old daemon may be of any version, so no more than that.
#[derive(Debug, Deserialize)]
struct Glance {
    daemon: DaemonGlance,
    units: Vec<UnitGlance>,
}

#[derive(Debug, Deserialize)]
struct DaemonGlance {
    pid: u32,
    version: String,
    config: Option<String>,
    url: String,
}

#[derive(Debug, Deserialize)]
struct UnitGlance {
    name: String,
    pid: Option<u32>,
}

pub(super) async fn run(context: Context, args: Upgrade) -> Outcome {
    let home = context.home()?;
    let Ok(Some(pid)) = orkestra_host::home::holder(&home) else {
        return alone(&context, &home, args.json.json);
    };
    let client = context.client()?;
    let status: Glance = client.get("/api/v1/status").await?;
    let old = image_of(pid).map_err(|error| Failure::of(&error))?;
    refuse_service(&old)?;
    refuse_newer(&home)?;
    let before = living(&status);
    let _: serde_json::Value =
        client.post("/api/v1/shutdown", &ShutdownRequest { keep_units: true }).await?;
    let lock = wait_for_home(&home).await?;
    let config = status.daemon.config.as_ref().map(PathBuf::from);
    let argv = arguments(&old, &status);
    // From here on nobody watches the units, so each way out starts a daemon again.
    let prepared = prepare(&home, config, &status.daemon.version);
    let backup = match prepared {
        Ok(backup) => backup,
        Err((failure, made)) => {
            let back = back(&home, &old, &argv, made.as_ref(), lock, args.patience).await;
            return Err(with_outcome(failure, back));
        }
    };
    drop(lock);
    let program = std::env::current_exe().map_err(|error| Failure::of(&error))?;
    match start(&home, &program, &old, &argv, args.patience).await {
        Ok(after) => {
            tell(&status, &before, &after, &backup, args.json.json);
            Ok(Code::Success)
        }
        Err(failure) => {
            let lock = take_home(&home)?;
            let back = back(&home, &old, &argv, Some(&backup), lock, args.patience).await;
            Err(with_outcome(failure, back))
        }
    }
}

/// Without a daemon there is only the database to look after.
fn alone(context: &Context, home: &Path, as_json: bool) -> Outcome {
    if !home.join("state.db").is_file() {
        return Err(Failure::new(
            Code::NotRunning,
            format!("no daemon runs on {}", home.display()),
        )
        .hint("There is nothing to upgrade; start with: orkestra up"));
    }
    refuse_newer(home)?;
    let _lock = take_home(home)?;
    let config = context.load().ok().and_then(|loaded| loaded.path);
    let backup = prepare(home, config, "").map_err(|(failure, _)| failure)?;
    if as_json {
        terminal::print_json(&json!({"version": VERSION, "backup": backup.folder, "pid": null}));
    } else {
        terminal::complain(&format!(
            "The database is ready for {VERSION}; a backup of before is {}. Start it with: orkestra up",
            backup.folder.display()
        ));
    }
    Ok(Code::Success)
}

fn living(status: &Glance) -> Vec<(String, u32)> {
    status.units.iter().filter_map(|unit| Some((unit.name.clone(), unit.pid?))).collect()
}

fn refuse_service(old: &Image) -> Result<(), Failure> {
    let has = |name: &str| old.env.iter().any(|(key, _)| key == name);
    if has("NOTIFY_SOCKET") || has("INVOCATION_ID") && has("SYSTEMD_EXEC_PID") {
        return Err(Failure::new(
            Code::Refused,
            "the daemon was started by a service manager, which would start the old one again",
        )
        .hint("Replace its program, make a backup, and let the service manager restart it"));
    }
    Ok(())
}

/// Before anything is stopped: a program that is too old must not take over.
fn refuse_newer(home: &Path) -> Result<(), Failure> {
    orkestra_store::refuse_newer(home).map_err(|error| {
        Failure::new(Code::Refused, chain(&error))
            .hint("The running daemon is newer than this program")
    })
}

async fn wait_for_home(home: &Path) -> Result<HomeLock, Failure> {
    let deadline = Instant::now() + ENDING;
    loop {
        match take_home(home) {
            Err(failure) if failure.code == Code::Refused && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            taken => return taken,
        }
    }
}

/// Backup, schema, check, and a word in the journal. The failure comes with the backup, if there
/// is one.
fn prepare(
    home: &Path,
    config: Option<PathBuf>,
    from: &str,
) -> Result<BackupFound, (Failure, Option<BackupFound>)> {
    let backup = backup::here(home, None, config).map_err(|failure| (failure, None))?;
    let checked = open_store(home).and_then(|store| {
        let report = std::thread::scope(|scope| {
            scope.spawn(|| store.read_blocking(|read| read.verify(&mut |_| {}))).join()
        });
        match report {
            Ok(Ok(report)) if report.is_clean() => {}
            Ok(Ok(report)) => {
                let message = format!("the journal does not verify: {} problems", report.problems);
                return Err(Failure::new(Code::Tampered, message));
            }
            Ok(Err(error)) => return Err(Failure::new(Code::Failure, chain(&error))),
            Err(_) => return Err(Failure::new(Code::Failure, "the journal cannot be verified")),
        }
        let body = json!({"from": from, "to": VERSION, "backup": backup.folder});
        let draft = Draft::new("daemon.upgraded", Topic::Daemon, "daemon", "person:cli", body);
        let noted = std::thread::scope(|scope| {
            scope.spawn(|| store.write_blocking(move |tx| tx.append(&[draft]).map(|_| ()))).join()
        });
        match noted {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::new(Code::Failure, chain(&error))),
            Err(_) => Err(Failure::new(Code::Failure, "the journal cannot be written")),
        }
    });
    match checked {
        Ok(()) => Ok(backup),
        Err(failure) => Err((failure, Some(backup))),
    }
}

/// The arguments of the old daemon, for one in the background. A port that it chose stays.
fn arguments(old: &Image, status: &Glance) -> Vec<String> {
    let mut argv: Vec<String> = old.argv.iter().skip(1).cloned().collect();
    argv.retain(|word| !matches!(word.as_str(), "--detach" | "-d" | "--background" | "--json"));
    argv.push("--detach".to_owned());
    let port = status.daemon.url.rsplit(':').next().unwrap_or_default().to_owned();
    for place in 0..argv.len() {
        let after_port = place > 0 && argv.get(place - 1).is_some_and(|word| word == "--port");
        match argv.get_mut(place) {
            Some(word) if word == "--port=0" => *word = format!("--port={port}"),
            Some(word) if word == "0" && after_port => word.clone_from(&port),
            Some(_) | None => {}
        }
    }
    argv
}

/// Starts a daemon in the place of the old one, as `up --detach` does; then how everything is.
async fn start(
    home: &Path,
    program: &Path,
    old: &Image,
    argv: &[String],
    patience: u64,
) -> Result<Glance, Failure> {
    let words: Vec<String> = std::iter::once(program.to_string_lossy().into_owned())
        .chain(argv.iter().cloned())
        .collect();
    let limit = Duration::from_secs(patience);
    // The configuration may be looked for in the folder where the old one was started.
    let said = run_captured(&words, &old.env, &old.cwd, limit, SAID_MAX).await?;
    if !said.success() {
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        let message = format!("the new daemon did not come up:\n{}", said.trim_end());
        return Err(Failure::new(Code::Failure, message));
    }
    Ok(Client::new(home)?.get("/api/v1/status").await?)
}

/// Puts everything back as it was: the database, if this program changed it, and the old daemon.
async fn back(
    home: &Path,
    old: &Image,
    argv: &[String],
    backup: Option<&BackupFound>,
    lock: HomeLock,
    patience: u64,
) -> Result<(), Failure> {
    if let Some(backup) = backup {
        let trash = format!("upgrade-{}", backup_name(RealWorld.now().at));
        orkestra_store::put_back(home, &backup.folder, &trash)
            .map_err(|error| Failure::new(Code::Failure, chain(&error)))?;
    }
    drop(lock);
    start(home, &old.program, old, argv, patience).await.map(|_| ())
}

fn with_outcome(failure: Failure, back: Result<(), Failure>) -> Failure {
    let hint = match back {
        Ok(()) => {
            "The old daemon runs again, with its database as it was; its units went on.".to_owned()
        }
        Err(why) => format!(
            "The old daemon could not be started again either ({}). Units go on. Start the old \
             program by hand: orkestra up; backups are in backups/ of the data folder",
            why.message.lines().next().unwrap_or_default()
        ),
    };
    failure.hint(hint)
}

fn tell(
    old: &Glance,
    before: &[(String, u32)],
    after: &Glance,
    backup: &BackupFound,
    as_json: bool,
) {
    let now = living(after);
    let kept = before.iter().filter(|unit| now.contains(unit)).count();
    if as_json {
        terminal::print_json(&json!({"from": old.daemon.version, "version": VERSION,
            "pid": after.daemon.pid, "backup": backup.folder, "units": before.len(), "kept": kept}));
        return;
    }
    terminal::complain(&format!(
        "Orkestra {VERSION} runs as process {} in the place of {} ({}). {kept} of {} living units went \
         on as the same processes. A backup of before is {}.",
        after.daemon.pid,
        old.daemon.version,
        old.daemon.pid,
        before.len(),
        backup.folder.display()
    ));
}
