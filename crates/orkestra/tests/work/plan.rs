//! Plans: asked of an agent for this goal, checked, reviewed, shown to the person, made into tasks.

use crate::crew::{Crew, plan};
use serde_json::{Value, json};

const THREE: [&str; 3] = ["ann", "bob", "cy"];

fn keys(session: &Value) -> Vec<&str> {
    let tasks = session["plan"]["tasks"].as_array().expect("a plan");
    tasks.iter().map(|task| task["key"].as_str().unwrap_or_default()).collect()
}

fn task<'a>(session: &'a Value, key: &str) -> &'a Value {
    let tasks = session["plan"]["tasks"].as_array().expect("a plan");
    tasks.iter().find(|task| task["key"] == key).expect("the task")
}

/// MISSION row 56: the planner sees the goal itself, and two goals give two graphs in the three roles.
#[test]
fn row_056_two_goals_are_divided_in_two_ways() {
    let crew = Crew::new(&THREE, json!({}));
    let three = [
        ("sketch", json!({"role": "architect_designer", "agent": "ann"})),
        ("tower", json!({"agent": "bob", "depends": ["sketch"]})),
        (
            "look",
            json!({"role": "problem_solver_reviewer", "agent": "cy", "kind": "review",
            "deliverables": [], "depends": ["tower"]}),
        ),
    ];
    crew.answers("plan", "lighthouse", &plan(&three));
    crew.answers("plan", "kettle", &plan(&[("water", json!({})), ("fire", json!({}))]));
    let [one, other] = ["Build a lighthouse", "Boil a kettle"]
        .map(|goal| crew.wait(&crew.begin(goal, &["--plan-only"]), "awaiting_person"));
    assert_eq!(keys(&one), ["sketch", "tower", "look"]);
    assert_eq!(keys(&other), ["water", "fire"]);
    assert_eq!(task(&one, "tower")["depends"], json!(["sketch"]));
    let roles: Vec<&Value> =
        ["sketch", "tower", "look"].iter().map(|key| &task(&one, key)["role"]).collect();
    assert_eq!(roles, ["architect_designer", "code_writer_implementer", "problem_solver_reviewer"]);
    assert_eq!(one["planned_by"], "ann", "the architect plans");
    // The script saw nothing but the prompt, and in it the goal word by word.
    let prompts = crew.seen("ann", "plan");
    assert!(prompts[0].contains("\nBuild a lighthouse\n"), "{}", prompts[0]);
    // Nothing is made before the person says so.
    assert!(one["tasks"].as_array().expect("a list").is_empty());
    assert_eq!(crew.seen_by_all("work"), 0);
}

/// MISSION row 57: the planner, too, is given the seven headings with the goal word by word.
#[test]
fn row_057_a_planner_is_given_the_seven_headings_and_the_goal() {
    let crew = Crew::new(&THREE, json!({}));
    crew.answers("plan", "odd", &plan(&[("a", json!({}))]));
    let goal = "Do \"odd\" things\n\twith `care` & $HOME";
    let session = crew.wait(&crew.begin(goal, &["--plan-only"]), "awaiting_person");
    let run = session["runs"][0]["id"].as_str().expect("a run");
    let charter = crew.home.data().join("runs").join(run).join("charter.md");
    let text = std::fs::read_to_string(charter).expect("the charter");
    let headings = [
        "# TASK",
        "# USER REQUEST",
        "# RESPONSIBILITIES",
        "# DELIVERABLES",
        "# COMPLEXITY",
        "# ESTIMATED TOKENS",
        "# REPORTS",
    ];
    let places: Vec<usize> =
        headings.iter().map(|heading| text.find(heading).expect(heading)).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains(goal), "{text}");
    assert!(text.contains("Your role: planner"), "{text}");
}

#[test]
fn a_plan_that_cannot_be_carried_out_is_asked_for_again_with_its_problems() {
    let crew = Crew::new(&THREE, json!({}));
    let bad = [
        ("malformed", "```json\n{\"tasks\": [\n```".to_owned(), "cannot be read"),
        (
            "cyclic",
            format!(
                "{}",
                plan(&[("a", json!({"depends": ["b"]})), ("b", json!({"depends": ["a"]}))])
            ),
            "in a circle: a → b → a",
        ),
        (
            "stranger",
            format!("{}", plan(&[("a", json!({"agent": "dora"}))])),
            "there is no agent \"dora\"; there are: ann, bob, cy",
        ),
    ];
    for (goal, answer, problem) in bad {
        crew.says("plan", goal, &answer);
        crew.answers("again", goal, &plan(&[("good", json!({}))]));
        let id = crew.begin(&format!("Something {goal}"), &["--plan-only"]);
        let session = crew.wait(&id, "awaiting_person");
        assert_eq!(keys(&session), ["good"], "{goal}");
        let refused = crew.told(&id, "session.plan_refused");
        assert_eq!(refused.len(), 1, "{goal}");
        assert!(
            refused[0]["body"]["problems"].to_string().contains(&problem.replace('"', "\\\"")),
            "{}",
            refused[0]["body"]
        );
        let again = crew.seen("ann", "again");
        let prompt = again.last().expect("it was asked again");
        assert!(prompt.contains(problem), "{prompt}");
        assert!(prompt.contains(&format!("Something {goal}")), "{prompt}");
    }
}

#[test]
fn a_planner_that_never_plans_is_asked_three_times_then_the_work_is_divided_by_roles() {
    let crew = Crew::new(&THREE, json!({}));
    let id = crew.begin("Paint the fence", &["--plan-only"]);
    let session = crew.wait(&id, "awaiting_person");
    assert_eq!(session["planned_by"], "template");
    assert_eq!(crew.told(&id, "session.plan_refused").len(), 3);
    assert_eq!((crew.seen("ann", "plan").len(), crew.seen("ann", "again").len()), (1, 2));
    assert_eq!(keys(&session), ["design", "implement", "review"]);
    let agents: Vec<&Value> =
        ["design", "implement", "review"].iter().map(|key| &task(&session, key)["agent"]).collect();
    assert_eq!(agents, ["ann", "bob", "cy"]);
    assert!(task(&session, "implement")["prompt"].to_string().contains("Paint the fence"));
    // Another person wants to be asked instead.
    let id = crew.begin("Paint the fence", &["--involvement", "high"]);
    let session = crew.wait(&id, "awaiting_person");
    assert_eq!(session["question"]["about"], "no_plan");
    let needs = crew.home.status()["needs_you"].to_string();
    assert!(needs.contains(&id), "{needs}");
}

/// MISSION row 59: agents that are taken away one by one give the documented tier, and it is told who
/// takes over.
#[test]
fn row_059_each_tier_says_who_takes_over() {
    let crew = Crew::new(&THREE, json!({}));
    let tier = |gone: &[&str]| {
        for name in gone {
            crew.home.ok(&["agent", "pause", name, "--why", "away"]);
        }
        let session = crew.show(&crew.begin("Anything", &["--plan-only"]));
        crew.home.ok(&["session", "stop", session["id"].as_str().expect("an id")]);
        for name in gone {
            crew.home.ok(&["agent", "resume", name]);
        }
        session["roles"].clone()
    };
    let cases: [(&[&str], u64, &str); 5] = [
        (&[], 1, ""),
        (&["cy"], 2, "Without cy, ann looks for faults"),
        (&["bob"], 3, "Without bob, ann writes the code"),
        (&["ann"], 4, "Without ann, bob designs"),
        (&["ann", "cy"], 5, "bob is alone"),
    ];
    for (gone, expected, note) in cases {
        let roles = tier(gone);
        assert_eq!(roles["tier"], expected, "{roles}");
        let notes = roles["notes"].to_string();
        assert!(notes.contains(note), "{notes}");
        let missing = roles["missing"].as_array().map_or(0, Vec::len);
        assert_eq!(missing, gone.len(), "{roles}");
    }
    for name in THREE {
        crew.home.ok(&["agent", "pause", name, "--why", "away"]);
    }
    let target = crew.target.display().to_string();
    let said =
        crew.home.run(&["run", "x", "--agents", "ann,bob,cy", "--target", &target, "--detach"]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("none of the agents can work now"), "{said}");
    // A name that nobody has is a mistake, and no tier.
    let said = crew.home.run(&["run", "x", "--agents", "anne", "--target", &target, "--detach"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("anne"));
}

/// MISSION row 77: with the flag no work starts before all other agents commented, and what they suggest
/// is merged.
#[test]
fn row_077_no_work_begins_before_all_agents_commented() {
    let crew = Crew::new(&THREE, json!({"sessions": {"plan_rounds": 1}}));
    crew.answers("plan", "bridge", &plan(&[("a", json!({}))]));
    crew.answers("revise", "bridge", &plan(&[("a", json!({})), ("b", json!({}))]));
    crew.answers(
        "comment",
        "bridge",
        &json!({"agrees": false, "suggestions": ["Test the load first."]}),
    );
    crew.hold("comment", true);
    let id = crew.begin("Build a bridge", &["--plan-review", "--plan-only"]);
    crew.wait(&id, "plan_review");
    crew.home.wait("both to be asked", || (crew.seen_by_all("comment") == 2).then_some(()));
    let session = crew.show(&id);
    assert!(session["tasks"].as_array().expect("a list").is_empty(), "{session:#}");
    assert_eq!(crew.seen("ann", "comment").len(), 0, "who planned does not comment");
    assert!(crew.seen("bob", "comment")[0].contains("\"key\": \"a\""));
    crew.hold("comment", false);
    let session = crew.wait(&id, "awaiting_person");
    assert_eq!(session["comments"].as_array().map(Vec::len), Some(2));
    let revise = crew.seen("ann", "revise");
    assert!(revise[0].contains("- bob: Test the load first."), "{}", revise[0]);
    assert_eq!(keys(&session), ["a", "b"]);
    crew.home.ok(&["session", "approve", &id]);
    crew.home.wait("work", || (crew.seen_by_all("work") > 0).then_some(()));
    let of = |kind: &str| crew.told(&id, kind).last().expect(kind)["seq"].as_u64();
    assert!(of("session.commented") < of("session.began"));
}

/// MISSION row 113: high asks after every round, low only at the end.
#[test]
fn row_113_involvement_says_how_often_the_person_is_asked() {
    let crew = Crew::new(&THREE, json!({"sessions": {"plan_rounds": 2}}));
    crew.answers("plan", "garden", &plan(&[("a", json!({}))]));
    crew.answers("revise", "garden", &plan(&[("a", json!({}))]));
    crew.answers("comment", "garden", &json!({"agrees": false, "suggestions": ["More roses."]}));
    for (word, times) in [("high", 3), ("medium", 1), ("low", 0)] {
        let id = crew.begin("Plant a garden", &["--plan-review", "--involvement", word]);
        for _ in 0..times {
            let session = crew.wait(&id, "awaiting_person");
            assert_eq!(session["question"]["about"], "plan", "{word}");
            crew.home.ok(&["session", "approve", &id]);
            crew.home.wait("the answer to be taken", || {
                (crew.show(&id)["question"] != session["question"]).then_some(())
            });
        }
        let session = crew.home.wait("the work", || {
            let session = crew.show(&id);
            session["began_at"].is_string().then_some(session)
        });
        assert_eq!(crew.told(&id, "session.asked").len(), times, "{word}: {session:#}");
        crew.home.ok(&["session", "stop", &id]);
    }
}

/// MISSION row 112: an approved plan becomes tasks that depend on each other, in phases.
#[test]
fn row_112_an_approved_plan_becomes_tasks_in_phases() {
    let crew = Crew::new(&THREE, json!({}));
    let tasks = [
        ("ground", json!({"phase": "foundation", "priority": "high"})),
        ("walls", json!({"phase": "features", "depends": ["ground"]})),
        ("roof", json!({"phase": "features", "depends": ["walls"]})),
        ("party", json!({"phase": "deployment", "depends": ["roof", "walls"]})),
    ];
    crew.answers("plan", "house", &plan(&tasks));
    crew.hold("work", true);
    let id = crew.begin("Build a house", &["--plan-only"]);
    crew.wait(&id, "awaiting_person");
    // The person may write the plan; one that cannot be carried out is refused with its problems.
    let mut edited = crew.home.json(&["session", "plan", &id]);
    edited["tasks"][3]["depends"] = json!(["roof", "nobody"]);
    let file = crew.home.dir.join("plan.json");
    std::fs::write(&file, edited.to_string()).expect("a file");
    let said = crew.home.run(&["session", "plan", &id, "--edit", file.to_str().expect("a path")]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("no task has this key") && said.contains("ORK-1103"), "{said}");
    edited["tasks"][3]["depends"] = json!(["roof"]);
    edited["tasks"][3]["title"] = json!("The big party");
    std::fs::write(&file, edited.to_string()).expect("a file");
    crew.home.ok(&["session", "plan", &id, "--edit", file.to_str().expect("a path")]);
    crew.home.ok(&["session", "approve", &id]);
    let session = crew.wait(&id, "working");
    let made: Vec<(String, String)> = session["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| {
            let text = |key: &str| task[key].as_str().unwrap_or_default().to_owned();
            (text("key"), text("phase"))
        })
        .collect();
    let wanted = [
        ("ground", "foundation"),
        ("walls", "features"),
        ("roof", "features"),
        ("party", "deployment"),
    ];
    assert_eq!(made, wanted.map(|(key, phase)| (key.to_owned(), phase.to_owned())));
    assert_eq!(session["tasks"][3]["title"], "The big party");
    let shown =
        crew.home.json(&["task", "show", session["tasks"][3]["id"].as_str().expect("an id")]);
    let depends = shown["depends"].to_string();
    assert!(depends.contains(session["tasks"][2]["id"].as_str().expect("an id")), "{shown:#}");
    assert_eq!(session["tasks"][1]["state"], "waiting", "{session:#}");
    crew.hold("work", false);
    crew.home.ok(&["session", "stop", &id]);
    crew.wait(&id, "cancelled");
}
