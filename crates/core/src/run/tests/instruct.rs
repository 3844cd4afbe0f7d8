//! What a run is told after its prompt.

use super::*;
use crate::evidence::{Check, CheckResult, Contract};
use crate::run::{Attempt, CheckInput, Wait};

fn told(key: &str) -> RunInput {
    RunInput::Instruct { text: format!("mend {key}"), key: key.to_owned() }
}

fn kinds(decision: &RunDecision) -> Vec<&str> {
    decision.events.iter().map(|draft| draft.kind.trim_start_matches("run.")).collect()
}

fn last(run: &Run) -> &Attempt {
    run.attempt().unwrap()
}

/// One that a vendor with conversations works on.
fn talking(inputs: Vec<RunInput>) -> Run {
    let mut run = Run { kind: "claude".to_owned(), ..run() };
    for input in [prepared(), started(1, false)].into_iter().chain(inputs) {
        feed(&mut run, input).unwrap();
    }
    run
}

fn checked(run: &mut Run, passed: bool) -> RunDecision {
    let round = run.evidence.round;
    let result = CheckResult {
        check: Check::Clean,
        passed,
        detail: "looked".to_owned(),
        duration_ms: 1,
        output: None,
    };
    feed(run, RunInput::Check(CheckInput::Judged { round, index: 0, result })).unwrap()
}

#[test]
fn one_that_is_over_goes_on_in_its_conversation_and_is_told_once() {
    for end in [done(0, true), done(0, false)] {
        let mut run = talking(vec![exited(1, 0, vec![end])]);
        assert!(run.is_over());
        let (before, worktree) = (run.state_word(), run.worktree.clone());
        let decision = feed(&mut run, told("a")).unwrap();
        assert_eq!(kinds(&decision), ["instructed", "attempt_begun"]);
        assert_eq!(decision.events[0].actor, "person:test");
        assert_eq!(decision.orders, [RunOrder::Launch { instance: life(2) }]);
        assert_eq!((run.state_word(), run.worktree.clone()), ("starting", worktree));
        assert!(last(&run).resume, "the conversation goes on");
        let said = last(&run).say.clone().unwrap();
        assert_eq!(said == "mend a", before == "reported", "{said}");
        assert!(said.contains("mend a"));
        assert!(feed(&mut run, told("a")).is_none(), "the same key is the same instruction");
        feed(&mut run, started(2, false)).unwrap();
        feed(&mut run, exited(2, 0, vec![done(0, true)])).unwrap();
        assert_eq!((run.state_word(), run.instructions[0].done), ("reported", true));
        assert!(feed(&mut run, told("a")).is_none());
        // Another one is told by itself.
        feed(&mut run, told("b")).unwrap();
        assert_eq!(last(&run).say.as_deref(), Some("mend b"));
    }
}

#[test]
fn one_at_work_keeps_it_until_its_attempt_ends() {
    for ok in [true, false] {
        let mut run = talking(vec![]);
        let decision = feed(&mut run, told("a")).unwrap();
        assert_eq!((kinds(&decision), run.state_word()), (vec!["instructed"], "running"));
        feed(&mut run, told("b")).unwrap();
        let decision = feed(&mut run, exited(1, 0, vec![done(0, ok)])).unwrap();
        assert_eq!(kinds(&decision), ["attempt_ended", "attempt_begun"], "it is not over");
        let said = last(&run).say.clone().unwrap();
        assert!(said.contains("mend a") && said.contains("mend b"), "{said}");
        feed(&mut run, started(2, false)).unwrap();
        let decision = feed(&mut run, exited(2, 1, vec![done(0, false)])).unwrap();
        assert_eq!((kinds(&decision), run.state_word()), (vec!["ended"], "failed"));
    }
}

#[test]
fn checks_are_made_of_what_it_did_last() {
    let contract = Contract { checks: vec![Check::Clean], ..Contract::default() };
    let mut run = talking(vec![]);
    run.evidence.contract = Some(contract);
    feed(&mut run, exited(1, 0, vec![done(0, true)])).unwrap();
    assert!(run.evidence.checking);
    feed(&mut run, told("a")).unwrap();
    assert!(run.evidence.checking, "checks are made to their end");
    let decision = checked(&mut run, true);
    assert_eq!(kinds(&decision), ["checked", "attempt_ended", "attempt_begun"], "no verdict");
    feed(&mut run, started(2, false)).unwrap();
    feed(&mut run, exited(2, 0, vec![done(0, true)])).unwrap();
    let decision = checked(&mut run, true);
    assert_eq!(kinds(&decision), ["checked", "verified", "ended"]);
    // After a verdict it goes on, and the old verdict says nothing about it.
    feed(&mut run, told("b")).unwrap();
    assert_eq!((run.evidence.verdict, run.evidence.results.len()), (None, 0));
    feed(&mut run, started(3, false)).unwrap();
    feed(&mut run, exited(3, 0, vec![done(0, true)])).unwrap();
    checked(&mut run, false);
    assert_eq!(run.state_word(), "refuted");
    assert!(run.takes_instructions());
}

#[test]
fn a_new_conversation_is_told_all_of_it() {
    let mut run = Run { kind: "script".to_owned(), ..state("reported") };
    for number in 2_u128..4 {
        feed(&mut run, told(&number.to_string())).unwrap();
        assert!(!last(&run).resume, "a script has no conversation");
        feed(&mut run, started(number, false)).unwrap();
        feed(&mut run, exited(number, 0, vec![done(0, true)])).unwrap();
    }
    let said = last(&run).say.clone().unwrap();
    assert_eq!(said, "do it\n\n# NEW INSTRUCTION\n\nmend 2\n\n# NEW INSTRUCTION\n\nmend 3");
}

#[test]
fn what_waits_is_told_when_it_goes_on() {
    let hold = || Some(Wait::Agent { until: None, why: "held".to_owned() });
    let mut run = talking(vec![exited(1, 0, vec![done(0, true)])]);
    let decision = feed_at(&mut run, told("a"), AT, hold()).unwrap();
    assert_eq!(
        (kinds(&decision), run.state_word()),
        (vec!["instructed", "suspended"], "suspended")
    );
    feed(&mut run, told("b")).unwrap();
    feed(&mut run, RunInput::Wake).unwrap();
    let said = last(&run).say.clone().unwrap();
    assert!(said.contains("mend a") && said.contains("mend b"), "{said}");
    // A daemon that could not start its agent did not tell it.
    feed(&mut run, refused()).unwrap();
    assert_eq!(run.state_word(), "failed");
    feed(&mut run, RunInput::Resume).unwrap();
    assert!(last(&run).say.clone().unwrap().contains("mend b"));
}

#[test]
fn who_cancelled_it_wants_no_more() {
    let mut run = talking(vec![]);
    feed(&mut run, told("a")).unwrap();
    feed(&mut run, RunInput::Cancel).unwrap();
    assert!(feed(&mut run, told("b")).is_none());
    feed(&mut run, exited(1, 0, vec![done(0, true)])).unwrap();
    assert_eq!(run.state_word(), "cancelled");
    assert!(feed(&mut run, told("b")).is_none());
    // Nor does one that never had a place to work.
    assert!(feed(&mut state("failed"), told("b")).is_none());
}
