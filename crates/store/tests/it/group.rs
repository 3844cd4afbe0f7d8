//! Group commit, waking, and the life of handles.

use crate::home::{Home, draft};
use orkestra_store::{Error, Filter, Store};
use std::sync::mpsc;
use std::time::Duration;

/// Holds the writer inside a command until told, so that the others have to wait.
fn hold(store: &Store) -> (mpsc::Sender<()>, std::thread::JoinHandle<()>) {
    let (entered_sender, entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let store = store.clone();
    let thread = std::thread::spawn(move || {
        store
            .write_blocking(move |_| {
                entered_sender.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            })
            .unwrap();
    });
    entered.recv().unwrap();
    (release, thread)
}

fn seals(store: &Store) -> u64 {
    let report = store.read_blocking(|r| r.verify(&mut |_| {})).unwrap();
    assert!(report.is_clean(), "{report:?}");
    report.seals
}

/// Lets so many commands wait and commits them; every tenth fails.
fn together(store: &Store, commands: usize) -> Vec<Result<u64, Error>> {
    let (release, held) = hold(store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let results = runtime.block_on(async {
        let mut tasks = Vec::new();
        for n in 0..commands {
            let store = store.clone();
            tasks.push(tokio::task::spawn(async move {
                let committed = store
                    .write(move |tx| {
                        tx.append(&[draft("unit.x", &n.to_string())])?;
                        if n % 10 == 9 { Err(Error::refused(std::fmt::Error)) } else { Ok(()) }
                    })
                    .await?;
                assert_eq!(committed.events.len(), 1);
                Ok(committed.events[0].seq)
            }));
        }
        // All of them have handed in their command when nothing moves any more.
        tokio::time::sleep(Duration::from_millis(50)).await;
        release.send(()).unwrap();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    });
    held.join().unwrap();
    results
}

#[test]
fn what_waits_is_committed_together_and_fails_alone() {
    let home = Home::new();
    let store = home.open();
    let results = together(&store, 50);
    let mut seqs = Vec::new();
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(seq) if n % 10 != 9 => seqs.push(seq),
            Err(Error::Refused(_)) if n % 10 == 9 => {}
            other => panic!("command {n}: {other:?}"),
        }
    }
    assert_eq!(seqs, (1..=45).collect::<Vec<_>>(), "no gap where a command failed");
    assert_eq!(seals(&store), 1);
    assert_eq!(*store.head_watch().borrow(), 45);
}

#[test]
fn a_group_that_cannot_be_sealed_is_rolled_back_as_a_whole() {
    let home = Home::new();
    let store = home.open();
    let intruder = home.tamper();
    intruder.execute_batch("INSERT INTO seal VALUES (1, 1, 1, 1, x'00', x'00')").unwrap();
    let result = store.write_blocking(|tx| tx.append(&[draft("a", "x")]));
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
    // The transaction is over: others may write, and so may the next group.
    intruder.execute_batch("DELETE FROM seal").unwrap();
    let committed = store.write_blocking(|tx| tx.append(&[draft("b", "x")])).unwrap();
    assert_eq!(committed.events[0].seq, 1);
    assert_eq!(seals(&store), 1);
}

#[test]
fn a_group_is_bounded() {
    let home = Home::new();
    let store = home.open();
    together(&store, 600);
    assert_eq!(seals(&store), 3, "256 + 256 + 88");
}

#[test]
fn a_follower_sees_every_event_once_and_in_order() {
    let home = Home::new();
    let store = home.open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let follower = tokio::spawn({
            let store = store.clone();
            async move {
                let (mut head, mut cursor) = (store.head_watch(), 0);
                while cursor < 400 {
                    head.wait_for(|seq| *seq > cursor).await.unwrap();
                    let filter = Filter { after_seq: Some(cursor), limit: 7, ..Filter::default() };
                    for event in store.read(move |r| r.events(&filter)).await.unwrap() {
                        assert_eq!(event.seq, cursor + 1);
                        cursor = event.seq;
                    }
                }
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    for _ in 0..100 {
                        store.write(|tx| tx.append(&[draft("unit.x", "web")])).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        follower.await.unwrap();
    });
}

#[test]
fn an_answer_means_that_everybody_can_read_it() {
    let home = Home::new();
    let store = home.open();
    for _ in 0..100 {
        let seq = store.write_blocking(|tx| tx.append(&[draft("a", "x")])).unwrap().events[0].seq;
        assert_eq!(store.read_blocking(|r| r.head()).unwrap().seq, seq);
        assert_eq!(*store.head_watch().borrow(), seq);
    }
}

#[test]
fn a_command_outlives_its_caller() {
    let home = Home::new();
    let store = home.open();
    let (release, held) = hold(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let write = store.write(|tx| tx.append(&[draft("a", "x")]));
        let _ = tokio::time::timeout(Duration::from_millis(20), write).await.unwrap_err();
    });
    release.send(()).unwrap();
    held.join().unwrap();
    drop(store);
    assert_eq!(home.open().read_blocking(|r| r.head()).unwrap().seq, 1);
}

#[test]
fn the_last_handle_may_be_dropped_anywhere() {
    let home = Home::new();
    for reading in [false, true] {
        let store = home.open();
        let inner = store.clone();
        let (go, wait) = mpsc::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (write, read);
            let future: std::pin::Pin<&mut dyn Future<Output = ()>> = if reading {
                read = Box::pin(async {
                    let _ = store
                        .read(move |_| {
                            wait.recv().unwrap();
                            drop(inner);
                            Ok(())
                        })
                        .await;
                });
                Box::leak(Box::new(read)).as_mut()
            } else {
                write = Box::pin(async {
                    let _ = store
                        .write(move |_| {
                            wait.recv().unwrap();
                            drop(inner);
                            Ok(())
                        })
                        .await;
                });
                Box::leak(Box::new(write)).as_mut()
            };
            let _ = tokio::time::timeout(Duration::from_millis(20), future).await;
        });
        go.send(()).unwrap();
        drop(store);
    }
    home.open();
}

#[test]
fn a_panicking_reader_harms_nobody() {
    let home = Home::new();
    let store = home.open();
    for _ in 0..20 {
        let result = store.read_blocking(|r| {
            if r.head()?.seq == 0 {
                panic!("on purpose");
            }
            Ok(())
        });
        assert!(matches!(result, Err(Error::Panicked(_))), "{result:?}");
    }
    assert_eq!(store.read_blocking(|r| r.head()).unwrap().seq, 0);
}
