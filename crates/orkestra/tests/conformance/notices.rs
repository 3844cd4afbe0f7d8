//! What a process says about itself: ready, reloading, alive, in need of time (cases 27 to 30).

#![allow(clippy::disallowed_methods, reason = "a program of the tests reads what it shall say")]

use crate::harness::{Home, is_alive};
use crate::support::of;
use crate::watch::{count, story, touch, wait_other};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

/// Not a test but a program that tests start as a unit. It takes the steps in `STEPS`: `?FILE` waits
/// for a file, `exit N` ends, `child TEXT` has a child say it, `every MS TEXT` says it for ever, all
/// else is said at once. Then it lives on.
#[test]
#[ignore = "a program for the tests"]
fn speaks() {
    let Ok(steps) = std::env::var("STEPS") else { return };
    for step in steps.split('|') {
        if let Some(file) = step.strip_prefix('?') {
            while !Path::new(file).exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
        } else if let Some(code) = step.strip_prefix("exit ") {
            std::process::exit(code.parse().expect("a code"));
        } else if let Some(text) = step.strip_prefix("child ") {
            let mut child = std::process::Command::new(std::env::current_exe().expect("ourselves"));
            // It stays, since who is gone cannot be looked at.
            child.args(SPEAKS).env("STEPS", text);
            #[allow(clippy::zombie_processes, reason = "whoever adopts it reaps it")]
            let _lives_on = child.spawn().expect("a child");
        } else if let Some(rest) = step.strip_prefix("every ") {
            let (pause, text) = rest.split_once(' ').expect("a pause and a text");
            let pause = Duration::from_millis(pause.parse().expect("a number"));
            loop {
                say(text);
                std::thread::sleep(pause);
            }
        } else {
            say(step);
        }
    }
    std::thread::sleep(Duration::from_secs(1_000_000));
}

const SPEAKS: [&str; 3] = ["--exact", "notices::speaks", "--ignored"];

fn say(text: &str) {
    let name = std::env::var("NOTIFY_SOCKET").expect("a socket");
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let socket = UnixDatagram::unbound().expect("a socket");
    socket.send_to_addr(text.as_bytes(), &address.expect("an address")).expect("it is said");
}

/// A unit that takes these steps.
fn speaking(name: &str, steps: &str, rest: &str) -> String {
    let program = std::env::current_exe().expect("ourselves");
    let [exact, test, ignored] = SPEAKS;
    format!(
        "  {name}: {{ command: [{:?}, {exact}, {test}, {ignored}], env: {{ STEPS: {steps:?} }}, {rest} }}\n",
        program.display().to_string()
    )
}

fn home(units: &[String]) -> Home {
    let mut home = Home::new(&format!("units:\n{}", units.concat()));
    home.up();
    home
}

#[test]
fn case_27_a_unit_is_ready_when_it_says_so_and_not_before() {
    let home = home(&[
        speaking("main", "?go|READY=1", "probes: { ready: { notify: main } }"),
        // Waiting for it, or for a line, whichever comes first.
        speaking("either", "?go|READY=1", "probes: { ready: { notify: main, delay: 10m } }"),
        crate::support::unit("next", crate::support::SLEEP, "after: { main: ready }"),
    ]);
    for name in ["main", "either"] {
        home.wait_state(name, "running");
        assert_eq!(home.unit(name)["why"], "Running, but not ready yet.");
    }
    assert_eq!(home.unit("next")["state"], "starting");
    touch(&home, "go");
    for name in ["main", "either"] {
        home.wait("it to be ready", || (count(&home, name, "unit.ready") == 1).then_some(()));
    }
    home.pid("next");
}

#[test]
fn case_28_a_word_of_one_who_may_not_speak_is_not_heard_and_noted() {
    let home = home(&[
        speaking("main", "child READY=1|?go|READY=1", "probes: { ready: { notify: main } }"),
        speaking("all", "child READY=1", "probes: { ready: { notify: all } }"),
    ]);
    home.wait("the child of one that lets it", || {
        (count(&home, "all", "unit.ready") == 1).then_some(())
    });
    let noted =
        || home.daemon_log().lines().any(|line| line.contains("main") && line.contains("may not"));
    home.wait("the refusal in the daemon's log", || noted().then_some(()));
    // A stranger with the address in hand is heard as little, wherever it is allowed.
    assert_eq!(count(&home, "main", "unit.ready"), 0);
    touch(&home, "go");
    home.wait("its own word", || (count(&home, "main", "unit.ready") == 1).then_some(()));
}

#[test]
fn case_29_a_reload_that_ends_in_death_or_never_is_followed_by_a_new_life() {
    let rest = |within: &str| {
        format!(
            "restart: {{ initial: 10ms }}, probes: {{ ready: {{ notify: main, within: {within} }} }}"
        )
    };
    let home = home(&[
        speaking("dies", "READY=1|?reload|RELOADING=1|?die|exit 0", &rest("10m")),
        speaking("hangs", "READY=1|?reload|RELOADING=1", &rest("2s")),
        speaking("does", "READY=1|?reload|RELOADING=1|?die|READY=1", &rest("10m")),
    ]);
    let all = ["dies", "hangs", "does"];
    for name in all {
        home.wait("it to be ready", || (count(&home, name, "unit.ready") == 1).then_some(()));
    }
    let pids = all.map(|name| home.pid(name));
    touch(&home, "reload");
    for name in all {
        home.wait("the word", || (count(&home, name, "unit.reloading") >= 1).then_some(()));
    }
    // Later lives shall not do it again.
    std::fs::remove_file(home.dir.join("reload")).expect("the file");
    touch(&home, "die");
    for (name, pid, reason) in [("dies", pids[0], "exited"), ("hangs", pids[1], "not_ready")] {
        wait_other(&home, name, pid);
        let exited = of(&home, name, "unit.exited").remove(0);
        assert_eq!(exited["body"]["reason"], reason, "{exited}");
        home.wait("it to be ready again", || (count(&home, name, "unit.ready") >= 2).then_some(()));
        assert_eq!(home.unit(name)["ready"], "passing", "{name}");
    }
    home.wait("the end of the reload", || (count(&home, "does", "unit.ready") == 2).then_some(()));
    assert_eq!(home.pid("does"), pids[2]);
    assert!(story(&home, "does").join(" ").ends_with("ready reloading ready"));
}

#[test]
fn case_30_time_is_given_as_long_as_it_is_asked_for() {
    let rest = "restart: never, probes: { ready: { notify: main, within: 1500ms } }";
    let home = home(&[
        speaking("asks", "every 300 EXTEND_TIMEOUT_USEC=2000000", rest),
        speaking("stops", "?tick|EXTEND_TIMEOUT_USEC=2500000", rest),
        speaking("silent", "?never", rest),
    ]);
    let asks = home.pid("asks");
    home.pid("stops");
    touch(&home, "tick");
    for name in ["silent", "stops"] {
        let failed = home.wait_state(name, "failed");
        assert_eq!(failed["last_exit"]["reason"], "not_ready", "{failed}");
    }
    let lived = |name: &str| home.unit(name)["last_exit"]["uptime_ms"].as_u64();
    assert!(lived("stops") >= Some(2_490), "it was given time: {:?}", lived("stops"));
    assert_eq!(count(&home, "stops", "unit.time_extended"), 1);
    assert!(is_alive(asks));
    assert_eq!(home.pid("asks"), asks, "it asks and lives, though it is not ready for long");
    assert!(home.unit("asks")["uptime_ms"].as_u64() > Some(1_500));
}
