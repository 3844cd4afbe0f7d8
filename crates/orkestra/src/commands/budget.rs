//! `orkestra budget …`: what agents may spend.

use super::{Context, Outcome, encode};
use crate::cli::{BudgetVerb, Json, SetBudget};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, paint, table};
use orkestra_server::wire::{BudgetList, BudgetOverride, BudgetSet, BudgetView};

pub(super) async fn run(context: Context, args: BudgetVerb) -> Outcome {
    let client = context.client()?;
    match args {
        BudgetVerb::List(json) => {
            let list: BudgetList = client.get("/api/v1/budgets").await?;
            show(&list, json, "There are no budgets; orkestra budget set makes one.");
        }
        BudgetVerb::Show(one) => {
            let mut list: BudgetList = client.get("/api/v1/budgets").await?;
            list.budgets.retain(|budget| budget.name == one.name);
            if list.budgets.is_empty() {
                let message = format!("there is no budget {:?}", one.name);
                return Err(Failure::new(Code::NotFound, message)
                    .hint("orkestra budget list shows all budgets"));
            }
            show(&list, one.json, "");
        }
        BudgetVerb::Set(set) => {
            let json = set.json;
            let list: BudgetList = client.post("/api/v1/budgets", &wanted(set)).await?;
            show(&list, json, "");
        }
        BudgetVerb::Remove(one) => {
            let path = format!("/api/v1/budgets/{}/remove", encode(&one.name));
            let list: BudgetList = client.post(&path, &()).await?;
            show(&list, one.json, &format!("The budget {} is gone.", one.name));
        }
        BudgetVerb::Override { name, span, reason, end, json } => {
            let path = format!("/api/v1/budgets/{}/override", encode(&name));
            let span = (!end).then_some(span);
            let list: BudgetList =
                client.post(&path, &BudgetOverride { span, why: reason }).await?;
            show(&list, json, "");
        }
    }
    Ok(Code::Success)
}

fn wanted(set: SetBudget) -> BudgetSet {
    let scope = match (set.agent, set.model) {
        (Some(agent), _) => format!("agent {agent}"),
        (None, Some(model)) => format!("model {model}"),
        (None, None) if set.per == "run" => "run".to_owned(),
        (None, None) => "all".to_owned(),
    };
    BudgetSet { name: set.name, scope: Some(scope), per: set.per, usd: set.usd, tokens: set.tokens }
}

fn show(list: &BudgetList, json: Json, none: &str) {
    if json.json {
        terminal::print_json(list);
        return;
    }
    if list.budgets.is_empty() {
        terminal::complain(none);
        return;
    }
    let rows: Vec<Vec<String>> = list.budgets.iter().map(row).collect();
    terminal::print(&table(&["BUDGET", "OF", "PER", "SPENT", "STATE", "BEGINS ANEW (UTC)"], &rows));
}

fn row(budget: &BudgetView) -> Vec<String> {
    let percent = format!("{} %", budget.percent);
    let state = match (budget.over, &budget.lifted) {
        (true, _) => paint(Color::Red, &format!("✗ used up ({percent})")),
        (false, Some(lifted)) => {
            let until = lifted.until.get(..16).unwrap_or(&lifted.until).replace('T', " ");
            paint(Color::Amber, &format!("{percent}, overridden until {until}"))
        }
        (false, None) if budget.percent >= 75 => paint(Color::Amber, &percent),
        (false, None) => paint(Color::Green, &percent),
    };
    let scope = match &budget.run {
        Some(run) => format!("run {}", run.get(run.len().saturating_sub(8)..).unwrap_or(run)),
        None => terminal::harmless(&budget.scope),
    };
    vec![
        budget.name.clone(),
        scope,
        budget.per.clone(),
        budget.says.trim_end_matches('.').to_owned(),
        state,
        budget.until.as_deref().map_or_else(
            || "never".to_owned(),
            |until| until.get(..16).unwrap_or(until).replace('T', " "),
        ),
    ]
}
