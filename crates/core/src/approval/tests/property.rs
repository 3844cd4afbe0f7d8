//! Sequences of questions, answers and time, against what must never happen.

use super::super::*;
use super::{ask, at, run};
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

const COMMANDS: [&str; 3] = ["git push", "pip install x", "pip install y"];

#[derive(Debug, Clone)]
enum Step {
    Ask { run: u128, command: usize, call: u8 },
    Approve { which: usize, scope: Scope, all: bool },
    Deny { which: usize, all: bool },
    Wait { seconds: i64 },
    RunOver { run: u128 },
    Forget { which: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let scope =
        prop_oneof![Just(Scope::Once), Just(Scope::Task), Just(Scope::Agent), Just(Scope::Rule)];
    prop_oneof![
        6 => (1_u128..4, 0_usize..3, 0_u8..3)
            .prop_map(|(run, command, call)| Step::Ask { run, command, call }),
        3 => (0_usize..8, scope, any::<bool>())
            .prop_map(|(which, scope, all)| Step::Approve { which, scope, all }),
        1 => (0_usize..8, any::<bool>()).prop_map(|(which, all)| Step::Deny { which, all }),
        1 => (1_i64..100_000).prop_map(|seconds| Step::Wait { seconds }),
        1 => (1_u128..4).prop_map(|run| Step::RunOver { run }),
        1 => (0_usize..3).prop_map(|which| Step::Forget { which }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_allowed_that_was_not_approved(steps in prop::collection::vec(step(), 1..60)) {
        let (mut approvals, mut now, mut next) = (Approvals::default(), 0_i64, 1_000_u128);
        let mut rows = BTreeMap::<ApprovalId, Approval>::new();
        // Yeses and the calls that were let through by each.
        let (mut yeses, mut through) = (BTreeSet::new(), BTreeMap::<ApprovalId, BTreeSet<String>>::new());
        let mut over = BTreeSet::new();
        for step in steps {
            let nth = |which: usize| rows.values().nth(which).map(|row| (row.id, row.hash.clone()));
            let mut asked = None;
            let input = match step {
                Step::Ask { run: n, command, call } => {
                    // A run that is over has no token any more.
                    if over.contains(&n) { continue }
                    let question = ask(n, COMMANDS[command], &format!("call{call}"));
                    asked = Some(question.clone());
                    Input::Ask(Box::new(question))
                }
                Step::Approve { which, scope, all } => match nth(which) {
                    Some((id, hash)) => Input::Approve { id, hash, scope, lasts: None, note: None, all },
                    None => continue,
                },
                Step::Deny { which, all } => match nth(which) {
                    Some((id, hash)) => Input::Deny { id, hash, note: None, all },
                    None => continue,
                },
                Step::Wait { seconds } => {
                    now += seconds;
                    Input::Sweep
                }
                Step::RunOver { run: n } => {
                    over.insert(n);
                    Input::RunOver { run: run(n) }
                }
                Step::Forget { which } => match approvals.grants.keys().nth(which) {
                    Some(id) => Input::Forget { id: *id },
                    None => continue,
                },
            };
            let is_over = match &input { Input::RunOver { run } => Some(*run), _ => None };
            let decided = approvals.decide(input, "person:cli", at(now), &mut || {
                next += 1;
                Uuid::from_u128(next)
            });
            let Ok(decision) = decided else { continue };

            // Every change is told, and only changes are.
            prop_assert_eq!(
                decision.changed.is_empty() && decision.granted.is_empty()
                    && decision.revoked.is_empty(),
                decision.events.iter().all(|event| event.kind == "gate.allowed")
            );
            for (id, approval) in &decision.changed {
                let before = rows.get(id).map(|row| row.state);
                let fits = match (before, approval.state) {
                    (None, State::Pending) => true,
                    (Some(State::Pending), State::Pending) => true,
                    (Some(State::Pending), to) => to != State::Used,
                    (Some(State::Approved), to) => !matches!(to, State::Pending | State::Approved),
                    _ => false,
                };
                prop_assert!(fits, "{:?} to {:?}", before, approval.state);
                if approval.state == State::Approved {
                    let row = rows.get(id).unwrap();
                    prop_assert!(row.expires_at > at(now), "answered after its time");
                    yeses.insert(*id);
                }
                rows.insert(*id, approval.clone());
            }
            for grant in decision.granted.values() {
                prop_assert!(grant.scope != Scope::Once);
                prop_assert!(!rows[&grant.approval].is_outward());
            }
            if let (Some(question), Some(Verdict::Allow { approval, .. })) =
                (&asked, &decision.verdict)
            {
                match approval {
                    Some(id) => {
                        let row = &rows[id];
                        prop_assert!(yeses.contains(id), "allowed without a yes");
                        prop_assert_eq!(&row.hash, &question.hash);
                        prop_assert_eq!(row.run, question.run);
                        let calls = through.entry(*id).or_default();
                        calls.insert(question.call.clone());
                        prop_assert_eq!(calls.len(), 1, "one yes, one call");
                    }
                    None => prop_assert!(!question.reasons[0].outward, "by a rule"),
                }
            }
            approvals.apply(&decision);
            if let Some(run) = is_over {
                approvals.drop_run(run);
            }
            // What was swept is not open any more.
            for item in approvals.items.values().filter(|item| item.state.is_open()) {
                prop_assert!(!over.iter().any(|n| run(*n) == item.run));
            }
        }
    }
}
