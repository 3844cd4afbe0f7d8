//! What is promised in documents is what is there: API, problem codes, exit codes.

use crate::harness::{Home, PATIENCE, text};
use crate::support::{IDLE, project};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

/// The committed OpenAPI document.
pub(crate) fn document() -> Value {
    let path = project().join("docs/openapi.json");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All addresses of the document: method, path with every parameter filled in, and whether it is a
/// stream.
pub(crate) fn addresses() -> Vec<(String, String, bool)> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let mut all = Vec::new();
    for (path, methods) in paths {
        // A job that is always there, and a unit that the tests configure.
        let name = if path.starts_with("/api/v1/jobs/") { "health" } else { "web" };
        let filled = path.replace("{name}", name).replace("{id}", "0000").replace("{key}", "1");
        assert!(!filled.contains('{'), "fill in the parameter of {path}");
        for (method, operation) in methods.as_object().expect("methods") {
            let stream = !operation["responses"]["200"]["content"]["text/event-stream"].is_null();
            all.push((method.to_uppercase(), filled.clone(), stream));
        }
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

#[test]
fn the_committed_openapi_document_is_the_generated_one() {
    let path = project().join("docs/openapi.json");
    let mut generated = orkestra_server::openapi().to_pretty_json().expect("JSON");
    generated.push('\n');
    if std::env::var_os("ORKESTRA_UPDATE").is_some_and(|value| value == "1") {
        // Other tests read it at the same time.
        let fresh = path.with_extension("json.new");
        std::fs::write(&fresh, &generated).expect("the document");
        std::fs::rename(&fresh, &path).expect("the document in place");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let first = committed.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        committed == generated,
        "docs/openapi.json is not what the server says (first different line: {first:?}); write it \
         anew with: ORKESTRA_UPDATE=1 cargo test -p orkestra --test surfaces openapi"
    );
}

#[test]
fn a_running_daemon_serves_the_committed_document() {
    let mut home = Home::new("units: {}\n");
    home.up();
    let reply = home.api("GET", "/api/v1/openapi.json", "");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json(), document());
    // A problem's `type` leads to its page, also for who could not log in.
    let problem = home.http("GET", "/api/v1/status", &[], "").json();
    let page = home.http("GET", problem["type"].as_str().expect("a type"), &[], "");
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.starts_with("# ORK-0101: "), "{page:?}");
    assert_eq!(home.http("GET", "/docs/errors/ORK-9999", &[], "").status, 404);
}

#[test]
fn every_problem_code_has_a_page_and_every_page_a_code() {
    let folder = project().join("docs/errors");
    let codes: BTreeMap<&str, &str> = orkestra_server::CODES.iter().copied().collect();
    assert_eq!(codes.len(), orkestra_server::CODES.len(), "a code stands twice");
    let pages: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("docs/errors")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("ORK-"))
        .map(|name| name.trim_end_matches(".md").to_owned())
        .collect();
    let known: BTreeSet<String> = codes.keys().map(|code| (*code).to_owned()).collect();
    assert_eq!(pages, known, "left: pages in docs/errors; right: orkestra_server::CODES");
    for (code, title) in codes {
        let page = std::fs::read_to_string(folder.join(format!("{code}.md"))).expect("a page");
        assert_eq!(page.lines().next(), Some(format!("# {code}: {title}").as_str()));
        for part in ["## What it means\n", "## Why it happens\n", "## What to do\n"] {
            let (_, after) = page.split_once(part).unwrap_or_else(|| panic!("{code}: {part}"));
            assert!(after.trim_start().len() > 40, "{code}: {part} says nothing");
        }
    }
}

#[test]
fn every_exit_code_is_documented_and_every_documented_one_exists() {
    let source = project().join("crates/orkestra/src/exit.rs");
    let source = std::fs::read_to_string(source).expect("exit.rs");
    let (_, body) = source.split_once("pub(crate) enum Code {").expect("the codes");
    let (body, _) = body.split_once("\n}").expect("their end");
    let words = |name: &str| {
        let mut out = String::new();
        for c in name.chars() {
            if c.is_uppercase() && !out.is_empty() {
                out.push(' ');
            }
            out.extend(c.to_lowercase());
        }
        out
    };
    let known: BTreeMap<u8, String> = body
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "))
        .map(|(name, code)| (code.parse().expect("a number"), words(name)))
        .collect();
    assert!(known.len() >= 9, "{known:?}");
    let page = std::fs::read_to_string(project().join("docs/exit-codes.md")).expect("the page");
    let documented: BTreeMap<u8, String> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            Some((cells.next()?.parse().ok()?, cells.next()?.to_owned()))
        })
        .collect();
    assert_eq!(documented, known, "left: docs/exit-codes.md; right: exit.rs");
}

#[test]
fn exit_codes_are_as_documented() {
    let mut home = Home::new(IDLE);
    home.fails(&["status"], 3);
    home.fails(&["unit", "list"], 3);
    home.fails(&["events"], 3);
    home.fails(&["down"], 3);
    home.fails(&["audit", "verify"], 6);
    home.fails(&["nonsense"], 2);
    home.fails(&["status", "--nonsense"], 2);
    home.fails(&["up", "--port", "many"], 2);
    home.fails(&["init"], 4);
    home.up();
    home.pid("web");
    let said = home.fails(&["up", "--port", "0"], 4);
    assert!(said.contains(&home.daemon_pid().to_string()), "{said}");
    home.fails(&["up", "--detach", "--port", "0"], 4);
    let said = home.fails(&["unit", "start", "wed"], 6);
    assert!(said.contains("wed") && said.contains("web"), "{said}");
    home.fails(&["unit", "show", "nothing"], 6);
    home.fails(&["logs", "nothing"], 6);
    home.fails(&["run", "show", "0123456789"], 6);
    home.fails(&["events", "--since", "yesterday"], 2);
    home.ok(&["unit", "stop", "web"]);
    let said = home.fails(&["unit", "signal", "web", "HUP"], 4);
    assert!(said.contains("ORK-0202"), "{said}");
    home.configure("units: {web: {}}\n");
    home.fails(&["config", "check"], 5);
    home.fails(&["config", "reload"], 5);
    home.fails(&["config", "show"], 5);
}

#[test]
fn every_refusal_of_the_api_is_a_problem_with_a_documented_code() {
    let mut home = Home::new(IDLE);
    home.up();
    let bearer = format!("Bearer {}", home.token());
    let auth = ("Authorization", bearer.as_str());
    let cases: [(&str, &str, &str, u16, &str); 14] = [
        ("POST", "/api/v1/runs", "{not json", 400, "ORK-0002"),
        ("POST", "/api/v1/runs", "{}", 422, "ORK-0002"),
        ("POST", "/api/v1/runs", r#"{"prompt":"x","wrong":1}"#, 422, "ORK-0002"),
        ("POST", "/api/v1/runs", r#"{"prompt":" "}"#, 400, "ORK-0002"),
        ("POST", "/api/v1/runs", r#"{"prompt":"x","target":"here"}"#, 400, "ORK-0002"),
        ("GET", "/api/v1/journal?limit=many", "", 400, "ORK-0002"),
        ("GET", "/api/v1/journal?since=yesterday", "", 400, "ORK-0002"),
        ("GET", "/api/v1/journal/99999999", "", 404, "ORK-0003"),
        ("GET", "/api/v1/journal/nonsense", "", 400, "ORK-0002"),
        ("DELETE", "/api/v1/status", "", 405, "ORK-0002"),
        ("GET", "/api/v1/units/wed", "", 404, "ORK-0201"),
        ("GET", "/api/v1/units/..%2f..%2fsecrets", "", 404, "ORK-0201"),
        ("GET", "/api/v1/runs/nothing", "", 404, "ORK-0502"),
        ("GET", "/api/v1/nothing", "", 404, "ORK-0003"),
    ];
    for (method, path, body, status, code) in cases {
        let reply = home.http(method, path, &[auth], body);
        let case = format!("{method} {path} {body}");
        assert_eq!(reply.status, status, "{case}: {reply:?}");
        let head = reply.head.to_ascii_lowercase();
        assert!(head.contains("content-type: application/problem+json"), "{case}: {reply:?}");
        let problem = reply.json();
        assert_eq!(problem["code"], code, "{case}: {problem}");
        assert_eq!(problem["status"], status, "{case}: {problem}");
        assert!(
            problem["title"].as_str().is_some_and(|title| !title.is_empty()),
            "{case}: {problem}"
        );
        assert!(
            problem["detail"].as_str().is_some_and(|text| !text.is_empty()),
            "{case}: {problem}"
        );
    }
    // Only the head is sent: it is refused by its length, before anything of the body is read.
    let mut stream = TcpStream::connect(("127.0.0.1", home.port())).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let head = format!(
        "POST /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: 3000000\r\nConnection: close\r\n\r\n",
        home.port()
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let answer = text(&bytes);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("content-type: application/problem+json"),
        "{answer}"
    );
    assert!(answer.contains("ORK-0002"), "{answer}");
    assert_eq!(home.status()["units"][0]["name"], "web", "it still works");
}
