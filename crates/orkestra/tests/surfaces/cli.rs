//! Row 51: one command line, and every command has `--json` that parses. Defect B22.

use crate::harness::{Home, ORKESTRA, is_alive, text};
use crate::support::{Follower, repository};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Output, Stdio};

/// The verbs below a help text's "Commands:".
fn verbs(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    list.lines()
        .take_while(|line| !line.is_empty())
        // Continued descriptions are indented deeper.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

/// Every command that can be carried out, with its help.
fn commands(home: &Home) -> Vec<(Vec<String>, String)> {
    fn walk(home: &Home, path: Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let help = home.ok(&args);
        let verbs = verbs(&help);
        // `orkestra run PROMPT` is a command beside `orkestra run list`.
        if verbs.is_empty() || help.contains("<PROMPT>") {
            found.push((path.clone(), help));
        }
        for verb in verbs {
            let mut deeper = path.clone();
            deeper.push(verb);
            walk(home, deeper, found);
        }
    }
    let mut found = Vec::new();
    walk(home, Vec::new(), &mut found);
    found
}

/// What a command prints with `--json`.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// One document.
    Document,
    /// One object per line.
    Lines,
    /// One value, as it stands in the configuration.
    Scalar,
}
use Form::{Document, Lines, Scalar};

/// Every command with arguments that it can be tried with, in an order in which all succeed.
/// `RUN` becomes the id of a run, `TARGET` a repository. `up` and `down` are tried apart.
const TRIED: [(&str, &[&str], Form); 22] = [
    ("status", &[], Document),
    ("doctor", &[], Document),
    ("agents", &[], Document),
    ("dashboard", &[], Document),
    ("init", &["fresh.yaml"], Document),
    ("unit list", &[], Document),
    ("unit show", &["web"], Document),
    ("unit stop", &["web"], Document),
    ("unit start", &["web"], Document),
    ("unit restart", &["web"], Document),
    ("unit signal", &["web", "CONT"], Document),
    ("logs", &["web"], Lines),
    ("events", &[], Lines),
    ("run", &["say something", "--target", "TARGET"], Lines),
    ("run list", &[], Document),
    ("run show", &["RUN"], Document),
    ("run stop", &["RUN"], Document),
    ("audit verify", &[], Document),
    ("audit export", &[], Lines),
    ("audit anchor", &[], Document),
    ("config show", &["--origin"], Document),
    ("config check", &[], Document),
];
/// The rest of them; an array has one length for all tests that read it.
const TRIED_TOO: [(&str, &[&str], Form); 4] = [
    ("config get", &["listen.port"], Scalar),
    ("config path", &[], Document),
    ("config schema", &[], Document),
    ("config reload", &[], Document),
];

/// Waiting needs one that ends.
const TRIED_WAIT: [(&str, &[&str], Form); 1] = [("unit wait", &["done"], Document)];

/// For whoever installs it.
const TRIED_SHIP: [(&str, &[&str], Form); 4] = [
    ("completions", &["bash"], Document),
    ("man", &[], Document),
    ("import", &["procfile", "Procfile"], Document),
    ("service install", &["--print"], Document),
];

/// For the house itself. Order matters: a job has a log once it ran.
const TRIED_HOUSE: [(&str, &[&str], Form); 17] = [
    ("alert list", &[], Document),
    ("approval list", &[], Document),
    ("gate rules", &[], Document),
    ("gate check", &["ls"], Document),
    ("backup create", &[], Document),
    ("backup list", &[], Document),
    ("effect list", &[], Document),
    ("job list", &[], Document),
    ("job show", &["tick"], Document),
    ("job run", &["tick", "--wait"], Document),
    ("job logs", &["tick"], Lines),
    ("job disable", &["tick"], Document),
    ("job enable", &["tick"], Document),
    ("notify list", &[], Document),
    ("prune", &["--dry-run"], Document),
    ("secret check", &[], Document),
    ("top", &["--once"], Document),
];

/// For money, and for agents as such.
const TRIED_MONEY: &[(&str, &[&str], Form)] = &[
    // Nobody there is a model's API, which is an empty list.
    ("agent list", &[], Document),
    ("agent show", &["helper"], Document),
    ("agent probe", &["helper"], Document),
    ("agent pause", &["helper", "--for", "1h"], Document),
    ("agent resume", &["helper"], Document),
    ("agent stats", &["helper"], Document),
    ("agent note", &["helper", "It is about doors"], Document),
    ("agent inbox", &["helper"], Document),
    ("snapshot create", &[], Document),
    ("snapshot list", &[], Document),
    ("task doctor", &[], Document),
    ("usage", &["--by", "day"], Document),
    ("github status", &[], Document),
    ("session list", &[], Document),
    ("project list", &[], Document),
    ("budget set", &["tried", "--usd", "5", "--per", "day"], Document),
    ("budget list", &[], Document),
    ("stats", &[], Document),
    ("vote list", &[], Document),
    ("vote verify", &[], Document),
    ("budget show", &["tried"], Document),
    ("budget override", &["tried", "--reason", "a test"], Document),
    ("budget remove", &["tried"], Document),
];

/// What needs more than a furnished house, or ends with a code of its own; their own tests read
/// their JSON.
const TRIED_ELSEWHERE: &[&str] = &[
    "vote open",
    "vote ask",
    "vote cast",
    "vote close",
    "vote decide",
    "vote show",
    "vote replay",
    "vote mark",
    "vote tally",
    "merge list",
    "merge show",
    "merge retry",
    "merge cancel",
    "merge undo",
    "merge overlaps",
    "run tell",
    "run review",
    "review list",
    "review show",
    "review start",
    "review answer",
    "task create",
    "task list",
    "task show",
    "task why",
    "task edit",
    "task assign",
    "task ready",
    "task shelve",
    "task claim",
    "task heartbeat",
    "task report",
    "task retry",
    "task cancel",
    "task graph",
    "task handover",
    "task delegate",
    "task checks",
    "task verify",
    "task log",
    "snapshot show",
    "snapshot restore",
    "session show",
    "session plan",
    "session approve",
    "session pause",
    "session resume",
    "session stop",
    "session log",
    "session summary",
    "project new",
    "project start",
    "project load",
    "project status",
    "project stop",
    "project reset",
    "project config",
    "run pause",
    "run resume",
    "agent ask",
    "agent test",
    "run answer",
    "run diff",
    "run discard",
    "run log",
    "run undo",
    "run verify",
    "approval show",
    "approve",
    "deny",
    "gate forget",
    "up",
    "down",
    "service uninstall",
    "service status",
    "alert show",
    "alert settle",
    "backup verify",
    "backup restore",
    "effect settle",
    "notify test",
    "health",
    "upgrade",
];

fn all() -> impl Iterator<Item = (&'static str, &'static [&'static str], Form)> {
    let more = TRIED_SHIP.into_iter().chain(TRIED_WAIT).chain(TRIED_HOUSE);
    let more = more.chain(TRIED_MONEY.iter().copied());
    TRIED.into_iter().chain(TRIED_TOO).chain(more)
}

/// A daemon with a unit that has written something, an agent, and a run that is over.
fn furnished() -> (Home, String, String) {
    let mut home = Home::new("");
    let agent = home.script("agent.sh", "#!/bin/sh\ncat > said\necho hello\n");
    home.configure(&format!(
        "units:\n  web:\n    command: 'echo one; echo two >&2; exec sleep 100000'\n  done: {{ command: 'exit 0', restart: never }}\nagents:\n  \
         helper: {{ kind: script, command: [\"{}\"] }}\njobs:\n  tick: {{ every: 1h, command: 'echo tick' }}\n",
        agent.display()
    ));
    std::fs::write(home.dir.join("Procfile"), "web: sleep 5\n").expect("a Procfile");
    home.up();
    home.pid("web");
    let target = repository(&home).display().to_string();
    home.ok(&["run", "hello", "--target", &target]);
    let runs = home.json(&["run", "list"]);
    let run = runs["runs"][0]["id"].as_str().expect("a run").to_owned();
    home.wait("its first lines", || (home.ok(&["logs", "web"]).lines().count() >= 2).then_some(()));
    (home, run, target)
}

fn parses(form: Form, output: &Output, case: &str) {
    let printed = text(&output.stdout);
    assert!(
        !printed.trim().is_empty(),
        "{case}: nothing on stdout; stderr: {}",
        text(&output.stderr)
    );
    match form {
        Document => {
            let value: Value =
                serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{case}: {e}: {printed}"));
            assert!(
                value.is_object(),
                "{case}: a document is an object, so that it can grow: {printed}"
            );
        }
        Scalar => {
            let _value: Value =
                serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{case}: {e}: {printed}"));
        }
        Lines => {
            for line in printed.lines() {
                let value: Value =
                    serde_json::from_str(line).unwrap_or_else(|e| panic!("{case}: {e}: {line}"));
                assert!(value.is_object(), "{case}: {line}");
            }
        }
    }
}

#[test]
fn row_051_every_command_has_json_that_parses() {
    let (home, run, target) = furnished();
    let known = commands(&home);
    let walked: BTreeSet<String> = known.iter().map(|(path, _)| path.join(" ")).collect();
    let tried: BTreeSet<String> = all()
        .map(|(path, ..)| path)
        .chain(TRIED_ELSEWHERE.iter().copied())
        .map(str::to_owned)
        .collect();
    assert_eq!(walked, tried, "left: what --help lists; right: what this test tries");
    for (path, help) in &known {
        assert!(help.contains("--json"), "orkestra {} has no --json", path.join(" "));
    }
    for (path, args, form) in all() {
        let mut line: Vec<&str> = path.split(' ').collect();
        line.extend(args.iter().map(|arg| match *arg {
            "RUN" => run.as_str(),
            "TARGET" => target.as_str(),
            other => other,
        }));
        line.push("--json");
        let output = home.run(&line);
        assert!(output.status.success(), "{line:?}: {}", text(&output.stderr));
        parses(form, &output, path);
        assert!(!text(&output.stdout).contains('\x1b'), "{path}: colour codes");
    }
}

#[test]
fn row_051_up_and_down_have_json_too() {
    let home = Home::new("units: {}\n");
    let up = home.json(&["up", "--detach", "--port", "0"]);
    let link = up["dashboard"].as_str().expect("a link");
    assert!(link.starts_with("http://127.0.0.1:") && link.contains("/#login="), "{up}");
    assert_eq!(home.status()["daemon"]["pid"], up["pid"]);
    let down = home.json(&["down"]);
    assert_eq!(down["pid"], up["pid"]);
    home.fails(&["status", "--json"], 3);

    // In the foreground it is the first line, since the command goes on.
    let foreground = Follower::start(&home, &["up", "--port", "0", "--json"]);
    let first = foreground.next();
    assert!(first["dashboard"].as_str().is_some_and(|link| link.contains("/#login=")), "{first}");
    home.ok(&["down"]);
}

#[test]
fn row_051_data_goes_to_stdout_and_everything_else_to_stderr() {
    let (home, _, target) = furnished();
    // A command that fails says nothing on standard output, with and without --json.
    for args in [
        &["unit", "show", "nothing"][..],
        &["logs", "nothing"],
        &["run", "show", "nothing"],
        &["run", "do it", "--agent", "nobody", "--target", &target],
        &["events", "--since", "yesterday"],
        &["init", "orkestra.yaml"],
        &["status", "--home", "elsewhere"],
        &["audit", "verify", "--home", "elsewhere"],
    ] {
        for json in [&[][..], &["--json"]] {
            let line = [args, json].concat();
            let output = home.run(&line);
            assert!(!output.status.success(), "{line:?}");
            assert_eq!(text(&output.stdout), "", "{line:?}");
            let said = text(&output.stderr);
            assert!(said.starts_with("error"), "{line:?}: {said}");
            assert!(!said.contains('\x1b'), "{line:?}: {said}");
        }
    }
    // A command that has nothing to show shows nothing.
    let empty = Home::new("units: {}\n");
    let shown = home.ok(&["logs", "web"]);
    assert_eq!(shown.lines().collect::<Vec<_>>(), ["one", "two"]);
    for args in [&["config", "show"][..], &["config", "check"], &["doctor"]] {
        let output = empty.run(args);
        assert!(!output.stdout.is_empty(), "{args:?}");
        assert!(!text(&output.stdout).contains('\x1b'), "{args:?}");
    }
    for (path, args, _) in all() {
        if ["init", "run", "run show", "run stop"].contains(&path) {
            continue;
        }
        let line: Vec<&str> = path.split(' ').chain(args.iter().copied()).collect();
        let output = home.run(&line);
        assert!(output.status.success(), "{line:?}: {}", text(&output.stderr));
        let both = text(&output.stdout) + &text(&output.stderr);
        assert!(!both.contains('\x1b'), "{line:?} colours what is no terminal: {both:?}");
    }
}

#[test]
fn row_051_colours_are_for_terminals_only() {
    let (home, ..) = furnished();
    // `script` gives a command a terminal of its own.
    if !Path::new("/usr/bin/script").exists() {
        panic!("/usr/bin/script (util-linux) is missing, so no terminal can be played");
    }
    let on_terminal = |extra: &[(&str, &str)]| {
        let mut command = home.command("/usr/bin/script");
        let line = format!("{ORKESTRA} status");
        command.args(["-qec", &line, "/dev/null"]).envs(extra.iter().copied());
        text(&command.stdin(Stdio::null()).output().expect("script runs").stdout)
    };
    let shown = on_terminal(&[("TERM", "xterm")]);
    assert!(shown.contains("web") && shown.contains("\x1b["), "{shown:?}");
    let shown = on_terminal(&[("TERM", "xterm"), ("NO_COLOR", "1")]);
    assert!(shown.contains("web") && !shown.contains("\x1b["), "{shown:?}");
}

#[test]
fn row_051_events_filters_by_kind_subject_and_time() {
    let (home, run, _) = furnished();
    home.ok(&["unit", "restart", "web"]);
    let lines = |args: &[&str]| -> Vec<Value> {
        let args = [&["events", "--json", "-n", "1000"], args].concat();
        home.ok(&args).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let all = lines(&[]);
    let seqs: Vec<_> = all.iter().map(|event| event["seq"].as_u64().expect("a place")).collect();
    assert!(seqs.is_sorted() && seqs.first() == Some(&1), "oldest first, from the beginning");
    let picked = |like: &dyn Fn(&Value) -> bool| {
        all.iter().filter(|event| like(event)).cloned().collect::<Vec<_>>()
    };
    let kind = |event: &Value| event["kind"].as_str().unwrap_or_default().to_owned();
    assert_eq!(lines(&["--kind", "unit.started"]), picked(&|event| kind(event) == "unit.started"));
    assert_eq!(lines(&["--kind", "unit.*"]), picked(&|event| kind(event).starts_with("unit.")));
    assert_eq!(
        lines(&["--kind", "unit.started,run.*"]),
        picked(&|event| kind(event) == "unit.started" || kind(event).starts_with("run."))
    );
    assert_eq!(lines(&["--subject", "web"]), picked(&|event| event["subject"] == "web"));
    assert_eq!(lines(&["--subject", &run]), picked(&|event| event["subject"] == run.as_str()));
    let middle =
        all.get(all.len() / 2).expect("an event")["at"].as_str().expect("a time").to_owned();
    let since = picked(&|event| event["at"].as_str() >= Some(&middle));
    assert_eq!(lines(&["--since", &middle]), since);
    assert_eq!(lines(&["--since", "1h"]), all);
    assert_eq!(lines(&["--kind", "unit.started", "--subject", "nothing"]), Vec::<Value>::new());
    let last = home.ok(&["events", "--json", "-n", "1"]);
    assert_eq!(serde_json::from_str::<Value>(&last).expect("JSON"), *all.last().expect("the last"));
}

/// B22: status was always "not running", a daemon lost its supervisor at once, and what it said was
/// thrown away.
#[test]
fn defect_b22_a_daemon_in_the_background_lives_is_seen_by_all_and_says_what_it_does() {
    let home = Home::new("units:\n  web:\n    command: 'echo I am here; exec sleep 100000'\n");
    // The starting process, and the shell that started it, are gone before anything is asked.
    let mut shell = home.command("/bin/sh");
    let line = format!("{ORKESTRA} up --detach --port 0");
    let output = shell.args(["-c", &line]).output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let link = said.trim().strip_prefix("Dashboard: ").expect("a link");
    assert!(link.contains("/#login="), "{said}");

    let status = home.status();
    let daemon = status["daemon"]["pid"].as_i64().expect("a pid") as i32;
    assert!(is_alive(daemon));
    let keeper = crate::harness::parent_of(daemon);
    assert_eq!(crate::harness::parent_of(keeper), 1, "its keeper belongs to nobody who may end");
    let unit = home.pid("web");
    assert!(is_alive(unit));
    // Every process sees the same, since all ask the one daemon.
    for _ in 0..3 {
        let again = home.status();
        assert_eq!(again["daemon"]["pid"], daemon);
        assert_eq!(again["units"][0]["pid"], unit);
    }
    // It supervises: what dies is started again.
    crate::harness::signal(unit, "KILL");
    home.wait("another process", || {
        home.unit("web")["pid"].as_i64().filter(|pid| *pid != i64::from(unit))
    });
    // What units and daemon say is kept.
    home.wait("both lives' words", || {
        let said = home.ok(&["logs", "web"]);
        (said.matches("I am here").count() == 2).then_some(())
    });
    let log = std::fs::read_to_string(home.data().join("logs/daemon.log")).expect("its log");
    assert!(!log.trim().is_empty());
    assert!(!log.contains(&home.token()), "secrets do not belong in logs");

    home.ok(&["down"]);
    home.wait("the end of all", || {
        (!is_alive(daemon) && home.processes().is_empty()).then_some(())
    });
    home.fails(&["status"], 3);
}
