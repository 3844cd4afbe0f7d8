//! `orkestra audit …`: it reads the database itself, so that it needs no daemon's word.

use super::{Context, Outcome};
use crate::cli::Audit;
use crate::exit::{Code, Failure, chain};
use crate::terminal::{self, Color, paint};
use orkestra_engine::{RealWorld, World};
use orkestra_store::{AnchorCheck, Filter, Report, Store};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

pub(super) async fn run(context: Context, args: Audit) -> Outcome {
    let store = open(&context.home()?)?;
    match args {
        Audit::Verify { anchor, json } => verify(&store, anchor.as_deref(), json.json).await,
        Audit::Export { task: Some(task), output, .. } => {
            export_trail(&store, &task, output.as_deref()).await
        }
        Audit::Export { from, to, output, .. } => export(&store, from, to, output.as_deref()).await,
        Audit::Anchor { output, json } => anchor(&store, output.as_deref(), json.json).await,
    }
}

fn open(home: &Path) -> Result<Store, Failure> {
    if !home.join("state.db").exists() {
        return Err(Failure::new(
            Code::NotFound,
            format!("there is no journal in {}", home.display()),
        )
        .hint("Name the data folder with --home"));
    }
    let options = orkestra_store::Options::new(
        home,
        Arc::new(|| RealWorld.uuid()),
        Arc::new(|| RealWorld.now().at),
    );
    Store::open(options).map_err(|error| Failure::new(Code::Failure, chain(&error)))
}

fn failed(error: orkestra_store::Error) -> Failure {
    Failure::new(Code::Failure, chain(&error))
}

async fn verify(store: &Store, anchors: Option<&Path>, as_json: bool) -> Outcome {
    let lines = match anchors {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::new(Code::Failure, format!("{}: {error}", path.display())))?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect(),
        None => Vec::new(),
    };
    let (report, broken) = store
        .read(move |read| {
            let report = read.verify(&mut |_| {})?;
            let mut broken = Vec::new();
            for line in lines {
                let what = match read.check_anchor(&line)? {
                    AnchorCheck::Holds | AnchorCheck::Pruned => continue,
                    AnchorCheck::Changed { .. } => "the journal has another seal there",
                    AnchorCheck::Missing => "the journal has no seal there",
                };
                broken.push((line, what));
            }
            Ok((report, broken))
        })
        .await
        .map_err(failed)?;
    let clean = report.is_clean() && broken.is_empty();
    if as_json {
        terminal::print_json(&as_value(&report, &broken, clean));
    } else if clean {
        let erased =
            if report.erased > 0 { format!(", {} erased", report.erased) } else { String::new() };
        terminal::print(&format!(
            "{} {} events{erased} and {} seals are as they were written.",
            paint(Color::Green, "✓"),
            report.events,
            report.seals
        ));
    } else {
        for problem in &report.first_bad {
            let place = problem
                .seq
                .map(|seq| format!("event {seq}"))
                .unwrap_or_else(|| "journal".to_owned());
            let kind = problem.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
            terminal::print(&format!("{} {place}{kind}: {}", paint(Color::Red, "✗"), problem.what));
        }
        for (line, what) in &broken {
            terminal::print(&format!("{} anchor {line}: {what}", paint(Color::Red, "✗")));
        }
    }
    if clean {
        return Ok(Code::Success);
    }
    let count = report.problems + u64::try_from(broken.len()).unwrap_or(0);
    Err(Failure::new(Code::Tampered, format!("the journal does not verify: {count} problems")))
}

fn as_value(report: &Report, broken: &[(String, &str)], ok: bool) -> serde_json::Value {
    json!({
        "ok": ok,
        "events": report.events,
        "erased": report.erased,
        "seals": report.seals,
        "problem_count": report.problems,
        "problems": report.first_bad.iter().map(|problem| json!({
            "seq": problem.seq,
            "id": problem.id.map(|id| id.to_string()),
            "kind": problem.kind,
            "what": problem.what,
        })).collect::<Vec<_>>(),
        "anchors": broken.iter().map(|(line, what)| json!({"anchor": line, "what": what}))
            .collect::<Vec<_>>(),
    })
}

/// A new file, or standard output.
fn written_to(output: Option<&Path>) -> Result<Box<dyn Write + Send>, Failure> {
    let Some(path) = output else { return Ok(Box::new(std::io::stdout())) };
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let file =
        file.map_err(|error| Failure::new(Code::Failure, format!("{}: {error}", path.display())))?;
    Ok(Box::new(std::io::BufWriter::new(file)))
}

/// Events that are read at once.
const PAGE: usize = 1_000;

/// The trail of a task: a line that says what follows, then an event in each line, in their order.
async fn export_trail(store: &Store, task: &str, output: Option<&Path>) -> Outcome {
    let mut target = written_to(output)?;
    let end = task.to_owned();
    let found = store.read(move |read| read.task_by_suffix(&end)).await.map_err(failed)?;
    let id = match found.as_slice() {
        [one] => one.id,
        [] => return Err(Failure::new(Code::NotFound, format!("there is no task {task}"))),
        _ => {
            let message = format!("more than one task ends like {task}");
            return Err(Failure::new(Code::NotFound, message).hint("Write more of the id"));
        }
    };
    let mut put =
        |line: serde_json::Value| writeln!(target, "{line}").map_err(|error| Failure::of(&error));
    put(json!({"type": "trail", "format": "orkestra-trail v1", "task": id}))?;
    let (mut after, mut count) = (0, 0);
    loop {
        let filter =
            Filter { task: Some(id), after_seq: Some(after), limit: PAGE, ..Filter::default() };
        let events = store.read(move |read| read.events(&filter)).await.map_err(failed)?;
        for event in &events {
            let mut line = serde_json::to_value(event).map_err(|error| Failure::of(&error))?;
            line["type"] = json!("event");
            put(line)?;
            after = event.seq;
        }
        count += events.len();
        if events.len() < PAGE {
            break;
        }
    }
    target.flush().map_err(|error| Failure::of(&error))?;
    terminal::complain(&format!("{count} events exported."));
    Ok(Code::Success)
}

async fn export(store: &Store, from: u64, to: Option<u64>, output: Option<&Path>) -> Outcome {
    let target = written_to(output)?;
    let count = store
        .read(move |read| {
            let mut target = target;
            let to = match to {
                Some(to) => to,
                None => read.head()?.seq,
            };
            let count = read.export(from, to, &mut target)?;
            target
                .flush()
                .map_err(|error| orkestra_store::Error::Io { what: error.to_string() })?;
            Ok(count)
        })
        .await
        .map_err(failed)?;
    terminal::complain(&format!("{count} events exported."));
    Ok(Code::Success)
}

async fn anchor(store: &Store, output: Option<&Path>, as_json: bool) -> Outcome {
    let line = store.read(|read| read.anchor()).await.map_err(failed)?;
    let Some(line) = line else {
        return Err(Failure::new(Code::NotFound, "the journal is empty, so there is no seal yet"));
    };
    if let Some(path) = output {
        let mut file =
            std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(|error| {
                Failure::new(Code::Failure, format!("{}: {error}", path.display()))
            })?;
        writeln!(file, "{line}").map_err(|error| Failure::of(&error))?;
        terminal::complain(&format!("Added to {}.", path.display()));
    }
    if as_json {
        terminal::print_json(&json!({"anchor": line}));
    } else if output.is_none() {
        terminal::print(&line);
    }
    Ok(Code::Success)
}
