//! `fake-model --script FILE [--port 0] [--log FILE]`: a scripted model server on the loopback.
//!
//! The first line that it prints is `listening on http://127.0.0.1:PORT`.

use anyhow::Context;
use clap::Parser;
use orkestra_fakes::model::{Script, serve};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use tokio::net::TcpListener;

/// A model server that says what a script tells it; speaks the APIs of Anthropic, OpenAI and Gemini.
#[derive(Debug, Parser)]
struct Arguments {
    /// The script, a JSON file: {"turns": [{"blocks": [{"text": "hello"}]}]}
    #[arg(long)]
    script: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where to write each request as one JSON line
    #[arg(long)]
    log: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let name = arguments.script.display();
    let text =
        std::fs::read_to_string(&arguments.script).with_context(|| format!("read {name}"))?;
    let script: Script =
        serde_json::from_str(&text).with_context(|| format!("understand {name}"))?;
    let log = match &arguments.log {
        Some(path) => {
            Some(File::create(path).with_context(|| format!("create {}", path.display()))?)
        }
        None => None,
    };
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    serve(listener, script, log).await.context("serve")
}
