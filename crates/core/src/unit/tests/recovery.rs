//! A daemon finds what an earlier one left (cases 33 to 37).

use super::world::{World, after, name, spec};
use crate::unit::{Decision, Found, Input, Order, State};

/// What is found of unit `a`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Left {
    Alive,
    StillStarting,
    Died,
    Never,
    OtherBoot,
}
use Left::{Alive, Died, Never, OtherBoot, StillStarting};

fn reborn(world: &mut World, left: Left) {
    world.reborn(|world, instance| match left {
        Alive => {
            let process = world.host.get_mut(&instance).unwrap();
            process.life = super::world::Life::Alive;
            // An order to stop may not have come through.
            process.kill_at = None;
            world.found(instance)
        }
        StillStarting => Found::StillStarting,
        Died => {
            world.host.remove(&instance);
            Found::Exited(world.exit(1))
        }
        Never => {
            world.host.remove(&instance);
            Found::NeverStarted
        }
        OtherBoot => {
            world.host.clear();
            Found::OtherBoot
        }
    });
}

#[test]
fn every_state_meets_everything_that_can_be_left() {
    for (script, left, now, end) in [
        // Starting: ordered, but nobody knows how far it came.
        ("exit a 1; wait 1000", Alive, "running", "running"),
        ("exit a 1; wait 1000", StillStarting, "starting", "running"),
        ("exit a 1; wait 1000", Died, "backing_off(2000)", "running"),
        ("exit a 1; wait 1000", Never, "starting", "running"),
        ("exit a 1; wait 1000", OtherBoot, "starting", "running"),
        // Running.
        ("", Alive, "running", "running"),
        ("", Died, "backing_off(1000)", "running"),
        ("", Never, "starting", "running"),
        ("", OtherBoot, "starting", "running"),
        // Being stopped: the order is given again, and what was to follow follows.
        ("stop a", Alive, "stopping(by_hand)", "stopped(by_hand)"),
        ("stop a", Died, "stopped(by_hand)", "stopped(by_hand)"),
        ("stop a", Never, "stopped(by_hand)", "stopped(by_hand)"),
        ("stop a", OtherBoot, "stopped(by_hand)", "stopped(by_hand)"),
        ("exit a 1; wait 1000; stop a", StillStarting, "stopping(by_hand)", "stopped(by_hand)"),
        ("restart a", Alive, "stopping(start)", "running"),
        ("restart a", Died, "starting", "running"),
        ("restart a", Never, "starting", "running"),
        ("restart a", OtherBoot, "starting", "running"),
        // The daemon died on its way down; the new one wants the unit again.
        ("close", Alive, "stopping(start)", "running"),
        ("close", Died, "starting", "running"),
        ("close", Never, "starting", "running"),
        ("close", OtherBoot, "starting", "running"),
        // Without a life there is nothing to find.
        ("exit a 1", Alive, "backing_off(1000)", "running"),
        ("stop a; gone a", Alive, "stopped(by_hand)", "stopped(by_hand)"),
    ] {
        let mut world = World::running(&[("a", spec())]);
        world.play(script);
        reborn(&mut world, left);
        assert_eq!(world.state("a"), now, "{script}, {left:?}");
        world.play("settle");
        assert_eq!(world.state("a"), end, "{script}, {left:?}");
        assert!(world.host.len() <= 1);
    }
}

#[test]
fn an_adopted_unit_keeps_its_life_and_its_age() {
    let mut world = World::running(&[("a", spec())]);
    world.play("wait 5000");
    let before = world.unit("a").clone();
    world.play("wait 5000; reborn");
    let unit = world.unit("a");
    assert_eq!((&unit.state, unit.since), (&before.state, before.since));
    assert_eq!(world.events(), "a:adopted");
    // Its later death is noticed as ever.
    world.play("exit a 1");
    assert_eq!(world.state("a"), "backing_off(1000)");
}

#[test]
fn a_unit_that_is_adopted_while_it_stops_is_asked_again() {
    let mut world = World::with(&[("a", spec())]);
    world.play("stop a; wait 100");
    let instance = world.life("a");
    let found = Found::Alive { pid: 7, started_boot_ms: world.now.boot_ms - 50 };
    let decision = world.feed(Input::Recovered { name: name("a"), instance, found });
    assert!(matches!(decision.orders.as_slice(), [Order::Stop { .. }]));
    assert_eq!(world.unit("a").pid(), Some(7));
    let State::Stopping { started_at: Some(at), .. } = world.unit("a").state else { panic!() };
    assert_eq!(world.now.at.duration_since(at).as_millis(), 50);
}

#[test]
fn a_loss_is_told_with_its_reason_and_is_no_crash() {
    for (left, why) in [(Never, "never_started"), (OtherBoot, "other_boot")] {
        let mut world = World::running(&[("a", spec())]);
        let instance = world.life("a");
        let found = if left == Never { Found::NeverStarted } else { Found::OtherBoot };
        world.host.clear();
        let decision = world.feed(Input::Recovered { name: name("a"), instance, found });
        assert_eq!(decision.events.first().map(|draft| &draft.body["why"]), Some(&why.into()));
        assert_eq!(decision.orders, [Order::Release { instance }]);
        let unit = world.unit("a");
        assert_eq!(
            (world.state("a").as_str(), unit.attempt, unit.restarts),
            ("stopped(down)", 0, 0)
        );
    }
}

#[test]
fn what_is_found_of_another_life_changes_nothing() {
    let mut world = World::running(&[("a", spec())]);
    let old = world.life("a");
    world.play("restart a; gone a; up a");
    let alive = Found::Alive { pid: 1, started_boot_ms: 0 };
    for found in [alive, Found::StillStarting, Found::NeverStarted, Found::OtherBoot] {
        let late = Input::Recovered { name: name("a"), instance: old, found };
        assert_eq!(world.feed(late), Decision::default());
    }
    let found = Found::Exited(world.exit(0));
    let decision = world.feed(Input::Recovered { name: name("a"), instance: old, found });
    assert_eq!(decision.orders, [Order::Release { instance: old }]);
    assert!(decision.events.is_empty() && decision.changed.is_empty());
}

#[test]
fn a_loss_on_the_way_down_lets_the_next_level_go() {
    let mut world = World::running(&[("a", spec()), ("b", after(&["a"]))]);
    world.play("close");
    let instance = world.life("b");
    world.host.remove(&instance);
    world.feed(Input::Recovered { name: name("b"), instance, found: Found::NeverStarted });
    assert_eq!(world.states(), "a stopping(down), b stopped(down)");
}

#[test]
fn orders_that_died_with_the_daemon_are_made_up_for() {
    for (step, end) in [
        ("stop a", "stopped(by_hand)"),
        ("restart a", "running"),
        ("exit a 1", "running"),
        ("close", "running"),
    ] {
        let mut world = World::running(&[("a", spec())]);
        world.loses_orders = true;
        world.play(step);
        world.play("reborn; settle");
        assert_eq!(world.state("a"), end, "{step}");
        assert_eq!(world.host.len(), usize::from(end == "running"), "{step}");
    }
}
