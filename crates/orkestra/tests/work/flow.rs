//! From a ready task to a run and back: who gets it, how many at once, what follows from its end.

use crate::crew::{Crew, plan};
use crate::harness::Home;
use crate::support::repository;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Leaves a file and is done.
const WORKER: &str = "#!/bin/sh\ncat > /dev/null\necho work > done.txt\nsleep 0.2\necho done\n";

/// Waits for a file beside the configuration, then is done.
const PATIENT: &str =
    "#!/bin/sh\ncat > /dev/null\nwhile [ ! -e \"$GO\" ]; do sleep 0.05; done\necho done\n";

/// Fails at once.
const BROKEN: &str = "#!/bin/sh\ncat > /dev/null\necho 'it is broken' >&2\nexit 3\n";

/// Works only while a file is there.
const FRAGILE: &str = "#!/bin/sh\ncat > /dev/null\n[ -e \"$GO\" ] || exit 3\necho done\n";

/// A house with these agents: name, script, and what else is configured.
struct House {
    home: Home,
    target: PathBuf,
}

impl House {
    fn new(agents: &[(&str, &str, Value)], tasks: Value) -> Self {
        let mut home = Home::new("");
        let mut list = serde_json::Map::new();
        let go = home.dir.join("go").display().to_string();
        for (name, script, rest) in agents {
            let program = home.script(&format!("{name}.sh"), script);
            let mut agent = json!({"kind": "script", "command": [program.display().to_string()],
                "env": {"GO": go}});
            let rest = rest.as_object().expect("an object").clone();
            agent.as_object_mut().expect("an object").extend(rest);
            list.insert((*name).to_owned(), agent);
        }
        home.configure(&json!({"agents": list, "tasks": tasks}).to_string());
        home.up();
        let target = repository(&home);
        Self { home, target }
    }

    fn go(&self) {
        std::fs::write(self.home.dir.join("go"), "").expect("a file");
    }

    /// A task; its id.
    fn task(&self, title: &str, more: Value) -> String {
        let mut body = json!({"title": title, "prompt": title,
            "target": self.target.display().to_string(), "evidence": ["none"]});
        let more = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(more);
        let made = self.home.api("POST", "/api/v1/tasks", &body.to_string());
        assert!(made.status < 300, "{body}: {} {}", made.status, made.body);
        made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned()
    }

    fn show(&self, id: &str) -> Value {
        self.home.json(&["task", "show", id])
    }

    fn wait_task(&self, id: &str, state: &str) -> Value {
        self.home.wait(&format!("the task to be {state}: {}", self.show(id)), || {
            let task = self.show(id);
            (task["state"] == state).then_some(task)
        })
    }

    fn why(&self, id: &str) -> Value {
        self.home.json(&["task", "why", id])
    }

    /// The agents to whom the task was given, in order.
    fn takers(&self, id: &str) -> Vec<String> {
        self.of(id, "task.claimed").iter().map(|event| text(&event["body"]["agent"])).collect()
    }

    fn of(&self, id: &str, kind: &str) -> Vec<Value> {
        self.home.events(kind).into_iter().filter(|event| event["subject"] == id).collect()
    }

    /// The most tasks that were held at once, in all and by agent, as the journal tells it.
    fn most_at_once(&self) -> (usize, BTreeMap<String, usize>) {
        let mut held: BTreeMap<String, String> = BTreeMap::new();
        let (mut most, mut by_agent) = (0, BTreeMap::new());
        for event in self.home.events("task.*") {
            let id = text(&event["subject"]);
            match event["kind"].as_str().unwrap_or_default() {
                "task.claimed" => {
                    let agent = text(&event["body"]["agent"]);
                    assert!(held.insert(id, agent.clone()).is_none(), "claimed twice: {event}");
                    most = most.max(held.len());
                    let now = held.values().filter(|of| **of == agent).count();
                    let of: &mut usize = by_agent.entry(agent).or_default();
                    *of = now.max(*of);
                }
                "task.reported" | "task.failed" | "task.released" | "task.expired" => {
                    held.remove(&id);
                }
                _ => {}
            }
        }
        (most, by_agent)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn row_078_an_agent_that_is_free_gets_the_next_ready_task() {
    let house = House::new(
        &[("fast", WORKER, json!({"parallel": 1})), ("slow", PATIENT, json!({"parallel": 1}))],
        json!({}),
    );
    let first = house.task("the slow one", json!({"agent": "slow"}));
    house.wait_task(&first, "running");
    let rest: Vec<String> = (0..3).map(|n| house.task(&format!("work {n}"), json!({}))).collect();
    for id in &rest {
        house.wait_task(id, "verified");
        assert_eq!(house.takers(id), ["fast"]);
    }
    assert_eq!(house.show(&first)["state"], "running", "the slow one is still at it");
    house.go();
    house.wait_task(&first, "verified");
}

#[test]
fn row_094_a_coding_task_prefers_the_coder_and_says_by_which_score() {
    let house = House::new(
        &[
            ("author", WORKER, json!({"strengths": ["documentation", "copywriting"]})),
            ("coder", WORKER, json!({"strengths": ["coding", "api-design"]})),
        ],
        json!({}),
    );
    let id = house.task("Add an endpoint", json!({"kind": "code"}));
    house.wait_task(&id, "verified");
    assert_eq!(house.takers(&id), ["coder"]);
    let why = house.why(&id);
    let choice = &why["made"][0];
    assert_eq!((&choice["agent"], &choice["rule"]), (&json!("coder"), &json!("score")), "{why:#}");
    let of = |name: &str| {
        let all = choice["candidates"].as_array().expect("candidates").clone();
        all.into_iter().find(|of| of["agent"] == name).expect("a candidate")
    };
    assert_eq!(of("coder")["score"], 80, "{why:#}");
    assert_eq!(of("author")["score"], 50, "{why:#}");
    let told = house.home.ok(&["task", "why", &id]);
    assert!(told.contains("coder") && told.contains("author") && told.contains("80"), "{told}");
}

#[test]
fn row_095_equal_tasks_spread_within_each_agents_maximum() {
    let house = House::new(
        &[
            ("a", WORKER, json!({"parallel": 2})),
            ("b", WORKER, json!({"parallel": 3})),
            ("c", WORKER, json!({"parallel": 1})),
        ],
        json!({"running_max": 10}),
    );
    let ids: Vec<String> = (0..10).map(|n| house.task(&format!("work {n}"), json!({}))).collect();
    for id in &ids {
        house.wait_task(id, "verified");
    }
    let (most, by_agent) = house.most_at_once();
    assert!(most <= 6, "{most}");
    let limits = BTreeMap::from([("a", 2), ("b", 3), ("c", 1)]);
    assert_eq!(by_agent.len(), 3, "all of them had work: {by_agent:?}");
    for (agent, most) in by_agent {
        assert!(most <= limits[agent.as_str()], "{agent} had {most} at once");
    }
}

#[test]
fn row_096_twenty_ready_tasks_never_run_more_than_five_at_once_also_over_a_kill() {
    let mut house = House::new(&[("a", WORKER, json!({}))], json!({}));
    let ids: Vec<String> = (0..20).map(|n| house.task(&format!("work {n}"), json!({}))).collect();
    for round in 0..2 {
        house.home.wait("some to be done", || {
            (house.home.events("task.verified").len() > round * 4).then_some(())
        });
        house.home.kill_daemon();
        house.home.up();
    }
    for id in &ids {
        house.wait_task(id, "verified");
        // Begun once, done once: a daemon that was killed lost and doubled nothing.
        assert_eq!(house.takers(id).len(), 1, "{id}");
        assert_eq!(house.of(id, "task.verified").len(), 1, "{id}");
        assert_eq!(house.show(id)["runs"].as_array().map(Vec::len), Some(1));
    }
    let (most, _) = house.most_at_once();
    assert!(most <= 5, "{most} at once");
    assert!(most > 1, "they ran side by side");
}

#[test]
fn the_most_urgent_task_is_begun_first() {
    let house = House::new(&[("a", PATIENT, json!({}))], json!({"running_max": 1}));
    let first = house.task("in the way", json!({}));
    house.wait_task(&first, "running");
    let order = [("low", 3), ("critical", 0), ("medium", 2), ("high", 1), ("critical", 0)];
    let mut ids: Vec<(usize, String)> = order
        .iter()
        .map(|(priority, place)| {
            (*place, house.task(&format!("a {priority} one"), json!({"priority": priority})))
        })
        .collect();
    house.go();
    for (_, id) in &ids {
        house.wait_task(id, "verified");
    }
    ids.sort();
    let wanted: Vec<String> = ids.into_iter().map(|(_, id)| id).collect();
    let begun: Vec<String> = house
        .home
        .events("task.claimed")
        .iter()
        .map(|event| text(&event["subject"]))
        .filter(|id| *id != first)
        .collect();
    assert_eq!(begun, wanted);
}

#[test]
fn row_099_a_breaker_opens_at_three_failures_and_the_task_ends_on_another_agent() {
    let house = House::new(
        &[("a", BROKEN, json!({})), ("b", WORKER, json!({}))],
        json!({"retry": {"tries": 3, "initial": "50ms"}, "breaker": {"failures": 3, "open_for": "5m"}}),
    );
    let id = house.task("do it", json!({"agent": "a"}));
    let task = house.wait_task(&id, "verified");
    assert_eq!(house.takers(&id), ["a", "a", "a", "b"], "{task:#}");
    let opened = house.home.events("agent.breaker_opened");
    assert_eq!(opened.len(), 1);
    assert_eq!((&opened[0]["subject"], &opened[0]["body"]["failures"]), (&json!("a"), &json!(3)));
    let over = house.of(&id, "task.failed_over");
    assert_eq!(over.len(), 1, "the history says so");
    assert_eq!((&over[0]["body"]["from"], &over[0]["body"]["to"]), (&json!("a"), &json!("b")));
    let why = house.why(&id);
    assert_eq!(why["made"][0]["rule"], "failover", "{why:#}");
    assert!(text(&why["made"][0]["sentence"]).contains("in place of a"), "{why:#}");
    let list = house.home.json(&["agent", "list"]);
    assert_eq!(list["agents"][0]["tasks"]["breaker"], "open", "{list:#}");
    let shown = house.home.ok(&["agent", "show", "a"]);
    assert!(shown.contains("breaker") && shown.contains("open until"), "{shown}");
    // Whatever comes next goes to the other one at once.
    let next = house.task("and that", json!({}));
    house.wait_task(&next, "verified");
    assert_eq!(house.takers(&next), ["b"]);
}

#[test]
fn a_breaker_gives_one_task_after_its_time_and_closes_when_that_works() {
    let house = House::new(
        &[("a", FRAGILE, json!({}))],
        json!({"retry": {"tries": 1, "initial": "50ms"}, "breaker": {"failures": 3, "open_for": "2s"}}),
    );
    let failed: Vec<String> = (0..3).map(|n| house.task(&format!("work {n}"), json!({}))).collect();
    for id in &failed {
        house.wait_task(id, "failed");
    }
    house.home.wait("the breaker", || {
        (!house.home.events("agent.breaker_opened").is_empty()).then_some(())
    });
    house.go();
    let id = house.task("and again", json!({}));
    house.wait_task(&id, "verified");
    assert_eq!(house.home.events("agent.breaker_half_opened").len(), 1);
    house.home.wait("it to close", || {
        (house.home.events("agent.breaker_closed").len() == 1).then_some(())
    });
    // A person has those tried again that failed.
    for id in &failed {
        house.home.ok(&["task", "retry", id]);
        house.wait_task(id, "verified");
    }
}

#[test]
fn a_failed_dependency_blocks_visibly_and_retrying_frees() {
    let house = House::new(
        &[("a", FRAGILE, json!({}))],
        json!({"retry": {"tries": 1}, "breaker": {"failures": 100}}),
    );
    let first = house.task("the base", json!({}));
    let second = house.task("on top", json!({"depends": [{"task": first}]}));
    house.wait_task(&first, "failed");
    let blocked = house.wait_task(&second, "blocked");
    assert!(text(&blocked["why"]).contains("the base"), "{blocked:#}");
    house.go();
    house.home.ok(&["task", "retry", &first]);
    house.wait_task(&first, "verified");
    house.wait_task(&second, "verified");
}

#[test]
fn a_better_track_record_gets_the_tests_and_why_says_so() {
    let house = House::new(
        &[
            (
                "a",
                "#!/bin/sh\ncat > /dev/null\necho 'all done'\n",
                json!({"strengths": ["testing"]}),
            ),
            ("b", "#!/bin/sh\ncat > /dev/null\necho x > proof\necho done\n", json!({})),
        ],
        json!({"retry": {"tries": 1}}),
    );
    let test = |agent: Option<&str>, n: usize| {
        let mut more = json!({"kind": "test", "evidence": ["file:proof"]});
        if let Some(agent) = agent {
            more["agent"] = json!(agent);
        }
        house.task(&format!("cover part {n}"), more)
    };
    // By its strengths it would be a.
    let first = test(None, 0);
    house.wait_task(&first, "refuted");
    assert_eq!(house.takers(&first), ["a"]);
    for n in 1..4 {
        house.wait_task(&test(Some("a"), n), "refuted");
        house.wait_task(&test(Some("b"), n), "verified");
    }
    let id = test(None, 9);
    house.wait_task(&id, "verified");
    assert_eq!(house.takers(&id), ["b"]);
    let why = house.why(&id);
    assert_eq!(why["made"][0]["rule"], "record", "{why:#}");
    let told = house.home.ok(&["task", "why", &id]);
    assert!(told.contains("the best track record at test tasks (3 of 3 verified"), "{told}");
    // Row 119: four of four runs at tasks went wrong.
    let list = house.home.json(&["agent", "list"]);
    assert_eq!(list["agents"][0]["tasks"]["health"], "critical", "{list:#}");
}

#[test]
fn row_119_sixty_percent_failures_make_an_agent_critical() {
    let house = House::new(
        &[("a", FRAGILE, json!({"parallel": 1})), ("b", WORKER, json!({}))],
        json!({"retry": {"tries": 1}, "breaker": {"failures": 100}}),
    );
    let work = |n: usize, state: &str| {
        let id = house.task(&format!("work {n}"), json!({"agent": "a"}));
        house.wait_task(&id, state);
    };
    (0..3).for_each(|n| work(n, "failed"));
    house.go();
    (3..5).for_each(|n| work(n, "verified"));
    let list = house.home.json(&["agent", "list"]);
    let a = &list["agents"][0]["tasks"];
    assert_eq!((&a["health"], &a["bad_percent"]), (&json!("critical"), &json!(60.0)), "{list:#}");
    assert!(house.home.ok(&["agent", "list"]).contains("critical (3 of 5 bad)"));
    let report = house.home.api("GET", "/api/v1/health", "").json();
    let checks = report["checks"].as_array().expect("checks").clone();
    let check = checks.into_iter().find(|check| check["name"] == "agents").expect("the agents");
    assert_eq!(check["level"], "warning", "{check:#}");
    let says = text(&check["says"]);
    assert!(says.contains("critical: a") && says.contains("2 of 2 agents"), "{says}");
}

#[test]
fn without_any_agent_a_task_waits_and_says_so() {
    let mut home = Home::new("");
    home.up();
    let target = repository(&home);
    let mut house = House { home, target };
    let id = house.task("nobody is here", json!({}));
    let told = house.home.wait("the word", || house.of(&id, "task.unplaced").pop());
    assert!(text(&told["body"]["why"]).contains("no agent can be started"), "{told}");
    let why = house.why(&id);
    assert_eq!((&why["state"], &why["now"]["rule"]), (&json!("ready"), &json!("nobody")));
    // Told once, also to another daemon; and taken once there is somebody.
    house.home.down();
    house.home.up();
    let program = house.home.script("a.sh", WORKER);
    let agent = json!({"kind": "script", "command": [program.display().to_string()]});
    house.home.configure(&json!({"agents": {"a": agent}}).to_string());
    house.home.ok(&["config", "reload"]);
    house.wait_task(&id, "verified");
    assert_eq!(house.of(&id, "task.unplaced").len(), 1);
}

#[test]
fn cancelling_a_task_ends_its_run() {
    let house = House::new(&[("a", PATIENT, json!({}))], json!({}));
    let id = house.task("too much", json!({}));
    let task = house.wait_task(&id, "running");
    let run = text(&task["runs"][0]);
    house.home.ok(&["task", "cancel", &id]);
    house.wait_task(&id, "cancelled");
    house.home.wait("the run's end", || {
        (house.home.json(&["run", "show", &run])["state"] == "cancelled").then_some(())
    });
    assert!(house.of(&id, "task.failed").is_empty(), "a late word changes nothing");
}

/// Claude Code in short; its first life is killed in the middle, and each keeps what it was told.
const CUT_OFF: &str = r#"#!/bin/sh
cat > "told.$ORKESTRA_ATTEMPT"
echo '{"type":"system","subtype":"init","session_id":"11111111-2222-4333-8444-555555555555","model":"m","tools":[],"cwd":"/"}'
if [ "$ORKESTRA_ATTEMPT" = 1 ]; then sleep 1; kill -9 $$; fi
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"usage":{},"permission_denials":[]}'
"#;

#[test]
fn row_115_after_a_disconnect_the_prompt_holds_the_own_last_state_and_the_last_events() {
    let house = House::new(&[("a", CUT_OFF, json!({"kind": "claude"}))], json!({}));
    let id = house.task("Write the parser", json!({}));
    let task = house.wait_task(&id, "verified");
    let run = house.home.json(&["run", "show", &text(&task["runs"][0])]);
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(2), "{run:#}");
    let worktree = text(&run["worktree"]);
    let told = std::fs::read_to_string(format!("{worktree}/told.2")).expect("what it was told");
    let own = told.find("Your own last state:").expect(&told);
    assert!(told[own..].contains("attempt 1"), "{told}");
    assert!(told.contains("The task \"Write the parser\": running, attempt 1 of 3"), "{told}");
    let events = told.find("The last events:").expect(&told);
    let last: Vec<&str> =
        told[events..].lines().skip(1).take_while(|line| line.starts_with("- ")).collect();
    assert!(last.len() >= 3 && last.len() <= 11, "{told}");
    assert!(last.iter().any(|line| line.contains("Write the parser")), "{told}");
    for heading in ["Decisions:", "Open votes:"] {
        assert!(told.contains(heading), "{told}");
    }
    // The first attempt has nothing to come back to.
    let first = std::fs::read_to_string(format!("{worktree}/told.1")).expect("the first prompt");
    assert!(!first.contains("WHAT HAPPENED BEFORE"), "{first}");
}

#[test]
fn row_119_each_share_of_a_sessions_tasks_is_announced_once() {
    let crew = Crew::new(&["ann"], json!({}));
    let four = ["oak", "elm", "fir", "yew"].map(|key| (key, json!({})));
    crew.answers("plan", "arboretum", &plan(&four));
    let id = crew.begin("Plant an arboretum", &[]);
    let told = crew.home.wait("the milestones", || {
        let told = crew.told(&id, "session.milestone");
        told.iter().any(|event| event["body"]["percent"] == 100).then_some(told)
    });
    let percents: Vec<u64> =
        told.iter().filter_map(|event| event["body"]["percent"].as_u64()).collect();
    assert_eq!(percents, [25, 50, 75, 90, 100]);
    let half = told.iter().find(|event| event["body"]["percent"] == 50).expect("the half");
    assert_eq!((&half["body"]["done"], &half["body"]["all"]), (&json!(2), &json!(4)));
}
