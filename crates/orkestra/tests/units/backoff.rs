//! Waits between restarts, told and kept (MISSION rows 3 and 4).

use crate::harness::{Home, signal};
use crate::support::{SLEEP, at_ms, of, unit, units};
use serde_json::Value;
use std::time::{Duration, Instant};

/// No wait may be kept longer than this above what was told, on the busiest machine.
const LATE_MS: i64 = 20_000;

/// The journal's clock can be set and stamps are cut; waits go by another clock.
const STAMP_MS: i64 = 3;

/// The first `count` waits: as told, and as kept by the times of events.
fn waits(home: &Home, name: &str, count: usize) -> Vec<(i64, i64)> {
    let events = of(home, name, "unit.restart_scheduled,unit.starting");
    let starting = |after: &Value| {
        let seq = after["seq"].as_u64();
        events.iter().find(|e| e["kind"] == "unit.starting" && e["seq"].as_u64() > seq).map(at_ms)
    };
    let scheduled = events.iter().filter(|event| event["kind"] == "unit.restart_scheduled");
    let told = |event: &Value| event["body"]["delay_ms"].as_i64().expect("a delay");
    scheduled
        .filter_map(|event| Some((told(event), starting(event)? - at_ms(event))))
        .take(count)
        .collect()
}

fn assert_waits(home: &Home, name: &str, expected: &[i64]) {
    let waits = waits(home, name, expected.len());
    let told: Vec<i64> = waits.iter().map(|(told, _)| *told).collect();
    assert_eq!(told, expected, "{name}: as told");
    for (told, kept) in waits {
        assert!(kept >= told - STAMP_MS, "{name}: of {told} ms only {kept} were kept");
        assert!(kept <= told + LATE_MS, "{name}: {told} ms became {kept}");
    }
}

fn wait_for(home: &Home, name: &str, count: usize, patience: Duration) {
    let deadline = Instant::now() + patience;
    while waits(home, name, count).len() < count {
        assert!(Instant::now() < deadline, "{name} did not crash {count} times");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn row_003_six_crashes_in_a_row_wait_longer_and_longer() {
    let mut home = Home::new(&units(&[
        unit(
            "scaled",
            "exit 1",
            "restart: { profile: default, initial: 50ms, max: 1500ms, jitter: 0 }",
        ),
        unit(
            "gentle",
            "exit 1",
            "restart: { profile: gentle, initial: 20ms, max: 320ms, jitter: 0 }",
        ),
        // Each life is long enough to count as healthy, so each wait is the first.
        unit(
            "healthy",
            "sleep 0.3; exit 1",
            "restart: { initial: 30ms, jitter: 0, reset_after: 200ms }",
        ),
        unit("jitter", "exit 1", "restart: { initial: 40ms, max: 40ms, jitter: 0.5 }"),
    ]));
    home.up();
    for name in ["scaled", "gentle", "healthy", "jitter"] {
        wait_for(&home, name, 6, Duration::from_secs(60));
    }
    assert_waits(&home, "scaled", &[50, 100, 200, 400, 800, 1500]);
    assert_waits(&home, "gentle", &[20, 40, 80, 160, 320, 320]);
    assert_waits(&home, "healthy", &[30; 6]);
    let attempts: Vec<Value> = of(&home, "healthy", "unit.restart_scheduled")
        .iter()
        .map(|event| event["body"]["attempt"].clone())
        .collect();
    assert!(attempts.iter().all(|attempt| *attempt == 1), "{attempts:?}");
    for (told, _) in waits(&home, "jitter", 6) {
        assert!((20..=60).contains(&told), "±50 % of 40 ms: {told}");
    }
    let status = home.unit("scaled");
    assert!(status["restarts"].as_u64() >= Some(6), "{status}");
}

#[test]
fn the_profiles_tell_their_waits() {
    let slow = "restart: { profile: gentle, jitter: 0 }";
    let mut home = Home::new(&units(&[
        unit("default", "exit 1", "restart: { jitter: 0 }"),
        unit("gentle", "exit 1", slow),
    ]));
    home.up();
    for (name, first) in [("default", 1_000), ("gentle", 2_000)] {
        wait_for(&home, name, 1, Duration::from_secs(60));
        assert_waits(&home, name, &[first]);
    }
}

#[test]
#[ignore = "soak"]
fn soak_the_profiles_wait_as_promised() {
    let mut home = Home::new(&units(&[
        unit("default", "exit 1", "restart: { profile: default, jitter: 0 }"),
        unit("gentle", "exit 1", "restart: { profile: gentle, jitter: 0 }"),
    ]));
    home.up();
    wait_for(&home, "default", 6, Duration::from_secs(61 + 60));
    assert_waits(&home, "default", &[1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    wait_for(&home, "gentle", 6, Duration::from_secs(94 + 60));
    assert_waits(&home, "gentle", &[2_000, 4_000, 8_000, 16_000, 32_000, 32_000]);
}

#[test]
fn row_004_while_one_waits_another_is_restarted_in_its_own_time() {
    let mut home = Home::new(&units(&[
        unit("a", "exit 1", "restart: { initial: 30s, jitter: 0 }"),
        unit("b", SLEEP, "restart: { initial: 100ms, factor: 1, jitter: 0 }"),
    ]));
    home.up();
    let next = home.wait_state("a", "backing_off")["next_start_at"].clone();
    for _ in 0..3 {
        let pid = home.pid("b");
        signal(pid, "KILL");
        home.wait("b to be restarted", || {
            let unit = home.unit("b");
            (unit["state"] == "running" && unit["pid"] != pid).then_some(())
        });
    }
    let waits = waits(&home, "b", 3);
    assert_eq!(waits.len(), 3);
    for (told, kept) in waits {
        assert_eq!(told, 100);
        assert!((100 - STAMP_MS..10_000).contains(&kept), "b waited {kept} ms");
    }
    // All that happened within a's first wait, which did not move.
    let a = of(&home, "a", "unit.starting,unit.restart_scheduled");
    let b = of(&home, "b", "unit.started");
    let a_waits_since = at_ms(a.get(1).expect("a's wait"));
    let b_last = at_ms(b.last().expect("b's last start"));
    assert!(b_last < a_waits_since + 30_000, "b had to wait for a");
    let unit = home.unit("a");
    if unit["state"] == "backing_off" && unit["restarts"] == 1 {
        assert_eq!(unit["next_start_at"], next);
    }
}
