//! Server-sent events from the journal: lossless, since each client has its place in it
//! (MISSION row 80).

use crate::listen::App;
use crate::routes::journal::view_of;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures::Stream;
use futures::stream;
use orkestra_core::event::Cursor;
use orkestra_store::Filter;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

/// Events read at once: so many are kept for one that does not read on.
const PAGE: usize = 64;

/// A comment this often keeps the connection from looking dead.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

struct Reader {
    app: App,
    filter: Filter,
    epoch: u64,
    after: u64,
    ready: VecDeque<SseEvent>,
    head: tokio::sync::watch::Receiver<u64>,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<SseEvent, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            // Marked as seen before reading: what is committed meanwhile wakes us again.
            self.head.borrow_and_update();
            let filter = Filter { after_seq: Some(self.after), limit: PAGE, ..self.filter.clone() };
            let read = self
                .app
                .engine
                .store()
                .read(move |read| Ok((read.events(&filter)?, read.head()?.seq)))
                .await;
            match read {
                Ok((events, _)) if !events.is_empty() => {
                    for event in events {
                        self.after = event.seq;
                        let cursor = Cursor { epoch: self.epoch, seq: event.seq };
                        let kind = event.kind.clone();
                        let view = view_of(event, self.epoch);
                        let data = serde_json::to_string(&view).unwrap_or_default();
                        self.ready.push_back(
                            SseEvent::default().id(cursor.to_string()).event(kind).data(data),
                        );
                    }
                }
                Ok((_, head)) => {
                    // What the filter passed over need not be looked at again.
                    self.after = self.after.max(head);
                    tokio::select! {
                        changed = self.head.changed() => if changed.is_err() { return None },
                        () = self.app.futures.cancelled() => return None,
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "The journal cannot be read for a client.");
                    return None;
                }
            }
        }
    }
}

/// A stream of events after a cursor. A cursor of another epoch, or below what is kept, is
/// answered with `reset`: the client must load everything anew.
pub(crate) async fn events(
    app: App,
    filter: Filter,
    cursor: Option<Cursor>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, crate::Problem> {
    let (head, floor) = app.engine.store().read(|read| Ok((read.head()?, read.floor()?))).await?;
    let now = Cursor { epoch: head.epoch, seq: head.seq };
    let mut ready = VecDeque::new();
    let after = match cursor {
        None => head.seq,
        Some(cursor) if cursor.epoch != head.epoch || cursor.seq > head.seq => {
            ready.push_back(reset("epoch", now));
            head.seq
        }
        Some(cursor) if cursor.seq < floor => {
            ready.push_back(reset("floor", now));
            head.seq
        }
        Some(cursor) => cursor.seq,
    };
    let watch = app.engine.store().head_watch();
    let reader = Reader { app, filter, epoch: head.epoch, after, ready, head: watch };
    let stream = stream::unfold(reader, Reader::next);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn reset(reason: &str, cursor: Cursor) -> SseEvent {
    let data = serde_json::json!({"reason": reason, "cursor": cursor.to_string()});
    SseEvent::default().id(cursor.to_string()).event("reset").data(data.to_string())
}
