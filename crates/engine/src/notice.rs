//! Notices of agents: written by what happens, told in the prompt of the next run (MISSION row 117).

use crate::consumer::{Consumer, follow};
use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::Futures;
use orkestra_agents::Kind;
use orkestra_core::event::{Cause, Draft, Event, Topic};
use orkestra_core::id::RunId;
use orkestra_core::notice::{self, For, Note, Notice, Weight};
use orkestra_store::{AgentNoteRow, Error as StoreError, NoticeRow, Store, Write};
use serde_json::{Value, json};
use std::sync::Arc;

/// Notices that go into one prompt; what is older waits for the next one.
const IN_PROMPT: usize = 20;

/// Writes notices as long as the daemon lives.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let agents = handle.clone();
    let deal = move |tx: &mut dyn Write, event: &Event| {
        let Some(notice) = notice::of(event) else { return Ok(()) };
        let is_agent =
            |name: &str| agents.agent_specs().contains_key(name) || name.parse::<Kind>().is_ok();
        write(tx, event, &notice, &is_agent)
    };
    let consumer = Consumer { name: "notices", kinds: notice::KINDS, deal: Arc::new(deal) };
    follow(handle, futures, consumer);
}

fn write(
    tx: &mut dyn Write,
    event: &Event,
    notice: &Notice,
    is_agent: &dyn Fn(&str) -> bool,
) -> Result<(), StoreError> {
    let agents: Vec<String> = match &notice.of {
        For::Agent(name) => vec![name.clone()],
        For::Agents(names) => names.iter().filter(|name| is_agent(name)).cloned().collect(),
        For::AuthorOf(run) => tx.run(*run)?.map(|run| run.agent).into_iter().collect(),
        For::LastAt(task) => {
            tx.runs_of_task(*task)?.pop().map(|run| run.agent).into_iter().collect()
        }
    };
    for agent in agents {
        let weight = notice.weight.word();
        let id = tx.add_notice(&agent, &notice.title, &notice.message, weight)?;
        let body = json!({"notice": id, "title": notice.title, "message": notice.message,
            "priority": weight});
        let draft = Draft::new("agent.notified", Topic::Agent, &agent, "daemon", body);
        tx.append(&[draft.because(Cause::Event(event.reference()))])?;
    }
    Ok(())
}

/// Takes what an agent has not read into the prompt of a run, and marks it as read by that run. A
/// run that is prepared again, after a crash, is told the same.
pub(crate) async fn take(store: &Store, agent: &str, run: RunId) -> Result<Option<String>, Error> {
    let (name, reader) = (agent.to_owned(), format!("run:{run}"));
    let (of, by) = (name.clone(), reader.clone());
    let found = store.read(move |read| {
        let rows = read.notices(&of, false, 2 * IN_PROMPT)?.into_iter();
        let mine = rows.filter(|row| match &row.read_by {
            None => true,
            Some(reader) => *reader == by,
        });
        Ok(mine.collect::<Vec<_>>())
    });
    let mut rows = found.await.map_err(Error::Store)?;
    rows.truncate(IN_PROMPT);
    rows.reverse();
    let Some(newest) = rows.last().map(|row| row.id) else { return Ok(None) };
    if rows.iter().any(|row| row.read_at.is_none()) {
        let written = store.write(move |tx| mark(tx, &name, newest, &reader, "daemon").map(|_| ()));
        written.await.map_err(Error::Store)?;
    }
    let told: Vec<(String, String, Weight)> = rows
        .into_iter()
        .map(|row| {
            let weight = Weight::parse(&row.priority).unwrap_or(Weight::Normal);
            (row.title, row.message, weight)
        })
        .collect();
    Ok(notice::in_prompt(&told))
}

fn mark(
    tx: &mut dyn Write,
    agent: &str,
    up_to: i64,
    reader: &str,
    actor: &str,
) -> Result<usize, StoreError> {
    let count = tx.read_notices(agent, up_to, reader)?;
    if count > 0 {
        let body = json!({"count": count, "by": reader, "up_to": up_to,
            "unread": tx.unread_notices(agent)?});
        tx.append(&[Draft::new("agent.read_notices", Topic::Agent, agent, actor, body)])?;
    }
    Ok(count)
}

/// A note as the core knows it.
pub(crate) fn note_of(row: &AgentNoteRow) -> Result<Note, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the note of {} cannot be read: {error}", row.agent),
    })
}

/// What is written of an agent's work, for others.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbox {
    /// Notices, the newest first.
    pub notices: Vec<NoticeRow>,
    /// How many are not read.
    pub unread: u64,
}

impl Handle {
    /// The notices of an agent, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn inbox(&self, agent: &str, unread: bool, limit: usize) -> Result<Inbox, Error> {
        let agent = agent.to_owned();
        let read = self.store.read(move |read| {
            Ok(Inbox {
                notices: read.notices(&agent, unread, limit)?,
                unread: read.unread_notices(&agent)?,
            })
        });
        read.await.map_err(Error::Store)
    }

    /// Marks all notices of an agent as read; how many were not.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn read_inbox(&self, agent: &str, actor: &str) -> Result<usize, Error> {
        let (agent, actor) = (agent.to_owned(), actor.to_owned());
        let written = self.store.write(move |tx| mark(tx, &agent, i64::MAX, &actor, &actor));
        Ok(written.await.map_err(Error::Store)?.value)
    }

    /// What an agent noted, and when.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn agent_note(&self, agent: &str) -> Result<Option<(Note, jiff::Timestamp)>, Error> {
        let agent = agent.to_owned();
        let read = self.store.read(move |read| {
            let row = read.agent_note(&agent)?;
            row.map(|row| Ok((note_of(&row)?, row.updated_at))).transpose()
        });
        read.await.map_err(Error::Store)
    }

    /// Writes down what an agent understood.
    ///
    /// # Errors
    /// It is too long or makes no sense, or the store cannot be written.
    pub async fn note_of_agent(&self, agent: &str, note: Note, actor: &str) -> Result<(), Error> {
        if let Some(problem) = note.problem() {
            return Err(Error::Store(StoreError::Invalid(problem)));
        }
        let (agent, actor) = (agent.to_owned(), actor.to_owned());
        let written = self.store.write(move |tx| {
            let text = serde_json::to_string(&note)
                .map_err(|error| StoreError::Invalid(error.to_string()))?;
            tx.put_agent_note(&agent, &text)?;
            let body = serde_json::to_value(&note).unwrap_or(Value::Null);
            tx.append(&[Draft::new("agent.noted", Topic::Agent, &agent, &actor, body)])?;
            Ok(())
        });
        written.await.map(|_| ()).map_err(Error::Store)
    }
}
