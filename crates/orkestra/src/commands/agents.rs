//! `orkestra agents`: which agents can be started here.

use super::{Context, Outcome};
use crate::cli::Json;
use crate::exit::Code;
use crate::terminal::{self, Color, paint, table};
use orkestra_server::wire::{AgentList, AgentView};

pub(super) async fn run(context: Context, args: Json) -> Outcome {
    let list: AgentList = context.client()?.get("/api/v1/agents").await?;
    if args.json {
        terminal::print_json(&list);
        return Ok(Code::Success);
    }
    if !list.agents.is_empty() {
        let rows: Vec<Vec<String>> = list
            .agents
            .iter()
            .map(|agent| {
                let found = if agent.found {
                    paint(Color::Green, "✓ found")
                } else {
                    paint(Color::Red, "✗ missing")
                };
                vec![
                    agent.name.clone(),
                    agent.kind.clone().unwrap_or_default(),
                    found,
                    tasks(agent),
                    agent.program.clone().unwrap_or_default(),
                ]
            })
            .collect();
        terminal::print(&table(&["AGENT", "KIND", "STATE", "TASKS", "PROGRAM"], &rows));
    }
    if let Some(hint) = &list.hint {
        terminal::complain(hint);
    }
    Ok(Code::Success)
}

/// Whether it gets tasks, and how it did at them lately.
fn tasks(agent: &AgentView) -> String {
    if let Some(hold) = &agent.hold {
        return paint(Color::Amber, &format!("held: {}", terminal::shorten(&hold.why, 40)));
    }
    let Some(tasks) = &agent.tasks else { return String::new() };
    match tasks.breaker.as_str() {
        "open" => {
            let until = tasks.open_until.as_deref().unwrap_or_default();
            let until = until.get(11..19).unwrap_or(until);
            paint(Color::Red, &format!("breaker open until {until} UTC"))
        }
        "half_open" => paint(Color::Amber, "breaker half open"),
        _ if tasks.runs == 0 => String::new(),
        _ => {
            let color = match tasks.health.as_str() {
                "healthy" => Color::Green,
                "degraded" => Color::Amber,
                _ => Color::Red,
            };
            paint(color, &format!("{} ({} of {} bad)", tasks.health, tasks.bad, tasks.runs))
        }
    }
}
