//! A home in a temporary folder and shell units to keep in it.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use orkestra_host::instance::{
    Adopted, Exit, Full, InstanceEvent, InstanceEvents, InstanceHandle, Launch, Launcher, Output,
    adopt, list_instances,
};
use orkestra_host::output::{Cursor, LogLine, LogReader, Stream};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) launcher: Launcher,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let launcher = Launcher::new(&dir.path().join("run")).unwrap();
        Self { dir, launcher }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn logs(&self) -> LogReader {
        LogReader::new(self.path("log"))
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.path("run")
    }

    /// A unit that runs a shell script in the home.
    pub(crate) fn sh(&self, script: &str) -> Launch {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Launch {
            name: "test".into(),
            instance: format!("test-{}-{number}", std::process::id()),
            term: 7,
            argv: vec!["sh".into(), "-c".into(), script.into()],
            env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into())],
            cwd: self.dir.path().into(),
            stop_signal: 15,
            grace: Duration::from_millis(500),
            output: Output::Log {
                dir: self.path("log"),
                max_bytes: 10 << 20,
                keep: 5,
                full: Full::Block,
            },
            stdin: None,
            nofile: None,
            user: None,
            notify: None,
            watchdog: None,
        }
    }

    pub(crate) async fn start(&self, launch: &Launch) -> Running {
        let (handle, mut events) = self.launcher.launch(launch).unwrap();
        match next(&mut events).await {
            InstanceEvent::Started { pid, start_time } => {
                assert_eq!(orkestra_host::boot::start_time(pid).unwrap_or(start_time), start_time);
                Running { handle, events, pid, instance: launch.instance.clone() }
            }
            other => panic!("not started: {other:?}"),
        }
    }

    /// Runs a script to its end and releases it.
    pub(crate) async fn run(&self, launch: &Launch) -> Exit {
        let mut running = self.start(launch).await;
        let exit = running.exit().await;
        running.handle.release().await.unwrap();
        exit
    }

    /// The pid that a script wrote into a file of the home.
    pub(crate) async fn pid_in(&self, name: &str) -> u32 {
        let path = self.path(name);
        eventually("a pid file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok()).await
    }
}

/// A shim keeps an exit until somebody releases it, so a test that does not would leave one
/// process behind for ever. The last daemon of every test home tidies up.
impl Drop for Home {
    fn drop(&mut self) {
        let run_dir = self.run_dir();
        let tidy = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                for instance in list_instances(&run_dir).unwrap_or_default() {
                    tidy_up(&run_dir, &instance).await;
                }
            });
        });
        let _ = tidy.join();
    }
}

async fn tidy_up(run_dir: &Path, instance: &str) {
    match adopt(run_dir, instance, u64::MAX).await.unwrap() {
        Adopted::Alive { handle, mut events, .. } => {
            handle.stop(Duration::ZERO, None).await;
            exit(&mut events).await;
            handle.release().await.unwrap();
        }
        Adopted::Exited { handle, .. } => handle.release().await.unwrap(),
        _ => {}
    }
}

pub(crate) struct Running {
    pub(crate) handle: InstanceHandle,
    pub(crate) events: InstanceEvents,
    pub(crate) pid: u32,
    pub(crate) instance: String,
}

impl Running {
    pub(crate) async fn exit(&mut self) -> Exit {
        exit(&mut self.events).await
    }
}

pub(crate) async fn next(events: &mut InstanceEvents) -> InstanceEvent {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("no event").expect("events ended")
}

pub(crate) async fn exit(events: &mut InstanceEvents) -> Exit {
    loop {
        match next(events).await {
            InstanceEvent::Exited(exit) => return exit,
            InstanceEvent::Output { .. } | InstanceEvent::Started { .. } => {}
            other => panic!("not an exit: {other:?}"),
        }
    }
}

pub(crate) async fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs, and is not just a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

pub(crate) fn parent(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Everything in the log, read page by page.
pub(crate) fn all_lines(logs: &LogReader) -> Vec<LogLine> {
    let mut lines = Vec::new();
    let mut cursor = Cursor::default();
    loop {
        let page = logs.read_after(cursor, 777).unwrap();
        assert!(!page.gap, "a gap after {cursor}");
        cursor = page.cursor;
        lines.extend(page.lines);
        if page.at_end {
            return lines;
        }
    }
}

pub(crate) fn texts(lines: &[LogLine], stream: Stream) -> Vec<String> {
    let of_stream = lines.iter().filter(|line| line.stream == stream);
    of_stream.map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
}

pub(crate) fn log_files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
