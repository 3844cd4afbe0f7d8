//! One that reads events and stops reading (case 42).

use crate::harness::Home;
use crate::support::{SLEEP, unit, units};
use crate::watch::wait_other;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Readers that stop reading.
const READERS: u64 = 60;

/// Memory of the daemon in KiB.
fn memory(home: &Home) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", home.daemon_pid()));
    let status = status.expect("the daemon");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn case_42_a_reader_that_stops_reading_costs_little_and_loses_nothing() {
    // Each end quotes five long lines, so events are large.
    let loud = "printf '%3000s\n' a b c d e; exit 1";
    let mut home = Home::new(&units(&[
        unit("loud", loud, "restart: { initial: 1ms, max: 1ms }, logs: { max_size: 1MB }"),
        unit("calm", SLEEP, "restart: { initial: 10ms }"),
    ]));
    home.up();
    home.pid("calm");
    let mut slow: Vec<UnixStream> = (0..READERS)
        .map(|_| {
            let mut stream =
                UnixStream::connect(home.data().join("orkestra.sock")).expect("the socket");
            let request = format!(
                "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
                home.token()
            );
            stream.write_all(request.as_bytes()).expect("the request is sent");
            stream
        })
        .collect();
    let crashed = |times: u64| {
        home.wait(&format!("{times} crashes"), || {
            (home.unit("loud")["restarts"].as_u64() >= Some(times)).then_some(())
        });
    };
    // More than fits into pipes and buffers.
    crashed(220);
    let before = memory(&home);
    crashed(400);
    let grown = memory(&home).saturating_sub(before) << 10;
    // Supervision goes on meanwhile …
    let pid = home.pid("calm");
    crate::harness::signal(pid, "KILL");
    wait_other(&home, "calm", pid);
    home.ok(&["unit", "stop", "loud"]);
    // When one reads on at last, it gets everything in order.
    let last =
        home.events("unit.stopped").pop().expect("the stop")["seq"].as_u64().expect("a place");
    let stream = slow.remove(0);
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    let (mut seen, mut bytes) = (Vec::new(), 0);
    for line in BufReader::new(stream).lines() {
        let line = line.expect("the stream goes on");
        bytes += line.len() as u64 + 1;
        assert_ne!(line, "event: reset", "it was told to begin anew after {:?}", seen.last());
        if let Some(id) = line.strip_prefix("id: ").or_else(|| line.strip_prefix("id:")) {
            let seq =
                id.trim().rsplit(['.', '-', ':', '/']).next().and_then(|seq| seq.parse().ok());
            let seq: u64 = seq.unwrap_or_else(|| panic!("a cursor: {id}"));
            seen.push(seq);
        }
        if seen.last().is_some_and(|seq| *seq >= last) {
            break;
        }
    }
    let gap = seen.windows(2).find(|pair| pair[1] != pair[0] + 1);
    assert_eq!(gap, None, "an event is missing or comes twice");
    assert!(seen.len() > 600, "only {} events", seen.len());
    // Nobody keeps for each of them what came after it stopped: some four ninths of it all.
    assert!(bytes > 1_200_000, "the stream may fit into buffers: {bytes} bytes");
    let missed = READERS * bytes * 4 / 9;
    assert!(grown < missed / 2, "{READERS} readers missed {missed} bytes, and {grown} were kept");
}
