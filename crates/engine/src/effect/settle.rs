//! A person's word on an effect whose outcome nobody knows, or that failed (Law 4).

use super::{KINDS, NOTIFY, parsed, to_of};
use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::EffectId;
use orkestra_store::{EffectRow, EffectState, Outcome};
use serde_json::{Value, json};

/// What a person says of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It happened.
    Done,
    /// It did not happen, and shall not.
    Failed,
    /// Do it again, even if that is twice.
    Retry,
}

impl Settlement {
    /// The word in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Retry => "retry",
        }
    }
}

/// What became of a person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It holds now; the effect as it is.
    Yes(EffectRow),
    /// It cannot be said of this effect, and why.
    Refused(String),
    /// There is no such effect.
    Missing,
}

/// An effect in words: what is done, and to whom.
pub fn effect_title(row: &EffectRow) -> String {
    if row.kind == crate::issue::COMMENT {
        return format!("comment on {}", to_of(row));
    }
    if row.kind != NOTIFY {
        return row.kind.clone();
    }
    let body = parsed(row);
    let title = body.pointer("/alert/title").and_then(Value::as_str).unwrap_or("an alert");
    format!("tell {}: {title}", to_of(row))
}

/// To whom something is done, where its kind knows one.
pub fn effect_to(row: &EffectRow) -> Option<String> {
    Some(to_of(row)).filter(|to| !to.is_empty())
}

fn refusal(row: &EffectRow, how: Settlement) -> Option<String> {
    let id = row.id.short();
    let why = match (row.state, how) {
        (EffectState::Recorded, _) => "has not been tried yet; nothing has to be settled",
        (EffectState::Begun, _) => "is being carried out just now",
        (EffectState::Done, _) => "is done already",
        (EffectState::Failed, Settlement::Failed) => "has failed already",
        (EffectState::Failed, Settlement::Done) => {
            "surely did not happen; it can only be tried again"
        }
        (EffectState::Unknown | EffectState::Failed, Settlement::Retry)
            if !KINDS.contains(&row.kind.as_str()) =>
        {
            return Some(format!("this version cannot carry out {} (effect {id})", row.kind));
        }
        (EffectState::Unknown, _) | (EffectState::Failed, Settlement::Retry) => return None,
    };
    Some(format!("the effect {id} {why}"))
}

impl Handle {
    /// Effects in these states, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn effects(
        &self,
        states: &[EffectState],
        limit: usize,
    ) -> Result<Vec<EffectRow>, Error> {
        let states = states.to_vec();
        let read = self.store.read(move |read| {
            let mut rows = Vec::new();
            for state in states {
                rows.extend(read.newest_effects(state, limit)?);
            }
            Ok(rows)
        });
        let mut rows = read.await.map_err(Error::Store)?;
        rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    /// One effect.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn effect(&self, id: EffectId) -> Result<Option<EffectRow>, Error> {
        self.store.read(move |read| read.effect(id)).await.map_err(Error::Store)
    }

    /// A person says what became of an effect, or lets it be tried again.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn settle_effect(
        &self,
        id: EffectId,
        how: Settlement,
        actor: &str,
    ) -> Result<Settled, Error> {
        let actor = actor.to_owned();
        let committed = self.store.write(move |tx| {
            let Some(row) = tx.effect(id)? else { return Ok(Settled::Missing) };
            if let Some(why) = refusal(&row, how) {
                return Ok(Settled::Refused(why));
            }
            match how {
                Settlement::Done => tx.settle_effect(id, Outcome::Done, "a person says so")?,
                Settlement::Failed => tx.settle_effect(id, Outcome::Failed, "a person says so")?,
                Settlement::Retry => tx.retry_effect(id)?,
            }
            let body = json!({"kind": row.kind, "to": to_of(&row), "attempt": row.attempts,
                "as": how.as_str(), "was": row.state.as_str()});
            let draft = Draft::new("effect.settled", Topic::Effect, &id.to_string(), &actor, body);
            tx.append(&[draft.because(Cause::Root)])?;
            Ok(tx.effect(id)?.map_or(Settled::Missing, Settled::Yes))
        });
        let settled = committed.await.map_err(Error::Store)?.value;
        if how == Settlement::Retry {
            self.view.effects.notify_one();
        }
        Ok(settled)
    }
}
