//! What the daemon says while it is looked at: its status when something changed, the lines of the
//! unit that is open, and answers to what was asked of it. A daemon that goes away is waited for.

use super::super::encode;
use super::view::{Said, Verb};
use orkestra_server::client::{Client, Error};
use orkestra_server::wire::{LogLine, LogPage, StatusView, UnitView};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long after a lost connection the next one is tried.
const AGAIN: Duration = Duration::from_millis(500);

/// News that may wait to be shown.
const WAITING: usize = 256;

/// Lines that are fetched when a unit is opened.
const LINES: usize = 200;

/// Something to show.
#[derive(Debug)]
pub(super) enum News {
    Status(Box<StatusView>),
    Connected,
    Lost,
    Changed,
    Lines(String, Vec<LogLine>),
    Said(Said),
}

/// The connections. All end with it.
pub(super) struct Live {
    client: Client,
    news: mpsc::Receiver<News>,
    sender: mpsc::Sender<News>,
    events: JoinHandle<()>,
    /// One question at a time.
    asked: Option<JoinHandle<()>>,
    lines: Option<JoinHandle<()>>,
}

impl Live {
    pub(super) fn start(client: Client) -> Self {
        let (sender, news) = mpsc::channel(WAITING);
        let events = tokio::spawn(events(client.clone(), sender.clone()));
        Self { client, news, sender, events, asked: None, lines: None }
    }

    pub(super) async fn next(&mut self) -> News {
        // A sender of our own is kept, so the channel does not end.
        self.news.recv().await.unwrap_or(News::Lost)
    }

    /// Asks how all is, after a while: what happens until then is in the same answer. An asking that
    /// is under way is enough.
    pub(super) fn ask(&mut self, after: Duration) {
        if self.asked.as_ref().is_some_and(|asked| !asked.is_finished()) {
            return;
        }
        let (client, sender) = (self.client.clone(), self.sender.clone());
        self.asked = Some(tokio::spawn(async move {
            tokio::time::sleep(after).await;
            if let Ok(status) = client.get::<StatusView>("/api/v1/status").await {
                let _gone = sender.send(News::Status(Box::new(status))).await;
            }
        }));
    }

    /// Does what a person asked for.
    pub(super) fn act(&self, verb: Verb, name: &str) {
        let (client, sender) = (self.client.clone(), self.sender.clone());
        let name = name.to_owned();
        tokio::spawn(async move {
            let path = format!("/api/v1/units/{}/{}", encode(&name), verb.word());
            let said = match client.post::<UnitView>(&path, &()).await {
                Ok(unit) => Said { text: format!("{name}: {}", unit.why), failed: false },
                Err(error) => Said { text: told(&error), failed: true },
            };
            let _gone = sender.send(News::Said(said)).await;
        });
    }

    /// Follows what a unit writes.
    pub(super) fn open(&mut self, name: &str) {
        self.close();
        let follow = lines(self.client.clone(), self.sender.clone(), name.to_owned());
        self.lines = Some(tokio::spawn(follow));
    }

    /// Follows no unit any more.
    pub(super) fn close(&mut self) {
        if let Some(lines) = self.lines.take() {
            lines.abort();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.events.abort();
        self.close();
    }
}

fn told(error: &Error) -> String {
    match error {
        Error::Refused(problem) => problem.hint.as_ref().map_or_else(
            || problem.detail.clone(),
            |hint| format!("{}. {hint}", problem.detail.trim_end_matches('.')),
        ),
        error => crate::exit::chain(error),
    }
}

async fn events(client: Client, sender: mpsc::Sender<News>) {
    loop {
        if let Ok(mut messages) = client.follow("/api/v1/events", None).await {
            if sender.send(News::Connected).await.is_err() {
                return;
            }
            while let Ok(Some(_)) = messages.next().await {
                // Many changes are one: when this does not fit, others wait to be shown already.
                let _full = sender.try_send(News::Changed);
            }
        }
        if sender.send(News::Lost).await.is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn lines(client: Client, sender: mpsc::Sender<News>, name: String) {
    let address = format!("/api/v1/units/{}/logs", encode(&name));
    let mut cursor: Option<String> = None;
    loop {
        if cursor.is_none()
            && let Ok(page) = client.get::<LogPage>(&format!("{address}?tail={LINES}")).await
        {
            cursor = Some(page.cursor);
            let _gone = sender.send(News::Lines(name.clone(), page.lines)).await;
        }
        if let Some(last) = cursor.clone()
            && let Ok(mut messages) = client.follow(&format!("{address}/stream"), Some(&last)).await
        {
            while let Ok(Some(message)) = messages.next().await {
                let Ok(page) = serde_json::from_str::<LogPage>(&message.data) else { continue };
                cursor = Some(page.cursor);
                if sender.send(News::Lines(name.clone(), page.lines)).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
