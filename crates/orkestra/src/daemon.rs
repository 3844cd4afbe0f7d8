//! The daemon put together: lock, store, engine, server, configuration watch, signals.

use crate::commands::Context;
use crate::config::{Errors, Loaded, Problem, render_all};
use crate::exit::{Code, Failure, chain};
use crate::terminal;
use orkestra_core::event::{Draft, Topic};
use orkestra_engine::{FutureKind, Futures, Handle, RealWorld, World};
use orkestra_host::home::HomeLock;
use orkestra_host::service::announce::Announcer;
use orkestra_server::{Answer, Configuration, Logins, wire};
use orkestra_store::Store;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The configuration in force, and how to get the next one.
struct Live {
    context: Context,
    engine: Handle,
    announcer: Announcer,
    state: Mutex<State>,
    /// One reload at a time, or two could apply in the wrong order.
    reloading: tokio::sync::Mutex<()>,
}

struct State {
    loaded: Loaded,
    refused: Option<wire::Refused>,
}

/// A running daemon.
pub(crate) struct Daemon {
    pub(crate) url: String,
    engine: Handle,
    live: Arc<Live>,
    futures: Futures,
    logins: Logins,
    signals: Signals,
    /// Held until the end: nobody else may use this home.
    _lock: HomeLock,
}

/// What it is told from outside. Listened to before the first unit starts: a signal that came
/// earlier would end the daemon alone.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error: std::io::Error| Failure::of(&error));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }
}

/// This program's file; when it was replaced since, the new one that lies in its place.
fn own_program() -> Result<PathBuf, Failure> {
    let path = std::env::current_exe().map_err(|error| Failure::of(&error))?;
    let name = path.to_string_lossy();
    Ok(name.strip_suffix(" (deleted)").map_or(path.clone(), PathBuf::from))
}

/// Opens everything in order. After this the daemon serves.
pub(crate) async fn start(context: Context, loaded: Loaded) -> Result<Daemon, Failure> {
    let home = loaded.settings.home.clone();
    let logs = home.join("logs");
    let lock = take_home(&home)?;
    refuse_network_disk(&home)?;
    let nofile = orkestra_host::limits::raise_nofile();
    let store = open_store(&home)?;
    let futures = Futures::default();
    let signals = Signals::listen()?;
    let options = orkestra_engine::Options {
        home: home.clone(),
        store: store.clone(),
        world: Arc::new(RealWorld),
        env: context.surroundings.for_units(),
        nofile,
        units: loaded.settings.units.clone(),
        agents: loaded.settings.agents.clone(),
        jobs: loaded.settings.jobs.clone(),
        upkeep: loaded.settings.upkeep.clone(),
        program: own_program()?,
        version: VERSION.to_owned(),
    };
    let engine =
        orkestra_engine::start(options, &futures).await.map_err(|error| Failure::of(&error))?;
    let logins = Logins::open(&home, store).map_err(|error| Failure::of(&error))?;
    let address = loaded.settings.address();
    let announcer = context.surroundings.announcer();
    let live = Arc::new(Live {
        context,
        announcer,
        engine: engine.clone(),
        state: Mutex::new(State { loaded: loaded.for_daemon(), refused: None }),
        reloading: tokio::sync::Mutex::new(()),
    });
    let server = orkestra_server::Options {
        engine: engine.clone(),
        logins: logins.clone(),
        configuration: Arc::new(Shared(Arc::clone(&live))),
        address,
        home,
        version: VERSION.to_owned(),
    };
    let running = match orkestra_server::serve(server, &futures).await {
        Ok(running) => running,
        Err(error) => {
            // Units that are up stay up: the next daemon takes them over.
            engine.close(true, "daemon").await;
            engine.closed().await;
            return Err(Failure::of(&error)
                .hint("The units that were started go on; `orkestra up` takes them over."));
        }
    };
    let daemon = Daemon { url: running.url, engine, live, futures, logins, signals, _lock: lock };
    daemon.watch_files();
    daemon.futures.spawn(FutureKind::Service, give_memory_back());
    daemon.futures.spawn(FutureKind::Service, look_after_log(logs));
    daemon.announce();
    Ok(daemon)
}

/// Takes the home's lock, and carries a restore to its end that was cut off.
pub(crate) fn take_home(home: &Path) -> Result<HomeLock, Failure> {
    let lock = lock_home(home)?;
    match orkestra_store::complete_restore(home) {
        Ok(false) => Ok(lock),
        Ok(true) => {
            terminal::complain("A restore that was cut off is complete now.");
            Ok(lock)
        }
        Err(error) => Err(Failure::new(Code::Failure, chain(&error))
            .hint("Nothing is lost: make room or repair the folder's rights, then try again")),
    }
}

fn lock_home(home: &Path) -> Result<HomeLock, Failure> {
    HomeLock::acquire(home).map_err(|error| {
        let code = match &error {
            orkestra_host::Error::HomeLocked { .. } => Code::Refused,
            _ => Code::Failure,
        };
        let failure = Failure::new(code, chain(&error));
        match code {
            Code::Refused => failure.hint("orkestra status shows it; orkestra down ends it"),
            _ => failure.hint(format!(
                "Make {} a folder that you own and can write, or name another with --home",
                home.display()
            )),
        }
    })
}

/// SQLite's locks cannot be trusted there, and a journal that forgets is worse than none.
fn refuse_network_disk(home: &Path) -> Result<(), Failure> {
    if orkestra_host::program::is_network_fs(home).unwrap_or(false) {
        return Err(Failure::new(
            Code::Refused,
            format!("{} lies on a network file system", home.display()),
        )
        .hint("Name a folder on a local disk with --home"));
    }
    Ok(())
}

/// How the database of a home is opened.
pub(crate) fn store_options(home: &Path) -> orkestra_store::Options {
    let ids = Arc::new(|| RealWorld.uuid());
    let clock = Arc::new(|| RealWorld.now().at);
    orkestra_store::Options::new(home, ids, clock)
}

pub(crate) fn open_store(home: &Path) -> Result<Store, Failure> {
    Store::open(store_options(home)).map_err(|error| {
        let hint = match &error {
            orkestra_store::Error::Newer { .. } => {
                "Use the newer orkestra again, or another --home"
            }
            orkestra_store::Error::Full => "Make room on the disk",
            orkestra_store::Error::ReadOnly => "Make the data folder writable",
            _ => "Look at state.db in the data folder; a copy of the folder is a backup",
        };
        Failure::new(Code::Failure, chain(&error)).hint(hint)
    })
}

impl Daemon {
    /// A link that logs a browser in once.
    pub(crate) fn login_url(&self) -> Result<String, Failure> {
        let code = self.logins.link_code().map_err(|error| Failure::of(&error))?;
        Ok(format!("{}/#login={code}", self.url))
    }

    /// Tells the service manager that we serve, and from now on that the dispatcher turns.
    fn announce(&self) {
        self.live.announce_ready();
        if std::process::id() == 1 {
            self.futures.spawn(FutureKind::Service, orkestra_host::reap::orphans());
        }
        let Some(period) = self.live.announcer.watchdog_period() else { return };
        let live = Arc::clone(&self.live);
        self.futures.spawn(FutureKind::Service, async move {
            loop {
                tokio::time::sleep(period).await;
                // Without an answer it says nothing, and the manager starts another daemon.
                if live.engine.ping().await.is_ok() {
                    live.announcer.alive();
                }
            }
        });
    }

    /// Applies the file whenever it changes, also one that appears where it was looked for.
    fn watch_files(&self) {
        let candidates = {
            let state = self.live.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.loaded.candidates.clone()
        };
        for path in candidates {
            let live = Arc::clone(&self.live);
            self.futures.spawn(FutureKind::Service, watch(path, live));
        }
    }

    /// Runs until it is told to end: by a signal, or by the API. A second signal ends it at once.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Signals { mut terminate, mut interrupt, mut hangup } = self.signals;
        let mut asked = false;
        loop {
            tokio::select! {
                () = self.engine.closed() => {
                    self.live.announcer.stopping("The daemon ends.");
                    break;
                }
                () = either(&mut terminate, &mut interrupt) => {
                    if asked {
                        terminal::complain("A second signal: ending at once. Units go on; `orkestra up` takes them over.");
                        return Ok(());
                    }
                    asked = true;
                    tracing::info!("Told to end; units are being stopped.");
                    self.live.announcer.stopping("Units are being stopped.");
                    self.engine.close(false, "signal").await;
                }
                _ = hangup.recv() => {
                    let _told_by_the_journal = self.live.apply("signal").await;
                }
            }
        }
        self.futures.cancel();
        let patience = std::time::Duration::from_secs(2);
        let _slow = tokio::time::timeout(patience, self.futures.wait()).await;
        Ok(())
    }
}

/// A start and a reload take memory for a moment, which the allocator would keep.
async fn give_memory_back() {
    const SETTLED: std::time::Duration = std::time::Duration::from_secs(3);
    const EVERY: std::time::Duration = std::time::Duration::from_secs(600);
    tokio::time::sleep(SETTLED).await;
    loop {
        orkestra_host::memory::give_back();
        tokio::time::sleep(EVERY).await;
    }
}

/// Rotates the daemon's own log, where it has one.
async fn look_after_log(logs: PathBuf) {
    const EVERY: std::time::Duration = std::time::Duration::from_secs(60);
    const BYTES_MAX: u64 = 10 << 20;
    const KEEP: u32 = 5;
    loop {
        if let Err(error) = orkestra_host::own_log::look_after(&logs, BYTES_MAX, KEEP) {
            tracing::warn!(%error, "The daemon's log cannot be rotated.");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}

async fn watch(path: PathBuf, live: Arc<Live>) {
    let Ok(mut changes) = orkestra_host::watch::FileWatch::new(&path) else {
        tracing::info!(path = %path.display(), "This place is not watched for a configuration.");
        return;
    };
    loop {
        changes.changed().await;
        let _told_by_the_journal = live.apply("config").await;
    }
}

fn on_the_wire(problem: &Problem) -> wire::ConfigProblem {
    let number = |value: Option<usize>| value.and_then(|value| u32::try_from(value).ok());
    wire::ConfigProblem {
        file: problem.file.clone().unwrap_or_default(),
        line: number(problem.line()),
        column: number(problem.column()),
        path: problem.path.clone(),
        message: problem.message.clone(),
        expected: problem.expected.clone(),
        hint: problem.hint.clone(),
    }
}

impl Live {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce_ready(&self) {
        let units = self.engine.units().len();
        let wrong = if self.state().refused.is_some() {
            "; the changed configuration is wrong"
        } else {
            ""
        };
        self.announcer.ready(&format!("Units: {units}{wrong}"));
    }

    async fn apply(&self, actor: &str) -> Result<Vec<String>, Vec<wire::ConfigProblem>> {
        let _one_at_a_time = self.reloading.lock().await;
        self.announcer.reloading();
        let applied = match self.context.load() {
            Ok(loaded) => Ok(self.accept(loaded, actor).await),
            Err(errors) => Err(self.refuse(&errors, actor).await),
        };
        self.announce_ready();
        applied
    }

    async fn accept(&self, loaded: Loaded, actor: &str) -> Vec<String> {
        let (same, restart, was_refused) = {
            let state = self.state();
            (
                state.loaded.settings == loaded.settings,
                state.loaded.settings.needs_daemon_restart(&loaded.settings),
                state.refused.is_some(),
            )
        };
        let (units, agents) = (loaded.settings.units.clone(), loaded.settings.agents.clone());
        let jobs = loaded.settings.jobs.clone();
        self.engine.set_upkeep(loaded.settings.upkeep.clone());
        if !loaded.warnings.is_empty() {
            terminal::complain(
                render_all(&loaded.warnings, terminal::error_has_color()).trim_end(),
            );
        }
        {
            let mut state = self.state();
            state.loaded = loaded.for_daemon();
            state.refused = None;
        }
        if same && !was_refused {
            return Vec::new();
        }
        let changed = self.engine.configure(units, agents, jobs, actor).await.unwrap_or_default();
        if !restart.is_empty() {
            tracing::warn!(keys = ?restart, "These take effect when the daemon is started again.");
        }
        let body = json!({"units": changed, "needs_restart": restart});
        let kind = "daemon.config_reloaded";
        self.engine.note(vec![Draft::new(kind, Topic::Daemon, "daemon", actor, body)]).await;
        changed
    }

    async fn refuse(&self, errors: &Errors, actor: &str) -> Vec<wire::ConfigProblem> {
        let problems: Vec<_> = errors.problems.iter().map(on_the_wire).collect();
        let known = self.state().refused.as_ref().is_some_and(|refused| {
            serde_json::to_value(&refused.errors).ok() == serde_json::to_value(&problems).ok()
        });
        if !known {
            terminal::complain(errors.render(terminal::error_has_color()).trim_end());
            terminal::complain("The running configuration stays.");
            let since = self.engine.now().at.to_string();
            self.state().refused = Some(wire::Refused { since, errors: problems.clone() });
            let body = json!({"first": problems.first().map(|problem| &problem.message),
                "errors": problems});
            let kind = "daemon.config_refused";
            self.engine.note(vec![Draft::new(kind, Topic::Daemon, "daemon", actor, body)]).await;
        }
        problems
    }
}

/// What the server needs of it. The future owns what it uses, since the server may drop the
/// request before the reload is done.
struct Shared(Arc<Live>);

impl Configuration for Shared {
    fn path(&self) -> Option<PathBuf> {
        self.0.state().loaded.path.clone()
    }

    fn values(&self) -> serde_json::Value {
        self.0.state().loaded.effective()
    }

    fn refused(&self) -> Option<wire::Refused> {
        self.0.state().refused.clone()
    }

    fn reload(&self, actor: &str) -> Answer<Result<Vec<String>, Vec<wire::ConfigProblem>>> {
        let (live, actor) = (Arc::clone(&self.0), actor.to_owned());
        Box::pin(async move { live.apply(&actor).await })
    }
}
