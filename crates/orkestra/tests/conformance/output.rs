//! Logs that others tamper with (case 40).

use crate::harness::Home;
use crate::support::{unit, units};
use crate::watch::{pid_in, touch};
use std::path::PathBuf;

fn folder(home: &Home, name: &str) -> PathBuf {
    home.data().join("logs").join(name)
}

fn lines(home: &Home, name: &str) -> Vec<u64> {
    let printed = home.ok(&["logs", name, "-n", "5000000"]);
    let number = |line: &str| line.parse().unwrap_or_else(|_| panic!("a torn line: {line:?}"));
    printed.lines().map(number).collect()
}

/// Numbers may be missing, but none comes twice or out of order.
fn in_order(numbers: &[u64]) {
    let odd = numbers.windows(2).find(|pair| pair[1] <= pair[0]);
    assert_eq!(odd, None, "doubled or out of order");
}

#[test]
fn case_40_rotation_under_full_load_loses_nothing_though_names_are_taken() {
    let script = "seq 1 150000; exec sleep 1000000";
    let mut home =
        Home::new(&units(&[unit("fast", script, "logs: { max_size: 64KB, keep: 1000 }")]));
    // The names of the next files are taken: by folders, by a file, by a link to nowhere. Others
    // only look like names of ours.
    let folder = folder(&home, "fast");
    std::fs::create_dir_all(folder.join("00000002.log")).expect("a folder");
    std::fs::create_dir_all(folder.join("00000003.log")).expect("a folder");
    std::fs::write(folder.join("00000005.log"), "").expect("a file");
    std::fs::write(folder.join("9.log"), "no line of ours\n").expect("a file");
    std::os::unix::fs::symlink("/nowhere/at/all", folder.join("00000007.log")).expect("a link");
    home.up();
    home.wait("the last line", || {
        (home.ok(&["logs", "fast", "-n", "1"]) == "150000\n").then_some(())
    });
    let lines = lines(&home, "fast");
    assert_eq!(lines.len(), 150_000);
    in_order(&lines);
    assert_eq!((lines.first(), lines.last()), (Some(&1), Some(&150_000)));
    let files = folder.read_dir().expect("the folder").count();
    assert!(files > 20, "it was rotated only {files} times");
    assert_eq!(home.unit("fast")["restarts"], 0);
}

#[test]
fn case_40_a_log_that_is_deleted_under_load_goes_on() {
    let script = "echo $$ > pid; i=0; until [ -e enough ]; do i=$((i + 1)); echo $i; done; echo $i > last; exec sleep 1000000";
    let mut home = Home::new(&units(&[unit("busy", script, "logs: { max_size: 64KB, keep: 5 }")]));
    home.up();
    let pid = pid_in(&home, "pid");
    let newest = || lines(&home, "busy").last().copied().unwrap_or(0);
    let mut at = 0;
    for round in 0..6 {
        home.wait("it to write on", || (newest() > at).then_some(()));
        let folder = folder(&home, "busy");
        if round % 2 == 0 {
            for file in folder.read_dir().expect("the folder").flatten() {
                let _rotated_away = std::fs::remove_file(file.path());
            }
        } else {
            // Somebody may have written meanwhile, so it may take a second try.
            home.wait("the folder to be gone", || std::fs::remove_dir_all(&folder).ok());
        }
        at = newest();
        in_order(&lines(&home, "busy"));
    }
    touch(&home, "enough");
    let last: u64 =
        home.wait("its last number", || crate::watch::written(&home, "last").trim().parse().ok());
    home.wait("its last line", || (newest() == last).then_some(()));
    in_order(&lines(&home, "busy"));
    assert_eq!(home.pid("busy"), pid);
    let files = folder(&home, "busy").read_dir().expect("the folder").count();
    assert!(files <= 6, "{files} files are kept");
}
