//! Faults of a model's API, as each real agent program tells them.

use crate::site::{Agent, Site, of};
use serde_json::{Value, json};

/// A run whose first answer has this fault, when its agent has ended.
fn run_with(agent: Agent, fault: Value) -> (Site, Value) {
    let mut turn = json!({"blocks": [{"text": "At last."}]});
    turn.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    let site = Site::new(agent, &json!({"turns": [turn]}));
    let run = site.wait_agent(&site.begin("Say it"));
    (site, run)
}

/// A status for ever: the agent ends badly, names the status, and has tried again before.
fn ends_with_status(agent: Agent, status: u16) {
    let (site, run) = run_with(agent, json!({"status": status, "retry_after": 1}));
    let ended = of(&run, "ended")[0];
    assert_eq!(ended["ok"], false, "{}: {run:#}", agent.name());
    assert_eq!(ended["api_status"], status, "{}: {ended}", agent.name());
    assert_eq!(run["raw_lines"], 0, "{run:#}");
    let asked = site.requests().iter().filter(|request| request["status"] == status).count();
    assert!(asked >= 2, "{} asked {asked} times", agent.name());
    let retries = of(&run, "retry");
    assert!(!retries.is_empty(), "{}: {run:#}", agent.name());
}

/// A fault that comes once.
fn once(agent: Agent, fault: Value) -> (Site, Value) {
    let mut fault = fault;
    fault["times"] = json!(1);
    run_with(agent, fault)
}

fn ends_well(agent: Agent, fault: Value) {
    let (site, run) = once(agent, fault);
    let ended = of(&run, "ended")[0];
    assert_eq!(ended["ok"], true, "{}: {run:#}", agent.name());
    let texts = of(&run, "text");
    assert_eq!(texts.last().map(|event| &event["text"]), Some(&json!("At last.")), "{run:#}");
    drop(site);
}

#[test]
fn too_many_requests() {
    for agent in Agent::ALL {
        ends_with_status(agent, 429);
    }
}

#[test]
fn a_server_that_fails() {
    for agent in Agent::ALL {
        ends_with_status(agent, 500);
    }
}

#[test]
fn an_overloaded_server() {
    for agent in Agent::ALL {
        ends_with_status(agent, 529);
    }
}

#[test]
fn a_status_that_comes_once_is_got_over() {
    for agent in Agent::ALL {
        ends_well(agent, json!({"status": 503, "retry_after": 1}));
    }
}

#[test]
fn a_stream_that_is_cut_once() {
    for agent in [Agent::Claude, Agent::Codex] {
        ends_well(agent, json!({"cut": 2}));
    }
}

#[test]
fn an_event_that_is_no_json() {
    for agent in [Agent::Claude, Agent::Codex] {
        ends_well(agent, json!({"malformed": true}));
    }
    // This one gives up; so the run fails with the reason, and nothing hangs.
    let (_site, run) = once(Agent::Gemini, json!({"malformed": true}));
    let ended = of(&run, "ended")[0];
    assert_eq!(ended["ok"], false, "{run:#}");
    assert!(ended["error"].as_str().is_some_and(|error| !error.is_empty()), "{ended}");
}
