//! Law 4 on the real binary: an effect happens once, or a person is asked.

use crate::alerts::{Sink, Then, failing, hook};
use crate::harness::{Home, text};
use serde_json::Value;

/// The effects in this state.
fn effects(home: &Home, state: &str) -> Vec<Value> {
    let list = home.json(&["effect", "list", "--all"]);
    let all = list["effects"].as_array().expect("effects").clone();
    all.into_iter().filter(|effect| effect["state"] == state).collect()
}

fn needs(home: &Home) -> Vec<Value> {
    let needs = home.status()["needs_you"].as_array().expect("needs").clone();
    needs.into_iter().filter(|need| need["kind"] == "effect_unknown").collect()
}

#[test]
fn after_a_restore_nothing_is_sent_until_a_person_says_so_and_then_once() {
    // The first message is taken and never answered: whether it was sent, nobody knows.
    let sink = Sink::new(&[Then::Silence]);
    let mut home = Home::new(&format!("{}units:\n{}", hook(&sink, ""), failing("web")));
    home.up();
    let first = sink.wait(1).remove(0);
    let made = home.api("POST", "/api/v1/backups", "{}");
    assert_eq!(made.status, 201, "{}", made.body);
    let backup = made.json()["path"].as_str().expect("a path").to_owned();
    home.kill_daemon();
    let restore = ["backup", "restore", backup.as_str(), "--yes"];
    assert_eq!(home.json(&restore)["held"], 1);

    home.up();
    let unknown = effects(&home, "unknown");
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert_eq!((&unknown[0]["to"], &unknown[0]["attempts"]), (&"ops".into(), &1.into()));
    let (id, short) = (unknown[0]["id"].as_str().expect("an id"), unknown[0]["short"].as_str());
    let short = short.expect("a short id");
    let need = needs(&home);
    assert_eq!((need.len(), &need[0]["subject"]), (1, &id.into()), "told once: {need:?}");
    assert_eq!(need[0]["action"], "orkestra effect list");
    let list = home.ok(&["effect", "list"]);
    assert!(list.contains("? unknown") && list.contains("tell ops: web failed."), "{list}");
    home.fails(&["effect", "settle", "ffff-nothing", "--as", "retry"], 6);
    home.fails(&["effect", "settle", short, "--as", "maybe"], 2);
    let asked = home.api("POST", &format!("/api/v1/effects/{id}/settle"), r#"{"as":"maybe"}"#);
    assert_eq!(asked.json()["code"], "ORK-0002", "{}", asked.body);
    // What comes now is sent after all that was to be sent by itself.
    home.ok(&["notify", "test", "ops"]);
    assert_eq!(sink.wait(2)[1].body["type"], "test", "nothing was sent by itself");

    let settled = home.json(&["effect", "settle", short, "--as", "retry"]);
    assert_eq!(settled["id"], id);
    let seen = sink.wait(3);
    assert_eq!(seen[2].body["alert"], first.body["alert"]);
    assert_eq!(seen[2].header("Idempotency-Key").as_deref(), Some(id), "the same message");
    assert_eq!(first.header("Idempotency-Key").as_deref(), Some(id));
    home.wait("it to be done", || {
        effects(&home, "done").into_iter().find(|effect| effect["id"] == id)
    });
    let event = home.events("effect.settled").remove(0);
    assert_eq!((&event["subject"], &event["body"]["as"]), (&id.into(), &"retry".into()));
    assert_ne!(event["actor"], "daemon", "{event}");
    assert_eq!(event["summary"], "A person decides: ops is told again.");
    for word in ["retry", "done", "failed"] {
        let said = home.fails(&["effect", "settle", short, "--as", word], 4);
        assert!(said.contains("is done already (ORK-0704)"), "{said}");
    }
    assert!(needs(&home).is_empty());

    // The same again; this time the person knows that it came.
    home.down();
    assert_eq!(home.json(&restore)["held"], 1);
    home.up();
    assert_eq!(home.json(&["effect", "settle", short, "--as", "done"])["state"], "done");
    assert!(needs(&home).is_empty());
    let events = home.events("effect.settled");
    assert_eq!(events.len(), 1, "the restored journal has one word only");
    assert_eq!(events[0]["summary"], "A person says: ops was told.");
    let nothing = home.run(&["effect", "list"]);
    assert_eq!(text(&nothing.stderr).trim(), "All is done.");
    home.ok(&["notify", "test", "ops"]);
    let seen = sink.wait(4);
    assert_eq!((seen.len(), &seen[3].body["type"]), (4, &"test".into()), "nothing else was sent");
    home.ok(&["audit", "verify"]);
}

#[test]
fn what_failed_for_good_can_be_tried_again_once_its_cause_is_mended() {
    let sink = Sink::new(&[Then::Answer(403)]);
    let mut home = Home::new(&format!("{}units:\n{}", hook(&sink, ""), failing("web")));
    home.up();
    home.wait("it to fail", || effects(&home, "failed").pop());
    let failed = home.json(&["effect", "list"])["effects"][0].clone();
    let short = failed["short"].as_str().expect("a short id");
    assert!(failed["detail"].as_str().expect("why").contains("403"), "{failed}");
    home.fails(&["effect", "settle", short, "--as", "failed"], 4);
    home.fails(&["effect", "settle", short, "--as", "done"], 4);
    home.ok(&["effect", "settle", short, "--as", "retry"]);
    sink.wait(2);
    home.wait("it to be done", || effects(&home, "done").pop());
    assert_eq!(home.events("effect.settled").len(), 1);
}
