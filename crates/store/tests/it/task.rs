//! Claims on the real store: the core decides inside the writer, so of many at once one wins.

use crate::home::Home;
use jiff::Timestamp;
use orkestra_core::id::TaskId;
use orkestra_core::task::{
    Claimant, Ctx, Loss, NewTask, Others, Refusal, Rules, Task, TaskInput, TaskState, create,
};
use orkestra_store::{Error, Store, TaskRow, Write};
use std::sync::{Arc, Barrier};
use uuid::Uuid;

fn ctx<'a>(rules: &'a Rules, others: &'a Others) -> Ctx<'a> {
    Ctx { actor: "person:test", now: Timestamp::now(), rules, others, cause: None }
}

fn put(tx: &mut dyn Write, task: &Task) -> Result<(), Error> {
    tx.put_task(&TaskRow {
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
    })
}

fn make(store: &Store) -> TaskId {
    let (rules, others) = (Rules::default(), Others::new());
    let id = TaskId::new(Uuid::now_v7());
    let new = NewTask { prompt: "only once".into(), ..NewTask::default() };
    let made = create(vec![(id, new)], &ctx(&rules, &others)).unwrap().pop().unwrap();
    store
        .write_blocking(move |tx| {
            tx.append(&made.events)?;
            put(tx, &made.task)
        })
        .unwrap();
    id
}

fn decide(store: &Store, id: TaskId, input: TaskInput) -> Result<Task, Refusal> {
    let written = store.write_blocking(move |tx| {
        let (rules, others) = (Rules::default(), Others::new());
        let task: Task = serde_json::from_str(&tx.task(id)?.unwrap().body).unwrap();
        let decided = match task.decide(input.clone(), &ctx(&rules, &others)) {
            Ok(decided) => decided,
            Err(refusal) => return Ok(Err(refusal)),
        };
        tx.append(&decided.events)?;
        put(tx, &decided.task)?;
        Ok(Ok(decided.task))
    });
    written.unwrap().value
}

/// A hundred at the same moment for one task; then the one that won loses its claim, and cannot
/// complete what somebody else has meanwhile.
fn race(store: &Store) {
    let id = make(store);
    let gate = Arc::new(Barrier::new(100));
    let racers: Vec<_> = (0..100)
        .map(|n| {
            let (store, gate) = (store.clone(), Arc::clone(&gate));
            std::thread::spawn(move || {
                let by = Claimant {
                    owner: format!("worker:{n}"),
                    lease: Some(orkestra_core::span::Span::from_secs(60)),
                    ..Claimant::daemon("w")
                };
                gate.wait();
                decide(&store, id, TaskInput::Claim(by)).is_ok()
            })
        })
        .collect();
    let won = racers.into_iter().map(|racer| racer.join().unwrap());
    assert_eq!(won.filter(|won| *won).count(), 1);
    let lost = decide(store, id, TaskInput::Expired { fence: 1, loss: Loss::Died });
    assert_eq!(lost.unwrap().state, TaskState::Ready);
    let again = decide(store, id, TaskInput::Claim(Claimant::daemon("x"))).unwrap();
    assert_eq!(again.fence, 2);
    let late = decide(store, id, TaskInput::Reported { fence: 1, result: None }).unwrap_err();
    assert!(late.is_lost_claim(), "{late}");
}

#[test]
fn of_a_hundred_racers_on_one_task_one_wins() {
    let home = Home::new();
    let store = home.open();
    for _ in 0..10 {
        race(&store);
    }
}

#[test]
#[ignore = "soak"]
fn soak_of_a_hundred_racers_on_one_task_one_wins_a_thousand_times() {
    let home = Home::new();
    let store = home.open();
    for _ in 0..1_000 {
        race(&store);
    }
}
