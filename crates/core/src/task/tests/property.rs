//! No sequence of inputs loses a task, gives one number to two claims, or frees a dependent without a
//! verification.

use super::*;
use proptest::prelude::*;

fn inputs() -> impl Strategy<Value = TaskInput> {
    let fence = 0..6_u64;
    prop_oneof![
        4 => "[ab]".prop_map(|name| TaskInput::Claim(worker(&name))),
        1 => "[ab]".prop_map(|name| TaskInput::Claim(Claimant::daemon(&name))),
        2 => fence.clone().prop_map(|fence| TaskInput::Heartbeat { fence, note: None }),
        3 => fence.clone().prop_map(|fence| TaskInput::Began { fence, run: None }),
        4 => fence.clone().prop_map(|fence| TaskInput::Reported { fence, result: None }),
        2 => fence.clone().prop_map(|fence| TaskInput::Review { fence }),
        3 => fence.clone().prop_map(|fence| TaskInput::Verified { fence }),
        2 => fence.clone().prop_map(|fence| TaskInput::Refuted { fence, why: "no".into() }),
        2 => (fence.clone(), any::<bool>())
            .prop_map(|(fence, retry)| TaskInput::Failed { fence, why: "x".into(), retry }),
        2 => fence.clone().prop_map(|fence| TaskInput::Unclaim { fence, why: "x".into(), wait: None }),
        2 => (fence, 0..3).prop_map(|(fence, loss)| {
            let loss = [Loss::Lease, Loss::Died, Loss::Silent][loss as usize];
            TaskInput::Expired { fence, loss }
        }),
        1 => Just(TaskInput::Retry),
        1 => Just(TaskInput::Cancel { why: None }),
        1 => Just(TaskInput::Shelve),
        1 => Just(TaskInput::Unshelve),
        1 => "[ab]".prop_map(|to| TaskInput::HandOver { to, note: None }),
        1 => Just(TaskInput::Assign { agent: None }),
        2 => Just(TaskInput::Due),
        2 => Just(TaskInput::Look),
    ]
}

proptest! {
    #[test]
    fn the_laws_of_tasks_hold(
        steps in prop::collection::vec((inputs(), 0..200_i64, 0..3_usize), 1..60),
    ) {
        let mut world = World::new();
        let other = id(77);
        world.others.insert(other, Other { title: "other".into(), state: TaskState::Ready });
        let depend = NewDepend { on: On::Task(other), kind: DependKind::Hard };
        let mut task = world
            .create(vec![NewTask { depends: vec![depend], ..new("x") }])
            .unwrap()
            .pop()
            .unwrap();
        let mut given = std::collections::BTreeSet::new();
        for (input, secs, other_state) in steps {
            world.now += secs;
            let state = [TaskState::Ready, TaskState::Failed, TaskState::Verified][other_state];
            world.others.insert(other, Other { title: "other".into(), state });
            let was = task.clone();
            let claims = matches!(input, TaskInput::Claim(_));
            let fence = match &input {
                TaskInput::Verified { fence } | TaskInput::Reported { fence, .. } => Some(*fence),
                _ => None,
            };
            match task.decide(input, &world.ctx()) {
                Err(_) => prop_assert_eq!(&task, &was),
                Ok(decision) => {
                    task = decision.task;
                    // No change of state without an event, and none by a number that is not current.
                    prop_assert!(task.state == was.state || !decision.events.is_empty());
                    if let Some(fence) = fence {
                        prop_assert_eq!(was.claim.as_ref().map(|claim| claim.fence), Some(fence));
                    }
                    if claims {
                        prop_assert!(given.insert(task.fence), "two claims with one number");
                        prop_assert_eq!(was.state, TaskState::Ready);
                    }
                    if task.state == TaskState::Verified && was.state != TaskState::Verified {
                        prop_assert!(matches!(was.state, TaskState::Reported | TaskState::InReview));
                    }
                }
            }
            // Somebody holds it, or it is somewhere from where it goes on, or it is over and says why.
            prop_assert_eq!(task.state.is_held(), task.claim.is_some(), "{:?}", task.state);
            prop_assert_eq!(task.state.is_over(), task.ended_at.is_some());
            if task.state.is_lost() {
                prop_assert!(task.why.is_some());
                prop_assert!(task.decide(TaskInput::Retry, &world.ctx()).is_ok(), "a task is lost");
            }
            if task.state == TaskState::Verified {
                prop_assert!(task.decide(TaskInput::Retry, &world.ctx()).is_err());
            }
            let was = world.others[&other].state;
            let free = standing("x", &task.depends, &world.others).unwrap();
            prop_assert_eq!(matches!(free, Standing::Free { .. }), was == TaskState::Verified);
        }
    }
}
