//! Rows 18 and 19: defaults, refusals with their place, precedence, reloading.

use crate::harness::{Home, ORKESTRA, text};
use crate::support::head;
use serde_json::{Value, json};
use std::process::Output;
use std::time::Duration;

/// A wrong configuration and what must be said about it.
struct Wrong {
    what: &'static str,
    yaml: &'static str,
    /// Line and column, from 1.
    at: (u32, u32),
    key: &'static str,
    /// Parts of the message.
    says: &'static [&'static str],
    /// A part of the expectation or of the suggestion.
    help: &'static str,
}

const WRONG: [Wrong; 13] = [
    Wrong {
        what: "an unknown key",
        yaml: "units:\n  web:\n    command: [sleep, \"9\"]\n    comand: [sleep]\n",
        at: (4, 5),
        key: "units.web.comand",
        says: &["unknown key", "comand"],
        help: "did you mean \"command\"?",
    },
    Wrong {
        what: "an unknown key at the top",
        yaml: "unit:\n  web:\n    command: [sleep, \"9\"]\n",
        at: (1, 1),
        key: "unit",
        says: &["unknown key", "unit"],
        help: "did you mean \"units\"?",
    },
    Wrong {
        what: "a wrong type",
        yaml: "units:\n  web:\n    command: [sleep, \"9\"]\n    enabled: maybe\n",
        at: (4, 14),
        key: "units.web.enabled",
        says: &["maybe"],
        help: "true or false",
    },
    Wrong {
        what: "a list where a mapping belongs",
        yaml: "units:\n  - command: [sleep, \"9\"]\n",
        at: (2, 3),
        key: "units",
        says: &["units", "list"],
        help: "",
    },
    Wrong {
        what: "an address for everybody",
        yaml: "listen:\n  host: 0.0.0.0\n",
        at: (2, 9),
        key: "listen.host",
        says: &["0.0.0.0"],
        help: "127.0.0.1, ::1 or localhost",
    },
    Wrong {
        what: "a length of time that is none",
        yaml: "units:\n  web:\n    command: [sleep, \"9\"]\n    stop: { grace: soon }\n",
        at: (4, 20),
        key: "units.web.stop.grace",
        says: &["soon", "length of time"],
        help: "5s",
    },
    Wrong {
        what: "a policy that is none",
        yaml: "units:\n  web:\n    command: [sleep, \"9\"]\n    restart: { policy: onfailure }\n",
        at: (4, 24),
        key: "units.web.restart.policy",
        says: &["onfailure"],
        help: "on-failure",
    },
    Wrong {
        what: "a cycle in `after`",
        yaml: "units:\n  a:\n    command: [sleep, \"9\"]\n    after: { b: started }\n  b:\n    \
               command: [sleep, \"9\"]\n    after: { a: started }\n",
        at: (4, 14),
        key: "units.a.after.b",
        says: &["a → b → a"],
        help: "remove one of these",
    },
    Wrong {
        what: "an unknown unit in `after`",
        yaml: "units:\n  worker:\n    command: [sleep, \"9\"]\n  b:\n    command: [sleep, \"9\"]\n    \
               after: { workre: started }\n",
        at: (6, 14),
        key: "units.b.after.workre",
        says: &["no unit", "workre"],
        help: "did you mean \"worker\"?",
    },
    Wrong {
        what: "a missing command",
        yaml: "units:\n  web:\n    enabled: true\n",
        at: (2, 3),
        key: "units.web.command",
        says: &["web", "no command"],
        help: "command: [",
    },
    Wrong {
        what: "an empty command",
        yaml: "units:\n  web:\n    command: []\n",
        at: (3, 14),
        key: "units.web.command",
        says: &["command is empty"],
        help: "a program and its arguments",
    },
    Wrong {
        what: "a duplicate name",
        yaml: "units:\n  web:\n    command: [sleep, \"9\"]\n  web:\n    command: [sleep, \"8\"]\n",
        at: (4, 3),
        key: "units.web",
        says: &["web", "second time"],
        help: "line 2",
    },
    Wrong {
        what: "broken YAML",
        yaml: "units:\n  web: [\n  other: }\n",
        at: (2, 8),
        key: "",
        says: &["bracket"],
        help: "bracket",
    },
];

fn errors(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
    report["errors"].as_array().expect("errors").clone()
}

/// The first error of a report must be this one.
fn is_told(wrong: &Wrong, error: &Value) {
    let what = wrong.what;
    assert_eq!(
        (&error["line"], &error["column"]),
        (&json!(wrong.at.0), &json!(wrong.at.1)),
        "{what}: {error}"
    );
    let message = error["message"].as_str().expect("a message");
    for part in wrong.says {
        assert!(message.contains(part), "{what}: {error}");
    }
    let of = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    let (expected, hint) = (of("expected"), of("hint"));
    assert!(
        !expected.is_empty() || !hint.is_empty(),
        "{what}: no word of what would be right: {error}"
    );
    assert!(format!("{expected} {hint}").contains(wrong.help), "{what}: {error}");
}

#[test]
fn row_018_each_wrong_configuration_is_refused_with_its_place_and_a_way_out() {
    let home = Home::new("");
    for wrong in WRONG {
        let what = wrong.what;
        home.configure(wrong.yaml);
        let output = home.run(&["config", "check", "--json"]);
        assert_eq!(output.status.code(), Some(5), "{what}: {output:?}");
        let found = errors(&output);
        assert_eq!(found.len(), 1, "{what}: one mistake is one error: {found:?}");
        let error = found.first().expect("an error");
        assert!(
            error["file"].as_str().is_some_and(|file| file.ends_with("orkestra.yaml")),
            "{error}"
        );
        assert_eq!(error["key"], wrong.key, "{what}: {error}");
        is_told(&wrong, error);

        let place = format!("orkestra.yaml:{}:{}", wrong.at.0, wrong.at.1);
        for args in
            [&["config", "check"][..], &["up", "--port", "0"], &["up", "--detach", "--port", "0"]]
        {
            // One that is not refused would serve for ever.
            let mut command = home.command("timeout");
            let output = command.arg("30").arg(ORKESTRA).args(args).output().expect("it runs");
            assert_eq!(output.status.code(), Some(5), "{what}: {args:?}: {output:?}");
            assert!(output.stdout.is_empty(), "{what}: {args:?}: {output:?}");
            let said = text(&output.stderr);
            assert!(said.contains(&place), "{what}: {args:?}: {said}");
            assert!(said.contains(wrong.says.first().expect("a part")), "{what}: {args:?}: {said}");
            assert!(said.contains(wrong.help), "{what}: {args:?}: {said}");
            assert!(!said.contains('\x1b'), "{said}");
        }
    }
    assert!(!home.data().exists(), "a refused start leaves nothing behind");
    home.configure("listen: { port: 70000 }\n");
    let found = errors(&home.run(&["config", "check", "--json"]));
    assert_eq!(found[0]["expected"], "a number from 0 to 65535", "{found:?}");
    home.configure("listen:\n  port: x\nunits:\n  a: {}\n  b: { command: [] }\n");
    let found = errors(&home.run(&["config", "check", "--json"]));
    assert_eq!(found.len(), 3, "all are told together: {found:?}");
}

#[test]
fn row_018_without_a_file_the_defaults_hold() {
    let mut home = Home::new("");
    std::fs::remove_file(home.config()).expect("no file");
    let shown = home.json(&["config", "show", "--origin"]);
    assert_eq!(shown["file"], Value::Null, "{shown}");
    assert_eq!(shown["values"]["listen"], json!({"host": "127.0.0.1", "port": 8000}));
    assert_eq!(shown["values"]["units"], json!({}));
    assert_eq!(shown["origins"]["listen.port"], json!({"kind": "default"}), "{shown}");
    assert_eq!(home.json(&["config", "check"])["ok"], true);
    home.fails(&["config", "path"], 6);
    home.up();
    let status = home.status();
    assert_eq!(status["daemon"]["config"], Value::Null, "{status}");
    assert_eq!(status["units"], json!([]), "{status}");

    // The first file that `init` writes is right, and applies without a restart.
    home.ok(&["init"]);
    assert_eq!(home.json(&["config", "check"])["ok"], true);
    home.wait("the unit of the first file", || {
        let unit = home.status()["units"][0].clone();
        (unit["name"] == "hello" && unit["state"] == "running").then_some(())
    });
    home.fails(&["init"], 4);
}

const TWO: &str =
    "units:\n  web:\n    command: [sleep, \"1000\"]\n  worker:\n    command: [sleep, \"2000\"]\n";

#[test]
fn row_018_a_running_daemon_refuses_a_wrong_file_and_goes_on_as_before() {
    let mut home = Home::new(TWO);
    home.up();
    let pids = (home.pid("web"), home.pid("worker"));
    let right = home.api("GET", "/api/v1/config", "").json();
    assert_eq!(right["refused"], Value::Null, "{right}");
    let mut refusals = 0;
    for wrong in WRONG {
        let what = wrong.what;
        home.configure(wrong.yaml);
        refusals += 1;
        home.wait(&format!("{what} to be refused"), || {
            (home.events("daemon.config_refused").len() == refusals).then_some(())
        });
        let event = home.events("daemon.config_refused").pop().expect("an event");
        is_told(&wrong, &event["body"]["errors"][0]);
        let status = home.status();
        let need = &status["needs_you"][0];
        assert_eq!(need["kind"], "config_refused", "{what}: {status}");
        assert_eq!(need["action"], "orkestra config check", "{what}: {status}");
        assert!(need["since"].is_string(), "{what}: {status}");
        let view = home.api("GET", "/api/v1/config", "").json();
        assert_eq!(view["values"], right["values"], "{what}: the earlier values hold");
        is_told(&wrong, &view["refused"]["errors"][0]);
        // Asking again, by hand, by signal or by saving the same mistake, is no news.
        let said = home.fails(&["config", "reload"], 5);
        assert!(
            said.contains(&format!("orkestra.yaml:{}:{}", wrong.at.0, wrong.at.1)),
            "{what}: {said}"
        );
        home.configure(wrong.yaml);
    }
    home.signal_daemon("HUP");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(home.events("daemon.config_refused").len(), refusals, "told once each");
    assert_eq!((home.pid("web"), home.pid("worker")), pids);
    assert_eq!(home.status()["units"].as_array().map(Vec::len), Some(2));

    home.configure(&TWO.replace("2000", "3000"));
    home.wait("the right file to apply", || {
        (home.unit("worker")["command"] == json!(["sleep", "3000"])).then_some(())
    });
    home.wait("nothing to need anybody", || {
        (home.status()["needs_you"] == json!([])).then_some(())
    });
    assert_eq!(home.pid("web"), pids.0);
    assert_ne!(home.pid("worker"), pids.1);
}

#[test]
fn row_018_back_to_the_same_file_clears_the_refusal_and_touches_nothing() {
    let mut home = Home::new(TWO);
    home.up();
    let pids = (home.pid("web"), home.pid("worker"));
    for round in 1..=2 {
        home.configure("units: {web: {}}\n");
        home.wait("a refusal", || {
            (home.events("daemon.config_refused").len() == round).then_some(())
        });
        home.configure(TWO);
        home.wait("no need", || (home.status()["needs_you"] == json!([])).then_some(()));
    }
    assert_eq!((home.pid("web"), home.pid("worker")), pids);
    let view = home.api("GET", "/api/v1/config", "").json();
    assert_eq!(view["refused"], Value::Null, "{view}");
}

fn show(home: &Home, env: &[(&str, &str)], args: &[&str]) -> Value {
    let mut command = home.command(ORKESTRA);
    command.args(["config", "show", "--origin", "--json"]).args(args).envs(env.iter().copied());
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn row_019_flag_beats_environment_beats_file_beats_default() {
    let mut home = Home::new("units: {}\n");
    let port = |shown: &Value| shown["values"]["listen"]["port"].clone();
    let origin = |shown: &Value, key: &str| shown["origins"][key].clone();

    let shown = show(&home, &[], &[]);
    assert_eq!(
        (port(&shown), origin(&shown, "listen.port")),
        (json!(8000), json!({"kind": "default"}))
    );
    home.configure("listen:\n  port: 8101\n");
    let shown = show(&home, &[], &[]);
    let file = json!({"kind": "file", "at": {"line": 2, "column": 9}});
    assert_eq!((port(&shown), origin(&shown, "listen.port")), (json!(8101), file));
    for name in ["ORKESTRA_PORT", "ORKESTRA__LISTEN__PORT"] {
        let shown = show(&home, &[(name, "8102")], &[]);
        let env = json!({"kind": "env", "at": name});
        assert_eq!((port(&shown), origin(&shown, "listen.port")), (json!(8102), env));
    }
    let plain = home.ok(&["config", "show", "--origin"]);
    assert!(
        plain.lines().any(|line| line.contains("listen.port") && line.contains("orkestra.yaml:2")),
        "{plain}"
    );

    // What is shown is what happens: three ports, and each layer wins over those below it.
    let ports = [free_port(), free_port(), free_port()];
    home.configure(&format!("listen:\n  port: {}\n", ports[0]));
    home.up_with(&[]);
    assert_eq!(home.port(), ports[0], "the file");
    home.down();
    home.env.push(("ORKESTRA_PORT".to_owned(), ports[1].to_string()));
    home.up_with(&[]);
    assert_eq!(home.port(), ports[1], "the environment");
    home.down();
    home.up_with(&["--port", &ports[2].to_string()]);
    assert_eq!(home.port(), ports[2], "the flag");
    // Also after the file was read again.
    home.configure(&format!("listen:\n  port: {}\nunits: {{}}\n", ports[0]));
    home.ok(&["config", "reload"]);
    let view = home.api("GET", "/api/v1/config", "").json();
    assert_eq!(view["values"]["listen"]["port"], ports[2], "{view}");
}

#[test]
fn row_019_the_data_folder_and_the_file_follow_the_same_order() {
    let home = Home::new("units: {}\n");
    let path = |folder: &str| json!(home.dir.join(folder).display().to_string());
    let mut command = home.command(ORKESTRA);
    let output =
        command.args(["config", "show", "--origin", "--json"]).env_remove("ORKESTRA_HOME").output();
    let shown: Value = serde_json::from_slice(&output.expect("it runs").stdout).expect("JSON");
    assert_eq!(shown["values"]["home"], path(".orkestra"));
    assert_eq!(shown["origins"]["home"], json!({"kind": "default"}));
    let shown = show(&home, &[("ORKESTRA_HOME", "by-env")], &[]);
    assert_eq!(shown["values"]["home"], path("by-env"));
    assert_eq!(shown["origins"]["home"], json!({"kind": "env", "at": "ORKESTRA_HOME"}));
    let shown = show(&home, &[("ORKESTRA_HOME", "by-env")], &["--home", "by-flag"]);
    assert_eq!(shown["values"]["home"], path("by-flag"));
    assert_eq!(shown["origins"]["home"], json!({"kind": "flag", "at": "--home"}));

    for (name, port) in [("flag.yaml", 1111), ("env.yaml", 2222)] {
        std::fs::write(home.dir.join(name), format!("listen: {{ port: {port} }}\n"))
            .expect("a file");
    }
    let shown = show(&home, &[("ORKESTRA_CONFIG", "env.yaml")], &[]);
    assert_eq!(shown["values"]["listen"]["port"], 2222);
    let shown = show(&home, &[("ORKESTRA_CONFIG", "env.yaml")], &["--config", "flag.yaml"]);
    assert_eq!(shown["values"]["listen"]["port"], 1111);
    let output = home.run(&["config", "check", "--config", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}

#[test]
fn row_019_a_changed_file_applies_by_itself_and_touches_only_what_changed() {
    let mut home = Home::new(
        "units:\n  same:\n    command: [sleep, \"1000\"]\n  policy:\n    command: [sleep, \"1001\"]\n  \
         command:\n    command: [sleep, \"1002\"]\n  gone:\n    command: [sleep, \"1003\"]\n",
    );
    home.up();
    let pid = |name: &str| home.pid(name);
    let before = (pid("same"), pid("policy"), pid("command"), pid("gone"));
    let generation = home.unit("same")["generation"].clone();
    let place = head(&home);
    home.configure(
        "units:\n  same:\n    command: [sleep, \"1000\"]\n  policy:\n    command: [sleep, \"1001\"]\n    \
         restart: { policy: never }\n    stop: { grace: 1s }\n  command:\n    command: [sleep, \"2002\"]\n  \
         new:\n    command: [sleep, \"1004\"]\n",
    );
    let new = home.wait("the new unit", || {
        let status = home.status();
        let units = status["units"].as_array()?;
        let unit = units.iter().find(|unit| unit["name"] == "new")?;
        unit["pid"].as_i64()
    });
    let changed = home.wait("the changed command to run", || {
        let unit = home.unit("command");
        let other = unit["pid"].as_i64().filter(|pid| *pid != i64::from(before.2));
        other.filter(|_| unit["state"] == "running")
    });
    assert!(crate::harness::is_alive(new as i32) && crate::harness::is_alive(changed as i32));
    home.wait("the removed unit's end", || (!crate::harness::is_alive(before.3)).then_some(()));
    home.wait("the removed unit to leave", || {
        (home.status()["units"].as_array().map(Vec::len) == Some(4)).then_some(())
    });
    assert_eq!(home.pid("same"), before.0);
    assert_eq!(home.pid("policy"), before.1, "another policy needs no other process");
    let policy = home.json(&["unit", "show", "policy"]);
    assert_eq!(
        (&policy["restart"]["policy"], &policy["stop"]["grace_ms"]),
        (&json!("never"), &json!(1000))
    );
    assert_eq!(home.unit("same")["generation"], generation);
    assert_eq!(home.status()["daemon"]["pid"], home.daemon_pid());
    let touched = crate::support::journal(&home, place);
    assert!(touched.iter().all(|event| event["subject"] != "same"), "{touched:?}");
    let said = text(&std::fs::read(format!("/proc/{changed}/cmdline")).expect("its command line"));
    assert!(said.contains("2002"), "{said}");

    // The policy is in force: a death is final now.
    crate::harness::signal(before.1, "KILL");
    home.wait("the unit to stay down", || {
        (home.unit("policy")["pid"] == Value::Null).then_some(())
    });
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(home.unit("policy")["pid"], Value::Null);
}

#[test]
fn row_019_a_changed_environment_restarts_and_a_changed_order_does_not() {
    let base =
        "units:\n  a:\n    command: [sleep, \"1000\"]\n  b:\n    command: [sleep, \"1001\"]\n";
    let mut home = Home::new(base);
    home.up();
    let (a, b) = (home.pid("a"), home.pid("b"));
    home.configure(&format!("{base}    after: {{ a: started }}\n"));
    home.wait("the order", || (home.unit("b")["after"] == json!({"a": "started"})).then_some(()));
    assert_eq!((home.pid("a"), home.pid("b")), (a, b));
    home.configure(&format!("{base}    env: {{ COLOUR: green }}\n"));
    let new = home.wait("a new process", || Some(home.pid("b")).filter(|pid| *pid != b));
    let environ = std::fs::read(format!("/proc/{new}/environ")).expect("its environment");
    assert!(text(&environ).contains("COLOUR=green"));
    assert_eq!(home.pid("a"), a);
    // Disabled means stopped, enabled again means started; the others do not notice.
    home.configure(&format!("{base}    enabled: false\n"));
    home.wait_state("b", "stopped");
    home.configure(base);
    home.wait_state("b", "running");
    assert_eq!(home.pid("a"), a);
}
