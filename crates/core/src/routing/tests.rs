//! The score as MISSION 2.4 has it, and who gets what.

use super::*;

fn agent(name: &str, kind: &str) -> Agent {
    Agent {
        name: name.into(),
        kind: kind.into(),
        strengths: default_strengths(kind).iter().map(|word| (*word).to_owned()).collect(),
        parallel: default_parallel(kind),
        ..Agent::default()
    }
}

fn five() -> Vec<Agent> {
    [
        ("gemini", "gemini"),
        ("chatgpt", "openai"),
        ("claude", "claude"),
        ("copilot", "github"),
        ("grok", "xai"),
    ]
    .map(|(name, kind)| agent(name, kind))
    .to_vec()
}

fn task(kind: &str, title: &str) -> Wanted {
    Wanted { kind: kind.into(), specialties: wanted(kind, &[], &[], title), ..Wanted::default() }
}

fn record(verified: u64, refuted: u64) -> Record {
    Record { verified, refuted, failed: 0 }
}

fn of<'a>(choice: &'a Choice, name: &str) -> &'a Candidate {
    choice.why.iter().find(|candidate| candidate.agent == name).unwrap()
}

/// `score = min(100, 50 + 15 per matching specialty); penalty = min(100, int(20 x (active + locked)
/// x (1 - 0.3 x success))); final = score - penalty`, worked out by hand.
#[test]
fn row_094_the_ten_cases_of_the_score_reproduce() {
    // matching, active, locked, completed, failed; score, penalty, final
    let table = [
        (0, 0, 0, 0, 0, 50, 0, 50),
        (1, 0, 0, 0, 0, 65, 0, 65),
        (2, 0, 0, 9, 1, 80, 0, 80),
        (3, 0, 0, 0, 0, 95, 0, 95),
        (4, 0, 0, 0, 0, 100, 0, 100),
        // No work done: success 1, 20 x 1 x 0.7 = 14.
        (1, 1, 0, 0, 0, 65, 14, 51),
        // 20 x 2 x (1 - 0.3 x 0.5) = 34.
        (0, 1, 1, 5, 5, 50, 34, 16),
        // 20 x 1 x (1 - 0.3 x 2/3) = 16.
        (1, 0, 1, 2, 1, 65, 16, 49),
        // 20 x 3 x (1 - 0.3 x 3/7) = 52.28…, cut to 52.
        (2, 2, 1, 3, 4, 80, 52, 28),
        // 20 x 6 x 1 = 120, not more than 100: below zero is allowed.
        (0, 6, 0, 0, 3, 50, 100, -50),
    ];
    for (matching, active, locked, completed, failed, score, taken, rating) in table {
        assert_eq!(suitability(matching), score, "{matching} strengths");
        let penalty = penalty(active, locked, completed, failed);
        assert_eq!(penalty, taken, "{active} + {locked}, {completed} of {}", completed + failed);
        assert_eq!(i64::from(score) - i64::from(penalty), rating);
    }
}

#[test]
fn strengths_and_tasks_use_the_same_words() {
    // Defect B17: there only these three found anything at all.
    for (kind, title, winner, rating) in [
        ("code", "Add a parser", "copilot", 65),
        ("deployment", "Put the rules of Firebase into place", "gemini", 65),
        ("content", "Write the marketing copy", "chatgpt", 95),
        ("documentation", "Explain the flags", "claude", 65),
        ("test", "Cover the parser", "claude", 65),
        ("bug_fix", "The list is empty", "claude", 65),
        ("refactor", "Split the module", "copilot", 65),
        ("research", "Compare engines: an analysis", "grok", 80),
        ("code", "Make the database schema of Firebase cost less", "gemini", 95),
        ("review", "Look at the change", "claude", 65),
    ] {
        let choice = choose(&task(kind, title), &five(), Policy::Score);
        let best = choice.why.iter().map(|of| of.rating).max().unwrap();
        assert_eq!(of(&choice, winner).rating, rating, "{title}: {:?}", choice.why);
        assert_eq!(best, rating, "{title}");
    }
    // A word is a word as a whole: "latest" is no test, "encode" no code.
    assert_eq!(wanted("x", &[], &[], "the latest encoder"), ["x".to_owned()].into());
    assert!(wanted("x", &["Code Review".into()], &[], "").contains("code_review"));
}

#[test]
fn ties_go_by_the_list_then_by_name() {
    let mut agents = five();
    agents.extend([agent("zed", "script"), agent("abe", "script")]);
    let choice = choose(&task("anything", ""), &agents, Policy::Record);
    let order: Vec<&str> = choice.why.iter().map(|of| of.agent.as_str()).collect();
    assert_eq!(order, ["gemini", "chatgpt", "claude", "copilot", "grok", "abe", "zed"]);
    assert_eq!(choice.rule, Rule::Score);
}

#[test]
fn a_better_record_wins_and_the_choice_says_so() {
    let mut agents = vec![agent("a", "claude"), agent("b", "script")];
    assert_eq!(choose(&task("test", ""), &agents, Policy::Record).agent.as_deref(), Some("a"));
    agents[0].record = record(1, 3);
    agents[1].record = record(4, 0);
    let choice = choose(&task("test", ""), &agents, Policy::Record);
    assert_eq!((choice.agent.as_deref(), choice.rule), (Some("b"), Rule::Record));
    assert!(choice.sentence.contains("track record at test tasks (4 of 4 verified"), "{choice:?}");
    // With the score as policy the record says nothing.
    assert_eq!(choose(&task("test", ""), &agents, Policy::Score).agent.as_deref(), Some("a"));
}

#[test]
fn records_that_are_near_or_short_leave_it_to_the_score() {
    let mut agents = vec![agent("a", "claude"), agent("b", "script")];
    agents[0].record = record(7, 1);
    agents[1].record = record(9, 1);
    let choice = choose(&task("test", ""), &agents, Policy::Record);
    assert_eq!((choice.agent.as_deref(), choice.rule), (Some("a"), Rule::Score));
    agents[0].record = record(0, 2);
    agents[1].record = record(2, 0);
    assert_eq!(choose(&task("test", ""), &agents, Policy::Record).agent.as_deref(), Some("a"));
    // One that nobody knows comes before one that is known to be bad.
    agents[0].record = record(0, 3);
    agents[1].record = Record::default();
    assert_eq!(choose(&task("test", ""), &agents, Policy::Record).agent.as_deref(), Some("b"));
}

#[test]
fn the_named_agent_is_waited_for_unless_it_fails() {
    let mut agents = vec![agent("a", "script"), agent("b", "script")];
    let given = Wanted { assigned: Some("b".into()), ..task("code", "") };
    let choice = choose(&given, &agents, Policy::Record);
    assert_eq!((choice.agent.as_deref(), choice.rule), (Some("b"), Rule::Assigned));
    agents[1].out = Some(Reason::Held { why: "lunch".into(), until: None });
    let choice = choose(&given, &agents, Policy::Record);
    assert_eq!((choice.agent.clone(), choice.rule), (None, Rule::Nobody));
    assert!(choice.is_stuck() && choice.sentence.contains("lunch"), "{}", choice.sentence);
    agents[1].out = Some(Reason::Breaker { until: Timestamp::from_second(60).unwrap() });
    let choice = choose(&given, &agents, Policy::Record);
    assert_eq!((choice.agent.as_deref(), choice.rule), (Some("a"), Rule::Failover));
    assert!(choice.sentence.contains("in place of b"), "{}", choice.sentence);
    let unknown = Wanted { assigned: Some("c".into()), ..task("code", "") };
    let choice = choose(&unknown, &agents, Policy::Record);
    assert!(choice.agent.is_none() && choice.sentence.contains("no such agent"));
}

#[test]
fn one_that_tried_is_passed_over_while_there_is_another() {
    let mut agents = vec![agent("a", "script"), agent("b", "script")];
    let mut wanted = task("code", "");
    wanted.avoid = vec![("a".into(), "not logged in".into())];
    let choice = choose(&wanted, &agents, Policy::Record);
    assert_eq!((choice.agent.as_deref(), choice.rule), (Some("b"), Rule::Failover));
    // The other one is only busy: it is waited for.
    (agents[1].parallel, agents[1].active) = (Some(1), 1);
    let choice = choose(&wanted, &agents, Policy::Record);
    assert!(choice.agent.is_none() && !choice.is_stuck(), "{choice:?}");
    // There is no other one: better the same again than nobody.
    agents[1].out = Some(Reason::Missing { why: "It was not found.".into() });
    assert_eq!(choose(&wanted, &agents, Policy::Record).agent.as_deref(), Some("a"));
}

#[test]
fn limits_needs_and_sessions_exclude() {
    let mut agents = vec![agent("a", "claude"), agent("b", "script")];
    agents[0].active = 2;
    let choice = choose(&task("test", ""), &agents, Policy::Record);
    assert_eq!((choice.agent.as_deref(), choice.rule), (Some("b"), Rule::Only));
    assert_eq!(of(&choice, "a").excluded, Some(Reason::Busy { has: 2, may: 2 }));
    let gpu = Wanted { needs: vec!["GPU".into()], ..task("test", "") };
    assert!(choose(&gpu, &agents, Policy::Record).is_stuck());
    agents[1].capabilities = vec!["gpu".into()];
    assert_eq!(choose(&gpu, &agents, Policy::Record).agent.as_deref(), Some("b"));
    let among = Wanted { among: Some(vec!["a".into()]), ..task("test", "") };
    let choice = choose(&among, &agents, Policy::Record);
    assert!(choice.agent.is_none() && !choice.is_stuck());
    let choice = choose(&task("test", ""), &[], Policy::Record);
    assert!(choice.sentence.contains("no agent can be started"), "{}", choice.sentence);
}

#[test]
fn the_selector_by_load_takes_the_least_loaded_of_the_domain() {
    let mut agents = five();
    let choice = choose(&task("code", ""), &agents, Policy::Load);
    assert_eq!(choice.agent.as_deref(), Some("claude"));
    assert_eq!(of(&choice, "gemini").excluded, Some(Reason::Domain));
    agents[2].active = 1;
    assert_eq!(choose(&task("code", ""), &agents, Policy::Load).agent.as_deref(), Some("copilot"));
    // 1 / 0.9 is less than 1 / max(0.05, 0.1) = 10.
    agents[3].active = 1;
    agents[2].overall = record(9, 1);
    agents[3].overall = record(1, 19);
    assert_eq!(choose(&task("code", ""), &agents, Policy::Load).agent.as_deref(), Some("claude"));
    assert!((weighted_load(1, 1, 19) - 10.0).abs() < 1e-9);
    assert!((weighted_load(3, 0, 0) - 3.0).abs() < 1e-9);
}

#[test]
fn row_095_ten_equal_tasks_spread_within_each_maximum() {
    let mut agents = five();
    let mut got = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..10 {
        let choice = choose(&task("other", ""), &agents, Policy::Record);
        let name = choice.agent.unwrap();
        agents.iter_mut().find(|agent| agent.name == name).unwrap().active += 1;
        *got.entry(name).or_default() += 1;
    }
    assert_eq!(got.len(), 5, "all five have work: {got:?}");
    for agent in &agents {
        assert!(agent.active <= agent.parallel.unwrap(), "{agent:?}");
    }
}
