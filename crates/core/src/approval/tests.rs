mod property;

use super::*;
use crate::event::Cause;
use serde_json::json;
use uuid::Uuid;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(super) fn run(n: u128) -> RunId {
    RunId::new(Uuid::from_u128(n))
}

/// An ask of run `n` for this command.
pub(super) fn ask(n: u128, command: &str, call: &str) -> Ask {
    let (worktree, input) = (format!("/w/{n}"), json!({"command": command}));
    let head: Vec<&str> = command.split(' ').take(2).collect();
    Ask {
        run: run(n),
        agent: format!("agent{}", n % 2),
        tool: "Bash".to_owned(),
        call: call.to_owned(),
        cwd: worktree.clone(),
        hash: hash_of(&format!("agent{}", n % 2), &worktree, &worktree, "Bash", &input),
        group: group_of(&worktree, &worktree, "Bash", &input),
        worktree,
        input,
        reasons: vec![Reason {
            rule: format!("confirm.{}", head[0]),
            reason: "it is on the list".to_owned(),
            part: command.to_owned(),
            head: head.join(" "),
            outward: command.starts_with("git push"),
        }],
        because: None,
    }
}

struct Desk {
    approvals: Approvals,
    events: Vec<Draft>,
    next: u128,
    now: i64,
}

impl Desk {
    fn new() -> Self {
        Self { approvals: Approvals::default(), events: Vec::new(), next: 100, now: 0 }
    }

    fn give(&mut self, input: Input) -> Result<Decision, Rejection> {
        let next = &mut self.next;
        let decision = self.approvals.decide(input, "person:cli", at(self.now), &mut || {
            *next += 1;
            Uuid::from_u128(*next)
        })?;
        self.approvals.apply(&decision);
        self.events.extend(decision.events.clone());
        Ok(decision)
    }

    fn ask(&mut self, ask: Ask) -> Verdict {
        self.give(Input::Ask(Box::new(ask))).unwrap().verdict.unwrap()
    }

    fn waits(&mut self, question: Ask) -> ApprovalId {
        match self.ask(question) {
            Verdict::Wait { approval } => approval,
            other => panic!("{other:?}"),
        }
    }

    fn approve(&mut self, id: ApprovalId, scope: Scope) -> Result<Decision, Rejection> {
        let hash = self.approvals.items[&id].hash.clone();
        self.give(Input::Approve { id, hash, scope, lasts: None, note: None, all: false })
    }

    fn deny(&mut self, id: ApprovalId, note: Option<&str>) -> Result<Decision, Rejection> {
        let hash = self.approvals.items[&id].hash.clone();
        self.give(Input::Deny { id, hash, note: note.map(str::to_owned), all: false })
    }

    fn kinds(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.kind.as_str()).collect()
    }
}

fn is_allow(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Allow { .. })
}

fn is_deny(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Deny { .. })
}

#[test]
fn a_yes_lets_one_call_through_and_the_next_is_asked_again() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "git push origin main", "a"));
    assert_eq!(desk.waits(ask(1, "git push origin main", "a")), id, "asked again after a break");
    desk.approve(id, Scope::Once).unwrap();
    assert!(is_allow(&desk.ask(ask(1, "git push origin main", "a"))));
    // It did not hear the answer and asks again: the same call, the same answer, no second use.
    assert!(is_allow(&desk.ask(ask(1, "git push origin main", "a"))));
    let second = desk.waits(ask(1, "git push origin main", "b"));
    assert_ne!(second, id);
    let kinds = ["approval.requested", "approval.approved", "approval.used", "approval.requested"];
    assert_eq!(desk.kinds(), kinds);
    let approval = &desk.approvals.items[&id];
    assert_eq!((approval.state, approval.used_by.as_deref()), (State::Used, Some("a")));
}

#[test]
fn a_resumed_agent_asks_with_a_new_call_and_gets_the_waiting_yes() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    desk.approve(id, Scope::Once).unwrap();
    assert!(is_allow(&desk.ask(ask(1, "pip install x", "b"))));
    assert_eq!(desk.approvals.items[&id].used_by.as_deref(), Some("b"));
    assert!(!is_allow(&desk.ask(ask(1, "pip install x", "a"))), "the old call is late");
}

#[test]
fn only_exactly_what_was_approved_is_allowed() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    desk.approve(id, Scope::Once).unwrap();
    for other in ["pip install x ", "pip install y", "pip  install x", "pip install x && true"] {
        assert!(!is_allow(&desk.ask(ask(1, other, "a"))), "{other}");
    }
    assert!(!is_allow(&desk.ask(ask(2, "pip install x", "a"))), "another run");
    let mut elsewhere = ask(1, "pip install x", "a");
    elsewhere.cwd = "/w/1/sub".to_owned();
    elsewhere.hash = hash_of("agent1", "/w/1", "/w/1/sub", "Bash", &elsewhere.input);
    assert!(!is_allow(&desk.ask(elsewhere)), "another folder");
}

#[test]
fn what_was_seen_must_be_what_is_answered() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    let other = ask(1, "pip install y", "b").hash;
    for input in [
        Input::Approve {
            id,
            hash: other.clone(),
            scope: Scope::Once,
            lasts: None,
            note: None,
            all: false,
        },
        Input::Deny { id, hash: String::new(), note: None, all: false },
    ] {
        assert_eq!(desk.give(input), Err(Rejection::Changed));
    }
    assert_eq!(desk.approvals.items[&id].state, State::Pending);
}

#[test]
fn a_no_holds_for_the_run_and_tells_why() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "git push", "a"));
    desk.deny(id, Some("not on a Friday")).unwrap();
    for call in ["a", "b", "c"] {
        let Verdict::Deny { reason, approval } = desk.ask(ask(1, "git push", call)) else {
            panic!("it was denied")
        };
        assert_eq!(
            (reason.as_str(), approval),
            ("A person denied this: not on a Friday", Some(id))
        );
    }
    desk.waits(ask(3, "git push", "a"));
    assert_eq!(desk.deny(id, None).unwrap(), Decision::default(), "said before");
    assert_eq!(desk.approve(id, Scope::Once), Err(Rejection::Over { state: State::Denied }));
}

#[test]
fn a_yes_can_be_taken_back_until_it_is_used() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "git push", "a"));
    desk.approve(id, Scope::Once).unwrap();
    desk.deny(id, None).unwrap();
    assert!(is_deny(&desk.ask(ask(1, "git push", "a"))));
    let id = desk.waits(ask(1, "pip install x", "a"));
    desk.approve(id, Scope::Once).unwrap();
    desk.ask(ask(1, "pip install x", "a"));
    assert_eq!(desk.deny(id, None), Err(Rejection::Over { state: State::Used }));
}

#[test]
fn it_expires_closed_answered_or_not() {
    for approved in [false, true] {
        let mut desk = Desk::new();
        let id = desk.waits(ask(1, "git push", "a"));
        if approved {
            desk.approve(id, Scope::Once).unwrap();
        }
        desk.now += 24 * 3600;
        // The answer comes in the very moment, before anybody swept.
        let late = desk.approve(id, Scope::Once);
        if approved {
            assert_eq!(late.unwrap(), Decision::default());
        } else {
            assert_eq!(late, Err(Rejection::Over { state: State::Expired }));
        }
        let Verdict::Deny { reason, .. } = desk.ask(ask(1, "git push", "a")) else {
            panic!("it is over")
        };
        assert_eq!(reason, "Nobody answered in time, so it is denied.");
        assert_eq!(desk.approvals.items[&id].state, State::Expired);
        assert_ne!(desk.waits(ask(1, "git push", "b")), id, "a new call is a new question");
    }
}

#[test]
fn a_yes_for_an_hour_is_over_after_it() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "git push", "a"));
    let hash = desk.approvals.items[&id].hash.clone();
    let lasts = Some(SignedDuration::from_hours(1));
    desk.give(Input::Approve { id, hash, scope: Scope::Once, lasts, note: None, all: false })
        .unwrap();
    assert_eq!(desk.approvals.next_deadline(), Some(at(3600)));
    desk.now = 3600;
    desk.give(Input::Sweep).unwrap();
    assert_eq!(desk.approvals.items[&id].state, State::Expired);
    assert_eq!(desk.give(Input::Sweep).unwrap(), Decision::default());
}

#[test]
fn the_same_question_of_several_runs_is_answered_together_and_each_is_recorded() {
    let mut desk = Desk::new();
    let mut ids = Vec::new();
    for n in 1..=3 {
        let mut question = ask(n, "pip install x", "a");
        question.input = json!({"command": "pip install x", "file": format!("/w/{n}/req")});
        let cwd = question.cwd.clone();
        question.hash = hash_of(&question.agent, &cwd, &cwd, "Bash", &question.input);
        question.group = group_of(&cwd, &cwd, "Bash", &question.input);
        ids.push(desk.waits(question));
    }
    let other = desk.waits(ask(4, "pip install other", "a"));
    let hash = desk.approvals.items[&ids[1]].hash.clone();
    let (id, scope) = (ids[1], Scope::Once);
    let decision =
        desk.give(Input::Approve { id, hash, scope, lasts: None, note: None, all: true }).unwrap();
    assert_eq!(decision.events.len(), 3);
    assert!(decision.events.iter().all(|event| event.kind == "approval.approved"));
    assert!(ids.iter().all(|id| desk.approvals.items[id].state == State::Approved));
    assert_eq!(desk.approvals.items[&other].state, State::Pending);
}

#[test]
fn wider_answers_make_rules_that_reach_as_far_as_they_say() {
    // scope; then: the same run, another run of the agent, another agent, the same command on
    // something else by anybody.
    for (scope, reach) in [
        (Scope::Once, [false, false, false, false]),
        (Scope::Task, [true, false, false, false]),
        (Scope::Agent, [true, true, false, false]),
        (Scope::Rule, [true, true, true, true]),
    ] {
        let mut desk = Desk::new();
        let id = desk.waits(ask(1, "pip install x", "a"));
        desk.approve(id, scope).unwrap();
        assert!(is_allow(&desk.ask(ask(1, "pip install x", "a"))), "{scope:?}");
        let asks = [
            ask(1, "pip install x", "b"),
            ask(3, "pip install x", "a"),
            ask(2, "pip install x", "a"),
            ask(2, "pip install y", "a"),
        ];
        for (ask, expected) in asks.into_iter().zip(reach) {
            let copy = ask.clone();
            assert_eq!(is_allow(&desk.ask(ask)), expected, "{scope:?}: {copy:?}");
        }
        assert!(!is_allow(&desk.ask(ask(1, "pip uninstall x", "a"))), "{scope:?}");
        // Taken back, it is asked again.
        let grants: Vec<GrantId> = desk.approvals.grants.keys().copied().collect();
        assert_eq!(grants.len(), usize::from(scope != Scope::Once));
        for id in grants {
            desk.give(Input::Forget { id }).unwrap();
            assert!(!is_allow(&desk.ask(ask(1, "pip install x", "c"))), "{scope:?}");
            assert!(desk.give(Input::Forget { id }).is_err());
        }
    }
}

#[test]
fn a_rule_answers_what_waits_and_ends_in_time() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    let other = desk.waits(ask(2, "pip install y", "a"));
    desk.approve(id, Scope::Rule).unwrap();
    assert_eq!(desk.approvals.items[&other].state, State::Approved, "it was waiting");
    assert!(is_allow(&desk.ask(ask(2, "pip install y", "a"))));
    assert!(is_allow(&desk.ask(ask(2, "pip install z", "a"))));
    desk.now = 3600;
    desk.waits(ask(2, "pip install z", "b"));
    desk.give(Input::Sweep).unwrap();
    assert!(desk.approvals.grants.is_empty());
    let ended = desk.events.iter().find(|event| event.kind == "gate.rule_ended").unwrap();
    assert_eq!(ended.body["why"], "expired");
}

#[test]
fn a_rule_does_not_carry_another_command_along() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    desk.approve(id, Scope::Rule).unwrap();
    for smuggled in ["git push", "npm publish"] {
        let mut both = ask(1, "pip install x", "b");
        both.input = json!({"command": format!("pip install x && {smuggled}")});
        both.hash = hash_of("agent1", "/w/1", "/w/1", "Bash", &both.input);
        both.reasons.extend(ask(1, smuggled, "b").reasons);
        assert!(!is_allow(&desk.ask(both)), "{smuggled}");
    }
}

#[test]
fn what_reaches_the_outer_world_is_asked_each_time() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "git push", "a"));
    for scope in [Scope::Task, Scope::Agent, Scope::Rule] {
        let Err(Rejection::Scope { allowed, .. }) = desk.approve(id, scope) else {
            panic!("{scope:?} for what reaches the outer world")
        };
        assert_eq!(allowed, [Scope::Once]);
    }
    // Not even a rule that came from elsewhere allows it.
    let question = ask(1, "git push", "a");
    let grant = Grant {
        id: GrantId::new(Uuid::from_u128(1)),
        scope: Scope::Task,
        run: None,
        agent: None,
        matches: Matches::Action { hash: question.hash.clone() },
        what: String::new(),
        approval: id,
        by: String::new(),
        at: at(0),
        until: None,
    };
    assert!(!grant.allows(&question, at(0)));
}

#[test]
fn a_run_that_is_over_takes_its_questions_and_rules_with_it() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    desk.approve(id, Scope::Task).unwrap();
    let open = desk.waits(ask(1, "git push", "a"));
    let other = desk.waits(ask(2, "git push", "a"));
    let decision = desk.give(Input::RunOver { run: run(1) }).unwrap();
    assert_eq!(decision.changed[&open].state, State::Withdrawn);
    assert_eq!(decision.changed[&id].state, State::Withdrawn, "a yes that was never used");
    assert_eq!(decision.revoked.len(), 1);
    assert_eq!(desk.approvals.items[&other].state, State::Pending);
}

#[test]
fn a_run_cannot_ask_without_end() {
    let mut desk = Desk::new();
    for n in 0..PENDING_MAX {
        desk.waits(ask(1, &format!("pip install {n}"), "a"));
    }
    assert!(is_deny(&desk.ask(ask(1, "pip install more", "a"))));
    desk.waits(ask(2, "pip install more", "a"));
}

#[test]
fn times_are_limited() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    let hash = desk.approvals.items[&id].hash.clone();
    for hours in [-1, 0, 24 * 31] {
        let lasts = Some(SignedDuration::from_hours(hours));
        let (hash, scope) = (hash.clone(), Scope::Rule);
        let input = Input::Approve { id, hash, scope, lasts, note: None, all: false };
        assert!(matches!(desk.give(input), Err(Rejection::Time(_))), "{hours}");
    }
}

#[test]
fn events_follow_from_each_other() {
    let mut desk = Desk::new();
    let id = desk.waits(ask(1, "pip install x", "a"));
    let decision = desk.approve(id, Scope::Rule).unwrap();
    let kinds: Vec<_> = decision.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["approval.approved", "gate.rule_made"]);
    assert_eq!(decision.events[1].cause, Cause::Earlier(0));
}

#[test]
fn the_hash_is_over_the_meaning_and_not_over_the_writing() {
    let (a, b) =
        (json!({"b": [1, {"y": 1, "x": "ä"}], "a": null}), r#"{"a":null,"b":[1,{"x":"ä","y":1}]}"#);
    assert_eq!(canonical(&a), b);
    let b: Value = serde_json::from_str(b).unwrap();
    assert_eq!(hash_of("a", "w", "c", "t", &a), hash_of("a", "w", "c", "t", &b));
    // No field can be moved into its neighbour.
    assert_ne!(hash_of("ab", "", "c", "t", &a), hash_of("a", "b", "c", "t", &a));
    let (one, two) = (json!({"f": "/w/1/a"}), json!({"f": "/w/2/a"}));
    assert_eq!(group_of("/w/1", "/w/1", "t", &one), group_of("/w/2", "/w/2", "t", &two));
    let longer = json!({"f": "/w/10/a"});
    assert_ne!(group_of("/w/1", "/w/1", "t", &one), group_of("/w/1", "/w/1", "t", &longer));
}
