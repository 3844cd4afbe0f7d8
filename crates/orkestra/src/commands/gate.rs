//! `orkestra gate …`: rules that people made, and taking them back.

use super::{Context, Outcome};
use crate::cli::Gate;
use crate::exit::Code;
use crate::terminal::{self, shorten, table};
use orkestra_server::wire::{GateRuleList, GateRuleView};

pub(super) async fn run(context: Context, args: Gate) -> Outcome {
    match args {
        Gate::Rules(json) => {
            let list: GateRuleList = context.client()?.get("/api/v1/gate/rules").await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.rules.is_empty() {
                terminal::complain("Nobody has made a rule; each time is asked.");
            } else {
                terminal::print(&rows(&list.rules));
            }
        }
        Gate::Forget { id, json } => {
            let path = format!("/api/v1/gate/rules/{}/forget", super::encode(&id));
            let rule: GateRuleView = context.client()?.post(&path, &()).await?;
            if json.json {
                terminal::print_json(&rule);
            } else {
                let what = terminal::harmless(&rule.what);
                terminal::complain(&format!("{} is asked again.", shorten(&what, 80)));
            }
        }
    }
    Ok(Code::Success)
}

fn rows(rules: &[GateRuleView]) -> String {
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|rule| {
            let of = match (&rule.run, &rule.agent) {
                (Some(run), _) => format!("run {}", run.get(28..).unwrap_or(run)),
                (None, Some(agent)) => terminal::harmless(agent),
                (None, None) => "any agent".to_owned(),
            };
            let until = rule.until.as_deref().map_or_else(
                || "the run's end".to_owned(),
                |until| until.get(..19).unwrap_or(until).replace('T', " "),
            );
            vec![
                rule.short.clone(),
                rule.scope.clone(),
                of,
                until,
                rule.by.clone(),
                shorten(&terminal::harmless(&rule.what), 60),
            ]
        })
        .collect();
    table(&["RULE", "SCOPE", "OF", "UNTIL (UTC)", "BY", "ALLOWS"], &rows)
}
