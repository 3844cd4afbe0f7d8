//! Votes on the real binary: people and scripts of the shell vote, rows are changed behind its back.

use crate::harness::{Home, text};
use crate::site::Site;
use crate::support::database;
use serde_json::{Value, json};

/// An agent that gives this ballot, and another one when it has read what the others said.
fn voter(first: &str, then: &str) -> String {
    let line = |ballot: &str| {
        let line = json!({"type": "text", "text": ballot}).to_string();
        format!("printf '%s\\n' '{}'", line.replace('\'', "'\\''"))
    };
    format!(
        "#!/bin/sh\nprompt=$(cat)\ncase \"$prompt\" in\n*'# ROUND 2'*) {} ;;\n*) {} ;;\nesac\n",
        line(then),
        line(first)
    )
}

fn ballot(option: &str, reason: &str) -> String {
    json!({"option": option, "reason": reason, "confidence": 0.7}).to_string()
}

/// Opens a vote among people; its id.
fn open(home: &Home, flags: &[&str]) -> String {
    let vote = home.json(&[&["vote", "open", "Which way?"], flags].concat());
    vote["id"].as_str().expect("an id").to_owned()
}

fn cast(home: &Home, id: &str, voter: &str, option: &str) -> Value {
    let why = format!("because of {voter}");
    home.json(&["vote", "cast", id, "--voter", voter, "--option", option, "--reason", &why])
}

fn show(home: &Home, id: &str) -> Value {
    home.json(&["vote", "show", id])
}

fn closed(home: &Home, id: &str) -> Value {
    home.wait("the vote's end", || {
        let vote = show(home, id);
        (vote["state"] == "closed").then_some(vote)
    })
}

/// Applies a rule to ballots from a file, without a daemon.
fn tally(home: &Home, election: &Value) -> Value {
    let file = home.dir.join("election.json");
    std::fs::write(&file, election.to_string()).expect("the file");
    home.json(&["vote", "tally", &file.display().to_string()])
}

fn split() -> Value {
    ["a", "a", "b", "a", "b"]
        .iter()
        .zip(["v", "w", "x", "y", "z"])
        .map(|(choice, voter)| json!({"voter": voter, "choice": choice}))
        .collect()
}

#[test]
fn row_103_three_to_two_by_four_methods() {
    let mut home = Home::new("");
    for (method, outcome) in [
        ("unanimous", "failed"),
        ("supermajority", "failed"),
        ("majority", "decided"),
        ("plurality", "decided"),
    ] {
        let counted =
            tally(&home, &json!({"method": method, "options": ["a", "b"], "ballots": split()}));
        assert_eq!(counted["outcome"], outcome, "{counted}");
        let winner = if outcome == "decided" { json!("a") } else { Value::Null };
        assert_eq!(counted["winner"], winner, "{counted}");
    }
    // The same by a vote that is kept: the method that was stored is the one that decides (B15).
    home.up();
    for (method, decided) in [("supermajority", Value::Null), ("majority", json!("a"))] {
        let id = open(
            &home,
            &["--option", "a", "--option", "b", "--people", "v,w,x,y,z", "--method", method],
        );
        for (voter, option) in [("v", "a"), ("w", "a"), ("x", "b"), ("y", "a"), ("z", "b")] {
            cast(&home, &id, voter, option);
        }
        let vote = show(&home, &id);
        assert_eq!((&vote["state"], &vote["decided"]["option"]), (&json!("closed"), &decided));
    }
    // What makes no sense is refused with its place.
    let file = home.dir.join("bad.json");
    let bad = json!({"method": "majority", "options": ["a", "b"],
        "ballots": [{"voter": "v", "choice": "a"}, {"voter": "w", "choice": "c"}]});
    std::fs::write(&file, bad.to_string()).unwrap();
    let said = home.fails(&["vote", "tally", &file.display().to_string()], 1);
    assert!(said.contains("ballots[1].choice") && said.contains("\"c\""), "{said}");
    std::fs::write(&file, "{\"method\": \n nonsense}").unwrap();
    let said = home.fails(&["vote", "tally", &file.display().to_string()], 1);
    assert!(said.contains(":2:"), "{said}");
}

#[test]
fn row_104_an_instant_run_off_by_rounds() {
    let home = Home::new("");
    let rank = |voter: &str, ranking: [&str; 3]| json!({"voter": voter, "ranking": ranking});
    let counted = tally(
        &home,
        &json!({"method": "ranked", "options": ["a", "b", "c"], "ballots": [
            rank("v1", ["a", "b", "c"]), rank("v2", ["a", "c", "b"]), rank("v3", ["b", "c", "a"]),
            rank("v4", ["b", "a", "c"]), rank("v5", ["c", "b", "a"])]}),
    );
    assert_eq!((&counted["outcome"], &counted["winner"]), (&json!("decided"), &json!("b")));
    let rounds = counted["rounds"].as_array().expect("rounds");
    assert_eq!(rounds[0]["votes"], json!({"a": 2, "b": 2, "c": 1}));
    assert_eq!(rounds[0]["eliminated"], "c");
    assert_eq!(rounds[1]["votes"], json!({"a": 2, "b": 3}));
    assert_eq!(rounds.len(), 2);
}

#[test]
fn row_105_the_weight_of_the_domain_turns_two_to_three() {
    let mut home = Home::new("votes: { weights: { garden: \"ann 5\" } }\n");
    home.up();
    let voters = "claude,chatgpt,gemini,grok,copilot";
    for (domain, winner) in [("cloud", "x"), ("general", "y")] {
        let flags = ["--option", "x", "--option", "y", "--method", "weighted"];
        let id = open(&home, &[&flags[..], &["--domain", domain, "--others", voters]].concat());
        for (voter, option) in
            [("gemini", "x"), ("claude", "x"), ("chatgpt", "y"), ("grok", "y"), ("copilot", "y")]
        {
            cast(&home, &id, voter, option);
        }
        let vote = show(&home, &id);
        assert_eq!(vote["decided"]["option"], winner, "{vote}");
        let gemini = &vote["electorate"][2];
        let weight = if domain == "cloud" { 2.0 } else { 1.0 };
        assert_eq!((&gemini["name"], &gemini["weight"]), (&json!("gemini"), &json!(weight)));
    }
    // The configuration's own row.
    let flags = ["--option", "x", "--option", "y", "--domain", "garden", "--people", "ann,bob"];
    let vote = show(&home, &open(&home, &flags));
    assert_eq!(vote["electorate"][0]["weight"], 5.0);
    let said = home.run(&[
        "vote", "open", "q", "--option", "x", "--option", "y", "--domain", "cooking", "--people",
        "ann",
    ]);
    assert!(text(&said.stderr).contains("architecture"), "{}", text(&said.stderr));
}

#[test]
fn row_106_quorum_abstention_ties_and_veto() {
    let mut home = Home::new("");
    home.up();
    let two = ["--option", "a", "--option", "b"];
    let five = ["--people", "v,w,x,y,z"];
    let id = open(&home, &[&two[..], &five].concat());
    cast(&home, &id, "v", "a");
    cast(&home, &id, "w", "a");
    // A ballot is never changed.
    let again = ["vote", "cast", &id, "--voter", "v", "--option", "b"];
    assert!(home.fails(&again, 4).contains("never changed"));
    home.fails(&["vote", "cast", &id, "--voter", "nobody", "--option", "b"], 4);
    // Two of five: no decision, and a person is asked.
    let ended = home.run(&["vote", "close", &id, "--json"]);
    assert_eq!(ended.status.code(), Some(14), "{}", text(&ended.stderr));
    let vote = show(&home, &id);
    assert_eq!((&vote["outcome"], &vote["decided"]), (&json!("no_quorum"), &Value::Null));
    let needs = home.json(&["status"])["needs_you"].to_string();
    assert!(needs.contains(&id), "{needs}");
    home.ok(&["vote", "decide", &id, "--option", "b", "--reason", "I say so"]);
    assert_eq!(show(&home, &id)["decided"]["by"], "person:cli");
    let needs = home.json(&["status"])["needs_you"].to_string();
    assert!(!needs.contains(&id), "{needs}");
    // Who abstains takes part.
    let id = open(&home, &[&two[..], &five, &["--method", "unanimous"]].concat());
    cast(&home, &id, "v", "a");
    cast(&home, &id, "w", "a");
    home.ok(&["vote", "cast", &id, "--voter", "x", "--abstain"]);
    home.ok(&["vote", "close", &id]);
    assert_eq!(show(&home, &id)["decided"]["option"], "a");
    // A tie goes to the one with the highest weight.
    let tie = ["--people", "v,w,x,y", "--weight", "x=2.0", "--method", "plurality"];
    let id = open(&home, &[&two[..], &tie].concat());
    for (voter, option) in [("v", "a"), ("w", "a"), ("x", "b"), ("y", "b")] {
        cast(&home, &id, voter, option);
    }
    let vote = show(&home, &id);
    assert_eq!(vote["decided"]["option"], "b", "{vote}");
    let broken = &vote["tallies"][0]["tie_break"];
    assert_eq!((&broken["by"], &broken["voter"]), (&json!("expertise"), &json!("x")));
    // A lot is drawn once, and is kept: counting again gives the same.
    let id = open(&home, &[&two[..], &["--people", "v,w", "--method", "plurality"]].concat());
    cast(&home, &id, "v", "a");
    cast(&home, &id, "w", "b");
    let vote = show(&home, &id);
    assert_eq!(vote["tallies"][0]["tie_break"]["by"], "random", "{vote}");
    assert_eq!(home.json(&["vote", "replay", &id])["same"], true);
    // A veto needs a new proposal.
    let id = open(&home, &[&two[..], &["--people", "v,w,x", "--security"]].concat());
    cast(&home, &id, "v", "a");
    home.run(&["vote", "cast", &id, "--voter", "w", "--veto", "--reason", "it opens a port"]);
    let vote = show(&home, &id);
    assert_eq!((&vote["outcome"], &vote["decided"]), (&json!("failed"), &Value::Null));
    home.fails(&["vote", "decide", &id, "--option", "a"], 4);
    let anew = ["vote", "open", "Which way?", "--people", "v,w,x", "--follows", &id];
    home.fails(&[&anew[..], &two].concat(), 4);
    home.ok(&[&anew[..], &["--option", "a", "--option", "c"]].concat());
}

#[test]
fn row_107_a_deadlock_of_three_is_voted_on_again_between_two() {
    let mut home = Home::new("");
    home.up();
    let id =
        open(&home, &["--option", "a", "--option", "b", "--option", "c", "--people", "v,w,x,y,z"]);
    for (voter, option) in [("v", "a"), ("w", "b"), ("x", "c"), ("y", "b"), ("z", "a")] {
        cast(&home, &id, voter, option);
    }
    let vote = show(&home, &id);
    assert_eq!((&vote["outcome"], &vote["decided"]), (&json!("deadlock"), &Value::Null));
    let next = vote["next"].as_str().expect("a run-off").to_owned();
    let run_off = show(&home, &next);
    assert_eq!(run_off["follows"], json!({"vote": id, "kind": "runoff"}));
    let ids: Vec<&Value> =
        run_off["options"].as_array().unwrap().iter().map(|option| &option["id"]).collect();
    assert_eq!(ids, ["a", "b"]);
    for (voter, option) in [("v", "a"), ("w", "b"), ("x", "b"), ("y", "b"), ("z", "a")] {
        cast(&home, &next, voter, option);
    }
    assert_eq!(show(&home, &next)["decided"]["option"], "b");
    // The first vote knows it, too.
    let first = show(&home, &id);
    assert_eq!(
        (&first["decided"]["option"], &first["decided"]["vote"]),
        (&json!("b"), &json!(next))
    );
    assert_eq!(home.events("vote.resolved").len(), 1);
}

#[test]
fn row_108_a_mediator_makes_a_third_option_that_names_both_sides() {
    let proposal = json!({"proposal": "first b, then a",
        "keeps": {"a": ["it is fast"], "b": ["it is cheap"]}});
    let site = Site::new(&[(
        "judge",
        "script",
        &voter(&proposal.to_string(), &proposal.to_string()),
        json!({}),
    )]);
    let target = site.target.display().to_string();
    let id = open(
        &site.home,
        &[
            "--option",
            "a",
            "--option",
            "b",
            "--people",
            "v,w",
            "--method",
            "unanimous",
            "--mediator",
            "judge",
            "--target",
            &target,
        ],
    );
    cast(&site.home, &id, "v", "a");
    cast(&site.home, &id, "w", "b");
    let vote = closed(&site.home, &id);
    let next = vote["next"].as_str().unwrap_or_else(|| panic!("{vote}")).to_owned();
    let second = show(&site.home, &next);
    assert_eq!(second["follows"]["kind"], "compromise");
    let third = &second["options"][2];
    assert_eq!((&third["id"], &third["proposed_by"]), (&json!("compromise"), &json!("judge")));
    let words = third["text"].as_str().unwrap();
    assert!(words.contains("it is fast") && words.contains("it is cheap"), "{words}");
    // The mediator was told the reasons of both.
    let runs = site.home.json(&["run", "list"]);
    let prompt = runs["runs"][0]["prompt"].as_str().unwrap();
    assert!(prompt.contains("because of v") && prompt.contains("because of w"), "{prompt}");
    cast(&site.home, &next, "v", "compromise");
    cast(&site.home, &next, "w", "compromise");
    assert_eq!(show(&site.home, &id)["decided"]["option"], "compromise");
}

#[test]
fn row_109_a_changed_ballot_is_found_and_honest_ones_pass() {
    let mut home = Home::new("");
    home.up();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let id = open(&home, &["--option", "a", "--option", "b", "--people", "v,w,x"]);
        for (voter, option) in [("v", "a"), ("w", "b"), ("x", "a")] {
            cast(&home, &id, voter, option);
        }
        ids.push(id);
    }
    let honest = home.json(&["vote", "verify"]);
    assert_eq!((&honest["ok"], &honest["ballots"]), (&json!(true), &json!(15)), "{honest}");
    let change = |id: &str, sql: &str| {
        let connection = database(&home);
        let key = id.replace('-', "");
        let changed = connection.execute(&sql.replace("ID", &format!("x'{key}'")), []).unwrap();
        assert_eq!(changed, 1, "{sql}");
    };
    change(
        &ids[0],
        "UPDATE ballot SET body = replace(body, '\"b\"', '\"a\"') WHERE vote = ID AND number = 2",
    );
    change(&ids[1], "DELETE FROM ballot WHERE vote = ID AND number = 3");
    change(
        &ids[2],
        "UPDATE vote SET body = replace(body, '\"method\":\"majority\"', '\"method\":\"plurality\"') WHERE id = ID",
    );
    change(
        &ids[3],
        "UPDATE vote SET body = replace(body, '\"winner\":\"a\"', '\"winner\":\"b\"') WHERE id = ID",
    );
    for (index, id) in ids.iter().enumerate() {
        let found = home.run(&["vote", "verify", id, "--json"]);
        let code = if index < 4 { 7 } else { 0 };
        assert_eq!(found.status.code(), Some(code), "{index}: {}", text(&found.stdout));
    }
    let all = home.run(&["vote", "verify", "--json"]);
    assert_eq!(all.status.code(), Some(7));
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    let votes: std::collections::BTreeSet<&str> =
        all["faults"].as_array().unwrap().iter().filter_map(|one| one["vote"].as_str()).collect();
    assert_eq!(votes, ids[..4].iter().map(String::as_str).collect());
    // Counting again tells it of the outcome that was changed.
    home.fails(&["vote", "replay", &ids[3]], 7);
    assert_eq!(home.json(&["vote", "replay", &ids[4]])["same"], true);
}

#[test]
fn row_110_a_failed_vote_leaves_the_decisions_as_they_were() {
    let mut home = Home::new("");
    home.up();
    let decisions =
        |home: &Home| home.json(&["vote", "list", "--state", "decided"])["votes"].clone();
    let good = open(&home, &["--option", "a", "--option", "b", "--people", "v"]);
    cast(&home, &good, "v", "a");
    let before = decisions(&home);
    assert_eq!(before.as_array().unwrap().len(), 1);
    let count = home.events("vote.decided").len();
    let id = open(
        &home,
        &["--option", "a", "--option", "b", "--people", "v,w,x", "--method", "supermajority"],
    );
    for (voter, option) in [("v", "a"), ("w", "a"), ("x", "b")] {
        cast(&home, &id, voter, option);
    }
    assert_eq!(show(&home, &id)["outcome"], "failed");
    // The deadline ends a vote also when the daemon was away at that time.
    let late =
        open(&home, &["--option", "a", "--option", "b", "--people", "v,w,x", "--deadline", "1s"]);
    home.kill_daemon();
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    home.up();
    assert_eq!(closed(&home, &late)["outcome"], "no_quorum");
    assert_eq!(decisions(&home), before);
    assert_eq!(home.events("vote.decided").len(), count);
    home.fails(&["vote", "mark", &late, "right"], 4);
    home.ok(&["vote", "mark", &good, "wrong", "--instead", "b"]);
    let stats = home.json(&["stats"]);
    assert_eq!((&stats["votes_wrong"], &stats["votes_right"]), (&json!(1), &json!(0)));
    assert_eq!(stats["records"][0]["wrong"], 1, "{stats}");
}

#[test]
fn row_111_rounds_and_a_committee_of_two_passes() {
    let x = voter(&ballot("a", "x likes a"), &ballot("b", "y is right"));
    let y = voter(&ballot("b", "b is cheaper"), &ballot("b", "still cheaper"));
    let z = voter("I would rather not say", &ballot("b", "as y says"));
    let ask = |text: &str| json!({"answer": text}).to_string();
    let p = voter(
        &ask("use a lock"),
        &json!({"answer": "a lock and a lease",
        "changed": "q reminded me of leases"})
        .to_string(),
    );
    let q = voter(&ask("use a lease"), &ask("a lease"));
    let site = Site::new(&[
        ("x", "script", &x, json!({})),
        ("y", "script", &y, json!({})),
        ("z", "script", &z, json!({})),
        ("p", "script", &p, json!({})),
        ("q", "script", &q, json!({})),
    ]);
    let target = site.target.display().to_string();
    let flags = ["--option", "a", "--option", "b", "--agents", "x,y,z", "--rounds", "3"];
    let id = open(&site.home, &[&flags[..], &["--target", &target]].concat());
    let vote = closed(&site.home, &id);
    assert_eq!(vote["decided"]["option"], "b", "{vote}");
    assert_eq!(vote["round"], 2, "all agreed, so there is no third round");
    assert!(
        vote["changes"]
            .as_array()
            .unwrap()
            .contains(&json!({"voter": "x", "round": 2, "from": "a", "to": "b"})),
        "{vote}"
    );
    // What is no ballot is present, and never a vote.
    let ballots = vote["ballots"].as_array().unwrap();
    let first = ballots.iter().find(|one| one["voter"] == "z" && one["round"] == 1).unwrap();
    assert_eq!(first["abstain"], true);
    assert!(first["reason"].as_str().unwrap().contains("no ballot"), "{first}");
    // Round 2 shows the reasons of round 1.
    let runs = site.home.json(&["run", "list"]);
    let second: Vec<&str> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|run| run["prompt"].as_str())
        .filter(|prompt| prompt.contains("# ROUND 2"))
        .collect();
    assert_eq!(second.len(), 3);
    for prompt in second {
        assert!(prompt.contains("x likes a") && prompt.contains("b is cheaper"), "{prompt}");
        assert!(prompt.contains("Do not lie."), "{prompt}");
    }
    assert_eq!(site.home.json(&["vote", "verify"])["ok"], true);

    let asked = site.home.json(&[
        "vote",
        "ask",
        "How do two workers not do one task twice?",
        "--agents",
        "p,q",
        "--target",
        &target,
        "--wait",
    ]);
    assert_eq!(asked["state"], "closed", "{asked}");
    let of = |round: u64, voter: &str| {
        let ballots = asked["ballots"].as_array().unwrap();
        let one = ballots.iter().find(|one| one["round"] == round && one["voter"] == voter);
        one.unwrap_or_else(|| panic!("{round} {voter}: {asked}")).clone()
    };
    assert_eq!(of(1, "p")["answer"], "use a lock");
    assert_eq!(of(2, "p")["changed"], "q reminded me of leases");
    assert_eq!(asked["synthesis"], of(3, "p")["answer"]);
    assert_eq!(site.home.json(&["vote", "verify"])["ok"], true);
}
