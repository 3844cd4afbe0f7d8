//! Prints the events of a recorded stream, one JSON object per line:
//! `cargo run -p orkestra-agents --example parse -- claude < stream.jsonl`.
//! An optional second argument is the exit code of the recorded process (0 if missing).

use orkestra_agents::{Kind, ProcessExit, adapter};
use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let kind: Kind = arguments.next().unwrap_or_default().parse()?;
    let code = arguments.next().map_or(Ok(0), |code| code.parse())?;
    let mut adapter = adapter(kind);
    let mut out = std::io::stdout().lock();
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        for event in adapter.line(&line) {
            writeln!(out, "{}", serde_json::to_string(&event)?)?;
        }
        line.clear();
    }
    for event in adapter.finish(ProcessExit::Code(code), "") {
        writeln!(out, "{}", serde_json::to_string(&event)?)?;
    }
    eprintln!("{:?}", adapter.counts());
    Ok(())
}
