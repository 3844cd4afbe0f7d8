//! Steps of the calendar clock. The running clock cannot be set for one test alone (Linux has time
//! namespaces for the boot clock only), so what a step leaves behind is made: rows whose times lie
//! far from now. That nothing else reads the calendar is for the core's tests, which hand in clocks.

use crate::harness::Home;
use crate::support::{SLEEP, at_ms, edit_state, of, unit, units};
use serde_json::json;

const DAYS: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 40);

/// A unit that waits `wait` after its first crash, and a daemon that is gone.
fn waiting(wait: &str) -> Home {
    let rest = format!("restart: {{ initial: {wait}, max: {wait}, jitter: 0 }}");
    let mut home = Home::new(&units(&[unit("waits", "exit 1", &rest)]));
    home.up();
    home.wait_state("waits", "backing_off");
    home.kill_daemon();
    home
}

/// From the daemon's start to the unit's next one, by the journal.
fn waited(home: &Home) -> i64 {
    home.wait("the next try", || {
        let starts = of(home, "waits", "unit.starting");
        let daemon = home.events("daemon.started").pop()?;
        Some(at_ms(starts.get(1)?) - at_ms(&daemon))
    })
}

#[test]
fn a_clock_step_back_never_makes_a_wait_longer() {
    let mut home = waiting("2s");
    edit_state(&home, "waits", "until", json!(jiff::Timestamp::now() + DAYS));
    home.up();
    let waited = waited(&home);
    assert!((1_900..22_000).contains(&waited), "the whole wait again, not 40 days: {waited} ms");
}

#[test]
fn a_clock_step_forward_ends_a_wait() {
    let mut home = waiting("10m");
    edit_state(&home, "waits", "until", json!(jiff::Timestamp::now() - DAYS));
    home.up();
    let waited = waited(&home);
    assert!(waited < 60_000, "the wait was over by the calendar: {waited} ms");
}

#[test]
fn a_clock_step_does_not_change_an_uptime() {
    let mut home =
        Home::new(&units(&[unit("runs", SLEEP, ""), unit("dies", SLEEP, "restart: never")]));
    home.up();
    let (runs, dies) = (home.pid("runs"), home.pid("dies"));
    home.kill_daemon();
    let later = jiff::Timestamp::now() + DAYS;
    for name in ["runs", "dies"] {
        edit_state(&home, name, "started_at", json!(later));
        edit_state(&home, name, "started_boot_ms", json!(u64::MAX / 2));
    }
    home.up();
    assert_eq!((home.pid("runs"), home.pid("dies")), (runs, dies));
    let before = home.unit("runs")["uptime_ms"].as_u64().expect("an uptime");
    assert!(before < 10 * 60_000, "{before}");
    home.wait("it to grow", || {
        (home.unit("runs")["uptime_ms"].as_u64() > Some(before)).then_some(())
    });
    crate::harness::signal(dies, "KILL");
    let unit = home.wait_state("dies", "failed");
    let lived = unit["last_exit"]["uptime_ms"].as_u64().expect("an uptime");
    assert!((1..10 * 60_000).contains(&lived), "{unit}");
}
