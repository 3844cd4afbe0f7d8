//! The process that makes a sandbox: with bubblewrap it stays outside as the parent, without it
//! becomes the agent.

#![allow(unsafe_code, reason = "what has to happen between fork and exec, and a signal to oneself")]

use std::ffi::OsString;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
    recvmsg, socketpair,
};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::confine::{Confinement, confine};
use super::filter::Inet;
use super::hosts::Hosts;
use super::ladder::Rung;
use super::proxy::{Door, Proxy};
use super::spec::{Network, Spec};
use super::{NO_PROGRAM, NOT_SET_UP, VERB, bubblewrap, own_program};

/// Listening sockets that can be handed over in one message.
pub(super) const FDS_MAX: usize = 64;

/// What the process inside says is shorter.
const MESSAGE_BYTES: usize = 64 << 10;

/// What is handed on to the agent. Ending by them is up to the agent.
const SIGNALS: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGCONT,
];

/// What the process inside said last is read within this time after its end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the process inside says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// Listening sockets come with it: the proxy, or a port of the outside's loopback.
    Doors(Vec<Option<(String, u16)>>),
    /// The rights are given up, the agent is started next.
    Ready,
    /// The agent's program could not be started.
    NotStarted(String),
    /// The agent was ended by this signal.
    Signal(i32),
}

/// The whole life of the process; comes back only with an exit code.
pub(super) fn run(spec: &str, command: &[OsString]) -> Result<u8, String> {
    let parsed: Spec = serde_json::from_str(spec).map_err(|error| error.to_string())?;
    match parsed.rung {
        Rung::Landlock => become_agent(&parsed, command),
        Rung::Bubblewrap => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let made = placeholders(&parsed);
            let ended = runtime.block_on(watch(&parsed, spec, command));
            for path in made.iter().rev() {
                // Only an empty one goes.
                let _there_is_more = std::fs::remove_dir(path);
            }
            match ended? {
                Ended::Code(code) => Ok(code),
                Ended::Signal(signal) => Ok(end_by(signal)),
            }
        }
    }
}

/// Gives up its rights and becomes the agent.
fn become_agent(spec: &Spec, command: &[OsString]) -> Result<u8, String> {
    let (inet, no_tcp) = match spec.network {
        Network::Open => (Inet::All, false),
        Network::None => (Inet::None, true),
        Network::Hosts(_) => return Err("a list of hosts needs bubblewrap".to_owned()),
    };
    let confinement = Confinement { tree: &spec.tree, own_devices: false, inet, no_tcp };
    confine(&confinement).map_err(|error| error.to_string())?;
    let Some((program, arguments)) = command.split_first() else { return Ok(NO_PROGRAM) };
    #[allow(clippy::disallowed_methods, reason = "this crate is the one that may")]
    let mut agent = std::process::Command::new(program);
    let error = agent.args(arguments).envs(&spec.env).exec();
    not_started(&format!("{}: {error}", program.to_string_lossy()));
    Ok(NO_PROGRAM)
}

/// On standard error, where an agent says what went wrong.
fn not_started(why: &str) {
    use std::io::Write;
    let _nobody_listens = writeln!(io::stderr(), "orkestra: cannot start {why}");
}

fn placeholders(spec: &Spec) -> Vec<&Path> {
    let paths = spec.placeholders.iter().map(std::path::PathBuf::as_path);
    // Those from an earlier life go with this one.
    paths.filter(|path| std::fs::create_dir(path).is_ok() || path.is_dir()).collect()
}

enum Ended {
    Code(u8),
    Signal(i32),
}

/// Starts bubblewrap and stays with it to the end.
async fn watch(spec: &Spec, text: &str, command: &[OsString]) -> Result<Ended, String> {
    let told = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    let mut signals = Vec::new();
    for number in SIGNALS {
        let stream = signal(SignalKind::from_raw(number)).map_err(told("signals"))?;
        signals.push((number, stream));
    }
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|error| told("a connection")(error.into()))?;
    let mut child = start(spec, text, command, &theirs).map_err(told("bubblewrap"))?;
    drop(theirs);
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let (said, mut heard) = mpsc::channel(8);
    std::thread::spawn(move || listen(&ours, &said));
    let proxy = Arc::new(Proxy {
        hosts: match &spec.network {
            Network::Hosts(entries) => Hosts::parse(entries).map_err(|error| error.to_string())?,
            Network::Open | Network::None => Hosts::default(),
        },
        refusals: spec.refusals.clone(),
    });
    let mut state = State::default();
    for (number, mut stream) in signals {
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if let (Some(group), Some(signal)) = (group, Signal::from_named_raw(number)) {
                    let _ended = kill_process_group(group, signal);
                }
            }
        });
    }
    let status = loop {
        tokio::select! {
            Some((message, sockets)) = heard.recv() => state.hear(message, sockets, &proxy),
            status = child.wait() => break status.map_err(told("bubblewrap"))?,
        }
    };
    // What it said before its end.
    while let Ok(Some((message, sockets))) = timeout(LAST_WORDS, heard.recv()).await {
        state.hear(message, sockets, &proxy);
    }
    Ok(state.ended(status))
}

#[derive(Default)]
struct State {
    ready: bool,
    signal: Option<i32>,
}

impl State {
    fn hear(&mut self, message: Message, sockets: Vec<OwnedFd>, proxy: &Arc<Proxy>) {
        match message {
            Message::Ready => self.ready = true,
            Message::Signal(signal) => self.signal = Some(signal),
            Message::NotStarted(why) => not_started(&why),
            Message::Doors(names) => {
                for (name, socket) in names.into_iter().zip(sockets) {
                    let socket = TcpListener::from(socket);
                    let ready = socket
                        .set_nonblocking(true)
                        .and_then(|()| tokio::net::TcpListener::from_std(socket));
                    if let Ok(listener) = ready {
                        let door = name.map_or(Door::Proxy, |(host, port)| Door::Port(host, port));
                        tokio::spawn(Arc::clone(proxy).serve(listener, door));
                    }
                }
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        if let Some(signal) = self.signal.or(status.signal()) {
            return Ended::Signal(signal);
        }
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX);
        // Before it was ready, bubblewrap or the process inside has said why.
        Ended::Code(if self.ready { code } else { NOT_SET_UP })
    }
}

fn start(spec: &Spec, text: &str, command: &[OsString], control: &OwnedFd) -> io::Result<Child> {
    let Some(program) = &spec.bubblewrap else {
        return Err(io::Error::other("it is not named"));
    };
    let number = control.as_raw_fd();
    #[allow(clippy::disallowed_methods, reason = "this crate is the one that may")]
    let mut bwrap = Command::new(program);
    bwrap.args(bubblewrap::options(spec, &std::env::current_dir()?));
    bwrap.arg("--").arg(own_program()?).args([VERB, "inside", &number.to_string(), text, "--"]);
    // A group of its own, so that every signal reaches the agent once: through us.
    bwrap.args(command).process_group(0);
    // SAFETY: only calls that are allowed between fork and exec.
    unsafe {
        bwrap.pre_exec(move || {
            // bubblewrap itself must not be ended by what is meant for the agent, which takes its
            // signals back when it is started.
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut mask);
            for number in SIGNALS.iter().filter(|number| **number != libc::SIGCONT) {
                libc::sigaddset(&raw mut mask, *number);
            }
            libc::sigprocmask(libc::SIG_BLOCK, &raw const mask, std::ptr::null_mut());
            match libc::fcntl(number, libc::F_SETFD, 0) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
    bwrap.spawn()
}

/// Hears the process inside until its end.
fn listen(control: &OwnedFd, said: &mpsc::Sender<(Message, Vec<OwnedFd>)>) {
    let mut bytes = vec![0; MESSAGE_BYTES];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let len = match recvmsg(control, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(read) if read.bytes > 0 => read.bytes,
            Err(rustix::io::Errno::INTR) => continue,
            _ => return,
        };
        let mut sockets = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                sockets.extend(descriptors);
            }
        }
        let message = serde_json::from_slice(bytes.get(..len).unwrap_or_default());
        let Ok(message) = message else { continue };
        if said.blocking_send((message, sockets)).is_err() {
            return;
        }
    }
}

/// A descriptor that was handed over by its number.
pub(super) fn inherited(number: &str) -> Option<OwnedFd> {
    let number: RawFd = number.parse().ok().filter(|number| *number > 2)?;
    // SAFETY: nothing else in this process, which has just begun, knows the number; a wrong one is
    // told by the next line and then left alone.
    unsafe {
        if libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
            return None;
        }
        Some(OwnedFd::from_raw_fd(number))
    }
}

/// Ends this process as the agent was ended, so that whoever waits sees the same.
fn end_by(signal: i32) -> u8 {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain numbers; the signals have no handlers of ours that would be skipped.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut mask);
        libc::sigaddset(&raw mut mask, signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const mask, std::ptr::null_mut());
        libc::raise(signal);
    }
    // It is one that ends nobody.
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
