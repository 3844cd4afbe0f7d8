//! Votes against definitions written a second time, against the crate `vote`, and MISSION's examples.

mod chain;
mod life;
mod oracle;

use super::*;
use crate::id::VoteId;
use serde_json::{Value, json};
use uuid::Uuid;

/// Counts an election as it stands in a file.
fn tally(election: Value) -> Tally {
    Election::read(&election).unwrap_or_else(|error| panic!("{error}: {election}")).tally()
}

fn refused(election: Value) -> String {
    Election::read(&election).expect_err("it makes no sense").to_string()
}

/// Ballots by the choices of voters v1, v2, …
fn ballots(choices: &[&str]) -> Value {
    let one = |(index, choice): (usize, &&str)| match *choice {
        "-" => json!({"voter": format!("v{}", index + 1), "abstain": true}),
        choice => json!({"voter": format!("v{}", index + 1), "choice": choice}),
    };
    choices.iter().enumerate().map(one).collect()
}

fn with(method: &str, choices: &[&str]) -> Tally {
    tally(json!({"method": method, "options": ["a", "b"], "ballots": ballots(choices)}))
}

/// MISSION row 103, defect B15: the method that is stored is the one that decides.
#[test]
fn row_103_three_to_two_fails_the_first_two_methods_and_passes_the_last_two() {
    let split = ["a", "a", "b", "a", "b"];
    for (method, outcome, winner) in [
        ("unanimous", Outcome::Failed, None),
        ("supermajority", Outcome::Failed, None),
        ("majority", Outcome::Decided, Some("a")),
        ("plurality", Outcome::Decided, Some("a")),
    ] {
        let tally = with(method, &split);
        assert_eq!((tally.outcome, tally.winner.as_deref()), (outcome, winner), "{method}");
    }
    // B15: one voter of five under a supermajority decides nothing.
    let one = json!({"method": "supermajority", "options": ["a", "b"], "electorate": 5,
        "ballots": [{"voter": "v1", "choice": "a"}]});
    let one = tally(one);
    assert_eq!((one.outcome, one.winner), (Outcome::NoQuorum, None));
}

#[test]
fn thresholds_are_exact() {
    let of = |threshold: Value, choices: &[&str]| {
        let options = ["a", "b"];
        tally(json!({"method": "supermajority", "options": options, "threshold": threshold,
            "ballots": ballots(choices)}))
        .outcome
    };
    let two_of_three = ["a", "a", "b"];
    assert_eq!(of(json!("2/3"), &two_of_three), Outcome::Decided);
    assert_eq!(of(json!(0.66), &two_of_three), Outcome::Decided);
    assert_eq!(of(json!("66 %"), &two_of_three), Outcome::Decided);
    assert_eq!(of(json!(0.67), &two_of_three), Outcome::Failed);
    assert_eq!(of(Value::Null, &["a", "a", "a", "b"]), Outcome::Decided, "75 % is enough");
    assert_eq!(with("majority", &["a", "b"]).outcome, Outcome::Tie, "half is no majority");
    assert_eq!(with("unanimous", &["a", "a", "-"]).outcome, Outcome::Decided);
}

/// MISSION row 104: the run-off is listed round by round.
#[test]
fn row_104_five_ballots_are_decided_by_instant_run_off_in_listed_rounds() {
    let rank = |voter: &str, ranking: [&str; 3]| json!({"voter": voter, "ranking": ranking});
    let counted = tally(json!({"method": "ranked", "options": ["a", "b", "c"], "ballots": [
        rank("v1", ["a", "b", "c"]), rank("v2", ["a", "c", "b"]), rank("v3", ["b", "c", "a"]),
        rank("v4", ["b", "a", "c"]), rank("v5", ["c", "b", "a"])]}));
    assert_eq!(counted.winner.as_deref(), Some("b"));
    let votes = |round: usize| -> Vec<(String, u64)> { counted.rounds[round].votes.clone() };
    assert_eq!(votes(0), [("a".into(), 2), ("b".into(), 2), ("c".into(), 1)]);
    assert_eq!(counted.rounds[0].eliminated.as_ref().unwrap().option, "c");
    assert_eq!(votes(1), [("a".into(), 2), ("b".into(), 3)]);
    assert_eq!(counted.rounds[1].eliminated, None);
    assert_eq!(counted.rounds.len(), 2);
}

#[test]
fn the_lowest_of_equals_goes_by_earlier_rounds_and_then_by_the_order_of_options() {
    let count = |options: &[&str], rankings: &[(&[&str], usize)]| {
        let mut ballots = Vec::new();
        for (ranking, times) in rankings {
            for _ in 0..*times {
                ballots.push(json!({"voter": format!("v{}", ballots.len()), "ranking": ranking}));
            }
        }
        tally(json!({"method": "ranked", "options": options, "ballots": ballots}))
    };
    // b and c are equal in the second round; b had fewer in the first.
    let counted = count(
        &["a", "b", "c", "d"],
        &[(&["a"], 5), (&["c", "a"], 4), (&["b", "c"], 3), (&["d", "b"], 1)],
    );
    let out = counted.rounds[1].eliminated.clone().unwrap();
    assert_eq!((out.option.as_str(), out.by), ("b", Elimination::EarlierRounds));
    assert_eq!(out.tied, ["b", "c"]);
    // b and c were always equal: the one that stands last goes.
    let counted = count(&["a", "b", "c"], &[(&["a"], 3), (&["b", "a"], 2), (&["c", "b"], 2)]);
    let out = counted.rounds[0].eliminated.clone().unwrap();
    assert_eq!((out.option.as_str(), out.by), ("c", Elimination::Order));
    assert_eq!(counted.winner.as_deref(), Some("b"));
    // All are equal: none is lower than another.
    let counted = count(&["a", "b", "c"], &[(&["a"], 1), (&["b"], 1), (&["c"], 1)]);
    assert_eq!((counted.outcome, counted.tied.len()), (Outcome::Tie, 3));
    // Ballots that name nobody who is left do not hold up a majority of the others.
    let counted = count(&["a", "b", "c"], &[(&["a"], 2), (&["b"], 2), (&["c", "a"], 1)]);
    assert_eq!(counted.winner.as_deref(), Some("a"));
}

/// MISSION row 105: in "cloud" gemini's 2.0 turns a vote of 2:3.
#[test]
fn row_105_the_weight_of_the_domain_turns_two_to_three() {
    let election = |domain: &str| {
        tally(json!({"method": "weighted", "options": ["x", "y"], "domain": domain, "ballots": [
            {"voter": "gemini", "choice": "x"}, {"voter": "claude", "choice": "x"},
            {"voter": "chatgpt", "choice": "y"}, {"voter": "grok", "choice": "y"},
            {"voter": "copilot", "choice": "y"}]}))
    };
    assert_eq!(election("general").winner.as_deref(), Some("y"));
    let cloud = election("cloud");
    assert_eq!(cloud.winner.as_deref(), Some("x"));
    assert_eq!(cloud.scores[0].weight.number(), 3.5);
    assert_eq!(cloud.scores[1].weight.number(), 2.5);
    // The whole table of MISSION 2.1.
    let voters = ["claude", "chatgpt", "gemini", "grok", "copilot"];
    for (domains, weights) in [
        (["architecture", "design", "ux"], [2.0, 1.0, 1.5, 1.0, 1.5]),
        (["content", "writing", "marketing"], [1.5, 2.0, 0.5, 1.0, 0.5]),
        (["cloud", "database", "firebase"], [1.5, 0.5, 2.0, 1.0, 1.0]),
        (["innovation", "research", "analysis"], [1.5, 1.0, 1.0, 2.0, 1.0]),
        (["deployment", "code", "devops"], [1.0, 0.5, 1.5, 1.0, 2.0]),
        (["general", "General", " general"], [1.0; 5]),
    ] {
        for domain in domains {
            let of = voters.map(|voter| of_domain(domain, voter, None).unwrap().number());
            assert_eq!(of, weights, "{domain}");
        }
    }
    assert_eq!(of_domain("cooking", "claude", None), None);
    assert_eq!(of_domain("code", "mine", Some("codex")).unwrap().number(), 0.5);
    assert_eq!(of_domain("code", "ann", None), Some(Weight::ONE));
}

/// MISSION row 106: quorum, abstention, tie-break, veto.
#[test]
fn row_106_two_of_five_decide_nothing_and_a_tie_goes_to_the_expert() {
    let two = json!({"method": "majority", "options": ["a", "b"], "electorate": 5,
        "ballots": ballots(&["a", "a"])});
    let two = tally(two);
    assert_eq!((two.outcome, two.winner, two.quorum), (Outcome::NoQuorum, None, 3));
    // Who abstains takes part, and does not count for the outcome.
    let three = json!({"method": "unanimous", "options": ["a", "b"], "electorate": 5,
        "ballots": ballots(&["a", "a", "-"])});
    let three = tally(three);
    assert_eq!((three.outcome, three.participated, three.chose), (Outcome::Decided, 3, 2));
    let nobody = with("plurality", &["-", "-"]);
    assert_eq!((nobody.outcome, nobody.winner), (Outcome::Failed, None));
    let emergency = json!({"method": "majority", "options": ["a", "b"], "electorate": 5,
        "quorum": 1.0, "ballots": ballots(&["a", "a", "a", "a"])});
    assert_eq!(tally(emergency).outcome, Outcome::NoQuorum);

    let tie = json!({"method": "plurality", "options": ["a", "b"],
        "weights": {"v1": 1, "v2": 2, "v3": 1, "v4": 1}, "ballots": ballots(&["a", "b", "a", "b"])});
    let tie = tally(tie);
    assert_eq!(tie.winner.as_deref(), Some("b"));
    let broken = tie.tie_break.unwrap();
    assert_eq!((broken.by, broken.voter.as_deref()), (TieBreak::Expertise, Some("v2")));
    // No expert: who gave the task; without one a lot that is written down; else a tie.
    let even = |more: Value| {
        let mut all = json!({"method": "plurality", "options": ["a", "b"],
            "ballots": ballots(&["a", "b"])});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tally(all)
    };
    let creator = even(json!({"creator": "v2"}));
    assert_eq!(creator.winner.as_deref(), Some("b"));
    assert_eq!(creator.tie_break.unwrap().by, TieBreak::Creator);
    assert_eq!(even(json!({"draw": 0.49})).winner.as_deref(), Some("a"));
    let drawn = even(json!({"draw": 0.5}));
    assert_eq!(drawn.winner.as_deref(), Some("b"));
    assert_eq!(drawn.tie_break.unwrap().draw, Some(LOTS / 2));
    assert_eq!(even(json!({})).outcome, Outcome::Tie);
    let person = even(json!({"draw": 0.5, "tie_break": ["person", "random"]}));
    assert_eq!(person.outcome, Outcome::Tie);

    let veto = json!({"method": "majority", "options": ["a", "b"], "security": true,
        "ballots": [{"voter": "v1", "choice": "a"}, {"voter": "v2", "choice": "a"},
            {"voter": "v3", "veto": true}]});
    let veto = tally(veto);
    assert_eq!((veto.outcome, veto.winner), (Outcome::Failed, None));
    assert_eq!(veto.vetoed_by, ["v3"]);
}

#[test]
fn levels_are_of_the_weight_of_all() {
    let level = |choices: &[&str]| with("plurality", choices).level;
    assert_eq!(level(&["a"; 20]), Level::Unanimous);
    let mut one_off = vec!["a"; 19];
    one_off.push("b");
    assert_eq!(level(&one_off), Level::Unanimous);
    assert_eq!(level(&["a", "a", "a", "a", "b"]), Level::Strong);
    assert_eq!(level(&["a", "a", "a", "b", "b"]), Level::Majority);
    assert_eq!(level(&["a", "a", "a", "a", "b", "b", "b"]), Level::Split);
    // Who is silent counts, too.
    let silent = json!({"method": "plurality", "options": ["a", "b"], "electorate": 5,
        "ballots": ballots(&["a", "a", "a"])});
    assert_eq!(tally(silent).level, Level::Majority);
}

#[test]
fn no_option_of_three_over_the_threshold_is_a_deadlock() {
    let counted = tally(json!({"method": "majority", "options": ["a", "b", "c"],
        "ballots": ballots(&["a", "b", "c", "b", "a"])}));
    assert_eq!((counted.outcome, &counted.winner), (Outcome::Deadlock, &None));
    assert_eq!(counted.best_two(Method::Majority), ["a", "b"]);
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_the_place() {
    let base = || {
        json!({"method": "majority", "options": ["a", "b"],
        "ballots": [{"voter": "w", "choice": "a"}]})
    };
    let put = |key: &str, value: Value| {
        let mut all = base();
        all[key] = value;
        refused(all)
    };
    for (said, expected) in [
        (put("method", json!("most")), "method: \"most\" is not known"),
        (put("method", Value::Null), "method: is missing"),
        (put("options", json!(["a", "a"])), "options[1]: \"a\" stands twice"),
        (put("options", json!("a")), "options: expected a list, found a text"),
        (put("threshold", json!(1.5)), "threshold: \"1.5\" is not a share"),
        (put("quorum", json!("many")), "quorum: \"many\" is neither"),
        (put("quorum", json!(9)), "quorum: 9 can never take part"),
        (
            put("ballots", json!([{"voter": "x", "choice": "c"}])),
            "ballots[0].choice: \"c\" is no option",
        ),
        (put("ballots", json!([{"voter": "x"}])), "ballots[0]: has neither choice"),
        (put("ballots", json!([{"choice": "a"}])), "ballots[0].voter: is missing"),
        (
            put("ballots", json!([{"voter": "x", "choice": "a", "abstain": true}])),
            "two things at once",
        ),
        (
            put("ballots", json!([{"voter": "x", "veto": true}])),
            "ballots[0].veto: only an election",
        ),
        (
            put("ballots", json!([{"voter": "x", "ranking": ["a", "a"]}])),
            "ballots[0].ranking[1]: \"a\" stands twice",
        ),
        (
            put("ballots", json!([{"voter": "x", "choice": "a"}, {"voter": "x", "choice": "b"}])),
            "ballots[1].voter: \"x\" has a ballot already",
        ),
        (put("weights", json!({"x": -1})), "weights.x: -1 is not a weight"),
        (put("ballot", json!([])), "ballot: is not known"),
        (refused(json!([])), "the file: expected an object, found a list"),
    ] {
        assert!(said.starts_with(expected) || said.contains(expected), "{said} / {expected}");
    }
    let mut stranger = base();
    stranger["electorate"] = json!(["v1", "v2"]);
    stranger["ballots"] = json!([{"voter": "x", "choice": "a"}]);
    assert_eq!(refused(stranger), "ballots[0].voter: \"x\" is not in the electorate");
    let mut noted = base();
    noted["method"] = json!("plurality");
    noted["threshold"] = json!(0.5);
    noted["electorate"] = json!(3);
    let noted = Election::read(&noted).unwrap();
    assert_eq!(noted.notes.len(), 1, "{noted:?}");
}

#[test]
fn weights_by_record_are_the_log_odds_of_the_smoothed_accuracy() {
    assert_eq!(of_record(0, 0).in_micros(), 693_147, "ln 2");
    assert!(of_record(10, 0) > of_record(5, 0) && of_record(5, 0) > of_record(0, 0));
    assert_eq!(
        of_record(7, 0).number(),
        (9.0_f64 / 10.0 / 0.1).ln().mul_add(1e6, 0.0).round() / 1e6
    );
    assert_eq!(of_record(0, 50).number(), 0.05, "nobody's voice is lost");
}

fn id(number: u128) -> VoteId {
    VoteId::new(Uuid::from_u128(number))
}
