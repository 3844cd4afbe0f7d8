//! Alerts from their cause to who is told (MISSION rows 7 and 44), with a real receiver.

use crate::harness::{Home, PATIENCE, Reply};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a receiver does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// Answers with this status.
    Answer(u16),
    /// Takes it, and never answers.
    Silence,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    head: String,
    pub(crate) body: Value,
    bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let name = format!("{}:", name.to_ascii_lowercase());
        self.head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&name))
            .map(|line| line[name.len()..].trim().to_owned())
    }
}

/// A webhook's receiver: takes what comes, and answers as it was told, at the end with 200.
pub(crate) struct Sink {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Sink {
    pub(crate) fn new(script: &[Then]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut script: VecDeque<Then> = script.iter().copied().collect();
        let sink = Self { port, seen: Arc::clone(&seen) };
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Some(request) = take(&mut stream) else { continue };
                seen.lock().expect("the list").push(request);
                match script.pop_front().unwrap_or(Then::Answer(200)) {
                    Then::Answer(status) => {
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nLocation: http://x/\r\nConnection: close\r\n\r\nhm"
                        );
                        let _gone = stream.write_all(answer.as_bytes());
                    }
                    Then::Silence => held.push(stream),
                }
            }
        });
        sink
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook/T0KEN", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("the list").clone()
    }

    pub(crate) fn wait(&self, count: usize) -> Vec<Request> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen();
            if seen.len() >= count {
                return seen;
            }
            assert!(Instant::now() < deadline, "only {} of {count} came: {seen:?}", seen.len());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

fn take(stream: &mut TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).ok()?;
        bytes.extend_from_slice(chunk.get(..count)?);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                let at = head.len() + 4;
                return Some(Request {
                    head: head.to_owned(),
                    body: serde_json::from_str(body).ok()?,
                    bytes: bytes.get(at..)?.to_vec(),
                });
            }
        }
        if count == 0 {
            return None;
        }
    }
}

pub(crate) fn failing(name: &str) -> String {
    format!("  {name}: {{ command: [\"/bin/sh\", \"-c\", \"exit 3\"], restart: never }}\n")
}

pub(crate) fn hook(sink: &Sink, more: &str) -> String {
    format!("notifications:\n  ops: {{ kind: webhook, url: \"{}\"{more} }}\n", sink.url())
}

fn alerts(home: &Home, what: &str) -> Vec<Value> {
    let list = home.json(&["alert", "list", "--all"]);
    let all = list["alerts"].as_array().expect("alerts").clone();
    all.into_iter().filter(|alert| alert["what"] == what).collect()
}

fn wait_alert(home: &Home, what: &str, state: &str) -> Value {
    home.wait(&format!("an alert {what} to be {state}"), || {
        alerts(home, what).into_iter().find(|alert| alert["state"] == state)
    })
}

#[test]
fn row_007_after_three_failed_restarts_a_unit_stays_failed_and_an_alert_is_raised() {
    let mut home = Home::new(
        "units:\n  web: { command: [\"/bin/sh\", \"-c\", \"exit 3\"], restart: { profile: few, initial: 10ms, max: 50ms } }\n",
    );
    home.up();
    let unit = home.wait_state("web", "failed");
    assert_eq!(unit["restarts"], 3, "{unit}");
    let alert = wait_alert(&home, "unit_failed", "open");
    assert_eq!((&alert["subject"], &alert["level"]), (&"web".into(), &"critical".into()));
    // What was said while it was still tried is over: the later word counts.
    let crashing = wait_alert(&home, "unit_crashing", "resolved");
    assert_eq!(crashing["subject"], "web");
    let raised = home.events("alert.raised");
    let raised = raised.iter().find(|e| e["body"]["what"] == "unit_failed").expect("an event");
    assert!(!raised["cause"].is_null(), "{raised}");
    let status = home.status();
    assert_eq!(status["alerts_open"], 1, "{status}");
    assert_eq!(status["needs_you"].as_array().map(Vec::len), Some(1), "told once: {status}");
    assert_eq!(home.unit("web")["state"], "failed", "it stays so");
    assert_eq!(home.events("unit.starting").len(), 4);

    // A person mends it: the alert is over by itself.
    home.configure("units:\n  web: { command: [sleep, \"1000000\"] }\n");
    home.ok(&["config", "reload"]);
    home.ok(&["unit", "start", "web"]);
    wait_alert(&home, "unit_failed", "resolved");
    assert_eq!(home.status()["alerts_open"], 0);
}

#[test]
fn row_044_the_same_alert_twice_in_an_hour_is_delivered_once_and_a_webhook_receives_it() {
    let sink = Sink::new(&[]);
    let units = format!("units:\n{}", failing("web"));
    let mut home = Home::new(&format!("{}{units}", hook(&sink, ", secret: hush-hush")));
    home.up();
    let requests = sink.wait(1);
    let request = &requests[0];
    assert!(request.head.starts_with("POST /hook/T0KEN HTTP/1.1"), "{}", request.head);
    assert_eq!(request.body["type"], "alert", "{}", request.body);
    let alert = &request.body["alert"];
    assert_eq!((&alert["what"], &alert["subject"]), (&"unit_failed".into(), &"web".into()));
    assert_eq!(request.header("Idempotency-Key"), request.body["key"].as_str().map(str::to_owned));
    assert_eq!(
        request.header("X-Orkestra-Signature"),
        Some(signature("hush-hush", &request.bytes))
    );

    // It fails again, and again: counted, not sent.
    for count in 2..4 {
        let _fails_again = home.run(&["unit", "start", "web"]);
        home.wait("the alert to be counted", || {
            alerts(&home, "unit_failed").into_iter().find(|alert| alert["count"] == count)
        });
    }
    let found = alerts(&home, "unit_failed");
    assert_eq!((found.len(), &found[0]["deliveries"]), (1, &1.into()), "{found:?}");
    assert_eq!(home.events("effect.recorded").len(), 1);
    assert_eq!(sink.seen().len(), 1);
    home.wait("the effect to be done", || home.events("effect.done").into_iter().next());

    // Neither address nor secret is in what is kept, shown or said.
    home.ok(&["config", "show"]);
    let shown = home.json(&["config", "show"]).to_string()
        + &home.api("GET", "/api/v1/config", "").body
        + &home.api("GET", "/api/v1/notifications", "").body
        + &home.ok(&["events", "--json", "-n", "1000"])
        + &home.daemon_log();
    assert!(!shown.contains("hush-hush") && !shown.contains("T0KEN"), "{shown}");
    home.down();
    for entry in std::fs::read_dir(home.data()).expect("the data folder").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hush-hush") && !text.contains("T0KEN"), "{:?}", entry.path());
    }
}

fn signature(secret: &str, body: &[u8]) -> String {
    // By hand, so that the test does not believe what it tests: HMAC from its definition.
    use sha2::{Digest, Sha256};
    let mut key = [0_u8; 64];
    key[..secret.len()].copy_from_slice(secret.as_bytes());
    let pad = |with: u8| key.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), body.to_vec()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    outer.iter().fold("sha256=".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn row_044_a_notification_under_way_when_the_daemon_is_killed_is_not_lost_and_keeps_its_key() {
    let sink = Sink::new(&[Then::Silence]);
    let mut home = Home::new(&format!("{}units:\n{}", hook(&sink, ""), failing("web")));
    home.up();
    sink.wait(1);
    // It was taken there, but nobody here knows: begun, not done.
    home.wait("it to be begun", || home.events("effect.begun").into_iter().next());
    home.kill_daemon();
    home.up();
    let requests = sink.wait(2);
    assert_eq!(requests[0].header("Idempotency-Key"), requests[1].header("Idempotency-Key"));
    assert_eq!(requests[0].body, requests[1].body);
    home.wait("the effect to be done", || home.events("effect.done").into_iter().next());
    let retried = home.events("effect.retried");
    assert_eq!(retried.len(), 1, "{retried:?}");
    assert_eq!(sink.seen().len(), 2);
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_receiver_in_trouble_is_tried_again_and_one_that_refuses_is_not() {
    let troubled = Sink::new(&[Then::Answer(503)]);
    let refusing = Sink::new(&[Then::Answer(404), Then::Answer(302), Then::Answer(404)]);
    let critical = Sink::new(&[]);
    let mut home = Home::new(&format!(
        "notifications:\n  a: {{ kind: slack, url: \"{}\" }}\n  b: {{ kind: discord, url: \"{}\", min_level: critical }}\n  c: {{ kind: webhook, url: \"{}\", min_level: critical }}\nunits:\n{}",
        troubled.url(),
        refusing.url(),
        critical.url(),
        failing("web")
    ));
    home.up();
    // a is told of the unit twice under one key, since it was in trouble, and once that b fails.
    let requests = troubled.wait(3);
    let about = |words: &str| -> Vec<Option<String>> {
        let of = |r: &&Request| r.body["text"].as_str().is_some_and(|text| text.contains(words));
        requests.iter().filter(of).map(|r| r.header("Idempotency-Key")).collect()
    };
    let unit = about("web failed");
    assert_eq!((unit.len(), &unit[0]), (2, &unit[1]), "{requests:?}");
    assert_eq!(about("b could not be told").len(), 1, "{requests:?}");
    assert!(refusing.wait(1)[0].body["content"].as_str().expect("text").contains("critical"));
    // That b cannot be told is an alert of its own: for a, since c wants critical ones only.
    let alert = wait_alert(&home, "notification_failed", "open");
    assert_eq!(alert["subject"], "b", "{alert}");
    assert_eq!((refusing.seen().len(), critical.seen().len()), (1, 1));

    let said = home.fails(&["notify", "test", "b"], 1);
    assert!(said.contains("answered 302") && said.contains("elsewhere"), "{said}");
    home.ok(&["notify", "test", "c"]);
    assert_eq!(critical.wait(2)[1].body["type"], "test");
    home.fails(&["notify", "test", "nobody"], 6);
    let list = home.json(&["notify", "list"]);
    assert_eq!(list["notifications"].as_array().map(Vec::len), Some(3), "{list}");
}

#[test]
fn a_person_settles_an_alert_and_it_needs_nobody_any_more() {
    let mut home = Home::new(&format!(
        "health: {{ disk_warning: 1000GB, disk_critical: 1MB, memory_warning: 0, memory_critical: 0, load_warning: 1000 }}\nunits:\n{}",
        failing("web")
    ));
    home.up();
    assert_eq!(home.run(&["health", "--check"]).status.code(), Some(9));
    let disk = wait_alert(&home, "health", "open");
    assert_eq!((&disk["subject"], &disk["level"]), (&"disk".into(), &"warning".into()));
    wait_alert(&home, "unit_failed", "open");
    let needs = |home: &Home| {
        let status = home.status();
        let needs = status["needs_you"].as_array().expect("needs").clone();
        let mut kinds: Vec<String> =
            needs.iter().map(|need| need["kind"].as_str().unwrap_or_default().to_owned()).collect();
        kinds.sort();
        (kinds, status["alerts_open"].as_u64().expect("a number"))
    };
    assert_eq!(needs(&home), (vec!["alert".to_owned(), "unit_failed".to_owned()], 2));
    let short = disk["short"].as_str().expect("a short id");
    let text = home.ok(&["status"]);
    assert!(text.contains("2 alerts open") && text.contains(short), "{text}");

    let settled = home.json(&["alert", "settle", short]);
    assert_eq!(
        (&settled["state"], &settled["settled_by"]),
        (&"settled".into(), &"person:cli".into())
    );
    assert_eq!(needs(&home), (vec!["unit_failed".to_owned()], 1));
    assert_eq!(home.json(&["alert", "settle", short])["state"], "settled", "twice is once");
    assert_eq!(home.events("alert.settled").len(), 1);
    assert!(home.ok(&["alert", "show", short]).contains("person:cli"));
    home.fails(&["alert", "show", "ffffffff"], 6);
    let reply: Reply = home.api("GET", "/api/v1/alerts?state=strange", "");
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(home.api("GET", "/api/v1/alerts", "").json()["open"], 1);
}
