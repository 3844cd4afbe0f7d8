//! `orkestra logs`: what a unit or a job wrote, read from its files, so that it works without a daemon too.

use super::{Context, Outcome};
use crate::cli::Logs;
use crate::exit::{Code, Failure};
use crate::terminal;
use orkestra_core::job::spec::{JobName, JobNameError};
use orkestra_core::unit::spec::{UnitName, UnitNameError};
use orkestra_host::output::{LogLine, LogReader, Page};
use serde_json::json;

pub(super) async fn run(context: Context, args: Logs) -> Outcome {
    let (what, name, folder) = named(&args.name)?;
    let dir = context.home()?.join("logs").join(folder);
    if !dir.is_dir() && !is_configured(&context, what, name).await {
        return Err(Failure::new(Code::NotFound, format!("there is no {what} named {name}"))
            .hint(format!("orkestra {what} list shows all {what}s")));
    }
    let reader = LogReader::new(dir);
    let page = reader.tail(args.lines)?;
    let mut cursor = page.cursor;
    if !show(&page, &args) || !args.follow {
        return Ok(Code::Success);
    }
    let mut follower = reader.follow(cursor)?;
    loop {
        let page = follower.next().await?;
        cursor = page.cursor;
        if page.gap {
            terminal::complain(&format!("(lines before {cursor} were rotated away)"));
        }
        if !show(&page, &args) {
            return Ok(Code::Success);
        }
    }
}

/// What is meant, its name, and the name of its folder.
fn named(text: &str) -> Result<(&'static str, &str, String), Failure> {
    let no_name = |error: &dyn std::error::Error| Failure::new(Code::NotFound, error.to_string());
    match text.strip_prefix("job:") {
        Some(name) => {
            let job: JobName = name.parse().map_err(|error: JobNameError| no_name(&error))?;
            Ok(("job", name, job.log_folder()))
        }
        None => {
            let _a_name: UnitName = text.parse().map_err(|error: UnitNameError| no_name(&error))?;
            Ok(("unit", text, text.to_owned()))
        }
    }
}

/// Whether it is one that has not written anything yet.
async fn is_configured(context: &Context, what: &str, name: &str) -> bool {
    let Ok(client) = context.client() else { return false };
    let found: Result<serde_json::Value, _> = client.get(&format!("/api/v1/{what}s/{name}")).await;
    found.is_ok()
}

fn show(page: &Page, args: &Logs) -> bool {
    page.lines.iter().all(|line| show_line(line, args))
}

fn show_line(line: &LogLine, args: &Logs) -> bool {
    let micros = i64::try_from(line.at_micros).unwrap_or(0);
    let at = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    if args.json {
        let value = json!({"at": at.to_string(), "stream": line.stream.as_str(),
            "text": String::from_utf8_lossy(&line.bytes), "truncated": line.truncated,
            "cursor": line.cursor_after.to_string()});
        return terminal::print(&value.to_string());
    }
    if args.time && !terminal::print_bytes(format!("{at} ").as_bytes()) {
        return false;
    }
    // For a terminal, what could play tricks is shown; a file or program gets the bytes.
    let sent = if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        terminal::harmless(&String::from_utf8_lossy(&line.bytes)).into_bytes()
    } else {
        line.bytes.clone()
    };
    terminal::print_bytes(&sent) && terminal::print_bytes(b"\n")
}
