//! Traces by OTLP: a sink that is nothing but a socket, and a collector that is away.

use crate::harness::{Home, PATIENCE};
use crate::support::IDLE;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// A collector: answers 200 to whatever is posted; first lines and bodies.
fn sink() -> (u16, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let mut first = String::new();
                    if reader.read_line(&mut first).unwrap_or(0) == 0 {
                        return;
                    }
                    let (mut line, mut length) = (String::new(), 0);
                    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                            length = value.trim().parse().expect("a length");
                        }
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).expect("the body");
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    reader.get_mut().write_all(answer).expect("an answer");
                    if sender.send((first.trim().to_owned(), body)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, received)
}

#[test]
fn traces_reach_a_collector_under_the_name_of_the_service() {
    let (port, received) = sink();
    let telemetry =
        format!("telemetry: {{ otlp: \"http://127.0.0.1:{port}\", service_name: test-house }}\n");
    let mut home = Home::new(&format!("{IDLE}{telemetry}"));
    home.up();
    home.pid("web");
    let wanted = ["test-house", "turn", "commit", "GET /api/v1/status"];
    let mut missing = wanted.to_vec();
    while !missing.is_empty() {
        let (first, body) = received
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("no {missing:?}\n{}", home.daemon_log()));
        assert_eq!(first, "POST /v1/traces HTTP/1.1");
        let has = |word: &str| body.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(has("test-house"), "every batch names the service");
        missing.retain(|word| !has(word));
        home.status();
    }
    home.down();
    assert!(!home.daemon_log().contains("takes no traces"), "{}", home.daemon_log());
}

#[test]
fn a_collector_that_is_away_costs_one_line() {
    // A port that was free a moment ago and is taken by nobody now.
    let port =
        TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("it").port();
    let mut home =
        Home::new(&format!("{IDLE}telemetry: {{ otlp: \"http://127.0.0.1:{port}\" }}\n"));
    home.up();
    home.pid("web");
    home.wait("the line", || home.daemon_log().contains("takes no traces").then_some(()));
    for _ in 0..2 {
        home.ok(&["unit", "restart", "web"]);
    }
    let said = home.daemon_log().matches("takes no traces").count();
    assert_eq!(said, 1, "{}", home.daemon_log());
    home.down();
}

#[test]
fn a_collector_behind_tls_is_refused_with_a_hint() {
    let home = Home::new("telemetry: { otlp: \"https://collector.example\" }\n");
    let said = home.fails(&["config", "check"], 5);
    assert!(said.contains("collector on this machine"), "{said}");
}
