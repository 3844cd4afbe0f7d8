//! A process that is killed while it writes: whatever it was told is durable must be there.

use crate::home::{big, draft, options};
use orkestra_store::{EventKey, Filter, Store, UnitRow};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

const WRITERS: usize = 4;
const ROUNDS: u64 = 6;

fn open(home: &Path) -> Store {
    Store::open(options(home, Arc::new(AtomicI64::new(1_800_000_000_000_000)))).unwrap()
}

/// Runs in the process that is killed: each line on stdout is a commit that was acknowledged.
#[test]
#[ignore = "run by killed_while_writing in a process of its own"]
fn child() {
    let home = PathBuf::from(std::env::var_os("STORE_CRASH_HOME").unwrap());
    let store = open(&home);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                loop {
                    write_one(store, &format!("writer-{writer}"));
                }
            });
        }
    });
}

fn write_one(store: &Store, name: &str) {
    let name = name.to_owned();
    let committed = store
        .write_blocking(move |tx| {
            let count: u64 = tx.unit(&name)?.map_or(0, |unit| unit.body.parse().unwrap()) + 1;
            tx.put_unit(&UnitRow {
                name: name.clone(),
                state: "x".to_owned(),
                body: count.to_string(),
            })?;
            let second =
                if count.is_multiple_of(16) { big(&name, 20_000) } else { draft("unit.b", &name) };
            tx.append(&[draft("unit.a", &name), second])?;
            // Some commands fail on purpose, in the middle of a group.
            if count.is_multiple_of(7) { Ok(None) } else { Ok(Some(count)) }
        })
        .unwrap();
    let mut line = String::new();
    for place in committed.events {
        line.push_str(&format!("ack {} {}\n", place.seq, place.event.id));
    }
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

#[test]
fn killed_while_writing() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let acks = write_and_kill(folder.path(), Duration::from_millis(120 + 90 * round));
        acknowledged += acks.len();
        let store = open(folder.path());
        let report = store.read_blocking(|r| r.verify(&mut |_| {})).unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        store
            .read_blocking(move |r| {
                for (seq, id) in &acks {
                    let event = r.event(EventKey::Seq(*seq))?;
                    assert_eq!(event.map(|event| event.id.to_string()).as_ref(), Some(id), "{seq}");
                }
                // Rows and events are committed together: each writer's count is its events.
                for unit in r.units()? {
                    let all = Filter {
                        subject: Some(unit.name.clone()),
                        limit: usize::MAX,
                        ..Filter::default()
                    };
                    assert_eq!(r.events(&all)?.len(), unit.body.parse::<usize>().unwrap() * 2);
                }
                assert_eq!(
                    r.head()?.seq,
                    r.events(&Filter { limit: usize::MAX, ..Filter::default() })?.len() as u64
                );
                Ok(())
            })
            .unwrap();
    }
    assert!(acknowledged > 100, "only {acknowledged} commits were acknowledged");
}

fn write_and_kill(home: &Path, after: Duration) -> Vec<(u64, String)> {
    #[expect(clippy::disallowed_methods, reason = "the test runs itself again to be killed")]
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env("STORE_CRASH_HOME", home)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let acks = lines.filter_map(|line| {
            // The harness prints its own words before the first one.
            let rest = line.split_once("ack ")?.1;
            let (seq, id) = rest.split_once(' ')?;
            // The last line may be cut off by the kill.
            (id.len() == 36).then(|| (seq.parse().unwrap(), id.to_owned()))
        });
        acks.collect()
    });
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}
