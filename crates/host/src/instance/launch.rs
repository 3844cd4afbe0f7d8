//! Starting an instance: folder, lock, shim.

use std::ffi::CString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::link::{self, Stream};
use super::{InstanceEvents, InstanceHandle};
use crate::account::{self, Account};
use crate::error::{Doing, Error};
use crate::limits::NoFile;
use crate::spawn::{Spawn, spawn};
use crate::{home, lock, reap};

/// The static shim, built by build.rs.
static SHIM: &[u8] = include_bytes!(env!("ORKESTRA_SHIM"));

/// Room for the name of a socket.
const SOCKET_NAME: usize = 107;
/// What readiness by notification sets.
const OURS: [&[u8]; 3] = [b"NOTIFY_SOCKET=", b"WATCHDOG_USEC=", b"WATCHDOG_PID="];

/// What to start and how.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The unit's name, for `ps`.
    pub name: String,
    /// The instance's id: used once.
    pub instance: String,
    /// The daemon's term: shims refuse older ones.
    pub term: u64,
    /// Program (searched in the PATH of `env`) and arguments.
    pub argv: Vec<String>,
    /// The complete environment; ORKESTRA_UNIT and ORKESTRA_INSTANCE are added.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub cwd: PathBuf,
    /// The polite signal.
    pub stop_signal: i32,
    /// How long left-over processes get when the leader ends by itself.
    pub grace: Duration,
    /// Where its output goes.
    pub output: Output,
    /// Its input; nothing by default.
    pub stdin: Option<PathBuf>,
    /// Its limit of open files: see [`crate::limits::raise_nofile`].
    pub nofile: Option<NoFile>,
    /// Whom it belongs to (`name`, `uid`, each with `:group`); the daemon's own user without it.
    pub user: Option<String>,
    /// Who may tell how it does, by the socket that NOTIFY_SOCKET names; none by default.
    pub notify: Option<Notify>,
    /// How often it has to say WATCHDOG=1: set as WATCHDOG_USEC.
    pub watchdog: Option<Duration>,
}

/// Who may send notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Only the leader.
    Main,
    /// Every process of the tree.
    All,
}

/// Where output goes.
#[derive(Debug, Clone)]
pub enum Output {
    /// Timestamped lines in numbered files: see [`crate::output`].
    Log {
        /// The folder; made if missing.
        dir: PathBuf,
        /// A new file is begun when one is larger than this.
        max_bytes: u64,
        /// How many files are kept.
        keep: u64,
        /// What happens while the disk is full.
        full: Full,
    },
    /// Two append-only files which the unit writes itself: see [`crate::raw`].
    Raw {
        /// Standard output.
        stdout: PathBuf,
        /// Standard error.
        stderr: PathBuf,
        /// The unit is killed when both together are larger.
        cap: u64,
    },
}

/// What happens to output while the disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The unit waits, nothing is lost.
    Block,
    /// The unit goes on, what is lost is counted in the log.
    Drop,
}

/// Starts instances in one run folder.
#[derive(Debug)]
pub struct Launcher {
    run_dir: PathBuf,
    memory: Option<OwnedFd>,
    /// Set once the shim had to be put into a file.
    file: OnceLock<PathBuf>,
}

impl Launcher {
    /// Prepares the shim's program.
    pub fn new(run_dir: &Path) -> Result<Self, Error> {
        home::make_private(run_dir)?;
        let memory = match shim_in_memory() {
            Ok(memory) => Some(memory),
            Err(error) => {
                tracing::info!(%error, "no executable memory file; the shim becomes a file");
                None
            }
        };
        Ok(Self { run_dir: run_dir.to_owned(), memory, file: OnceLock::new() })
    }

    /// The folder that holds the instances.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Starts an instance. What the shim then reports comes as events; an error here means that
    /// nothing was started. Needs a Tokio runtime.
    pub fn launch(&self, launch: &Launch) -> Result<(InstanceHandle, InstanceEvents), Error> {
        let user = launch.user.as_deref().map(account::to_become).transpose()?.flatten();
        let mut argv = arguments(launch, user.as_ref())?;
        let mut env = environment(launch, user.as_ref())?;
        self.add_notify(launch, user.is_some(), &mut argv, &mut env)?;
        if let Output::Log { dir, .. } = &launch.output {
            home::make_private(dir)?;
        }
        let dir = self.run_dir.join(&launch.instance);
        DirBuilder::new().mode(0o700).create(&dir).map_err(|source| {
            if source.kind() == ErrorKind::AlreadyExists {
                return Error::InstanceExists { instance: launch.instance.clone() };
            }
            Error::System { doing: "make", path: Some(dir.clone()), source }
        })?;
        let started = self.start(&dir, &argv, &env).and_then(|connection| {
            connection.set_nonblocking(true).doing("prepare the shim's connection")?;
            Stream::from_std(connection).doing("watch the shim's connection")
        });
        match started {
            Ok(connection) => Ok(link::open(&dir, &launch.instance, launch.term, connection)),
            Err(error) => {
                // Nothing runs; an empty folder would look like a lost instance.
                let _ = fs::remove_dir_all(&dir);
                Err(error)
            }
        }
    }

    /// The socket for notices: in the instance's folder where its name is short enough and its
    /// user may enter, else without a file.
    fn add_notify(
        &self,
        launch: &Launch,
        other_user: bool,
        argv: &mut Vec<CString>,
        env: &mut Vec<CString>,
    ) -> Result<(), Error> {
        if launch.notify.is_none() && launch.watchdog.is_none() {
            return Ok(());
        }
        env.retain(|entry| {
            let entry = entry.as_bytes();
            !OURS.iter().any(|name| entry.starts_with(name))
        });
        if let Some(every) = launch.watchdog {
            env.push(c_string("a time", format!("WATCHDOG_USEC={}", every.as_micros()))?);
        }
        let Some(notify) = launch.notify else { return Ok(()) };
        let path = self.run_dir.join(&launch.instance).join("notify");
        let path = path.into_os_string().into_encoded_bytes();
        let name = if other_user || path.len() >= SOCKET_NAME || !path.starts_with(b"/") {
            format!("@orkestra/{}", launch.instance).into_bytes()
        } else {
            path
        };
        let who: &[u8] = if notify == Notify::All { b"all" } else { b"main" };
        let words = [[b"notify=", who].concat(), [b"notify_socket=", name.as_slice()].concat()];
        for word in words {
            argv.insert(1, c_string("the run folder", word)?);
        }
        env.push(c_string("the run folder", [b"NOTIFY_SOCKET=", name.as_slice()].concat())?);
        Ok(())
    }

    fn start(&self, dir: &Path, argv: &[CString], env: &[CString]) -> Result<UnixStream, Error> {
        let path = dir.join("lock");
        let lock_file = lock::open(&path, 0o600).doing_at("make", &path)?;
        // Locked before the shim exists: no other daemon ever sees this instance as dead.
        if !lock::try_lock(&lock_file).doing_at("lock", &path)? {
            return Err(Error::Unusable { what: "a new lock", why: "somebody else holds it" });
        }
        let folder = open_path(dir)?;
        let (ours, theirs) = UnixStream::pair().doing("make a connection for the shim")?;
        let descriptors = [(theirs.as_fd(), 3), (folder.as_fd(), 4), (lock_file.as_fd(), 5)];
        let spawn_from = |program: CString| {
            spawn(&Spawn { program: &program, argv, env, descriptors: &descriptors })
        };
        let pid = match (&self.memory, self.file.get()) {
            (Some(memory), None) => {
                let program = c_string("a path", format!("/proc/self/fd/{}", memory.as_raw_fd()))?;
                match spawn_from(program) {
                    // Some systems forbid programs in memory (vm.memfd_noexec, SELinux).
                    Err(error) if forbids_execution(&error) => spawn_from(self.shim_file()?),
                    result => result,
                }
            }
            _ => spawn_from(self.shim_file()?),
        };
        let pid = pid.doing("start the shim")?;
        tokio::spawn(reap::reap(pid));
        Ok(ours)
    }

    /// The shim as a file, where it cannot be run from memory.
    fn shim_file(&self) -> Result<CString, Error> {
        let path = self.run_dir.join(".shim");
        if self.file.get().is_none() {
            let fresh = self.run_dir.join(".shim.new");
            write_program(&fresh)
                .and_then(|()| fs::rename(&fresh, &path))
                .doing_at("write the shim to", &path)?;
            let _ = self.file.set(path.clone());
        }
        c_string("the run folder", path.into_os_string().into_encoded_bytes())
    }
}

fn write_program(path: &Path) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o700).open(path)?;
    file.write_all(SHIM)?;
    file.set_permissions(Permissions::from_mode(0o500))
}

fn forbids_execution(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EACCES | libc::EPERM | libc::ENOENT | libc::ENOEXEC | libc::ETXTBSY)
    )
}

/// A sealed memory file: one copy of the shim in memory for all instances, and none on disk that
/// an upgrade could change under them.
fn shim_in_memory() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = match memfd_create(c"orkestra-shim", flags | MemfdFlags::EXEC) {
        // Kernels before 6.3 do not know the flag and allow execution anyway.
        Err(rustix::io::Errno::INVAL) => memfd_create(c"orkestra-shim", flags),
        result => result,
    };
    let mut file = File::from(made?);
    file.write_all(SHIM)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK)?;
    // A program that is open for writing cannot be executed; a read-only description can.
    let reader = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    // Above the numbers that the shim's own descriptors get: its program is named by number.
    Ok(rustix::io::fcntl_dupfd_cloexec(&reader, 16)?)
}

/// Opens a folder for nothing but reaching what is in it.
pub(super) fn open_path(dir: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(dir)
        .doing_at("open", dir)
}

fn c_string(what: &'static str, bytes: impl Into<Vec<u8>>) -> Result<CString, Error> {
    CString::new(bytes).map_err(|_| Error::Unusable { what, why: "it contains a NUL byte" })
}

fn arguments(launch: &Launch, user: Option<&Account>) -> Result<Vec<CString>, Error> {
    if launch.argv.first().is_none_or(String::is_empty) {
        return Err(Error::Unusable { what: "the command", why: "it is empty" });
    }
    if launch.instance.is_empty()
        || !launch
            .instance
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        return Err(Error::Unusable {
            what: "the instance id",
            why: "only letters, digits, - and _ make a safe folder name",
        });
    }
    let mut words: Vec<Vec<u8>> = vec![b"orkestra-shim".to_vec()];
    let mut add = |key: &str, value: &[u8]| words.push([key.as_bytes(), b"=", value].concat());
    let path = |path: &Path| path.as_os_str().as_encoded_bytes().to_vec();
    add("name", launch.name.as_bytes());
    add("instance", launch.instance.as_bytes());
    add("term", launch.term.to_string().as_bytes());
    add("cwd", &path(&launch.cwd));
    add("stop_signal", launch.stop_signal.to_string().as_bytes());
    add("grace_ms", launch.grace.as_millis().to_string().as_bytes());
    match &launch.output {
        Output::Log { dir, max_bytes, keep, full } => {
            let seq = crate::output::current_log_seq(dir)?;
            add("mode", b"log");
            add("log_dir", &path(dir));
            add("log_seq", seq.to_string().as_bytes());
            add("log_max", max_bytes.to_string().as_bytes());
            add("log_keep", keep.to_string().as_bytes());
            add("full", if *full == Full::Block { b"block" } else { b"drop" });
        }
        Output::Raw { stdout, stderr, cap } => {
            add("mode", b"raw");
            add("stdout", &path(stdout));
            add("stderr", &path(stderr));
            add("cap", cap.to_string().as_bytes());
        }
    }
    if let Some(stdin) = &launch.stdin {
        add("stdin", &path(stdin));
    }
    if let Some((soft, hard)) = launch.nofile {
        add("nofile_soft", soft.to_string().as_bytes());
        add("nofile_hard", hard.to_string().as_bytes());
    }
    if let Some(user) = user {
        let groups: Vec<String> = user.groups.iter().map(u32::to_string).collect();
        add("uid", user.uid.to_string().as_bytes());
        add("gid", user.gid.to_string().as_bytes());
        add("groups", groups.join(",").as_bytes());
    }
    words.push(b"--".to_vec());
    words.extend(launch.argv.iter().map(|word| word.as_bytes().to_vec()));
    words.into_iter().map(|word| c_string("the command line", word)).collect()
}

fn environment(launch: &Launch, user: Option<&Account>) -> Result<Vec<CString>, Error> {
    let mut ours = vec![("ORKESTRA_UNIT", &launch.name), ("ORKESTRA_INSTANCE", &launch.instance)];
    if let Some(user) = user {
        ours.extend([("HOME", &user.home), ("SHELL", &user.shell)]);
        ours.extend([("USER", &user.name), ("LOGNAME", &user.name)]);
    }
    let given = launch.env.iter().map(|(key, value)| (key.as_str(), value));
    given
        .filter(|(key, _)| !ours.iter().any(|(own, _)| own == key))
        .chain(ours.iter().copied())
        .map(|(key, value)| {
            if key.is_empty() || key.contains('=') {
                return Err(Error::Unusable {
                    what: "an environment variable",
                    why: "its name is empty or contains =",
                });
            }
            c_string("an environment variable", format!("{key}={value}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Full, Launch, Launcher, Output};
    use crate::instance::InstanceEvent;
    use std::sync::OnceLock;
    use std::time::Duration;

    #[tokio::test]
    async fn where_memory_may_not_be_executed_the_shim_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = dir.path().join("run");
        crate::home::make_private(&run_dir).unwrap();
        let launcher = Launcher { run_dir, memory: None, file: OnceLock::new() };
        for instance in ["one", "two"] {
            let log = dir.path().join("log");
            let launch = Launch {
                name: "unit".into(),
                instance: instance.into(),
                term: 1,
                argv: vec!["/bin/true".into()],
                env: Vec::new(),
                cwd: "/".into(),
                stop_signal: 15,
                grace: Duration::ZERO,
                output: Output::Log { dir: log, max_bytes: 1, keep: 1, full: Full::Block },
                stdin: None,
                nofile: None,
                user: None,
                notify: None,
                watchdog: None,
            };
            let (handle, mut events) = launcher.launch(&launch).unwrap();
            assert!(matches!(events.next().await, Some(InstanceEvent::Started { .. })));
            assert!(matches!(events.next().await, Some(InstanceEvent::Exited(_))));
            handle.release().await.unwrap();
        }
        let left = crate::instance::list_instances(launcher.run_dir()).unwrap();
        assert!(left.is_empty(), "the file counts as no instance: {left:?}");
    }
}
