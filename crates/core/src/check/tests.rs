//! Each check with facts under which it does not pass, and the level that MISSION 2.2 and 2.3 state.

use super::before::{DISK_EMPTY, DISK_LOW};
use super::*;

fn good_before() -> Before {
    Before {
        store: Ok(()),
        row: RowFact::Reads,
        state: Some("ready".to_owned()),
        depends: vec![DependsFact {
            task: "aa".to_owned(),
            state: Some("verified".to_owned()),
            hard: true,
        }],
        held_by: None,
        agent: AgentFact { name: Some("claude".to_owned()), ..AgentFact::default() },
        folder: Ok(()),
        uncommitted: Some(0),
        disk_free: Some(50.0),
        inputs_missing: Vec::new(),
        inputs: 1,
        tries: (0, 3),
    }
}

fn good_after() -> After {
    After {
        state: Some("reported".to_owned()),
        outputs: vec![OutputFact {
            path: "a.txt".to_owned(),
            named: true,
            bytes: Some(3),
            markers: Vec::new(),
        }],
        said: Vec::new(),
        lease: LeaseFact::Ours,
        ended: true,
        uncommitted: Some(0),
        faults: Vec::new(),
    }
}

fn only(results: &[Outcome], check: &str, level: Level) {
    for outcome in results {
        let expected = if outcome.check == check { level } else { Level::Pass };
        assert_eq!(outcome.level, expected, "{outcome:?}");
    }
    assert!(results.iter().any(|outcome| outcome.check == check), "there is no {check}");
    assert_eq!(worst(results).blocks(), level.blocks());
}

#[test]
fn each_check_before_has_a_failing_fixture_with_its_level() {
    assert_eq!(worst(&before(&good_before())), Level::Pass);
    assert_eq!(before(&good_before()).len(), 13);
    type Break = fn(&mut Before);
    let cases: [(&str, Level, Break); 17] = [
        ("queue_opens", Level::Critical, |f| f.store = Err("no such table: task".to_owned())),
        ("row_reads", Level::Critical, |f| f.row = RowFact::Unreadable("not JSON".to_owned())),
        ("task_exists", Level::Fail, |f| f.row = RowFact::Missing),
        ("state_ready", Level::Fail, |f| f.state = Some("failed".to_owned())),
        ("state_ready", Level::Fail, |f| f.state = None),
        ("dependencies_verified", Level::Fail, |f| {
            f.depends[0].state = Some("reported".to_owned());
        }),
        ("dependencies_verified", Level::Fail, |f| f.depends[0].state = None),
        ("dependencies_verified", Level::Warning, |f| {
            f.depends[0] = DependsFact { hard: false, state: None, ..f.depends[0].clone() };
        }),
        ("not_claimed", Level::Fail, |f| f.held_by = Some("worker-2".to_owned())),
        ("agent_free", Level::Warning, |f| f.agent.busy_with = vec!["bb".to_owned()]),
        ("folder_writable", Level::Fail, |f| f.folder = Err("it is read-only".to_owned())),
        ("git_clean", Level::Warning, |f| f.uncommitted = Some(2)),
        ("disk_space", Level::Critical, |f| f.disk_free = Some(DISK_EMPTY - 0.1)),
        ("disk_space", Level::Warning, |f| f.disk_free = Some(DISK_LOW - 0.1)),
        ("input_files", Level::Fail, |f| f.inputs_missing = vec!["spec.md".to_owned()]),
        ("agent_active", Level::Fail, |f| f.agent.held_back = Some("paused".to_owned())),
        ("tries_left", Level::Fail, |f| f.tries = (3, 3)),
    ];
    for (check, level, spoil) in cases {
        let mut facts = good_before();
        spoil(&mut facts);
        only(&before(&facts), check, level);
    }
    let edge = Before { disk_free: Some(DISK_LOW), ..good_before() };
    assert_eq!(worst(&before(&edge)), Level::Pass);
    let edge = Before { disk_free: Some(DISK_EMPTY), ..good_before() };
    assert_eq!(worst(&before(&edge)), Level::Warning);
}

#[test]
fn each_check_after_has_a_failing_fixture_with_its_level() {
    assert_eq!(worst(&after(&good_after())), Level::Pass);
    assert_eq!(after(&good_after()).len(), 8);
    type Break = fn(&mut After);
    let cases: [(&str, Level, Break); 10] = [
        ("state_reported", Level::Fail, |f| f.state = Some("running".to_owned())),
        ("outputs_exist", Level::Fail, |f| f.outputs[0].bytes = None),
        ("outputs_filled", Level::Warning, |f| f.outputs[0].bytes = Some(0)),
        ("lease_held", Level::Warning, |f| f.lease = LeaseFact::Lapsed),
        ("lease_held", Level::Fail, |f| f.lease = LeaseFact::Taken("codex".to_owned())),
        ("time_recorded", Level::Warning, |f| f.ended = false),
        ("no_error_markers", Level::Warning, |f| {
            f.outputs[0].markers = vec!["Traceback".to_owned()];
        }),
        ("no_error_markers", Level::Warning, |f| f.said = vec!["FAILED".to_owned()]),
        ("changes_committed", Level::Warning, |f| f.uncommitted = Some(1)),
        ("queue_consistent", Level::Fail, |f| f.faults = vec!["a cycle: a → b → a".to_owned()]),
    ];
    for (check, level, spoil) in cases {
        let mut facts = good_after();
        spoil(&mut facts);
        only(&after(&facts), check, level);
    }
}

#[test]
fn markers_are_words() {
    assert_eq!(markers_in("ok: 3 passed, 0 failed"), Vec::<&str>::new());
    assert_eq!(markers_in("ERRORS_TOTAL = 0; NO_ERROR"), Vec::<&str>::new());
    assert_eq!(markers_in("[ERROR] x\nTraceback (most recent"), ["ERROR", "Traceback"]);
    assert_eq!(markers_in("raise ValueException(1)"), ["Exception"]);
    assert_eq!(markers_in("2 tests FAILED"), ["FAILED"]);
}

#[test]
fn what_stops_is_said() {
    let results =
        before(&Before { state: Some("running".to_owned()), tries: (3, 3), ..good_before() });
    let made = Made { phase: Phase::Pre, agent: None, results };
    let why = made.why().unwrap();
    assert!(why.contains("state_ready") && why.contains("tries_left"), "{why}");
    assert!(made.blocks());
}
