//! Whatever happens in whatever order: the laws hold, and when the host answers all orders the
//! fleet comes to what is wanted.

use super::world::{Life, World, spec};
use crate::signal::Signal;
use crate::span::Span;
use crate::unit::backoff::{Backoff, StartLimit};
use crate::unit::probe::{Check, Notify, Probe, Probes, Question};
use crate::unit::spec::{Condition, OnFailed, Policy, Stop, UnitName, UnitSpec};
use crate::unit::{Exit, Found, Input, Notice, Rest, State, Then, Verdict};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Debug, Clone)]
enum Step {
    Configure(Vec<Option<Change>>),
    Start(usize),
    Stop(usize),
    Restart(usize),
    Signal(usize),
    /// A process that was launched runs.
    Up(usize),
    /// A process ends, asked or not.
    End(usize, u8),
    /// A word about a life of long ago.
    Late(usize, bool),
    /// What a living process says or does.
    Watch(usize, u8),
    Pass(u64),
    CloseAll,
    /// The daemon dies, after the commit of a last step but before its orders, and comes again.
    Crash(Option<Box<Self>>, u8),
}

/// What distinguishes one specification from another here.
#[derive(Debug, Clone)]
struct Change {
    enabled: bool,
    command: u8,
    policy: Policy,
    limit: Option<u32>,
    after: u8,
    grace_s: u64,
    /// Which condition, which probes, which failure policy, whether there is a longest life.
    watch: u8,
}

impl Change {
    /// Units come only after those before them in the alphabet, so there is no circle.
    fn spec(&self, index: usize, there: &[bool]) -> UnitSpec {
        let condition = match self.watch & 3 {
            0 => Condition::Started,
            1 => Condition::Ready,
            2 => Condition::Healthy,
            _ => Condition::Completed,
        };
        let after = (0..index)
            .filter(|other| self.after & (1 << other) != 0 && there[*other])
            .map(|other| (NAMES[other].parse().unwrap(), condition))
            .collect();
        let mut spec = UnitSpec { enabled: self.enabled, after, ..spec() };
        spec.command = vec![self.command.to_string()];
        spec.restart.policy = self.policy;
        spec.restart.backoff = Backoff { limit: self.limit, ..spec.restart.backoff };
        spec.stop = Stop { grace: Span::from_secs(self.grace_s), ..spec.stop };
        let asked = |bit: u8| (self.watch & bit != 0).then(probe);
        spec.probes = Probes { ready: asked(4), live: asked(8) };
        if self.watch & 16 != 0 {
            spec.on_failed = OnFailed::StopDependents;
        }
        if self.watch & 32 != 0 {
            spec.limits.run_time = Some(Span::from_secs(20));
            spec.limits.memory = Some(100);
        }
        if self.watch & 64 != 0 {
            spec.restart.start_limit = Some(StartLimit { count: 2, within: Span::from_secs(30) });
        }
        spec
    }
}

fn specs(changes: &[Option<Change>]) -> BTreeMap<UnitName, UnitSpec> {
    let there: Vec<bool> = changes.iter().map(Option::is_some).collect();
    let named = changes.iter().enumerate().filter_map(|(index, change)| {
        Some((NAMES[index].parse().unwrap(), change.as_ref()?.spec(index, &there)))
    });
    named.collect()
}

fn change() -> impl Strategy<Value = Option<Change>> {
    let policy = prop_oneof![Just(Policy::Always), Just(Policy::OnFailure), Just(Policy::Never)];
    let limit = prop_oneof![3 => Just(None), 1 => (0_u32..3).prop_map(Some)];
    // Plain units half of the time.
    let watch = prop_oneof![Just(0_u8), 0_u8..128];
    let fields = (any::<bool>(), 0_u8..2, policy, limit, 0_u8..8, 0_u64..4, watch);
    let change = fields.prop_map(|(enabled, command, policy, limit, after, grace_s, watch)| {
        Change { enabled, command, policy, limit, after, grace_s, watch }
    });
    prop_oneof![1 => Just(None), 4 => change.prop_map(Some)]
}

fn step() -> impl Strategy<Value = Step> {
    let plain = prop_oneof![
        2 => prop::collection::vec(change(), 4).prop_map(Step::Configure),
        3 => (0_usize..4).prop_map(Step::Start),
        3 => (0_usize..4).prop_map(Step::Stop),
        3 => (0_usize..4).prop_map(Step::Restart),
        1 => (0_usize..4).prop_map(Step::Signal),
        10 => (0_usize..4).prop_map(Step::Up),
        8 => (0_usize..4, 0_u8..6).prop_map(|(which, how)| Step::End(which, how)),
        2 => (0_usize..40, any::<bool>()).prop_map(|(which, up)| Step::Late(which, up)),
        6 => (0_usize..4, 0_u8..10).prop_map(|(which, what)| Step::Watch(which, what)),
        5 => (0_u64..40_000).prop_map(Step::Pass),
        1 => Just(Step::CloseAll),
    ];
    let plain = plain.boxed();
    let crash = (prop::option::of(plain.clone()), any::<u8>())
        .prop_map(|(last, left)| Step::Crash(last.map(Box::new), left));
    prop_oneof![40 => plain, 2 => crash]
}

fn play(world: &mut World, step: &Step) {
    match step {
        Step::Configure(changes) => {
            world.specs = specs(changes);
            world.feed(Input::Configure { specs: world.specs.clone() });
        }
        Step::Start(which) => ask(world, Input::Start { name: NAMES[*which].parse().unwrap() }),
        Step::Stop(which) => ask(world, Input::Stop { name: NAMES[*which].parse().unwrap() }),
        Step::Restart(which) => ask(world, Input::Restart { name: NAMES[*which].parse().unwrap() }),
        Step::Signal(which) => {
            let name = NAMES[*which].parse().unwrap();
            ask(world, Input::Signal { name, signal: Signal::INT });
        }
        Step::Up(which) => {
            let launching = world.host.iter().filter(|(_, p)| p.life == Life::Launching);
            let instance = launching.map(|(instance, _)| *instance).cycle().nth(*which);
            if let Some(instance) = instance {
                world.up(instance);
            }
        }
        Step::End(which, how) => {
            let Some(instance) = world.host.keys().copied().cycle().nth(*which) else { return };
            let launching = world.host[&instance].life == Life::Launching;
            let exit = match how {
                _ if launching => world.start_failed(),
                0 => world.exit(0),
                1 => Exit { uptime_ms: 4_000_000, ..world.exit(1) },
                2 => world.killed(9),
                3 => Exit { reason: "shim_lost".to_owned(), ..world.killed(9) },
                _ => world.exit(1),
            };
            world.exits(instance, exit);
        }
        Step::Late(which, up) => late(world, *which, *up),
        Step::Watch(which, what) => watch(world, *which, *what),
        Step::Pass(ms) => world.pass(*ms),
        Step::CloseAll => drop(world.feed(Input::CloseAll)),
        Step::Crash(last, left) => {
            if let Some(last) = last {
                world.loses_orders = true;
                play(world, last);
            }
            let mut left = *left;
            let reboot = left % 8 == 7;
            if reboot {
                world.host.clear();
            }
            world.reborn(|world, instance| {
                left = left.rotate_left(3).wrapping_add(1);
                what_is_left(world, instance, reboot, left % 4)
            });
        }
    }
}

fn watch(world: &mut World, which: usize, what: u8) {
    let alive = world.host.iter().filter(|(_, process)| process.life == Life::Alive);
    let alive = alive.map(|(instance, process)| (process.name.clone(), *instance));
    let Some((name, instance)) = alive.cycle().nth(which) else { return };
    let probed = |question, passing| Input::Probed {
        name: name.clone(),
        instance,
        question,
        passing,
        why: "why".to_owned(),
    };
    let notified = |notice| Input::Notified { name: name.clone(), instance, notice };
    let input = match what {
        0 | 1 => probed(Question::Ready, true),
        2 => probed(Question::Ready, false),
        3 | 4 => probed(Question::Live, true),
        5 => probed(Question::Live, false),
        6 => notified(Notice::Reloading),
        7 => notified(Notice::Ready),
        8 => notified(Notice::Extend(Span::from_secs(7))),
        _ => Input::Exceeded {
            name: name.clone(),
            instance,
            verdict: Verdict::MemoryLimit,
            used: 101.0,
        },
    };
    world.feed(input);
}

/// A probe that takes its time; by `notify`, so that a reload counts too.
fn probe() -> Probe {
    Probe {
        exec: None,
        http: None,
        tcp: None,
        log: None,
        notify: Some(Notify::Main),
        delay: None,
        every: Span::from_secs(1),
        timeout: Span::from_secs(1),
        failures: 1,
        successes: 1,
        within: Span::from_secs(15),
    }
}

/// Whether what one unit waits for is so, by the rows.
fn is_so(world: &World, name: &UnitName, condition: Condition) -> bool {
    match (&world.fleet.units[name].state, condition) {
        (State::Running { .. }, Condition::Started) => true,
        (State::Running { checks, .. }, Condition::Ready) => checks.is_ready(),
        (State::Running { checks, .. }, Condition::Healthy) => {
            checks.is_ready() && matches!(checks.live, Check::Unasked | Check::Passing)
        }
        (State::Stopped { rest: Rest::Finished }, condition) => condition != Condition::Healthy,
        _ => false,
    }
}

/// A person's command may be refused, but then it changes nothing, which `tell` sees to.
fn ask(world: &mut World, input: Input) {
    let _refused = world.tell(input);
}

fn late(world: &mut World, which: usize, up: bool) {
    let Some((name, instance)) = world.past.iter().cloned().cycle().nth(which) else { return };
    if world.host.contains_key(&instance) {
        return;
    }
    // Its end was not seen yet when orders were lost, so this may be the present life.
    let exit = world.exit(1);
    let input = if up && world.fleet.units.get(&name).and_then(|u| u.instance()) != Some(instance) {
        Input::Started { name, instance, pid: 1 }
    } else {
        Input::Exited { name, instance, exit }
    };
    world.feed(input);
}

fn what_is_left(
    world: &mut World,
    instance: crate::id::InstanceId,
    reboot: bool,
    how: u8,
) -> Found {
    if reboot {
        return Found::OtherBoot;
    }
    match (world.host.get_mut(&instance), how) {
        (Some(_), 0) => {
            world.host.remove(&instance);
            Found::Exited(world.exit(1))
        }
        // It came up while nobody looked.
        (Some(process), 1) => {
            process.life = Life::Alive;
            world.found(instance)
        }
        _ => world.found(instance),
    }
}

/// What is wanted, once all orders are answered and nothing more happens by itself.
fn converged(world: &World) {
    for process in world.host.values() {
        assert_eq!(world.state(process.name.as_str()), "running");
    }
    let closing = world.fleet.closing.is_some();
    if closing {
        assert!(world.host.is_empty(), "{}", world.states());
    }
    assert!(world.fleet.units.keys().eq(world.specs.keys()), "{}", world.states());
    for unit in world.fleet.units.values() {
        assert_eq!(unit.spec, world.specs[&unit.name]);
        let word = world.state(unit.name.as_str());
        let resting =
            matches!(unit.state, State::Failed { .. } | State::Stopped { rest: Rest::Finished });
        let fulfilled = match &unit.state {
            State::Running { instance, .. } => world.host.contains_key(instance),
            // It is woken by any of these; one that ended meanwhile need not be among them.
            State::Starting { instance: None, waiting_for } => {
                !waiting_for.is_empty()
                    && waiting_for.iter().all(|n| {
                        let condition = unit.spec.after.get(n);
                        condition.is_some_and(|condition| !is_so(world, n, *condition))
                    })
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => false,
        };
        let stopped = matches!(unit.state, State::Stopped { .. });
        match (closing, unit.is_wanted()) {
            (true, _) => assert!(stopped || resting, "closing: {} is {word}", unit.name),
            (false, true) => assert!(fulfilled || resting, "wanted: {} is {word}", unit.name),
            (false, false) => assert!(stopped, "unwanted: {} is {word}", unit.name),
        }
    }
}

/// What must hold between any two steps.
fn sane(world: &World) {
    for unit in world.fleet.units.values() {
        if let State::Stopping { then: Then::Start, .. } = unit.state {
            assert!(unit.is_wanted(), "{} is to start, but nobody wants it", unit.name);
        }
        let alive = matches!(unit.state, State::Running { .. });
        let wants = matches!(unit.state, State::Starting { .. } | State::BackingOff { .. });
        assert!(!(alive || wants) || unit.is_wanted(), "{}", world.states());
    }
}

proptest! {
    #![proptest_config({
        let config = ProptestConfig::default();
        ProptestConfig { cases: config.cases.max(1000), ..config }
    })]

    #[test]
    fn laws_hold_and_the_fleet_converges(
        first in prop::collection::vec(change(), 4),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut world = World::new();
        play(&mut world, &Step::Configure(first));
        for step in &steps {
            play(&mut world, step);
            sane(&world);
        }
        world.settle();
        converged(&world);
    }
}
