//! The work of tasks is judged by others: what opens reviews, and how a concern goes round until the
//! work is approved or a person is asked.

use crate::site::Site;
use serde_json::{Value, json};

/// Does its work in `door.txt`, tells what its prompt names, and stays at work while a file says so. When
/// it is asked to review, it approves a door that is shut, unless it is told to judge otherwise.
const AGENT: &str = r#"#!/bin/sh
cat > prompt.txt
if grep -q 'REVIEW REQUEST' prompt.txt; then
  if grep -q shut door.txt; then verdict=approved; else verdict=concerns; fi
  verdict=${JUDGE:-$verdict}
  echo "No blocker found, approved."
  printf '{"type":"ended","ok":true,"summary":"{\\"verdict\\":\\"%s\\",\\"summary\\":\\"shut the door\\"}"}\n' "$verdict"
  exit 0
fi
if grep -q 'NEW INSTRUCTION' prompt.txt; then echo shut > door.txt; else echo open > door.txt; fi
for word in milestone blocker request_review; do
  grep -q "tell $word" prompt.txt && echo "{\"type\":\"$word\",\"text\":\"about the door\"}"
done
grep -q 'tell words' prompt.txt && echo '{"type":"text","text":"milestone reached, preview ready, blocker: none, please review"}'
while [ -e "$STAY" ] && [ "$ORKESTRA_ATTEMPT" -ge "${STAY_FROM:-1}" ]; do sleep 0.05; done
echo '{"type":"ended","ok":true,"summary":"The best door that ever was."}'
"#;

fn site(agents: &[&str], env: &Value, reviews: &Value) -> Site {
    let list: Vec<_> = agents.iter().map(|name| (*name, "script", AGENT, json!({}))).collect();
    let site = Site::new(&list);
    configure(&site, agents, env, reviews);
    site
}

fn configure(site: &Site, agents: &[&str], env: &Value, reviews: &Value) {
    let mut env = env.clone();
    env["STAY"] = json!(stay(site));
    let list: serde_json::Map<String, Value> = agents
        .iter()
        .map(|name| {
            let program = site.home.dir.join(format!("{name}.sh")).display().to_string();
            ((*name).to_owned(), json!({"kind": "script", "command": [program], "env": env}))
        })
        .collect();
    site.home.configure(&json!({"agents": list, "reviews": reviews}).to_string());
    site.home.ok(&["config", "reload"]);
}

fn stay(site: &Site) -> String {
    site.home.dir.join("stay").display().to_string()
}

fn hold(site: &Site, hold: bool) {
    if hold {
        std::fs::write(stay(site), "").expect("a file");
    } else {
        std::fs::remove_file(stay(site)).expect("the file");
    }
}

fn create(site: &Site, prompt: &str, agent: &str, flags: &[&str]) -> String {
    let target = site.target.display().to_string();
    let fixed = ["task", "create", prompt, "--agent", agent, "--target", &target];
    let task = site.home.json(&[&fixed[..], flags].concat());
    task["id"].as_str().expect("an id").to_owned()
}

fn task(site: &Site, id: &str) -> Value {
    site.home.json(&["task", "show", id])
}

fn wait_task(site: &Site, id: &str, state: &str) -> Value {
    site.home.wait(&format!("task {id} to be {state}"), || {
        let task = task(site, id);
        (task["state"] == state).then_some(task)
    })
}

/// All reviews of a task, the oldest first.
fn reviews(site: &Site, task: &str) -> Vec<Value> {
    let page = site.home.api("GET", &format!("/api/v1/reviews?task={task}"), "").json();
    let mut list = page["reviews"].as_array().expect("reviews").clone();
    list.reverse();
    list
}

fn wait_reviews(site: &Site, task: &str, what: &str, so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    site.home.wait(what, || {
        let list = reviews(site, task);
        so(&list).then_some(list)
    })
}

fn kinds(list: &[Value]) -> Vec<&str> {
    list.iter().filter_map(|review| review["trigger"]["kind"].as_str()).collect()
}

#[test]
fn row_060_each_trigger_starts_one_review_and_words_start_none() {
    let approve = json!({"JUDGE": "approved"});
    let site = site(&["ann", "bob"], &approve, &json!({"silence": "1h"}));
    let closed =
        |list: &[Value]| !list.is_empty() && list.iter().all(|one| one["state"] == "closed");
    for (word, kind) in
        [("milestone", "milestone"), ("blocker", "blocker"), ("request_review", "request")]
    {
        hold(&site, true);
        let id = create(&site, &format!("make a door, tell {word}"), "ann", &[]);
        let list = wait_reviews(&site, &id, word, closed);
        assert_eq!(kinds(&list), [kind], "{list:#?}");
        assert_eq!(list[0]["seats"][0]["reviewer"], "bob");
        hold(&site, false);
        wait_task(&site, &id, "verified");
        assert_eq!(kinds(&reviews(&site, &id)), [kind], "one event, one review");
    }
    // Words in a text are words.
    let id = create(&site, "make a door, tell words", "ann", &[]);
    let done = wait_task(&site, &id, "verified");
    assert_eq!(reviews(&site, &id), Vec::<Value>::new(), "{done:#}");
    // Reported as done, and a person.
    let id = create(&site, "make a door", "ann", &["--review", "required"]);
    let done = wait_task(&site, &id, "verified");
    assert_eq!(kinds(&reviews(&site, &id)), ["reported"]);
    let run =
        done["runs"][0]["id"].as_str().or(done["runs"][0].as_str()).expect("a run").to_owned();
    site.home.ok(&["run", "review", &run]);
    let list = wait_reviews(&site, &id, "the person's", |list| list.len() == 2 && closed(list));
    assert_eq!(kinds(&list), ["reported", "person"]);
    // Nothing is heard for long: once, however long it lasts.
    configure(&site, &["ann", "bob"], &approve, &json!({"silence": "2s"}));
    hold(&site, true);
    let id = create(&site, "make a door", "ann", &[]);
    let list = wait_reviews(&site, &id, "silence", closed);
    assert_eq!(kinds(&list), ["silence"]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    hold(&site, false);
    wait_task(&site, &id, "verified");
    assert_eq!(kinds(&reviews(&site, &id)), ["silence"]);
    assert_eq!(site.home.events("review.opened").len(), 6);
}

#[test]
fn a_concern_goes_back_and_the_mended_work_is_approved() {
    let site = site(&["ann", "bob"], &json!({}), &json!({}));
    let id = create(&site, "make a door", "ann", &["--review", "required"]);
    // Killed in the middle of it all: nothing is lost, nothing is done twice.
    let mut site = site;
    wait_reviews(&site, &id, "a review", |list| !list.is_empty());
    site.home.kill_daemon();
    site.home.up();
    wait_task(&site, &id, "verified");
    let list = reviews(&site, &id);
    assert_eq!(kinds(&list), ["reported", "reported"], "{list:#?}");
    assert_eq!(list[0]["verdict"], "concerns");
    assert_eq!(list[0]["decisions"][0]["action"], "LOG_WARNING");
    assert_eq!(list[1]["verdict"], "approved");
    assert_eq!(list[1]["decisions"][0]["action"], "CONTINUE");
    let run = site.show(list[0]["run"].as_str().expect("a run"));
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(2), "{run:#}");
    assert_eq!(run["instructions"].as_array().map(Vec::len), Some(1));
    assert_eq!(run["decisions"].as_array().map(Vec::len), Some(2));
    let door = format!("{}/door.txt", run["worktree"].as_str().expect("a worktree"));
    assert_eq!(std::fs::read_to_string(door).expect("the door").trim(), "shut");
    // It was at work again in between.
    let states: Vec<Value> =
        site.home.events("task.began").iter().map(|event| event["body"]["again"].clone()).collect();
    assert_eq!(states, [json!(false), json!(true)]);
}

#[test]
fn row_064_one_concern_causes_a_second_review_and_the_third_asks_a_person() {
    let env = json!({"JUDGE": "concerns", "STAY_FROM": "2"});
    let site = site(&["ann", "bob"], &env, &json!({"again_after": "2s"}));
    hold(&site, true);
    let id = create(&site, "make a door", "ann", &["--review", "required"]);
    let list = wait_reviews(&site, &id, "the third round", |list| {
        list.len() == 3 && list[2]["state"] == "needs_person"
    });
    assert_eq!(kinds(&list), ["reported", "again", "again"]);
    let rounds: Vec<u64> = list.iter().filter_map(|review| review["round"].as_u64()).collect();
    assert_eq!(rounds, [1, 2, 3]);
    let time = |text: &Value| -> jiff::Timestamp {
        text.as_str().expect("a time").parse().expect("a time")
    };
    for pair in list.windows(2) {
        let waited =
            time(&pair[1]["created_at"]).duration_since(time(&pair[0]["decisions"][0]["at"]));
        assert!(waited.as_secs() >= 2, "too early: {waited:?}");
        assert_eq!(pair[0]["decisions"][0]["action"], "LOG_WARNING");
    }
    // Nothing was approved, so nothing is done.
    assert_ne!(task(&site, &id)["state"], "verified");
    let third = list[2]["id"].as_str().expect("an id");
    site.home.ok(&["review", "answer", third, "stop", "--note", "enough"]);
    wait_task(&site, &id, "cancelled");
    hold(&site, false);
}

#[test]
fn row_122_finished_work_is_reviewed_in_turn_and_never_by_its_author() {
    let names = ["ann", "bob", "cid"];
    let site = site(&names, &json!({"JUDGE": "approved"}), &json!({}));
    let tasks: Vec<(String, &str)> = (0..6)
        .map(|n| {
            let author = names[n % 3];
            (create(&site, &format!("door {n}"), author, &["--review", "required"]), author)
        })
        .collect();
    let mut turns = std::collections::BTreeMap::new();
    for (id, author) in &tasks {
        wait_task(&site, id, "verified");
        let list = reviews(&site, id);
        assert_eq!(kinds(&list), ["reported"]);
        let reviewer = list[0]["seats"][0]["reviewer"].as_str().expect("a reviewer").to_owned();
        assert_ne!(reviewer, *author, "{list:#?}");
        *turns.entry(reviewer).or_insert(0) += 1;
    }
    assert_eq!(turns.len(), 3, "each has its turn: {turns:?}");
}
