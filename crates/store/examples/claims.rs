//! Claims per second, beside the bare database doing the same transaction, with few and with 100,000
//! tasks in the queue; and how long a task waits from being asked for to being claimed.
//!
//! `cargo run --release -p orkestra-store --example claims [FOLDER]`. A figure is worth something only
//! beside the others of its run.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example that measures")]

use jiff::Timestamp;
use orkestra_core::id::TaskId;
use orkestra_core::task::{Claimant, Ctx, NewTask, Others, Rules, Task, TaskInput, create};
use orkestra_store::{Error, Options, Store, TaskRow, Write};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const FOR: Duration = Duration::from_millis(1500);
const LONG: usize = 100_000;
const SHORT: usize = 10;

fn main() {
    let parent = std::env::args_os().nth(1).map_or_else(|| ".".into(), std::path::PathBuf::from);
    for (name, waiting) in [("short queue", SHORT), ("100,000 queued", LONG)] {
        let home = parent.join(format!("orkestra-claims-{}-{waiting}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let raw = raw(&home, waiting);
        println!("{:<40}{raw:>8.0}/s", format!("raw, {name}"));
        let store =
            Store::open(Options::new(&home, Arc::new(Uuid::now_v7), Arc::new(Timestamp::now)))
                .unwrap();
        fill(&store, waiting);
        for workers in [1, 8] {
            let rate = claims(&store, workers);
            let label = format!("claims, {workers} workers, {name}");
            println!("{label:<40}{rate:>8.0}/s  {:.2} of raw", rate / raw);
        }
        let mut waits = latency(&store);
        waits.sort();
        let at =
            |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{:<40}{:>8.2} ms p50  {:.2} ms p99",
            format!("enqueue to claimed, {name}"),
            at(0.5),
            at(0.99)
        );
        drop(store);
        std::fs::remove_dir_all(home).unwrap();
    }
}

fn row(task: &Task) -> TaskRow {
    TaskRow {
        id: task.id,
        state: task.state.word().to_owned(),
        rank: task.priority.rank(),
        session: None,
        parent: None,
        pattern: None,
        assigned: None,
        due_at: task.due_at(),
        request_key: None,
        body: serde_json::to_string(task).unwrap(),
        created_at: task.created_at,
        updated_at: task.updated_at,
    }
}

fn ctx<'a>(rules: &'a Rules, others: &'a Others) -> Ctx<'a> {
    Ctx { actor: "bench", now: Timestamp::now(), rules, others, cause: None }
}

fn make(tx: &mut dyn Write, number: usize) -> Result<(), Error> {
    let new = (0..number)
        .map(|n| {
            let prompt = format!("Task {n}: {}", "x".repeat(200));
            (TaskId::new(Uuid::now_v7()), NewTask { prompt, ..NewTask::default() })
        })
        .collect();
    for made in create(new, &ctx(&Rules::default(), &Others::new())).unwrap() {
        tx.append(&made.events)?;
        tx.put_task(&row(&made.task))?;
    }
    Ok(())
}

fn fill(store: &Store, number: usize) {
    let mut left = number;
    while left > 0 {
        let some = left.min(200);
        store.write_blocking(move |tx| make(tx, some)).unwrap();
        left -= some;
    }
}

/// Takes the head of the queue, as the engine does: load, decide, write, tell.
fn claim(tx: &mut dyn Write) -> Result<bool, Error> {
    let Some(head) = tx.queue(None, None, 1)?.pop() else { return Ok(false) };
    let task: Task = serde_json::from_str(&head.body).unwrap();
    let (rules, others) = (Rules::default(), Others::new());
    let input = TaskInput::Claim(Claimant::daemon("bench"));
    let mut decided = task.decide(input, &ctx(&rules, &others)).unwrap();
    decided.task.latest = tx.append(&decided.events)?.pop();
    tx.put_task(&row(&decided.task))?;
    Ok(true)
}

/// Each claim is followed by a new task, so that the queue stays as long as it is; only the claims
/// count, but both take their time.
fn claims(store: &Store, workers: usize) -> f64 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let start = Instant::now();
    let done: usize = runtime.block_on(async {
        let all: Vec<_> = (0..workers)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut done = 0;
                    while start.elapsed() < FOR {
                        let won = store
                            .write(|tx| {
                                make(tx, 1)?;
                                claim(tx)
                            })
                            .await
                            .unwrap();
                        done += usize::from(won.value);
                    }
                    done
                })
            })
            .collect();
        let mut sum = 0;
        for one in all {
            sum += one.await.unwrap();
        }
        sum
    });
    done as f64 / start.elapsed().as_secs_f64()
}

/// From asking for a task to holding one, with nobody else there: two commits.
fn latency(store: &Store) -> Vec<Duration> {
    let mut waits = Vec::new();
    let end = Instant::now() + FOR;
    while Instant::now() < end {
        let start = Instant::now();
        store.write_blocking(|tx| make(tx, 1)).unwrap();
        store.write_blocking(claim).unwrap();
        waits.push(start.elapsed());
    }
    waits
}

/// The same rows and index without any of ours: a new task, the head by the index, its new state, and
/// two events, in one commit.
fn raw(home: &Path, waiting: usize) -> f64 {
    let mut connection = Connection::open(home.join("raw.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection
        .execute_batch(
            "CREATE TABLE task (id BLOB PRIMARY KEY, state TEXT, rank INTEGER, body TEXT) STRICT;
             CREATE INDEX queue ON task (rank DESC, id) WHERE state = 'ready';
             CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT) STRICT;",
        )
        .unwrap();
    let body = "x".repeat(1_200);
    let add = |tx: &rusqlite::Transaction<'_>| {
        tx.prepare_cached("INSERT INTO task VALUES (?1, 'ready', 2, ?2)")
            .unwrap()
            .execute((Uuid::now_v7().as_bytes(), &body))
            .unwrap();
        let tell = "x".repeat(270);
        tx.prepare_cached("INSERT INTO event (body) VALUES (?1)")
            .unwrap()
            .execute([&tell])
            .unwrap();
    };
    let tx = connection.transaction().unwrap();
    for _ in 0..waiting {
        add(&tx);
    }
    tx.commit().unwrap();
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < FOR {
        let tx = connection.transaction().unwrap();
        add(&tx);
        let (id, body): (Vec<u8>, String) = tx
            .prepare_cached(
                "SELECT id, body FROM task WHERE state = 'ready' ORDER BY rank DESC, id LIMIT 1",
            )
            .unwrap()
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        tx.prepare_cached("UPDATE task SET state = 'claimed', body = ?2 WHERE id = ?1")
            .unwrap()
            .execute((id, body))
            .unwrap();
        let tell = "x".repeat(270);
        tx.prepare_cached("INSERT INTO event (body) VALUES (?1)")
            .unwrap()
            .execute([&tell])
            .unwrap();
        tx.commit().unwrap();
        done += 1;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}
