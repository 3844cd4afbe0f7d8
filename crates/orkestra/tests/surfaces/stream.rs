//! Row 80: what happens is seen soon, and nobody who was cut off loses or repeats anything.

use crate::harness::{Home, PATIENCE};
use crate::support::{Follower, IDLE, Message, Sse, head, journal, repository};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An agent that says a number every 30 ms.
fn counting(count: u32) -> String {
    format!(
        "#!/bin/sh\ni=0\nwhile [ $i -lt {count} ]; do\n  \
         echo \"{{\\\"type\\\":\\\"text\\\",\\\"text\\\":\\\"number $i\\\"}}\"\n  \
         i=$((i+1)); sleep 0.03\ndone\n"
    )
}

fn counter(count: u32) -> Home {
    let home = Home::new(IDLE);
    let script = home.script("count.sh", &counting(count));
    home.configure(&format!(
        "{IDLE}agents:\n  count: {{ kind: script, command: [\"{}\"] }}\n",
        script.display()
    ));
    home
}

fn begin(home: &Home) -> String {
    let target = repository(home);
    let body = json!({"prompt": "count", "agent": "count", "target": target});
    let reply = home.api("POST", "/api/v1/runs", &body.to_string());
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()["id"].as_str().expect("an id").to_owned()
}

/// What a client saw must be the journal: every event once, in order, with its own cursor.
fn check(home: &Home, seen: &[Message], before: u64, count: u32) {
    let last = seen.last().expect("events").seq();
    let written: Vec<Value> =
        journal(home, before).into_iter().filter(|e| e["seq"].as_u64() <= Some(last)).collect();
    let received: Vec<&Value> = seen.iter().map(|message| &message.data).collect();
    let places = |events: &[&Value]| events.iter().map(|e| e["seq"].as_u64()).collect::<Vec<_>>();
    assert_eq!(places(&received), places(&written.iter().collect::<Vec<_>>()));
    assert_eq!(received, written.iter().collect::<Vec<_>>());
    for message in seen {
        assert_eq!(message.data["cursor"], message.id.as_str());
        assert_eq!(message.data["kind"], message.event.as_str());
    }
    let numbers: Vec<String> = received
        .iter()
        .filter(|event| event["kind"] == "run.text")
        .map(|event| event["body"]["text"].as_str().unwrap_or_default().to_owned())
        .collect();
    let all: Vec<String> = (0..count).map(|number| format!("number {number}")).collect();
    assert_eq!(numbers, all, "each number once");
}

#[test]
fn row_080_a_client_cut_for_five_seconds_resumes_without_loss_or_repeat() {
    let mut home = counter(250);
    home.up();
    home.pid("web");
    let before = head(&home);
    let stream = Sse::open(&home, "/api/v1/events", None);
    begin(&home);
    let mut seen = Vec::new();
    while seen.iter().filter(|message: &&Message| message.event == "run.text").count() < 20 {
        seen.push(stream.next());
    }
    stream.cut();
    std::thread::sleep(Duration::from_secs(5));
    let missed = head(&home) - seen.last().expect("events").seq();
    assert!(missed > 20, "only {missed} events happened meanwhile");

    let cursor = seen.last().expect("events").id.clone();
    let stream = Sse::open(&home, "/api/v1/events", Some(&cursor));
    while seen.last().is_none_or(|message| message.event != "run.ended") {
        seen.push(stream.next());
    }
    check(&home, &seen, before, 250);
}

#[test]
fn row_080_a_client_resumes_over_a_daemon_that_was_killed() {
    let mut home = counter(250);
    home.up();
    home.pid("web");
    let before = head(&home);
    let stream = Sse::open(&home, "/api/v1/events", None);
    let follower = Follower::start(&home, &["events", "-f", "--json", "-n", "0"]);
    // Only what follows is compared, and the follower must be there to see its beginning.
    std::thread::sleep(Duration::from_millis(500));
    begin(&home);
    let mut seen = Vec::new();
    while seen.iter().filter(|message: &&Message| message.event == "run.text").count() < 20 {
        seen.push(stream.next());
    }
    home.kill_daemon();
    // What was on its way when the daemon died still counts.
    while let Some(message) = stream.next_within(Duration::from_millis(300)) {
        seen.push(message);
    }
    std::thread::sleep(Duration::from_secs(1));
    home.up();
    let cursor = seen.last().expect("events").id.clone();
    let stream = Sse::open(&home, "/api/v1/events", Some(&cursor));
    while seen.last().is_none_or(|message| message.event != "run.ended") {
        seen.push(stream.next());
    }
    check(&home, &seen, before, 250);

    let mut followed = Vec::new();
    while followed.last().is_none_or(|event: &Value| event["kind"] != "run.ended") {
        followed.push(follower.next());
    }
    let received: Vec<&Value> = seen.iter().map(|message| &message.data).collect();
    assert_eq!(followed.iter().collect::<Vec<_>>(), received, "the command line saw the same");
}

#[test]
fn row_080_a_cursor_that_means_nothing_here_is_answered_with_reset() {
    let mut home = Home::new(IDLE);
    home.up();
    home.pid("web");
    let page = home.api("GET", "/api/v1/journal?limit=1", "").json();
    let now = page["cursor"].as_str().expect("a cursor").to_owned();
    let (epoch, seq) = now.split_once('-').expect("two parts");
    let epoch: u64 = epoch.parse().expect("an epoch");
    let seq: u64 = seq.parse().expect("a place");
    for foreign in [
        format!("{}-1", epoch + 1),
        format!("{}-{seq}", epoch + 7),
        format!("{epoch}-{}", seq + 1000),
    ] {
        let stream = Sse::open(&home, "/api/v1/events", Some(&foreign));
        let first = stream.next();
        assert_eq!(first.event, "reset", "{foreign}: {first:?}");
        assert_eq!(first.data["cursor"], first.id.as_str(), "{first:?}");
        // From there it goes on, and its cursor can be resumed from.
        home.ok(&["unit", "signal", "web", "CONT"]);
        let next = stream.next();
        assert_eq!(next.event, "unit.signalled", "{next:?}");
        let again = Sse::open(&home, "/api/v1/events", Some(&first.id));
        assert_eq!(again.next().id, next.id);
    }
    // A cursor of here and now is no reset, and a text that is no cursor is refused.
    let stream = Sse::open(&home, "/api/v1/events", Some(&now));
    assert_eq!(stream.next().event, "unit.signalled");
    let bearer = format!("Bearer {}", home.token());
    let reply = home.http(
        "GET",
        "/api/v1/events",
        &[("Authorization", &bearer), ("Last-Event-ID", "yesterday")],
        "",
    );
    assert_eq!(reply.status, 400, "{reply:?}");
}

#[test]
fn row_080_a_filtered_stream_resumes_from_its_own_last_event() {
    let mut home = Home::new(IDLE);
    home.up();
    home.pid("web");
    let stream = Sse::open(&home, "/api/v1/events?kind=unit.signalled&subject=web", None);
    home.ok(&["unit", "signal", "web", "CONT"]);
    let first = stream.next();
    stream.cut();
    home.ok(&["unit", "restart", "web"]);
    home.ok(&["unit", "signal", "web", "CONT"]);
    let stream =
        Sse::open(&home, "/api/v1/events?kind=unit.signalled&subject=web", Some(&first.id));
    let second = stream.next();
    assert_eq!(second.event, "unit.signalled");
    assert!(second.seq() > first.seq());
    assert!(stream.next_within(Duration::from_millis(300)).is_none());
}

#[test]
fn row_080_a_change_is_seen_well_under_a_second() {
    let mut home = Home::new(IDLE);
    home.up();
    home.pid("web");
    let stream = Sse::open(&home, "/api/v1/events", None);
    let follower = Follower::start(&home, &["events", "-f", "--json", "-n", "0"]);
    // The follower reads from its start; the first event shows that it is there.
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "the follower sees nothing");
        home.api("POST", "/api/v1/units/web/signal", r#"{"signal":"CONT"}"#);
        stream.next();
        if follower.next_within(Duration::from_millis(500)).is_some() {
            break;
        }
    }
    while follower.next_within(Duration::from_millis(500)).is_some() {}
    while stream.next_within(Duration::from_millis(100)).is_some() {}

    // The machine may be busy now and then, so the best of some tries counts.
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..8 {
        let begin = Instant::now();
        home.api("POST", "/api/v1/units/web/signal", r#"{"signal":"CONT"}"#);
        assert_eq!(stream.next().event, "unit.signalled");
        best.0 = best.0.min(begin.elapsed());
        assert_eq!(follower.next()["kind"], "unit.signalled");
        best.1 = best.1.min(begin.elapsed());
    }
    let limit = Duration::from_millis(300);
    assert!(best.0 < limit && best.1 < limit, "SSE and command line took {best:?}");
}
