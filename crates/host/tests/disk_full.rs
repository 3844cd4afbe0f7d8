//! A full disk: wait without losing, or lose with a count. Needs the right to mount a tmpfs.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: they start strangers, and a failure is a panic"
)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use orkestra_host::instance::{Full, Launch, Output};
use orkestra_host::output::{LogReader, Stream};
use orkestra_host::reserve;
use support::{Home, all_lines, texts};

/// A tiny disk; unmounted when dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "none"])
            .arg(path)
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            println!("SKIPPED: no right to mount a small disk here");
        }
        mounted.then_some(Self(path))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(self.0).status();
    }
}

fn on_disk(home: &Home, disk: &Path, full: Full) -> Launch {
    let mut launch = home.sh("seq 30000; echo fin; touch written; exit 0");
    launch.output = Output::Log { dir: disk.join("log"), max_bytes: 64 << 20, keep: 5, full };
    launch
}

#[tokio::test]
async fn block_waits_for_room_and_loses_nothing() {
    let home = Home::new();
    let path = home.path("disk");
    let Some(_disk) = Disk::mount(&path) else { return };
    std::fs::write(path.join("ballast"), vec![1; 300 << 10]).unwrap();
    let mut running = home.start(&on_disk(&home, &path, Full::Block)).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    std::fs::remove_file(path.join("ballast")).unwrap();
    // Not even then is there room for all of it (30,000 lines are more than 1.2 MB).
    let logs = LogReader::new(path.join("log"));
    support::eventually("more lines", || {
        (logs.tail(1).unwrap().lines.first()?.cursor_after.offset > 400_000).then_some(())
    })
    .await;
    Command::new("mount").args(["-o", "remount,size=8m"]).arg(&path).status().unwrap();
    let exit = running.exit().await;
    assert_eq!((exit.code, exit.dropped), (Some(0), 0));
    let mut wanted: Vec<String> = (1..=30_000).map(|number| number.to_string()).collect();
    wanted.push("fin".into());
    let lines = texts(&all_lines(&logs), Stream::Stdout);
    let first = lines.iter().zip(&wanted).position(|(line, wanted)| line != wanted);
    assert_eq!((lines.len(), first), (wanted.len(), None), "count, first wrong line");
}

#[tokio::test]
async fn drop_lets_the_unit_go_on_and_says_how_much_is_missing() {
    let home = Home::new();
    let path = home.path("disk");
    let Some(_disk) = Disk::mount(&path) else { return };
    let mut launch = on_disk(&home, &path, Full::Drop);
    launch.argv[2] =
        "seq 30000; touch written; while ! [ -e go ]; do sleep 0.01; done; echo fin".into();
    let mut running = home.start(&launch).await;
    support::eventually("the unit's way past it", || home.path("written").exists().then_some(()))
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    Command::new("mount").args(["-o", "remount,size=8m"]).arg(&path).status().unwrap();
    let logs = LogReader::new(path.join("log"));
    let notice = support::eventually("the notice", || {
        texts(&logs.tail(3).unwrap().lines, Stream::Stderr).pop()
    })
    .await;
    std::fs::write(home.path("go"), "").unwrap();
    let exit = running.exit().await;
    let lines = texts(&all_lines(&logs), Stream::Stdout);
    assert_eq!(lines.last().map(String::as_str), Some("fin"));
    let kept = lines.len() as u64 - 1;
    // Whole lines, in order, and as many as are not in the count.
    for (index, line) in lines.iter().take(100).enumerate() {
        assert_eq!(*line, (index + 1).to_string());
    }
    assert_eq!(exit.dropped, 30_000 - kept, "{notice}");
    assert!(notice.starts_with(&format!("[orkestra: dropped {} lines, ", exit.dropped)));
}

#[tokio::test]
async fn an_end_on_a_full_disk_is_still_reported() {
    let home = Home::new();
    let path = home.path("disk");
    let Some(_disk) = Disk::mount(&path) else { return };
    let launcher = orkestra_host::instance::Launcher::new(&path.join("run")).unwrap();
    let launch = on_disk(&home, &path, Full::Block);
    let (handle, mut events) = launcher.launch(&launch).unwrap();
    support::eventually("its end", || home.path("written").exists().then_some(())).await;
    let began = Instant::now();
    handle.stop(Duration::from_millis(200), None).await;
    let exit = support::exit(&mut events).await;
    assert!(began.elapsed() < Duration::from_secs(3), "a stop does not wait for the disk");
    // The signal may be faster than the shell's last words.
    assert!(exit.code == Some(0) || exit.signal == Some(15), "{exit:?}");
    assert!(exit.dropped > 0, "what could not be written is counted");
    handle.release().await.unwrap();
}

#[test]
fn a_reserve_takes_real_room_and_gives_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("reserve");
    reserve::ensure(&file, 1 << 20).unwrap();
    reserve::ensure(&file, 1 << 20).unwrap();
    let facts = std::fs::metadata(&file).unwrap();
    assert!(std::os::unix::fs::MetadataExt::blocks(&facts) * 512 >= 1 << 20);
    reserve::release(&file).unwrap();
    reserve::release(&file).unwrap();
    assert!(!file.exists());
    let path = dir.path().join("disk");
    let Some(_disk) = Disk::mount(&path) else { return };
    assert_eq!(reserve::ensure(&path.join("reserve"), 1 << 20).unwrap_err().errno(), Some(28));
}
