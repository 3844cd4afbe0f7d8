//! Recorded streams and what the adapters make of them.
//!
//! Each `data/NAME.jsonl` or `.txt` has its events in `data/NAME.expected.jsonl`. To change one on
//! purpose: `cargo run -p orkestra-agents --example parse -- KIND CODE < STREAM > EXPECTED`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test shows its fault by panicking")]

use orkestra_agents::{Adapter, Counts, Kind, ProcessExit, adapter};
use orkestra_core::agent::{AgentEvent, Ended, RawReason};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Every recorded stream, with its kind and how its process ended.
const STREAMS: [(&str, Kind, i32); 27] = [
    ("claude-success.jsonl", Kind::Claude, 0),
    ("claude-denied.jsonl", Kind::Claude, 0),
    ("claude-api-error.jsonl", Kind::Claude, 1),
    ("claude-interrupted.jsonl", Kind::Claude, 1),
    ("claude-subagent.jsonl", Kind::Claude, 0),
    ("claude-max-turns.jsonl", Kind::Claude, 1),
    ("claude-killed.jsonl", Kind::Claude, 137),
    ("claude-odd.jsonl", Kind::Claude, 0),
    ("script-all.jsonl", Kind::Script, 0),
    ("script-plain.txt", Kind::Script, 0),
    ("script-dies.txt", Kind::Script, 1),
    ("script-contradicts.jsonl", Kind::Script, 3),
    ("codex-success.jsonl", Kind::Codex, 0),
    ("codex-silent-refusal.jsonl", Kind::Codex, 0),
    ("codex-rate-limited.jsonl", Kind::Codex, 1),
    ("codex-killed.jsonl", Kind::Codex, 137),
    ("codex-resumed.jsonl", Kind::Codex, 0),
    ("codex-shell.jsonl", Kind::Codex, 0),
    ("codex-odd.jsonl", Kind::Codex, 0),
    ("gemini-success.jsonl", Kind::Gemini, 0),
    ("gemini-denied.jsonl", Kind::Gemini, 0),
    ("gemini-rate-limited.jsonl", Kind::Gemini, 173),
    ("gemini-killed.jsonl", Kind::Gemini, 137),
    ("gemini-outside.jsonl", Kind::Gemini, 0),
    ("gemini-resumed.jsonl", Kind::Gemini, 0),
    ("gemini-shell.jsonl", Kind::Gemini, 0),
    ("gemini-odd.jsonl", Kind::Gemini, 0),
];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn feed(adapter: &mut dyn Adapter, lines: &[Vec<u8>]) -> Vec<AgentEvent> {
    lines.iter().flat_map(|line| adapter.line(line)).collect()
}

fn parse(kind: Kind, bytes: &[u8], exit: ProcessExit, stderr: &str) -> (Vec<AgentEvent>, Counts) {
    let mut adapter = adapter(kind);
    let mut events = feed(adapter.as_mut(), &lines(bytes));
    events.extend(adapter.finish(exit, stderr));
    assert_eq!(adapter.finish(exit, stderr), [], "the end comes only once");
    (events, adapter.counts())
}

fn the_end(events: &[AgentEvent]) -> Ended {
    let ends = events.iter().filter(|event| matches!(event, AgentEvent::Ended(_))).count();
    assert_eq!(ends, 1, "exactly one end in {events:?}");
    match events.last() {
        Some(AgentEvent::Ended(ended)) => ended.clone(),
        other => panic!("the last event is {other:?}"),
    }
}

fn silent(counts: Counts) -> u64 {
    counts.blank + counts.deltas + counts.ignored + counts.ended
}

#[test]
fn row_053_recorded_streams_give_exactly_these_events() {
    for (name, kind, code) in STREAMS {
        let (events, _) = parse(kind, &read(name), ProcessExit::Code(code), "");
        let stem = name.split('.').next().unwrap();
        let expected = String::from_utf8(read(&format!("{stem}.expected.jsonl"))).unwrap();
        let expected: Vec<AgentEvent> =
            expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events, expected, "{name}");
    }
}

#[test]
fn row_053_no_line_of_a_recorded_stream_is_lost() {
    for (name, kind, _) in STREAMS {
        let mut adapter = adapter(kind);
        for line in lines(&read(name)) {
            let before = silent(adapter.counts());
            let events = adapter.line(&line);
            let counted = silent(adapter.counts()) - before;
            let shown = String::from_utf8_lossy(&line).into_owned();
            assert!(!events.is_empty() || counted == 1, "{name}: {shown}");
        }
    }
}

#[test]
fn row_054_a_broken_line_makes_one_error_event_and_reading_goes_on() {
    let good = read("claude-success.jsonl");
    let (whole, counts) = parse(Kind::Claude, &good, ProcessExit::Code(0), "");
    assert_eq!(counts.raw, 0);
    for place in 0..=lines(&good).len() {
        for broken in [&b"{\"type\":\"assis\n"[..], b"\xff\xfe{}\n", b"{\"a\":1}}\n"] {
            let mut all = lines(&good);
            all.insert(place, broken.to_vec());
            let (mut events, counts) = parse(Kind::Claude, &all.concat(), ProcessExit::Code(0), "");
            assert_eq!(counts.raw, 1);
            let malformed = |event: &AgentEvent| {
                matches!(event, AgentEvent::Raw { reason: RawReason::Malformed, .. })
            };
            let at = events.iter().position(malformed).unwrap();
            events.remove(at);
            assert_eq!(events, whole, "everything else is as without the broken line");
        }
    }
}

#[test]
fn row_055_a_milestone_line_inside_a_text_becomes_a_milestone() {
    let text =
        "Look:\n```\n{\"type\":\"milestone\",\"text\":\"half\",\"progress\":50}\n```\n{broken";
    let claude = serde_json::json!({
        "type": "assistant",
        "message": {"content": [{"type": "text", "text": text}]},
    });
    let script = serde_json::json!({"type": "text", "text": text});
    for (kind, line) in [(Kind::Claude, claude), (Kind::Script, script)] {
        let events = adapter(kind).line(line.to_string().as_bytes());
        let milestone =
            AgentEvent::Milestone { text: "half".into(), progress: Some(50.0), file: None };
        let text = AgentEvent::Text { text: text.into(), parent: None };
        assert_eq!(events, [text, milestone]);
    }
}

#[test]
fn a_process_that_dies_without_a_word_names_its_exit_and_its_last_errors() {
    let cases = [
        (ProcessExit::Code(1), "exit code 1"),
        (ProcessExit::Signal(9), "killed by signal 9 (SIGKILL)"),
        (ProcessExit::Lost, "nobody saw how the process ended"),
    ];
    for kind in Kind::ALL {
        for (exit, words) in cases {
            let stderr = format!("{}ünd zuletzt: no route\n", "é".repeat(3000));
            let (events, _) = parse(kind, b"", exit, &stderr);
            let ended = the_end(&events);
            let error = ended.error.unwrap();
            assert!(!ended.ok);
            assert!(error.contains(words) && error.ends_with("no route"), "{error}");
            assert!(error.len() < 2300, "only the end of the standard error: {}", error.len());
        }
    }
    // Claude Code always reports a result; a script may end well without a word.
    assert!(!the_end(&parse(Kind::Claude, b"", ProcessExit::Code(0), "").0).ok);
    assert!(the_end(&parse(Kind::Script, b"hi\n", ProcessExit::Code(0), "").0).ok);
}

#[test]
fn a_refused_tool_leaves_ok_true_but_is_named() {
    let (events, _) = parse(Kind::Claude, &read("claude-denied.jsonl"), ProcessExit::Code(0), "");
    let ended = the_end(&events);
    assert!(ended.ok);
    let tools: Vec<&str> = ended.denials.iter().map(|denial| denial.tool.as_str()).collect();
    assert_eq!(tools, ["Write"]);
    assert!(ended.denials.iter().all(|denial| denial.message.is_some()));
    let mut dead = lines(&read("claude-denied.jsonl"));
    dead.pop();
    let (events, _) = parse(Kind::Claude, &dead.concat(), ProcessExit::Signal(9), "");
    assert_eq!(the_end(&events).denials.len(), 1, "known although no result came");
}

#[test]
fn a_failure_of_the_api_is_no_success_whatever_its_subtype_says() {
    let (events, _) =
        parse(Kind::Claude, &read("claude-api-error.jsonl"), ProcessExit::Code(1), "");
    let ended = the_end(&events);
    assert!(String::from_utf8(read("claude-api-error.jsonl")).unwrap().contains("\"success\""));
    assert_eq!((ended.ok, ended.api_status), (false, Some(529)));
}

#[test]
fn a_process_killed_after_its_result_stays_successful_and_says_so() {
    let (events, _) =
        parse(Kind::Claude, &read("claude-success.jsonl"), ProcessExit::Signal(15), "");
    assert!(the_end(&events).ok);
    assert!(events.iter().any(|event| matches!(
        event,
        AgentEvent::Warning { message } if message.contains("SIGTERM")
    )));
}

#[test]
fn a_result_is_known_before_the_process_ends() {
    let mut adapter = adapter(Kind::Claude);
    let all = lines(&read("claude-success.jsonl"));
    let (last, first) = all.split_last().unwrap();
    feed(adapter.as_mut(), first);
    assert_eq!(adapter.reported(), None);
    adapter.line(last);
    assert!(adapter.reported().unwrap().ok);
}

#[test]
fn usage_of_several_results_is_counted_once_per_model() {
    let result = |opus: u64, cost: f64, haiku: Option<u64>| {
        let model = |input: u64, cost: f64| serde_json::json!({"inputTokens": input, "outputTokens": 1, "costUSD": cost});
        let mut models = serde_json::json!({"opus": model(opus, cost)});
        if let Some(haiku) = haiku {
            models["haiku"] = model(haiku, 0.5);
        }
        let value = serde_json::json!({
            "modelUsage": models, "type": "result", "subtype": "success", "is_error": false,
            "usage": {"input_tokens": 999_999},
        });
        format!("{value}\n")
    };
    let stream = [result(10, 1.0, None), result(25, 2.5, Some(4)), result(25, 2.5, Some(4))];
    let (events, _) = parse(Kind::Claude, stream.concat().as_bytes(), ProcessExit::Code(0), "");
    let used: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Usage(usage) => {
                Some((usage.model.as_deref().unwrap(), usage.fresh_input, usage.cost_usd))
            }
            _ => None,
        })
        .collect();
    assert_eq!(used, [("opus", 10, Some(1.0)), ("opus", 15, Some(1.5)), ("haiku", 4, Some(0.5))]);
}

/// Claude Code 2.1.329 takes up the count of the process before when that could write it down.
#[test]
fn a_resumed_claude_is_counted_once_whether_it_counts_on_or_anew() {
    let result = |all: u64, own: u64| {
        let value = serde_json::json!({"type": "result", "subtype": "success", "is_error": false,
            "modelUsage": {"opus": {"inputTokens": all, "outputTokens": all}},
            "usage": {"input_tokens": own, "output_tokens": own}});
        format!("{value}\n")
    };
    let before = orkestra_core::agent::Usage {
        model: Some("opus".to_owned()),
        fresh_input: 300,
        cache_read: 0,
        cache_write: 0,
        output: 300,
        cost_usd: None,
    };
    for (all, own) in [(3300, 3000), (3000, 3000), (40, 40), (340, 40)] {
        let mut adapter = adapter(Kind::Claude);
        adapter.begin(orkestra_agents::Begin { model: None, used: vec![before.clone()] });
        let events = adapter.line(result(all, own).as_bytes());
        let used: Vec<u64> = events
            .iter()
            .filter_map(|event| match event {
                AgentEvent::Usage(usage) => Some(usage.fresh_input),
                _ => None,
            })
            .collect();
        assert_eq!(used, [own], "{all} {own}");
    }
}

#[test]
fn a_huge_line_is_kept_as_a_short_raw_event() {
    for kind in Kind::ALL {
        let mut adapter = adapter(kind);
        let line = [b"{".as_slice(), &vec![0xe9; 3_000_000]].concat();
        let events = adapter.line(&line);
        let [AgentEvent::Raw { preview, bytes, .. }] = events.as_slice() else {
            panic!("{} events", events.len());
        };
        assert_eq!(*bytes, 3_000_001);
        assert!(preview.len() <= 2048);
        let events = adapter.skipped(b"{\"type\":", 99_000_000);
        let [AgentEvent::Raw { reason, preview, bytes, .. }] = events.as_slice() else {
            panic!("{} events", events.len());
        };
        assert_eq!((*reason, *bytes), (RawReason::Oversized, 99_000_000));
        assert_eq!(preview, "{\"type\":");
        assert_eq!(adapter.counts().raw, 2);
    }
}

/// Lines as they come: recorded ones, cut and changed ones, and noise.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let recorded: Vec<Vec<u8>> = STREAMS.iter().flat_map(|(name, ..)| lines(&read(name))).collect();
    let one = prop::sample::select(recorded);
    let cut = (one.clone(), any::<prop::sample::Index>())
        .prop_map(|(line, at)| line[..at.index(line.len() + 1)].to_vec());
    let changed = (one.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut line, at, byte)| {
            let at = at.index(line.len());
            line[at] = byte;
            line
        },
    );
    let words = prop::sample::select(vec![
        "system",
        "init",
        "assistant",
        "user",
        "result",
        "success",
        "text",
        "ended",
        "tool_use",
        "permission_denied",
        "api_retry",
        "usage",
        "plan",
        "tool_result",
        "control_request",
    ]);
    let keys = prop::sample::select(vec![
        "type",
        "subtype",
        "message",
        "content",
        "text",
        "id",
        "ok",
        "items",
        "modelUsage",
        "usage",
        "permission_denials",
        "tool_use_id",
        "request",
        "inputTokens",
        "is_error",
        "progress",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        words.prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((keys.clone(), inner), 0..5).prop_map(|fields| {
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    });
    let made = value.prop_map(|value| value.to_string().into_bytes());
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![4 => one, 1 => cut, 1 => changed, 3 => made, 1 => noise]
}

fn any_exit() -> impl Strategy<Value = ProcessExit> {
    prop_oneof![
        Just(ProcessExit::Code(0)),
        any::<i32>().prop_map(ProcessExit::Code),
        any::<i32>().prop_map(ProcessExit::Signal),
        Just(ProcessExit::Lost),
    ]
}

proptest! {
    /// Whatever comes: nothing panics, no line is lost, there is one end and it is the last, every
    /// event comes back from JSON, and reading again from the start gives the very same.
    #[test]
    fn any_stream_is_read_the_same_again(
        stream in prop::collection::vec(any_line(), 0..30),
        exit in any_exit(),
        stderr in ".{0,50}",
    ) {
        for kind in Kind::ALL {
            let mut first = adapter(kind);
            let mut events = Vec::new();
            for line in &stream {
                let before = silent(first.counts());
                let new = first.line(line);
                prop_assert!(!new.is_empty() || silent(first.counts()) == before + 1);
                events.extend(new);
            }
            prop_assert_eq!(first.counts().lines, stream.len() as u64);
            let raw = events.iter().filter(|event| matches!(event, AgentEvent::Raw { .. })).count();
            prop_assert_eq!(first.counts().raw, raw as u64);
            events.extend(first.finish(exit, &stderr));
            the_end(&events);
            let mut second = adapter(kind);
            let mut repeated = feed(second.as_mut(), &stream);
            repeated.extend(second.finish(exit, &stderr));
            prop_assert_eq!(&repeated, &events);
            prop_assert_eq!(second.counts(), first.counts());
            for event in &events {
                let text = serde_json::to_string(event).unwrap();
                let back = serde_json::from_str::<AgentEvent>(&text).unwrap();
                prop_assert_eq!(back.kind(), event.kind());
            }
        }
    }
}
