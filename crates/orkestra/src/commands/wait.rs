//! `orkestra unit wait`: the end of a unit's process, and its exit code as our own.

use super::{Context, events};
use crate::cli::Wait;
use crate::exit::{Code, Failure};
use crate::terminal;
use orkestra_core::span::Span;
use orkestra_server::wire::{EventView, JournalPage, UnitDetail};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// What shells say of a process without an exit code of its own.
const NO_CODE: u8 = 255;
/// What `timeout` ends with when the time is over.
const TIMED_OUT: u8 = 124;

/// How a life ended.
struct End {
    code: Option<i64>,
    signal: Option<i64>,
    reason: String,
    words: String,
}

/// Waits, and ends as the unit's process ended.
pub(super) async fn process(context: Context, args: Wait) -> ExitCode {
    let limit = match args.timeout.as_deref().map(str::parse::<Span>) {
        None => None,
        Some(Ok(span)) => Some(Duration::from_millis(span.ms())),
        Some(Err(error)) => {
            return Failure::new(Code::Usage, format!("--timeout: {error}")).tell();
        }
    };
    let waiting = end_of(&context, &args.name);
    let end = match limit {
        None => waiting.await,
        Some(limit) => match tokio::time::timeout(limit, waiting).await {
            Ok(end) => end,
            Err(_) => {
                terminal::complain(&format!("error: {} has not ended in time", args.name));
                return TIMED_OUT.into();
            }
        },
    };
    match end {
        Ok(end) => {
            if args.json.json {
                terminal::print_json(&json!({"name": args.name, "code": end.code,
                    "signal": end.signal, "reason": end.reason, "words": end.words}));
            } else {
                terminal::complain(&format!("{}: {}", args.name, terminal::harmless(&end.words)));
            }
            end.code.and_then(|code| u8::try_from(code).ok()).unwrap_or(NO_CODE).into()
        }
        Err(failure) => failure.tell(),
    }
}

async fn end_of(context: &Context, name: &str) -> Result<End, Failure> {
    let client = context.client()?;
    // The place in the journal comes first: whatever ends after it is seen.
    let page: JournalPage = client.get("/api/v1/journal?order=desc&limit=1").await?;
    let path = format!("/api/v1/units/{}", super::encode(name));
    let unit = client.get::<UnitDetail>(&path).await?.unit;
    let moves = ["starting", "running", "stopping"].contains(&unit.state.as_str());
    if !moves {
        let Some(exit) = unit.last_exit else {
            return Err(Failure::new(Code::Refused, format!("{name} has not run yet"))
                .hint(format!("Start it with: orkestra unit start {name}")));
        };
        let (code, signal) = (exit.code.map(i64::from), exit.signal.map(i64::from));
        return Ok(End { code, signal, reason: exit.reason, words: format!("it {}", exit.words) });
    }
    let filter = format!("&kind=unit.exited,unit.start_failed&subject={}", super::encode(name));
    let mut cursor = page.cursor;
    let mut end = None;
    events::follow(&client, &filter, &mut cursor, &mut |event| {
        let body = event.body.clone().unwrap_or_default();
        // One that has no life yet ends with its next one.
        let ours = unit.instance.as_deref().is_none_or(|life| body["instance"] == life);
        if ours {
            end = Some(end_in(event, &body));
        }
        !ours
    })
    .await?;
    end.ok_or_else(|| Failure::new(Code::Failure, "the journal ended before the unit"))
}

fn end_in(event: &EventView, body: &Value) -> End {
    End {
        code: body["code"].as_i64(),
        signal: body["signal"].as_i64(),
        reason: body["reason"].as_str().unwrap_or_default().to_owned(),
        words: event.summary.clone(),
    }
}
