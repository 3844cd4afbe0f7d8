//! `orkestra backup …`: made by the daemon when one runs, else here; put back only without one.

use super::{Context, Outcome};
use crate::cli::Backup;
use crate::daemon::{VERSION, store_options, take_home};
use crate::exit::{Code, Failure, chain};
use crate::terminal::{self, Color, paint, table};
use orkestra_core::event::{Draft, Topic};
use orkestra_engine::{BACKUPS, RealWorld, World, backup_name, backup_place};
use orkestra_server::client;
use orkestra_server::wire::{BackupRequest, BackupView};
use orkestra_store::{BackupFound, BackupPlan, Restored};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

pub(super) async fn run(context: Context, args: Backup) -> Outcome {
    match args {
        Backup::Create { out, keep, json } => create(&context, out, keep, json.json).await,
        Backup::List(json) => list(&context, json.json),
        Backup::Verify { backup, json } => verify(&context, &backup, json.json),
        Backup::Restore { backup, yes, json } => restore(&context, &backup, yes, json.json).await,
    }
}

pub(super) fn failed(error: &orkestra_store::Error) -> Failure {
    use orkestra_store::Error;
    let failure = |code| Failure::new(code, chain(error));
    match error {
        Error::NotFound { .. } => {
            failure(Code::NotFound).hint("orkestra backup list shows those in the data folder")
        }
        Error::Newer { .. } => failure(Code::Refused).hint("Use the newer orkestra"),
        Error::Conflict(_) | Error::Invalid(_) => failure(Code::Refused),
        Error::Damaged { .. } => failure(Code::Tampered).hint("Take another backup"),
        Error::Full => failure(Code::Failure).hint("Make room on the disk"),
        _ => failure(Code::Failure),
    }
}

async fn create(context: &Context, out: Option<PathBuf>, keep: usize, as_json: bool) -> Outcome {
    let out = out.map(|out| context.surroundings.cwd.join(out));
    let request = BackupRequest {
        out: out.as_ref().map(|out| out.to_string_lossy().into_owned()),
        keep: Some(keep),
    };
    let asked = match context.client() {
        Ok(client) => match client.post::<BackupView>("/api/v1/backups", &request).await {
            Err(client::Error::NotRunning { .. }) => None,
            answer => Some(answer?),
        },
        Err(_never_ran) => None,
    };
    let made = match asked {
        Some(made) => made,
        None => {
            let home = context.home()?;
            refuse_empty(&home)?;
            // Nobody else may change anything meanwhile.
            let _lock = take_home(&home)?;
            let config = context.load().ok().and_then(|loaded| loaded.path);
            let ours = out.is_none();
            let made = here(&home, out, config)?;
            if ours {
                orkestra_store::prune_backups(&home.join(BACKUPS), keep)
                    .map_err(|error| failed(&error))?;
            }
            BackupView::from(&made)
        }
    };
    if as_json {
        terminal::print_json(&made);
    } else {
        terminal::print(&made.path);
        terminal::complain(&format!(
            "A backup of {} files and {} up to event {}. Tokens, logs, runs and worktrees are not in it.",
            made.files,
            size(made.bytes),
            made.seq
        ));
    }
    Ok(Code::Success)
}

/// Makes a backup; the caller holds the home's lock.
pub(super) fn here(
    home: &Path,
    out: Option<PathBuf>,
    config: Option<PathBuf>,
) -> Result<BackupFound, Failure> {
    let at = RealWorld.now().at;
    let folder = backup_place(home, out, at);
    let (home, version) = (home.to_owned(), VERSION.to_owned());
    let plan = BackupPlan { home, folder: folder.clone(), config, version, at };
    let manifest = orkestra_store::create_backup(&plan).map_err(|error| failed(&error))?;
    Ok(BackupFound { folder, manifest })
}

fn refuse_empty(home: &Path) -> Result<(), Failure> {
    if home.join("state.db").is_file() {
        return Ok(());
    }
    let message = format!("there is no database in {}", home.display());
    Err(Failure::new(Code::NotFound, message).hint("Name the data folder with --home"))
}

pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn list(context: &Context, as_json: bool) -> Outcome {
    let place = context.home()?.join(BACKUPS);
    let found = orkestra_store::list_backups(&place).map_err(|error| failed(&error))?;
    let views: Vec<BackupView> = found.iter().map(BackupView::from).collect();
    if as_json {
        terminal::print_json(&json!({"backups": views}));
        return Ok(Code::Success);
    }
    if views.is_empty() {
        terminal::complain("There are no backups; `orkestra backup create` makes one.");
        return Ok(Code::Success);
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|backup| {
            let manifest = &backup.manifest;
            let name = backup.folder.file_name().unwrap_or_default().to_string_lossy();
            vec![
                terminal::harmless(&name),
                manifest.created_at.to_string(),
                manifest.version.clone(),
                format!("{}-{}", manifest.epoch, manifest.seq),
                size(manifest.bytes()),
            ]
        })
        .collect();
    terminal::print(&table(&["BACKUP", "MADE", "VERSION", "EVENT", "SIZE"], &rows));
    Ok(Code::Success)
}

/// A backup by its folder, or by its name in the data folder.
fn find(context: &Context, named: &Path) -> Result<PathBuf, Failure> {
    let here = context.surroundings.cwd.join(named);
    let ours = context.home()?.join(BACKUPS).join(named);
    // The manifest itself may be named too.
    let here = if here.ends_with("manifest.json") {
        here.parent().map(Path::to_path_buf).unwrap_or(here)
    } else {
        here
    };
    Ok(if !here.exists() && ours.exists() { ours } else { here })
}

fn verify(context: &Context, named: &Path, as_json: bool) -> Outcome {
    let folder = find(context, named)?;
    let manifest = orkestra_store::verify_backup(&folder).map_err(|error| failed(&error))?;
    let found = BackupFound { folder, manifest };
    if as_json {
        terminal::print_json(&BackupView::from(&found));
    } else {
        terminal::print(&format!(
            "{} {} files and {} are as they were written, up to event {}.",
            paint(Color::Green, "✓"),
            found.manifest.files.len(),
            size(found.manifest.bytes()),
            found.manifest.seq
        ));
    }
    Ok(Code::Success)
}

async fn restore(context: &Context, named: &Path, yes: bool, as_json: bool) -> Outcome {
    let (home, folder) = (context.home()?, find(context, named)?);
    let _lock = take_home(&home).map_err(|failure| match failure.code {
        Code::Refused => failure.hint("End it first: orkestra down"),
        _ => failure,
    })?;
    let manifest = orkestra_store::verify_backup(&folder).map_err(|error| failed(&error))?;
    if !yes {
        ask(&home, &manifest)?;
    }
    let options = store_options(&home);
    let trash = format!("restore-{}", backup_name(RealWorld.now().at));
    let restored = tokio::task::spawn_blocking(move || {
        let from = folder.clone();
        orkestra_store::restore(&options, &folder, &trash, move |tx, manifest, epoch, held| {
            let body = json!({"from": from, "epoch": epoch, "seq": manifest.seq, "held": held,
                "made_at": manifest.created_at, "version": VERSION});
            let kind = "daemon.restored";
            tx.append(&[Draft::new(kind, Topic::Daemon, "daemon", "person:cli", body)])?;
            Ok(())
        })
    });
    let restored = restored.await.map_err(|error| Failure::of(&error))?;
    let restored = restored.map_err(|error| failed(&error))?;
    tell(&restored, as_json);
    Ok(Code::Success)
}

fn ask(home: &Path, manifest: &orkestra_store::Manifest) -> Result<(), Failure> {
    let refused = |message: &str| Failure::new(Code::Refused, message.to_owned());
    if !std::io::stdin().is_terminal() {
        return Err(refused(
            "a restore replaces everything in the data folder, and nobody can be asked",
        )
        .hint("Say so with --yes"));
    }
    terminal::complain(&format!(
        "{} is put back to event {} of {}. What is there now goes to trash/. Go on? [y/N]",
        home.display(),
        manifest.seq,
        manifest.created_at
    ));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(refused("nothing was changed")),
    }
}

fn tell(restored: &Restored, as_json: bool) {
    let Restored { manifest, epoch, held, trash } = restored;
    if as_json {
        terminal::print_json(&json!({"epoch": epoch, "seq": manifest.seq, "held": held,
            "made_at": manifest.created_at, "trash": trash}));
        return;
    }
    terminal::complain(&format!(
        "Everything is as it was at event {} of {}; epoch {epoch} begins. What was there is in {}.",
        manifest.seq,
        manifest.created_at,
        trash.display()
    ));
    if *held > 0 {
        terminal::complain(&format!(
            "{held} effects may have happened since or not; they wait for a person."
        ));
    }
    terminal::complain("Start it with: orkestra up");
}
