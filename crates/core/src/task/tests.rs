//! Cases and properties of tasks.

use super::*;
use crate::event::Draft;
use crate::span::Span;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use uuid::Uuid;

mod property;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + secs).unwrap()
}

fn id(n: u128) -> TaskId {
    TaskId::new(Uuid::from_u128(n))
}

fn rules() -> Rules {
    Rules::default()
}

struct World {
    rules: Rules,
    others: Others,
    now: i64,
}

impl World {
    fn new() -> Self {
        Self { rules: rules(), others: BTreeMap::new(), now: 0 }
    }

    fn ctx(&self) -> Ctx<'_> {
        Ctx {
            actor: "person:test",
            now: at(self.now),
            rules: &self.rules,
            others: &self.others,
            cause: None,
        }
    }

    fn create(&self, new: Vec<NewTask>) -> Result<Vec<Task>, Refusal> {
        let new = new.into_iter().enumerate().map(|(n, task)| (id(n as u128 + 1), task)).collect();
        Ok(create(new, &self.ctx())?.into_iter().map(|made| made.task).collect())
    }

    fn one(&self) -> Task {
        self.create(vec![new("do it")]).unwrap().pop().unwrap()
    }

    fn go(&self, task: &mut Task, input: TaskInput) -> Vec<String> {
        let decision = task.decide(input, &self.ctx()).unwrap();
        *task = decision.task;
        kinds(&decision.events)
    }
}

fn kinds(events: &[Draft]) -> Vec<String> {
    events.iter().map(|event| event.kind.clone()).collect()
}

fn new(prompt: &str) -> NewTask {
    NewTask { prompt: prompt.to_owned(), ..NewTask::default() }
}

fn keyed(key: &str, after: &[&str]) -> NewTask {
    let on = |key: &&str| NewDepend { on: On::Key((*key).to_owned()), kind: DependKind::Hard };
    NewTask {
        key: Some(key.to_owned()),
        title: Some(key.to_owned()),
        depends: after.iter().map(on).collect(),
        ..new(key)
    }
}

fn worker(name: &str) -> Claimant {
    Claimant {
        owner: format!("worker:{name}"),
        agent: name.to_owned(),
        lease: Some(Span::from_secs(60)),
        pid: None,
        pid_start: None,
    }
}

#[test]
fn a_task_is_claimed_done_and_verified() {
    let world = World::new();
    let mut task = world.one();
    assert_eq!(
        (task.state, task.title.as_str(), task.kind.as_str()),
        (TaskState::Ready, "do it", "code")
    );
    assert_eq!(world.go(&mut task, TaskInput::Claim(worker("w"))), ["task.claimed"]);
    assert_eq!(task.due_at(), Some(at(60)));
    assert_eq!(world.go(&mut task, TaskInput::Began { fence: 1, run: None }), ["task.began"]);
    assert_eq!(world.go(&mut task, TaskInput::Heartbeat { fence: 1, note: None }), [""; 0]);
    let result = Some("done".to_owned());
    assert_eq!(world.go(&mut task, TaskInput::Reported { fence: 1, result }), ["task.reported"]);
    // A verdict takes its time: no lease runs out meanwhile.
    assert_eq!(task.due_at(), None);
    assert_eq!(world.go(&mut task, TaskInput::Review { fence: 1 }), ["task.in_review"]);
    assert_eq!(world.go(&mut task, TaskInput::Began { fence: 1, run: None }), ["task.began"]);
    assert_eq!(
        world.go(&mut task, TaskInput::Reported { fence: 1, result: None }),
        ["task.reported"]
    );
    assert_eq!(task.result.as_deref(), Some("done"));
    assert_eq!(world.go(&mut task, TaskInput::Verified { fence: 1 }), ["task.verified"]);
    assert!(task.claim.is_none() && task.ended_at == Some(at(0)));
    for input in [
        TaskInput::Cancel { why: None },
        TaskInput::Retry,
        TaskInput::Claim(worker("x")),
        TaskInput::Shelve,
        TaskInput::HandOver { to: "x".into(), note: None },
    ] {
        let refusal = task.decide(input, &world.ctx()).unwrap_err();
        assert!(matches!(refusal, Refusal::State { state: "verified", .. }), "{refusal}");
    }
}

#[test]
fn who_lost_its_claim_is_refused() {
    let mut world = World::new();
    let mut task = world.one();
    world.go(&mut task, TaskInput::Claim(worker("a")));
    world.now = 61;
    let lost = task.claim.as_ref().unwrap().lost(Sign::default(), at(61), &world.rules);
    assert_eq!(lost, Some(Loss::Lease));
    let kinds = world.go(&mut task, TaskInput::Expired { fence: 1, loss: Loss::Lease });
    assert_eq!((kinds, task.state, task.tries), (vec!["task.expired".into()], TaskState::Ready, 1));
    world.go(&mut task, TaskInput::Claim(worker("b")));
    assert_eq!(task.fence, 2);
    for input in [
        TaskInput::Reported { fence: 1, result: None },
        TaskInput::Heartbeat { fence: 1, note: None },
        TaskInput::Failed { fence: 1, why: "x".into(), retry: true },
        TaskInput::Verified { fence: 1 },
        TaskInput::Unclaim { fence: 1, why: "x".into(), wait: None },
    ] {
        let refusal = task.decide(input, &world.ctx()).unwrap_err();
        assert!(refusal.is_lost_claim(), "{refusal}");
        assert!(refusal.to_string().contains("worker:b"), "{refusal}");
    }
    let refusal = task.decide(TaskInput::Claim(worker("c")), &world.ctx()).unwrap_err();
    assert!(matches!(refusal, Refusal::Taken { .. }), "{refusal}");
}

#[test]
fn waits_grow_until_the_task_is_poisoned() {
    let mut world = World::new();
    let mut task = world.one();
    let mut waits = Vec::new();
    for fence in 1..=3 {
        world.go(&mut task, TaskInput::Claim(worker("w")));
        let failed = TaskInput::Failed { fence, why: "it broke".into(), retry: true };
        let kinds = world.go(&mut task, failed);
        if fence < 3 {
            assert_eq!((kinds, task.state), (vec!["task.failed".to_owned()], TaskState::Ready));
            let until = task.not_before.unwrap();
            waits.push(until.duration_since(at(world.now)));
            let early = task.decide(TaskInput::Claim(worker("w")), &world.ctx()).unwrap_err();
            assert!(matches!(early, Refusal::NotYet { .. }), "{early}");
            world.now += until.duration_since(at(world.now)).as_secs();
            assert_eq!(world.go(&mut task, TaskInput::Due), ["task.ready"]);
        } else {
            assert_eq!(kinds, ["task.failed", "task.poisoned"]);
        }
    }
    assert_eq!(waits, [SignedDuration::from_secs(60), SignedDuration::from_secs(120)]);
    assert_eq!((task.state, task.poison, task.tries), (TaskState::Failed, true, 3));
    assert_eq!(world.go(&mut task, TaskInput::Retry), ["task.retried"]);
    assert_eq!((task.state, task.poison, task.tries), (TaskState::Ready, false, 0));
    let retry = Retry { max: Span::from_secs(100), ..Retry::default() };
    assert_eq!(
        [1, 2, 3, 5_000].map(|tries| retry.wait(tries).ms()),
        [60_000, 100_000, 100_000, 100_000]
    );
}

#[test]
fn what_falls_silent_comes_back_once() {
    let world = World::new();
    let mut task = world.one();
    world.go(&mut task, TaskInput::Claim(Claimant::daemon("a")));
    world.go(&mut task, TaskInput::Began { fence: 1, run: None });
    let claim = task.claim.clone().unwrap();
    assert_eq!(claim.expires_at, None);
    let sign = |heard: i64, waits| Sign { heard_at: Some(at(heard)), waits, alive: None };
    assert_eq!(claim.lost(sign(0, false), at(3_599), &world.rules), None);
    assert_eq!(claim.lost(sign(0, false), at(3_600), &world.rules), Some(Loss::Silent));
    assert_eq!(claim.lost(sign(10, false), at(3_600), &world.rules), None);
    // It waits for a person: that is no silence.
    assert_eq!(claim.lost(sign(0, true), at(9_999), &world.rules), None);
    let gone = Sign { alive: Some(false), ..Sign::default() };
    assert_eq!(claim.lost(gone, at(0), &world.rules), Some(Loss::Died));
    world.go(&mut task, TaskInput::Expired { fence: 1, loss: Loss::Silent });
    assert_eq!(task.state, TaskState::Ready);
    world.go(&mut task, TaskInput::Claim(Claimant::daemon("a")));
    world.go(&mut task, TaskInput::Expired { fence: 2, loss: Loss::Silent });
    assert_eq!((task.state, task.poison), (TaskState::Failed, true));
}

#[test]
fn dependencies_let_wait_block_and_free() {
    let mut world = World::new();
    let made = world.create(vec![keyed("c", &["b"]), keyed("b", &["a"]), keyed("a", &[])]).unwrap();
    let states: BTreeMap<_, _> =
        made.iter().map(|task| (task.title.as_str(), task.state)).collect();
    assert_eq!(
        states,
        BTreeMap::from([
            ("a", TaskState::Ready),
            ("b", TaskState::Waiting),
            ("c", TaskState::Waiting)
        ])
    );
    let by = |title: &str| made.iter().find(|task| task.title == title).unwrap().clone();
    let (a, mut b) = (by("a"), by("b"));
    let mut look = |world: &mut World, state: TaskState| {
        world.others.insert(a.id, Other { title: "a".into(), state });
        world.go(&mut b, TaskInput::Look);
        (b.state, b.why.clone().unwrap_or_default())
    };
    let (state, why) = look(&mut world, TaskState::Failed);
    assert_eq!(state, TaskState::Blocked);
    assert!(why.contains("“a”") && why.contains("DEPENDENCY_FAILED"), "{why}");
    assert_eq!(look(&mut world, TaskState::Ready).0, TaskState::Waiting);
    let (state, why) = look(&mut world, TaskState::Blocked);
    assert!(state == TaskState::Blocked && why.contains("DEPENDENCY_BLOCKED"), "{why}");
    for state in [TaskState::Running, TaskState::Reported, TaskState::InReview] {
        assert_eq!(look(&mut world, state).0, TaskState::Waiting, "only verified frees");
    }
    assert_eq!(look(&mut world, TaskState::Verified).0, TaskState::Ready);
}

#[test]
fn soft_dependencies_warn_and_others_must_only_be_over() {
    let mut world = World::new();
    let other = id(99);
    world.others.insert(other, Other { title: "first".into(), state: TaskState::Running });
    let of = |kind| NewTask { depends: vec![NewDepend { on: On::Task(other), kind }], ..new("x") };
    let soft = world.create(vec![of(DependKind::Soft)]).unwrap().pop().unwrap();
    assert_eq!(soft.state, TaskState::Ready);
    assert!(soft.why.unwrap().contains("should come after “first”"));
    let over = world.create(vec![of(DependKind::Over)]).unwrap().pop().unwrap();
    assert_eq!(over.state, TaskState::Waiting);
    world.others.insert(other, Other { title: "first".into(), state: TaskState::Failed });
    let over = world.create(vec![of(DependKind::Over)]).unwrap().pop().unwrap();
    assert_eq!(over.state, TaskState::Ready);
    let hard = world.create(vec![of(DependKind::Hard)]).unwrap().pop().unwrap();
    assert_eq!(hard.state, TaskState::Blocked);
    assert!(hard.why.unwrap().contains("DEPENDENCY_FAILED"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let world = World::new();
    let refusal = world.create(vec![keyed("a", &["b"]), keyed("b", &["a"])]).unwrap_err();
    let Refusal::Cycle { path } = &refusal else { panic!("{refusal}") };
    assert_eq!((path.len(), path.first()), (3, path.last()));
    assert!(refusal.to_string().starts_with("CIRCULAR_DEPENDENCY: “a”"), "{refusal}");
    let refusal = world.create(vec![keyed("a", &["a"])]).unwrap_err();
    assert!(matches!(refusal, Refusal::Cycle { .. }), "{refusal}");
    let refusal = world.create(vec![keyed("a", &["x"])]).unwrap_err();
    assert!(refusal.to_string().starts_with("DEPENDENCY_NOT_FOUND"), "{refusal}");
    let none = NewDepend { on: On::Task(id(7)), kind: DependKind::Soft };
    let refusal = world.create(vec![NewTask { depends: vec![none], ..new("x") }]).unwrap_err();
    assert!(matches!(refusal, Refusal::UnknownDependency { .. }), "{refusal}");
    for wrong in [
        new(" "),
        NewTask { autonomy: Some(7), ..new("x") },
        NewTask { title: Some("a\nb".into()), ..new("x") },
        NewTask { needs: vec![String::new()], ..new("x") },
        NewTask { evidence: vec!["nonsense".into()], ..new("x") },
        NewTask { budget_usd: Some(0.0), ..new("x") },
    ] {
        let refusal = world.create(vec![wrong.clone()]).unwrap_err();
        assert!(matches!(refusal, Refusal::Invalid(_)), "{wrong:?}");
    }
}

#[test]
fn a_way_back_is_found_however_long() {
    let on = |task: TaskId| {
        let n = task.uuid().as_u128();
        let next = match n {
            500 => vec![id(1)],
            501.. => Vec::new(),
            _ => vec![id(n + 1), id(n + 2)],
        };
        Ok::<_, Refusal>(next)
    };
    let path = cycle(id(1), on).unwrap().unwrap();
    assert_eq!((path.first(), path.last()), (Some(&id(1)), Some(&id(1))));
    let tree = |task: TaskId| {
        let n = task.uuid().as_u128();
        Ok::<_, Refusal>(if n > 1_000 { vec![] } else { vec![id(n * 2), id(n * 2 + 1)] })
    };
    assert_eq!(cycle(id(1), tree).unwrap(), None);
}

#[test]
fn a_task_is_handed_over_with_its_context() {
    let world = World::new();
    let mut task = world.one();
    world.go(&mut task, TaskInput::Claim(Claimant::daemon("a")));
    let note = Some("the tests are red".to_owned());
    let kinds = world.go(&mut task, TaskInput::HandOver { to: "b".into(), note });
    assert_eq!((kinds, task.state), (vec!["task.handed_over".into()], TaskState::Ready));
    assert_eq!((task.assigned.as_deref(), task.claim.is_none()), (Some("b"), true));
    let unfit = task.decide(TaskInput::Claim(Claimant::daemon("a")), &world.ctx()).unwrap_err();
    assert!(matches!(unfit, Refusal::Unfit { .. }), "{unfit}");
    assert_eq!(context(&world.one(), &[]), None);
    let earlier = Earlier {
        run: "1234".into(),
        agent: "a".into(),
        state: "It failed.".into(),
        summary: Some("I got half of it.\n# TASK".into()),
        branch: Some("orkestra/x".into()),
        files: vec!["M a.rs".into()],
        events: vec!["It broke.".into()],
    };
    let text = context(&task, &[earlier]).unwrap();
    for part in
        ["from a to b", "> the tests are red", "> # TASK", "M a.rs", "orkestra/x", "It broke."]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_pattern_makes_what_was_missed_once() {
    let mut world = World::new();
    let every = Schedule::Every { span: Span::from_secs(60) };
    let pattern = NewTask { recurs: Some(every), ..new("again") };
    let mut pattern = world.create(vec![pattern]).unwrap().pop().unwrap();
    assert_eq!((pattern.state, pattern.due_at()), (TaskState::Backlog, Some(at(60))));
    assert!(pattern.decide(TaskInput::Unshelve, &world.ctx()).is_err());
    world.now = 600;
    assert_eq!(world.go(&mut pattern, TaskInput::Recurred { task: id(5) }), ["task.recurred"]);
    assert_eq!(pattern.due_at(), Some(at(660)));
    world.now = 661;
    assert_eq!(world.go(&mut pattern, TaskInput::PassedOver), ["task.passed_over"]);
    assert_eq!(pattern.recurs.as_ref().map(|recurs| recurs.made), Some(1));
}

#[test]
fn each_state_is_one_of_six() {
    let six: Vec<&str> = TaskState::ALL.map(TaskState::six).to_vec();
    assert_eq!(
        six,
        [
            "pending",
            "pending",
            "blocked",
            "pending",
            "in_progress",
            "in_progress",
            "in_progress",
            "in_progress",
            "completed",
            "failed",
            "failed",
            "cancelled"
        ]
    );
    for state in TaskState::ALL {
        assert_eq!(TaskState::parse(state.word()), Some(state));
    }
}
