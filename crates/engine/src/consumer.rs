//! Readers of the journal that write down what follows from it (ADR 0029).
//!
//! A reader has a name and a cursor in the store. What it writes, the events of that, and the cursor
//! are one commit: a daemon that dies between an event and what follows from it deals with the event
//! again, and never twice. What is to be done in the world is not done here: it follows from the
//! rows, and is looked for by a reconciler.

use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use orkestra_core::event::Event;
use orkestra_store::{Error as StoreError, Filter, Write};
use std::sync::Arc;
use std::time::Duration;

/// Events dealt with in one commit.
const PAGE: usize = 200;

/// Events of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(20);

/// When the store cannot take it, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// What follows from one event, written by the transaction that also moves the cursor. It must not
/// wait for anything.
pub(crate) type Deal =
    Arc<dyn Fn(&mut dyn Write, &Event) -> Result<(), StoreError> + Send + Sync + 'static>;

/// A reader of the journal.
pub(crate) struct Consumer {
    /// Its name in the store; it never changes.
    pub(crate) name: &'static str,
    /// The kinds of events that it looks at; a `*` at the end means all that begin so.
    pub(crate) kinds: &'static [&'static str],
    /// What it does with one.
    pub(crate) deal: Deal,
}

/// Follows the journal until the daemon goes. A reader that is new begins with what comes next.
pub(crate) fn follow(handle: &Handle, futures: &Futures, consumer: Consumer) {
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut head = handle.store.head_watch();
        let mut cursor = None;
        loop {
            if let Err(error) = catch_up(&handle, &consumer, &mut cursor).await {
                tracing::warn!(%error, consumer = consumer.name, "The journal cannot be followed now.");
                cursor = None;
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            if head.changed().await.is_err() {
                return;
            }
            tokio::time::sleep(GATHER).await;
            head.mark_unchanged();
        }
    });
}

/// Where the reader stands: what it read but did not have to write down is not in the store.
async fn place(handle: &Handle, consumer: &Consumer) -> Result<u64, StoreError> {
    let name = consumer.name;
    let (cursor, head) =
        handle.store.read(move |read| Ok((read.cursor(name)?, read.head()?.seq))).await?;
    if cursor > 0 || head == 0 {
        return Ok(cursor);
    }
    handle.store.write(move |tx| tx.set_cursor(name, head)).await?;
    Ok(head)
}

async fn catch_up(
    handle: &Handle,
    consumer: &Consumer,
    cursor: &mut Option<u64>,
) -> Result<(), StoreError> {
    loop {
        let after = match *cursor {
            Some(after) => after,
            None => *cursor.insert(place(handle, consumer).await?),
        };
        let filter = Filter {
            after_seq: Some(after),
            kinds: consumer.kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            limit: PAGE,
            ..Filter::default()
        };
        let (events, head) =
            handle.store.read(move |read| Ok((read.events(&filter)?, read.head()?.seq))).await?;
        let more = events.len() == PAGE;
        let seq = match events.last() {
            Some(last) if more => last.seq,
            _ => head,
        };
        if !events.is_empty() {
            let (deal, name) = (Arc::clone(&consumer.deal), consumer.name);
            let written = handle.store.write(move |tx| {
                for event in &events {
                    match deal(tx, event) {
                        // Trying again would not help, and those behind it must not wait for ever.
                        Err(error @ (StoreError::Damaged { .. } | StoreError::Invalid(_))) => {
                            tracing::error!(%error, consumer = name, seq = event.seq,
                                "Nothing could follow from an event.");
                        }
                        dealt => dealt?,
                    }
                }
                tx.set_cursor(name, seq)
            });
            written.await?;
        }
        *cursor = Some(seq);
        if !more {
            return Ok(());
        }
    }
}
