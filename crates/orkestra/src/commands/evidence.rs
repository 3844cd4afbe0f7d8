//! `orkestra run verify|diff|undo|discard`: what was found of a run's work, what it changed, and taking
//! that back.

use super::{Context, Outcome, encode};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, harmless, paint, state};
use orkestra_core::span::Span;
use orkestra_server::client::Client;
use orkestra_server::wire::{
    CheckView, DiffView, DiscardView, EvidenceView, FileDiffView, RunView, UndoRequest, UndoView,
};
use std::time::Duration;

/// How often a round of checks is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// With which code a command ends that shows a run to its end.
pub(super) fn code_of(run: &RunView) -> Code {
    match run.state.as_str() {
        "verified" => Code::Success,
        // Whoever asked for no evidence gets no verdict, and the work was reported.
        "reported" if run.ended_at.is_some() => Code::Success,
        "refuted" => Code::Refuted,
        "failed" | "cancelled" => Code::RunFailed,
        _ => Code::NeedsPerson,
    }
}

fn path(id: &str, verb: &str) -> String {
    format!("/api/v1/runs/{}/{verb}", encode(id))
}

pub(super) async fn verify(context: Context, id: &str, no_wait: bool, json: bool) -> Outcome {
    let client = context.client()?;
    let run: RunView = client.post(&path(id, "verify"), &()).await?;
    if no_wait {
        if json {
            terminal::print_json(&run);
        } else {
            terminal::complain(&format!("{}  {}  {}", run.short, state(&run.state), run.why));
        }
        return Ok(Code::Success);
    }
    let evidence = settled(&client, &run.id).await?;
    if json {
        terminal::print_json(&evidence);
    } else {
        terminal::print(&shown(&evidence));
    }
    Ok(match evidence.state.as_str() {
        "verified" => Code::Success,
        "refuted" => Code::Refuted,
        _ => Code::RunFailed,
    })
}

/// Waits until no check is under way, also over a daemon that dies and comes back.
async fn settled(client: &Client, id: &str) -> Result<EvidenceView, Failure> {
    let mut lost = 0;
    loop {
        match client.get::<EvidenceView>(&path(id, "evidence")).await {
            Ok(evidence) if evidence.state != "checking" => return Ok(evidence),
            Ok(_) => lost = 0,
            Err(
                orkestra_server::client::Error::NotRunning { .. }
                | orkestra_server::client::Error::Broken(_),
            ) if lost < 150 => lost += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The checks of a run for people, one in a line, with the output of those that failed.
pub(super) fn shown(evidence: &EvidenceView) -> String {
    if evidence.checks.is_empty() {
        return match evidence.state.as_str() {
            "unchecked" => "unchecked: no evidence was asked for".to_owned(),
            _ => "not known yet what will be checked".to_owned(),
        };
    }
    evidence.checks.iter().map(line_of).collect::<Vec<_>>().join("\n")
}

fn line_of(check: &CheckView) -> String {
    let mark = match check.passed {
        Some(true) => paint(Color::Green, "✓"),
        Some(false) => paint(Color::Red, "✗"),
        None => paint(Color::Grey, "·"),
    };
    let said = check.detail.as_deref().unwrap_or(&check.asks);
    let took = check.duration_ms.filter(|ms| *ms >= 1_000).map(Span::from_ms);
    let took = took.map(|span| format!(" ({})", span.roughly())).unwrap_or_default();
    let mut line = format!("{mark} {}  {}{took}", harmless(&check.check), harmless(said));
    if let (Some(false), Some(output)) = (check.passed, &check.output) {
        for text in output.lines() {
            line += &format!("\n    {}", harmless(text));
        }
    }
    line
}

pub(super) async fn diff(context: Context, id: &str, stat: bool, json: bool) -> Outcome {
    let diff: DiffView = context.client()?.get(&path(id, "diff")).await?;
    if json {
        terminal::print_json(&diff);
        return Ok(Code::Success);
    }
    for file in &diff.files {
        if !show_file(file, stat) {
            return Ok(Code::Success);
        }
    }
    let files = match diff.files.len() {
        0 => "Nothing differs.".to_owned(),
        1 => format!("1 file, {} lines added, {} removed.", diff.added, diff.removed),
        n => format!("{n} files, {} lines added, {} removed.", diff.added, diff.removed),
    };
    let cut = if diff.cut { " Some is left out: there is too much." } else { "" };
    terminal::complain(&format!("{files}{cut}"));
    Ok(Code::Success)
}

/// One file; false when nobody reads any more.
fn show_file(file: &FileDiffView, stat: bool) -> bool {
    let name = match &file.old_path {
        Some(old) => format!("{} → {}", harmless(old), harmless(&file.path)),
        None => harmless(&file.path),
    };
    let counts = if file.binary {
        "binary".to_owned()
    } else {
        format!(
            "{} {}",
            paint(Color::Green, &format!("+{}", file.added)),
            paint(Color::Red, &format!("-{}", file.removed))
        )
    };
    if !terminal::print(&format!("{:<9} {name}  {counts}", file.status)) {
        return false;
    }
    if stat {
        return true;
    }
    for hunk in &file.hunks {
        let head = format!(
            "@@ -{},{} +{},{} @@ {}",
            hunk.old_start,
            hunk.old_lines,
            hunk.new_start,
            hunk.new_lines,
            harmless(&hunk.heading)
        );
        if !terminal::print(&paint(Color::Blue, head.trim_end())) {
            return false;
        }
        for line in &hunk.lines {
            let text = harmless(line);
            let line = match line.chars().next() {
                Some('+') => paint(Color::Green, &text),
                Some('-') => paint(Color::Red, &text),
                _ => text,
            };
            if !terminal::print(&line) {
                return false;
            }
        }
    }
    !file.cut || terminal::print(&paint(Color::Grey, "(more is left out)"))
}

pub(super) async fn undo(context: Context, id: &str, force: bool, json: bool) -> Outcome {
    let undone: UndoView =
        context.client()?.post(&path(id, "undo"), &UndoRequest { force }).await?;
    if json {
        terminal::print_json(&undone);
    } else {
        for path in &undone.restored {
            terminal::print(&format!("{} {}", paint(Color::Green, "restored"), harmless(path)));
        }
        for path in &undone.conflicts {
            terminal::print(&format!("{} {}", paint(Color::Amber, "left    "), harmless(path)));
        }
        if let Some(kept) = &undone.kept_in {
            terminal::complain(&format!("What was replaced is in {kept}"));
        }
        if !undone.conflicts.is_empty() {
            terminal::complain(
                "What was left was changed after the run; --force puts it back too.",
            );
        } else if undone.restored.is_empty() {
            terminal::complain("Nothing differs from before the run.");
        }
    }
    Ok(if undone.conflicts.is_empty() { Code::Success } else { Code::Refused })
}

pub(super) async fn discard(context: Context, id: &str, json: bool) -> Outcome {
    let discarded: DiscardView = context.client()?.post(&path(id, "discard"), &()).await?;
    if json {
        terminal::print_json(&discarded);
    } else {
        terminal::complain("Its worktree is in the trash and its branch is removed.");
        if let Some(command) = &discarded.to_get_it_back {
            terminal::complain(&format!("To get the branch back: {command}"));
        }
    }
    Ok(Code::Success)
}
