//! `orkestra status`: what needs you first, then what runs, then what rests.

use super::{Context, Outcome};
use crate::cli::Json;
use crate::exit::Code;
use crate::terminal::{self, Color, paint, shorten, state, table};
use orkestra_server::wire::{RunView, StatusView, UnitView};

/// Runs shown; `orkestra run list` shows more.
const RUNS: usize = 5;

pub(super) async fn run(context: Context, args: Json) -> Outcome {
    let status: StatusView = context.client()?.get("/api/v1/status").await?;
    if args.json {
        terminal::print_json(&status);
        return Ok(Code::Success);
    }
    terminal::print(&text(&status));
    Ok(Code::Success)
}

fn text(status: &StatusView) -> String {
    let daemon = &status.daemon;
    let mut parts = vec![format!(
        "orkestra {} · up {} · process {} · {}",
        daemon.version,
        terminal::duration(daemon.uptime_ms),
        daemon.pid,
        daemon.url
    )];
    if status.needs_you.is_empty() {
        parts.push(format!("{}  Nothing needs you.", paint(Color::Green, "✓")));
    } else {
        let mut lines = vec![paint(Color::Amber, "Needs you")];
        for need in &status.needs_you {
            let subject = need.subject.rsplit('-').next().unwrap_or(&need.subject);
            let by_id = matches!(
                need.kind.as_str(),
                "run_failed" | "run_refuted" | "approval" | "alert" | "session" | "vote"
            );
            let subject = if by_id { subject } else { &need.subject };
            lines.push(format!(
                "  {} {}: {}",
                paint(Color::Amber, "!"),
                subject,
                shorten(&need.title, 90)
            ));
            lines.push(format!("    {}", paint(Color::Grey, &need.action)));
        }
        if status.alerts_open > 0 {
            let open = format!("{} open: orkestra alert list", plural(status.alerts_open, "alert"));
            lines.push(format!("  {}", paint(Color::Grey, &open)));
        }
        parts.push(lines.join("\n"));
    }
    if status.units.is_empty() {
        parts.push(
            "No units are configured; `orkestra init` writes a first orkestra.yaml.".to_owned(),
        );
    } else {
        parts.push(units(&status.units));
    }
    if !status.runs.is_empty() {
        parts.push(runs(status.runs.iter().take(RUNS)));
    }
    parts.join("\n\n")
}

fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// A table of units, as `unit list` prints it too.
pub(super) fn units(units: &[UnitView]) -> String {
    let rows: Vec<Vec<String>> = units
        .iter()
        .map(|unit| {
            let age = unit.uptime_ms.map_or_else(|| "–".to_owned(), terminal::duration);
            let pid = unit.pid.map_or_else(|| "–".to_owned(), |pid| pid.to_string());
            let why = if unit.state == "running" && unit.restarts == 0 { "" } else { &unit.why };
            vec![
                unit.name.clone(),
                state(&unit.state),
                pid,
                age,
                unit.restarts.to_string(),
                shorten(why, 70),
            ]
        })
        .collect();
    table(&["UNIT", "STATE", "PID", "UP", "RESTARTS", "WHY"], &rows)
}

/// A table of runs, as `run list` prints it too.
pub(super) fn runs<'a>(runs: impl Iterator<Item = &'a RunView>) -> String {
    let rows: Vec<Vec<String>> = runs
        .map(|run| {
            let tokens = run.usage.as_ref().map_or_else(
                || "–".to_owned(),
                |usage| {
                    let input = usage.fresh_input + usage.cache_read + usage.cache_write;
                    format!("{input} in, {} out", usage.output)
                },
            );
            vec![
                run.short.clone(),
                state(&run.state),
                run.agent.clone(),
                tokens,
                shorten(&run.prompt, 60),
            ]
        })
        .collect();
    table(&["RUN", "STATE", "AGENT", "TOKENS", "PROMPT"], &rows)
}
