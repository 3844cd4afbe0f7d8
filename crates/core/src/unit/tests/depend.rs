//! `after:`: waiting for others and being woken (cases 13 and 55).

use super::world::{World, after, disabled, spec};
use crate::unit::Order;

#[test]
fn a_unit_waits_for_all_that_it_comes_after() {
    let mut world = World::with(&[("a", spec()), ("b", spec()), ("c", after(&["a", "b"]))]);
    assert_eq!(world.states(), "a starting, b starting, c waiting(a,b)");
    world.play("up a");
    assert_eq!(world.state("c"), "waiting(b)");
    world.play("exit a 1; up b");
    assert_eq!(world.state("c"), "waiting(a)", "what was there may be gone again");
    world.play("wait 1000; up a");
    assert_eq!(world.states(), "a running, b running, c starting");
    assert_eq!(
        world.events(),
        "a:configured b:configured c:configured a:starting b:starting c:waiting a:started \
         c:waiting a:exited a:restart_scheduled b:started c:waiting a:starting a:started c:starting"
    );
}

#[test]
fn a_chain_of_a_hundred_starts_in_order() {
    let names: Vec<String> = (0..100).map(|n| format!("u{n:03}")).collect();
    let specs: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let before: Vec<&str> =
                n.checked_sub(1).map(|p| names[p].as_str()).into_iter().collect();
            (text.as_str(), after(&before))
        })
        .collect();
    let mut world = World::with(&specs);
    world.play("settle");
    assert!(names.iter().all(|text| world.state(text) == "running"));
    let started: Vec<String> = world.past.iter().map(|(unit, _)| unit.to_string()).collect();
    assert_eq!(started, names);
}

#[test]
fn one_start_wakes_all_that_wait_for_it() {
    let names: Vec<String> = (0..100).map(|n| format!("u{n}")).collect();
    let mut specs: Vec<_> = names.iter().map(|text| (text.as_str(), after(&["base"]))).collect();
    specs.push(("base", spec()));
    let mut world = World::with(&specs);
    let decision = world.up(world.life("base"));
    let launches = decision.orders.iter().filter(|o| matches!(o, Order::Launch { .. })).count();
    assert_eq!(launches, 100);
}

#[test]
fn a_death_of_the_other_leaves_a_running_unit_alone() {
    let mut world = World::running(&[("a", spec()), ("b", after(&["a"]))]);
    let b = world.life("b");
    world.play("exit a 1; wait 1000; up a; stop a; gone a");
    assert_eq!((world.state("b").as_str(), world.life("b")), ("running", b));
    // But its own restart waits for the other again.
    world.play("exit b 1; wait 1000");
    assert_eq!(world.state("b"), "waiting(a)");
    world.play("start a; up a");
    assert_eq!(world.state("b"), "starting");
}

#[test]
fn a_unit_that_waits_hears_what_people_say() {
    for (script, end) in [
        ("", "waiting(a)"),
        ("start b; restart b; start b", "waiting(a)"),
        ("stop b; start a; settle", "stopped(by_hand)"),
        ("restart b; start a; settle", "running"),
        ("stop b; start b; start a; settle", "running"),
        ("start a; up a; restart b; gone b; up b", "running"),
        ("close; settle", "stopped(down)"),
    ] {
        let mut world = World::running(&[("a", disabled()), ("b", after(&["a"]))]);
        world.play(script);
        assert_eq!(world.state("b"), end, "{script}");
        assert!(world.host.len() <= 2);
    }
}

#[test]
fn an_edit_of_what_it_waits_for_is_applied_at_once() {
    let mut world = World::running(&[("a", disabled()), ("b", after(&["a"])), ("c", spec())]);
    world.configure(&[("a", disabled()), ("b", after(&["a", "c"])), ("c", spec())]);
    assert_eq!(world.state("b"), "waiting(a)");
    world.configure(&[("b", after(&["c"])), ("c", spec())]);
    assert_eq!(world.states(), "b starting, c running");
}

#[test]
fn an_adopted_unit_wakes_those_that_wait() {
    let mut world = World::running(&[("a", spec()), ("b", disabled())]);
    world.play("exit a 1; wait 1000");
    world.configure(&[("a", spec()), ("b", after(&["a"]))]);
    assert_eq!(world.states(), "a starting, b waiting(a)");
    // It came up while no daemon looked.
    let instance = world.life("a");
    world.host.get_mut(&instance).unwrap().life = super::world::Life::Alive;
    world.play("reborn");
    assert_eq!(world.states(), "a running, b starting");
}
