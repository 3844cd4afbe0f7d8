//! `fake-agent`: a script agent (`docs/agents.md`) that behaves as told, well or badly.
//!
//! It reads the prompt from its standard input and prints events. Each option can also be given
//! as an environment variable `FAKE_AGENT_…`, for agents that are started from a configuration.

use anyhow::Context;
use clap::Parser;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A script agent that behaves as told.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many text events to print
    #[arg(long, env = "FAKE_AGENT_EVENTS", default_value_t = 3)]
    events: u64,
    /// Waiting time before each event, in milliseconds
    #[arg(long, env = "FAKE_AGENT_INTERVAL_MS", default_value_t = 0)]
    interval_ms: u64,
    /// A file to write, relative to the working directory; its content is the prompt
    #[arg(long, env = "FAKE_AGENT_WRITE")]
    write: Option<PathBuf>,
    /// The exit code
    #[arg(long, env = "FAKE_AGENT_EXIT", default_value_t = 0)]
    exit: u8,
    /// Do not end on SIGTERM
    #[arg(long, env = "FAKE_AGENT_IGNORE_TERM", value_parser = clap::builder::FalseyValueParser::new())]
    ignore_term: bool,
    /// How many broken lines to print among the events
    #[arg(long, env = "FAKE_AGENT_GARBAGE", default_value_t = 0)]
    garbage: u64,
    /// Print a text event of this many bytes
    #[arg(long, env = "FAKE_AGENT_HUGE", default_value_t = 0)]
    huge: usize,
    /// Do not print the last `ended` line
    #[arg(long, env = "FAKE_AGENT_NO_END", value_parser = clap::builder::FalseyValueParser::new())]
    no_end: bool,
    /// Stay alive for this long after the last line, in milliseconds
    #[arg(long, env = "FAKE_AGENT_LINGER_MS", default_value_t = 0)]
    linger_ms: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.ignore_term {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        // A registered signal does not kill any more; that is all that is wanted.
        tokio::spawn(async move { while term.recv().await.is_some() {} });
    }
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt).context("read the prompt")?;
    say(&json!({"type": "started", "model": "fake", "version": env!("CARGO_PKG_VERSION")}))?;
    say(&json!({"type": "text", "text": format!("prompt of {} bytes", prompt.len())}))?;
    for number in 1..=arguments.events {
        tokio::time::sleep(Duration::from_millis(arguments.interval_ms)).await;
        say(&json!({"type": "text", "text": format!("event {number}")}))?;
        if number <= arguments.garbage {
            print(b"{\"type\":\"text\",\xff broken\n")?;
        }
    }
    if arguments.huge > 0 {
        say(&json!({"type": "text", "text": "x".repeat(arguments.huge)}))?;
    }
    if let Some(path) = &arguments.write {
        let input = json!({"path": path});
        say(&json!({"type": "tool_call", "id": "1", "name": "write", "input": input}))?;
        std::fs::write(path, &prompt).with_context(|| format!("write {}", path.display()))?;
        say(&json!({"type": "tool_result", "id": "1", "output": "written"}))?;
        say(&json!({"type": "file_change", "path": path, "change": "written", "tool_id": "1"}))?;
    }
    say(&json!({"type": "usage", "model": "fake", "fresh_input": prompt.len(), "output": 10}))?;
    if !arguments.no_end {
        say(&json!({"type": "ended", "ok": arguments.exit == 0, "summary": "done"}))?;
    }
    tokio::time::sleep(Duration::from_millis(arguments.linger_ms)).await;
    Ok(ExitCode::from(arguments.exit))
}

fn say(event: &Value) -> anyhow::Result<()> {
    print(format!("{event}\n").as_bytes())
}

fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}
