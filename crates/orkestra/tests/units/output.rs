//! Odd output and odd ways of holding it.

use crate::harness::{Home, is_alive, text};
use crate::support::{of, unit, units};
use serde_json::Value;

fn log_lines(home: &Home, name: &str) -> Vec<Value> {
    let printed = home.ok(&["logs", name, "-n", "100000", "--json"]);
    printed.lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
}

/// What the log files hold of one unit, without stamps: each entry's text.
fn raw(home: &Home, name: &str) -> Vec<u8> {
    let mut files: Vec<_> = std::fs::read_dir(home.data().join("logs").join(name))
        .expect("the log folder")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.iter().flat_map(|file| std::fs::read(file).expect("a log")).collect()
}

#[test]
fn case_39_a_line_of_10_mb_is_kept_whole_and_shown_cut() {
    let script = "echo before; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo after; exec sleep 1000000";
    let mut home = Home::new(&units(&[unit("long", script, "logs: { max_size: 4MB, keep: 20 }")]));
    home.up();
    home.wait("the last line", || {
        (home.ok(&["logs", "long", "-n", "1"]) == "after\n").then_some(())
    });
    let written = raw(&home, "long").iter().filter(|byte| **byte == b'x').count();
    assert_eq!(written, 10_000_000, "every byte is in the log");
    let lines = log_lines(&home, "long");
    assert_eq!(lines.len(), 3, "one line is one line");
    let [before, long, after] = lines.as_slice() else { panic!("three lines") };
    assert_eq!((&before["text"], &after["text"]), (&"before".into(), &"after".into()));
    assert_eq!((&before["truncated"], &long["truncated"]), (&false.into(), &true.into()));
    assert_eq!(long["text"].as_str().map(str::len), Some(1 << 20), "the first MB is shown");
    assert_eq!(home.unit("long")["state"], "running");
}

#[test]
fn case_39_nul_and_bytes_that_are_no_text_are_kept() {
    let script = r"printf 'a\000b\n'; printf 'c\377\376d\n'; printf '\033[31mred\r\n'; printf 'no end'; exec sleep 1000000";
    let mut home = Home::new(&units(&[unit("odd", script, "")]));
    home.up();
    let output = home.wait("the unfinished line", || {
        let output = home.run(&["logs", "odd"]);
        text(&output.stdout).contains("no end").then_some(output)
    });
    assert_eq!(output.stdout, b"a\0b\nc\xff\xfed\n\x1b[31mred\r\nno end\n");
    let texts: Vec<Value> =
        log_lines(&home, "odd").iter().map(|line| line["text"].clone()).collect();
    assert_eq!(texts, ["a\0b", "c\u{fffd}\u{fffd}d", "\u{1b}[31mred\r", "no end"]);
    // The same where a unit's last words are quoted: in an event's body.
    home.ok(&["unit", "stop", "odd"]);
    let exited = of(&home, "odd", "unit.exited").pop().expect("the exit");
    assert_eq!(exited["body"]["last_lines"][1], "c\u{fffd}\u{fffd}d", "{exited}");
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_unit_that_closes_its_output_goes_on() {
    let script = "echo out; echo err >&2; exec >&- 2>&-; exec sleep 1000000";
    let mut home = Home::new(&units(&[unit("mute", script, "restart: { initial: 0 }")]));
    home.up();
    let pid = home.pid("mute");
    home.wait("both lines", || (log_lines(&home, "mute").len() == 2).then_some(()));
    let before = home.unit("mute")["uptime_ms"].as_u64();
    home.wait("a second of life", || {
        (home.unit("mute")["uptime_ms"].as_u64() > before.map(|ms| ms + 1_000)).then_some(())
    });
    let unit = home.unit("mute");
    assert_eq!((&unit["pid"], &unit["restarts"]), (&pid.into(), &0.into()), "{unit}");
    // Also over a change of daemons.
    home.kill_daemon();
    home.up();
    assert_eq!(home.pid("mute"), pid);
    home.ok(&["unit", "stop", "mute"]);
    assert!(!is_alive(pid));
}

#[test]
fn a_grandchild_that_holds_the_output_ends_with_its_unit() {
    let polite = "setsid sleep 1000000 & echo done; exit 4";
    let stubborn = "setsid sh -c \"trap '' TERM; echo held; sleep 1000000; sleep 1000000\" & sleep 0.3; exit 5";
    let mut home = Home::new(&units(&[
        unit("polite", polite, "restart: never"),
        unit("stubborn", stubborn, "restart: never, stop: { grace: 1s }"),
    ]));
    home.up();
    for (name, code, killed) in [("polite", 4, false), ("stubborn", 5, true)] {
        let unit = home.wait_state(name, "failed");
        assert_eq!(unit["last_exit"]["code"], code, "{unit}");
        let exited = of(&home, name, "unit.exited").pop().expect("the exit");
        assert_eq!(exited["body"]["killed"], killed, "{exited}");
        assert_eq!(exited["body"]["survivors"], 0, "{exited}");
    }
    assert_eq!(home.processes(), Vec::<i32>::new(), "the whole tree is the unit");
    assert_eq!(home.ok(&["logs", "polite"]), "done\n");
    assert_eq!(home.ok(&["logs", "stubborn"]), "held\n");
}

#[test]
fn a_stranger_that_holds_the_output_holds_up_nothing() {
    use std::io::Write;
    let mut home = Home::new(&units(&[unit("lent", "echo mine; exec sleep 1000000", "")]));
    home.up();
    let pid = home.pid("lent");
    home.wait("its line", || (home.ok(&["logs", "lent"]) == "mine\n").then_some(()));
    // We hold the unit's output from outside its tree, as one does who was handed the descriptor.
    let mut output = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{pid}/fd/1"))
        .expect("the unit's output");
    output.write_all(b"theirs\n").expect("the pipe is open");
    home.ok(&["unit", "stop", "lent"]);
    assert!(!is_alive(pid));
    assert_eq!(home.unit("lent")["state"], "stopped");
    assert_eq!(home.ok(&["logs", "lent"]), "mine\ntheirs\n");
    home.wait("the shim to go", || home.processes().is_empty().then_some(()));
    assert!(output.write_all(b"too late\n").is_err(), "nobody reads any more");
    home.down();
}
