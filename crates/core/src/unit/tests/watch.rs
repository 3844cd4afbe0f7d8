//! Readiness, liveness, deadlines, limits and hooks.

use super::world::{World, after, name, spec, with_policy};
use crate::span::Span;
use crate::unit::backoff::{Backoff, StartLimit};
use crate::unit::hook::{Hooked, Hooks, Moment};
use crate::unit::probe::{Check, Notify, Probe, Probes, Question};
use crate::unit::spec::{Condition, Kind, Limits, OnFailed, Policy, UnitSpec};
use crate::unit::{Found, Health, Input, Notice, Verdict};

fn probe() -> Probe {
    Probe {
        exec: None,
        http: None,
        tcp: Some("127.0.0.1:1".to_owned()),
        log: None,
        notify: None,
        delay: None,
        every: Span::from_secs(10),
        timeout: Span::from_secs(1),
        failures: 1,
        successes: 1,
        within: Span::from_secs(30),
    }
}

fn probed(ready: bool, live: bool) -> UnitSpec {
    let probes = Probes { ready: ready.then(probe), live: live.then(probe) };
    UnitSpec { probes, ..spec() }
}

fn notifying() -> UnitSpec {
    let ready = Probe { tcp: None, notify: Some(Notify::Main), ..probe() };
    UnitSpec { probes: Probes { ready: Some(ready), live: None }, ..spec() }
}

fn when(other: &str, condition: Condition) -> UnitSpec {
    UnitSpec { after: [(name(other), condition)].into(), ..spec() }
}

impl World {
    fn says(&mut self, unit: &str, question: Question, passing: bool) {
        let why = if passing { "tcp" } else { "refused" }.to_owned();
        let (name, instance) = (name(unit), self.life(unit));
        self.feed(Input::Probed { name, instance, question, passing, why });
    }

    fn notes(&mut self, unit: &str, notice: Notice) {
        let (name, instance) = (name(unit), self.life(unit));
        self.feed(Input::Notified { name, instance, notice });
    }
}

#[test]
fn dependents_wait_for_what_they_ask_for() {
    let specs = [
        ("db", probed(true, true)),
        ("a", when("db", Condition::Started)),
        ("b", when("db", Condition::Ready)),
        ("c", when("db", Condition::Healthy)),
        ("d", when("db", Condition::Completed)),
    ];
    let mut world = World::with(&specs);
    assert_eq!(world.state("a"), "waiting(db)");
    world.up(world.life("db"));
    assert_eq!(
        world.states(),
        "a starting, b waiting(db), c waiting(db), d waiting(db), db running"
    );
    assert_eq!(world.unit("b").why(), "Waiting for db to be ready.");
    world.says("db", Question::Ready, true);
    assert_eq!((world.state("b"), world.state("c")), ("starting".into(), "waiting(db)".into()));
    world.says("db", Question::Live, true);
    assert_eq!((world.state("c"), world.state("d")), ("starting".into(), "waiting(db)".into()));
    assert_eq!(world.unit("db").health(), Health::Healthy);
}

#[test]
fn work_that_is_done_frees_those_that_wait_for_it() {
    let migrate = UnitSpec { kind: Kind::Oneshot, ..with_policy(Policy::Never, Backoff::DEFAULT) };
    let mut world =
        World::with(&[("m", migrate.clone()), ("web", when("m", Condition::Completed))]);
    world.up(world.life("m"));
    assert_eq!(world.state("web"), "waiting(m)");
    world.exits(world.life("m"), world.exit(0));
    assert_eq!(
        (world.state("m"), world.state("web")),
        ("stopped(finished)".into(), "starting".into())
    );

    let mut world = World::with(&[("m", migrate), ("web", when("m", Condition::Completed))]);
    world.up(world.life("m"));
    world.exits(world.life("m"), world.exit(1));
    assert_eq!((world.state("m"), world.state("web")), ("failed".into(), "waiting(m)".into()));
    // Done once, it is done again after the next start of everything.
    world.feed(Input::Start { name: name("m") });
    world.up(world.life("m"));
    world.exits(world.life("m"), world.exit(0));
    world.feed(Input::CloseAll);
    assert_eq!(world.state("m"), "stopped(down)");
}

#[test]
fn who_is_not_ready_in_time_has_failed_its_start() {
    let mut world = World::running(&[("db", probed(true, false))]);
    assert_eq!(world.unit("db").why(), "Running, but not ready yet.");
    world.pass(29_999);
    assert_eq!(world.state("db"), "running");
    world.pass(1);
    assert_eq!(world.state("db"), "stopping(not_ready)");
    assert_eq!(world.unit("db").health(), Health::Unhealthy);
    assert_eq!(world.events(), "db:not_ready db:stopping");
    world.obey();
    assert_eq!(world.state("db"), "backing_off(1000)");
    assert_eq!(world.unit("db").last_exit.as_ref().unwrap().reason, "not_ready");
    assert!(world.unit("db").why().starts_with("It was not ready in time and was ended"));
}

#[test]
fn readiness_that_is_lost_ends_nothing() {
    let mut world = World::running(&[("db", probed(true, false))]);
    world.says("db", Question::Ready, true);
    assert_eq!(world.events(), "db:ready");
    world.says("db", Question::Ready, true);
    world.pass(100_000);
    assert_eq!(world.events(), "", "said twice, told once; the deadline is met");
    world.says("db", Question::Ready, false);
    assert_eq!(
        (world.state("db"), world.unit("db").health()),
        ("running".into(), Health::Degraded)
    );
    assert_eq!(world.unit("db").why(), "Running, but not ready any more: refused.");
    world.says("db", Question::Ready, true);
    assert_eq!(world.events(), "db:not_ready db:ready");
    assert!(world.hooks.is_empty());
}

#[test]
fn who_is_not_live_is_restarted_by_policy() {
    let mut world = World::running(&[("db", probed(false, true))]);
    world.says("db", Question::Live, false);
    assert_eq!(world.state("db"), "stopping(not_live)");
    world.obey();
    assert_eq!(world.events(), "db:unhealthy db:stopping db:exited db:restart_scheduled");
    assert_eq!(world.unit("db").last_exit.as_ref().unwrap().reason, "not_live");
}

#[test]
fn a_late_answer_about_an_earlier_life_changes_nothing() {
    let mut world = World::running(&[("db", probed(true, true))]);
    let (name, instance) = (name("db"), world.life("db"));
    world.exits(instance, world.exit(1));
    world.pass(1_000);
    world.up(world.life("db"));
    world.events();
    for (question, passing) in [(Question::Ready, true), (Question::Live, false)] {
        let (name, why) = (name.clone(), String::new());
        world.feed(Input::Probed { name, instance, question, passing, why });
    }
    world.feed(Input::Exceeded {
        name: name.clone(),
        instance,
        verdict: Verdict::MemoryLimit,
        used: 1e12,
    });
    world.feed(Input::Alarm { name, instance, last: None });
    assert_eq!((world.events(), world.state("db")), (String::new(), "running".into()));
}

#[test]
fn case_29_a_reload_ends_in_time_or_counts_as_a_failure() {
    let mut world = World::running(&[("db", notifying())]);
    world.notes("db", Notice::Ready);
    world.notes("db", Notice::Reloading);
    assert_eq!(world.unit("db").why(), "Running, and loads its configuration again.");
    world.pass(10_000);
    world.notes("db", Notice::Ready);
    assert_eq!(world.events(), "db:ready db:reloading db:ready");
    world.pass(100_000);
    assert_eq!(world.state("db"), "running");
    world.notes("db", Notice::Reloading);
    world.pass(30_000);
    assert_eq!(world.state("db"), "stopping(not_ready)");
}

#[test]
fn case_29_a_death_during_a_reload_is_a_crash_and_the_next_life_begins_anew() {
    for end in ["exit db 1", "kill db 9", "exit db 0"] {
        let mut world = World::running(&[("db", notifying())]);
        world.notes("db", Notice::Ready);
        world.notes("db", Notice::Reloading);
        world.play(end);
        assert_eq!(world.state("db"), "backing_off(1000)", "{end}");
        world.play("wait 1000; up db");
        assert_eq!(world.unit("db").why(), "Running, but not ready yet.", "{end}");
        world.notes("db", Notice::Ready);
        world.pass(1_000_000);
        assert_eq!(world.state("db"), "running", "the deadline of the reload went with its life");
    }
    // A daemon that comes back keeps the deadline too.
    let mut world = World::running(&[("db", notifying())]);
    world.notes("db", Notice::Ready);
    world.notes("db", Notice::Reloading);
    world.play("wait 20000; reborn; wait 9999");
    assert_eq!(world.state("db"), "running");
    world.play("wait 1");
    assert_eq!(world.state("db"), "stopping(not_ready)");
}

#[test]
fn case_30_the_longest_life_is_extended_too_and_only_by_who_lives() {
    let limits = Limits { run_time: Some(Span::from_secs(60)), ..Limits::default() };
    let mut world = World::running(&[("db", UnitSpec { limits, ..notifying() })]);
    world.notes("db", Notice::Ready);
    for _ in 0..5 {
        world.pass(50_000);
        assert_eq!(world.state("db"), "running");
        world.notes("db", Notice::Extend(Span::from_secs(60)));
    }
    // Less than it has already takes nothing away.
    world.notes("db", Notice::Extend(Span::from_secs(1)));
    world.pass(59_999);
    assert_eq!(world.state("db"), "running");
    world.pass(1);
    assert_eq!(world.state("db"), "stopping(run_time)", "it stopped asking");
}

#[test]
fn case_10_a_step_of_the_calendar_moves_no_deadline_of_a_start() {
    for step_s in [-86_400 * 40, 86_400 * 40] {
        let mut world = World::running(&[("db", probed(true, false))]);
        world.pass(10_000);
        world.now.at += jiff::SignedDuration::from_secs(step_s);
        world.pass(19_999);
        assert_eq!(world.state("db"), "running", "{step_s}");
        world.pass(1);
        assert_eq!(world.state("db"), "stopping(not_ready)", "{step_s}");
        // A failed start that straddles the step is one failed start.
        world.obey();
        assert_eq!((world.state("db"), world.unit("db").restarts), ("backing_off(1000)".into(), 1));
        world.now.at -= jiff::SignedDuration::from_secs(step_s);
        world.pass(1_000);
        assert_eq!(world.state("db"), "starting", "{step_s}");
    }
}

#[test]
fn case_30_time_is_extended_while_a_process_asks_for_it() {
    let mut world = World::running(&[("db", notifying())]);
    world.pass(25_000);
    world.notes("db", Notice::Extend(Span::from_secs(20)));
    world.pass(10_000);
    assert_eq!(world.state("db"), "running");
    world.pass(10_000);
    assert_eq!(world.state("db"), "stopping(not_ready)");
}

#[test]
fn a_longest_life_is_kept_and_follows_the_configuration() {
    let limited = |seconds| UnitSpec {
        limits: Limits { run_time: Some(Span::from_secs(seconds)), ..Limits::default() },
        ..spec()
    };
    let mut world = World::running(&[("db", limited(60))]);
    world.pass(50_000);
    world.configure(&[("db", limited(90))]);
    world.pass(39_000);
    assert_eq!(world.state("db"), "running");
    world.pass(1_000);
    assert_eq!(world.state("db"), "stopping(run_time)");
    world.obey();
    assert_eq!(world.unit("db").last_exit.as_ref().unwrap().reason, "run_time");
    assert_eq!(world.state("db"), "backing_off(1000)");
}

#[test]
fn too_much_memory_is_answered_without_grace() {
    let limits = Limits { memory: Some(1_000), ..Limits::default() };
    let mut world = World::running(&[("db", UnitSpec { limits, ..spec() })]);
    let (name, instance) = (name("db"), world.life("db"));
    let exceeded = |used| Input::Exceeded {
        name: name.clone(),
        instance,
        verdict: Verdict::MemoryLimit,
        used,
    };
    world.feed(exceeded(1_000.0));
    assert_eq!(world.state("db"), "running", "as much as allowed is allowed");
    world.feed(exceeded(1_001.0));
    assert_eq!(world.host[&instance].kill_at, Some(world.now.boot_ms));
    assert_eq!(world.events(), "db:limit_exceeded db:stopping");
}

#[test]
fn the_start_limit_counts_automatic_starts_only() {
    let mut limited =
        with_policy(Policy::Always, Backoff { initial: Span::from_ms(0), ..Backoff::DEFAULT });
    limited.restart.start_limit = Some(StartLimit { count: 2, within: Span::from_secs(60) });
    let mut world = World::running(&[("a", limited)]);
    for _ in 0..5 {
        world.play("stop a");
        world.obey();
        world.play("start a; up a");
    }
    for _ in 0..2 {
        world.play("exit a 1; up a");
    }
    world.play("exit a 1");
    assert_eq!(world.state("a"), "failed");
    assert_eq!(
        world.unit("a").why(),
        "It exited with code 1, after 2 restarts within 1 min; nothing more is tried."
    );
    world.play("start a; up a; exit a 1");
    assert_eq!(world.state("a"), "starting", "a start by hand begins the count anew");
}

#[test]
fn giving_up_reaches_exactly_those_that_depend_on_it() {
    let never = with_policy(Policy::Never, Backoff::DEFAULT);
    let db = UnitSpec { on_failed: OnFailed::StopDependents, ..never.clone() };
    let specs = [("db", db), ("api", after(&["db"])), ("web", after(&["api"])), ("other", spec())];
    let mut world = World::running(&specs);
    world.play("exit db 1");
    world.obey();
    assert_eq!(world.states(), "api waiting(db), db failed, other running, web waiting(api)");
    world.feed(Input::Start { name: name("db") });
    world.settle();
    assert_eq!(world.states(), "api running, db running, other running, web running");

    let mut world = World::running(&[
        ("db", UnitSpec { on_failed: OnFailed::Shutdown, ..never }),
        ("x", spec()),
    ]);
    world.play("exit db 1");
    assert!(world.shut_down);
}

#[test]
fn other_success_codes_are_success() {
    let mut fine = with_policy(Policy::OnFailure, Backoff::DEFAULT);
    fine.restart.success_codes = vec![3];
    let mut world = World::running(&[("a", fine)]);
    world.play("exit a 3");
    assert_eq!(world.state("a"), "stopped(finished)");
}

#[test]
fn hooks_come_in_order_and_once() {
    let words = || Some(vec!["h".to_owned()]);
    let hooks = Hooks {
        start: words(),
        ready: words(),
        exit: words(),
        failed: words(),
        ..Hooks::default()
    };
    let few = with_policy(Policy::Always, Backoff { limit: Some(1), ..Backoff::DEFAULT });
    let mut world = World::running(&[("a", UnitSpec { hooks: hooks.clone(), ..few })]);
    let taken = |world: &mut World| -> Vec<&'static str> {
        std::mem::take(&mut world.hooks).iter().map(|(_, moment)| moment.word()).collect()
    };
    assert_eq!(taken(&mut world), ["start", "ready"]);
    world.play("exit a 1");
    assert_eq!(taken(&mut world), ["exit"], "nobody gives up yet");
    world.pass(1_000);
    world.play("up a; exit a 1");
    assert_eq!(taken(&mut world), ["start", "ready", "exit", "failed"]);

    // An exit hook may say that more tries are pointless; one about an earlier life may not.
    let mut world = World::running(&[("a", UnitSpec { hooks, ..spec() })]);
    world.play("exit a 1");
    let hooked = |generation| Input::Hooked {
        name: name("a"),
        moment: Moment::Exit,
        generation,
        hooked: Hooked { code: Some(125), why: None, said: None },
    };
    world.feed(hooked(0));
    assert_eq!(world.state("a"), "backing_off(1000)");
    world.feed(hooked(1));
    assert_eq!(world.state("a"), "failed");
}

#[test]
fn what_was_known_of_a_process_outlives_the_daemon() {
    let mut world = World::running(&[("db", probed(true, true))]);
    world.says("db", Question::Ready, true);
    world.events();
    world.reborn(|world, instance| world.found(instance));
    assert_eq!(world.unit("db").checks().unwrap().ready, Check::Passing);
    assert_eq!(world.unit("db").checks().unwrap().live, Check::Waiting);

    // The deadline of one that was not ready yet is kept over the daemon's death.
    let mut world = World::running(&[("db", probed(true, false))]);
    world.pass(20_000);
    world.reborn(|world, instance| world.found(instance));
    world.pass(9_999);
    assert_eq!(world.state("db"), "running");
    world.pass(1);
    assert_eq!(world.state("db"), "stopping(not_ready)");
    world.host.clear();
    world.reborn(|_, _| Found::NeverStarted);
    assert_eq!(world.state("db"), "starting", "a verdict does not outlive a lost life");
}

#[test]
fn other_probes_hold_for_a_living_process() {
    let mut world = World::running(&[("db", spec())]);
    world.configure(&[("db", probed(true, false))]);
    assert_eq!(world.state("db"), "running");
    assert_eq!(world.unit("db").checks().unwrap().ready, Check::Waiting);
    world.says("db", Question::Ready, true);
    world.configure(&[("db", spec())]);
    assert_eq!(world.unit("db").checks().unwrap().ready, Check::Unasked);
    assert_eq!(world.unit("db").health(), Health::Unknown);
}
