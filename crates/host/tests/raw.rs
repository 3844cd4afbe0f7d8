//! Output straight into files: sizes as news, lines by offset, a cap.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: they start strangers, and a failure is a panic"
)]

mod support;

use orkestra_host::instance::{InstanceEvent, Launch, Output};
use orkestra_host::raw::{RawItem, RawReader};
use support::{Home, next};

fn raw(home: &Home, script: &str, cap: u64) -> Launch {
    let mut launch = home.sh(script);
    launch.output = Output::Raw { stdout: home.path("out"), stderr: home.path("err"), cap };
    launch
}

#[tokio::test]
async fn sizes_are_told_while_it_runs_and_exactly_before_the_end() {
    let home = Home::new();
    let script = "echo start; sleep 0.3; seq 10000; echo oops >&2; exit 0";
    let mut running = home.start(&raw(&home, script, 1 << 30)).await;
    let (mut sizes, mut seen_early) = ((0, 0), false);
    let exit = loop {
        match next(&mut running.events).await {
            InstanceEvent::Output { stdout, stderr } => {
                assert!(stdout >= sizes.0 && stderr >= sizes.1);
                seen_early |= stdout == 6;
                sizes = (stdout, stderr);
            }
            InstanceEvent::Exited(exit) => break exit,
            other => panic!("{other:?}"),
        }
    };
    assert!(seen_early, "the first line was not told before the rest came");
    assert_eq!((exit.code, sizes), (Some(0), (6 + 48_894, 5)));
    let mut reader = RawReader::new(&home.path("out"), 0);
    let mut lines = Vec::new();
    while reader.offset() < sizes.0 {
        lines.extend(reader.read(1000).unwrap());
    }
    assert_eq!(lines.len(), 10_001);
    let RawItem::Line { offset, .. } = &lines[5000] else { panic!("not a line") };
    let again = RawReader::new(&home.path("out"), *offset).read(1 << 20).unwrap();
    assert_eq!(again, lines[5000..]);
}

#[tokio::test]
async fn a_unit_over_its_cap_is_killed_with_that_reason() {
    let home = Home::new();
    let script = "setsid sh -c 'echo $$ > far; exec sleep 1000' & yes >&2";
    let mut running = home.start(&raw(&home, script, 1 << 20)).await;
    let exit = running.exit().await;
    assert_eq!((exit.reason.as_str(), exit.killed, exit.signal), ("output_cap", true, Some(9)));
    if let Ok(pid) = std::fs::read_to_string(home.path("far")) {
        assert!(pid.trim().parse().is_ok_and(|pid| !support::is_alive(pid)));
    }
    running.handle.release().await.unwrap();
}

#[tokio::test]
async fn input_comes_from_a_file_and_output_is_added_to_what_is_there() {
    let home = Home::new();
    std::fs::write(home.path("in"), "hello\n").unwrap();
    std::fs::write(home.path("out"), "before\n").unwrap();
    let mut launch = raw(&home, "cat; echo done >&2", 1 << 20);
    launch.stdin = Some(home.path("in"));
    assert_eq!(home.run(&launch).await.code, Some(0));
    assert_eq!(std::fs::read_to_string(home.path("out")).unwrap(), "before\nhello\n");
    assert_eq!(std::fs::read_to_string(home.path("err")).unwrap(), "done\n");
}
