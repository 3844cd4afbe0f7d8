//! Restart policies, waits and limits (supervisors.md, cases 1 to 8, 10 and 37).

use super::world::{World, spec, with_policy};
use crate::span::Span;
use crate::unit::backoff::Backoff;
use crate::unit::spec::Policy::{Always, Never, OnFailure};
use crate::unit::{Exit, Input, State};

#[test]
fn the_policy_says_what_follows_an_exit() {
    for (policy, exit, state) in [
        (Always, "exit a 0", "backing_off(1000)"),
        (Always, "exit a 3", "backing_off(1000)"),
        (Always, "kill a 1", "backing_off(1000)"),
        (Always, "kill a 2", "backing_off(1000)"),
        (Always, "kill a 9", "backing_off(1000)"),
        (Always, "kill a 11", "backing_off(1000)"),
        (Always, "kill a 15", "backing_off(1000)"),
        (OnFailure, "exit a 0", "stopped(finished)"),
        (OnFailure, "exit a 3", "backing_off(1000)"),
        (OnFailure, "kill a 15", "backing_off(1000)"),
        (Never, "exit a 0", "stopped(finished)"),
        (Never, "exit a 3", "failed"),
        (Never, "kill a 9", "failed"),
    ] {
        let mut world = World::running(&[("a", with_policy(policy, Backoff::DEFAULT))]);
        world.play(exit);
        assert_eq!(world.state("a"), state, "{policy:?} {exit}");
        // What ended for good stays so, whatever time passes.
        world.play("settle");
        let rests = if state.starts_with("backing_off") { "running" } else { state };
        assert_eq!(world.state("a"), rests, "{policy:?} {exit}");
    }
}

#[test]
fn a_failed_start_counts_like_a_crash() {
    for (policy, state) in
        [(Always, "backing_off(1000)"), (OnFailure, "backing_off(1000)"), (Never, "failed")]
    {
        let mut world = World::with(&[("a", with_policy(policy, Backoff::DEFAULT))]);
        world.play("fail a");
        assert_eq!(world.state("a"), state, "{policy:?}");
    }
}

#[test]
fn other_ends_without_a_good_exit_are_failures() {
    for reason in ["shim_lost", "lost", "output_cap", "stopped"] {
        let mut world = World::running(&[("a", with_policy(OnFailure, Backoff::DEFAULT))]);
        let exit = Exit { reason: reason.to_owned(), ..world.exit(0) };
        world.exits(world.life("a"), exit);
        assert_eq!(world.state("a"), "backing_off(1000)", "{reason}");
    }
}

#[test]
fn profiles_wait_as_promised() {
    let default = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000];
    let gentle = [2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000, 32_000];
    for (backoff, waits) in [(Backoff::DEFAULT, default), (Backoff::GENTLE, gentle)] {
        let mut world = World::running(&[("a", with_policy(Always, backoff))]);
        for (crash, wait) in waits.into_iter().enumerate() {
            world.play("exit a 1");
            assert_eq!(world.state("a"), format!("backing_off({wait})"));
            assert_eq!(world.unit("a").restarts, crash as u64 + 1);
            world.pass(wait - 1);
            assert_eq!(world.state("a"), format!("backing_off({wait})"), "not before its time");
            world.play("wait 1; up a");
            assert_eq!(world.state("a"), "running");
        }
    }
}

#[test]
fn few_gives_up_after_three_restarts() {
    let mut world = World::running(&[("a", with_policy(Always, Backoff::FEW))]);
    for wait in [1000, 2000, 4000] {
        world.play("exit a 1");
        assert_eq!(world.state("a"), format!("backing_off({wait})"));
        world.pass(wait);
        world.play("up a");
    }
    world.events();
    world.play("exit a 1; settle");
    assert_eq!(world.state("a"), "failed");
    assert_eq!(world.events(), "a:exited a:failed");
    assert_eq!(
        world.unit("a").why(),
        "It exited with code 1, after 3 restarts in a row; nothing more is tried."
    );
    // Nobody resurrects it but a person, and then all tries are there again.
    world.configure(&[("a", world.specs["a"].clone())]);
    assert_eq!(world.state("a"), "failed");
    world.play("start a; up a; exit a 1");
    assert_eq!(world.state("a"), "backing_off(1000)");
}

#[test]
fn a_limit_of_nought_allows_no_restart() {
    let none = Backoff { limit: Some(0), ..Backoff::DEFAULT };
    let mut world = World::running(&[("a", with_policy(Always, none))]);
    world.play("exit a 1");
    assert_eq!(world.state("a"), "failed");
}

#[test]
fn a_wait_of_nought_restarts_in_the_same_turn() {
    let at_once = Backoff { initial: Span::from_ms(0), ..Backoff::DEFAULT };
    let mut world = World::running(&[("a", with_policy(Always, at_once))]);
    world.play("exit a 1");
    assert_eq!(world.state("a"), "starting");
    assert_eq!(world.events(), "a:exited a:restart_scheduled a:starting");
    for _ in 0..1200 {
        world.play("up a; exit a 1");
    }
    assert_eq!(world.state("a"), "starting", "no wait however often");
}

#[test]
fn failures_are_forgotten_after_a_healthy_life() {
    for (end, state) in [("exit a 1", "backing_off(8000)"), ("healthy a 1", "backing_off(1000)")] {
        let mut world = World::running(&[("a", spec())]);
        for _ in 0..3 {
            world.play("exit a 1; wait 30000; up a");
        }
        world.play(end);
        assert_eq!(world.state("a"), state, "{end}");
        assert_eq!(world.unit("a").restarts, 4, "the count of restarts goes on");
    }
    // However the healthy life ends: here with the daemon.
    let mut world = World::running(&[("a", spec())]);
    world.play("exit a 1; wait 1000; up a; close; healthy a 0; reborn; up a; exit a 1");
    assert_eq!(world.state("a"), "backing_off(1000)");
}

#[test]
fn the_count_survives_the_daemon() {
    let mut world = World::running(&[("a", spec())]);
    world.play("exit a 1; wait 1000; up a; exit a 1");
    assert_eq!(world.state("a"), "backing_off(2000)");
    world.play("reborn; wait 2000; up a; reborn; exit a 1");
    assert_eq!(world.state("a"), "backing_off(4000)");
    assert_eq!(world.unit("a").restarts, 3);
}

#[test]
fn case_10_a_step_of_the_calendar_neither_lengthens_nor_skips_a_wait() {
    for (step_s, left_ms) in [(0, 600), (-86_400, 1000), (86_400, 0)] {
        let mut world = World::running(&[("a", spec())]);
        world.play("exit a 1; wait 400");
        // Within one life of the daemon only the monotonic clock counts.
        world.now.at += jiff::SignedDuration::from_secs(step_s);
        assert_eq!(world.state("a"), "backing_off(1000)");
        // A new daemon has only the calendar, and never waits longer than the whole.
        let waits = world.fleet.waits(world.now);
        let [crate::unit::Order::Wait { delay_ms, .. }] = waits.as_slice() else {
            panic!("one wait, not {waits:?}")
        };
        assert_eq!(*delay_ms, left_ms, "{step_s}");
        world.play("wait 600");
        assert_eq!(world.state("a"), "starting", "{step_s}");
    }
}

#[test]
fn waiting_of_one_holds_up_nobody_else() {
    let mut world = World::running(&[("a", spec()), ("b", spec())]);
    world.play("exit a 1; exit b 1; wait 1000; up a; up b");
    assert_eq!(world.states(), "a running, b running");
}

#[test]
fn the_deviation_stays_in_its_bound_and_is_not_always_the_same() {
    let mut seen = std::collections::BTreeSet::new();
    for tenth in 0..10 {
        let delay = Backoff::DEFAULT.delay_ms(3, f64::from(tenth) / 10.0);
        assert!((3600..=4400).contains(&delay), "{delay}");
        seen.insert(delay);
    }
    assert_eq!(seen.len(), 10);
}

#[test]
fn an_old_wait_starts_nothing() {
    let mut world = World::running(&[("a", spec())]);
    world.play("exit a 1");
    let generation = world.unit("a").generation;
    world.play("start a; up a; exit a 1");
    assert_eq!(world.state("a"), "backing_off(1000)");
    let late = Input::WaitOver { name: super::world::name("a"), generation };
    let decision = world.feed(late);
    assert_eq!(decision, crate::unit::Decision::default());
    assert!(matches!(world.unit("a").state, State::BackingOff { .. }));
}
