//! Taking over instances that an earlier daemon launched.

use std::io::ErrorKind;
use std::path::Path;

use super::link::{self, Reached};
use super::wire::{self, Said};
use super::{Exit, InstanceEvents, InstanceHandle};
use crate::error::{Doing, Error};

/// What an adopted shim is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The program is about to run.
    Starting,
    /// It runs.
    Running {
        /// The leader's pid, from the shim itself.
        pid: u32,
        /// Its kernel start time.
        start_time: u64,
    },
    /// It was told to go, or its leader left others behind.
    Stopping {
        /// The leader's pid.
        pid: u32,
        /// Its kernel start time.
        start_time: u64,
    },
}

/// What became of an instance.
#[derive(Debug)]
pub enum Adopted {
    /// It lives and is ours again.
    Alive {
        /// What it does.
        state: State,
        /// Acts on it.
        handle: InstanceHandle,
        /// What happens next.
        events: InstanceEvents,
    },
    /// It ended (or never started: `exit.failure`); release the handle once that is committed.
    Exited {
        /// How.
        exit: Exit,
        /// Releases it.
        handle: InstanceHandle,
    },
    /// Its shim went without a word (kill, crash, power): call [`super::stop_marked`], then release.
    Lost {
        /// Releases it.
        handle: InstanceHandle,
    },
    /// Its lock is held but the shim does not answer. It is tried on; the events tell more.
    Unreachable {
        /// Acts once it answers.
        handle: InstanceHandle,
        /// What it says then.
        events: InstanceEvents,
    },
    /// A newer daemon has it.
    Superseded {
        /// Its term.
        term: u64,
    },
    /// There is no such folder: it was never launched, or it was released.
    Missing,
}

/// Takes over one instance. Only its lock decides whether it lives; recorded pids are not used.
pub async fn adopt(run_dir: &Path, instance: &str, term: u64) -> Result<Adopted, Error> {
    let dir = run_dir.join(instance);
    match std::fs::symlink_metadata(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Adopted::Missing),
        result => result.doing_at("look at", &dir)?,
    };
    let (connection, said) = match link::reach(&dir, instance, term).await? {
        Reached::Yes(connection, said) => (connection, said),
        Reached::Superseded(term) => return Ok(Adopted::Superseded { term }),
        Reached::Silent => {
            let (handle, events) = link::start(&dir, instance, term, None, None);
            return Ok(Adopted::Unreachable { handle, events });
        }
        Reached::Gone => {
            let handle = InstanceHandle::of_the_dead(&dir, instance);
            return Ok(match wire::read_exit(&dir) {
                Some(exit) => Adopted::Exited { exit, handle },
                None => Adopted::Lost { handle },
            });
        }
    };
    let (handle, events) = link::start(&dir, instance, term, Some(connection), Some(&said));
    let state = match said {
        Said::Running { pid, start_time } => State::Running { pid, start_time },
        Said::Stopping { pid, start_time } => State::Stopping { pid, start_time },
        Said::Exited(exit) => return Ok(Adopted::Exited { exit, handle }),
        Said::Failed(failure) => {
            // The wire says why; times and counters are in the record only.
            let exit = wire::read_exit(&dir).unwrap_or_else(|| Exit {
                code: None,
                signal: None,
                failure: Some(failure),
                reason: "failed".to_owned(),
                killed: false,
                survivors: 0,
                at: 0,
                dropped: 0,
            });
            return Ok(Adopted::Exited { exit, handle });
        }
        _ => State::Starting,
    };
    Ok(Adopted::Alive { state, handle, events })
}

/// The instances that have a folder, known or stray.
pub fn list_instances(run_dir: &Path) -> Result<Vec<String>, Error> {
    let mut instances = Vec::new();
    for entry in std::fs::read_dir(run_dir).doing_at("list", run_dir)? {
        let entry = entry.doing_at("list", run_dir)?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if let (true, Ok(name)) = (is_folder, entry.file_name().into_string()) {
            instances.push(name);
        }
    }
    instances.sort();
    Ok(instances)
}
