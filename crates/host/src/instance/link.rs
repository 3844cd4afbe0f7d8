//! The connection to one shim: an actor that turns its lines into events and requests into lines.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

pub(super) use tokio::net::UnixStream as Stream;

use super::launch::open_path;
use super::wire::{self, Said};
use super::{Control, EVENTS, InstanceEvent, InstanceEvents, InstanceHandle};
use crate::error::{Doing, Error};
use crate::lock;

/// A shim answers at once; a machine that swaps may need longer.
const ANSWER: Duration = Duration::from_secs(2);
/// A fresh shim may not listen yet; one that is busy this long is reported.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(1);
const LET_GO: Duration = Duration::from_secs(5);
/// What a shim says at once: the usual 8 KiB would be most of what the daemon needs for a unit.
const LINE: usize = 256;

/// Lines from and to a shim.
pub(super) struct Connection {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Connection {
    fn new(stream: Stream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { lines: BufReader::with_capacity(LINE, reader).lines(), writer }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        timeout(ANSWER, self.writer.write_all(line.as_bytes())).await?
    }
}

/// What came of trying to reach a shim.
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(super) enum Reached {
    /// Greeted; the state it told.
    Yes(Connection, Said),
    Superseded(u64),
    /// Its lock is free: it is gone.
    Gone,
    /// The lock is held but nobody answers.
    Silent,
}

/// Tries a bounded number of times to reach the shim of an instance.
pub(super) async fn reach(dir: &Path, instance: &str, term: u64) -> Result<Reached, Error> {
    let lock = dir.join("lock");
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(10);
    while Instant::now() < deadline {
        if !lock::is_held(&lock).doing_at("look at the lock", &lock)? {
            return Ok(Reached::Gone);
        }
        match timeout(ANSWER, greet(dir, instance, term)).await {
            Ok(Ok(reached)) => return Ok(reached),
            Ok(Err(error)) => tracing::debug!(instance, %error, "no answer from the shim"),
            Err(_) => tracing::debug!(instance, "the shim does not answer"),
        }
        sleep(pause).await;
        pause *= 2;
    }
    Ok(Reached::Silent)
}

async fn greet(dir: &Path, instance: &str, term: u64) -> io::Result<Reached> {
    let folder = open_path(dir).map_err(io::Error::other)?;
    // A socket's name has room for 107 bytes only; through /proc any home is short enough.
    let stream = Stream::connect(format!("/proc/self/fd/{}/s", folder.as_raw_fd())).await?;
    let mut connection = Connection::new(stream);
    connection.say(&format!("hello {} {term}\nstatus\n", wire::VERSION)).await?;
    while let Some(line) = connection.lines.next_line().await? {
        match wire::parse(&line) {
            Said::Refused { term } => return Ok(Reached::Superseded(term)),
            Said::Hello { instance: other } if other != instance => {
                return Err(io::Error::other(format!("it holds {other}")));
            }
            state @ (Said::Starting
            | Said::Running { .. }
            | Said::Stopping { .. }
            | Said::Failed(_)
            | Said::Exited(_)) => return Ok(Reached::Yes(connection, state)),
            _ => {}
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Opens the link over a fresh shim's inherited connection.
pub(super) fn open(
    dir: &Path,
    instance: &str,
    term: u64,
    stream: Stream,
) -> (InstanceHandle, InstanceEvents) {
    start(dir, instance, term, Some(Connection::new(stream)), None)
}

/// Starts the actor. `known` is the state an adopted shim told.
pub(super) fn start(
    dir: &Path,
    instance: &str,
    term: u64,
    connection: Option<Connection>,
    known: Option<&Said>,
) -> (InstanceHandle, InstanceEvents) {
    let (control, requests) = mpsc::channel(16);
    let (events, received) = mpsc::channel(EVENTS);
    let retry_at = connection.is_none().then(Instant::now);
    let link = Link {
        dir: dir.to_owned(),
        instance: instance.to_owned(),
        term,
        connection,
        requests,
        handles: true,
        events,
        pending: VecDeque::new(),
        stop: None,
        frozen: None,
        started: matches!(known, Some(Said::Running { .. } | Said::Stopping { .. })),
        ended: matches!(known, Some(Said::Exited(_) | Said::Failed(_))),
        silent: false,
        retry_at,
    };
    tokio::spawn(link.run());
    let handle = InstanceHandle { control, dir: dir.to_owned(), instance: instance.to_owned() };
    (handle, InstanceEvents(received))
}

struct Link {
    dir: PathBuf,
    instance: String,
    term: u64,
    connection: Option<Connection>,
    requests: mpsc::Receiver<Control>,
    handles: bool,
    events: mpsc::Sender<InstanceEvent>,
    pending: VecDeque<InstanceEvent>,
    /// A stop is said again after a broken connection: it may not have arrived.
    stop: Option<(Instant, Option<i32>)>,
    /// The last word about halting; said again for the same reason.
    frozen: Option<bool>,
    started: bool,
    ended: bool,
    silent: bool,
    retry_at: Option<Instant>,
}

async fn next_line(connection: &mut Option<Connection>) -> io::Result<Option<String>> {
    match connection {
        Some(connection) => connection.lines.next_line().await,
        None => std::future::pending().await,
    }
}

impl Link {
    /// What happens seldom is boxed: there is one of these for every unit, and it mostly waits.
    async fn run(mut self) {
        let events = self.events.clone();
        loop {
            if !self.handles && (self.events.is_closed() || self.ended && self.pending.is_empty()) {
                return;
            }
            let retry_at = self.retry_at;
            tokio::select! {
                line = next_line(&mut self.connection) => match line {
                    Ok(Some(line)) => self.hear(wire::parse(&line)),
                    Ok(None) | Err(_) => {
                        self.connection = None;
                        Box::pin(self.recover()).await;
                    }
                },
                request = self.requests.recv(), if self.handles => match request {
                    Some(Control::Signal(signal)) => self.say(&format!("signal {signal}\n")).await,
                    Some(Control::Freeze(freeze)) => self.freeze(freeze).await,
                    Some(Control::Stop { grace, signal }) => self.stop(grace, signal).await,
                    Some(Control::Release(answer)) => {
                        let result = Box::pin(self.release()).await;
                        let released = result.is_ok();
                        let _ = answer.send(result);
                        if released {
                            self.deliver_rest();
                            return;
                        }
                    }
                    None => self.handles = false,
                },
                permit = events.reserve(), if !self.pending.is_empty() => match permit {
                    Ok(permit) => if let Some(event) = self.pending.pop_front() {
                        permit.send(event);
                    },
                    Err(_) => self.pending.clear(),
                },
                () = events.closed(), if !self.handles => {}
                () = async move {
                    match retry_at {
                        Some(at) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                } => Box::pin(self.recover()).await,
            }
        }
    }

    /// Queues an event; sizes that a slow consumer has not seen yet are replaced.
    fn tell(&mut self, event: InstanceEvent) {
        if self.events.is_closed() {
            return;
        }
        if matches!(event, InstanceEvent::Output { .. })
            && matches!(self.pending.back(), Some(InstanceEvent::Output { .. }))
        {
            self.pending.pop_back();
        }
        if let InstanceEvent::Notice(fresh) = &event {
            // Of each kind the last word counts, so their number is bounded.
            let kind = std::mem::discriminant(fresh);
            self.pending.retain(|waiting| {
                !matches!(waiting, InstanceEvent::Notice(old) if std::mem::discriminant(old) == kind)
            });
        }
        self.pending.push_back(event);
    }

    fn deliver_rest(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            let _ = self.events.try_send(event);
        }
    }

    fn end(&mut self, event: InstanceEvent) {
        if !self.ended {
            self.ended = true;
            self.retry_at = None;
            self.tell(event);
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Started { pid, start_time } | Said::Running { pid, start_time } => {
                if !self.started {
                    self.started = true;
                    self.tell(InstanceEvent::Started { pid, start_time });
                }
            }
            Said::Output { stdout, stderr } => self.tell(InstanceEvent::Output { stdout, stderr }),
            Said::Notice(notice) => self.tell(InstanceEvent::Notice(notice)),
            Said::CannotFreeze => self.tell(InstanceEvent::CannotFreeze),
            Said::Failed(failure) => self.end(InstanceEvent::Failed(failure)),
            Said::Exited(exit) => self.end(InstanceEvent::Exited(exit)),
            Said::Refused { term } => {
                self.connection = None;
                self.end(InstanceEvent::Superseded { term });
            }
            Said::Unknown | Said::Hello { .. } | Said::NotEnded => {}
            Said::Starting | Said::Stopping { .. } => {}
        }
    }

    async fn say(&mut self, line: &str) {
        if let Some(connection) = &mut self.connection
            && let Err(error) = connection.say(line).await
        {
            tracing::debug!(instance = self.instance, %error, "the shim's connection broke");
            self.connection = None;
            self.retry_at = Some(Instant::now());
        }
    }

    async fn freeze(&mut self, freeze: bool) {
        self.frozen = Some(freeze);
        self.say(freeze_line(freeze)).await;
    }

    async fn stop(&mut self, grace: Duration, signal: Option<i32>) {
        let deadline = Instant::now() + grace;
        if self.stop.is_none_or(|(earlier, _)| deadline < earlier) {
            self.stop = Some((deadline, signal));
        }
        self.say(&stop_line(grace, signal)).await;
    }

    /// The connection broke, or there was none: is the shim alive?
    async fn recover(&mut self) {
        self.retry_at = None;
        if self.ended {
            return;
        }
        match reach(&self.dir, &self.instance, self.term).await {
            Ok(Reached::Yes(connection, state)) => {
                self.connection = Some(connection);
                self.silent = false;
                if let Some(freeze) = self.frozen {
                    self.say(freeze_line(freeze)).await;
                }
                if let Some((deadline, signal)) = self.stop {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.say(&stop_line(left, signal)).await;
                }
                self.hear(state);
            }
            Ok(Reached::Superseded(term)) => self.end(InstanceEvent::Superseded { term }),
            Ok(Reached::Gone) => self.end(match wire::read_exit(&self.dir) {
                Some(exit) => match exit.failure {
                    Some(failure) => InstanceEvent::Failed(failure),
                    None => InstanceEvent::Exited(exit),
                },
                None => InstanceEvent::Lost,
            }),
            Ok(Reached::Silent) => self.keep_trying(),
            Err(error) => {
                tracing::warn!(instance = self.instance, %error, "cannot look after an instance");
                self.keep_trying();
            }
        }
    }

    fn keep_trying(&mut self) {
        self.retry_at = Some(Instant::now() + RETRY);
        if !self.silent {
            self.silent = true;
            self.tell(InstanceEvent::Unreachable);
        }
    }

    async fn release(&mut self) -> Result<(), Error> {
        if let Some(mut connection) = self.connection.take() {
            let answer = timeout(LET_GO, let_go(&mut connection)).await;
            if matches!(answer, Ok(Err(Error::NotEnded))) {
                self.connection = Some(connection);
                return Err(Error::NotEnded);
            }
        } else if !self.ended {
            return Err(Error::NotEnded);
        }
        // Descriptors are closed one after the other: the lock may go a moment after the socket.
        let lock = self.dir.join("lock");
        let deadline = Instant::now() + LET_GO;
        while lock::is_held(&lock).doing_at("look at the lock", &lock)? {
            if Instant::now() > deadline {
                return Err(Error::Unreachable { instance: self.instance.clone() });
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

async fn let_go(connection: &mut Connection) -> Result<(), Error> {
    if connection.say("release\n").await.is_err() {
        return Ok(());
    }
    while let Ok(Some(line)) = connection.lines.next_line().await {
        if wire::parse(&line) == Said::NotEnded {
            return Err(Error::NotEnded);
        }
    }
    Ok(())
}

fn freeze_line(freeze: bool) -> &'static str {
    if freeze { "freeze\n" } else { "thaw\n" }
}

fn stop_line(grace: Duration, signal: Option<i32>) -> String {
    let grace = grace.as_millis();
    signal.map_or_else(|| format!("stop {grace}\n"), |signal| format!("stop {grace} {signal}\n"))
}
