//! One instance of a unit: launched once, held by its shim, adopted by later daemons.
//!
//! An instance is a folder `run/<instance>/` with `lock` (held by the shim while it lives), `s`
//! (its socket) and `exit` (how it ended). The lock is its identity: a pid in a file or message is
//! only shown, never signalled.

mod adopt;
mod launch;
mod link;
mod marked;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

pub use self::adopt::{Adopted, State, adopt, list_instances};
pub use self::launch::{Full, Launch, Launcher, Notify, Output};
pub use self::marked::stop_marked;
pub(crate) use self::marked::stop_with;

use crate::error::{Doing, Error};
use crate::lock;

/// How many events may wait for a slow consumer; news about output sizes is merged before.
const EVENTS: usize = 64;

/// How an instance ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Exit code of the leader.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Set when it never ran.
    pub failure: Option<StartFailure>,
    /// `exited`, `stopped`, `output_cap`, `failed`.
    pub reason: String,
    /// SIGKILL was needed.
    pub killed: bool,
    /// Processes that not even SIGKILL ended.
    pub survivors: u32,
    /// When the leader's end was seen, in microseconds since 1970.
    pub at: u64,
    /// Output lines lost to a full disk.
    pub dropped: u64,
}

/// Why a unit could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailure {
    /// `setup`, `output`, `fork`, `user`, `cwd`, `stdin` or `exec`.
    pub stage: String,
    /// The system's error number.
    pub errno: i32,
    /// In words.
    pub message: String,
}

impl StartFailure {
    fn new(stage: &str, errno: i32) -> Self {
        let what = match stage {
            "cwd" => "cannot enter its working directory",
            "stdin" => "cannot open its input",
            "output" => "cannot open its output",
            "fork" => "cannot make a process",
            "user" => "cannot become its user",
            "exec" => "cannot execute its program",
            _ => "cannot be set up",
        };
        let reason = std::io::Error::from_raw_os_error(errno);
        Self { stage: stage.to_owned(), errno, message: format!("{what}: {reason}") }
    }
}

/// What a process says about itself (`sd_notify`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// READY=1.
    Ready,
    /// RELOADING=1.
    Reloading,
    /// STOPPING=1.
    Stopping,
    /// STATUS=…, at most 200 bytes.
    Status(String),
    /// WATCHDOG=1.
    Watchdog,
    /// EXTEND_TIMEOUT_USEC=…
    Extend(Duration),
    /// Somebody who may not send did so; told once for each life.
    Refused {
        /// Who.
        pid: u32,
    },
}

/// What happens to an instance. `Failed`, `Exited`, `Lost` and `Superseded` are final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceEvent {
    /// The program runs.
    Started {
        /// The leader's pid (to show and to sample, never to signal).
        pid: u32,
        /// Its kernel start time.
        start_time: u64,
    },
    /// The program could not be started.
    Failed(StartFailure),
    /// Raw files grew to these sizes.
    Output {
        /// Bytes of standard output.
        stdout: u64,
        /// Bytes of standard error.
        stderr: u64,
    },
    /// The process says something about itself. What still holds is said again to a new daemon.
    Notice(Notice),
    /// The shim is of an older version and cannot halt a tree.
    CannotFreeze,
    /// The leader ended and its tree is empty.
    Exited(Exit),
    /// The shim is gone without a word: see [`stop_marked`].
    Lost,
    /// The shim lives but has not answered for some seconds; it is asked on.
    Unreachable,
    /// A newer daemon owns the instance.
    Superseded {
        /// Its term.
        term: u64,
    },
}

/// Events of one instance, in order.
#[derive(Debug)]
pub struct InstanceEvents(mpsc::Receiver<InstanceEvent>);

impl InstanceEvents {
    /// The next event; `None` after a final one when every handle is gone.
    pub async fn next(&mut self) -> Option<InstanceEvent> {
        self.0.recv().await
    }
}

/// What a handle asks its link for.
#[derive(Debug)]
enum Control {
    Signal(i32),
    /// Halt the tree, or let it go on.
    Freeze(bool),
    Stop {
        grace: Duration,
        signal: Option<i32>,
    },
    Release(oneshot::Sender<Result<(), Error>>),
}

/// Acts on one instance. Dropping it (and its events) changes nothing for the instance.
#[derive(Debug, Clone)]
pub struct InstanceHandle {
    control: mpsc::Sender<Control>,
    dir: PathBuf,
    instance: String,
}

impl InstanceHandle {
    /// For an instance without a living shim: there is only a folder to remove.
    fn of_the_dead(dir: &Path, instance: &str) -> Self {
        let (control, _) = mpsc::channel(1);
        Self { control, dir: dir.to_owned(), instance: instance.to_owned() }
    }

    /// The instance's id.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Signals the leader. An instance that has ended needs none: that is no error.
    pub async fn signal(&self, signal: i32) {
        let _ = self.control.send(Control::Signal(signal)).await;
    }

    /// Halts the whole tree: every process that descends from the leader, whatever session it
    /// made. A shim that cannot is an event.
    pub async fn freeze(&self) {
        let _ = self.control.send(Control::Freeze(true)).await;
    }

    /// Lets the tree go on.
    pub async fn thaw(&self) {
        let _ = self.control.send(Control::Freeze(false)).await;
    }

    /// Stops the whole tree: signal (or the unit's own), grace, then SIGKILL. The end comes as
    /// an event. Asking again can only shorten the grace.
    pub async fn stop(&self, grace: Duration, signal: Option<i32>) {
        let _ = self.control.send(Control::Stop { grace, signal }).await;
    }

    /// Lets the shim go and removes `run/<instance>/`, once the exit is committed. Repeating it
    /// is fine; before the end it is [`Error::NotEnded`].
    pub async fn release(&self) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        if self.control.send(Control::Release(answer)).await.is_ok()
            && let Ok(result) = answered.await
        {
            result?;
        }
        remove_dead(&self.dir, &self.instance)
    }
}

/// Whether nobody holds the lock of an instance's folder.
///
/// # Errors
/// The lock cannot be looked at.
pub fn is_abandoned(dir: &Path) -> Result<bool, Error> {
    let lock = dir.join("lock");
    lock::is_held(&lock).doing_at("look at the lock", &lock).map(|held| !held)
}

/// Removes the folder of an instance whose lock is free.
fn remove_dead(dir: &Path, instance: &str) -> Result<(), Error> {
    let lock = dir.join("lock");
    if lock::is_held(&lock).doing_at("look at the lock", &lock)? {
        return Err(Error::Unreachable { instance: instance.to_owned() });
    }
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing_at("remove", dir)
        }
        _ => Ok(()),
    }
}
