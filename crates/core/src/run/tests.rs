//! The life of runs: every state meets every input, and the laws hold over any sequence.

mod instruct;
mod property;
mod waits;

use super::{
    ChangedFile, Limits, Moment, Run, RunDecision, RunInput, RunOrder, RunState, Streamed, Tries,
    Worktree, create,
};
use crate::agent::{AgentEvent, Ended, RawReason, Usage};
use crate::event::{Cause, EventRef, Topic};
use crate::id::{EventId, InstanceId, RunId};
use crate::unit::{Exit, Supply};
use jiff::Timestamp;
use uuid::Uuid;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

fn life(number: u128) -> InstanceId {
    InstanceId::new(Uuid::from_u128(number))
}

fn run() -> Run {
    Run {
        id: RunId::new(Uuid::from_u128(77)),
        agent: "claude-1".to_owned(),
        kind: "claude".to_owned(),
        prompt: "do it".to_owned(),
        target: "/repo".to_owned(),
        request_key: None,
        session_id: "s".to_owned(),
        state: RunState::Preparing,
        worktree: None,
        offset: 0,
        events: 0,
        raw_lines: 0,
        usage: None,
        ended: None,
        exit: None,
        files: None,
        created_at: AT,
        started_at: None,
        ended_at: None,
        last_event_at: None,
        latest: None,
        attempts: Vec::new(),
        limits: Limits::default(),
        changes: super::Changes::default(),
        tries: Tries::default(),
        next: None,
        waiting_for: Vec::new(),
        violations: 0,
        worked_ms: 0,
        working_since: None,
        silent_since: None,
        conversation_told: false,
        after_result: false,
        tokens_before: 0,
        evidence: crate::evidence::Evidence::default(),
        raw: false,
        budget_usd: None,
        given: None,
        belongs: crate::run::Belongs::default(),
        base: None,
        role: None,
        instructions: Vec::new(),
        model: None,
    }
}

/// Lives in their order: the attempt of number N gets life N, ids of conversations are far away.
struct Lives(u128);

impl Supply for Lives {
    fn instance(&mut self) -> InstanceId {
        self.0 += 1;
        life(self.0)
    }

    fn draw(&mut self) -> f64 {
        0.0
    }
}

fn prepared() -> RunInput {
    let worktree = Worktree {
        path: "/w".to_owned(),
        branch: "b".to_owned(),
        base: "c".to_owned(),
        uncommitted: 0,
        snapshot: None,
    };
    let (contract, given) = (crate::evidence::Contract::default(), "do it".to_owned());
    RunInput::Prepared { worktree, contract, given }
}

fn started(number: u128, adopted: bool) -> RunInput {
    RunInput::Started { instance: life(number), pid: 7, adopted }
}

fn refused() -> RunInput {
    RunInput::Refused { why: "no room".to_owned() }
}

fn exit(code: i32) -> Exit {
    Exit {
        code: Some(code),
        signal: None,
        reason: "exited".to_owned(),
        detail: None,
        at: AT,
        uptime_ms: 1,
        killed: false,
        survivors: 0,
        last_lines: Vec::new(),
    }
}

fn exited(number: u128, code: i32, records: Vec<Streamed>) -> RunInput {
    let files = Some(vec![ChangedFile { path: "f".to_owned(), status: "M".to_owned() }]);
    RunInput::Exited { instance: life(number), exit: exit(code), records, files, trouble: None }
}

fn text(offset: u64, index: u32) -> Streamed {
    let event = AgentEvent::Text { text: "hi".to_owned(), parent: None };
    Streamed { offset, index, event }
}

fn raw(offset: u64) -> Streamed {
    let (detail, preview) = (String::new(), String::new());
    let event = AgentEvent::Raw { reason: RawReason::Unknown, detail, preview, bytes: 1 };
    Streamed { offset, index: 0, event }
}

fn used(offset: u64, model: &str, tokens: u64, cost_usd: Option<f64>) -> Streamed {
    let event = AgentEvent::Usage(Usage {
        model: Some(model.to_owned()),
        fresh_input: tokens,
        cache_read: 2 * tokens,
        cache_write: 3 * tokens,
        output: 4 * tokens,
        cost_usd,
    });
    Streamed { offset, index: 0, event }
}

fn done(offset: u64, ok: bool) -> Streamed {
    let error = (!ok).then(|| "gave up".to_owned());
    Streamed { offset, index: 0, event: AgentEvent::Ended(Ended { ok, error, ..Ended::default() }) }
}

fn streamed(number: u128, records: Vec<Streamed>, offset: u64) -> RunInput {
    RunInput::Streamed { instance: life(number), records, offset }
}

/// Commits what an input leads to.
fn feed(run: &mut Run, input: RunInput) -> Option<RunDecision> {
    feed_at(run, input, AT, None)
}

/// The same at another time, or while something holds new attempts back.
fn feed_at(
    run: &mut Run,
    input: RunInput,
    at: Timestamp,
    hold: Option<super::Wait>,
) -> Option<RunDecision> {
    let mut supply = Lives(run.attempts.last().map_or(0, |last| last.instance.uuid().as_u128()));
    let mut moment = Moment { actor: "person:test", at, hold, supply: &mut supply };
    let decision = run.decide(input, &mut moment)?;
    check(run, &decision);
    *run = decision.run.clone();
    if !decision.events.is_empty() {
        let id = EventId::new(Uuid::from_u128(1));
        run.latest = Some(EventRef { id, chain: id, hop: 0 });
    }
    Some(decision)
}

/// What holds of every decision about a run.
fn check(before: &Run, decision: &RunDecision) {
    let after = &decision.run;
    let told = !decision.events.is_empty() || !decision.streamed.is_empty();
    // Law 1. The cursor into the raw stream alone may move in silence.
    let mut known = after.clone();
    known.offset = before.offset;
    assert!(told || known == *before, "a silent change to {}", after.state_word());
    let same_attempt = before.attempts.len() == after.attempts.len();
    assert!(before.offset <= after.offset || !same_attempt, "the cursor goes back");
    let drafts = decision.streamed.iter().map(|(_, _, draft)| draft).chain(&decision.events);
    for draft in drafts {
        assert_eq!((draft.topic, draft.version), (Topic::Run, 1));
        assert_eq!(draft.subject, after.id.to_string());
        assert!(draft.kind.starts_with("run.") && draft.body.is_object(), "{}", draft.kind);
    }
    for (index, draft) in decision.events.iter().enumerate() {
        assert!(!matches!(draft.cause, Cause::Earlier(earlier) if earlier >= index));
    }
    for (offset, _, draft) in &decision.streamed {
        assert!(*offset >= before.offset, "a line is recorded twice");
        assert_eq!(draft.actor, format!("agent:{}", after.agent));
        assert!(
            !matches!(draft.cause, Cause::Earlier(_)),
            "streamed events stand before the others"
        );
    }
    let ends = decision.events.iter().filter(|draft| draft.kind == "run.ended").count();
    assert_eq!(ends, usize::from(!before.is_over() && after.is_over()), "ended once");
    assert_eq!(after.is_over(), after.ended_at.is_some());
    assert!(before.tokens() <= after.tokens(), "usage goes back");
    if before.is_over() && after.is_over() {
        assert!(!told && before == after, "nothing happens after the end");
    }
    for order in &decision.orders {
        match order {
            RunOrder::Launch { instance } => {
                assert_eq!(after.state, RunState::Starting { instance: *instance });
            }
            RunOrder::Stop { instance }
            | RunOrder::Freeze { instance }
            | RunOrder::Thaw { instance } => assert_eq!(after.instance(), Some(*instance)),
            RunOrder::Wake { .. } | RunOrder::Limit { .. } => {
                assert!(matches!(after.state, RunState::Suspended { .. }));
            }
            RunOrder::Release { instance } => assert_ne!(after.instance(), Some(*instance)),
            RunOrder::Check { .. } => assert!(after.evidence.checking),
            RunOrder::GiveChecksUp => assert!(!after.evidence.checking),
            RunOrder::Prepare => panic!("it is prepared when it is made"),
        }
    }
    if let Some(earlier) = before.instance().filter(|earlier| after.instance() != Some(*earlier)) {
        let release = RunOrder::Release { instance: earlier };
        assert!(decision.orders.contains(&release), "a life is left behind");
    }
}

fn state(word: &str) -> Run {
    let mut run = run();
    let inputs = match word {
        "preparing" => vec![],
        "starting" => vec![prepared()],
        "running" => vec![prepared(), started(1, false)],
        "stopping, never ran" => vec![prepared(), RunInput::Cancel],
        "stopping" => vec![prepared(), started(1, false), RunInput::Cancel],
        "reported" => vec![prepared(), started(1, false), exited(1, 0, vec![done(0, true)])],
        "failed" => vec![refused()],
        "cancelled" => vec![RunInput::Cancel],
        other => panic!("no state {other}"),
    };
    for input in inputs {
        feed(&mut run, input).unwrap();
    }
    run
}

/// State, kinds of events and orders, in short.
fn follows(from: &str, input: RunInput) -> String {
    let mut run = state(from);
    let Some(decision) = feed(&mut run, input) else { return "nothing".to_owned() };
    let streamed = decision.streamed.iter().map(|(_, _, draft)| &draft.kind);
    let kinds: Vec<_> = streamed.chain(decision.events.iter().map(|draft| &draft.kind)).collect();
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.trim_start_matches("run.")).collect();
    let orders: Vec<_> = decision
        .orders
        .iter()
        .map(|order| match order {
            RunOrder::Prepare => "prepare".to_owned(),
            RunOrder::Launch { instance } => format!("launch{}", instance.uuid().as_u128()),
            RunOrder::Stop { instance } => format!("stop{}", instance.uuid().as_u128()),
            RunOrder::Freeze { instance } => format!("freeze{}", instance.uuid().as_u128()),
            RunOrder::Thaw { instance } => format!("thaw{}", instance.uuid().as_u128()),
            RunOrder::Release { instance } => format!("release{}", instance.uuid().as_u128()),
            RunOrder::Check { round } => format!("check{round}"),
            RunOrder::GiveChecksUp => "no checks".to_owned(),
            RunOrder::Wake { .. } => "wake".to_owned(),
            RunOrder::Limit { .. } => "limit".to_owned(),
        })
        .collect();
    format!("{} [{}] [{}]", run.state_word(), kinds.join(" "), orders.join(" "))
}

#[test]
fn asking_makes_a_run_and_has_it_prepared() {
    let decision = create(run(), "person:cli");
    assert_eq!(decision.run, run());
    assert_eq!(decision.orders, [RunOrder::Prepare]);
    let [event] = decision.events.as_slice() else { panic!() };
    assert_eq!((event.kind.as_str(), event.actor.as_str()), ("run.created", "person:cli"));
}

#[test]
fn every_state_meets_every_input() {
    let again = || RunInput::StartAgain;
    for (from, input, then) in [
        ("preparing", prepared(), "starting [prepared] [launch1]"),
        ("preparing", refused(), "failed [ended] []"),
        ("preparing", started(1, false), "nothing"),
        ("preparing", RunInput::Cancel, "cancelled [cancel_requested ended] []"),
        ("preparing", again(), "nothing"),
        ("starting", prepared(), "nothing"),
        ("starting", refused(), "failed [ended] [release1]"),
        ("starting", started(1, false), "running [started] []"),
        ("starting", started(1, true), "running [adopted] []"),
        ("starting", started(2, false), "nothing"),
        ("starting", exited(1, 1, vec![]), "failed [ended] [release1]"),
        ("starting", RunInput::Cancel, "stopping [cancel_requested] [stop1]"),
        ("starting", again(), "starting [start_repeated] [release1 launch2]"),
        ("running", refused(), "nothing"),
        ("running", started(1, false), "nothing"),
        ("running", started(1, true), "running [adopted] []"),
        ("running", streamed(1, vec![text(0, 0), text(0, 1)], 9), "running [text text] []"),
        ("running", streamed(1, vec![], 9), "running [] []"),
        ("running", streamed(1, vec![], 0), "nothing"),
        ("running", streamed(2, vec![text(0, 0)], 9), "nothing"),
        ("running", exited(1, 0, vec![]), "failed [ended] [release1]"),
        ("running", exited(1, 0, vec![done(0, true)]), "reported [agent_ended ended] [release1]"),
        ("running", exited(1, 1, vec![done(0, false)]), "failed [agent_ended ended] [release1]"),
        ("running", exited(2, 0, vec![done(0, true)]), "running [] [release2]"),
        ("running", RunInput::Cancel, "stopping [cancel_requested] [stop1]"),
        ("running", again(), "nothing"),
        ("stopping, never ran", refused(), "cancelled [ended] [release1]"),
        ("stopping, never ran", started(1, false), "stopping [started] []"),
        ("stopping, never ran", again(), "cancelled [ended] [release1]"),
        ("stopping", refused(), "nothing"),
        ("stopping", started(1, false), "nothing"),
        ("stopping", started(1, true), "stopping [adopted] [stop1]"),
        ("stopping", streamed(1, vec![text(0, 0)], 9), "stopping [text] []"),
        ("stopping", exited(1, 143, vec![]), "cancelled [ended] [release1]"),
        (
            "stopping",
            exited(1, 1, vec![done(0, false)]),
            "cancelled [agent_ended ended] [release1]",
        ),
        // Who cancelled it wants no checks of what was done meanwhile.
        ("stopping", exited(1, 0, vec![done(0, true)]), "cancelled [agent_ended ended] [release1]"),
        ("stopping", RunInput::Cancel, "nothing"),
        ("reported", RunInput::Cancel, "nothing"),
        ("reported", exited(1, 0, vec![]), "reported [] [release1]"),
        ("failed", prepared(), "nothing"),
        ("failed", refused(), "nothing"),
        ("cancelled", prepared(), "nothing"),
        ("cancelled", started(1, false), "nothing"),
        ("cancelled", streamed(1, vec![text(0, 0)], 9), "nothing"),
        ("cancelled", again(), "nothing"),
    ] {
        assert_eq!(follows(from, input.clone()), then, "{from}: {input:?}");
    }
}

#[test]
fn why_it_ended_is_told_in_words() {
    for (inputs, why) in [
        (vec![refused()], "no room"),
        (vec![prepared(), exited(1, 3, vec![])], "The agent exited with code 3."),
        (vec![prepared(), exited(1, 0, vec![done(0, false)])], "gave up"),
        (
            vec![prepared(), exited(1, 0, vec![done(0, true)])],
            "The agent says it is done; unchecked, since no evidence was asked for.",
        ),
    ] {
        let mut run = run();
        for input in inputs {
            feed(&mut run, input);
        }
        assert_eq!(run.why(), why);
    }
}

#[test]
fn usage_adds_up_over_models_and_lines() {
    let mut run = state("running");
    feed(&mut run, streamed(1, vec![used(0, "m", 1, Some(0.5)), used(5, "m", 2, None)], 9));
    assert_eq!(run.usage.as_ref().and_then(|usage| usage.model.as_deref()), Some("m"));
    feed(&mut run, streamed(1, vec![used(9, "n", 4, Some(0.25)), raw(12)], 20));
    let usage = run.usage.clone().unwrap();
    assert_eq!(
        (usage.fresh_input, usage.cache_read, usage.cache_write, usage.output),
        (7, 14, 21, 28)
    );
    assert_eq!((usage.model, usage.cost_usd), (None, Some(0.75)));
    assert_eq!((run.events, run.raw_lines, run.offset), (4, 1, 20));
    // An agent that lies about its tokens brings nobody down.
    feed(&mut run, streamed(1, vec![used(20, "n", u64::MAX / 4, None)], 30));
    feed(&mut run, streamed(1, vec![used(30, "n", u64::MAX / 4, None)], 40));
    assert_eq!(run.usage.unwrap().output, u64::MAX);
}

#[test]
fn a_stream_that_is_read_again_counts_once() {
    let mut run = state("running");
    let all = || vec![used(0, "m", 1, None), text(10, 0), text(10, 1), used(20, "m", 1, None)];
    feed(&mut run, streamed(1, all().into_iter().take(3).collect(), 20));
    let decision = feed(&mut run, streamed(1, all(), 30)).unwrap();
    assert_eq!((decision.streamed.len(), decision.usage.len()), (1, 1));
    assert_eq!((run.events, run.usage.as_ref().map(|usage| usage.fresh_input)), (4, Some(2)));
    assert!(feed(&mut run, streamed(1, all(), 30)).is_none());
    // What the end itself makes known stands at the end of the stream.
    feed(&mut run, exited(1, 0, vec![done(30, true)]));
    assert_eq!((run.events, run.state_word()), (5, "reported"));
}
