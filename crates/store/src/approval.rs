//! Approvals, and the rules that wider answers made. What is in the bodies is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{limit, micros, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{ApprovalId, GrantId, RunId};
use rusqlite::{Row, params};

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// Which one.
    pub id: ApprovalId,
    /// The run that asks.
    pub run: RunId,
    /// Its agent.
    pub agent: String,
    /// Its state's word.
    pub state: String,
    /// The same of questions that are the same apart from the worktree.
    pub alike: String,
    /// The command that is asked about, if it is one.
    pub head: String,
    /// The rule that asks.
    pub rule: String,
    /// The whole of it, as JSON.
    pub body: String,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// One rule that a person made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRuleRow {
    /// Which one.
    pub id: GrantId,
    /// `task`, `agent` or `rule`.
    pub scope: String,
    /// Only in this run.
    pub run: Option<RunId>,
    /// Only by this agent.
    pub agent: Option<String>,
    /// Until when it holds.
    pub until: Option<Timestamp>,
    /// The whole of it, as JSON.
    pub body: String,
}

/// Which approvals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// In one of these states; empty for any.
    pub states: Vec<String>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Older than this one.
    pub before: Option<ApprovalId>,
    /// At most so many.
    pub limit: usize,
}

/// Reading approvals.
pub trait ReadApprovals {
    /// One approval.
    fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRow>, Error>;

    /// Approvals whose id ends like this (hexadecimal digits, hyphens ignored), the newest first,
    /// at most ten.
    fn approval_by_suffix(&self, text: &str) -> Result<Vec<ApprovalRow>, Error>;

    /// Approvals, the newest first.
    fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRow>, Error>;

    /// How many are in this state.
    fn approvals_in(&self, state: &str) -> Result<u64, Error>;

    /// Approvals like this one: of the same kind, or about the same command by the same rule. The
    /// newest first, without itself.
    fn approvals_like(&self, like: &ApprovalRow, most: usize) -> Result<Vec<ApprovalRow>, Error>;

    /// All rules that people made.
    fn gate_rules(&self) -> Result<Vec<GateRuleRow>, Error>;
}

/// Writing approvals.
pub trait WriteApprovals {
    /// Makes or replaces an approval.
    fn put_approval(&mut self, approval: &ApprovalRow) -> Result<(), Error>;

    /// Makes or replaces a rule.
    fn put_gate_rule(&mut self, rule: &GateRuleRow) -> Result<(), Error>;

    /// Removes a rule; false when there was none.
    fn remove_gate_rule(&mut self, id: GrantId) -> Result<bool, Error>;
}

const COLUMNS: &str = "id, run, agent, state, alike, head, rule, body, asked_at";

fn approval(row: &Row<'_>) -> Result<ApprovalRow, Error> {
    Ok(ApprovalRow {
        id: ApprovalId::new(uuid(row.get(0)?)),
        run: RunId::new(uuid(row.get(1)?)),
        agent: row.get(2)?,
        state: row.get(3)?,
        alike: row.get(4)?,
        head: row.get(5)?,
        rule: row.get(6)?,
        body: row.get(7)?,
        asked_at: timestamp(row.get(8)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<ApprovalRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM approval {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, approval)?.collect()
}

impl<R: Rows> ReadApprovals for R {
    fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn approval_by_suffix(&self, text: &str) -> Result<Vec<ApprovalRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        select(
            self,
            "WHERE reversed >= ?1 AND reversed < ?2 ORDER BY id DESC LIMIT ?3",
            (from, to, suffix::MATCHES_MAX),
        )
    }

    fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRow>, Error> {
        use rusqlite::types::Value;
        let mut wheres = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        if !filter.states.is_empty() {
            wheres.push(format!("state IN ({})", vec!["?"; filter.states.len()].join(", ")));
            values.extend(filter.states.iter().cloned().map(Value::Text));
        }
        if let Some(run) = filter.run {
            wheres.push("run = ?".to_owned());
            values.push(Value::Blob(run.uuid().as_bytes().to_vec()));
        }
        if let Some(before) = filter.before {
            wheres.push("id < ?".to_owned());
            values.push(Value::Blob(before.uuid().as_bytes().to_vec()));
        }
        let all = if wheres.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", wheres.join(" AND "))
        };
        values.push(Value::Integer(limit(filter.limit)));
        select(self, &format!("{all} ORDER BY id DESC LIMIT ?"), rusqlite::params_from_iter(values))
    }

    fn approvals_in(&self, state: &str) -> Result<u64, Error> {
        let mut statement =
            self.connection().prepare_cached("SELECT count(*) FROM approval WHERE state = ?1")?;
        let count: i64 = statement.query_row([state], |row| row.get(0))?;
        crate::value::natural(count)
    }

    fn approvals_like(&self, like: &ApprovalRow, most: usize) -> Result<Vec<ApprovalRow>, Error> {
        let id = like.id.uuid();
        let mut found = select(
            self,
            "WHERE alike = ?1 AND id <> ?2 ORDER BY id DESC LIMIT ?3",
            (&like.alike, id.as_bytes(), limit(most)),
        )?;
        if !like.head.is_empty() {
            found.extend(select(
                self,
                "WHERE rule = ?1 AND head = ?2 AND id <> ?3 ORDER BY id DESC LIMIT ?4",
                (&like.rule, &like.head, id.as_bytes(), limit(most)),
            )?);
        }
        found.sort_by_key(|row| std::cmp::Reverse(row.id));
        found.dedup_by_key(|row| row.id);
        found.truncate(most);
        Ok(found)
    }

    fn gate_rules(&self) -> Result<Vec<GateRuleRow>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id, scope, run, agent, until_at, body FROM gate_rule ORDER BY id",
        )?;
        statement
            .query_and_then([], |row| {
                let run: Option<[u8; 16]> = row.get(2)?;
                let until: Option<i64> = row.get(4)?;
                Ok(GateRuleRow {
                    id: GrantId::new(uuid(row.get(0)?)),
                    scope: row.get(1)?,
                    run: run.map(|run| RunId::new(uuid(run))),
                    agent: row.get(3)?,
                    until: until.map(timestamp).transpose()?,
                    body: row.get(5)?,
                })
            })?
            .collect()
    }
}

impl WriteApprovals for Tx<'_> {
    fn put_approval(&mut self, approval: &ApprovalRow) -> Result<(), Error> {
        let reversed = suffix::reversed(approval.id.uuid());
        self.connection
            .prepare_cached(
                "INSERT INTO approval (id, reversed, run, agent, state, alike, head, rule, body,
                   asked_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body",
            )?
            .execute(params![
                approval.id.uuid().as_bytes(),
                reversed,
                approval.run.uuid().as_bytes(),
                approval.agent,
                approval.state,
                approval.alike,
                approval.head,
                approval.rule,
                approval.body,
                micros(approval.asked_at),
            ])?;
        Ok(())
    }

    fn put_gate_rule(&mut self, rule: &GateRuleRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO gate_rule (id, scope, run, agent, until_at, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET until_at = excluded.until_at,
                   body = excluded.body",
            )?
            .execute(params![
                rule.id.uuid().as_bytes(),
                rule.scope,
                rule.run.map(|run| *run.uuid().as_bytes()),
                rule.agent,
                rule.until.map(micros),
                rule.body,
            ])?;
        Ok(())
    }

    fn remove_gate_rule(&mut self, id: GrantId) -> Result<bool, Error> {
        let removed = self
            .connection
            .prepare_cached("DELETE FROM gate_rule WHERE id = ?1")?
            .execute([id.uuid().as_bytes()])?;
        Ok(removed > 0)
    }
}
