//! The way down: dependents first, one deadline for all (cases 16, 22 and 23).

use super::world::{World, after, disabled, name, spec, with_command};
use crate::span::Span;
use crate::unit::spec::{Stop, UnitSpec};
use crate::unit::{Input, Rejection};

fn grace(seconds: u64, spec: UnitSpec) -> UnitSpec {
    UnitSpec { stop: Stop { grace: Span::from_secs(seconds), ..spec.stop }, ..spec }
}

fn chain() -> World {
    World::running(&[("a", spec()), ("b", after(&["a"])), ("c", after(&["b"])), ("d", spec())])
}

#[test]
fn dependents_are_gone_before_what_they_need_is_asked() {
    let mut world = chain();
    world.play("close");
    assert_eq!(world.states(), "a running, b running, c stopping(down), d stopping(down)");
    world.play("gone d");
    assert_eq!(world.states(), "a running, b running, c stopping(down), d stopped(down)");
    world.play("gone c");
    assert_eq!(world.states(), "a running, b stopping(down), c stopped(down), d stopped(down)");
    world.play("gone b");
    assert_eq!(world.state("a"), "stopping(down)");
    world.play("gone a");
    assert_eq!(
        world.states(),
        "a stopped(down), b stopped(down), c stopped(down), d stopped(down)"
    );
    assert!(world.host.is_empty());
}

#[test]
fn stubborn_units_share_one_deadline() {
    for stubborn in [vec!["c"], vec!["a"], vec!["b", "c"], vec!["a", "b", "c", "d"]] {
        let mut world = chain();
        world.stubborn = stubborn.iter().map(|text| name(text)).collect();
        let deadline = world.now.boot_ms + 5000;
        world.play("close");
        for _ in 0..5000 {
            world.play("obey; wait 1");
            if world.host.is_empty() {
                break;
            }
        }
        assert!(world.host.is_empty(), "{stubborn:?}: {}", world.states());
        assert!(world.now.boot_ms <= deadline, "{stubborn:?}");
    }
}

#[test]
fn ten_stubborn_units_die_in_one_grace_time_and_not_before() {
    let names: Vec<String> = (0..10).map(|n| format!("u{n}")).collect();
    let specs: Vec<_> = names.iter().map(|text| (text.as_str(), spec())).collect();
    let mut world = World::running(&specs);
    world.stubborn = names.iter().map(|text| name(text)).collect();
    world.play("close; wait 4999");
    assert_eq!(world.host.len(), 10);
    world.play("wait 1");
    assert!(world.host.is_empty());
}

#[test]
fn each_level_is_asked_when_the_window_of_the_one_above_is_over() {
    let mut world = chain();
    world.stubborn = ["a", "b", "c"].map(name).into();
    world.play("close; wait 1665");
    assert_eq!(world.state("b"), "running");
    world.play("wait 1");
    assert_eq!(world.state("b"), "stopping(down)");
    assert_eq!(world.state("a"), "running");
    world.play("wait 1666");
    assert_eq!(world.state("a"), "stopping(down)");
    world.play("wait 1668");
    assert!(world.host.is_empty());
}

#[test]
fn a_short_grace_of_its_own_stays_short() {
    let mut world = World::running(&[("a", grace(1, spec())), ("b", grace(60, spec()))]);
    world.stubborn = ["a", "b"].map(name).into();
    world.play("close; wait 1000");
    assert_eq!(world.states(), "a stopped(down), b stopping(down)");
    world.play("wait 59000");
    assert!(world.host.is_empty());
}

#[test]
fn nothing_starts_on_the_way_down() {
    for (before, during) in [
        ("", ""),
        ("", "exit b 1"),
        ("", "exit a 1; wait 60000"),
        ("exit a 1", "wait 60000"),
        ("exit a 1; exit b 1; wait 1000", "up a"),
        ("exit a 1; wait 1000", "fail a"),
        ("restart a", ""),
        ("restart a; gone a", ""),
        ("restart b", "gone b"),
        ("stop a; start a", "gone a"),
        ("stop a", ""),
    ] {
        let mut world = World::running(&[("a", spec()), ("b", after(&["a"]))]);
        world.play(before);
        world.play("close");
        let lives = world.past.len();
        world.play(during);
        for input in [Input::Start { name: name("a") }, Input::Restart { name: name("b") }] {
            assert_eq!(world.tell(input), Err(Rejection::Closing));
        }
        world.configure(&[("a", with_command("new")), ("b", after(&["a"])), ("n", spec())]);
        world.play("settle");
        assert_eq!(world.past.len(), lives, "{before} / {during}");
        assert!(world.host.is_empty(), "{before} / {during}");
    }
}

#[test]
fn an_edit_on_the_way_down_keeps_the_order() {
    let mut world = World::running(&[("a", spec()), ("b", after(&["a"]))]);
    world.play("close");
    world.configure(&[("a", with_command("new")), ("b", after(&["a"]))]);
    assert_eq!(world.states(), "a running, b stopping(down)");
    // One that leaves and returns meanwhile is not lost.
    world.configure(&[("a", spec())]);
    assert_eq!(world.state("b"), "stopping(remove)");
    world.configure(&[("a", spec()), ("b", after(&["a"]))]);
    assert_eq!(world.state("b"), "stopping(down)");
    world.play("settle; reborn; settle");
    assert_eq!(world.states(), "a running, b running");
}

#[test]
fn what_went_down_with_the_daemon_comes_up_with_the_next() {
    for (before, a) in [
        ("", "running"),
        ("exit a 1", "running"),
        ("restart a", "running"),
        ("stop a", "stopped(by_hand)"),
        ("stop a; gone a", "stopped(by_hand)"),
    ] {
        let specs = [("a", spec()), ("b", after(&["a"])), ("z", disabled())];
        let mut world = World::running(&specs);
        world.play(before);
        world.play("close; settle");
        assert!(world.host.is_empty());
        world.play("reborn; settle");
        assert_eq!(world.state("a"), a, "{before}");
        assert_eq!(world.state("z"), "stopped(disabled)");
        // Without its `a`, `b` waits.
        let b = if a == "running" { "running" } else { "waiting(a)" };
        assert_eq!(world.state("b"), b, "{before}");
    }
}

#[test]
fn a_person_may_stop_a_unit_on_the_way_down() {
    let mut world = World::running(&[("a", spec()), ("b", after(&["a"]))]);
    world.stubborn = ["a", "b"].map(name).into();
    world.play("close; wait 1000; stop a; stop b");
    assert_eq!(world.states(), "a stopping(by_hand), b stopping(by_hand)");
    world.play("wait 4000");
    assert!(world.host.is_empty(), "the deadline holds for this word too");
    world.play("reborn; settle");
    assert_eq!(world.states(), "a stopped(by_hand), b stopped(by_hand)");
}

#[test]
fn closing_is_heard_once_and_nothing_is_left_to_do_without_units() {
    let mut world = World::running(&[("a", spec())]);
    world.play("close");
    let closing = world.fleet.closing;
    assert!(world.events().contains("a:stopping"));
    world.play("wait 100; close");
    assert_eq!(world.fleet.closing, closing);
    assert_eq!(world.events(), "");

    let mut world = World::running(&[("a", disabled())]);
    world.play("close; settle");
    assert!(world.fleet.closing.is_some());
    assert_eq!(world.events(), "");
}
