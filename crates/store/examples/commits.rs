//! Commits per second: the store beside the bare database under it, in the same run.
//!
//! `cargo run --release -p orkestra-store --example commits [FOLDER]`. A figure is worth something only
//! beside the others of its run: the disk and its neighbours decide.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example that measures")]

use jiff::Timestamp;
use orkestra_core::event::{Draft, Topic};
use orkestra_store::{Options, Store};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const FOR: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 5;
const CALLERS: [usize; 3] = [1, 8, 64];

fn main() {
    let parent = std::env::args_os().nth(1).map_or_else(|| ".".into(), std::path::PathBuf::from);
    let home = parent.join(format!("orkestra-commits-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    let options = Options::new(&home, Arc::new(Uuid::now_v7), Arc::new(Timestamp::now));
    let store = Store::open(options).unwrap();
    // Taken in turns, so that a busy neighbour hits all of them.
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        rates[0].push(raw(&home));
        for (rate, callers) in rates[1..].iter_mut().zip(CALLERS) {
            rate.push(commands(&store, callers));
        }
    }
    let [floor, ..] = rates.each_mut().map(|rates| median(rates));
    println!("{:<34}{floor:>8.0}/s", "raw rusqlite, one insert a commit");
    for (rate, callers) in rates[1..].iter_mut().zip(CALLERS) {
        let rate = median(rate);
        let share = rate / floor;
        println!(
            "{:<34}{rate:>8.0}/s  {share:.2} of raw",
            format!("store, {callers} callers, one event each")
        );
    }
    let start = Instant::now();
    let report = store.read_blocking(|r| r.verify(&mut |_| {})).unwrap();
    let rate = report.events as f64 / start.elapsed().as_secs_f64();
    let (clean, seals) = (report.is_clean(), report.seals);
    println!("{:<34}{rate:>8.0}/s  clean: {clean}, {seals} seals", "verify, events");
    drop(store);
    std::fs::remove_dir_all(home).unwrap();
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// What one durable insert of the same size costs without any of ours.
fn raw(home: &Path) -> f64 {
    let connection = rusqlite::Connection::open(home.join("raw.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, body TEXT)")
        .unwrap();
    let body = body().to_string();
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < FOR {
        connection
            .prepare_cached("INSERT INTO event (body) VALUES (?1)")
            .unwrap()
            .execute([&body])
            .unwrap();
        done += 1;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

fn commands(store: &Store, callers: usize) -> f64 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let start = Instant::now();
    let done: usize = runtime.block_on(async {
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut done = 0;
                    while start.elapsed() < FOR {
                        let draft = Draft::new("unit.output", Topic::Unit, "web", "daemon", body());
                        store.write(move |tx| tx.append(&[draft])).await.unwrap();
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    done as f64 / start.elapsed().as_secs_f64()
}

fn body() -> serde_json::Value {
    json!({"text": "x".repeat(270)})
}
