//! Secrets by reference: used, and found nowhere else.

use crate::harness::{Home, text};
use std::path::Path;

const FROM_ENV: &str = "value-of-the-environment-5f2c";
const FROM_FILE: &str = "value-of-the-file-81d7";
const FROM_OP: &str = "value-of-1password-c0de";
const VALUES: [&str; 3] = [FROM_ENV, FROM_FILE, FROM_OP];

/// A small program in the place of 1Password's: it answers as long as there is a session.
fn install_op(home: &mut Home) {
    let bin = home.dir.join("bin");
    std::fs::create_dir(&bin).unwrap();
    let session = home.dir.join("session");
    home.script(
        "bin/op",
        &format!(
            "#!/bin/sh\n[ \"$1\" = read ] || exit 9\n\
             if ! [ -e {} ]; then echo '[ERROR] 2026/11/21 08:00:00 session expired, sign in to \
             create a new session' >&2; exit 1; fi\n\
             for last; do :; done\n\
             [ \"$last\" = op://Private/Site/password ] && printf %s {FROM_OP} && exit 0\n\
             echo \"[ERROR] 2026/11/21 08:00:00 could not read secret $last\" >&2; exit 1\n",
            session.display()
        ),
    );
    home.env.push(("PATH".into(), format!("{}:/usr/bin:/bin", bin.display())));
}

fn sign_in(home: &Home, signed_in: bool) {
    let session = home.dir.join("session");
    if signed_in {
        std::fs::write(session, "").unwrap();
    } else {
        std::fs::remove_file(session).unwrap();
    }
}

/// Files below a folder that contain one of the values.
fn files_with_values(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            files_with_values(&path, found);
        } else if kind.is_file() {
            let bytes = text(&std::fs::read(&path).unwrap());
            if VALUES.iter().any(|value| bytes.contains(value)) {
                found.push(path.display().to_string());
            }
        }
    }
}

fn assert_no_value(what: &str, told: &str) {
    for value in VALUES {
        assert!(!told.contains(value), "{what} tells a secret:\n{told}");
    }
}

/// Everything that the API and the commands tell.
fn assert_nothing_told(home: &Home) {
    let paths = [
        "status",
        "units",
        "units/quiet",
        "units/loud",
        "units/loud/logs",
        "journal?limit=1000",
        "config",
        "agents",
        "runs",
    ];
    for path in paths {
        let reply = home.api("GET", &format!("/api/v1/{path}"), "");
        assert!(reply.status < 500, "{path}: {}", reply.body);
        assert_no_value(path, &reply.body);
    }
    let checked = home.api("POST", "/api/v1/secrets/check", "{}");
    assert_eq!(checked.status, 200, "{}", checked.body);
    assert_no_value("the check", &checked.body);
    for args in [
        &["config", "show", "--json"][..],
        &["unit", "show", "loud", "--json"],
        &["audit", "export"],
        &["secret", "check"],
    ] {
        assert_no_value(&args.join(" "), &text(&home.run(args).stdout));
    }
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = text(&std::fs::read(entry.path().join("cmdline")).unwrap_or_default());
        if line.contains("orkestra") {
            assert_no_value("a command line", &line);
        }
    }
    assert_no_value("the daemon", &home.daemon_log());
}

fn configuration(home: &Home) -> String {
    let secret = home.dir.join("secret");
    let proof = home.dir.join("proof");
    let env = format!(
        "{{ A_TOKEN: \"env:OUTER\", B: \"file:{}\", C: op://Private/Site/password, \
         D: \"literal:env:OUTER\" }}",
        secret.display()
    );
    format!(
        "units:\n  quiet:\n    env: {env}\n    command: printenv A_TOKEN B C D > {0}.new; mv {0}.new {0}; exec sleep 1000000\n  \
         loud:\n    env: {env}\n    restart: never\n    command: echo my secrets are $A_TOKEN $B $C; exit 3\n",
        proof.display()
    )
}

#[test]
fn row_047_a_secret_is_used_and_never_stored() {
    let mut home = Home::new("{}");
    install_op(&mut home);
    sign_in(&home, true);
    home.env.push(("OUTER".into(), FROM_ENV.into()));
    std::fs::write(home.dir.join("secret"), format!("{FROM_FILE}\n")).unwrap();
    home.configure(&configuration(&home));
    home.up();
    let used =
        home.wait("the unit's proof", || std::fs::read_to_string(home.dir.join("proof")).ok());
    assert_eq!(used, format!("{FROM_ENV}\n{FROM_FILE}\n{FROM_OP}\nenv:OUTER\n"));
    let failed = home.wait_state("loud", "failed");
    let last = failed["last_exit"]["last_lines"][0].as_str().unwrap();
    assert_eq!(last, "my secrets are [secret A_TOKEN] [secret B] [secret C]");
    let shown = home.ok(&["config", "show"]);
    assert!(shown.contains("env:OUTER") && shown.contains("op://Private"), "{shown}");
    assert_nothing_told(&home);

    // A daemon that takes the unit over recognises what an earlier one gave to it.
    home.kill_daemon();
    sign_in(&home, false);
    home.up();
    home.pid("quiet");
    assert_nothing_told(&home);
    home.down();
    let mut found = Vec::new();
    files_with_values(&home.data(), &mut found);
    found.retain(|path| !path.contains("/logs/loud/"));
    assert!(found.is_empty(), "values are stored in {found:?}");
}

#[test]
fn row_047_without_a_password_manager_there_is_a_clear_instruction() {
    let home =
        Home::new("units: { a: { command: [true], env: { P: op://Private/Site/password } } }");
    let said = home.ok(&["secret", "check"]);
    assert!(said.contains("✗ a: P from op://Private/Site/password"), "{said}");
    assert!(
        said.contains("op is not installed") && said.contains("Install the 1Password CLI"),
        "{said}"
    );
    let list = home.json(&["secret", "check", "--all"]);
    assert_eq!(list["secrets"][0]["no_manager"], true, "{list}");
}

#[test]
fn an_expired_session_refuses_the_unit_until_it_is_back() {
    let mut home = Home::new(
        "units:\n  a:\n    command: [sleep, \"1000000\"]\n    env: { P: op://Private/Site/password }\n    \
         restart: { initial: 200ms, max: 200ms }\n",
    );
    install_op(&mut home);
    home.up();
    let failed = home.wait("a refusal", || home.events("unit.start_failed").pop());
    let detail = failed["body"]["detail"].as_str().unwrap();
    assert!(detail.contains("session has expired") && detail.contains("op signin"), "{detail}");
    assert!(failed["summary"].as_str().unwrap().contains("op signin"), "{failed}");
    let said = home.run(&["secret", "check", "a"]);
    assert_eq!(said.status.code(), Some(6), "{}", text(&said.stdout));
    sign_in(&home, true);
    home.pid("a");
    home.ok(&["secret", "check", "a"]);
    home.fails(&["secret", "check", "nobody"], 6);
}

#[test]
fn a_missing_secret_is_never_an_empty_value() {
    let mut home = Home::new(
        "units:\n  unset: { command: [sleep, \"9\"], env: { P: \"env:NOT_THERE\" } }\n  \
         empty: { command: [sleep, \"9\"], env: { P: \"file:/dev/null\" } }\n  \
         gone: { command: [sleep, \"9\"], env: { P: \"file:/does/not/exist\" } }\n",
    );
    home.up();
    for (name, words) in [
        ("unset", "has no NOT_THERE. Set NOT_THERE"),
        ("empty", "no regular file"),
        ("gone", "No such file or directory"),
    ] {
        let detail = home.wait(name, || {
            let events = home.events("unit.start_failed");
            let event = events.into_iter().find(|event| event["subject"] == name)?;
            event["body"]["detail"].as_str().map(str::to_owned)
        });
        assert!(
            detail.starts_with("the secret P is missing: ") && detail.contains(words),
            "{detail}"
        );
    }
    assert!(home.events("unit.started").is_empty());
}

#[test]
fn a_value_that_only_looks_like_a_reference_is_refused_with_its_place() {
    let home = Home::new("units:\n  a:\n    command: [true]\n    env:\n      DB: file:./dev.db\n");
    let said = home.fails(&["config", "check"], 5);
    assert!(
        said.contains("orkestra.yaml:5:11") && said.contains("literal:file:./dev.db"),
        "{said}"
    );
}

#[test]
fn jobs_are_checked_too_with_a_daemon_and_without() {
    let mut home = Home::new(
        "units: { sync: { command: [sleep, \"1000000\"] } }\njobs:\n  \
         sync: { every: 1h, command: [\"true\"], env: { P: \"env:OUTER\", Q: \"env:NOT_THERE\" } }\n",
    );
    home.env.push(("OUTER".into(), FROM_ENV.into()));
    for with_daemon in [false, true] {
        if with_daemon {
            home.up();
        }
        let said = home.run(&["secret", "check", "sync"]);
        assert_eq!(said.status.code(), Some(6));
        let said = text(&said.stdout);
        assert!(said.contains("✓ job:sync: P from env:OUTER"), "{said}");
        assert!(said.contains("✗ job:sync: Q from env:NOT_THERE"), "{said}");
        assert_eq!(home.run(&["secret", "check", "job:sync"]).status.code(), Some(6));
        home.fails(&["secret", "check", "job:nobody"], 6);
    }
}
