//! Whatever happens to a run in whatever order.

use super::*;
use proptest::prelude::*;

fn record() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0_u8..5, 0_u64..100), 0..4)
}

/// Lines that begin from `offset` on, and where they end. Some repeat what was read.
fn lines(kinds: &[(u8, u64)], offset: u64) -> (Vec<Streamed>, u64) {
    let mut records = Vec::new();
    let mut at = offset;
    for (kind, size) in kinds {
        records.push(match kind {
            0 => text(at, 0),
            1 => raw(at),
            2 => used(at, "m", *size, Some(1.0)),
            3 => used(at, "n", *size, None),
            _ => done(at, size % 2 == 0),
        });
        at += size + 1;
    }
    (records, at)
}

#[derive(Debug, Clone)]
enum Step {
    Prepared,
    Refused,
    Started(u128, bool),
    Streamed(u128, Vec<(u8, u64)>, u64),
    Exited(u128, i32, Vec<(u8, u64)>),
    Cancel,
    StartAgain,
    Pause,
    Resume,
    Wake(i64),
    Answer,
    Asked(u8),
    Answered(u8),
    Measured(u128, u64, i64),
    Died(u128, u8),
    Over,
    TooDear,
    Close,
    Instruct(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Prepared),
        1 => Just(Step::Refused),
        4 => (1_u128..4, any::<bool>()).prop_map(|(life, adopted)| Step::Started(life, adopted)),
        6 => (1_u128..4, record(), 0_u64..50).prop_map(|(l, r, back)| Step::Streamed(l, r, back)),
        1 => (1_u128..4, 0..2, record()).prop_map(|(l, code, r)| Step::Exited(l, code, r)),
        1 => Just(Step::Cancel),
        1 => Just(Step::StartAgain),
        2 => Just(Step::Pause),
        2 => Just(Step::Resume),
        3 => (0_i64..100_000).prop_map(Step::Wake),
        1 => Just(Step::Answer),
        2 => (0_u8..3).prop_map(Step::Asked),
        2 => (0_u8..3).prop_map(Step::Answered),
        2 => (1_u128..4, 0_u64..4_000_000_000, 0_i64..8_000)
            .prop_map(|(life, memory, at)| Step::Measured(life, memory, at)),
        3 => (1_u128..6, 0_u8..7).prop_map(|(life, kind)| Step::Died(life, kind)),
        1 => Just(Step::Over),
        1 => Just(Step::TooDear),
        1 => Just(Step::Close),
        2 => (0_u8..4).prop_map(Step::Instruct),
    ]
}

/// An end with some trouble, or none.
fn died(number: u128, kind: u8) -> RunInput {
    use crate::run::{Changes, Fault, Trouble};
    let faults = [
        Fault::RateLimit,
        Fault::Unavailable,
        Fault::Permission,
        Fault::SessionLost,
        Fault::Login,
        Fault::Broken,
    ];
    let trouble = faults.get(usize::from(kind)).map(|fault| Trouble {
        fault: *fault,
        pattern: "p".to_owned(),
        words: String::new(),
        after_ms: None,
        changes: Some(Changes::default()),
    });
    RunInput::Exited {
        instance: life(number),
        exit: exit(1),
        records: vec![],
        files: None,
        trouble,
    }
}

proptest! {
    #[test]
    fn it_ends_once_and_its_sums_are_those_of_its_lines(
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let mut run = run();
        let (mut ends, mut events, mut tokens, mut booked) = (0, 0, 0, 0);
        for step in steps {
            let mut at = AT;
            let input = match step {
                Step::Prepared => prepared(),
                Step::Refused => refused(),
                Step::Started(number, adopted) => started(number, adopted),
                Step::Streamed(number, kinds, back) => {
                    let (records, end) = lines(&kinds, run.offset.saturating_sub(back));
                    streamed(number, records, end)
                }
                Step::Exited(number, code, kinds) => {
                    exited(number, code, lines(&kinds, run.offset).0)
                }
                Step::Cancel => RunInput::Cancel,
                Step::StartAgain => RunInput::StartAgain,
                Step::Pause => RunInput::Pause,
                // After its end it may go on and end again; that is a table of its own.
                Step::Resume if run.is_over() => continue,
                Step::Resume => RunInput::Resume,
                Step::Wake(seconds) => {
                    at = Timestamp::from_second(seconds).unwrap();
                    RunInput::Wake
                }
                Step::Answer => RunInput::Answer(crate::run::Answer::Retry),
                Step::Asked(name) => RunInput::Asked { approval: name.to_string() },
                Step::Answered(name) => {
                    RunInput::Answered { approval: name.to_string(), allow: true }
                }
                Step::Measured(number, memory, seconds) => {
                    at = Timestamp::from_second(seconds).unwrap();
                    RunInput::Measured { instance: life(number), memory: Some(memory) }
                }
                Step::Died(number, kind) => died(number, kind),
                Step::Instruct(_) if run.is_over() => continue,
                Step::Instruct(key) => {
                    RunInput::Instruct { text: "more".to_owned(), key: key.to_string() }
                }
                Step::Over => RunInput::OverBudget { why: "none left".to_owned() },
                Step::TooDear => RunInput::TooDear { why: "too dear".to_owned() },
                Step::Close => RunInput::Close,
            };
            let of = match &input {
                RunInput::Streamed { instance, .. } | RunInput::Exited { instance, .. } => {
                    Some(*instance)
                }
                _ => None,
            };
            let present = run.instance();
            let cancelled = input == RunInput::Cancel && run.instance().is_some();
            let Some(decision) = feed_at(&mut run, input, at, None) else { continue };
            if cancelled {
                let then = super::super::Then::Cancelled;
                let stops = matches!(&run.state, RunState::Stopping { then: now, .. } if *now == then);
                prop_assert!(stops, "a stop ends in cancelled: {:?}", run.state);
            }
            // A process belongs to a state that says so, and the present attempt owns it.
            if let (Some(instance), Some(attempt)) = (run.instance(), run.attempt()) {
                prop_assert_eq!(instance, attempt.instance);
            }
            let numbers: Vec<u32> = run.attempts.iter().map(|life| life.number).collect();
            let wanted: Vec<u32> = (1..).take(numbers.len()).collect();
            prop_assert_eq!(numbers, wanted);
            let mut keys: Vec<&str> = run.instructions.iter().map(|i| i.key.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), run.instructions.len(), "told twice");
            // Nothing that it was told is forgotten but by a person's cancelling.
            if run.is_over() && run.worktree.is_some() && run.state != RunState::Cancelled {
                prop_assert!(!run.has_untold());
            }
            if of != present {
                prop_assert!(decision.streamed.is_empty(), "a word of another life");
            }
            events += decision.streamed.len() as u64;
            ends += decision.events.iter().filter(|draft| draft.kind == "run.ended").count();
            booked += decision.usage.iter().map(|usage| usage.output).sum::<u64>();
            tokens += decision
                .streamed
                .iter()
                .filter(|(_, _, draft)| draft.kind == "run.usage")
                .filter_map(|(_, _, draft)| draft.body["output"].as_u64())
                .sum::<u64>();
        }
        prop_assert_eq!(ends, usize::from(run.is_over()));
        prop_assert_eq!(events, run.events);
        prop_assert_eq!(tokens, run.usage.as_ref().map_or(0, |usage| usage.output));
        prop_assert_eq!(booked, tokens);
    }
}
