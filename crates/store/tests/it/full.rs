//! A disk that is full, and one that cannot be written: typed errors, nothing lost, and on it goes.
//!
//! The disk is a small tmpfs in a mount namespace of its own; where that is not allowed, the tests say
//! so and do nothing.

use crate::home::{big, draft, options};
use orkestra_store::{Error, EventKey, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

#[expect(clippy::disallowed_methods, reason = "the test mounts a small file system")]
fn command(program: &str) -> std::process::Command {
    std::process::Command::new(program)
}

/// Runs an ignored test of this binary where it may mount what it likes.
fn in_own_namespace(test: &str) {
    let allowed = command("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no mount namespace may be made here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = command("unshare")
        .arg("-rm")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("STORE_MOUNT", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{errors}");
}

fn mounted(size: &str) -> PathBuf {
    let folder = PathBuf::from(std::env::var_os("STORE_MOUNT").unwrap());
    mount(&["-t", "tmpfs", "-o", size, "tmpfs"], &folder);
    folder
}

fn mount(arguments: &[&str], folder: &Path) {
    let status = command("mount").args(arguments).arg(folder).status().unwrap();
    assert!(status.success(), "mount {arguments:?}");
}

#[test]
fn full() {
    in_own_namespace("full::full_child");
}

#[test]
fn read_only() {
    in_own_namespace("full::read_only_child");
}

#[test]
fn failing_writes() {
    // A limit on the size of files makes writes fail in the middle (EFBIG), where a full disk does not.
    // The schema itself must fit.
    let folder = tempfile::tempdir().unwrap();
    let output = command("bash")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 1200; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "full::failing_writes_child", "--ignored", "--nocapture"])
        .env("STORE_MOUNT", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{errors}");
}

#[test]
#[ignore = "run by failing_writes"]
fn failing_writes_child() {
    let home = PathBuf::from(std::env::var_os("STORE_MOUNT").unwrap());
    let options = options(&home, Arc::new(AtomicI64::new(1_800_000_000_000_000)));
    let store = Store::open(options.clone()).unwrap();
    let mut seqs = Vec::new();
    let mut failures = 0;
    while failures < 20 {
        match store.write_blocking(|tx| tx.append(&[big("x", 10_000)])) {
            Ok(committed) => seqs.push(committed.events[0].seq),
            Err(Error::Io { .. } | Error::Full) => failures += 1,
            Err(error) => panic!("not the right error: {error:?}"),
        }
        assert!(seqs.len() < 10_000, "writes never failed");
    }
    let process = std::process::id().to_string();
    let lifted =
        command("prlimit").args(["--pid", &process, "--fsize=unlimited"]).status().unwrap();
    assert!(lifted.success());
    for _ in 0..20 {
        let committed = store.write_blocking(|tx| tx.append(&[big("x", 10_000)])).unwrap();
        seqs.push(committed.events[0].seq);
    }
    let last = *seqs.last().unwrap();
    assert_eq!(seqs, (1..=last).collect::<Vec<_>>(), "no gap, nothing twice");
    check(&store, last);
    drop(store);
    check(&Store::open(options).unwrap(), last);
}

/// Writes until nothing fits; the seqs that were acknowledged.
fn fill(store: &Store, bytes: usize) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for _ in 0..10_000 {
        match store.write_blocking(move |tx| tx.append(&[big("x", bytes)])) {
            Ok(committed) => acknowledged.push(committed.events[0].seq),
            Err(Error::Full) => return acknowledged,
            Err(error) => panic!("not the right error: {error:?}"),
        }
    }
    panic!("the disk never became full");
}

#[test]
#[ignore = "run by full"]
fn full_child() {
    let home = mounted("size=6m");
    let (filler, reserve) = (home.join("filler"), home.join("reserve"));
    std::fs::write(&filler, vec![1; 1 << 20]).unwrap();
    std::fs::write(&reserve, vec![1; 1 << 20]).unwrap();
    let freed = Arc::new(AtomicU32::new(0));
    let mut with_hook = options(&home, Arc::new(AtomicI64::new(1_800_000_000_000_000)));
    with_hook.on_full = Some({
        let (freed, reserve) = (Arc::clone(&freed), reserve);
        Arc::new(move || {
            if std::fs::remove_file(&reserve).is_ok() {
                freed.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let store = Store::open(with_hook.clone()).unwrap();
    // First rows, until the reserve is spent; then on with what it gave.
    let mut seqs = fill(&store, 8_000);
    assert_eq!(freed.load(Ordering::Relaxed), 1);
    seqs.extend(fill(&store, 8_000));
    for _ in 0..20 {
        let result = store.write_blocking(|tx| tx.append(&[big("x", 100_000)]));
        assert!(matches!(result, Err(Error::Full)), "{result:?}");
        // Reading goes on.
        assert_eq!(store.read_blocking(|r| r.head()).unwrap().seq, *seqs.last().unwrap());
    }
    std::fs::remove_file(&filler).unwrap();
    // Now blobs, which are files of their own.
    seqs.extend(fill(&store, 50_000));
    let last = *seqs.last().unwrap();
    assert_eq!(seqs, (1..=last).collect::<Vec<_>>(), "no gap, nothing twice");
    check(&store, last);
    drop(store);
    let store = Store::open(with_hook).unwrap();
    check(&store, last);
    assert!(last > 100, "{last}");
}

fn check(store: &Store, last: u64) {
    let report = store.read_blocking(|r| r.verify(&mut |_| {})).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.events, last);
    assert!(
        store.read_blocking(move |r| r.event(EventKey::Seq(last))).unwrap().unwrap().body.is_some()
    );
}

#[test]
#[ignore = "run by read_only"]
fn read_only_child() {
    let home = mounted("size=6m");
    let options = options(&home, Arc::new(AtomicI64::new(1_800_000_000_000_000)));
    let store = Store::open(options.clone()).unwrap();
    store.write_blocking(|tx| tx.append(&[draft("a", "x")])).unwrap();
    drop(store);
    mount(&["-o", "remount,ro"], &home);
    let result = Store::open(options.clone());
    assert!(matches!(result, Err(Error::ReadOnly)), "{result:?}");
    mount(&["-o", "remount,rw"], &home);
    check(&Store::open(options).unwrap(), 1);
}
