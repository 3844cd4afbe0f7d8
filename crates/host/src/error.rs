//! What can go wrong on the host, in words that say what was tried and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Errors of this crate (git has its own: [`crate::git::Error`]).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another daemon runs on this home.
    #[error("the home {} is in use by another daemon (pid {pid})", home.display())]
    HomeLocked {
        /// The home.
        home: PathBuf,
        /// The pid its lock file names; for the message only, never for a signal.
        pid: u32,
    },
    /// The home cannot be written.
    #[error(
        "cannot write to {}; give this user write access there or choose another home with \
         ORKESTRA_HOME", path.display()
    )]
    HomeNotWritable {
        /// Where it failed.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The instance's folder exists already: it was launched before.
    #[error("the instance {instance} exists already")]
    InstanceExists {
        /// Its id.
        instance: String,
    },
    /// A release was asked for while the tree is not empty.
    #[error("the instance has not ended yet")]
    NotEnded,
    /// A newer daemon owns the instance.
    #[error("the instance belongs to a newer daemon (term {term})")]
    Superseded {
        /// The newer daemon's term.
        term: u64,
    },
    /// Someone holds the instance's lock but does not answer.
    #[error("the shim of instance {instance} holds its lock but does not answer")]
    Unreachable {
        /// The instance.
        instance: String,
    },
    /// A value that cannot be handed to the system (a NUL byte, an empty command).
    #[error("{what} is not usable: {why}")]
    Unusable {
        /// Which value.
        what: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// A process cannot be given to this user.
    #[error("cannot run as {user}: {why}")]
    User {
        /// As it was asked for.
        user: String,
        /// Why not, and what to do.
        why: &'static str,
    },
    /// A helper program took too long.
    #[error("{program} did not finish within {seconds} s")]
    TimedOut {
        /// Its name.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// The system refused something.
    #[error("cannot {doing}{}: {source}", path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    System {
        /// What was tried.
        doing: &'static str,
        /// On which path, if on one.
        path: Option<PathBuf>,
        /// The system's reason.
        source: io::Error,
    },
}

/// Adds what was tried to a system error.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Error>;
    fn doing_at(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::System { doing, path: None, source: source.into() })
    }

    fn doing_at(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::System {
            doing,
            path: Some(path.to_owned()),
            source: source.into(),
        })
    }
}

impl Error {
    /// The system's error number, if there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::System { source, .. } | Self::HomeNotWritable { source, .. } => {
                source.raw_os_error()
            }
            _ => None,
        }
    }
}
