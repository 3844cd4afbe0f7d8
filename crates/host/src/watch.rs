//! Says when one file changed, for a configuration that is reloaded when it is saved.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::{Doing, Error};

/// Editors write, rename and touch in a burst; the last of it counts.
const QUIET: Duration = Duration::from_millis(100);

/// A watched file. Dropping it ends the watch.
#[derive(Debug)]
pub struct FileWatch {
    _watcher: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl FileWatch {
    /// Watches a file that may come and go. Its folder is watched, because an editor that saves
    /// by renaming leaves a watch on the file behind with the old one.
    pub fn new(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path).doing_at("find", path)?;
        // A link is followed: the file it leads to is what gets edited.
        let path = path.canonicalize().unwrap_or(path);
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::Unusable { what: "the watched path", why: "it names no file" });
        };
        let name: OsString = name.to_owned();
        let (changed, changes) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let relevant = event.as_ref().is_ok_and(|event| {
                !matches!(event.kind, EventKind::Access(_))
                    && event.paths.iter().any(|path| path.file_name() == Some(&name))
            });
            // An overflowing queue may hide our file, so an error counts as a change. A full
            // channel already says "changed".
            if relevant || event.is_err() {
                let _ = changed.try_send(());
            }
        });
        let mut watcher = watcher.map_err(std::io::Error::other).doing_at("watch", &path)?;
        watcher
            .watch(dir, RecursiveMode::NonRecursive)
            .map_err(std::io::Error::other)
            .doing_at("watch", dir)?;
        Ok(Self { _watcher: watcher, changes })
    }

    /// Waits until the file changed and then was left alone for a moment. Cancel-safe but for the
    /// change being forgotten when it is cancelled within that moment.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while timeout(QUIET, self.changes.recv()).await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::FileWatch;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_save_by_rename_is_one_change_and_other_files_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("orkestra.yaml");
        std::fs::write(&path, "a").unwrap();
        let mut watch = FileWatch::new(&path).unwrap();
        let soon = Duration::from_secs(5);
        for text in ["b", "c"] {
            std::fs::write(dir.path().join("new"), text).unwrap();
            std::fs::rename(dir.path().join("new"), &path).unwrap();
            timeout(soon, watch.changed()).await.unwrap();
        }
        std::fs::write(&path, "d").unwrap();
        timeout(soon, watch.changed()).await.unwrap();
        std::fs::write(dir.path().join("other"), "x").unwrap();
        assert!(timeout(Duration::from_millis(300), watch.changed()).await.is_err());
    }
}
