//! What people ask for: start, stop, restart, signal (cases 9, 11 to 16, 22).

use super::world::{World, disabled, name, spec};
use crate::signal::Signal;
use crate::unit::{Decision, Exit, Hand, Input, Order, Rejection};

/// Plays a script against one unit `a` that runs, and tells where it ends.
fn ends(script: &str) -> String {
    let mut world = World::running(&[("a", spec())]);
    world.play(script);
    let live = world.host.values().filter(|process| process.name == name("a")).count();
    format!("{} {live}", world.state("a"))
}

#[test]
fn commands_in_every_state() {
    for (script, end) in [
        // A stop, and what it can meet.
        ("stop a", "stopping(by_hand) 1"),
        ("stop a; gone a", "stopped(by_hand) 0"),
        ("stop a; stop a; gone a; stop a", "stopped(by_hand) 0"),
        ("stop a; gone a; settle; reborn; settle", "stopped(by_hand) 0"),
        ("exit a 1; stop a", "stopped(by_hand) 0"),
        ("exit a 1; stop a; wait 60000", "stopped(by_hand) 0"),
        ("exit a 1; stop a; reborn; wait 60000", "stopped(by_hand) 0"),
        ("exit a 1; wait 1000; stop a", "stopping(by_hand) 1"),
        ("exit a 1; wait 1000; stop a; up a; gone a", "stopped(by_hand) 0"),
        ("exit a 1; wait 1000; stop a; fail a; wait 60000", "stopped(by_hand) 0"),
        // A start after or during a stop waits the stop out.
        ("stop a; gone a; start a", "starting 1"),
        ("stop a; start a", "stopping(start) 1"),
        ("stop a; start a; start a; restart a", "stopping(start) 1"),
        ("stop a; start a; gone a", "starting 1"),
        ("stop a; start a; stop a; gone a", "stopped(by_hand) 0"),
        ("stop a; start a; gone a; settle", "running 1"),
        // A start of what runs changes nothing; in a wait it cuts the wait short.
        ("start a", "running 1"),
        ("exit a 1; start a", "starting 1"),
        ("exit a 1; start a; up a; wait 60000", "running 1"),
        // A restart is one new life, however often it is asked for.
        ("restart a", "stopping(start) 1"),
        ("restart a; restart a; gone a", "starting 1"),
        ("restart a; gone a; restart a; gone a; up a", "running 1"),
        ("restart a; stop a; gone a; settle", "stopped(by_hand) 0"),
        ("exit a 1; restart a", "starting 1"),
        ("stop a; gone a; restart a; settle", "running 1"),
    ] {
        assert_eq!(ends(script), end, "{script}");
    }
}

#[test]
fn a_start_in_a_wait_is_the_restart_that_was_counted() {
    let mut world = World::running(&[("a", spec())]);
    world.play("exit a 1; start a; up a");
    assert_eq!((world.unit("a").restarts, world.unit("a").attempt), (1, 0));
    // Starts by hand are no crashes, however many.
    for _ in 0..10 {
        world.play("stop a; gone a; start a; up a");
    }
    assert_eq!((world.unit("a").restarts, world.unit("a").attempt), (0, 0));
}

#[test]
fn commands_that_change_nothing_say_nothing() {
    for (before, command) in [
        ("", "start a"),
        ("stop a", "stop a"),
        ("stop a; gone a", "stop a"),
        ("stop a; start a", "start a"),
        ("stop a; start a", "restart a"),
        ("restart a", "restart a"),
    ] {
        let mut world = World::running(&[("a", spec())]);
        world.play(before);
        world.events();
        let unit = world.unit("a").clone();
        world.play(command);
        assert_eq!(world.events(), "", "{before}; {command}");
        assert_eq!(*world.unit("a"), unit, "{before}; {command}");
    }
}

#[test]
fn a_later_word_about_a_stop_moves_no_clock() {
    let mut world = World::running(&[("a", spec())]);
    world.play("stop a; wait 100");
    let since = world.unit("a").since;
    world.play("start a; wait 100; stop a");
    assert_eq!(world.unit("a").since, since, "stopping since the first word");
}

#[test]
fn case_14_a_late_word_of_an_old_life_changes_nothing() {
    for state in ["", "stop a", "stop a; gone a", "exit a 1", "exit a 1; wait 1000"] {
        let mut world = World::running(&[("a", spec())]);
        let old = world.life("a");
        world.play("restart a; gone a; up a");
        world.play(state);
        let unit = world.unit("a").clone();
        let late = Input::Exited { name: name("a"), instance: old, exit: world.exit(1) };
        let decision = world.feed(late);
        let release =
            Decision { orders: vec![Order::Release { instance: old }], ..Decision::default() };
        assert_eq!(decision, release, "{state}");
        let late = Input::Started { name: name("a"), instance: old, pid: 7 };
        assert_eq!(world.feed(late), Decision::default(), "{state}");
        assert_eq!(*world.unit("a"), unit, "{state}");
    }
}

#[test]
fn an_exit_of_a_unit_that_is_gone_is_released() {
    let mut world = World::running(&[("a", spec())]);
    let instance = world.life("a");
    world.configure(&[]);
    world.play("obey");
    assert_eq!(world.state("a"), "gone");
    let late = Input::Exited { name: name("a"), instance, exit: world.exit(0) };
    assert_eq!(world.feed(late).orders, [Order::Release { instance }]);
}

#[test]
fn a_start_that_is_overtaken_by_a_stop_is_still_told() {
    let mut world = World::with(&[("a", spec())]);
    world.play("stop a");
    world.events();
    world.play("up a; gone a");
    assert_eq!(world.events(), "a:started a:exited a:stopped");
}

#[test]
fn a_hand_beats_enabled_until_enabled_is_edited() {
    for (enabled, script, toggle, end) in [
        (false, "", false, "stopped(disabled)"),
        (false, "start a; settle", false, "running"),
        (false, "start a; settle; reborn; settle", false, "running"),
        (false, "start a; settle; stop a; settle", false, "stopped(by_hand)"),
        (false, "", true, "running"),
        (false, "stop a", true, "running"),
        (true, "", false, "running"),
        (true, "", true, "stopped(disabled)"),
        (true, "stop a; settle", false, "stopped(by_hand)"),
        (true, "stop a; settle", true, "stopped(disabled)"),
        (true, "exit a 1", true, "stopped(disabled)"),
    ] {
        let of = |enabled| if enabled { spec() } else { disabled() };
        let mut world = World::running(&[("a", of(enabled))]);
        world.play(script);
        world.configure(&[("a", of(enabled != toggle))]);
        world.play("settle");
        assert_eq!(world.state("a"), end, "enabled {enabled}, {script}, toggled {toggle}");
        if toggle {
            assert_eq!(world.unit("a").hand, Hand::None);
        }
    }
}

#[test]
fn a_signal_needs_a_process() {
    let signal =
        |world: &mut World, n| world.tell(Input::Signal { name: name(n), signal: Signal::INT });
    let mut world = World::running(&[("alpha", spec())]);
    let instance = world.life("alpha");
    let decision = signal(&mut world, "alpha").unwrap();
    assert_eq!(decision.orders, [Order::Signal { instance, signal: Signal::INT }]);
    assert_eq!(world.events(), "alpha:signalled");
    assert_eq!(
        signal(&mut world, "alpah").unwrap_err().to_string(),
        "there is no unit named alpah"
    );
    let Err(Rejection::Unknown { similar, .. }) = signal(&mut world, "alpah") else { panic!() };
    assert_eq!(similar, [name("alpha")]);
    world.play("stop alpha");
    assert_eq!(
        signal(&mut world, "alpha").unwrap_err().to_string(),
        "unit alpha is stopping, so there is no process to signal"
    );
}

#[test]
fn a_stop_goes_out_with_the_units_own_signal_and_grace() {
    let mut world = World::running(&[("a", spec())]);
    world.stubborn.insert(name("a"));
    let instance = world.life("a");
    let decision = world.feed(Input::Stop { name: name("a") });
    let order = Order::Stop { name: name("a"), instance, signal: Signal::TERM, grace_ms: 5000 };
    assert_eq!(decision.orders, [order]);
    world.play("wait 4999");
    assert_eq!(world.state("a"), "stopping(by_hand)", "not killed before its time");
    world.play("wait 1");
    assert_eq!(world.state("a"), "stopped(by_hand)");
    assert!(world.unit("a").last_exit.as_ref().is_some_and(|exit: &Exit| exit.killed));
}

#[test]
fn the_events_of_a_life_tell_its_story() {
    for (script, story) in [
        ("stop a; gone a", "a:stop_requested a:stopping a:exited a:stopped"),
        ("exit a 1; wait 1000; up a", "a:exited a:restart_scheduled a:starting a:started"),
        ("exit a 1; stop a", "a:exited a:restart_scheduled a:stop_requested a:stopped"),
        (
            "restart a; gone a; up a",
            "a:restart_requested a:stopping a:exited a:stopped a:starting a:started",
        ),
        (
            "stop a; start a; gone a; up a",
            "a:stop_requested a:stopping a:start_requested a:exited a:stopped a:starting a:started",
        ),
    ] {
        let mut world = World::running(&[("a", spec())]);
        world.play(script);
        assert_eq!(world.events(), story, "{script}");
    }
}
