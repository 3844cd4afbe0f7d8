//! A stored ballot that was changed is found, and honest ones pass (MISSION row 109, defect B18).

use super::super::*;
use super::life::{cast, moment, opened};

fn told(vote: &Vote, ballots: &[Ballot]) -> (String, Vec<Witness>) {
    let seen = |one: &Ballot| Witness { number: one.number, hash: one.hash.clone() };
    (vote.first.clone(), ballots.iter().map(seen).collect())
}

/// Three honest ballots.
fn three() -> (Vote, Vec<Ballot>) {
    let mut vote = opened(Rule::of(Method::Majority), &["a", "b"], &["x", "y", "z"]);
    let mut ballots = Vec::new();
    for (voter, option) in [("x", "a"), ("y", "b"), ("z", "a")] {
        vote = cast(&vote, &mut ballots, voter, option);
    }
    (vote, ballots)
}

#[test]
fn row_109_every_change_of_a_stored_ballot_is_found_and_honest_ones_pass() {
    let (vote, ballots) = three();
    let (first, cast) = told(&vote, &ballots);
    assert_eq!(faults(&vote, &ballots, Some(&first), &cast), []);
    assert_eq!(faults(&vote, &ballots, None, &[]), [], "also without the journal");
    // As read back from its row.
    let text = serde_json::to_string(&ballots).unwrap();
    let read: Vec<Ballot> = serde_json::from_str(&text).unwrap();
    let row: Vote = serde_json::from_str(&serde_json::to_string(&vote).unwrap()).unwrap();
    assert_eq!(faults(&row, &read, Some(&first), &cast), []);

    type Change = fn(&mut Ballot);
    let changes: [(&str, Change); 8] = [
        ("option", |one| one.says = Says::Choice { option: "a".into() }),
        ("abstains", |one| one.says = Says::Abstain),
        ("voter", |one| one.voter = "x".into()),
        ("reason", |one| one.reason.push('!')),
        ("confidence", |one| one.confidence = Some(99)),
        ("time", |one| one.at += jiff::SignedDuration::from_micros(1)),
        ("round", |one| one.round = 2),
        ("by", |one| one.by = "person:cli".into()),
    ];
    for (what, change) in changes {
        let mut changed = ballots.clone();
        change(&mut changed[1]);
        assert!(!faults(&vote, &changed, None, &[]).is_empty(), "{what}");
        // Also when the hash was made anew: the next one does not follow.
        changed[1] = changed[1].clone().sealed();
        assert!(!faults(&vote, &changed, None, &[]).is_empty(), "{what}, sealed anew");
    }
    let mut removed = ballots.clone();
    removed.remove(1);
    assert!(!faults(&vote, &removed, None, &[]).is_empty());
    let mut cut = ballots.clone();
    cut.pop();
    assert!(!faults(&vote, &cut, None, &[]).is_empty());
    let mut swapped = ballots.clone();
    swapped.swap(0, 2);
    assert!(!faults(&vote, &swapped, None, &[]).is_empty());
    let mut rule = vote.clone();
    rule.rule.method = Method::Plurality;
    assert!(!faults(&rule, &ballots, None, &[]).is_empty());
    let mut weight = vote.clone();
    weight.electorate[0].weight = Weight::micros(5);
    assert!(!faults(&weight, &ballots, None, &[]).is_empty());
    // Who makes the whole chain anew is found by the journal.
    let mut all = ballots.clone();
    all[0].says = Says::Choice { option: "b".into() };
    let mut last = vote.first.clone();
    for one in &mut all {
        one.before.clone_from(&last);
        *one = one.clone().sealed();
        last.clone_from(&one.hash);
    }
    let mut forged = vote.clone();
    forged.last = last;
    assert_eq!(faults(&forged, &all, None, &[]), [], "a whole new chain is one");
    assert!(!faults(&forged, &all, Some(&first), &cast).is_empty());
}

#[test]
fn a_second_ballot_is_refused_and_counting_again_gives_the_same() {
    let mut vote = opened(Rule::of(Method::Majority), &["a", "b"], &["x", "y"]);
    let mut ballots = Vec::new();
    vote = cast(&vote, &mut ballots, "x", "a");
    let again = VoteInput::Cast {
        voter: "x".into(),
        says: Says::Choice { option: "b".into() },
        reason: String::new(),
        confidence: None,
        run: None,
    };
    let refused = vote.decide(&ballots, again, &moment(2)).unwrap_err();
    assert!(refused.0.contains("never changed"), "{refused}");
    vote = cast(&vote, &mut ballots, "y", "b");
    // A tie, decided by lot: the lot is kept, and gives the same.
    let kept = vote.tallies[0].clone();
    let draw = kept.tie_break.as_ref().and_then(|broken| broken.draw);
    assert!(draw.is_some(), "{kept:?}");
    assert_eq!(replay(&vote, &ballots, 1, draw), kept);
}
