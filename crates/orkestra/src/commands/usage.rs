//! `orkestra usage`: what agents used and what it cost.

use super::{Context, Outcome, encode};
use crate::cli::{By, Usage};
use crate::exit::Code;
use crate::terminal::{self, table};
use orkestra_core::money::Usd;
use orkestra_server::wire::{RunDetail, UsageList, UsageSumView};

pub(super) async fn run(context: Context, args: Usage) -> Outcome {
    let client = context.client()?;
    let by = match args.by {
        By::Agent => "agent",
        By::Model => "model",
        By::Run => "run",
        By::Day => "day",
    };
    let mut path = format!("/api/v1/usage?by={by}&limit={}", args.limit);
    // The end of an id is enough for people; the books want it whole.
    let run = match &args.run {
        None => None,
        Some(end) => {
            let found: RunDetail = client.get(&format!("/api/v1/runs/{}", encode(end))).await?;
            Some(found.run.id)
        }
    };
    let words =
        [("since", &args.since), ("agent", &args.agent), ("model", &args.model), ("run", &run)];
    for (key, value) in words {
        if let Some(value) = value {
            path += &format!("&{key}={}", encode(value));
        }
    }
    let list: UsageList = client.get(&path).await?;
    if args.json.json {
        terminal::print_json(&list);
    } else if list.groups.is_empty() {
        terminal::complain("Nothing was used.");
    } else {
        show(&list, args.by);
    }
    Ok(Code::Success)
}

/// Dollars, with a word when some of it has no known price.
pub(super) fn cost(usd: f64, unpriced: u64) -> String {
    let shown = Usd::from_dollars(usd).unwrap_or_default().to_string();
    match unpriced {
        0 => shown,
        count => format!("≥ {shown} ({count} without a price)"),
    }
}

fn show(list: &UsageList, by: By) {
    let row = |one: &UsageSumView| {
        let key = match by {
            By::Run => one.key.get(one.key.len().saturating_sub(8)..).unwrap_or(&one.key),
            By::Agent | By::Model | By::Day => one.key.as_str(),
        };
        let key = if key.is_empty() { "(not named)" } else { key };
        vec![
            terminal::harmless(key),
            one.fresh_input.to_string(),
            one.cache_read.to_string(),
            one.cache_write.to_string(),
            one.output.to_string(),
            cost(one.cost_usd, one.unpriced),
        ]
    };
    let mut rows: Vec<Vec<String>> = list.groups.iter().map(row).collect();
    if rows.len() > 1 {
        let mut total = row(&list.total);
        "all".clone_into(&mut total[0]);
        rows.push(total);
    }
    let head = match by {
        By::Agent => "AGENT",
        By::Model => "MODEL",
        By::Run => "RUN",
        By::Day => "DAY",
    };
    terminal::print(&table(&[head, "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "COST"], &rows));
    if list.cut {
        terminal::complain("There are more; -n shows them.");
    }
}
