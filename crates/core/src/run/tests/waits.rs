//! Pauses, waits, limits and recovery, as tables.

use super::*;
use crate::run::{
    Answer, Begun, Changes, FAULTS_MAX, Fault, RELAUNCHES_MAX, Trouble, WAITS_MAX, Wait,
};

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn trouble(fault: Fault) -> Trouble {
    let changes = (fault == Fault::Permission)
        .then(|| Changes { add_dirs: vec!["/d".to_owned()], ..Changes::default() });
    let (pattern, words) = ("p".to_owned(), "words".to_owned());
    Trouble { fault, pattern, words, after_ms: None, changes }
}

fn died(number: u128, trouble: Option<Trouble>) -> RunInput {
    let records = vec![done(1_000, false)];
    RunInput::Exited { instance: life(number), exit: exit(1), records, files: None, trouble }
}

fn kinds(decision: &RunDecision) -> Vec<&str> {
    decision.events.iter().map(|draft| draft.kind.trim_start_matches("run.")).collect()
}

fn wait_of(run: &Run) -> &'static str {
    match &run.state {
        RunState::Suspended { wait } => wait.word(),
        other => panic!("not suspended: {other:?}"),
    }
}

#[test]
fn a_pause_freezes_and_resume_thaws_and_stop_ends_it() {
    let mut run = state("running");
    let decision = feed(&mut run, RunInput::Pause).unwrap();
    assert_eq!((run.state_word(), kinds(&decision)), ("paused", vec!["paused"]));
    assert_eq!(decision.orders, [RunOrder::Freeze { instance: life(1) }]);
    assert!(feed(&mut run, RunInput::Pause).is_none());
    // A new daemon halts it again: the order may have been lost.
    let decision = feed(&mut run, started(1, true)).unwrap();
    assert_eq!(decision.orders, [RunOrder::Freeze { instance: life(1) }]);
    let decision = feed(&mut run, RunInput::Resume).unwrap();
    assert_eq!(decision.orders, [RunOrder::Thaw { instance: life(1) }]);
    feed(&mut run, RunInput::Pause).unwrap();
    feed(&mut run, RunInput::NotFrozen { instance: life(1), why: "old".to_owned() }).unwrap();
    assert_eq!(run.state_word(), "running");
    feed(&mut run, RunInput::Pause).unwrap();
    feed(&mut run, RunInput::Cancel).unwrap();
    feed(&mut run, exited(1, 0, vec![done(0, true)])).unwrap();
    assert_eq!(run.state_word(), "cancelled");
}

#[test]
fn a_pause_is_no_working_time() {
    let mut run = state("running");
    feed_at(&mut run, RunInput::Pause, later(10), None).unwrap();
    assert_eq!(run.worked_ms(later(1_000)), 10_000);
    feed_at(&mut run, RunInput::Resume, later(1_000), None).unwrap();
    assert_eq!(run.worked_ms(later(1_005)), 15_000);
}

#[test]
fn each_fault_leads_to_its_wait_and_each_bound_holds() {
    for (fault, word, bound) in [
        (Fault::RateLimit, "time", WAITS_MAX),
        (Fault::Unavailable, "time", FAULTS_MAX),
        (Fault::Broken, "time", FAULTS_MAX),
        (Fault::Stalled, "time", FAULTS_MAX),
    ] {
        let mut run = state("running");
        for round in 1..=bound {
            let decision = feed(&mut run, died(u128::from(round), Some(trouble(fault)))).unwrap();
            assert_eq!(wait_of(&run), word, "{fault:?}");
            assert_eq!(kinds(&decision), ["attempt_ended", "suspended"], "{fault:?}");
            let limited = decision.orders.iter().any(|o| matches!(o, RunOrder::Limit { .. }));
            assert_eq!(limited, fault == Fault::RateLimit);
            // Too early nothing happens but that the clock is set again.
            let early = feed(&mut run, RunInput::Wake).unwrap();
            assert!(early.events.is_empty() && run.state_word() == "suspended");
            feed_at(&mut run, RunInput::Wake, later(100_000), None).unwrap();
            assert_eq!(run.attempt().unwrap().begun, Begun::Retried { fault });
            feed(&mut run, started(u128::from(round) + 1, false)).unwrap();
        }
        feed(&mut run, died(u128::from(bound) + 1, Some(trouble(fault)))).unwrap();
        match fault {
            Fault::RateLimit => assert_eq!(wait_of(&run), "person"),
            _ => assert_eq!(run.state_word(), "failed"),
        }
    }
    for fault in [Fault::Login, Fault::Quota, Fault::Other] {
        let mut run = state("running");
        feed(&mut run, died(1, Some(trouble(fault)))).unwrap();
        assert_eq!(wait_of(&run), "person", "{fault:?}");
    }
}

#[test]
fn after_three_relaunches_the_next_failure_asks_and_an_answer_gives_them_anew() {
    let mut run = state("running");
    for round in 1..=RELAUNCHES_MAX {
        let decision =
            feed(&mut run, died(u128::from(round), Some(trouble(Fault::Permission)))).unwrap();
        assert_eq!(kinds(&decision), ["attempt_ended", "attempt_begun"]);
        assert_eq!(run.changes.add_dirs, ["/d"]);
        feed(&mut run, started(u128::from(round) + 1, false)).unwrap();
    }
    feed(&mut run, died(4, Some(trouble(Fault::Permission)))).unwrap();
    assert_eq!(wait_of(&run), "person");
    assert!(feed(&mut run, RunInput::Wake).is_none(), "only a person helps");
    let mut abandoned = run.clone();
    feed(&mut abandoned, RunInput::Answer(Answer::Abort)).unwrap();
    assert_eq!(abandoned.state_word(), "cancelled");
    feed(&mut run, RunInput::Answer(Answer::Fixed)).unwrap();
    assert_eq!((run.state_word(), run.tries), ("starting", Tries::default()));
    // A change that nobody may give is none.
    let mut run = state("running");
    let refused = Trouble { changes: None, ..trouble(Fault::Permission) };
    feed(&mut run, died(1, Some(refused.clone()))).unwrap();
    assert_eq!(wait_of(&run), "person");
    // And an agent that came to a regular end without it is done.
    let mut run = state("running");
    let input = RunInput::Exited {
        instance: life(1),
        exit: exit(0),
        records: vec![done(0, true)],
        files: None,
        trouble: Some(refused),
    };
    feed(&mut run, input).unwrap();
    assert!(matches!(run.state, RunState::Reported));
}

#[test]
fn a_held_agent_begins_nothing_until_it_is_free() {
    let hold = || Some(Wait::Agent { until: None, why: "held".to_owned() });
    let mut run = state("preparing");
    feed_at(&mut run, prepared(), AT, hold()).unwrap();
    assert_eq!(wait_of(&run), "agent");
    assert!(feed_at(&mut run, RunInput::Wake, AT, hold()).is_none());
    feed(&mut run, RunInput::Wake).unwrap();
    assert_eq!((run.state_word(), run.attempts.len()), ("starting", 1));
    assert_eq!(run.attempt().unwrap().begun, Begun::First);
}

#[test]
fn a_run_whose_process_died_while_it_asked_waits_for_the_answer() {
    let mut run = state("running");
    let asked = |name: &str| RunInput::Asked { approval: name.to_owned() };
    let answered = |name: &str| RunInput::Answered { approval: name.to_owned(), allow: true };
    feed(&mut run, asked("a")).unwrap();
    feed(&mut run, asked("b")).unwrap();
    assert!(feed(&mut run, asked("a")).is_none());
    feed(&mut run, died(1, None)).unwrap();
    assert_eq!(wait_of(&run), "approvals");
    assert!(feed(&mut run, RunInput::Resume).is_none(), "only an answer helps");
    feed(&mut run, answered("b")).unwrap();
    assert_eq!(wait_of(&run), "approvals");
    feed(&mut run, answered("a")).unwrap();
    assert_eq!(run.state_word(), "starting");
    assert_eq!(run.attempt().map(|life| (life.number, life.resume)), Some((2, true)));
    assert!(feed(&mut run, answered("a")).is_none());
}

#[test]
fn limits_end_it_once_and_silence_is_told_once() {
    let measured = |memory| RunInput::Measured { instance: life(1), memory };
    for (limit, memory, at) in [("runtime", None, 3_601), ("memory", Some(3 << 30), 1)] {
        let mut run = state("running");
        feed(&mut run, streamed(1, vec![text(0, 0)], 9));
        run.last_event_at = Some(later(at));
        let decision = feed_at(&mut run, measured(memory), later(at), None).unwrap();
        assert_eq!(kinds(&decision), ["limit_reached"]);
        assert_eq!(decision.events[0].body["limit"], limit);
        assert_eq!(decision.orders, [RunOrder::Stop { instance: life(1) }]);
        assert!(feed_at(&mut run, measured(memory), later(at + 1), None).is_none());
        feed(&mut run, exited(1, 143, vec![])).unwrap();
        assert_eq!(run.state_word(), "failed");
    }
    let mut run = state("running");
    assert!(feed_at(&mut run, measured(None), later(899), None).is_none());
    let decision = feed_at(&mut run, measured(None), later(900), None).unwrap();
    assert_eq!(kinds(&decision), ["silent"]);
    assert!(feed_at(&mut run, measured(None), later(1_000), None).is_none());
    let decision = feed_at(&mut run, streamed(1, vec![text(0, 0)], 9), later(1_001), None).unwrap();
    assert_eq!(kinds(&decision), ["heard"]);
    // One that waits for a person is silent for a reason.
    feed(&mut run, RunInput::Asked { approval: "a".to_owned() }).unwrap();
    assert!(feed_at(&mut run, measured(None), later(3_000), None).is_none());
}

#[test]
fn going_on_after_the_end_is_a_new_attempt_with_all_it_had() {
    let mut run = state("running");
    feed(&mut run, streamed(1, vec![used(0, "m", 5, None)], 9));
    feed(&mut run, died(1, None)).unwrap();
    assert_eq!(run.state_word(), "failed");
    let decision = feed(&mut run, RunInput::Resume).unwrap();
    assert_eq!(kinds(&decision), ["resumed", "attempt_begun"]);
    assert_eq!((run.state_word(), run.attempt_number(), run.tokens()), ("starting", 2, 50));
    assert_eq!((run.offset, run.ended_at), (0, None));
    // What is read of the first attempt now is nobody's.
    assert!(feed(&mut run, streamed(1, vec![text(0, 0)], 9)).is_none());
}

#[test]
fn a_run_of_an_older_version_can_be_read() {
    let old = serde_json::json!({"id": run().id, "agent": "a", "kind": "script", "prompt": "p",
        "target": "/t", "request_key": null, "session_id": "s",
        "state": {"state": "stopping", "instance": life(1), "pid": 7}, "worktree": null,
        "offset": 0, "events": 0, "raw_lines": 0, "usage": null, "ended": null, "exit": null,
        "files": null, "created_at": AT, "started_at": null, "ended_at": null,
        "last_event_at": null, "latest": null});
    let mut run: Run = serde_json::from_value(old).unwrap();
    assert_eq!((run.attempt_number(), run.attempts.len()), (1, 0));
    feed(&mut run, exited(1, 143, vec![])).unwrap();
    assert_eq!(run.state_word(), "cancelled");
}
