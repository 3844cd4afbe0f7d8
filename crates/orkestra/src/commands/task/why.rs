//! `orkestra task why`: who was chosen, who was passed over, and why.

use crate::terminal::{Color, harmless, paint, table};
use orkestra_server::wire::{ChoiceView, WhyView};

/// The whole answer.
pub(super) fn text(why: &WhyView) -> String {
    let state = why.state.replace('_', " ");
    let mut parts = vec![format!("“{}” is {state}.", harmless(&why.title))];
    if let Some(held) = &why.held {
        parts.push(paint(Color::Amber, &harmless(held)));
    }
    match &why.now {
        Some(now) => parts.push(choice("Now", now)),
        None => parts.extend(why.why.iter().map(|why| harmless(why))),
    }
    for made in &why.made {
        let at = made.at.as_deref().map_or("", |at| at.get(..19).unwrap_or(at)).replace('T', " ");
        let fence = made.fence.unwrap_or_default();
        parts.push(choice(&format!("{at} UTC, claim {fence}"), made));
    }
    if why.now.is_none() && why.made.is_empty() {
        parts.push("No agent was chosen for it yet.".to_owned());
    }
    parts.join("\n\n")
}

fn choice(when: &str, of: &ChoiceView) -> String {
    let rows: Vec<Vec<String>> = of
        .candidates
        .iter()
        .map(|one| {
            let name = harmless(&one.agent);
            let chosen = of.agent.as_deref() == Some(one.agent.as_str());
            vec![
                if chosen {
                    paint(Color::Green, &format!("✓ {name}"))
                } else {
                    format!("  {name}")
                },
                format!("{} = {} - {}", one.rating, one.score, one.penalty),
                one.matching.join(", "),
                match one.runs {
                    0 => String::new(),
                    runs => format!("{} of {runs} ({:.0} %)", one.verified, one.rate * 100.0),
                },
                one.load.to_string(),
                harmless(one.excluded.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    let head = format!("{when}: {}", harmless(&of.sentence));
    if rows.is_empty() {
        return head;
    }
    let columns = ["  AGENT", "SCORE", "GOOD AT", "RECORD", "TASKS", "PASSED OVER"];
    format!("{head}\n{}", table(&columns, &rows))
}
