//! Votes and their ballots. What is in the bodies is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{limit, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{SessionId, TaskId, VoteId};
use rusqlite::{Row, params};

/// One vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteRow {
    /// Which one.
    pub id: VoteId,
    /// `open`, `mediating`, `closed`.
    pub state: String,
    /// How it ended: `decided`, `failed`, `no_quorum`, `deadlock`, `tie`.
    pub outcome: Option<String>,
    /// Whether something was decided.
    pub is_decided: bool,
    /// Whether a person is asked.
    pub asks: bool,
    /// The caller's idempotency key.
    pub request_key: Option<String>,
    /// The task that it is about.
    pub task: Option<TaskId>,
    /// The session that it is part of.
    pub session: Option<SessionId>,
    /// The core's record, as JSON.
    pub body: String,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// One ballot. It is written once and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BallotRow {
    /// In which vote.
    pub vote: VoteId,
    /// Its place in the vote's chain, from 1.
    pub number: u32,
    /// In which round.
    pub round: u32,
    /// Whose.
    pub voter: String,
    /// Its hash.
    pub hash: String,
    /// The core's record, as JSON.
    pub body: String,
}

/// Work that ended, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkSum {
    /// Whose.
    pub agent: String,
    /// `verified`, `refuted`, `failed`.
    pub state: String,
    /// Whether several agents worked in its session.
    pub in_team: bool,
    /// How many runs.
    pub count: u64,
}

/// Which votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VotesIn {
    /// All.
    All,
    /// Those that go on: open or mediating.
    Open,
    /// Those that ask a person.
    Asking,
    /// Those that decided something.
    Decided,
}

/// Reading votes.
pub trait ReadVotes {
    /// One vote.
    fn vote(&self, id: VoteId) -> Result<Option<VoteRow>, Error>;

    /// The votes whose id ends like this, the newest first, at most ten.
    fn vote_by_suffix(&self, text: &str) -> Result<Vec<VoteRow>, Error>;

    /// The vote that was opened with this key.
    fn vote_by_key(&self, key: &str) -> Result<Option<VoteRow>, Error>;

    /// Votes, the newest first, on from the one before.
    fn votes(
        &self,
        which: VotesIn,
        limit: usize,
        before: Option<VoteId>,
    ) -> Result<Vec<VoteRow>, Error>;

    /// The votes of a session, the oldest first.
    fn votes_of_session(&self, session: SessionId) -> Result<Vec<VoteRow>, Error>;

    /// The votes about a task, the oldest first.
    fn votes_of_task(&self, task: TaskId) -> Result<Vec<VoteRow>, Error>;

    /// Work that ended, by agent and state, and whether it was part of a session of several agents.
    fn work_sums(&self) -> Result<Vec<WorkSum>, Error>;

    /// The ballots of a vote, in their order.
    fn ballots(&self, vote: VoteId) -> Result<Vec<BallotRow>, Error>;
}

/// Writing votes.
pub trait WriteVotes {
    /// Makes or replaces a vote. Another vote with the same key is a conflict.
    fn put_vote(&mut self, vote: &VoteRow) -> Result<(), Error>;

    /// Adds a ballot. A second one of the same voter in the same round is a conflict.
    fn add_ballot(&mut self, ballot: &BallotRow) -> Result<(), Error>;
}

const COLUMNS: &str =
    "id, state, outcome, decided, asks, request_key, task, session, body, updated_at";

fn vote(row: &Row<'_>) -> Result<VoteRow, Error> {
    Ok(VoteRow {
        id: VoteId::new(uuid(row.get(0)?)),
        state: row.get(1)?,
        outcome: row.get(2)?,
        is_decided: row.get(3)?,
        asks: row.get(4)?,
        request_key: row.get(5)?,
        task: row.get::<_, Option<[u8; 16]>>(6)?.map(|bytes| TaskId::new(uuid(bytes))),
        session: row.get::<_, Option<[u8; 16]>>(7)?.map(|bytes| SessionId::new(uuid(bytes))),
        body: row.get(8)?,
        updated_at: timestamp(row.get(9)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<VoteRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM vote {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, vote)?.collect()
}

fn ballot(row: &Row<'_>) -> Result<BallotRow, Error> {
    Ok(BallotRow {
        vote: VoteId::new(uuid(row.get(0)?)),
        number: row.get(1)?,
        round: row.get(2)?,
        voter: row.get(3)?,
        hash: row.get(4)?,
        body: row.get(5)?,
    })
}

impl<R: Rows> ReadVotes for R {
    fn vote(&self, id: VoteId) -> Result<Option<VoteRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn vote_by_suffix(&self, text: &str) -> Result<Vec<VoteRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        select(
            self,
            "WHERE reversed >= ?1 AND reversed < ?2 ORDER BY id DESC LIMIT ?3",
            (from, to, suffix::MATCHES_MAX),
        )
    }

    fn vote_by_key(&self, key: &str) -> Result<Option<VoteRow>, Error> {
        Ok(select(self, "WHERE request_key = ?1", [key])?.pop())
    }

    fn votes(
        &self,
        which: VotesIn,
        rows: usize,
        before: Option<VoteId>,
    ) -> Result<Vec<VoteRow>, Error> {
        // Each is what a partial index holds.
        let which = match which {
            VotesIn::All => "1",
            VotesIn::Open => "state <> 'closed'",
            VotesIn::Asking => "asks = 1",
            VotesIn::Decided => "decided = 1",
        };
        match before {
            Some(id) => select(
                self,
                &format!("WHERE {which} AND id < ?1 ORDER BY id DESC LIMIT ?2"),
                (id.uuid().as_bytes(), limit(rows)),
            ),
            None => {
                select(self, &format!("WHERE {which} ORDER BY id DESC LIMIT ?1"), [limit(rows)])
            }
        }
    }

    fn votes_of_session(&self, session: SessionId) -> Result<Vec<VoteRow>, Error> {
        select(self, "WHERE session = ?1 ORDER BY id", [session.uuid().as_bytes()])
    }

    fn votes_of_task(&self, task: TaskId) -> Result<Vec<VoteRow>, Error> {
        select(self, "WHERE task = ?1 ORDER BY id", [task.uuid().as_bytes()])
    }

    fn work_sums(&self) -> Result<Vec<WorkSum>, Error> {
        let sql = "WITH work AS (SELECT agent, state, session FROM run WHERE
                coalesce(json_extract(body, '$.belongs.purpose'), 'work') = 'work'),
              team AS (SELECT session FROM work WHERE session IS NOT NULL
                GROUP BY session HAVING count(DISTINCT agent) > 1)
            SELECT agent, state, coalesce(session IN (SELECT session FROM team), 0), count(*)
            FROM work WHERE state IN ('verified', 'refuted', 'failed') GROUP BY 1, 2, 3";
        let mut statement = self.connection().prepare_cached(sql)?;
        let sums = statement.query_and_then([], |row| {
            Ok(WorkSum {
                agent: row.get(0)?,
                state: row.get(1)?,
                in_team: row.get(2)?,
                count: crate::value::natural(row.get(3)?)?,
            })
        })?;
        sums.collect()
    }

    fn ballots(&self, vote: VoteId) -> Result<Vec<BallotRow>, Error> {
        let sql = "SELECT vote, number, round, voter, hash, body FROM ballot WHERE vote = ?1 \
            ORDER BY number";
        let mut statement = self.connection().prepare_cached(sql)?;
        statement.query_and_then([vote.uuid().as_bytes()], ballot)?.collect()
    }
}

impl WriteVotes for Tx<'_> {
    fn put_vote(&mut self, vote: &VoteRow) -> Result<(), Error> {
        let now = crate::value::micros(self.now());
        self.connection
            .prepare_cached(
                "INSERT INTO vote (id, reversed, state, outcome, decided, asks, request_key, task,
                   session, body, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state,
                   outcome = excluded.outcome, decided = excluded.decided, asks = excluded.asks,
                   task = excluded.task, session = excluded.session, body = excluded.body,
                   updated_at = excluded.updated_at",
            )?
            .execute(params![
                vote.id.uuid().as_bytes(),
                suffix::reversed(vote.id.uuid()),
                vote.state,
                vote.outcome,
                vote.is_decided,
                vote.asks,
                vote.request_key,
                vote.task.map(|task| *task.uuid().as_bytes()),
                vote.session.map(|session| *session.uuid().as_bytes()),
                vote.body,
                now,
            ])?;
        Ok(())
    }

    fn add_ballot(&mut self, ballot: &BallotRow) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO ballot (vote, number, round, voter, hash, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                ballot.vote.uuid().as_bytes(),
                ballot.number,
                ballot.round,
                ballot.voter,
                ballot.hash,
                ballot.body,
            ])?;
        Ok(())
    }
}
