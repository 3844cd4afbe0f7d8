//! Ready at the right moment, for no longer than allowed (cases 27, 31).

use crate::harness::{Home, is_alive};
use crate::support::{SLEEP, of, unit, units};
use crate::watch::{count, touch, wait_other};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// A server that answers each request with the status that stands in the number.
fn server() -> (u16, Arc<AtomicU16>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let status = Arc::new(AtomicU16::new(503));
    let told = Arc::clone(&status);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _whole = stream.read(&mut request);
            let status = told.load(Ordering::SeqCst);
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    (port, status)
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its number").port()
}

fn ready(probe: &str) -> String {
    format!("probes: {{ ready: {{ {probe} }} }}")
}

#[test]
fn case_27_each_way_of_being_ready_is_told_when_it_is_so_and_not_before() {
    let (http, status) = server();
    let tcp = free_port();
    let says = "until [ -e go ]; do sleep 0.05; done; echo now listening on 7; exec sleep 1000000";
    let kinds = [
        ("http", SLEEP, ready(&format!("http: 'http://127.0.0.1:{http}/health'"))),
        ("exact", SLEEP, ready(&format!("http: 'http://127.0.0.1:{http}/', status: 204"))),
        ("tcp", SLEEP, ready(&format!("tcp: '127.0.0.1:{tcp}'"))),
        ("exec", SLEEP, ready("exec: [test, -e, go]")),
        ("log", says, ready("log: 'listening on [0-9]+$'")),
        // The first that passes decides, whichever stands first.
        ("first", says, ready("delay: 10m, log: listening, exec: ['false']")),
    ];
    let mut yaml: Vec<String> =
        kinds.iter().map(|(name, script, probe)| unit(name, script, probe)).collect();
    yaml.push(unit("delay", SLEEP, &ready("delay: 1500ms")));
    let mut home = Home::new(&units(&yaml));
    home.up();
    let ready = |name: &str| count(&home, name, "unit.ready");
    // All have been asked in vain, as far as they are asked.
    for name in ["http", "exact", "tcp", "exec"] {
        home.wait(&format!("{name} to be asked"), || {
            let unit = home.json(&["unit", "show", name]);
            let answers = unit["answers"].as_array()?.clone();
            assert!(answers.iter().all(|answer| answer["passed"] == false), "{name}: {answers:?}");
            (answers.len() >= 2).then_some(())
        });
    }
    for (name, ..) in &kinds {
        assert_eq!(ready(name), 0, "{name} is ready before its time");
        let unit = home.wait_state(name, "running");
        assert_eq!(unit["why"], "Running, but not ready yet.", "{unit}");
    }
    // A status that others take is none for the one that asks for another.
    status.store(200, Ordering::SeqCst);
    home.wait("http to be ready", || (ready("http") == 1).then_some(()));
    assert_eq!(ready("exact"), 0);
    status.store(204, Ordering::SeqCst);
    let _listens = TcpListener::bind(("127.0.0.1", tcp)).expect("the port is still free");
    touch(&home, "go");
    for (name, by) in [
        ("http", "http"),
        ("exact", "http"),
        ("tcp", "tcp"),
        ("exec", "exec"),
        ("log", "log"),
        ("first", "log"),
        ("delay", "delay"),
    ] {
        home.wait(&format!("{name} to be ready"), || (ready(name) == 1).then_some(()));
        let told = of(&home, name, "unit.ready").pop().expect("the event");
        assert_eq!(told["body"]["by"], by, "{told}");
        assert_eq!(home.unit(name)["restarts"], 0);
    }
    let delay = of(&home, "delay", "unit.ready").pop().expect("the event");
    assert!(delay["body"]["after_ms"].as_i64() >= Some(1_500), "{delay}");
}

#[test]
fn case_27_only_this_life_counts_and_too_late_is_a_failed_start() {
    // The first life says it and dies; the second never does.
    let script =
        "[ $ORKESTRA_RESTARTS = 0 ] && { echo listening; sleep 0.5; exit 1; }; exec sleep 1000000";
    let rest =
        format!("{}, restart: {{ limit: 1, initial: 10ms }}", ready("log: listening, within: 2s"));
    let mut home = Home::new(&units(&[unit("a", script, &rest)]));
    home.up();
    let failed = home.wait_state("a", "failed");
    assert_eq!(failed["last_exit"]["reason"], "not_ready", "{failed}");
    assert_eq!(count(&home, "a", "unit.started"), 2);
    let ready: Vec<_> = of(&home, "a", "unit.ready,unit.exited")
        .iter()
        .map(|event| event["kind"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(ready, ["unit.ready", "unit.exited", "unit.exited"], "one word, of the first life");
}

#[test]
fn case_31_a_life_that_is_too_long_ends_also_when_that_was_said_later() {
    let with = |run_time: &str| {
        let rest = format!("limits: {{ run_time: {run_time} }}, restart: {{ initial: 10ms }}");
        units(&[
            unit("short", SLEEP, "limits: { run_time: 1s }, restart: never"),
            unit("changed", SLEEP, &rest),
        ])
    };
    let mut home = Home::new(&with("10m"));
    home.up();
    let pid = home.pid("changed");
    let short = home.wait_state("short", "failed");
    assert_eq!(short["last_exit"]["reason"], "run_time", "{short}");
    assert!(short["last_exit"]["uptime_ms"].as_u64() >= Some(990), "{short}");
    assert_eq!(home.pid("changed"), pid);
    home.configure(&with("2s"));
    wait_other(&home, "changed", pid);
    assert!(!is_alive(pid));
    let exited = of(&home, "changed", "unit.exited").remove(0);
    assert_eq!(exited["body"]["reason"], "run_time", "{exited}");
    assert_eq!(exited["body"]["pid"], pid, "the reload itself did not end it");
}
