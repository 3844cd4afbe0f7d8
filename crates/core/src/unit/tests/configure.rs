//! New configurations: only the difference is applied (case 43).

use super::world::{World, after, disabled, name, spec, with_command, with_policy};
use crate::span::Span;
use crate::unit::backoff::Backoff;
use crate::unit::spec::{Policy, Stop, UnitSpec};
use crate::unit::{Decision, Input, Rejection};

fn other_grace() -> UnitSpec {
    UnitSpec { stop: Stop { grace: Span::from_secs(9), ..spec().stop }, ..spec() }
}

#[test]
fn what_does_not_differ_is_not_touched() {
    for script in ["", "exit a 1", "stop a", "stop a; settle", "restart a", "exit b 1"] {
        let specs = [("a", spec()), ("b", after(&["a"])), ("c", disabled())];
        let mut world = World::running(&specs);
        world.play(script);
        let fleet = world.fleet.clone();
        assert_eq!(world.configure(&specs), Decision::default(), "{script}");
        assert_eq!(world.fleet, fleet);
    }
}

#[test]
fn only_the_difference_is_applied() {
    let mut world = World::running(&[("a", spec()), ("b", spec()), ("c", spec())]);
    let (a, b) = (world.life("a"), world.life("b"));
    world.configure(&[("a", spec()), ("b", with_command("other")), ("d", spec())]);
    assert_eq!(world.states(), "a running, b stopping(start), c stopping(remove), d starting");
    assert_eq!(
        world.events(),
        "b:configured b:stopping d:configured c:removed c:stopping d:starting"
    );
    world.play("settle");
    assert_eq!(world.states(), "a running, b running, d running");
    assert_eq!(world.life("a"), a);
    assert_ne!(world.life("b"), b);
}

#[test]
fn a_change_meets_every_state() {
    for (script, new, end) in [
        // What a living process does not notice leaves it alone.
        ("", other_grace(), "running"),
        ("", with_policy(Policy::Never, Backoff::FEW), "running"),
        ("", with_command("other"), "stopping(start)"),
        ("", disabled(), "stopping(disabled)"),
        // A wait goes on unless there is something better to try.
        ("exit a 1", other_grace(), "backing_off(1000)"),
        ("exit a 1", with_command("other"), "starting"),
        ("exit a 1", with_policy(Policy::Always, Backoff::GENTLE), "starting"),
        ("exit a 1", disabled(), "stopped(disabled)"),
        // What a person stopped stays stopped but for an edit of `enabled`.
        ("stop a; gone a", with_command("other"), "stopped(by_hand)"),
        ("stop a", with_command("other"), "stopping(by_hand)"),
        ("stop a", disabled(), "stopping(disabled)"),
        ("restart a", with_command("other"), "stopping(start)"),
        ("restart a; gone a", with_command("other"), "stopping(start)"),
    ] {
        let mut world = World::running(&[("a", spec())]);
        world.play(script);
        world.configure(&[("a", new.clone())]);
        assert_eq!(world.state("a"), end, "{script}: {new:?}");
        assert_eq!(world.unit("a").spec, new);
    }
}

#[test]
fn a_failed_unit_gets_a_try_with_a_new_command_only() {
    let never = with_policy(Policy::Never, Backoff::DEFAULT);
    for (new, end, attempt) in [
        (never.clone(), "failed", 0),
        (UnitSpec { stop: other_grace().stop, ..never.clone() }, "failed", 0),
        (UnitSpec { command: vec!["other".to_owned()], ..never.clone() }, "starting", 0),
    ] {
        let mut world = World::running(&[("a", never.clone())]);
        world.play("exit a 1");
        world.configure(&[("a", new)]);
        assert_eq!((world.state("a").as_str(), world.unit("a").attempt), (end, attempt));
    }
}

#[test]
fn a_change_of_mind_during_a_stop_is_heard() {
    // Each edit comes before the process has ended.
    for (edits, end) in [
        (vec![Some(disabled()), Some(spec())], "running"),
        (vec![None, Some(spec())], "running"),
        (vec![None, Some(disabled())], "stopped(disabled)"),
        (vec![Some(disabled()), None], "gone"),
        (vec![Some(with_command("x")), Some(disabled())], "stopped(disabled)"),
        (vec![Some(with_command("x")), None, Some(spec())], "running"),
    ] {
        let mut world = World::running(&[("a", spec())]);
        for edit in edits.clone() {
            let specs: Vec<_> = edit.into_iter().map(|spec| ("a", spec)).collect();
            world.configure(&specs);
        }
        world.play("settle");
        assert_eq!(world.state("a"), end, "{edits:?}");
    }
}

#[test]
fn a_unit_that_a_person_stopped_leaves_and_returns_stopped() {
    let mut world = World::running(&[("a", spec())]);
    world.play("stop a");
    world.configure(&[]);
    assert_eq!(world.state("a"), "stopping(remove)");
    world.configure(&[("a", spec())]);
    assert_eq!(world.state("a"), "stopping(by_hand)");
    world.play("settle");
    assert_eq!(world.state("a"), "stopped(by_hand)");
}

#[test]
fn a_unit_that_leaves_cannot_be_called_back_by_hand() {
    let mut world = World::running(&[("a", spec())]);
    world.configure(&[]);
    for input in [Input::Start { name: name("a") }, Input::Restart { name: name("a") }] {
        assert!(matches!(world.tell(input), Err(Rejection::Unknown { .. })));
    }
    world.play("stop a; settle");
    assert_eq!(world.state("a"), "gone");
}

#[test]
fn units_leave_from_every_state() {
    for script in ["", "exit a 1", "stop a", "stop a; gone a", "restart a", "exit a 1; wait 1000"] {
        let mut world = World::running(&[("a", spec())]);
        world.play(script);
        world.events();
        world.configure(&[]);
        assert!(world.events().starts_with("a:removed"), "{script}");
        world.play("settle");
        assert_eq!(world.state("a"), "gone", "{script}");
        assert!(world.host.is_empty(), "{script}");
    }
}

#[test]
fn the_count_of_restarts_begins_anew_with_a_new_command() {
    let mut world = World::running(&[("a", spec())]);
    world.play("exit a 1");
    assert_eq!(world.unit("a").restarts, 1);
    world.configure(&[("a", with_command("other"))]);
    assert_eq!((world.unit("a").restarts, world.unit("a").attempt), (0, 0));
}
