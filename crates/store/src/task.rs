//! Tasks, what they depend on, and the queue. What is in the body is the core's.

use crate::error::Error;
use crate::interface::Rows;
use crate::suffix;
use crate::value::{limit, micros, natural, timestamp, uuid};
use crate::writer::Tx;
use jiff::Timestamp;
use orkestra_core::id::{SessionId, TaskId};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params};

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Which one.
    pub id: TaskId,
    /// Its state's word.
    pub state: String,
    /// Its priority; more is sooner.
    pub rank: u8,
    /// The session that it is part of.
    pub session: Option<SessionId>,
    /// The task that it is a part of.
    pub parent: Option<TaskId>,
    /// The pattern that made it.
    pub pattern: Option<TaskId>,
    /// Who has to do it.
    pub assigned: Option<String>,
    /// When it has to be looked at by itself; none for what may be claimed now.
    pub due_at: Option<Timestamp>,
    /// Asking twice with one key makes one task.
    pub request_key: Option<String>,
    /// The core's record, as JSON.
    pub body: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// Which tasks to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// In any of these states; empty: all.
    pub states: Vec<String>,
    /// Only of this session.
    pub session: Option<SessionId>,
    /// Only parts of this one.
    pub parent: Option<TaskId>,
    /// Only made by this pattern.
    pub pattern: Option<TaskId>,
    /// Only for this agent.
    pub assigned: Option<String>,
    /// Only after this one, in the order of the answer.
    pub after: Option<TaskId>,
    /// The newest first.
    pub newest_first: bool,
    /// At most so many.
    pub limit: usize,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePlace {
    /// The priority.
    pub rank: u8,
    /// The task.
    pub id: TaskId,
}

/// Reading tasks.
pub trait ReadTasks {
    /// One task.
    fn task(&self, id: TaskId) -> Result<Option<TaskRow>, Error>;

    /// The tasks whose id ends like this (hexadecimal digits, hyphens ignored), the newest first, at
    /// most ten.
    fn task_by_suffix(&self, text: &str) -> Result<Vec<TaskRow>, Error>;

    /// The task that was asked for with this key.
    fn task_by_key(&self, key: &str) -> Result<Option<TaskRow>, Error>;

    /// Tasks in the order in which they were asked for.
    fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskRow>, Error>;

    /// What may be claimed now, in the order of the queue: by priority, then as asked for. Those
    /// assigned to this agent, or to nobody. However many wait, it costs as much as what is read.
    fn queue(
        &self,
        assigned: Option<&str>,
        after: Option<QueuePlace>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Error>;

    /// Tasks that have to be looked at by now, the longest due first.
    fn tasks_due(&self, now: Timestamp, limit: usize) -> Result<Vec<TaskRow>, Error>;

    /// When the next task has to be looked at.
    fn task_due_next(&self) -> Result<Option<Timestamp>, Error>;

    /// What a task depends on, with how much each binds.
    fn dependencies(&self, task: TaskId) -> Result<Vec<(TaskId, String)>, Error>;

    /// Which tasks depend on it.
    fn dependents(&self, task: TaskId) -> Result<Vec<TaskId>, Error>;

    /// How many tasks are in each state; those of one session, or all.
    fn task_counts(&self, session: Option<SessionId>) -> Result<Vec<(String, u64)>, Error>;

    /// How often this guard was taken.
    fn guard(&self, name: &str) -> Result<u64, Error>;
}

/// Writing tasks.
pub trait WriteTasks {
    /// Makes or replaces a task. Another task with the same key is a conflict.
    fn put_task(&mut self, task: &TaskRow) -> Result<(), Error>;

    /// Replaces what a task depends on.
    fn put_dependencies(&mut self, task: TaskId, on: &[(TaskId, &str)]) -> Result<(), Error>;

    /// Takes a guard: whoever decides by a set of rows does this first, with the set's name, and no
    /// other decision with that name is made until this one is committed.
    fn take_guard(&mut self, name: &str) -> Result<(), Error>;
}

const COLUMNS: &str =
    "id, state, rank, session, parent, pattern, assigned, due_at, request_key, body,
    created_at, updated_at";

fn task(row: &Row<'_>) -> Result<TaskRow, Error> {
    let assigned: String = row.get(6)?;
    let due: Option<i64> = row.get(7)?;
    let other = |place: usize| -> Result<Option<TaskId>, Error> {
        Ok(row.get::<_, Option<[u8; 16]>>(place)?.map(|bytes| TaskId::new(uuid(bytes))))
    };
    Ok(TaskRow {
        id: TaskId::new(uuid(row.get(0)?)),
        state: row.get(1)?,
        rank: row.get(2)?,
        session: row.get::<_, Option<[u8; 16]>>(3)?.map(|bytes| SessionId::new(uuid(bytes))),
        parent: other(4)?,
        pattern: other(5)?,
        assigned: (!assigned.is_empty()).then_some(assigned),
        due_at: due.map(timestamp).transpose()?,
        request_key: row.get(8)?,
        body: row.get(9)?,
        created_at: timestamp(row.get(10)?)?,
        updated_at: timestamp(row.get(11)?)?,
    })
}

fn select<R: Rows>(
    rows: &R,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<TaskRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM task {rest}");
    let mut statement = rows.connection().prepare_cached(&sql)?;
    statement.query_and_then(values, task)?.collect()
}

fn ids<R: Rows>(rows: &R, sql: &str, task: TaskId) -> Result<Vec<(TaskId, String)>, Error> {
    let mut statement = rows.connection().prepare_cached(sql)?;
    let found = statement.query_and_then([task.uuid().as_bytes()], |row| {
        Ok((TaskId::new(uuid(row.get(0)?)), row.get(1)?))
    })?;
    found.collect()
}

/// The tasks of one state, or of all.
fn of_state<R: Rows>(
    rows: &R,
    filter: &TaskFilter,
    state: Option<&String>,
) -> Result<Vec<TaskRow>, Error> {
    let mut all = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut narrow = |sql: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            all.push(sql.to_owned());
        }
    };
    let blob = |id: uuid::Uuid| Value::Blob(id.as_bytes().to_vec());
    narrow("state = ?", state.cloned().map(Value::Text));
    narrow("session = ?", filter.session.map(|id| blob(id.uuid())));
    narrow("parent = ?", filter.parent.map(|id| blob(id.uuid())));
    narrow("pattern = ?", filter.pattern.map(|id| blob(id.uuid())));
    narrow("assigned = ?", filter.assigned.clone().map(Value::Text));
    let (than, order) = if filter.newest_first { ("<", "DESC") } else { (">", "ASC") };
    narrow(&format!("id {than} ?"), filter.after.map(|id| blob(id.uuid())));
    let condition =
        if all.is_empty() { String::new() } else { format!("WHERE {}", all.join(" AND ")) };
    values.push(Value::Integer(limit(filter.limit)));
    let rest = format!("{condition} ORDER BY id {order} LIMIT ?");
    select(rows, &rest, rusqlite::params_from_iter(values))
}

impl<R: Rows> ReadTasks for R {
    fn task(&self, id: TaskId) -> Result<Option<TaskRow>, Error> {
        Ok(select(self, "WHERE id = ?1", [id.uuid().as_bytes()])?.pop())
    }

    fn task_by_suffix(&self, text: &str) -> Result<Vec<TaskRow>, Error> {
        let Some((from, to)) = suffix::range(text) else { return Ok(Vec::new()) };
        select(
            self,
            "WHERE reversed >= ?1 AND reversed < ?2 ORDER BY id DESC LIMIT ?3",
            (from, to, suffix::MATCHES_MAX),
        )
    }

    fn task_by_key(&self, key: &str) -> Result<Option<TaskRow>, Error> {
        Ok(select(self, "WHERE request_key = ?1", [key])?.pop())
    }

    fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskRow>, Error> {
        let Some((first, rest)) = filter.states.split_first() else {
            return of_state(self, filter, None);
        };
        // State by state, so that each is a piece of the index however many tasks there are.
        let mut found = of_state(self, filter, Some(first))?;
        for state in rest {
            found.extend(of_state(self, filter, Some(state))?);
        }
        found.sort_by_key(|task| task.id);
        if filter.newest_first {
            found.reverse();
        }
        found.truncate(filter.limit);
        Ok(found)
    }

    fn queue(
        &self,
        assigned: Option<&str>,
        after: Option<QueuePlace>,
        rows: usize,
    ) -> Result<Vec<TaskRow>, Error> {
        const OPEN: &str = "WHERE state = 'ready' AND due_at IS NULL AND assigned = ?1";
        let assigned = assigned.unwrap_or_default();
        let Some(after) = after else {
            return select(
                self,
                &format!("{OPEN} ORDER BY rank DESC, id LIMIT ?2"),
                (assigned, limit(rows)),
            );
        };
        // The rest of this priority first, then the lower ones: each is a piece of the index.
        let mut found = select(
            self,
            &format!("{OPEN} AND rank = ?2 AND id > ?3 ORDER BY id LIMIT ?4"),
            (assigned, after.rank, after.id.uuid().as_bytes(), limit(rows)),
        )?;
        if found.len() < rows {
            found.extend(select(
                self,
                &format!("{OPEN} AND rank < ?2 ORDER BY rank DESC, id LIMIT ?3"),
                (assigned, after.rank, limit(rows - found.len())),
            )?);
        }
        Ok(found)
    }

    fn tasks_due(&self, now: Timestamp, rows: usize) -> Result<Vec<TaskRow>, Error> {
        select(
            self,
            "WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?2",
            (micros(now), limit(rows)),
        )
    }

    fn task_due_next(&self) -> Result<Option<Timestamp>, Error> {
        let next: Option<i64> = self
            .connection()
            .prepare_cached("SELECT min(due_at) FROM task WHERE due_at IS NOT NULL")?
            .query_row([], |row| row.get(0))?;
        next.map(timestamp).transpose()
    }

    fn dependencies(&self, task: TaskId) -> Result<Vec<(TaskId, String)>, Error> {
        ids(self, "SELECT on_task, kind FROM task_dependency WHERE task = ?1", task)
    }

    fn dependents(&self, task: TaskId) -> Result<Vec<TaskId>, Error> {
        let found = ids(
            self,
            "SELECT task, kind FROM task_dependency WHERE on_task = ?1 ORDER BY task",
            task,
        )?;
        Ok(found.into_iter().map(|(task, _)| task).collect())
    }

    fn task_counts(&self, session: Option<SessionId>) -> Result<Vec<(String, u64)>, Error> {
        let count = |row: &Row<'_>| -> Result<(String, u64), Error> {
            Ok((row.get(0)?, natural(row.get(1)?)?))
        };
        match session {
            Some(session) => self
                .connection()
                .prepare_cached(
                    "SELECT state, count(*) FROM task WHERE session = ?1 GROUP BY state",
                )?
                .query_and_then([session.uuid().as_bytes()], count)?
                .collect(),
            None => self
                .connection()
                .prepare_cached("SELECT state, count(*) FROM task GROUP BY state")?
                .query_and_then([], count)?
                .collect(),
        }
    }

    fn guard(&self, name: &str) -> Result<u64, Error> {
        let turn: Option<i64> = self
            .connection()
            .prepare_cached("SELECT turn FROM guard WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        natural(turn.unwrap_or(0))
    }
}

impl WriteTasks for Tx<'_> {
    fn put_task(&mut self, task: &TaskRow) -> Result<(), Error> {
        let blob = |id: Option<TaskId>| id.map(|id| *id.uuid().as_bytes());
        self.connection
            .prepare_cached(
                "INSERT INTO task (id, reversed, state, rank, session, parent, pattern, assigned,
                   due_at, request_key, body, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, rank = excluded.rank,
                   session = excluded.session, parent = excluded.parent,
                   pattern = excluded.pattern, assigned = excluded.assigned,
                   due_at = excluded.due_at, request_key = excluded.request_key,
                   body = excluded.body, updated_at = excluded.updated_at",
            )?
            .execute(params![
                task.id.uuid().as_bytes(),
                suffix::reversed(task.id.uuid()),
                task.state,
                task.rank,
                task.session.map(|session| *session.uuid().as_bytes()),
                blob(task.parent),
                blob(task.pattern),
                task.assigned.as_deref().unwrap_or_default(),
                task.due_at.map(micros),
                task.request_key,
                task.body,
                micros(task.created_at),
                micros(task.updated_at),
            ])?;
        Ok(())
    }

    fn put_dependencies(&mut self, task: TaskId, on: &[(TaskId, &str)]) -> Result<(), Error> {
        self.connection
            .prepare_cached("DELETE FROM task_dependency WHERE task = ?1")?
            .execute([task.uuid().as_bytes()])?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO task_dependency (task, on_task, kind) VALUES (?1, ?2, ?3)",
        )?;
        for (on, kind) in on {
            insert.execute((task.uuid().as_bytes(), on.uuid().as_bytes(), kind))?;
        }
        Ok(())
    }

    fn take_guard(&mut self, name: &str) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO guard (name, turn) VALUES (?1, 1)
                 ON CONFLICT (name) DO UPDATE SET turn = turn + 1",
            )?
            .execute([name])?;
        Ok(())
    }
}
