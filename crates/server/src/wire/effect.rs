//! Effects in the outer world, on the wire.

use orkestra_engine::{Settlement, effect_title, effect_to};
use orkestra_store::EffectRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that is done in the outer world.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// Its id; who receives it gets it as its key.
    pub id: String,
    /// The end of its id, for people.
    pub short: String,
    /// `notify`.
    pub kind: String,
    /// To whom; a notification's name.
    pub to: Option<String>,
    /// What is done, in a few words.
    pub title: String,
    /// `recorded`, `begun`, `done`, `failed`, `unknown`.
    pub state: String,
    /// How often it was begun.
    pub attempts: u64,
    /// How it ended, in words.
    pub detail: Option<String>,
    /// When it was decided (RFC 3339).
    pub created_at: String,
    /// When it last changed (RFC 3339).
    pub updated_at: String,
}

/// Effects, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectList {
    /// The page.
    pub effects: Vec<EffectView>,
    /// How many wait for a person's word, 1,000 at most.
    pub unknown: usize,
}

/// What a person says of an effect.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettleWord {
    /// It happened.
    Done,
    /// It did not happen, and shall not.
    Failed,
    /// Do it again, even if that is twice.
    Retry,
}

/// A person's word on an effect.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectSettle {
    /// What became of it, or that it is to be tried again.
    #[serde(rename = "as")]
    pub how: SettleWord,
}

impl From<SettleWord> for Settlement {
    fn from(word: SettleWord) -> Self {
        match word {
            SettleWord::Done => Self::Done,
            SettleWord::Failed => Self::Failed,
            SettleWord::Retry => Self::Retry,
        }
    }
}

impl From<&EffectRow> for EffectView {
    fn from(row: &EffectRow) -> Self {
        Self {
            id: row.id.to_string(),
            short: row.id.short(),
            kind: row.kind.clone(),
            to: effect_to(row),
            title: effect_title(row),
            state: row.state.as_str().to_owned(),
            attempts: row.attempts,
            detail: row.detail.clone(),
            created_at: row.created_at.to_string(),
            updated_at: row.updated_at.to_string(),
        }
    }
}
