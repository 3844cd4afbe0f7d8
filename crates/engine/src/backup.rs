//! Backups of a living daemon.

use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::event::{Draft, Topic};
use orkestra_store::{BackupFound, BackupPlan};
use serde_json::json;
use std::path::PathBuf;

/// Where backups are made unless something else is said, within the data folder.
pub const BACKUPS: &str = "backups";

/// The name of a backup made at this time: names sort by time.
pub fn backup_name(at: jiff::Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%S.%3fZ").to_string()
}

/// The folder of a backup to be made. One that is there already takes it in, under a name by time.
pub fn backup_place(home: &std::path::Path, out: Option<PathBuf>, at: jiff::Timestamp) -> PathBuf {
    match out {
        None => home.join(BACKUPS).join(backup_name(at)),
        Some(out) if out.is_dir() => out.join(backup_name(at)),
        Some(out) => out,
    }
}

impl Handle {
    /// Makes a backup while everything goes on, and says so in the journal. In the data folder the
    /// newest `keep` are kept.
    ///
    /// # Errors
    /// No room, or the folder is there already.
    pub async fn create_backup(
        &self,
        out: Option<PathBuf>,
        config: Option<PathBuf>,
        version: &str,
        keep: usize,
        actor: &str,
    ) -> Result<BackupFound, Error> {
        let (at, home, version) = (self.now().at, self.home.clone(), version.to_owned());
        let ours = out.is_none();
        let made = tokio::task::spawn_blocking(move || {
            let folder = backup_place(&home, out, at);
            let plan =
                BackupPlan { home: home.clone(), folder: folder.clone(), config, version, at };
            let manifest = orkestra_store::create_backup(&plan)?;
            if ours {
                orkestra_store::prune_backups(&home.join(BACKUPS), keep)?;
            }
            Ok(BackupFound { folder, manifest })
        });
        let made = made
            .await
            .unwrap_or_else(|error| Err(orkestra_store::Error::Panicked(error.to_string())))
            .map_err(Error::Store)?;
        let manifest = &made.manifest;
        let body = json!({"path": made.folder, "epoch": manifest.epoch, "seq": manifest.seq,
            "seal": manifest.seal, "files": manifest.files.len(), "bytes": manifest.bytes()});
        let kind = "daemon.backed_up";
        self.note(vec![Draft::new(kind, Topic::Daemon, "daemon", actor, body)]).await;
        Ok(made)
    }
}
