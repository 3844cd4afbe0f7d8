//! kill -9 of the daemon at any moment of a run, and of daemon and agent together.

use crate::harness::signal;
use crate::site::{Site, texts};
use serde_json::{Value, json};
use std::time::Duration;

/// Speaks for about three seconds, and says what it used.
const SPEAKER: &str = r#"#!/bin/sh
cat > /dev/null
i=0
while [ $i -lt 30 ]; do
  i=$((i + 1))
  echo "{\"type\":\"text\",\"text\":\"tick $i\"}"
  echo '{"type":"usage","model":"m","fresh_input":10,"output":1,"cost_usd":0.01}'
  sleep 0.1
done
"#;

/// Numbers without a library: the seed is told, and can be handed in.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let given = std::env::var("ORKESTRA_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| getrandom::u64().expect("randomness"));
        eprintln!("the seed is ORKESTRA_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What must be the same whatever happened to the daemon.
fn is_whole(site: &Site, id: &str) {
    let run = site.wait_over(id);
    assert_ne!(run["state"], "failed", "{run:#}");
    let wanted: Vec<String> = (1..=30).map(|number| format!("tick {number}")).collect();
    assert_eq!(texts(&run), wanted, "lost or doubled");
    assert_eq!(site.told(id, "run.ended").len(), 1, "ended once");
    assert_eq!(site.told(id, "run.agent_ended").len(), 1);
    assert_eq!(
        (&run["usage"]["fresh_input"], &run["usage"]["output"]),
        (&json!(300), &json!(30)),
        "{run:#}"
    );
    let cost = run["usage"]["cost_usd"].as_f64().expect("a cost");
    assert!((cost - 0.3).abs() < 1e-9, "{cost}");
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(1), "{run:#}");
}

fn kills(rounds: u64) {
    let mut chance = Chance::new();
    let mut site = Site::script(SPEAKER, json!({}));
    for _ in 0..rounds {
        let id = site.begin("helper", &[]);
        for _ in 0..=chance.below(2) {
            std::thread::sleep(Duration::from_millis(chance.below(2_500)));
            site.home.kill_daemon();
            std::thread::sleep(Duration::from_millis(chance.below(600)));
            site.home.up();
        }
        is_whole(&site, &id);
    }
}

#[test]
fn row_075_a_run_goes_on_whenever_the_daemon_is_killed() {
    kills(3);
}

#[test]
#[ignore = "soak"]
fn soak_a_run_goes_on_whenever_the_daemon_is_killed() {
    kills(30);
}

/// Prints, then works on for ever, unless it goes on with its conversation.
const TALKER: &str = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"started","session_id":"talk-1"}'
if [ -z "$ORKESTRA_RESUME" ]; then
  echo '{"type":"text","text":"first"}'
  exec sleep 1000
fi
echo "{\"type\":\"text\",\"text\":\"again $ORKESTRA_RESUME\"}"
"#;

#[test]
fn a_run_that_down_interrupted_goes_on_with_its_conversation_when_orkestra_is_up_again() {
    let mut site = Site::script(TALKER, json!({}));
    let id = site.begin("helper", &[]);
    site.wait_texts(&id, 1);
    site.home.down();
    assert!(site.home.processes().is_empty(), "nothing lives on");
    site.home.up();
    let run = site.wait_over(&id);
    assert_ne!(run["state"], "failed", "{run:#}");
    assert_eq!(texts(&run), ["first", "again talk-1"]);
    assert_eq!(site.told(&id, "run.interrupted").len(), 1);
    assert_eq!(site.told(&id, "run.ended").len(), 1);
}

#[test]
fn an_agent_killed_together_with_the_daemon_is_started_anew_with_its_conversation() {
    let mut site = Site::script(TALKER, json!({}));
    let id = site.begin("helper", &[]);
    site.wait_texts(&id, 1);
    let pid = site.show(&id)["pid"].as_i64().expect("a pid");
    site.home.kill_daemon();
    signal(pid as i32, "KILL");
    site.home.up();
    let run = site.wait_over(&id);
    assert_ne!(run["state"], "failed", "{run:#}");
    assert_eq!(texts(&run), ["first", "again talk-1"]);
    let attempts: Vec<&Value> = run["attempts"].as_array().expect("attempts").iter().collect();
    assert_eq!(attempts.len(), 2, "{run:#}");
    assert_eq!(
        (&attempts[0]["exit_signal"], &attempts[1]["because"]),
        (&json!(9), &json!("broken"))
    );
    assert_eq!(site.told(&id, "run.ended").len(), 1);
}
