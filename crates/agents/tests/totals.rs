//! A replay of what vendors' programs printed gives their own totals, to the token and the
//! millionth of a dollar.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test shows its fault by panicking")]

use orkestra_agents::{Kind, adapter};
use orkestra_core::agent::AgentEvent;
use orkestra_core::money::{Tokens, Usd};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What the adapter makes of a stream: by model, tokens and money.
fn booked(kind: Kind, text: &str) -> BTreeMap<String, (Tokens, Usd)> {
    let mut adapter = adapter(kind);
    let mut sums: BTreeMap<String, (Tokens, Usd)> = BTreeMap::new();
    for line in text.split_inclusive('\n') {
        for event in adapter.line(line.as_bytes()) {
            let AgentEvent::Usage(usage) = event else { continue };
            let (tokens, usd) = sums.entry(usage.model.clone().unwrap_or_default()).or_default();
            tokens.fresh_input += usage.fresh_input;
            tokens.cache_read += usage.cache_read;
            tokens.cache_write += usage.cache_write;
            tokens.output += usage.output;
            usd.0 += usage.cost_usd.and_then(Usd::from_dollars).unwrap_or_default().0;
        }
    }
    sums
}

fn streams(prefix: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let wanted = name.starts_with(prefix)
                && name.ends_with(".jsonl")
                && !name.ends_with(".expected.jsonl")
                // Written by hand to be odd, not recorded.
                && !name.contains("-odd");
            wanted.then(|| (name, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into()))
        })
        .collect();
    found.sort();
    found
}

fn last(text: &str, kind: &str) -> Option<Value> {
    let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|value| value["type"] == kind).last()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Claude's last result has, by model, the sums of the whole process.
#[test]
fn claude_gives_its_own_totals() {
    let mut compared = 0;
    for (name, text) in streams("claude-") {
        let Some(result) = last(&text, "result") else { continue };
        let Some(models) = result["modelUsage"].as_object().filter(|m| !m.is_empty()) else {
            continue;
        };
        let sums = booked(Kind::Claude, &text);
        for (model, said) in models {
            let wanted = Tokens {
                fresh_input: number(&said["inputTokens"]),
                cache_read: number(&said["cacheReadInputTokens"]),
                cache_write: number(&said["cacheCreationInputTokens"]),
                output: number(&said["outputTokens"]),
            };
            let (tokens, usd) = sums.get(model).copied().unwrap_or_default();
            assert_eq!(tokens, wanted, "{name}: {model}");
            let cost = said["costUSD"].as_f64().and_then(Usd::from_dollars).unwrap();
            assert_eq!(usd, cost, "{name}: {model}");
        }
        let total = result["total_cost_usd"].as_f64().and_then(Usd::from_dollars).unwrap();
        let sum: u64 = sums.values().map(|(_, usd)| usd.0).sum();
        assert_eq!(sum, total.0, "{name}: all models");
        compared += 1;
    }
    assert!(compared >= 3, "{compared}");
}

/// Codex counts over the whole thread, and its input holds what was cached.
#[test]
fn codex_gives_its_own_totals() {
    let mut compared = 0;
    for (name, text) in streams("codex-") {
        // A resumed thread also counts what was booked with the run before.
        if name.contains("resumed") {
            continue;
        }
        let Some(turn) = last(&text, "turn.completed") else { continue };
        let said = &turn["usage"];
        let sums = booked(Kind::Codex, &text);
        let sum = sums.values().fold(Tokens::default(), |sum, (tokens, _)| Tokens {
            fresh_input: sum.fresh_input + tokens.fresh_input,
            cache_read: sum.cache_read + tokens.cache_read,
            cache_write: sum.cache_write + tokens.cache_write,
            output: sum.output + tokens.output,
        });
        let input = sum.fresh_input + sum.cache_read + sum.cache_write;
        assert_eq!(input, number(&said["input_tokens"]), "{name}: input");
        assert_eq!(sum.cache_read, number(&said["cached_input_tokens"]), "{name}: cached");
        assert_eq!(sum.output, number(&said["output_tokens"]), "{name}: output");
        compared += 1;
    }
    assert!(compared >= 2, "{compared}");
}

/// Gemini tells all tokens at its end.
#[test]
fn gemini_gives_its_own_totals() {
    let mut compared = 0;
    for (name, text) in streams("gemini-") {
        let Some(result) = last(&text, "result") else { continue };
        let stats = &result["stats"];
        let sums = booked(Kind::Gemini, &text);
        let total: u64 = sums.values().map(|(tokens, _)| tokens.total()).sum();
        assert_eq!(total, number(&stats["total_tokens"]), "{name}: {stats} {sums:?}");
        let cached: u64 = sums.values().map(|(tokens, _)| tokens.cache_read).sum();
        assert_eq!(cached, number(&stats["cached"]), "{name}: {stats}");
        compared += 1;
    }
    assert!(compared >= 2, "{compared}");
}
