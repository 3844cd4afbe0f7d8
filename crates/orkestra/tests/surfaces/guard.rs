//! Row 83: who may use the daemon, from where, and what reading may do. Defect B6.

use crate::contract::addresses;
use crate::harness::{Home, Reply};
use crate::support::{IDLE, Sse, database, head, project};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

fn running() -> Home {
    let mut home = Home::new(IDLE);
    home.up();
    home.pid("web");
    home
}

fn is_refused(reply: &Reply, status: u16, code: &str, case: &str) {
    assert_eq!(reply.status, status, "{case}: {reply:?}");
    assert_eq!(reply.json()["code"], code, "{case}");
}

/// Paths that answer somehow to somebody: pages, health, API, and nothing.
const PATHS: [&str; 7] =
    ["/", "/health", "/units/web", "/nothing.js", "/api/v1/status", "/api/v1/nothing", "/api"];

#[test]
fn row_083_without_the_token_every_call_is_401_but_health() {
    let home = running();
    let before = head(&home);
    let token = home.token();
    let mut wrong = token.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    let wrong = format!("Bearer {wrong}");
    let basic = format!("Basic {token}");
    let cookie = format!("orkestra_session={token}");
    let clients: [&[(&str, &str)]; 7] = [
        &[],
        &[("Authorization", &wrong)],
        &[("Authorization", "Bearer ")],
        &[("Authorization", &basic)],
        &[("Authorization", &token)],
        &[("Cookie", &cookie)],
        &[("x-orkestra-client", "cli")],
    ];
    let mut walked = 0;
    let unlisted = ["/api/v1/openapi.json", "/api/v1/nothing", "/api/v1/", "/api/nothing"];
    let unlisted = unlisted.map(|path| ("GET".to_owned(), path.to_owned(), false));
    for (method, path, _) in addresses().into_iter().chain(unlisted) {
        for client in clients {
            let reply = home.http(&method, &path, client, "{}");
            let case = format!("{method} {path} {client:?}");
            if path == "/health" {
                assert_eq!((reply.status, reply.json()), (200, json!({"status": "up"})), "{case}");
                continue;
            }
            is_refused(&reply, 401, "ORK-0101", &case);
            assert!(!reply.head.to_lowercase().contains("set-cookie"), "{case}: {reply:?}");
            walked += 1;
        }
        // The token in the address is no token: addresses end up in histories and logs.
        let reply = home.http(&method, &format!("{path}?token={token}"), &[], "{}");
        assert!(path == "/health" || reply.status == 401, "{method} {path}: {reply:?}");
    }
    assert!(walked > 150, "{walked}");
    assert_eq!(head(&home), before, "nothing of it did anything");
    assert_eq!(home.api("GET", "/api/v1/status", "").status, 200, "with the token it is good");
}

#[test]
fn row_083_a_foreign_host_is_refused_before_routing() {
    let home = running();
    let port = home.port();
    let bearer = format!("Bearer {}", home.token());
    let before = head(&home);
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.1:{port}.evil.example"),
        format!("localhost.evil.example:{port}"),
        format!("0.0.0.0:{port}"),
        format!("127.0.0.2:{port}"),
        format!("user@127.0.0.1:{port}"),
        String::new(),
    ] {
        for path in PATHS {
            let headers = [("Host", host.as_str()), ("Authorization", bearer.as_str())];
            let reply = home.http("GET", path, &headers, "");
            is_refused(&reply, 421, "ORK-0103", &format!("{host:?} {path}"));
        }
        let headers = [("Host", host.as_str()), ("Authorization", bearer.as_str())];
        let reply = home.http("POST", "/api/v1/units/web/stop", &headers, "{}");
        is_refused(&reply, 421, "ORK-0103", &host);
    }
    let good = format!("127.0.0.1:{port}");
    let two =
        [("Host", good.as_str()), ("Host", "evil.example"), ("Authorization", bearer.as_str())];
    let reply = home.http("GET", "/health", &two, "");
    assert!(matches!(reply.status, 400 | 421), "two hosts: {reply:?}");
    for good in
        [good, format!("localhost:{port}"), format!("[::1]:{port}"), format!("LOCALHOST:{port}")]
    {
        assert_eq!(home.http("GET", "/health", &[("Host", &good)], "").status, 200, "{good}");
    }
    assert_eq!(head(&home), before, "nothing of it did anything");
}

#[test]
fn row_083_a_foreign_origin_is_refused_before_routing() {
    let home = running();
    let port = home.port();
    let bearer = format!("Bearer {}", home.token());
    let before = head(&home);
    for origin in [
        "http://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        "null".to_owned(),
        String::new(),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://127.0.0.1:{port}/"),
        "file://".to_owned(),
        "chrome-extension://abcdefgh".to_owned(),
    ] {
        let headers = [("Origin", origin.as_str()), ("Authorization", bearer.as_str())];
        for path in PATHS {
            let reply = home.http("GET", path, &headers, "");
            is_refused(&reply, 403, "ORK-0104", &format!("{origin:?} {path}"));
        }
        for method in ["POST", "OPTIONS"] {
            let reply = home.http(method, "/api/v1/units/web/stop", &headers, "{}");
            is_refused(&reply, 403, "ORK-0104", &format!("{origin:?} {method}"));
            let told = reply.head.to_ascii_lowercase();
            assert!(!told.contains("access-control-allow"), "{reply:?}");
        }
    }
    for origin in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        let headers = [("Origin", origin.as_str()), ("Authorization", bearer.as_str())];
        assert_eq!(home.http("GET", "/api/v1/status", &headers, "").status, 200, "{origin}");
    }
    assert_eq!(head(&home), before, "nothing of it did anything");
}

/// What a reader sees, without what only time changes.
fn still(home: &Home) -> Value {
    let mut status = home.api("GET", "/api/v1/status", "").json();
    status["daemon"]["uptime_ms"] = Value::Null;
    for unit in status["units"].as_array_mut().expect("units") {
        unit["uptime_ms"] = Value::Null;
        unit["usage"] = Value::Null;
    }
    status
}

#[test]
fn row_083_a_get_changes_nothing() {
    let home = running();
    let watcher = database(&home);
    // It changes when another connection commits anything at all.
    let version = || -> i64 {
        watcher.pragma_query_value(None, "data_version", |row| row.get(0)).expect("a number")
    };
    let before = (still(&home), version());
    let bearer = format!("Bearer {}", home.token());
    let mut walked = 0;
    for (method, path, stream) in addresses() {
        if stream {
            assert_eq!(method, "GET");
            let stream = Sse::open(&home, &path, None);
            let _maybe_something = stream.next_within(Duration::from_millis(50));
            stream.cut();
        } else {
            // An address that is for commands must not obey a GET.
            let reply = home.http("GET", &path, &[("Authorization", &bearer)], "");
            let good = if method == "GET" { reply.status != 405 } else { reply.status != 204 };
            assert!(good, "{method} {path}: {reply:?}");
            // Some addresses list what there is, and make more of it.
            let lists = addresses().iter().any(|(m, p, _)| m == "GET" && *p == path);
            if method == "POST" && !lists {
                assert_eq!(reply.status, 405, "{path}: {reply:?}");
            }
            let reply = home.http("HEAD", &path, &[("Authorization", &bearer)], "");
            assert!(reply.status < 500, "{path}: {reply:?}");
        }
        walked += 1;
    }
    for page in ["/", "/units/web", "/journal", "/health", "/api/v1/openapi.json"] {
        home.http("GET", page, &[("Authorization", &bearer)], "");
    }
    assert!(walked > 20);
    assert_eq!((still(&home), version()), before);
}

/// Inodes of the sockets that a process has open.
fn sockets(pid: i32) -> BTreeSet<String> {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("its descriptors")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let link = link.to_str()?.to_owned();
            Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect()
}

/// Local addresses that a process listens on, as the kernel writes them.
fn listening(pid: i32) -> Vec<String> {
    let own = sockets(pid);
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(state), Some(inode)) =
                (fields.get(1), fields.get(3), fields.get(9))
            else {
                continue;
            };
            if own.contains(*inode) && (*state == "0A" || table.starts_with("udp")) {
                found.push(format!("{table} {local}"));
            }
        }
    }
    found
}

fn listens_on_loopback_only(home: &Home) {
    let found = listening(home.daemon_pid());
    assert_eq!(found, [format!("tcp 0100007F:{:04X}", home.port())]);
}

#[test]
fn row_083_it_listens_on_loopback_only() {
    let home = running();
    listens_on_loopback_only(&home);
    for host in ["0.0.0.0", "::", "192.168.1.5", "example.org"] {
        home.configure(&format!("listen:\n  host: \"{host}\"\n"));
        let said = home.fails(&["config", "check"], 5);
        assert!(said.contains("orkestra.yaml:2:9") && said.contains("127.0.0.1"), "{said}");
        let output = home
            .command(crate::harness::ORKESTRA)
            .args(["up", "--home", "other", "--port", "0"])
            .output();
        assert_eq!(output.expect("it runs").status.code(), Some(5));
    }
    listens_on_loopback_only(&home);
}

fn log_in(home: &Home, code: &str) -> Reply {
    home.http("POST", "/api/v1/login", &[], &json!({"code": code}).to_string())
}

/// The cookie that an answer sets, and how.
fn cookie(reply: &Reply) -> (String, String) {
    let line = reply
        .head
        .lines()
        .find_map(|line| {
            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        })
        .unwrap_or_else(|| panic!("no cookie: {reply:?}"))
        .1;
    let (pair, how) = line.split_once(';').expect("attributes");
    (pair.to_owned(), how.to_owned())
}

#[test]
fn row_083_a_login_link_works_once() {
    let home = running();
    let reply = log_in(&home, &home.login);
    assert_eq!(reply.status, 204, "{reply:?}");
    let (session, how) = cookie(&reply);
    let how = how.to_ascii_lowercase();
    for wanted in ["httponly", "samesite=strict", "path=/"] {
        assert!(how.contains(wanted), "{how}");
    }
    assert!(!how.contains("domain"), "{how}");
    let with = [("Cookie", session.as_str())];
    assert_eq!(home.http("GET", "/api/v1/status", &with, "").status, 200);
    let reply = home.http("POST", "/api/v1/units/web/restart?wait=true", &with, "");
    assert_eq!(reply.status, 200, "{reply:?}");
    let asked = home.events("unit.restart_requested");
    assert_eq!(asked.last().expect("it is in the journal")["actor"], "person:dashboard");

    is_refused(&log_in(&home, &home.login), 401, "ORK-0102", "a second time");
    is_refused(&log_in(&home, "0123"), 401, "ORK-0102", "a guess");
    is_refused(&log_in(&home, ""), 401, "ORK-0102", "nothing");

    // Another link is another login; ending one leaves the other.
    let link = home.json(&["dashboard"]);
    let code = link["url"].as_str().and_then(|url| url.split_once("#login=")).expect("a link").1;
    let (second, _) = cookie(&log_in(&home, code));
    assert_ne!(second, session);
    assert_eq!(home.http("POST", "/api/v1/logout", &with, "").status, 204);
    is_refused(&home.http("GET", "/api/v1/status", &with, ""), 401, "ORK-0101", "logged out");
    assert_eq!(home.http("GET", "/api/v1/status", &[("Cookie", &second)], "").status, 200);
    // Who came in and who went is in the journal; what was refused changed nothing.
    let came = home.events("daemon.logged_in");
    assert_eq!(came.len(), 2, "{came:?}");
    assert!(came.iter().all(|event| event["body"]["by"] == "link"), "{came:?}");
    assert_eq!(home.events("daemon.logged_out").len(), 1);

    // Neither the secrets of sessions nor the token lie anywhere else.
    let value = second.split_once('=').expect("a value").1;
    for secret in [value, &home.token(), &home.login] {
        assert!(!home.daemon_log().contains(secret));
        for (name, bytes) in files(&home.data()) {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found || name.ends_with("secrets/token"), "a secret lies in {name}");
        }
    }
}

#[test]
fn row_083_a_login_outlives_the_daemon_and_a_link_does_not() {
    let mut home = running();
    let (session, _) = cookie(&log_in(&home, &home.login));
    let link = home.json(&["dashboard"]);
    let code = link["url"]
        .as_str()
        .and_then(|url| url.split_once("#login="))
        .expect("a link")
        .1
        .to_owned();
    home.kill_daemon();
    home.up();
    assert_eq!(home.http("GET", "/api/v1/status", &[("Cookie", &session)], "").status, 200);
    is_refused(&log_in(&home, &code), 401, "ORK-0102", "a link of an earlier daemon");
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("its kind");
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn row_083_files_and_folders_are_the_owners_alone() {
    let mut home = Home::new(IDLE);
    // However open the user's habits are.
    home.env.push(("ORKESTRA_LOG".to_owned(), "info".to_owned()));
    let open = rustix::process::umask(rustix::fs::Mode::empty());
    home.up();
    rustix::process::umask(open);
    home.pid("web");
    let data = home.data();
    for path in ["orkestra.sock", "secrets/token", "state.db"] {
        assert_eq!(mode(&data.join(path)), 0o600, "{path}");
    }
    assert!(std::fs::metadata(data.join("orkestra.sock")).expect("it").file_type().is_socket());
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).expect("the home").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
        }
    }
    // A home that was there before and is open is closed.
    home.down();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).expect("opened");
    home.up();
    assert_eq!(mode(&data), 0o700);
}

#[test]
fn row_083_answers_forbid_foreign_use() {
    let home = running();
    for path in ["/", "/health", "/api/v1/status"] {
        let head = home.api("GET", path, "").head.to_ascii_lowercase();
        for wanted in [
            "content-security-policy: default-src 'self'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(wanted), "{path}: {head}");
        }
        assert!(!head.contains("access-control-allow"), "{path}: {head}");
    }
    let head = home.api("GET", "/api/v1/status", "").head.to_ascii_lowercase();
    assert!(head.contains("cache-control: no-store"), "{head}");
}

/// B6: the old server ran in another process than what it served, listened for everybody, and the
/// dashboard called what was not there.
#[test]
fn defect_b6_one_daemon_serves_all_and_only_who_may_use_it() {
    let home = running();
    // What the command line does, the server knows, for it is the same daemon.
    home.ok(&["unit", "stop", "web"]);
    let unit = home.api("GET", "/api/v1/units/web", "").json();
    assert_eq!((&unit["state"], &unit["held"]), (&json!("stopped"), &json!(true)), "{unit}");
    let reply = home.api("POST", "/api/v1/units/web/start?wait=true", "");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(home.unit("web")["state"], "running");
    assert_eq!(home.status()["daemon"]["pid"], home.daemon_pid());

    listens_on_loopback_only(&home);
    let reply = home.http("GET", "/api/v1/status", &[("Origin", "http://evil.example")], "");
    assert!(!reply.head.to_ascii_lowercase().contains("access-control-allow"), "{reply:?}");

    // Every address that the dashboard's source names is one of the API's.
    let known: BTreeSet<String> = addresses().into_iter().map(|(_, path, _)| path).collect();
    let web = project().join("web/src");
    let mut named = 0;
    for (file, bytes) in files(&web) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("/api/control"), "{file}");
        if file.contains(".test.") {
            continue;
        }
        for address in calls(&text) {
            let fits = known.iter().any(|path| fits(path, &address));
            assert!(fits, "{file} calls {address}, which the API does not have");
            named += 1;
        }
    }
    assert!(named >= 10, "only {named} addresses were found in {}", web.display());
}

/// Addresses in a source: texts that begin with `/api/v1`, or with `${api}`, which stands for it.
/// What is filled in becomes `*`.
fn calls(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for opening in ["`${api}/", "`/api/v1/", "'/api/v1/", "\"/api/v1/"] {
        for (at, _) in text.match_indices(opening) {
            let quote = opening.chars().next().unwrap_or('`');
            let rest = text.get(at + opening.len()..).unwrap_or_default();
            let mut address = String::from("/api/v1/");
            let mut depth = 0_u32;
            let mut chars = rest.chars().peekable();
            while let Some(c) = chars.next() {
                match (depth, c) {
                    (0, '$') if chars.peek() == Some(&'{') => {
                        chars.next();
                        depth = 1;
                        address.push('*');
                    }
                    (0, '?') => break,
                    (0, c) if c == quote => break,
                    (0, c) => address.push(c),
                    (_, '{') => depth += 1,
                    (_, '}') => depth -= 1,
                    _ => {}
                }
            }
            found.push(address);
        }
    }
    found
}

/// Whether an address with `*` fits a path of the API; a `*` at the very end may also be the query.
fn fits(path: &str, address: &str) -> bool {
    let alike = |address: &str| {
        let (a, b): (Vec<_>, Vec<_>) = (path.split('/').collect(), address.split('/').collect());
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| *b == "*" || a == b)
    };
    alike(address) || address.strip_suffix('*').is_some_and(alike)
}
