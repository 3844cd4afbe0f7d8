//! How fast output reaches the log: one `write` for each line, rotation at 10 MB, nothing lost.
//!
//! `cargo run --release -p orkestra-host --example log_speed -- [LINES] [FOLDER]`

#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement: what it cannot do ends it")]

use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use orkestra_host::instance::{Full, InstanceEvent, Launch, Launcher, Output};
use orkestra_host::output::{Cursor, LogReader};

/// With its line end.
const LINE: usize = 100;

fn main() {
    let mut words = std::env::args().skip(1);
    let first = words.next();
    if first.as_deref() == Some("write") {
        return write_lines(words.next().unwrap().parse().unwrap());
    }
    let count = first.map_or(1_000_000, |word| word.parse().unwrap());
    let folder = words.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(dir.path(), count));
}

/// Each line holds its number, so that a lost, torn or doubled one shows.
fn write_lines(count: u64) {
    let stdout = std::io::stdout();
    let mut line = [b'.'; LINE];
    line[LINE - 1] = b'\n';
    for number in 0..count {
        write!(&mut line[..10], "{number:010}").unwrap();
        assert_eq!(rustix::io::write(stdout.as_fd(), &line).unwrap(), LINE);
    }
}

async fn measure(dir: &std::path::Path, count: u64) {
    let launcher = Launcher::new(&dir.join("run")).unwrap();
    let program = std::env::current_exe().unwrap();
    let logs = dir.join("log");
    let launch = Launch {
        name: "speed".into(),
        instance: "speed-1".into(),
        term: 1,
        argv: vec![program.to_str().unwrap().into(), "write".into(), count.to_string()],
        env: Vec::new(),
        cwd: dir.into(),
        stop_signal: 15,
        grace: Duration::from_secs(1),
        output: Output::Log {
            dir: logs.clone(),
            max_bytes: 10 << 20,
            keep: 1_000_000,
            full: Full::Block,
        },
        stdin: None,
        nofile: None,
        user: None,
        notify: None,
        watchdog: None,
    };
    let began = Instant::now();
    let (handle, mut events) = launcher.launch(&launch).unwrap();
    loop {
        match events.next().await {
            Some(InstanceEvent::Exited(exit)) => {
                assert_eq!((exit.code, exit.dropped), (Some(0), 0));
                break;
            }
            Some(_) => {}
            None => panic!("no exit"),
        }
    }
    let took = began.elapsed();
    handle.release().await.unwrap();
    check(&logs, count);
    let rate = count as f64 / took.as_secs_f64() / 1e6;
    println!("{count} lines of {LINE} bytes in {took:.3?}: {rate:.2} million a second");
}

fn check(logs: &std::path::Path, count: u64) {
    let reader = LogReader::new(logs);
    let (mut cursor, mut expected) = (Cursor::default(), 0);
    loop {
        let page = reader.read_after(cursor, 10_000).unwrap();
        assert!(!page.gap);
        for line in &page.lines {
            assert_eq!(line.bytes.len(), LINE - 1, "torn at {expected}");
            let number = std::str::from_utf8(&line.bytes[..10]).unwrap().parse();
            assert_eq!(number, Ok(expected), "lost or doubled");
            expected += 1;
        }
        cursor = page.cursor;
        if page.at_end {
            break;
        }
    }
    assert_eq!(expected, count);
}
