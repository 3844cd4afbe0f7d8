//! `orkestra agent inbox` and `agent note`: what agents are told before their next work, and what
//! they noted.

use super::agent::by_path;
use super::{Context, Outcome, encode};
use crate::cli::{AgentInbox, AgentNote};
use crate::exit::Code;
use crate::terminal::{self, Color, harmless, paint};
use orkestra_server::wire::{InboxRead, InboxView, NoteBody, NoteView};

pub(super) async fn inbox(context: Context, args: AgentInbox) -> Outcome {
    let name = by_path(&context, &args.name);
    let client = context.client()?;
    let path = format!("/api/v1/agents/{}/inbox", encode(&name));
    let asked = format!("{path}?unread={}&limit={}", args.unread, args.lines.clamp(1, 200));
    let mut inbox: InboxView = client.get(&asked).await?;
    if args.read {
        let read: InboxRead = client.post(&format!("{path}/read"), &()).await?;
        let marked = u64::try_from(read.read).unwrap_or(u64::MAX);
        inbox.unread = inbox.unread.saturating_sub(marked);
    }
    if args.json.json {
        terminal::print_json(&inbox);
        return Ok(Code::Success);
    }
    for one in inbox.notices.iter().rev() {
        let at = one.at.get(..16).unwrap_or(&one.at).replace('T', " ");
        let color = match one.priority.as_str() {
            "urgent" => Color::Red,
            "high" => Color::Amber,
            _ => Color::Grey,
        };
        let mark = if one.read { " " } else { "•" };
        let weight = paint(color, &format!("{:<6}", one.priority));
        terminal::print(&format!(
            "{mark} {at} UTC  {weight} {}: {}",
            harmless(&one.title),
            harmless(&one.message)
        ));
    }
    terminal::complain(&format!("{} unread.", inbox.unread));
    Ok(Code::Success)
}

pub(super) async fn note(context: Context, args: AgentNote) -> Outcome {
    let name = by_path(&context, &args.name);
    let client = context.client()?;
    let path = format!("/api/v1/agents/{}/note", encode(&name));
    let says = args.text.is_some()
        || args.confidence.is_some()
        || !(args.concerns.is_empty() && args.suggestions.is_empty());
    let view: NoteView = if says {
        let body = NoteBody {
            current_understanding: args.text.unwrap_or_default(),
            concerns: args.concerns,
            suggestions: args.suggestions,
            confidence: args.confidence,
        };
        client.post(&path, &body).await?
    } else {
        client.get(&path).await?
    };
    if args.json.json {
        terminal::print_json(&view);
        return Ok(Code::Success);
    }
    match view.note {
        None => terminal::complain(&format!("{} noted nothing yet.", harmless(&view.agent))),
        Some(note) => {
            let note = orkestra_core::notice::Note::from(note);
            terminal::print(harmless(note.in_words().trim_end()).as_ref());
        }
    }
    Ok(Code::Success)
}
