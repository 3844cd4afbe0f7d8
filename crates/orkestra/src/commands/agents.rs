//! `orkestra agents`: which agents can be started here.

use super::{Context, Outcome};
use crate::cli::Json;
use crate::exit::Code;
use crate::terminal::{self, Color, paint, table};
use orkestra_server::wire::AgentList;

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
                    agent.program.clone().unwrap_or_default(),
                ]
            })
            .collect();
        terminal::print(&table(&["AGENT", "KIND", "STATE", "PROGRAM"], &rows));
    }
    if let Some(hint) = &list.hint {
        terminal::complain(hint);
    }
    Ok(Code::Success)
}
