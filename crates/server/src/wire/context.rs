//! Snapshots of the work, notices and notes of agents, as clients see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A snapshot of the work, without its rows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SnapshotView {
    /// Its id.
    pub id: String,
    /// The end of its id, which is enough.
    pub short: String,
    /// When it was made (RFC 3339, UTC).
    pub at: String,
    /// Why: `person`, `period`, `rate_limit`, `disconnect`, `before_restore`.
    pub reason: String,
    /// Who made it.
    pub by: String,
    /// The newest event that it knows of.
    pub seq: u64,
    /// How many rows it holds.
    pub rows: u64,
    /// How many of each table.
    pub counts: Value,
    /// SHA-256 of its rows.
    pub digest: String,
}

/// Snapshots, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SnapshotList {
    /// The snapshots.
    pub snapshots: Vec<SnapshotView>,
}

/// A snapshot with its rows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SnapshotDetail {
    /// The snapshot.
    pub snapshot: SnapshotView,
    /// Its rows: for each table its columns and rows.
    pub work: Value,
}

/// What was put back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SnapshotRestored {
    /// The snapshot.
    pub snapshot: SnapshotView,
    /// How it was before; putting this back undoes it.
    pub before: SnapshotView,
    /// Tasks that somebody held then, and that nobody holds now.
    pub freed: usize,
}

/// One notice of an agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    /// Its number.
    pub id: i64,
    /// When it was written (RFC 3339, UTC).
    pub at: String,
    /// In a few words.
    pub title: String,
    /// In sentences.
    pub message: String,
    /// `low`, `normal`, `high`, `urgent`.
    pub priority: String,
    /// Whether it was read.
    pub read: bool,
    /// When it was read.
    pub read_at: Option<String>,
    /// By which run (`run:ID`), or by whom.
    pub read_by: Option<String>,
}

/// The notices of an agent, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InboxView {
    /// The agent.
    pub agent: String,
    /// How many it has not read.
    pub unread: u64,
    /// The notices.
    pub notices: Vec<NoticeView>,
}

/// How many notices were marked as read.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InboxRead {
    /// How many.
    pub read: usize,
}

/// What an agent understood.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
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

/// An agent's note.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NoteView {
    /// The agent.
    pub agent: String,
    /// What it understood; nothing when it noted nothing.
    pub note: Option<NoteBody>,
    /// When it was noted (RFC 3339, UTC).
    pub at: Option<String>,
}

impl From<&orkestra_store::SnapshotRow> for SnapshotView {
    fn from(row: &orkestra_store::SnapshotRow) -> Self {
        Self {
            id: row.id.to_string(),
            short: row.id.short(),
            at: row.at.to_string(),
            reason: row.reason.clone(),
            by: row.by.clone(),
            seq: row.seq,
            rows: row.rows,
            counts: serde_json::from_str(&row.counts).unwrap_or_default(),
            digest: row.digest.clone(),
        }
    }
}

impl From<orkestra_store::NoticeRow> for NoticeView {
    fn from(row: orkestra_store::NoticeRow) -> Self {
        Self {
            id: row.id,
            at: row.at.to_string(),
            title: row.title,
            message: row.message,
            priority: row.priority,
            read: row.read_at.is_some(),
            read_at: row.read_at.map(|at| at.to_string()),
            read_by: row.read_by,
        }
    }
}

impl From<orkestra_core::notice::Note> for NoteBody {
    fn from(note: orkestra_core::notice::Note) -> Self {
        Self {
            current_understanding: note.current_understanding,
            concerns: note.concerns,
            suggestions: note.suggestions,
            confidence: note.confidence,
        }
    }
}

impl From<NoteBody> for orkestra_core::notice::Note {
    fn from(note: NoteBody) -> Self {
        Self {
            current_understanding: note.current_understanding,
            concerns: note.concerns,
            suggestions: note.suggestions,
            confidence: note.confidence,
        }
    }
}
