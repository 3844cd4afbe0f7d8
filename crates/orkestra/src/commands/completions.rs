//! `orkestra completions`: from the same command tree as the help.

use super::Outcome;
use crate::cli::{Cli, Completions};
use crate::exit::Code;
use crate::terminal;
use clap::CommandFactory;

pub(super) fn run(args: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "orkestra", &mut script);
    if args.json.json {
        let script = String::from_utf8_lossy(&script);
        let body = serde_json::json!({"shell": args.shell.to_string(), "script": script});
        terminal::print_json(&body);
    } else {
        terminal::print_bytes(&script);
    }
    Ok(Code::Success)
}
