//! Telling the manager that started us how we are: sd_notify without its library.

use rustix::time::{ClockId, clock_gettime};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

/// What the manager says by the environment is for the daemon alone, never for its units.
pub const VARIABLES: [&str; 10] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
    "MEMORY_PRESSURE_WATCH",
];

/// Speaks to the manager; without one it says nothing.
#[derive(Debug, Clone, Default)]
pub struct Announcer {
    socket: Option<Arc<(UnixDatagram, SocketAddr)>>,
    watchdog: Option<Duration>,
}

impl Announcer {
    /// From the values of `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn new(socket: Option<&str>, usec: Option<&str>, pid: Option<&str>) -> Self {
        let Some(socket) = socket.and_then(open) else { return Self::default() };
        let for_us = pid.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
        let usec = usec.and_then(|usec| usec.parse::<u64>().ok()).filter(|usec| *usec > 0);
        let watchdog = usec.filter(|_| for_us).map(Duration::from_micros);
        Self { socket: Some(Arc::new(socket)), watchdog }
    }

    /// How often the manager wants to hear of us, if at all: half of the time it waits.
    pub fn watchdog_period(&self) -> Option<Duration> {
        self.watchdog.map(|whole| whole / 2)
    }

    fn say(&self, text: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.0.send_to_addr(text.as_bytes(), &socket.1)
        {
            tracing::warn!(%error, "The service manager cannot be told how we are.");
        }
    }

    /// The API listens and units are taken over.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={}\n", one_line(status)));
    }

    /// The configuration is being applied; `ready` ends it.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={usec}\n"));
    }

    /// The daemon goes down.
    pub fn stopping(&self, status: &str) {
        self.say(&format!("STOPPING=1\nSTATUS={}\n", one_line(status)));
    }

    /// The daemon turns.
    pub fn alive(&self) {
        self.say("WATCHDOG=1\n");
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

fn open(path: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None if path.starts_with('/') => SocketAddr::from_pathname(path),
        None => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    // A manager that does not read must not hold the daemon up.
    socket.set_nonblocking(true).ok()?;
    Some((socket, address.ok()?))
}
