//! The command of a check, as an instance of its own under a shim: its whole tree ends with it, and
//! nothing of it is left when the daemon dies.

use crate::instance::{describe, release, stop_leftovers};
use crate::options::Options;
use crate::sandbox::{Enclosure, enclose};
use orkestra_agents::secret::is_secret;
use orkestra_agents::{AgentSpec, Kind};
use orkestra_core::evidence::Ran;
use orkestra_core::id::InstanceId;
use orkestra_core::run::Run;
use orkestra_core::signal::Signal;
use orkestra_host::instance::{
    Exit, InstanceEvent, InstanceEvents, InstanceHandle, Launch, Launcher, Output,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a command may print, both streams together.
const OUTPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The end of its output that is kept with the result.
const TAIL_BYTES: u64 = 4 * 1024;

/// How long it may take to end in good order once it is to end.
const GRACE: Duration = Duration::from_secs(2);

/// What a shim does with an output that is too large.
const TOO_MUCH: &str = "output_cap";

/// A command to run.
pub(crate) struct Command<'a> {
    pub(crate) instance: InstanceId,
    /// Which check, from 0.
    pub(crate) index: usize,
    /// A line for `/bin/sh`.
    pub(crate) line: &'a str,
    pub(crate) limit_ms: u64,
}

/// How a command ended.
pub(crate) struct Outcome {
    pub(crate) ran: Ran,
    /// The end of what it printed.
    pub(crate) output: String,
    handle: Option<InstanceHandle>,
}

impl Outcome {
    /// It never ran.
    pub(super) fn never(ran: Ran) -> Self {
        Self { ran, output: String::new(), handle: None }
    }

    /// Lets its instance go; its end is committed.
    pub(crate) async fn release(self) {
        if let Some(handle) = self.handle {
            release(&handle).await;
        }
    }
}

/// With what commands are started.
pub(crate) struct Commands {
    pub(crate) options: Options,
    pub(crate) term: u64,
    pub(crate) launcher: Arc<Launcher>,
}

/// Where a command is run, and what holds it.
pub(crate) struct At {
    /// What the process is called in lists.
    pub(crate) name: String,
    /// Where its output is written; nothing of it is left.
    pub(crate) folder: PathBuf,
    /// Where it works.
    pub(crate) cwd: PathBuf,
    /// Beside what helper programs inherit.
    pub(crate) env: Vec<(String, String)>,
    /// What it may do; without it all.
    pub(crate) enclosure: Option<Enclosure>,
}

impl Commands {
    /// Runs a command to its end; nothing when the round was given up meanwhile.
    pub(super) async fn run(
        &self,
        run: &Run,
        command: &Command<'_>,
        given_up: &CancellationToken,
    ) -> Result<Option<Outcome>, orkestra_host::Error> {
        let Some(worktree) = &run.worktree else {
            return Ok(Some(Outcome::never(Ran::Lost("the run has no worktree".to_owned()))));
        };
        let at = At {
            name: format!("check-{}", run.id.short()),
            folder: super::place::run_folder(&self.options.home, run.id)
                .join("checks")
                .join(command.instance.to_string()),
            cwd: PathBuf::from(&worktree.path),
            env: vec![("ORKESTRA_RUN".to_owned(), run.id.to_string())],
            enclosure: Enclosure::of(&self.options, run, &self.spec_of(run)),
        };
        self.run_at(at, command, given_up).await
    }

    /// Runs a command to its end somewhere else than where a run works.
    pub(crate) async fn run_at(
        &self,
        at: At,
        command: &Command<'_>,
        given_up: &CancellationToken,
    ) -> Result<Option<Outcome>, orkestra_host::Error> {
        let folder = at.folder.clone();
        if let Err(error) = make_private(&folder) {
            let why = format!("{} cannot be made: {error}", folder.display());
            return Ok(Some(Outcome::never(Ran::Lost(why))));
        }
        let mut launch = self.launch_of(&at, command);
        // What it runs may be of the agent's making, so it may do no more than the agent.
        if let Some(enclosure) = &at.enclosure
            && let Err(why) = enclose(enclosure, &mut launch).await
        {
            return Ok(Some(Outcome::never(Ran::Lost(why))));
        }
        let launcher = Arc::clone(&self.launcher);
        let runtime = tokio::runtime::Handle::current();
        // Making folders and spawning may wait for the disk.
        let launched = tokio::task::spawn_blocking(move || {
            let _context = runtime.enter();
            launcher.launch(&launch)
        });
        let (handle, events) = match launched.await {
            Ok(launched) => launched?,
            Err(error) => return Ok(Some(Outcome::never(Ran::Lost(describe(&error))))),
        };
        let limit = Duration::from_millis(command.limit_ms);
        let ran = follow(&handle, events, limit, given_up).await;
        if given_up.is_cancelled() {
            release(&handle).await;
            return Ok(None);
        }
        let output = tail(&folder);
        let _nothing_else_reads_it = std::fs::remove_dir_all(&folder);
        Ok(Some(Outcome { ran, output, handle: Some(handle) }))
    }

    /// Somebody with the same sandbox as the run's agent, but without its vendor's own folders.
    fn spec_of(&self, run: &Run) -> AgentSpec {
        let mut spec = AgentSpec::new(Kind::Script);
        spec.sandbox = match self.options.agents.get(&run.agent) {
            Some(agent) => agent.sandbox.clone(),
            None => self.options.upkeep.sandbox.clone(),
        };
        spec
    }

    fn launch_of(&self, at: &At, command: &Command<'_>) -> Launch {
        let mut env = self.options.env.clone();
        env.retain(|(name, _)| name != "ORKESTRA_RUN" && name != "ORKESTRA_CHECK");
        // What is checked was written by an agent, and can print what it finds.
        env.retain(|(name, _)| !is_secret(name));
        env.extend(at.env.iter().cloned());
        env.push(("ORKESTRA_CHECK".to_owned(), command.index.to_string()));
        Launch {
            name: at.name.clone(),
            instance: command.instance.to_string(),
            term: self.term,
            argv: ["/bin/sh", "-c", command.line].map(str::to_owned).to_vec(),
            env,
            cwd: at.cwd.clone(),
            stop_signal: Signal::TERM.number(),
            grace: GRACE,
            output: Output::Raw {
                stdout: at.folder.join("stdout"),
                stderr: at.folder.join("stderr"),
                cap: OUTPUT_BYTES_MAX,
            },
            stdin: None,
            nofile: Some(self.options.nofile),
            user: None,
            notify: None,
            watchdog: None,
        }
    }
}

/// Follows a process to its end, which comes at the latest some seconds after its limit.
async fn follow(
    handle: &InstanceHandle,
    mut events: InstanceEvents,
    limit: Duration,
    given_up: &CancellationToken,
) -> Ran {
    let over = tokio::time::sleep(limit);
    tokio::pin!(over);
    let mut too_long = false;
    let mut asked_to_stop = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(InstanceEvent::Exited(exit)) if too_long => {
                    tracing::debug!(instance = handle.instance(), ?exit, "A check took too long.");
                    return Ran::TooLong;
                }
                Some(InstanceEvent::Exited(exit)) => return how(&exit),
                Some(InstanceEvent::Failed(failure)) => return Ran::Lost(failure.message),
                Some(InstanceEvent::Lost) | None => {
                    stop_leftovers(handle.instance()).await;
                    return Ran::Lost("its shim was lost".to_owned());
                }
                Some(_) => {}
            },
            () = &mut over, if !too_long => {
                too_long = true;
                handle.stop(GRACE, Some(Signal::TERM.number())).await;
            }
            () = given_up.cancelled(), if !asked_to_stop => {
                asked_to_stop = true;
                handle.stop(GRACE, Some(Signal::TERM.number())).await;
            }
        }
    }
}

fn how(exit: &Exit) -> Ran {
    if exit.reason == TOO_MUCH {
        return Ran::TooMuch;
    }
    match (exit.code, exit.signal, &exit.failure) {
        (_, _, Some(failure)) => Ran::Lost(failure.message.clone()),
        (Some(code), _, None) => Ran::Code(code),
        (None, Some(signal), None) => Ran::Signal(format!("SIG{}", Signal::name_of(signal))),
        (None, None, None) => Ran::Lost("nobody saw its end".to_owned()),
    }
}

/// The end of both streams, standard output first.
fn tail(folder: &Path) -> String {
    let ends = ["stdout", "stderr"].map(|name| end_of(&folder.join(name)).unwrap_or_default());
    let texts = ends.iter().map(|end| String::from_utf8_lossy(end).trim().to_owned());
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The end of a file, at most half of what is kept.
fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES / 2)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES / 2).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a command prints may be anybody's secret: only the owner may read it.
pub(super) fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
