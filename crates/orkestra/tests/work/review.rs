//! Other agents judge the work: what opens a review, who is asked, what is read of the answer, and
//! what follows (MISSION 1.1-1.3, 2.6).

use crate::site::Site;
use serde_json::{Value, json};

/// Does its work in `door.txt`: opens the door, and shuts it when it is told so. What else is in its
/// prompt it tells as events.
const AUTHOR: &str = r#"#!/bin/sh
cat > prompt.txt
if grep -q 'NEW INSTRUCTION' prompt.txt; then echo shut > door.txt; else echo open > door.txt; fi
echo "step $ORKESTRA_ATTEMPT" >> steps.txt
while [ -e "$STAY" ]; do sleep 0.05; done
echo '{"type":"ended","ok":true,"summary":"The best door that ever was."}'
"#;

/// Keeps what it was asked, looks at the work itself, and says something misleading before its verdict.
const REVIEWER: &str = r#"#!/bin/sh
cat > request.txt
if grep -q shut door.txt; then verdict=approved; else verdict=concerns; fi
echo "No blocker found, approved. I see no concerns."
printf '{"type":"ended","ok":true,"summary":"{\\"verdict\\":\\"%s\\",\\"summary\\":\\"about the door\\",\\"issues\\":[{\\"severity\\":\\"medium\\",\\"description\\":\\"is it shut?\\",\\"file\\":\\"door.txt\\",\\"line\\":1}]}"}\n' $verdict
"#;

fn agents(authors: &[&str], reviewers: &[(&str, &str)]) -> Site {
    let authors = authors.iter().map(|name| (*name, "script", AUTHOR, json!({})));
    let reviewers = reviewers.iter().map(|(name, script)| (*name, "script", *script, json!({})));
    Site::new(&authors.chain(reviewers).collect::<Vec<_>>())
}

/// The same agents with other words about reviews.
fn configure(site: &Site, agents: &[&str], reviews: Value) {
    let stay = site.home.dir.join("stay").display().to_string();
    let list: serde_json::Map<String, Value> = agents
        .iter()
        .map(|name| {
            let program = site.home.dir.join(format!("{name}.sh")).display().to_string();
            let agent = json!({"kind": "script", "command": [program], "env": {"STAY": stay}});
            ((*name).to_owned(), agent)
        })
        .collect();
    let yaml = json!({"agents": list, "reviews": reviews});
    site.home.configure(&yaml.to_string());
    site.home.ok(&["config", "reload"]);
}

fn wait_review(site: &Site, id: &str, state: &str) -> Value {
    site.home.wait(&format!("review {id} to be {state}"), || {
        let review = site.home.json(&["review", "show", id]);
        (review["state"] == state).then_some(review)
    })
}

fn start(site: &Site, run: &str) -> String {
    let review = site.home.json(&["run", "review", run, "--focus", "the door"]);
    review["id"].as_str().expect("an id").to_owned()
}

fn worktree_file(run: &Value, name: &str) -> String {
    let path = format!("{}/{name}", run["worktree"].as_str().expect("a worktree"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn row_061_the_reviewer_really_gets_the_request_and_its_verdict_is_stored() {
    let site = agents(&["ann"], &[("bob", REVIEWER)]);
    configure(&site, &["ann", "bob"], json!({}));
    let run = site.begin("ann", &[]);
    site.wait_state(&run, "verified");
    let id = start(&site, &run);
    let review = wait_review(&site, &id, "needs_person");
    // Its process got the question, the change and the evidence; not the author's praise.
    let seat = &review["seats"][0];
    let asked = site.show(seat["run"].as_str().expect("a run"));
    let request = worktree_file(&asked, "request.txt");
    for part in ["# REVIEW REQUEST", "the door", "+open", "changed: passed", "At most 200 words"] {
        assert!(request.contains(part), "{part} is missing: {request}");
    }
    assert!(!request.contains("best door"), "{request}");
    // It works on the author's commit.
    assert_eq!(worktree_file(&asked, "door.txt").trim(), "open");
    // The words around the verdict said "approved"; the structure says "concerns".
    assert_eq!(seat["reviewer"], "bob");
    assert_eq!(seat["opinion"]["verdict"], "concerns", "{review:#}");
    assert_eq!(seat["opinion"]["issues"][0]["file"], "door.txt");
    assert_eq!(review["decisions"][0]["action"], "LOG_WARNING");
    let told = site.home.events("review.verdict");
    assert_eq!((told.len(), told[0]["body"]["verdict"].as_str()), (1, Some("concerns")));
    let shown = site.show(&run);
    assert_eq!(shown["reviews"][0]["id"], id.as_str(), "{shown:#}");
    assert_eq!(shown["decisions"][0]["action"], "LOG_WARNING");
    // A person hands it back: the author mends it, and the next review approves.
    site.home.ok(&["review", "answer", &id, "concern", "--note", "please shut it"]);
    let author = site.home.wait("the second attempt", || {
        let run = site.show(&run);
        (run["state"] == "verified" && run["attempts"].as_array()?.len() == 2).then_some(run)
    });
    let told = worktree_file(&author, "prompt.txt");
    assert!(told.contains("please shut it") && told.contains("is it shut?"), "{told}");
    let again = start(&site, &run);
    let review = wait_review(&site, &again, "closed");
    assert_eq!((review["verdict"].as_str(), review["round"].as_u64()), (Some("approved"), Some(2)));
    assert_eq!(review["decisions"][0]["action"], "CONTINUE");
    let request = site.show(review["seats"][0]["run"].as_str().expect("a run"));
    let request = worktree_file(&request, "request.txt");
    assert!(request.contains("round 1, bob"), "earlier findings are shown: {request}");
}

#[test]
fn row_066_a_review_is_a_file_too_and_equals_its_row() {
    let site = agents(&["ann"], &[("bob", REVIEWER)]);
    configure(&site, &["ann", "bob"], json!({}));
    let run = site.begin("ann", &[]);
    site.wait_state(&run, "verified");
    let id = start(&site, &run);
    let review = wait_review(&site, &id, "needs_person");
    let file = review["file"].as_str().expect("a file").to_owned();
    assert!(file.ends_with(&format!("runs/{run}/reviews/review_001.json")), "{file}");
    let read =
        || -> Option<Value> { serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok() };
    site.home.wait("the file", || (read()? == review["stored"]).then_some(()));
    // A new daemon writes what is missing.
    let mut site = site;
    std::fs::remove_file(&file).expect("the file");
    site.home.kill_daemon();
    site.home.up();
    site.home.wait("the file again", || (read()? == review["stored"]).then_some(()));
    // A person's word is in it, too.
    site.home.ok(&["review", "answer", &id, "approve", "--note", "good enough"]);
    let review = site.home.json(&["review", "show", &id]);
    assert_eq!(review["person"]["note"], "good enough");
    site.home.wait("the newer file", || (read()? == review["stored"]).then_some(()));
    assert!(site.home.fails(&["review", "answer", &id, "stop"], 4).contains("closed"));
}

/// Says what its name is set to say, each time anew: the first words, and later ones.
fn speaker(first: &str, later: &str) -> String {
    let say = |text: &str| {
        let quoted = serde_json::to_string(text).expect("JSON");
        let line = json!({"type": "ended", "ok": true, "summary": "said"}).to_string();
        format!("cat <<'END'\n{{\"type\":\"text\",\"text\":{quoted}}}\n{line}\nEND\n")
    };
    format!(
        "#!/bin/sh\ncat > request.txt\nif [ \"$ORKESTRA_ATTEMPT\" = 1 ]; then\n{}else\n{}fi\n",
        say(first),
        say(later)
    )
}

const APPROVED: &str = r#"{"verdict":"approved","summary":"fine"}"#;

#[test]
fn row_062_the_two_hundred_words_hold() {
    let many = vec!["word"; 300].join(" ");
    let long = format!("```json\n{{\"verdict\":\"blocker\",\"summary\":\"{many}\"}}\n```");
    // Sent back once, and short then.
    let site = agents(&["ann"], &[("bob", &speaker(&long, APPROVED))]);
    configure(&site, &["ann", "bob"], json!({}));
    let run = site.begin("ann", &[]);
    site.wait_state(&run, "verified");
    let review = wait_review(&site, &start(&site, &run), "closed");
    let seat = &review["seats"][0];
    assert_eq!(seat["opinion"]["verdict"], "approved", "{review:#}");
    assert!(seat["sent_back"].as_str().expect("why").contains("300 words"), "{review:#}");
    let asked = site.show(seat["run"].as_str().expect("a run"));
    assert!(worktree_file(&asked, "request.txt").contains("at most 200 words"));
    assert_eq!(asked["attempts"].as_array().map(Vec::len), Some(2));
    // Long again: cut, and it says so.
    let site = agents(&["ann"], &[("bob", &speaker(&long, &long))]);
    configure(&site, &["ann", "bob"], json!({}));
    let run = site.begin("ann", &[]);
    site.wait_state(&run, "verified");
    let review = wait_review(&site, &start(&site, &run), "needs_person");
    let opinion = &review["seats"][0]["opinion"];
    assert_eq!((opinion["cut"].as_bool(), opinion["words"].as_u64()), (Some(true), Some(300)));
    let words = opinion["summary"].as_str().expect("a summary").split_whitespace().count();
    assert!(words <= 201, "{words}");
    assert_eq!(review["decisions"][0]["action"], "STOP_AND_ESCALATE");
    let command = format!("orkestra review show {}", review["short"].as_str().expect("an id"));
    site.home.wait("a person to be asked", || {
        let status = site.home.status();
        let needs = status["needs_you"].as_array()?.iter().any(|need| need["action"] == command);
        needs.then_some(())
    });
}

/// The verdicts that reviewers give lead to this action.
fn leads_to(answers: &[&str], reviews: Value, state: &str, action: &str, reason: &str) {
    let names = ["bob", "cid", "dan"];
    let scripts: Vec<String> = answers.iter().map(|answer| speaker(answer, answer)).collect();
    let reviewers: Vec<(&str, &str)> =
        names.iter().copied().zip(scripts.iter().map(String::as_str)).collect();
    let site = agents(&["ann"], &reviewers);
    let all: Vec<&str> =
        ["ann"].into_iter().chain(reviewers.iter().map(|(name, _)| *name)).collect();
    configure(&site, &all, reviews);
    let run = site.begin("ann", &[]);
    site.wait_state(&run, "verified");
    let review = wait_review(&site, &start(&site, &run), state);
    let decision = &review["decisions"][0];
    assert_eq!(decision["action"], action, "{answers:?}: {review:#}");
    assert_eq!(decision["reason"], reason, "{review:#}");
    let told = site.home.events("review.decided");
    assert_eq!(told[0]["body"]["action"], action);
    assert!(!told[0]["body"]["next_steps"].as_array().expect("steps").is_empty());
}

#[test]
fn row_063_verdicts_lead_to_the_four_actions() {
    let concern = r#"{"verdict":"concerns","summary":"hm"}"#;
    let blocker = r#"{"verdict":"blocker","summary":"no"}"#;
    let two = || json!({"reviewers": 2});
    let warning = "LOG_WARNING";
    leads_to(
        &[APPROVED, blocker],
        two(),
        "needs_person",
        "STOP_AND_ESCALATE",
        "1 blocker detected",
    );
    let reason = "2 reviewers have concerns";
    leads_to(&[concern, concern], two(), "needs_person", "PAUSE_AND_CLARIFY", reason);
    leads_to(&[APPROVED, concern], two(), "needs_person", warning, "1 reviewer has concerns");
    let praise = format!("No blocker found, approved\n{APPROVED}");
    leads_to(&[APPROVED, &praise], two(), "closed", "CONTINUE", "all 2 reviewers approved it");
    // Approval in words alone is no verdict, also the second time that it is asked.
    leads_to(&["Approved, no concerns."], json!({}), "watching", warning, "no verdict was given");
    let reason = "1 of 2 reviewers gave no verdict";
    leads_to(&[APPROVED, "Approved."], two(), "watching", warning, reason);
    // Nobody else is there: a person is asked.
    leads_to(&[], json!({}), "needs_person", warning, "nobody reviewed it");
}

#[test]
fn row_063_who_is_late_gives_no_verdict() {
    let never = "#!/bin/sh\ncat > request.txt\nsleep 600\n";
    let site = agents(&["ann"], &[("bob", never)]);
    configure(&site, &["ann", "bob"], json!({"deadline": "2s"}));
    let run = site.begin("ann", &[]);
    site.wait_state(&run, "verified");
    let review = wait_review(&site, &start(&site, &run), "watching");
    assert_eq!(review["verdict"], "no_verdict", "{review:#}");
    assert_eq!(review["decisions"][0]["action"], "LOG_WARNING");
    // Its run does not go on for nobody.
    let run = review["seats"][0]["run"].as_str().expect("a run");
    let ended = site.wait_over(run);
    assert!(["cancelled", "failed"].contains(&ended["state"].as_str().expect("a state")));
}
