//! What units may use.

use crate::harness::Home;
use crate::support::{SLEEP, of, unit, units, verified};
use std::process::Stdio;

#[test]
fn case_54_a_unit_over_its_memory_limit_is_killed_with_that_reason_and_restarted() {
    // `tail` keeps a line without an end in memory: a child of the leader eats.
    let eats = "(head -c 120000000 /dev/zero; sleep 1000) | tail";
    let limited = "limits: { memory: 60MB }, restart: { initial: 20ms, jitter: 0 }";
    let mut home = Home::new(&units(&[unit("eats", eats, limited), unit("calm", SLEEP, "")]));
    home.up();
    let calm = home.pid("calm");
    home.wait("a restart", || (home.unit("eats")["restarts"].as_u64()? >= 1).then_some(()));
    let exceeded = of(&home, "eats", "unit.limit_exceeded").remove(0);
    assert_eq!(exceeded["body"]["limit"], "memory", "{exceeded}");
    assert!(exceeded["body"]["used"].as_f64() > Some(60e6), "{exceeded}");
    let exited = of(&home, "eats", "unit.exited").remove(0);
    assert_eq!(exited["body"]["reason"], "memory_limit", "{exited}");
    assert_eq!(home.pid("calm"), calm);
    verified(&home);
}

#[test]
fn case_54_a_unit_over_its_cpu_limit_is_ended_with_that_reason() {
    // Starting a program a hundred times a second is more than one percent of any core.
    let busy = "while :; do sleep 0.01; done";
    let limited = "limits: { cpu: 1% }, restart: never";
    let mut home = Home::new(&units(&[unit("busy", busy, limited)]));
    home.up();
    home.wait_state("busy", "failed");
    let exited = of(&home, "busy", "unit.exited").remove(0);
    assert_eq!(exited["body"]["reason"], "cpu_limit", "{exited}");
    let why = home.unit("busy")["why"].to_string();
    assert!(why.contains("used more CPU than its limit"), "{why}");
}

/// A limit by address space would kill them at their start: they reserve far more than they use.
#[test]
fn programs_that_reserve_much_and_use_little_live_under_a_limit() {
    let there = |program: &str| {
        #[allow(clippy::disallowed_methods, reason = "a question to the machine")]
        let mut command = std::process::Command::new(program);
        let found = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    };
    let programs = [
        ("node", "exec node -e 'console.log(\"up\"); setInterval(() => {}, 1000)'"),
        ("python3", "exec python3 -uc 'import time; print(\"up\"); time.sleep(1000)'"),
    ];
    let limited = "limits: { memory: 512MB }, restart: never";
    let found: Vec<_> = programs.iter().filter(|(program, _)| there(program)).collect();
    if found.len() < programs.len() {
        println!("SKIPPED in part: only {} of {} programs are here", found.len(), programs.len());
    }
    let list: Vec<_> = found.iter().map(|(name, script)| unit(name, script, limited)).collect();
    let mut home = Home::new(&units(&list));
    home.up();
    for (name, _) in found {
        home.wait("its first line", || home.ok(&["logs", name]).contains("up").then_some(()));
        // Sampled at least once, and it lives.
        let usage = home.wait("a sample", || {
            let unit = home.unit(name);
            unit["usage"]["rss_bytes"].as_u64().filter(|bytes| *bytes > 1_000_000)
        });
        assert!(usage < 512_000_000, "{name} uses {usage}");
        assert_eq!(home.unit(name)["state"], "running", "{name}");
    }
}

#[test]
fn a_unit_has_its_own_limit_of_open_files() {
    let tells = "ulimit -n; exec sleep 1000";
    let mut home = Home::new(&units(&[unit("few", tells, "limits: { open_files: 64 }")]));
    home.up();
    home.wait("its output", || home.ok(&["logs", "few"]).contains("64").then_some(()));
}

#[test]
fn what_a_unit_uses_is_shown_and_kept_apart_from_the_journal() {
    let mut home = Home::new(&units(&[unit("calm", "sleep 1000 & sleep 1000", "")]));
    home.up();
    let usage = home.wait("a sample", || {
        let unit = home.unit("calm");
        unit["usage"].is_object().then(|| unit["usage"].clone())
    });
    assert!(usage["processes"].as_u64() >= Some(2), "{usage}");
    let one = home.api("GET", "/api/v1/units/calm/samples", "").json();
    assert!(!one["samples"].as_array().expect("a list").is_empty(), "{one}");
    let all = home.api("GET", "/api/v1/samples", "").json();
    assert!(all["units"]["calm"].is_array(), "{all}");
    let shown = home.ok(&["unit", "show", "calm"]);
    assert!(shown.contains("% of a core"), "{shown}");
    let kinds = home.events("unit.*");
    assert!(kinds.iter().all(|event| !event["kind"].to_string().contains("sample")), "{kinds:?}");
}
