//! Halting and going on.

use crate::harness::is_alive;
use crate::site::{Site, TICKER, ticks_are_whole};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// What grows while the run's processes work: the agent's own output, and the file of the process
/// that has a session of its own.
fn growing(site: &Site, run: &Value) -> [PathBuf; 2] {
    let id = run["id"].as_str().expect("an id");
    let beside = Path::new(run["worktree"].as_str().expect("a worktree")).join("beside");
    [site.home.data().join("runs").join(id).join("1/stdout"), beside]
}

fn halted(files: &[PathBuf; 2]) {
    std::thread::sleep(Duration::from_millis(300));
    let before = [size(&files[0]), size(&files[1])];
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(before, [size(&files[0]), size(&files[1])], "it goes on while it is halted");
}

#[test]
fn row_065_pause_halts_every_process_resume_loses_nothing_and_stop_leaves_nothing() {
    let mut site = Site::script(TICKER, json!({}));
    let id = site.begin("helper", &[]);
    site.wait_texts(&id, 5);
    let run = site.show(&id);
    let files = growing(&site, &run);
    let pid = run["pid"].as_i64().expect("a pid");

    let paused = site.home.json(&["run", "pause", &id]);
    assert_eq!(paused["state"], "paused", "{paused}");
    halted(&files);
    assert!(is_alive(pid as i32), "a halted process is there");
    // Halting twice is no mistake, and a run that is halted can be asked about.
    site.home.ok(&["run", "pause", &id]);

    // A new daemon finds it halted, and leaves it so.
    site.home.kill_daemon();
    halted(&files);
    site.home.up();
    assert_eq!(site.wait_state(&id, "paused")["pid"], pid);
    halted(&files);

    let before = [size(&files[0]), size(&files[1])];
    let resumed = site.home.json(&["run", "resume", &id]);
    assert_eq!(resumed["state"], "running", "{resumed}");
    site.home.wait("both to grow", || {
        (size(&files[0]) > before[0] && size(&files[1]) > before[1]).then_some(())
    });
    let said = ticks_are_whole(&site.show(&id));
    site.wait_texts(&id, said + 3);

    // It can be stopped while it is halted.
    site.home.ok(&["run", "pause", &id]);
    site.home.ok(&["run", "stop", &id]);
    let run = site.wait_over(&id);
    assert_eq!(run["state"], "cancelled", "{run}");
    assert!(ticks_are_whole(&run) >= said);
    site.home.wait("no process to be left", || site.home.processes().is_empty().then_some(()));
    let kinds = ["run.paused", "run.resumed", "run.ended"].map(|kind| site.told(&id, kind).len());
    assert_eq!(kinds, [2, 1, 1], "each is told once");
    let said = site.home.fails(&["run", "pause", &id], 4);
    assert!(said.contains("ORK-0503"), "{said}");
}

#[test]
fn a_failed_run_goes_on_where_it_was_and_is_told_what_happened() {
    let script = r#"#!/bin/sh
cat > prompt.$ORKESTRA_ATTEMPT
[ -n "$ORKESTRA_RESUME" ] && echo "resumed $ORKESTRA_RESUME"
if [ ! -e begun ]; then
  touch begun
  echo '{"type":"text","text":"half of it"}'
  exit 3
fi
echo '{"type":"text","text":"the rest"}'
"#;
    let site = Site::script(script, json!({}));
    let id = site.begin("helper", &[]);
    let run = site.wait_over(&id);
    assert_eq!(run["state"], "failed", "{run}");
    site.home.ok(&["run", "resume", &id]);
    let run = site.home.wait("its second end", || {
        let run = site.show(&id);
        (run["attempt"] == 2 && run["ended_at"].is_string()).then_some(run)
    });
    assert_ne!(run["state"], "failed", "{run}");
    let attempts = run["attempts"].as_array().expect("attempts");
    let words: Vec<_> = attempts.iter().map(|attempt| &attempt["begun"]).collect();
    assert_eq!(words, ["first", "resumed"], "{run}");
    // A script has no conversation: it begins anew, in the same folder, and is told of the first.
    let worktree = Path::new(run["worktree"].as_str().expect("a worktree"));
    let prompt = std::fs::read_to_string(worktree.join("prompt.2")).expect("the prompt");
    assert!(prompt.starts_with("go") || prompt.contains("go\n"), "{prompt}");
    assert!(prompt.contains("half of it"), "{prompt}");
    assert_eq!(crate::site::texts(&run), ["half of it", "the rest"]);
}

#[test]
fn row_079_two_runs_at_once_never_mix_events() {
    let script = r#"#!/bin/sh
read -r word
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  echo "{\"type\":\"text\",\"text\":\"$ORKESTRA_RUN $i\"}"
  sleep 0.02
done
"#;
    let site = Site::script(script, json!({}));
    let ids: Vec<String> = (0..3).map(|_| site.begin("helper", &[])).collect();
    for id in &ids {
        let run = site.wait_over(id);
        let wanted: Vec<String> = (1..=20).map(|number| format!("{id} {number}")).collect();
        assert_eq!(crate::site::texts(&run), wanted, "events of another run");
        // The stream of events, asked for one run.
        let page = site.home.api("GET", &format!("/api/v1/journal?subject={id}&limit=500"), "");
        let page = page.json();
        let events = page["events"].as_array().expect("events");
        assert!(events.len() > 20 && events.iter().all(|event| event["subject"] == id.as_str()));
        let others: Vec<_> = ids.iter().filter(|other| *other != id).collect();
        let text = page.to_string();
        assert!(others.iter().all(|other| !text.contains(other.as_str())), "{text}");
    }
}
