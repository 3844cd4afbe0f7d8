//! A store in its own folder, with ids and a clock that the test knows.

use jiff::Timestamp;
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_store::{Clock, Ids, Options, Store};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(AtomicI64::new(1_800_000_000_000_000)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn options(&self) -> Options {
        options(self.path(), Arc::clone(&self.clock))
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(self.options()).unwrap()
    }

    /// The database as somebody with write access sees it.
    pub(crate) fn tamper(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path().join("state.db")).unwrap()
    }
}

/// Each look at the clock is a second later.
pub(crate) fn options(home: &Path, clock: Arc<AtomicI64>) -> Options {
    let ids: Ids = Arc::new(Uuid::now_v7);
    let clock: Clock = Arc::new(move || {
        Timestamp::from_microsecond(clock.fetch_add(1_000_000, Ordering::Relaxed)).unwrap()
    });
    Options::new(home, ids, clock)
}

pub(crate) fn draft(kind: &str, subject: &str) -> Draft {
    Draft::new(kind, Topic::Unit, subject, "person:test", json!({"about": subject}))
}

pub(crate) fn caused(kind: &str, cause: Cause) -> Draft {
    draft(kind, "web").because(cause)
}

pub(crate) fn big(subject: &str, bytes: usize) -> Draft {
    Draft::new("run.said", Topic::Run, subject, "agent:x", json!({"text": "x".repeat(bytes)}))
}
