//! Real agent programs ask before `git push`, wait for a person, and do it only after a yes.

use crate::site::{Agent, Site, of};
use crate::support::git;
use serde_json::{Value, json};

const PUSH: &str = "git push origin HEAD:refs/heads/done";

fn script() -> Value {
    json!({"turns": [
        {"match": "Push it", "blocks": [{"text": "I will push."}, {"shell": PUSH}]},
        {"match": "Push it", "blocks": [{"text": "That was it."}]},
        // A conversation that was cut off at the call goes on here, however much of it was kept.
        {"match": "You were interrupted", "blocks": [{"text": "I push again."}, {"shell": PUSH}]},
        {"match": "You were interrupted", "blocks": [{"text": "That was really it."}]},
    ]})
}

/// A site whose repository has a remote that can be pushed to.
fn with_remote(agent: Agent) -> (Site, std::path::PathBuf) {
    let site = Site::new(agent, &script());
    let remote = site.home.dir.join("remote.git");
    git(&site.home, &remote, &["init", "--quiet", "--bare"]);
    git(&site.home, &site.target, &["remote", "add", "origin", &remote.display().to_string()]);
    (site, remote)
}

fn pushed(site: &Site, remote: &std::path::Path) -> bool {
    !git(&site.home, remote, &["branch", "--list", "done"]).is_empty()
}

/// The question that waits.
fn asked(site: &Site) -> Value {
    site.home.wait("a question", || {
        let list = site.home.json(&["approval", "list"]);
        list["approvals"].as_array().and_then(|all| all.first().cloned())
    })
}

fn waits_for_yes(agent: Agent) {
    let (site, remote) = with_remote(agent);
    let id = site.begin("Push it");
    let question = asked(&site);
    assert_eq!((&question["state"], &question["outward"]), (&json!("pending"), &json!(true)));
    assert!(question["text"].as_str().is_some_and(|text| text.contains(PUSH)), "{question:#}");
    assert_eq!(question["run"], id.as_str());
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(!pushed(&site, &remote), "it waits");
    let status = site.home.ok(&["status"]);
    assert!(status.contains("Needs you") && status.contains("git push"), "{status}");
    let short = question["short"].as_str().expect("a short id");
    site.home.ok(&["approve", short]);
    let run = site.wait_over(&id);
    assert!(pushed(&site, &remote), "{run:#}");
    let shown = site.home.json(&["approval", "show", short]);
    assert_eq!(shown["state"], "used", "{shown:#}");
    for kind in ["approval.requested", "approval.approved", "approval.used"] {
        assert_eq!(site.home.events(kind).len(), 1, "{kind}");
    }
    site.home.ok(&["audit", "verify"]);
}

#[test]
fn row_072_claude_pushes_only_after_a_yes() {
    waits_for_yes(Agent::Claude);
}

#[test]
fn row_072_codex_pushes_only_after_a_yes() {
    waits_for_yes(Agent::Codex);
}

#[test]
fn row_072_gemini_pushes_only_after_a_yes() {
    waits_for_yes(Agent::Gemini);
}

#[test]
fn row_072_after_a_no_claude_goes_on_without_it() {
    let (site, remote) = with_remote(Agent::Claude);
    let id = site.begin("Push it");
    let question = asked(&site);
    let short = question["short"].as_str().expect("a short id");
    site.home.ok(&["deny", short, "--reason", "not on a Friday"]);
    let run = site.wait_over(&id);
    assert!(!pushed(&site, &remote));
    let [result] = of(&run, "tool_result")[..] else { panic!("{run:#}") };
    assert_eq!(result["is_error"], true);
    assert!(result["output"].to_string().contains("not on a Friday"), "{result}");
}

#[test]
fn a_question_stands_when_the_daemon_is_killed_and_the_agent_still_hears_the_answer() {
    let (mut site, remote) = with_remote(Agent::Claude);
    let id = site.begin("Push it");
    let before = asked(&site);
    site.home.kill_daemon();
    site.home.up();
    let after = asked(&site);
    assert_eq!((&after["id"], &after["hash"]), (&before["id"], &before["hash"]));
    assert!(!pushed(&site, &remote));
    site.home.ok(&["approve", before["short"].as_str().expect("a short id")]);
    let run = site.wait_over(&id);
    assert!(pushed(&site, &remote), "{run:#}");
    assert_eq!(site.home.events("approval.requested").len(), 1);
    assert_eq!(site.home.events("approval.used").len(), 1);
}

#[test]
fn a_question_stands_when_daemon_and_agent_are_killed_and_a_yes_lets_the_resumed_run_do_it_once() {
    let (mut site, remote) = with_remote(Agent::Claude);
    let id = site.begin("Push it");
    let before = asked(&site);
    let pid = site.home.json(&["run", "show", &id])["pid"].as_i64().expect("a pid") as i32;
    site.home.kill_daemon();
    crate::harness::signal(pid, "KILL");
    site.home.up();
    let after = asked(&site);
    assert_eq!((&after["id"], &after["state"]), (&before["id"], &json!("pending")));
    assert!(!pushed(&site, &remote));
    let run = site.home.json(&["run", "show", &id]);
    assert!(run["ended_at"].is_null(), "it waits for the answer: {run:#}");
    site.home.ok(&["approve", before["short"].as_str().expect("a short id")]);
    let run = site.wait_over(&id);
    // The resumed model calls again, and may do exactly that, once.
    let shown = site.home.json(&["approval", "show", before["short"].as_str().expect("an id")]);
    assert_eq!(shown["state"], "used", "{shown:#} {run:#}");
    assert!(pushed(&site, &remote), "{run:#}");
    assert_eq!(site.home.events("approval.requested").len(), 1);
}
