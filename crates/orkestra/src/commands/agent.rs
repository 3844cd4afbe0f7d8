//! `orkestra agent …`: agents one by one.

use super::{Context, Outcome};
use crate::cli::{Agent, Json};
use crate::exit::Code;
use crate::terminal::{self, Color, paint, table};
use orkestra_server::wire::{AgentHeld, AgentPause, CallLog};

pub(super) async fn run(context: Context, args: Agent) -> Outcome {
    match args {
        Agent::Pause { name, span, why, json } => {
            let path = format!("/api/v1/agents/{}/pause", super::encode(&name));
            let held = context.client()?.post(&path, &AgentPause { span, why }).await?;
            tell(&held, json);
        }
        Agent::Stats { name, since, lines, json } => {
            let mut path = format!("/api/v1/calls?limit={lines}");
            for (key, value) in [("agent", &name), ("since", &since)] {
                if let Some(value) = value {
                    path += &format!("&{key}={}", super::encode(value));
                }
            }
            let log: CallLog = context.client()?.get(&path).await?;
            if json.json {
                terminal::print_json(&log);
            } else if log.agents.is_empty() {
                terminal::complain("No agent was called yet.");
            } else {
                stats(&log);
            }
        }
        Agent::Resume { name, json } => {
            let path = format!("/api/v1/agents/{}/resume", super::encode(&name));
            let held = context.client()?.post(&path, &()).await?;
            tell(&held, json);
        }
    }
    Ok(Code::Success)
}

fn tell(held: &AgentHeld, json: Json) {
    if json.json {
        terminal::print_json(held);
        return;
    }
    let name = terminal::harmless(&held.name);
    terminal::complain(&match &held.hold {
        None => format!("{name} gets work again."),
        Some(hold) => {
            let until = hold.until.as_deref().map_or_else(
                || "until it is resumed".to_owned(),
                |until| format!("until {}", until.get(..19).unwrap_or(until).replace('T', " ")),
            );
            format!("{name} gets no new work {until}: {}", terminal::harmless(&hold.why))
        }
    });
}

fn stats(log: &CallLog) {
    let rows: Vec<Vec<String>> = log
        .agents
        .iter()
        .map(|of| {
            let color = match of.health.as_str() {
                "healthy" => Color::Green,
                "degraded" => Color::Amber,
                "unhealthy" | "critical" => Color::Red,
                _ => Color::Grey,
            };
            vec![
                terminal::harmless(&of.agent),
                paint(color, &of.health),
                of.calls.to_string(),
                format!("{} ({} %)", of.errors, of.error_percent),
                terminal::duration(of.mean_ms),
                terminal::duration(of.p95_ms),
                of.tokens.to_string(),
                super::usage::cost(of.cost_usd, of.unpriced),
            ]
        })
        .collect();
    let head = ["AGENT", "HEALTH", "CALLS", "ERRORS", "MEAN", "P95", "TOKENS", "COST"];
    terminal::print(&table(&head, &rows));
    if log.calls.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = log
        .calls
        .iter()
        .map(|call| {
            vec![
                call.at.get(..19).unwrap_or(&call.at).replace('T', " "),
                call.run.get(call.run.len().saturating_sub(8)..).unwrap_or(&call.run).to_owned(),
                if call.ok { paint(Color::Green, "ok") } else { paint(Color::Red, &call.status) },
                terminal::duration(call.ms),
                call.tokens.to_string(),
            ]
        })
        .collect();
    terminal::print("");
    terminal::print(&table(&["ENDED (UTC)", "RUN", "HOW", "TOOK", "TOKENS"], &rows));
}
