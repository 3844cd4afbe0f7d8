//! `orkestra prune`: takes away what is old.

use super::{Context, Outcome};
use crate::cli::Prune;
use crate::exit::Code;
use crate::terminal::{self, table};
use orkestra_core::health::bytes;
use orkestra_server::wire::{PruneRequest, PruneView};

pub(super) async fn run(context: Context, args: Prune) -> Outcome {
    let request = PruneRequest { dry_run: args.dry_run };
    let pruned: PruneView = context.client()?.post("/api/v1/prune", &request).await?;
    if args.json.json {
        terminal::print_json(&pruned);
        return Ok(Code::Success);
    }
    if !pruned.items.is_empty() {
        let rows: Vec<Vec<String>> = pruned
            .items
            .iter()
            .map(|item| vec![item.what.clone(), bytes(item.bytes), terminal::harmless(&item.name)])
            .collect();
        terminal::print(&table(&["WHAT", "SIZE", "NAME"], &rows));
    }
    let would = if pruned.dry_run { "Would be taken away: " } else { "" };
    terminal::complain(&format!("{would}{}.", pruned.summary));
    Ok(Code::Success)
}
