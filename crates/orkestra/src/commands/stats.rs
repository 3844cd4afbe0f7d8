//! `orkestra stats`: who was right how often, and whether several are better than one.

use super::{Context, Outcome};
use crate::cli::Json;
use crate::exit::Code;
use crate::terminal::{self, harmless, table};
use orkestra_server::wire::StatsView;

pub(super) async fn run(context: Context, json: Json) -> Outcome {
    let stats: StatsView = context.client()?.get("/api/v1/stats").await?;
    if json.json {
        terminal::print_json(&stats);
        return Ok(Code::Success);
    }
    if !stats.records.is_empty() {
        let rows: Vec<Vec<String>> = stats
            .records
            .iter()
            .map(|one| {
                vec![
                    harmless(&one.name),
                    one.verified.to_string(),
                    one.refuted.to_string(),
                    one.failed.to_string(),
                    one.votes.to_string(),
                    one.right.to_string(),
                    one.wrong.to_string(),
                    format!("{:.2}", one.weight),
                ]
            })
            .collect();
        let header = ["NAME", "VERIFIED", "REFUTED", "FAILED", "VOTES", "RIGHT", "WRONG", "WEIGHT"];
        terminal::print(&table(&header, &rows));
        terminal::print("");
    }
    terminal::print(&stats.says.join("\n"));
    Ok(Code::Success)
}
