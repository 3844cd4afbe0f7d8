//! The outbox: effects in the outer world, each done once or shown to a person.
//!
//! `recorded → begun → done | failed | unknown`. What is `unknown` is never begun again by itself:
//! it is settled by a check or a person, or a person lets it be tried again.

use crate::error::Error;
use crate::interface::Rows;
use crate::value::{int, limit, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::EffectId;
use rusqlite::{Row, params};

/// How far an effect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectState {
    /// Decided, nothing done yet.
    Recorded,
    /// Somebody is doing it.
    Begun,
    /// It happened.
    Done,
    /// It did not happen.
    Failed,
    /// Nobody knows whether it happened.
    Unknown,
}

impl EffectState {
    /// The word in rows and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Recorded, Self::Begun, Self::Done, Self::Failed, Self::Unknown]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// How an effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Done,
    /// It surely did not happen.
    Failed,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    fn state(self) -> EffectState {
        match self {
            Self::Done => EffectState::Done,
            Self::Failed => EffectState::Failed,
            Self::Unknown => EffectState::Unknown,
        }
    }
}

/// An effect as it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEffect {
    /// Which one.
    pub id: EffectId,
    /// What kind of effect: `mail.send`.
    pub kind: String,
    /// The same key is the same effect, however often it is decided.
    pub key: String,
    /// Everything needed to carry it out, as JSON.
    pub body: String,
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectRow {
    /// Which one.
    pub id: EffectId,
    /// What kind.
    pub kind: String,
    /// Its unique key.
    pub key: String,
    /// What to do, as JSON.
    pub body: String,
    /// How far it is.
    pub state: EffectState,
    /// Who began it last.
    pub owner: Option<String>,
    /// Raised by every begin: a result with an older number is refused.
    pub fence: u64,
    /// How often it was begun.
    pub attempts: u64,
    /// How it ended, in words.
    pub detail: Option<String>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// Reading the outbox.
pub trait ReadEffects {
    /// One effect.
    fn effect(&self, id: EffectId) -> Result<Option<EffectRow>, Error>;

    /// The effect with this key.
    fn effect_by_key(&self, key: &str) -> Result<Option<EffectRow>, Error>;

    /// Effects in this state (or all), the oldest first.
    fn effects(&self, state: Option<EffectState>, limit: usize) -> Result<Vec<EffectRow>, Error>;

    /// Effects in this state, the newest first.
    fn newest_effects(&self, state: EffectState, limit: usize) -> Result<Vec<EffectRow>, Error>;
}

/// Writing the outbox.
pub trait WriteEffects {
    /// Records an effect: true when it is new, false when the same one is there already. The same
    /// key with another kind or body is a conflict.
    fn record_effect(&mut self, effect: &NewEffect) -> Result<bool, Error>;

    /// Takes a recorded effect and gives the fencing number that its result must carry.
    fn begin_effect(&mut self, id: EffectId, owner: &str) -> Result<u64, Error>;

    /// Reports a result. A result that is not of the newest begin is refused as stale.
    fn finish_effect(
        &mut self,
        id: EffectId,
        fence: u64,
        outcome: Outcome,
        detail: &str,
    ) -> Result<(), Error>;

    /// Says what became of an effect whose outcome was unknown: a check or a person found out.
    fn settle_effect(&mut self, id: EffectId, outcome: Outcome, detail: &str) -> Result<(), Error>;

    /// Lets an effect be tried again that failed, or whose outcome is unknown. Only a person (or
    /// a rule for effects that surely did not happen) may decide that.
    fn retry_effect(&mut self, id: EffectId) -> Result<(), Error>;

    /// Removes effects that were done or failed before this, and says how many.
    fn prune_effects(&mut self, before: Timestamp) -> Result<usize, Error>;

    /// An owner is gone: what it had begun becomes `unknown`. Says which.
    fn recover_effects(&mut self, owner: &str) -> Result<Vec<EffectId>, Error>;
}

const COLUMNS: &str =
    "id, kind, key, body, state, owner, fence, attempts, detail, created_at, updated_at";

fn effect(row: &Row<'_>) -> Result<EffectRow, Error> {
    let state: String = row.get(4)?;
    Ok(EffectRow {
        id: EffectId::new(uuid(row.get(0)?)),
        kind: row.get(1)?,
        key: row.get(2)?,
        body: row.get(3)?,
        state: EffectState::parse(&state)
            .ok_or_else(|| Error::damaged(format!("{state:?} as the state of an effect")))?,
        owner: row.get(5)?,
        fence: natural(row.get(6)?)?,
        attempts: natural(row.get(7)?)?,
        detail: row.get(8)?,
        created_at: timestamp(row.get(9)?)?,
        updated_at: timestamp(row.get(10)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<EffectRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM effect {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, effect)?.collect()
}

impl<R: Rows> ReadEffects for R {
    fn effect(&self, id: EffectId) -> Result<Option<EffectRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn effect_by_key(&self, key: &str) -> Result<Option<EffectRow>, Error> {
        Ok(select(self, "WHERE key = ?1", [key])?.pop())
    }

    fn effects(&self, state: Option<EffectState>, rows: usize) -> Result<Vec<EffectRow>, Error> {
        match state {
            Some(state) => select(
                self,
                "WHERE state = ?1 ORDER BY created_at, id LIMIT ?2",
                (state.as_str(), limit(rows)),
            ),
            None => select(self, "ORDER BY created_at, id LIMIT ?1", [limit(rows)]),
        }
    }

    fn newest_effects(&self, state: EffectState, rows: usize) -> Result<Vec<EffectRow>, Error> {
        select(
            self,
            "WHERE state = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2",
            (state.as_str(), limit(rows)),
        )
    }
}

impl Tx<'_> {
    fn effect_in(&self, id: EffectId, legal: &[EffectState]) -> Result<EffectRow, Error> {
        let row = ReadEffects::effect(self, id)?
            .ok_or_else(|| Error::NotFound { what: "effect", name: id.to_string() })?;
        if legal.contains(&row.state) {
            Ok(row)
        } else {
            Err(Error::Conflict(format!("effect {} is {}", row.key, row.state.as_str())))
        }
    }

    fn set_effect(
        &self,
        id: EffectId,
        state: EffectState,
        detail: Option<&str>,
    ) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "UPDATE effect SET state = ?2, detail = ?3, updated_at = ?4 WHERE id = ?1",
            )?
            .execute((id.uuid().as_bytes(), state.as_str(), detail, micros(self.now())))?;
        Ok(())
    }
}

impl WriteEffects for Tx<'_> {
    fn record_effect(&mut self, effect: &NewEffect) -> Result<bool, Error> {
        if let Some(found) = self.effect_by_key(&effect.key)? {
            return if (&found.kind, &found.body) == (&effect.kind, &effect.body) {
                Ok(false)
            } else {
                Err(Error::Conflict(format!("effect {} exists with other content", effect.key)))
            };
        }
        let now = micros(self.now());
        self.connection
            .prepare_cached(
                "INSERT INTO effect (id, kind, key, body, state, fence, attempts, created_at,
                   updated_at) VALUES (?1, ?2, ?3, ?4, 'recorded', 0, 0, ?5, ?5)",
            )?
            .execute(params![
                effect.id.uuid().as_bytes(),
                effect.kind,
                effect.key,
                effect.body,
                now
            ])?;
        Ok(true)
    }

    fn begin_effect(&mut self, id: EffectId, owner: &str) -> Result<u64, Error> {
        let row = self.effect_in(id, &[EffectState::Recorded])?;
        let fence = row.fence + 1;
        self.connection
            .prepare_cached(
                "UPDATE effect SET state = 'begun', owner = ?2, fence = ?3, attempts = attempts + 1,
                   detail = NULL, updated_at = ?4 WHERE id = ?1",
            )?
            .execute((id.uuid().as_bytes(), owner, int(fence)?, micros(self.now())))?;
        Ok(fence)
    }

    fn finish_effect(
        &mut self,
        id: EffectId,
        fence: u64,
        outcome: Outcome,
        detail: &str,
    ) -> Result<(), Error> {
        let row = ReadEffects::effect(self, id)?
            .ok_or_else(|| Error::NotFound { what: "effect", name: id.to_string() })?;
        if row.fence != fence {
            return Err(Error::Stale { given: fence, current: row.fence });
        }
        self.effect_in(id, &[EffectState::Begun])?;
        self.set_effect(id, outcome.state(), Some(detail))
    }

    fn settle_effect(&mut self, id: EffectId, outcome: Outcome, detail: &str) -> Result<(), Error> {
        self.effect_in(id, &[EffectState::Unknown])?;
        self.set_effect(id, outcome.state(), Some(detail))
    }

    fn retry_effect(&mut self, id: EffectId) -> Result<(), Error> {
        self.effect_in(id, &[EffectState::Failed, EffectState::Unknown])?;
        self.set_effect(id, EffectState::Recorded, None)
    }

    fn prune_effects(&mut self, before: Timestamp) -> Result<usize, Error> {
        Ok(self
            .connection
            .prepare_cached(
                "DELETE FROM effect WHERE state IN ('done', 'failed') AND updated_at < ?1",
            )?
            .execute([micros(before)])?)
    }

    fn recover_effects(&mut self, owner: &str) -> Result<Vec<EffectId>, Error> {
        let lost =
            select(self, "WHERE state = 'begun' AND owner = ?1 ORDER BY created_at, id", [owner])?;
        for row in &lost {
            // The fence is raised too: a late result of the lost owner must not decide any more.
            self.connection
                .prepare_cached(
                    "UPDATE effect SET state = 'unknown', fence = fence + 1, updated_at = ?2,
                       detail = 'its owner was lost' WHERE id = ?1",
                )?
                .execute((row.id.uuid().as_bytes(), micros(self.now())))?;
        }
        Ok(lost.into_iter().map(|row| row.id).collect())
    }
}
