//! `orkestra agent …`: agents one by one.

use super::{Context, Outcome};
use crate::cli::{Agent, Json};
use crate::exit::Code;
use crate::terminal;
use orkestra_server::wire::{AgentHeld, AgentPause};

pub(super) async fn run(context: Context, args: Agent) -> Outcome {
    match args {
        Agent::Pause { name, span, why, json } => {
            let path = format!("/api/v1/agents/{}/pause", super::encode(&name));
            let held = context.client()?.post(&path, &AgentPause { span, why }).await?;
            tell(&held, json);
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
