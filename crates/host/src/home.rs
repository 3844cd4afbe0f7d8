//! The home folder: its layout and the lock that lets only one daemon in.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Doing, Error};
use crate::lock;

/// Folders of a home. All are private: logs and runs may hold anything.
const FOLDERS: [&str; 6] = ["run", "secrets", "logs", "worktrees", "runs", "blobs"];

/// The home, held by this daemon until dropped.
#[derive(Debug)]
pub struct HomeLock {
    home: PathBuf,
    _file: File,
}

impl HomeLock {
    /// Makes the home's folders and takes its lock.
    pub fn acquire(home: &Path) -> Result<Self, Error> {
        prepare(home)?;
        let path = home.join("orkestra.lock");
        // Readable by all, so that a status command of another user can name the daemon.
        let mut file = lock::open(&path, 0o644).map_err(|error| not_writable(&path, error))?;
        let patience = Instant::now() + DEAD_HOLDER;
        while !lock::try_lock(&file).doing_at("lock", &path)? {
            let mut text = String::new();
            let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
            let pid = text.trim().parse().unwrap_or(0);
            // A daemon that was killed while it started a program: until that program is executed, it
            // is a copy of the daemon, with the daemon's descriptors.
            if is_alive(pid) || Instant::now() > patience {
                return Err(Error::HomeLocked { home: home.to_owned(), pid });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // The pid is for people. With a full disk the lock counts all the same.
        let _ = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        Ok(Self { home: home.to_owned(), _file: file })
    }

    /// The home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where the instances' folders are.
    pub fn run_dir(&self) -> PathBuf {
        self.home.join("run")
    }
}

/// How long a lock is waited for that a dead daemon left to a child on its way.
const DEAD_HOLDER: Duration = Duration::from_secs(5);

/// Whether a process is more than a remembrance.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Whether a daemon holds this home, and the pid it wrote down.
pub fn holder(home: &Path) -> Result<Option<u32>, Error> {
    let path = home.join("orkestra.lock");
    if !lock::is_held(&path).doing_at("look at the lock", &path)? {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    Ok(Some(text.trim().parse().unwrap_or(0)))
}

fn prepare(home: &Path) -> Result<(), Error> {
    make_private(home)?;
    for folder in FOLDERS {
        make_private(&home.join(folder))?;
    }
    Ok(())
}

/// Makes a folder for the owner alone; one that exists with wider rights is narrowed.
pub(crate) fn make_private(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::metadata(path))
        .and_then(|facts| {
            if facts.permissions().mode() & 0o077 == 0 {
                return Ok(());
            }
            fs::set_permissions(path, Permissions::from_mode(0o700))
        })
        .map_err(|error| not_writable(path, error))
}

fn not_writable(path: &Path, source: io::Error) -> Error {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    match source.kind() {
        PermissionDenied | ReadOnlyFilesystem | NotADirectory => {
            Error::HomeNotWritable { path: path.to_owned(), source }
        }
        _ => Error::System { doing: "prepare", path: Some(path.to_owned()), source },
    }
}
