//! Following a session: what happens in it and in what belongs to it, in order.

use crate::commands::{encode, events};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, harmless, paint, shorten};
use orkestra_server::client::Client;
use orkestra_server::wire::{EventView, JournalPage, SessionView};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is shown of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Show {
    /// A line for each step.
    Words,
    /// Every event.
    Json,
}

/// Events that tell a session's story.
const KINDS: &str = "session.*,task.*,review.*,vote.*,merge.*,overlap.*,run.created,run.milestone,\
    run.blocker,run.reported,run.verified,run.refuted,run.failed,run.suspended,run.waiting,\
    run.question,run.instructed,approval.requested,approval.approved,approval.denied";

/// What belongs to a session, as far as it was seen.
struct Story {
    session: String,
    members: BTreeSet<String>,
    show: Show,
    /// Nobody is there: it ends as soon as a person is needed.
    headless: bool,
}

impl Story {
    fn new(session: &SessionView, show: Show, headless: bool) -> Self {
        let members = BTreeSet::from([session.id.clone()]);
        Self { session: session.id.clone(), members, show, headless }
    }

    /// Whether an event is part of it; what it names belongs to it from then on.
    fn takes(&mut self, event: &EventView) -> bool {
        let body = event.body.as_ref();
        let named = |key: &str| {
            let of = |value: &Value| value.get(key).and_then(Value::as_str).map(str::to_owned);
            body.and_then(|body| of(body).or_else(|| body.get("belongs").and_then(of)))
        };
        let belongs = self.members.contains(&event.subject)
            || ["session", "task", "run"]
                .iter()
                .filter_map(|key| named(key))
                .any(|id| self.members.contains(&id));
        if belongs {
            self.members.insert(event.subject.clone());
            let tasks = body.and_then(|body| body.get("tasks")).and_then(Value::as_array);
            for task in tasks.into_iter().flatten() {
                if let Some(id) = task.get("id").and_then(Value::as_str) {
                    self.members.insert(id.to_owned());
                }
            }
        }
        belongs
    }

    /// Shows an event; false when nothing more is to be waited for.
    fn tell(&mut self, event: &EventView) -> bool {
        if !self.takes(event) {
            return true;
        }
        let open = match self.show {
            Show::Json => serde_json::to_string(event).is_ok_and(|line| terminal::print(&line)),
            Show::Words => line(event).is_none_or(|line| terminal::print(&line)),
        };
        open && !self.ends(event)
    }

    fn ends(&self, event: &EventView) -> bool {
        let about = || {
            let about = event.body.as_ref().and_then(|body| body.get("about"));
            about.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match event.kind.as_str() {
            "session.verified" | "session.failed" | "session.cancelled" => {
                event.subject == self.session
            }
            "session.asked" => {
                event.subject == self.session && (self.headless || !about().is_empty())
            }
            "session.paused" => self.headless && event.subject == self.session,
            "run.waiting" | "approval.requested" => self.headless,
            "run.suspended" => {
                let until = event.body.as_ref().and_then(|body| body.get("until"));
                self.headless && until.is_none_or(Value::is_null)
            }
            _ => false,
        }
    }
}

/// One step for people; nothing for what others tell better.
fn line(event: &EventView) -> Option<String> {
    let time = event.at.get(11..19).unwrap_or(&event.at);
    let verb = event.kind.rsplit('.').next().unwrap_or_default();
    let (mark, color) = match verb {
        "verified" | "merged" | "approved" => ("✓", Color::Green),
        "failed" | "refuted" | "cancelled" | "blocked" | "poisoned" => ("✗", Color::Red),
        "asked" | "concern" | "concerns" | "escalated" | "blocker" | "suspended" | "waiting"
        | "question" | "plan_refused" | "requested" | "stuck" | "conflict" => ("!", Color::Amber),
        "milestone" => ("◆", Color::Green),
        _ => ("·", Color::Blue),
    };
    let quiet = matches!(
        event.kind.as_str(),
        "run.created"
            | "run.reported"
            | "run.verified"
            | "task.heartbeat"
            | "task.checked"
            | "task.created"
            | "task.edited"
            | "task.ready"
            | "task.waiting"
    );
    (!quiet).then(|| {
        format!(
            "{}  {} {}",
            paint(Color::Grey, time),
            paint(color, mark),
            shorten(&event.summary, 240)
        )
    })
}

/// From the beginning on, until it is over, or a person is needed.
pub(super) async fn watch(
    client: &Client,
    session: &SessionView,
    show: Show,
    headless: bool,
) -> Result<(), Failure> {
    let mut story = Story::new(session, show, headless);
    let (mut cursor, open) = so_far(client, session, &mut |event| story.tell(event)).await?;
    if !open {
        return Ok(());
    }
    let filter = format!("&kind={}", encode(KINDS));
    events::follow(client, &filter, &mut cursor, &mut |event| story.tell(event)).await
}

/// What happened until now; where to go on, and whether there is more to wait for.
async fn so_far(
    client: &Client,
    session: &SessionView,
    each: &mut dyn FnMut(&EventView) -> bool,
) -> Result<(String, bool), Failure> {
    let filter = format!("&kind={}&since={}", encode(KINDS), encode(&session.created_at));
    let mut after: Option<String> = None;
    loop {
        let from = after.map(|cursor| format!("&after={}", encode(&cursor))).unwrap_or_default();
        let path = format!("/api/v1/journal?order=asc&limit=1000{filter}{from}");
        let page: JournalPage = client.get(&path).await?;
        for event in &page.events {
            if !each(event) {
                return Ok((event.cursor.clone(), false));
            }
        }
        match page.events.last() {
            Some(last) if page.events.len() == 1000 => after = Some(last.cursor.clone()),
            Some(last) => return Ok((last.cursor.clone(), true)),
            None => return Ok((page.cursor, true)),
        }
    }
}

/// `orkestra session log`.
pub(super) async fn log(
    client: &Client,
    session: &SessionView,
    show: Show,
    follow: bool,
) -> Result<Code, Failure> {
    let over = matches!(session.state.as_str(), "verified" | "failed" | "cancelled");
    if follow && !over {
        let mut story = Story::new(session, show, false);
        // A question that was answered is no end.
        let mut each = |event: &EventView| {
            story.tell(event);
            true
        };
        let (mut cursor, _) = so_far(client, session, &mut each).await?;
        let mut story = story;
        let filter = format!("&kind={}", encode(KINDS));
        events::follow(client, &filter, &mut cursor, &mut |event| story.tell(event)).await?;
        return Ok(Code::Success);
    }
    let mut story = Story::new(session, show, false);
    let mut each = |event: &EventView| {
        story.tell(event);
        true
    };
    so_far(client, session, &mut each).await?;
    if show == Show::Words && !over {
        terminal::complain(&format!("It is {}: {}", session.state, harmless(&session.why)));
    }
    Ok(Code::Success)
}
