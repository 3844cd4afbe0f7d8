//! Asking and answering, with an agent that asks as any program can: by `orkestra agent-hook`.

use crate::harness::{Home, ORKESTRA};
use crate::support::repository;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// A home with an agent that asks for each line of its prompt, one call each, and writes down what
/// it was told. `more` is added to its configuration.
fn asking(more: &str) -> (Home, PathBuf) {
    let mut home = Home::new("");
    let agent = home.script(
        "agent.sh",
        &format!(
            r#"#!/bin/sh
env | grep ^ORKESTRA_ > env
n=0
while read -r line || [ -n "$line" ]; do
  n=$((n+1))
  printf '{{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"call-%s","tool_input":{{"command":"%s"}}}}' $n "$line" |
    {ORKESTRA} agent-hook --vendor script 2> why
  echo "$? $line: $(cat why)" >> told
done
cat > /dev/null
"#
        ),
    );
    home.configure(&format!(
        "agents:\n  asker:\n    kind: script\n    command: [\"{}\"]\n{more}",
        agent.display()
    ));
    home.up();
    let target = repository(&home);
    (home, target)
}

fn begin(home: &Home, target: &std::path::Path, prompt: &str) -> String {
    let target = target.display().to_string();
    let run = home.json(&["run", prompt, "--agent", "asker", "--target", &target, "--detach"]);
    run["id"].as_str().expect("an id").to_owned()
}

fn pending(home: &Home, count: usize) -> Vec<Value> {
    home.wait("the questions", || {
        let list = home.json(&["approval", "list"]);
        let all = list["approvals"].as_array().expect("a list").clone();
        (all.len() == count).then_some(all)
    })
}

/// What the agent was told, line by line, once it was told so often.
fn told(home: &Home, id: &str, count: usize) -> Vec<String> {
    let file = home.data().join("worktrees").join(id).join("told");
    home.wait("what the agent was told", || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    })
}

fn short(question: &Value) -> &str {
    question["short"].as_str().expect("a short id")
}

/// The run's token and the agents' socket, as the agent got them.
fn credentials(home: &Home, id: &str) -> (String, PathBuf) {
    let file = home.data().join("worktrees").join(id).join("env");
    let env = home.wait("the agent's environment", || std::fs::read_to_string(&file).ok());
    let value = |name: &str| {
        let line = env.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("{name} in {env}")).to_owned()
    };
    (value("ORKESTRA_RUN_TOKEN"), value("ORKESTRA_AGENT_SOCKET").into())
}

/// Status and body of a request over a Unix socket.
fn over(
    socket: &std::path::Path,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).expect("a connection");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("the request");
    let mut answer = String::new();
    let _cut = stream.read_to_string(&mut answer);
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("{answer}")), answer)
}

#[test]
fn a_yes_is_for_what_was_seen_and_for_once() {
    let (home, target) = asking("");
    let id = begin(&home, &target, "git push origin main\ngit push origin main\nls");
    let first = pending(&home, 1).remove(0);
    let (path, hash) = (format!("/api/v1/approvals/{}", short(&first)), first["hash"].clone());
    // Looking at it answers nothing, whatever is added (security: a link preview).
    for suffix in ["", "/approve", "/deny", "/approve?hash=x"] {
        home.api("GET", &format!("{path}{suffix}"), "");
    }
    // An answer to something else than what is asked.
    for hash in ["", "0000", &"0".repeat(64)] {
        let body = json!({"hash": hash}).to_string();
        for verb in ["approve", "deny"] {
            let answer = home.api("POST", &format!("{path}/{verb}"), &body);
            assert_eq!((answer.status, answer.json()["code"].clone()), (409, json!("ORK-0903")));
        }
    }
    assert_eq!(home.api("POST", &format!("{path}/approve"), "{}").status, 422);
    // What reaches the outer world is asked each time.
    for scope in ["task", "agent", "rule"] {
        let body = json!({"hash": hash, "scope": scope}).to_string();
        let answer = home.api("POST", &format!("{path}/approve"), &body);
        assert_eq!((answer.status, answer.json()["code"].clone()), (422, json!("ORK-0904")));
    }
    assert_eq!(home.json(&["approval", "show", short(&first)])["state"], "pending");
    home.fails(&["approve", short(&first), "--hash", "00000000"], 4);
    home.ok(&["approve", short(&first)]);
    // The same push again is another question: a yes is used once.
    let second = home.wait("the second question", || {
        let list = home.json(&["approval", "list"]);
        let all = list["approvals"].as_array()?.clone();
        all.into_iter().find(|one| one["id"] != first["id"])
    });
    assert_eq!(second["hash"], hash);
    // The answer sent again changes nothing; another one is refused.
    let body = json!({"hash": hash}).to_string();
    let again = home.api("POST", &format!("{path}/approve"), &body);
    assert_eq!((again.status, again.json()["approval"]["state"].clone()), (200, json!("used")));
    let other = home.api("POST", &format!("{path}/deny"), &body);
    assert_eq!((other.status, other.json()["code"].clone()), (409, json!("ORK-0902")));
    assert_eq!(home.json(&["approval", "list"])["pending"], 1);
    home.ok(&["deny", short(&second), "--reason", "once is enough"]);
    let lines = told(&home, &id, 3);
    assert_eq!(lines[0], "0 git push origin main: ");
    assert_eq!(lines[1], "2 git push origin main: A person denied this: once is enough");
    assert_eq!(lines[2], "0 ls: ");
    home.fails(&["approval", "show", "ffffffff"], 6);
    let history = home.json(&["approval", "show", short(&second)]);
    assert_eq!(history["history"][0]["id"], first["id"], "{history:#}");
    home.ok(&["audit", "verify"]);
}

#[test]
fn questions_of_several_runs_are_answered_together_and_rules_can_be_taken_back() {
    let (home, target) = asking("");
    let ids = ["a", "b"].map(|_| begin(&home, &target, "pip install left-pad"));
    let both = pending(&home, 2);
    assert_eq!(both[0]["group"], both[1]["group"], "{both:#?}");
    assert_ne!(both[0]["hash"], both[1]["hash"]);
    let status = home.json(&["status"]);
    let needs: Vec<&Value> = status["needs_you"].as_array().expect("needs").iter().collect();
    assert_eq!(needs.len(), 1, "{needs:#?}");
    assert_eq!(needs[0]["kind"], "approval");
    let answered =
        home.json(&["approve", short(&both[0]), "--all", "--scope", "rule", "--for", "1h"]);
    assert_eq!(answered["others"].as_array().map(Vec::len), Some(1), "{answered:#}");
    for id in &ids {
        assert_eq!(told(&home, id, 1), ["0 pip install left-pad: "]);
    }
    let rules = home.json(&["gate", "rules"]);
    let [rule] = &rules["rules"].as_array().expect("rules")[..] else { panic!("{rules:#}") };
    assert_eq!((&rule["scope"], &rule["what"]), (&json!("rule"), &json!("pip install")));
    // Something else of the same rule is not asked any more.
    let id = begin(&home, &target, "pip install right-pad");
    assert_eq!(told(&home, &id, 1), ["0 pip install right-pad: "]);
    assert_eq!(home.events("gate.allowed").len(), 1);
    home.ok(&["gate", "forget", rule["short"].as_str().expect("a short id")]);
    home.fails(&["gate", "forget", rule["short"].as_str().expect("a short id")], 6);
    let id = begin(&home, &target, "pip install up-pad");
    let question = pending(&home, 1).remove(0);
    home.ok(&["run", "stop", &id]);
    home.wait("its end", || {
        let shown = home.json(&["approval", "show", short(&question)]);
        (shown["state"] == "withdrawn").then_some(())
    });
}

#[test]
fn nobody_answers_so_it_is_denied() {
    let (home, target) = asking("approvals: { expire: 2s }\n");
    let id = begin(&home, &target, "git push");
    assert_eq!(told(&home, &id, 1), ["2 git push: Nobody answered in time, so it is denied."]);
    let all = home.json(&["approval", "list", "--all"]);
    assert_eq!(all["approvals"][0]["state"], "expired", "{all:#}");
    home.fails(&["approve", short(&all["approvals"][0])], 4);
}

#[test]
fn row_074_violations_are_counted_with_command_and_rule() {
    let (home, target) = asking("");
    let id = begin(&home, &target, "rm -rf /\nmkfs.ext4 /dev/sda1\nls");
    let lines = told(&home, &id, 3);
    assert!(lines[0].starts_with("2 rm -rf /: Denied by the gate"), "{lines:?}");
    assert!(lines[1].starts_with("2 mkfs.ext4 /dev/sda1: Denied by the gate"), "{lines:?}");
    let run = home.wait("the run's end", || {
        let run = home.json(&["run", "show", &id]);
        run["ended_at"].is_string().then_some(run)
    });
    let violations = home.events("run.violation");
    assert_eq!(violations.len(), 2, "{violations:#?}");
    assert_eq!(violations[0]["body"]["command"], "rm -rf /");
    assert!(violations.iter().all(|event| event["body"]["rule"].is_string()), "{violations:#?}");
    let listed = run["violations"].as_array().unwrap_or_else(|| panic!("{run:#}"));
    assert_eq!(listed.len(), 2, "{run:#}");
    assert_eq!(listed[1]["command"], "mkfs.ext4 /dev/sda1", "{run:#}");
    assert!(listed.iter().all(|one| one["rule"].is_string() && one["reason"].is_string()));
}

#[test]
fn tokens_of_runs_and_the_operators_open_different_doors() {
    let (home, target) = asking("");
    let id = begin(&home, &target, "git push");
    let question = pending(&home, 1).remove(0);
    let (token, socket) = credentials(&home, &id);
    let ask = json!({"tool": "Bash", "tool_id": "x", "input": {"command": "ls"}}).to_string();
    assert_eq!(over(&socket, "POST", "/v1/ask", &token, &ask).0, 200);
    // The operator's token is none here, and nothing else is served.
    let tampered = format!("{token}0");
    for wrong in ["", home.token().as_str(), tampered.as_str()] {
        let (status, answer) = over(&socket, "POST", "/v1/ask", wrong, &ask);
        assert!(status == 401 && answer.contains("ORK-0906"), "{answer}");
    }
    for (method, path) in [
        ("GET", "/v1/ask"),
        ("GET", "/"),
        ("GET", "/api/v1/status"),
        ("GET", "/health"),
        ("POST", "/api/v1/shutdown"),
        ("POST", "/v1/other"),
    ] {
        assert_eq!(over(&socket, method, path, &token, "{}").0, 404, "{method} {path}");
    }
    // A run's token is none where the operator is.
    let operator = home.data().join("orkestra.sock");
    let path = format!("/api/v1/approvals/{}/approve", short(&question));
    let body = json!({"hash": question["hash"]}).to_string();
    for (method, path, body) in
        [("POST", path.as_str(), body.as_str()), ("GET", "/api/v1/status", "")]
    {
        assert_eq!(over(&operator, method, path, &token, body).0, 401, "{method} {path}");
    }
    assert_eq!(home.json(&["approval", "show", short(&question)])["state"], "pending");
    // Over is over.
    home.ok(&["run", "stop", &id]);
    home.wait("its end", || home.json(&["run", "show", &id])["ended_at"].is_string().then_some(()));
    assert_eq!(over(&socket, "POST", "/v1/ask", &token, &ask).0, 401);
    let mode = std::fs::metadata(socket.parent().expect("a folder")).expect("its facts");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(mode.permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_cannot_be_seen_is_shown() {
    let (home, target) = asking("");
    begin(&home, &target, "git push origin ma\u{202e}in\u{200b}");
    let question = pending(&home, 1).remove(0);
    assert!(question["text"].to_string().contains("ma⟦U+202E⟧in⟦U+200B⟧"), "{question:#}");
    assert_eq!(question["hidden"].as_object().map(serde_json::Map::len), Some(2));
    let shown = home.ok(&["approval", "show", short(&question)]);
    assert!(shown.contains("hidden") && !shown.contains('\u{202e}'), "{shown}");
    let raised = home.wait("the alert", || {
        let list = home.json(&["alert", "list"]);
        let all = list["alerts"].as_array()?.clone();
        all.into_iter().find(|alert| alert["what"] == "approval")
    });
    assert_eq!(raised["subject"], question["id"]);
    home.ok(&["deny", short(&question)]);
    home.wait("the alert's end", || {
        let list = home.json(&["alert", "list"]);
        let open = list["alerts"].as_array()?.iter().any(|alert| alert["what"] == "approval");
        (!open).then_some(())
    });
}

#[test]
fn row_149_a_hook_before_a_tool_call_can_deny_it() {
    let (home, target) = asking("");
    let hook = home.script(
        "guard.sh",
        "#!/bin/sh\ninput=$(cat)\ncase \"$input\" in *forbidden*) echo 'not here' >&2; exit 2;; *slow*) exec sleep 600;; esac\n",
    );
    let agent = home.dir.join("agent.sh");
    home.configure(&format!(
        "agents:\n  asker:\n    kind: script\n    command: [\"{}\"]\n    hooks:\n      PreToolUse:\n        - {{ match: \"Bash\", command: [\"{}\"], timeout: 2s }}\n        - {{ match: \"Write|Edit\", command: [\"false\"] }}\n",
        agent.display(),
        hook.display()
    ));
    home.ok(&["config", "check"]);
    home.wait("the configuration", || {
        home.ok(&["config", "show"]).contains("guard.sh").then_some(())
    });
    let id = begin(&home, &target, "ls forbidden\nls\nls slow");
    let lines = told(&home, &id, 3);
    assert_eq!(lines[0], "2 ls forbidden: Denied by a hook: not here");
    assert_eq!(lines[1], "0 ls: ");
    assert!(lines[2].starts_with("2 ls slow: Denied by a hook: The hook failed"), "{lines:?}");
    let denied = home.events("run.hook_denied");
    assert_eq!(denied.len(), 2, "{denied:#?}");
    assert_eq!(denied[0]["body"]["reason"], "not here");
}
