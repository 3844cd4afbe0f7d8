//! `orkestra effect …`: what is done in the outer world, and a person's word on what nobody knows.

use super::{Context, Outcome};
use crate::cli::{Effect, SettleAs};
use crate::exit::Code;
use crate::terminal::{self, Color, harmless, paint, shorten, table};
use orkestra_server::wire::{EffectList, EffectSettle, EffectView, SettleWord};

pub(super) async fn run(context: Context, args: Effect) -> Outcome {
    let client = context.client()?;
    match args {
        Effect::List { all, json } => {
            let query = if all { "?state=all" } else { "" };
            let list: EffectList = client.get(&format!("/api/v1/effects{query}")).await?;
            if json.json {
                terminal::print_json(&list);
                return Ok(Code::Success);
            }
            if list.effects.is_empty() {
                terminal::complain(if all { "There are no effects." } else { "All is done." });
                return Ok(Code::Success);
            }
            terminal::print(&rows(&list.effects));
            if list.unknown > 0 {
                terminal::complain(
                    "Say what became of the unknown ones: orkestra effect settle EFFECT --as done, \
                     failed or retry",
                );
            }
        }
        Effect::Settle { id, how, json } => {
            let how = match how {
                SettleAs::Done => SettleWord::Done,
                SettleAs::Failed => SettleWord::Failed,
                SettleAs::Retry => SettleWord::Retry,
            };
            let path = format!("/api/v1/effects/{}/settle", super::encode(&id));
            let effect: EffectView = client.post(&path, &EffectSettle { how }).await?;
            if json.json {
                terminal::print_json(&effect);
            } else {
                terminal::complain(&format!("{}  {}", effect.short, state(&effect)));
            }
        }
    }
    Ok(Code::Success)
}

fn state(effect: &EffectView) -> String {
    match effect.state.as_str() {
        "unknown" => paint(Color::Amber, "? unknown"),
        "failed" => paint(Color::Red, "✗ failed"),
        "done" => paint(Color::Green, "✓ done"),
        other => paint(Color::Grey, other),
    }
}

fn rows(effects: &[EffectView]) -> String {
    let rows: Vec<Vec<String>> = effects
        .iter()
        .map(|effect| {
            vec![
                effect.short.clone(),
                state(effect),
                effect.attempts.to_string(),
                effect.created_at.get(..19).unwrap_or(&effect.created_at).replace('T', " "),
                shorten(&effect.title, 70),
                shorten(&harmless(effect.detail.as_deref().unwrap_or_default()), 50),
            ]
        })
        .collect();
    table(&["EFFECT", "STATE", "TRIES", "DECIDED (UTC)", "WHAT", "HOW IT ENDED"], &rows)
}
