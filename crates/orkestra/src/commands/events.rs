//! `orkestra events`: the journal, and on as it grows.

use super::{Context, Outcome, encode};
use crate::cli::Events;
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, paint};
use jiff::SignedDuration;
use orkestra_core::span::Span;
use orkestra_server::client::{self, Client};
use orkestra_server::wire::{EventView, JournalPage};
use std::time::Duration;

/// How long a lost daemon is waited for before giving up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(context: Context, args: Events) -> Outcome {
    let client = context.client()?;
    let filter = filter(&args)?;
    let limit = args.lines.clamp(1, 1_000);
    let path = format!("/api/v1/journal?order=desc&limit={limit}{filter}");
    let page: JournalPage = client.get(&path).await?;
    let shown = if args.lines == 0 { Vec::new() } else { page.events };
    for event in shown.iter().rev() {
        if !show(event, args.json) {
            return Ok(Code::Success);
        }
    }
    if !args.follow {
        return Ok(Code::Success);
    }
    let mut cursor = page.cursor;
    follow(&client, &filter, &mut cursor, &mut |event| show(event, args.json)).await?;
    Ok(Code::Success)
}

fn filter(args: &Events) -> Result<String, Failure> {
    let mut filter = String::new();
    if let Some(kind) = &args.kind {
        filter += &format!("&kind={}", encode(kind));
    }
    if let Some(subject) = &args.subject {
        filter += &format!("&subject={}", encode(subject));
    }
    for (key, value) in [("task", &args.task), ("session", &args.session), ("agent", &args.agent)] {
        if let Some(value) = value {
            filter += &format!("&{key}={}", encode(value));
        }
    }
    if let Some(since) = &args.since {
        filter += &format!("&since={}", encode(&since_of(since)?.to_string()));
    }
    Ok(filter)
}

/// A time, or a length of time ago.
fn since_of(text: &str) -> Result<jiff::Timestamp, Failure> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let span: Span = text.parse().map_err(|_| {
        Failure::new(Code::Usage, format!("{text:?} is neither a time nor a length of time"))
            .hint("Write 2026-11-21T08:00:00Z or 2h")
    })?;
    let ms = i64::try_from(span.ms()).unwrap_or(i64::MAX);
    Ok(jiff::Timestamp::now() - SignedDuration::from_millis(ms))
}

pub(super) fn show(event: &EventView, json: bool) -> bool {
    if json {
        return serde_json::to_string(event).is_ok_and(|line| terminal::print(&line));
    }
    let time = event.at.get(11..19).unwrap_or(&event.at);
    let color = match event.kind.rsplit('.').next().unwrap_or_default() {
        "failed" | "start_failed" | "shim_lost" | "config_refused" | "gap" => Color::Red,
        "exited" | "restart_scheduled" | "waiting" => Color::Amber,
        "started" | "adopted" => Color::Green,
        _ => Color::Blue,
    };
    let kind = paint(color, &format!("{:<24}", event.kind));
    terminal::print(&format!(
        "{time}  {:>6}  {kind} {}",
        event.seq,
        terminal::harmless(&event.summary)
    ))
}

/// Follows the journal over daemons that die and come back, without loss or repeat: the cursor is
/// ours. Ends when `each` says so.
pub(super) async fn follow(
    client: &Client,
    filter: &str,
    cursor: &mut String,
    each: &mut dyn FnMut(&EventView) -> bool,
) -> Result<(), Failure> {
    let mut lost_since = None;
    loop {
        let path = format!("/api/v1/events?{}", filter.trim_start_matches('&'));
        match client.follow(&path, Some(cursor.as_str())).await {
            Ok(mut messages) => {
                if lost_since.take().is_some() {
                    terminal::complain("(connected again)");
                }
                while let Ok(Some(message)) = messages.next().await {
                    if let Some(id) = &message.id {
                        cursor.clone_from(id);
                    }
                    if message.event == "reset" {
                        terminal::complain(
                            "(the journal was restored or pruned; going on from now)",
                        );
                        continue;
                    }
                    let Ok(event) = serde_json::from_str::<EventView>(&message.data) else {
                        continue;
                    };
                    if !each(&event) {
                        return Ok(());
                    }
                }
            }
            Err(client::Error::NotRunning { .. } | client::Error::Broken(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let now = tokio::time::Instant::now();
        let since = *lost_since.get_or_insert_with(|| {
            terminal::complain("(the daemon is away; waiting for it)");
            now
        });
        if now - since > PATIENCE {
            return Err(Failure::new(Code::NotRunning, "the daemon did not come back")
                .hint("Start it with: orkestra up"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
