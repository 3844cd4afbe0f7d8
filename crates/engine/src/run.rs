//! One actor per run: makes its worktree, starts its agent, and turns the raw stream into events.
//!
//! The stream lies in an append-only file that the agent writes itself, so it survives the daemon.
//! An adapter is deterministic: after a crash it reads the file again from its start, and what is
//! committed already is passed over.

use crate::error::Error;
use crate::instance::{
    Actors, Control, Orders, await_release, describe, exit_of, failed_start, lost_exit, release,
    stop_leftovers,
};
use crate::message::Message;
use crate::options::Agents;
use crate::secret::Secrets;
use crate::tasks::TaskKind;
use crate::vendor;
use orkestra_agents::{Adapter, AgentSpec, Kind, ProcessExit, RunRequest, adapter, command};
use orkestra_core::agent::AgentEvent;
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::run::{ChangedFile, Run, RunInput, RunOrder, Streamed, Worktree};
use orkestra_core::unit::Exit;
use orkestra_host::git;
use orkestra_host::instance::{InstanceEvent, InstanceEvents, InstanceHandle, Launch, Output};
use orkestra_host::raw::{RawItem, RawReader};
use orkestra_store::RunRow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long an agent may take to end in good order.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// What an agent may print, both streams together, before it is ended with reason `output_cap`.
const OUTPUT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Events of one message at most, so that one commit stays small.
const RECORDS_MAX: usize = 64;

/// Bytes read from the stream at once.
const READ_BYTES: usize = 1024 * 1024;

/// The end of standard error that explains a failure.
const STDERR_TAIL_BYTES: u64 = 4 * 1024;

/// A stored run.
pub(crate) fn from_row(row: &RunRow) -> Result<Run, Error> {
    serde_json::from_str(&row.body).map_err(|error| {
        let what = format!("run {} cannot be read: {error}", row.id);
        Error::Store(orkestra_store::Error::Damaged { what })
    })
}

/// Why a folder is no place for an agent, and what to do.
pub(crate) fn target_problem(target: &Path, error: &git::Error) -> String {
    let target = target.display();
    format!(
        "{target} is no git repository with a commit, and an agent works in a worktree of one ({}). \
         Make it one: git -C {target} init && git -C {target} add -A && git -C {target} commit -m start",
        describe(error)
    )
}

/// The actors of runs.
pub(crate) struct Runs {
    actors: Actors,
}

impl Runs {
    pub(crate) fn new(actors: Actors) -> Self {
        Self { actors }
    }

    /// Lives that begin from now on are of this term.
    pub(crate) fn raise_term(&mut self, term: u64) {
        self.actors.term = term;
    }

    /// Carries out what was decided about a run.
    pub(crate) fn carry_out(&mut self, run: &Run, order: &RunOrder, agents: &Agents) {
        match order {
            RunOrder::Prepare => self.prepare(run),
            RunOrder::Launch { instance } => match spec_of(run, agents) {
                Ok(spec) => self.launch(run, *instance, &spec),
                Err(why) => self.refuse(run.id, why),
            },
            RunOrder::Stop { instance } => {
                let signal = kind_of(run).stop_signal();
                self.actors.send(*instance, Control::Stop(signal, GRACE));
            }
            RunOrder::Release { instance } => self.release(*instance),
        }
    }

    pub(crate) fn release(&mut self, instance: InstanceId) {
        self.actors.release(instance);
    }

    fn refuse(&self, id: RunId, why: String) {
        let outbox = self.actors.outbox.clone();
        self.actors
            .tasks
            .spawn(TaskKind::Run, async move { say(&outbox, id, RunInput::Refused { why }).await });
    }

    /// Makes the worktree; also after a crash, when it may be there already.
    pub(crate) fn prepare(&self, run: &Run) {
        let (id, target) = (run.id, PathBuf::from(&run.target));
        let path = self.actors.options.home.join("worktrees").join(id.to_string());
        let branch = format!("orkestra/{}", id.short());
        let instance = InstanceId::new(self.actors.options.world.uuid());
        let outbox = self.actors.outbox.clone();
        self.actors.tasks.spawn(TaskKind::Run, async move {
            let input = match make_worktree(&target, path, branch).await {
                Ok(worktree) => RunInput::Prepared { worktree, instance },
                Err(error) => {
                    let why = format!("Its worktree could not be made: {}.", describe(&error));
                    RunInput::Refused { why }
                }
            };
            say(&outbox, id, input).await;
        });
    }

    fn launch(&mut self, run: &Run, instance: InstanceId, spec: &AgentSpec) {
        let (id, outbox) = (run.id, self.actors.outbox.clone());
        let actor = self.actor(run, instance);
        let mut launch = match self.launch_of(run, instance, spec) {
            Ok(launch) => launch,
            Err(why) => return self.refuse(id, why),
        };
        let launcher = Arc::clone(&self.actors.launcher);
        let (secrets, env) = (self.actors.secrets.clone(), spec.env.clone());
        self.actors.tasks.spawn(TaskKind::Run, async move {
            if let Err(why) = secrets.fill(&env, &mut launch.env).await {
                let why = format!("Its agent could not be started: {why}.");
                return say(&outbox, id, RunInput::Refused { why }).await;
            }
            match launcher.launch(&launch) {
                Ok((handle, events)) => actor.follow(handle, events).await,
                Err(error) => {
                    let why = format!("Its agent could not be started: {}.", describe(&error));
                    say(&outbox, id, RunInput::Refused { why }).await;
                }
            }
        });
    }

    fn launch_of(
        &self,
        run: &Run,
        instance: InstanceId,
        spec: &AgentSpec,
    ) -> Result<Launch, String> {
        let worktree = run.worktree.as_ref().ok_or("The run has no worktree.")?;
        let session_id = run.session_id.parse().map_err(|_| "Its session id is damaged.")?;
        let folder = run_folder(&self.actors.options.home, run.id);
        let mut request = RunRequest {
            prompt: run.prompt.clone(),
            session_id,
            worktree: PathBuf::from(&worktree.path),
            folder: Some(folder.join("vendor")),
            ..RunRequest::default()
        };
        vendor::read_settings(&mut request, spec, &self.actors.options.env);
        let mut invocation = command(spec, &request).map_err(|error| describe(&error))?;
        let path = self.actors.options.env.iter().find(|(name, _)| name == "PATH");
        let path = spec.env.get("PATH").or(path.map(|(_, value)| value)).map(String::as_str);
        vendor::native(spec, &mut invocation, path);
        vendor::furnish(&invocation)
            .map_err(|error| format!("its vendor's settings cannot be written: {error}"))?;
        let stdin = folder.join("prompt");
        write_private(&folder, &stdin, invocation.stdin.as_deref().unwrap_or_default())
            .map_err(|error| format!("{} cannot be written: {error}", stdin.display()))?;
        let mut env = invocation.environment(self.actors.options.env.iter().cloned());
        env.insert("ORKESTRA_RUN".to_owned(), run.id.to_string());
        Ok(Launch {
            name: format!("run-{}", run.id.short()),
            instance: instance.to_string(),
            term: self.actors.term,
            argv: invocation.argv,
            env: env.into_iter().collect(),
            cwd: invocation.cwd,
            stop_signal: invocation.stop_signal.number(),
            grace: GRACE,
            output: Output::Raw {
                stdout: folder.join("stdout"),
                stderr: folder.join("stderr"),
                cap: OUTPUT_BYTES_MAX,
            },
            stdin: Some(stdin),
            nofile: Some(self.actors.options.nofile),
            user: None,
            notify: None,
            watchdog: None,
        })
    }

    /// Takes over a run that an earlier daemon started.
    pub(crate) fn adopt(
        &mut self,
        run: &Run,
        instance: InstanceId,
        handle: InstanceHandle,
        events: InstanceEvents,
    ) {
        let mut actor = self.actor(run, instance);
        self.actors.tasks.spawn(TaskKind::Run, async move {
            // What was written while no daemon watched is announced by nobody.
            actor.read_on(false).await;
            actor.follow(handle, events).await;
        });
    }

    /// Tells how a run ended while no daemon watched.
    pub(crate) fn ended_meanwhile(
        &mut self,
        run: &Run,
        instance: InstanceId,
        exit: Exit,
        handle: Option<InstanceHandle>,
    ) {
        let mut actor = self.actor(run, instance);
        self.actors.tasks.spawn(TaskKind::Run, async move {
            actor.read_on(true).await;
            actor.ended(exit).await;
            if let Some(handle) = handle {
                await_release(actor.orders, handle).await;
            }
        });
    }

    fn actor(&mut self, run: &Run, instance: InstanceId) -> Actor {
        let orders = self.actors.open(instance);
        let folder = run_folder(&self.actors.options.home, run.id);
        Actor {
            id: run.id,
            instance,
            reader: Some(RawReader::new(&folder.join("stdout"), 0)),
            stderr: folder.join("stderr"),
            worktree: run.worktree.clone(),
            outbox: self.actors.outbox.clone(),
            orders,
            world: Arc::clone(&self.actors.options.world),
            adapter: adapter(kind_of(run)),
            secrets: self.actors.secrets.clone(),
            offset: 0,
            committed: run.offset,
            started_boot_ms: None,
        }
    }
}

/// Where a run's raw stream and prompt lie.
fn run_folder(home: &Path, id: RunId) -> PathBuf {
    home.join("runs").join(id.to_string())
}

/// A prompt may hold secrets: only the owner may read it.
fn write_private(folder: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(bytes)
}

fn kind_of(run: &Run) -> Kind {
    run.kind.parse().unwrap_or(Kind::Script)
}

fn spec_of(run: &Run, agents: &Agents) -> Result<AgentSpec, String> {
    match agents.get(&run.agent) {
        Some(spec) => Ok(spec.clone()),
        None if run.agent == run.kind => Ok(AgentSpec::new(kind_of(run))),
        None => Err(format!("The agent {:?} is not configured any more.", run.agent)),
    }
}

async fn say(outbox: &mpsc::Sender<Message>, id: RunId, input: RunInput) {
    let message = Message::Run { id, input, actor: "daemon".to_owned(), reply: None };
    let _dispatcher_gone = outbox.send(message).await;
}

async fn make_worktree(
    target: &Path,
    path: PathBuf,
    branch: String,
) -> Result<Worktree, git::Error> {
    let base = git::head(target).await?;
    let uncommitted = git::dirty_count(target).await?;
    if !path.join(".git").exists() {
        git::add_worktree(target, &path, &branch).await?;
    }
    let path = path.to_string_lossy().into_owned();
    let uncommitted = u32::try_from(uncommitted).unwrap_or(u32::MAX);
    Ok(Worktree { path, branch, base, uncommitted })
}

/// Follows one run's agent to its end.
struct Actor {
    id: RunId,
    instance: InstanceId,
    /// Away while a blocking thread reads with it.
    reader: Option<RawReader>,
    stderr: PathBuf,
    worktree: Option<Worktree>,
    outbox: mpsc::Sender<Message>,
    orders: Orders,
    world: Arc<dyn crate::world::World>,
    adapter: Box<dyn Adapter>,
    secrets: Secrets,
    /// How far the adapter has read.
    offset: u64,
    /// How far the journal had it when this actor began.
    committed: u64,
    started_boot_ms: Option<u64>,
}

impl Actor {
    async fn follow(mut self, handle: InstanceHandle, mut events: InstanceEvents) {
        loop {
            tokio::select! {
                event = events.next() => {
                    let event = event.unwrap_or(InstanceEvent::Lost);
                    if self.saw(event).await { break }
                }
                control = self.orders.recv() => match control {
                    Some(Control::Stop(signal, grace)) => {
                        handle.stop(grace, Some(signal.number())).await;
                    }
                    Some(Control::Signal(signal)) => handle.signal(signal.number()).await,
                    Some(Control::Release) => { release(&handle).await; return }
                    None => return,
                },
            }
        }
        await_release(self.orders, handle).await;
    }

    /// Tells what happened; true when the agent has ended.
    async fn saw(&mut self, event: InstanceEvent) -> bool {
        let instance = self.instance;
        match event {
            InstanceEvent::Started { pid, .. } => {
                self.started_boot_ms = Some(self.world.now().boot_ms);
                say(&self.outbox, self.id, RunInput::Started { instance, pid, adopted: false })
                    .await;
                return false;
            }
            // No socket was offered.
            InstanceEvent::Notice(_) => return false,
            InstanceEvent::Output { .. } => {
                self.read_on(false).await;
                return false;
            }
            InstanceEvent::Unreachable | InstanceEvent::Superseded { .. } => {
                tracing::error!(run = %self.id, ?event, "Its shim cannot be spoken to.");
                return false;
            }
            InstanceEvent::Failed(failure) => {
                self.ended(failed_start(&failure.message, self.world.now().at)).await;
            }
            InstanceEvent::Exited(exit) => {
                self.read_on(true).await;
                self.ended(exit_of(&exit)).await;
            }
            InstanceEvent::Lost => {
                stop_leftovers(&instance.to_string()).await;
                self.read_on(true).await;
                self.ended(lost_exit("shim_lost", self.world.now().at)).await;
            }
        }
        true
    }

    /// Reads what is new in the stream and tells the dispatcher, in messages of bounded size.
    /// `last`: nothing more will come, so a line without its end is a line too.
    async fn read_on(&mut self, last: bool) {
        loop {
            let Some(mut reader) = self.reader.take() else { return };
            // Files are read beside the async threads: a slow disk must not hold up others.
            let read = tokio::task::spawn_blocking(move || {
                let items = reader.read(READ_BYTES);
                (reader, items)
            });
            let Ok((mut reader, items)) = read.await else { return };
            let mut items = match items {
                Ok(items) => items,
                Err(error) => {
                    tracing::warn!(run = %self.id, error = %describe(&error),
                        "The run's stream cannot be read.");
                    self.reader = Some(reader);
                    return;
                }
            };
            let at_end = reader.is_at_end();
            if at_end && last {
                items.extend(reader.finish());
            }
            self.reader = Some(reader);
            self.parse(items).await;
            if at_end {
                return;
            }
        }
    }

    async fn parse(&mut self, items: Vec<RawItem>) {
        let mut records = Vec::new();
        for item in items {
            let (begin, next, events) = match item {
                RawItem::Line { offset, next, bytes } => (offset, next, self.adapter.line(&bytes)),
                RawItem::Oversize { offset, next, len } => {
                    (offset, next, self.adapter.skipped(b"", len))
                }
            };
            self.offset = next;
            // Numbered before anything is passed over, so that a number means the same event
            // for every reader of the stream.
            let fresh = begin >= self.committed;
            for (index, event) in (0..).zip(events) {
                if fresh {
                    let event = self.told(event);
                    records.push(Streamed { offset: begin, index, event });
                }
            }
            if records.len() >= RECORDS_MAX {
                self.tell(std::mem::take(&mut records)).await;
            }
        }
        self.tell(records).await;
    }

    /// What the agent said without the secrets that it was given.
    fn told(&self, event: AgentEvent) -> AgentEvent {
        if self.secrets.is_empty() {
            return event;
        }
        let Ok(mut value) = serde_json::to_value(&event) else { return event };
        self.secrets.redact_value(&mut value);
        serde_json::from_value(value).unwrap_or(event)
    }

    async fn tell(&mut self, records: Vec<Streamed>) {
        if records.is_empty() && self.offset <= self.committed {
            return;
        }
        let input = RunInput::Streamed { instance: self.instance, records, offset: self.offset };
        say(&self.outbox, self.id, input).await;
    }

    async fn ended(&mut self, mut exit: Exit) {
        if let Some(started) = self.started_boot_ms {
            exit.uptime_ms = self.world.now().boot_ms.saturating_sub(started);
        }
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => ProcessExit::Code(code),
            (None, Some(signal)) => ProcessExit::Signal(signal),
            (None, None) => ProcessExit::Lost,
        };
        let stderr = end_of(&self.stderr).unwrap_or_default();
        let events = self.adapter.finish(how, &String::from_utf8_lossy(&stderr));
        let offset = self.offset;
        let records = (0..)
            .zip(events)
            .map(|(index, event)| Streamed { offset, index, event: self.told(event) })
            .collect();
        let input = RunInput::Exited {
            instance: self.instance,
            exit,
            records,
            files: self.changed_files().await,
        };
        say(&self.outbox, self.id, input).await;
    }

    async fn changed_files(&mut self) -> Option<Vec<ChangedFile>> {
        let worktree = self.worktree.as_ref()?;
        match git::changed_since(Path::new(&worktree.path), &worktree.base).await {
            Ok(files) => Some(
                files
                    .into_iter()
                    .map(|file| ChangedFile { path: file.path, status: file.status })
                    .collect(),
            ),
            Err(error) => {
                tracing::warn!(run = %self.id, %error, "The worktree's changes cannot be listed.");
                None
            }
        }
    }
}

/// The end of a file, at most `STDERR_TAIL_BYTES`.
fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(STDERR_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(STDERR_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
