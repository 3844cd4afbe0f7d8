//! The life of a vote: rounds, deadlines, run-offs, mediators, people.

use super::super::*;
use super::id;
use jiff::{SignedDuration, Timestamp};

pub(super) fn moment(seconds: i64) -> Moment<'static> {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
    Moment { at, actor: "agent:x", draw: 0, fresh: id(1_000 + seconds as u128) }
}

fn opening(rule: Rule, options: &[&str], voters: &[&str]) -> Opening {
    let choice =
        |id: &&str| Choice { id: (*id).into(), text: format!("do {id}"), proposed_by: None };
    let voter = |name: &&str| Voter {
        name: (*name).into(),
        kind: VoterKind::Agent,
        weight: Weight::ONE,
        weight_from: "one".into(),
    };
    Opening {
        id: id(1),
        form: Form::Options,
        question: "Which way?".into(),
        detail: None,
        kind: "decision".into(),
        domain: None,
        options: options.iter().map(choice).collect(),
        rule,
        electorate: voters.iter().map(voter).collect(),
        creator: None,
        target: None,
        task: None,
        session: None,
        deadline_ms: 3_600_000,
        mediator: None,
        context: Context::default(),
        follows: None,
        request_key: None,
    }
}

pub(super) fn opened(rule: Rule, options: &[&str], voters: &[&str]) -> Vote {
    open(opening(rule, options, voters), &moment(0)).unwrap().0
}

fn says(voter: &str, option: &str, reason: &str) -> VoteInput {
    let says = match option {
        "-" => Says::Abstain,
        "!" => Says::Veto,
        option => Says::Choice { option: option.into() },
    };
    VoteInput::Cast {
        voter: voter.into(),
        says,
        reason: reason.into(),
        confidence: None,
        run: None,
    }
}

pub(super) fn cast(vote: &Vote, ballots: &mut Vec<Ballot>, voter: &str, option: &str) -> Vote {
    step(vote, ballots, says(voter, option, &format!("because of {voter}"))).vote
}

fn step(vote: &Vote, ballots: &mut Vec<Ballot>, input: VoteInput) -> Move {
    let moved = vote.decide(ballots, input, &moment(10 + i64::from(vote.cast))).unwrap();
    ballots.extend(moved.ballot.clone());
    moved
}

fn kinds(moved: &Move) -> Vec<&str> {
    moved.events.iter().map(|event| event.kind.as_str()).collect()
}

/// MISSION row 107: no option over the threshold starts a run-off of the top two.
#[test]
fn row_107_a_deadlock_of_three_opens_a_run_off_of_the_best_two() {
    let vote = opened(Rule::of(Method::Majority), &["a", "b", "c"], &["v", "w", "x", "y", "z"]);
    let mut ballots = Vec::new();
    let mut now = vote;
    for (voter, option) in [("v", "a"), ("w", "b"), ("x", "c"), ("y", "b")] {
        now = cast(&now, &mut ballots, voter, option);
    }
    let moved = step(&now, &mut ballots, says("z", "a", ""));
    assert_eq!(kinds(&moved), ["vote.cast", "vote.closed"]);
    assert_eq!(moved.vote.outcome, Some(Outcome::Deadlock));
    assert_eq!(moved.vote.decided, None);
    let (run_off, events) = moved.next.expect("a run-off");
    assert_eq!(run_off.option_ids(), ["a", "b"]);
    let link = run_off.follows.unwrap();
    assert_eq!((link.vote, link.kind), (moved.vote.id, LinkKind::Runoff));
    assert_eq!(moved.vote.next, Some(run_off.id));
    assert_eq!(events[0].kind, "vote.opened");
    // A run-off that fails opens no other one: without a mediator a person is asked.
    let mut rule = Rule::of(Method::Unanimous);
    rule.on_deadlock = Remedy::DEFAULT.to_vec();
    let (mut now, mut ballots) = (Vote { rule, ..*run_off }, Vec::new());
    for (voter, option) in [("v", "a"), ("w", "b"), ("x", "a"), ("y", "a"), ("z", "a")] {
        now = cast(&now, &mut ballots, voter, option);
    }
    assert_eq!((now.outcome, now.next), (Some(Outcome::Failed), None));
    assert!(now.asks.is_some());
    let decide = VoteInput::Decide { option: "a".into(), why: "it is mine to say".into() };
    let decided = now.decide(&ballots, decide, &moment(99)).unwrap();
    assert_eq!(decided.vote.decided.unwrap().by, "agent:x");
    assert_eq!(decided.vote.asks, None);
}

/// MISSION row 108: a deadlock gives a third option that names both sides' points.
#[test]
fn row_108_a_mediator_makes_a_third_option_of_both_sides() {
    let mut vote = opened(Rule::of(Method::Unanimous), &["a", "b"], &["x", "y"]);
    vote.mediator = Some("m".into());
    let mut ballots = Vec::new();
    let now = cast(&vote, &mut ballots, "x", "a");
    let moved = step(&now, &mut ballots, says("y", "b", "b is cheap"));
    assert_eq!(kinds(&moved), ["vote.cast", "vote.closed", "vote.mediating"]);
    assert_eq!(moved.vote.state, State::Mediating);
    let asked = mediate(&moved.vote, &ballots, ETHICS);
    assert!(asked.contains("because of x") && asked.contains("b is cheap"), "{asked}");
    // What names one side only is none.
    let half = r#"{"proposal": "do it", "keeps": {"a": ["speed"]}}"#;
    let why = read_proposal(&moved.vote, half).unwrap_err();
    assert!(why.contains("of b"), "{why}");
    let both =
        r#"Well: {"proposal": "first b, then a", "keeps": {"a": ["speed"], "b": ["price"]}}"#;
    let proposal = read_proposal(&moved.vote, both).unwrap();
    let input = VoteInput::Proposed { text: proposal.text, run: None };
    let moved = moved.vote.decide(&ballots, input, &moment(50)).unwrap();
    let (next, _) = moved.next.expect("a vote on it");
    assert_eq!(next.option_ids(), ["a", "b", "compromise"]);
    let text = &next.option("compromise").unwrap().text;
    assert!(text.contains("speed") && text.contains("price"), "{text}");
    assert_eq!(next.options[2].proposed_by.as_deref(), Some("m"));
    assert_eq!(next.follows.unwrap().kind, LinkKind::Compromise);
}

/// MISSION row 110: what failed decided nothing.
#[test]
fn row_110_no_quorum_no_decision_and_the_deadline_ends_it() {
    let vote = opened(Rule::of(Method::Majority), &["a", "b"], &["v", "w", "x", "y", "z"]);
    let mut ballots = Vec::new();
    let now = cast(&vote, &mut ballots, "v", "a");
    let now = cast(&now, &mut ballots, "w", "a");
    let early = now.decide(&ballots, VoteInput::Due, &moment(3_599)).unwrap();
    assert_eq!(early.events, []);
    let due = now.decide(&ballots, VoteInput::Due, &moment(3_600)).unwrap();
    assert_eq!(due.vote.outcome, Some(Outcome::NoQuorum));
    assert_eq!((due.vote.decided.clone(), due.next.is_none()), (None, true));
    assert_eq!(kinds(&due), ["vote.closed", "vote.escalated"]);
    let late = says("x", "a", "");
    assert!(now.decide(&ballots, late.clone(), &moment(3_600)).is_err());
    assert!(due.vote.decide(&ballots, late, &moment(20)).is_err());
    let left = due.vote.decide(&ballots, VoteInput::Close, &moment(4_000)).unwrap();
    assert_eq!((left.vote.asks, left.vote.decided), (None, None));
    let mark = VoteInput::Mark { right: true, instead: None, why: None };
    assert!(due.vote.decide(&ballots, mark, &moment(4_000)).is_err(), "nothing was decided");
}

/// MISSION row 111: in the second round each reads the reasons of the first; changes are listed.
#[test]
fn row_111_rounds_show_the_reasons_before_and_list_who_changed() {
    let mut rule = Rule::of(Method::Majority);
    rule.rounds = 3;
    let vote = opened(rule, &["a", "b"], &["x", "y", "z"]);
    let mut ballots = Vec::new();
    let mut now = vote;
    assert!(!ask(&now, "x", &ballots, ETHICS).contains("ROUND"));
    for (voter, option) in [("x", "a"), ("y", "b"), ("z", "b")] {
        now = cast(&now, &mut ballots, voter, option);
    }
    assert_eq!((now.round, now.state), (2, State::Open));
    let asked = ask(&now, "x", &ballots, ETHICS);
    assert!(asked.contains("> because of y") && asked.contains("x (you): a"), "{asked}");
    for (voter, option) in [("x", "b"), ("y", "b"), ("z", "b")] {
        now = cast(&now, &mut ballots, voter, option);
    }
    // All agree: no third round.
    assert_eq!((now.round, now.state), (2, State::Closed));
    let change = Change { voter: "x".into(), round: 2, from: "a".into(), to: "b".into() };
    assert_eq!(now.changes, [change]);
    assert_eq!(now.decided.as_ref().unwrap().option, "b");
    assert_eq!(now.tallies.len(), 2);
    let all = records([Judged { vote: &now, ballots: &ballots }].into_iter());
    assert_eq!((all.decided, all.voters["x"].votes), (1, 1));
}

#[test]
fn a_veto_ends_a_vote_about_safety_and_only_that() {
    let mut rule = Rule::of(Method::Majority);
    let open_vote = opened(rule.clone(), &["a", "b"], &["x", "y", "z"]);
    assert!(open_vote.decide(&[], says("x", "!", ""), &moment(1)).is_err());
    rule.security = true;
    let vote = opened(rule, &["a", "b"], &["x", "y", "z"]);
    let mut ballots = Vec::new();
    let moved = step(&vote, &mut ballots, says("x", "!", "it opens a port"));
    assert_eq!(moved.vote.outcome, Some(Outcome::Failed));
    assert!(moved.vote.asks.as_deref().unwrap().contains("--follows"), "{:?}", moved.vote.asks);
    let decide = VoteInput::Decide { option: "a".into(), why: String::new() };
    assert!(moved.vote.decide(&ballots, decide, &moment(9)).is_err());
}

#[test]
fn answers_that_are_no_ballot_are_never_guessed_at() {
    let vote = opened(Rule::of(Method::Majority), &["a", "b"], &["x", "y"]);
    let good =
        "I think so.\n```json\n{\"option\": \"b\", \"reason\": \"r\", \"confidence\": 0.8}\n```";
    let given = read_ballot(&vote, good).unwrap();
    assert_eq!(given.says, Says::Choice { option: "b".into() });
    assert_eq!((given.reason.as_str(), given.confidence), ("r", Some(80)));
    for bad in [
        "a",
        "I vote for a!",
        "{\"option\": \"c\"}",
        "{\"option\": 3}",
        "{\"option\": \"a\"",
        "{\"option\": \"a\", \"abstain\": true}",
        "{\"veto\": true}",
        "",
    ] {
        assert!(read_ballot(&vote, bad).is_err(), "{bad}");
    }
    let shown = "{\"option\": \"a\"} was my first thought, but {\"option\": \"b\"}";
    assert_eq!(read_ballot(&vote, shown).unwrap().says, Says::Choice { option: "b".into() });
    let abstains = read_ballot(&vote, "{\"abstain\": true, \"reason\": \"unsure\"}").unwrap();
    assert_eq!(abstains.says, Says::Abstain);
}

#[test]
fn two_thirds_agree_or_a_person_is_asked() {
    let rule = Rule::two_thirds_or_person();
    let mut ballots = Vec::new();
    let mut now = opened(rule.clone(), &["a", "b"], &["x", "y", "z"]);
    for (voter, option) in [("x", "a"), ("y", "a"), ("z", "b")] {
        now = cast(&now, &mut ballots, voter, option);
    }
    assert_eq!(now.decided.as_ref().map(|decided| decided.option.as_str()), Some("a"));
    let mut ballots = Vec::new();
    let mut now = opened(rule, &["a", "b", "c"], &["x", "y", "z"]);
    for (voter, option) in [("x", "a"), ("y", "c"), ("z", "b")] {
        now = cast(&now, &mut ballots, voter, option);
    }
    assert!(now.decided.is_none() && now.next.is_none() && now.asks.is_some());
}

#[test]
fn an_open_question_has_two_passes_and_one_text_of_all() {
    let mut rule = Rule::of(Method::Plurality);
    rule.rounds = 2;
    let mut opening = opening(rule, &[], &["x", "y"]);
    opening.form = Form::Question;
    opening.mediator = Some("x".into());
    let (mut now, _) = open(opening, &moment(0)).unwrap();
    let mut ballots = Vec::new();
    let answer = |now: &Vote, ballots: &mut Vec<Ballot>, voter: &str, text: &str| {
        let given = read_ballot(now, &format!("{{\"answer\": \"{text}\"}}")).unwrap();
        let input = VoteInput::Cast {
            voter: voter.into(),
            says: given.says,
            reason: given.reason,
            confidence: None,
            run: None,
        };
        step(now, ballots, input).vote
    };
    now = answer(&now, &mut ballots, "x", "use axum");
    now = answer(&now, &mut ballots, "y", "use hyper");
    assert!(ask(&now, "x", &ballots, ETHICS).contains("> use hyper"));
    now = answer(&now, &mut ballots, "x", "axum on hyper");
    now = answer(&now, &mut ballots, "y", "axum is fine");
    assert_eq!(now.state, State::Mediating);
    assert!(synthesize(&now, &ballots, ETHICS).contains("> axum is fine"));
    let text = read_proposal(&now, "{\"answer\": \"axum\"}").unwrap().text;
    now = step(&now, &mut ballots, VoteInput::Proposed { text, run: None }).vote;
    assert_eq!((now.synthesis.as_deref(), now.state), (Some("axum"), State::Closed));
    assert_eq!(ballots.len(), 5, "the synthesis is a link of the chain, too");
    assert_eq!(faults(&now, &ballots, None, &[]), []);
}
