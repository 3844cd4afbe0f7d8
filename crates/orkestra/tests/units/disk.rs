//! Disks that are full or read-only. A small file system is mounted for the home, which needs
//! root; elsewhere these tests say that they are skipped.

use crate::harness::{Home, is_alive, signal};
use crate::support::{SLEEP, no_orphan, of, unit, units, verified};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A small file system on a home; goes with the value, which must outlive the home's processes.
struct SmallDisk {
    at: PathBuf,
    umount: std::process::Command,
}

impl SmallDisk {
    fn new(home: &Home, size: &str) -> Option<Self> {
        let at = home.data();
        std::fs::create_dir_all(&at).expect("the home's folder");
        let options = format!("size={size},mode=0700");
        let mut mount = home.command("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "orkestra-test"]).arg(&at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: mounting a small file system needs root");
            return None;
        }
        let mut umount = home.command("umount");
        umount.arg("-l").arg(&at).current_dir("/");
        Some(Self { at, umount })
    }

    fn remount(&self, home: &Home, how: &str) {
        let mut mount = home.command("mount");
        mount.args(["-o", &format!("remount,{how}")]).arg(&self.at).current_dir("/");
        assert!(mount.status().expect("mount runs").success());
    }

    /// Writes into a file until there is no room at all.
    fn fill(&self) {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.filler())
            .expect("the filler");
        for size in [1 << 20, 4 << 10] {
            let block = vec![b'f'; size];
            while file.write_all(&block).is_ok() {}
        }
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("room again");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _gone = self.umount.status();
    }
}

/// The home's lock, logs and database as they are, to see that nobody touched them.
fn listing(at: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    let mut folders = vec![at.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let facts = entry.metadata().expect("facts");
            if facts.is_dir() {
                folders.push(entry.path());
            }
            all.push((entry.path(), facts.len()));
        }
    }
    all.sort();
    all
}

const LINES: &str = r#"i=0
while :; do i=$((i + 1)); echo "line $i"; sleep 0.01; done"#;

/// Numbers in the log of a unit that writes `LINES`.
fn numbers(home: &Home, name: &str) -> Vec<u64> {
    let lines = home.ok(&["logs", name, "-n", "1000000"]);
    lines.lines().filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect()
}

#[test]
fn a_full_disk_stops_new_work_but_not_supervision() {
    let mut home = Home::new(&units(&[
        unit("steady", SLEEP, "restart: { initial: 10ms, max: 10ms, jitter: 0 }"),
        unit("idle", SLEEP, "enabled: false"),
        unit("blocks", LINES, "logs: { full: block }"),
        unit("drops", LINES, "logs: { full: drop }"),
    ]));
    let Some(disk) = SmallDisk::new(&home, "28m") else { return };
    home.up();
    let [steady, blocks, drops] = ["steady", "blocks", "drops"].map(|name| home.pid(name));
    home.wait("both to write", || {
        (!numbers(&home, "blocks").is_empty() && !numbers(&home, "drops").is_empty()).then_some(())
    });
    let reserve = home.data().join("reserve");
    assert!(reserve.metadata().expect("a reserve").len() >= 1 << 20);
    home.wait("the store to be full", || {
        disk.fill();
        // Something to write down.
        home.run(&["unit", "signal", "steady", "CONT"]);
        (home.status()["daemon"]["store"] == "full").then_some(())
    });
    assert!(!reserve.exists(), "the reserve was freed first");
    let status = home.status();
    assert_eq!(status["needs_you"][0]["kind"], "store", "{status}");

    // Supervision goes on, from memory.
    disk.fill();
    signal(steady, "KILL");
    let second = home.wait("a restart on a full disk", || {
        let unit = home.unit("steady");
        let pid = unit["pid"].as_i64()? as i32;
        (unit["state"] == "running" && pid != steady).then_some(pid)
    });
    let said = home.fails(&["unit", "start", "idle"], 4);
    assert!(said.contains("full"), "{said}");
    assert_eq!(home.unit("idle")["state"], "stopped");

    // What room there was in begun pages of the logs is used up.
    home.wait("both logs to stand still", || {
        disk.fill();
        let lengths = || ["blocks", "drops"].map(|name| numbers(&home, name).len());
        let before = lengths();
        std::thread::sleep(Duration::from_millis(1_500));
        (before == lengths()).then_some(())
    });
    assert!(is_alive(blocks) && is_alive(drops));

    // As soon as there is room, all is written.
    let blocked_at = numbers(&home, "blocks").len();
    disk.free();
    home.wait("the store to be written again", || {
        (home.status()["daemon"]["store"] == "ok").then_some(())
    });
    let gap = home.events("journal.gap").pop().expect("the gap is told");
    assert!(gap["body"]["queued"].as_u64() > Some(0) && gap["body"]["dropped"] == 0, "{gap}");
    let started = of(&home, "steady", "unit.started");
    assert!(started.iter().any(|event| event["body"]["pid"] == second), "what waited is written");
    home.wait("the reserve to be set aside again", || reserve.exists().then_some(()));
    home.wait("the blocked to go on", || {
        (numbers(&home, "blocks").len() > blocked_at + 50).then_some(())
    });
    let whole = numbers(&home, "blocks");
    let expected: Vec<u64> = (1..=whole.len() as u64).collect();
    assert_eq!(whole, expected, "block loses, doubles and tears nothing");
    home.wait("what was dropped to be counted", || {
        home.ok(&["logs", "drops", "-n", "1000000"]).contains("[orkestra: dropped ").then_some(())
    });
    let some = numbers(&home, "drops");
    assert!(some.windows(2).all(|pair| pair[0] < pair[1]), "drop doubles nothing");
    assert_eq!((home.pid("blocks"), home.pid("drops")), (blocks, drops));
    home.ok(&["unit", "start", "idle"]);
    no_orphan(&home);
    verified(&home);
    // What was done while nothing could be written is known to the next daemon.
    home.kill_daemon();
    home.up();
    assert_eq!(home.pid("steady"), second);
    home.down();
    drop(home);
    drop(disk);
}

#[test]
fn a_daemon_that_starts_on_a_full_disk_uses_its_reserve() {
    let mut home = Home::new(&units(&[
        unit("lives", SLEEP, ""),
        unit("dies", SLEEP, "restart: { initial: 10ms }"),
    ]));
    let Some(disk) = SmallDisk::new(&home, "28m") else { return };
    home.up();
    let (lives, dies) = (home.pid("lives"), home.pid("dies"));
    home.kill_daemon();
    disk.fill();
    signal(dies, "KILL");
    home.up();
    assert_eq!(home.pid("lives"), lives);
    home.wait("the dead to be restarted", || {
        let unit = home.unit("dies");
        (unit["state"] == "running" && unit["pid"] != dies).then_some(())
    });
    disk.free();
    no_orphan(&home);
    verified(&home);
    home.down();
    drop(home);
    drop(disk);
}

#[test]
fn a_daemon_without_any_room_says_so_and_harms_nobody() {
    let mut home = Home::new(&units(&[unit("lives", SLEEP, "")]));
    let Some(disk) = SmallDisk::new(&home, "28m") else { return };
    home.up();
    let pid = home.pid("lives");
    home.kill_daemon();
    std::fs::remove_file(home.data().join("reserve")).expect("the reserve");
    disk.fill();
    let said = home.fails(&["up", "--port", "0"], 1);
    assert!(said.contains("the disk is full"), "{said}");
    assert!(is_alive(pid), "the unit goes on");
    disk.free();
    home.up();
    assert_eq!(home.pid("lives"), pid);
    verified(&home);
    home.down();
    drop(home);
    drop(disk);
}

#[test]
fn a_read_only_home_is_refused_by_name() {
    let mut home = Home::new(&units(&[unit("a", SLEEP, "")]));
    let Some(disk) = SmallDisk::new(&home, "28m") else { return };
    // Both a home that is fresh and one that was used.
    for used in [false, true] {
        if used {
            disk.remount(&home, "rw");
            home.up();
            home.pid("a");
            home.down();
        }
        disk.remount(&home, "ro");
        let before = listing(&home.data());
        let said = home.fails(&["up", "--port", "0"], 1);
        assert!(
            said.contains(&home.data().display().to_string()),
            "it does not name the folder: {said}"
        );
        assert!(said.contains("Read-only"), "it does not say why: {said}");
        assert!(said.contains("--home"), "it does not say what to do: {said}");
        assert_eq!(listing(&home.data()), before, "nothing is touched");
    }
    disk.remount(&home, "rw");
    home.up();
    home.pid("a");
    home.down();
    drop(home);
    drop(disk);
}
