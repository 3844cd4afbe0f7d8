//! Reviews as files too (MISSION 1.1: `reviews/review_001.json`): what is in the row, for people and
//! programs that read files. The rows are the truth: a file is written after the commit, and again when
//! it is missing or differs.

use super::parse;
use crate::error::Error;
use crate::evidence::place::write_private;
use crate::handle::Handle;
use orkestra_core::id::ReviewId;
use orkestra_core::review::Review;
use orkestra_store::{Filter, ReviewFilter};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Reviews and events that are read at once.
const PAGE: usize = 200;

/// In the folder of its session, or in that of the author's run.
pub(super) fn path(home: &Path, review: &Review) -> PathBuf {
    let folder = match review.session {
        Some(session) => home.join("sessions").join(session.short()),
        None => home.join("runs").join(review.run.to_string()),
    };
    folder.join("reviews").join(review.file_name())
}

/// Writes the file of a review, unless it is there as it should be.
pub(super) async fn write(home: &Path, review: &Review) {
    let path = path(home, review);
    let Ok(mut text) = serde_json::to_vec_pretty(review) else { return };
    text.push(b'\n');
    let shown = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || {
        if std::fs::read(&path).is_ok_and(|known| known == text) {
            return Ok(());
        }
        write_private(&path, &text)
    });
    // Nothing depends on it; a full disk is told elsewhere.
    if let Ok(Err(error)) = written.await {
        tracing::warn!(%error, path = shown, "A review's file cannot be written.");
    }
}

/// How far the files are.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The last event that was looked at; nothing before all reviews were.
    seq: Option<u64>,
}

impl Written {
    /// Writes the files of all reviews that changed; the first time, of all that there are.
    pub(super) async fn catch_up(&mut self, handle: &Handle) -> Result<(), Error> {
        let Some(after) = self.seq else {
            let head = handle.store.read(|read| Ok(read.head()?.seq)).await;
            let head = head.map_err(Error::Store)?;
            write_all(handle).await?;
            self.seq = Some(head);
            return Ok(());
        };
        let filter = Filter {
            after_seq: Some(after),
            topic: Some("review".to_owned()),
            limit: PAGE,
            ..Filter::default()
        };
        let read = handle.store.read(move |read| {
            let (events, head) = (read.events(&filter)?, read.head()?.seq);
            let ids: BTreeSet<ReviewId> =
                events.iter().filter_map(|event| event.subject.parse().ok()).collect();
            let mut reviews = Vec::new();
            for id in ids {
                reviews.extend(super::load(read, id)?);
            }
            let whole = events.len() < PAGE;
            let last = events.last().map_or(head, |event| event.seq);
            Ok((reviews, if whole { head } else { last }))
        });
        let (reviews, seq) = read.await.map_err(Error::Store)?;
        for review in &reviews {
            write(&handle.home, review).await;
        }
        self.seq = Some(seq);
        Ok(())
    }
}

async fn write_all(handle: &Handle) -> Result<(), Error> {
    let mut after = None;
    loop {
        let filter =
            ReviewFilter { after, oldest_first: true, limit: PAGE, ..ReviewFilter::default() };
        let rows = handle.store.read(move |read| read.reviews(&filter)).await;
        let rows = rows.map_err(Error::Store)?;
        for row in &rows {
            write(&handle.home, &parse(row).map_err(Error::Store)?).await;
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = Some(last.id),
            _ => return Ok(()),
        }
    }
}
