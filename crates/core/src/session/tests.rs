use super::*;
use crate::plan::{Named, template};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn session(wishes: Wishes) -> Session {
    let named: Vec<Named<'_>> = ["a", "b", "c"].map(|name| (name, "script", None)).to_vec();
    let id = SessionId::new(Uuid::from_u128(7));
    Session {
        id,
        project: None,
        goal: "g".into(),
        agents: vec!["a".into(), "b".into(), "c".into()],
        target: "/t".into(),
        wishes,
        request_key: None,
        state: SessionState::Planning,
        paused_from: None,
        halted: Vec::new(),
        over_budget: false,
        why: None,
        question: None,
        roles: Roles::of(&named).unwrap(),
        planning: Planning { asked: 1, tries: 1, ..Planning::default() },
        plan: None,
        planned_by: None,
        comments: Vec::new(),
        tasks: Vec::new(),
        branch: Session::branch_of(id),
        base: "b".into(),
        criteria: Vec::new(),
        checks: 0,
        waived_by: None,
        delivered: None,
        created_by: "person:cli".into(),
        created_at: NOW,
        updated_at: NOW,
        began_at: None,
        ended_at: None,
        latest: None,
    }
}

struct World {
    now: Session,
    kinds: Vec<String>,
    made: u32,
}

impl World {
    fn new(wishes: Wishes) -> Self {
        Self { now: session(wishes), kinds: Vec::new(), made: 0 }
    }

    fn try_say(&mut self, input: SessionInput) -> Result<(), Refusal> {
        let ctx = Ctx { now: NOW, actor: "person:cli", plan_tries: 3, plan_rounds: 2 };
        if let Some(decision) = self.now.decide(input, &ctx)? {
            self.kinds.extend(decision.events.iter().map(|event| event.kind.clone()));
            self.now = decision.session;
            if decision.make_tasks {
                self.made += 1;
                let link = TaskLink { key: "k".into(), id: TaskId::new(Uuid::from_u128(9)) };
                self.say(SessionInput::Began(vec![link]));
            }
        }
        Ok(())
    }

    fn say(&mut self, input: SessionInput) {
        self.try_say(input).expect("allowed");
    }

    fn plan(&self) -> Plan {
        template("g", &self.now.roles)
    }

    fn planned(&mut self, answer: Result<Plan, Vec<String>>) {
        let asked = self.now.planning.asked;
        self.say(SessionInput::Planned { asked, by: "a".into(), run: None, answer, words: None });
    }

    fn comment(&mut self, agent: &str, suggestions: &[&str]) {
        let round = self.now.planning.reviewed + 1;
        self.say(SessionInput::Commented(Comment {
            round,
            agent: agent.into(),
            run: None,
            agrees: Some(suggestions.is_empty()),
            suggestions: suggestions.iter().map(|text| (*text).to_owned()).collect(),
            trouble: None,
        }));
    }
}

fn wishes(involvement: Involvement) -> Wishes {
    Wishes { involvement, ..Wishes::default() }
}

fn all_hold() -> Vec<Criterion> {
    criteria(&DoneFacts { tasks: 1, integration: Some(Ok("ok".into())), ..DoneFacts::default() })
}

#[test]
fn a_plan_becomes_tasks_and_the_end_is_asked_for() {
    let mut world = World::new(wishes(Involvement::Low));
    let plan = world.plan();
    world.planned(Ok(plan));
    assert_eq!((world.now.state, world.made), (SessionState::Working, 1));
    world.say(SessionInput::TasksVerified);
    world.say(SessionInput::Merged);
    world.say(SessionInput::Checked(all_hold()));
    assert_eq!(world.now.asked().unwrap().about, About::End);
    world.say(SessionInput::Approve { anyway: false });
    assert_eq!(world.now.state, SessionState::Verified);
    assert_eq!(
        world.kinds,
        [
            "session.planned",
            "session.began",
            "session.merging",
            "session.checking",
            "session.checked",
            "session.asked",
            "session.approved",
            "session.verified",
        ]
    );
}

#[test]
fn without_anybody_there_the_end_is_not_asked_for() {
    let mut world = World::new(Wishes { headless: true, ..wishes(Involvement::Low) });
    let plan = world.plan();
    world.planned(Ok(plan));
    world.say(SessionInput::TasksVerified);
    world.say(SessionInput::Merged);
    world.say(SessionInput::Checked(all_hold()));
    assert_eq!(world.now.state, SessionState::Verified);
}

#[test]
fn a_bad_plan_is_asked_for_three_times_then_there_is_the_template_or_the_person() {
    for involvement in [Involvement::Low, Involvement::High] {
        let mut world = World::new(wishes(involvement));
        for attempt in 1..=3 {
            assert_eq!((world.now.planning.asked, world.now.planning.tries), (attempt, attempt));
            world.planned(Err(vec!["no".into()]));
        }
        if involvement == Involvement::Low {
            assert_eq!(world.now.planned_by.as_deref(), Some("template"));
            assert_eq!(world.now.state, SessionState::Working);
        } else {
            assert_eq!(world.now.asked().unwrap().about, About::NoPlan);
            world.say(SessionInput::Approve { anyway: false });
            assert_eq!(world.now.state, SessionState::Working);
        }
    }
}

#[test]
fn an_answer_to_an_older_question_changes_nothing() {
    let mut world = World::new(wishes(Involvement::Low));
    world.planned(Err(vec!["no".into()]));
    let (plan, before) = (world.plan(), world.now.clone());
    let late = SessionInput::Planned {
        asked: 1,
        by: "a".into(),
        run: None,
        answer: Ok(plan),
        words: None,
    };
    world.say(late);
    assert_eq!(world.now, before);
}

#[test]
fn another_agent_plans_when_one_cannot_and_nobody_left_means_the_template() {
    let mut world = World::new(wishes(Involvement::Low));
    for by in ["a", "b", "c"] {
        let asked = world.now.planning.asked;
        world.say(SessionInput::PlannerFailed { asked, by: by.into(), why: "it died".into() });
    }
    assert_eq!(world.now.planned_by.as_deref(), Some("template"));
}

#[test]
fn no_work_before_all_commented_and_suggestions_are_merged() {
    let mut world = World::new(Wishes { plan_review: true, ..wishes(Involvement::Low) });
    let plan = world.plan();
    world.planned(Ok(plan.clone()));
    assert_eq!((world.now.state, world.made), (SessionState::PlanReview, 0));
    assert_eq!(world.now.plan_reviewers(), ["b", "c"]);
    world.comment("b", &["Test first."]);
    assert_eq!((world.now.state, world.made), (SessionState::PlanReview, 0));
    world.comment("b", &["Again."]);
    assert_eq!(world.now.comments.len(), 1, "one comment each");
    world.comment("c", &[]);
    assert_eq!((world.now.state, world.now.planning.revising), (SessionState::Planning, true));
    world.planned(Ok(plan.clone()));
    assert_eq!((world.now.state, world.made), (SessionState::PlanReview, 0), "the second round");
    world.comment("b", &[]);
    world.comment("c", &[]);
    assert_eq!((world.now.state, world.made), (SessionState::Working, 1));
}

#[test]
fn a_revision_that_fails_leaves_the_plan_that_was_reviewed() {
    let mut world = World::new(Wishes { plan_review: true, ..wishes(Involvement::Low) });
    let plan = world.plan();
    world.planned(Ok(plan.clone()));
    world.comment("b", &["x"]);
    world.comment("c", &["y"]);
    for _ in 0..3 {
        world.planned(Err(vec!["no".into()]));
    }
    assert_eq!(world.now.plan, Some(plan));
    assert!(world.kinds.contains(&"session.plan_kept".to_owned()));
}

/// MISSION row 113: high asks after every round, medium after every second, low only at the end.
#[test]
fn involvement_says_after_which_rounds_a_person_is_asked() {
    for (involvement, expected) in [
        (Involvement::High, vec![1, 2, 3]),
        (Involvement::Medium, vec![2]),
        (Involvement::Low, vec![]),
    ] {
        let mut world = World::new(Wishes { plan_review: true, ..wishes(involvement) });
        let plan = world.plan();
        let mut asked = Vec::new();
        world.planned(Ok(plan.clone()));
        for _ in 0..10 {
            match world.now.state {
                SessionState::AwaitingPerson => {
                    asked.push(world.now.planning.rounds);
                    world.say(SessionInput::Approve { anyway: false });
                }
                SessionState::PlanReview => {
                    for agent in world.now.plan_reviewers() {
                        world.comment(&agent, &["x"]);
                    }
                }
                SessionState::Planning => world.planned(Ok(plan.clone())),
                _ => break,
            }
        }
        assert_eq!(world.now.state, SessionState::Working);
        assert_eq!(asked, expected, "{involvement:?}");
    }
}

#[test]
fn a_missing_point_keeps_it_open_until_it_is_mended_or_taken_anyway() {
    let mut world = World::new(Wishes { headless: true, ..wishes(Involvement::Low) });
    let plan = world.plan();
    world.planned(Ok(plan));
    world.say(SessionInput::TasksVerified);
    world.say(SessionInput::Merged);
    let file = FileThere { path: "a.md".into(), task: "k".into(), there: false };
    let facts = DoneFacts {
        tasks: 1,
        files: vec![file],
        integration: Some(Ok("ok".into())),
        ..DoneFacts::default()
    };
    world.say(SessionInput::Checked(criteria(&facts)));
    let question = world.now.asked().unwrap();
    assert_eq!(question.about, About::NotDone);
    assert!(question.text.contains("files: a.md of task k is missing"), "{}", question.text);
    assert!(world.try_say(SessionInput::Approve { anyway: false }).is_err());
    world.say(SessionInput::Resume);
    assert_eq!(world.now.state, SessionState::Checking);
    world.say(SessionInput::Checked(criteria(&facts)));
    world.say(SessionInput::Approve { anyway: true });
    assert_eq!(world.now.state, SessionState::Verified);
    assert_eq!(world.now.waived_by.as_deref(), Some("person:cli"));
}

#[test]
fn each_point_of_done_can_be_what_is_missing() {
    let good = DoneFacts { tasks: 1, integration: Some(Ok("ok".into())), ..DoneFacts::default() };
    assert!(criteria(&good).iter().all(|point| point.holds));
    let no = || vec!["x".to_owned()];
    let file = FileThere { path: "f".into(), task: "k".into(), there: false };
    let cases = [
        (Point::Tasks, DoneFacts { open_tasks: no(), ..good.clone() }),
        (Point::Tasks, DoneFacts { tasks: 0, ..good.clone() }),
        (Point::Review, DoneFacts { not_approved: no(), ..good.clone() }),
        (Point::Files, DoneFacts { files: vec![file], ..good.clone() }),
        (Point::Integration, DoneFacts { integration: Some(Err("x".into())), ..good.clone() }),
        (Point::Integration, DoneFacts { integration: None, ..good.clone() }),
        (Point::Blockers, DoneFacts { blockers: no(), ..good.clone() }),
        (Point::Permissions, DoneFacts { permissions: no(), ..good.clone() }),
    ];
    for (expected, facts) in cases {
        let missing: Vec<Point> =
            criteria(&facts).iter().filter(|p| !p.holds).map(|p| p.point).collect();
        assert_eq!(missing, [expected]);
    }
}

#[test]
fn a_pause_comes_back_to_where_it_was_also_from_a_question() {
    let mut world = World::new(wishes(Involvement::High));
    let plan = world.plan();
    world.planned(Ok(plan));
    let question = world.now.asked().cloned();
    world.say(SessionInput::Pause);
    assert_eq!((world.now.state, world.now.asked()), (SessionState::Paused, None));
    assert!(world.try_say(SessionInput::Approve { anyway: false }).is_err());
    world.say(SessionInput::Pause);
    world.say(SessionInput::Resume);
    assert_eq!(world.now.asked().cloned(), question);
    world.say(SessionInput::Stop);
    assert_eq!(world.now.state, SessionState::Cancelled);
    assert!(world.try_say(SessionInput::Pause).is_err());
    assert!(world.try_say(SessionInput::Resume).is_err());
}

#[test]
fn a_person_may_write_the_plan_until_the_tasks_begin() {
    let mut world = World::new(wishes(Involvement::Low));
    let plan = world.plan();
    world.say(SessionInput::Edited(plan.clone()));
    assert_eq!(world.now.asked().unwrap().about, About::Plan);
    world.say(SessionInput::Approve { anyway: false });
    assert_eq!((world.now.state, world.made), (SessionState::Working, 1));
    assert!(world.try_say(SessionInput::Edited(plan)).is_err());
}

#[test]
fn only_the_plan_waits_for_a_yes() {
    let mut world = World::new(Wishes { plan_only: true, ..wishes(Involvement::Low) });
    let plan = world.plan();
    world.planned(Ok(plan));
    assert_eq!((world.now.asked().unwrap().about, world.made), (About::Plan, 0));
    world.say(SessionInput::Approve { anyway: false });
    assert_eq!(world.made, 1);
}

/// MISSION row 58: 40–50, 40–50 and 10–20 per cent.
#[test]
fn shares_are_flagged_when_they_are_off() {
    let roles = session(Wishes::default()).roles;
    let done = |a: u64, b: u64, c: u64| {
        [("a", a), ("b", b), ("c", c)]
            .map(|(name, tokens)| (name.to_owned(), tokens, 1, 0))
            .to_vec()
    };
    let fits = |of: &[Done]| {
        let (_, list) = shares(&roles, of);
        list.iter().map(|share| (share.percent, share.fits)).collect::<Vec<_>>()
    };
    assert_eq!(fits(&done(42, 43, 15)), [(42.0, true), (43.0, true), (15.0, true)]);
    assert_eq!(fits(&done(70, 20, 10)), [(70.0, false), (20.0, false), (10.0, true)]);
    // Who did nothing while others worked is off, too.
    let idle = [("a".to_owned(), 50, 3, 0), ("b".to_owned(), 50, 3, 0)];
    assert_eq!(fits(&idle), [(50.0, true), (50.0, true), (0.0, false)]);
    // Nobody did anything: nothing is off.
    assert!(fits(&[]).iter().all(|(_, fits)| *fits));
    let (of, list) = shares(&roles, &[("a".into(), 0, 2, 0), ("b".into(), 0, 2, 0)]);
    assert_eq!(of, ShareOf::Tasks);
    assert_eq!((list[0].percent, list[2].percent, list[2].fits), (50.0, 0.0, false));
}

#[test]
fn a_used_up_budget_pauses_it_and_who_resumes_lets_it_go_on_without_one() {
    let mut world = World::new(Wishes { budget_usd: Some(1.0), ..wishes(Involvement::Low) });
    let plan = world.plan();
    world.planned(Ok(plan));
    world.say(SessionInput::OverBudget { why: "1 of 1 dollar".into() });
    assert_eq!((world.now.state, &*world.now.why()), (SessionState::Paused, "1 of 1 dollar"));
    world.say(SessionInput::Resume);
    assert_eq!((world.now.state, world.now.wishes.budget_usd), (SessionState::Working, None));
}
