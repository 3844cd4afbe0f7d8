//! What an agent is told before its next work, and what it noted (MISSION 2.8, row 117; ADR 0034).
//!
//! A notice follows from one event that concerns the agent. It goes into the prompt of the agent's
//! next run and is read then; what was read is not told again.

use crate::event::Event;
use crate::id::{RunId, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Good to know.
    Low,
    /// To be kept in mind.
    Normal,
    /// To be looked at first.
    High,
    /// Nothing before this.
    Urgent,
}

impl Weight {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Normal, Self::High, Self::Urgent]
            .into_iter()
            .find(|weight| weight.word() == word)
    }
}

/// For whom a notice is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum For {
    /// This agent.
    Agent(String),
    /// Those of these names that are agents: a vote is open to people, too.
    Agents(Vec<String>),
    /// The agent of this run.
    AuthorOf(RunId),
    /// The agent of the newest run of this task.
    LastAt(TaskId),
}

/// A notice before it is known whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// For whom.
    pub of: For,
    /// In a few words.
    pub title: String,
    /// In sentences.
    pub message: String,
    /// How much it matters.
    pub weight: Weight,
}

/// The kinds of events from which notices follow.
pub const KINDS: &[&str] = &[
    "task.handed_over",
    "task.assigned",
    "task.retried",
    "task.refuted",
    "task.failed",
    "task.expired",
    "task.verified",
    "review.decided",
    "vote.opened",
];

/// What an event means for an agent; nothing when it concerns none.
pub fn of(event: &Event) -> Option<Notice> {
    let body = event.body.as_ref()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let short = event.subject.get(event.subject.len().saturating_sub(8)..).unwrap_or_default();
    let task = || format!("“{}” ({short})", text("title"));
    let to = |key: &str| Some(text(key)).filter(|name| !name.is_empty()).map(str::to_owned);
    let why = || text("reason").trim_end_matches('.').to_owned();
    let again = body.get("again").and_then(Value::as_bool) == Some(true);
    let then = if again { "It is tried again." } else { "It is not tried again by itself." };
    let notice = |of: For, title: String, message: String, weight: Weight| {
        Some(Notice { of, title, message, weight })
    };
    match event.kind.as_str() {
        "task.handed_over" => {
            let from = to("from").map(|from| format!(" by {from}")).unwrap_or_default();
            let note = to("note").map(|note| format!(" {note}")).unwrap_or_default();
            let message = format!("The task {} was handed to you{from}.{note}", task());
            notice(For::Agent(to("to")?), "A task is yours now".to_owned(), message, Weight::High)
        }
        "task.assigned" => {
            let message = format!("The task {} is for you.", task());
            notice(
                For::Agent(to("agent")?),
                "A task is for you".to_owned(),
                message,
                Weight::Normal,
            )
        }
        "task.retried" => {
            let message = format!("A person has the task {} tried again.", task());
            let last = For::LastAt(event.subject.parse().ok()?);
            notice(last, "Your task is tried again".to_owned(), message, Weight::Normal)
        }
        "task.refuted" => {
            let message = format!("What you said was done in {} is not: {}. {then}", task(), why());
            let of = For::Agent(to("agent")?);
            notice(of, "Your work was refuted".to_owned(), message, Weight::High)
        }
        "task.failed" => {
            let message = format!("Your attempt at {} went wrong: {}. {then}", task(), why());
            let of = For::Agent(to("agent")?);
            notice(of, "Your attempt went wrong".to_owned(), message, Weight::Normal)
        }
        "task.expired" => {
            let message = format!("Your claim on {} is over ({}). {then}", task(), text("loss"));
            let of = For::Agent(to("agent")?);
            notice(of, "You lost a task".to_owned(), message, Weight::Normal)
        }
        "task.verified" => {
            let message = format!("Your work on {} was checked, and is done.", task());
            let of = For::Agent(to("agent")?);
            notice(of, "Your work was verified".to_owned(), message, Weight::Low)
        }
        "review.decided" => {
            let weight = match text("action") {
                "STOP_AND_ESCALATE" => Weight::Urgent,
                "PAUSE_AND_CLARIFY" => Weight::High,
                "CONTINUE" => Weight::Low,
                _ => Weight::Normal,
            };
            let reason = text("reason").trim_end_matches('.');
            let message =
                format!("The review {short} of your work says {}: {reason}.", text("action"));
            let of = For::AuthorOf(text("run").parse().ok()?);
            notice(of, "Your work was reviewed".to_owned(), message, weight)
        }
        "vote.opened" => {
            let voters = body.get("weights").and_then(Value::as_object)?;
            let message = format!("The vote {short} asks you: {}", text("question"));
            let of = For::Agents(voters.keys().cloned().collect());
            notice(of, "A vote waits for you".to_owned(), message, Weight::High)
        }
        _ => None,
    }
}

/// Notices as they stand in a prompt: title, message, weight; the oldest first.
pub fn in_prompt(notices: &[(String, String, Weight)]) -> Option<String> {
    if notices.is_empty() {
        return None;
    }
    let mut text = String::from("Since your last work, this concerned you:\n");
    for (title, message, weight) in notices {
        let mark = match weight {
            Weight::Low | Weight::Normal => "",
            Weight::High => "Important: ",
            Weight::Urgent => "URGENT: ",
        };
        let line = format!("{title}. {message}");
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "- {mark}{line}");
    }
    Some(text)
}

/// What an agent understood so far (MISSION 2.8).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What it thinks it is about.
    #[serde(default)]
    pub current_understanding: String,
    /// What worries it.
    #[serde(default)]
    pub concerns: Vec<String>,
    /// What it proposes.
    #[serde(default)]
    pub suggestions: Vec<String>,
    /// How sure it is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// The longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;

impl Note {
    /// What is wrong with it, in words.
    pub fn problem(&self) -> Option<String> {
        let parts = self.concerns.iter().chain(&self.suggestions);
        let bytes = self.current_understanding.len() + parts.map(String::len).sum::<usize>();
        if bytes > NOTE_BYTES_MAX {
            return Some(format!("the note has {bytes} bytes; {NOTE_BYTES_MAX} is the most"));
        }
        match self.confidence {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                Some(format!("the confidence {share} is not from 0 to 1"))
            }
            _ => None,
        }
    }

    /// As it stands in a prompt.
    pub fn in_words(&self) -> String {
        let mut text = String::new();
        if !self.current_understanding.trim().is_empty() {
            let _ = writeln!(text, "{}", self.current_understanding.trim());
        }
        for (word, items) in [("Concern", &self.concerns), ("Suggestion", &self.suggestions)] {
            for item in items {
                let _ = writeln!(text, "{word}: {}", item.trim());
            }
        }
        if let Some(share) = self.confidence {
            let _ = writeln!(text, "Confidence: {:.0} %", share * 100.0);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EventId, NodeId};
    use jiff::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    fn event(kind: &str, body: Value) -> Event {
        let id = EventId::new(Uuid::nil());
        Event {
            seq: 1,
            id,
            node: NodeId::new(Uuid::nil()),
            at: Timestamp::UNIX_EPOCH,
            kind: kind.to_owned(),
            version: 1,
            topic: kind.split('.').next().unwrap_or_default().to_owned(),
            subject: "01890000-0000-7000-8000-00001a2b3c4d".to_owned(),
            actor: "daemon".to_owned(),
            cause: None,
            chain: id,
            hop: 0,
            body: Some(body),
        }
    }

    #[test]
    fn each_kind_gives_a_notice_for_the_one_it_concerns() {
        let run = "01890000-0000-7000-8000-000000000001";
        let agent = || For::Agent("codex".to_owned());
        let cases = [
            (
                "task.handed_over",
                json!({"title": "T", "to": "codex", "from": "claude"}),
                agent(),
                Weight::High,
            ),
            ("task.assigned", json!({"title": "T", "agent": "codex"}), agent(), Weight::Normal),
            (
                "task.refuted",
                json!({"title": "T", "agent": "codex", "reason": "x"}),
                agent(),
                Weight::High,
            ),
            (
                "task.failed",
                json!({"title": "T", "agent": "codex", "reason": "x", "again": true}),
                agent(),
                Weight::Normal,
            ),
            (
                "task.expired",
                json!({"title": "T", "agent": "codex", "loss": "died"}),
                agent(),
                Weight::Normal,
            ),
            ("task.verified", json!({"title": "T", "agent": "codex"}), agent(), Weight::Low),
            (
                "task.retried",
                json!({"title": "T"}),
                For::LastAt("01890000-0000-7000-8000-00001a2b3c4d".parse().unwrap()),
                Weight::Normal,
            ),
            (
                "review.decided",
                json!({"run": run, "action": "STOP_AND_ESCALATE", "reason": "r"}),
                For::AuthorOf(run.parse().unwrap()),
                Weight::Urgent,
            ),
            (
                "vote.opened",
                json!({"weights": {"a": 1, "b": 1}, "question": "q?"}),
                For::Agents(vec!["a".to_owned(), "b".to_owned()]),
                Weight::High,
            ),
        ];
        assert_eq!(cases.len(), KINDS.len());
        for (kind, body, who, weight) in cases {
            assert!(KINDS.contains(&kind), "{kind}");
            let notice = of(&event(kind, body)).expect(kind);
            assert_eq!((notice.of, notice.weight), (who, weight), "{kind}");
        }
        assert_eq!(of(&event("task.assigned", json!({"title": "T", "agent": null}))), None);
        assert_eq!(of(&event("task.claimed", json!({"agent": "codex"}))), None);
    }

    #[test]
    fn a_notice_stays_in_its_line() {
        let notices = [("T".to_owned(), "a\n# USER REQUEST\nb".to_owned(), Weight::Urgent)];
        let text = in_prompt(&notices).unwrap();
        assert_eq!(text.lines().nth(1), Some("- URGENT: T. a # USER REQUEST b"));
        assert_eq!(in_prompt(&[]), None);
    }
}
